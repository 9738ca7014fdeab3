"""Collapse: the generator makes less than the data hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE, WARM_UP, Limit
from equipoise.doctor.quality import AT_REST, best_so_far, points_are_as_near, samples_improve
from equipoise.doctor.symptom import PROOF, Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Series, Trace

ALIKE: Final = Limit("diversity", 0.2, "below", plain=0.1, evaluations=2, kind="samples", weight=0.8)
"""To be tuned.  At a tenth two fakes differ by less than two compressed copies of one picture."""
LESS_DIVERSE: Final = Limit("diversity", 0.5, "below", evaluations=2, kind="samples")
"""Odena et al. 2017 (arXiv:1610.09585): half of the data's diversity is collapse."""
LOST_HALF: Final = 0.5
"""Of the best recall, in two evaluations (to be tuned)."""
LOST_SOME: Final = 0.9
"""Of the best recall, in two evaluations: an early warning (to be tuned)."""
FEW_MODES: Final = 2
HARDLY: Final = 0.25
"""Of the recall of other real samples; of healthy runs of the clinic none ended below 0.6."""
NEXT_TO_NONE: Final = 0.05
"""Of the real samples' variety; real samples cover 0.5 and more of one another by any of the usual recalls."""
LAST_EVALUATIONS: Final = 8
FEWEST_TURNS: Final = 3
GOOD, BAD = 1.2, 2.0
"""Times the lower quartile of all distances, so that one lucky evaluation sets no mark (to be tuned)."""
LONG: Final = 2000.0
MANY: Final = 6
"""Steps and evaluations of a run whose generator should cover something."""
IN_A_ROW: Final = 3


