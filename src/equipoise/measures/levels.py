"""Sliced Wasserstein distance of patches on each level of the Laplacian pyramid (Karras et al. 2018, arXiv:1710.10196,
section 5): which sizes of detail are unlike those of the data.

A level holds what a sample has at one size of detail: the sample less its smoothed and enlarged half.  The last level
is what is left, the coarse picture.  Patches are taken at fixed places, so that a set has no order.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from equipoise.measures.sliced_wasserstein import wasserstein_on_lines
from equipoise.randomness import mix
from equipoise.view import Samples

PATCH = 7
"""Pixels a side, as in the paper."""
PATCHES = 8
"""A sample, where the paper has 128 of many more samples."""
LINES = 64
COARSEST = 16
"""The side at which the pyramid ends, as in the paper."""
Patches = Float[Tensor, "n p"]


def pyramid(samples: Samples) -> list[Samples]:
    """Levels from the finest to the coarsest; as many as halving leaves at least 16 pixels a side."""
    levels = []
    while min(samples.shape[2:]) >= 2 * COARSEST and all(side % 2 == 0 for side in samples.shape[2:]):
        half = F.avg_pool2d(samples, 2)
        levels.append(samples - F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False))
        samples = half
    return [*levels, samples]


def projected(samples: Samples, level: int) -> Patches:
    """Patches of each sample of one level on fixed random lines: [N, C, H, W] to [N, PATCHES * LINES].

    A column belongs to one line and one place, so halves of a set are halves of its rows.
    """
    source = torch.Generator().manual_seed(mix("levels", level))
    side = [min(PATCH, size) for size in samples.shape[2:]]
    lines = F.normalize(torch.randn(samples.shape[1] * side[0] * side[1], LINES, generator=source), dim=0)
    found = []
    for _ in range(PATCHES):
        corner = [
            int(torch.randint(size - part + 1, (), generator=source))
            for size, part in zip(samples.shape[2:], side, strict=True)
        ]
        patch = samples[:, :, corner[0] : corner[0] + side[0], corner[1] : corner[1] + side[1]]
        found.append(patch.reshape(len(samples), -1).float() @ lines)
    return torch.cat(found, dim=1)


def distance(real: Patches, fake: Patches) -> float:
    """The mean Wasserstein-1 distance over lines, patches of all places taken together."""
    lines = [points.reshape(-1, LINES).T.sort(dim=1).values for points in (real, fake)]
    return wasserstein_on_lines(*lines).mean().item()
