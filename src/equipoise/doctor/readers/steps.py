"""From rows to series: which step each row belongs to, and which rows a later one took the place of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from equipoise.doctor.readers.names import POSITIONS
from equipoise.doctor.readers.rows import Kind, Rows
from equipoise.doctor.trace import Floats, Series

EPOCH_STEPS: Final = 100.0
"""What an epoch is taken for where a log does not tell: a small data set in batches of 32 to 64."""
USUAL_BATCH: Final = 32
"""What a step is taken for where a log counts images alone: StyleGAN's default."""
NEARLY: Final = 0.9
"""A counter that falls back after so much of its range begins the next epoch."""
WITHIN_A_ROW: Final = 0.5
"""Of the steps from row to row: a log that comes back to its second row may go on from a checkpoint at the first."""
IMAGES_A_KIMG: Final = 1000
LEAST_COUNTED: Final = 3
COUNTS: Final = 0.5
"""Share of rows in which a counter has gone up."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A log's numbers over steps."""

    series: Mapping[str, Series]
    steps_an_epoch: float | None = None
    notes: tuple[str, ...] = ()
    """What had to be assumed, or was left out."""


def columns(rows: Rows, batch: int | None = None, *, is_one_file: bool = True) -> Columns:
    """Every name's series.  `batch` is in images, for logs that count those.

    Rows of one file stand in the order of time, so where one number begins anew nothing before is of the same run.
    """
    kinds = [kind for kind in rows.kinds.values() if len(kind.order)]
    if not kinds:
        return Columns({})
    order = np.concatenate([kind.order for kind in kinds])
    sorting = np.argsort(order, kind="stable")
    places = _with_batches({name: _everywhere(kinds, name)[sorting] for name in POSITIONS})
    epoch_steps = _steps_an_epoch(places)
    steps = _steps(places, epoch_steps, batch or USUAL_BATCH)
    notes = _assumed(places, steps, epoch_steps, batch)
    if rows.stride > 1:
        notes.append(f"{rows.rows} rows: of the most frequent kind every {rows.stride}th is kept, evenly")
    steps = _filled(steps) if np.isfinite(steps).any() else order[sorting]
    series = {}
    gone_back = 0
    begun_anew = _begun_anew(kinds, sorting, steps) if is_one_file else 0
    for name in dict.fromkeys(name for kind in kinds for name in kind.names if name not in POSITIONS):
        values = _everywhere(kinds, name)[sorting]
        there = _has(kinds, name)[sorting]
        there[:begun_anew] = False
        if not there.any():
            continue
        series[name], back = that_count(steps[there], values[there])
        gone_back = max(gone_back, back)
    if begun_anew:
        notes.append(f"the log was begun anew: its first {begun_anew} rows are of an earlier run, and were left out")
    if gone_back:
        notes.append(f"steps go back {gone_back} times: rows that later ones took the place of were left out")
    return Columns(series, epoch_steps, tuple(notes))


def _begun_anew(kinds: list[Kind], sorting: NDArray[np.intp], steps: Floats) -> int:
    """The row at which the log for the last time comes back to where it began, by the number that it holds most of.

    One that comes back to a later step has gone on from a checkpoint, and what stands before that step is of its run.
    """
    names = dict.fromkeys(name for kind in kinds for name in kind.names if name not in POSITIONS)
    rows = max((np.flatnonzero(_has(kinds, name)[sorting]) for name in names), key=len, default=np.empty(0, np.intp))
    ways = np.diff(steps[rows])
    if not (ways < 0).any():
        return 0
    at_its_begin = steps[rows[0]] + WITHIN_A_ROW * np.median(np.abs(ways))
    falls = np.flatnonzero((ways < 0) & (steps[rows[1:]] < at_its_begin))
    return _last_fall(steps, *rows[falls[-1] : falls[-1] + 2]) if len(falls) else 0


def _last_fall(steps: Floats, old: int, new: int) -> int:
    """The first row of the new run, of whatever kind: between two rows of one kind, where steps last go back."""
    return int(old + 1 + np.flatnonzero(np.diff(steps[old : new + 1]) < 0)[-1])


def _with_batches(places: dict[str, Floats]) -> dict[str, Floats]:
    """A batch's number is the step where there is none and it counts; where it stays the same it is its size."""
    batch = places["batch"][np.isfinite(places["batch"])]
    if np.isfinite(places["step"]).any() or len(batch) < LEAST_COUNTED or np.mean(np.diff(batch) > 0) < COUNTS:
        return places
    return places | {"step": places["batch"]}


def _everywhere(kinds: list[Kind], name: str) -> Floats:
    """A column over the rows of all kinds; NaN where a kind has none."""
    parts = [
        kind.column(name) if name in kind.names else np.full(len(kind.order), np.nan, np.float64) for kind in kinds
    ]
    return np.concatenate(parts)


