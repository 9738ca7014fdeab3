"""WGAN-GP with residual networks, attention and two time scales on small sprites."""

from __future__ import annotations

from equipoise.augment import ColourJitter, Flip, Rotate
from equipoise.data import Images
from equipoise.networks.wgan import WganLargeCritic, WganLargeGenerator
from equipoise.recipe import Adam, Augment, Average, Cadence, Phase, Recipe, Span
from equipoise.recipes.sprites_small import GAME_REASONS, SOURCE_REASONS
from equipoise.terms import GradientPenalty, Wasserstein


def sprites_large() -> Recipe:
    """Up-sampling and convolution instead of transposed convolution; the notes' second set-up."""
    return Recipe(
        summary="WGAN-GP on sprites of 32 pixels, residual networks with attention: slower, sharper, no checkerboard",
        source=Images(size=32, fit="pad", filter="pixel"),
        generator=WganLargeGenerator(latent=128, width=96),
        critic=WganLargeCritic(width=96),
        phases={
            "main": Phase(
                length=Span(500, "epochs"),
                terms={"wasserstein": Wasserstein(), "gp": GradientPenalty(weight=10.0)},
                d_updates=5.0,
            )
        },
        g_optim=Adam(lr=1e-5, beta1=0.0, beta2=0.9),
        d_optim=Adam(lr=1e-4, beta1=0.0, beta2=0.9),
        average=Average(decay=0.999),
        augment=Augment(
            (Flip(horizontal=0.5), Rotate(degrees=10.0), ColourJitter(0.1, 0.1, 0.1, 0.02)), applies_to="real"
        ),
        batch=32,
        cadence=Cadence(tick_steps=5, sheet_steps=50),
        reasons={
            **SOURCE_REASONS,
            **GAME_REASONS,
            "generator.width": "notes: the large model's feature maps",
            "critic.width": "notes: as wide as the generator",
            "phases.main.length.amount": "notes: sprites need 500 to 2000 epochs",
            "g_optim.lr": "notes: a tenth of the critic's; two time scales, Heusel et al. 2017, arXiv:1706.08500",
            "d_optim.lr": "notes: 1e-4; two time scales, Heusel et al. 2017, arXiv:1706.08500",
            "batch": "notes: what fits with the wide networks",
        },
    )
