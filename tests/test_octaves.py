"""Smooth channels of tiles: sums over all grids, each half as strong as the one before."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from equipoise.networks import TilesGenerator
from equipoise.networks.tiles import TilesNetwork
from equipoise.space import Channel, Class, Space
from equipoise.spec import SpecError

COVER = Channel("cover", 0, 2, "categorical", classes=tuple(Class(at, str(at), (0, 0, 0)) for at in range(3)))
TILES = Space((Channel("height"), COVER, Channel("trees")), 32, 32)
HEIGHT, TREES = 0, 4
SMOOTH = TilesGenerator(latent=6, width=8, smooth=("height",))


def roughness(plane: Tensor) -> float:
    """Of planes [N, H, W]: differences of neighbours over the spread of all."""
    return float((plane[:, 1:] - plane[:, :-1]).square().mean().sqrt() / plane.std())


@torch.no_grad()
def made(settings: TilesGenerator) -> Tensor:
    torch.manual_seed(0)
    samples: Tensor = settings.build(TILES).eval()(torch.randn(64, settings.latent))
    return samples


def test_smooth_channels_begin_smooth_and_others_as_they_were() -> None:
    smooth, plain = made(SMOOTH), made(replace(SMOOTH, smooth=()))
    assert roughness(smooth[:, HEIGHT]) < 0.6 * roughness(plain[:, HEIGHT])
    assert roughness(smooth[:, TREES]) == pytest.approx(roughness(plain[:, TREES]), rel=0.3)


def test_a_smooth_channel_is_the_sum_of_its_octaves() -> None:
    torch.manual_seed(0)
    network = SMOOTH.build(TILES).eval()
    assert isinstance(network, TilesNetwork) and network.octaves is not None
    z = torch.randn(4, SMOOTH.latent)
    with torch.no_grad():
        maps = [network.stem(z)]
        for block in network.blocks:
            maps.append(block(maps[-1]))
        total = 0.5 ** len(network.blocks) * network.head(maps[-1])[:, HEIGHT]
        for level, (head, features) in enumerate(zip(network.octaves.heads, maps[:-1], strict=True)):
            part = head(features)
            while part.shape[-1] < TILES.width:
                part = F.interpolate(part, scale_factor=2.0, mode="bilinear")
            total = total + 0.5**level * part[:, 0]
        torch.testing.assert_close(network(z)[:, HEIGHT], torch.tanh(total), rtol=1e-5, atol=1e-6)


def test_all_octaves_learn() -> None:
    network = SMOOTH.build(TILES)
    assert isinstance(network, TilesNetwork) and network.octaves is not None
    network(torch.randn(4, SMOOTH.latent))[:, HEIGHT].sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in network.octaves.parameters())


def test_octaves_in_bf16() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert made(SMOOTH).isfinite().all()


@pytest.mark.parametrize("name", ["cover", "hight"])
def test_a_channel_that_cannot_be_smooth_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match=f"no continuous channel '{name}'.*there are height, trees"):
        replace(SMOOTH, smooth=(name,)).build(TILES)
