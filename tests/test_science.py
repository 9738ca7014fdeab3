"""What the docstrings of losses and penalties claim, measured: equilibria, directions, stability, scaling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import tiny
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.state import initial_networks, initial_state
from equipoise.engine.step import step
from equipoise.recipe import Adversarial, Phase, Recipe, Term
from equipoise.schedule import Progress, value_at
from equipoise.space import Channel, Space
from equipoise.terms import (
    BCE,
    R1,
    R2,
    GradientPenalty,
    Hinge,
    LeastSquares,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)
from equipoise.view import Batch, Side, View, scoring

LN2 = math.log(2.0)
START = Progress(0, 0, 0.0)
LOSSES = (BCE(), LeastSquares(), Hinge(), Wasserstein(), RelativisticPairing(), RelativisticAverage())
OFFSET_FREE = (RelativisticPairing(), RelativisticAverage())


def name_of(term: object) -> str:
    return type(term).__name__


def scored(side: Side, real: Tensor, fake: Tensor) -> View:
    """A view whose samples are their own scores."""
    return View(side, real.view(-1, 1, 1, 1), fake.view(-1, 1, 1, 1), scoring(lambda samples: samples.flatten(1)[:, 0]))


# Equilibrium and floor: the values by which losses of different kinds are compared


@pytest.mark.parametrize(
    ("loss", "score", "critic", "generator"),
    [
        (BCE(), 0.0, 2 * LN2, LN2),
        (BCE(saturating=True), 0.0, 2 * LN2, -LN2),
        (BCE(real_label=0.9), math.log(0.45 / 0.55), 1.376, 0.799),
        (LeastSquares(), 0.5, 0.5, 0.25),
        (LeastSquares(real=1, fake=-1, generator=0), 0.0, 2.0, 0.0),
        (Hinge(), 0.0, 2.0, 0.0),
        (Wasserstein(), 0.0, 0.0, 0.0),
        (RelativisticPairing(), 0.0, LN2, LN2),
        (RelativisticAverage(), 0.0, 2 * LN2, 2 * LN2),
    ],
    ids=lambda each: name_of(each) if isinstance(each, Adversarial) else "",
)
def test_a_critic_that_cannot_tell_has_the_loss_that_the_docstring_says(
    loss: Adversarial, score: float, critic: float, generator: float
) -> None:
    same = torch.full((4,), score)
    assert loss(scored("D", same, same)).tolist() == pytest.approx([critic] * 4, abs=5e-4)
    assert loss(scored("G", same, same)).tolist() == pytest.approx([generator] * 4, abs=5e-4)


@pytest.mark.parametrize(
    ("loss", "equilibrium"),
    [(BCE(), 0.0), (BCE(real_label=0.9), math.log(0.45 / 0.55)), (LeastSquares(), 0.5), (Hinge(), 0.0)],
    ids=lambda each: name_of(each) if isinstance(each, Adversarial) else "",
)
def test_among_blind_critics_the_one_at_equilibrium_is_best(loss: Adversarial, equilibrium: float) -> None:
    def blind(score: float) -> float:
        return loss(scored("D", torch.full((1,), score), torch.full((1,), score))).item()

    assert all(blind(equilibrium) <= blind(equilibrium + shift) + 1e-6 for shift in (-1.5, -0.1, 0.1, 1.5))


@pytest.mark.parametrize(
    ("loss", "real", "fake", "floor"),
    [
        (BCE(), 30.0, -30.0, 0.0),
        (BCE(real_label=0.9), math.log(9.0), -30.0, 0.325),
        (LeastSquares(), 1.0, 0.0, 0.0),
        (Hinge(), 1.0, -1.0, 0.0),
        (RelativisticPairing(), 30.0, -30.0, 0.0),
        (RelativisticAverage(), 30.0, -30.0, 0.0),
    ],
    ids=lambda each: name_of(each) if isinstance(each, Adversarial) else "",
)
def test_a_perfect_critic_is_at_the_floor(loss: Adversarial, real: float, fake: float, floor: float) -> None:
    assert loss(scored("D", torch.tensor([real]), torch.tensor([fake]))).item() == pytest.approx(floor, abs=5e-4)


# Direction and offset


@pytest.mark.parametrize("side", ["D", "G"])
@pytest.mark.parametrize("loss", [*LOSSES, BCE(saturating=True), BCE(real_label=0.9, fake_label=0.1)], ids=name_of)
def test_gradients_by_the_scores_are_those_of_finite_differences_and_point_the_right_way(
    loss: Adversarial, side: Side
) -> None:
    """The critic drives real scores up and fake ones down, the generator its fakes up."""
    real = torch.tensor([0.2, 0.6, 0.4], dtype=torch.float64, requires_grad=True)  # within the targets of LSGAN
    fake = torch.tensor([0.7, 0.1, 0.5], dtype=torch.float64, requires_grad=True)

    def total(real: Tensor, fake: Tensor) -> Tensor:
        return loss(scored(side, real, fake)).sum()

    assert torch.autograd.gradcheck(total, (real, fake))
    by_real, by_fake = torch.autograd.grad(total(real, fake), (real, fake), allow_unused=True)
    assert (by_fake > 0).all() if side == "D" else (by_fake < 0).all()
    assert side == "G" or (by_real < 0).all()


@pytest.mark.parametrize("side", ["D", "G"])
def test_relativistic_losses_do_not_see_a_constant_added_to_all_scores(side: Side) -> None:
    real, fake = torch.randn(2, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64).unbind()
    for loss in OFFSET_FREE:
        torch.testing.assert_close(loss(scored(side, real + 17.0, fake + 17.0)), loss(scored(side, real, fake)))
    assert not torch.allclose(BCE()(scored(side, real + 17.0, fake + 17.0)), BCE()(scored(side, real, fake)))


# The Dirac-GAN (Mescheder et al. 2018, section 2): data at 0, a generator that is one point theta, D(x) = psi x.  Plain
# gradient descent on the losses circles around the equilibrium (0, 0); with a zero-centred penalty it comes to rest.

RATE = 0.2
TURNS = 100
BEGINNING = (1.0, 1.0)
RADIUS = math.hypot(*BEGINNING)


def dirac_radii(terms: dict[str, Term], *, alternating: bool) -> list[float]:
    """The distance from the equilibrium after each turn."""
    psi, theta = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in BEGINNING)
    radii = []
    for _ in range(TURNS):
        slope = _objective("D", terms, psi, theta, by=psi)
        if alternating:
            psi = (psi - RATE * slope).detach().requires_grad_()
        pull = _objective("G", terms, psi, theta, by=theta)
        if not alternating:
            psi = (psi - RATE * slope).detach().requires_grad_()
        theta = (theta - RATE * pull).detach().requires_grad_()
        radii.append(math.hypot(psi.item(), theta.item()))
    return radii


def _objective(side: Side, terms: dict[str, Term], psi: Tensor, theta: Tensor, by: Tensor) -> Tensor:
    """The gradient of one side's weighted terms."""
    real = torch.zeros(1, 1, 1, 1, dtype=torch.float64, requires_grad=True)
    fake = theta.view(1, 1, 1, 1)
    fake = fake.detach().requires_grad_() if side == "D" else fake
    view = View(side, real, fake, scoring(lambda samples: psi * samples.flatten(1)[:, 0]))
    total = torch.stack(
        [value_at(term.weight, START) * term(view).mean() for term in terms.values() if side in term.sides]
    )
    (gradient,) = torch.autograd.grad(total.sum(), by)
    return gradient


