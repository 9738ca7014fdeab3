"""Which generator of a run is its best."""

from __future__ import annotations

import math
from typing import Any

from equipoise.engine.score import Scored


class Choice:
    """The last generator whose score is within one standard error of the lowest so far.

    Of many noisy scores the lowest is often that of an early accident (LAB.md), while a generator that has learned for
    longer has seen more of the data: where the scores cannot tell them apart, the later one is kept.  It is the rule of
    one standard error (Breiman et al. 1984, section 3.4.3).  The lowest stays the reference, so that many small steps
    for the worse do not add up.  Scores without shares have no known error: of them the lowest is kept.
    """

    def __init__(self) -> None:
        self._lowest: Scored | None = None

    def takes(self, found: Scored) -> bool:
        """Whether this generator, later than all before, is now the best."""
        if self._lowest is None or found.value <= self._lowest.value:
            self._lowest = found
            return True
        return found.value - self._lowest.value < _error(found, self._lowest)

    def snapshot(self) -> dict[str, Any] | None:
        lowest = self._lowest
        return None if lowest is None else {"name": lowest.name, "value": lowest.value, "shares": lowest.shares}

    def restore(self, snapshot: dict[str, Any] | None) -> None:
        self._lowest = None if snapshot is None else Scored(**snapshot)


def _error(one: Scored, other: Scored) -> float:
    """Standard error of the difference of two scores against the same real samples."""
    if one.shares is None or other.shares is None:
        return 0.0
    differences = one.shares - other.shares
    return float(differences.std()) / math.sqrt(len(differences))
