"""How far a run has come: never anywhere, no farther, or back again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE, WARM_UP
from equipoise.doctor.quality import (
    ARRIVED,
    CLOSE_FID,
    EARLY,
    NEARER,
    at_first,
    best_so_far,
    points_have_arrived,
    samples_improve,
)
from equipoise.doctor.symptom import PROOF, Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Series, Trace

WORSE: Final = 1.5
"""Times the best, in three evaluations: it has collapsed (SG2-ADA and BigGAN logs)."""
A_LITTLE_WORSE: Final = 1.2
"""Times the best, in three evaluations: a warning.  FID goes up by 10 to 20 % for one in healthy runs."""
IN_A_ROW: Final = 3
LEAST_SHARE: Final = 0.02
"""Of the first distance: below it differences are noise."""
LEAST_GAIN: Final = 0.05
"""Of the distance, over the last part of the run."""
LAST_PART: Final = 0.3
"""Of the run (to be tuned)."""
FAR: Final = 3.0
"""Times the floor: there is something left to learn."""
FEWEST: Final = 6
"""Evaluations."""
LONG: Final = 2000.0
"""Steps after which something should be."""
LEAST_PSNR: Final = 10.0
"""dB.  Notes on super-resolution: above 10 after five epochs, or the long run is not worth starting."""
LEAST_RISE: Final = 0.5
"""dB; notes: 0.5 to 1 an epoch is normal."""
NOISE: Final = 1.5
"""Times the floor: below it differences are chance (the clinic's healthy runs on points)."""
NOISE_OF_POINTS: Final = 4.0
"""The same of samples of a few numbers: theirs is so small that floors of one kind of run differ by 2.5 from seed to
seed (the clinic's healthy runs)."""
FAR_WORSE: Final = 3.0
"""Times the best: nothing excuses it (to be tuned)."""
GAINED: Final = 0.1
"""Of recall: more than chance (to be tuned)."""
AHEAD: Final = 1.5
"""Times the raw generator's distance (to be tuned)."""


@dataclass(frozen=True, slots=True)
class LateCollapse(Symptom):
    key: ClassVar[str] = "late-collapse"
    title: ClassVar[str] = "samples were good and have become worse"
    looks_like: ClassVar[str] = (
        "The measure falls, rests, and climbs; sheets of the middle of the run are better than the last."
    )
    means: ClassVar[str] = (
        "The game has left the region where it was balanced: the critic overfits, or rates are too high for that late."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "one evaluation that is up to 20 % worse is noise",
        "comes-and-goes": "there it recovers in turns",
        "total-collapse": "it says what the samples became",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`distance` or `fid` above {A_LITTLE_WORSE:g} times its best in {IN_A_ROW} evaluations: a warning; above "
        f"{WORSE:g} times a proof, unless `recall` is higher by {GAINED:g} than it was before; "
        f"above {FAR_WORSE:g} times always",
        f"a best below {NOISE:g} times its floor, of points {NOISE_OF_POINTS:g} times, counts as that",
        f"of points, whose `kernel` sees clusters, nothing below {ARRIVED:g} of the untrained generator's",
    )
    explained_by: ClassVar[tuple[str, ...]] = (
        *("total-collapse", "partial-collapse", "comes-and-goes", "overfitting", "not-finite", "exploding"),
        *("critic-wins", "saturated-flip", "dark-retreat", "flat", "gamma-runaway", "memorisation", "saturation"),
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Brock et al. 2019 (BigGAN), arXiv:1809.11096, section 4",
        "public logs: the best checkpoint lay at 18 % of collapsed runs (median)",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return () if points_have_arrived(trace) else agreeing(_back(trace, name) for name in ("distance", "fid"))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.keep_the_best(),
            remedies.slower_both(settings, 0.3),
            remedies.bound_the_slope(settings),
            remedies.adapt_augmentation(settings, of_points=trace.of_points),
        )


@dataclass(frozen=True, slots=True)
class NotLearning(Symptom):
    key: ClassVar[str] = "not-learning"
    title: ClassVar[str] = "nothing has been learned since the start"
    looks_like: ClassVar[str] = "The measure is where it began after thousands of steps; PSNR stays at 6 dB."
    means: ClassVar[str] = "The data say nothing, the weights do not move, or the rates are off by orders of magnitude."
    confused_with: ClassVar[Mapping[str, str]] = {
        "data-bug": "random pictures instead of data look exactly so: look at the data first",
        "plumbing-bug": "weights that do not move look exactly so",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`distance` or `fid`: best above {NEARER:g} times the first, measured in the first {EARLY:.0%} of the run or "
        f"before its first step, after {LONG:g} steps and {FEWEST} evaluations",
        f"`psnr`: best below {LEAST_PSNR:g} dB and risen by less than {LEAST_RISE:g} dB in {FEWEST} evaluations",
    )
    explained_by: ClassVar[tuple[str, ...]] = (
        *("critic-wins", "dead-critic", "critic-blind", "not-finite", "saturated-flip", "generator-wins", "gap-stays"),
        *("total-collapse", "exploding", "oscillation", "dark-retreat", "flat", "perceptual-too-heavy"),
        *("late-collapse", "posterior-collapse"),
    )
    sources: ClassVar[tuple[str, ...]] = (
        "notes on super-resolution: 6.02 dB for 20 epochs",
        "a public issue of BigGAN",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((_never(trace, "distance"), _never(trace, "fid"), _low_psnr(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return _from_the_data_on(trace)


@dataclass(frozen=True, slots=True)
class Stagnation(Symptom):
    key: ClassVar[str] = "stagnation"
    title: ClassVar[str] = "the run no longer improves, far from the data"
    looks_like: ClassVar[str] = "The measure has been flat for a third of the run, at several times its floor."
    means: ClassVar[str] = "What these networks can do at this rate is done."
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "flat near the floor is the end of a good run",
        "not-learning": "there it never began",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`distance` or `fid`: the best of the last {LAST_PART:.0%} of the run is less than {LEAST_GAIN:.0%} below "
        f"the best before, and above {FAR:g} times the floor; {FEWEST} evaluations or more; nothing while "
        "`distance`, `fid`, `precision` or `recall` still improves",
    )
    explained_by: ClassVar[tuple[str, ...]] = (
        *NotLearning.explained_by,
        *("not-learning", "partial-collapse", "overfitting", "comes-and-goes", "auxiliary-dominates"),
    )
    sources: ClassVar[tuple[str, ...]] = ("notes on sprites, section 5: if results plateau, a larger model",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return () if samples_improve(trace) else agreeing((_plateau(trace, "distance"), _plateau(trace, "fid")))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return _from_the_data_on(trace)


@dataclass(frozen=True, slots=True)
class AverageLags(Symptom):
    key: ClassVar[str] = "average-lags"
    title: ClassVar[str] = "the averaged generator is worse than the one that trains"
    looks_like: ClassVar[str] = "Samples of the average are blurred or old while those of the raw generator are good."
    means: ClassVar[str] = (
        "The average is too slow for a run of this length, was begun with random weights, or has not got batch norm's "
        "statistics."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "the average good while the raw generator is bad is what the average is for",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`distance` above {AHEAD:g} times `distance_raw`, and {NOISE:g} times its floor, of points "
        f"{NOISE_OF_POINTS:g} times, in the last two evaluations and in the last two that measure both",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "a public issue of BigGAN: standing statistics",
        "Yazici et al. 2019, arXiv:1806.04498",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((_lag(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (remedies.faster_average(trace.settings),)


def _from_the_data_on(trace: Trace) -> tuple[Remedy, ...]:
    settings = trace.settings
    return (
        remedies.look_at_data(),
        remedies.look_at_plumbing(),
        remedies.faster_both(settings),
        remedies.bigger_generator(settings),
        remedies.larger_batch(settings),
    )


def _back(trace: Trace, name: str) -> Evidence | None:
    series = trace.get(name)
    if series is None or len(series) <= IN_A_ROW:
        return None
    noise = max(_chance(trace, name), LEAST_SHARE * float(series.values[0]))
    best = max(best_so_far(series, higher=False), noise)
    bad = series.values > A_LITTLE_WORSE * best
    if best <= 0 or not bad[-IN_A_ROW:].all() or bad.all():
        return None
    lost = float(series.values[-IN_A_ROW:].min()) / best
    at = float(series.steps[int(np.argmin(series.values))])
    best_value = float(series.values.min())
    said = (
        f"{name} is {series.values[-1]:.3g}; the best was {best_value:.3g} at step {at:g}, and the last {IN_A_ROW} are "
        f"all {lost:.2g} times that or more"
    )
    is_excused = lost <= FAR_WORSE and _has_gained_variety(trace, float(series.steps[~bad][-1]))
    is_proved = lost > WORSE and not is_excused
    return Evidence("samples", said, name, series.lasting(bad, 0.0), PROOF if is_proved else 0.5)


def _has_gained_variety(trace: Trace, last_good: float) -> bool:
    """Whether recall is plainly higher now than when the distance was last good.

    Blurred samples of a young generator can lie nearer than the sharp ones that it makes later.  One that diverges into
    noise covers more too, by a recall of nearest neighbours, but then the distance is far worse.
    """
    recall = trace.get("recall")
    if recall is None or len(recall) <= IN_A_ROW:
        return False
    then = float(np.interp(last_good, recall.steps, recall.values))
    return float(np.median(recall.values[-IN_A_ROW:])) > then + GAINED


def _chance(trace: Trace, name: str) -> float:
    """Up to here two distances differ by nothing but who was drawn; 0 where the floor is not known."""
    return (NOISE_OF_POINTS if trace.of_points else NOISE) * trace.floors.get(name, 0.0)


def _never(trace: Trace, name: str) -> Evidence | None:
    series, first = trace.get(name), at_first(trace, name)
    if series is None or first is None or len(series) < FEWEST or trace.last_step < LONG:
        return None
    unknown = CLOSE_FID if name == "fid" else 0.0
    best, near = best_so_far(series, higher=False), FAR * trace.floors[name] if name in trace.floors else unknown
    if best <= NEARER * first or first < near:
        return None
    said = f"{name} began at {first:.3g} and has never been better than {best:.3g}"
    onset = float(series.steps[0])
    return Evidence("samples", said, name, onset if onset <= EARLY * trace.last_step else 0.0, 0.8)


def _low_psnr(trace: Trace) -> Evidence | None:
    series = trace.get("psnr")
    if series is None or len(series) < FEWEST:
        return None
    best, rise = float(series.values.max()), float(series.values.max() - series.values[0])
    if best >= LEAST_PSNR or rise >= LEAST_RISE:
        return None
    said = f"PSNR is {series.values[-1]:.2f} dB; from {LEAST_PSNR:g} is well, and 6.02 is an error of half the range"
    return Evidence("samples", said, "psnr", float(series.steps[0]), 0.8)


def _plateau(trace: Trace, name: str) -> Evidence | None:
    series, floor = trace.get(name), trace.floors.get(name)
    if series is None or floor is None or len(series) < FEWEST or trace.last_step < LONG:
        return None
    begin = series.steps[-1] - LAST_PART * (series.steps[-1] - series.steps[0])
    before, last = series.before(begin), series.after(begin)
    if len(last) < IN_A_ROW or len(before) < IN_A_ROW:
        return None
    best, now = best_so_far(before, higher=False), best_so_far(last, higher=False)
    if now <= FAR * max(floor, 0.0) or now <= (1 - LEAST_GAIN) * best:
        return None
    since = float(last.steps[0])
    said = f"{name} is {now:.3g} at best since step {since:g}, {best:.3g} before; the floor is {floor:.3g}"
    return Evidence("samples", said, name, since, MODERATE)


def _lag(trace: Trace) -> Evidence | None:
    """By the last two evaluations, and by the last two measurings of the raw generator: one alone may be luck."""
    averaged, raw = trace.get("distance"), trace.get("distance_raw")
    if averaged is None or raw is None or len(raw) < 2:
        return None
    late = averaged.after(max(WARM_UP, float(raw.steps[0])))
    now = _is_ahead(trace, raw, late)
    then = _is_ahead(trace, raw, Series(raw.steps, np.interp(raw.steps, averaged.steps, averaged.values)))
    if len(late) < 2 or not now[-2:].all() or not then[-2:].all():
        return None
    last = np.interp(late.steps[-1], raw.steps, raw.values)
    said = f"distance is {late.values[-1]:.3g} of the average and {last:.3g} of the raw generator"
    return Evidence("samples", said, "distance", late.lasting(now, 0.0), PROOF)


def _is_ahead(trace: Trace, raw: Series, averaged: Series) -> NDArray[np.bool_]:
    """At each averaged distance, whether the raw generator's is plainly smaller."""
    others = np.interp(averaged.steps, raw.steps, raw.values)
    return (others > 0) & (averaged.values > np.maximum(AHEAD * others, _chance(trace, "distance")))