@pytest.mark.parametrize("loss", [BCE(saturating=True), Wasserstein()], ids=name_of)
def test_the_dirac_gan_spirals_outwards_when_both_move_at_once(loss: Adversarial) -> None:
    radii = dirac_radii({"game": loss}, alternating=False)
    assert min(radii) >= RADIUS
    assert radii[-1] > 1.2 * RADIUS


@pytest.mark.parametrize("loss", [BCE(saturating=True), Hinge(), Wasserstein()], ids=name_of)
def test_the_dirac_gan_circles_when_the_two_take_turns(loss: Adversarial) -> None:
    radii = dirac_radii({"game": loss}, alternating=True)
    assert min(radii[-50:]) > 0.85 * RADIUS
    assert max(radii) < 1.15 * RADIUS


RESTING = [BCE(), BCE(saturating=True), Hinge(), Wasserstein(), RelativisticPairing(), RelativisticAverage()]


@pytest.mark.parametrize("loss", RESTING, ids=name_of)
def test_the_dirac_gan_comes_to_rest_with_r1(loss: Adversarial) -> None:
    assert dirac_radii({"game": loss, "r1": R1(weight=1.0)}, alternating=False)[-1] < 0.02


def test_the_dirac_gan_comes_to_rest_with_r2_and_in_turns_too() -> None:
    assert dirac_radii({"game": Wasserstein(), "r2": R2(weight=1.0)}, alternating=True)[-1] < 0.02


def test_the_dirac_gan_does_not_come_to_rest_with_the_one_centred_penalty() -> None:
    """WGAN-GP keeps circling (their section 2.3 and figure 1)."""
    torch.manual_seed(0)
    radii = dirac_radii({"game": Wasserstein(), "gp": GradientPenalty(weight=1.0)}, alternating=True)
    assert min(radii) > 0.5 * RADIUS


# Penalties


def linear(scale: float, dimension: int = 48) -> Callable[[Tensor], Tensor]:
    """A critic of constant slope `scale`."""
    direction = torch.nn.functional.normalize(torch.randn(dimension, generator=torch.Generator().manual_seed(0)), dim=0)
    return lambda samples: scale * (samples.flatten(1) @ direction) + 3.0


