"""The handwritten digits that come with scikit-learn: 1797 real pictures that need no download."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from equipoise.data.corpus import Corpus, Description
from equipoise.data.store import generated
from equipoise.recipe import Source
from equipoise.space import Channel, Space
from equipoise.spec import Knob

INK_LEVELS = 16
PAPER = "Metz et al. 2017"
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "nearest": Image.Resampling.NEAREST}


@dataclass(frozen=True)
class Digits(Source):
    """1797 digits of 43 people, 8x8 with 17 levels of ink, enlarged (Alpaydin & Kaynak, UCI "Optical Recognition of
    Handwritten Digits", test part).  One channel, ``ink``: 0 is paper, 255 full ink."""

    needs_path: ClassVar[bool] = False

    size: Annotated[int, Knob("pixels a side", low=8, high=256, unit="pixels")] = 32  # a size that conv GANs divide
    filter: Literal["bicubic", "nearest"] = "bicubic"  # nearest shows 4x4 blocks that a GAN then has to learn

    def corpus(
        self, path: Path | None = None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        return generated(self, cache, self._draw)

    def onto(self, space: Space) -> Self:
        return self

    def native_side(self, path: Path | None = None) -> int | None:
        return None

    @staticmethod
    def labels() -> NDArray[np.int64]:
        """The digit, 0 to 9, that each sample [1797] shows, in the corpus's order."""
        return np.asarray(_bundled().target, dtype=np.int64)

    def pictures(self) -> NDArray[np.uint8]:
        """All digits, [1797, size, size]."""
        return np.stack([self._enlarged(picture) for picture in _bundled().images * (255.0 / INK_LEVELS)])

    def _draw(self) -> tuple[NDArray[Any], Description]:
        samples = self.pictures()[..., None]
        space = Space((Channel("ink"),), self.size, self.size)
        names = [f"digit {at}" for at in range(len(samples))]
        return samples, Description("", space, names, made_from="scikit-learn's handwritten digits")

    def _enlarged(self, picture: NDArray[Any]) -> NDArray[np.uint8]:
        image = Image.fromarray(picture.astype(np.float32)).resize((self.size, self.size), FILTERS[self.filter])
        levels: NDArray[np.float32] = np.asarray(image).clip(0.0, 255.0)
        return np.rint(levels).astype(np.uint8)


@dataclass(frozen=True)
class StackedDigits(Source):
    """Three digits drawn at random, one in each channel: a thousand modes that a classifier of digits can count.

    The protocol of stacked MNIST (Metz et al. 2017, arXiv:1611.02163, section 3.3) on the digits of scikit-learn.
    """

    needs_path: ClassVar[bool] = False

    count: Annotated[int, Knob("samples drawn", low=2, high=10**6, unit="samples", source=PAPER)] = 50_000
    seed: Annotated[int, Knob("start of the draw", low=0, high=2**31 - 1)] = 0
    size: Annotated[int, Knob("pixels a side", low=8, high=256, unit="pixels")] = 16  # twice the originals'

    def corpus(
        self, path: Path | None = None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        return generated(self, cache, self._draw)

    def onto(self, space: Space) -> Self:
        return self

    def native_side(self, path: Path | None = None) -> int | None:
        return None

    def chosen(self) -> NDArray[np.int64]:
        """Which three of the digits each sample shows, [count, 3]."""
        source = np.random.Generator(np.random.PCG64(self.seed))
        return source.integers(len(Digits.labels()), size=(self.count, 3))

    def _draw(self) -> tuple[NDArray[Any], Description]:
        pictures = Digits(size=self.size).pictures()
        samples = np.moveaxis(pictures[self.chosen()], 1, 3)
        channels = tuple(Channel(name) for name in ("red", "green", "blue"))
        made_from = "scikit-learn's handwritten digits, three a sample"
        return samples, Description("", Space(channels, self.size, self.size), (), made_from=made_from)


def _bundled() -> Any:
    from sklearn.datasets import load_digits  # takes 0.9 s to import

    return load_digits()
