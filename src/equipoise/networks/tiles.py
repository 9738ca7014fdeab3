"""A generator of terrain tiles: heights beside classes of land cover (notes, attempts 3 to 11).

Its critic is a `DcganCritic`: the notes gave it spectral norm and dropout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.grid import Pyramid, refuse, size_faults
from equipoise.networks.layers import (
    SMALL_STD,
    Conv,
    Norm,
    Padding,
    Stem,
    TransposedConv,
    Upsampling,
    named,
    norm,
    small_normal,
)
from equipoise.networks.output import Output
from equipoise.recipe import Generator
from equipoise.schedule import Rate
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Latents, Samples

TINY, EPSILON = 1e-30, 1e-7
"""Uniform numbers whose double logarithm is finite."""


@dataclass(frozen=True)
class TilesGenerator(Generator):
    """Up-sampling, convolution, normalisation and ReLU on each grid; heights end in tanh, classes in a Gumbel-softmax.

    Instance norm gives each tile its own scale and so loses the absolute one, which batch norm at the stem keeps
    (notes).  `temperature` of the Gumbel-softmax (Jang et al. 2017, arXiv:1611.01144, eq. 2) may be a schedule: near 0
    the shares are nearly 0 and 1, and most gradients vanish.  The averaged generator adds no Gumbel noise.  Any
    channels; sides 16 to 256, powers of two.

    Parameters for 3 channels: 932,547 at 32 px, 2,637,507 at 64 px.
    """

    written: ClassVar = {"output.temperature": "temperature"}

    width: Annotated[int, Knob("channels at half the sample's size", low=1, high=1024, log=True, source="notes")] = 64
    upsampling: Upsampling = "nearest"
    kernel: Literal[3, 5] = 3
    padding: Padding = "reflect"
    stem_norm: Norm = "batch"
    norm: Norm = "instance"
    eps: Annotated[float, Knob("added to variances by normalisation", above=0, high=1, log=True, source="PyTorch")] = (
        1e-5
    )
    temperature: Annotated[Rate, Knob("of the Gumbel-softmax", above=0, high=10, log=True, source="notes: 1")] = 1.0
    hard: bool = False
    """Whether training sees whole classes, with the gradient of the shares.  It did badly (notes)."""

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return TilesNetwork(Pyramid.of(space), space, self)


class TilesNetwork(nn.Module):
    """Latents [N, latent] to samples [N, planes, H, W]."""

    def __init__(self, pyramid: Pyramid, space: Space, settings: TilesGenerator) -> None:
        super().__init__()
        channels = pyramid.channels(settings.width)
        self.stem = named(
            project=Stem(settings.latent, channels[0], pyramid.base, small_normal, bias=False),
            norm=norm(settings.stem_norm, channels[0], SMALL_STD, settings.eps),
            act=nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(*(_block(*pair, settings) for pair in pairwise((*channels, channels[-1]))))
        self.head = Conv(channels[-1], space.shape[0], settings.kernel, small_normal, padding_mode=settings.padding)
        self.output = GumbelOutput(space, settings.hard)

    def forward(self, z: Latents) -> Samples:
        x: Tensor = self.head(self.blocks(self.stem(z)))
        sample: Samples = self.output(x.to(z.dtype))
        return sample


class GumbelOutput(Output):
    """Classes by a Gumbel-softmax while training, by a softmax of the same temperature otherwise."""

    temperature: Tensor

    def __init__(self, space: Space, hard: bool) -> None:
        super().__init__(space)
        self.hard = hard
        self.register_buffer("temperature", torch.ones(()))

    def choose(self, logits: Tensor) -> Tensor:
        """[N, classes, H, W] to shares of the classes."""
        if not self.training:
            return (logits / self.temperature).softmax(1)
        noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(TINY, 1.0 - EPSILON)))
        shares = ((logits + noise) / self.temperature).softmax(1)
        if not self.hard:
            return shares
        whole = F.one_hot(shares.argmax(1), shares.shape[1]).movedim(-1, 1).to(shares.dtype)
        return whole + shares - shares.detach()


def _block(inputs: int, outputs: int, settings: TilesGenerator) -> nn.Sequential:
    bias = settings.norm == "none"
    up: nn.Module = TransposedConv(inputs, outputs, small_normal, bias=bias)
    if settings.upsampling != "transposed":
        up = named(
            enlarge=nn.Upsample(scale_factor=2, mode=settings.upsampling),
            conv=Conv(inputs, outputs, settings.kernel, small_normal, bias=bias, padding_mode=settings.padding),
        )
    return named(up=up, norm=norm(settings.norm, outputs, SMALL_STD, settings.eps), act=nn.ReLU(inplace=True))
