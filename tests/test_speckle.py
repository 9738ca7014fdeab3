"""Noise on the grids of tiles: new while training, chosen by the latent otherwise."""

from __future__ import annotations

from dataclasses import replace

import torch

from equipoise import recipes
from equipoise.engine.plan import Plan
from equipoise.engine.reach import misfits
from equipoise.networks import TilesGenerator
from equipoise.networks.tiles import NoiseBank, TilesNetwork
from equipoise.space import Channel, Space
from equipoise.view import Batch

TILES = Space((Channel("height"), Channel("trees")), 32, 32)
SPECKLED = TilesGenerator(latent=6, width=8, speckle=0.5)


def built(settings: TilesGenerator = SPECKLED) -> TilesNetwork:
    torch.manual_seed(0)
    network = settings.build(TILES)
    assert isinstance(network, TilesNetwork)
    return network


@torch.no_grad()
def test_a_latent_is_drawn_alike_again_and_learned_from_anew() -> None:
    network, z = built(), torch.randn(4, 6)
    assert not torch.equal(network(z), network(z))
    network.eval()
    torch.testing.assert_close(network(z), network(z), rtol=0.0, atol=0.0)
    torch.testing.assert_close(network(z)[:2], network(z[:2]), rtol=0.0, atol=1e-5)  # whatever is drawn beside it


@torch.no_grad()
def test_every_latent_has_noise_of_its_own_of_unit_strength() -> None:
    torch.manual_seed(0)
    bank = NoiseBank().eval()
    noise = bank(torch.randn(64, 6), 32, 16)
    alike = torch.corrcoef(noise.flatten(1)) - torch.eye(64)
    assert alike.abs().max() < 0.5 and abs(noise.std() - 1.0) < 0.05
    assert bank(torch.randn(64, 1), 32, 16).shape == (64, 1, 32, 16)


def test_strengths_learn_and_are_kept() -> None:
    network = built()
    network(torch.randn(4, 6)).square().sum().backward()
    strengths = [weight for name, weight in network.named_parameters() if name.endswith("strength")]
    assert len(strengths) == len(network.blocks) and all(w.grad is not None and w.grad.any() for w in strengths)
    torch.manual_seed(1)
    other = SPECKLED.build(TILES)
    other.load_state_dict(network.state_dict())
    z = torch.randn(2, 6)
    with torch.no_grad():
        torch.testing.assert_close(other.eval()(z), network.eval()(z), rtol=0.0, atol=0.0)


def test_without_it_nothing_is_random() -> None:
    network, z = built(replace(SPECKLED, speckle=0.0)), torch.randn(4, 6)
    assert not any(name.endswith(("strength", "map")) for name in network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(network(z), network(z), rtol=0.0, atol=0.0)


def test_what_recipe_terrain_trains_reaches_both_sides_of_the_middle() -> None:
    """Its untrained generator seems not to, as long as its batch norms have seen nothing."""
    recipe = recipes.load("terrain")
    both = Space((Channel("height"), Channel("trees")), 32, 32)
    real = torch.rand(32, 2, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for seed in range(4):
        torch.manual_seed(seed)
        plan = Plan(replace(recipe, tailor=None, seed=seed), both, 32, torch.device("cpu"))
        generator = recipe.generator.build(both).eval()
        assert misfits(plan, generator, Batch(real)) == []
        assert not generator.training
