"""The toy problems on which mode collapse is counted: Gaussians in the plane (Lin et al. 2018, PacGAN,
arXiv:1712.04086, section 4.1, after Metz et al. 2017)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import Corpus, Description
from equipoise.data.store import generated
from equipoise.recipe import Source
from equipoise.space import Channel, Space
from equipoise.spec import Knob

PAPER = "PacGAN, section 4.1"
Deviation = Annotated[float, Knob("standard deviation of each Gaussian", above=0, source=PAPER)]


@dataclass(frozen=True)
class Points(Source):
    """A mixture of equal round Gaussians in the plane.  Samples are [N, 2, 1, 1], float32, drawn once from `seed`."""

    needs_path: ClassVar[bool] = False
    reach: ClassVar[float]
    """The coordinate that becomes 1 for the networks.  A quarter beyond the outermost centre, so that a bounded output
    reaches every sample without being driven into its flat end."""

    count: Annotated[int, Knob("samples drawn", low=2, high=10**7, unit="samples", source=PAPER)] = 100_000
    seed: Annotated[int, Knob("start of the draw", low=0, high=2**31 - 1)] = 0
    std: Deviation = 0.01

    @abstractmethod
    def centres(self) -> NDArray[np.float64]:
        """The means of the Gaussians, [K, 2]."""

    def corpus(
        self, path: Path | None = None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        return generated(self, cache, self._draw)

    def onto(self, space: Space) -> Self:
        return self

    def native_side(self, path: Path | None = None) -> int | None:
        return None

    def _draw(self) -> tuple[NDArray[Any], Description]:
        source, centres = np.random.Generator(np.random.PCG64(self.seed)), self.centres()
        chosen = centres[source.integers(len(centres), size=self.count)]
        points = chosen + self.std * source.standard_normal((self.count, 2))
        channels = tuple(Channel(name, -self.reach, self.reach) for name in ("x", "y"))
        description = Description("", Space(channels, 1, 1), (), made_from=type(self).__name__.lower())
        return points.astype(np.float32)[:, None, None, :], description


@dataclass(frozen=True)
class Ring(Points):
    """Eight Gaussians on a circle of radius 1."""

    reach: ClassVar[float] = 1.25

    def centres(self) -> NDArray[np.float64]:
        angles = np.arange(8) * (2 * np.pi / 8)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@dataclass(frozen=True)
class Grid(Points):
    """Twenty-five Gaussians at -4, -2, 0, 2, 4 in both directions."""

    reach: ClassVar[float] = 5.0

    std: Deviation = 0.05

    def centres(self) -> NDArray[np.float64]:
        lines = np.arange(-4.0, 5.0, 2.0)
        return np.stack(np.meshgrid(lines, lines, indexing="ij"), axis=-1).reshape(-1, 2)
