"""Data made in code, whose factors are known: shapes, textures, digits asked for by their ink, pictures in pairs.

All are drawn anew in memory from their seed, which takes less than a second.  A sample's name begins with its label.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray

from equipoise.data import Digits
from equipoise.data.corpus import Corpus
from equipoise.data.split import identities
from equipoise.recipe import Source
from equipoise.space import Channel, Condition, Space
from equipoise.spec import Knob, digest

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

COLOURS = np.array([[230, 70, 60], [60, 190, 90], [70, 100, 240]], np.float64)
"""Of shapes, in RGB."""
KINDS = ("disc", "square", "ring", "cross")
GROUND = 24.0
ANGLES, WAVES = 4, 3
"""Directions and wavelengths of textures."""
SCALE = 2
"""Of pairs."""

Count = Annotated[int, Knob("samples drawn", low=2, high=10**5, unit="samples", source="guess")]
Size = Annotated[int, Knob("pixels a side", low=8, high=256, unit="pixels", source="guess")]
Seed = Annotated[int, Knob("start of the draw", low=0, high=2**31 - 1, source="any")]


@dataclass(frozen=True)
class Drawn(Source):
    """Base of the sources here: they read no files and are never stored."""

    needs_path = False

    def corpus(
        self, path: Path | None = None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        return _made(self)

    def onto(self, space: Space) -> Self:
        return self

    def native_side(self, path: Path | None = None) -> int | None:
        return None

    @abstractmethod
    def make(self) -> Corpus: ...


@cache
def _made(source: Drawn) -> Corpus:
    return source.make()


@dataclass(frozen=True)
class Shapes(Drawn):
    """A disc, square, ring or cross in one of three colours, at any place, from a fifth to two fifths of the side."""

    count: Count = 1000
    size: Size = 32
    seed: Seed = 0

    def make(self) -> Corpus:
        source = np.random.Generator(np.random.PCG64(self.seed))
        kinds, colours = source.integers(len(KINDS), size=self.count), source.integers(len(COLOURS), size=self.count)
        pictures = np.stack(
            [shape(source, KINDS[kind], COLOURS[hue], self.size) for kind, hue in zip(kinds, colours, strict=True)]
        )
        return coloured(self, pictures, [f"{KINDS[kind]}-{hue}" for kind, hue in zip(kinds, colours, strict=True)])


def shape(source: np.random.Generator, kind: str, colour: Floats, size: int) -> Bytes:
    """One of `KINDS`, [size, size, 3]."""
    radius = source.uniform(0.2, 0.4) * size / 2 * 1.6
    centre = source.uniform(radius, size - radius, 2)
    y, x = np.abs(np.mgrid[:size, :size] - centre[:, None, None])
    far = np.hypot(x, y)
    inside = {
        "disc": radius - far,
        "square": 0.85 * radius - np.maximum(x, y),
        "ring": 0.3 * radius - np.abs(far - 0.7 * radius),
        "cross": np.minimum(0.25 * radius - np.minimum(x, y), radius - np.maximum(x, y)),
    }[kind]
    cover = np.clip(inside + 0.5, 0.0, 1.0)[..., None]
    picture: Bytes = np.rint(GROUND + cover * (colour - GROUND)).astype(np.uint8)
    return picture


@dataclass(frozen=True)
class Textures(Drawn):
    """Waves in one of four directions and three lengths, of two colours, with soft noise."""

    count: Count = 1000
    size: Size = 32
    seed: Seed = 0

    def make(self) -> Corpus:
        source = np.random.Generator(np.random.PCG64(self.seed))
        turns, lengths = source.integers(ANGLES, size=self.count), source.integers(WAVES, size=self.count)
        pictures = np.stack([texture(source, *pair, self.size) for pair in zip(turns, lengths, strict=True)])
        return coloured(self, pictures, [f"{turn}-{length}" for turn, length in zip(turns, lengths, strict=True)])


def texture(source: np.random.Generator, turn: int, length: int, size: int) -> Bytes:
    """[size, size, 3]."""
    angle = np.pi * turn / ANGLES + source.normal(0.0, 0.08)
    y, x = np.mgrid[:size, :size]
    phase = 2 * np.pi * ((x * np.cos(angle) + y * np.sin(angle)) / (6.0 + 5.0 * length) + source.uniform())
    share = (0.5 + 0.5 * np.sin(phase))[..., None]
    one, other = source.uniform(120, 250, 3), source.uniform(10, 110, 3)
    noise = source.normal(0.0, 6.0, (size, size, 1))
    picture: Bytes = np.clip(share * one + (1 - share) * other + noise, 0, 255).astype(np.uint8)
    return picture


@dataclass(frozen=True)
class InkDigits(Drawn):
    """scikit-learn's digits, each with the share of the paper that is ink, from the lowest to the highest, 0 to 1."""

    size: Size = 16

    def make(self) -> Corpus:
        return by_ink(self, Digits(size=self.size).pictures(), [str(label) for label in Digits.labels()])


def by_ink(source: Source, pictures: Bytes, labels: Sequence[str]) -> Corpus:
    """The corpus of pictures [N, H, W], each with its ink as a condition."""
    share = ink(pictures)
    low, high = float(share.min()), float(share.max())
    names = [f"{label}/{at}" for at, label in enumerate(labels)]
    height, width = pictures.shape[1:]
    space = Space((Channel("ink"),), height, width, conditions=(Condition("ink", low, high),))
    asked = ((share - low) / (high - low)).astype(np.float32)[:, None]
    return Corpus(space, pictures[:, None], tuple(names), (), digest(source), (), _origins(names), asked)


def ink(pictures: NDArray[np.generic]) -> Floats:
    """The mean of each picture [N, ...] of 0 to 255, between 0 and 1."""
    shares: Floats = np.asarray(pictures, np.float64).reshape(len(pictures), -1).mean(axis=1) / 255.0
    return shares


@dataclass(frozen=True)
class ShapePairs(Drawn):
    """Textured shapes, and beside each the same at half the size."""

    count: Count = 600
    size: Size = 32
    seed: Seed = 0

    def make(self) -> Corpus:
        shapes = Shapes(self.count, self.size, self.seed).make()
        waves = Textures(self.count, self.size, self.seed + 1).make()
        both = 0.7 * shapes.samples.astype(np.float64) + 0.3 * waves.samples
        return paired(self, replace(shapes, samples=np.rint(both).astype(np.uint8)))


def paired(source: Source, whole: Corpus) -> Corpus:
    """Beside each picture the same at a `SCALE`-th of its size."""
    pictures, sides = whole.samples, (whole.space.height // SCALE, whole.space.width // SCALE)
    small = pictures.reshape(*pictures.shape[:2], sides[0], SCALE, sides[1], SCALE)
    given = np.rint(small.mean(axis=(3, 5))).astype(np.uint8)
    space = replace(whole.space, given=Space(whole.space.channels, *sides))
    return replace(whole, space=space, digest=digest(source), given=given)


def coloured(source: Source, pictures: Bytes, labels: Sequence[str]) -> Corpus:
    """The corpus of pictures [N, H, W, 3]."""
    names = [f"{label}/{at}" for at, label in enumerate(labels)]
    space = Space(tuple(Channel(name) for name in ("red", "green", "blue")), *pictures.shape[1:3])
    samples = np.ascontiguousarray(np.moveaxis(pictures, 3, 1))
    return Corpus(space, samples, tuple(names), (), digest(source), (), _origins(names))


def _origins(names: Sequence[str]) -> NDArray[np.uint64]:
    return identities(name.encode() for name in names)
