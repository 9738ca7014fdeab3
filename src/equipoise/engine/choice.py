"""Which generator of a run is its best."""

from __future__ import annotations

import math
from typing import Any

from equipoise.engine.score import Scored


class Choice:
    """The last generator whose score is within one standard error of the lowest so far.

    Of many noisy scores the lowest is often that of an early accident (LAB.md), while a generator that has learned for
    longer has seen more of the data: where the scores cannot tell them apart, the later one is kept.  The rule is made
    after that of one standard error, which prefers the simpler model (Breiman et al. 1984, section 3.4.3); that the
    later one is preferred is our own.  The lowest stays the reference, so that many small steps for the worse do not
    add up.

    The error is that of the choice of real samples; that of the latents is left out, and they are the same for all.
    Scores without shares have no known error: of them the lowest is kept.  Scores by another `ruler`, as after a resume
    with more held out or by another measure, cannot be compared: the reference is then forgotten.
    """

    def __init__(self, ruler: str) -> None:
        self._ruler = ruler
        self._lowest: Scored | None = None

    def takes(self, found: Scored) -> bool:
        """Whether this generator, later than all before, is now the best."""
        if self._lowest is None or found.value <= self._lowest.value:
            self._lowest = found
            return True
        return found.value - self._lowest.value < _error(found, self._lowest)

    def snapshot(self) -> dict[str, Any] | None:
        lowest = self._lowest
        if lowest is None:
            return None
        return {"ruler": self._ruler, "name": lowest.name, "value": lowest.value, "shares": lowest.shares}

    def restore(self, snapshot: dict[str, Any] | None) -> None:
        if snapshot is None or snapshot["ruler"] != self._ruler:
            self._lowest = None
        else:
            self._lowest = Scored(snapshot["name"], snapshot["value"], shares=snapshot["shares"])


def _error(one: Scored, other: Scored) -> float:
    """Standard error of the difference of two scores against the same real samples."""
    if one.shares is None or other.shares is None:
        return 0.0
    differences = one.shares - other.shares
    return float(differences.std()) / math.sqrt(len(differences))
