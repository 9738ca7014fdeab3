"""Super-resolution by plain residual blocks: EDSR's baseline (Lim et al. 2017, arXiv:1707.02921, sections 3.1 and 3.2).

::

    given -> first -+-> blocks -> end -+-> tail -> + -> sample
                    |                  |           |
                    +------------------+        bicubic

Two convolutions a block, no normalisation, nothing concatenated.  Matrix units like such wide and even layers: in the
same time it makes more steps than RRDB of as many weights, and gains more (LAB.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.enlarging import Base, Tail, faults_of, onto, tail_of
from equipoise.networks.grid import refuse
from equipoise.networks.layers import Conv, he_leaky, linear, scaled
from equipoise.networks.output import bounded
from equipoise.recipe import Generator
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Samples

SMALL = 0.1
"""Factor of the initial weights of each block's second convolution, so that a block begins near the identity."""


@dataclass(frozen=True)
class EdsrGenerator(Generator):
    """Given pictures [N, c, h, w] to samples [N, C, s h, s w], s = 2, 3 or 4; continuous channels, any number of them.

    Any size, and the same weights for all sizes.  Values in and out are in [-1, 1].

    Parameters for 3 channels: 1,227,340 at x2, 1,248,112 at x4.
    """

    takes: ClassVar = ("given",)

    latent: Annotated[int, Knob("not used: nothing is drawn", low=1, high=1, source="a generator has to have one")] = 1
    width: Annotated[int, Knob("channels of every layer", low=4, high=512, log=True, source="EDSR's baseline: 64")] = 64
    blocks: Annotated[int, Knob("residual blocks", low=1, high=64, source="EDSR's baseline: 16")] = 16
    upsampling: Tail = "shuffle"
    base: Base = "bicubic"
    """What the network's output is added to: nothing, as in EDSR, or the given picture enlarged."""
    bounded: bool = True
    """Whether samples are cut to [-1, 1]; never where the ends of a channel's range are percentiles of the data."""

    def faults(self, space: Space) -> Iterator[str]:
        return faults_of(space, self.upsampling, self.base)

    def build(self, space: Space) -> Edsr:
        refuse(type(self).__name__, self.faults(space))
        assert space.given is not None
        settings = replace(self, bounded=self.bounded and not space.has_tails)
        return Edsr(space.given.shape[0], space.shape[0], space.scale, settings)


class Edsr(nn.Module):
    """Given pictures [N, c, h, w] to samples [N, C, s h, s w]."""

    def __init__(self, given: int, planes: int, scale: int, settings: EdsrGenerator) -> None:
        super().__init__()
        self.scale, self.settings = scale, settings
        width = settings.width
        self.first = Conv(given, width, 3, linear)
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(settings.blocks)))
        self.end = Conv(width, width, 3, linear)
        self.tail = tail_of(settings.upsampling, settings.base, width, planes, scale)

    def forward(self, given: Tensor) -> Samples:
        x = self.first(given)
        y = self.tail(x + self.end(self.blocks(x))).to(given.dtype)
        y = onto(self.settings.base, given, y, self.scale)
        return bounded(y) if self.settings.bounded else y


class Residual(nn.Module):
    """Two convolutions beside the identity (EDSR, fig. 2c)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = Conv(width, width, 3, he_leaky)
        self.conv2 = Conv(width, width, 3, scaled(he_leaky, SMALL))

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.conv2(F.relu(self.conv1(x), inplace=True)))
