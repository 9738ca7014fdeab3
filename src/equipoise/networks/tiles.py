"""A generator of terrain tiles: heights beside classes of land cover (notes, attempts 3 to 11).

Its critic is a `DcganCritic`: the notes gave it spectral norm and dropout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    he_leaky,
    named,
    norm,
    small_normal,
)
from equipoise.networks.output import Output
from equipoise.recipe import Generator
from equipoise.schedule import Rate
from equipoise.space import Space
from equipoise.spec import Knob, Problem, Table
from equipoise.view import Latents, Samples

TINY, EPSILON = 1e-30, 1e-7
"""Uniform numbers whose double logarithm is finite."""
RECTIFIED = 0.399
"""The mean of a standard normal number behind ReLU: of the stem's features before anything is learned."""


@dataclass(frozen=True)
class TilesGenerator(Generator):
    """Up-sampling, convolution, normalisation and ReLU on each grid; heights end in tanh, classes in a Gumbel-softmax.

    Channels named in `smooth` are sums: a level of the whole tile, then what each grid adds, coarse to fine, enlarged
    bilinearly.  They begin with the amplitudes given there, and so as smooth as the data are, which is hard to learn
    (LAB.md).  Sums over grids are StyleGAN2's (Karras et al. 2020, arXiv:1912.04958, figure 7b).

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

    speckle: Annotated[
        float, Knob("strength of the noise on each grid, to begin with", low=0, high=10, source="off; 0 for none")
    ] = 0.0
    """For what varies at random from pixel to pixel, which networks without it fill with stripes (LAB.md).  One map for
    all features of a grid, whose strengths are learned (Karras et al. 2019, arXiv:1812.04948, section 3.2).  While the
    generator learns, it is drawn anew at each call; when it only draws samples, a latent always has the same."""

    smooth: Mapping[str, tuple[float, ...]] = Table()
    """Continuous channels that vary little from pixel to pixel, by name: the deviations, in samples from -1 to 1, of
    the level and of what each grid adds, the smallest grid first, as `equipoise.data.octaves` measures them.  For grids
    beyond those given, the last one is halved again and again."""

    def faults(self, space: Space) -> Iterator[str]:
        yield from size_faults(space)
        continuous = [channel.name for channel in space.channels if channel.kind == "continuous"]
        for name in self.smooth:
            if name not in continuous:
                yield f"no continuous channel {name!r}, which generator.smooth names; there are {', '.join(continuous)}"

    def problems(self) -> Iterator[Problem]:
        for name, amplitudes in self.smooth.items():
            if not amplitudes or min(amplitudes) <= 0:
                yield Problem(f"smooth.{name}", "needs amplitudes above 0: of the level, then of each grid")

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
        self.blocks = nn.ModuleList(Block(*pair, settings) for pair in pairwise((*channels, channels[-1])))
        self.head = Conv(channels[-1], space.shape[0], settings.kernel, small_normal, padding_mode=settings.padding)
        self.octaves = Octaves(channels, space, settings) if settings.smooth else None
        self.output = GumbelOutput(space, settings.hard)
        self.bank = NoiseBank() if settings.speckle else None

    def forward(self, z: Latents) -> Samples:
        maps = [self.stem(z)]
        for block in self.blocks:
            rows, columns = (2 * side for side in maps[-1].shape[2:])
            maps.append(block(maps[-1], self.bank(z, rows, columns) if self.bank is not None else None))
        x: Tensor = self.head(maps[-1])
        if self.octaves is not None:
            x = self.octaves(x, maps[:-1])
        sample: Samples = self.output(x.to(z.dtype))
        return sample


class Octaves(nn.Module):
    """Adds a level and what all coarser grids make of the smooth planes, with the amplitudes that are given."""

    places: Tensor
    amplitudes: Tensor

    def __init__(self, channels: Sequence[int], space: Space, settings: TilesGenerator) -> None:
        super().__init__()
        places = {name: at for at, name in enumerate(space.plane_names) if name in settings.smooth}
        amplitudes = [amplitudes_of(settings.smooth[name], len(channels) + 1) for name in places]
        self.register_buffer("places", torch.tensor(list(places.values())), persistent=False)
        self.register_buffer("amplitudes", torch.tensor(amplitudes).T[..., None, None].clone(), persistent=False)
        self.level = Conv(channels[0], len(places), 1, he_leaky)
        self.heads = nn.ModuleList(
            Conv(count, len(places), settings.kernel, he_leaky, padding_mode=settings.padding) for count in channels
        )

    def forward(self, finest: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Planes [N, planes, H, W] of the finest grid and the features of all others, coarsest first, to planes."""
        of_level, *of_grids, of_finest = self.amplitudes
        rows, columns = maps[0].shape[2:]
        whole = (maps[0].mean((2, 3), keepdim=True) - RECTIFIED) * (rows * columns) ** 0.5
        coarse = of_level * self.level(whole).expand(-1, -1, rows, columns)
        for amplitude, head, features in zip(of_grids, self.heads, maps, strict=True):
            if features.shape[-1] > coarse.shape[-1]:
                coarse = enlarged(coarse)
            coarse = coarse + amplitude * head(features)
        weight = finest.new_ones(finest.shape[1], 1, 1).index_copy(0, self.places, of_finest.to(finest.dtype))
        return (finest * weight).index_add(1, self.places, enlarged(coarse).to(finest.dtype))


