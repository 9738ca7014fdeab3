"""A critic that also reads the conditions of each sample, so that a generator can be held to them (notes)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.eru import condition_faults
from equipoise.networks.grid import Pyramid, refuse, size_faults
from equipoise.networks.layers import LEAK, Conv, Head, he_leaky, precisely
from equipoise.networks.plain import down_block
from equipoise.networks.spectral import SpectralNorm
from equipoise.networks.variation import variation
from equipoise.recipe import Critic
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Conditions, Judged, Samples


@dataclass(frozen=True)
class EruCritic(Critic):
    """4x4 convolutions of stride 2 down to the smallest grid, spectral norm on every weight, and two heads.

    One gives scores, the other reads each condition of a sample (an auxiliary head as of Odena et al. 2017,
    arXiv:1610.09585, for numbers in place of classes).  With ``group`` above 1 each score also depends on how much the
    samples of its group vary (minibatch standard deviation, Karras et al. 2018, arXiv:1710.10196, section 3); a reading
    is of its sample alone.  Any channels; sides 16 to 256, powers of two; one condition or more.

    Parameters for 3 channels and 2 conditions: 1,263,555 at 32 px, 5,145,539 at 64 px.
    """

    reads_conditions = bounds_slope = True
    unmixed_by: ClassVar[str] = "its group does: set critic.group to 1"

    width: Annotated[
        int, Knob("channels at half the sample's size", low=1, high=1024, log=True, source="DCGAN's public code")
    ] = 64
    group: Annotated[
        int, Knob("samples whose variation is seen together, 1 for none", low=1, source="Karras et al. 2018: 4")
    ] = 4

    @property
    def mixes_samples(self) -> bool:
        return self.group > 1

    def faults(self, space: Space) -> Iterator[str]:
        yield from size_faults(space)
        yield from condition_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return EruJudge(Pyramid.of(space), space, self)


class EruJudge(nn.Module):
    """Samples [N, C, H, W] to scores [N] and readings [N, K]."""

    def __init__(self, pyramid: Pyramid, space: Space, settings: EruCritic) -> None:
        super().__init__()
        channels = pyramid.channels(settings.width)[::-1]
        self.group = settings.group
        self.blocks = nn.Sequential()
        for side, (before, after) in zip(pyramid.sides[::-1], pairwise((space.shape[0], *channels)), strict=True):
            self.blocks.add_module(f"from_{side}", down_block(before, after, "none", he_leaky, spectral=True))
        last = channels[-1]
        self.reader = ReadingHead(last * pyramid.cells, len(space.conditions))
        self.conv = Conv(last + (1 if self.group > 1 else 0), last, 3, he_leaky, spectral=True)
        self.head = Head(last * pyramid.cells, spectral=True)

    def forward(self, x: Samples) -> Judged:
        x = self.blocks(x)
        readings = self.reader(x)
        if self.group > 1:
            x = torch.cat([x, variation(x, self.group)], dim=1)
        return Judged(self.head(F.leaky_relu(self.conv(x), LEAK)), readings)


class ReadingHead(nn.Module):
    """Features [N, ...] to a number in (0, 1) for each condition, [N, K], by one linear layer and a sigmoid."""

    def __init__(self, features: int, conditions: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, conditions)
        self.spectral = SpectralNorm(self.linear.weight)

    def forward(self, x: Tensor) -> Conditions:
        return torch.sigmoid(precisely(self.linear, self.spectral, x))
