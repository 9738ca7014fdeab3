"""Data of the fourth part, of healthy runs alone: points on a cross, bars, coloured blobs, hissing spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from clinic.sources import COLOURS, Bytes, Count, Drawn, Floats, Seed, Size, coloured, paired
from equipoise.data import Points
from equipoise.data.corpus import Corpus

PAPER, INK = 225.0, 45.0
"""Grey levels of bars."""
HISS: Final = 14.0
"""Of a spectrum, in steps of 256: most of its fine detail."""
LINES: Final = ("one", "two", "comb")


@dataclass(frozen=True)
class Cross(Points):
    """Nine Gaussians: one in the middle, and two on each of four arms."""

    reach: ClassVar[float] = 2.5

    def centres(self) -> NDArray[np.float64]:
        arms = [(step, 0.0) for step in (-2.0, -1.0, 0.0, 1.0, 2.0)]
        return np.array([*arms, *((0.0, step) for step in (-2.0, -1.0, 1.0, 2.0))])


@dataclass(frozen=True)
class Bars(Drawn):
    """One to three dark bars on paper, upright or lying, of any width."""

    count: Count = 2000
    size: Size = 16
    seed: Seed = 0

    def make(self) -> Corpus:
        source = np.random.Generator(np.random.PCG64(self.seed))
        kinds = [(int(many), bool(lies)) for many, lies in source.integers((1, 0), (4, 2), (self.count, 2))]
        pictures = np.stack([_bars(source, many, lies, self.size) for many, lies in kinds])
        labels = [f"{many}-{'lying' if lies else 'upright'}" for many, lies in kinds]
        return coloured(self, pictures[..., None].repeat(3, axis=3), labels)


def _bars(source: np.random.Generator, many: int, lies: bool, size: int) -> Bytes:
    at = np.arange(size) + 0.5
    middles = (np.arange(many) + 0.5) * size / many + source.uniform(-0.08, 0.08, many) * size
    widths = source.uniform(0.08, 0.16, many) * size
    covers = np.clip(widths[:, None] - np.abs(at - middles[:, None]) + 0.5, 0.0, 1.0).max(axis=0)
    row = PAPER + covers * (INK - PAPER) * source.uniform(0.7, 1.0)
    picture: Bytes = np.rint(np.tile(row, (size, 1))).astype(np.uint8)
    return picture.T if lies else picture


@dataclass(frozen=True)
class Blobs(Drawn):
    """One or two soft blobs of three colours on a ground that grows lighter to one side."""

    count: Count = 1500
    size: Size = 32
    seed: Seed = 0

    def make(self) -> Corpus:
        source = np.random.Generator(np.random.PCG64(self.seed))
        kinds = [(int(many), int(hue)) for many, hue in source.integers((1, 0), (3, 3), (self.count, 2))]
        pictures = np.stack([_blobs(source, many, COLOURS[hue], self.size) for many, hue in kinds])
        return coloured(self, pictures, [f"{many}-{hue}" for many, hue in kinds])


def _blobs(source: np.random.Generator, many: int, colour: Floats, size: int) -> Bytes:
    """[size, size, 3]."""
    y, x = np.mgrid[:size, :size] / size
    ground = 60.0 + 80.0 * (x if source.random() < 0.5 else y)
    glow = np.zeros((size, size))
    for _ in range(many):
        across, down = source.uniform(0.2, 0.8, 2)
        glow = np.maximum(glow, np.exp(-((x - across) ** 2 + (y - down) ** 2) / source.uniform(0.006, 0.02)))
    picture: Bytes = np.rint(ground[..., None] + glow[..., None] * (colour - ground[..., None])).astype(np.uint8)
    return picture


@dataclass(frozen=True)
class Spectra(Drawn):
    """Bright lines in a loud hiss, along rows: one, two, or a comb of many."""

    count: Count = 1500
    size: Size = 16
    seed: Seed = 0

    def make(self) -> Corpus:
        source = np.random.Generator(np.random.PCG64(self.seed))
        kinds = [LINES[at] for at in source.integers(len(LINES), size=self.count)]
        pictures = np.stack([_spectrum(source, kind, self.size) for kind in kinds])
        return coloured(self, pictures[..., None].repeat(3, axis=3), kinds)


def _spectrum(source: np.random.Generator, kind: str, size: int) -> Bytes:
    rows = np.zeros(size)
    places = {"one": 1, "two": 2, "comb": 0}[kind]
    rows[source.choice(size, places, replace=False)] = 1.0
    if kind == "comb":
        rows[int(source.integers(4)) :: 4] = 0.7
    fades = 0.6 + 0.4 * np.cos(2 * np.pi * (np.arange(size) / size + source.uniform()))
    values = 60.0 + 150.0 * rows[:, None] * fades + source.normal(0.0, HISS, (size, size))
    picture: Bytes = np.clip(values, 0, 255).astype(np.uint8)
    return picture


@dataclass(frozen=True)
class BlobPairs(Drawn):
    """Blobs, and beside each the same at half the size."""

    count: Count = 600
    size: Size = 32
    seed: Seed = 0

    def make(self) -> Corpus:
        return paired(self, Blobs(self.count, self.size, self.seed).make())
