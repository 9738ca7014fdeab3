"""Whether a generator does what it is asked for: the answers of `equipoise.measures.conditions`, put together."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from equipoise.measures.conditions import FEWEST, Probe, appearance, probe, spread, trend_agreement
from equipoise.measures.traits import FEWEST_PIXELS, traits
from equipoise.space import Space
from equipoise.view import Conditions, Samples


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What can be said of all conditions of a run."""

    probes: dict[str, Probe]
    """By condition."""
    spread: float
    """Share of the variance of fakes that lies between conditions; 0 when they change nothing."""
    trend: float
    """Agreement of the traits' trends with those of the data; 1 at best."""


def obeyed(
    real: Samples,
    known: Conditions,
    fake: Samples,
    asked: Conditions,
    grouped: Samples,
    groups: Conditions,
    space: Space,
) -> Obeyed | None:
    """What all answers say; None where there are too few real samples, or too small ones.

    `fake` [M, C, H, W] were asked for by `asked` [M, K], as real samples occur; `grouped` by `groups`, of which each
    row comes several times, with other latents.  The order of the reals must be a random one.
    """
    if len(real) < FEWEST or min(space.height, space.width) < FEWEST_PIXELS:
        return None
    of_real, of_fake, of_grouped = appearance(real, fake, grouped)
    probes = probe(of_real, known, of_fake, asked)
    _, numbers = torch.unique(groups, dim=0, return_inverse=True)
    return Obeyed(
        {item.name: found for item, found in zip(space.conditions, probes, strict=True)},
        spread(of_grouped, numbers),
        trend_agreement(known.double(), traits(real).double(), asked.double(), traits(fake).double()),
    )
