"""The page of the tour: the run left alone and the rescued one, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from equipoise.demo.classifier import JUDGED_SAMPLES, Reliability, Verdict
from equipoise.doctor.readers.runs import read_run
from equipoise.errors import RequestError
from equipoise.files import write_whole
from equipoise.folder import RunFolder
from equipoise.report.html import Html, table, tag
from equipoise.report.page import document, pictured
from equipoise.report.plots import plot
from equipoise.terminal import piloted

NAME: Final = "report.html"
TITLE: Final = "A doomed run, and its rescue"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs."""

    title: str
    folder: Path
    report: Path
    picture: Path
    """Of some of the samples that were judged."""
    steps: int
    verdict: Verdict
    doctor: str
    """What was said of the run last."""
    distance: float | None
    """At the end, by the run's own measure."""
    best_step: int
    """Of the generator that was kept as the best on the way."""
    best_distance: float | None


def write(out: Path, wrong: str, sides: Sequence[Side], reliability: Reliability, failure: str) -> None:
    """Write the page, whole or not at all; the last side is the rescued one.  Raises `RequestError`."""
    try:
        write_whole(out, page(wrong, sides, reliability, failure).encode())
    except OSError as error:
        raise RequestError(f"{out} cannot be written: {error.strerror or error}") from error


def page(wrong: str, sides: Sequence[Side], reliability: Reliability, failure: str) -> str:
    """The whole document.  `failure` says why there was no rescue, and is empty where there was one."""
    outcome = f"The rescue failed: {failure}." if failure else "The run was diagnosed, repaired, and ended well."
    header = tag(
        "header",
        tag("h1", TITLE),
        tag("p", tag("b", outcome), class_=f"verdict {'ill' if failure else 'healthy'}"),
        tag("p", f"1797 real handwritten digits; wrong on purpose: {wrong}."),
    )
    return document(
        TITLE,
        header,
        _section("Side by side", *(_picture(side) for side in sides), _numbers(sides, reliability)),
        _section("Distance from the real samples", *_distances(sides)),
        _section("What the autopilot did", tag("ol", *(tag("li", line) for line in _repairs(sides[-1].folder)))),
        _section("More", *(_link(out) for out in sides)),
    )


def _section(title: str, *parts: Html) -> Html:
    return tag("section", tag("h2", title), *parts)


def _picture(side: Side) -> Html:
    return pictured(f"{side.title}: {side.verdict.words}", side.picture.read_bytes())


def _numbers(sides: Sequence[Side], reliability: Reliability) -> Html:
    verdicts = [side.verdict for side in sides]
    rows = [
        ("digits found", *(f"{verdict.found} of 10" for verdict in verdicts), "10 of 10"),
        (
            "mean confidence of the classifier",
            *(f"{verdict.mean_top_probability:.2f}" for verdict in verdicts),
            f"{reliability.mean_top_probability:.2f}",
        ),
        *(
            (f"taken for {digit}", *(f"{verdict.shares[digit]:.1%}" for verdict in verdicts), "about 10%")
            for digit in range(10)
        ),
        ("kernel distance at the end", *(_number(side.distance) for side in sides), ""),
        (
            "the best generator kept on the way",
            *(f"{_number(side.best_distance)}, step {side.best_step}" for side in sides),
            "",
        ),
        ("the doctor's last word", *(side.doctor for side in sides), ""),
    ]
    judged = f"{JUDGED_SAMPLES} samples of each run's last generator, judged by {reliability.words}."
    return tag("div", tag("p", judged), table(("", *(side.title for side in sides), "real digits"), rows))


def _number(value: float | None) -> str:
    return f"{value:.4g}" if value is not None else ""


def _distances(sides: Sequence[Side]) -> list[Html]:
    known = {side.title: read_run(side.folder).get("distance") for side in sides}
    return [plot({title: series for title, series in known.items() if series is not None})]


def _repairs(run: Path) -> list[str]:
    events = RunFolder(run).read_journal().events
    return [line.strip() for event in events for line in piloted(event)] or ["nothing"]


def _link(side: Side) -> Html:
    where = f"{side.folder.name}/{side.report.name}"
    return tag("p", tag("a", f"all of the run {side.title}: evidence, forks, settings", href=where))
