"""Recipes small enough to train in a second, for tests of everything around the training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from equipoise.data import Images, Ring
from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.networks.mlp import MlpCritic, MlpGenerator
from equipoise.recipe import Adam, Average, Cadence, Phase, Precision, Recipe, Span
from equipoise.terms import R1, GradientPenalty, RelativisticPairing, Wasserstein

EXACT = Precision("float32", "contiguous")


def points(steps: float = 40) -> Recipe:
    """A ring of points, two small perceptrons, relativistic pairing and R1."""
    return Recipe(
        source=Ring(),
        generator=MlpGenerator(latent=4, width=16, depth=1),
        critic=MlpCritic(width=16, depth=1),
        phases={"main": Phase(Span(steps), {"game": RelativisticPairing(), "r1": R1(weight=0.1, every=2)})},
        g_optim=Adam(lr=1e-3),
        d_optim=Adam(lr=1e-3),
        batch=32,
        cadence=Cadence(tick_steps=5, sheet_steps=20, checkpoint_steps=10, measuring_share=1.0),
        precision=EXACT,
    )


def two_phases() -> Recipe:
    """The same, first for longer than anybody waits."""
    first = points(1e6)
    return replace(first, phases={**first.phases, "later": points().phases["main"]})


def images(steps: float = 12) -> Recipe:
    """Pictures of 16 pixels, a narrow DCGAN with layer norm, WGAN-GP with two critic updates a step."""
    return Recipe(
        source=Images(size=16),
        generator=DcganGenerator(latent=8, width=4),
        critic=DcganCritic(width=4, norm="layer"),
        phases={"main": Phase(Span(steps), {"game": Wasserstein(), "gp": GradientPenalty(weight=10.0)}, d_updates=2.0)},
        g_optim=Adam(lr=1e-3, beta2=0.9),
        d_optim=Adam(lr=1e-3, beta2=0.9),
        average=Average(decay=0.9),
        batch=8,
        cadence=Cadence(tick_steps=3, sheet_steps=6, checkpoint_steps=4, measuring_share=1.0),
        precision=EXACT,
        on_fault="train",  # on noise, as a rule
    )


def coloured(folder: Path, count: int, seed: int = 0) -> Path:
    """A new folder of noisy pictures."""
    folder.mkdir()
    noise = np.random.default_rng(seed)
    for at in range(count):
        Image.fromarray(noise.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / f"{at:03}.png")
    return folder
