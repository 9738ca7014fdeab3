"""A compact pair after StyleGAN2 (Karras et al. 2020, arXiv:1912.04958).

The latent is mapped to a style, which sets the strength of every feature map in every layer; noise adds what varies
without meaning; each grid adds its part to the sample.  The critic is residual and sees how much a group of samples
varies.  Left out against the paper: the blur in up- and down-sampling (bilinear and means instead), path length
regularisation, style mixing and truncation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.grid import Pyramid, refuse, size_faults
from equipoise.networks.layers import LEAK, convolve
from equipoise.networks.output import Output
from equipoise.networks.variation import variation
from equipoise.recipe import Critic, Generator
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Latents, Samples, Scores

PAPER = "Karras et al. 2020, arXiv:1912.04958"
GAIN = math.sqrt(2.0)
"""Of LeakyReLU, as in the paper's code: keeps the size of activations."""
EPS = 1e-8
MAPPING_RATE = 0.01
"""The mapping learns a hundred times slower than the rest (Karras et al. 2019, arXiv:1812.04948, appendix C)."""

Width = Annotated[int, Knob("channels on the full grid", low=1, high=512, log=True, source="guess: fits two cores")]
Widest = Annotated[int, Knob("most channels on any grid", low=1, high=1024, log=True, source="guess: fits two cores")]


@dataclass(frozen=True)
class StyleGenerator(Generator):
    """StyleGAN2's generator in small.  Any channels; sides 16 to 256, powers of two.

    While it learns, noise is drawn anew at each call; when it only draws samples, noise is fixed, so that a latent is
    one sample.

    Parameters for 3 channels: 1,391,338 at 32 px, 2,671,340 at 64 px.
    """

    latent: Annotated[int, Knob("dimension of latents and styles", low=1, high=4096, source="paper: 512")] = 128
    width: Width = 32
    widest: Widest = 256
    mapping: Annotated[int, Knob("layers from latent to style", low=1, high=16, source="StyleGAN2-ADA's small: 2")] = 2

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        pyramid = Pyramid.of(space)
        channels = _channels(pyramid, self.width, self.widest)
        return StyledSynthesis(pyramid, space, self.latent, channels, self.mapping)


@dataclass(frozen=True)
class StyleCritic(Critic):
    """StyleGAN2's residual critic in small.  Any channels; sides 16 to 256, powers of two.

    With ``group`` above 1 each score also depends on how much the samples of its group vary (minibatch standard
    deviation, Karras et al. 2018, arXiv:1710.10196, section 3).

    Parameters for 3 channels: 2,265,889 at 32 px, 3,511,585 at 64 px.
    """

    unmixed_by: ClassVar[str] = "its group does: set critic.group to 1"

    width: Width = 32
    widest: Widest = 256
    group: Annotated[int, Knob("samples whose variation is seen together, 1 for none", low=1, source=PAPER)] = 4

    @property
    def mixes_samples(self) -> bool:
        return self.group > 1

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        pyramid = Pyramid.of(space)
        return StyleJudge(pyramid, space.shape[0], _channels(pyramid, self.width, self.widest), self.group)


class Scaled(nn.Module):
    """A weight that starts as N(0, 1) and is scaled when it is used, so that all layers learn equally fast (Karras et
    al. 2018, section 4.1)."""

    def __init__(self, shape: tuple[int, ...], rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) / rate)
        self.scale = rate / math.sqrt(math.prod(shape[1:]))

    def forward(self) -> Tensor:
        return self.weight * self.scale


class Dense(nn.Module):
    """A linear layer with a scaled weight; the bias starts at `start`."""

    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, start: float = 0.0) -> None:
        super().__init__()
        self.matrix = Scaled((outputs, inputs), rate)
        self.bias = nn.Parameter(torch.full((outputs,), start / rate))
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.matrix(), self.bias * self.rate)


class Mapping(nn.Module):
    """Latents [N, latent], brought to length one, to styles [N, latent]."""

    def __init__(self, latent: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Dense(latent, latent, MAPPING_RATE) for _ in range(layers))

    def forward(self, z: Latents) -> Tensor:
        w = z * (z.square().mean(1, keepdim=True) + EPS).rsqrt()
        for layer in self.layers:
            w = F.leaky_relu(layer(w), LEAK) * GAIN
        return w


