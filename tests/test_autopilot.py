"""What the autopilot decides, by made-up examinations and journals: the laws, one test each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from equipoise.doctor.autopilot import Now, Wait, decide, go_on, review
from equipoise.doctor.budget import Law
from equipoise.doctor.examining import examine
from equipoise.doctor.interventions import Past, past
from equipoise.doctor.mitigations import MITIGATIONS, blinds, settled
from equipoise.doctor.remedies import clip
from equipoise.doctor.scores import as_distance, is_as_good, is_plainly_better, is_worse, still_improves
from equipoise.doctor.symptom import Diagnosis, Doubt, Evidence, Examination, Remedy, Symptom
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Trace
from equipoise.doctor.trying import as_typed
from equipoise.edit import Change, Edit
from equipoise.journal import Adopted, Applying, Event, GaveUp, Judged, Measured, Prescribed, Resumed, Reviewed, Trial
from equipoise.spec import Json
from equipoise.terminal import piloted
from traces import played, rows, scores, well

LAW = Law(
    mode="act",
    candidates=3,
    of_a_kind=3,
    in_all=6,
    extra=0.25,
    horizon=None,
    length_steps=10_000,
    score_steps=500,
)


def remedy(path: str, *, anew: bool = False, look_again: float = 500.0) -> Remedy:
    return Remedy(f"half of {path}", "it falls", look_again, (Edit(path, "scale", 0.5),), anew)


CURES = (remedy("a"), remedy("b"), Remedy("pray", "who knows"), remedy("c"), remedy("d"))


@dataclass(frozen=True, slots=True)
class Made(Symptom):
    """A symptom that a test says is there."""

    key: ClassVar[str] = "made"
    title: ClassVar[str] = "something made up"

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Other(Made):
    key: ClassVar[str] = "other"


@dataclass(frozen=True, slots=True)
class Bug(Made):
    key: ClassVar[str] = "bug"
    stops_others: ClassVar[bool] = True


def ill(symptom: Symptom | None = None, weight: float = 1.0, onset: float | None = 2200.0) -> Examination:
    evidence = (Evidence("samples", "it is 3; up to 2 is well", "distance", onset, weight),)
    return Examination("ill", "made up", (Diagnosis(symptom or Made(), evidence, CURES),))


WELL = Examination("healthy", "nothing of what the doctor knows is there")


def now(examination: Examination | None = None, earlier: Examination | None = None, **changes: object) -> Now:
    seen = examination or ill()
    values = [
        Measured(step=step, name="kernel", value=value, seconds=0.1) for step, value in ((2000, 0.5), (3000, 0.9))
    ]
    return replace(Now(3000, 0, seen, earlier or seen, values, (1000, 2000, 2500)), **changes)  # type: ignore[arg-type]


def admits(edits: tuple[Edit, ...]) -> bool:
    return True


def prescribed(found: object) -> Prescribed:
    assert isinstance(found, Prescribed)
    return found


def edits(found: object) -> list[str]:
    return [" ".join(trial.edits) for trial in prescribed(found).trials[1:]]


def test_a_certain_and_lasting_diagnosis_is_acted_upon_from_before_it_began() -> None:
    found = prescribed(decide(now(), Past(), LAW, admits))
    assert found.origin == 2000
    assert found.trials[0].edits == ("course = 1",)
    assert edits(found) == ["a *= 0.5", "b *= 0.5", "c *= 0.5"]
    assert [trial.edits for trial in found.left] == [("d *= 0.5",)]
    assert found.by_hand == ("pray",)
    assert (found.end, found.review_at, found.score_before) == (2500, 3000, 0.7)


def test_a_forks_name_says_what_differs_in_it() -> None:
    names = [trial.name for trial in prescribed(decide(now(), Past(), LAW, admits)).trials]
    assert names == ["001-0-no-change", "001-1-a-times-0.5", "001-2-b-times-0.5", "001-3-c-times-0.5"]
    part = Edit("phases.main.terms.r1", "add", {"part": "equipoise.terms.penalties.R1", "weight": 0.01})
    cures = (Remedy("R1", "", edits=(part,)), Remedy("slower", "", edits=(Edit("d_optim.lr", "scale", 0.25),)))
    seen = Examination("ill", "made up", (replace(ill().diagnoses[0], remedies=cures),))
    names = [trial.name for trial in prescribed(decide(now(seen), Past(), LAW, admits)).trials[1:]]
    assert names == ["001-1-r1-plus-R1", "001-2-d.lr-times-0.25"]


def scored(*values: float, name: str = "kernel") -> list[Measured]:
    return [Measured(step=500 * at, name=name, value=value, seconds=0.1) for at, value in enumerate(values, 1)]


def test_a_run_whose_samples_get_better_is_left_alone_and_advised_all_the_same() -> None:
    better = now(scores=scored(0.9, 0.8, 0.7, 0.6, 0.5, 0.4))
    found = decide(better, Past(), LAW, admits)
    assert isinstance(found, Wait)
    assert "get better" in found.why
    prescribed(decide(replace(better, is_over=True), Past(), LAW, admits))
    prescribed(decide(better, Past(), replace(LAW, mode="advise"), admits))
    prescribed(decide(now(scores=scored(0.9, 0.8, 0.5, 0.49, 0.49, 0.48)), Past(), LAW, admits))
    prescribed(decide(now(scores=scored(0.02, -0.01, -0.01, -0.01, 0.0)), Past(), LAW, admits))


def test_decibels_are_compared_as_errors_and_similarities_as_what_is_missing() -> None:
    """3 dB are half of the error, at 24 dB as at 40."""
    assert as_distance("psnr", 30.0) == pytest.approx(0.001)
    assert as_distance("psnr", 33.01) == pytest.approx(0.0005, rel=1e-3)
    assert (as_distance("ssim", 0.75), as_distance("kernel", 0.75)) == (0.25, 0.75)
    assert still_improves(scored(24.0, 24.5, 25.0, 25.5, 26.0, 26.5, name="psnr"))
    assert not still_improves(scored(24.0, 24.5, 25.0, 25.1, 25.1, 25.1, name="psnr"))
    assert not still_improves(scored(26.5, 26.0, 25.5, 25.0, 24.5, 24.0, name="psnr"))
    assert still_improves(scored(0.96, 0.96, 0.96, 0.97, 0.97, 0.97, name="ssim"))
    assert is_plainly_better(scored(24.0, 31.0, name="psnr"), 1000, 500)
    assert not is_plainly_better(scored(40.0, 42.0, name="psnr"), 1000, 500)
    assert is_plainly_better(scored(0.9, 0.96, name="ssim"), 1000, 500)
    assert is_as_good(scored(30.0, 30.0, 30.0, name="psnr"), 30.1)
    assert not is_as_good(scored(29.0, 29.0, 29.0, name="psnr"), 30.0), "a quarter more of the error"
    assert is_worse(29.0, 30.0, "psnr") and is_worse(0.8, 0.9, "ssim") and is_worse(0.9, 0.8, "kernel")


RAISED = Examination("ill", "made up", (replace(ill().diagnoses[0], raised_at=2700.0),))


def test_forks_go_beyond_the_step_at_which_a_rate_is_raised() -> None:
    early = replace(ill(onset=2900.0).diagnoses[0], raised_at=2700.0)
    seen = Examination("ill", "made up", (early,))
    found = prescribed(decide(now(seen), Past(), LAW, admits))
    assert (found.origin, found.since, found.end) == (2500, 2700, 3000)
    assert edits(found) == ["a *= 0.5"], "what changed is tried by itself"
    assert len(found.left) == 3
    short = prescribed(decide(now(RAISED), Past(), replace(LAW, extra=0.1), admits))
    assert (short.origin, short.end) == (2000, 3000)
    assert prescribed(decide(now(RAISED), Past(), replace(LAW, extra=0.09), admits)).mode == "advise"
    assert prescribed(decide(now(seen), Past(), replace(LAW, mode="advise", extra=0.0), admits)).end == 3200


def test_beside_a_rate_that_is_held_stands_what_the_run_did_itself_as_far_as_it_has_come() -> None:
    found = prescribed(decide(now(RAISED), Past(), LAW, admits))
    assert (found.trials[0].name, found.trials[0].is_own_course) == ("001-0-own-course", True)
    assert (found.origin, found.end) == (2000, 3000) == (2000, found.step)
    bearable = prescribed(decide(now(RAISED), Past(), replace(LAW, horizon=200, extra=0.09), admits))
    assert (bearable.end, bearable.trials[0].is_own_course) == (2900, True)
    broken = prescribed(decide(replace(now(RAISED), is_over=True), Past(), replace(LAW, horizon=400), admits))
    assert (broken.end, broken.trials[0].is_own_course) == (3100, True), "until the remedy is due to show"
    assert not prescribed(decide(now(), Past(), LAW, admits)).trials[0].is_own_course


def doubted(*paths: str) -> Examination:
    """A healthy run with settings under suspicion."""
    remedies = [Remedy(f"less {path}", "better", edits=(Edit(path, "scale", 0.5),)) for path in paths]
    doubts = tuple(Doubt(f"{one.words} is high", ("oscillation",), one) for one in remedies)
    return Examination("healthy", "made up", doubts=doubts)


EARLY = scored(0.9, 0.8, 0.85)


def test_settings_under_suspicion_are_tried_without_once_early_beside_what_the_run_did() -> None:
    seen = replace(now(doubted("a", "b"), scores=EARLY), step=1500)
    found = prescribed(decide(seen, Past(), replace(LAW, extra=0.5), admits))
    assert (found.is_doubt, found.origin, found.end) == (True, 0, 1500)
    assert found.trials[0].is_own_course and edits(found) == ["a *= 0.5", "b *= 0.5"]
    assert "less a is high" in found.evidence
    assert isinstance(decide(replace(seen, step=1499), Past(), LAW, admits), Wait), "too early to say"
    assert isinstance(decide(replace(seen, step=2501), Past(), replace(LAW, extra=1.0), admits), Wait), "too late"
    assert isinstance(decide(replace(seen, is_over=True), Past(), LAW, admits), Wait), "it broke off"
    both = replace(doubted("a"), diagnoses=ill().diagnoses)
    assert isinstance(decide(replace(seen, examination=both, earlier=doubted("a")), Past(), LAW, admits), Wait)
    assert isinstance(decide(seen, past([found]), LAW, admits), Wait)
    lost = past([found, Judged(step=1500, number=1, scores={}, chosen="", why="no better", lost_steps=1500)])
    assert lost.failed is None, "nothing has to be done about it"
    assert isinstance(decide(replace(seen, step=2000), lost, LAW, admits), Wait), "once"


def test_a_suspicion_that_came_to_nothing_bars_no_cure_and_costs_it_no_budget() -> None:
    seen = replace(now(doubted("a"), scores=EARLY), step=1500)
    tried = prescribed(decide(seen, Past(), LAW, admits))
    lost = past([tried, Judged(step=1500, number=1, scores={}, chosen="", why="no better", lost_steps=1500)])
    assert (lost.fork_steps, lost.lost_steps, lost.tried, lost.count("oscillation")) == (0, 1500, frozenset(), 0)
    assert edits(prescribed(decide(now(), lost, LAW, admits)))[0] == "a *= 0.5"
    assert prescribed(decide(now(), lost, replace(LAW, in_all=1), admits))


def test_what_was_adopted_on_suspicion_is_not_reviewed() -> None:
    """It was as long as the run itself, and there is nothing to go back to but the beginning."""
    seen = replace(now(doubted("a"), scores=EARLY), step=1500)
    tried = prescribed(decide(seen, Past(), LAW, admits))
    name = tried.trials[1].name
    judged = Judged(step=1500, number=1, scores={name: 0.1}, chosen=name, why="better", lost_steps=0)
    adopted = past([tried, judged, Adopted(step=1500, number=1, name=name, lost_steps=1500)])
    assert adopted.current is None and adopted.standing is not None and adopted.lost_steps == 1500


def test_of_settings_under_suspicion_no_more_are_tried_than_the_budget_bears() -> None:
    seen = replace(now(doubted("a", "b"), scores=EARLY), step=1500)
    length = LAW.length_steps
    assert len(edits(prescribed(decide(seen, Past(), replace(LAW, extra=1501 / length), admits)))) == 1
    assert isinstance(decide(seen, Past(), replace(LAW, extra=1499 / length), admits), Wait)
    assert isinstance(decide(seen, Past(), replace(LAW, mode="advise", extra=1.0), admits), Wait)
    assert isinstance(decide(replace(seen, begin=100), Past(), replace(LAW, extra=1.0), admits), Wait)
    assert isinstance(decide(seen, Past(), replace(LAW, extra=1.0), lambda edits: False), Wait)
    raised = tuple(replace(doubt, since=300.0) for doubt in seen.examination.doubts)
    on_the_way = replace(seen, examination=replace(seen.examination, doubts=raised))
    assert isinstance(decide(on_the_way, Past(), replace(LAW, extra=1.0), admits), Wait), "a diagnosis will say when"


def test_only_what_holds_the_rate_is_tried_by_itself() -> None:
    found = prescribed(decide(now(RAISED), Past(), LAW, lambda edits: str(edits[0]) != "a *= 0.5"))
    assert edits(found)[0] == "b *= 0.5"
    assert len(found.trials) > 2


def test_later_rounds_go_beyond_it_too_and_are_no_longer_than_the_horizon() -> None:
    law = replace(LAW, extra=5.0, horizon=100)
    first = prescribed(decide(now(RAISED), Past(), law, admits))
    failed = past([first, Judged(step=2800, number=1, scores={}, chosen="", why="every fork broke off", lost_steps=0)])
    assert failed.failed is not None
    again = prescribed(go_on(failed.failed, failed, law))
    assert (first.end, again.end, again.since) == (3000, 2800, 2700)


def test_a_run_that_got_twice_as_good_in_spite_of_it_goes_back_to_its_newest_best() -> None:
    def origin(*values: float) -> int:
        steps = (2000, 2500, 3000)
        taken = [
            Measured(step=at, name="kernel", value=value, seconds=0.1) for at, value in zip(steps, values, strict=True)
        ]
        return prescribed(decide(now(scores=taken), Past(), LAW, admits)).origin

    assert origin(0.5, 0.2, 0.3) == 2500
    assert origin(0.5, 0.3, 0.3) == 2000
    assert origin(-0.01, -0.006, -0.006) == 2000
    assert origin(0.5, 0.5, 0.1) == 2000, "what was not kept as the best is nothing to go back to"


def test_what_was_learned_before_the_last_change_is_kept_too() -> None:
    def measured(*pairs: tuple[int, float]) -> list[Measured]:
        return [Measured(step=step, name="kernel", value=value, seconds=0.1) for step, value in pairs]

    since = now(ill(onset=2000.0), scores=measured((2500, 0.2), (3000, 0.2)), origins=(2500,))
    assert prescribed(decide(since, Past(), LAW, admits)).origin == 0
    whole = replace(since, scores_before=measured((100, 5.0), (2400, 0.21)))
    assert prescribed(decide(whole, Past(), LAW, admits)).origin == 2500


def test_the_origin_is_the_runs_beginning_where_nothing_was_good_before() -> None:
    assert prescribed(decide(now(ill(onset=600.0)), Past(), LAW, admits)).origin == 0


def test_onsets_are_counted_from_the_phase() -> None:
    assert prescribed(decide(now(ill(onset=600.0), begin=2000), Past(), LAW, admits)).origin == 2500


@pytest.mark.parametrize(
    ("seen", "earlier", "why"),
    [
        (ill(Bug()), ill(Bug()), "no setting may be changed"),
        (ill(weight=0.6), ill(weight=0.6), "made up"),
        (ill(), WELL, "made up"),
        (WELL, WELL, "nothing"),
    ],
    ids=["a bug", "one kind of evidence", "seen only once", "healthy"],
)
@pytest.mark.parametrize("mode", ["act", "advise"])
def test_nothing_is_done(seen: Examination, earlier: Examination, why: str, mode: str) -> None:
    found = decide(now(seen, earlier), Past(), replace(LAW, mode=mode), admits)
    assert isinstance(found, Wait) and why in found.why


def test_what_the_recipe_does_not_admit_is_no_remedy() -> None:
    found = decide(now(), Past(), LAW, lambda edits: edits[0].path in "cd")
    assert edits(found) == ["c *= 0.5", "d *= 0.5"]
    assert isinstance(decide(now(), Past(), LAW, lambda edits: False), Wait)


def test_forks_are_shorter_or_fewer_where_steps_are_few() -> None:
    assert prescribed(decide(now(), Past(), replace(LAW, extra=0.12), admits)).end == 2400
    fewer = prescribed(decide(now(), Past(), replace(LAW, extra=0.06), admits))
    assert (len(fewer.trials), fewer.end) == (3, 2300)


def test_where_no_fork_fits_a_run_of_which_nothing_was_tried_is_advised_once_and_goes_on() -> None:
    law = replace(LAW, extra=0.02)
    advice = prescribed(decide(now(), Past(), law, admits))
    assert advice.mode == "advise" and edits(advice)[0] == "a *= 0.5"
    assert advice.unfit.startswith("a fork takes 250 steps at least")
    assert f"the autopilot only advises here: {advice.unfit}" in piloted(advice, Path("runs/a"))
    again = prescribed(decide(now(), Past(advised=(replace(advice, unfit=""),)), law, admits))
    assert (again.number, again.unfit) == (2, advice.unfit), "what was said when advice was all that was asked for"
    waiting = decide(now(), Past(advised=(advice,)), law, admits)
    assert isinstance(waiting, Wait)
    assert (
        waiting.why
        == "a fork takes 250 steps at least, and 200 are left of those that forks may cost (autopilot.extra)"
    )
    tried = replace(told(judged("")), fork_steps=2400)
    ended = decide(now(), tried, LAW, admits)
    assert isinstance(ended, GaveUp) and "and 100 are left of those" in ended.why
    assert isinstance(decide(replace(now(), is_over=True), Past(), law, admits), GaveUp)


def test_advice_says_from_where_and_how_it_is_followed() -> None:
    new = replace(ill(), diagnoses=(replace(ill().diagnoses[0], remedies=(remedy("a", anew=True),)),))
    run, law = Path("my runs/a"), replace(LAW, mode="advise")
    told, anew = (prescribed(decide(now(seen, seen), Past(), law, admits)) for seen in (ill(), new))
    assert list(piloted(told, run))[1:] == [
        "advice 1: from step 2000 with a *= 0.5: it falls",
        "to do that: equipoise apply 'my runs/a' 1",
    ]
    begun = "advice 1: anew from step 0, as networks change their shapes, with a *= 0.5: it falls"
    assert begun in piloted(anew, run)
    assert not [line for line in piloted(told, run, applied=[1]) if "equipoise apply" in line]
    (tried,) = list(piloted(replace(anew, mode="act"), run))[1:]
    assert tried.endswith("from step 2000 no change, and a *= 0.5 (anew from step 0, as networks change their shapes)")


def test_a_symptom_for_which_no_fork_fits_bars_no_other() -> None:
    slow, quick = remedy("slow", look_again=2000.0), remedy("quick", look_again=100.0)
    evidence = ill().diagnoses[0].evidence
    seen = Examination("ill", "made up", (Diagnosis(Made(), evidence, (slow,)), Diagnosis(Other(), evidence, (quick,))))
    found = prescribed(decide(now(seen, seen), Past(), replace(LAW, extra=0.02), admits))
    assert (found.mode, found.symptom, edits(found)) == ("act", "other", ["quick *= 0.5"])


def test_where_the_run_ends_before_that_is_said() -> None:
    late = replace(now(), step=10_000)
    nothing = replace(LAW, length_steps=2000.0, extra=0.25)
    told = decide(replace(late, is_over=True), Past(), nothing, admits)
    assert isinstance(told, GaveUp) and told.why == "the run ends before a remedy could show"


def test_what_a_person_applied_ends_what_was_under_way() -> None:
    applying = Applying(step=2000, number=2, name="002-applied", came_to=2800)
    found = told(judged(A), adopted(A), RESUMED, applying)
    assert found.applying is applying and found.current is not None
    found = told(judged(A), adopted(A), RESUMED, applying, adopted("002-applied", 800), RESUMED)
    assert (found.applying, found.current, found.standing, found.failed) == (None, None, None, None)
    assert found.lost_steps == 1500 + 1000 + 800
    before = replace(applying, step=1500)
    done = [judged(A), adopted(A), RESUMED, KEPT]
    assert told(*done, applying, adopted("002-applied", 800)).standing is not None
    assert told(*done, before, adopted("002-applied", 1300)).standing is None, "the run has gone back to before it"


def test_a_fork_is_as_long_as_the_remedies_need_that_are_tried_in_it() -> None:
    cures = (remedy("a"), remedy("b"), remedy("c", look_again=800.0), remedy("d", look_again=2000.0))
    seen = Examination("ill", "made up", (replace(ill().diagnoses[0], remedies=cures),))
    found = prescribed(decide(now(seen), Past(), LAW, admits))
    assert (found.end, found.review_at) == (2800, 4000)
    assert prescribed(decide(now(seen), Past(), replace(LAW, horizon=300), admits)).end == 2300


def test_steps_of_lost_forks_count() -> None:
    found = prescribed(decide(now(), Past(fork_steps=1300), LAW, admits))
    assert found.end == 2400


def test_beginning_anew_costs_the_steps_up_to_the_origin() -> None:
    cures = (remedy("a", anew=True), remedy("b"))
    seen = Examination("ill", "made up", (replace(ill().diagnoses[0], remedies=cures),))
    rich = prescribed(decide(now(seen), Past(), replace(LAW, extra=1.0), admits))
    assert [trial.anew for trial in rich.trials] == [False, True, False]
    poor = prescribed(decide(now(seen), Past(), replace(LAW, extra=0.1), admits))
    assert edits(poor) == ["b *= 0.5"]
    assert edits(decide(now(replace(seen), origins=()), Past(), replace(LAW, extra=0.1), admits)) == [
        "a *= 0.5",
        "b *= 0.5",
    ]


def test_a_review_comes_at_a_score_and_before_the_end() -> None:
    assert prescribed(decide(now(), Past(), replace(LAW, score_steps=400), admits)).review_at == 3200
    short = replace(LAW, length_steps=3200, extra=1.0)
    assert prescribed(decide(now(), Past(), replace(short, score_steps=300), admits)).review_at == 3000


# -- a journal, told in events


def told(*more: Event, first: Prescribed | None = None) -> Past:
    return past([first or FIRST, *more])


FIRST = prescribed(decide(now(), Past(), LAW, admits))
CONTROL, A, B, C = (trial.name for trial in FIRST.trials)


def judged(chosen: str) -> Judged:
    return Judged(step=2500, number=1, scores={}, chosen=chosen, why="", lost_steps=1500)


def adopted(name: str, lost: int = 1000) -> Adopted:
    return Adopted(step=2500, number=1, name=name, lost_steps=lost)


RESUMED = Resumed(step=2500, checkpoint="", data={}, machine={}, goal={})
KEPT, TAKEN_BACK = (Reviewed(step=3000, number=1, kept=kept, why="") for kept in (True, False))


def test_the_journal_says_what_is_to_be_done_next() -> None:
    steps = [judged(A), adopted(A), RESUMED, TAKEN_BACK, adopted("001-before", 500)]
    stages = ["trial", "adopt", "review", "review", "revert", "done"]
    assert [told(*steps[:count]).interventions[0].stage for count in range(6)] == stages
    assert told(*steps).failed is not None
    assert told(*steps).lost_steps == 3000
    assert told(*steps).fork_steps == 1500


def test_nothing_else_is_done_before_the_review() -> None:
    assert isinstance(decide(now(), told(judged(A), adopted(A), RESUMED), LAW, admits), Wait)


def test_what_was_kept_may_be_done_again_and_what_lost_may_not() -> None:
    found = decide(now(), told(judged(A), adopted(A), RESUMED, KEPT), LAW, admits)
    assert edits(found) == ["a *= 0.5", "d *= 0.5"]


def test_what_was_taken_back_is_never_tried_again() -> None:
    gone = told(judged(A), adopted(A), RESUMED, TAKEN_BACK, adopted("001-before"))
    assert gone.failed is not None
    again = prescribed(go_on(gone.failed, gone, LAW))
    assert (edits(again), again.number, again.origin, again.step) == (["d *= 0.5"], 2, 2000, 2000)
    assert isinstance(decide(now(), gone, LAW, lambda those: those[0].path in "abc"), GaveUp)


def test_where_nothing_is_left_it_is_given_up_with_what_a_person_could_do() -> None:
    first = replace(FIRST, left=())
    gone = told(judged(""), first=first)
    assert gone.failed is not None
    found = go_on(gone.failed, gone, LAW)
    assert isinstance(found, GaveUp) and found.left == ("pray",) and "every remedy" in found.why


@pytest.mark.parametrize(
    ("law", "why"), [({"of_a_kind": 1}, "1 interventions against made"), ({"in_all": 1}, "allowed")]
)
def test_interventions_are_counted(law: Mapping[str, int], why: str) -> None:
    found = decide(now(), told(judged(A), adopted(A), RESUMED, KEPT), replace(LAW, **law), admits)  # type: ignore[arg-type]
    assert isinstance(found, GaveUp) and why in found.why
    assert found.left == tuple(cure.words for cure in CURES if not cure.edits or cure.edits[0].path in "ad")


@pytest.mark.parametrize(("mended", "goes_on"), [(0.7, True), (0.67, True), (0.66, False), (None, False)])
def test_what_was_good_enough_to_keep_is_good_enough_to_go_on_with(mended: float | None, goes_on: bool) -> None:
    kept = told(judged(A), adopted(A), RESUMED, replace(KEPT, score=mended))
    law = replace(LAW, of_a_kind=1)
    found = decide(now(), kept, law, admits)
    assert isinstance(found, Wait if goes_on else GaveUp)
    assert "1 interventions against made" in found.why
    assert isinstance(decide(now(is_over=True), kept, law, admits), GaveUp)


def scored_at(*values: float) -> list[Measured]:
    steps = range(2000, 2000 + 100 * len(values), 100)
    return [Measured(step=at, name="kernel", value=value, seconds=0.1) for at, value in zip(steps, values, strict=True)]


@pytest.mark.parametrize(
    ("values", "goes_on"),
    [
        ((0.70, 0.70, 0.70), True),
        ((0.80, 0.80, 0.80), False),
        ((0.70, 0.80, 0.70, 0.80, 0.70, 0.80), True),
        ((0.60, 1.00, 0.60, 1.00, 0.60, 1.00), True),
    ],
    ids=["as good", "worse", "worse by less than it swings", "the same, swinging more"],
)
def test_how_good_is_good_enough_is_told_by_how_much_a_run_swings(values: tuple[float, ...], goes_on: bool) -> None:
    kept = told(judged(A), adopted(A), RESUMED, replace(KEPT, score=0.7))
    found = decide(now(scores=scored_at(*values)), kept, replace(LAW, of_a_kind=1), admits)
    assert isinstance(found, Wait if goes_on else GaveUp)


def test_a_second_repair_that_failed_ends_no_run_that_the_first_has_mended() -> None:
    again = replace(prescribed(decide(now(), Past(), LAW, admits)), number=2, left=())
    names = [f"002{trial.name[3:]}" for trial in again.trials]
    again = replace(again, trials=tuple(replace(it, name=name) for it, name in zip(again.trials, names, strict=True)))
    first = [judged(A), adopted(A), RESUMED, replace(KEPT, score=0.7, measure="kernel")]
    lost = replace(judged(""), number=2)
    found = told(*first, again, lost)
    assert found.failed is not None and found.failed.prescribed.number == 2
    assert isinstance(go_on(found.failed, found, LAW, scored_at(0.7, 0.7, 0.7)), Wait)
    assert isinstance(go_on(found.failed, found, LAW, scored_at(0.9, 0.9, 0.9)), GaveUp)
    assert isinstance(go_on(found.failed, found, LAW), GaveUp)


def test_what_has_failed_is_asked_about_until_the_run_goes_on() -> None:
    for steps in ([judged("")], [judged(A), adopted(A), RESUMED, TAKEN_BACK, adopted("001-before")]):
        assert told(*steps).failed is not None, "a run that is killed now decides as one that was not"
        gone_on = told(*steps, RESUMED)
        assert gone_on.failed is None and gone_on.current is None
        assert gone_on.tried == told(*steps).tried and gone_on.count("made") == 1


def test_what_a_person_went_on_from_is_abandoned_and_counts_for_nothing() -> None:
    found = told(RESUMED)
    assert found.current is None and found.failed is None
    assert edits(decide(now(), found, replace(LAW, in_all=1), admits)) == edits(FIRST)


def test_advice_is_said_once() -> None:
    law = replace(LAW, mode="advise")
    first = prescribed(decide(now(), Past(), law, admits))
    assert first.mode == "advise"
    assert isinstance(decide(now(), past([first]), law, admits), Wait)


def test_in_advise_a_symptom_that_no_setting_cures_is_told_with_what_a_person_can_do() -> None:
    told_so = prescribed(decide(now(), Past(), replace(LAW, mode="advise"), lambda edits: False))
    assert (edits(told_so), told_so.by_hand) == ([], ("pray",))


def test_where_the_beginning_is_not_kept_it_goes_back_to_the_oldest_checkpoint() -> None:
    assert prescribed(decide(now(ill(onset=600.0), oldest=1500), Past(), LAW, admits)).origin == 1500
    seen = replace(now(doubted("a"), scores=EARLY), step=1500)
    assert isinstance(decide(replace(seen, oldest=1000), Past(), LAW, admits), Wait), "a suspicion begins at step 0"


def test_forks_go_beyond_the_step_at_which_the_ill_phase_begins() -> None:
    found = prescribed(decide(now(ill(onset=100.0), begin=2600), Past(), LAW, admits))
    assert (found.origin, found.since, found.end) == (2500, 2600, 3100)
    short = decide(now(ill(onset=100.0), begin=2600), Past(), replace(LAW, extra=0.03), admits)
    assert prescribed(short).mode == "advise", "a hundred steps of it are not of that phase"


def test_what_has_been_given_up_on_does_not_end_a_run_that_a_person_goes_on_with() -> None:
    law = replace(LAW, of_a_kind=1)
    kept = [judged(A), adopted(A), RESUMED, KEPT]
    ended = decide(now(), told(*kept), law, admits)
    assert isinstance(ended, GaveUp)
    again = decide(now(), told(*kept, ended, RESUMED), law, admits)
    assert isinstance(again, Wait) and "a person goes on" in again.why
    other = decide(now(ill(Other())), told(*kept, ended, RESUMED), replace(law, in_all=1), admits)
    assert isinstance(other, GaveUp), "once for each symptom"
    assert prescribed(decide(now(ill(Other())), told(*kept, ended, RESUMED), LAW, admits)).mode == "act"


def test_giving_up_says_the_step_at_which_the_run_is_then() -> None:
    first = replace(FIRST, left=())
    stayed, back = (
        told(judged(""), first=first),
        told(judged(A), adopted(A), RESUMED, TAKEN_BACK, adopted("001-before")),
    )
    assert stayed.failed is not None and back.failed is not None
    assert go_on(stayed.failed, stayed, LAW).step == FIRST.step
    assert go_on(back.failed, back, replace(LAW, in_all=1)).step == FIRST.origin


def dismissed(mode: str) -> Resumed:
    return replace(RESUMED, changes=(Change("autopilot.mode", "act", mode),))


def test_who_goes_on_without_the_autopilot_ends_the_repair_and_keeps_what_the_run_is() -> None:
    for mode in ("off", "advise"):
        found = told(judged(A), adopted(A), RESUMED, dismissed(mode))
        assert (found.current, found.failed) == (None, None)
        assert found.standing is not None and found.standing.edits == (Edit("a", "scale", 0.5),)
        left = told(judged(A), adopted(A), RESUMED, TAKEN_BACK, dismissed(mode))
        assert (left.current, left.failed) == (None, None) and left.standing is not None
        assert ("a *= 0.5",) in left.tried
    assert told(judged(A), adopted(A), RESUMED, dismissed("act")).current is not None


def test_remedies_with_new_networks_take_no_steps_from_those_that_are_tried() -> None:
    cures = (remedy("a", anew=True), remedy("b"), remedy("c", anew=True))
    seen = Examination("ill", "made up", (replace(ill(onset=500.0).diagnoses[0], remedies=cures),))
    found = prescribed(decide(now(seen, origins=(400,)), Past(), replace(LAW, extra=0.1), admits))
    assert (edits(found), found.origin, found.end) == (["a *= 0.5", "b *= 0.5"], 400, 700)


def test_what_is_left_to_a_person_is_typed_as_it_can_be() -> None:
    tried = Trial("", ("a *= 0.5", "b=3"), "")
    assert as_typed(tried) == "--set 'a *= 0.5' --set 'b=3'"
    assert as_typed(replace(tried, anew=True)) == "a new run with --set 'a *= 0.5' --set 'b=3'"


def test_clipping_is_told_as_it_is_done() -> None:
    def words(*norms: float | None) -> str:
        return clip({f"{side}_optim.clip_norm": norm for side, norm in zip("dg", norms, strict=True)}).words

    assert (words(None, None), words(4.0, 4.0)) == (
        "clip both gradients to a norm of 1",
        "clip both gradients to half the norm",
    )


def under_review(examination: Examination, *values: float, name: str = "kernel", before: str = "") -> Reviewed:
    first = replace(FIRST, measure=before or name)
    one = told(judged(A), adopted(A), RESUMED, first=first).interventions[0]
    found = [Measured(step=2500 + at, name=name, value=value, seconds=0.1) for at, value in enumerate(values)]
    return review(now(examination, scores=found), one)


def test_a_review_compares_no_scores_of_two_measures() -> None:
    """A later phase may have another one."""
    assert not under_review(WELL, 0.1, name="psnr").kept
    found = under_review(WELL, 0.1, name="psnr", before="kernel")
    assert (found.kept, found.score_before, found.measure) == (True, None, "psnr")


def test_a_review_looks_for_the_symptom_and_at_the_samples() -> None:
    assert under_review(WELL, 0.6, 0.6).kept
    assert not under_review(ill(), 0.1).kept
    assert not under_review(WELL, 0.9, 0.8, 0.9).kept
    assert under_review(WELL, 0.9, 0.6, 0.6).kept, "one bad score of three is noise"
    assert under_review(WELL, 0.9, name="psnr").kept, "of decibels more is better"


def test_of_a_run_that_broke_off_a_review_asks_only_whether_the_symptom_is_gone() -> None:
    """What its samples were is nothing to go back to, nor after a first remedy that failed."""
    first = prescribed(decide(now(is_over=True), Past(), LAW, admits))
    assert first.is_over and not FIRST.is_over
    one = told(judged(A), adopted(A), RESUMED, first=first).interventions[0]
    worse = replace(now(WELL), scores=[replace(now().scores[0], value=0.9)])
    assert (review(worse, one).kept, review(worse, one).score_before) == (True, None)
    assert not review(replace(worse, examination=ill()), one).kept
    gone = told(judged(A), adopted(A), RESUMED, TAKEN_BACK, adopted("001-before"), first=first)
    assert gone.failed is not None and prescribed(go_on(gone.failed, gone, LAW)).is_over


# -- mitigations: a cure must not look like a disease

TERMS = "phases.main.terms"


def treated(settings: Mapping[str, Json], **signals: object) -> Trace:
    return replace(well(**signals), settings=settings)  # type: ignore[arg-type]


NOISY = rows(0.52, noise=0.01)
GAME_WITH_NOISE = {"d_loss": rows(1.38, noise=0.01), "auc": NOISY, "auc_held_out": NOISY}
FAR = scores(9.2, *[9.0] * 4)  # too few to be called stagnation
TREATED: Mapping[str, Trace] = {
    "penalty": treated(
        {f"{TERMS}.r1": "equipoise.terms.penalties.R1"},
        d_loss=rows((1.1, 1.1, 1.25, 1.25)),
        grad_d=rows((1.0, 1.0, 0.4, 0.4)),
        grad_at_output=rows((1.0, 1.0, 0.3, 0.3)),
        penalty=rows((2.0, 2.0, 0.5, 0.5)),
    ),
    "noise": treated({"augment.operations.0": "equipoise.augment.Noise"}, distance=FAR, **GAME_WITH_NOISE),
    "adaptive augmentation": treated(
        {"augment.adaptive.target": 0.6},
        distance=FAR,
        augment_p=rows((0.0, 0.5, 0.6), noise=0.0),
        overfitting=rows(0.75, noise=0.01),
        **GAME_WITH_NOISE,
    ),
    "label smoothing": replace(
        played("bce", 1.25, 0.9, d_real=rows(0.85, noise=0.01)),
        settings={
            "phases.main.terms.game": "equipoise.terms.adversarial.BCE",
            "phases.main.terms.game.real_label": 0.9,
        },
    ),
    "rhythm": treated({}, d_loss=rows((1.1, 1.1, 1.35, 1.35)), moved_d=rows((1e-3, 1e-3, 5e-4, 5e-4))),
    "clipping": treated(
        {"d_optim.clip_norm": 1.0},
        grad_d=rows((1.0, 1.0, 1.0, 9.0, 9.0, 9.0)),
        clipped_d=rows(1.0, noise=0.0),
    ),
    "average": treated({"average.decay": 0.99}, distance_raw=scores(*[4.0] * 11)),
    "rates": treated(
        {"d_optim.lr": 1e-4},
        lr_d=rows((4e-4, 4e-4, 1e-4, 1e-4), noise=0.0),
        moved_d=rows((4e-3, 4e-3, 1e-3, 1e-3)),
        grad_d=rows((1.0, 1.0, 1.5, 1.5)),
    ),
}
"""For each cure a healthy run that shows its effect."""


def test_there_is_a_treated_run_for_every_cure() -> None:
    assert set(TREATED) == {mitigation.key for mitigation in MITIGATIONS}
    for mitigation in MITIGATIONS:
        assert mitigation.is_active(TREATED[mitigation.key].settings), mitigation.key


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: symptom.key)
@pytest.mark.parametrize("key", TREATED)
def test_no_rule_reads_a_cure_as_a_disease(key: str, symptom: Symptom) -> None:
    trace = TREATED[key]
    assert examine(trace, (symptom,), blinds(trace.settings)).diagnoses == ()


@pytest.mark.parametrize(
    ("key", "symptom"),
    [("noise", "critic-blind"), ("adaptive augmentation", "critic-blind"), ("clipping", "exploding")],
)
def test_without_the_table_it_would(key: str, symptom: str) -> None:
    assert symptom in {found.symptom.key for found in examine(TREATED[key]).diagnoses}


@pytest.mark.parametrize("mitigation", MITIGATIONS, ids=lambda mitigation: mitigation.key)
def test_what_a_change_unsettles_is_not_read_at_first(mitigation: object) -> None:
    paths = {
        "penalty": "phases.main.terms.r1.weight",
        "noise": "augment.operations",
        "adaptive augmentation": "augment",
        "label smoothing": "phases.main.terms.game.real_label",
        "rhythm": "phases.main.d_updates",
        "clipping": "d_optim.clip_norm",
        "average": "average.decay",
        "rates": "d_optim.lr",
    }
    one = next(known for known in MITIGATIONS if known is mitigation)
    trace = treated({"average.decay": 0.99}, **{name: rows(1.0) for name in (*one.unsettles, "kl")})
    cut = settled(trace, (Edit(paths[one.key], value=1.0),), 1000.0)
    for name in one.unsettles:
        assert cut.signals[name].steps[0] >= 1000.0 + one.settles(trace.settings) > 1000.0
    assert np.array_equal(cut.signals["kl"].steps, trace.signals["kl"].steps)
    assert settled(trace, (Edit("seed", value=1),), 1000.0).signals == trace.signals
