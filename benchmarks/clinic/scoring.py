"""The scores: what is said of kept runs against what is true of them.  Trains nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clinic.base import Part
from clinic.bases import BASES
from clinic.kept import LADDER, Kept, ablated, budget, kept_runs, until
from clinic.list_of_faults import FAULTS
from clinic.rates import Detection, Share, f1_interval, macro_f1, median_interval
from clinic.rivals import RIVALS, Answer, Doctor, doctor
from clinic.splits import cases, list_digest
from results import Result, report

LOOKS: Final = 20
"""At a run, evenly over its length, as a live doctor would."""
NOTHING: Final = "nothing"
BARS: Final = {
    "top-1": "at least 0.70",
    "top-3": "at least 0.90",
    "ever": "below 0.05",
    "poisoned": "1.00",
}


@dataclass(frozen=True)
class Told:
    """What the doctor said of a run at each look; the last one is at its end."""

    run: Kept
    looks: tuple[tuple[float, Answer], ...]

    @property
    def last(self) -> Answer:
        return self.looks[-1][1]

    @property
    def alarms(self) -> int:
        """How often an alarm began."""
        states = [answer.alarm for _, answer in self.looks]
        return sum(now and not before for before, now in zip([False, *states], states, strict=False))

    @property
    def first_alarm(self) -> float | None:
        """The step of the first look whose alarm stays to the end."""
        standing = None
        for step, answer in reversed(self.looks):
            if not answer.alarm:
                break
            standing = step
        return standing

    def names(self, first: int, right: frozenset[str]) -> bool:
        """Whether a right cause is among the first so many."""
        return bool(right & set(self.last.causes[:first]))

    def sees(self, first: int) -> bool:
        """Whether one of these is right by what is seen, settings apart."""
        seen = [cause for cause in self.last.causes if cause not in self.last.doubted]
        return bool(self.run.case.acceptable & set(seen[:first]))


def told(run: Kept, ask: Doctor = doctor) -> Told:
    length = budget(run)
    steps = [length * at / LOOKS for at in range(1, LOOKS)]
    early = [(step, ask(until(run.trace, step))) for step in steps if step < run.trace.last_step]
    return Told(run, (*early, (run.trace.last_step, ask(run.trace))))


def score(part: Part, work: Path) -> None:
    """Print the table, and write it."""
    runs = kept_runs(part, work)
    ours = [told(run) for run in runs]
    rows = [Result("runs that are kept, of the list", f"{len(runs)} of {len(cases(part))}")]
    rows += [*truth_rows(runs), *rival_rows(runs), *cause_rows(ours), *live_rows(ours), *ladder_rows(runs)]
    remarks = "\n\n".join([f"List {list_digest(part)}.", failures(ours)])
    report(f"GAN-Clinic, {part}", rows, remarks)
    (work / f"confusion-{part}.txt").write_text(confusion(ours))
    print(confusion(ours))


def truth_rows(runs: Sequence[Kept]) -> Iterator[Result]:
    counts = Counter(run.truth for run in runs)
    yield Result("ill: a fault that did harm", f"{counts['ill']}")
    yield Result("well: no fault, no harm", f"{counts['well']}")
    yield Result("a fault that did no harm, counted apart", f"{counts['harmless']}")
    yield Result("no fault, and yet worse than the control, counted apart", f"{counts['failed control']}")


def rival_rows(runs: Sequence[Kept]) -> Iterator[Result]:
    """Detection at the end of a run."""
    ill, well = ([run.trace for run in runs if run.truth == truth] for truth in ("ill", "well"))
    for name, ask in RIVALS.items():
        of_ill, of_well = ([ask(trace).alarm for trace in traces] for traces in (ill, well))
        found, (low, high) = Detection.of(of_ill, of_well), f1_interval(of_ill, of_well)
        yield Result(f"{name}: recall", str(found.recall))
        yield Result(f"{name}: precision", str(found.precision))
        yield Result(f"{name}: F1", f"{found.f1:.2f} ({low:.2f} to {high:.2f})")


def cause_rows(ours: Sequence[Told]) -> Iterator[Result]:
    ill = [one for one in ours if one.run.truth == "ill"]
    alarmed = [one for one in ill if one.last.alarm]
    for first, wanted in ((1, BARS["top-1"]), (3, BARS["top-3"])):
        right = Share.count(one.names(first, one.run.case.acceptable) for one in ill)
        exact = Share.count(one.names(first, one.run.case.causes) for one in ill)
        heard = Share.count(one.names(first, one.run.case.acceptable) for one in alarmed)
        yield Result(f"an acceptable cause among the first {first}, of ill runs", str(right), wanted)
        yield Result(f"the predeclared cause among the first {first}, of ill runs", str(exact))
        yield Result(f"an acceptable cause among the first {first}, of ill runs with an alarm", str(heard))
    yield from _unseen_rows(ill)
    by_setting = Share.count(one.names(3, one.run.case.acceptable) and not one.sees(3) for one in ill)
    yield Result("of ill runs, those whose acceptable cause is among the first 3 by a setting alone", str(by_setting))
    doubted = Share.count(bool(one.last.doubted) for one in ours if one.run.truth == "well")
    yield Result("healthy runs with a setting under suspicion, which is no alarm", str(doubted))
    named = [(_fault(one), one.run.case.acceptable, _named(one)) for one in ill]
    yield Result("macro-F1 of acceptable causes over faults", f"{macro_f1(named):.2f}")
    silent = Share.count(not one.last.causes for one in ill)
    yield Result("ill runs of which nothing is said", str(silent))
    yield Result("of these, no verdict (young or unknown)", f"{sum(_abstains(one) for one in ill)}")
    for truth in ("harmless", "failed control"):
        apart = Share.count(one.last.alarm for one in ours if one.run.truth == truth)
        yield Result(f"alarms at the end of runs counted apart ({truth})", str(apart))
    spared = [one for one in ours if one.run.truth == "harmless"]
    right = Share.count(one.names(3, one.run.case.acceptable) for one in spared)
    yield Result("an acceptable cause among the first 3, of faults that did no harm", str(right))


def _unseen_rows(ill: Sequence[Told]) -> Iterator[Result]:
    """Of later parts: networks, data and losses, or kinds of fault, by which no rule was set."""
    on_data = [one for one in ill if BASES[one.run.case.base].part != "dev"]
    of_kind = [one for one in ill if any(FAULTS[key].part == "test" for key, _ in one.run.case.faults)]
    for what, those, least in (
        ("data and networks", on_data, "at least 0.90"),
        ("kinds of fault", of_kind, "at least 0.50"),
    ):
        if those:
            first, three = (Share.count(one.names(many, one.run.case.acceptable) for one in those) for many in (1, 3))
            yield Result(f"an acceptable cause is the first, of ill runs with unseen {what}", str(first))
            yield Result(f"an acceptable cause among the first 3, of ill runs with unseen {what}", str(three), least)


def live_rows(ours: Sequence[Told]) -> Iterator[Result]:
    """Looked at while they train."""
    well = [one for one in ours if one.run.truth == "well"]
    steps = sum(one.run.steps for one in well)
    if steps:
        alarms = sum(one.alarms for one in well)
        yield Result("false alarms in 10 000 healthy steps", f"{10_000 * alarms / steps:.2f} ({alarms} in {steps})")
    ever = Share.count(one.alarms > 0 for one in well)
    yield Result("healthy runs ever alarmed", str(ever), BARS["ever"])
    late = [
        (one.first_alarm - one.run.onset, budget(one.run))
        for one in ours
        if one.run.truth == "ill" and one.first_alarm is not None and one.run.onset is not None
    ]
    middle, low, high = median_interval([delay for delay, _ in late])
    yield Result("steps from onset to alarm, median; early is negative", f"{middle:.0f} ({low:.0f} to {high:.0f})")
    share, low, high = median_interval([delay / length for delay, length in late])
    yield Result("the same as a share of the run", f"{share:.2f} ({low:.2f} to {high:.2f})")
    ended = [one.run for one in ours if one.run.record["fault"]]
    clean = Share.count(not run.record["poisoned"] for run in ended)
    yield Result("runs ended by a number that is not finite, before it reached a weight", str(clean), BARS["poisoned"])


def ladder_rows(runs: Sequence[Kept]) -> Iterator[Result]:
    """The doctor with fewer signals."""
    for rung in LADDER:
        answers = [(run, doctor(ablated(run.trace, rung))) for run in runs]
        found = Detection.of(
            [answer.alarm for run, answer in answers if run.truth == "ill"],
            [answer.alarm for run, answer in answers if run.truth == "well"],
        )
        named = Share.count(
            bool(run.case.acceptable & set(answer.causes[:3])) for run, answer in answers if run.truth == "ill"
        )
        yield Result(f"{rung}: recall", str(found.recall))
        yield Result(f"{rung}: healthy runs with an alarm", str(found.false_alarms))
        yield Result(f"{rung}: an acceptable cause among the first 3", str(named))


def failures(ours: Sequence[Told]) -> str:
    """Every case that was got wrong, by its id."""
    missed = [one for one in ours if one.run.truth == "ill" and not one.last.alarm]
    wrong = [one for one in ours if one.run.truth == "well" and one.alarms]
    named = [one for one in ours if one.run.truth == "ill" and one.last.alarm]
    other = [one for one in named if not one.names(3, one.run.case.acceptable)]
    parts = [("Ill, and no alarm", missed), ("Healthy, and an alarm", wrong), ("Another cause", other)]
    return "\n\n".join(f"{title}: {_listed(those)}." for title, those in parts)


def _listed(those: Sequence[Told]) -> str:
    return ", ".join(f"`{one.run.case.id}` ({', '.join(one.last.causes[:3]) or NOTHING})" for one in those) or "none"


def confusion(ours: Sequence[Told]) -> str:
    """A line for each fault: which cause was named first, how often."""
    table: dict[str, Counter[str]] = {}
    for one in ours:
        table.setdefault(_fault(one), Counter())[_named(one)] += 1
    rows = [f"{fault:<44} {_counted(table[fault])}" for fault in sorted(table)]
    return "\n".join(["fault: first cause named, and how often", *rows]) + "\n"


def _counted(named: Counter[str]) -> str:
    return ", ".join(f"{cause} {count}" for cause, count in named.most_common())


def _fault(one: Told) -> str:
    """What was done to the run, and what came of it."""
    wrong = "+".join(key for key, _ in one.run.case.faults) or one.run.case.variety
    return wrong if one.run.truth in ("ill", "well") else f"{wrong} ({one.run.truth})"


def _named(one: Told) -> str:
    return one.last.causes[0] if one.last.causes else NOTHING


def _abstains(one: Told) -> bool:
    return one.last.verdict in ("young", "unknown")
