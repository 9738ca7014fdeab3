"""What one sample is: its channels and its size.  Known once the data has been read; networks are built for it.

A channel is kept in one of two forms (`Channel.stored`) and seen by the networks in a third::

    in the world      elevation in m, class codes, bytes      what people give and get
    in the corpus     the same, or scaled to [-1, 1], evenly or by asinh; of categories the place in the table
    to the networks   one plane in [-1, 1]; of categories one plane a class, 1 where it is and 0 elsewhere

`equipoise.data.codec` goes back and forth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Kind = Literal["continuous", "categorical"]
Colour = tuple[int, int, int]
Shown = Literal["picture", "terrain", "spectrogram"]

SAME_STEP = 0.01
"""Relative difference of pixel sizes at which samples can still stand beside one another: less than a pixel in 100."""


@dataclass(frozen=True, slots=True)
class Class:
    """One category of a categorical channel."""

    code: int
    name: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a sample.  Values `low` .. `high` become -1 .. 1 for the networks, or `classes` planes."""

    name: str
    low: float = 0.0
    high: float = 255.0
    kind: Kind = "continuous"
    unit: str = ""
    stored: Literal["value", "scaled"] = "value"
    """Whether the corpus holds the value itself, or what it becomes."""
    classes: tuple[Class, ...] = ()
    has_tails: bool = False
    """Whether some values lie beyond `low` and `high`, which then are percentiles of the data and not its ends."""
    knee: float | None = None
    """The scale is that of asinh((value - origin) / knee): even up to the knee, logarithmic beyond (Lupton et al. 1999,
    arXiv:astro-ph/9903081); nothing for one that is even throughout.  Of a channel that is stored scaled."""
    origin: float = 0.0
    """What such a scale counts from, either way."""

    @property
    def planes(self) -> int:
        """How many planes the networks see of it."""
        return len(self.classes) if self.kind == "categorical" else 1

    @property
    def stored_range(self) -> tuple[float, float]:
        """The lowest and highest number that the corpus may hold of it, tails left aside."""
        if self.kind == "categorical":
            return 0.0, len(self.classes) - 1.0
        return (-1.0, 1.0) if self.stored == "scaled" else (self.low, self.high)

    @property
    def float16_error(self) -> float:
        """How far a value can be from what was read after it was kept as a float16 in [-1, 1], in its unit.

        Half of the distance of neighbours below 1, which is 2^-11, where a step of the scale is worth most.
        """
        low, high = self._bent_ends
        furthest = max(abs(end - self.origin) for end in (self.low, self.high))
        worth = 1.0 if self.knee is None else math.hypot(furthest, self.knee)
        return (high - low) / 2 * worth * 2.0**-12

    def to_scale(self, values: ArrayLike) -> NDArray[Any]:
        """Values [...] in its unit as they are scaled: `low` is -1 and `high` is 1."""
        return self.share(values) * 2.0 - 1.0

    def share(self, values: ArrayLike) -> NDArray[Any]:
        """How far up its scale values [...] lie: 0 at `low` and 1 at `high`."""
        low, high = self._bent_ends
        shares: NDArray[Any] = (self._bent(values) - low) / (high - low)
        return shares

    def from_scale(self, scaled: ArrayLike) -> NDArray[Any]:
        """The inverse of `to_scale`."""
        low, high = self._bent_ends
        bent: NDArray[Any] = (np.asarray(scaled) + 1.0) / 2.0 * (high - low) + low
        return bent if self.knee is None else np.sinh(bent) * self.knee + self.origin

    @property
    def _bent_ends(self) -> tuple[float, float]:
        return float(self._bent(self.low)), float(self._bent(self.high))

    def _bent(self, values: ArrayLike) -> NDArray[Any]:
        return np.asarray(values) if self.knee is None else np.arcsinh((np.asarray(values) - self.origin) / self.knee)


@dataclass(frozen=True, slots=True)
class Condition:
    """A number that belongs to each sample and that a generator can be asked for.  `low` .. `high` become 0 .. 1."""

    name: str
    low: float
    high: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """What rows or columns of a sample are."""

    name: str
    unit: str
    step: float
    """From one row or column to the next."""
    first: float | None = None
    """Of the first row or column, where it is the same in all samples."""


