"""A study as one HTML page: every decision drawn, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from equipoise.doctor.telling import as_words
from equipoise.errors import RequestError
from equipoise.files import write_whole
from equipoise.report.html import Html, joined, table, tag
from equipoise.report.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis
from equipoise.tuning.planning import Round, Tried
from equipoise.tuning.telling import Found, label, lines, recommendation, verdict

MOST_DRAWN: Final = 10
DOT: Final = 4
SHORT: Final = 14
"""Letters of a label below a column."""
NAME: Final = "tune.html"


def write_page(found: Found, out: Path) -> None:
    """Write the page, whole or not at all.  Raises `RequestError` where it cannot be written."""
    try:
        write_whole(out, page(found, out.parent.name).encode())
    except OSError as error:
        raise RequestError(f"{out} cannot be written: {error.strerror or error}") from error


def page(found: Found, name: str) -> str:
    style = resources.files("equipoise.report").joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{name}: tuning"),
        tag("style", Html(style)),
    )
    first, *_ = lines(found)
    edits = [tag("code", as_words(edit)) for edit in found.edits]
    header = tag("header", tag("h1", name), tag("p", first), tag("p", tag("b", recommendation(found))), *edits)
    rounds = [_round(found, one) for one in found.plan.rounds]
    main = tag("main", header, *rounds, *_importance(found), _trials(found))
    return f"<!doctype html>\n{tag('html', head, tag('body', main), lang='en')}\n"


def _round(found: Found, one: Round) -> Html:
    shown = [one.present, *one.tried][:MOST_DRAWN]
    rows = [
        (label(found.question, one, tried), len(tried.outcomes), "" if tried is one.present else verdict(one, tried))
        for tried in shown
    ]
    return tag(
        "section",
        tag("h2", one.path or "All knobs together"),
        _dots(found, one, shown),
        table(("value", "seeds", "beside the present one"), [(name, str(seeds), said) for name, seeds, said in rows]),
    )


def _dots(found: Found, one: Round, shown: list[Tried]) -> Html:
    """A dot for each seed, and a line at the mean, of each value; the present one first.  Failed trials are hollow."""
    values = [outcome.values[0] for tried in shown for outcome in tried.outcomes if outcome.values]
    if not values:
        return Html("")
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.5
    up = Axis(low - room, high + room, HEIGHT - BOTTOM, TOP)
    gap = (WIDTH - LEFT - RIGHT) / len(shown)
    columns = [_column(found, one, tried, LEFT + gap * (at + 0.5), gap, up) for at, tried in enumerate(shown)]
    caption = f"{found.question.names()[0]}: a dot for each seed, a line at their mean"
    return tag(
        "figure",
        tag("svg", *_grid(up), *columns, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img"),
        tag("figcaption", caption),
    )


def _grid(up: Axis) -> Iterator[Html]:
    for value, y in zip(up.ticks(), up.at(np.asarray(up.ticks())), strict=True):
        yield tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=float(y), y2=float(y), class_="grid")
        yield tag("text", f"{value:g}", x=LEFT - 6, y=float(y) + 4, text_anchor="end")


def _column(found: Found, one: Round, tried: Tried, x: float, gap: float, up: Axis) -> Html:
    colour = "var(--good)" if one.is_decided and tried.settings == one.kept else "var(--line-1)"
    dots = []
    for outcome in tried.outcomes:
        y = float(up.at(np.asarray([outcome.values[0]]))[0])
        fill = colour if outcome.state == "done" else "none"
        dots.append(tag("circle", cx=x, cy=y, r=DOT, style=f"fill:{fill};stroke:{colour}"))
    mean = tried.mean()
    if mean is not None and math.isfinite(mean):
        y = float(up.at(np.asarray([mean]))[0])
        dots.append(tag("line", x1=x - gap / 4, x2=x + gap / 4, y1=y, y2=y, style=f"stroke:{colour};stroke-width:2"))
    dots.append(tag("text", label(found.question, one, tried)[:SHORT], x=x, y=HEIGHT - 8, text_anchor="middle"))
    return tag("g", joined(dots))


def _importance(found: Found) -> Iterator[Html]:
    if found.importance:
        shares = sorted(found.importance.items(), key=lambda pair: -pair[1])
        rows = [(path, f"{share:.0%}") for path, share in shares]
        yield tag("section", tag("h2", "What moved it"), table(("knob", "share"), rows))


def _trials(found: Found) -> Html:
    rows = [
        (
            str(outcome.number),
            found.question.in_words(outcome.job.settings),
            str(outcome.job.seed),
            ", ".join(f"{value:.4g}" for value in outcome.values),
            f"{outcome.state} {outcome.why}".strip(),
            outcome.run,
        )
        for outcome in found.ledger.outcomes
        if not outcome.job.is_warm_up
    ]
    header = ("trial", "settings", "seed", ", ".join(found.question.names()), "how it ended", "run")
    return tag("section", tag("h2", "All trials"), table(header, rows))
