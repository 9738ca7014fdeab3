"""Scores while a run trains: by which measure the best is chosen, what else is noted, and at what cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tiny
from equipoise.data import Corpus
from equipoise.data.split import identities
from equipoise.engine.checkpoint import entries
from equipoise.engine.choice import Choice
from equipoise.engine.pace import step_seconds
from equipoise.engine.plan import Plan
from equipoise.engine.score import EXACT_DB, Score, Scored
from equipoise.engine.trust import UNTRAINED, trust
from equipoise.errors import Fault
from equipoise.journal import Event, Measured, read
from equipoise.measures.features import features
from equipoise.measures.kernel import POLYNOMIAL, kernel_distance, kernel_for, shares
from equipoise.recipe import BestBy, Budget, Recipe
from equipoise.run import carry_out, resume
from equipoise.sampling import open_run
from equipoise.space import Channel, Space
from equipoise.terms import R1
from equipoise.training import train

CPU = torch.device("cpu")


class Fixed(nn.Module):
    """A generator whose samples are given."""

    def __init__(self, samples: Tensor) -> None:
        super().__init__()
        self.samples = samples

    def forward(self, z: Tensor) -> Tensor:
        return self.samples[: len(z)]


def noise(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 1, 16, 16, generator=torch.Generator().manual_seed(seed)).clamp(-1, 1)


def score(real: Tensor, fake: Tensor, best_by: BestBy = "kernel") -> Scored:
    return Score(real, (torch.zeros(len(real), 2),))(Fixed(fake), CPU, best_by)


def test_the_score_is_the_measure_of_an_evaluation() -> None:
    real, fake = noise(60), noise(60, 1) * 0.5
    spaces = zip(*features(real, fake), strict=True)
    expected = [kernel_distance(a, b, POLYNOMIAL) for a, b in spaces]
    found = score(real, fake)
    assert found.name == "kernel"
    assert found.value == pytest.approx(sum(expected) / len(expected), rel=1e-4)
    assert found.beside.keys() == {"frechet", "precision", "recall", "coverage", "diversity"}
    parts = [shares(a, b, POLYNOMIAL) for a, b in zip(*features(real, fake), strict=True)]
    torch.testing.assert_close(found.shares, torch.stack(parts).mean(0), rtol=1e-4, atol=1e-6)


def test_shares_tell_what_the_reals_have_to_do_with_the_difference_of_two_distances() -> None:
    """The naive twin: the distance of Gretton et al. 2012, equation 3, with and without the part among the fakes."""
    real, one, two = (torch.randn(40, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    two = two * 1.5

    def among(fakes: Tensor) -> float:
        pairs = [(float(a @ b) / 3 + 1) ** 3 for i, a in enumerate(fakes) for j, b in enumerate(fakes) if i != j]
        return sum(pairs) / len(pairs)

    difference = kernel_distance(real, two, POLYNOMIAL) - kernel_distance(real, one, POLYNOMIAL)
    by_shares = float((shares(real, two, POLYNOMIAL) - shares(real, one, POLYNOMIAL)).mean())
    assert difference == pytest.approx(by_shares + among(two) - among(one), rel=1e-4)


def test_points_are_scored_by_a_kernel_of_their_own() -> None:
    real, fake = (torch.randn(60, 2, 1, 1, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    kernel = kernel_for(real)
    found = score(real, fake)
    assert found.value == pytest.approx(kernel_distance(real.flatten(1), fake.flatten(1), kernel))
    torch.testing.assert_close(found.shares, shares(real.flatten(1), fake.flatten(1), kernel))
    ours = Score(real, (torch.zeros(60, 2),))
    theirs = Score(2 * real, (torch.zeros(60, 2),))
    assert ours.ruler("kernel") != theirs.ruler("kernel")


def test_another_measure_can_choose() -> None:
    found = score(noise(60), noise(60, 1), "sliced_wasserstein")
    assert (found.name, found.shares) == ("sliced_wasserstein", None)
    assert "kernel" in found.beside
    assert "sliced_wasserstein" not in score(noise(60), noise(60, 1), "frechet").beside


def test_few_samples_are_scored_by_what_is_honest_for_few() -> None:
    few = Score(noise(20), (torch.zeros(20, 2),))
    assert few.measure("kernel") == "sliced_wasserstein"
    assert few(Fixed(noise(20, 1)), CPU, "kernel").beside == {}


@pytest.mark.parametrize(("samples", "share"), [(3000, 0.1), (600, 0.1), (600, 0.0)])
def test_samples_that_were_trained_on_choose_only_where_there_are_too_few_others(samples: int, share: float) -> None:
    values = np.linspace(0.0, 255.0, samples, dtype=np.float32).reshape(-1, 1, 1, 1)
    origins = identities(str(at).encode() for at in range(samples))
    corpus = Corpus(Space((Channel("x"),), 1, 1), values, identities=origins)
    split = corpus.split(share)
    real = Score.for_plan(Plan(tiny.points(), corpus.space, len(split.seen), CPU), corpus, split).real
    places = ((real.flatten().double() + 1) / 2 * (samples - 1)).round().long()
    trained_on = int(torch.isin(places, torch.from_numpy(split.seen)).sum())
    num_held_out = len(split.held_out)
    assert trained_on == (max(0, 128 - num_held_out) if share else 600)
    assert len(real) == (max(128, num_held_out) if share else 600)


def test_what_is_not_finite_has_no_score() -> None:
    bad = noise(60, 1)
    bad[3, 0, 0, 0] = torch.nan
    found = score(noise(60), bad)
    assert found.value != found.value
    assert found.beside == {}


class Nearest(nn.Module):
    """Enlarges pictures by two."""

    def forward(self, given: Tensor) -> Tensor:
        return given.repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_pairs_stay_pairs_where_few_fakes_would_say_enough() -> None:
    """Of an untrained generator 128, before the first step: those of other pictures are no pairs."""
    real = noise(UNTRAINED + 2)
    ruler = Score(real, (F.avg_pool2d(real, 2),), in_pairs=True, others=noise(60, 1))
    found = trust(ruler, Nearest(), CPU, "kernel", is_untrained=True)
    assert found.numbers["untrained"] == ruler(Nearest(), CPU, "kernel").value


def test_a_picture_that_interpolation_makes_exactly_has_no_part_in_the_gain() -> None:
    real = noise(40)
    plain = (real + 0.2).clone()
    fake = real + 0.1
    expected = Score(real[1:], (), in_pairs=True, plain=plain[1:]).of(fake[1:], "psnr").beside["gain"]
    plain[0] = real[0]
    gain = Score(real, (), in_pairs=True, plain=plain).of(fake, "psnr").beside["gain"]
    assert gain == pytest.approx(expected) == pytest.approx(6.02, abs=0.01)
    assert "gain" not in Score(real, (), in_pairs=True, plain=real).of(fake, "psnr").beside


def test_an_exact_fake_has_a_score() -> None:
    real = noise(40)
    found = Score(real, (), in_pairs=True).of(real, "psnr")
    assert found.value == pytest.approx(EXACT_DB)
    assert Choice("ruler").takes(found)


def test_pairs_too_small_for_windows_are_judged_by_psnr() -> None:
    real = noise(40)[:, :, :8, :]
    ruler = Score(real, (), in_pairs=True)
    assert ruler.of(real + 0.2, "ssim").name == ruler.measure("ssim") == "psnr"
    assert ruler.of(real + 0.2, "ssim").value == pytest.approx(20.0, abs=0.01)


def test_a_run_whose_score_is_not_finite_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Score, "__call__", lambda *_, **__: Scored("kernel", float("inf")))
    with pytest.raises(Fault, match="samples are not finite"):
        train(tiny.points(20), out=tmp_path / "run", device="cpu")


def measured(run: Path) -> list[Measured]:
    return [event for event in read(run).events if isinstance(event, Measured)]


def scored(value: float, *shares: float) -> Scored:
    return Scored("kernel", value, shares=torch.tensor(shares))


def test_a_later_generator_is_best_unless_the_lowest_score_is_surely_lower() -> None:
    choice = Choice("ruler")
    assert choice.takes(scored(1.0, 0.0, 0.0, 0.0, 0.0))
    noisy, sure = (0.9, -0.7, 0.8, -0.6), (0.11, 0.09, 0.1, 0.1)  # both 0.1 in the mean
    assert choice.takes(scored(1.1, *noisy))
    assert not choice.takes(scored(1.1, *sure))
    assert choice.takes(scored(0.99, *sure)), "lower"


def test_small_steps_for_the_worse_do_not_add_up() -> None:
    choice = Choice("ruler")
    spread = torch.tensor([1.0, -1.0, 1.0, -1.0])  # with a standard error of 0.58
    assert [choice.takes(scored(0.4 * at, *(at * spread))) for at in (0, 1)] == [True, True]
    assert not choice.takes(scored(0.8, *(-0.9 * spread)))


def test_scores_of_unknown_error_choose_the_lowest() -> None:
    choice = Choice("ruler")
    assert [choice.takes(Scored("frechet", value)) for value in (3.0, 2.0, 2.1, 1.0)] == [True, True, False, True]


def test_what_was_chosen_is_known_after_a_resume() -> None:
    before, after = Choice("ruler"), Choice("ruler")
    before.takes(scored(1.0, 0.0, 0.0, 0.0, 0.0))
    after.restore(before.snapshot())
    assert not after.takes(scored(1.1, 0.11, 0.09, 0.1, 0.1))
    assert after.takes(scored(1.1, 0.9, -0.7, 0.8, -0.6))
    after.restore(Choice("ruler").snapshot())
    assert after.takes(scored(2.0, 0.0, 0.0, 0.0, 0.0)), "nothing was chosen before"


def test_scores_by_another_ruler_are_not_compared() -> None:
    before, after = Choice("one"), Choice("other")
    before.takes(scored(1.0, 0.0, 0.0))
    after.restore(before.snapshot())
    assert after.takes(scored(2.0, 0.0, 0.0, 0.0))


def test_a_ruler_is_the_same_reals_latents_and_measure() -> None:
    def ruler(real: Tensor, latents: Tensor, best_by: BestBy = "kernel") -> str:
        return Score(real, (latents,)).ruler(best_by)

    plain = ruler(noise(60), torch.zeros(60, 2))
    assert plain == ruler(noise(60), torch.zeros(60, 2))
    others = (ruler(noise(60, 1), torch.zeros(60, 2)), ruler(noise(60), torch.ones(60, 2)))
    assert len({plain, *others, ruler(noise(60), torch.zeros(60, 2), "frechet")}) == 4


def noisy_scores(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Scores whose differences have a standard error of 0.04 to 0.13."""
    found = iter(values)

    def call(score: Score, *_: object, **named: object) -> Scored:
        value = next(found)
        chance = torch.Generator().manual_seed(round(1000 * value))
        return Scored("kernel", value, shares=torch.randn(len(score.real), generator=chance))

    monkeypatch.setattr(Score, "__call__", call)


