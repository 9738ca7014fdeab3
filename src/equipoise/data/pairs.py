"""The gate before the first step: do high and low resolution show the same place, in the same range?

::

    each pair      its high resolution, reduced, must correlate more with its own low one than with any other's
    all pairs      they must fit best where they lie, not some low pixels beside it
    same bands     low and high must have about the same mean and spread, and be in the same order
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import DataError
from equipoise.data.degrade import bicubic, degraded

LEAST_STD = 0.01
"""In units of -1 to 1.  Below, the loading is broken (notes); a patch of less has nothing to be recognised by."""
COMPARED, VALUES = 256, 2**25
"""Pairs at most, evenly over all, and values of high resolution at most.  Each pair is compared with every other."""
MOST_MISMATCHED = 0.2
"""Share of pairs that may be closer to the low resolution of others.  A guess: of 11 clear and clouded patches one is,
by short-wave infrared alone; of pairs that do not belong together nearly all are."""
AS_CLOSE = 1e-9
"""Of a correlation: where another pair has a copy of its low resolution, a pair is no less close to its own."""
REACH = 2
"""Low pixels by which pairs are tried beside their place."""
SAME_RANGE = 2.0
"""Factor by which the spreads of high and low may differ, and deviations by which their means may.  A guess: reducing
by 4 takes less than a tenth of the spread of EuroSAT."""
NEARER = 2.0
"""Factor by which another order of all bands must be nearer, in mean square, each band less its mean and over its
spread.  A guess: of EuroSAT's colours the right order is nearer than any other by 19 and more."""
NAMED = 3

