"""Plain stacks of convolutions, the shape of DCGAN (Radford et al. 2016, arXiv:1511.06434, section 3).

Layers have a bias exactly where no normalisation with an offset of its own follows.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from equipoise.networks.grid import Pyramid
from equipoise.networks.layers import (
    LEAK,
    SMALL_STD,
    Conv,
    Head,
    Init,
    Norm,
    Stem,
    Upsampling,
    dropout,
    named,
    norm,
    small_normal,
    up_conv,
)
from equipoise.networks.output import Output
from equipoise.space import Space
from equipoise.view import Latents, Samples, Scores


class PlainGenerator(nn.Module):
    """Latents [N, latent] to samples [N, planes, H, W]: stem, batch norm, ReLU, up-sampling blocks, tanh."""

    def __init__(self, pyramid: Pyramid, space: Space, latent: int, width: int, upsampling: Upsampling) -> None:
        super().__init__()
        channels = pyramid.channels(width)
        self.stem = named(
            project=Stem(latent, channels[0], pyramid.base, small_normal, bias=False),
            norm=norm("batch", channels[0], SMALL_STD),
            act=nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(*(_up_block(before, after, upsampling) for before, after in pairwise(channels)))
        self.head = up_conv(channels[-1], space.shape[0], upsampling, small_normal)
        self.output = Output(space)

    def forward(self, z: Latents) -> Samples:
        x: Tensor = self.head(self.blocks(self.stem(z)))
        sample: Samples = self.output(x.to(z.dtype))
        return sample


class PlainCritic(nn.Module):
    """Samples [N, C, H, W] to scores [N]: 4x4 convolutions of stride 2 with LeakyReLU, then one linear layer."""

    def __init__(
        self,
        pyramid: Pyramid,
        planes: int,
        width: int,
        kind: Norm,
        spectral: bool = False,
        drop: float = 0.0,
        init: Init = small_normal,
    ) -> None:
        super().__init__()
        channels = pyramid.channels(width)[::-1]
        self.stem = named(
            conv=Conv(planes, channels[0], 4, init, stride=2, spectral=spectral),
            act=nn.LeakyReLU(LEAK, inplace=True),
            dropout=dropout(drop),
        )
        self.blocks = nn.Sequential(
            *(
                down_block(before, after, kind, init, spectral=spectral, drop=drop)
                for before, after in pairwise(channels)
            )
        )
        self.head = Head(channels[-1] * pyramid.cells, small_normal, spectral=spectral)

    def forward(self, x: Samples) -> Scores:
        scores: Tensor = self.head(self.blocks(self.stem(x)))
        return scores


def _up_block(inputs: int, outputs: int, upsampling: Upsampling) -> nn.Sequential:
    return named(
        up=up_conv(inputs, outputs, upsampling, small_normal, bias=False),
        norm=norm("batch", outputs, SMALL_STD),
        act=nn.ReLU(inplace=True),
    )


def down_block(
    inputs: int, outputs: int, kind: Norm, init: Init, *, spectral: bool = False, drop: float = 0.0
) -> nn.Sequential:
    """A 4x4 convolution of stride 2, normalisation, LeakyReLU; halves the grid."""
    return named(
        conv=Conv(inputs, outputs, 4, init, stride=2, bias=kind == "none", spectral=spectral),
        norm=norm(kind, outputs, SMALL_STD),
        act=nn.LeakyReLU(LEAK, inplace=True),
        dropout=dropout(drop),
    )
