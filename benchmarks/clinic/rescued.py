"""Who rescues how many: the arms' kept outcomes against the healthy controls'.  Trains nothing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from clinic.arms import ARMS
from clinic.base import Part
from clinic.bases import BASES
from clinic.cases import Case
from clinic.kept import LAST
from clinic.outcome import FAILS
from clinic.plans import SHORT, Plan
from clinic.rates import Paired, Share, median_interval
from clinic.rescuing import Job, Record, jobs, record_of
from results import Result, report

WITHIN: Final = 1.10
"""Times the control's median: rescued (DOCTOR.md, section 8)."""
HARMED: Final = 1.05
NEEDED: Final = frozenset({"autopilot", "none"})
"""Without these arms a case tells nothing; each other arm is counted over the cases that it was made of."""
HALF: Final = 0.5
"""Of the gap between a run that is left alone and the control: partly rescued."""
BARS: Final = {"rescued": "at least 0.80", "harm": "below 0.03", "overhead": "below 0.05", "p": "below 0.05"}


@dataclass(frozen=True)
class Treated:
    """A case by all its arms."""

    case: Case
    arms: Mapping[str, Record]
    control: float
    """Median outcome of the healthy runs of its base, left alone for as many steps."""
    twin: float = math.nan
    """Outcome of the healthy run with its seed, left alone."""

    def outcome(self, arm: str) -> float:
        return outcome(self.arms[arm])

    @property
    def is_ill(self) -> bool:
        """Whether its fault does harm, by the run that was left alone."""
        return self.outcome("none") > FAILS * self.control

    def is_rescued(self, arm: str) -> bool:
        return self.outcome(arm) <= WITHIN * self.control

    def is_as_its_twin(self, arm: str) -> bool:
        """Whether it ends within the same of the healthy run with its seed, whose luck is then in both."""
        return self.outcome(arm) <= WITHIN * self.twin

    def is_partly_rescued(self, arm: str) -> bool:
        """At least half of the gap is closed; where the run broke off by itself, it is not ill any more."""
        alone = self.outcome("none")
        bound = alone - HALF * (alone - self.control) if math.isfinite(alone) else FAILS * self.control
        return self.outcome(arm) <= max(bound, WITHIN * self.control)

    @property
    def is_harmed(self) -> bool:
        """Whether the autopilot has made it worse than it would have been."""
        return self.outcome("autopilot") > HARMED * self.outcome("none")


def outcome(record: Record) -> float:
    """Harm of the last evaluations, their median; without bound where the run broke off."""
    harms = [float(numbers["harm"]) for _, numbers in record["evaluations"][-LAST:]]
    return statistics.median(harms) if harms and not record["fault"] else math.inf


def medians(
    runs: Mapping[Case, Mapping[str, Record]], of: Callable[[Record], float] = outcome
) -> dict[tuple[Part, str], float]:
    """The control of each base of a part: healthy runs that were left alone."""
    found: dict[tuple[Part, str], list[float]] = {}
    for case, arms in runs.items():
        if case.is_control:
            found.setdefault((case.part, case.base), []).append(of(arms["none"]))
    return {base: statistics.median(values) for base, values in found.items()}


def at_length(record: Record) -> float:
    """The outcome that the run had at the length of its base."""
    base = BASES[record["id"].partition(".")[0]]
    harms = [numbers["harm"] for step, numbers in record["evaluations"] if step <= base.steps]
    return float(statistics.median(harms[-LAST:]))


def kept(part: Part, work: Path, plan: Plan = SHORT) -> dict[Case, dict[str, Record]]:
    """The cases of which the arms that are needed have been trained, with what there is of the others."""
    found = {}
    for case in plan.cases(part):
        records = {job.arm: record_of(job, work) for job in jobs(case, plan)}
        there = {arm: record for arm, record in records.items() if record is not None}
        if there.keys() >= NEEDED:
            found[case] = there
    return found


def treated(runs: Mapping[Case, Mapping[str, Record]]) -> list[Treated]:
    usual = medians(runs)
    twins = {(case.part, case.base, case.seed): outcome(arms["none"]) for case, arms in runs.items() if case.is_control}
    known = {case: (case.part, case.base) for case in runs if (case.part, case.base) in usual}
    return [
        Treated(case, runs[case], usual[base], twins.get((*base, case.seed), math.nan)) for case, base in known.items()
    ]


