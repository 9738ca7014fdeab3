"""ADA's controller: the probability of augmentation, and what the critic's scores say about it.

::

    at every k-th critic update, before the critic moves:
        score held-out samples
        r = how far the critic overfits: a ratio of two differences of scores, each averaged over some adjustments
        p += sign(r - target) * (real samples since) / (samples from 0 to 1),  within 0 .. most
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from equipoise.augment import apply
from equipoise.engine.plan import Plan
from equipoise.view import Samples, View

REMEMBERED = 16
"""Adjustments over which the differences are averaged.  In a well-kept game the scores of real samples and of fakes
differ by little, and the ratio of two such differences of one batch each is mostly chance (LAB.md)."""


@dataclass(slots=True)
class Adaptation:
    """Part of a run's state."""

    probability: float = 0.0
    overfitting: float | None = None
    """At the last adjustment; none before the first."""
    gap: float = 0.0
    """Mean difference that tells of overfitting; that to held-out samples, or a sign."""
    lead: float = 0.0
    """Mean difference that it is measured by; that to fakes, or 1."""
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
    gap, lead = _differences(plan, view, held_out)
    adaptation.gap += (gap - adaptation.gap) / REMEMBERED
    adaptation.lead += (lead - adaptation.lead) / REMEMBERED
    overfitting = adaptation.gap / adaptation.lead if adaptation.lead > 0.0 else 0.0
    sign = (overfitting > settings.target) - (overfitting < settings.target)
    moved = adaptation.probability + sign * adaptation.updates * plan.recipe.batch / settings.images
    adaptation.probability = min(max(moved, 0.0), settings.most)
    adaptation.overfitting = overfitting
    adaptation.updates = 0


def _differences(plan: Plan, view: View, held_out: Samples | None) -> tuple[float, float]:
    """What `Adaptation` averages: both begin at 0, which their ratio does not show."""
    real, fake = view.real_scores, view.fake_scores
    if held_out is None:
        return float(plan.world.average((real[:, None] - fake[None, :]).sign().mean()[None])), 1.0
    means = torch.stack([real.mean(), fake.mean(), view.critic(held_out).mean()])
    of_real, of_fake, of_held_out = plan.world.average(means).tolist()
    return of_real - of_held_out, of_real - of_fake
