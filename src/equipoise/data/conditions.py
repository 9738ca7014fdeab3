"""The data check's look at conditions: what they are, and whether a generator can learn to follow them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import Corpus
from equipoise.finding import Finding
from equipoise.space import Condition

Column = NDArray[np.float64]
"""One condition of all samples, in [0, 1]."""

HARDLY = 0.05
"""Standard deviation, as a share of the scale: 0.13 and 0.24 in ratings of arousal and valence (217 scenes of OASIS);
0.02 where a scale of 1 to 7 was declared as 0 to 100.  A guess between them."""
ALIKE = 0.95
"""Correlation at which one condition says nine tenths (0.95^2) of the other's variance.  A guess."""


def conditions(corpus: Corpus) -> Iterator[Finding]:
    """Nothing where samples have no conditions."""
    if corpus.conditions is None:
        return
    columns = [corpus.conditions[:, at].astype(np.float64) for at in range(len(corpus.space.conditions))]
    known = list(zip(corpus.space.conditions, columns, strict=True))
    for condition, column in known:
        yield _described(condition, column)
        yield from _hardly_varying(condition, column)
    varying = [(condition.name, column) for condition, column in known if column.std() > 0]
    for one, other in combinations(varying, 2):
        yield from _alike(*one, *other)


def _described(condition: Condition, column: Column) -> Finding:
    values = condition.low + (condition.high - condition.low) * column
    low, first, middle, third, high = (f"{value:.3g}" for value in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
    of = f"{condition.low:g} to {condition.high:g} {condition.unit}".rstrip()
    evidence = (f"mean {values.mean():.3g}", f"quartiles {first}, {middle}, {third}")
    return Finding(f"condition {condition.name} runs from {low} to {high}, of {of}", "note", evidence)


def _hardly_varying(condition: Condition, column: Column) -> Iterator[Finding]:
    if column.std() < HARDLY:
        advice = (
            "a generator cannot learn to follow what stays the same; leave it away, or see whether "
            f"source.conditions.{condition.name} is too wide a scale, or source.within too narrow a range"
        )
        evidence = (f"standard deviation {column.std():.1%} of its scale",)
        yield Finding(f"condition {condition.name} hardly varies", "warning", evidence, advice)


def _alike(one: str, column: Column, other: str, its: Column) -> Iterator[Finding]:
    correlation = float(np.corrcoef(column, its)[0, 1])
    if abs(correlation) > ALIKE:
        advice = "one of them says it all: they cannot be learned apart"
        evidence = (f"correlation {correlation:.3f}",)
        yield Finding(f"conditions {one} and {other} are nearly the same", "note", evidence, advice)
