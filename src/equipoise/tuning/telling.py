"""What a study found, for a person and for a machine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from equipoise.doctor.telling import as_words
from equipoise.edit import Edit
from equipoise.spec import Json
from equipoise.terminal import clock
from equipoise.tuning.intervals import Difference
from equipoise.tuning.jobs import Ledger, Settings
from equipoise.tuning.planning import Importance, Plan, Round, Tried
from equipoise.tuning.question import Question

NONE_IS_BETTER: Final = "none is better than the recipe's own by more than the noise"
MORE: Final = "more is being explored"
LESS: Final = "less the present one, 95 %"
"""Above the intervals."""
MOST_SHOWN: Final = 12
"""Of the trials of a sampler, the best; the page shows all."""


@dataclass(frozen=True, slots=True)
class Found:
    """A study, as far as it has come."""

    question: Question
    ledger: Ledger
    plan: Plan
    importance: Importance
    ended: str

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What is recommended: the settings that were kept."""
        best = self.plan.best
        return tuple(knob.edit(best[knob.path]) for knob in self.question.knobs if knob.path in best)

    @property
    def undecided(self) -> list[str]:
        """The knobs of which nothing can be said yet."""
        decided = {one.path for one in self.plan.rounds if one.is_decided}
        if self.question.strategy != "one":
            return [] if "" in decided else [knob.path for knob in self.question.knobs]
        return [knob.path for knob in self.question.knobs if knob.path not in decided]

    @property
    def left_out(self) -> list[str]:
        """Knobs that nobody named, of phases that no trial reaches."""
        tuned = {knob.path for knob in self.question.knobs}
        return [knob.path for knob in self.question.asked if knob.path not in tuned]


def lines(found: Found) -> Iterator[str]:
    """What was done, a table for each decision, what moved the objective, what is recommended, and what ended it."""
    yield _done(found)
    for one in found.plan.rounds:
        yield ""
        yield from _table(found, one)
    if found.importance.shares:
        yield ""
        yield "what moved it: " + ", ".join(f"{path} {share:.0%}" for path, share in found.importance.largest_first)
    elif found.importance.why_none:
        yield ""
        yield f"what moved it cannot be told: {found.importance.why_none}"
    yield ""
    yield from not_decided(found)
    yield recommendation(found)
    yield found.ended


def not_decided(found: Found) -> Iterator[str]:
    """In a line what is still to be tried, and in another what never is."""
    if found.undecided:
        yield f"not decided: {', '.join(found.undecided)}"
    if found.left_out:
        yield f"not tuned, for no trial reaches their phase: {', '.join(found.left_out)}   (see --warm-up)"


def recommendation(found: Found) -> str:
    """In one line."""
    more = f"; {MORE}" if any(one.is_open for one in found.plan.rounds) else ""
    if found.edits:
        where = f"after {found.question.steps} steps{more}; whether it lasts, a whole run says"
        return f"recommended: {' '.join(map(as_words, found.edits))}   ({where})"
    if any(one.is_decided for one in found.plan.rounds):
        return f"of what was tried, {NONE_IS_BETTER}{more}"
    return "nothing is decided yet"


def to_json(found: Found) -> dict[str, Json]:
    question = found.question
    return {
        "objectives": [*question.names()],
        "strategy": question.strategy,
        "seeds": question.num_seeds,
        "warm_up_steps": question.warm_up_steps,
        "horizon_steps": question.horizon_steps,
        "ended": found.ended,
        "rounds": [_round_as_json(one) for one in found.plan.rounds],
        "importance": {**found.importance.shares},
        "undecided": [*found.undecided],
        "left_out": [*found.left_out],
        "edits": [{"path": edit.path, "op": edit.op, "value": edit.value} for edit in found.edits],
        "recommended": " ".join(map(as_words, found.edits)) or None,
        "trials": [
            {
                "number": outcome.number,
                **outcome.job.to_json(),
                "state": outcome.state,
                "values": [*outcome.values],
                "why": outcome.why,
                "run": outcome.run,
                "seconds": outcome.seconds,
                "steps": outcome.steps,
            }
            for outcome in found.ledger.outcomes
        ],
    }


def heading(question: Question, one: Round) -> str:
    """Of a decision: what is changed, what had been kept before, and whether anything, or all, is decided."""
    kept = f", with {question.in_words(one.present.settings)}" if one.present.settings else ""
    state = f" ({MORE})" if one.is_open else "" if one.is_decided else " (not decided yet)"
    return f"{one.path or 'all knobs together'}{kept}{state}"


def label(question: Question, one: Round, tried: Tried) -> str:
    """What was tried, in a word or two: the value of the knob, or all that was drawn."""
    knob = next((knob for knob in question.knobs if knob.path == one.path), None)
    if knob is None:
        return question.in_words(tried.settings)
    return knob.words(tried.settings[knob.path]) if knob.path in tried.settings else f"own ({knob.words(knob.own)})"


