"""From runs' folders to attempts: each stretch of training that somebody began by changing something."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from equipoise import journal
from equipoise.attempts.repairs import Repair, repairs_of
from equipoise.attempts.soundness import is_sound
from equipoise.attempts.stretches import Beginning, Stretch, stretches_of, takes_back
from equipoise.attempts.studies import is_study
from equipoise.doctor.examining import examine
from equipoise.doctor.readers.runs import is_run, read_run
from equipoise.doctor.scores import HIGHER_IS_BETTER, restlessness
from equipoise.doctor.symptom import Examination
from equipoise.errors import RequestError
from equipoise.folder import FORKS
from equipoise.journal import (
    PILOTED,
    Adopting,
    Diagnosed,
    Event,
    Faulted,
    Finished,
    GaveUp,
    Measured,
    Pictured,
    Prescribed,
    Resumed,
    Started,
    Tick,
    Watched,
)
from equipoise.spec import Json

CHANGED: Final = "then something was changed"
TAKEN_BACK: Final = "then it was taken back"
BACK: Final = "what was tried from there was taken back"
ENDINGS: Final = (Finished, Faulted, GaveUp, Started, Resumed)
"""The last of these says whether an attempt has ended, and why."""
DEEPEST: Final = 4
"""Folders below the one asked for in which runs are looked for."""
JITTERING: Final = 5
"""The last so many scores say how restless a run is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The number by which the best generator of an attempt was chosen."""

    name: str
    value: float
    step: int
    floor: float | None
    """What the measure says of other real samples."""
    is_trusted: bool
    jitter: float | None
    """Standard deviation from one score to the next; none where there are fewer than three."""

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
    rules: Mapping[str, str] = field(default_factory=dict)
    """By which settings follow from how long the run was to be, by their paths."""
    recipe: str = ""
    """As it was asked for, or else what it says of itself."""
    data: str = ""
    """Digest; empty where it is not known."""
    data_path: str = ""
    num_samples: Json = None
    space: str = ""
    """Of the samples: channels and pixels."""
    why: str = ""
    """A person's words; of what the autopilot did or advised, what it had seen."""
    chosen: str = ""
    """By whom and by what, where it is a remedy that the autopilot tried or advised."""
    repair: Repair | None = None
    """To which that remedy belongs."""
    remedied: frozenset[str] = frozenset()
    """Paths of the settings that are one remedy."""
    takes_back: tuple[int, ...] = ()
    """Numbers of the repairs that were taken back, after which the run went on in it."""
    tried: tuple[Repair, ...] = ()
    """What was tried or advised meanwhile, without becoming an attempt."""
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
    to_do: tuple[str, ...] = ()
    """What is left to a person, where the autopilot gave up."""
    outcome: Outcome | None = None
    verdict: str = ""
    """The doctor's, by its key; empty where there is none."""
    found: str = ""
    """Why, in a sentence."""
    examination: Examination | None = None
    """Of the attempt that the run is in."""
    sheet: Path | None = None
    copies: tuple[Path, ...] = ()
    """Runs that have brought it along from this one."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A run of which nothing can be told but that it is there."""

    run: Path
    why: str


def found_below(folder: Path) -> Iterator[Path]:
    """The run in this folder, or else the runs and the tuner's studies below it, in the order of their names.

    The trials of a study are found only where it is the folder itself.
    """
    if is_run(folder):
        yield folder
        return
    for here, below, _ in os.walk(folder, followlinks=True):
        below.sort()
        place = Path(here)
        is_one = is_run(place) or (place != folder and is_study(place))
        if is_one:
            yield place
        if is_one or len(place.relative_to(folder).parts) >= DEEPEST:
            below.clear()


def attempts_of(run: Path) -> list[Attempt]:
    """The attempts of one run, in their order.  Raises `RequestError` where nothing can be told of it."""
    try:
        reading = journal.read(run)
    except (OSError, RecursionError) as error:
        raise RequestError(f"its journal cannot be read: {error}") from error
    sound = [event for event in reading.events if is_sound(event)]
    stretches = stretches_of(sound)
    if not stretches:
        raise RequestError("its journal says nothing of a beginning: it was killed at once, or is of another version")
    broken = reading.broken_lines + len(reading.events) - len(sound)
    repairs = repairs_of(sound)
    drawn = {event.path: event for event in sound if isinstance(event, Pictured)}
    found: list[Attempt] = []
    for at, stretch in enumerate(stretches):
        came_from = found[stretch.came_from] if stretch.came_from is not None else None
        before_s = _spent_s(stretches[:at], stretch.beginning.step)
        attempt = _attempt(run, stretch, came_from, before_s, broken=broken)
        attempt = replace(attempt, sheet=_sheet(run, stretch, drawn), tried=_tried(stretch, stretches, repairs))
        if stretch.is_live and not attempt.end:
            attempt = replace(attempt, end=_ended_in_fork(run, repairs))
        found.append(_begun_by(stretch, _given_up(stretch, attempt, repairs), repairs))
    return found


def _spent_s(stretches: Iterable[Stretch], step: int) -> float:
    """Training time of a run up to a step; near enough, where the step has no row."""
    ticks = [event for stretch in stretches for event in stretch.events if isinstance(event, Tick)]
    return max((tick.seconds for tick in ticks if tick.step <= step), default=0.0)


def _tried(stretch: Stretch, stretches: Iterable[Stretch], repairs: Mapping[int, Repair]) -> tuple[Repair, ...]:
    """What was prescribed in it, unless an attempt began by that."""
    began = {it.beginning.number for it in stretches if isinstance(it.beginning, Adopting)}
    numbers = dict.fromkeys(event.number for event in stretch.events if isinstance(event, Prescribed))
    return tuple(repairs[number] for number in numbers if number not in began)


