"""From runs' folders to attempts: each stretch of training that somebody began by changing something."""

from __future__ import annotations

import itertools
import math
import os
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from equipoise import journal
from equipoise.attempts.stretches import Beginning, Stretch, stretches_of
from equipoise.doctor.examining import examine
from equipoise.doctor.readers.runs import is_run, read_run
from equipoise.doctor.symptom import Examination
from equipoise.errors import RequestError
from equipoise.journal import (
    PILOTED,
    Adopting,
    Diagnosed,
    Event,
    Faulted,
    Finished,
    Measured,
    Pictured,
    Resumed,
    Started,
    Tick,
    Watched,
)
from equipoise.spec import Json

CHANGED: Final = "then something was changed"
DEEPEST: Final = 4
"""Folders below the one asked for in which runs are looked for."""
HIGHER_IS_BETTER: Final = frozenset({"psnr", "ssim"})
"""Measures of pairs; all others are distances and errors."""
JITTERING: Final = 5
"""The last so many scores say how restless a run is."""
LATEST_S: Final = 1e11
"""Seconds since the epoch; no clock says more."""
TO_STANDARD: Final = 1.4826 / math.sqrt(2)
"""Of the median absolute difference of two draws of a normal distribution, to its standard deviation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The number by which the best generator of an attempt was chosen."""

    name: str
    value: float
    step: int
    floor: float | None
    """What the measure says of other real samples."""
    is_trusted: bool
    jitter: float
    """Standard deviation from one score to the next."""

    @property
    def higher_is_better(self) -> bool:
        return self.name in HIGHER_IS_BETTER