def curved(scale: float) -> Callable[[Tensor], Tensor]:
    return lambda samples: scale * torch.tanh(linear(0.3)(samples) * samples.flatten(1).square().mean(1))


def opened(critic: Callable[[Tensor], Tensor]) -> View:
    source = torch.Generator().manual_seed(5)
    real, fake = (torch.randn(16, 3, 4, 4, generator=source).requires_grad_() for _ in range(2))
    return View("D", real, fake, scoring(critic))


@pytest.mark.parametrize(
    ("slope", "target", "one_sided", "expected"),
    [
        (1.0, 1.0, False, 0.0),
        (3.0, 1.0, False, 4.0),
        (0.4, 1.0, False, 0.36),
        (0.4, 1.0, True, 0.0),
        (3.0, 1.0, True, 4.0),
    ],
)
def test_the_gradient_penalty_is_zero_for_a_critic_of_unit_slope_and_squared_beyond(
    slope: float, target: float, one_sided: bool, expected: float
) -> None:
    result = GradientPenalty(target=target, one_sided=one_sided)(opened(linear(slope)))
    torch.testing.assert_close(result, torch.full((16,), expected), atol=1e-5, rtol=1e-5)


def test_the_wasserstein_optimum_between_two_points_has_no_penalty_and_measures_their_distance() -> None:
    """D(x) = <x, direction> is optimal for a shift along the direction: loss minus the shift, penalty 0."""
    critic = linear(1.0)
    real = torch.randn(32, 3, 4, 4, generator=torch.Generator().manual_seed(5))
    direction = torch.autograd.functional.jacobian(critic, torch.zeros(1, 3, 4, 4))[0]
    view = View("D", real, real - 2.5 * direction, scoring(critic))
    torch.testing.assert_close(Wasserstein()(view), torch.full((32,), -2.5), atol=1e-4, rtol=0)
    torch.testing.assert_close(GradientPenalty()(view), torch.zeros(32), atol=1e-5, rtol=0)


@pytest.mark.parametrize("penalty", [R1(), R2()], ids=name_of)
def test_zero_centred_penalties_are_quadratic_in_the_critics_scale(penalty: Term) -> None:
    once = penalty(opened(curved(1.0)))
    assert (once > 0).all()
    for scale in (0.25, 3.0, -2.0):
        torch.testing.assert_close(penalty(opened(curved(scale))), scale**2 * once)


@pytest.mark.parametrize("penalty", [R1(), R2()], ids=name_of)
def test_half_the_squared_slope_of_a_linear_critic(penalty: Term) -> None:
    torch.testing.assert_close(penalty(opened(linear(3.0))), torch.full((16,), 4.5))


# Lazy regularisation, in the engine itself

PLANE = Space((Channel("x", -1, 1), Channel("y", -1, 1)), 1, 1)
UPDATES = 16


def summed_critic_gradients(recipe: Recipe, next_batch: Callable[[], Batch]) -> list[Tensor]:
    """The critic's gradients summed over `UPDATES` steps in which no weight moves."""
    frozen = replace(recipe, g_optim=replace(recipe.g_optim, lr=0.0), d_optim=replace(recipe.d_optim, lr=0.0))
    plan = Plan(frozen, PLANE, 1000, torch.device("cpu"))
    state = initial_state(plan, initial_networks(plan))
    sums = [torch.zeros_like(weight) for weight in state.critic.module.parameters()]
    for _ in range(UPDATES):
        step(plan, state, next_batch, Meter())
        for total, weight in zip(sums, state.critic.module.parameters(), strict=True):
            total += 0.0 if weight.grad is None else weight.grad
    return sums


def with_r1(every: int) -> Recipe:
    recipe = tiny.points()
    terms = {"game": RelativisticPairing(), "r1": R1(weight=5.0, every=every)}
    return replace(recipe, phases={"main": Phase(recipe.phases["main"].length, terms)})


def without_r1() -> Recipe:
    recipe = tiny.points()
    return replace(recipe, phases={"main": Phase(recipe.phases["main"].length, {"game": RelativisticPairing()})})


def test_lazy_r1_pulls_as_hard_as_r1_at_every_update() -> None:
    """On one and the same batch the sums over 16 updates agree, so over any batches they agree in expectation."""
    batch = Batch(torch.randn(32, 2, 1, 1, generator=torch.Generator().manual_seed(0)))
    always, lazy, never = (
        summed_critic_gradients(recipe, lambda: batch) for recipe in (with_r1(1), with_r1(UPDATES), without_r1())
    )
    torch.testing.assert_close(lazy, always, rtol=1e-4, atol=1e-5)
    assert _distance(always, never) > 0.1 * _distance(always, [torch.zeros_like(total) for total in always])


def _distance(a: list[Tensor], b: list[Tensor]) -> float:
    return math.sqrt(sum((x - y).square().sum().item() for x, y in zip(a, b, strict=True)))
