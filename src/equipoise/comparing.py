"""``equipoise compare``: which of several runs is better, by which numbers, and when that cannot be said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from equipoise import pictures
from equipoise.differing import Differing
from equipoise.doctor.interventions import rules_of
from equipoise.errors import RequestError
from equipoise.evaluating import MOST_SAMPLES, Evaluation, evaluate_all
from equipoise.folder import RunFolder
from equipoise.measures.enlarged import BETTER, Enlarged, interval_of
from equipoise.measures.obeyed import Answer, Obeyed
from equipoise.measures.reading import DEFAULT_NUMBERS, Interval, Reading
from equipoise.measures.standard import Better, Invalid, Number
from equipoise.spec import Json, flatten

LONGER = 1.5
"""Times as many steps, from which on training for longer may be all that a difference comes from (a guess)."""

Verdict = Literal["better", "worse", "higher", "lower", "cannot be told apart"]
SIGNS: Mapping[Better, float] = {"lower": 1.0, "higher": -1.0, "neither": 1.0}
"""What a number is multiplied by so that more of it is worse; of one without a best, more is more."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What one number says of two runs, measured against the same halves of the same real samples, or pair by pair."""

    name: str
    of_first: float
    of_other: float
    worse_by: Interval
    """How much farther from the best the other is, or how much higher, where there is no best; for all numbers at
    once."""
    has_best: bool = True
    floor: float | None = None
    """What other real samples give in the fakes' place."""

    @property
    def verdict(self) -> Verdict:
        """Of the other run."""
        if self.worse_by.has_zero or not self.worse_by.low <= self.worse_by.high:
            return "cannot be told apart"
        if not self.has_best:
            return "higher" if self.worse_by.mean > 0 else "lower"
        return "worse" if self.worse_by.mean > 0 else "better"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run beside the first."""

    other: Evaluation
    settings: Differing
    differences: tuple[Difference, ...]
    times_as_long: float
    """How many times the steps of the first run's generator this one's has had."""

    def names(self, verdict: Verdict) -> list[str]:
        return [difference.name for difference in self.differences if difference.verdict == verdict]


@dataclass(frozen=True, slots=True)
class Compared:
    """Several runs, all beside the first."""

    first: Evaluation
    comparisons: tuple[Comparison, ...]

    def draw(self, path: Path) -> None:
        """Write a PNG: real samples, and below them those of each run.  Raises `RequestError`."""
        examples = self.first.examples
        runs = [self.first, *(comparison.other for comparison in self.comparisons)]
        fakes = [(f"{run.run}, step {run.step}", run.examples.fake) for run in runs]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pictures.save(pictures.titled_sheets([("real samples", examples.real), *fakes], examples.space), path)
        except OSError as error:
            raise RequestError(f"cannot write {path}: {error.strerror}") from error

    def lines(self) -> Iterator[str]:
        """For each other run: what differs in the settings, a table, and what it comes to."""
        first = self.first
        yield f"{first.num_samples} fakes of each run against {first.num_samples} real samples, the same for all"
        for comparison in self.comparisons:
            other = comparison.other
            yield ""
            yield f"{first.run}, step {first.step}, and {other.run}, step {other.step}"
            yield f"  {comparison.settings}"
            yield from (f"  not counted, {why}" for why in comparison.settings.not_counted)
            if uneven := _of_length(comparison.times_as_long):
                yield f"  {uneven}"
            if not comparison.differences:
                yield from (f"  {line}" for line in _unmeasured(first, other))
                continue
            width = max(len(difference.name) for difference in comparison.differences) + 1
            yield f"  {'':<{width}}{'first':>10}{'other':>10}{'real':>10}   the other is"
            for difference in comparison.differences:
                real = "" if difference.floor is None else f"{difference.floor:.3g}"
                yield (
                    f"  {difference.name:<{width}}{difference.of_first:>10.3g}{difference.of_other:>10.3g}{real:>10}   "
                    f"{difference.verdict}"
                )
            yield f"  {_in_words(comparison, str(other.run))}"

    def to_json(self) -> dict[str, Json]:
        return {
            "first": self.first.to_json(),
            "others": [
                {
                    "evaluation": comparison.other.to_json(),
                    "changes": [str(change) for change in comparison.settings.changes],
                    **comparison.settings.to_json(),
                    "times_as_long": comparison.times_as_long,
                    "verdicts": {difference.name: difference.verdict for difference in comparison.differences},
                    "floors": {difference.name: difference.floor for difference in comparison.differences},
                    "worse_by": {
                        difference.name: [difference.worse_by.mean, difference.worse_by.low, difference.worse_by.high]
                        for difference in comparison.differences
                    },
                }
                for comparison in self.comparisons
            ],
        }


def compare(
    runs: Sequence[Path],
    data: Path | None = None,
    count: int = MOST_SAMPLES,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Compared:
    """Measure runs against the same real samples and say which can be told apart.  Raises `RequestError`."""
    if len(runs) < 2:
        raise RequestError("compare needs at least two runs: equipoise compare RUN OTHER")
    first, *others = evaluate_all(runs, data, count, seed, device, progress)
    return Compared(first, tuple(_compared(first, other, len(others)) for other in others))


def _compared(first: Evaluation, other: Evaluation, num_others: int) -> Comparison:
    """With intervals for as many numbers as are looked at, of all `num_others` together."""
    num_pairs = len(first.enlarged)
    num_asked = 0 if first.obeyed is None else len(first.obeyed.probes) + 2
    among = num_others * (DEFAULT_NUMBERS + num_pairs + num_asked)
    found = [
        *differences(first.results, other.results, first.numbers, num_pairs + num_asked, num_others),
        *_of_pairs(first.enlarged, other.enlarged, among),
        *_of_conditions(first.obeyed, other.obeyed, among),
    ]
    rules = (_rules_of(first.run), _rules_of(other.run))
    settings = Differing.between(flatten(first.recipe), flatten(other.recipe), rules)
    return Comparison(other, settings, tuple(found), other.step / max(first.step, 1))


def _rules_of(run: Path) -> Mapping[str, str]:
    """By which settings follow from how long a run was to be; a generator that lies alone does not know."""
    return {} if run.suffix == ".safetensors" else rules_of(RunFolder(run).read_journal().events)


def differences(
    first: Sequence[Reading | Invalid],
    other: Sequence[Reading | Invalid],
    numbers: Mapping[str, Number],
    beside: int = 0,
    num_others: int = 1,
) -> Iterator[Difference]:
    """One for each number that both have; both were measured against the same halves.  `beside` counts the numbers of
    other kinds that are looked at together with these, `num_others` the runs that are compared with the first."""
    of_first, of_other = (
        {result.name: result for result in results if isinstance(result, Reading)} for results in (first, other)
    )
    for name, mine in of_first.items():
        if name in of_other:
            theirs, number = of_other[name], numbers[name]
            rounds = [b - a for a, b in zip(_badness(mine, number), _badness(theirs, number), strict=True)]
            worse_by = Interval.of(rounds, num_others * (mine.among + beside))
            yield Difference(name, mine.value.mean, theirs.value.mean, worse_by, floor=mine.floor.mean)


def _of_pairs(
    first: Sequence[Enlarged | Invalid], other: Sequence[Enlarged | Invalid], among: int
) -> Iterator[Difference]:
    """The numbers of enlarged pictures, pair by pair: the same pictures were given to both."""
    theirs = {number.name: number for number in other if isinstance(number, Enlarged)}
    for mine in first:
        if isinstance(mine, Enlarged) and mine.name in theirs:
            its, better = theirs[mine.name], BETTER[mine.name]
            pairs = zip(mine.of_pairs, its.of_pairs, strict=True)
            worse_by = interval_of([SIGNS[better] * (b - a) for a, b in pairs], among)
            yield Difference(f"{mine.name} of pairs", mine.made.mean, its.made.mean, worse_by, better != "neither")


def _of_conditions(first: Obeyed | None, other: Obeyed | None, among: int) -> Iterator[Difference]:
    """Whether conditions are obeyed, in the same halves of what was asked for."""
    if first is None or other is None:
        return
    for name, mine in first.probes.items():
        its = other.probes[name]
        worse_by = _worse_by(mine.of_parts, its.of_parts, "higher", among)
        yield Difference(f"probe of {name}", mine.of_fakes.mean, its.of_fakes.mean, worse_by)
    answers: list[tuple[str, Answer, Answer, Better]] = [
        ("trends", first.trend, other.trend, "higher"),
        ("spread", first.spread, other.spread, "neither"),
    ]
    for name, one, two, better in answers:
        worse_by = _worse_by(one.of_halves, two.of_halves, better, among)
        yield Difference(name, one.value, two.value, worse_by, better != "neither")


def _worse_by(first: Sequence[float], other: Sequence[float], better: Better, among: int) -> Interval:
    return Interval.of([SIGNS[better] * (b - a) for a, b in zip(first, other, strict=True)], among)


def _badness(reading: Reading, number: Number) -> list[float]:
    """How far from the best a number is, in each round: more is worse."""
    usual = reading.floor.mean
    return [number.badness(value, usual) for value in reading.values]


def _of_length(times_as_long: float) -> str:
    """A warning where one of two generators has trained for much longer."""
    if 1 / LONGER < times_as_long < LONGER:
        return ""
    times = times_as_long if times_as_long > 1 else 1 / times_as_long if times_as_long else float("inf")
    which = "other" if times_as_long > 1 else "first"
    return f"the {which} has trained {times:.3g} times as long, which may be all that a difference comes from"


def _unmeasured(*of_runs: Evaluation) -> Iterator[str]:
    """Of runs that have no number in common: what could not be had of either, and why."""
    results = [result for of_run in of_runs for result in of_run.results if isinstance(result, Invalid)]
    for reason in dict.fromkeys(result.reason for result in results):
        names = dict.fromkeys(result.name for result in results if result.reason == reason)
        yield f"not valid here: {reason} ({', '.join(names)})"
    yield "nothing could be measured, so nothing is said of which is better"


def _in_words(comparison: Comparison, other: str) -> str:
    better, worse = comparison.names("better"), comparison.names("worse")
    differ = [*comparison.names("higher"), *comparison.names("lower")]
    if not better and not worse and differ:
        return f"these runs differ by {', '.join(differ)}, of which neither direction is better"
    if not better and not worse:
        return "these runs cannot be told apart; more samples, or more seeds, might"
    parts = [f"better by {', '.join(better)}"] if better else []
    parts += [f"worse by {', '.join(worse)}"] if worse else []
    return f"{other} is " + " and ".join(parts) + "; whether another seed would say so too, one run does not tell"
