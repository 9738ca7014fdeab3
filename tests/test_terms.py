"""Losses and penalties against numbers worked out by hand, slow twins, and the inputs that must not pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from equipoise.recipe import Adversarial, Term
from equipoise.schedule import Linear, Rate
from equipoise.spec import SpecError, decode, encode
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
from equipoise.terms.penalties import interpolate
from equipoise.view import Side, View, scoring

REAL_SCORES = (2.0, 0.0, -1.0)
FAKE_SCORES = (-1.0, 0.5, 3.0)
LOSSES = (BCE(), LeastSquares(), Hinge(), Wasserstein(), RelativisticPairing(), RelativisticAverage())
PENALTIES = (GradientPenalty(), GradientPenalty(one_sided=True), R1(), R2())


def plus(x: float) -> float:
    """ln(1 + e^x), in doubles."""
    return math.log1p(math.exp(x))


def first_value(samples: Tensor) -> Tensor:
    """The critic of these tests: a sample's score is its first number."""
    return samples.flatten(1)[:, 0]


def scored(side: Side = "D", real: tuple[float, ...] = REAL_SCORES, fake: tuple[float, ...] = FAKE_SCORES) -> View:
    """A view whose scores are these numbers."""
    return View(side, torch.tensor(real).view(-1, 1, 1, 1), torch.tensor(fake).view(-1, 1, 1, 1), scoring(first_value))


def pictures(side: Side = "D", critic: Callable[[Tensor], Tensor] | None = None, n: int = 5) -> View:
    """A view of random pictures, opened for differentiation, with a critic that is curved and scores each by itself."""
    source = torch.Generator().manual_seed(1)
    real, fake = (torch.randn(n, 2, 4, 4, generator=source, dtype=torch.float64) for _ in range(2))
    return View(side, real.requires_grad_(), fake.requires_grad_(), scoring(critic or curved_critic()))


def curved_critic(dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0)).to(dtype)


# Adversarial losses, by hand: D(x) is 2, 0, -1 and D(G(z)) is -1, 0.5, 3

BY_HAND: list[tuple[Adversarial, Side, list[float]]] = [
    (BCE(), "D", [plus(-2) + plus(-1), plus(0) + plus(0.5), plus(1) + plus(3)]),
    (BCE(), "G", [plus(1), plus(-0.5), plus(-3)]),
    (BCE(saturating=True), "G", [-plus(-1), -plus(0.5), -plus(3)]),
    (
        BCE(real_label=0.9, fake_label=0.1),
        "D",
        [
            0.9 * plus(-2) + 0.1 * plus(2) + 0.1 * plus(1) + 0.9 * plus(-1),
            plus(0) + 0.1 * plus(-0.5) + 0.9 * plus(0.5),
            0.9 * plus(1) + 0.1 * plus(-1) + 0.1 * plus(-3) + 0.9 * plus(3),
        ],
    ),
    (
        BCE(real_label=0.9),
        "D",
        [0.9 * plus(-2) + 0.1 * plus(2) + plus(-1), plus(0) + plus(0.5), 0.9 * plus(1) + 0.1 * plus(-1) + plus(3)],
    ),
    (BCE(real_label=0.9), "G", [plus(1), plus(-0.5), plus(-3)]),
    (LeastSquares(), "D", [1 + 1, 1 + 0.25, 4 + 9]),
    (LeastSquares(), "G", [4, 0.25, 4]),
    (LeastSquares(real=1, fake=-1, generator=0), "D", [1 + 0, 1 + 2.25, 4 + 16]),
    (LeastSquares(real=1, fake=-1, generator=0), "G", [1, 0.25, 9]),
    (Hinge(), "D", [0 + 0, 1 + 1.5, 2 + 4]),
    (Hinge(), "G", [1, -0.5, -3]),
    (Wasserstein(), "D", [-3, 0.5, 4]),
    (Wasserstein(), "G", [1, -0.5, -3]),
    (RelativisticPairing(), "D", [plus(-3), plus(0.5), plus(4)]),
    (RelativisticPairing(), "G", [plus(3), plus(-0.5), plus(-4)]),
    # the means are 1/3 for real and 5/6 for fake
    (
        RelativisticAverage(),
        "D",
        [plus(5 / 6 - 2) + plus(-1 - 1 / 3), plus(5 / 6) + plus(0.5 - 1 / 3), plus(5 / 6 + 1) + plus(3 - 1 / 3)],
    ),
    (
        RelativisticAverage(),
        "G",
        [plus(1 / 3 + 1) + plus(2 - 5 / 6), plus(1 / 3 - 0.5) + plus(-5 / 6), plus(1 / 3 - 3) + plus(-1 - 5 / 6)],
    ),
]


