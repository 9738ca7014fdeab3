"""What makes a single patch unusable: nothing known of it, one value throughout, or noise in place of a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equipoise.data.statistics import inside

NOISE_CORRELATION = 0.2
"""Of neighbouring pixels.  White noise has 0, and after JPEG of quality 50 less than this at 64 pixels.  The stillest
water of EuroSAT has 0.34 in its best band, the median of 2000 patches 0.91; of 11 patches of BigEarthNet none has less
than 0.87."""
NOISE_SIDE = 16
"""Pixels a side below which the correlation itself is too uncertain, by about 1 / side."""

SPARKS = (2.0, 98.0)
"""Percentiles beyond which values are brought to these when neighbours are compared; noise stays noise."""
NODATA = "nodata"
"""How the reason begins where nothing is known of some pixels."""

Patch = NDArray[np.float32]
"""[H, W, C], NaN where nothing is known."""


def fault(patch: Patch, names: Sequence[str]) -> str:
    """Why a patch cannot be used, with the name of the band; nothing where it can."""
    unknown = np.isnan(patch).mean(axis=(0, 1))
    worst = int(unknown.argmax())
    if unknown[worst] == 1.0:
        return f"{NODATA}: {names[worst]} has no value in any pixel"
    if unknown[worst] > 0.0:
        return f"{NODATA}: {names[worst]} has no value in {unknown[worst]:.2%} of its pixels"
    low, high = patch.min(axis=(0, 1)), patch.max(axis=(0, 1))
    if (low == high).any():
        at = int((low == high).argmax())
        return f"constant: {names[at]} is {low[at]:g} in every pixel"
    return "noise: neighbouring pixels have nothing to do with each other" if is_noise(patch) else ""


def is_noise(patch: Patch) -> bool:
    """Whether neighbours are as good as independent in every band, along rows and down columns."""
    if min(patch.shape[:2]) < NOISE_SIDE:
        return False
    return all(_is_rough(patch[..., band : band + 1]) for band in range(patch.shape[2]))


def _is_rough(band: Patch) -> bool:
    """[H, W, 1].  A few sparks are cut off first: they would hide what the rest has in common."""
    low, high = np.percentile(band, SPARKS)
    std, along, down = inside(band.clip(low, high)[None])
    return bool(std.item() > 0.0 and max(abs(along.item()), abs(down.item())) < NOISE_CORRELATION)
