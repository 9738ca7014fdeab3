"""4x4 convolutions of stride 2 with fewer multiplications, for processors without matrix units.

A 4x4 kernel of stride 2 is four 2x2 kernels, one for each phase of the picture.  Toom-Cook's F(4, 2) computes a 4x4
tile of outputs of a 2x2 kernel with 25 multiplications in place of 64 (Winograd 1980; Lavin & Gray 2016,
arXiv:1509.09308, for networks), as 25 matrix products.  The result is that of the direct convolution up to rounding:
about twice its error in float32.  The transforms are linear and everything else is a matrix product, so derivatives of
every order come from autograd.  docs/decisions/0009-tiled-convolutions.md has the measurements.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

POINTS = (0.5, -0.5, 1.25, -1.25)
"""Where the polynomials are evaluated, beside infinity.  Chosen by measured error: 3e-7 to 1e-6, direct 3e-7."""
TILE, PRODUCTS = 4, 5
"""Outputs, and products, along one side of a tile."""
LEAST_CHANNELS = 256
"""Below this many channels on the coarse side the transforms cost more than the products save (measured)."""


def suits(x: Tensor, weight: Tensor, stride: int, padding: int, multiple: int) -> bool:
    """Whether a convolution can be tiled, and is faster so.  `multiple` is what the sides of `x` must divide by."""
    height, width = x.shape[2:]
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and (stride, padding, *weight.shape[2:]) == (2, 1, 4, 4)
        and height == width
        and height % multiple == 0
        and weight.shape[0] >= LEAST_CHANNELS
    )


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """``conv2d(x, weight, stride=2, padding=1)``; `weight` is [out, in, 4, 4], the sides of `x` are a multiple of 8."""
    batch, channels, side, _ = x.shape
    tiles, outputs = side // 8, weight.shape[0]
    to_output, to_products, _ = _transforms(x.dtype)
    data = to_products @ _call(_Gather, x.permute(0, 2, 3, 1)).view(PRODUCTS**2, -1)
    data = data.view(PRODUCTS**2, batch * tiles * tiles, 4 * channels)
    y = to_output @ _call(_Product, data, _kernel(weight)).view(PRODUCTS**2, -1)
    y = y.view(TILE, TILE, batch, tiles, tiles, outputs).permute(2, 3, 0, 4, 1, 5)
    return y.reshape(batch, TILE * tiles, TILE * tiles, outputs).permute(0, 3, 1, 2)


def convolve_transposed(y: Tensor, weight: Tensor) -> Tensor:
    """``conv_transpose2d(y, weight, stride=2, padding=1)``; `weight` is [in, out, 4, 4], sides a multiple of 4."""
    batch, channels, side, _ = y.shape
    tiles, outputs = side // TILE, weight.shape[1]
    to_output, to_products, _ = _transforms(y.dtype)
    cut = y.permute(0, 2, 3, 1).reshape(batch, tiles, TILE, tiles, TILE, channels)
    cut = cut.permute(2, 4, 0, 1, 3, 5).reshape(TILE**2, -1)
    spread = (to_output.t() @ cut).view(PRODUCTS**2, batch * tiles * tiles, channels)
    data = torch.bmm(spread, _kernel(weight))
    parts = (to_products.t() @ data.view(PRODUCTS**2, -1)).view(PRODUCTS, PRODUCTS, batch, tiles, tiles, 2, 2, outputs)
    return _call(_Scatter, parts).permute(0, 3, 1, 2)


def _kernel(weight: Tensor) -> Tensor:
    """A kernel [out, in, 4, 4] as [25, out, 4 in], one matrix for each product."""
    outputs, inputs = weight.shape[:2]
    taps = weight.permute(0, 2, 3, 1).reshape(outputs, 2, 2, 2, 2, inputs)
    taps = taps.permute(1, 3, 0, 2, 4, 5).reshape(4, -1)
    return (_transforms(weight.dtype)[2] @ taps).view(PRODUCTS**2, outputs, 4 * inputs)


@lru_cache(maxsize=4)
def _transforms(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """The transforms in two dimensions: to outputs [16, 25], to products [25, 25], of kernels [25, 4]."""
    points = torch.tensor(POINTS, dtype=torch.float64)

    def powers(count: int) -> Tensor:
        rows = points[:, None] ** torch.arange(count, dtype=torch.float64)
        at_infinity = torch.zeros(1, count, dtype=torch.float64)
        at_infinity[0, -1] = 1
        return torch.cat([rows, at_infinity])

    output, kernel = powers(TILE).T, powers(2)
    data = torch.linalg.inv(powers(PRODUCTS)).T
    scale = data.abs().amax(1, keepdim=True)  # both factors of a product of like size: less rounding
    matrices = (output, data / scale, kernel * scale)
    output, data, kernel = (torch.kron(m.contiguous(), m.contiguous()).to(dtype).contiguous() for m in matrices)
    return output, data, kernel


def _windows(image: Tensor, tiles: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Pairs of views, of an image [N, H, W, C] and of its overlapping tiles; the first four pairs cover the image."""
    batch, side, _, channels = image.shape
    count = side // 8
    grid = image.view(batch, count, 4, 2, count, 4, 2, channels)
    body = {0: slice(1, 5), 1: slice(0, 4)}
    # The one row a tile shares with its neighbour: (row in the tile, row in the image, tiles, tiles of the image).
    edge = {0: (0, 3, slice(1, count), slice(0, count - 1)), 1: (4, 0, slice(0, count - 1), slice(1, count))}
    first, rest = [], []
    for p in (0, 1):
        for q in (0, 1):
            source, target = grid[:, :, :, 1 - p, :, :, 1 - q], tiles[:, :, :, :, :, p, q]
            first.append((source.permute(2, 4, 0, 1, 3, 5), target[body[p], body[q]]))
            if count > 1:
                (k, i, dt, st), (m, j, du, su) = edge[p], edge[q]
                rest.append((source[:, st, i].permute(3, 0, 1, 2, 4), target[k, body[q]][:, :, dt]))
                rest.append((source[:, :, :, su, j].permute(2, 0, 1, 3, 4), target[body[p], m][:, :, :, du]))
                rest.append((source[:, st, i, su, j], target[k, m][:, dt, du]))
    return first + rest


