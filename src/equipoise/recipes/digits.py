"""The embedded example: real handwritten digits, a small convolutional pair, and a game that does not collapse."""

from __future__ import annotations

from equipoise.data import Digits
from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.recipe import Adam, Average, Cadence, Phase, Recipe, Span
from equipoise.schedule import Cosine
from equipoise.terms import R1, R2, RelativisticPairing


def digits() -> Recipe:
    """Relativistic pairing with both zero-centred penalties on scikit-learn's 1797 digits."""
    return Recipe(
        summary="1797 real handwritten digits that come with scikit-learn: all ten in a few minutes on two cores",
        source=Digits(size=16),
        generator=DcganGenerator(latent=32, width=32),
        critic=DcganCritic(width=32, norm="none"),
        phases={
            "main": Phase(
                length=Span(3000, "steps"),
                terms={"pairing": RelativisticPairing(), "r1": R1(weight=0.5), "r2": R2(weight=0.5)},
            )
        },
        g_optim=Adam(lr=Cosine(1e-3, 1e-4, until=3000), beta1=0.0, beta2=0.99),
        d_optim=Adam(lr=Cosine(1e-3, 1e-4, until=3000), beta1=0.0, beta2=0.99),
        average=Average(decay=0.995),
        batch=64,
        cadence=Cadence(tick_steps=20, sheet_steps=500),
    )
