"""Numbers that are none, or that grow until they are none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE
from equipoise.doctor.symptom import PROOF, Evidence, Kind, Remedy, Symptom, agreeing
from equipoise.doctor.trace import OF_DATA, OF_MEASURE, OF_PLUMBING, Series, Trace

OF_THE_TRAINING: Final = (
    *("d_loss", "g_loss", "d_total", "g_total", "penalty", "slope", "kl", "score_real", "score_fake"),
    *("grad_d", "grad_g", "grad_at_output", "moved_d", "moved_g"),
)
"""Signals whose being no number means that a weight or an update is none."""
OF_SAMPLES: Final = "distance"
"""It is none where samples are: a generator that evaluates may be broken while its losses are well."""
NO_NUMBER: Final = re.compile(r"\b(nan|inf|infinite|not finite|non-finite|overflows?)\b", re.IGNORECASE)
"""In the words of the fault that ended a run."""
REFERENCE: Final = (500.0, 2000.0)
"""Steps in which a norm's own healthy value is learned once: a rolling reference would grow along (to be tuned)."""
GROWN: Final = 5.0
"""Times that value (to be tuned)."""
BLOWN_UP: Final = 10.0
"""Times the largest that the critic's loss had been early on (to be tuned)."""
LARGEST_PENALTY: Final = 1e3
"""Of an unweighted gradient penalty: a slope of 30 where 1 is asked for."""
DEAD_ROWS: Final = 10
"""In a row without any gradient: by chance there is always a little."""
JUMPS: Final = ("lr_g", "moved_g", "grad_g", "grad_d", "d_loss")
"""What may be seen of the update that killed them."""


