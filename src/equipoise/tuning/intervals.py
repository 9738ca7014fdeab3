"""Whether a value is better, from a few seeds: pairs of runs that differ in it alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

CONTENDERS: Final = 2
"""Values of a knob that are tried with every seed.  As the better of so many, each has a wider interval (Bonferroni);
that they were chosen by their first seed is then covered too (tests/test_tuning_planning.py)."""
LEFT_OUT: Final = 0.05
"""Of all intervals together."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference and its 95 % interval, as one among `CONTENDERS`.  That of a single pair is everything."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, pairs: Sequence[float]) -> Self:
        mean = statistics.fmean(pairs)
        if len(pairs) < 2:
            return cls(mean, -math.inf, math.inf)
        reach = student(len(pairs) - 1) * statistics.stdev(pairs) / math.sqrt(len(pairs))
        return cls(mean, mean - reach, mean + reach)

    @property
    def is_less(self) -> bool:
        return self.high < 0.0

    @property
    def is_more(self) -> bool:
        return self.low > 0.0


@dataclass(frozen=True, slots=True)
class Noise:
    """By how much runs of one setting differ where nothing but chance does, beyond what their seeds share."""

    variance: float
    freedom: int

    @classmethod
    def of(cls, pairs: Sequence[Sequence[float]]) -> Self:
        """From differences between two settings, seed by seed, of at least two seeds each: both runs have noise."""
        freedom = sum(len(differences) - 1 for differences in pairs)
        squares = sum(statistics.variance(differences) * (len(differences) - 1) for differences in pairs)
        return cls(squares / freedom / 2, freedom)

    def excess(self, values: Sequence[float]) -> float:
        """The variance of values of one seed beyond the noise; 0 where noise alone gives as much once in twenty (the
        F test)."""
        from scipy.special import fdtri

        if len(values) < 2:
            return 0.0
        found = statistics.variance(values)
        is_more = found > self.variance * float(fdtri(len(values) - 1, self.freedom, 1 - LEFT_OUT))
        return (found - self.variance) * (len(values) - 1) / len(values) if is_more else 0.0


@cache
def student(freedom: int) -> float:
    """The quantile of Student's t for one of `CONTENDERS` two-sided intervals."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - LEFT_OUT / 2 / CONTENDERS))
