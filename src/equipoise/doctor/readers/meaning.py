"""What a log's numbers mean: which loss it was, what the critic's two parts add up to, and what cannot be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from equipoise.doctor.game import GAMES, Game
from equipoise.doctor.readers.steps import Columns
from equipoise.doctor.trace import NO_SAMPLES, Floats, Series, Trace
from equipoise.errors import RequestError
from equipoise.spec import did_you_mean

FITS_SUM: Final = (0.85, 2.0)
"""A cross-entropy over what D(x) and D(G(z)) alone would give: the mean of logarithms is above that of the means."""
FITS_MEAN: Final = (0.4, 0.75)
FEWEST: Final = 5
"""Rows by which a loss is told."""
LEAST_EXPECTED: Final = 0.02
"""Below, a printed loss has too few digits to be compared."""
AGREES: Final = 0.7
"""Least rank correlation of a loss with what it should be."""
SURELY_FOOLED: Final = 3.0
"""A generator's loss that is cross-entropy's alone: D(G(z)) is then below 0.05."""
OF_SAMPLES: Final = frozenset({"distance", "fid", "precision", "recall", "diversity", "psnr", "memory"})
SELDOM: Final = 0.2
"""Share of rows in which a loss is NaN, with numbers after it, from which on it was not written down there."""
LOW: Final = 0.25
HIGH: Final = 0.75
"""Mean probabilities by which real and fake are told to be the wrong way round."""
NO_GAME: Final = (
    "which loss it was is not known, so whether the critic is too strong or too weak cannot be told by its loss; "
    f"say --loss, one of {', '.join(GAMES)}"
)


@dataclass(frozen=True, slots=True)
class Log:
    """What was read, and of which program."""

    columns: Columns
    source: str
    notes: tuple[str, ...] = ()
    is_cycle: bool = False


def game_named(loss: str) -> Game:
    """Raises `RequestError` for a name that no game has."""
    if loss not in GAMES:
        raise RequestError(f"--loss {loss}: one of {', '.join(GAMES)}{did_you_mean(loss, GAMES)}")
    return GAMES[loss]


def trace_of(log: Log, loss: str | None = None, pair: str | None = None) -> Trace:
    """A trace of a log.  Raises `RequestError` when there is nothing of a GAN in it."""
    given = game_named(loss) if loss is not None else None
    notes = [*log.notes, *log.columns.notes]
    whole = _parts_by_number(log.columns.series, notes)
    pairs = _pairs(whole, pair)
    series = _of_pair(whole, pairs[0])
    if log.is_cycle:
        series, halved = _of_cycle(series)
        notes += halved
    series = _measured_now_and_then(_renamed(series, notes), notes)
    if not any(len(one) for one in series.values()):
        raise RequestError(
            f"no numbers of a GAN's training were found in {log.source}: the doctor looks for losses of critic and "
            "generator (d_loss, Loss_D, errD ...), D(x), gradient norms, FID and the like"
        )
    fit = _fit(series)
    is_entropy = given.key == "bce" if given is not None else fit is not None
    if is_entropy and fit is not None:
        series = _as_sum(series, fit, notes)
    game = given or (GAMES["bce"] if fit is not None else None)
    if game is None and "d_loss" in series:
        notes.append(NO_GAME)
    elif given is None and fit is not None:
        notes.append("the loss was not given: it fits cross-entropy by D(x) and D(G(z)), and is read as that")
    notes += _gaps(series)
    return Trace(
        series,
        game,
        steps_an_epoch=log.columns.steps_an_epoch,
        source=log.source,
        unknown=tuple(notes),
        pair=pairs[0],
        other_pairs=pairs[1:],
    )


def _parts_by_number(series: Mapping[str, Series], notes: list[str]) -> Mapping[str, Series]:
    """Two losses of the critic beside one of the generator: ``d1`` is of real samples, and ``d2`` of fakes."""
    parts = {"d_loss@1": "d_loss_real", "d_loss@2": "d_loss_fake"}
    numbered = {name for name in series if name.endswith(("@1", "@2"))}
    if numbered != parts.keys() or "g_loss" not in series:
        return series
    notes.append(
        "the critic has two losses and the generator one: they are taken for those of real and of fake samples"
    )
    return {parts.get(name, name): one for name, one in series.items()}


def _pairs(series: Mapping[str, Series], asked: str | None) -> tuple[str, ...]:
    """Of networks, the one that is asked for first; one without a name where the log tells of no others."""
    pairs = sorted({name.partition("@")[2] for name in series} - {""})
    if asked is not None and asked not in pairs:
        offered = f"the log has {', '.join(pairs)}" if pairs else "the log tells of one pair of networks alone"
        raise RequestError(f"--phase {asked}: {offered}")
    return tuple(sorted(pairs, key=lambda pair: pair != asked)) or ("",)


def _of_pair(series: Mapping[str, Series], pair: str) -> dict[str, Series]:
    """What belongs to all pairs, and to this one."""
    kept = {name: one for name, one in series.items() if "@" not in name}
    return kept | {name.partition("@")[0]: one for name, one in series.items() if name.partition("@")[2] == pair != ""}


def _of_cycle(series: Mapping[str, Series]) -> tuple[dict[str, Series], list[str]]:
    """Of CycleGAN and pix2pix: there ``D_real`` is a loss, and ``D_A`` is half the sum of two."""
    parts = {"d_real": "d_loss_real", "d_fake": "d_loss_fake"}
    named = {parts.get(name, name): one for name, one in series.items()}
    if "d_loss" not in named:
        return named, []
    whole = named["d_loss"]
    named["d_loss"] = replace(whole, values=2 * whole.values)
    return named, ["this program prints half the sum of the critic's two losses: it was doubled"]


def _renamed(series: Mapping[str, Series], notes: list[str]) -> dict[str, Series]:
    """Signals alone: parts are put together, scores told from probabilities."""
    found = dict(series)
    real, fake = found.pop("d_loss_real", None), found.pop("d_loss_fake", None)
    if real is not None and fake is not None and "d_loss" not in found:
        found["d_loss"] = _sum(real, fake)
        notes.append("the critic's loss is the sum of its two parts")
    if any(name in found and not _are_probabilities(found[name]) for name in ("d_real", "d_fake")):
        for end in ("real", "fake"):
            if f"d_{end}" in found:
                found.setdefault(f"score_{end}", found.pop(f"d_{end}"))
    rate = found.pop("lr", None)
    if rate is not None:
        found = {"lr_d": rate, "lr_g": rate} | found
    distance = found.pop("kid", None)
    if distance is not None:
        found.setdefault("distance", distance)
    signs = found.pop("signs_real", None)
    if signs is not None:
        found.setdefault("overfitting", signs)
        notes.append("overfitting is told by the signs of training samples' scores, r_t of ADA, not by held-out ones")
    return found


def _measured_now_and_then(series: Mapping[str, Series], notes: list[str]) -> dict[str, Series]:
    """Without NaN between numbers, of a measure or in many rows: what programs write where they did not measure.

    One that stays is kept, and so is a loss that was NaN now and then, unless that row is of measures alone.
    """
    kept = {}
    alone = _steps_of(series, of_samples=True) - _steps_of(series, of_samples=False)
    for name, one in series.items():
        bad = _gaps_in(one)
        if name not in OF_SAMPLES and len(bad) < SELDOM * len(one):
            bad = np.array([at for at in bad if one.steps[at] in alone], np.intp)
        kept[name] = Series(np.delete(one.steps, bad), np.delete(one.values, bad))
        if len(bad):
            notes.append(f"{name} is NaN in {len(bad)} of {len(one)} rows between numbers: read as not measured")
    return kept


def _steps_of(series: Mapping[str, Series], *, of_samples: bool) -> set[float]:
    """At which a measure of samples has a number, or anything else."""
    those = (one.finite for name, one in series.items() if (name in OF_SAMPLES) == of_samples)
    return {step for one in those for step in one.steps.tolist()}


def _gaps_in(series: Series) -> NDArray[np.intp]:
    """Where NaN stands between numbers; at the end, too, where that is no longer than such a gap was before."""
    finite = np.flatnonzero(np.isfinite(series.values))
    if len(finite) == 0:
        return finite
    longest = int(np.diff(finite).max(initial=1)) - 1
    is_usual = len(series) - 1 - finite[-1] <= longest
    end = len(series) if is_usual else int(finite[-1])
    return np.flatnonzero(np.isnan(series.values[:end]))


def _sum(one: Series, other: Series) -> Series:
    """Where both have a number."""
    _, at, of = np.intersect1d(one.steps, other.steps, return_indices=True)
    return Series(one.steps[at], one.values[at] + other.values[of])


def _are_probabilities(series: Series) -> bool:
    values = series.finite.values
    return bool(((values >= 0) & (values <= 1)).all())


def _fit(series: Mapping[str, Series]) -> float | None:
    """By how much the critic's loss exceeds cross-entropy of its mean answers, where it follows that at all."""
    aligned = _aligned(series)
    if aligned is None:
        return None
    loss, real, fake = aligned
    expected = -np.log(real) - np.log1p(-fake)
    counts = expected > LEAST_EXPECTED
    if counts.sum() < FEWEST:
        return 1.0 if _fits_where_sure(series) else None
    if _rank_correlation(loss[counts], expected[counts]) < AGREES:
        return None
    ratio = float(np.median(loss[counts] / expected[counts]))
    return ratio if any(low <= ratio <= high for low, high in (FITS_SUM, FITS_MEAN)) else None


