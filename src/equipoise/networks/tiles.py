"""A generator of terrain tiles: heights beside classes of land cover (notes, attempts 3 to 11).

Its critic is a `DcganCritic`: the notes gave it spectral norm and dropout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    Channels named in `smooth` are sums over all grids, coarse to fine, each enlarged bilinearly and half as strong as
    the one before: so they begin as smooth as land is, whose amplitudes fall with the inverse of the frequency, and
    need not learn to be (as StyleGAN2 sums its pictures, Karras et al. 2020, arXiv:1912.04958, figure 7b).

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

    smooth: tuple[str, ...] = ()
    """Continuous channels that vary little from pixel to pixel, by name."""

    def faults(self, space: Space) -> Iterator[str]:
        yield from size_faults(space)
        continuous = [channel.name for channel in space.channels if channel.kind == "continuous"]
        for name in self.smooth:
            if name not in continuous:
                yield f"no continuous channel {name!r}, which generator.smooth names; there are {', '.join(continuous)}"

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
        self.octaves = Octaves(channels, space, settings) if settings.smooth else None
        self.output = GumbelOutput(space, settings.hard)

    def forward(self, z: Latents) -> Samples:
        maps = [self.stem(z)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        x: Tensor = self.head(maps[-1])
        if self.octaves is not None:
            x = self.octaves(x, maps[:-1])
        sample: Samples = self.output(x.to(z.dtype))
        return sample


class Octaves(nn.Module):
    """Adds what coarser grids make of the smooth planes, each twice as strong as the next finer one."""

    places: Tensor

    def __init__(self, channels: Sequence[int], space: Space, settings: TilesGenerator) -> None:
        super().__init__()
        places = [at for at, name in enumerate(space.plane_names) if name in settings.smooth]
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.heads = nn.ModuleList(
            Conv(count, len(places), settings.kernel, small_normal, padding_mode=settings.padding) for count in channels
        )

    def forward(self, finest: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Planes [N, planes, H, W] of the finest grid and the features of all others, coarsest first, to planes."""
        coarse = self.heads[0](maps[0])
        for level, (head, features) in enumerate(zip(self.heads[1:], maps[1:], strict=True), start=1):
            coarse = enlarged(coarse) + head(features) * 0.5**level
        weight = finest.new_ones(finest.shape[1]).index_fill(0, self.places, 0.5 ** len(maps))
        return (finest * weight[:, None, None]).index_add(1, self.places, enlarged(coarse))


def enlarged(planes: Tensor) -> Tensor:
    """Twice as large a side, bilinearly."""
    return F.interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)


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
