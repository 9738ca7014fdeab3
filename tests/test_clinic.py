"""The clinic: its cases are those that were decided, its faults fit, its truth is of outcomes, its scores count."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clinic import kept, outcome, scoring
from clinic.base import Base
from clinic.bases import BASES
from clinic.cases import Case
from clinic.fresh_sources import Bursts, InkedLetters, LetterPairs, Letters
from clinic.healthy_sources import Bars, BlobPairs, Blobs, Spectra
from clinic.kept import Kept, controls_of, failed_from, labelled, until
from clinic.list_of_faults import FAULTS
from clinic.outcome import truth_of
from clinic.rates import Detection, Share, f1_interval, macro_f1, median_interval
from clinic.rivals import RIVALS, Answer
from clinic.running import carry_through, record_of
from clinic.scoring import Told, told
from clinic.sources import InkDigits, ShapePairs, Shapes, Textures
from clinic.splits import cases, list_digest
from clinic.spoilt import Spoilt
from equipoise.data import Ring
from equipoise.data.codec import to_planes
from equipoise.doctor.game import GAMES
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Series, Trace

MADE = (
    *(Shapes(count=24), Textures(count=24), InkDigits(), ShapePairs(count=24)),
    *(Letters(count=24), InkedLetters(count=24), Bursts(count=24), LetterPairs(count=24)),
    *(Bars(count=24), Blobs(count=24), Spectra(count=24), BlobPairs(count=24)),
)
PARTS = ("dev", "test", "fresh", "healthy")


def test_the_list_of_cases_is_frozen() -> None:
    assert {part: list_digest(part) for part in PARTS} == {
        "dev": "106fbd37c84e",
        "test": "066ec62c5880",
        "fresh": "18f90a5f30b5",
        "healthy": "4c325650020e",
    }, "scores of other cases cannot be compared with those before: say so where they stand"


@pytest.mark.parametrize("part", PARTS)
def test_cases_are_as_many_and_as_mixed_as_was_decided(part: str) -> None:
    found = cases(part)
    assert len({case.id for case in found}) == len(found)
    assert sum(not case.faults for case in found) >= 0.4 * len(found)
    assert part == "healthy" or 0.13 < sum(len(case.faults) == 2 for case in found) / len(found) < 0.17
    assert all(case.is_control for case in found[: len({case.base for case in found})]), "controls come first"


def test_parts_share_no_case_and_what_is_held_out_is() -> None:
    dev, test, fresh, healthy = (cases(part) for part in PARTS)
    assert not {case.id for case in dev} & {case.id for case in test}
    assert {BASES[case.base].part for case in fresh} == {"fresh"}
    assert not {case.seed for case in fresh} & {case.seed for case in (*dev, *test)}
    assert {BASES[case.base].part for case in healthy} == {"healthy"}
    assert not {case.seed for case in healthy} & {case.seed for case in (*dev, *test, *fresh)}
    assert not any(case.faults for case in healthy)
    assert all(BASES[case.base].part == "dev" for case in dev)
    assert all(FAULTS[key].part == "dev" for case in dev for key, _ in case.faults)
    assert not {case.seed for case in dev} & {case.seed for case in test}
    for later in (test, fresh):
        assert {key for case in later for key, _ in case.faults} == set(FAULTS), "each fault is tried"


def test_right_answers_are_symptoms() -> None:
    known = {symptom.key for symptom in SYMPTOMS}
    for fault in FAULTS.values():
        assert fault.causes and fault.causes | fault.acceptable <= known, fault.key


@pytest.mark.parametrize("case", [case for part in PARTS for case in cases(part)], ids=lambda case: case.id)
def test_every_fault_applies(case: Case) -> None:
    recipe = case.recipe
    assert (recipe == BASES[case.base].recipe) == (case.is_control or not changes_recipe(case))


def changes_recipe(case: Case) -> bool:
    return not case.faults or any(key not in ("nan-batch", "measure-broken") for key, _ in case.faults)


@pytest.mark.parametrize("source", MADE)
def test_made_data_are_labelled_and_the_same_each_time(source: Shapes) -> None:
    corpus = source.corpus()
    assert all("/" in name for name in corpus.names) and len(set(corpus.names)) == len(corpus)
    assert np.array_equal(corpus.samples, source.make().samples)
    assert corpus.samples.std(axis=(1, 2, 3)).min() > 1.0, "no picture is flat"


def test_bugs_of_data_are_as_strong_as_was_said() -> None:
    clean = Shapes(count=100).corpus()
    few = Spoilt(Shapes(count=100), "few", 20.0).corpus(None)
    copies = Spoilt(Shapes(count=100), "duplicates", 0.95).corpus(None)
    dim = Spoilt(Shapes(count=100), "range", 4.0).corpus(None)
    assert (len(few), len(np.unique(copies.samples, axis=0))) == (20, 6)
    assert int(dim.samples.max()) == int(clean.samples.max()) // 4
    exchanged = Spoilt(ShapePairs(count=50), "pairs misaligned", 1.0).corpus(None)
    assert not any(np.array_equal(*pair) for pair in zip(exchanged.given, ShapePairs(50).corpus().given, strict=True))


def test_the_truth_of_points_is_known_by_hand(tmp_path: Path) -> None:
    truth = truth_of(BASES["ring-bce"], None, tmp_path)
    corpus = BASES["ring-bce"].recipe.source.corpus(None, tmp_path)
    real = to_planes(torch.from_numpy(corpus.samples[:2500].copy()), corpus.space)
    assert truth.numbers(real, truth.beside)["harm"] < 0.08
    first = torch.from_numpy(Ring().centres()[:1]).float().reshape(1, 2, 1, 1).repeat(100, 1, 1, 1) / Ring.reach
    alone = truth.numbers(first, truth.beside)
    assert alone["modes"] == 1 and alone["harm"] == pytest.approx(7 / 8)
    assert alone["kl"] == pytest.approx(math.log(8))


def record(harms: list[float], **others: object) -> dict[str, object]:
    evaluations = [[100 * (at + 1), {"harm": harm}] for at, harm in enumerate(harms)]
    return {"evaluations": evaluations, "refused": "", "fault": "", "steps": 100 * len(harms), **others}


def test_a_run_has_failed_where_its_outcome_is_half_as_bad_again_to_the_end() -> None:
    usual = [4.0, 3.0, 2.0, 1.0, 1.0, 1.0]
    assert failed_from(record(usual), usual) is None
    assert failed_from(record([4.0, 3.0, 2.0, 9.0, 1.0, 1.0]), usual) is None, "one bad evaluation is none"
    assert failed_from(record([4.0, 3.0, 2.0, 2.0, 2.0, 2.0]), usual) == 400
    assert failed_from(record([9.0] * 6), usual) == 100
    assert failed_from(record([4.0, 3.0], fault="step 201: NaN"), usual) == 200
    assert failed_from(record([], refused="no"), usual) == 0


def test_truth_is_fault_and_outcome_together() -> None:
    control = Case("ring-bce", 0, "dev")
    usual = controls_of([(control, record([1.0] * 4)), (replace(control, seed=1), record([3.0] * 4))])["ring-bce"]
    assert usual == [2.0] * 4
    faulty = replace(control, faults=(("critic-fast", 10.0),))
    broken = replace(control, faults=(("measure-broken", 1.0),))
    bad, good = record([9.0] * 4), record([2.0] * 4)
    labels = [labelled(case, of, usual)[0] for case in (control, faulty) for of in (good, bad)]
    assert labels == ["well", "failed control", "harmless", "ill"]
    assert labelled(broken, good, usual)[0] == "ill", "its samples are as good as ever"


def test_shares_have_wilson_intervals() -> None:
    assert Share(0, 10).interval == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert Share(5, 10).interval == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert math.isnan(Share(0, 0).value)


def test_detection_counts() -> None:
    found = Detection.of([True] * 6 + [False] * 2, [True] * 2 + [False] * 10)
    assert (found.recall.value, found.precision.value, found.f1) == (0.75, 0.75, 0.75)
    assert found.false_alarms.value == pytest.approx(1 / 6)
    low, high = f1_interval([True] * 6 + [False] * 2, [True] * 2 + [False] * 10)
    assert 0.3 < low < 0.75 < high <= 1.0
    assert median_interval([1.0] * 5) == (1.0, 1.0, 1.0)


def test_macro_f1_is_a_mean_over_faults() -> None:
    right, other = frozenset({"critic-wins"}), frozenset({"plumbing-bug"})
    perfect = [("a", right, "critic-wins"), ("b", other, "plumbing-bug")]
    assert macro_f1(perfect) == 1.0
    assert macro_f1([("a", right, "critic-wins"), ("b", other, "critic-wins")]) == pytest.approx((2 / 3 + 0) / 2)


def run_of(truth: kept.Truth, faults: tuple[tuple[str, float], ...] = (), onset: float | None = None) -> Kept:
    case = Case("ring-bce", 0, "dev", faults=faults)
    losses = Series.of(range(0, 2001, 10), [1.0] * 201)
    return Kept(case, record([1.0] * 20), Trace({"d_loss": losses}, GAMES["bce"]), truth, onset)


def test_alarms_are_counted_as_they_begin() -> None:
    def at_three(trace: Trace) -> Answer:
        return Answer(trace.last_step in (300.0, 400.0) or trace.last_step > 1500, ("critic-wins",))

    said = told(run_of("ill", (("critic-fast", 10.0),), onset=800.0), at_three)
    assert (len(said.looks), said.alarms, said.first_alarm) == (20, 2, 1600.0)
    assert said.names(1, said.run.case.causes) and not said.names(1, frozenset({"blur"}))
    rows = {row.what: row.value for row in scoring.live_rows([said])}
    assert rows["steps from onset to alarm, median; early is negative"].startswith("800 ")


def test_scores_of_made_up_answers() -> None:
    ill = run_of("ill", (("critic-fast", 10.0),), 100.0)

    def answers(run: Kept, *said: Answer) -> Told:
        return Told(run, tuple((100.0 * at, one) for at, one in enumerate(said)))

    quiet, right = Answer(False, (), "healthy"), Answer(True, ("blur", "critic-wins"), "ill")
    ours = [answers(ill, quiet, right), answers(ill, quiet, quiet), answers(run_of("well"), right, quiet)]
    causes = {row.what: row.value for row in scoring.cause_rows(ours)}
    assert causes["an acceptable cause among the first 1, of ill runs"].endswith("0 of 2)")
    assert causes["the predeclared cause among the first 3, of ill runs"].endswith("1 of 2)")
    live = {row.what: row.value for row in scoring.live_rows(ours)}
    assert live["healthy runs ever alarmed"].endswith("1 of 1)")
    assert live["false alarms in 10 000 healthy steps"].startswith("5.00 (1 in 2000)")
    assert "ring-bce.critic-fast=10.0" in scoring.failures(ours)


def test_an_early_look_does_not_know_the_end() -> None:
    trace = Trace(
        {"d_loss": Series.of([10, 20, 30], [1, 1, 1])},
        faults=("data, perhaps: noise", "plumbing: frozen", "step 30: NaN"),
    )
    early = until(trace, 20)
    assert early.last_step == 20 and early.faults == ("data, perhaps: noise", "plumbing: frozen")
    assert until(trace, 30) == trace


def test_signals_are_taken_away_rung_by_rung() -> None:
    one = Series.of([1], [1])
    names = ("d_loss", "grad_d", "share.l1", "distance", "auc_held_out")
    trace = Trace(dict.fromkeys(names, one), faults=("data: noise", "step 3: NaN"))
    counts = [(len(kept.ablated(trace, rung).signals), len(kept.ablated(trace, rung).faults)) for rung in kept.LADDER]
    assert counts == [(1, 1), (3, 1), (4, 1), (5, 1), (5, 2)]


def test_rivals_say_what_their_rules_say() -> None:
    steps = list(range(0, 2001, 10))
    won = Trace({"d_loss": Series.of(steps, [1e-3] * 201)}, GAMES["bce"])
    even = Trace({"d_loss": Series.of(steps, [1.3] * 201)}, GAMES["bce"])
    lost = Trace({"d_loss": Series.of(steps, [math.nan] * 201)}, GAMES["bce"])
    stuck = Trace({"distance": Series.of(steps[:8], [5, 4, 3, 2, 3, 3, 3, 3])}, GAMES["bce"])
    alarmed = {name: [ask(trace).alarm for trace in (won, even, lost, stuck)] for name, ask in RIVALS.items()}
    assert alarmed["always"] == [True] * 4 and alarmed["never"] == [False] * 4
    assert alarmed["NaN only"] == [False, False, True, False]
    assert alarmed["Dn below 0.05"] == [True, False, False, False]
    assert alarmed["ganhacks-like"] == [True, False, False, False]
    assert alarmed["early stopping"] == [False, False, False, True]
    assert alarmed["AutoTrainer-like"][1:3] == [False, True]


@pytest.mark.long
def test_a_case_is_trained_once_and_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = {key: base for key, base in BASES.items() if key == "ring-bce"}
    monkeypatch.setitem(BASES, "ring-bce", shortened(short["ring-bce"]))
    found = [Case("ring-bce", 0, "dev"), Case("ring-bce", 0, "dev", faults=(("measure-broken", 1.0),))]
    records = [carry_through(case, tmp_path, None) for case in found]
    assert [len(one["evaluations"]) for one in records] == [6, 6]
    assert [record_of(case, tmp_path) for case in found] == json.loads(json.dumps(records))
    monkeypatch.setattr(kept, "cases", lambda part: found)
    runs = kept.kept_runs("dev", tmp_path)
    assert [run.truth for run in runs] == ["well", "ill"]
    assert told(runs[1]).last.causes == ("invalid-measure",)
    monkeypatch.setitem(BASES, "ring-bce", short["ring-bce"])
    assert record_of(found[0], tmp_path) is None, "its base has changed since"
    assert outcome.FAILS == 1.5


def shortened(base: Base) -> Base:
    """In 60 steps, of which every tenth is measured."""
    phase = replace(base.recipe.phases["main"], length=replace(base.recipe.phases["main"].length, amount=60))
    cadence = replace(base.recipe.cadence, sheet_steps=10, tick_steps=10, probe_steps=10)
    return replace(base, recipe=replace(base.recipe, phases={"main": phase}, cadence=cadence))
