"""WGAN-GP with small networks on small sprites."""

from __future__ import annotations

from equipoise.augment import ColourJitter, Flip, Rotate
from equipoise.data import Images
from equipoise.networks.wgan import WganSmallCritic, WganSmallGenerator
from equipoise.recipe import Adam, Augment, Average, Cadence, Phase, Recipe, Span
from equipoise.terms import GradientPenalty, Wasserstein


def sprites_small() -> Recipe:
    """Transposed convolutions against a layer-normed critic; the notes' first set-up."""
    return Recipe(
        summary="WGAN-GP on sprites and icons of 32 pixels, small networks: quick, sturdy, some checkerboard",
        source=Images(size=32, fit="pad", filter="pixel"),
        generator=WganSmallGenerator(latent=128, width=64),
        critic=WganSmallCritic(width=64),
        phases={
            "main": Phase(
                length=Span(500, "epochs"),
                terms={"wasserstein": Wasserstein(), "gp": GradientPenalty(weight=10.0)},
                d_updates=5.0,
            )
        },
        g_optim=Adam(lr=1e-4, beta1=0.0, beta2=0.9),
        d_optim=Adam(lr=1e-4, beta1=0.0, beta2=0.9),
        average=Average(decay=0.999),
        augment=Augment(
            (Flip(horizontal=0.5), Rotate(degrees=10.0), ColourJitter(0.1, 0.1, 0.1, 0.02)), applies_to="real"
        ),
        batch=64,
        cadence=Cadence(tick_steps=10, sheet_steps=100),
        reasons={
            **SOURCE_REASONS,
            **GAME_REASONS,
            "generator.width": "notes: the small model's feature maps",
            "critic.width": "notes: as wide as the generator; a much larger critic overpowers it",
            "phases.main.length.amount": "notes: sprites need 500 to 2000 epochs",
            "g_optim.lr": "notes: 1e-4 for both networks; Gulrajani et al. 2017, algorithm 1",
            "d_optim.lr": "notes: 1e-4 for both networks; Gulrajani et al. 2017, algorithm 1",
            "batch": "notes: about 7 % of 900 sprites a batch",
        },
    )


SOURCE_REASONS = {
    "source.size": "most sprites of the notes' kind are drawn on a grid of 32 or a multiple",
    "source.min_side": "no picture is too small to be padded",
    "cadence.tick_steps": "a line every few seconds on two cores",
    "cadence.sheet_steps": "a sheet every minute or so on two cores",
}

GAME_REASONS = {
    "generator.latent": "notes: 128; rarely the bottleneck",
    "phases.main.terms.wasserstein.weight": "Gulrajani et al. 2017: the generator's loss as it is",
    "phases.main.terms.gp.weight": "Gulrajani et al. 2017, section 4: 10 in all experiments; notes: do not touch first",
    "phases.main.terms.gp.target": "Gulrajani et al. 2017, equation 3",
    "phases.main.d_updates": "Gulrajani et al. 2017, algorithm 1; notes: more than five rarely helps on small data",
    "phases.main.g_updates": "one generator update a step; the ratio is what counts",
    "g_optim.beta1": "notes and Gulrajani et al. 2017, section 5: no momentum under a moving penalty",
    "g_optim.beta2": "Gulrajani et al. 2017, section 5",
    "d_optim.beta1": "notes and Gulrajani et al. 2017, section 5: no momentum under a moving penalty",
    "d_optim.beta2": "Gulrajani et al. 2017, section 5",
    "average.decay": "notes: 0.999, and only the average is shown",
    "augment.operations.0.horizontal": "notes: a mirrored sprite is a sprite",
    "augment.operations.1.degrees": "notes: small rotations keep a sprite plausible",
    "augment.operations.2.brightness": "notes: 0.1, less when results look washed out",
    "augment.operations.2.contrast": "notes: 0.1",
    "augment.operations.2.saturation": "notes: 0.1",
    "augment.operations.2.hue": "notes: 0.02, and 0.01 when colours look wrong",
}
"""The numbers that both sprite recipes share."""
