"""Made-up traces: a run in which all is well, and changes to it.  The noise has a fixed seed.

A signal of the training has a row every 20 of 5000 steps; a number is its level, a list is spread over the run and
joined by straight lines.  A signal of samples has one value for each number of its list, the last at the last step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from equipoise.doctor.game import GAMES, Game
from equipoise.doctor.trace import Series, Trace
from equipoise.spec import Json

LAST, EVERY = 5000.0, 20.0
ROWS = np.arange(0.0, LAST + 1, EVERY)
NOISE = 0.05
Level = float | Sequence[float]

LEARNING = (20.0, 9.0, 5.0, 4.0, 3.2, 2.8, 2.6, 2.4, 2.3, 2.3, 2.2)
"""A distance that comes down towards a floor of 2."""
FLOORS = {"distance": 2.0, "obeyed": 0.8}


def rows(level: Level, noise: float = NOISE, last: float = LAST) -> Series:
    """A signal of the training."""
    steps = ROWS[last >= ROWS]
    levels = np.interp(steps, np.linspace(0.0, last, np.size(level)), np.atleast_1d(level))
    return Series.of(steps, levels * (1 + noise * np.random.default_rng(0).standard_normal(len(steps))))


def alternating(low: float, high: float, run: int = 1) -> Series:
    """A signal that is low for so many rows, then high for as many, and so on."""
    return Series.of(ROWS, np.where(np.arange(len(ROWS)) // run % 2 == 0, low, high))


def scores(*values: float) -> Series:
    """A signal of samples."""
    return Series.of(np.linspace(0.0, LAST, len(values)), values)


def well(game: str | Game | None = "bce", settings: Mapping[str, Json] | None = None, **signals: Series) -> Trace:
    """A run in which all is well, but for the signals given.  Its losses are those of cross-entropy."""
    healthy = {
        "d_loss": rows(1.1),
        "g_loss": rows(1.3),
        "grad_d": rows(1.0),
        "grad_g": rows(0.5),
        "distance": scores(*LEARNING),
        "recall": scores(0.0, 0.2, 0.4, 0.5, 0.55, 0.5, 0.6, 0.58, 0.57, 0.6, 0.59),
        "diversity": scores(0.1, 0.5, *[0.9] * 9),
    }
    played = GAMES[game] if isinstance(game, str) else game
    return Trace({**healthy, **signals}, played, settings or {}, FLOORS)


def played(game: str, d_loss: Level, g_loss: Level, noise: float = NOISE, **signals: Series) -> Trace:
    """A healthy run of another game."""
    return well(game, d_loss=rows(d_loss, noise), g_loss=rows(g_loss, noise), **signals)


def faulty(*faults: str) -> Trace:
    """A run that says itself what is wrong."""
    return replace(well(), faults=faults)
