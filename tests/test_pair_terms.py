"""Terms that compare samples, conditions and latents: numbers by hand, slow twins, and what must not pass."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from equipoise.recipe import Term
from equipoise.spec import SpecError, decode, encode
from equipoise.terms import KL, L1, MSE, Auxiliary, Diversity, Perceptual, Texture
from equipoise.terms.conditioning import LEAST_MEAN
from equipoise.view import Batch, Judged, Posterior, Rebuilt, Side, View
from test_terms import LOSSES, PENALTIES
from views import N, asked, bare, encoded, everything, paired

TERMS = (
    L1(),
    MSE(),
    KL(),
    KL(free_bits=0.03),
    Auxiliary(),
    Diversity(),
    Perceptual(backend="encoder"),
    Perceptual(backend="random"),
    Texture(),
)
SIDES: list[tuple[Term, Side]] = [(term, side) for term in TERMS for side in sorted(term.sides)]


def named(of: object) -> str:
    return of if isinstance(of, str) else type(of).__name__


each = pytest.mark.parametrize("term", TERMS, ids=named)
each_side = pytest.mark.parametrize(("term", "side"), SIDES, ids=named)


# What holds for all of them


@each_side
def test_a_term_gives_a_number_in_float32_for_each_sample(term: Term, side: Side) -> None:
    result = term(everything(side))
    assert result.shape == (N,)
    assert result.dtype == torch.float32
    assert (result > 0).all()


@each_side
def test_samples_in_bf16_give_float32_near_the_exact_number(term: Term, side: Side) -> None:
    result = term(everything(side, torch.bfloat16))
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, term(everything(side)), rtol=0.05, atol=0.01)


@each_side
def test_autocast_outside_changes_no_bit(term: Term, side: Side) -> None:
    results = []
    for outside in (nullcontext(), torch.autocast("cpu", torch.bfloat16)):
        view = everything(side)
        with outside:
            loss = term(view)
        results.append([loss, *_gradients(loss, view)])
    assert all(a is b or torch.equal(a, b) for a, b in zip(*results, strict=True))


@each_side
def test_the_memory_layout_changes_nothing(term: Term, side: Side) -> None:
    view = everything(side)
    assert view.made is not None
    turned = view.made.detach().contiguous(memory_format=torch.channels_last)
    posterior = view.rebuilt.posterior
    other = replace(view, made=turned, fake=turned, rebuild=lambda: Rebuilt(turned, posterior))
    torch.testing.assert_close(term(other), term(view))


@each_side
def test_nothing_is_drawn(term: Term, side: Side) -> None:
    before = torch.get_rng_state()
    term(everything(side))
    assert torch.equal(torch.get_rng_state(), before)


@each_side
def test_what_is_missing_is_named(term: Term, side: Side) -> None:
    with pytest.raises(ValueError, match=r"made without|no encoder|nothing says|needs? "):
        term(bare(side))


@each
def test_terms_survive_json(term: Term) -> None:
    assert decode(encode(term), Term) == term


@each
def test_only_what_was_made_takes_a_gradient(term: Term) -> None:
    view = everything("G")
    real, conditions = view.real.clone().requires_grad_(), torch.rand(N, 2).requires_grad_()
    loss = term(replace(view, real=real, batch=Batch(real, conditions)))
    made, *posterior = _gradients(loss, view)
    wanted, asked_for = torch.autograd.grad(loss.sum(), (real, conditions), allow_unused=True)
    assert wanted is None
    assert asked_for is None or isinstance(term, Auxiliary | Diversity)
    assert all((gradient is not None) == isinstance(term, KL) for gradient in posterior)
    assert (made is not None) == (not isinstance(term, KL))


@each
def test_what_a_term_notes_is_declared_and_changes_nothing(term: Term) -> None:
    seen: dict[str, Tensor] = {}
    term(replace(everything(), note=seen.__setitem__))
    assert set(seen) == set(term.notes)
    assert all(values.shape == (N,) and not values.requires_grad for values in seen.values())


@pytest.mark.parametrize("term", [*TERMS, *LOSSES, *PENALTIES], ids=named)
def test_a_term_asks_for_nothing_that_it_does_not_declare(term: Term) -> None:
    """What it does not need is taken away, or would raise; a phase without it can then do without."""
    for side in sorted(term.sides):
        term(_with(term.needs, everything(side)))


def _with(needs: frozenset[str], view: View) -> View:
    real, fake = view.real.clone().requires_grad_(), view.fake if needs & {"fakes", "pairs"} else view.fake[:0]
    conditions = view.wanted.conditions if "conditions" in needs else None

    def judge(samples: Tensor) -> Judged:
        assert "critic" in needs
        return view.judge(samples) if "readings" in needs else Judged(samples.square().flatten(1).sum(1))

    return replace(
        view,
        real=real,
        fake=fake,
        judge=judge,
        batch=Batch(view.real, conditions),
        made=view.made if needs & {"fakes", "pairs"} else None,
        rebuild=view.rebuild if needs & {"encoder", "pairs"} else None,
    )


@pytest.mark.parametrize(
    ("kind", "settings", "where"),
    [
        (KL, {"free_bits": -0.1}, "free_bits"),
        (KL, {"weight": -1.0}, "weight"),
        (Perceptual, {"backend": "vgg"}, "backend"),
        (Diversity, {"every": 0}, "every"),
    ],
)
def test_impossible_settings_are_refused_by_name(kind: type[Term], settings: dict[str, Any], where: str) -> None:
    with pytest.raises(SpecError, match=where):
        kind(**settings)


def _gradients(loss: Tensor, view: View) -> list[Tensor | None]:
    """By what was made, by the posterior's means and by its log-variances; none on the critic's side."""
    if view.side == "D":
        return []
    opened = [view.made, *view.rebuilt.posterior]
    return list(torch.autograd.grad(loss.sum(), opened, allow_unused=True, retain_graph=True))


# Reconstruction


def test_l1_and_mse_are_what_they_are_by_hand() -> None:
    made = torch.tensor([[1.0, -1.0], [0.0, 0.5], [0.2, 0.2]]).view(3, 1, 1, 2)
    wanted = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.2, -0.2]]).view(3, 1, 1, 2)
    torch.testing.assert_close(L1()(paired(made, wanted)), torch.tensor([1.0, 0.25, 0.2]))
    torch.testing.assert_close(MSE()(paired(made, wanted)), torch.tensor([1.0, 0.125, 0.08]))


def test_a_squared_error_of_four_hundredths_is_20_db() -> None:
    """By the definition: peak to peak squared over the error; the peaks are the ends of [-1, 1]."""
    wanted = torch.rand(4, 3, 8, 8) - 0.5
    error = MSE()(paired(wanted + 0.2, wanted))
    torch.testing.assert_close(error, torch.full((4,), 0.04))
    torch.testing.assert_close(10 * torch.log10((1 - -1) ** 2 / error), torch.full((4,), 20.0))


def test_the_mean_of_psnrs_is_not_lower_than_the_psnr_of_the_mean() -> None:
    errors = torch.rand(100) + 1e-3
    assert (10 * torch.log10(4 / errors)).mean() > 10 * torch.log10(4 / errors.mean())


@pytest.mark.parametrize(("term", "best"), [(L1(), 0.0), (MSE(), 0.3)])
def test_where_several_samples_are_possible_the_best_is_their_median_or_their_mean(term: Term, best: float) -> None:
    possible = torch.tensor([0.0, 0.0, 0.9]).view(3, 1, 1, 1)
    costs = {at: term(paired(torch.full((3, 1, 1, 1), at), possible)).mean().item() for at in (0.0, 0.3, 0.45, 0.9)}
    assert min(costs, key=costs.__getitem__) == best


@pytest.mark.parametrize("term", [L1(), MSE(), Perceptual(backend="random")], ids=named)
def test_samples_of_another_size_are_not_broadcast(term: Term) -> None:
    with pytest.raises((ValueError, TypeError), match=r"of the same size|made|pair"):
        term(paired(torch.zeros(4, 3, 8, 8), torch.zeros(1, 3, 8, 8)))


# The posterior


def test_the_divergence_is_what_it_is_by_hand() -> None:
    """N(0, 1); a mean of 1; a variance of e; a variance of 1/4 in both dimensions."""
    mean = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    log_variance = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [math.log(0.25)] * 2])
    expected = torch.tensor([0.0, 0.5, (math.e - 2) / 2, 0.25 - 1 + math.log(4)])
    torch.testing.assert_close(KL()(encoded(mean, log_variance)), expected)
    torch.testing.assert_close(KL()(encoded(mean, log_variance, values=12)), expected / 12)


def test_the_divergence_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(2, 6, 3).unbind()
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(KL()(encoded(mean, log_variance)), expected)


V, Z, BETA = 12, 3, 0.7


@pytest.mark.parametrize(
    ("error_factor", "divergence_factor", "weight"),
    [
        (1 / (2 * 0.3), 1.0, 2 * 0.3 * BETA),  # normal decoder of variance 0.3
        (1.0, 1.0, BETA),  # squared errors summed
        (1 / V, 1.0, V * BETA),  # errors averaged
        (1 / V, 1 / Z, V * BETA / Z),  # both averaged
        (1 / 4, 1.0, 4 * BETA),  # squared errors of values in [0, 1] summed
    ],
)
def test_a_beta_of_the_literature_is_the_weight_that_the_docstring_says(
    error_factor: float, divergence_factor: float, weight: float
) -> None:
    """Both losses are the same up to one factor, for any two samples: their ratios agree."""
    made, wanted, mean, log_variance = torch.randn(2, 1, 1, V), torch.randn(2, 1, 1, V), *torch.randn(2, 2, Z).unbind()
    divergence = KL()(encoded(mean, log_variance))
    theirs = error_factor * (made - wanted).square().sum((1, 2, 3)) + BETA * divergence_factor * divergence
    ours = MSE()(paired(made, wanted)) + weight * KL()(encoded(mean, log_variance, values=V))
    torch.testing.assert_close(theirs[0] / theirs[1], ours[0] / ours[1])


def test_beside_l1_the_weight_is_the_scale_of_a_laplace_decoder_times_beta() -> None:
    made, wanted, mean, log_variance = torch.randn(2, 1, 1, V), torch.randn(2, 1, 1, V), *torch.randn(2, 2, Z).unbind()
    likelihood = torch.distributions.Laplace(wanted, 0.3).log_prob(made).sum((1, 2, 3)) + V * math.log(2 * 0.3)
    theirs = -likelihood + BETA * KL()(encoded(mean, log_variance))
    ours = L1()(paired(made, wanted)) + 0.3 * BETA * KL()(encoded(mean, log_variance, values=V))
    torch.testing.assert_close(theirs[0] / theirs[1], ours[0] / ours[1])


def test_free_bits_have_the_mean_and_the_gradient_of_the_paper() -> None:
    """Sum over dimensions of max(free bits, mean over the batch), in loops."""
    mean, log_variance = (0.5 * torch.randn(2, 7, 4)).unbind()
    mean[:, 0], log_variance[:, 0] = 0.01, 0.0  # hardly used
    mean.requires_grad_(), log_variance.requires_grad_()
    nats = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
    paper = sum((max(torch.tensor(0.1), nats[:, at].mean()) for at in range(4)), torch.zeros(()))
    ours = KL(free_bits=0.1)(encoded(mean, log_variance)).mean()
    torch.testing.assert_close(ours, paper)
    for a, b in zip(
        torch.autograd.grad(ours, (mean, log_variance)), torch.autograd.grad(paper, (mean, log_variance)), strict=True
    ):
        torch.testing.assert_close(a, b)
    assert (torch.autograd.grad(KL(free_bits=0.1)(encoded(mean, log_variance)).mean(), mean)[0][:, 0] == 0).all()


def test_free_bits_above_everything_leave_their_own_sum_and_no_gradient() -> None:
    mean = torch.randn(3, 4).requires_grad_()
    loss = KL(free_bits=50.0)(encoded(mean, torch.zeros(3, 4), values=10))
    torch.testing.assert_close(loss, torch.full((3,), 4 * 50.0 / 10))
    assert not loss.requires_grad or (torch.autograd.grad(loss.sum(), mean)[0] == 0).all()


def test_active_dimensions_are_counted_and_the_divergence_is_noted_in_nats() -> None:
    """Of means +-0.2 and +-0.05 the variances are 0.04 and 0.0025: by Burda et al. one is active."""
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None]
    mean = signs * torch.tensor([0.2, 0.05, 0.0])
    seen: dict[str, Tensor] = {}
    KL(free_bits=1.0)(replace(encoded(mean, torch.zeros(4, 3), values=9), note=seen.__setitem__))
    assert seen["kl_active"].tolist() == [1.0] * 4
    torch.testing.assert_close(seen["kl_nats"], torch.full((4,), (0.04 + 0.0025) / 2))


def test_a_posterior_whose_variances_would_broadcast_is_refused() -> None:
    posterior = Posterior(torch.zeros(4, 3), torch.zeros(4, 1))
    view = replace(
        encoded(torch.zeros(4, 3), torch.zeros(4, 3)), rebuild=lambda: Rebuilt(torch.zeros(4, 1, 1, 1), posterior)
    )
    with pytest.raises(ValueError, match=r"means of shape \[4, 3\] and log-variances of shape \[4, 1\]"):
        KL()(view)


# Conditions


def test_auxiliary_is_what_it_is_by_hand_on_both_sides() -> None:
    """Readings of a real sample are its first two values, (x + 1) / 2."""
    real = torch.tensor([[1.0, 1.0], [0.0, 0.0], [-1.0, 0.0]]).view(3, 1, 1, 2)
    conditions = torch.tensor([[1.0, 1.0], [0.5, 0.0], [0.5, 0.0]])
    by_hand = torch.tensor([0.0, 0.125, 0.25])
    torch.testing.assert_close(Auxiliary()(asked(-real, conditions, "D", real)), by_hand)
    torch.testing.assert_close(Auxiliary()(asked(real, conditions, "G", -real)), by_hand)


def test_each_side_asks_only_for_the_readings_that_it_needs() -> None:
    for side, other in (("D", "of_fake"), ("G", "of_real")):
        view = everything(side)  # type: ignore[arg-type]
        Auxiliary()(view)
        assert other not in vars(view)


def test_a_head_that_reads_always_the_same_pays_the_variance_of_the_conditions() -> None:
    conditions = torch.rand(20_000, 2)
    loss = Auxiliary()(asked(torch.zeros(20_000, 1, 1, 2), conditions)).mean()  # it reads 1/2
    assert loss.item() == pytest.approx(1 / 12, rel=0.01)


@pytest.mark.parametrize("side", ["D", "G"])
def test_a_critic_that_reads_nothing_or_too_little_is_refused(side: Side) -> None:
    view = everything(side)
    for readings, words in (
        (None, "reads no conditions"),
        (torch.zeros(N, 1), r"\[5, 1\] for conditions of shape \[5, 2\]"),
    ):
        with pytest.raises(ValueError, match=words):
            Auxiliary()(replace(view, judge=lambda samples, of=readings: Judged(samples[:, 0, 0, 0], of)))


@pytest.mark.parametrize("term", [Auxiliary(), Diversity()], ids=named)
def test_samples_without_conditions_or_with_those_of_others_are_refused(term: Term) -> None:
    view = everything()
    with pytest.raises(ValueError, match="no conditions belong"):
        term(replace(view, batch=Batch(view.real)))
    with pytest.raises(ValueError, match="conditions of 1 samples meet 5"):
        term(replace(view, batch=Batch(view.real, torch.zeros(1, 2))))


def column(*values: float) -> Tensor:
    """Samples of one value each."""
    return torch.tensor(values).view(-1, 1, 1, 1)


def test_diversity_is_what_it_is_by_hand() -> None:
    """Asked for at 0, 1/4 and 3/4: relative distances 1/2, 3/2, 1.  Fakes at 0, 0.2 and 0.4: 3/4, 3/2, 3/4."""
    conditions = torch.tensor([[0.0], [0.25], [0.75]])
    loss = Diversity()(asked(column(0.0, 0.2, 0.4), conditions))
    torch.testing.assert_close(loss, torch.tensor([0.0, 0.125, 0.125]))


def test_diversity_equals_its_slow_twin() -> None:
    view = everything()
    made, conditions = view.made, view.wanted.conditions
    assert made is not None and conditions is not None

    def distances(points: Tensor) -> dict[tuple[int, int], float]:
        return {
            (i, j): math.dist(points[i].flatten(), points[j].flatten()) for i in range(N) for j in range(N) if i != j
        }

    wanted, found = distances(conditions), distances(made.detach())
    mean_wanted, mean_found = (sum(of.values()) / len(of) for of in (wanted, found))
    missing = {pair: max(0.0, wanted[pair] / mean_wanted - found[pair] / mean_found) for pair in wanted}
    expected = [sum(missing[i, j] for j in range(N) if j != i) / (N - 1) for i in range(N)]
    torch.testing.assert_close(Diversity()(view), torch.tensor(expected))


def test_distances_in_proportion_cost_nothing_whatever_their_size() -> None:
    conditions = torch.rand(8, 3)
    for size in (0.05, 1.0):
        loss = Diversity()(asked((size * conditions).view(8, 3, 1, 1), conditions))
        torch.testing.assert_close(loss, torch.zeros(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("count", "expected"), [(1, 8 / 27), (2, 0.198)])
def test_fakes_that_are_equally_far_apart_pay_half_the_mean_deviation(count: int, expected: float) -> None:
    conditions = torch.rand(600, count)
    loss = Diversity()(asked(torch.eye(600).view(600, 600, 1, 1), conditions)).mean()
    assert loss.item() == pytest.approx(expected, rel=0.03)


def test_the_more_a_fake_follows_what_was_asked_the_less_it_costs() -> None:
    conditions, noise = torch.rand(2, 64, 2).unbind()
    fakes = [(share * conditions + (1 - share) * noise).view(64, 2, 1, 1) for share in (0.0, 0.3, 0.6, 0.9, 1.0)]
    costs = [Diversity()(asked(made, conditions)).mean().item() for made in fakes]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > 100 * costs[-1]


@pytest.mark.parametrize(
    ("made", "conditions", "expected"),
    [
        (torch.rand(4, 1, 2, 2), torch.full((4, 2), 0.3), 0.0),  # one condition
        (torch.full((4, 1, 2, 2), 0.3), torch.full((4, 2), 0.3), 0.0),
        (torch.rand(1, 1, 2, 2), torch.rand(1, 2), 0.0),  # one sample
        (torch.full((4, 1, 2, 2), 0.3), torch.rand(4, 2), 1.0),  # one fake
    ],
)
def test_batches_without_differences_make_no_nan(made: Tensor, conditions: Tensor, expected: float) -> None:
    made = made.clone().requires_grad_()
    loss = Diversity()(asked(made, conditions))
    (gradient,) = torch.autograd.grad(loss.sum(), made)
    assert loss.mean().item() == pytest.approx(expected)
    assert (gradient == 0).all()


@pytest.mark.parametrize("size", [1e-2, 1e-5, 1e-8])
def test_fakes_that_are_all_but_the_same_get_no_boundless_gradient(size: float) -> None:
    made = (0.3 + size * torch.rand(8, 1, 4, 4)).requires_grad_()
    (gradient,) = torch.autograd.grad(Diversity()(asked(made, torch.rand(8, 2))).mean(), made)
    assert gradient.norm() < 2 / LEAST_MEAN / math.sqrt(16)  # a sample changes its distances by 1 / sqrt(16) at most


def test_conditions_that_are_all_but_the_same_ask_for_next_to_nothing() -> None:
    conditions = 0.5 + 1e-4 * torch.rand(8, 2)
    assert Diversity()(asked(torch.rand(8, 1, 4, 4), conditions)).max() < 0.02


def test_diversity_pushes_apart_what_was_asked_for_apart_and_looks_alike() -> None:
    made = column(0.0, 0.01, 1.0).requires_grad_()
    loss = Diversity()(asked(made, torch.tensor([[0.0], [0.5], [1.0]])))
    (gradient,) = torch.autograd.grad(loss.sum(), made)
    assert gradient.flatten()[1] < 0 < gradient.flatten()[0]  # downhill the second moves away from the first
