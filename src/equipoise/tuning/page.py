"""A study as one HTML page: every decision drawn, seed by seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from equipoise.doctor.telling import as_words
from equipoise.report.html import Html, joined, table, tag
from equipoise.report.page import document
from equipoise.report.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis
from equipoise.tuning.jobs import Outcome
from equipoise.tuning.planning import Round, Tried
from equipoise.tuning.telling import (
    LESS,
    Found,
    by_rank,
    heading,
    intervals,
    label,
    lines,
    mean,
    not_decided,
    recommendation,
    verdict,
)

DOT: Final = 4
LETTER: Final = 6.5
"""The width of one below a column, about."""
NUMBER: Final = 3
"""Letters that a column's number may have."""
PRESENT: Final = "own"
NAME: Final = "tune.html"


def page(found: Found, name: str) -> str:
    first, *_ = lines(found)
    edits = [tag("code", as_words(edit)) for edit in found.edits]
    header = tag(
        "header",
        tag("h1", name),
        *(tag("p", line) for line in (first, *not_decided(found))),
        tag("p", tag("b", recommendation(found))),
        *edits,
        tag("p", found.ended, class_="aside"),
    )
    rounds = [_round(found, one) for one in found.plan.rounds]
    return document(f"{name}: tuning", header, *rounds, *_importance(found), _trials(found))


def _round(found: Found, one: Round) -> Html:
    question = found.question
    shown = [one.present, *by_rank(question, one)]
    labels = [label(question, one, tried) for tried in shown]
    marks = _marks(labels)
    numbered = marks != labels
    header = ("value", *question.names(), "seeds", LESS, "beside the present one")
    rows = [
        (
            *([mark] if numbered else []),
            name,
            *(mean(tried, at) for at in range(len(question.objectives))),
            str(len(tried.outcomes)),
            intervals(question, tried),
            "" if tried is one.present else verdict(one, tried),
        )
        for mark, name, tried in zip(marks, labels, shown, strict=True)
    ]
    return tag(
        "section",
        tag("h2", heading(question, one)),
        _dots(found, one, shown, marks),
        table(("column", *header) if numbered else header, rows),
    )


def _marks(labels: Sequence[str]) -> list[str]:
    """What is written below the columns: the labels where there is room, else numbers, which the table explains."""
    if max(map(len, labels)) * LETTER <= _gap(labels):
        return list(labels)
    return [PRESENT, *map(str, range(1, len(labels)))]


def _gap(columns: Sequence[object]) -> float:
    return (WIDTH - LEFT - RIGHT) / len(columns)


def _dots(found: Found, one: Round, shown: Sequence[Tried], marks: Sequence[str]) -> Html:
    """A dot for each seed, and a line at the mean, of each value; the present one first.

    What a failed trial counts as would flatten all others: it is a cross at the edge.
    """
    outcomes = [outcome for tried in shown for outcome in tried.outcomes]
    values = [outcome.values[0] for outcome in outcomes if outcome.state != "failed"]
    if not values:
        return Html("")
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.5
    up = Axis(low - room, high + room, HEIGHT - BOTTOM, TOP)
    worst = TOP + 2 * DOT if found.question.signs[0] > 0 else HEIGHT - BOTTOM - DOT
    gap = _gap(shown)
    every = -(-NUMBER * LETTER // gap) if marks[0] == PRESENT else 1
    columns = [
        _column(one, tried, LEFT + gap * (at + 0.5), gap, up, worst, marks[at] if at % every == 0 else "")
        for at, tried in enumerate(shown)
    ]
    parts = [f"{found.question.names()[0]}: a dot for each seed, a line at their mean"]
    parts += ["hollow: given up"] if any(outcome.state == "given up" for outcome in outcomes) else []
    parts += ["a cross at the edge: failed"] if any(outcome.state == "failed" for outcome in outcomes) else []
    return tag(
        "figure",
        tag("svg", *_grid(up), *columns, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img"),
        tag("figcaption", "; ".join(parts)),
    )


def _grid(up: Axis) -> Iterator[Html]:
    for value, y in zip(up.ticks(), up.at(np.asarray(up.ticks())), strict=True):
        yield tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=float(y), y2=float(y), class_="grid")
        yield tag("text", f"{value:g}", x=LEFT - 6, y=float(y) + 4, text_anchor="end")


def _column(one: Round, tried: Tried, x: float, gap: float, up: Axis, worst: float, mark: str) -> Html:
    colour = "var(--good)" if one.is_decided and tried.settings == one.kept else "var(--line-1)"
    dots = [_dot(outcome, x, up, colour) for outcome in tried.outcomes if outcome.state != "failed"]
    if any(outcome.state == "failed" for outcome in tried.outcomes):
        dots.append(_cross(x, worst))
    middle = tried.mean()
    if middle is not None:
        y = float(up.at(np.asarray([middle]))[0])
        dots.append(tag("line", x1=x - gap / 4, x2=x + gap / 4, y1=y, y2=y, style=f"stroke:{colour};stroke-width:2"))
    dots.append(tag("text", mark, x=x, y=HEIGHT - 8, text_anchor="middle"))
    return tag("g", joined(dots))


def _dot(outcome: Outcome, x: float, up: Axis, colour: str) -> Html:
    y = float(up.at(np.asarray([outcome.values[0]]))[0])
    fill = colour if outcome.state == "done" else "none"
    said = f"trial {outcome.number}, seed {outcome.job.seed}: {outcome.values[0]:.4g}"
    return tag("g", tag("title", said), tag("circle", cx=x, cy=y, r=DOT, style=f"fill:{fill};stroke:{colour}"))


def _cross(x: float, y: float) -> Html:
    arm, side = DOT, 2 * DOT
    way = f"M{x - arm:.1f},{y - arm:.1f} l{side},{side} m0,{-side} l{-side},{side}"
    return tag("path", d=way, style="stroke:var(--bad);stroke-width:2;fill:none")


def _importance(found: Found) -> Iterator[Html]:
    if found.importance.shares:
        rows = [(path, f"{share:.0%}") for path, share in found.importance.largest_first]
        yield tag("section", tag("h2", "What moved it"), table(("knob", "share"), rows))
    elif found.importance.why_none:
        why = tag("p", f"This cannot be told: {found.importance.why_none}.")
        yield tag("section", tag("h2", "What moved it"), why)


def _trials(found: Found) -> Html:
    names = found.question.names()
    rows = [
        (
            str(outcome.number),
            found.question.in_words(outcome.job.settings),
            str(outcome.job.seed),
            *_values(outcome, len(names)),
            _ended(outcome),
            outcome.run,
        )
        for outcome in found.ledger.outcomes
        if not outcome.job.is_warm_up
    ]
    header = ("trial", "settings", "seed", *names, "how it ended", "run")
    return tag("section", tag("h2", "All trials"), table(header, rows))


def _values(outcome: Outcome, count: int) -> list[str]:
    """What was measured, and nothing of what was not."""
    if outcome.state == "failed" or not outcome.values:
        return [""] * count
    return [f"{value:.4g}" for value in outcome.values]


def _ended(outcome: Outcome) -> str:
    if outcome.state != "failed":
        return f"{outcome.state} {outcome.why}".strip()
    return f"failed: {outcome.why}; counts as {', '.join(f'{value:.4g}' for value in outcome.values)}"
