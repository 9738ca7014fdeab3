"""A measure, what real data give to it, and how sure one can be: all from one set of half-samples.

::

    for each of K rounds:
        cut the reals at random into two halves a, b;  take a random half f of the fakes
        value = measure(a, f);   floor = measure(a, b)

All comparisons are made at the same sizes, so that a measure which depends on them (the Fréchet distance, coverage) is
the same ruler for fakes and for reals.  For a statistic that is smooth in the two samples, the spread over half-samples
drawn without replacement is the standard error of the statistic on the full samples (McCarthy 1969,
"Pseudo-replication: half samples"): a half has twice the variance, and half of that is shared with the other half.
Unlike the bootstrap it repeats no sample, and a repeated sample is its own nearest neighbour.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from equipoise.measures.features import Vectors
from equipoise.randomness import mix

ROUNDS = 20
"""The spread is then known to 16 % (1 / sqrt(2 * 19)), which Student's t makes up for."""
NORMAL = 1.96
"""Quantile of the normal distribution that leaves 2.5 % above it."""
DEFAULT_NUMBERS = 12
"""In an evaluation, where nothing more is asked for."""

Measure = Callable[[Vectors, Vectors], Mapping[str, float]]
"""Vectors of reals and of fakes to numbers, by name."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, rounds: Sequence[float], among: int = 1) -> Interval:
        """From the numbers of all rounds; one that is not finite makes all three NaN.

        As one `among` so many it is wider (Bonferroni), so that one evaluation in twenty raises a false alarm by any of
        twelve numbers, and not two in five.
        """
        if not all(map(math.isfinite, rounds)):
            return cls(math.nan, math.nan, math.nan)
        mean = statistics.fmean(rounds)
        reach = student(among) * statistics.stdev(rounds)
        return cls(mean, mean - reach, mean + reach)

    @property
    def has_zero(self) -> bool:
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True, slots=True)
class Reading:
    """What one measure says of one set of fakes: per round, the value and the floor that goes with it."""

    name: str
    values: tuple[float, ...]
    floors: tuple[float, ...]
    among: int = DEFAULT_NUMBERS
    """How many numbers are looked at together with this one."""

    @property
    def value(self) -> Interval:
        return Interval.of(self.values)

    @property
    def floor(self) -> Interval:
        """What real samples give in the fakes' place."""
        return Interval.of(self.floors)

    @property
    def excess(self) -> Interval:
        """Value less floor."""
        return Interval.of(self._excesses)

    @property
    def tells(self) -> bool:
        """Whether this number, one among several, tells the fakes from real samples."""
        return self.is_finite and not Interval.of(self._excesses, self.among).has_zero

    @property
    def is_finite(self) -> bool:
        return all(map(math.isfinite, (*self.values, *self.floors)))

    @property
    def _excesses(self) -> list[float]:
        return [value - floor for value, floor in zip(self.values, self.floors, strict=True)]


@cache
def student(among: int, freedom: int = ROUNDS - 1) -> float:
    """Quantile of Student's t with `freedom` degrees of it: in 95 % of evaluations none of `among` numbers is farther
    out than this."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - 0.025 / among))


def read(
    measure: Measure, real: Sequence[Vectors], fake: Sequence[Vectors], seed: int = 0, among: int = DEFAULT_NUMBERS
) -> list[Reading]:
    """Every number of a measure, averaged over spaces: `real` and `fake` hold a matrix for each.

    Of the larger set only as many are used as the smaller one has: a third of a set would not be half of it.
    """
    count = min(len(real[0]), len(fake[0]))
    real, fake = _some(real, count, mix(seed, "reals")), _some(fake, count, mix(seed, "fakes"))
    values: dict[str, list[float]] = {}
    floors: dict[str, list[float]] = {}
    for a, b, chosen in _halves(count, seed):
        for into, others in ((values, [part[chosen] for part in fake]), (floors, [part[b] for part in real])):
            for name, number in _averaged(measure, [part[a] for part in real], others).items():
                into.setdefault(name, []).append(number)
    return [Reading(name, tuple(values[name]), tuple(floors[name]), among) for name in values]


def _some(spaces: Sequence[Vectors], count: int, seed: int) -> list[Vectors]:
    """The same samples in every space, chosen by the seed."""
    chosen = torch.randperm(len(spaces[0]), generator=torch.Generator().manual_seed(seed))[:count]
    return [vectors[chosen] for vectors in spaces]


def _halves(count: int, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Per round: two disjoint halves of the reals and one of the fakes, as positions."""
    size = count // 2
    for number in range(ROUNDS):
        source = torch.Generator().manual_seed(mix(seed, "halves", number))
        reals, fakes = torch.randperm(count, generator=source), torch.randperm(count, generator=source)
        yield reals[:size], reals[size : 2 * size], fakes[:size]


def _averaged(measure: Measure, real: list[Vectors], fake: list[Vectors]) -> dict[str, float]:
    """Each number, averaged over spaces."""
    sums: dict[str, float] = {}
    for of_real, of_fake in zip(real, fake, strict=True):
        for name, number in measure(of_real, of_fake).items():
            sums[name] = sums.get(name, 0.0) + number / len(real)
    return sums
