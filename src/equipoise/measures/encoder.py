"""An encoder trained on the user's own data, without labels, in about half a minute on two cores.

It learns to recognise a sample among others after both were moved and recoloured a little (SimCLR, Chen et al. 2020,
arXiv:2002.05709), so its vectors hold what is particular to samples of this kind, which a random network does not know.
Samples that it was trained on are familiar to it and would look unlike any others: what it is used on must be different
ones, also among the reals.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from equipoise.augment import ColourJitter, Flip, Noise, Scale, Translate, apply
from equipoise.measures.features import Vectors
from equipoise.view import Samples

SIDE = 32
"""Larger samples are averaged down to at most this, for time."""
STEPS, BATCH = 200, 64
WIDTHS = (32, 64, 128)
DIMENSIONS = 64
TEMPERATURE = 0.2
RATE = 2e-3
FEWEST = 64
"""Samples to train on; fewer are told apart by heart."""
GROUPS = 8
DRAW_BATCH = 512

CHANGES = (
    Flip(),
    Translate(horizontal=0.2, vertical=0.2, padding="reflection"),
    Scale(reach=0.3, padding="reflection"),
    ColourJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.05, keep_range=False),
    Noise(sigma=0.03),
)
"""What does not change which sample it is.  Colours change little, or the vectors would not hold them."""


def trained(samples: Samples, seed: int = 0) -> Callable[[Samples], Vectors]:
    """An encoder from samples [N, C, H, W] in [-1, 1] to vectors [N, 64] of mean 0 and deviation 1 over `samples`.

    The caller's random numbers are left as they were.  Raises `ValueError` below 64 samples or 8 pixels a side.
    """
    if len(samples) < FEWEST or min(samples.shape[2:]) < 8:
        raise ValueError(f"{len(samples)} samples of {samples.shape[2]}x{samples.shape[3]} train no encoder")
    small = _reduced(samples)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = _body(small.shape[1])
        head = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(DIMENSIONS, DIMENSIONS))
        _learn(body, head, small)
    body.eval()
    known = _encode(body, small)
    mean, deviation = known.mean(0), known.std(0).clamp_min(1e-6)
    return lambda others: (_encode(body, _reduced(others)) - mean) / deviation


def _learn(body: nn.Module, head: nn.Module, samples: Samples) -> None:
    parameters = [*body.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    batch = min(BATCH, len(samples))
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * 0.5 * (1.0 + math.cos(math.pi * step / STEPS))
        chosen = samples[torch.randperm(len(samples))[:batch]]
        first, second = (F.normalize(head(body(apply(CHANGES, chosen))), dim=1) for _ in range(2))
        optimiser.zero_grad()
        loss(first, second).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def loss(first: Vectors, second: Vectors) -> Tensor:
    """NT-Xent (Chen et al. 2020, eq. 1): each vector of length one is to be nearest to its partner among all."""
    both = torch.cat([first, second])
    likeness = both @ both.T / TEMPERATURE
    likeness.fill_diagonal_(-torch.inf)
    count = len(first)
    partner = torch.cat([torch.arange(count, 2 * count), torch.arange(count)])
    return F.cross_entropy(likeness, partner)


def _body(channels: int) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in zip((channels, *WIDTHS[:-1]), WIDTHS, strict=True):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.GroupNorm(GROUPS, after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * WIDTHS[-1], DIMENSIONS))


def _reduced(samples: Samples) -> Samples:
    """Averaged down so that each side is at most `SIDE`: by one factor for both a thin sample would lose all of one."""
    factors = [math.ceil(side / SIDE) for side in samples.shape[2:]]
    return F.avg_pool2d(samples.float(), factors) if max(factors) > 1 else samples.float()


@torch.no_grad()
def _encode(body: nn.Module, samples: Samples) -> Vectors:
    return torch.cat([body(part) for part in torch.split(samples, DRAW_BATCH)])
