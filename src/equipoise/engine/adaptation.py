"""ADA's controller: the probability of augmentation, and what the critic's scores say about it.

::

    at every k-th critic update, before the critic moves:
        score held-out samples;  r = how far the critic overfits, by this update's batches
        p += sign(r - target) * (real samples since) / (samples from 0 to 1),  within 0 .. most
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from equipoise.augment import apply
from equipoise.engine.plan import Plan
from equipoise.view import Samples, View


@dataclass(slots=True)
class Adaptation:
    """Part of a run's state."""

    probability: float = 0.0
    overfitting: float | None = None
    """At the last adjustment; none before the first."""
    updates: int = 0
    """Of the critic, since then."""


def probability_of(plan: Plan, adaptation: Adaptation) -> float:
    """With which probability each operation is made: 1 where nothing is adaptive."""
    augment = plan.recipe.augment
    return 1.0 if augment is None or augment.adaptive is None else adaptation.probability


@torch.no_grad()
def adapt(plan: Plan, adaptation: Adaptation, view: View, next_held_out: Callable[[], Samples] | None) -> None:
    """Count one critic update, and adjust the probability when it is time.

    `view` is what the update sees.  The critic must not have moved since it gave the view's scores: compared with later
    scores of held-out samples they would be too low, for a critic that learns.  All processes come to the same result.
    """
    augment = plan.recipe.augment
    if augment is None or augment.adaptive is None:
        return
    settings = augment.adaptive
    adaptation.updates += 1
    if adaptation.updates < settings.every:
        return
    held_out = None
    if settings.signal == "held_out" and next_held_out is not None:
        held_out = apply(augment.operations, next_held_out(), adaptation.probability)
    overfitting = _overfitting(plan, view, held_out)
    sign = (overfitting > settings.target) - (overfitting < settings.target)
    moved = adaptation.probability + sign * adaptation.updates * plan.recipe.batch / settings.images
    adaptation.probability = min(max(moved, 0.0), settings.most)
    adaptation.overfitting = overfitting
    adaptation.updates = 0


def _overfitting(plan: Plan, view: View, held_out: Samples | None) -> float:
    real, fake = view.real_scores, view.fake_scores
    if held_out is None:
        return float(plan.world.average((real[:, None] - fake[None, :]).sign().mean()[None]))
    means = torch.stack([real.mean(), fake.mean(), view.critic(held_out).mean()])
    of_real, of_fake, of_held_out = plan.world.average(means).tolist()
    return (of_real - of_held_out) / (of_real - of_fake) if of_real > of_fake else 0.0
