"""Sizes: which samples a convolutional network can be built for, and how many channels it has on each grid.

All convolutional families here share one pyramid.  Its smallest grid has 4 cells on the short side, as in DCGAN
(Radford et al. 2016, arXiv:1511.06434, fig. 1); each level doubles both sides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from equipoise.space import Space
from equipoise.spec import Problem, SpecError

BASE_SIDE = 4
SIDES = (16, 32, 64, 128, 256)
"""Sides a sample may have: BASE_SIDE times a power of two.  Below 16 a critic would be one convolution, without any
normalisation; above 256 families like these are not known to train."""

WIDEST = 8
"""The widest layer has `width` times this many channels: 512 at width 64, as in DCGAN's public code at 64 px."""


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The grids of a network from the smallest, `base` (rows, columns), through `levels` doublings to the sample."""

    base: tuple[int, int]
    levels: int

    @classmethod
    def of(cls, space: Space) -> Pyramid:
        """The pyramid whose largest grid is the sample.  The sides must be without `size_faults`."""
        levels = int(math.log2(min(space.height, space.width) // BASE_SIDE))
        return cls((space.height >> levels, space.width >> levels), levels)

    @property
    def cells(self) -> int:
        """Places on the smallest grid."""
        return self.base[0] * self.base[1]

    @property
    def sides(self) -> tuple[int, ...]:
        """The short side of each grid above the smallest one, in growing order."""
        return tuple(min(self.base) << level for level in range(1, self.levels + 1))

    def channels(self, width: int) -> tuple[int, ...]:
        """Channels on each grid but the largest, widest first.  The last, at half the sample's size, is `width`."""
        return tuple(width * min(WIDEST, 2 ** (self.levels - 1 - level)) for level in range(self.levels))


def size_faults(space: Space) -> Iterator[str]:
    """Why no pyramid ends at samples of this size; nothing when one does.  Sides may differ: 32x128 is fine."""
    if space.is_points:
        yield "the samples are points, not pictures; use MlpGenerator and MlpCritic"
        return
    if space.height not in SIDES or space.width not in SIDES:
        near = f"{_nearest(space.height)}x{_nearest(space.width)}"
        allowed = ", ".join(map(str, SIDES[:-1]))
        yield (
            f"the samples are {space.height}x{space.width}; each side must be {allowed} or {SIDES[-1]}: "
            f"resize, crop or pad them, for instance to {near}"
        )


def refuse(name: str, faults: Iterable[str]) -> None:
    """Raise `SpecError` with each fault under the network's `name`; return when there are none."""
    problems = [Problem(name, fault) for fault in faults]
    if problems:
        raise SpecError(problems)


def _nearest(side: int) -> int:
    """The allowed side whose ratio to `side` is nearest to one; the larger of two equally near."""
    return min(SIDES, key=lambda allowed: (abs(math.log2(allowed / side)), -allowed))