def test_a_run_keeps_the_later_of_generators_that_scores_cannot_tell_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a stop and a resume; its checkpoint is kept as well.  The first score is that of the
    self-test, those of 0 are of the raw generator, which choose nothing."""
    noisy_scores(monkeypatch, [9.0, 1.0, 1.01, 0.0, 1.02, 1.5, 1.03, 9.0, 0.0, 9.0])
    recipe = tiny.points(100)
    recipe = replace(recipe, cadence=replace(recipe.cadence, keep_recent=1))
    run = train(recipe, out=tmp_path / "run", device="cpu", budget="60steps")
    assert open_run(run, "cpu").step == 60
    carry_out(resume(run, budget=Budget.parse("80steps")))
    assert open_run(run, "cpu").step == 100
    assert [event.is_best for event in measured(run)] == [True, True, True, False, True, False, False]
    kept = [entry.step for entry in entries(run / "checkpoints") if entry.is_best]
    assert kept == [100]


def test_the_best_generator_is_that_of_the_lowest_score_where_errors_are_not_known(tmp_path: Path) -> None:
    run = train(replace(tiny.points(100), best_by="frechet"), out=tmp_path / "run", device="cpu")
    scores = {event.step: event.value for event in measured(run)}
    assert set(scores) == {20, 40, 60, 80, 100}
    assert open_run(run, "cpu").step == min(scores, key=lambda step: scores[step])
    assert {"kernel", "coverage"} <= measured(run)[0].beside.keys()


def test_scores_that_would_take_too_long_are_left_out_but_for_the_last(tmp_path: Path) -> None:
    recipe = tiny.points(100)
    stingy = replace(recipe, cadence=replace(recipe.cadence, measuring_share=1e-9))
    run = train(stingy, out=tmp_path / "run", device="cpu")
    assert [event.step for event in measured(run)] == [20, 100]
    assert len(list((run / "samples").glob("step-*.png"))) == 5, "sheets are drawn all the same"


def test_a_score_changes_nothing_in_the_training(tmp_path: Path) -> None:
    recipe = tiny.points(60)
    ends = []
    for name, steps in (("often", 5), ("seldom", 60)):
        looked = replace(recipe, cadence=replace(recipe.cadence, sheet_steps=steps))
        ends.append(final_losses(looked, tmp_path / name))
    assert ends[0] == ends[1]


def final_losses(recipe: Recipe, out: Path) -> str:
    events: list[Event] = []
    train(recipe, out=out, device="cpu", listeners=[events.append])
    return (out / "losses.csv").read_text()


def test_the_pace_of_a_recipe_is_measured_and_leaves_the_random_numbers_alone() -> None:
    plan = Plan(tiny.points(), Space((Channel("x"), Channel("y")), 1, 1), 100, CPU)
    before = torch.get_rng_state()
    seconds = step_seconds(plan, tiny.points())
    assert torch.equal(torch.get_rng_state(), before)
    assert 0.0 < seconds < 1.0


def test_a_lazy_term_counts_by_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step with the term takes 9 s, one without it 1 s; every fourth has it: 3 s."""
    from equipoise.engine import pace

    monkeypatch.setattr(pace, "_timed", lambda plan, state, real, updates: 9.0 if updates == 0 else 1.0)
    recipe = tiny.points()
    phase = replace(recipe.phases["main"], terms={**recipe.phases["main"].terms, "r1": R1(weight=0.1, every=4)})
    plan = Plan(recipe, Space((Channel("x"), Channel("y")), 1, 1), 100, CPU)
    assert step_seconds(plan, replace(recipe, phases={"main": phase})) == pytest.approx(3.0)
