"""Residual networks without any normalisation, after R3GAN (Huang et al. 2024, arXiv:2501.05441, section 3).

A well-posed game (relativistic pairing with both zero-centred penalties) needs no tricks in the networks, so what is
left is plain: residual blocks, LeakyReLU, and a factor under which each block begins as the identity (SkipInit, De &
Smith 2020, arXiv:2002.10444).  Where R3GAN has grouped convolutions in a bottleneck there are two full ones
here, which a CPU computes three times faster for as many parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.grid import Pyramid, refuse, size_faults
from equipoise.networks.layers import LEAK, Conv, Head, NearestConv, PooledConv, Stem, up_conv
from equipoise.networks.output import Output
from equipoise.recipe import Critic, Generator
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Latents, Samples, Scores

GAIN = math.sqrt(2.0 / (1.0 + LEAK**2))
"""Keeps the variance through LeakyReLU (He et al. 2015, arXiv:1502.01852, eq. 15)."""

Channels = tuple[int, ...]

Width = Annotated[int, Knob("channels at half the sample's size", low=4, high=512, log=True, source="guess")]
Widest = Annotated[int, Knob("most channels on any grid", low=4, high=2048, log=True, source="guess")]
Blocks = Annotated[int, Knob("residual blocks on each grid", low=1, high=8, source="R3GAN: 2; here what time allows")]


@dataclass(frozen=True)
class NormFreeGenerator(Generator):
    """Blocks on each grid, nearest up-sampling between them, tanh at the end.

    Any channels; sides 16 to 256, powers of two.

    Parameters for 3 channels: 745,510 at 32 px, 2,484,903 at 64 px.
    """

    width: Width = 32
    widest: Widest = 256
    blocks: Blocks = 1

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        pyramid = Pyramid.of(space)
        channels = _channels(pyramid, self.width, self.widest)
        return Growing(pyramid, space, self.latent, channels, self.blocks)


@dataclass(frozen=True)
class NormFreeCritic(Critic):
    """The generator's mirror image.  Scores each sample by itself.  Any channels; sides 16 to 256, powers of two.

    Parameters for 3 channels: 483,492 at 32 px, 1,960,869 at 64 px.
    """

    width: Width = 32
    widest: Widest = 256
    blocks: Blocks = 1

    @property
    def mixes_samples(self) -> bool:
        return False

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        pyramid = Pyramid.of(space)
        return Shrinking(pyramid, space.shape[0], _channels(pyramid, self.width, self.widest), self.blocks)


class Block(nn.Module):
    """x + gamma * convolution(act(convolution(act(x)))); gamma begins at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Conv(channels, channels, 3, he)
        self.conv2 = Conv(channels, channels, 3, he)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.leaky_relu(x, LEAK))
        total: Tensor = x + self.gamma * self.conv2(F.leaky_relu(y, LEAK))
        return total


class Growing(nn.Module):
    """Latents [N, latent] to samples [N, planes, H, W]."""

    def __init__(self, pyramid: Pyramid, space: Space, latent: int, channels: Channels, blocks: int) -> None:
        super().__init__()
        self.stem = Stem(latent, channels[0], pyramid.base, he, bias=True)
        layers: list[nn.Module] = [Block(channels[0]) for _ in range(blocks)]
        for before, after in pairwise(channels):
            layers.append(NearestConv(before, after, he))
            layers += [Block(after) for _ in range(blocks)]
        self.body = nn.Sequential(*layers)
        self.head = up_conv(channels[-1], space.shape[0], "transposed", he)
        self.output = Output(space)

    def forward(self, z: Latents) -> Samples:
        x: Tensor = self.head(F.leaky_relu(self.body(self.stem(z)), LEAK))
        sample: Samples = self.output(x.to(z.dtype))
        return sample


class Shrinking(nn.Module):
    """Samples [N, C, H, W] to scores [N]."""

    def __init__(self, pyramid: Pyramid, planes: int, channels: Channels, blocks: int) -> None:
        super().__init__()
        channels = channels[::-1]
        self.stem = Conv(planes, channels[0], 4, he, stride=2)
        layers: list[nn.Module] = [Block(channels[0]) for _ in range(blocks)]
        for before, after in pairwise(channels):
            layers.append(PooledConv(before, after, he))
            layers += [Block(after) for _ in range(blocks)]
        self.body = nn.Sequential(*layers)
        self.head = Head(channels[-1] * pyramid.cells)

    def forward(self, x: Samples) -> Scores:
        scores: Tensor = self.head(F.leaky_relu(self.body(self.stem(x)), LEAK))
        return scores


def he(weight: Tensor) -> None:
    """Normal with the variance that LeakyReLU keeps."""
    nn.init.normal_(weight, 0.0, GAIN / math.sqrt(weight[0].numel()))


def _channels(pyramid: Pyramid, width: int, widest: int) -> Channels:
    """Channels on every grid below the sample's own, widest first: doubled at each halving, up to `widest`."""
    return tuple(min(widest, channels) for channels in pyramid.channels(width))
