"""Residual networks with self-attention.

The blocks are those of Gulrajani et al. 2017 (arXiv:1704.00028, appendix) and Miyato et al. 2018 (arXiv:1802.05957,
appendix); one grid attends to itself, as in SAGAN (Zhang et al. 2019, arXiv:1805.08318).
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.attention import SelfAttention
from equipoise.networks.grid import Pyramid
from equipoise.networks.layers import Conv, Head, NearestConv, PooledConv, Stem, glorot, glorot_relu, named, norm
from equipoise.networks.output import Output
from equipoise.space import Space
from equipoise.view import Latents, Samples, Scores


class UpBlock(nn.Module):
    """norm, ReLU, nearest up-sampling, convolution, norm, ReLU, convolution; a linear way around.  Doubles the grid.

    The way around is a 1x1 convolution *before* the up-sampling, which gives the same result for a quarter of the work.
    No layer has a bias: the batch norms behind would take it out again.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1 = norm("batch", inputs)
        self.conv1 = NearestConv(inputs, outputs, glorot_relu, bias=False)
        self.norm2 = norm("batch", outputs)
        self.conv2 = Conv(outputs, outputs, 3, glorot_relu, bias=False)
        self.shortcut = Conv(inputs, outputs, 1, glorot, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x), inplace=True))
        y = self.conv2(F.relu(self.norm2(y), inplace=True))
        around = F.interpolate(self.shortcut(x), scale_factor=2, mode="nearest")
        total: Tensor = y + around
        return total


class DownBlock(nn.Module):
    """norm, ReLU, convolution, norm, ReLU, convolution, 2x2 mean; a linear way around.  Halves the grid."""

    def __init__(self, inputs: int, outputs: int, spectral: bool) -> None:
        super().__init__()
        self.norm1 = norm("layer", inputs)
        self.conv1 = Conv(inputs, inputs, 3, glorot_relu, bias=False, spectral=spectral)
        self.norm2 = norm("layer", inputs)
        self.conv2 = PooledConv(inputs, outputs, glorot_relu, spectral=spectral)
        self.shortcut = Conv(inputs, outputs, 1, glorot, bias=False, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x), inplace=True))
        y = self.conv2(F.relu(self.norm2(y), inplace=True))
        total: Tensor = y + self.shortcut(F.avg_pool2d(x, 2))
        return total


class ResidualGenerator(nn.Module):
    """Latents [N, latent] to samples [N, planes, H, W].  The grid with short side `attention` attends."""

    def __init__(self, pyramid: Pyramid, space: Space, latent: int, width: int, attention: int | None) -> None:
        super().__init__()
        channels = _channels(pyramid, width)
        self.stem = Stem(latent, channels[0], pyramid.base, glorot, bias=True)
        self.blocks = nn.ModuleDict()
        for side, (before, after) in zip(pyramid.sides, pairwise(channels), strict=True):
            self.blocks[f"to_{side}"] = UpBlock(before, after)
            if side == attention:
                self.blocks["attention"] = SelfAttention(after)
        self.head = named(
            norm=norm("batch", channels[-1]),
            act=nn.ReLU(inplace=True),
            conv=Conv(channels[-1], space.shape[0], 3, glorot),
        )
        self.output = Output(space)

    def forward(self, z: Latents) -> Samples:
        x: Tensor = self.stem(z)
        for block in self.blocks.values():
            x = block(x)
        x = self.head(x)
        sample: Samples = self.output(x.to(z.dtype))
        return sample


class ResidualCritic(nn.Module):
    """Samples [N, C, H, W] to scores [N].  The grid with short side `attention` attends."""

    def __init__(self, pyramid: Pyramid, planes: int, width: int, attention: int | None, spectral: bool) -> None:
        super().__init__()
        channels = _channels(pyramid, width)[::-1]
        self.stem = Conv(planes, channels[0], 3, glorot, spectral=spectral)
        self.blocks = nn.ModuleDict()
        for side, (before, after) in zip(pyramid.sides[::-1], pairwise(channels), strict=True):
            if side == attention:
                self.blocks["attention"] = SelfAttention(before, spectral=spectral)
            self.blocks[f"from_{side}"] = DownBlock(before, after, spectral)
        self.norm = norm("layer", channels[-1])
        self.head = Head(channels[-1] * pyramid.cells, glorot, spectral=spectral)

    def forward(self, x: Samples) -> Scores:
        x = self.stem(x)
        for block in self.blocks.values():
            x = block(x)
        scores: Tensor = self.head(F.relu(self.norm(x), inplace=True))
        return scores


def _channels(pyramid: Pyramid, width: int) -> tuple[int, ...]:
    """Channels on every grid, widest first: DCGAN's, and half of `width` on the full one."""
    return (*pyramid.channels(width), max(width // 2, 1))
