"""Super-resolution: a larger picture from a given one.

The trunk is ESRGAN's (Wang et al. 2018, arXiv:1809.00219, section 3.1): residual-in-residual dense blocks, RRDB,
without normalisation.  Beside it runs a lighter branch of residual feature distillation blocks (RFDN, Liu et al. 2020,
arXiv:2009.11551) in the same nesting, RRFDB::

    given -> first -+-> trunk of RRDB -> trunk_end -+
                    |                               +-> fuse (1x1) -> + -> tail -> sample
                    +-> branch of RRFDB ------------+                 |
                    +------------------------------------------------+

With a branch of 0 blocks there is no `fuse`, and the network is ESRGAN's generator exactly; `equipoise.networks.esrgan`
loads its weights.  Left out of RFDN's block: the spatial attention behind its 1x1 fusion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.enlarging import Base, Tail, faults_of, onto, tail_of
from equipoise.networks.grid import refuse
from equipoise.networks.layers import LEAK, Conv, Init, he_leaky, linear, scaled
from equipoise.networks.output import bounded
from equipoise.recipe import Generator
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Samples

Given = Float[Tensor, "n given rows columns"]

RESIDUAL = 0.2
"""What each block adds is scaled by this (ESRGAN, section 3.1 and public code)."""
LIFT = 1 + RESIDUAL
"""What a nested block multiplies its input by at first, when the three in it are near the identity: 9 in 12 blocks."""
SMALL = 0.1
"""Factor of initial weights inside blocks, so that each begins near the identity (ESRGAN, section 3.1; public code)."""
DENSE_LAYERS = 4
"""Layers of a dense block that feed all later ones; a fifth comes back to the trunk's width (ESRGAN, fig. 4)."""
DISTILLATIONS = 3
"""Times that features are put aside in a distillation block (RFDN's RFDB)."""


@dataclass(frozen=True)
class RrdbGenerator(Generator):
    """Given pictures [N, c, h, w] to samples [N, C, s h, s w], s = 2, 3 or 4; continuous channels, any number of them.

    Any size, and the same weights for all sizes.  Values in and out are in [-1, 1].

    Parameters for 3 channels: 11,343,043 at x2, 11,379,971 at x4.
    """

    takes: ClassVar = ("given",)

    latent: Annotated[int, Knob("not used: nothing is drawn", low=1, high=1, source="a generator has to have one")] = 1
    width: Annotated[int, Knob("channels of trunk and branch", low=4, high=512, log=True, source="ESRGAN: 64")] = 64
    growth: Annotated[
        int, Knob("channels that each layer of a dense block adds", low=1, high=256, log=True, source="ESRGAN: 32")
    ] = 32
    blocks: Annotated[int, Knob("RRDB in the trunk", low=1, high=64, source="notes: 16, then 12; ESRGAN: 23")] = 12
    branch: Annotated[int, Knob("RRFDB beside it, 0 for ESRGAN", low=0, high=64, source="notes: 8, then 6")] = 6
    upsampling: Tail = "nearest"
    """``nearest``: ESRGAN's.  ``shuffle``: RFDN's; any scale, and next to no work on the full grid."""
    base: Base = "bicubic"
    """What the network's output is added to: nothing, as in ESRGAN, or the given picture enlarged."""
    bounded: bool = True
    """Whether samples are cut to [-1, 1], while training and afterwards, by `equipoise.networks.output.bounded`, which
    leaves values outside a way back.  Never where the ends of a channel's range are percentiles of the data, as of
    satellite bands: what is bright would be lost.  ESRGAN has no bounds."""
    values: Literal["signed", "unit"] = "signed"
    """What the layers see: pictures in [-1, 1], or in [0, 1], for which ESRGAN's public weights were trained."""

    def faults(self, space: Space) -> Iterator[str]:
        return faults_of(space, self.upsampling, self.base)

    def build(self, space: Space) -> SuperResolver:
        refuse(type(self).__name__, self.faults(space))
        assert space.given is not None
        settings = replace(self, bounded=self.bounded and not space.has_tails)
        return SuperResolver(space.given.shape[0], space.shape[0], space.scale, settings)


