"""Does the autopilot rescue: the plan is the one that was decided, arms spend the same, shares are counted by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import piloted
from clinic import refusing, rescued, rescuing
from clinic.arms import ARMS, WAITING, safe_settings, undoing
from clinic.base import Base
from clinic.bases import BASES
from clinic.cases import Case
from clinic.compute import Spending, allowance
from clinic.outcome import COUNTS
from clinic.plans import HARMFUL, REST, SHORT, UNSEEN, Plan
from clinic.prescribing import drawn, in_order
from clinic.rates import Paired, Share
from clinic.refusing import carry_to_the_start
from clinic.rescued import Treated, outcome, plan_digest
from clinic.rescuing import Job, carry_through, jobs, record_of, spoke
from equipoise import advising
from equipoise.doctor import autopilot
from equipoise.doctor.symptom import Diagnosis, Doubt, Evidence, Examination, Remedy
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Trace
from equipoise.edit import diff
from equipoise.journal import Forked, Prescribed, Resumed, Tick, Trial
from equipoise.networks import MlpCritic, MlpGenerator
from equipoise.recipe import Autopilot, edited
from equipoise.spec import flatten
from results import Result

PARTS = ("dev", "test")


def test_the_plan_is_frozen() -> None:
    assert {part: plan_digest(part) for part in PARTS} == {"dev": "24bc83f176d5", "test": "cf607ce18ea6"}, (
        "scores of other runs cannot be compared with those before: say so where they stand"
    )
    longer = {part: plan_digest(part, REST) for part in (*PARTS, "fresh")}
    assert longer == {"dev": "83e0be28a46a", "test": "211a6357573d", "fresh": "9fdb4c2f6eea"}


def test_faults_come_again_with_seeds_that_no_other_plan_has() -> None:
    digests = {part: plan_digest(part, UNSEEN) for part in ("test", "fresh")}
    assert digests == {"test": "b0f22963c8be", "fresh": "e52d0067954f"}
    others = {case.seed for plan in (SHORT, REST) for part in (*PARTS, "fresh", "healthy") for case in plan.cases(part)}
    again = [case for part in ("test", "fresh") for case in UNSEEN.faulty(part)]
    assert not others & {case.seed for case in again}
    named = [case.id.rpartition(".")[0] for case in again]
    assert {name: named.count(name) for name in named} == dict.fromkeys(HARMFUL, 2)
    assert len({case.id for case in again}) == len(again), "every time with another seed"
    healthy = {(case.base, case.seed) for part in ("test", "fresh") for case in UNSEEN.controls(part)}
    assert {(case.base, case.seed) for case in again} <= healthy


def test_the_longer_plan_is_of_data_whose_healthy_runs_come_to_rest(tmp_path: Path) -> None:
    every = [case for part in ("test", "fresh") for case in REST.cases(part)]
    assert {BASES[case.base].truth for case in every} == {"modes"}
    assert not {key for case in every for key, _ in case.faults} & {"clamp", "nan-batch"}
    assert {REST.arms(case) for case in every if case.is_control} == {("autopilot", "none")}
    one = every[0]
    assert rescuing.folder_of(Job(one, "none", REST), tmp_path) != rescuing.folder_of(Job(one, "none"), tmp_path)


@pytest.mark.parametrize("part", PARTS)
def test_cases_have_five_seeds_and_a_control_for_each(part: str) -> None:
    ill, healthy = SHORT.faulty(part), SHORT.controls(part)
    assert len({case.seed for case in ill}) == len({case.seed for case in healthy}) == 5
    assert {case.base for case in ill} == {case.base for case in healthy}
    every = [job.id for case in SHORT.cases(part) for job in jobs(case)]
    assert len(set(every)) == len(every)
    assert all(jobs(case)[0].arm == "autopilot" for case in SHORT.cases(part)), "the others may spend what it has spent"


def test_parts_share_no_case() -> None:
    dev, test = ({case.id for case in SHORT.cases(part)} for part in PARTS)
    assert not dev & test


@pytest.mark.parametrize(
    "case", [*SHORT.faulty("dev"), *SHORT.faulty("test"), *REST.faulty("fresh")], ids=lambda case: case.id
)
def test_oracle_and_safe_settings_apply(case: Case) -> None:
    healthy = BASES[case.base].recipe
    assert not diff(edited(case.recipe, undoing(case.recipe, healthy)), healthy)
    assert safe_settings(case.recipe).d_optim.lr == 2e-4


def tick(step: int) -> Tick:
    return Tick(step=step, images=0, epoch=0.0, seconds=0.0, values={}, images_per_s=0.0, waiting=0.0)


def resumed(step: int) -> Resumed:
    return Resumed(step=step, checkpoint="", data={}, machine={}, goal={})


def prescribed(*trials: Trial) -> Prescribed:
    return Prescribed(
        step=30,
        number=1,
        mode="act",
        symptom="",
        evidence="",
        trials=trials,
        origin=20,
        end=50,
        review_at=60,
        length_steps=100.0,
    )


def test_forks_and_courses_that_were_left_are_counted() -> None:
    spending = Spending(200)
    here, anew, own = Trial("here", (), ""), Trial("anew", (), "", anew=True), Trial("own", (), "", is_own_course=True)
    for event in (resumed(0), tick(10), tick(20), tick(30), prescribed(own, here, anew)):
        spending(event)
    spending(Forked(step=50, number=1, name="own", score=1.0))
    assert spending.spent == 30, "the run itself is counted already"
    spending(Forked(step=50, number=1, name="here", score=1.0))
    assert spending.spent == 60, "from the origin to the end"
    spending(Forked(step=50, number=1, name="anew", score=1.0))
    assert spending.spent == 110, "from the beginning"
    for event in (resumed(50), tick(60)):
        spending(event)
    assert spending.spent == 120, "the fork's own steps are not counted twice"
    session = SessionAt(60)
    spending.narrow(session)  # type: ignore[arg-type]
    assert session.goal.amount == 140, "80 are left"


class SessionAt:
    """What is asked of a session."""

    goal: Any = None

    def __init__(self, step: int) -> None:
        self.step = step


def test_the_others_may_spend_what_the_autopilot_has() -> None:
    assert (allowance(2000), allowance(2000, 1800), allowance(2000, 2300)) == (2000, 2000, 2300)


def test_pairs_are_compared_exactly() -> None:
    paired = Paired.count([True] * 6 + [False] * 4, [False] * 6 + [True] + [False] * 3)
    assert (paired.ours, paired.theirs) == (6, 1)
    assert paired.p == pytest.approx(2 * (1 + 7) / 2**7)
    assert Paired(0, 0).p == 1.0


SETTINGS = flatten(BASES["ring-bce"].recipe)
TRACE = Trace({}, settings=SETTINGS)


def ill(*remedies: Remedy) -> Examination:
    return Examination("ill", "", (Diagnosis(SYMPTOMS[5], (Evidence("samples", ""),), remedies),))


def test_rivals_prescribe_whatever_the_doctor_says() -> None:
    found = ill(piloted.times(0.5))
    doubted = replace(found, doubts=(Doubt("momentum", ("oscillation",), piloted.times(0.5)),))
    for prescriber in (in_order, drawn(3)):
        assert prescriber(doubted, TRACE).doubts[0].remedy != piloted.times(0.5)
        instead = prescriber(found, TRACE).diagnoses[0].remedies
        assert piloted.times(0.5) not in instead and len(instead) > 3
        by_hand = ill(Remedy("pray", "who knows"))
        assert prescriber(by_hand, TRACE) == by_hand, "they act where the autopilot would"
    assert drawn(3)(found, TRACE) == drawn(3)(found, TRACE) != drawn(4)(found, TRACE)


def record(*harms: float, **others: Any) -> dict[str, Any]:
    evaluations = [[100 * (at + 1), {"harm": harm}] for at, harm in enumerate(harms)]
    return {"evaluations": evaluations, "fault": "", "interventions": [], "spent": 400, "steps": 400, **others}


def test_rescued_is_within_a_tenth_of_the_control() -> None:
    case = Case("ring-bce", 0, "dev", faults=(("critic-fast", 10.0),))
    arms = {
        "none": record(9.0, 3.0, 3.0, 3.0),
        "autopilot": record(9.0, 1.0, 1.1, 1.2),
        "random": record(9.0, 2.0, 2.0, 2.0),
        "safe": record(9.0, 2.1, 2.1, 2.1),
        "rollback": record(1.0, 1.0, 1.0, fault="step 301: NaN"),
    }
    one = Treated(case, arms, control=1.0)
    assert one.is_ill
    assert [arm for arm in arms if one.is_rescued(arm)] == ["autopilot"]
    assert [arm for arm in arms if one.is_partly_rescued(arm)] == ["autopilot", "random"]
    assert math.isinf(outcome(arms["rollback"]))
    broken = Treated(case, {**arms, "none": arms["rollback"]}, control=1.0)
    assert [arm for arm in arms if broken.is_partly_rescued(arm)] == ["autopilot"], "half of no bound is not ill"


def test_harm_is_done_to_the_same_run() -> None:
    case = Case("ring-bce", 0, "dev")
    worse = {"none": record(2.0, 2.0, 2.0), "autopilot": record(2.2, 2.2, 2.2)}
    assert Treated(case, worse, control=3.0).is_harmed, "and though it is better than others"
    assert not Treated(case, {**worse, "autopilot": record(2.05)}, control=1.0).is_harmed


def shortened(base: Base) -> Base:
    """In 15 steps, scored at every fifth, with networks that are small."""
    recipe = base.recipe
    phase = replace(recipe.phases["main"], length=replace(recipe.phases["main"].length, amount=15))
    cadence = replace(recipe.cadence, sheet_steps=5, tick_steps=5, probe_steps=None)
    made = replace(
        recipe,
        generator=MlpGenerator(latent=4, width=8, depth=1),
        critic=MlpCritic(width=8, depth=1),
        phases={"main": phase},
        cadence=cadence,
        autopilot=Autopilot("off", candidates=1, horizon=5, extra=1.0),
    )
    return replace(base, recipe=made)


@pytest.fixture
def miniature(monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setitem(BASES, "ring-bce", shortened(BASES["ring-bce"]))
    monkeypatch.setitem(COUNTS, "modes", 100)
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=0.005, onset=8.0))
    return Case("ring-bce", 0, "dev", faults=(("generator-fast", 10.0),))


@pytest.mark.long
def test_every_arm_is_made_at_the_same_compute_and_once(
    miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {arm: as_read(carry_through(Job(miniature, arm), tmp_path, None)) for arm in ARMS}
    for arm, found in made.items():
        assert (found["fault"], found["spent"] >= 30, len(found["evaluations"]) > 0) == ("", True, True), arm
        assert found["allowed"] == allowance(30, 0 if arm == "autopilot" else made["autopilot"]["spent"])
    acted = {arm: made[arm]["interventions"][0] for arm in ("autopilot", "random", "ordered")}
    assert acted["autopilot"]["tried"] == [["g_optim.lr *= 0.9"]]
    assert acted["ordered"]["tried"] == [["d_optim.clip_norm = 1.0", "g_optim.clip_norm = 1.0"]]
    assert acted["random"]["tried"] not in (acted["autopilot"]["tried"], acted["ordered"]["tried"])
    whole, told = made["none"]["allowed"], acted["autopilot"]["step"]
    assert made["none"]["steps"] == made["safe"]["steps"] == whole, "nothing was left"
    assert made["new seed"]["steps"] == whole - told, "it began anew where the autopilot acted"
    assert whole - told < made["rollback"]["steps"] == made["oracle"]["steps"] <= whole, "back to the best"
    assert len({json.dumps(one["evaluations"][-1]) for one in made.values()}) > 4, "they are not the same runs"
    assert record_of(Job(miniature, "none"), tmp_path) == made["none"]
    monkeypatch.setattr(rescuing, "_trained", None)
    assert carry_through(Job(miniature, "safe"), tmp_path, None) == made["safe"], "and not trained again"


def as_read(found: dict[str, Any]) -> Any:
    return json.loads(json.dumps(found))


def test_where_the_doctor_says_nothing_arms_that_wait_are_the_run_left_alone(
    miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "examine", lambda *asked, **also: Examination("healthy", ""))
    alone = as_read(carry_through(Job(miniature, "none"), tmp_path, None))
    for arm in WAITING:
        assert carry_through(Job(miniature, arm), tmp_path, None)["evaluations"] == alone["evaluations"]
    healthy = as_read(carry_through(Job(miniature, "oracle"), tmp_path, None))
    assert healthy["steps"] == 30 and healthy["evaluations"] != alone["evaluations"]


@pytest.mark.parametrize("arm", ["none", "oracle"])
def test_what_is_known_to_be_the_same_run_is_not_trained_again_at_rest(
    arm: str, miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that the autopilot let be; and the healthy one, which the oracle has where nobody said anything."""
    monkeypatch.setattr(advising, "examine", lambda *asked, **also: Examination("healthy", ""))
    at_rest = replace(SHORT, key="rest", folder="rescues-rest", trains_twice=False)
    trained = as_read(carry_through(Job(miniature, arm), tmp_path, None))
    carry_through(Job(replace(miniature, faults=()), "none", at_rest), tmp_path, None)
    carry_through(Job(miniature, "autopilot", at_rest), tmp_path, None)
    monkeypatch.setattr(rescuing, "_trained", None)
    copied = as_read(carry_through(Job(miniature, arm, at_rest), tmp_path, None))
    assert copied["evaluations"] == trained["evaluations"]
    assert (copied["id"], copied["arm"], copied["core_s"]) == (miniature.id, arm, 0.0)
    assert record_of(Job(miniature, arm, at_rest), tmp_path) == copied


