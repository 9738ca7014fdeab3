"""A run that finds nothing, to watch the autopilot: nothing bounds the critic, which is fast and has momentum.

equipoise train examples/sick.py:sick --autopilot act --set autopilot.extra=1
"""

from __future__ import annotations

from equipoise.data import Ring
from equipoise.networks.mlp import MlpCritic, MlpGenerator
from equipoise.recipe import Adam, Cadence, Phase, Precision, Recipe, Span
from equipoise.terms import BCE


def sick() -> Recipe:
    """Eight Gaussians on a ring, of which the samples are one cloud that wanders."""
    return Recipe(
        source=Ring(),
        generator=MlpGenerator(latent=4, width=64, depth=3),
        critic=MlpCritic(width=64, depth=3),
        phases={"main": Phase(Span(3000), {"game": BCE()})},
        g_optim=Adam(lr=5e-4),
        d_optim=Adam(lr=0.05, beta1=0.9, beta2=0.999),
        batch=32,
        cadence=Cadence(tick_steps=20, sheet_steps=250, checkpoint_steps=250),
        precision=Precision("float32", "contiguous"),
    )
