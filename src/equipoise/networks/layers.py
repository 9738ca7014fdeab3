"""Layers: everything with weights that the network families are made of.

Every convolution goes through `convolve` or `convolve_transposed`, so a faster kernel is put in at one place.  All
layers are differentiable twice, which gradient penalties need, and take both memory layouts.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks import tiled
from equipoise.networks.spectral import SpectralNorm
from equipoise.view import Scores

Init = Callable[[Tensor], object]
Upsampling = Literal["transposed", "nearest", "bilinear"]
Norm = Literal["batch", "layer", "instance", "none"]
Padding = Literal["zeros", "reflect"]

SMALL_STD = 0.02
"""Spread of initial weights, and of initial batch-norm factors around 1 (Radford et al. 2016, section 3)."""

LEAK = 0.2
"""Slope of LeakyReLU below zero (Radford et al. 2016, section 3)."""


def small_normal(weight: Tensor) -> None:
    """N(0, 0.02), DCGAN's."""
    nn.init.normal_(weight, 0.0, SMALL_STD)


def he_leaky(weight: Tensor) -> None:
    """N(0, 2 / (fan_in (1 + 0.2^2))), which keeps the variance through LeakyReLU (He et al. 2015, eq. 15)."""
    nn.init.kaiming_normal_(weight, LEAK)


def glorot(weight: Tensor) -> None:
    """Uniform, variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010, eq. 16)."""
    nn.init.xavier_uniform_(weight)


def glorot_relu(weight: Tensor) -> None:
    """`glorot` with twice the variance, for layers behind a ReLU, as in the residual networks of Miyato et al. 2018."""
    nn.init.xavier_uniform_(weight, gain=math.sqrt(2.0))


def linear(weight: Tensor) -> None:
    """N(0, 1 / fan_in), which keeps the variance through a layer that no activation follows."""
    nn.init.kaiming_normal_(weight, nonlinearity="linear")


def scaled(init: Init, factor: float) -> Init:
    """`init` times `factor`."""

    def fill(weight: Tensor) -> None:
        init(weight)
        with torch.no_grad():
            weight.mul_(factor)

    return fill


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Cross-correlation of `x` with `weight` [out, in, k, k]."""
    if tiled.suits(x, weight, stride, padding, multiple=8):
        return _biased(tiled.convolve(x, weight), bias)
    return F.conv2d(x, weight, bias, stride=stride, padding=padding)


def convolve_transposed(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """The adjoint of `convolve` in its first argument; `weight` is [in, out, k, k]."""
    if tiled.suits(x, weight, stride, padding, multiple=4):
        return _biased(tiled.convolve_transposed(x, weight), bias)
    return F.conv_transpose2d(x, weight, bias, stride=stride, padding=padding)


def _biased(x: Tensor, bias: Tensor | None) -> Tensor:
    return x if bias is None else x + bias[:, None, None]


class Conv(nn.Module):
    """Convolution that keeps the grid (odd kernel) or halves it (kernel 4, stride 2)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        init: Init,
        *,
        stride: int = 1,
        bias: bool = True,
        spectral: bool = False,
        padding_mode: Padding = "zeros",
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.padding_mode = stride, (kernel - 1) // 2, padding_mode
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        init(self.weight)
        self.spectral = SpectralNorm(self.weight) if spectral else nn.Identity()

    def kernel(self) -> Tensor:
        """The weight that is applied, [out, in, k, k].  With spectral norm each call is one power iteration."""
        weight: Tensor = self.spectral(self.weight)
        return weight

    def forward(self, x: Tensor) -> Tensor:
        if self.padding_mode == "reflect":
            return convolve(F.pad(x, (self.padding,) * 4, "reflect"), self.kernel(), self.bias, self.stride, 0)
        return convolve(x, self.kernel(), self.bias, self.stride, self.padding)


