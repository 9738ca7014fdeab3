"""Tiled convolutions are the direct ones, and so are their derivatives of first and second order."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from equipoise.networks import tiled
from equipoise.networks.layers import convolve, convolve_transposed


@pytest.mark.parametrize("side", [8, 16, 24])
def test_values(side: int) -> None:
    x, weight = torch.randn(2, 3, side, side, dtype=torch.float64), torch.randn(5, 3, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(tiled.convolve(x, weight), F.conv2d(x, weight, stride=2, padding=1))
    y = torch.randn(2, 5, side // 2, side // 2, dtype=torch.float64)
    torch.testing.assert_close(tiled.convolve_transposed(y, weight), F.conv_transpose2d(y, weight, stride=2, padding=1))


@pytest.mark.parametrize("function", [tiled.convolve, tiled.convolve_transposed])
def test_derivatives_of_both_orders(function) -> None:  # type: ignore[no-untyped-def]
    inputs, side = (2, 8) if function is tiled.convolve else (3, 4)
    x = torch.randn(1, inputs, side, side, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (x, weight))
    assert torch.autograd.gradgradcheck(function, (x, weight))


def test_layers_take_them_where_they_suit_and_agree_to_float32() -> None:
    """Rounding stays within a few times that of the direct convolution, measured against float64."""
    x, weight, bias = torch.randn(4, 64, 16, 16), torch.randn(256, 64, 4, 4) / 32, torch.randn(256)
    assert tiled.suits(x, weight, 2, 1, multiple=8)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), stride=2, padding=1)
    direct = F.conv2d(x, weight, bias, stride=2, padding=1)
    mine = convolve(x, weight, bias, 2, 1)
    assert (mine - exact).abs().max() < 5 * (direct - exact).abs().max()
    back = convolve_transposed(direct, weight, None, 2, 1)
    torch.testing.assert_close(back, F.conv_transpose2d(direct, weight, stride=2, padding=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("x", "weight", "stride"),
    [
        (torch.zeros(1, 64, 16, 16), torch.zeros(128, 64, 4, 4), 2),
        (torch.zeros(1, 64, 12, 12), torch.zeros(256, 64, 4, 4), 2),
        (torch.zeros(1, 64, 16, 8), torch.zeros(256, 64, 4, 4), 2),
        (torch.zeros(1, 64, 16, 16), torch.zeros(256, 64, 3, 3), 1),
        (torch.zeros(1, 64, 16, 16).double(), torch.zeros(256, 64, 4, 4).double(), 2),
    ],
    ids=["few channels", "side", "not square", "kernel", "float64"],
)
def test_others_go_the_direct_way(x: torch.Tensor, weight: torch.Tensor, stride: int) -> None:
    assert not tiled.suits(x, weight, stride, 1, multiple=8)


def test_under_autocast_the_direct_way_is_kept() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert not tiled.suits(torch.zeros(1, 64, 16, 16), torch.zeros(256, 64, 4, 4), 2, 1, multiple=8)
