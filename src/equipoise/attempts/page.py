"""The attempt log as one HTML file that needs nothing but itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from equipoise.attempts import telling
from equipoise.attempts.judging import Entry, Log
from equipoise.attempts.studies import Study
from equipoise.doctor.trace import Series
from equipoise.errors import RequestError
from equipoise.files import write_whole
from equipoise.report.html import Html, tag
from equipoise.report.page import document, pictured
from equipoise.report.plots import plot

THUMBNAIL: Final = 256
"""Pixels across."""
QUALITY: Final = 88
"""Of JPEG, which takes a tenth of the bytes that PNG would."""
FEWEST_DRAWN: Final = 3
"""Attempts by the same measure, for a line to say more than their numbers."""


def write(log: Log, out: Path) -> Path:
    """Write a log, whole or not at all, as Markdown or HTML by the ending of `out`.  Raises `RequestError`."""
    if out.suffix not in (".md", ".html"):
        raise RequestError(f"--out {out}: the name of a page ends in .md or .html")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        text = page(log) if out.suffix == ".html" else telling.markdown(log, _beside(log, out))
        write_whole(out, text.encode())
    except OSError as error:
        raise RequestError(f"{out} cannot be written: {error.strerror or error}") from error
    return out


def _beside(log: Log, out: Path) -> dict[int, str]:
    """Thumbnails in a folder beside a page of Markdown: what shows each attempt there, by its number."""
    folder = out.with_name(f"{out.stem}-sheets")
    shown: dict[int, str] = {}
    for entry in log.entries:
        sheet = entry.attempt.sheet
        if sheet is None:
            continue
        name = f"{entry.number:03d}.jpg"
        try:
            small = _small(sheet)
        except RequestError as error:
            shown[entry.number] = telling.plain(str(error))
            continue
        folder.mkdir(exist_ok=True)
        write_whole(folder / name, small)
        shown[entry.number] = f"![samples of attempt {entry.number}]({quote(folder.name)}/{name})"
    return shown


def page(log: Log) -> str:
    """The whole document."""
    header = tag("header", tag("h1", "Attempts"), tag("p", f"{len(log.entries)} below {log.folder}", class_="aside"))
    groups = [_group(digest, entries, log) for digest, entries in log.by_data().items()]
    studies = [_study(study, log) for study in log.studies]
    rest = [tag("li", text) for text in telling.unread(log)]
    unread = [tag("section", tag("h2", "Not read"), tag("ul", *rest))] if rest else []
    return document(f"Attempts below {log.folder}", header, *groups, *studies, *unread)


def _group(digest: str, entries: Sequence[Entry], log: Log) -> Html:
    return tag(
        "section",
        tag("h2", telling.of_data(digest, entries, log)),
        _over_attempts(entries),
        *(_attempt(entry, log) for entry in entries),
    )


def _study(study: Study, log: Log) -> Html:
    rows = [tag("p", tag("b", f"{label}: "), text) for label, text in telling.of_study(study)]
    return tag("section", tag("h2", f"Study {study.folder.relative_to(log.folder)}"), *rows)


def _over_attempts(entries: Sequence[Entry]) -> Html:
    """The measure of the last attempt over all that were measured by it."""
    known = [(entry.number, entry.attempt.outcome) for entry in entries]
    measured = [(number, outcome) for number, outcome in known if outcome is not None]
    if not measured:
        return Html("")
    last = measured[-1][1]
    alike = [(number, outcome.value) for number, outcome in measured if outcome.name == last.name]
    if len(alike) < FEWEST_DRAWN:
        return Html("")
    series = Series.of([number for number, _ in alike], [value for _, value in alike])
    floors = {"real samples": last.floor} if last.floor is not None else {}
    return tag("div", tag("h4", f"{last.name} over attempts"), plot({last.name: series}, levels=floors))


def _attempt(entry: Entry, log: Log) -> Html:
    attempt = entry.attempt
    kind = attempt.verdict if attempt.verdict in ("ill", "suspect", "healthy") else None
    rows = [_fact(entry, label, text, kind) for label, text in telling.facts(entry)]
    return tag(
        "article",
        tag("h3", f"{entry.number}. {telling.name(attempt, log)}"),
        tag("p", telling.when(attempt), class_="aside"),
        *rows,
        _thumbnail(entry),
    )


def _fact(entry: Entry, label: str, text: str, kind: str | None) -> Html:
    """A line; the one setting that differs stands out."""
    words, setting = telling.setting_apart(entry, label, text)
    apart = [tag("code", setting)] if setting else []
    return tag("p", tag("b", f"{label}: "), words, *apart, class_=kind if label == "doctor" else None)


def _thumbnail(entry: Entry) -> Html:
    """The last sheet, made small."""
    sheet = entry.attempt.sheet
    if sheet is None:
        return Html("")
    try:
        return pictured(f"samples of attempt {entry.number}, {sheet.stem}", _small(sheet), "jpeg")
    except RequestError as error:
        return tag("p", str(error), class_="aside")


def _small(sheet: Path) -> bytes:
    """A picture as a small JPEG.  Raises `RequestError`."""
    from PIL import Image

    try:
        with Image.open(sheet) as picture:
            small = picture.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise RequestError(f"{sheet.name} cannot be read: {error}") from error
    small.thumbnail((THUMBNAIL, 4 * THUMBNAIL))
    written = io.BytesIO()
    small.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
