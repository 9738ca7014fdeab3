"""How good a run is by its scores, and whether that is better than it was."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from equipoise.journal import Measured

LAST_SCORES: Final = 3
"""Whose median stands for how good a run is: one lucky score is none."""
PLAINLY: Final = 0.5
"""Of a distance: a generator that is better by so much has learned something since (guess)."""
GAIN: Final = 0.05
"""Of the smallest distance before: less is noise, as in `equipoise.doctor.quality`."""
NOISY_SCORES: Final = 8
"""By which it is known how restless a run is (guess)."""
TO_STANDARD: Final = 1.4826 / math.sqrt(2)
"""Of the median absolute difference of two draws of a normal distribution, to its standard deviation."""
WITHIN_NOISE: Final = 2.0
"""Standard deviations; beyond them one in twenty is by chance."""
HIGHER_IS_BETTER: Final = frozenset({"psnr", "ssim"})


def as_distance(name: str, score: float) -> float:
    """A score as a number that falls to 0 where samples are better, of which a share means something.

    Of decibels it is the squared error as a share of the squared range: 3 dB are half of it, from wherever they are
    counted.  What is a distance already stays what it is.
    """
    if name == "psnr":
        return float(10.0 ** (-score / 10.0))
    return 1.0 - score if name == "ssim" else score


def median_score(scores: Sequence[Measured]) -> float | None:
    """Of the last scores by the measure that was taken last."""
    same = [score.value for score in scores if score.name == scores[-1].name]
    return statistics.median(same[-LAST_SCORES:]) if same else None


def still_improves(scores: Sequence[Measured]) -> bool:
    """Whether the median of the last scores is plainly better than any before them.

    Then nothing is to be gained by going back, whatever the losses look like.
    """
    same = _distances(scores)
    if len(same) <= LAST_SCORES:
        return False
    return _is_less_by(GAIN, statistics.median(same[-LAST_SCORES:]), min(same[:-LAST_SCORES]))


def is_better_by(share: float, score: float, other: float, name: str) -> bool:
    """By more than this share of the other, as distances."""
    return _is_less_by(share, as_distance(name, score), as_distance(name, other))


def _is_less_by(share: float, distance: float, other: float) -> bool:
    """The sign of the other may be either: an unbiased distance may be below 0."""
    return distance < other - share * abs(other)


def _distances(scores: Sequence[Measured]) -> list[float]:
    """By the measure that was taken last."""
    return [as_distance(score.name, score.value) for score in scores if score.name == scores[-1].name]


def is_as_good(scores: Sequence[Measured], other: float) -> bool:
    """Whether the median of the last scores is no worse than another, up to what is noise."""
    same = _distances(scores)
    if not same:
        return False
    now = statistics.median(same[-LAST_SCORES:])
    least = max(GAIN * abs(now), WITHIN_NOISE * (restlessness(same[-NOISY_SCORES:]) or 0.0))
    return now <= as_distance(scores[-1].name, other) + least


def restlessness(values: Sequence[float]) -> float | None:
    """Standard deviation from one score to the next; None where there are fewer than three."""
    steps = [abs(after - before) for before, after in pairwise(values)]
    return TO_STANDARD * statistics.median(steps) if len(steps) > 1 else None


def is_worse(score: float, other: float, name: str) -> bool:
    return as_distance(name, score) > as_distance(name, other)


def is_plainly_better(scores: Sequence[Measured], newest: int, before: int) -> bool:
    """By the measure that was taken last; nothing is known of a step that was not scored."""
    same = [score for score in scores if score.name == scores[-1].name]
    of_newest = [score.value for score in same if score.step == newest]
    until = [score.value for score in same if score.step <= before] or [score.value for score in same[:1]]
    if not of_newest or not until:
        return False
    return is_better_by(PLAINLY, of_newest[-1], until[-1], same[-1].name)