@dataclass(frozen=True, slots=True)
class Attempt:
    """A stretch of training with the same settings, from its beginning to the next change."""

    run: Path
    begun_s: float
    """Since the epoch."""
    first_step: int
    """The last one before it."""
    settings: Mapping[str, Json]
    recipe: str = ""
    """As it was asked for, or else what it says of itself."""
    data: str = ""
    """Digest; empty where it is not known."""
    data_path: str = ""
    num_samples: Json = None
    why: str = ""
    """A person's words."""
    parents: tuple[Path, ...] = ()
    """Runs or files that its recipe or weights came from, the recipe's first."""
    came_from: Attempt | None = None
    """The attempt of the same run that it went on from."""
    last_step: int = 0
    images: int = 0
    """From the beginning of the run."""
    seconds: float = 0.0
    end: str = ""
    """Why it ended; empty where nobody wrote that down."""
    outcome: Outcome | None = None
    verdict: str = ""
    """The doctor's, by its key; empty where there is none."""
    found: str = ""
    """Why, in a sentence."""
    examination: Examination | None = None
    """Of the attempt that the run is in."""
    sheet: Path | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A run of which nothing can be told but that it is there."""

    run: Path
    why: str


def runs_below(folder: Path) -> Iterator[Path]:
    """The run in this folder, or else those below it, in the order of their names."""
    if is_run(folder):
        yield folder
        return
    for here, below, _ in os.walk(folder, followlinks=True):
        below.sort()
        place = Path(here)
        if is_run(place):
            yield place
        if is_run(place) or len(place.relative_to(folder).parts) >= DEEPEST:
            below.clear()


def attempts_of(run: Path) -> list[Attempt]:
    """The attempts of one run, in their order.  Raises `RequestError` where nothing can be told of it."""
    try:
        reading = journal.read(run)
    except (OSError, RecursionError) as error:
        raise RequestError(f"its journal cannot be read: {error}") from error
    sound = [event for event in reading.events if _is_sound(event)]
    stretches = stretches_of(sound)
    if not stretches:
        raise RequestError("its journal says nothing of a beginning: it was killed at once, or is of another version")
    broken = reading.broken_lines + len(reading.events) - len(sound)
    found: list[Attempt] = []
    for at, stretch in enumerate(stretches):
        came_from = found[stretch.came_from] if stretch.came_from is not None else None
        before_s = _spent_s(stretches[:at], stretch.beginning.step)
        found.append(_attempt(run, stretch, came_from, before_s, is_last=stretch.is_live, broken=broken))
    return found


def _spent_s(stretches: Iterable[Stretch], step: int) -> float:
    """Training time of a run up to a step; near enough, where the step has no row."""
    ticks = [event for stretch in stretches for event in stretch.events if isinstance(event, Tick)]
    return max((tick.seconds for tick in ticks if tick.step <= step), default=0.0)


def _attempt(
    run: Path, stretch: Stretch, came_from: Attempt | None, before_s: float, *, is_last: bool, broken: int
) -> Attempt:
    begun, events = stretch.beginning, journal.history(stretch.events)
    ticks = [event for event in events if isinstance(event, Tick)]
    spent_s = max([tick.seconds for tick in ticks] + [end.seconds for end in events if isinstance(end, Finished)] + [0])
    first_step = 0 if isinstance(begun, Watched) else begun.step
    verdict, found, examination = _examined(run, events, is_last=is_last)
    data = begun.data if isinstance(begun, Started | Resumed) else {}
    of_parent = came_from if isinstance(begun, Adopting) else None
    return Attempt(
        run=run,
        begun_s=begun.time,
        first_step=first_step,
        settings=stretch.settings,
        recipe=_recipe(begun) or (came_from.recipe if came_from is not None else ""),
        why="" if isinstance(begun, Watched) else " ".join(begun.why.split()),
        parents=_parents(begun),
        came_from=came_from,
        last_step=max((event.step for event in events if not isinstance(event, PILOTED)), default=first_step),
        images=max([tick.images for tick in ticks], default=0),
        seconds=max(spent_s - before_s, 0.0),
        end=_end(events) or ("" if is_last else CHANGED),
        outcome=_outcome([event for event in events if isinstance(event, Measured)]),
        verdict=verdict,
        found=found,
        examination=examination,
        sheet=_sheet(run, events),
        remarks=_remarks(broken) if is_last else (),
        data=of_parent.data if of_parent is not None else str(data.get("digest") or ""),
        data_path=of_parent.data_path if of_parent is not None else str(data.get("path") or ""),
        num_samples=of_parent.num_samples if of_parent is not None else data.get("samples"),
    )


def _recipe(begun: Beginning) -> str:
    if isinstance(begun, Watched):
        return "a loop that is watched"
    if isinstance(begun, Resumed | Adopting):
        return ""
    summary = begun.recipe.get("summary") if isinstance(begun.recipe, dict) else ""
    return begun.asked or str(summary or "")


def _parents(begun: Beginning) -> tuple[Path, ...]:
    if not isinstance(begun, Started):
        return ()
    named = (begun.asked, begun.begun_from.get("path"))
    return tuple(Path(str(name)) for name in named if name and Path(str(name)).is_absolute())


def _outcome(measured: Sequence[Measured]) -> Outcome | None:
    """By the measure that was taken last: a run in phases changes it."""
    if not measured:
        return None
    name = measured[-1].name
    scores = [event for event in measured if event.name == name]
    sign = -1.0 if name in HIGHER_IS_BETTER else 1.0
    best = next((event for event in reversed(scores) if event.is_best), None)
    chosen = best or min(scores, key=lambda event: sign * event.value)
    last = [event.value for event in scores[-JITTERING:]]
    steps = [abs(after - before) for before, after in itertools.pairwise(last)]
    jitter = TO_STANDARD * statistics.median(steps) if len(steps) > 1 else 0.0
    return Outcome(name, chosen.value, chosen.step, chosen.floors.get(name), chosen.is_trusted, jitter)


def _examined(run: Path, events: Sequence[Event], *, is_last: bool) -> tuple[str, str, Examination | None]:
    """What the doctor says of a run as it stands, or said of an attempt that the run has left behind."""
    if is_last:
        try:
            found = examine(read_run(run))
        except RequestError as error:
            return "", str(error), None
        return found.verdict, found.why, found
    told = next((event for event in reversed(events) if isinstance(event, Diagnosed)), None)
    return (told.verdict, told.why, None) if told is not None else ("", "", None)


def _end(events: Sequence[Event]) -> str:
    last = next(
        (event for event in reversed(events) if isinstance(event, Finished | Faulted | Started | Resumed)), None
    )
    if isinstance(last, Finished):
        return last.reason
    return f"stopped by a fault: {last.message}" if isinstance(last, Faulted) else ""


def _sheet(run: Path, events: Iterable[Event]) -> Path | None:
    """The last sheet of samples that is still there."""
    drawn = [run / event.path for event in events if isinstance(event, Pictured) and event.step > 0]
    fakes = [path for path in drawn if path.name.startswith("step-")]
    return next((path for path in reversed(fakes) if path.is_file()), None)


def _remarks(broken: int) -> tuple[str, ...]:
    return (f"lines of its journal that could not be read: {broken}",) if broken else ()


def _is_sound(event: Event) -> bool:
    """Whether what is read of an event is what a run writes."""
    if not (_are(int, event.step) and _are_numbers(event.time) and 0 <= event.time < LATEST_S):
        return False
    match event:
        case Started():
            return _are(dict, event.recipe, event.data, event.begun_from) and _are(str, event.asked, event.why)
        case Resumed():
            paths = [change.path for change in event.changes]
            return _are(dict, event.data) and _are(str, event.why, event.checkpoint, *paths)
        case Adopting():
            paths = [change.path for change in event.changes]
            return _are(int, event.number) and _are(str, event.name, event.why, *paths)
        case Tick():
            return _are_numbers(event.seconds) and _are(int, event.images)
        case Measured():
            floors: object = event.floors
            numbers = floors.values() if isinstance(floors, dict) else [None]
            return _are(str, event.name) and _are_numbers(event.value, *numbers)
        case Finished():
            return _are_numbers(event.seconds)
        case Pictured():
            return _are(str, event.path)
        case Faulted():
            return _are(str, event.message)
        case Diagnosed():
            return _are(str, event.verdict, event.why)
    return True


def _are(kind: type, *values: object) -> bool:
    return all(isinstance(value, kind) for value in values)


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)
