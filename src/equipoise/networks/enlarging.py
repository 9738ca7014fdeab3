"""From a small grid to a large one: what all super-resolution networks end with, and what they are measured against."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.layers import LEAK, Conv, Init, NearestConv, he_leaky, linear, named
from equipoise.space import Space

Tail = Literal["nearest", "shuffle"]
"""``nearest``: ESRGAN's, nearest up-sampling and a convolution for each doubling, then two convolutions on the full
grid; x2 and x4.  ``shuffle``: one sub-pixel convolution from the features to the sample (Shi et al. 2016,
arXiv:1609.05158, section 3.2); any scale, and next to no work on the full grid."""
Base = Literal["none", "bicubic"]
"""What a network's output is added to.  ``bicubic``: the given picture enlarged, which is what the first sample is,
because the last layer then starts at zero.  ``none``: nothing, as in the papers, which takes long to come so far: 2
blocks of RRDB of width 32 at x2 on EuroSAT were 0.4 dB above bicubic after 40 s of one core with it, 7 dB below
without."""
SCALES = (2, 3, 4)
"""Those that the papers report."""


def tail_of(upsampling: Tail, base: Base, width: int, planes: int, scale: int) -> nn.Sequential:
    """Features [N, width, h, w] to [N, planes, s h, s w]; zeros at first, where they are added to something."""
    tail = {"nearest": nearest_tail, "shuffle": shuffle_tail}[upsampling]
    return tail(width, planes, scale, nn.init.zeros_ if base == "bicubic" else linear)


def onto(base: Base, given: Tensor, y: Tensor, scale: int) -> Tensor:
    """What a network made of `given`, [N, C, s h, s w], upon its base."""
    return y if base == "none" else y + bicubic(given, scale)


def faults_of(space: Space, upsampling: Tail, base: Base) -> Iterator[str]:
    """Why a network cannot make the samples of `space` from what is given."""
    if space.given is None:
        yield "it makes samples from given pictures, and these samples come without: choose data that come in pairs"
        return
    yield from _size_faults(space, space.given, upsampling)
    if space.has_categories:
        yield "it makes numbers, not classes: leave the categorical channels out"
    if base == "bicubic":
        yield from _base_faults(space, space.given)


def _size_faults(space: Space, given: Space, upsampling: Tail) -> Iterator[str]:
    scale = space.scale
    if scale not in SCALES or (space.height, space.width) != (given.height * scale, given.width * scale):
        yield (
            f"the samples are {space.height}x{space.width} and the given pictures {given.height}x{given.width}; "
            "both sides must be 2, 3 or 4 times as long"
        )
    elif upsampling == "nearest" and scale == 3:
        yield 'nearest up-sampling doubles, so it cannot make x3: set generator.upsampling to "shuffle"'


def _base_faults(space: Space, given: Space) -> Iterator[str]:
    wanted, there = ", ".join(space.plane_names), ", ".join(given.plane_names)
    if wanted != there:
        yield f'{there} cannot be the bicubic base of {wanted}: set generator.base to "none"'
        return
    for mine, its in zip(space.channels, given.channels, strict=True):
        if (mine.low, mine.high) != (its.low, its.high):
            yield (
                f"{mine.name} is given from {its.low:g} to {its.high:g} and wanted from {mine.low:g} to {mine.high:g}, "
                'so bicubic would be off: read both in one range, or set generator.base to "none"'
            )


def nearest_tail(width: int, planes: int, scale: int, last: Init) -> nn.Sequential:
    """ESRGAN's: features [N, width, h, w] to [N, planes, s h, s w], s a power of two."""
    ups: dict[str, nn.Module] = {}
    for at in range(1, int(math.log2(scale)) + 1):
        ups |= {f"up{at}": NearestConv(width, width, he_leaky), f"act{at}": nn.LeakyReLU(LEAK, inplace=True)}
    act = nn.LeakyReLU(LEAK, inplace=True)
    return named(**ups, fine=Conv(width, width, 3, he_leaky), act=act, last=Conv(width, planes, 3, last))


def shuffle_tail(width: int, planes: int, scale: int, last: Init) -> nn.Sequential:
    """One sub-pixel convolution: features [N, width, h, w] to [N, planes, s h, s w]."""
    conv = Conv(width, planes * scale**2, 3, icnr(last, scale))
    return named(last=conv, shuffle=nn.PixelShuffle(scale))


def bicubic(pictures: Tensor, scale: int) -> Tensor:
    """[N, C, h, w] enlarged to [N, C, s h, s w] by the cubic convolution of Keys 1981 with a = -0.5.

    That is what Pillow does.  PyTorch has that kernel where it is asked for antialiasing, which does nothing else to a
    picture that grows; without, it takes a = -0.75.
    """
    return F.interpolate(pictures, scale_factor=scale, mode="bicubic", antialias=True)


def icnr(init: Init, scale: int) -> Init:
    """`init` for the kernels of one pixel, repeated for all s x s that a sub-pixel convolution makes.

    So it starts as nearest up-sampling behind a convolution, without a checkerboard (Aitken et al. 2017,
    arXiv:1707.02937).
    """

    def fill(weight: Tensor) -> None:
        one = torch.empty_like(weight[:: scale**2])
        init(one)
        with torch.no_grad():
            weight.copy_(one.repeat_interleave(scale**2, 0))

    return fill
