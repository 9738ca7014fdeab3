"""The data check's look at noise over everything: what a bad sensor or a slip of a loader adds to every sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import Corpus
from equipoise.data.faults import NOISE_SIDE
from equipoise.finding import Finding
from equipoise.space import Channel

BLOCK: Final = 6
"""Pixels a side of the pieces that are looked at."""
LOOKED_AT: Final = 64
"""Samples."""
MIDDLE: Final = 128
"""Pixels a side of the part of a sample that is looked at."""
CALM: Final = 0.1
"""Share of all pieces that are plain in any data: ground, sky, water, shadow."""
MOST: Final = 0.04
"""Of the range, in the calmest tenth.  Satellite pictures, landscapes and sprites have 0.000 to 0.007 there at 32 and
64 pixels and at most 0.033 at 16, radio spectra with all their noise 0.011 to 0.025.  Normal noise of a tenth of the
range makes 0.06 to 0.07, cut off at black and white."""
ALL: Final = 0.75
"""Of the spread within samples: from there on they are nothing but noise, which is another finding."""
LAPLACIANS: Final = 6.0
"""Root of the sum of squares of the mask of two second differences, 1 -2 1 by 1 -2 1 (Immerkaer 1996, "Fast noise
variance estimation", which takes means over whole pictures)."""

Floats = NDArray[np.float32]


def grain(corpus: Corpus) -> Iterator[Finding]:
    """Noise in pieces where nothing is to be seen; nothing for points and for small samples."""
    if min(corpus.space.height, corpus.space.width) < NOISE_SIDE:
        return
    levels = dict(_grainy(corpus))
    if levels:
        evidence = tuple(f"{name}: at least {level:.1%} of its range" for name, level in levels.items())
        advice = (
            f"clean pictures have less than {MOST:.0%}; the generator has to draw the noise too, and measures see "
            "little else: look at what wrote the files, or clean them; leave it if the noise is what you want"
        )
        title = f"fine noise covers {', '.join(levels)}, even where nothing is to be seen"
        yield Finding(title, "warning", evidence, advice, misleads=True)


def _grainy(corpus: Corpus) -> Iterator[tuple[str, float]]:
    """Channels by name, and how strong the noise is."""
    places = np.linspace(0, len(corpus) - 1, min(LOOKED_AT, len(corpus))).round().astype(np.intp)
    for at, channel in enumerate(corpus.space.channels):
        if channel.kind != "continuous" or channel.name == "alpha" or channel.low >= channel.high:
            continue
        level, spread = noise_of(_middles(corpus.samples[places, at]), channel)
        if MOST < level < ALL * spread:
            yield channel.name, level


def noise_of(stored: NDArray[Any], channel: Channel) -> tuple[float, float]:
    """Of one channel [n, H, W]: standard deviation of what neighbours do not share, in the calmest tenth of all pieces,
    and that of all values within samples, both as shares of the range; 0 where no sample is finite."""
    low, high = channel.stored_range
    values = stored[np.isfinite(stored).all(axis=(1, 2))].astype(np.float32) / np.float32(high - low)
    if not len(values):
        return 0.0, 0.0
    rough = _second(_second(values, 1), 2) / LAPLACIANS
    levels = np.sqrt(_mean_square(_pieces(rough)))
    spread = np.sqrt(_mean_square(values - values.mean(axis=(1, 2), keepdims=True)).mean())
    return float(np.quantile(levels, CALM)), float(spread)


def _middles(planes: NDArray[Any]) -> NDArray[Any]:
    """Of large samples, the middle: some thousand pieces are enough."""
    top, left = (max(0, side - MIDDLE) // 2 for side in planes.shape[1:])
    return planes[:, top : top + MIDDLE, left : left + MIDDLE]


def _second(values: Floats, axis: int) -> Floats:
    """Second differences along an axis, which is two shorter then."""
    found: Floats = np.diff(values, 2, axis)
    return found


def _pieces(planes: Floats) -> Floats:
    """[n, H, W] to [n x pieces, BLOCK, BLOCK]; what is left over at the edges is not looked at."""
    count, rows, columns = len(planes), planes.shape[1] // BLOCK, planes.shape[2] // BLOCK
    whole = planes[:, : rows * BLOCK, : columns * BLOCK]
    return whole.reshape(count, rows, BLOCK, columns, BLOCK).swapaxes(2, 3).reshape(-1, BLOCK, BLOCK)


def _mean_square(planes: Floats) -> Floats:
    """[n, H, W] to [n]."""
    means: Floats = np.square(planes).mean(axis=(1, 2))
    return means
