"""``report.html`` of a run's folder, from what the run wrote down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from equipoise import journal
from equipoise.doctor.examining import examine
from equipoise.doctor.readers.runs import read_run
from equipoise.doctor.trying import OWN_COURSE
from equipoise.errors import RequestError
from equipoise.files import refuse_folder, write_whole
from equipoise.folder import FORKS, RunFolder
from equipoise.journal import (
    PILOTED,
    Applying,
    Event,
    Faulted,
    Forked,
    GaveUp,
    Measured,
    Pictured,
    PutBack,
    Resumed,
    Skipped,
    Started,
)
from equipoise.report.page import Dossier, Sheet, page
from equipoise.spec import Json
from equipoise.terminal import piloted

NAME: Final = "report.html"
SHEETS: Final = 6
"""Over the run, besides those of real samples and of the untrained generator."""


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the page of a run, finished or not, into its folder or to the file `out`, and say where it is.

    Raises `RequestError` when this is no run folder, and where the page cannot be written.
    """
    folder, page_file = RunFolder(run), out or run / NAME
    written = folder.read_journal().events
    refuse_folder(page_file)
    events, applied = journal.history(written), [one.number for one in written if isinstance(one, Applying)]
    started = next((event for event in events if isinstance(event, Started)), None)
    trace = read_run(run)
    dossier = Dossier(
        name=run.resolve().name,
        trace=trace,
        examination=examine(trace),
        sheets=_sheets(folder, events),
        reasons=_reasons(started),
        data=started.data if started else {},
        machine=_machine(started),
        measures=_best(events),
        gave_up=_gave_up(events),
        repairs=[line for event in events for line in piloted(event, run, applied)],
        forks=_forks(folder, events),
        remarks=_remarks(events),
    )
    return write_page(dossier, page_file)


def write_page(dossier: Dossier, out: Path) -> Path:
    """Write a dossier as a page, whole or not at all.  Raises `RequestError` where it cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, page(dossier).encode())
    except OSError as error:
        raise RequestError(f"{out} cannot be written: {error.strerror or error}") from error
    return out


def _sheets(folder: RunFolder, events: Iterable[Event]) -> list[Sheet]:
    """Real samples, the untrained generator's, and some evenly over the run, the last one included."""
    drawn = {event.path: event.step for event in events if isinstance(event, Pictured)}
    sheets = {path: step for path, step in drawn.items() if step > 0}
    chosen = evenly(list(sheets.items()), SHEETS)
    shown = [
        Sheet("real samples", folder.samples / "reals.png"),
        Sheet("before training", folder.samples / "fakes_init.png"),
        *(Sheet(f"step {step}", folder.path / path) for path, step in chosen),
    ]
    return [sheet for sheet in shown if sheet.path.is_file()]


def _gave_up(events: Sequence[Event]) -> GaveUp | None:
    """Unless something was done since."""
    last = next((event for event in reversed(events) if isinstance(event, (*PILOTED, Resumed))), None)
    return last if isinstance(last, GaveUp) else None


def _forks(folder: RunFolder, events: Iterable[Event]) -> list[Sheet]:
    """Of those whose folders are still there."""
    found: list[Sheet] = []
    for event in events:
        if isinstance(event, Forked):
            sheets = sorted((folder.path / FORKS / event.name / "samples").glob("step-*.png"))
            name = "the run itself" if event.name.endswith(OWN_COURSE) else f"fork {event.name}"
            found += [Sheet(f"{name}, at step {event.step}", sheet) for sheet in sheets[-1:]]
    return found


def evenly(items: Sequence[tuple[str, int]], most: int) -> list[tuple[str, int]]:
    """At most so many, as far apart as can be; the last is always among them."""
    if len(items) <= most:
        return list(items)
    return [items[round((at + 1) * len(items) / most) - 1] for at in range(most)]


def _reasons(started: Started | None) -> dict[str, str]:
    recipe = started.recipe if started else None
    reasons = recipe.get("reasons") if isinstance(recipe, dict) else None
    return {path: str(why) for path, why in reasons.items()} if isinstance(reasons, dict) else {}


def _machine(started: Started | None) -> Mapping[str, Json]:
    return {name: value for name, value in started.machine.items() if name != "probe_s"} if started else {}


def _best(events: Iterable[Event]) -> dict[str, float]:
    """What the last measuring said that found a best generator; of one that was put back only its score is known."""
    best: dict[str, float] = {}
    for event in events:
        if isinstance(event, Measured) and event.is_best:
            best = {"step": event.step, event.name: event.value, **event.beside}
        elif isinstance(event, PutBack):
            best = {"step": event.of_step, event.measure: event.score}
    return best


def _remarks(events: Sequence[Event]) -> list[str]:
    """What the run itself said, in its order."""
    remarks: list[str] = []
    for event in events:
        if isinstance(event, Started):
            remarks += event.warnings
        elif isinstance(event, Resumed):
            changed = "; ".join(str(change) for change in event.changes)
            remarks.append(f"step {event.step}: resumed" + (f" with {changed}" if changed else ""))
        elif isinstance(event, Faulted):
            remarks.append(f"step {event.step}: stopped, {event.message}")
    skipped = [event for event in events if isinstance(event, Skipped)]
    if skipped:
        first = skipped[0]
        remarks.append(f"{len(skipped)} updates were left out, the first at step {first.step}: {first.culprit}")
    return remarks
