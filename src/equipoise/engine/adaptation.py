"""ADA's controller: the probability of augmentation, and what the critic's scores say about it.

::

    at every critic update:      add up the mean scores of reals and fakes, and the mean sign of their differences
    at every k-th of them:       score held-out samples too;  r = how far the critic overfits
                                 p += sign(r - target) * (real samples since) / (samples from 0 to 1), within 0 .. most
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from equipoise.augment import apply
from equipoise.engine.plan import Plan
from equipoise.recipe import Adaptive
from equipoise.view import Samples, View


@dataclass(slots=True)
class Adaptation:
    """Part of a run's state.  Sums are over critic updates since the last adjustment."""

    probability: float = 0.0
    overfitting: float = math.nan
    """The sign of it at the last adjustment."""
    updates: int = 0
    real: float = 0.0
    fake: float = 0.0
    sign: float = 0.0


def probability_of(plan: Plan, adaptation: Adaptation) -> float:
    """With which probability each operation is made: 1 where nothing is adaptive."""
    augment = plan.recipe.augment
    return 1.0 if augment is None or augment.adaptive is None else adaptation.probability


@torch.no_grad()
def adapt(plan: Plan, adaptation: Adaptation, view: View, next_held_out: Callable[[], Samples] | None) -> None:
    """Count one critic update, and adjust the probability when enough have been counted.

    `view` is what the update has seen; all processes of a run come to the same probability.
    """
    augment = plan.recipe.augment
    if augment is None or augment.adaptive is None:
        return
    settings = augment.adaptive
    real, fake = view.real_scores.detach(), view.fake_scores.detach()
    seen = torch.stack([real.mean(), fake.mean(), (real[:, None] - fake[None, :]).sign().mean()])
    means = plan.world.average(seen).tolist()
    adaptation.real += means[0]
    adaptation.fake += means[1]
    adaptation.sign += means[2]
    adaptation.updates += 1
    if adaptation.updates < settings.every:
        return
    adaptation.overfitting = _overfitting(plan, settings, adaptation, view, next_held_out)
    step = adaptation.updates * plan.recipe.batch / settings.images
    moved = adaptation.probability + math.copysign(step, adaptation.overfitting - settings.target)
    adaptation.probability = min(max(moved, 0.0), settings.most)
    adaptation.updates, adaptation.real, adaptation.fake, adaptation.sign = 0, 0.0, 0.0, 0.0


def _overfitting(
    plan: Plan, settings: Adaptive, sums: Adaptation, view: View, next_held_out: Callable[[], Samples] | None
) -> float:
    if settings.signal == "sign" or next_held_out is None:
        return sums.sign / sums.updates
    assert plan.recipe.augment is not None
    samples = apply(plan.recipe.augment.operations, next_held_out(), sums.probability)
    held_out = plan.world.average(view.critic(samples).mean()[None]).item()
    real, fake = sums.real / sums.updates, sums.fake / sums.updates
    return (real - held_out) / (real - fake) if real > fake else 0.0
