"""What is trained where nothing is wrong: a healthy run, and what most of them have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from equipoise.networks import DcganGenerator, MlpCritic, MlpGenerator
from equipoise.recipe import (
    Adam,
    Autopilot,
    Average,
    Cadence,
    Critic,
    Encoder,
    Generator,
    Phase,
    Precision,
    Recipe,
    Source,
    Span,
    Term,
)

Part = Literal["dev", "test", "fresh", "healthy"]
Truth = Literal["modes", "features", "channels", "asked", "pairs"]
"""How the outcome is known; see `outcome`."""
EVALUATIONS = 10
TICK_STEPS = 10
POINTS_STEPS, GRID_STEPS, PICTURES_STEPS = 2000, 5000, 1000
EXACT = Precision("float32", "contiguous")
CADENCE = Cadence(tick_steps=TICK_STEPS, probe_steps=25, measuring_share=1.0, checkpoint_s=1e6, keep_recent=1)


@dataclass(frozen=True)
class Base:
    """A healthy run."""

    key: str
    recipe: Recipe
    truth: Truth
    part: Part = "dev"
    data: str = ""
    """Below the folder of shared data; nothing for data that are made."""

    @property
    def steps(self) -> int:
        return round(sum(phase.length.amount for phase in self.recipe.phases.values()))

    @property
    def begin(self) -> int:
        """The step at which the last phase begins, from which a doctor counts."""
        return round(sum(phase.length.amount for phase in list(self.recipe.phases.values())[:-1]))

    @property
    def every(self) -> int:
        """Steps between two evaluations."""
        return max(TICK_STEPS, self.steps // EVALUATIONS // TICK_STEPS * TICK_STEPS)

    @property
    def game(self) -> Term:
        found = next(phase.adversarial for phase in reversed(list(self.recipe.phases.values())))
        assert found is not None
        return found


def whole(
    source: Source,
    generator: Generator,
    critic: Critic,
    phases: Mapping[str, Phase],
    lr: float,
    batch: int = 64,
    encoder: Encoder | None = None,
) -> Recipe:
    """A recipe with one rate for both sides and no momentum.

    What is broken is trained all the same, so that the doctor can be asked about it; see `refusing`.
    """
    adam, average = Adam(lr=lr, beta1=0.0, beta2=0.99), Average(0.995)
    made = Recipe(source, generator, critic, phases, adam, adam, encoder, average, batch=batch, precision=EXACT)
    return replace(made, autopilot=Autopilot(mode="off"), on_fault="train")


def points(source: Source, terms: Mapping[str, Term], d_updates: float = 1.0, steps: int = POINTS_STEPS) -> Recipe:
    """Perceptrons on Gaussians in the plane."""
    phase = Phase(Span(steps), terms, d_updates=d_updates)
    generator = MlpGenerator(latent=4, width=64, depth=3, activation="relu")
    return whole(source, generator, MlpCritic(width=64, depth=3), {"main": phase}, 1e-3)


def pictures(
    source: Source, terms: Mapping[str, Term], critic: Critic, batch: int = 32, width: int = 12, d_updates: float = 1.0
) -> Recipe:
    """A small DCGAN."""
    phase = Phase(Span(PICTURES_STEPS), terms, d_updates=d_updates, share_fakes=d_updates == 1.0)
    generator = DcganGenerator(latent=32, width=width, upsampling="nearest")
    return whole(source, generator, critic, {"main": phase}, 1e-3, batch)


def large(source: Source, terms: Mapping[str, Term], critic: Critic) -> Recipe:
    """The same for 32 pixels: narrower, and fewer at a time."""
    return pictures(source, terms, critic, batch=16, width=8)
