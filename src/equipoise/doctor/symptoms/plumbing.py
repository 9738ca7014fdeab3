"""Bugs that look like a GAN's failure: of the data, the program, the measure; and a device that waits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE, WEAK, Limit
from equipoise.doctor.suspects import is_told
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.symptoms.lead import AT_A_CLIP, CLIPS
from equipoise.doctor.symptoms.numbers import died
from equipoise.doctor.symptoms.wgan import is_flat
from equipoise.doctor.trace import OF_DATA, OF_DATA_MAYBE, OF_MEASURE, OF_PLUMBING, Floats, Series, Trace

ROWS: Final = 10
DIGITS: Final = 6
"""A loss over other samples and other weights never agrees with itself to so many."""
FEWEST_DIGITS: Final = 4
"""A loss that is printed as 0.69 in every row may move all the same."""
OF_LOSSES: Final = frozenset({"d_loss", "g_loss", "d_total", "g_total"})
LOOKED_AT: Final = 1000
"""Rows by which it is told with how many digits losses were printed."""
MOST_PLACES, EXACT = 10, 1e-9
"""More decimals than any program prints, and the relative error of a number that was read from text."""
WRITTEN_WHOLE: Final = 7
"""Decimals that no program prints by a format, whose longest by default has six: a number that has so many was written
down as it is, and a 0 beside it is exact."""
RATES: Final = ("lr_d", "lr_g")
MOVES: Final = ("moved_d", "moved_g", "grad_g")
ENORMOUS: Final = 100.0
"""Times a blind critic's loss."""
NEAR_FLOOR: Final = 0.05
"""Of a blind critic's loss: at its end of the scale a loss may stand still."""
LARGEST_FID: Final = 1e4
RESOLVES: Final = 0.5
"""Of the first value of a measure: a floor above it cannot tell even an untrained generator's samples from the data."""
STARVED: Final = Limit("waiting", 0.3, kind="data", weight=WEAK)
"""To be tuned."""


@dataclass(frozen=True, slots=True)
class DataBug(Symptom):
    key: ClassVar[str] = "data-bug"
    title: ClassVar[str] = "the data are not what they should be"
    looks_like: ClassVar[str] = "Anything: a run on noise, on constant or misaligned samples fails like any other."
    means: ClassVar[str] = "The program shows the critic something else than the data that a person looked at."
    confused_with: ClassVar[Mapping[str, str]] = {"not-learning": "what it looks like from outside"}
    reads: ClassVar[tuple[str, ...]] = (
        "what the run's own check of the data said must not be trained on (see `equipoise check`): a proof",
        "what it said may mislead, such as more than 5 % of copies: a suspicion",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "notes on super-resolution: trained on torch.randn for want of a file",
        "notes on terrain: vegetation codes 254 and 255 left in",
    )
    stops_others: ClassVar[bool] = True

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return (*_said_by_itself(trace, OF_DATA), *_said_by_itself(trace, OF_DATA_MAYBE, MODERATE))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (remedies.look_at_data(),)


