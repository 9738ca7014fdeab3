"""The game between critic and generator: they chase each other in circles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import WARM_UP
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Series, Trace

ALTERNATING: Final = 0.6
"""Share of rows on the other side of the middle than the row before; 0.5 by chance (to be tuned)."""
SWINGING: Final = 1.0
"""Distance of the quartiles over their middle; of normal noise it is 1.35 times its deviation (to be tuned)."""
LEAST_MIDDLE: Final = 0.2
"""Of a blind critic's loss: below it any noise is large against the middle."""
LOW_AND_HIGH: Final = (0.2, 2.0)
"""Of a blind critic's loss (to be tuned)."""
FEWEST_PASSES: Final = 6
FEWEST_ROWS: Final = 50
"""Of fewer, chance alone alternates now and then."""


@dataclass(frozen=True, slots=True)
class Oscillation(Symptom):
    key: ClassVar[str] = "oscillation"
    title: ClassVar[str] = "critic and generator chase each other in circles"
    looks_like: ClassVar[str] = (
        "Both losses swing wildly, row by row or in waves; sheets change wholly from one to the next."
    )
    means: ClassVar[str] = (
        "Each answers to what the other was.  An unregularised game circles around its equilibrium for ever; high "
        "rates and momentum widen the circle."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "comes-and-goes": "there the samples themselves are good and bad in turns",
        "healthy": "noise around a steady median, however large the batch makes it, alternates no more than chance",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`d_loss`: its quartiles apart by more than {SWINGING:g} times their middle, with {ALTERNATING:.0%} of rows "
        f"on the other side of it than the row before, in the last window or the last {FEWEST_ROWS} rows",
        f"or it passes from below {LOW_AND_HIGH[0]:g} to above {LOW_AND_HIGH[1]:g} times a blind critic's loss and "
        f"back, {FEWEST_PASSES} times in the last two windows",
    )
    explained_by: ClassVar[tuple[str, ...]] = ("not-finite", "exploding")
    sources: ClassVar[tuple[str, ...]] = (
        "Mescheder et al. 2018, arXiv:1801.04406: R1 converges where the bare game circles",
        "notes on sprites: both losses oscillate wildly: rate too high or lambda too low",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        losses = trace.normalised
        if losses is None or trace.last_step < WARM_UP + trace.window:
            return ()
        return agreeing((_alternates(losses, trace.window), _circles(losses, trace.window)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.slower_both(settings),
            remedies.less_momentum(settings),
            remedies.bound_the_slope(settings),
            remedies.larger_batch(settings),
        )


def _alternates(losses: Series, window: float) -> Evidence | None:
    count = max(FEWEST_ROWS, len(losses.after(losses.steps[-1] - window)))
    if len(losses) < count:
        return None
    values = losses.values[-count:]
    low, high = np.quantile(values, (0.25, 0.75))
    middle = float(low + high) / 2
    turns = float(((values[1:] > middle) != (values[:-1] > middle)).mean())
    swing = float(high - low) / max(middle, LEAST_MIDDLE)
    if turns <= ALTERNATING or swing <= SWINGING:
        return None
    said = f"the critic's loss swings by {swing:.0%} of its middle, and turns in {turns:.0%} of rows; 50 % is chance"
    return Evidence("losses", said, "d_loss", float(losses.steps[-count]))


def _circles(losses: Series, window: float) -> Evidence | None:
    rows = losses.after(losses.steps[-1] - 2 * window)
    extremes = rows.values[(rows.values < LOW_AND_HIGH[0]) | (rows.values > LOW_AND_HIGH[1])] > LOW_AND_HIGH[1]
    passes = int((extremes[1:] != extremes[:-1]).sum())
    if passes < FEWEST_PASSES:
        return None
    said = f"the critic went from sure to worse than chance and back {passes} times in {2 * window:g} steps"
    return Evidence("losses", said, "d_loss", float(rows.steps[0]))
