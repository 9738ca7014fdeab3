"""Rates, momentum and batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from equipoise.doctor import remedies
from equipoise.doctor.remedies.paths import put
from equipoise.doctor.suspects import (
    HIGHEST_BETA1,
    NETWORKS,
    TWO_SCALES,
    hold,
    less_apart,
    raised_still,
    rates_far_apart,
    slower,
)
from equipoise.doctor.symptom import Doubt
from equipoise.doctor.trace import Trace

HIGHEST_RATE: Final = 0.005
"""Of Adam in a game: twice the highest of StyleGAN2-ADA, 0.0025 (a guess)."""
USUAL_RATES: Final = "0.00001 to 0.0025"
"""From the notes on sprites to StyleGAN2-ADA (Karras et al. 2020, arXiv:2006.06676)."""
FEWEST_IN_A_BATCH: Final = 8
"""A hinge over few samples is 0 as soon as they are apart, and a batch says of variety what is in it; 8 is the least
that runs of the clinic learn with as well as with more (`benchmarks/clinic/cases.py`)."""
USUAL_BATCH: Final = 16
USUAL_BATCH_OF_POINTS: Final = 64
"""That of the recipe ``ring``: of points a larger batch costs next to nothing, and 16 are few for eight clusters."""
CALMER: Final = 0.1
"""Times a rate that is too high."""


def raised_rates(trace: Trace) -> Iterator[Doubt]:
    """Rates that were raised in the midst of the run, and are still as high."""
    for one in raised_still(trace):
        yield Doubt(one.said, ("exploding", "oscillation"), hold(trace, [one]), one.step)


def momentum(trace: Trace) -> Iterator[Doubt]:
    for network in ("g_optim", "d_optim"):
        beta = trace.settings.get(f"{network}.beta1")
        if isinstance(beta, int | float) and beta > HIGHEST_BETA1:
            said = f"{network}.beta1 is {beta:g}; in a game 0 is usual, and {HIGHEST_BETA1:g} the most"
            yield Doubt(said, ("oscillation",), remedies.less_momentum(trace.settings))
            return


def uneven_rates(trace: Trace) -> Iterator[Doubt]:
    rates = rates_far_apart(trace)
    if rates is not None:
        slow, fast = sorted(rates, key=rates.__getitem__)
        said = f"{NETWORKS[fast]} rate is {rates[fast] / rates[slow]:.3g} times the other's; {TWO_SCALES:g} is usual"
        brings = "critic-wins" if fast == "d" else "generator-wins"
        yield Doubt(said, (brings, "oscillation"), less_apart(trace, rates))


def high_rates(trace: Trace) -> Iterator[Doubt]:
    """Of recipes, which have Adam; those that were raised on the way are told apart."""
    raised = {one.network for one in raised_still(trace)}
    for network, whose in NETWORKS.items():
        rates = trace.get(f"lr_{network}")
        if not trace.settings or rates is None or network in raised or rates.values[-1] <= HIGHEST_RATE:
            continue
        said = f"{whose} rate is {rates.values[-1]:.3g}; {USUAL_RATES} are usual"
        wins = "critic-wins" if network == "d" else "generator-wins"
        yield Doubt(said, (wins, "oscillation"), slower(trace, network, CALMER))


def usual_batch(*, of_points: bool) -> int:
    return USUAL_BATCH_OF_POINTS if of_points else USUAL_BATCH


def small_batch(trace: Trace) -> Iterator[Doubt]:
    if trace.batch is not None and trace.batch < FEWEST_IN_A_BATCH and trace.settings:
        said = f"batch is {trace.batch}; so few samples say next to nothing of a distribution"
        usual = usual_batch(of_points=trace.of_points)
        larger = put(trace.settings, "batch", usual)
        remedy = replace(remedies.larger_batch(trace.settings), words=f"batches of {usual}", edits=larger)
        yield Doubt(said, ("oscillation",), remedy)
