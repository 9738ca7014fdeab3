"""What an annotation can say about a setting, and how a fault of a setting is reported."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_origin

SIMILARITY = 0.6
"""Names less alike than this (difflib's ratio, its own default) are not offered as what was meant."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a document: where it is and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    def under(self, path: str) -> Problem:
        """The same fault, seen from a tree in which its own tree hangs at `path`."""
        return Problem(join(path, self.path), self.message)


class SpecError(ValueError):
    """A part cannot exist as asked for.  `problems` holds every fault found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Knob:
    """What a setting means and which values it may take.

    `low` and `high` are inclusive; `above` is an exclusive lower bound.  `log` says that a search should
    move in ratios.  `source` is where the default comes from: a paper, a benchmark of ours, or "guess".
    """

    help: str
    low: float | None = None
    high: float | None = None
    above: float | None = None
    log: bool = False
    unit: str = ""
    source: str = ""

    def allowed(self) -> str:
        """The bounds in words, empty when there are none."""
        limits = [
            f"above {self.above:g}" if self.above is not None else "",
            f"at least {self.low:g}" if self.low is not None else "",
            f"at most {self.high:g}" if self.high is not None else "",
        ]
        return " and ".join(limit for limit in limits if limit)

    def admits(self, number: float) -> bool:
        return (
            (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
            and (self.above is None or number > self.above)
        )


class Prose:
    """Marks a field that explains and does not act: left out of digests, differences and listings."""


def knob_of(hint: Any) -> Knob | None:
    """The `Knob` in an annotation, if it has one."""
    return next((extra for extra in _extras(hint) if isinstance(extra, Knob)), None)


def is_prose(hint: Any) -> bool:
    return any(isinstance(extra, Prose) for extra in _extras(hint))


def join(path: str, name: str | int) -> str:
    """A path one step longer; either side may be empty."""
    return ".".join(step for step in (path, str(name)) if step)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A ready clause with the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=SIMILARITY)
    return f"; did you mean {close[0]!r}?" if close else ""


def _extras(hint: Any) -> tuple[Any, ...]:
    return hint.__metadata__ if get_origin(hint) is Annotated else ()