def _fits_where_sure(series: Mapping[str, Series]) -> bool:
    """Whether a critic that is sure of everything has a loss of nothing while the generator's is large.

    No other loss whose critic gives probabilities does that: by least squares the generator's is at most 1.  D(x) and
    D(G(z)) are then printed as 1.0000 and 0.0000, whose logarithms say nothing.
    """
    found = _together(series, ("d_loss", "g_loss", "d_real", "d_fake"))
    if found is None:
        return False
    loss, fooled, real, fake = found
    sure = (real >= 1.0 - LEAST_EXPECTED / 2) & (fake <= LEAST_EXPECTED / 2) & np.isfinite(loss) & np.isfinite(fooled)
    fits = (np.abs(loss[sure]) < 2 * LEAST_EXPECTED) & (fooled[sure] > SURELY_FOOLED)
    return bool(sure.sum() >= FEWEST and fits.mean() >= AGREES)


def _together(series: Mapping[str, Series], names: Sequence[str]) -> tuple[Floats, ...] | None:
    """The values of several columns in the rows that have them all; None where a column is missing."""
    if not all(name in series for name in names):
        return None
    steps = series[names[0]].steps
    for name in names[1:]:
        steps = np.intersect1d(steps, series[name].steps)
    return tuple(one.values[np.searchsorted(one.steps, steps)] for one in (series[name] for name in names))


