"""Which events of a journal can be believed: a line may be anybody's, and of another version."""

from __future__ import annotations

import math
from typing import Final

from equipoise.journal import (
    Adopted,
    Adopting,
    Applying,
    Diagnosed,
    Event,
    Faulted,
    Finished,
    Forked,
    GaveUp,
    Judged,
    Measured,
    Pictured,
    Prescribed,
    Resumed,
    Reviewed,
    Started,
    Tick,
    Trial,
)

LATEST_S: Final = 1e11
"""Seconds since the epoch; no clock says more."""


def is_sound(event: Event) -> bool:
    """Whether what is read of an event is what a run writes."""
    if not (_are(int, event.step) and _are_numbers(event.time) and 0 <= event.time < LATEST_S):
        return False
    match event:
        case Started():
            rules: object = event.rules
            words = (*rules, *rules.values()) if isinstance(rules, dict) else (None,)
            return _are(dict, event.recipe, event.data, event.begun_from) and _are(str, event.asked, event.why, *words)
        case Resumed():
            paths = [change.path for change in event.changes]
            return _are(dict, event.data) and _are(str, event.why, event.checkpoint, *paths)
        case Adopting():
            paths = [change.path for change in event.changes]
            return _are(int, event.number) and _are(str, event.name, event.why, event.kept, *paths)
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
        case Prescribed() | Forked() | Judged() | Applying() | Adopted() | Reviewed() | GaveUp():
            return _is_sound_repair(event)
    return True


def _is_sound_repair(event: Prescribed | Forked | Judged | Applying | Adopted | Reviewed | GaveUp) -> bool:
    match event:
        case Prescribed():
            trials = [*event.trials, *event.left]
            if not _are(Trial, *trials):
                return False
            words = [word for trial in trials for word in (trial.name, trial.effect, *trial.edits)]
            words += [event.mode, event.symptom, event.evidence, event.unfit, *event.by_hand]
            return _are(str, *words) and _are(int, event.number, event.origin, event.end, event.review_at)
        case Forked():
            is_scored = event.score is None or _are_numbers(event.score)
            return is_scored and _are(int, event.number) and _are(str, event.name, event.fault)
        case Judged():
            is_scored = _are(dict, event.scores) and _are_numbers(*event.scores.values())
            return is_scored and _are(int, event.number, event.lost_steps) and _are(str, event.chosen, event.why)
        case Applying():
            return _are(int, event.number, event.came_to) and _are(str, event.name)
        case Adopted():
            return _are(int, event.number, event.lost_steps) and _are(str, event.name)
        case Reviewed():
            return _are(int, event.number) and _are(str, event.why)
        case GaveUp():
            return _are(str, event.symptom, event.why, *event.left)


def _are(kind: type, *values: object) -> bool:
    return all(isinstance(value, kind) for value in values)


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)
