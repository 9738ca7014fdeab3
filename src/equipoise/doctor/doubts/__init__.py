"""Settings that often do harm, as they are while a run trains: told beside whatever is seen, and never as an alarm.

Some faults leave no trace of their own: samples are a little worse than they could be, and nobody knows how good they
could be.  Momentum is such a one, or two latents.  Then the settings are all there is to go by.  Most of these are
`equipoise.doctor.lint`'s, which has the whole recipe before the first step; here there is what a trace knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from equipoise.doctor.doubts.critic import (
    heavy_penalty,
    light_penalty,
    loud_noise,
    near_labels,
    saturating,
    unbounded,
    uneven_sizes,
)
from equipoise.doctor.doubts.rates import high_rates, momentum, raised_rates, small_batch, uneven_rates
from equipoise.doctor.doubts.samples import classes_around_zero, drowned_norms, few_latents, few_samples, hard_classes
from equipoise.doctor.suspects import NETWORKS, is_told, rates_far_apart
from equipoise.doctor.symptom import Doubt
from equipoise.doctor.trace import Trace

ASKED: Final[tuple[Callable[[Trace], Iterator[Doubt]], ...]] = (
    raised_rates,
    momentum,
    uneven_rates,
    high_rates,
    saturating,
    heavy_penalty,
    light_penalty,
    few_latents,
    unbounded,
    uneven_sizes,
    small_batch,
    near_labels,
    loud_noise,
    drowned_norms,
    hard_classes,
    classes_around_zero,
    few_samples,
)
"""In the order in which they are told, and tried: augmentation that adapts does nothing at first, so it comes last."""


def doubts(trace: Trace) -> tuple[Doubt, ...]:
    """Of a run in whose phase a game is played, and in which nothing tells the generator what to make.

    Of several that one change would undo, the first.
    """
    if not _is_game(trace):
        return ()
    found: list[Doubt] = []
    for ask in ASKED:
        for doubt in ask(trace):
            if not doubt.remedy.edits or all(doubt.remedy.edits != one.remedy.edits for one in found):
                found.append(doubt)
    return tuple(found)


def too_fast(trace: Trace) -> frozenset[str]:
    """Networks whose rates are not to be raised: all where one was raised or is high, else the far faster one."""
    if not _is_game(trace):
        return frozenset()
    if any(True for ask in (raised_rates, high_rates) for _ in ask(trace)):
        return frozenset(NETWORKS)
    rates = rates_far_apart(trace)
    return frozenset({max(rates, key=rates.__getitem__)}) if rates is not None else frozenset()


def _is_game(trace: Trace) -> bool:
    return trace.game is not None and not is_told(trace)
