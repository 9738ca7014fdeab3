"""How the samples are doing: the judge of last resort wherever losses look ill."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from equipoise.doctor.limits import WARM_UP
from equipoise.doctor.trace import Series, Trace

DISTANCES: Final = ("distance", "fid")
"""Signals that are lower where samples are better."""
SHARES: Final = ("precision", "recall")
"""Those that are higher.  They still rise when a distance of whole sets is at its floor."""
EVALUATIONS: Final = 3
LEAST_GAIN: Final = 0.03
"""Of precision or recall (to be tuned)."""
IMPROVING: Final = 0.95
"""Of the best distance before the last evaluations (to be tuned)."""
NEAR: Final = 1.5
"""Times the floor (to be tuned)."""
LEARNED: Final = 0.5
"""Of the first distance, where no floor is known (to be tuned)."""
EARLY: Final = 0.05
"""Of the run so far: a first measuring up to there is the beginning (to be tuned)."""
NEARER: Final = 0.8
"""Of the first distance: below it something was learned (to be tuned)."""
CLOSE_FID: Final = 45.0
"""A log that begins below it begins with a trained generator (to be tuned)."""
FAR_SHARE: Final = 0.5
"""Of the floor of precision or recall: below it samples are far from the data, whatever else is well."""
KEPT: Final = 1.1
"""Times the best distance (to be tuned)."""
ARRIVED: Final = 0.03
"""Of the untrained generator's kernel distance, on points: healthy ones are below 0.02, blind critics' above 0.2."""
AT_REST: Final = 0.01
"""Of the same: what differs below it is chance (healthy points at rest, 0.005)."""


def best_so_far(series: Series, higher: bool) -> float:
    """The best value that three evaluations in a row agree on: one lucky evaluation is none."""
    in_a_row = sliding_window_view(series.values, min(EVALUATIONS, len(series)))
    medians = np.median(in_a_row, axis=-1).tolist()
    return float(max(medians) if higher else min(medians))


def samples_are_well(trace: Trace) -> bool:
    """Whether they are near the data, or were coming nearer in the last evaluations.

    Where nobody knows how near is near, whether they are as good as ever and much better than at first.
    """
    known = [(name, series) for name in DISTANCES if (series := trace.get(name)) is not None]
    return any(_is_well(series, trace.floors.get(name)) for name, series in known)


def samples_improve(trace: Trace) -> bool | None:
    """Whether samples were better in the last evaluations than ever before; None of a young run.

    By medians, so that no single evaluation counts.  A distance near its floor has come as far as it can, and precision
    that is paid for with recall, or the other way, is a trade.  What was measured at the end alone improves nothing.
    """
    known = {name: series for name in (*DISTANCES, *SHARES) if (series := trace.get(name)) is not None}
    over_time = {name: series for name, series in known.items() if name not in trace.at_once}
    enough = {name: series for name, series in over_time.items() if len(series) > EVALUATIONS}
    if not enough:
        return None if over_time else False
    nearer = [
        latest(series) < IMPROVING * best_so_far(_earlier(series), higher=False)
        for name, series in enough.items()
        if name in DISTANCES and latest(series) >= NEAR * trace.floors.get(name, 0.0)
    ]
    gains = [
        latest(series) - best_so_far(_earlier(series), higher=True) for name, series in enough.items() if name in SHARES
    ]
    return any(nearer) or (bool(gains) and max(gains) >= LEAST_GAIN and min(gains) > -LEAST_GAIN)


def still_as_far(trace: Trace) -> tuple[str, float, float] | None:
    """A distance that has not come down, with its first and its last value; None where one has, or is small as it is.

    Nothing is known where there is none, where nobody knows what it was at first, or how small it can be.  FID is known
    to be small where samples are near, so its first measuring counts, however late it was.
    """
    stays = None
    for name in DISTANCES:
        series, first = trace.get(name), at_first(trace, name)
        if first is None and series is not None and name == "fid":
            first = float(series.values[0])
        if series is None or first is None or name in trace.at_once or len(series) < EVALUATIONS:
            continue
        best, near = best_so_far(series, higher=False), near_enough(trace, name)
        if best < NEARER * first or near is None or best < near:
            return None
        stays = (name, first, latest(series))
    return stays


def far_shares(trace: Trace) -> list[tuple[str, float, float]]:
    """Precision and recall that are far below those of other real samples, each with its last value and its floor.

    Points that have arrived are near, whatever their clusters are like.
    """
    if points_have_arrived(trace):
        return []
    known = [(name, series, trace.floors.get(name)) for name in SHARES if (series := trace.get(name)) is not None]
    return [
        (name, latest(series), floor)
        for name, series, floor in known
        if floor is not None and name not in trace.at_once and latest(series) < FAR_SHARE * floor
    ]


def near_enough(trace: Trace, name: str) -> float | None:
    """A distance below it is small as it is; None where no floor tells.  Of FID it is known from elsewhere."""
    floor = trace.floors.get(name)
    return CLOSE_FID if name == "fid" else NEAR * floor if floor is not None else None


def at_first(trace: Trace, name: str) -> float | None:
    """What a distance was before anything was learned; None where that is not known.

    Where the first measuring came late, much may have been learned before it: then the self-test's counts.
    """
    series = trace.get(name)
    if series is None:
        return None
    is_late = series.steps[0] > EARLY * trace.last_step
    first = trace.untrained.get(name) if is_late else float(series.values[0])
    return first if first is not None and first > 0 else None


def points_have_arrived(trace: Trace) -> bool:
    """Whether points are where the data are, by the last evaluations; clusters that got too tight lose recall alone."""
    kernel, untrained = _kernel_of_points(trace)
    return kernel is not None and latest(kernel) < ARRIVED * untrained


def points_are_as_near(trace: Trace, steps: NDArray[np.float64], times: float) -> NDArray[np.bool_]:
    """At each of these steps, whether points were within so many times as near as mostly, by the distance that sees
    clusters; never of pictures, or where nobody knows."""
    kernel, untrained = _kernel_of_points(trace)
    if kernel is None:
        return np.zeros(len(steps), dtype=bool)
    mostly = max(float(np.quantile(kernel.values, 0.25)), AT_REST * untrained)
    return np.interp(steps, kernel.steps, kernel.values) < times * mostly


def _kernel_of_points(trace: Trace) -> tuple[Series | None, float]:
    """The distance that sees clusters, where it is known, and the untrained generator's."""
    kernel, untrained = trace.get("kernel"), trace.untrained.get("kernel")
    return (kernel, untrained) if trace.of_points and untrained is not None else (None, 0.0)


def latest(series: Series) -> float:
    """The median of the last three evaluations."""
    return float(np.median(series.values[-EVALUATIONS:]))


def _earlier(series: Series) -> Series:
    return series.before(float(series.steps[-EVALUATIONS]))


def _is_well(series: Series, floor: float | None) -> bool:
    if len(series) <= EVALUATIONS or series.steps[-1] < WARM_UP:
        return False
    now, before = float(series.values[-EVALUATIONS:].min()), float(series.values[:-EVALUATIONS].min())
    if now < IMPROVING * before:
        return True
    if floor is not None:
        return now < NEAR * floor
    return now < KEPT * before and now < LEARNED * float(series.values[0])
