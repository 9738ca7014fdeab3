"""How each channel's values are distributed: the one-dimensional Wasserstein distance, in the channel's own units.

The first thing to look at for data that are not photographs: elevations of the wrong range, a band that is always zero,
a class that is too rare.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from equipoise.randomness import mix
from equipoise.view import Samples

PLACES = 64
"""Of each sample, the same in all."""
FEWEST_PIXELS = 3
"""A side, for central differences."""


def values(samples: Samples, channel: int) -> Tensor:
    """The values of one channel at fixed places: [N, C, H, W] to [N, 64]."""
    flat = samples[:, channel].flatten(1).float()
    source = torch.Generator().manual_seed(mix("marginals", channel))
    return flat[:, torch.randperm(flat.shape[1], generator=source)[:PLACES]]


def slopes(samples: Samples, channel: int) -> Tensor:
    """How steep one channel is at fixed places, by central differences: [N, C, H, W] to [N, 64], change a pixel."""
    values = samples[:, channel].float()
    across = (values[:, 1:-1, 2:] - values[:, 1:-1, :-2]) / 2
    down = (values[:, 2:, 1:-1] - values[:, :-2, 1:-1]) / 2
    flat = torch.hypot(across, down).flatten(1)
    source = torch.Generator().manual_seed(mix("slopes", channel))
    return flat[:, torch.randperm(flat.shape[1], generator=source)[:PLACES]]


def reach(samples: Samples, channel: int) -> Tensor:
    """From the lowest to the highest value of each sample: [N, C, H, W] to [N, 1]."""
    flat = samples[:, channel].flatten(1).float()
    return (flat.amax(1) - flat.amin(1))[:, None]


def marginal_distance(real: Tensor, fake: Tensor) -> float:
    """Wasserstein-1 between all values of one set and all of the other, which must be as many."""
    a, b = real.flatten().sort().values, fake.flatten().sort().values
    return (a - b).abs().mean().item()


def class_shares(planes: Samples) -> Tensor:
    """How much of each sample each class takes, by the largest of its planes in each pixel: [N, K, H, W] to [N, K]."""
    return F.one_hot(planes.argmax(1), planes.shape[1]).float().mean((1, 2))


def total_variation(real: Tensor, fake: Tensor) -> float:
    """Between two vectors of shares: 0 for equal ones, 1 where they have nothing in common."""
    return 0.5 * (real - fake).abs().sum().item()