class PooledConv(nn.Module):
    """A 3x3 convolution, then the mean of each 2x2 square, computed as one 4x4 convolution of stride 2.

    The same function of the same weights up to rounding, at less than half the cost: 2 to 3 times faster inside a
    gradient penalty on a CPU.  The merged kernel is the mean of four shifted copies, as in the public code of Karras et
    al. 2018 (arXiv:1710.10196).
    """

    def __init__(self, inputs: int, outputs: int, init: Init, *, spectral: bool = False) -> None:
        super().__init__()
        self.conv = Conv(inputs, outputs, 3, init, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        kernel = F.avg_pool2d(F.pad(self.conv.kernel(), (1, 1, 1, 1)), 2, stride=1)
        return convolve(x, kernel, self.conv.bias, stride=2, padding=1)


class NearestConv(nn.Module):
    """Each pixel repeated 2x2, then a 3x3 convolution, computed as one transposed 4x4 convolution of stride 2.

    The same function of the same weights up to rounding, so it leaves no checkerboard (Odena et al. 2016), at less than
    half the cost: 1.5 to 2.4 times faster, forward and backward, on a CPU.
    """

    def __init__(self, inputs: int, outputs: int, init: Init, *, bias: bool = True) -> None:
        super().__init__()
        self.conv = Conv(inputs, outputs, 3, init, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        kernel = F.avg_pool2d(F.pad(self.conv.kernel(), (1, 1, 1, 1)), 2, stride=1, divisor_override=1)
        return convolve_transposed(x, kernel.flip(2, 3).transpose(0, 1), self.conv.bias, stride=2, padding=1)


class BilinearConv(nn.Module):
    """Bilinear up-sampling by two, then a 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int, init: Init, *, bias: bool = True) -> None:
        super().__init__()
        self.conv = Conv(inputs, outputs, 3, init, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        return y


class TransposedConv(nn.Module):
    """DCGAN's up-sampling: a transposed 4x4 convolution of stride 2."""

    def __init__(self, inputs: int, outputs: int, init: Init, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs, 4, 4))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        init(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return convolve_transposed(x, self.weight, self.bias, stride=2, padding=1)


def up_conv(inputs: int, outputs: int, how: Upsampling, init: Init, *, bias: bool = True) -> nn.Module:
    """Doubles both sides of the grid.  [N, in, H, W] to [N, out, 2H, 2W]."""
    kinds = {"transposed": TransposedConv, "nearest": NearestConv, "bilinear": BilinearConv}
    return kinds[how](inputs, outputs, init, bias=bias)


class Stem(nn.Module):
    """Latents [N, latent] to the smallest grid [N, channels, rows, columns].

    The same function as DCGAN's first transposed convolution, which acts on one point, as a matrix product.
    """

    def __init__(self, latent: int, channels: int, base: tuple[int, int], init: Init, *, bias: bool) -> None:
        super().__init__()
        self.grid = (channels, *base)
        self.linear = nn.Linear(latent, math.prod(self.grid), bias=bias)
        _start(self.linear, init)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.linear(z)
        return x.reshape(-1, *self.grid)


class Head(nn.Module):
    """Features [N, ...] to scores [N] by one linear layer; without `init` it starts as PyTorch's do."""

    def __init__(self, features: int, init: Init | None = None, *, spectral: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        if init is not None:
            _start(self.linear, init)
        self.spectral = SpectralNorm(self.linear.weight) if spectral else nn.Identity()

    def forward(self, x: Tensor) -> Scores:
        return precisely(self.linear, self.spectral, x).flatten()


def precisely(linear: nn.Linear, spectral: nn.Module, x: Tensor) -> Tensor:
    """Features [N, ...] through a linear layer whose weight goes through `spectral`, to [N, out].

    It computes in the weights' own precision, also under autocast: bfloat16 has 8 bits, so a score near 10 would move
    in steps of 0.06.
    """
    with torch.autocast(x.device.type, enabled=False):
        weight: Tensor = spectral(linear.weight)
        return F.linear(x.flatten(1).to(weight.dtype), weight, linear.bias)


def norm(kind: Norm, channels: int, spread: float = 0.0, eps: float = 1e-5) -> nn.Module:
    """Normalisation of a feature map [N, C, H, W], with a factor and an offset per channel.

    "layer" takes mean and variance of each sample over (C, H, W), which Gulrajani et al. 2017 (arXiv:1704.00028,
    section 4) advise in place of batch norm.  As a group norm with one group its factors are per channel, so they do
    not depend on the grid; it is also faster than `F.layer_norm` and than elementary operations, in first and second
    derivatives and in both memory layouts (inside a gradient penalty on a CPU: 1.3 to 1.6 times).  "instance" is a
    group norm with a group for each channel.  `spread` is the standard deviation of batch norm's factors at first.
    """
    if kind == "batch":
        layer = nn.BatchNorm2d(channels, eps=eps)
        nn.init.normal_(layer.weight, 1.0, spread)
        return layer
    if kind == "none":
        return nn.Identity()
    return nn.GroupNorm(1 if kind == "layer" else channels, channels, eps=eps)


def dropout(share: float) -> nn.Module:
    """Dropout, or nothing at all when `share` is zero: a dropout layer with 0 still draws random numbers."""
    return nn.Dropout(share) if share > 0 else nn.Identity()


def named(**layers: nn.Module) -> nn.Sequential:
    """Layers one after another under readable names, which checkpoints keep."""
    return nn.Sequential(OrderedDict(layers))


def _start(linear: nn.Linear, init: Init) -> None:
    init(linear.weight)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