def test_of_a_setting_under_suspicion_arms_that_wait_for_certainty_do_nothing(
    miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=1.0))
    monkeypatch.setattr(autopilot, "TRIED_UNTIL", 1.0)
    first = as_read(carry_through(Job(miniature, "autopilot"), tmp_path, None))
    assert [one["doubt"] for one in first["interventions"]] == [True]
    assert not spoke(first)
    alone = as_read(carry_through(Job(miniature, "none"), tmp_path, None))
    assert as_read(carry_through(Job(miniature, "rollback"), tmp_path, None))["evaluations"] == alone["evaluations"]
    drawn_at_random = as_read(carry_through(Job(miniature, "random"), tmp_path, None))
    assert [one["doubt"] for one in drawn_at_random["interventions"]] == [True]
    assert drawn_at_random["interventions"][0]["tried"] != first["interventions"][0]["tried"]


def test_a_run_with_networks_of_the_clinics_own_is_carried_through(
    miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read back from the run's recipe when it goes back, forks, and is judged."""
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=1e-6))
    clamped = replace(miniature, faults=(("clamp", 0.2),))
    found = as_read(carry_through(Job(clamped, "autopilot"), tmp_path, None))
    assert found["fault"] == "" and found["interventions"] and found["best"] is not None


def test_a_bug_is_told_before_the_first_step(miniature: Case, tmp_path: Path) -> None:
    frozen = replace(miniature, faults=(("rate-zero-generator", 0.0),))
    assert "plumbing-bug" in carry_to_the_start(frozen, tmp_path, None)["causes"]
    assert not carry_to_the_start(replace(miniature, faults=()), tmp_path, None)["causes"]


