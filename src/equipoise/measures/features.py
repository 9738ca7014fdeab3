"""Vectors that stand for samples where no trained network can be had.

A convolutional network with random weights already answers to colour, texture and layout, and distances between such
answers order generators much as those of a trained one do (Naeem et al. 2020, arXiv:2002.09797, who use it for data far
from photographs; Lee et al. 2022, "Demystifying Randomly Initialized Networks for Evaluating Generative Models").  One
network is one roll of the dice, so there are several, each with weights that only its number decides.

A network sees the sample twice: as it is, and its finest details alone, brought to the same strength.  Without the
second view blur hardly moved any number, since details carry little of a picture's variance.

The answer of a network is the mean and spread of every channel of every layer, for texture and colour, and its last,
4x4 map, for layout; both are scaled to the same total variance over real samples and projected to 64 numbers, few
enough for the covariance of a few hundred samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from equipoise.view import Samples

NUM_NETWORKS = 3
"""A guess: enough that no single roll of the dice decides."""
DIMENSIONS = 64
WIDTHS = (32, 64, 128, 128)
"""Channels of the layers, each of which halves the sides; the last is repeated for sides above 64."""
LAST_SIDE = 4
FITTED_TO = 256
"""Real samples, evenly taken, that set the scales: their variances are then known to a tenth."""
LEAST_DETAIL = 0.05
"""Of a channel's own deviation: details of smoother data are not brought to full strength, or noise that nobody sees
would outweigh everything else.  A guess; such noise is left to the spectrum."""
LEAST_SPREAD = 0.05
"""Six steps of 8 bits.  A channel that is constant in the data, such as alpha, would otherwise outweigh all others as
soon as a fake is off by what nobody can see.  A guess."""
LEAST_VARIANCE = 1e-12
"""Answers that are the same for all reals are left unscaled by more than this allows."""
LEAK = 0.2
PROJECTED_FROM = 1000
"""Seeds of the projections begin here, those of the networks at 0."""
BATCH_PIXELS = 128 * 64 * 64
"""Pixels that go through a network at once, whatever the size of the samples."""

Vectors = Float[Tensor, "_ d"]


@dataclass(frozen=True)
class Extractor:
    """Random networks with the scales that they were given by real samples.  Made by `Extractor.fitted`."""

    networks: tuple[nn.Module, ...]
    standard: _Standard
    scales: tuple[tuple[float, ...], ...]
    projections: tuple[Tensor, ...]

    @classmethod
    def fitted(cls, real: Samples, networks: int = NUM_NETWORKS) -> Extractor:
        """Networks for samples of this shape, their inputs standardised by channel and their answers scaled."""
        real = evenly_taken(real)
        standard = _Standard.fitted(real)
        bodies = tuple(_network(2 * real.shape[1], min(real.shape[2:]), number) for number in range(networks))
        scales, projections = [], []
        for number, body in enumerate(bodies):
            blocks = _answers(body, standard, real)
            scales.append(tuple(1.0 / math.sqrt(max(block.var(0).sum().item(), LEAST_VARIANCE)) for block in blocks))
            source = torch.Generator().manual_seed(PROJECTED_FROM + number)
            width = sum(block.shape[1] for block in blocks)
            projections.append(torch.randn(width, DIMENSIONS, generator=source) / math.sqrt(DIMENSIONS))
        return cls(bodies, standard, tuple(scales), tuple(projections))

    def __call__(self, samples: Samples) -> list[Vectors]:
        """One matrix [N, 64] for each network."""
        found = []
        for body, scales, projection in zip(self.networks, self.scales, self.projections, strict=True):
            blocks = [
                block * scale for block, scale in zip(_answers(body, self.standard, samples), scales, strict=True)
            ]
            found.append(torch.cat(blocks, dim=1) @ projection)
        return found


@dataclass(frozen=True)
class _Standard:
    """What a network is shown: samples and their details [N, 2C, H, W], each channel of mean 0 and deviation 1."""

    middle: Tensor
    spread: Tensor

    @classmethod
    def fitted(cls, real: Samples) -> _Standard:
        both = _with_details(real)
        spread = both.std((0, 2, 3), keepdim=True).clamp_min(LEAST_SPREAD)
        own, details = spread.chunk(2, dim=1)
        spread = torch.cat([own, torch.maximum(details, LEAST_DETAIL * own)], dim=1)
        return cls(both.mean((0, 2, 3), keepdim=True), spread)

    def __call__(self, samples: Samples) -> Samples:
        return (_with_details(samples) - self.middle) / self.spread


def _with_details(samples: Samples) -> Samples:
    """[N, C, H, W] to [N, 2C, H, W]: the samples, and what a 3x3 mean takes away from them."""
    smooth = F.avg_pool2d(F.pad(samples, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return torch.cat([samples, samples - smooth], dim=1)


class _Layer(nn.Module):
    """A convolution that halves the sides, and LeakyReLU with the gain that keeps the variance."""

    def __init__(self, inputs: int, outputs: int, source: torch.Generator) -> None:
        super().__init__()
        weight = torch.randn(outputs, inputs, 3, 3, generator=source)
        self.register_buffer("weight", weight * math.sqrt(2.0 / (1 + LEAK**2) / (inputs * 9)))

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.weight, Tensor)
        return F.leaky_relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), self.weight, stride=2), LEAK)


def _network(channels: int, side: int, number: int) -> nn.Module:
    """As many layers as bring the shorter side down to `LAST_SIDE`, at least one."""
    source = torch.Generator().manual_seed(number)
    depth = max(1, round(math.log2(side / LAST_SIDE)))
    widths = [WIDTHS[min(at, len(WIDTHS) - 1)] for at in range(depth)]
    return nn.ModuleList(
        _Layer(before, after, source) for before, after in zip([channels, *widths[:-1]], widths, strict=True)
    )


@torch.no_grad()
def _answers(network: nn.Module, standard: _Standard, samples: Samples) -> tuple[Vectors, Vectors]:
    """Statistics of every layer [N, S], and the last map [N, M], flattened."""
    statistics, maps = [], []
    for part in torch.split(samples, max(1, BATCH_PIXELS // math.prod(samples.shape[2:]))):
        x, rows = standard(part), []
        for layer in network.children():
            x = layer(x)
            rows += [x.mean((2, 3)), x.std((2, 3), correction=0)]
        statistics.append(torch.cat(rows, dim=1))
        maps.append(F.adaptive_avg_pool2d(x, LAST_SIDE).flatten(1))
    return torch.cat(statistics), torch.cat(maps)


def are_points(samples: Samples) -> bool:
    return samples.shape[2:] == (1, 1)


def evenly_taken(real: Samples) -> Samples:
    """The samples that scales are fitted to."""
    return real[torch.linspace(0, len(real) - 1, min(len(real), FITTED_TO)).long()]


def features(real: Samples, *others: Samples) -> list[list[Vectors]]:
    """Vectors of the real samples and of each other set: for every set, one matrix for each network.

    Plain points stand for themselves.
    """
    if are_points(real):
        return [[samples.flatten(1).float()] for samples in (real, *others)]
    extractor = Extractor.fitted(real.float())
    return [extractor(samples.float()) for samples in (real, *others)]
