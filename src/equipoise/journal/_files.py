"""The file: written by one process, and read by any."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from equipoise.journal._events import PILOTED, Adopting, Event, PutBack, Resumed, Tick
from equipoise.journal._lines import from_line, to_line


class Journal:
    """The writer.  Every event is on its way to the disk when `append` returns."""

    name: ClassVar[str] = "journal.jsonl"

    def __init__(self, folder: Path) -> None:
        path = folder / self.name
        torn = _is_torn(path)
        self._file = path.open("a", encoding="utf-8", newline="\n")
        if torn:
            self._file.write("\n")

    def append(self, event: Event) -> None:
        self._file.write(to_line(event))
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Reading:
    """A journal as read: its events in the order written, and how many lines held none."""

    events: tuple[Event, ...]
    broken_lines: int


class Follower:
    """Reads a run's journal again and again while it grows, each time only what has come to it.

    It keeps all events: about 2 KiB for each row of a run.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / Journal.name
        self._file_id = (0, 0)
        self._begin_anew()

    def read(self) -> Reading:
        """All that is there by now.  Raises `FileNotFoundError`."""
        with self._path.open("rb") as file:
            found = os.fstat(file.fileno())
            file_id = (found.st_dev, found.st_ino)
            if file_id != self._file_id or found.st_size < self._num_bytes:  # another run's: a journal only grows
                self._begin_anew()
            self._file_id = file_id
            file.seek(self._num_bytes)
            added = file.read()
        *whole, _torn = added.split(b"\n")
        for line in whole:
            self._take(line)
        return Reading(tuple(self._events), self._broken_lines)

    def _begin_anew(self) -> None:
        self._events: list[Event] = []
        self._broken_lines = 0
        self._num_bytes = 0

    def _take(self, line: bytes) -> None:
        try:
            self._events.append(from_line(line.decode(errors="replace")))
        except ValueError:
            self._broken_lines += 1
        self._num_bytes += len(line) + 1


def read(folder: Path) -> Reading:
    """Read a run's journal, also while it is being written.  Raises `FileNotFoundError`."""
    return Follower(folder).read()


def history(events: Iterable[Event]) -> list[Event]:
    """The events of the run as it counts: what a resumed run replayed is there once, in its last form.

    Of a course that was left for a fork only what the autopilot did about it is there.
    """
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Resumed | Adopting):
            kept = [past for past in kept if past.step <= event.step or isinstance(past, (*PILOTED, PutBack))]
        kept.append(event)
    return kept


def ticks(events: Iterable[Event]) -> Iterator[Tick]:
    return (event for event in history(events) if isinstance(event, Tick))


def _is_torn(path: Path) -> bool:
    """Whether the last line lacks its newline."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