@pytest.mark.parametrize(("loss", "side", "expected"), BY_HAND, ids=lambda each: type(each).__name__)
def test_losses_are_what_they_are_by_hand(loss: Adversarial, side: Side, expected: list[float]) -> None:
    result = loss(scored(side))
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, torch.tensor(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("side", ["D", "G"])
def test_sure_critics_make_no_infinities(loss: Adversarial, side: Side) -> None:
    view = scored(side, (1e4, -1e4), (-1e4, 1e4))
    view.fake.requires_grad_()
    result = loss(view)
    (gradient,) = torch.autograd.grad(result.sum(), view.fake, allow_unused=True)
    assert result.isfinite().all()
    assert gradient.isfinite().all()


def test_labels_from_a_range_are_drawn_for_each_sample_uniformly_from_all_of_it() -> None:
    """At score s the cross-entropy is plus(s) - label * s, so the label can be read off."""
    scores = tuple([3.0] * 20_000)
    loss = BCE(real_label=(0.7, 1.0), fake_label=(0.0, 0.2))
    torch.manual_seed(0)
    total = loss(scored("D", scores, tuple([0.0] * 20_000)))  # a score of 0 hides the fakes' labels
    labels = (plus(3.0) + plus(0.0) - total) / 3.0
    _is_uniform(labels, 0.7, 1.0)
    total = loss(scored("D", tuple([0.0] * 20_000), scores))
    _is_uniform((plus(0.0) + plus(3.0) - total) / 3.0, 0.0, 0.2)


def _is_uniform(labels: Tensor, low: float, high: float) -> None:
    assert low - 1e-5 <= labels.min() < low + 0.001
    assert high - 0.001 < labels.max() <= high + 1e-5
    assert labels.mean().item() == pytest.approx((low + high) / 2, abs=0.002)
    assert labels.std().item() == pytest.approx((high - low) / math.sqrt(12), rel=0.02)


def test_fixed_labels_draw_nothing_and_drawn_ones_do_not_reach_the_generator() -> None:
    before = torch.get_rng_state()
    BCE(real_label=0.9, fake_label=0.1)(scored("D"))
    BCE(real_label=(0.8, 1.0), fake_label=(0.0, 0.2))(scored("G"))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_generator_is_not_asked_for_real_scores_that_it_does_not_need() -> None:
    for loss in (BCE(), LeastSquares(), Hinge(), Wasserstein()):
        view = scored("G")
        loss(view)
        assert "real_scores" not in vars(view)


def test_what_is_shown_as_d_of_x() -> None:
    scores = torch.tensor([-2.0, 0.0, 3.0])
    torch.testing.assert_close(BCE().probability(scores), torch.tensor([0.119203, 0.5, 0.952574]))
    for loss in LOSSES[1:]:
        assert torch.equal(loss.probability(scores), scores)


@pytest.mark.parametrize(
    ("kind", "settings", "where"),
    [
        (BCE, {"real_label": 1.1}, "real_label"),
        (BCE, {"real_label": (0.8, 1.2)}, "real_label"),
        (BCE, {"real_label": (1.0, 0.8)}, "real_label"),
        (BCE, {"real_label": 0.0, "fake_label": 1.0}, "fake_label"),
        (BCE, {"real_label": (0.5, 1.0), "fake_label": (0.0, 0.6)}, "fake_label"),
        (BCE, {"saturating": True, "generator_label": 0.9}, "generator_label"),
        (LeastSquares, {"real": 1.0, "fake": 1.0}, "fake"),
        (LeastSquares, {"generator": 0.0}, "generator"),
        (GradientPenalty, {"weight": -1.0}, "weight"),
        (R1, {"every": 0}, "every"),
    ],
)
def test_impossible_settings_are_refused_by_name(kind: type[Term], settings: dict[str, Any], where: str) -> None:
    with pytest.raises(SpecError, match=where):
        kind(**settings)


@pytest.mark.parametrize(
    "term", [*LOSSES, *PENALTIES, BCE(real_label=(0.7, 1.0))], ids=lambda each: type(each).__name__
)
def test_terms_survive_json(term: Term) -> None:
    assert decode(encode(term), Term) == term


# The share of the generator's gradient, in place of a weight


@pytest.mark.parametrize("kind", [type(loss) for loss in LOSSES])
def test_a_share_takes_the_place_of_the_weight_in_every_loss(kind: type[Adversarial]) -> None:
    ramp = Linear(0.0, 0.5, until=100.0)
    for share in (None, 0.0, 0.5, ramp):
        term = kind(share=share)
        assert decode(encode(term), Term) == term
    with pytest.raises(SpecError, match="weight: does nothing where share is set"):
        kind(share=0.5, weight=0.1)


@pytest.mark.parametrize("share", [-0.1, 1.0, Linear(0.0, 1.0, until=100.0)])
def test_a_share_that_leaves_nothing_to_the_other_terms_is_refused(share: Rate) -> None:
    with pytest.raises(SpecError, match=r"share: .* it must be at least 0 and at most 0\.99"):
        Hinge(share=share)


def test_what_terms_need() -> None:
    """A phase has fakes made, and its critic learn, only where a term asks for them."""
    assert all(loss.needs == {"critic", "fakes"} for loss in LOSSES)
    assert [kind.needs for kind in (R1, R2, GradientPenalty)] == [
        {"critic"},
        {"critic", "fakes"},
        {"critic", "fakes"},
    ]


# Shapes that would broadcast in silence


def column(samples: Tensor) -> Tensor:
    """The classic mistake: scores [N, 1]."""
    return samples.flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize("term", [*LOSSES, *PENALTIES], ids=lambda each: type(each).__name__)
def test_scores_of_n_by_1_are_refused_by_the_term_itself(term: Term) -> None:
    view = pictures(critic=column)
    vars(view).update(real_scores=column(view.real), fake_scores=column(view.fake))  # past the suite's shape checks
    with pytest.raises(ValueError, match=r"shape \[5, 1\] for 5 samples"):
        term(view)


def test_scores_of_n_by_1_are_refused_by_the_view_where_shapes_are_checked() -> None:
    with pytest.raises(TypeError, match="real_scores"):
        _ = pictures(critic=column).real_scores


@pytest.mark.parametrize("loss", LOSSES, ids=lambda each: type(each).__name__)
def test_one_real_sample_against_many_fakes_is_caught(loss: Adversarial) -> None:
    with pytest.raises(ValueError, match="1 real samples meet 3 fakes"):
        loss(scored("D", (1.0,)))


def test_interpolation_refuses_batches_of_different_shapes() -> None:
    with pytest.raises((ValueError, TypeError)):
        interpolate(torch.zeros(4, 1, 2, 2), torch.zeros(1, 1, 2, 2))


# Penalties


def squared_norms_one_by_one(critic: nn.Module, samples: Tensor) -> Tensor:
    """||d score / d sample||^2 for each sample by itself, summed in Python."""
    norms = []
    for sample in samples.detach():
        alone = sample[None].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(alone)[0], alone)
        norms.append(sum(value**2 for value in gradient.flatten().tolist()))
    return torch.tensor(norms, dtype=samples.dtype)


