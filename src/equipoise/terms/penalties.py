"""Penalties on the critic's slope: how steeply its score changes with the sample.

All differentiate the critic's score by the sample and stay differentiable themselves (a second derivative).  They note
the slopes that they see: each in its own way, and all of them as `slope`, the norms [N].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from equipoise.recipe import Term
from equipoise.schedule import Rate
from equipoise.spec import Knob
from equipoise.terms.scores import one_each
from equipoise.view import PerSample, Samples, View

ROOT_EPS = 1e-12
"""Added under the root of a norm, whose derivative at zero is infinite: a critic that is flat at one sample would
make every weight NaN.  At slope 1 it changes the norm by 5e-13, less than float32 resolves."""


@dataclass(frozen=True)
class GradientPenalty(Term):
    """WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3): (||grad D(x_hat)|| - target)^2.

    x_hat lies at a uniformly random place between a real sample and the fake beside it, another place for each pair.
    One-sided, only slopes above the target are penalised.  At the optimum of the Wasserstein game the slope is 1 and
    the penalty 0; a penalty of exactly target^2 means a critic that is flat.
    Notes `gp_slope`, the norms [N] at the interpolates.
    """

    sides = frozenset({"D"})
    needs = frozenset({"critic", "fakes"})
    independent_samples = True
    penalises_slope = True
    notes = ("gp_slope", "slope")

    weight: Annotated[Rate, Knob("lambda", low=0, log=True, source="Gulrajani et al. 2017, section 4")] = 10.0
    target: Annotated[float, Knob("slope that is not penalised", low=0, source="Gulrajani et al. 2017, eq. 3")] = 1.0
    one_sided: bool = False

    def __call__(self, view: View) -> PerSample:
        between = interpolate(view.real, view.fake).requires_grad_()
        slope = (squared_slope(view.critic(between), between) + ROOT_EPS).sqrt()
        view.note("gp_slope", slope.detach())
        view.note("slope", slope.detach())
        excess = slope - self.target
        return (F.relu(excess) if self.one_sided else excess).square()


@dataclass(frozen=True)
class R1(Term):
    """R1 (Mescheder et al. 2018, arXiv:1801.04406, eq. 9): gamma / 2 * ||grad D(x)||^2 at real samples.

    `weight` is gamma; the factor 1/2 is inside the term.  Lazy with ``every=16`` (Karras et al. 2020,
    arXiv:1912.04958, appendix B).  Quadratic in the critic's scale.
    Notes `r1_squared_slope`, the squared norms [N] without the 1/2.
    """

    sides = frozenset({"D"})
    needs = frozenset({"critic"})
    differentiates = frozenset({"real"})
    penalises_slope = True
    notes = ("r1_squared_slope", "slope")

    weight: Annotated[Rate, Knob("gamma", low=0, log=True, source="Mescheder et al. 2018, their experiments")] = 10.0

    def __call__(self, view: View) -> PerSample:
        squared = squared_slope(view.real_scores, view.real)
        view.note("r1_squared_slope", squared.detach())
        view.note("slope", squared.detach().sqrt())
        return 0.5 * squared


@dataclass(frozen=True)
class R2(Term):
    """R2 (Mescheder et al. 2018, arXiv:1801.04406, eq. 10): gamma / 2 * ||grad D(G(z))||^2 at fakes.

    `weight` is gamma; the factor 1/2 is inside the term.  Quadratic in the critic's scale.
    Notes `r2_squared_slope`, the squared norms [N] without the 1/2.
    """

    sides = frozenset({"D"})
    needs = frozenset({"critic", "fakes"})
    differentiates = frozenset({"fake"})
    penalises_slope = True
    notes = ("r2_squared_slope", "slope")

    weight: Annotated[Rate, Knob("gamma", low=0, log=True, source="Mescheder et al. 2018, their experiments")] = 10.0

    def __call__(self, view: View) -> PerSample:
        squared = squared_slope(view.fake_scores, view.fake)
        view.note("r2_squared_slope", squared.detach())
        view.note("slope", squared.detach().sqrt())
        return 0.5 * squared


def interpolate(real: Samples, fake: Samples) -> Samples:
    """For each pair a point between the two, uniformly drawn, without history.  Raises `ValueError`."""
    if real.shape != fake.shape:
        raise ValueError(f"real samples {list(real.shape)} and fakes {list(fake.shape)} differ in shape")
    share = torch.rand(len(real), 1, 1, 1, dtype=real.dtype, device=real.device)
    return (real + share * (fake - real)).detach()


def squared_slope(scores: Tensor, samples: Samples) -> PerSample:
    """||d score / d sample||^2 for each sample, differentiable, in float32 or better.

    The gradient of the sum is the gradient of each only where the critic scores each sample by itself.  Autocast is
    off inside, or it would round the matrix products of a backward pass whose forward pass was exact.
    Raises `ValueError` unless there is one score for each sample.
    """
    with torch.autocast(samples.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(one_each(scores, samples).sum(), samples, create_graph=True)
    precise = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
    return precise.square().sum((1, 2, 3))
