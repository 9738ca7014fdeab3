"""Rows of numbers as they are read, thinned evenly so that a log of any length takes the same memory.

Rows that hold the same numbers are of one kind.  Of each kind at most `MOST_ROWS` are kept: when there are more, every
second one is let go, and from then on only every second one is kept.  What is left is the log as if it had been written
less often.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from equipoise.doctor.trace import Floats

MOST_ROWS: Final = 4096
MOST_KINDS: Final = 128
"""A program writes a handful; more than this is no log."""


@dataclass(slots=True)
class Kind:
    """The rows that hold these numbers."""

    names: tuple[str, ...]
    stride: int = 1
    count: int = 0
    order: array[float] = field(default_factory=lambda: array("d"))
    """Where in the log each row that is kept stood."""
    values: array[float] = field(default_factory=lambda: array("d"))
    """Row after row."""

    def is_due(self) -> bool:
        """Whether the next row is to be kept; counts it."""
        self.count += 1
        return (self.count - 1) % self.stride == 0

    def keep(self, at: float, values: Sequence[float]) -> None:
        self.order.append(at)
        self.values.extend(values)
        if len(self.order) >= MOST_ROWS:
            self._halve()

    def _halve(self) -> None:
        width = len(self.names)
        kept = np.frombuffer(self.values).reshape(-1, width)[::2]
        self.values = array("d", kept.tobytes())
        self.order = self.order[::2]
        self.stride *= 2

    def column(self, name: str) -> Floats:
        width = len(self.names)
        return np.array(self.values, np.float64).reshape(-1, width)[:, self.names.index(name)]


@dataclass(slots=True)
class Rows:
    """All rows of a log, by kind."""

    kinds: dict[object, Kind] = field(default_factory=dict)
    rows: int = 0

    def kind(self, key: object, names: tuple[str, ...]) -> Kind | None:
        """The kind of that key, made when it is new; None when there are too many."""
        found = self.kinds.get(key)
        if found is None and len(self.kinds) < MOST_KINDS:
            found = self.kinds[key] = Kind(names)
        return found

    def add(self, names: tuple[str, ...], values: Sequence[float]) -> None:
        """One row.  Rows with a number that is not finite are a kind of their own, so that the first is never lost."""
        finite = tuple(value - value == 0 for value in values)
        kind = self.kind((names, finite), names)
        self.rows += 1
        if kind is not None and kind.is_due():
            kind.keep(self.rows, values)

    @property
    def stride(self) -> int:
        """How many rows stand for one that is kept, at most."""
        return max((kind.stride for kind in self.kinds.values()), default=1)