@pytest.mark.parametrize(("penalty", "at"), [(R1(), "real"), (R2(), "fake")])
def test_r1_and_r2_equal_their_slow_twins(penalty: Term, at: str) -> None:
    critic = curved_critic()
    view = pictures(critic=critic)
    expected = 0.5 * squared_norms_one_by_one(critic, getattr(view, at))
    torch.testing.assert_close(penalty(view), expected)


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])  # 0.25 lies among the slopes
def test_the_gradient_penalty_equals_its_slow_twin(one_sided: bool, target: float) -> None:
    critic = curved_critic()
    view = pictures(critic=critic)
    torch.manual_seed(7)
    result = GradientPenalty(target=target, one_sided=one_sided)(view)
    torch.manual_seed(7)
    norms = squared_norms_one_by_one(critic, interpolate(view.real, view.fake)).sqrt()
    excess = [max(norm - target, 0.0) if one_sided else norm - target for norm in norms.tolist()]
    torch.testing.assert_close(result, torch.tensor(excess, dtype=torch.float64) ** 2)


def test_interpolates_lie_between_their_pair_at_a_place_of_their_own() -> None:
    torch.manual_seed(0)
    real, fake = torch.zeros(4000, 1, 2, 2), torch.ones(4000, 1, 2, 2)
    shares = interpolate(real, fake).flatten(1)
    assert torch.equal(shares, shares[:, :1].expand_as(shares))
    places = shares[:, 0]
    assert places.min() < 0.01
    assert places.max() > 0.99
    assert places.mean().item() == pytest.approx(0.5, abs=0.02)
    assert places.var().item() == pytest.approx(1 / 12, rel=0.05)


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda each: type(each).__name__)
def test_the_gradient_by_the_critics_weights_is_that_of_finite_differences(penalty: Term) -> None:
    critic = curved_critic()
    steep = GradientPenalty(target=0.1, one_sided=True) if penalty == GradientPenalty(one_sided=True) else penalty

    def loss() -> Tensor:
        torch.manual_seed(0)
        return steep(pictures(critic=critic)).mean()

    weight = next(critic.parameters())
    (gradient,) = torch.autograd.grad(loss(), weight)
    step = 1e-5
    for place in ((0, 0), (3, 7), (15, 31)):
        with torch.no_grad():
            weight[place] += step
        above = loss().item()
        with torch.no_grad():
            weight[place] -= 2 * step
        below = loss().item()
        with torch.no_grad():
            weight[place] += step
        assert gradient[place].item() == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-8)


