"""Shares of runs with their intervals, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.959964
"""Of 95 %."""
DRAWS = 2000


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @classmethod
    def count(cls, marks: Iterable[bool]) -> Share:
        found = list(marks)
        return cls(sum(found), len(found))

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's of 95 % (Wilson 1927): right also near 0 and 1, and for few."""
        if not self.of:
            return math.nan, math.nan
        share, spread = self.value, Z * Z / self.of
        middle = (share + spread / 2) / (1 + spread)
        reach = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
        return middle - reach, middle + reach

    def __str__(self) -> str:
        if not self.of:
            return "no runs"
        low, high = self.interval
        return f"{self.value:.2f} ({low:.2f} to {high:.2f}; {self.hits} of {self.of})"


@dataclass(frozen=True)
class Detection:
    """Alarms against the truth, a run each."""

    recall: Share
    """Of ill runs, those with an alarm."""
    precision: Share
    """Of alarms, those in ill runs."""
    false_alarms: Share
    """Of healthy runs, those with an alarm."""

    @classmethod
    def of(cls, alarms_of_ill: Sequence[bool], alarms_of_well: Sequence[bool]) -> Detection:
        hits, wrong = sum(alarms_of_ill), sum(alarms_of_well)
        return cls(Share(hits, len(alarms_of_ill)), Share(hits, hits + wrong), Share(wrong, len(alarms_of_well)))

    @property
    def f1(self) -> float:
        hits, missed = self.recall.hits, self.recall.of - self.recall.hits
        wrong = self.false_alarms.hits
        return 2 * hits / (2 * hits + missed + wrong) if hits or missed or wrong else math.nan


def f1_interval(alarms_of_ill: Sequence[bool], alarms_of_well: Sequence[bool]) -> tuple[float, float]:
    """Of 95 %, by drawing the ill and the healthy runs anew (Efron 1979)."""
    source = np.random.Generator(np.random.PCG64(0))
    ill, well = np.asarray(alarms_of_ill, bool), np.asarray(alarms_of_well, bool)
    drawn = [
        Detection.of(source.choice(ill, len(ill)).tolist(), source.choice(well, len(well)).tolist()).f1
        for _ in range(DRAWS if len(ill) and len(well) else 0)
    ]
    if not drawn:
        return math.nan, math.nan
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """A median with its 95 % interval, by drawing anew."""
    if not values:
        return math.nan, math.nan, math.nan
    source, found = np.random.Generator(np.random.PCG64(0)), np.asarray(values, float)
    drawn = np.median(source.choice(found, (DRAWS, len(found))), axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(np.median(found)), float(low), float(high)


def macro_f1(answers: Sequence[tuple[str, frozenset[str], str]]) -> float:
    """Mean over what is wrong of how well it is told.  Each answer: the fault, the right causes, the first cause named.

    An answer counts for its fault where its cause is right, and against every fault else whose causes hold it.
    """
    faults = {fault: right for fault, right, _ in answers}
    scores = []
    for fault, right in faults.items():
        hits = sum(named in right for one, _, named in answers if one == fault)
        missed = sum(named not in right for one, _, named in answers if one == fault)
        wrong = sum(named in right and named not in others for one, others, named in answers if one != fault)
        scores.append(2 * hits / (2 * hits + missed + wrong))
    return float(np.mean(scores)) if scores else math.nan


@dataclass(frozen=True)
class Paired:
    """Two ways on the same cases: what only one of them achieved (McNemar 1947)."""

    ours: int
    theirs: int

    @classmethod
    def count(cls, ours: Sequence[bool], theirs: Sequence[bool]) -> Paired:
        """Case by case; both in the same order."""
        pairs = list(zip(ours, theirs, strict=True))
        return cls(sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))

    @property
    def p(self) -> float:
        """Two-sided and exact: how likely a difference this large is where there is none."""
        differing, rarer = self.ours + self.theirs, min(self.ours, self.theirs)
        tail = sum(math.comb(differing, count) for count in range(rarer + 1)) / 2.0**differing
        return min(1.0, 2.0 * tail)

    def __str__(self) -> str:
        return f"{self.ours} by ours alone, {self.theirs} by theirs alone, p {self.p:.2g}"
