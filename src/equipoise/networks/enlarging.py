"""From a small grid to a large one: the ends of super-resolution networks, and what they are measured against."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.layers import LEAK, Conv, Init, NearestConv, he_leaky, named


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
