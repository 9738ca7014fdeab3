"""Schedules: numbers that are functions of how far a run has come.

A setting annotated ``Rate`` takes a plain number, which is constant, or one of the schedules here.  A schedule never
knows the run: it is given a `Progress` and answers with a number, so a resumed run and an uninterrupted one agree.
"""

from __future__ import annotations

import bisect
import itertools
import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal, Self, TypeVar

from equipoise.spec import Knob, Part, Problem, Quantity

Unit = Literal["images", "steps", "epochs"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.  `images` counts real samples shown to the critic; `epochs` may be fractional."""

    steps: int
    images: int
    epochs: float

    def measured_in(self, unit: Unit) -> float:
        return float({"steps": self.steps, "images": self.images, "epochs": self.epochs}[unit])


@dataclass(frozen=True)
class Schedule(Quantity):
    """Base of all schedules."""

    @abstractmethod
    def at(self, progress: Progress) -> float:
        """The value at this point of the run."""

    @abstractmethod
    def stretched(self, factor: float) -> Self:
        """The same values, at places multiplied by `factor`."""


Rate = float | Schedule


def value_at(rate: Rate, progress: Progress) -> float:
    """The value of a number or a schedule at this point of the run."""
    return rate.at(progress) if isinstance(rate, Schedule) else rate


def turns_at(rate: Rate, progress: Progress) -> int:
    """How many turns this step has of what is done `rate` times a step: of a constant rate, floor(n * rate) in n steps.

    A rate of 0.5 is a turn at every other step.  It depends on the step alone, so a resumed run keeps the pattern; of a
    schedule its value at the step counts.
    """
    value = value_at(rate, progress)
    return math.floor((progress.steps + 1) * value) - math.floor(progress.steps * value)


P = TypeVar("P", bound=Part)


def settled(part: P, progress: Progress) -> P:
    """The part with the value at this point of the run in place of each schedule; the very part if it has none."""
    schedules = {field.name: getattr(part, field.name) for field in fields(part)}
    values = {name: rate.at(progress) for name, rate in schedules.items() if isinstance(rate, Schedule)}
    return replace(part, **values) if values else part


@dataclass(frozen=True)
class _Between(Schedule):
    """From `start` to `end` while progress goes from `begin` to `until`; constant before and after."""

    start: float
    end: float
    until: Annotated[float, Knob("where the end value is reached", above=0)]
    begin: Annotated[float, Knob("where the change begins", low=0)] = 0.0
    unit: Unit = "steps"

    def problems(self) -> Iterator[Problem]:
        if self.until <= self.begin:
            yield Problem("until", f"is {self.until:g}; it must be after begin, {self.begin:g}")

    def extremes(self) -> tuple[float, float]:
        return min(self.start, self.end), max(self.start, self.end)

    def scaled(self, factor: float) -> Self:
        return replace(self, start=self.start * factor, end=self.end * factor)

    def stretched(self, factor: float) -> Self:
        return replace(self, begin=self.begin * factor, until=self.until * factor)

    def at(self, progress: Progress) -> float:
        share = (progress.measured_in(self.unit) - self.begin) / (self.until - self.begin)
        if share <= 0.0:
            return self.start
        return self.end if share >= 1.0 else self._value(share)

    @abstractmethod
    def _value(self, share: float) -> float:
        """The value when `share`, in (0, 1), of the way is done."""


@dataclass(frozen=True)
class Linear(_Between):
    """A straight line between two values."""

    def _value(self, share: float) -> float:
        return self.start + (self.end - self.start) * share


@dataclass(frozen=True)
class Cosine(_Between):
    """Half a cosine between two values (Loshchilov & Hutter, SGDR, arXiv:1608.03983, eq. 5, one cycle)."""

    def _value(self, share: float) -> float:
        return self.end + (self.start - self.end) * 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class Piecewise(Schedule):
    """Straight lines through ``(where, value)`` points; constant before the first and after the last."""

    points: tuple[tuple[float, float], ...]
    unit: Unit = "steps"

    def problems(self) -> Iterator[Problem]:
        places = [place for place, _ in self.points]
        if not places:
            yield Problem("points", "is empty; at least one (where, value) is needed")
        if any(later <= earlier for earlier, later in itertools.pairwise(places)):
            yield Problem("points", "must be in strictly growing order")

    def extremes(self) -> tuple[float, float]:
        values = [value for _, value in self.points]
        return min(values), max(values)

    def scaled(self, factor: float) -> Self:
        return replace(self, points=tuple((place, value * factor) for place, value in self.points))

    def stretched(self, factor: float) -> Self:
        return replace(self, points=tuple((place * factor, value) for place, value in self.points))

    def at(self, progress: Progress) -> float:
        here = progress.measured_in(self.unit)
        after = bisect.bisect_right([place for place, _ in self.points], here)
        if after == 0:
            return self.points[0][1]
        if after == len(self.points):
            return self.points[-1][1]
        (left, low), (right, high) = self.points[after - 1], self.points[after]
        return low + (high - low) * (here - left) / (right - left)


@dataclass(frozen=True)
class Exponential(Schedule):
    """``start * 0.5 ** (distance / half_life)`` from `begin` on, never below `floor`."""

    start: Annotated[float, Knob("value until `begin`", above=0)]
    half_life: Annotated[float, Knob("distance over which the value halves", above=0)]
    begin: Annotated[float, Knob("where the decay begins", low=0)] = 0.0
    floor: Annotated[float, Knob("the value it never falls below", low=0)] = 0.0
    unit: Unit = "epochs"

    def problems(self) -> Iterator[Problem]:
        if self.floor > self.start:
            yield Problem("floor", f"is {self.floor:g}, above the start value {self.start:g}")

    def extremes(self) -> tuple[float, float]:
        return self.floor, self.start

    def scaled(self, factor: float) -> Self:
        return replace(self, start=self.start * factor, floor=self.floor * factor)

    def stretched(self, factor: float) -> Self:
        return replace(self, half_life=self.half_life * factor, begin=self.begin * factor)

    def at(self, progress: Progress) -> float:
        distance = max(progress.measured_in(self.unit) - self.begin, 0.0)
        return max(self.start * math.exp2(-distance / self.half_life), self.floor)
