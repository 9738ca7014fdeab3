"""The data check's look at pairs: whether each sample belongs to what it is to be made from.

Sources that find pairs in files refuse such data when they read them; this is for every other source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise.data.codec import to_planes
from equipoise.data.corpus import Corpus
from equipoise.data.pairs import MOST_MISMATCHED, align, compared
from equipoise.finding import Finding, Severity
from equipoise.space import Space

NAMED = 10


def pairs(corpus: Corpus) -> Iterator[Finding]:
    """Nothing where samples do not come in pairs."""
    if corpus.given is None or corpus.space.given is None:
        return
    chosen = compared(len(corpus), int(np.prod(corpus.samples.shape[1:])))
    high = _patches(corpus.samples[chosen], corpus.space)
    low = _patches(corpus.given[chosen], corpus.space.given)
    found = align(high, low, [corpus.names[at] if corpus.names else f"sample {at}" for at in chosen])
    if found.mismatched:
        count = len(found.mismatched)
        severity: Severity = "fault" if count > MOST_MISMATCHED * found.compared else "warning"
        title = f"{count} of {found.compared} pairs are closer to the small picture of another"
        advice = "look whether each small picture belongs to its large one, by name and by order"
        yield Finding(title, severity, found.mismatched[:NAMED], advice)
    if found.beside != (0, 0):
        rows, columns = found.beside
        title = f"small pictures lie beside the large ones, by {rows} rows and {columns} columns"
        yield Finding(title, "fault", advice="cut both from the same corner")


def _patches(stored: NDArray[Any], space: Space) -> NDArray[np.float32]:
    """[n, C, H, W] as stored to [n, H, W, C] in -1 to 1."""
    planes: NDArray[np.float32] = to_planes(torch.from_numpy(stored), space).permute(0, 2, 3, 1).numpy()
    return planes