def amplitudes_of(given: Sequence[float], grids: int) -> list[float]:
    """One for the level and one for each grid."""
    beyond = range(1, grids + 2 - len(given))
    return [*given[: grids + 1], *(given[-1] * 0.5**step for step in beyond)]


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


class Block(nn.Module):
    """Twice as large a grid: up-sampling with a convolution, normalisation, noise, ReLU."""

    def __init__(self, inputs: int, outputs: int, settings: TilesGenerator) -> None:
        super().__init__()
        bias = settings.norm == "none"
        up: nn.Module = TransposedConv(inputs, outputs, small_normal, bias=bias)
        if settings.upsampling != "transposed":
            up = named(
                enlarge=nn.Upsample(scale_factor=2, mode=settings.upsampling),
                conv=Conv(inputs, outputs, settings.kernel, small_normal, bias=bias, padding_mode=settings.padding),
            )
        self.up = up
        self.norm = norm(settings.norm, outputs, SMALL_STD, settings.eps)
        self.strength = nn.Parameter(torch.full((outputs, 1, 1), settings.speckle)) if settings.speckle else None

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """Features [N, inputs, H, W] to [N, outputs, 2H, 2W]; noise is [N, 1, 2H, 2W]."""
        y: Tensor = self.norm(self.up(x))
        if self.strength is not None and noise is not None:
            y = y + self.strength.to(y.dtype) * noise.to(y.dtype)
        return F.relu(y, inplace=True)


class NoiseBank(nn.Module):
    """Standard normal noise: anew at each call while training, otherwise a window of a large map, which the latent
    chooses.  So a sample can be drawn again, and two samples differ in their noise too."""

    side: ClassVar = 512
    spread: ClassVar = 1e5
    """Latents that differ by more than its inverse have other windows."""
    map: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("map", torch.randn(self.side, self.side))

    def forward(self, z: Latents, rows: int, columns: int) -> Tensor:
        """[N, 1, rows, columns] for latents [N, latent]."""
        if self.training:
            return torch.randn(len(z), 1, rows, columns, device=z.device, dtype=z.dtype)
        top, left = ((z[:, at, None].float() * self.spread).long() for at in (0, -1))
        down = (top + torch.arange(rows, device=z.device)) % self.side
        along = (left + torch.arange(columns, device=z.device)) % self.side
        return self.map[down[:, :, None], along[:, None, :]][:, None].to(z.dtype)
