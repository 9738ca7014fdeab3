"""What comes next, and what is kept: decided by what was measured, and by nothing else, so any worker finds the same.

One at a time::

    for each knob, in the notes' order:
        every value with the first seed;  the best two that beat the present one with all seeds
        keep the best of those whose interval excludes zero;  go on from there

A sampler::

    explore, every trial with the first seed;  the best two that beat the recipe with seeds that nobody has seen
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from equipoise.tuning.intervals import CONTENDERS, Difference, Noise
from equipoise.tuning.jobs import Job, Ledger, Outcome, Settings
from equipoise.tuning.knobs import num_possible
from equipoise.tuning.question import Question


@dataclass(frozen=True, slots=True)
class Tried:
    """One set of values beside those it would replace."""

    settings: Settings
    outcomes: tuple[Outcome, ...]
    """By seed, as far as there are any."""
    differences: tuple[Difference, ...] = ()
    """For each objective, less being better; none where it was tried with one seed alone."""

    @property
    def failures(self) -> int:
        return sum(outcome.state != "done" for outcome in self.outcomes)

    def mean(self, at: int = 0) -> float | None:
        """Of one objective over the seeds that did not fail, for what a failed one counts as was not measured."""
        values = [outcome.values[at] for outcome in self.outcomes if outcome.state != "failed"]
        return statistics.fmean(values) if values else None


@dataclass(frozen=True, slots=True)
class Round:
    """One decision: the present settings, what was tried in their place, and what is kept."""

    path: str
    """The knob; empty where several were changed at once."""
    present: Tried
    tried: tuple[Tried, ...]
    kept: Settings
    is_decided: bool
    """Whether everything that it needs is measured."""
    is_open: bool = False
    """Of one that is decided: whether more is being explored, by which it will be decided anew."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known so far, and what is to be done next."""

    rounds: tuple[Round, ...]
    best: Settings
    """The tuned settings that are kept so far; none: the recipe's own."""
    jobs: tuple[Job, ...] = field(default=())
    """All that are needed before more can be decided, done or not, the next to be begun first."""
    explores: bool = False
    """Whether a sampler shall propose the next."""

    @property
    def is_over(self) -> bool:
        return not self.jobs and not self.explores


def plan(question: Question, ledger: Ledger, num_explored: int = 0) -> Plan:
    """What comes next.  `num_explored` is how many trials a sampler may propose; 0 where nothing is left to draw."""
    anew = [knob.begins_anew for knob in question.knobs]
    from_start = any(anew) if question.strategy != "one" else all(anew)
    warm_up = [Job(is_warm_up=True)]
    if not from_start and not ledger.is_done(warm_up):
        return Plan((), {}, tuple(warm_up))
    if question.strategy == "one":
        return _one_at_a_time(question, ledger)
    return _sampled(question, ledger, num_explored, any(anew))


def _one_at_a_time(question: Question, ledger: Ledger) -> Plan:
    rounds: list[Round] = []
    best: Settings = {}
    for knob in question.knobs:
        anew = knob.begins_anew
        others = [{**best, knob.path: value} for value in knob.values]
        scouts = [Job(settings, 0, anew) for settings in (best, *others)]
        if not ledger.is_done(scouts):
            rounds.append(_undecided(knob.path, ledger, best, others, anew))
            return Plan(tuple(rounds), best, tuple(scouts))
        seeds = range(question.num_seeds)
        chosen = _contenders(question, ledger, scouts[0], scouts[1:])
        finals = [Job(settings, seed, anew) for seed in seeds for settings in (best, *chosen)] if chosen else []
        if not ledger.is_done(finals):
            rounds.append(_undecided(knob.path, ledger, best, others, anew))
            return Plan(tuple(rounds), best, tuple(finals))
        decided = _decided(question, ledger, knob.path, best, chosen, others, seeds, anew)
        rounds.append(decided)
        best = decided.kept
    return Plan(tuple(rounds), best)