def _aligned(series: Mapping[str, Series]) -> tuple[Floats, Floats, Floats] | None:
    """The critic's loss, D(x) and D(G(z)) where all three are known and the two are above 0 and below 1."""
    found = _together(series, ("d_loss", "d_real", "d_fake"))
    if found is None:
        return None
    loss, real, fake = found
    inside = np.isfinite(loss) & (real > 0) & (real < 1) & (fake > 0) & (fake < 1)
    return loss[inside], real[inside], fake[inside]


def _rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's; 1 where one of the two is constant, which says nothing against them."""
    ranks = np.stack([np.argsort(np.argsort(values)).astype(np.float64) for values in (one, other)])
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 1.0
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def _as_sum(series: dict[str, Series], fit: float, notes: list[str]) -> dict[str, Series]:
    """The critic's loss as the sum of its two parts."""
    low, high = FITS_MEAN
    if not low <= fit <= high:
        return series
    notes.append("the critic's loss fits the mean of its two parts by D(x) and D(G(z)): it was doubled")
    whole = series["d_loss"]
    return series | {"d_loss": replace(whole, values=2 * whole.values)}


def _gaps(series: Mapping[str, Series]) -> list[str]:
    """What is missing or contradictory, and what that hides."""
    gaps = []
    if not any(name in series for name in ("fid", "distance", "recall", "diversity", "psnr")):
        gaps.append(f"{NO_SAMPLES}: a collapse that leaves the losses as they are cannot be seen")
    if _are_swapped(series):
        gaps.append(
            "D(x) is low and D(G(z)) high while the critic's loss is low: real and fake seem to have each other's "
            "labels, or their columns each other's names; nothing was turned round"
        )
    return gaps


def _are_swapped(series: Mapping[str, Series]) -> bool:
    aligned = _aligned(series)
    if aligned is None or len(aligned[0]) < FEWEST:
        return False
    loss, real, fake = aligned
    wrong = (real < LOW) & (fake > HIGH)
    if wrong.mean() < AGREES:
        return False
    expected = -np.log(real[wrong]) - np.log1p(-fake[wrong])
    return bool(np.median(loss[wrong]) < np.median(expected) / 2)
