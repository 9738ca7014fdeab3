"""ADA's controller: the probability of augmentation, and what the critic's scores say about it.

::

    at every k-th critic update, before the critic moves:
        score held-out samples
        gap, lead = by how much training samples score above held-out ones, and above fakes
        r = gap / lead, each averaged over some adjustments
        p += clip((r - target) / SOFT, -1, 1) * (real samples since) / (samples from 0 to 1),  within 0 .. most

Where the paper has differences of means, these are differences of ranks: the mean sign over all pairs, 2 AUC - 1.  With
gradient penalties all scores are nearly equal, and a few outliers would make the means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from equipoise.engine.plan import Plan
from equipoise.engine.ranks import lead as above
from equipoise.view import Samples, View

REMEMBERED = 32
"""Adjustments over which both differences are averaged: 128 updates, where one batch would say next to nothing."""
LEAST_LEAD = 0.05
"""A critic that ranks real samples above fakes by no more has no lead that could be told from chance."""
SOFT = 0.4
"""Within so much of the target p moves more slowly, and so settles.  A guess; the paper has the sign alone."""


@dataclass(slots=True)
class Adaptation:
    """Part of a run's state."""

    probability: float = 0.0
    overfitting: float | None = None
    """At the last adjustment; none before the first."""
    gap: float = 0.0
    """Of training samples over held-out ones; without those, over fakes."""
    lead: float = 0.0
    """Of training samples over fakes; without held-out ones, 1."""
    adjustments: int = 0
    updates: int = 0
    """Of the critic, since then."""


def probability_of(plan: Plan, adaptation: Adaptation) -> float:
    """With which probability each operation is made: 1 where nothing is adaptive."""
    augment = plan.recipe.augment
    return 1.0 if augment is None or augment.adaptive is None else adaptation.probability


@torch.no_grad()
def adapt(plan: Plan, adaptation: Adaptation, view: View, next_held_out: Callable[[], Samples] | None) -> None:
    """Count one critic update, and adjust the probability when it is time.

    `view` is what the update sees, and `next_held_out` gives samples as the critic is shown them.  The critic must not
    have moved since it gave the view's scores: compared with later scores of held-out samples they would be too low,
    for a critic that learns.  All processes come to the same result.
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
        held_out = next_held_out()
    gap, lead = _differences(plan, view, held_out)
    adaptation.adjustments += 1
    newest = 1.0 / min(adaptation.adjustments, REMEMBERED)
    adaptation.gap += (gap - adaptation.gap) * newest
    adaptation.lead += (lead - adaptation.lead) * newest
    overfitting = adaptation.gap / max(adaptation.lead, LEAST_LEAD)
    pull = min(max((overfitting - settings.target) / SOFT, -1.0), 1.0)
    moved = adaptation.probability + pull * adaptation.updates * plan.recipe.batch / settings.images
    adaptation.probability = min(max(moved, 0.0), settings.most)
    adaptation.overfitting = overfitting
    adaptation.updates = 0


def _differences(plan: Plan, view: View, held_out: Samples | None) -> tuple[float, float]:
    """What `Adaptation` averages."""
    over_fakes = above(view.real_scores, view.fake_scores)
    if held_out is None:
        return float(plan.world.average(over_fakes[None])), 1.0
    over_held_out = above(view.real_scores, view.critic(held_out))
    gap, lead = plan.world.average(torch.stack([over_held_out, over_fakes])).tolist()
    return gap, lead
