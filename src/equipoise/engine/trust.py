"""Whether the score can be trusted to choose the best generator: a self-test of the measure, before the first step.

Real samples take the fakes' place.  Their score, the floor, must be a number, not negative beyond chance, and far below
the score of a generator that has learned nothing.  A measure that shipped as "8.23" after values of 8e51 and -3e68 is
why (the project's notes on public runs).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import nn

from equipoise.engine.score import DISTANCES, ONE_BY_ONE, Score, Scored
from equipoise.recipe import BestBy

FAR_BELOW = 0.5
"""Of the untrained generator's score: a floor above it leaves nothing to measure by."""
UNTRAINED = 128
"""Fakes of the untrained generator: it is so far away that few say enough."""
BEYOND_CHANCE = 3.0
"""Standard errors below zero that an unbiased distance of equal distributions may have."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the self-test of a measure has found."""

    doubts: tuple[str, ...]
    """Why it cannot be trusted."""
    checked: tuple[str, ...]
    """What was looked at, in words."""
    numbers: dict[str, float] = field(default_factory=dict)
    """``floor`` and ``untrained``, and ``untrained_NAME`` of other distances, as far as there are such."""


def trust(score: Score, average: nn.Module, device: torch.device, best_by: BestBy, *, is_untrained: bool) -> Trust:
    """The self-test.  `is_untrained` says whether the generator has learned nothing yet."""
    name = score.measure(best_by)
    if name in ONE_BY_ONE:
        return Trust((), (f"{name} compares each sample with one of its own, and needs no floor",))
    floor = score.floor(best_by)
    if floor is None:
        return Trust((), (f"there are too few real samples to test {name} by",))
    numbers = {"floor": floor.value}
    doubts = list(_of_floor(floor))
    if is_untrained and not doubts:
        first = score(average, device, best_by, UNTRAINED)
        numbers["untrained"] = untrained = first.value
        numbers |= {f"untrained_{each}": first.beside[each] for each in DISTANCES if each in first.beside}
        if floor.value >= FAR_BELOW * untrained:
            doubts.append(
                f"{name} says {floor.value:.4g} of real samples and {untrained:.4g} of an untrained generator: "
                "it can hardly tell them apart"
            )
    return Trust(tuple(doubts), (_in_words(name, numbers),), numbers)


def _of_floor(floor: Scored) -> list[str]:
    if not math.isfinite(floor.value):
        return [f"{floor.name} of real samples against real ones is {floor.value}"]
    if floor.value < -BEYOND_CHANCE * _error(floor):
        return [f"{floor.name} of real samples against real ones is {floor.value:.4g}, below zero beyond chance"]
    return []


def _error(floor: Scored) -> float:
    """Standard error by the choice of real samples; 0 for a distance that has none below zero."""
    return float(floor.shares.std()) / math.sqrt(len(floor.shares)) if floor.shares is not None else 0.0


def _in_words(name: str, numbers: dict[str, float]) -> str:
    untrained = f", {numbers['untrained']:.4g} of the untrained generator" if "untrained" in numbers else ""
    return f"{name}: {numbers['floor']:.4g} of other real samples{untrained}"
