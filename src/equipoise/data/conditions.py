"""The data check's look at conditions: what they are, and whether a generator can learn to follow them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import Corpus
from equipoise.finding import Finding, Severity
from equipoise.space import Condition

Column = NDArray[np.float64]
"""One condition of all samples, in [0, 1]."""

HARDLY = 0.05
"""Standard deviation, as a share of the scale: 0.13 and 0.24 in ratings of arousal and valence (217 scenes of OASIS);
0.02 where a scale of 1 to 7 was declared as 0 to 100.  A guess between them."""
FEWEST_PROBED, MOST_PROBED = 100, 2000
"""Samples: with fewer chance alone correlates by 0.17, with more a solution takes more than a second."""
PROBED_SIDE = 8
"""Patches a side whose means and spreads the probe sees.  On 217 scenes of OASIS it foretells valence with a
correlation of 0.27 and arousal with 0.31, shuffled ratings with 0.14 at most in 40 draws; with 4 or 16 a side alike."""
RIDGE = 1.0
"""Against features of variance 1, whose products are means over features; 10 makes no difference (OASIS)."""
PARTS = 5
CHANCE = 1.65
"""Standard errors, 1 / sqrt(n), which a correlation of unrelated numbers exceeds once in twenty."""
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
    yield from _unrelated(corpus, known)
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
        severity: Severity = "fault" if column.std() == 0 else "warning"
        yield Finding(f"condition {condition.name} hardly varies", severity, evidence, advice, misleads=True)


def _unrelated(corpus: Corpus, known: Sequence[tuple[Condition, Column]]) -> Iterator[Finding]:
    """Conditions that a linear probe of the pictures cannot foretell, as where rows belong to other pictures."""
    if len(corpus) < FEWEST_PROBED or min(corpus.samples.shape[2:]) < PROBED_SIDE:
        return
    chosen = np.linspace(0, len(corpus) - 1, min(len(corpus), MOST_PROBED)).round().astype(np.intp)
    products, chance = _products(corpus.samples[chosen]), CHANCE / math.sqrt(len(chosen))
    for condition, column in known:
        if column.std() < HARDLY:
            continue
        found = foretold(products, column[chosen])
        if found <= chance:
            evidence = (f"a linear probe foretells it with a correlation of {found:.2f}; chance reaches {chance:.2f}",)
            advice = "look whether each row of the table belongs to its picture: mixed-up rows look just so"
            title = f"condition {condition.name} has nothing to do with the pictures, as far as a probe can see"
            yield Finding(title, "warning", evidence, advice, misleads=True)


def foretold(products: NDArray[np.float64], column: Column) -> float:
    """Correlation of a condition with what ridge regression says of samples that it has not seen.

    `products` are those of the samples' features, [N, N].
    """
    order, said = np.random.default_rng(0).permutation(len(column)), np.zeros(len(column))
    for start in range(PARTS):
        asked, seen = order[start::PARTS], np.delete(order, np.s_[start::PARTS])
        inner = products[np.ix_(seen, seen)] + RIDGE * np.eye(len(seen))
        mean = column[seen].mean()
        said[asked] = mean + products[np.ix_(asked, seen)] @ np.linalg.solve(inner, column[seen] - mean)
    return float(np.corrcoef(said, column)[0, 1]) if said.std() > 0 else 0.0


def _products(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Of standardised features, means and spreads of patches, between samples [N, C, H, W]: [N, N]."""
    count, channels, *sides = samples.shape
    height, width = (side // PROBED_SIDE for side in sides)
    cut = samples[:, :, : height * PROBED_SIDE, : width * PROBED_SIDE]
    patches = cut.reshape(count, channels, PROBED_SIDE, height, PROBED_SIDE, width)
    parts = (patches.mean((3, 5), dtype=np.float64), patches.std((3, 5), dtype=np.float64))
    features = np.concatenate([part.reshape(count, -1) for part in parts], axis=1)
    varying = features[:, features.std(axis=0) > 0]
    unit = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    products: NDArray[np.float64] = unit @ unit.T / max(1, unit.shape[1])
    return products


def _alike(one: str, column: Column, other: str, its: Column) -> Iterator[Finding]:
    correlation = float(np.corrcoef(column, its)[0, 1])
    if abs(correlation) > ALIKE:
        advice = "one of them says it all: they cannot be learned apart"
        evidence = (f"correlation {correlation:.3f}",)
        yield Finding(f"conditions {one} and {other} are nearly the same", "note", evidence, advice)