@dataclass(frozen=True, slots=True)
class PlumbingBug(Symptom):
    key: ClassVar[str] = "plumbing-bug"
    title: ClassVar[str] = "something that should learn does not move"
    looks_like: ClassVar[str] = "A loss that is the same to all digits for many rows; pictures that never change."
    means: ClassVar[str] = (
        "A rate is 0, a graph is detached, an optimiser holds other weights, or the same data come each time: settings "
        "are not what they say.  A loss that is constant over different noise says the same."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "critic-wins": "a critic's loss that stands still at 0 is one that has won",
        "saturated-flip": "a loss that stands still at 100 or 16 is cut off there",
        "dead-critic": "a Wasserstein loss that stands still with a slope of 0",
        "exploding": "where the critic's loss is thousands, all gradients of the generator may be exactly 0; so "
        "they are where its units have died",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`d_loss` or `g_loss` equal to {DIGITS} digits, or to as many as were printed, at least {FEWEST_DIGITS}, over "
        f"the last {ROWS} rows, away from the ends of its scale: a proof",
        f"`lr_d`, `lr_g`, `moved_d`, `moved_g` or `grad_g` exactly 0 in all of the last {ROWS} rows: a proof, "
        "unless a schedule has brought the rate to 0, or they moved before, get no gradient now, and the critic has "
        f"won or the generator's units have died; nothing of a log whose numbers have fewer than {WRITTEN_WHOLE} "
        "decimals, where a small one is printed as 0",
        "what the run's own trial step said: a proof",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "notes on super-resolution: loss 0.7979 for 20 epochs, weights not updated, noise for data",
        "a public post-mortem: a configuration that was never applied",
    )
    stops_others: ClassVar[bool] = True

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        is_sound = not _has_exploded(trace)
        still = [_stands_still(trace, name) for name in ("d_loss", "g_loss") if is_sound]
        moves = [name for name in MOVES if is_sound and not _came_to_rest(trace, name)]
        zero = [_is_zero(trace, name) for name in (*RATES, *moves) if not _has_ended(trace, name)]
        return (*_said_by_itself(trace, OF_PLUMBING), *agreeing((*still, *zero)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (remedies.look_at_plumbing(), remedies.look_at_data())


@dataclass(frozen=True, slots=True)
class InvalidMeasure(Symptom):
    key: ClassVar[str] = "invalid-measure"
    title: ClassVar[str] = "the measure of samples cannot be trusted"
    looks_like: ClassVar[str] = "An FID that is negative, enormous or not a number, or that real samples fail too."
    means: ClassVar[str] = (
        "Too few samples for its covariance, wrong input range, or features that see nothing of these data."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "not-finite": "where the run's own numbers are not finite, the measure cannot be either",
        "healthy": "an unbiased kernel distance may be slightly negative near its floor",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`fid` below 0, above {LARGEST_FID:g} or not finite while the losses are: a proof",
        f"the floor of `distance` above {RESOLVES:g} of its value before the first step: a proof",
        "what the run's own test of its measure said: a proof",
    )
    sources: ClassVar[tuple[str, ...]] = ("a public sprite GAN whose FID of 8.2e51 was shipped as 8.23",)
    stops_others: ClassVar[bool] = True

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return (*_said_by_itself(trace, OF_MEASURE), *agreeing((_impossible(trace), _blunt(trace))))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (remedies.other_measure(),)


@dataclass(frozen=True, slots=True)
class Starved(Symptom):
    key: ClassVar[str] = "starved"
    title: ClassVar[str] = "the device waits for data"
    looks_like: ClassVar[str] = "Nothing in the pictures; the run takes longer than it should."
    means: ClassVar[str] = (
        "Reading and decoding take longer than the step: too few workers, or workers begun anew each epoch."
    )
    confused_with: ClassVar[Mapping[str, str]] = {"healthy": "the first epoch waits while data are decoded once"}
    reads: ClassVar[tuple[str, ...]] = (STARVED.words,)
    sources: ClassVar[tuple[str, ...]] = ("notes on terrain: num_workers too low or too high, both starve",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((STARVED.seen(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (remedies.more_workers(),)


def _said_by_itself(trace: Trace, prefix: str, weight: float = 1.0) -> tuple[Evidence, ...]:
    said = [fault.removeprefix(prefix).strip() for fault in trace.faults if fault.startswith(prefix)]
    return tuple(Evidence("data", one, weight=weight) for one in said)


def _stands_still(trace: Trace, name: str) -> Evidence | None:
    series = trace.get(name)
    if series is None or len(series) < ROWS:
        return None
    value = float(series.values[-1])
    onset = series.lasting(np.abs(series.values - value) <= 10.0**-DIGITS * abs(value), 0.0)
    rows = len(series.after(onset)) if onset is not None else 0
    if rows < ROWS or value == 0:
        return None
    digits = min(DIGITS, _digits(trace, value))
    if digits < FEWEST_DIGITS or _critic_is_at_an_end(trace) or is_flat(trace):
        return None
    said = (
        f"{name} has been {value:.6g} to {digits} digits over {rows} rows; it differs from row to row where all is well"
    )
    return Evidence("losses", said, name, onset, 1.0)


def _digits(trace: Trace, value: float) -> int:
    """How many digits of a loss are known: as many as the program printed, told by all losses together."""
    losses = [series.finite.values for name, series in trace.signals.items() if name in OF_LOSSES]
    places = max((_places(values) for values in losses if len(values)), default=DIGITS)
    return max(0, places + 1 + math.floor(math.log10(abs(value)))) if value else 0


def _places(values: Floats) -> int:
    """Decimals behind the point with which all of them can be written, at most `MOST_PLACES`."""
    some = values[-LOOKED_AT:]
    return next(
        (at for at in range(MOST_PLACES) if np.allclose(some, some.round(at), rtol=EXACT, atol=0.0)), MOST_PLACES
    )


def _critic_is_at_an_end(trace: Trace) -> bool:
    """Whether the critic's loss is at its floor or cut off, where both losses may stand still."""
    losses, normalised = trace.get("d_loss"), trace.normalised
    if losses is None:
        return False
    cut_off = (np.abs(losses.values[-1] / np.asarray(CLIPS) - 1) < AT_A_CLIP).any()
    return (
        bool(cut_off) or (normalised is not None and abs(normalised.values[-1]) < NEAR_FLOOR) or losses.values[-1] == 0
    )


def _has_exploded(trace: Trace) -> bool:
    """Whether scores are so large that a gradient of exactly 0 is no wonder."""
    losses = trace.normalised
    return losses is not None and bool(np.median(losses.values[-ROWS:]) > ENORMOUS)


def _came_to_rest(trace: Trace, name: str) -> bool:
    """Whether what stands still learned before and gets no gradient now, for a reason: a critic that has won leaves
    none, and units die."""
    own = trace.get(f"grad_{name[-1]}")
    if own is None or not own.values.any() or own.values[-ROWS:].any():
        return False
    return _critic_is_at_an_end(trace) or (name != "moved_d" and died(trace) is not None)


def _has_ended(trace: Trace, name: str) -> bool:
    """Whether the rate of its network was above 0 before: a schedule may bring it there, and then nothing moves."""
    rate = trace.get(f"lr_{name[-1]}")
    return rate is not None and bool(rate.values.any()) and not rate.values[-ROWS:].any()


def _is_zero(trace: Trace, name: str) -> Evidence | None:
    series = trace.get(name)
    if series is None or len(series) < ROWS or series.values[-ROWS:].any() or not _zero_is_exact(trace, series):
        return None
    return Evidence("gradients", f"{name} is 0 in {ROWS} rows", name, series.lasting(series.values == 0, 0.0), 1.0)


def _zero_is_exact(trace: Trace, series: Series) -> bool:
    """Whether its numbers were written down as they are: by a run of ours, else as far as they tell, or losses do."""
    if trace.settings or series.values.any():
        return bool(trace.settings) or _places(series.values) >= WRITTEN_WHOLE
    losses = [one.finite.values for name, one in trace.signals.items() if name in OF_LOSSES]
    return max((_places(values) for values in losses if len(values)), default=0) >= WRITTEN_WHOLE


def _impossible(trace: Trace) -> Evidence | None:
    whole, losses = trace.signals.get("fid"), trace.signals.get("d_loss")
    if whole is None or not len(whole) or (losses is not None and not np.isfinite(losses.values).all()):
        return None
    last = float(whole.values[-1])
    if 0 <= last <= LARGEST_FID:
        return None
    return Evidence("data", f"FID is {last:.3g}; it can be from 0 to some hundred", "fid", float(whole.steps[-1]), 1.0)


def _blunt(trace: Trace) -> Evidence | None:
    """A later first measuring says nothing: a generator that is good by then is near the floor, and should be.

    One that is told what to make, such as a picture that it is to enlarge, is near from the beginning.
    """
    series, floor = trace.get("distance"), trace.floors.get("distance")
    if series is None or floor is None or is_told(trace):
        return None
    first = trace.untrained.get("distance") if series.steps[0] > 0 else float(series.values[0])
    if first is None or not 0 < first * RESOLVES < floor:
        return None
    said = f"real samples are {floor:.3g} from the data, an untrained generator's {first:.3g}"
    return Evidence("data", said, "distance", None, 1.0)
