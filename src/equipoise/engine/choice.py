"""Which generator of a run is its best."""

from __future__ import annotations

import math
from typing import Any, Final

from equipoise.doctor.scores import GAIN, is_better_by
from equipoise.engine.score import Scored


class Choice:
    """The last generator whose score is within one standard error of the best so far.

    Of many noisy scores the best is often that of an early accident (LAB.md), while a generator that has learned for
    longer has seen more of the data: where the scores cannot tell them apart, the later one is kept.  The rule is made
    after that of one standard error, which prefers the simpler model (Breiman et al. 1984, section 3.4.3); that the
    later one is preferred is our own.  The best stays the reference, so that many small steps for the worse do not
    add up.

    The error is that of the choice of real samples; that of the latents is left out, and they are the same for all.
    Scores without shares have no known error: of them the best is kept.  Scores by another `ruler`, as after a resume
    with more held out or by another measure, cannot be compared: the reference is then forgotten.
    """

    def __init__(self, ruler: str) -> None:
        self.ruler = ruler
        self._best: Scored | None = None

    def takes(self, found: Scored) -> bool:
        """Whether this generator, later than all before, is now the best."""
        if self._best is None or (excess := _worse_by(found, self._best)) <= 0.0:
            self._best = found
            return True
        return excess < _error(found, self._best)

    def snapshot(self) -> dict[str, Any] | None:
        best = self._best
        if best is None:
            return None
        return {"ruler": self.ruler, "name": best.name, "value": best.value, "shares": best.shares}

    def restore(self, snapshot: dict[str, Any] | None) -> None:
        if snapshot is None or snapshot["ruler"] != self.ruler:
            self._best = None
        else:
            self._best = Scored(snapshot["name"], snapshot["value"], shares=snapshot["shares"])


CLEARLY: Final = 2.0
"""Standard errors by which one score is plainly better than another: by chance that comes once in forty times."""


def is_clearly_better(one: Scored, other: Scored) -> bool:
    """Whether the difference is more than the noise of both; without a known error, more than is noise as a rule."""
    if one.shares is None or other.shares is None:
        return is_better_by(GAIN, one.value, other.value, one.name)
    return _worse_by(one, other) < -CLEARLY * _error(one, other)


def is_better(one: Scored, other: Scored) -> bool:
    return _worse_by(one, other) < 0.0


def _worse_by(one: Scored, other: Scored) -> float:
    return other.value - one.value if one.higher_is_better else one.value - other.value


def _error(one: Scored, other: Scored) -> float:
    """Standard error of the difference of two scores against the same real samples."""
    if one.shares is None or other.shares is None:
        return 0.0
    differences = one.shares - other.shares
    return float(differences.std()) / math.sqrt(len(differences))
