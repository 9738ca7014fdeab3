"""How smooth a channel is: how much each grid adds to what coarser ones have."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from equipoise.data.codec import to_planes
from equipoise.data.corpus import Corpus

LOOKED_AT = 512
"""Samples."""
SMALLEST = 4
"""Cells on the short side of the coarsest grid, as in `equipoise.networks.grid`."""


def octaves(corpus: Corpus, name: str) -> tuple[float, ...]:
    """Of a continuous channel: deviations, in samples from -1 to 1, of the level and of what each grid adds.

    The level is a sample's mean.  A grid has the means of its cells; what it adds is measured against the next coarser
    one, enlarged bilinearly.  Grids from 4 cells on the short side, each twice as fine as the one before, to the pixels
    themselves.  Raises `KeyError` for a channel that is not there.
    """
    place = {plane: at for at, plane in enumerate(corpus.space.plane_names)}[name]
    chosen = np.linspace(0, len(corpus) - 1, min(LOOKED_AT, len(corpus))).round().astype(int)
    stored = torch.from_numpy(np.asarray(corpus.samples[chosen]))
    finest = to_planes(stored, corpus.space)[:, place : place + 1].double()
    grids = [finest]
    while min(grids[0].shape[2:]) > SMALLEST:
        grids.insert(0, F.avg_pool2d(grids[0], 2))
    levels = finest.mean((2, 3), keepdim=True)
    before = [
        levels.expand_as(grids[0]),
        *(F.interpolate(grid, scale_factor=2, mode="bilinear") for grid in grids[:-1]),
    ]
    added = [(grid - known).square().mean().sqrt() for grid, known in zip(grids, before, strict=True)]
    return tuple(float(value) for value in (levels.std(correction=0), *added))
