"""Whether a generator does what it is asked for: the answers of `equipoise.measures.conditions`, put together.

How sure they are is told by random halves of the fakes, as in `equipoise.measures.reading`; the real samples and the
probe fitted to them stay the same, so that two generators are compared by the same ruler.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from equipoise.measures.conditions import FEWEST, Probe, appearance, probe, spread, trend_agreement
from equipoise.measures.reading import ROUNDS, Interval, student
from equipoise.measures.traits import FEWEST_PIXELS, traits
from equipoise.randomness import mix
from equipoise.space import Space
from equipoise.view import Conditions, Samples


@dataclass(frozen=True, slots=True)
class Answer:
    """A number of all fakes, and the same of random halves of them."""

    value: float
    of_halves: tuple[float, ...]

    @property
    def interval(self) -> Interval:
        reach = student(1) * statistics.stdev(self.of_halves)
        return Interval(self.value, self.value - reach, self.value + reach)


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What can be said of all conditions of a run."""

    probes: dict[str, Probe]
    """By condition."""
    spread: Answer
    """Share of the variance of fakes that lies between conditions; 0 when they change nothing."""
    trend: Answer
    """Agreement of the traits' trends with those of the data; 1 at best."""


def obeyed(
    real: Samples,
    known: Conditions,
    fake: Samples,
    asked: Conditions,
    grouped: Samples,
    groups: Conditions,
    space: Space,
    seed: int = 0,
) -> Obeyed | None:
    """What all answers say; None where there are too few real samples, or too small ones.

    `fake` [M, C, H, W] were asked for by `asked` [M, K], as real samples occur; `grouped` by `groups`, of which each
    row comes several times, with other latents.  The order of the reals must be a random one.
    """
    if len(real) < FEWEST or min(space.height, space.width) < FEWEST_PIXELS:
        return None
    of_real, of_fake, of_grouped = appearance(real, fake, grouped)
    halves = list(_halves(torch.zeros(len(fake)), mix(seed, "asked")))
    probes = probe(of_real, known, of_fake, asked, halves)
    _, numbers = torch.unique(groups, dim=0, return_inverse=True)
    return Obeyed(
        {item.name: found for item, found in zip(space.conditions, probes, strict=True)},
        Answer(
            spread(of_grouped, numbers),
            tuple(spread(of_grouped[half], numbers[half]) for half in _halves(numbers, mix(seed, "groups"))),
        ),
        _trend(traits(real), known, traits(fake), asked, halves),
    )


def _trend(real: Tensor, known: Conditions, fake: Tensor, asked: Conditions, halves: list[Tensor]) -> Answer:
    whole, *of_halves = [
        trend_agreement(known.double(), real.double(), asked[part].double(), fake[part].double())
        for part in (torch.arange(len(fake)), *halves)
    ]
    return Answer(whole, tuple(of_halves))


def _halves(groups: Tensor, seed: int) -> Iterator[Tensor]:
    """In each round, the places of a random half of each group; `groups` [N] are their numbers."""
    members = [torch.nonzero(groups == number)[:, 0] for number in groups.unique(sorted=True)]  # type: ignore[no-untyped-call]
    for turn in range(ROUNDS):
        source = torch.Generator().manual_seed(mix(seed, "halves", turn))
        yield torch.cat(
            [places[torch.randperm(len(places), generator=source)[: len(places) // 2]] for places in members]
        )