def score(parts: Sequence[Part], work: Path, plan: Plan = SHORT) -> None:
    """Print the table of these parts together, and write it."""
    runs = {case: arms for part in parts for case, arms in kept(part, work, plan).items()}
    every = treated(runs)
    ill = [one for one in every if one.case.faults and one.is_ill]
    healthy = [one for one in every if one.case.is_control]
    rows = [
        Result("cases that are kept, of the plan", f"{len(every)} of {sum(len(plan.cases(part)) for part in parts)}")
    ]
    rows += [Result("faulty, and ill when left alone", f"{len(ill)} of {sum(bool(one.case.faults) for one in every)}")]
    whole = sum(len(one.arms) == len(ARMS) for one in ill)
    rows += [Result("of these, cases of which every arm was made", f"{whole} of {len(ill)}")]
    rows += [*rescue_rows(ill), *effort_rows(ill), *chance_rows(healthy, medians(runs, at_length))]
    rows += harm_rows(healthy)
    spared = Share.count(one.is_harmed for one in every if one.case.faults and not one.is_ill)
    rows += [Result("runs with a fault that did no harm, which it made more than 5 % worse", str(spared))]
    digests = ", ".join(plan_digest(part, plan) for part in parts)
    commits = {arm.get("commit", "an earlier one") for one in every for arm in one.arms.values()}
    remarks = [
        f"Plan {digests}; trained by the code of {', '.join(sorted(commits))}.",
        REMARKS.format(times=plan.times),
        listed(ill),
    ]
    report(f"{plan.title}, {' and '.join(parts)}", rows, "\n\n".join(remarks))


def score_harm(part: Part, work: Path) -> None:
    """The healthy runs alone, as far as the autopilot has flown them: print the table, and write it."""
    healthy = SHORT.controls(part)
    runs = {}
    for case in healthy:
        both = {arm: record_of(Job(case, arm), work) for arm in ("autopilot", "none")}
        whole = {arm: record for arm, record in both.items() if record is not None}
        if len(whole) == len(both):
            runs[case] = whole
    rows = [Result("healthy runs that are kept, of the plan", f"{len(runs)} of {len(healthy)}")]
    rows += [*chance_rows(treated(runs), medians(runs, at_length)), *harm_rows(treated(runs))]
    report(f"Harm, {part}", rows, f"Plan {plan_digest(part)}.")


def plan_digest(part: Part, plan: Plan = SHORT) -> str:
    """Of the list of jobs: with another one, scores are of other runs."""
    ids = [job.id for case in plan.cases(part) for job in jobs(case, plan)]
    ids += [f"{plan.key} {plan.times}"] if plan is not SHORT else []
    return blake2b("\n".join(ids).encode(), digest_size=6).hexdigest()


def rescue_rows(ill: Sequence[Treated]) -> Iterator[Result]:
    made = {arm: [one for one in ill if arm in one.arms] for arm in ARMS}
    for arm, those in made.items():
        bar = BARS["rescued"] if arm == "autopilot" else ""
        yield Result(f"{arm}: rescued", str(Share.count(one.is_rescued(arm) for one in those)), bar)
        yield Result(f"{arm}: at least half of the gap", str(Share.count(one.is_partly_rescued(arm) for one in those)))
        twins = str(Share.count(one.is_as_its_twin(arm) for one in those))
        yield Result(f"{arm}: within 10 % of the healthy run with the same seed", twins)
    for arm, those in made.items():
        if arm != "autopilot":
            bar = BARS["p"] if arm != "oracle" else ""
            yield Result(f"rescued, autopilot against {arm}", str(_paired(those, arm, Treated.is_rescued)), bar)
            yield Result(
                f"half of the gap, autopilot against {arm}", str(_paired(those, arm, Treated.is_partly_rescued))
            )
    best = Share.count(_best(one, "autopilot") <= WITHIN * one.control for one in ill)
    alone = Share.count(_best(one, "none") <= WITHIN * one.control for one in ill)
    yield Result("the best generator that was kept, as good: autopilot", str(best))
    yield Result("the same: none", str(alone))


def _paired(those: Sequence[Treated], arm: str, is_mended: Callable[[Treated, str], bool]) -> Paired:
    """The autopilot beside another arm, case by case."""
    return Paired.count([is_mended(one, "autopilot") for one in those], [is_mended(one, arm) for one in those])


def _best(one: Treated, arm: str) -> float:
    best = one.arms[arm]["best"]
    return float(best["harm"]) if best is not None else math.inf


