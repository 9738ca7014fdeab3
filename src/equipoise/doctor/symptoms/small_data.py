"""Few samples: the critic knows each of them, or the generator copies them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import WARM_UP, Limit
from equipoise.doctor.quality import best_so_far
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Series, Trace

KNOWN: Final = Limit("overfitting", 0.7)
"""Adaptive augmentation keeps 0.6 (Karras et al. 2020, section 3), so a tenth above it (to be tuned)."""
AT_ITS_END: Final = Limit("augment_p", 0.79, kind="settings")
"""Beyond 0.8 the changes leak into the fakes (Karras et al. 2020, section 2.2)."""
GAP: Final = 0.1
"""By which training samples rank above held-out ones (to be tuned)."""
WORSE: Final = 1.2
"""Times the best distance: the generator suffers from it."""
COPIES: Final = Limit("memory", 0.3, plain=0.6, evaluations=2, kind="samples", less_floor=True)
"""Of fakes, beyond chance, whose nearest real sample is one of the training samples (to be tuned)."""

TWINS: Final = Limit("twins", 0.3, plain=0.6, evaluations=2, kind="samples")
"""By chance it is 0.01 at most; to be tuned."""


@dataclass(frozen=True, slots=True)
class Overfitting(Symptom):
    key: ClassVar[str] = "overfitting"
    title: ClassVar[str] = "the critic has learned the training samples by heart"
    looks_like: ClassVar[str] = (
        "Samples get better, then worse, while the critic's loss falls on and on.  Real samples that it was never "
        "trained on score like fakes."
    )
    means: ClassVar[str] = (
        "There are too few samples for this critic and this length: it recognises them one by one, and what it tells "
        "the generator no longer is about what they have in common."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "critic-wins": "there it is as sure of real samples that it has never seen",
        "memorisation": "there the generator copies; a critic may overfit without that",
        "healthy": "adaptive augmentation lets the sign of overfitting stay at its target, 0.6, by design",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"without augmentation that adapts: {KNOWN.words}",
        f"`auc` above `auc_held_out` by {GAP:g} for a window",
        f"with it, {AT_ITS_END.words}, while `overfitting` is above its target; where that is not known, while samples "
        "get worse",
        f"once one of these is seen, `distance` or `fid` above {WORSE:g} times its best",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Karras et al. 2020 (ADA), arXiv:2006.06676",
        "Tseng et al. 2021 (LeCam), arXiv:2104.03310",
        "notes on landscapes: StyleGAN2 on 865 images",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        adapts = trace.get("augment_p") is not None
        by_scores = agreeing((_at_its_end(trace) if adapts else KNOWN.seen(trace), _gap(trace)))
        return (*by_scores, *agreeing((_suffers(trace),))) if by_scores else ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.adapt_augmentation(settings, of_points=trace.of_points),
            remedies.bound_the_slope(settings),
            remedies.smaller_critic(settings),
            remedies.instance_noise(settings),
            remedies.keep_the_best(),
        )


@dataclass(frozen=True, slots=True)
class Memorisation(Symptom):
    key: ClassVar[str] = "memorisation"
    title: ClassVar[str] = "samples are copies of training samples"
    looks_like: ClassVar[str] = "Good pictures, early, that can each be found among the training data."
    means: ClassVar[str] = "The generator has room for every training sample and reasons to store it."
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "samples lie near to a training sample by chance; what counts is how much nearer than to real "
        "samples that were held out",
        "overfitting": "there the critic knows the samples; the generator need not",
    }
    reads: ClassVar[tuple[str, ...]] = (COPIES.words, f"where only pictures are known: {TWINS.words}")
    sources: ClassVar[tuple[str, ...]] = ("Meehan et al. 2020, arXiv:2004.05675",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((COPIES.seen(trace), TWINS.seen(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.adapt_augmentation(settings, of_points=trace.of_points),
            remedies.keep_the_best(),
            remedies.smaller_critic(settings),
            remedies.bound_the_slope(settings),
        )


def _at_its_end(trace: Trace) -> Evidence | None:
    return AT_ITS_END.seen(trace) if _still_overfits(trace) else None


def _still_overfits(trace: Trace) -> bool:
    known = trace.get("overfitting")
    if known is None:
        return _suffers(trace) is not None
    return bool(known.smooth(trace.window).values[-1] > _target(trace))


def _target(trace: Trace) -> float:
    target = trace.settings.get("augment.adaptive.target")
    return float(target) if isinstance(target, int | float) else 0.6


def _gap(trace: Trace) -> Evidence | None:
    trained, held_out = trace.get("auc"), trace.get("auc_held_out")
    if trained is None or held_out is None:
        return None
    smooth, others = trained.smooth(trace.window), held_out.smooth(trace.window)
    late = others.after(WARM_UP)
    lead = np.interp(late.steps, smooth.steps, smooth.values)
    apart = Series(late.steps, lead - late.values)
    onset = apart.lasting(apart.values > GAP, trace.window)
    if onset is None:
        return None
    said = f"training samples beat fakes in {lead[-1]:.0%} of pairs, held-out ones in {late.values[-1]:.0%} alone"
    return Evidence("losses", said, "auc_held_out", onset, 0.7)


def _suffers(trace: Trace) -> Evidence | None:
    for name in ("distance", "fid"):
        series = trace.get(name)
        if series is None or len(series) <= 2:
            continue
        best = best_so_far(series, higher=False)
        bad = series.values > WORSE * best
        if best > 0 and bad[-2:].all():
            said = f"{name} is {series.values[-1] / best:.2f} times its best; up to {WORSE:g} is well"
            return Evidence("samples", said, name, series.lasting(bad, 0.0))
    return None
