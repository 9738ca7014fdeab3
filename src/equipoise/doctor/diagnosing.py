"""From anything in which a run was written down to what the doctor says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from equipoise.doctor.examining import examine
from equipoise.doctor.readers import read, read_columns
from equipoise.doctor.symptom import Examination


class Table(Protocol):
    """A table such as pandas has."""

    def to_dict(self, orient: str, /) -> Mapping[Any, Any]: ...


def diagnose(
    source: str | Path | Mapping[str, Iterable[float]] | Table, loss: str | None = None, phase: str | None = None
) -> Examination:
    """What is wrong with a run, how that is known, and what would cure it.

    `source` is a run's folder, a log of any program (see docs/doctor.md), or columns by name: a mapping, or a table
    with pandas' ``to_dict``.  `loss` says which loss it was, by a key of ``equipoise.doctor.game.GAMES``; without it,
    it is known from the run's recipe or inferred where that is safe.  Raises `RequestError` for what cannot be read.
    """
    if isinstance(source, str | Path):
        return examine(read(Path(source), loss, phase))
    table = source if isinstance(source, Mapping) else source.to_dict("list")
    return examine(read_columns(table, loss))