class ModulatedConv(nn.Module):
    """A convolution whose input maps are scaled by the style; `demodulate` brings its output maps back to size one.

    Scaling the maps before and after is the paper's scaling of the weights (their section 2.2, eqs. 1 and 3), which
    needs no convolution of its own for each sample.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, style: int, demodulate: bool = True) -> None:
        super().__init__()
        self.kernel = Scaled((outputs, inputs, kernel, kernel))
        self.style = Dense(style, inputs, start=1.0)
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        weight, style = self.kernel(), self.style(w)
        y = convolve(x * style[:, :, None, None], weight, None, 1, weight.shape[2] // 2)
        if not self.demodulate:
            return y
        power = style.float().square() @ weight.float().square().sum((2, 3)).T
        sized: Tensor = y * (power + EPS).rsqrt().to(y.dtype)[:, :, None, None]
        return sized


class Noise(nn.Module):
    """One map of noise for all channels, of a strength that is learned."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("fixed", torch.randn(1, 1, rows, columns))

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.fixed, Tensor)
        noise = torch.randn_like(x[:, :1]) if self.training else self.fixed.to(x.dtype)
        return x + noise * self.strength


class StyledLayer(nn.Module):
    """Modulated convolution, noise, bias, LeakyReLU."""

    def __init__(self, inputs: int, outputs: int, style: int, rows: int, columns: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style)
        self.noise = Noise(rows, columns)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return F.leaky_relu(self.noise(self.conv(x, w)) + self.bias[:, None, None], LEAK) * GAIN


class StyledSynthesis(nn.Module):
    """Latents [N, latent] to samples [N, planes, H, W]."""

    def __init__(self, pyramid: Pyramid, space: Space, latent: int, channels: tuple[int, ...], mapping: int) -> None:
        super().__init__()
        rows, columns = pyramid.base
        self.mapping = Mapping(latent, mapping)
        self.start = nn.Parameter(torch.randn(1, channels[0], rows, columns))
        self.first = StyledLayer(channels[0], channels[0], latent, rows, columns)
        self.grows, self.refines = nn.ModuleList(), nn.ModuleList()
        self.shows = nn.ModuleList([ModulatedConv(channels[0], space.shape[0], 1, latent, demodulate=False)])
        for before, after in pairwise(channels):
            rows, columns = 2 * rows, 2 * columns
            self.grows.append(StyledLayer(before, after, latent, rows, columns))
            self.refines.append(StyledLayer(after, after, latent, rows, columns))
            self.shows.append(ModulatedConv(after, space.shape[0], 1, latent, demodulate=False))
        self.bias = nn.Parameter(torch.zeros(space.shape[0]))
        self.output = Output(space)

    def forward(self, z: Latents) -> Samples:
        w = self.mapping(z)
        x = self.first(self.start.expand(len(z), -1, -1, -1), w)
        sample = self.shows[0](x, w)
        for grow, refine, show in zip(self.grows, self.refines, self.shows[1:], strict=True):
            x = refine(grow(_doubled(x), w), w)
            sample = _doubled(sample) + show(x, w)
        shown: Samples = self.output(sample.to(z.dtype) + self.bias[:, None, None])
        return shown


class ScaledConv(nn.Module):
    """A convolution that keeps the grid."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.kernel = Scaled((outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.kernel()
        return convolve(x, weight, self.bias, 1, weight.shape[2] // 2)


class Shrink(nn.Module):
    """Two convolutions and a mean of 2x2, beside a way around; halves the grid."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = ScaledConv(inputs, inputs, 3)
        self.conv2 = ScaledConv(inputs, outputs, 3)
        self.around = ScaledConv(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.conv1(x), LEAK) * GAIN
        y = F.avg_pool2d(F.leaky_relu(self.conv2(y), LEAK) * GAIN, 2)
        total: Tensor = (y + self.around(F.avg_pool2d(x, 2))) * math.sqrt(0.5)
        return total


class StyleJudge(nn.Module):
    """Samples [N, C, H, W] to scores [N]."""

    def __init__(self, pyramid: Pyramid, planes: int, channels: tuple[int, ...], group: int) -> None:
        super().__init__()
        channels = channels[::-1]
        self.group = group
        self.stem = ScaledConv(planes, channels[0], 1)
        self.blocks = nn.ModuleList(Shrink(before, after) for before, after in pairwise(channels))
        last = channels[-1]
        self.conv = ScaledConv(last + (1 if group > 1 else 0), last, 3)
        self.dense = Dense(last * pyramid.cells, last)
        self.head = Dense(last, 1)

    def forward(self, x: Samples) -> Scores:
        x = F.leaky_relu(self.stem(x), LEAK) * GAIN
        for block in self.blocks:
            x = block(x)
        if self.group > 1:
            x = torch.cat([x, variation(x, self.group)], dim=1)
        x = F.leaky_relu(self.conv(x), LEAK) * GAIN
        with torch.autocast(x.device.type, enabled=False):
            precise = x.flatten(1).to(self.head.bias.dtype)
            scores: Tensor = self.head(F.leaky_relu(self.dense(precise), LEAK) * GAIN)
        return scores.flatten()


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _channels(pyramid: Pyramid, width: int, widest: int) -> tuple[int, ...]:
    """Channels on every grid, widest first: `width` on the full one, doubled at each halving, up to `widest`."""
    return tuple(min(widest, width * 2**level) for level in range(pyramid.levels, -1, -1))