def _has(kinds: list[Kind], name: str) -> NDArray[np.bool_]:
    return np.concatenate([np.full(len(kind.order), name in kind.names) for kind in kinds])


def _steps_an_epoch(places: Mapping[str, Floats]) -> float | None:
    """The length of an epoch in steps, where rows tell both.

    What a counter runs up to is no epoch's length where it runs once: it may be the whole training's.
    """
    of = places["iters"][np.isfinite(places["iters"])]
    if len(of) and (np.isfinite(places["epoch"]).any() or np.nanmax(_laps(places["iter"], places["iters"])) > 0):
        return float(np.median(of))
    step, epoch = _both(places)
    if _counts_inside(places):
        return float(step.max())
    if len(step) and epoch[-1] > epoch[0] and step[-1] > step[0]:
        return float((step[-1] - step[0]) / (epoch[-1] - epoch[0]))
    return None


def _both(places: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Steps and epochs of the rows that have both."""
    both = np.isfinite(places["step"]) & np.isfinite(places["epoch"])
    return places["step"][both], places["epoch"][both]


def _counts_inside(places: Mapping[str, Floats]) -> bool:
    """Whether steps begin anew with each epoch."""
    step, epoch = _both(places)
    return bool(((np.diff(step) < 0) & (np.diff(epoch) > 0)).any())


def _steps(places: Mapping[str, Floats], epoch_steps: float | None, batch: int) -> Floats:
    """The step of every row; NaN where the row does not tell.  The surest way that a row offers is taken."""
    epoch, step, at, of = (places[name] for name in ("epoch", "step", "iter", "iters"))
    ended = epoch - _first(epoch)
    running = _filled(ended) if np.isfinite(epoch).any() else _laps(at, of)
    images = np.where(np.isfinite(places["images"]), places["images"], places["kimg"] * IMAGES_A_KIMG)
    ways = (
        running * of + at,
        ended * (epoch_steps or EPOCH_STEPS) + step if _counts_inside(places) else step,
        step,
        np.floor(images / batch),
        _by_epoch(ended) * (epoch_steps or EPOCH_STEPS),
    )
    found = np.full(len(epoch), np.nan)
    for way in ways:
        found = np.where(np.isfinite(found), found, way)
    return found


def _first(epoch: Floats) -> float:
    """0 or 1: what the first epoch is called."""
    return float(np.isfinite(epoch).any() and np.nanmin(epoch) >= 1)


def _laps(at: Floats, of: Floats) -> Floats:
    """How often a counter has come to its end and begun anew, by then."""
    there = np.flatnonzero(np.isfinite(at))
    laps = np.full(len(at), np.nan)
    if len(there):
        ended = (np.diff(at[there]) < 0) & (at[there][:-1] >= NEARLY * of[there][:-1])
        laps[there] = np.append(0.0, np.cumsum(ended))
    return laps


def _by_epoch(ended: Floats) -> Floats:
    """Epochs with their fraction: of rows with the same epoch each stands a little further, and the last at its end."""
    there = np.flatnonzero(np.isfinite(ended))
    found = np.full(len(ended), np.nan)
    if len(there):
        begins = np.append(True, np.diff(ended[there]) != 0)
        starts = np.flatnonzero(begins)
        group = np.cumsum(begins) - 1
        sizes = np.diff(np.append(starts, len(there)))
        found[there] = ended[there] + (np.arange(len(there)) - starts[group] + 1) / sizes[group]
    return found


def _filled(numbers: Floats) -> Floats:
    """Each NaN as the last number before it; those before the first as that."""
    there = np.flatnonzero(np.isfinite(numbers))
    before = np.searchsorted(there, np.arange(len(numbers)), side="right") - 1
    filled: Floats = numbers[there[np.maximum(before, 0)]]
    return filled


def that_count(steps: Floats, values: Floats) -> tuple[Series, int]:
    """One series, and how often its steps went back.  A row replaces all before it of its own or later steps."""
    lowest_after = np.minimum.accumulate(steps[::-1])[::-1]
    stays = np.append(steps[:-1] < lowest_after[1:], True)
    return Series(steps[stays], values[stays]), int((np.diff(steps) < 0).sum())


def _assumed(places: Mapping[str, Floats], steps: Floats, epoch_steps: float | None, batch: int | None) -> list[str]:
    """What had to be assumed of steps."""
    there = {name for name, numbers in places.items() if np.isfinite(numbers).any()}
    notes = []
    if not np.isfinite(steps).any():
        notes.append("no steps are given: rows are counted")
    if there & {"images", "kimg"} and not there & {"step", "iter"} and batch is None:
        notes.append(f"images are counted, not steps: {USUAL_BATCH} are taken for one step")
    if "epoch" in there and epoch_steps is None and not there & {"step", "images", "kimg"}:
        notes.append(f"epochs are counted, not steps: each is taken for {EPOCH_STEPS:g} steps")
    return notes