@dataclass(frozen=True, slots=True)
class NotFinite(Symptom):
    key: ClassVar[str] = "not-finite"
    title: ClassVar[str] = "a number is not finite"
    looks_like: ClassVar[str] = (
        "A loss, a score or a norm is NaN or infinite.  All pictures turn black or grey at once."
    )
    means: ClassVar[str] = (
        "One update divided by nothing, overflowed, or got a bad sample.  Once it has reached the weights nothing that "
        "follows means anything."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "exploding": "there the numbers are large and still numbers: it is the warning before",
        "data-bug": "one sample that is not finite gives the same NaN each time it is drawn",
    }
    reads: ClassVar[tuple[str, ...]] = (
        "any loss, score or norm that is NaN or infinite, or `distance`, which is that of samples: a proof",
        "`not_finite` above 0: a warning, for such updates were left out",
        "the fault that ended the run, where it says so: a proof",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "notes on super-resolution: NaN batches are skipped",
        "public issues of StudioGAN and lightweight-gan",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        found = [_first_that_is_none(trace, name) for name in (*OF_THE_TRAINING, OF_SAMPLES)]
        return agreeing((*found, _left_out(trace), _ended_by_one(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.skip_the_batch(),
            remedies.clip(settings),
            remedies.slower_both(settings),
            *remedies.of_what_is_there(settings, remedies.finer_eps(settings)),
            remedies.look_at_data(),
        )


@dataclass(frozen=True, slots=True)
class Exploding(Symptom):
    key: ClassVar[str] = "exploding"
    title: ClassVar[str] = "gradients or the critic's loss have grown far beyond what they were, or have killed units"
    looks_like: ClassVar[str] = "Norms of gradients climb, the critic's loss leaves its scale, pictures become spots."
    means: ClassVar[str] = (
        "Rates are too high for the slope that the critic has by now, or its penalty is too weak, or multiplied by the "
        "interval at which it is computed.  One such update can leave units of the generator dead for good."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "a Wasserstein generator's loss drifts without meaning; its offset is free, and not read here",
        "oscillation": "there the numbers come back each time",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`grad_d` or `grad_g` above {GROWN:g} times its median between steps {REFERENCE[0]:g} and {REFERENCE[1]:g}, "
        "for a window",
        f"`d_loss`, in size, above {BLOWN_UP:g} times its largest before step {REFERENCE[1]:g}, for a window",
        f"`penalty` above {LARGEST_PENALTY:g}",
        f"`grad_g` exactly 0 in the last {DEAD_ROWS} rows where it was not before, while `grad_at_output` is not 0, "
        f"and one of {', '.join(f'`{name}`' for name in JUMPS)} {GROWN:g} times its median shortly before: a proof",
    )
    explained_by: ClassVar[tuple[str, ...]] = ("not-finite", "saturated-flip", "gamma-runaway", "kl-explosion")
    sources: ClassVar[tuple[str, ...]] = (
        "notes on sprites, section 4.4: lower both rates, raise lambda",
        "a public log with R1 32 times too strong: the interval multiplied twice",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing(
            (
                _grown(trace, "grad_d"),
                _grown(trace, "grad_g"),
                _loss_blew_up(trace),
                _penalty_is_huge(trace),
                died(trace),
            )
        )

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.slower_both(settings),
            remedies.less_momentum(settings),
            remedies.bound_the_slope(settings),
            remedies.clip(settings),
            remedies.larger_batch(settings),
        )


def _first_that_is_none(trace: Trace, name: str) -> Evidence | None:
    series = trace.signals.get(name)
    bad = np.flatnonzero(~np.isfinite(series.values)) if series is not None else np.empty(0, np.intp)
    if series is None or len(bad) == 0:
        return None
    onset = float(series.steps[bad[0]])
    said = f"{name} is {series.values[bad[0]]} at step {onset:g}, and in {len(bad)} of {len(series)} rows"
    kind: Kind = "samples" if name == OF_SAMPLES else "losses" if "loss" in name else "gradients"
    return Evidence(kind, said, name, onset, 1.0)


def _left_out(trace: Trace) -> Evidence | None:
    series = trace.get("not_finite")
    if series is None or series.values[-1] <= 0:
        return None
    onset = float(series.steps[series.values > 0][0])
    return Evidence("gradients", f"{series.values[-1]:g} updates were left out; 0 is well", "not_finite", onset)


def _ended_by_one(trace: Trace) -> Evidence | None:
    ends = [fault for fault in trace.faults if not fault.startswith((OF_DATA, OF_PLUMBING, OF_MEASURE))]
    said = next((end for end in ends if NO_NUMBER.search(end)), None)
    return Evidence("gradients", said, weight=1.0) if said is not None else None


def _grown(trace: Trace, name: str) -> Evidence | None:
    series = trace.get(name)
    reference = series.after(REFERENCE[0]).before(REFERENCE[1]).values if series is not None else ()
    if series is None or len(reference) == 0:
        return None
    usual = float(np.median(reference))
    late = series.smooth(trace.window).after(REFERENCE[1])
    onset = late.lasting(late.values > GROWN * usual, trace.window)
    if onset is None:
        return None
    said = f"{name} is {late.values[-1]:.3g}; early on it was {usual:.3g}, and up to {GROWN:g} times that is well"
    return Evidence("gradients", said, name, onset)


def _loss_blew_up(trace: Trace) -> Evidence | None:
    losses = trace.get("d_loss")
    if losses is None or trace.last_step < REFERENCE[1]:
        return None
    smooth = losses.smooth(trace.window)
    early = Series(smooth.steps, np.abs(smooth.values)).before(REFERENCE[1])
    late = smooth.after(REFERENCE[1])
    if len(early) == 0:
        return None
    largest = max(float(early.values.max()), trace.game.blind if trace.game is not None else 0.0)
    onset = late.lasting(np.abs(late.values) > BLOWN_UP * largest, trace.window)
    if onset is None:
        return None
    said = f"the critic's loss is {late.values[-1]:.3g}; early on it was {largest:.3g} at most"
    return Evidence("losses", said, "d_loss", onset, MODERATE)


def _penalty_is_huge(trace: Trace) -> Evidence | None:
    series = trace.get("penalty")
    if series is None or series.values[-1] <= LARGEST_PENALTY:
        return None
    onset = series.lasting(series.values > LARGEST_PENALTY, 0.0)
    return Evidence("gradients", f"the penalty is {series.values[-1]:.3g}; up to 1000 is well", "penalty", onset)


def died(trace: Trace) -> Evidence | None:
    """A generator through which nothing goes back since something jumped, though its samples still get a gradient."""
    own, given = trace.get("grad_g"), trace.get("grad_at_output")
    if own is None or given is None or len(own) < DEAD_ROWS or own.values[-DEAD_ROWS:].any() or not own.values.any():
        return None
    onset = own.lasting(own.values == 0, 0.0)
    after = given.after(onset) if onset is not None else None
    jumped = next((name for name in JUMPS if onset is not None and _jumped(trace, name, onset)), None)
    if after is None or not len(after) or not after.values.all() or jumped is None:
        return None
    said = (
        f"grad_g is 0 in {DEAD_ROWS} rows, since {jumped} jumped, though samples get a gradient of "
        f"{after.values[-1]:.3g}: units are dead"
    )
    return Evidence("gradients", said, "grad_g", onset, PROOF)


def _jumped(trace: Trace, name: str, onset: float) -> bool:
    """Whether it was many times what it had been, shortly before a step or at it."""
    series = trace.get(name)
    if series is None:
        return False
    sizes = Series(series.steps, np.abs(series.values))
    usual = sizes.before(onset - trace.window).values
    lately = sizes.after(onset - trace.window)
    lately = lately.before(float(np.nextafter(onset, np.inf)))
    return len(usual) > 0 and len(lately) > 0 and bool(lately.values.max() > GROWN * np.median(usual))