def _sampled(question: Question, ledger: Ledger, num_explored: int, anew: bool) -> Plan:
    """Seed 0 is for exploring.  What it finds is the luckiest of many, so it is judged by the seeds after it."""
    own = Job({}, 0, anew)
    scouts, again = _explored(ledger, own)
    explores = len(scouts) < min(num_explored, num_possible(question.knobs))
    so_far = _so_far(question, ledger, own, scouts)
    first = (own, *again)
    if not ledger.is_done(first):
        return replace(so_far, jobs=first, explores=explores)
    if explores:
        return replace(so_far, explores=True)
    if not ledger.is_done(scouts):
        return replace(so_far, jobs=tuple(scouts))
    chosen, finals = _finals(question, ledger, own, scouts)
    others = [job.settings for job in scouts]
    if not ledger.is_done(finals):
        rounds = so_far.rounds or (_undecided("", ledger, {}, others, anew),)
        return replace(so_far, rounds=rounds, jobs=tuple(finals))
    decided = _decided(question, ledger, "", {}, chosen, others, _judges(question), anew)
    return Plan((decided,), decided.kept)


def _so_far(question: Question, ledger: Ledger, own: Job, scouts: Sequence[Job]) -> Plan:
    """The last decision, of those that more is explored after: over what was known when its trials were put down."""
    judged = sorted((it.number for it in ledger.outcomes if it.job.seed > 0 and it.is_over), reverse=True)
    begun = {job.key: outcome.number for job in scouts if (outcome := ledger.of(job))}
    for number in judged:
        known = [job for job in scouts if begun[job.key] < number]
        chosen, finals = _finals(question, ledger, own, known)
        if chosen and ledger.is_done(finals):
            others = [job.settings for job in known]
            decided = _decided(question, ledger, "", {}, chosen, others, _judges(question), own.anew)
            return Plan((replace(decided, is_open=True),), decided.kept)
    return Plan((), {})


def _judges(question: Question) -> range:
    """The seeds that nothing was explored with."""
    return range(1, question.num_seeds + 1)


def _finals(
    question: Question, ledger: Ledger, own: Job, scouts: Sequence[Job]
) -> tuple[Sequence[Settings], Sequence[Job]]:
    """What of the explored is judged, and the trials that this needs."""
    chosen = _contenders(question, ledger, own, scouts)
    beside: Sequence[Settings] = ({}, *chosen) if chosen else ()
    return chosen, [Job(settings, seed, own.anew) for seed in _judges(question) for settings in beside]


def _explored(ledger: Ledger, own: Job) -> tuple[list[Job], list[Job]]:
    """What a sampler has proposed that is over or under way, and what has lost its worker and is to be done again."""
    drawn = [outcome for outcome in ledger.outcomes if outcome.job.seed == 0 and not outcome.job.is_warm_up]
    jobs = {outcome.job.key: outcome.job for outcome in drawn}
    over = {key for key, job in jobs.items() if ledger.is_done([job])}
    under_way = {outcome.job.key for outcome in drawn if outcome.state == "running"}
    lost = {outcome.job.key for outcome in drawn if outcome.state == "lost"}
    scouts = [job for key, job in jobs.items() if key in over | under_way and key != own.key]
    return scouts, [job for key, job in jobs.items() if key in lost - over]


def _contenders(question: Question, ledger: Ledger, present: Job, others: Sequence[Job]) -> list[Settings]:
    """The best few by the first objective, of those that ended well and beat the present settings."""
    sign = question.signs[0]
    mine = ledger.of(present)
    found = [(ledger.of(job), job) for job in others]
    well = [(sign * outcome.values[0], job.settings) for outcome, job in found if outcome and outcome.state == "done"]
    bar = sign * mine.values[0] if mine is not None and mine.values else float("inf")
    better = sorted((pair for pair in well if pair[0] < bar), key=lambda pair: pair[0])
    return [settings for _, settings in better[:CONTENDERS]]