def test_a_flat_critic_costs_the_square_of_the_target_and_makes_no_nan() -> None:
    flat = curved_critic(torch.float32)
    for parameter in flat.parameters():
        nn.init.zeros_(parameter)
    real, fake = torch.randn(2, 5, 2, 4, 4).unbind()
    loss = GradientPenalty(target=1.0)(View("D", real, fake, scoring(flat)))
    torch.testing.assert_close(loss, torch.ones(5), atol=1e-5, rtol=0)
    gradients = torch.autograd.grad(loss.mean(), list(flat.parameters()), allow_unused=True)
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)


def test_slopes_are_noted_and_carry_no_graph() -> None:
    seen: dict[str, Tensor] = {}
    critic = curved_critic()
    view = pictures(critic=critic)
    view = View("D", view.real, view.fake, scoring(critic), seen.__setitem__)
    torch.manual_seed(7)
    losses = [penalty(view) for penalty in (GradientPenalty(), R1(), R2())]
    torch.testing.assert_close((seen["gp_slope"] - 1).square(), losses[0].detach())
    torch.testing.assert_close(seen["r1_squared_slope"], 2 * losses[1].detach())
    torch.testing.assert_close(seen["r2_squared_slope"], 2 * losses[2].detach())
    assert not any(values.requires_grad for values in seen.values())
    assert set(seen) == {name for penalty in (GradientPenalty, R1, R2) for name in penalty.notes}


def test_the_batches_that_a_penalty_differentiates_by_are_declared() -> None:
    """The engine opens only those; with any other closed the penalty must still work."""
    for penalty in PENALTIES:
        closed = pictures()
        for name in {"real", "fake"} - penalty.differentiates:
            getattr(closed, name).requires_grad_(False)
        assert penalty(closed).requires_grad
        assert penalty.penalises_slope
        assert penalty.sides == {"D"}


@pytest.mark.parametrize("term", [*LOSSES, *PENALTIES], ids=lambda each: type(each).__name__)
def test_autocast_outside_changes_no_bit(term: Term) -> None:
    """The critic computes in float32 by itself, as the engine's does for penalties; the term must not round."""
    network = curved_critic(torch.float32)

    def critic(samples: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return network(samples)

    results = []
    for outside in (nullcontext(), torch.autocast("cpu", torch.bfloat16)):
        view = pictures(critic=critic)
        real, fake = (batch.detach().float().requires_grad_() for batch in (view.real, view.fake))
        torch.manual_seed(0)
        with outside:
            loss = term(View("D", real, fake, scoring(critic)))
        results.append([loss, *torch.autograd.grad(loss.mean(), list(network.parameters()), allow_unused=True)])
    assert results[0][0].dtype == torch.float32
    assert all(a is b or torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda each: type(each).__name__)
def test_a_critic_in_bf16_still_gives_a_float32_penalty_near_the_exact_one(penalty: Term) -> None:
    network = curved_critic(torch.float32)

    def half(samples: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return network(samples).float()

    losses = []
    for critic in (network, half):
        view = pictures(critic=critic)
        real, fake = (batch.detach().float().requires_grad_() for batch in (view.real, view.fake))
        torch.manual_seed(0)
        losses.append(penalty(View("D", real, fake, scoring(critic))))
    assert losses[1].dtype == torch.float32
    torch.testing.assert_close(losses[1], losses[0], rtol=0.05, atol=0.005)
