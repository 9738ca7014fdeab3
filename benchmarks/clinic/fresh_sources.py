"""Data of the third part, by which no rule was made: a spiral of points, letters, radio bursts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from clinic.sources import Bytes, Count, Drawn, Seed, Size, by_ink, coloured, paired
from equipoise.data import Points
from equipoise.data.corpus import Corpus

ALPHABET: Final = "AEHKMRSTXZ"
FINE: Final = 4
"""Letters are drawn so many times as large, turned, and made small."""
BURSTS: Final = ("falling", "steep", "rising", "patch")
GROUND, HISS = 40.0, 5.0
"""Of a spectrum without a burst: its level and its noise, in steps of 256."""


@dataclass(frozen=True)
class Spiral(Points):
    """Twelve Gaussians on a spiral that winds one and a half times, 0.3 to 1.4 from its middle."""

    reach: ClassVar[float] = 1.75

    def centres(self) -> NDArray[np.float64]:
        along = np.linspace(0.0, 1.0, 12)
        angles, radii = 3.0 * np.pi * np.sqrt(along), 0.3 + 1.1 * along
        return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


@dataclass(frozen=True)
class Letters(Drawn):
    """Ten capital letters, a little turned and moved, of several sizes and greys."""

    count: Count = 2000
    size: Size = 16
    seed: Seed = 0

    def make(self) -> Corpus:
        pictures, labels = letters(self.count, self.size, self.seed)
        return coloured(self, pictures[..., None].repeat(3, axis=3), labels)


@dataclass(frozen=True)
class InkedLetters(Drawn):
    """The same, each with its ink as a condition."""

    count: Count = 2000
    size: Size = 16
    seed: Seed = 0

    def make(self) -> Corpus:
        return by_ink(self, *letters(self.count, self.size, self.seed))


def letters(count: int, size: int, seed: int) -> tuple[Bytes, list[str]]:
    """[count, size, size], and which letter each is."""
    source = np.random.Generator(np.random.PCG64(seed))
    chosen = [ALPHABET[at] for at in source.integers(len(ALPHABET), size=count)]
    return np.stack([_letter(source, one, size) for one in chosen]), chosen


def _letter(source: np.random.Generator, letter: str, size: int) -> Bytes:
    side = FINE * size
    page = Image.new("L", (side, side))
    middle = side / 2 + side * source.uniform(-0.06, 0.06, 2)
    font = ImageFont.load_default(round(side * source.uniform(0.6, 0.85)))
    ImageDraw.Draw(page).text(tuple(middle), letter, round(source.uniform(150, 255)), font, "mm")
    turned = page.rotate(source.uniform(-12, 12), Image.Resampling.BILINEAR)
    return np.asarray(turned.resize((size, size), Image.Resampling.BOX))


@dataclass(frozen=True)
class Bursts(Drawn):
    """Radio spectra, time along rows and frequency down: a track that falls slowly, fast, or rises, or a patch."""

    count: Count = 1500
    size: Size = 32
    seed: Seed = 0

    def make(self) -> Corpus:
        source = np.random.Generator(np.random.PCG64(self.seed))
        kinds = [BURSTS[at] for at in source.integers(len(BURSTS), size=self.count)]
        pictures = np.stack([_burst(source, kind, self.size) for kind in kinds])
        return coloured(self, pictures[..., None].repeat(3, axis=3), kinds)


def _burst(source: np.random.Generator, kind: str, size: int) -> Bytes:
    y, x = np.mgrid[:size, :size] / size
    begin, strength, width = source.uniform(0.1, 0.5), source.uniform(90, 190), source.uniform(0.03, 0.07)
    if kind == "patch":
        glow = np.exp(-(((x - begin - 0.2) / (2 * width)) ** 2) - ((y - source.uniform(0.2, 0.8)) / (3 * width)) ** 2)
    else:
        slope = {"falling": 0.9, "steep": 3.5, "rising": -1.2}[kind] * source.uniform(0.8, 1.2)
        track = (0.1 if slope > 0 else 0.9) + slope * (x - begin)
        fades = np.exp(-np.maximum(x - begin, 0.0) / source.uniform(0.3, 0.9)) * (x >= begin)
        glow = fades * np.exp(-(((y - track) / (width * (1.0 + abs(slope)))) ** 2))
    noise = source.normal(0.0, HISS, (size, size))
    picture: Bytes = np.clip(GROUND + strength * glow + noise, 0, 255).astype(np.uint8)
    return picture


@dataclass(frozen=True)
class LetterPairs(Drawn):
    """Letters, and beside each the same at half the size."""

    count: Count = 600
    size: Size = 32
    seed: Seed = 0

    def make(self) -> Corpus:
        return paired(self, Letters(self.count, self.size, self.seed).make())