def test_bugs_are_counted_by_what_they_are_bugs_of(miniature: Case) -> None:
    frozen, noise = (replace(miniature, faults=((key, 0.0),)) for key in ("rate-zero-generator", "noise"))
    found = {frozen: {"refused": "it stands still", "causes": ["plumbing-bug"]}, noise: {"refused": "", "causes": []}}
    rows = {row.what: row.value for row in refusing.rows_of(found)}
    assert rows["bugs of plumbing: refused"] == str(Share.count([True]))
    assert (
        rows["bugs of data: refused"] == rows["bugs of data: told, with the right reason"] == str(Share.count([False]))
    )
    assert all(case.causes & set(refusing.BUGS.values()) for case in refusing.buggy("fresh"))


HEALED = ("autopilot", "oracle")


def test_the_table_is_of_whole_cases(miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    control = replace(miniature, faults=())
    found: dict[Case, dict[str, Any]] = {
        control: {job.arm: record(1.0, 1.0, 1.0, core_s=2.0, judging_s=1.0, best=None) for job in jobs(control)},
        miniature: {
            job.arm: record(*([1.0] * 3 if job.arm in HEALED else [5.0] * 3), best={"harm": 1.0}, id=miniature.id)
            for job in jobs(miniature)
        },
    }
    every = rescued.treated(found)
    rows = {row.what: row.value for row in rescued.rescue_rows([one for one in every if one.case.faults])}
    assert rows["autopilot: rescued"].endswith("1 of 1)") and rows["random: rescued"].endswith("0 of 1)")
    twins = "within 10 % of the healthy run with the same seed"
    assert rows[f"autopilot: {twins}"].endswith("1 of 1)") and rows[f"random: {twins}"].endswith("0 of 1)")
    for what in ("rescued", "half of the gap"):
        assert rows[f"{what}, autopilot against rollback"].startswith("1 by ours alone, 0 by theirs alone")
    *_, row = rescued.listed([one for one in every if one.case.faults]).splitlines()
    assert row == f"| `{miniature.id}` | " + " | ".join("1.00" if arm in HEALED else "5.00" for arm in ARMS) + " |"
    healthy = {row.what: row.value for row in rescued.harm_rows(every[:1])}
    assert healthy["healthy runs that it made more than 5 % worse"].endswith("0 of 1)")
    assert healthy["overhead on healthy runs, processor time, median"].startswith("0.000")
    monkeypatch.setattr(Plan, "cases", lambda plan, part: [miniature])
    assert rescued.kept("dev", tmp_path) == {}


def test_what_watching_costs_is_told_of_runs_that_were_trained_twice(miniature: Case) -> None:
    control = replace(miniature, faults=())
    arms = {"autopilot": record(1.0, core_s=2.0, judging_s=1.0), "none": record(1.0, core_s=0.0, judging_s=1.0)}
    told = {row.what: row.value for row in rescued.harm_rows([rescued.Treated(control, arms, 1.0)])}
    assert told["overhead on healthy runs, steps, median"].startswith("0.000")
    assert "overhead on healthy runs, processor time, median" not in told
    later = {**arms, "none": record(1.0, core_s=1.5, judging_s=1.0, commit="another")}
    told = {row.what: row.value for row in rescued.harm_rows([rescued.Treated(control, later, 1.0)])}
    assert "overhead on healthy runs, processor time, median" not in told


def test_one_table_may_be_of_several_parts(miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(miniature, part="test", seed=100)
    controls = [replace(case, faults=()) for case in (miniature, other)]
    alone, mended = (record(harm, harm, harm, best=None, core_s=2.0, judging_s=1.0) for harm in (5.0, 1.0))
    told: dict[str, str] = {}

    def keep(title: str, rows: list[Result], remarks: str) -> None:
        told.update({row.what: row.value for row in rows}, title=title)

    monkeypatch.setattr(Plan, "faulty", lambda plan, part: [miniature if part == "dev" else other])
    monkeypatch.setattr(Plan, "controls", lambda plan, part: [controls[part != "dev"]])
    monkeypatch.setattr(rescued, "record_of", lambda job, work: mended if not job.case.faults else alone)
    monkeypatch.setattr(rescued, "at_length", rescued.outcome)
    monkeypatch.setattr(rescued, "report", keep)
    rescued.score(["dev", "test"], tmp_path, REST)
    assert told["title"] == "Rescue at rest, dev and test"
    assert told["cases that are kept, of the plan"] == "4 of 4"
    assert told["autopilot: rescued"].endswith("0 of 2)")


@pytest.mark.parametrize(("harm", "ill"), [(1.2, 0), (5.0, 1)])
def test_each_arm_is_counted_over_the_cases_that_it_was_made_of(
    harm: float, ill: int, miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is nothing to rescue, no rival is asked for."""
    control, told = replace(miniature, faults=()), dict[str, str]()
    found = {"autopilot": record(1.0, 1.0, 1.0, best=None), "none": record(harm, harm, harm, best=None)}
    healthy = record(1.0, 1.0, 1.0, best=None, core_s=2.0, judging_s=1.0)
    monkeypatch.setattr(Plan, "cases", lambda plan, part: [control, miniature])
    monkeypatch.setattr(rescued, "record_of", lambda job, work: found.get(job.arm) if job.case.faults else healthy)
    monkeypatch.setattr(rescued, "at_length", rescued.outcome)
    monkeypatch.setattr(
        rescued, "report", lambda title, rows, remarks: told.update({row.what: row.value for row in rows})
    )
    rescued.score(["dev"], tmp_path, REST)
    assert told["cases that are kept, of the plan"] == "2 of 2"
    assert told["of these, cases of which every arm was made"] == f"0 of {ill}"
    assert told["autopilot: rescued"].endswith("1 of 1)" if ill else "no runs")
    assert told["random: rescued"] == "no runs"
    assert told["rescued, autopilot against none"].startswith(f"{ill} by ours alone")
    assert told["runs with a fault that did no harm, which it made more than 5 % worse"].endswith(
        "0 of 1)" if harm < 1.5 else "no runs"
    )


def test_the_healthy_runs_have_a_table_of_their_own(
    miniature: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, other = (replace(miniature, faults=(), seed=seed) for seed in (1, 2))
    kept = {
        Job(control, "autopilot"): record(1.0, 1.0, 1.2, core_s=2.5, judging_s=0.5, id=miniature.id),
        Job(control, "none"): record(1.0, 1.0, 1.0, core_s=2.5, judging_s=0.5, id=miniature.id),
        Job(other, "none"): record(1.0, 1.0, 1.0, core_s=2.5, judging_s=0.5, id=miniature.id),
    }
    told: list[Result] = []
    monkeypatch.setattr(Plan, "controls", lambda plan, part: [control, other])
    monkeypatch.setattr(rescued, "record_of", lambda job, work: kept.get(job))
    monkeypatch.setattr(rescued, "at_length", rescued.outcome)
    monkeypatch.setattr(rescued, "report", lambda title, rows, remarks: told.extend(rows))
    rescued.score_harm("dev", tmp_path)
    rows = {row.what: row.value for row in told}
    assert rows["healthy runs that are kept, of the plan"] == "1 of 2"
    assert rows["overhead on healthy runs, processor time, median"].startswith("0.000")