class SuperResolver(nn.Module):
    """Given pictures [N, c, h, w] to samples [N, C, s h, s w].

    It starts with features and samples about as strong as what is given, at any depth.
    """

    def __init__(self, given: int, planes: int, scale: int, settings: RrdbGenerator) -> None:
        super().__init__()
        self.scale, self.settings = scale, settings
        width = settings.width
        self.first = Conv(given, width, 3, linear)
        self.trunk = nn.Sequential(*(Nested(lambda: Dense(width, settings.growth)) for _ in range(settings.blocks)))
        self.trunk_end = Conv(width, width, 3, scaled(linear, LIFT**-settings.blocks))
        self.branch = nn.Sequential(*(Nested(lambda: Distilling(width)) for _ in range(settings.branch)))
        self.fuse = Conv(2 * width, width, 1, fusing(LIFT**-settings.branch)) if settings.branch else None
        self.tail = tail_of(settings.upsampling, settings.base, width, planes, scale)

    def forward(self, given: Given) -> Samples:
        unit = self.settings.values == "unit"
        x = (given + 1) / 2 if unit else given
        y = onto(self.settings.base, x, self.tail(self.features(x)).to(given.dtype), self.scale)
        y = 2 * y - 1 if unit else y
        return bounded(y) if self.settings.bounded else y

    def features(self, given: Tensor) -> Tensor:
        """[N, c, h, w] to [N, width, h, w]."""
        x: Tensor = self.first(given)
        y: Tensor = self.trunk_end(self.trunk(x))
        if self.fuse is not None:
            y = self.fuse(torch.cat([y, self.branch(x)], 1))
        return x + y


class Nested(nn.Module):
    """``x + 0.2 * block3(block2(block1(x)))``: residual blocks in a residual block (ESRGAN, fig. 4)."""

    def __init__(self, block: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.block1, self.block2, self.block3 = block(), block(), block()

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.block3(self.block2(self.block1(x))), alpha=RESIDUAL)


class Dense(nn.Module):
    """Each layer sees what came in and what all earlier layers made of it (ESRGAN, fig. 4).

    Partial sums in place of concatenations keep a third of the memory, but were slower on a CPU in channels-last order.
    """

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.grow = nn.ModuleList(Conv(width + at * growth, growth, 3, small_he) for at in range(DENSE_LAYERS))
        self.last = Conv(width + DENSE_LAYERS * growth, width, 3, small_he)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in self.grow:
            seen = torch.cat([seen, F.leaky_relu(conv(seen), LEAK, inplace=True)], 1)
        return torch.add(x, self.last(seen), alpha=RESIDUAL)


class Distilling(nn.Module):
    """Half of the features are put aside at each step, the others refined by a shallow residual block: RFDN's RFDB."""

    def __init__(self, width: int) -> None:
        super().__init__()
        kept = width // 2
        self.keep = nn.ModuleList(Conv(width, kept, 1, he_leaky) for _ in range(DISTILLATIONS))
        self.refine = nn.ModuleList(Conv(width, width, 3, small_he) for _ in range(DISTILLATIONS))
        self.last = Conv(width, kept, 3, he_leaky)
        self.fuse = Conv((DISTILLATIONS + 1) * kept, width, 1, small_he)

    def forward(self, x: Tensor) -> Tensor:
        aside, y = [], x
        for keep, refine in zip(self.keep, self.refine, strict=True):
            aside.append(F.leaky_relu(keep(y), LEAK, inplace=True))
            y = F.leaky_relu(y + refine(y), LEAK, inplace=True)
        aside.append(F.leaky_relu(self.last(y), LEAK, inplace=True))
        return torch.add(x, self.fuse(torch.cat(aside, 1)), alpha=RESIDUAL)


small_he = scaled(he_leaky, SMALL)


def fusing(factor: float) -> Init:
    """`linear`, its second half times `factor`: features of the branch count as much as those of the trunk."""

    def fill(weight: Tensor) -> None:
        linear(weight)
        with torch.no_grad():
            weight[:, weight.shape[1] // 2 :].mul_(factor)

    return fill