Patches = NDArray[np.float32]
"""[n, H, W, C] in units of -1 to 1."""
Bands = NDArray[np.float64]
"""[n, h, w]: one band, of mean 0 and length 1; 0 where it is flat."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """What came of comparing pairs."""

    compared: int
    """Pairs with anything to be recognised by."""
    mismatched: tuple[str, ...]
    """Names of those that are closer to the low resolution of another."""
    beside: tuple[int, int]
    """Rows and columns, in low pixels, by which the low resolution lies beside the high."""


def compared(count: int, size: int) -> NDArray[np.intp]:
    """Which of so many pairs are compared; `size` is the number of values of each."""
    most = max(2, min(count, COMPARED, VALUES // size))
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.intp))


def align(high: Patches, low: Patches, names: Sequence[str]) -> Alignment:
    """Compare pairs by the two bands, one of each side, that correlate best over all of them.

    Their means over bands will not do: near infrared, which outweighs the rest, has little in common with other bands.
    """
    _, height, width, _ = low.shape
    scale = high.shape[1] // height
    reduced = degraded(high, bicubic(high.shape[1], scale), bicubic(high.shape[2], scale))
    mine, its = _closest_bands(reduced, low)
    lively = (reduced[..., mine].std(axis=(1, 2)) >= LEAST_STD) & (low[..., its].std(axis=(1, 2)) >= LEAST_STD)
    told = np.flatnonzero(lively)
    if not told.size:
        return Alignment(0, (), (0, 0))
    ours, theirs = reduced[told, :, :, mine], low[told, :, :, its]
    alike = np.einsum("ihw,jhw->ij", _unit(ours), _unit(theirs), optimize=True)
    sign = 1.0 if np.trace(alike) >= 0 else -1.0
    wrong = (sign * alike).max(axis=1) > sign * alike.diagonal() + AS_CLOSE
    beside = _beside(sign * ours, theirs) if min(height, width) > 4 * REACH else (0, 0)
    return Alignment(len(told), tuple(names[at] for at in told[wrong]), beside)


def refuse_misaligned(found: Alignment) -> None:
    """Raises `DataError`."""
    if len(found.mismatched) > MOST_MISMATCHED * found.compared:
        first = ", ".join(found.mismatched[:NAMED])
        raise DataError(
            f"high and low resolution do not belong together: {len(found.mismatched) / found.compared:.0%} of "
            f"{found.compared} pairs are closer to the low resolution of another, the first {first}; check their names"
        )
    if found.beside != (0, 0):
        rows, columns = found.beside
        raise DataError(
            f"low resolution lies beside the high: pairs fit better {rows} rows and {columns} columns of low pixels "
            "further on; cut both from the same corner"
        )


def refuse_other_range(high: Patches, low: Patches, names: Sequence[str]) -> None:
    """For pairs of the same bands.  Raises `DataError`."""
    means = high.mean(axis=(0, 1, 2)), low.mean(axis=(0, 1, 2))
    spreads = high.std(axis=(0, 1, 2)), low.std(axis=(0, 1, 2))
    for at, name in enumerate(names):
        factor = spreads[0][at] / max(spreads[1][at], np.finfo(np.float32).tiny)
        if not 1 / SAME_RANGE < factor < SAME_RANGE or abs(means[0][at] - means[1][at]) > SAME_RANGE * spreads[0][at]:
            raise DataError(
                f"{name} of low resolution has another range than of high: mean {means[1][at]:.3g} and spread "
                f"{spreads[1][at]:.2g} against {means[0][at]:.3g} and {spreads[0][at]:.2g}, between -1 and 1; write "
                "both in the same way"
            )


def refuse_swapped(high: Patches, low: Patches, names: Sequence[str]) -> None:
    """For pairs of the same bands: red as one program writes it may be another's blue.  Raises `DataError`.

    Levels say nothing: haze, or a cast of colour, brings one band nearer to another.
    """
    from scipy.optimize import linear_sum_assignment

    scale = high.shape[1] // low.shape[1]
    reduced = degraded(high, bicubic(high.shape[1], scale), bicubic(high.shape[2], scale))
    ours, theirs = (_standard(bands) for bands in (reduced, low))
    apart = np.stack([np.square(ours[..., at, None] - theirs).mean(axis=(0, 1, 2)) for at in range(len(names))])
    mine, its = linear_sum_assignment(apart)
    if np.trace(apart) > NEARER * apart[mine, its].sum():
        at = int(np.flatnonzero(mine != its)[0])
        raise DataError(
            f"{names[at]} of high resolution is nearer to {names[its[at]]} of low resolution than to {names[at]}: are "
            "their bands in another order, such as RGB and BGR?"
        )


def _standard(bands: Patches) -> Patches:
    """Each band with a mean of 0 and a spread of 1 over all patches."""
    mean, spread = bands.mean(axis=(0, 1, 2)), bands.std(axis=(0, 1, 2))
    standard: Patches = (bands - mean) / np.maximum(spread, np.finfo(np.float32).tiny)
    return standard


def refuse_flat(spreads: Sequence[float], names: Sequence[str]) -> None:
    """`spreads` are the mean standard deviations inside patches, by band.  Raises `DataError`."""
    for name, spread in zip(names, spreads, strict=True):
        if spread < LEAST_STD:
            raise DataError(
                f"{name} varies by {spread:.2g} inside patches, between -1 and 1: less than {LEAST_STD:g} is no "
                "picture; look at how the files were written, or declare the range with source.ranges"
            )


def _closest_bands(high: Patches, low: Patches) -> tuple[int, int]:
    ours = np.stack([_unit(high[..., band]) for band in range(high.shape[-1])])
    theirs = np.stack([_unit(low[..., band]) for band in range(low.shape[-1])])
    together = np.abs(np.einsum("inhw,jnhw->ij", ours, theirs))
    mine, its = np.unravel_index(int(together.argmax()), together.shape)
    return int(mine), int(its)


def _unit(band: Patches) -> Bands:
    centred = band.astype(np.float64) - band.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    length = np.sqrt(np.square(centred).sum(axis=(1, 2), keepdims=True))
    unit: Bands = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    return unit


def _beside(high: Patches, low: Patches) -> tuple[int, int]:
    """The place where pairs correlate most, in the mean."""
    _, height, width = high.shape
    inner = _unit(high[:, REACH : height - REACH, REACH : width - REACH])
    steps = range(-REACH, REACH + 1)
    places = [(y, x) for y in steps for x in steps]
    shifted = (low[:, REACH + y : height - REACH + y, REACH + x : width - REACH + x] for y, x in places)
    fits = [float((inner * _unit(window)).sum()) for window in shifted]
    return places[int(np.argmax(fits))]
