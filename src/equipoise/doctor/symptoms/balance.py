"""The game between critic and generator: one of them wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from equipoise.doctor import remedies
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Trace

WARM_UP: Final = 500.0
"""Steps in which every critic may be sure of itself."""
SURE_LOSS: Final = 0.05
SURE_AUC: Final = 0.995
LEAST_GRADIENT: Final = 0.01
"""Of what the gradient at the generator's output was early on."""


@dataclass(frozen=True, slots=True)
class CriticWins(Symptom):
    key: ClassVar[str] = "critic-wins"
    title: ClassVar[str] = "the critic tells real from fake without fail, and the generator gets nothing to learn from"
    looks_like: ClassVar[str] = (
        "The critic's loss falls to almost nothing and stays there, the generator's rises and stays high, D(x) is near "
        "1 and D(G(z)) near 0.  The sheets stop changing, or never become pictures."
    )
    means: ClassVar[str] = (
        "Where the critic is sure of everything its score is flat around the fakes, so the generator's gradient "
        "vanishes."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "in the first few hundred steps every critic wins; with a relativistic or hinge loss and small "
        "batches a loss of nothing can go with good samples, so the samples decide",
        "overfitting": "there the critic is sure of training samples alone, not of those held out",
    }
    sources: ClassVar[tuple[str, ...]] = (
        "Arjovsky & Bottou 2017, arXiv:1701.04862, theorem 2.4",
        "notes on radio bursts: Loss_D 0.0000, Loss_G 46.8 from the second epoch on",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((_sure_by_loss(trace), _sure_by_scores(trace), _gradient_is_gone(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (remedies.bound_the_slope(trace.settings), remedies.slower_critic(trace.settings))


def _sure_by_loss(trace: Trace) -> Evidence | None:
    losses = trace.normalised
    if losses is None or trace.game is None or trace.game.is_relativistic:
        return None
    late = losses.smooth(trace.window).after(WARM_UP)
    onset = late.lasting(late.values < SURE_LOSS, trace.window)
    if onset is None:
        return None
    said = f"the critic's loss is at {late.values[-1]:.1%} of what it is when the critic cannot tell; below 5 % since"
    return Evidence("losses", said, "d_loss", onset)


def _sure_by_scores(trace: Trace) -> Evidence | None:
    scores = trace.get("auc")
    if scores is None:
        return None
    late = scores.smooth(trace.window).after(WARM_UP)
    onset = late.lasting(late.values > SURE_AUC, trace.window)
    if onset is None:
        return None
    return Evidence("losses", f"{late.values[-1]:.2%} of real samples score above a fake", "auc", onset, 0.7)


def _gradient_is_gone(trace: Trace) -> Evidence | None:
    norms = trace.get("grad_at_output")
    if norms is None or len(norms.before(WARM_UP)) == 0:
        return None
    early = float(norms.before(WARM_UP).smooth(trace.window).values[-1])
    late = norms.smooth(trace.window).after(WARM_UP)
    onset = late.lasting(late.values < LEAST_GRADIENT * early, trace.window)
    if onset is None:
        return None
    return Evidence(
        "gradients",
        f"the gradient at its output is {late.values[-1] / early:.1%} of the early one",
        "grad_at_output",
        onset,
    )
