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


@cache
def student(freedom: int) -> float:
    """The quantile of Student's t for one of `CONTENDERS` two-sided intervals."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - LEFT_OUT / 2 / CONTENDERS))
