"""Smooth channels of tiles: sums of a level and all grids, which begin as smooth as the data are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from equipoise.data.corpus import Corpus
from equipoise.data.octaves import octaves
from equipoise.networks import TilesGenerator
from equipoise.networks.tiles import RECTIFIED, TilesNetwork
from equipoise.space import Channel, Class, Space
from equipoise.spec import SpecError

COVER = Channel("cover", 0, 2, "categorical", classes=tuple(Class(at, str(at), (0, 0, 0)) for at in range(3)))
TILES = Space((Channel("height"), COVER, Channel("trees")), 32, 32)
HEIGHT, TREES = 0, 4
AMPLITUDES = (0.3, 0.1, 0.05, 0.02)
SMOOTH = TilesGenerator(latent=6, width=8, smooth={"height": AMPLITUDES})


def roughness(plane: Tensor) -> float:
    """Of planes [N, H, W]: differences of neighbours over the spread of all."""
    return float((plane[:, 1:] - plane[:, :-1]).square().mean().sqrt() / plane.std())


@torch.no_grad()
def made(settings: TilesGenerator) -> Tensor:
    torch.manual_seed(0)
    samples: Tensor = settings.build(TILES)(torch.randn(64, settings.latent))
    return samples


def test_smooth_channels_begin_smooth_and_others_as_they_were() -> None:
    smooth, plain = made(SMOOTH), made(replace(SMOOTH, smooth={}))
    assert roughness(smooth[:, HEIGHT]) < 0.3 * roughness(plain[:, HEIGHT])
    levels = smooth[:, HEIGHT].mean((1, 2))
    assert 0.5 * AMPLITUDES[0] < levels.std() < 1.5 * AMPLITUDES[0] and abs(levels.mean()) < AMPLITUDES[0]
    assert roughness(smooth[:, TREES]) == pytest.approx(roughness(plain[:, TREES]), rel=0.3)


def test_a_smooth_channel_is_the_sum_of_its_level_and_its_octaves() -> None:
    torch.manual_seed(0)
    network = SMOOTH.build(TILES).eval()
    assert isinstance(network, TilesNetwork) and network.octaves is not None
    z = torch.randn(4, SMOOTH.latent)
    with torch.no_grad():
        maps = [network.stem(z)]
        for block in network.blocks:
            maps.append(block(maps[-1], None))
        level = network.octaves.level((maps[0].mean((2, 3), keepdim=True) - RECTIFIED) * 4.0)[:, 0]
        total = AMPLITUDES[0] * level + 0.5 * AMPLITUDES[-1] * network.head(maps[-1])[:, HEIGHT]
        for amplitude, head, features in zip(AMPLITUDES[1:], network.octaves.heads, maps[:-1], strict=True):
            part = head(features)
            while part.shape[-1] < TILES.width:
                part = F.interpolate(part, scale_factor=2.0, mode="bilinear")
            total = total + amplitude * part[:, 0]
        torch.testing.assert_close(network(z)[:, HEIGHT], torch.tanh(total), rtol=1e-5, atol=1e-6)


def land(amplitudes: Sequence[float], count: int = 400) -> Corpus:
    """Heights [N, 1, 32, 32] that are sums of white noise on each grid."""
    source = torch.Generator().manual_seed(0)
    level, *others = amplitudes
    total = level * torch.randn(count, 1, 1, 1, generator=source, dtype=torch.float64)
    total = total.expand(-1, -1, 4, 4)
    for at, amplitude in enumerate(others):
        if at:
            total = F.interpolate(total, scale_factor=2, mode="bilinear")
        total = total + amplitude * torch.randn(total.shape, generator=source, dtype=torch.float64)
    space = Space((Channel("height", -1.0, 1.0),), 32, 32)
    return Corpus(space, total.to(torch.float16).numpy())


def test_octaves_of_data_are_those_it_was_made_of() -> None:
    wanted = (0.3, 0.08, 0.04, 0.02, 0.01)
    found = octaves(land(wanted), "height")
    assert found[0] == pytest.approx(wanted[0], rel=0.1) and len(found) == len(wanted)
    # what is enlarged bilinearly loses up to half of its deviation, which no finer grid gets
    assert all(0.5 * amplitude < value < 1.1 * amplitude for value, amplitude in zip(found, wanted, strict=True))
    with pytest.raises(KeyError):
        octaves(land(wanted), "depth")


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
        replace(SMOOTH, smooth={name: (0.3, 0.1)}).build(TILES)


@pytest.mark.parametrize("amplitudes", [(), (0.3, 0.0)])
def test_amplitudes_are_checked(amplitudes: tuple[float, ...]) -> None:
    with pytest.raises(SpecError, match=r"smooth\.height.*above 0"):
        replace(SMOOTH, smooth={"height": amplitudes})