def _decided(
    question: Question,
    ledger: Ledger,
    path: str,
    present: Settings,
    chosen: Sequence[Settings],
    others: Sequence[Settings],
    seeds: range,
    anew: bool,
) -> Round:
    reference = _tried(ledger, present, seeds if chosen else range(1), anew)
    finals = [_beside(question, reference, _tried(ledger, settings, seeds, anew)) for settings in chosen]
    rest = [_tried(ledger, settings, range(1), anew) for settings in others if settings not in chosen]
    winners = [tried for tried in finals if _is_better(reference, tried)]
    best = min(winners, key=lambda tried: tried.differences[0].mean, default=None)
    return Round(path, reference, (*finals, *rest), best.settings if best else present, True)


def _undecided(path: str, ledger: Ledger, present: Settings, others: Sequence[Settings], anew: bool) -> Round:
    tried = [_tried(ledger, settings, range(1), anew) for settings in others]
    return Round(path, _tried(ledger, present, range(1), anew), tuple(tried), present, False)


def _tried(ledger: Ledger, settings: Settings, seeds: range, anew: bool) -> Tried:
    found = [ledger.of(Job(settings, seed, anew)) for seed in seeds]
    return Tried(settings, tuple(outcome for outcome in found if outcome is not None and outcome.is_over))


def _beside(question: Question, reference: Tried, tried: Tried) -> Tried:
    """With its differences from the reference, seed by seed, of each objective; less is better."""
    pairs = [(mine.values, its.values) for mine, its in zip(reference.outcomes, tried.outcomes, strict=True)]
    differences = tuple(
        Difference.of([sign * (its[at] - mine[at]) for mine, its in pairs]) for at, sign in enumerate(question.signs)
    )
    return Tried(tried.settings, tried.outcomes, differences)


def _is_better(reference: Tried, tried: Tried) -> bool:
    """By the first objective, no worse by any other, and failing no more often."""
    first, *others = tried.differences
    return first.is_less and not any(other.is_more for other in others) and tried.failures <= reference.failures


@dataclass(frozen=True, slots=True)
class Importance:
    """The share of each knob in how much the first objective moved."""

    shares: Mapping[str, float] = field(default_factory=dict)
    why_none: str = ""
    """Where there are no shares, and several knobs that could have some."""

    @property
    def largest_first(self) -> list[tuple[str, float]]:
        return sorted(self.shares.items(), key=lambda pair: -pair[1])


def importance(question: Question, ledger: Ledger) -> Importance:
    """By how much the first objective moved while each knob alone was changed, with the first seed.

    Of the knobs that are decided; one that moved it by no more than the noise between seeds has no share.  Of failed
    trials nothing is counted: they would drown the rest.
    """
    if len(question.knobs) < 2:
        return Importance()
    decided = [one for one in plan(question, ledger).rounds if one.is_decided]
    if len(decided) < 2:
        return Importance(why_none="fewer than two knobs are decided")
    rests = [rest for one in decided for tried in one.tried if len(rest := _paired(one.present, tried)) > 1]
    if not rests:
        return Importance(why_none="no value was tried with several seeds, so the noise is not known")
    noise = Noise.of(rests)
    moved = {one.path: noise.excess(_scouted(one)) for one in decided}
    whole = sum(moved.values())
    if whole == 0.0:
        return Importance(why_none="nothing moved it by more than the noise between seeds")
    return Importance({path: excess / whole for path, excess in moved.items()})


def _paired(present: Tried, tried: Tried) -> list[float]:
    """The differences of a value from the present one, seed by seed, where it was tried with several."""
    pairs = zip(present.outcomes, tried.outcomes, strict=False) if tried.differences else ()
    return [its.values[0] - mine.values[0] for mine, its in pairs if mine.state == its.state == "done"]


def _scouted(one: Round) -> list[float]:
    """What each value gave with the first seed."""
    firsts = [tried.outcomes[0] for tried in (one.present, *one.tried) if tried.outcomes]
    return [outcome.values[0] for outcome in firsts if outcome.state == "done"]
