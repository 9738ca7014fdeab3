"""Events as lines of JSON, and back."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from equipoise.edit import Change
from equipoise.journal._events import EVENTS, Event, Trial


def _trial(row: Any) -> Trial:
    return Trial(**{**row, "edits": tuple(row["edits"])})


# JSON has lists alone: how the fields that hold tuples are made from them.
_FREEZE: Mapping[str, Callable[[Any], object]] = {
    "changes": lambda rows: tuple(Change(**row) for row in rows),
    "notices": tuple,
    "warnings": tuple,
    "faults": tuple,
    "doubts": tuple,
    "checked": tuple,
    "data_faults": tuple,
    "data_doubts": tuple,
    "trials": lambda rows: tuple(map(_trial, rows)),
    "left": lambda rows: tuple(_trial(row) if isinstance(row, dict) else row for row in rows),
    "by_hand": tuple,
}


_NAMES: Final = {name: frozenset(item.name for item in dataclasses.fields(kind)) for name, kind in EVENTS.items()}


def _with_shared_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The rows of a run have the same names, which are kept once."""
    return {sys.intern(name): value for name, value in pairs}


def to_line(event: Event) -> str:
    """One line of a journal, with its newline.  Raises `TypeError` for what has no JSON form."""
    record = {"event": type(event).__name__, **dataclasses.asdict(event)}
    return json.dumps(record, separators=(",", ":")) + "\n"


def from_line(line: str) -> Event:
    """The event on a line.  Raises `ValueError` when it holds none that this version knows."""
    record = json.loads(line, object_pairs_hook=_with_shared_names)
    kind = EVENTS.get(str(record.get("event"))) if isinstance(record, dict) else None
    if kind is None:
        raise ValueError("not an event of this version")
    known = _NAMES[kind.__name__]
    values: dict[str, Any] = {name: value for name, value in record.items() if name in known}
    try:
        frozen = {name: freeze(values[name]) for name, freeze in _FREEZE.items() if name in values}
        return kind(**{**values, **frozen})
    except (TypeError, KeyError) as error:
        raise ValueError(str(error)) from error
