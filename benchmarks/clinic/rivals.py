"""What else could be asked, each from a trace: the doctor, plain rules that are in use, and the two that know nothing.

The rules of others are in our own words and on the numbers that a GAN has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from equipoise.doctor.examining import examine
from equipoise.doctor.trace import Series, Trace


@dataclass(frozen=True)
class Answer:
    """What somebody says of a run."""

    alarm: bool
    causes: tuple[str, ...] = ()
    """Symptoms by key, the likeliest first; nobody but the doctor names any."""
    verdict: str = ""
    doubted: tuple[str, ...] = ()
    """Of the causes those that are named because of a setting alone."""


Doctor = Callable[[Trace], Answer]

WARM_UP: Final = 500.0
LOW_DN: Final = 0.05
PATIENCE: Final = 3
"""Evaluations without a better one; Lightning's default of `EarlyStopping`."""
EXPLODES: Final = 70.0
"""AutoTrainer's threshold of a gradient (Zhang et al. 2021, table 1)."""
VANISHES: Final = 1e-6
SWINGS, SWINGING_SHARE = 0.03, 0.4
"""AutoTrainer: changes of accuracy from one look to the next, and the share of looks with such in turns."""
SLOW: Final = 0.01
"""AutoTrainer: accuracy gained a look."""
SLOW_SHARE: Final = 0.8
LARGE_NORM: Final = 100.0
"""ganhacks, 10: "if they are over 100 things are screwing up"."""
SPIKY: Final = 1.0
"""Robust deviation over median of the critic's loss, for ganhacks' "huge variance and spiking"."""


def doctor(trace: Trace) -> Answer:
    """Ours.  A suspicion alone is no alarm, and a setting that often does harm comes after all that is seen."""
    found = examine(trace)
    seen = tuple(diagnosis.symptom.key for diagnosis in found.diagnoses)
    doubted = tuple(dict.fromkeys(key for doubt in found.doubts for key in doubt.brings if key not in seen))
    return Answer(found.verdict == "ill", (*seen, *doubted), found.verdict, doubted)


def suspicious(trace: Trace) -> Answer:
    """Ours, where a suspicion is an alarm."""
    found = examine(trace)
    return Answer(found.verdict in ("ill", "suspect"), tuple(one.symptom.key for one in found.diagnoses), found.verdict)


def always(trace: Trace) -> Answer:
    return Answer(True)


def never(trace: Trace) -> Answer:
    return Answer(False)


def nan_only(trace: Trace) -> Answer:
    """Something is not a number."""
    values = [trace.signals[name].values for name in ("d_loss", "g_loss") if name in trace.signals]
    ended = [fault for fault in trace.faults if "NaN" in fault or "infinite" in fault or "not finite" in fault]
    return Answer(bool(ended) or any(not np.isfinite(each).all() for each in values))


def dn_only(trace: Trace) -> Answer:
    """The critic's loss is below a twentieth of what it is where the critic is blind."""
    loss = trace.normalised
    return Answer(loss is not None and _stays(loss, trace.window, below=LOW_DN))


def early_stopping(trace: Trace) -> Answer:
    """The run's own measure has not become better for a while."""
    distance = trace.get("distance") or trace.get("fid")
    if distance is None or len(distance) <= PATIENCE:
        return Answer(False)
    return Answer(bool(distance.values[-PATIENCE:].min() >= distance.values[:-PATIENCE].min()))


def autotrainer(trace: Trace) -> Answer:
    """AutoTrainer's five problems (Zhang et al. 2021, "AutoTrainer: an automatic DNN training problem detection and
    repair system"): gradients that vanish or explode, units that die, loss that oscillates or hardly falls.

    Accuracy is 1 less the run's measure over its first value; a dead unit shows as an update that moves nothing.
    """
    norms = [series for name in ("grad_d", "grad_g") if (series := trace.get(name)) is not None]
    explodes = any(_stays(norm, trace.window, above=EXPLODES) for norm in norms) or nan_only(trace).alarm
    vanishes = any(_stays(norm, trace.window, below=VANISHES) for norm in norms)
    moves = [series for name in ("moved_d", "moved_g") if (series := trace.get(name)) is not None]
    dies = any(_stays(move, trace.window, below=VANISHES) for move in moves)
    distance = trace.get("distance") or trace.get("fid")
    if distance is None or len(distance) < 2 * PATIENCE or distance.values[0] <= 0:
        return Answer(explodes or vanishes or dies)
    gains = np.diff(1.0 - distance.values / distance.values[0])
    turns = (np.abs(gains[1:]) >= SWINGS) & (np.abs(gains[:-1]) >= SWINGS) & (gains[1:] * gains[:-1] < 0)
    is_slow = float((gains < SLOW).mean()) >= SLOW_SHARE
    return Answer(explodes or vanishes or dies or float(turns.mean()) >= SWINGING_SHARE or is_slow)


def ganhacks(trace: Trace) -> Answer:
    """Tip 10 of "How to train a GAN": the critic's loss goes to 0, gradients are over 100, the critic's loss spikes, or
    the generator's loss falls steadily."""
    loss, window = trace.get("d_loss"), trace.window
    zero = loss is not None and _stays(loss, window, below=1e-2, above=-1e-2)
    norms = [series for name in ("grad_d", "grad_g") if (series := trace.get(name)) is not None]
    large = any(_stays(norm, window, above=LARGE_NORM) for norm in norms)
    return Answer(zero or large or (loss is not None and _spikes(loss, window)) or _falls_steadily(trace))


def _spikes(loss: Series, window: float) -> bool:
    late = loss.after(max(WARM_UP, float(loss.steps[-1]) - window)).values
    if len(late) < PATIENCE:
        return False
    middle = float(np.median(late))
    return float(np.median(np.abs(late - middle))) > SPIKY * abs(middle)


def _falls_steadily(trace: Trace) -> bool:
    loss = trace.get("g_loss")
    late = loss.after(WARM_UP).smooth(trace.window) if loss is not None else None
    if late is None or len(late) < 2 * PATIENCE:
        return False
    return bool((np.diff(late.values[:: max(1, len(late) // 6)]) < 0).all())


def _stays(series: Series, window: float, below: float = math.inf, above: float = -math.inf) -> bool:
    """Whether its medians have lain there for a window, at the end, when the warm-up is over."""
    late = series.smooth(window).after(WARM_UP)
    return late.lasting((late.values < below) & (late.values > above), window) is not None


RIVALS: Final[Mapping[str, Doctor]] = {
    "doctor": doctor,
    "doctor, suspicions too": suspicious,
    "always": always,
    "never": never,
    "NaN only": nan_only,
    "Dn below 0.05": dn_only,
    "early stopping": early_stopping,
    "AutoTrainer-like": autotrainer,
    "ganhacks-like": ganhacks,
}