@dataclass(frozen=True, slots=True)
class TotalCollapse(Symptom):
    key: ClassVar[str] = "total-collapse"
    title: ClassVar[str] = "the generator makes nearly the same sample each time"
    looks_like: ClassVar[str] = (
        "All pictures of a sheet look alike, whatever they start from.  The losses may look calm."
    )
    means: ClassVar[str] = (
        "The generator has found one sample that the critic lets pass, and latents no longer change it.  When the "
        "critic learns that one, it moves to another."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "one-class": "there samples differ, but all are of one class",
        "memorisation": "there samples differ, and each is a training sample",
        "healthy": "in the first few hundred steps no generator varies much",
    }
    reads: ClassVar[tuple[str, ...]] = (
        ALIKE.words,
        f"`recall` below {LOST_HALF:.0%} of its best in {FEW_MODES} evaluations in a row",
    )
    explained_by: ClassVar[tuple[str, ...]] = (
        *("not-finite", "saturated-flip", "critic-wins", "dark-retreat", "flat", "average-lags"),
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Lin et al. 2018 (PacGAN), arXiv:1712.04086",
        "notes on sprites, section 4.1",
        "public logs: a sample measure found 16 of 16 collapses, losses 11",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((ALIKE.seen(trace), _less_recall(trace, LOST_HALF, MODERATE)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        first = remedies.more_critic_updates(settings) if _is_wasserstein(trace) else remedies.bound_the_slope(settings)
        return (
            remedies.keep_the_best(),
            first,
            remedies.see_batches(settings),
            remedies.slower_both(settings),
            remedies.less_momentum(settings),
            remedies.adapt_augmentation(settings, of_points=trace.of_points),
            remedies.more_latents(settings),
            remedies.larger_batch(settings),
        )


@dataclass(frozen=True, slots=True)
class PartialCollapse(Symptom):
    key: ClassVar[str] = "partial-collapse"
    title: ClassVar[str] = "part of the data's variety is missing from the samples"
    looks_like: ClassVar[str] = "Sheets look good and repeat themselves: few kinds, or each kind in one pose."
    means: ClassVar[str] = "The generator serves the kinds that are easiest, and the critic does not miss the others."
    confused_with: ClassVar[Mapping[str, str]] = {
        "total-collapse": "there all samples are alike",
        "healthy": "recall goes up and down by some per cent from one evaluation to the next",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`recall` below {LOST_SOME:.0%} of its best in {FEW_MODES} evaluations in a row",
        LESS_DIVERSE.words,
        f"where only pictures are known: `recall` below {LOST_HALF:.0%} of that of other real samples, while "
        "`precision` is not",
        f"`recall` below {HARDLY:.0%} of that of other real samples in {IN_A_ROW} evaluations, and no longer "
        f"improving; where that is not known, below {NEXT_TO_NONE:g} in all of {MANY} or more from "
        f"step {WARM_UP:g} on, in a run of {LONG:g} steps",
    )
    explained_by: ClassVar[tuple[str, ...]] = (
        *("total-collapse", "comes-and-goes", "one-class", "not-finite", "saturated-flip", "critic-wins"),
        *("dark-retreat", "flat", "memorisation", "average-lags"),
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Odena et al. 2017, arXiv:1610.09585",
        "Kynkaanniemi et al. 2019, arXiv:1904.06991",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        recall = _less_recall(trace, LOST_SOME, 0.5) or _covers_little(trace) or _never_covered(trace)
        return agreeing((LESS_DIVERSE.seen(trace), recall))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.see_batches(settings),
            remedies.bound_the_slope(settings),
            remedies.adapt_augmentation(settings, of_points=trace.of_points),
            remedies.slower_both(settings),
            remedies.larger_batch(settings),
            remedies.more_latents(settings),
        )


@dataclass(frozen=True, slots=True)
class ComesAndGoes(Symptom):
    key: ClassVar[str] = "comes-and-goes"
    title: ClassVar[str] = "samples collapse and recover in turns"
    looks_like: ClassVar[str] = "One sheet is good, the next is not, the one after it is good again."
    means: ClassVar[str] = (
        "Critic and generator circle: each time the generator is pushed out of its good place, and comes back.  The "
        "average of its weights may be good all along."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "late-collapse": "there it does not come back",
        "oscillation": "there the losses circle, and samples need not follow",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`distance`, `fid` or `diversity` of the last {LAST_EVALUATIONS} evaluations, after the first good one: from "
        f"good (a distance up to {GOOD:g} times the lower quartile of all of them, a diversity from "
        f"{LESS_DIVERSE.bound:g}) to bad (above {BAD:g} times that quartile; below {ALIKE.bound:g}), "
        f"{FEWEST_TURNS} changes",
        f"of points, whose `kernel` sees clusters, no distance is bad where that is not: {BAD:g} times its own lower "
        f"quartile, or {AT_REST:g} of the untrained generator's where that is more",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "notes on terrain, attempt 11: normal after epoch 0, collapsed after 1, normal after 2, collapsed for 3",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing(_turns(trace, name) for name in ("diversity", "distance", "fid"))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.slower_both(settings),
            remedies.bound_the_slope(settings),
            remedies.less_momentum(settings),
            remedies.larger_batch(settings),
            remedies.keep_the_best(),
        )


def _less_recall(trace: Trace, share: float, weight: float) -> Evidence | None:
    series = trace.get("recall")
    late = series.after(WARM_UP) if series is not None else None
    if late is None or len(late) <= FEW_MODES:
        return None
    best = best_so_far(late, higher=True)
    low = late.values < share * best
    if not low[-FEW_MODES:].all():
        return None
    said = f"recall is {late.values[-1]:.2f}; it was {best:.2f}, and from {share * best:.2f} is well"
    return Evidence("samples", said, "recall", late.lasting(low, 0.0), weight)


def _covers_little(trace: Trace) -> Evidence | None:
    """Of samples without a history, which real ones take the place of: good ones, that leave out much."""
    recall, precision = trace.get("recall"), trace.get("precision")
    floors = [trace.floors.get(name) for name in ("recall", "precision")]
    if recall is None or precision is None or not {"recall", "precision"} <= trace.at_once or None in floors:
        return None
    cover, could_be_real = (float(np.median(series.values)) for series in (recall, precision))
    usual, usually_real = (float(floor or 0.0) for floor in floors)
    if cover >= LOST_HALF * usual or could_be_real < LOST_HALF * usually_real:
        return None
    said = f"recall is {cover:.2f}, and {usual:.2f} of other real samples; precision is {could_be_real:.2f}"
    return Evidence("samples", said, "recall", None, MODERATE)


def _never_covered(trace: Trace) -> Evidence | None:
    """Of a run that is not young any more and has never had much."""
    series, floor = trace.get("recall"), trace.floors.get("recall")
    if series is None or samples_improve(trace) is not False or "recall" in trace.at_once:
        return None
    late = series.after(WARM_UP)
    if floor is None:
        return _next_to_none(late, trace.last_step)
    low = late.values < HARDLY * floor
    if len(late) < IN_A_ROW or not low[-IN_A_ROW:].all():
        return None
    said = f"recall is {late.values[-1]:.2f}, and {floor:.2f} of other real samples; it no longer improves"
    return Evidence("samples", said, "recall", late.lasting(low, 0.0), 0.5)


def _next_to_none(late: Series, last_step: float) -> Evidence | None:
    """Where nobody knows what real samples have."""
    if len(late) < MANY or last_step < LONG or late.values.max() >= NEXT_TO_NONE:
        return None
    said = f"recall was never above {late.values.max():.3f} in {len(late)} evaluations since step {WARM_UP:g}"
    return Evidence("samples", said, "recall", float(late.steps[0]), 0.5)


def _is_wasserstein(trace: Trace) -> bool:
    return trace.game is not None and trace.game.key == "wgan"


def _turns(trace: Trace, name: str) -> Evidence | None:
    series = trace.get(name)
    if series is None or len(series) <= FEWEST_TURNS:
        return None
    states = _states(trace, series, name)
    goods = [at for at, state in enumerate(states) if state > 0]
    known = [state for state in states[goods[0] :][-LAST_EVALUATIONS:] if state != 0] if goods else []
    changes = sum(later != earlier for earlier, later in pairwise(known))
    if changes < FEWEST_TURNS:
        return None
    first_bad = next(at for at, state in enumerate(states) if at > goods[0] and state < 0)
    numbers = ", ".join(f"{value:.3g}" for value in series.values[-LAST_EVALUATIONS:])
    return Evidence("samples", f"{name}: {numbers}", name, float(series.steps[first_bad]), PROOF)


def _states(trace: Trace, series: Series, name: str) -> list[int]:
    """1 good, -1 bad, 0 in between."""
    if name == "diversity":
        good, bad = series.values >= LESS_DIVERSE.bound, series.values < ALIKE.bound
    else:
        best = float(np.quantile(series.values, 0.25))
        good, bad = (series.values > 0) & (series.values <= GOOD * best), series.values > BAD * max(best, 0.0)
        bad &= ~points_are_as_near(trace, series.steps, BAD)
    return [int(one) - int(other) for one, other in zip(good, bad, strict=True)]
