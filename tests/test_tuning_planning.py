"""The tuner's decisions, without a run: what is tried next, what is kept, and how often it is fooled by noise."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

import tiny
from equipoise import recipes
from equipoise.edit import Edit, apply
from equipoise.errors import RequestError
from equipoise.spec import Json
from equipoise.tuning.budget import Lengths, TuningBudget, lengths, unreached
from equipoise.tuning.intervals import Difference, student
from equipoise.tuning.jobs import MOST_LOST, Job, Ledger, Outcome
from equipoise.tuning.knobs import num_possible, tuned, with_settings
from equipoise.tuning.planning import Plan, importance, plan
from equipoise.tuning.question import Question
from equipoise.tuning.study import _any_of, _suggest

Cost = Callable[[Mapping[str, Json], int], float]


def question(*words: str, num_seeds: int = 3) -> Question:
    recipe = recipes.load("sprites_small")
    return Question(recipe, tuned(recipe, words), "one", ("quality",), "kernel", num_seeds, 100, 100, "")


def done(job: Job, number: int, cost: Cost) -> Outcome:
    values = () if job.is_warm_up else (cost(job.settings, job.seed),)
    return Outcome(job, number, "done", values, seconds=1.0, steps=100)


def carried_out(asked: Question, cost: Cost, most: int = 1000) -> tuple[Plan, Ledger]:
    """A study by a worker that needs no time, and stops after so many runs."""
    ledger = Ledger((), (9.0,))
    while not (found := plan(asked, ledger)).is_over and len(ledger.outcomes) < most:
        job = ledger.missing(found.jobs)[0]
        ledger = replace(ledger, outcomes=(*ledger.outcomes, done(job, len(ledger.outcomes), cost)))
    return found, ledger


def noisy(seed: int, settings: Mapping[str, Json]) -> float:
    return random.Random(f"{seed} {sorted(settings.items())}").gauss(0.0, 0.01)


def only_noise(study: int) -> Cost:
    return lambda settings, seed: random.Random(f"{study} {settings} {seed}").gauss(0.0, 1.0)


def test_what_is_better_is_kept_and_the_next_knob_goes_on_from_there() -> None:
    asked = question("lr_g=1e-5,1e-3", "n_critic=3,7", "lambda_gp=5,20")

    def cost(settings: Mapping[str, Json], seed: int) -> float:
        gain = 0.3 * (settings.get("phases.main.d_updates") == 7) + 0.3 * (settings.get("g_optim.lr") == 1e-3)
        return 1.0 - gain + 0.1 * seed + noisy(seed, settings)

    found, ledger = carried_out(asked, cost)
    assert found.best == {"phases.main.d_updates": 7, "g_optim.lr": 1e-3}
    assert [one.path.rpartition(".")[2] for one in found.rounds] == ["weight", "d_updates", "lr"], "the notes' order"
    changed = [set(outcome.job.settings) for outcome in ledger.outcomes if "g_optim.lr" in outcome.job.settings]
    assert all(names == {"g_optim.lr", "phases.main.d_updates"} for names in changed)
    tuned_recipe = with_settings(asked.recipe, asked.knobs, found.best)
    assert tuned_recipe.reasons["g_optim.lr"] == "tuned"


def test_all_values_have_one_seed_and_the_best_two_have_all() -> None:
    asked = question("lr_g=1e-5,2e-5,5e-4,1e-3", num_seeds=4)
    ranks = {1e-5: 3.0, 2e-5: 2.0, 5e-4: 1.0, 1e-3: 0.0}
    _, ledger = carried_out(asked, lambda settings, seed: ranks.get(settings.get("g_optim.lr"), 2.5) + seed)  # type: ignore[arg-type]
    seeds = {value: [o.job.seed for o in ledger.outcomes if o.job.settings == {"g_optim.lr": value}] for value in ranks}
    assert seeds == {1e-5: [0], 2e-5: [0], 5e-4: [0, 1, 2, 3], 1e-3: [0, 1, 2, 3]}


def test_where_nothing_beats_the_recipe_no_more_seeds_are_spent() -> None:
    found, ledger = carried_out(question("lr_g=1e-5,1e-3"), lambda settings, seed: float(bool(settings)))
    assert found.best == {}
    assert len(ledger.outcomes) == 1 + 3


def test_noise_alone_is_seldom_taken_for_a_gain() -> None:
    """Four values of one knob, none of which does anything: below 5 % in the long run."""
    asked = question("lr_g=1e-5,2e-5,5e-4,1e-3")
    fooled = sum(bool(carried_out(asked, only_noise(study))[0].best) for study in range(150))
    assert fooled / 150 < 0.06


def test_a_value_that_fails_is_never_kept() -> None:
    asked = question("lr_g=1e-3")
    outcomes = [Outcome(Job(is_warm_up=True), 0, "done")]
    for seed in range(3):
        outcomes.append(Outcome(Job({}, seed), 10 + seed, "done", (5.0,)))
        outcomes.append(Outcome(Job({"g_optim.lr": 1e-3}, seed), 20 + seed, "done" if seed else "failed", (1.0,)))
    found = plan(asked, Ledger(tuple(outcomes), (9.0,)))
    assert found.is_over
    assert found.best == {}


def test_a_job_that_takes_workers_with_it_fails_in_the_end() -> None:
    job = Job({"g_optim.lr": 1e-3})
    lost = [Outcome(job, number, "lost") for number in range(MOST_LOST)]
    assert Ledger(tuple(lost[1:]), (9.0,)).missing([job]) == [job]
    counted = Ledger(tuple(lost), (9.0,)).of(job)
    assert counted is not None and counted.state == "failed" and counted.values == (9.0,)


def test_networks_of_another_shape_begin_anew_and_are_tuned_last() -> None:
    asked = question("generator.latent=64", "lr_g=1e-3")
    _, ledger = carried_out(asked, lambda settings, seed: 1.0)
    trials = [outcome.job for outcome in ledger.outcomes if not outcome.job.is_warm_up]
    assert [job.anew for job in trials] == [False, False, True, True]
    assert trials[2].settings == {} and trials[3].settings == {"generator.latent": 64}


def test_importance_is_the_share_of_each_knob() -> None:
    asked = question("lr_g=1e-3", "n_critic=3")
    cost = {"g_optim.lr": -2.0, "phases.main.d_updates": 1.0}
    _, ledger = carried_out(asked, lambda settings, seed: 5.0 + sum(cost[path] for path in settings))
    assert importance(asked, ledger).shares == pytest.approx({"g_optim.lr": 0.8, "phases.main.d_updates": 0.2})


def test_importance_is_of_decided_knobs_and_beyond_the_noise_between_seeds() -> None:
    asked = question("lr_g=1e-3", "n_critic=3,7", "lambda_gp=5,20")

    def cost(settings: Mapping[str, Json], seed: int) -> float:
        return 1.0 - 0.3 * (settings.get("g_optim.lr") == 1e-3) + 0.1 * seed + noisy(seed, settings)

    _, ledger = carried_out(asked, cost)
    shares = importance(asked, ledger).shares
    assert shares == {"g_optim.lr": 1.0, "phases.main.d_updates": 0.0, "phases.main.terms.gp.weight": 0.0}
    begun = Ledger(ledger.outcomes[:4], ledger.worst)
    assert importance(asked, begun).shares == {} and "fewer than two knobs" in importance(asked, begun).why_none
    _, alike = carried_out(asked, only_noise(0))
    assert importance(asked, alike).shares == {}


def test_an_interval_by_hand() -> None:
    """-1, -2, -3: mean -2, standard error 1 / sqrt(3), and t of 2 degrees of freedom beyond 1.25 % is 6.205."""
    found = Difference.of([-1.0, -2.0, -3.0])
    assert student(2) == pytest.approx(6.2053, abs=1e-3)
    assert (found.mean, found.high) == pytest.approx((-2.0, -2.0 + 6.2053 / 3**0.5), abs=1e-3)
    assert not found.is_less
    assert Difference.of([-1.0, -1.1, -0.9]).is_less
    assert not Difference.of([-1.0]).is_less


def test_a_budget_is_divided_so_that_everything_fits() -> None:
    knobs = tuned(recipes.load("sprites_small"), ["lr_g=1e-5,1e-3", "n_critic=3,7"])
    found = lengths("one", knobs, 3, TuningBudget("steps", 16_000), 0.1, 10_000, None, None)
    assert found.warm_up == found.horizon == 16_000 // (1 + 2 * (2 + 4) + 3)
    with pytest.raises(RequestError, match="the recipe itself has about 40 steps"):
        lengths("one", knobs, 3, TuningBudget("trials", 40), 0.1, 40, None, None)
    with pytest.raises(RequestError, match="100 are the fewest"):
        lengths("one", knobs, 3, TuningBudget("seconds", 60.0), 0.1, 10_000, None, None)


def test_counted_trials_are_long_enough_to_tell_something_where_the_recipe_is() -> None:
    knobs = tuned(recipes.load("sprites_small"), ["lr_g=1e-5,1e-3"])
    assert lengths("one", knobs, 3, TuningBudget("trials", 40), 0.1, 781, None, None).horizon == 100
    assert lengths("one", knobs, 3, TuningBudget("trials", 40), 0.1, 3000, None, None).horizon == 300


def test_a_knob_of_a_phase_that_no_trial_reaches_is_told_with_the_reason() -> None:
    recipe = recipes.load("landscapes")
    knobs = tuned(recipe, ["phases.play.terms.r1.weight", "lr_g"])
    ((path, why),) = unreached(recipe, knobs, 200, Lengths(10, 10))
    assert path == "phases.play.terms.r1.weight"
    assert why.startswith("phase play begins at about step ") and "say --warm-up" in why


def test_a_sampler_draws_from_so_many_settings() -> None:
    def count(*words: str) -> float:
        return num_possible(tuned(recipes.load("sprites_small"), words))

    assert count("n_critic=3,7") == 2
    assert count("n_critic=3,7", "g_optim.beta1=0.5") == 5
    assert count("batch=8..16") == 9, "the recipe's own is outside"
    assert count("batch=60..70") == 10
    assert count("lr_g=1e-5..1e-3") == float("inf")


def test_values_of_a_ladder_are_tried_as_they_are() -> None:
    (knob,) = tuned(recipes.load("sprites_small"), ["average.decay"])
    assert knob.values == (0.995, 0.998, 0.9995)
    (rhythm,) = tuned(recipes.load("sprites_small"), ["n_critic"])
    assert rhythm.values == (2, 3, 7, 10) and all(isinstance(value, int) for value in rhythm.values)


def sampled(*outcomes: tuple[Mapping[str, Json], float], num_explored: int) -> Plan:
    asked = replace(question("n_critic=3,7"), strategy="random")
    found = [Outcome(Job(is_warm_up=True), 0, "done"), done(Job(), 1, lambda settings, seed: 1.0)]
    found += [
        done(Job(dict(those)), 2 + at, lambda *_, value=value: value) for at, (those, value) in enumerate(outcomes)
    ]
    return plan(asked, Ledger(tuple(found), (9.0,)), num_explored)


def test_a_sampler_ends_where_nothing_is_left_to_draw_and_judges_two_that_differ() -> None:
    three, seven = ({"phases.main.d_updates": value} for value in (3, 7))
    assert sampled((three, 0.5), num_explored=20).explores
    ended = sampled((three, 0.5), (seven, 0.6), num_explored=20)
    assert not ended.explores and len({str(job.settings) for job in ended.jobs}) == 3
    twice = sampled((three, 0.5), (three, 0.5), num_explored=20)
    assert twice.explores, "the same is one"


def test_a_decision_stands_while_more_is_explored_until_all_is_judged_again() -> None:
    asked = replace(question("n_critic=2,3,7,10"), strategy="random", num_seeds=2)
    gains = {2: 0.6, 3: 0.2, 7: 0.5, 10: 0.1}

    def cost(settings: Mapping[str, Json], seed: int) -> float:
        return 1.0 - gains.get(settings.get("phases.main.d_updates"), 0.0) + 0.01 * seed  # type: ignore[arg-type]

    def explored(known: Ledger, *values: int) -> Ledger:
        number = len(known.outcomes)
        jobs = (Job({"phases.main.d_updates": value}) for value in values)
        more = [done(job, number + at, cost) for at, job in enumerate(jobs)]
        return replace(known, outcomes=(*known.outcomes, *more))

    def judged(known: Ledger, most: int) -> Iterator[Ledger]:
        while jobs := known.missing(plan(asked, known, most).jobs):
            yield known
            known = replace(known, outcomes=(*known.outcomes, done(jobs[0], len(known.outcomes), cost)))
        yield known

    begun = Ledger((Outcome(Job(is_warm_up=True), 0, "done"), done(Job(), 1, cost)), (9.0,))
    begun = explored(begun, 3, 7)
    *on_the_way, decided = judged(begun, 2)
    assert not any(one.is_decided for known in on_the_way for one in plan(asked, known, 2).rounds)
    found = plan(asked, decided, 2)
    assert found.is_over and found.best == {"phases.main.d_updates": 7} and not found.rounds[0].is_open
    *on_the_way, last = judged(explored(decided, 10, 2), 4)
    for known in (explored(decided, 10), *on_the_way):
        further = plan(asked, known, 4)
        assert not further.is_over and further.best == found.best
        assert further.rounds == (replace(found.rounds[0], is_open=True),)
    assert plan(asked, last, 4).best == {"phases.main.d_updates": 2} and not plan(asked, last, 4).rounds[0].is_open


def test_a_setting_that_ended_its_workers_was_explored() -> None:
    asked = replace(question("n_critic=3,7"), strategy="random")
    three, seven = (Job({"phases.main.d_updates": value}) for value in (3, 7))
    own = [Outcome(Job(is_warm_up=True), 0, "done"), done(Job(), 1, lambda *_: 1.0), done(three, 2, lambda *_: 2.0)]
    lost = [Outcome(seven, 3 + at, "lost") for at in range(MOST_LOST)]
    assert plan(asked, Ledger((*own, *lost[1:]), (9.0,)), 20).jobs[1:] == (seven,), "it is tried again"
    found = plan(asked, Ledger((*own, *lost), (9.0,)), 20)
    assert found.is_over and [tried.failures for tried in found.rounds[0].tried] == [0, 1]


def test_a_schedule_is_multiplied() -> None:
    recipe = recipes.load("ring")
    (knob,) = tuned(recipe, ["lr_g=x0.5,x2"])
    assert str(knob.edit(2.0)) == "g_optim.lr *= 2.0"
    assert with_settings(recipe, [knob], {"g_optim.lr": 2.0}).g_optim.lr == recipe.g_optim.lr.scaled(2.0)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["lr_d=x0.5,x2"], (5e-5, 2e-4)),
        (["lr_d=x0.5..x4"], (5e-5, 2e-4, 4e-4)),
        (["n_critic=x2", "3"], (10, 3)),
        (["lr_d=0.001"], (0.001,)),
    ],
)
def test_a_plain_number_is_multiplied_too(words: list[str], values: tuple[float, ...]) -> None:
    (knob,) = tuned(recipes.load("sprites_small"), words)
    assert knob.values == values


def test_what_is_no_number_cannot_be_multiplied() -> None:
    with pytest.raises(RequestError, match=r"critic.norm=x2"):
        tuned(recipes.load("sprites_small"), ["critic.norm=x2"])


def test_a_range_is_tried_from_end_to_end() -> None:
    (knob,) = tuned(tiny.points(), ["g_optim.lr=1e-5..1e-2"])
    assert knob.values == (1e-5, 1e-4, 1e-2), "in ratios, and without the recipe's own 1e-3"


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("average.decay=0.99..0.9999", (0.99, 0.9933, 0.9966, 0.9999)),
        ("average.decay=0.9995..0.9999", (0.9995, 0.999633, 0.999767, 0.9999)),
        ("beta2_d=0.9..0.9995", (0.9, 0.9332, 0.9663, 0.9995)),
        ("d_optim.lr=1.2345e-4..2e-3", (1.2345e-4, 3.12e-4, 7.9e-4, 2e-3)),
        ("d_optim.lr=1.2341e-4..1.2349e-4", (1.2341e-4, 1.2349e-4)),
        ("r1.weight=0..1", (0.0, 0.333, 0.667, 1.0)),
        ("batch=8..16", (8, 11, 13, 16)),
    ],
)
def test_the_ends_of_a_range_are_as_they_were_written_and_what_is_between_stays_there(
    word: str, values: tuple[float, ...]
) -> None:
    (knob,) = tuned(tiny.points(), [word])
    assert knob.values == values


@pytest.mark.parametrize("word", ["average.decay=0.9998..0.999999", "d_optim.lr=1.23456e-4..1.23457e-4"])
def test_a_sampler_draws_nothing_beyond_the_ends(word: str) -> None:
    pytest.importorskip("optuna", reason="the tuner is an extra")
    from optuna.trial import FixedTrial

    (knob,) = tuned(tiny.points(), [word])
    assert knob.low is not None and knob.high is not None
    drawn = [_suggest(FixedTrial({knob.path: end}), knob) for end in (knob.low, knob.high)]  # type: ignore[arg-type]
    drawn += [_any_of(knob) for _ in range(100)]
    assert all(isinstance(value, float) and knob.low <= value <= knob.high for value in drawn)


def test_a_choice_belongs_to_its_knob_though_a_setting_has_its_name() -> None:
    recipe = apply(tiny.images(), [Edit("phases.main.terms.gp", "drop")])  # which forbids a batch norm
    (knob,) = tuned(recipe, ["critic.norm=layer,batch"])
    assert (knob.path, knob.values) == ("critic.norm", ("batch",))
    (knob,) = tuned(recipe, ["critic.norm=none, batch"])
    assert knob.values == ("none", "batch")
    for words in (["critic.norm=none", "batch"], ["batch,critic.norm=none"], ["critic.norm,batch"]):
        assert {knob.path for knob in tuned(recipe, words)} == {"critic.norm", "batch"}
    assert [knob.values for knob in tuned(recipe, ["critic.norm=none,batch=16"])] == [(16,), ("none",)]