def _begun_by(stretch: Stretch, attempt: Attempt, repairs: Mapping[int, Repair]) -> Attempt:
    """With the remedy that it is, where it is one."""
    begun = stretch.beginning
    if takes_back(begun):
        return replace(attempt, why=f"{BACK}: {attempt.why}")
    repair = repairs.get(begun.number) if isinstance(begun, Adopting) else None
    if repair is None or not isinstance(begun, Adopting):
        return attempt
    chosen = begun.why if repair.is_advice else f"by the autopilot at step {repair.prescribed.step}: {begun.why}"
    remedied = frozenset(change.path for change in begun.changes)
    end = TAKEN_BACK if repair.is_taken_back else attempt.end
    return replace(attempt, why=repair.evidence, chosen=chosen, repair=repair, remedied=remedied, end=end)


def _given_up(stretch: Stretch, attempt: Attempt, repairs: Mapping[int, Repair]) -> Attempt:
    """With what the autopilot gave up on: the run is what it was before its last attempt, and may look well by now."""
    last = _last_of(stretch.events, *ENDINGS)
    if not isinstance(last, GaveUp):
        return attempt
    attempt = replace(attempt, to_do=last.left)
    failed = [it for it in repairs.values() if it.is_taken_back]
    if not failed or failed[-1].prescribed.symptom != last.symptom:
        return attempt
    return replace(attempt, verdict="ill", found=failed[-1].evidence, examination=None)


def _attempt(run: Path, stretch: Stretch, came_from: Attempt | None, before_s: float, *, broken: int) -> Attempt:
    begun, events = stretch.beginning, journal.history(stretch.events)
    ticks = [event for event in events if isinstance(event, Tick)]
    spent_s = max([tick.seconds for tick in ticks] + [end.seconds for end in events if isinstance(end, Finished)] + [0])
    first_step = 0 if isinstance(begun, Watched) else begun.step
    is_last = stretch.is_live
    verdict, found, examination = _examined(run, events, is_last=is_last)
    data = begun.data if isinstance(begun, Started | Resumed) else {}
    of_parent = came_from if isinstance(begun, Adopting) else None
    return Attempt(
        run=run,
        begun_s=begun.time,
        first_step=first_step,
        settings=stretch.settings,
        rules=stretch.rules,
        recipe=_recipe(begun) or (came_from.recipe if came_from is not None else ""),
        why="" if isinstance(begun, Watched) else " ".join(begun.why.split()),
        parents=_parents(begun),
        came_from=came_from,
        last_step=max((event.step for event in events if not isinstance(event, PILOTED)), default=first_step),
        images=max([tick.images for tick in ticks], default=0),
        seconds=max(spent_s - before_s, 0.0),
        takes_back=tuple(stretch.takes_back),
        end=_end(events) or ("" if is_last else CHANGED),
        outcome=_outcome([event for event in events if isinstance(event, Measured)]),
        verdict=verdict,
        found=found,
        examination=examination,
        remarks=_remarks(broken) if is_last else (),
        data=of_parent.data if of_parent is not None else str(data.get("digest") or ""),
        data_path=of_parent.data_path if of_parent is not None else str(data.get("path") or ""),
        space=of_parent.space if of_parent is not None else str(data.get("space") or ""),
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
    jitter = restlessness([event.value for event in scores[-JITTERING:]])
    return Outcome(name, chosen.value, chosen.step, chosen.floors.get(name), chosen.is_trusted, jitter)


def _examined(run: Path, events: Sequence[Event], *, is_last: bool) -> tuple[str, str, Examination | None]:
    """What the doctor says of a run as it stands, or said of an attempt that the run has left behind."""
    if is_last:
        try:
            found = examine(read_run(run))
        except RequestError as error:
            return "", str(error), None
        return found.verdict, found.why, found
    told = _last_of(events, Diagnosed)
    return (told.verdict, told.why, None) if isinstance(told, Diagnosed) else ("", "", None)


def _end(events: Sequence[Event]) -> str:
    match _last_of(events, *ENDINGS):
        case Finished(reason=reason):
            return reason
        case Faulted(message=message):
            return f"stopped by a fault: {message}"
        case GaveUp(why=why):
            return f"the autopilot gave up: {why}"
    return ""


def _ended_in_fork(run: Path, repairs: Mapping[int, Repair]) -> str:
    """Why a run ended while a fork of it was trained, as only the fork's own journal says; empty where it did not."""
    for repair in [*repairs.values()][-1:]:
        for trial in repair.prescribed.trials if repair.is_tried else ():
            try:
                last = journal.read(run / FORKS / trial.name).events[-1:]
            except OSError:  # it has not begun
                continue
            match last:
                case [Finished(reason=reason) as end] if is_sound(end) and end.step < repair.prescribed.end:
                    return f"{reason}, while this was tried: {', '.join(trial.edits)}"
    return ""


def _last_of(events: Sequence[Event], *kinds: type[Event]) -> Event | None:
    return next((event for event in reversed(events) if isinstance(event, kinds)), None)


def _sheet(run: Path, stretch: Stretch, drawn: Mapping[str, Pictured]) -> Path | None:
    """The last sheet of its samples that is still there; `drawn` says who drew each file last."""
    kept = [event for event in journal.history(stretch.events) if isinstance(event, Pictured) and event.step > 0]
    own = [run / event.path for event in kept if drawn[event.path] is event]
    fakes = [path for path in own if path.name.startswith("step-")]
    return next((path for path in reversed(fakes) if path.is_file()), None)


def _remarks(broken: int) -> tuple[str, ...]:
    return (f"lines of its journal that could not be read: {broken}",) if broken else ()