def verdict(one: Round, tried: Tried) -> str:
    """What is said of one value, beside the present one."""
    failed = f"{tried.failures} of {len(tried.outcomes)} failed: {_reasons(tried)}" if tried.failures else ""
    if not tried.differences:
        return failed
    first = tried.differences[0]
    said = "better" if first.is_less else "worse" if first.is_more else "cannot be told apart"
    if one.is_decided and tried.settings == one.kept:
        said = "better, kept"
    elif first.is_less and any(other.is_more for other in tried.differences[1:]):
        said = "better, but worse by another objective"
    return "; ".join(part for part in (said, failed) if part)


def intervals(question: Question, tried: Tried) -> str:
    """What each objective is more than with the present value; empty where it was tried with one seed alone."""
    pairs = zip(tried.differences, question.signs, strict=False)
    return "; ".join(_interval(difference, sign) for difference, sign in pairs)


def mean(tried: Tried, at: int) -> str:
    """Of one objective over the seeds that did not fail."""
    value = tried.mean(at)
    if value is None:
        return "failed" if tried.outcomes else "-"
    return f"{value:.4g}"


def by_rank(question: Question, one: Round) -> list[Tried]:
    """What was tried: values of a knob in their order; of a sampler those that were judged, then the best."""
    if one.path:
        return list(one.tried)

    def rank(tried: Tried) -> tuple[bool, float]:
        value = tried.mean()
        return not tried.differences, math.inf if value is None else question.signs[0] * value

    return sorted(one.tried, key=rank)


def _done(found: Found) -> str:
    question, ledger = found.question, found.ledger
    over = [outcome for outcome in ledger.outcomes if outcome.is_over and not outcome.job.is_warm_up]
    seconds = sum(outcome.seconds for outcome in ledger.outcomes)
    ended = {state: sum(outcome.state == state for outcome in over) for state in ("failed", "given up")}
    short = "".join(f", {count} {state}" for state, count in ended.items() if count)
    ways = " and ".join(
        f"{name} ({'lower' if sign > 0 else 'higher'} is better)"
        for name, sign in zip(question.names(), question.signs, strict=True)
    )
    return (
        f"{len(over)} trials of {question.horizon_steps} steps after a warm-up of {question.warm_up_steps}{short}, "
        f"{clock(seconds)} in all, judged by {ways}"
    )


def _table(found: Found, one: Round) -> Iterator[str]:
    question = found.question
    shown = by_rank(question, one)[: None if one.path else MOST_SHOWN]
    rows = [(label(question, one, tried), tried) for tried in (one.present, *shown)]
    width = max(len(words) for words, _ in rows) + 2
    names = "".join(f"{name:>12}" for name in question.names())
    yield heading(question, one)
    yield f"  {'':<{width}}{names}   seeds   {LESS}"
    for words, tried in rows:
        means = "".join(f"{mean(tried, at):>12}" for at in range(len(question.objectives)))
        said = "" if tried is one.present else verdict(one, tried)
        yield f"  {words:<{width}}{means}   {len(tried.outcomes):>5}   {intervals(question, tried)}  {said}".rstrip()


def _reasons(tried: Tried) -> str:
    return "; ".join(dict.fromkeys(outcome.why for outcome in tried.outcomes if outcome.state != "done"))


def _interval(difference: Difference, sign: float) -> str:
    ends = sorted((sign * difference.low, sign * difference.high))
    shown = ", ".join(f"{end:.3g}" if math.isfinite(end) else "?" for end in ends)
    return f"{sign * difference.mean:+.3g} [{shown}]"


def _round_as_json(one: Round) -> dict[str, Json]:
    return {
        "knob": one.path or None,
        "is_decided": one.is_decided,
        "is_open": one.is_open,
        "present": _tried_as_json(one, one.present),
        "tried": [_tried_as_json(one, tried) for tried in one.tried],
        "kept": _plain(one.kept),
    }


def _tried_as_json(one: Round, tried: Tried) -> dict[str, Json]:
    differences: Sequence[Difference] = tried.differences
    return {
        "settings": _plain(tried.settings),
        "by_seed": [
            {"seed": outcome.job.seed, "trial": outcome.number, "state": outcome.state, "values": [*outcome.values]}
            for outcome in tried.outcomes
        ],
        "less_is_better": [
            [value if math.isfinite(value) else None for value in (one_.mean, one_.low, one_.high)]
            for one_ in differences
        ],
        "verdict": verdict(one, tried),
    }


def _plain(settings: Settings) -> dict[str, Json]:
    return {**settings}