def effort_rows(ill: Sequence[Treated]) -> Iterator[Result]:
    """Of the autopilot."""
    acted = [one for one in ill if one.arms["autopilot"]["interventions"]]
    counts = [len(one.arms["autopilot"]["interventions"]) for one in ill]
    yield Result("ill runs in which it intervened", str(Share(len(acted), len(ill))))
    yield Result("interventions in an ill run, mean", f"{statistics.fmean(counts):.2f}" if counts else "none")
    wasted = [_wasted(one.arms["autopilot"]) for one in acted]
    middle, low, high = median_interval(wasted)
    yield Result(
        "steps in forks that lost and courses that were left, share", f"{middle:.2f} ({low:.2f} to {high:.2f})"
    )
    for name, of in (("right", True), ("wrong", False)):
        those = [one for one in acted if _diagnosed(one) == of]
        yield Result(
            f"rescued where the diagnosis was {name}", str(Share.count(x.is_rescued("autopilot") for x in those))
        )


def _wasted(record: Record) -> float:
    """Share of the steps that the final course does not have."""
    return 1.0 - float(record["steps"]) / float(record["spent"])


def _diagnosed(one: Treated) -> bool:
    """Whether the first intervention was against an acceptable cause."""
    return one.arms["autopilot"]["interventions"][0]["symptom"] in one.case.acceptable


def chance_rows(healthy: Sequence[Treated], usual: Mapping[tuple[Part, str], float]) -> Iterator[Result]:
    """How far healthy runs differ by themselves; `usual` is the control of each base after one length."""
    chance = Share.count(one.is_rescued("none") for one in healthy)
    yield Result("healthy runs, left alone, that would count as rescued", str(chance))
    longer = [one.control / usual[one.case.part, one.case.base] for one in healthy]
    middle = f"{statistics.median(longer):.2f}" if longer else "none"
    yield Result("control over the same after one length of its base, median", middle)


def harm_rows(healthy: Sequence[Treated]) -> Iterator[Result]:
    """What it does to runs that nothing is wrong with."""
    acted = Share.count(bool(one.arms["autopilot"]["interventions"]) for one in healthy)
    yield Result("healthy runs in which it intervened", str(acted))
    harmed = Share.count(one.is_harmed for one in healthy)
    yield Result("healthy runs that it made more than 5 % worse", str(harmed), BARS["harm"])
    for arm in ("autopilot", "none"):
        worse = Share.count(one.outcome(arm) > HARMED * one.control for one in healthy)
        yield Result(f"healthy runs more than 5 % above their control's median: {arm}", str(worse))
    timed = [one for one in healthy if one.arms["none"]["core_s"] and _are_of_one_code(one)]
    for name, of, those in (("steps", _more_steps, healthy), ("processor time", _more_time, timed)):
        if those:
            middle_share, low, high = median_interval([of(one) for one in those])
            said = f"{middle_share:.3f} ({low:.3f} to {high:.3f})"
            yield Result(f"overhead on healthy runs, {name}, median", said, BARS["overhead"])


def _are_of_one_code(one: Treated) -> bool:
    """Whether the run that was left alone was trained by the same code: else by another day's machine, too."""
    return one.arms["autopilot"].get("commit") == one.arms["none"].get("commit")


def _more_steps(one: Treated) -> float:
    """Steps that were spent beyond those that the run has."""
    autopilot = one.arms["autopilot"]
    return float(autopilot["spent"]) / float(autopilot["steps"]) - 1.0


def _more_time(one: Treated) -> float:
    """Processor time beside the same run that was left alone, and trained for itself."""
    ours, alone = (one.arms[arm]["core_s"] - one.arms[arm]["judging_s"] for arm in ("autopilot", "none"))
    return float(ours) / float(alone) - 1.0


def listed(ill: Sequence[Treated]) -> str:
    """A table of every ill case: how often as bad as its control each arm ended."""
    header = [f"| ill | {' | '.join(ARMS)} |", f"|---|{'---|' * len(ARMS)}"]
    rows = [f"| `{one.case.id}` | {' | '.join(_times(one, arm) for arm in ARMS)} |" for one in ill]
    return "\n".join(["Each outcome over the control's:", "", *header, *rows])


def _times(one: Treated, arm: str) -> str:
    return f"{one.outcome(arm) / one.control:.2f}" if arm in one.arms else ""


REMARKS: Final = f"""
Compute is counted in steps, those of forks and of courses that were left included: every arm of a case may spend
{{times:g}} times the base's length, or what its autopilot spent, if that is more; who gives up spends less.  Outcomes
are medians of the last {LAST} evaluations by the clinic's own truth; rescued is within {WITHIN:g} of the median of the
healthy controls, which were left alone for as many steps.  A case is scored where the run that was left alone ended
beyond {FAILS:g} times that median, so `none` cannot rescue, and what only chance had made ill another seed cures.
The healthy run with the same seed is looked at beside that median because seeds differ by more than 10 %; that was
added when outcomes were known.  Intervals are Wilson's of 95 %; arms are compared case by case (exact McNemar test).
""".strip()
