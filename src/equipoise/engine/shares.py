"""How much of the generator's gradient is the critic's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from equipoise.engine.world import World
from equipoise.recipe import Adversarial, Term
from equipoise.schedule import Progress, value_at
from equipoise.view import Samples, View

LEAST_NORM = 1e-12
"""Added to the norm of the adversarial gradient, which is divided by; far below what float32 gradients have."""


def balanced(
    due: Mapping[str, Term],
    losses: Mapping[str, Tensor],
    factors: Mapping[str, float | Tensor],
    view: View,
    progress: Progress,
    world: World,
) -> dict[str, Tensor]:
    """The factor of an adversarial term whose `share` is set, so that it has that share of the gradient at the fakes.

    ::

        factor = share / (1 - share) * ||d others / d fakes|| / ||d adversarial / d fakes||

    With a share of one half this is the adaptive weight of Esser et al. 2021 (arXiv:2012.09841, eq. 7), at the
    generator's output in place of its last layer, so that it does not depend on the network.  Without other terms the
    factor stays what it is.
    """
    found = {}
    for name, term in due.items():
        if isinstance(term, Adversarial) and term.share is not None:
            others = [factors[other] * loss for other, loss in losses.items() if other != name]
            made = view.made
            if others and made is not None:
                share = value_at(term.share, progress)
                squares = torch.stack([_square_at(made, torch.stack(others).sum()), _square_at(made, losses[name])])
                pull, push = world.average(squares).sqrt()
                found[name] = share / (1.0 - share) * pull / (push + LEAST_NORM)
    return found


def _square_at(made: Samples, loss: Tensor) -> Tensor:
    """The squared norm of a loss's gradient, which several processes can average."""
    (gradient,) = torch.autograd.grad(loss, made, retain_graph=True)
    square: Tensor = gradient.square().sum()
    return square