class _Gather(torch.autograd.Function):
    """An image [N, H, W, C], padded by one, cut into overlapping tiles; its derivative adds tiles up."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        image = image.contiguous()
        batch, side, _, channels = image.shape
        count = side // 8
        tiles = image.new_empty(PRODUCTS, PRODUCTS, batch, count, count, 2, 2, channels)
        for border in (
            tiles[4, :, :, -1, :, 1],
            tiles[0, :, :, 0, :, 0],
            tiles[:, 4, :, :, -1, :, 1],
            tiles[:, 0, :, :, 0, :, 0],
        ):
            border.zero_()
        for source, target in _windows(image, tiles):
            target.copy_(source)
        return tiles

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _call(_Scatter, gradients[0])


class _Scatter(torch.autograd.Function):
    """Overlapping tiles added up to an image [N, H, W, C]: the transpose of `_Gather`."""

    @staticmethod
    def forward(ctx: Any, tiles: Tensor) -> Tensor:
        batch, count, channels = tiles.shape[2], tiles.shape[3], tiles.shape[-1]
        image = tiles.new_empty(batch, 8 * count, 8 * count, channels)
        for index, (target, source) in enumerate(_windows(image, tiles)):
            if index < 4:
                target.copy_(source)
            else:
                target.add_(source)
        return image

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _call(_Gather, gradients[0])


class _Product(torch.autograd.Function):
    """``data @ kernel^T`` for each product, whose gradient by the kernel keeps the kernel's own memory order.

    ``bmm`` would give it transposed, and every later pass over it would walk tens of megabytes against the grain.
    """

    @staticmethod
    def forward(ctx: Any, data: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(data, kernel)
        return torch.bmm(data, kernel.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        data, kernel = ctx.saved_tensors
        by_data = torch.bmm(gradients[0], kernel) if ctx.needs_input_grad[0] else None
        by_kernel = torch.bmm(gradients[0].transpose(1, 2), data) if ctx.needs_input_grad[1] else None
        return by_data, by_kernel


def _call(function: type[torch.autograd.Function], *tensors: Tensor) -> Tensor:
    result: Tensor = function.apply(*tensors)  # type: ignore[no-untyped-call]
    return result