@dataclass(frozen=True, slots=True)
class Space:
    """The shape and meaning of one sample."""

    channels: tuple[Channel, ...]
    height: int
    width: int
    shown: Shown = "picture"
    rows: Axis | None = None
    columns: Axis | None = None
    crs: str = ""
    """The reference system of places on the ground, where samples are pieces of it."""
    conditions: tuple[Condition, ...] = ()
    """What is known of each sample as numbers."""
    given: Space | None = None
    """What a generator is given to make a sample from, where samples come in pairs: a smaller picture of the same."""

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        channels = tuple(_channel(channel) for channel in document["channels"])
        axes = {name: Axis(**document[name]) for name in ("rows", "columns") if document.get(name) is not None}
        given = document.get("given")
        return cls(
            channels,
            document["height"],
            document["width"],
            document.get("shown", "picture"),
            **axes,
            crs=document.get("crs", ""),
            conditions=tuple(Condition(**item) for item in document.get("conditions", ())),
            given=cls.from_json(given) if given is not None else None,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(planes, height, width), as the networks see a sample."""
        return sum(channel.planes for channel in self.channels), self.height, self.width

    def differences(self, other: Space) -> Iterator[str]:
        """Why samples of the other kind cannot stand beside these, in words.

        Where on the ground they lie does not matter, nor what classes are called; frequencies do.
        """
        if self.shape[1:] != other.shape[1:]:
            yield f"{self.height}x{self.width} pixels, not {other.height}x{other.width}"
        ours, theirs = ([channel.name for channel in space.channels] for space in (self, other))
        if ours != theirs:
            yield f"channels {', '.join(ours)}, not {', '.join(theirs)}"
            return
        for mine, its in zip(self.channels, other.channels, strict=True):
            if mine.kind != its.kind:
                yield f"{mine.name} {mine.kind}, not {its.kind}"
            elif mine.kind == "categorical" and _codes(mine) != _codes(its):
                yield f"classes of {mine.name}: {_codes(mine)}, not {_codes(its)}"
            elif mine.kind == "continuous" and _range(mine) != _range(its):
                yield f"{mine.name} from {_range(mine)}, not {_range(its)}"
        if self.conditions != other.conditions:
            yield f"conditions {_conditions(self)}, not {_conditions(other)}"
        for axis, its_axis in ((self.rows, other.rows), (self.columns, other.columns)):
            if its_axis is None and other.shown == "spectrogram":
                continue  # it was learned from files of several frequencies, or of none that are known
            if not _alike(axis, its_axis):
                yield f"pixels {_step(axis)}, not {_step(its_axis)}"
            elif axis is not None and its_axis is not None and not _same_begin(axis, its_axis):
                yield f"{axis.name} from {axis.first:g} {axis.unit}, not {its_axis.first:g}"
        yield from self._differences_of_given(other)

    def _differences_of_given(self, other: Space) -> Iterator[str]:
        if self.given is not None and other.given is not None:
            yield from (f"in what is given: {difference}" for difference in self.given.differences(other.given))
        elif self.given is not None or other.given is not None:
            made = [f"made from {'nothing' if space.given is None else 'what is given'}" for space in (self, other)]
            yield f"{made[0]}, not {made[1]}"

    @property
    def scale(self) -> int:
        """How many times larger a sample is than what it is made from; 1 where it is made from nothing."""
        return self.height // self.given.height if self.given is not None else 1

    @property
    def is_points(self) -> bool:
        """Whether samples are plain vectors, one number a channel, rather than pictures."""
        return self.height == self.width == 1

    @property
    def is_direct(self) -> bool:
        """Whether every channel is kept as its value and becomes one plane, as with pictures."""
        return all(channel.kind == "continuous" and channel.stored == "value" for channel in self.channels)

    @property
    def has_tails(self) -> bool:
        """Whether some values of any channel lie beyond its range."""
        return any(channel.has_tails for channel in self.channels)

    @property
    def has_categories(self) -> bool:
        return any(channel.kind == "categorical" for channel in self.channels)

    @property
    def plane_names(self) -> tuple[str, ...]:
        """Of each plane."""
        names: list[str] = []
        for channel in self.channels:
            categories = [f"{channel.name} {item.name}" for item in channel.classes]
            names += categories if channel.kind == "categorical" else [channel.name]
        return tuple(names)

    def __str__(self) -> str:
        count = len(self.channels)
        return f"{count} channel{'s' if count > 1 else ''} of {self.height}x{self.width}"


def _codes(channel: Channel) -> str:
    return ", ".join(str(item.code) for item in channel.classes)


def _range(channel: Channel) -> str:
    bent = f", asinh beyond {channel.knee:g} from {channel.origin:g}" if channel.knee is not None else ""
    return f"{channel.low:g} to {channel.high:g} {channel.unit}".rstrip() + bent


def _conditions(space: Space) -> str:
    of = [f"{item.name} from {item.low:g} to {item.high:g}" for item in space.conditions]
    return ", ".join(of) or "none"


def _alike(mine: Axis | None, its: Axis | None) -> bool:
    if mine is None or its is None:
        return mine is its
    return mine.unit == its.unit and math.isclose(mine.step, its.step, rel_tol=SAME_STEP)


def _same_begin(mine: Axis, its: Axis) -> bool:
    """Within a pixel, or not known of one."""
    return mine.first is None or its.first is None or abs(mine.first - its.first) <= abs(mine.step)


def _step(axis: Axis | None) -> str:
    return "of no known size" if axis is None else f"of {axis.step:g} {axis.unit}".rstrip()


def _channel(document: Mapping[str, Any]) -> Channel:
    classes = tuple(Class(item["code"], item["name"], tuple(item["colour"])) for item in document.get("classes", ()))
    return Channel(**{**document, "classes": classes})
