"""What one sample is: its channels and its size.  Known once the data has been read; networks are built for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

Kind = Literal["continuous", "categorical"]


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a sample.  Stored values `low` .. `high` become -1 .. 1 for the networks."""

    name: str
    low: float = 0.0
    high: float = 255.0
    kind: Kind = "continuous"
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Space:
    """The shape and meaning of one sample."""

    channels: tuple[Channel, ...]
    height: int
    width: int

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        return cls(tuple(Channel(**channel) for channel in document["channels"]), document["height"], document["width"])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)"""
        return len(self.channels), self.height, self.width

    @property
    def is_points(self) -> bool:
        """Whether samples are plain vectors, one number a channel, rather than pictures."""
        return self.height == self.width == 1

    def __str__(self) -> str:
        count = len(self.channels)
        return f"{count} channel{'s' if count > 1 else ''} of {self.height}x{self.width}"
