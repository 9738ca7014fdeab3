"""What only a critic with a gradient penalty, or a Wasserstein loss, can suffer from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import WARM_UP, Limit
from equipoise.doctor.quality import CLOSE_FID, NEAR, near_enough
from equipoise.doctor.remedies.paths import terms_of
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Series, Trace

PLAINLY_FLAT: Final = 0.01
FLAT: Final = Limit("slope", 0.1, "below", plain=PLAINLY_FLAT, kind="gradients")
"""Where 1 is asked for (to be tuned)."""
NO_SLOPE: Final = Limit("slope", 1e-3, "below", plain=1e-5, kind="gradients")
"""Where 0 is asked for, by R1 or R2: a critic whose scores differ little serves a generator with Adam as well as any.
On digits one with a slope of 0.009 told real from fake with an AUC of 0.77, and samples were as good (LAB.md)."""
STEEP: Final = Limit("slope", 3.0, kind="gradients")
"""Where 1 is asked for (to be tuned)."""
OF_A_FLAT_CRITIC: Final = 1.0
"""The penalty, unweighted: (0 - 1)^2 (Gulrajani et al. 2017, eq. 3)."""
NEARLY: Final = 0.01
GONE: Final = 1e-3
"""Of the largest lead that the critic has had."""
KEPT: Final = 0.8
"""Of the critic's largest lead: a game that has not moved since (to be tuned)."""
NO_BETTER: Final = 0.8
"""Of the first distance (to be tuned)."""
EVALUATIONS: Final = 3


@dataclass(frozen=True, slots=True)
class DeadCritic(Symptom):
    key: ClassVar[str] = "dead-critic"
    title: ClassVar[str] = "the critic gives every sample the same score"
    looks_like: ClassVar[str] = (
        "The critic's loss is 0 to many digits, the gradient penalty exactly 1 (lambda, where it is weighted), the "
        "generator's loss stands still."
    )
    means: ClassVar[str] = (
        "The critic's slope is 0 everywhere: dead units, clipped scores or weights, or batch norm under a penalty.  "
        "The generator gets no gradient."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "near equilibrium a Wasserstein critic's loss goes to 0 too, with a slope of 1",
        "critic-blind": "there scores differ, and mean nothing",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"{FLAT.words}, where a gradient penalty asks for 1 from below as well; elsewhere below {NO_SLOPE.bound:g}, "
        f"proved below {NO_SLOPE.plain:g}",
        f"`penalty` of a Wasserstein game within {NEARLY:.0%} of {OF_A_FLAT_CRITIC:g}, the square of the slope that it "
        "asks for from below as well, for a window",
        f"`d_loss` of a Wasserstein game below {GONE:g} of the critic's largest lead for a window",
    )
    sources: ClassVar[tuple[str, ...]] = ("Gulrajani et al. 2017, arXiv:1704.00028", "public issues of StudioGAN")

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        flat = agreeing((_slope_is_gone(trace), _penalty_of_a_flat_critic(trace)))
        return (*flat, *agreeing((_lead_is_gone(trace),))) if flat or trace.get("slope") is None else ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.norm_free_of_batches(settings),
            *remedies.what_hides_samples(settings),
            *((remedies.less_bound(settings),) if terms_of(settings, "penalties.R1", "penalties.R2") else ()),
            remedies.slower_critic(settings, 0.5),
            remedies.more_critic_updates(settings),
            remedies.less_momentum(settings),
            remedies.bigger_critic(settings),
        )


@dataclass(frozen=True, slots=True)
class SteepCritic(Symptom):
    key: ClassVar[str] = "steep-critic"
    title: ClassVar[str] = "the critic is steeper than its penalty means to allow"
    looks_like: ClassVar[str] = "The norm of the critic's gradient at the interpolates is far above 1."
    means: ClassVar[str] = "The penalty is too weak for the rate, or not applied where the critic is steep."
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "in the first thousand steps the slope overshoots and comes back",
        "exploding": "there the critic's whole gradient grows",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"a Wasserstein game: {STEEP.words}, where a gradient penalty asks for 1, and as many times another slope "
        "that it asks for",
    )
    explained_by: ClassVar[tuple[str, ...]] = ("exploding", "not-finite")
    sources: ClassVar[tuple[str, ...]] = ("notes on sprites, section 2.1: gradient norm >> 1, increase lambda",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        asked = _asked_for(trace, one_sided=True)
        limit = replace(STEEP, bound=STEEP.bound * asked)
        return agreeing((limit.seen(trace),)) if _is_wasserstein(trace) and asked > 0 else ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.bound_the_slope(settings),
            remedies.slower_critic(settings, 0.5),
            remedies.larger_batch(settings),
        )


@dataclass(frozen=True, slots=True)
class GapStays(Symptom):
    key: ClassVar[str] = "gap-stays"
    title: ClassVar[str] = "the Wasserstein critic keeps its whole lead, and the samples do not improve"
    looks_like: ClassVar[str] = (
        "The critic's loss is a large negative number and stays there; sheets do not get better."
    )
    means: ClassVar[str] = "The generator cannot follow: it learns too slowly, too rarely, or is too small."
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "a critic's loss may be flat for 50 epochs while pictures improve, so the samples must agree",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"a Wasserstein game: `d_loss` at {KEPT:.0%} or more of its largest lead for a window",
        f"and `distance` or `fid` above {NO_BETTER:g} times its first value in {EVALUATIONS} evaluations; not alone, "
        f"nor below {NEAR:g} times the floor of `distance`, or an `fid` of {CLOSE_FID:g}",
    )
    sources: ClassVar[tuple[str, ...]] = ("notes on sprites, section 1: the critic dominates",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        kept, stuck = _lead_is_kept(trace), no_better(trace)
        return (kept, stuck) if kept is not None and stuck is not None else ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.fewer_critic_updates(settings),
            remedies.slower_critic(settings, 0.5),
            remedies.slower_generator(settings),
            remedies.bigger_generator(settings),
        )


def no_better(trace: Trace) -> Evidence | None:
    """Samples that are hardly nearer to the data than at first, and were not near then."""
    for name in ("distance", "fid"):
        series = trace.get(name)
        if series is None or len(series) <= EVALUATIONS:
            continue
        first, late = series.values[0], series.values[-EVALUATIONS:]
        if (late > NO_BETTER * first).all() and (late >= (near_enough(trace, name) or 0.0)).all():
            said = f"{name} is {series.values[-1]:.3g}; it began at {first:.3g}"
            return Evidence("samples", said, name, float(series.steps[0]))
    return None


def is_flat(trace: Trace) -> bool:
    """Whether the critic's slope is 0, which makes losses stand still."""
    return _penalty_of_a_flat_critic(trace) is not None or _slope_is_gone(trace) is not None


def _slope_is_gone(trace: Trace) -> Evidence | None:
    if trace.settings:
        target = _asked_for(trace, one_sided=False)
        limit = replace(FLAT, bound=FLAT.bound * target, plain=PLAINLY_FLAT * target) if target > 0 else NO_SLOPE
    else:
        limit = FLAT if _is_wasserstein(trace) else replace(FLAT, plain=None)
    return limit.seen(trace)


def _asked_for(trace: Trace, *, one_sided: bool) -> float:
    """The slope that a penalty of the phase holds the critic to, if not `one_sided` from below as well; 0 where none
    does, and 1 in a run of another program."""
    settings = trace.settings
    if not settings:
        return 1.0
    held = [
        settings.get(f"{path}.target", 1.0)
        for path in terms_of(settings, "penalties.GradientPenalty")
        if path.startswith(f"phases.{trace.phase}.") and settings.get(f"{path}.weight") != 0
        if one_sided or settings.get(f"{path}.one_sided") is not True
    ]
    return max((float(target) for target in held if isinstance(target, int | float)), default=0.0)


def _is_wasserstein(trace: Trace) -> bool:
    return trace.game is not None and trace.game.key == "wgan"


def _penalty_of_a_flat_critic(trace: Trace) -> Evidence | None:
    series = trace.get("penalty")
    if series is None or not _is_wasserstein(trace):
        return None
    late, flat = series.smooth(trace.window), OF_A_FLAT_CRITIC * _asked_for(trace, one_sided=False) ** 2
    onset = late.lasting(np.abs(late.values - flat) < NEARLY * flat, trace.window)
    if onset is None:
        return None
    said = f"the penalty is {late.values[-1]:.4f}; {flat:g} is that of a flat critic"
    return Evidence("gradients", said, "penalty", onset)


def _lead(trace: Trace) -> Series | None:
    losses = trace.get("d_loss") if _is_wasserstein(trace) else None
    if losses is None:
        return None
    smooth = losses.smooth(trace.window)
    return Series(smooth.steps, -smooth.values)


def _lead_is_gone(trace: Trace) -> Evidence | None:
    lead = _lead(trace)
    if lead is None or (largest := float(np.abs(lead.values).max())) == 0:
        return None
    late = lead.after(WARM_UP)
    onset = late.lasting(np.abs(late.values) < GONE * largest, trace.window)
    if onset is None:
        return None
    return Evidence("losses", f"the critic's lead is {late.values[-1]:.2g}; it was {largest:.3g}", "d_loss", onset)


def _lead_is_kept(trace: Trace) -> Evidence | None:
    lead = _lead(trace)
    if lead is None or trace.last_step < 2 * WARM_UP or (largest := float(lead.values.max())) <= 0:
        return None
    late = lead.after(WARM_UP)
    onset = late.lasting(late.values >= KEPT * largest, trace.window)
    if onset is None:
        return None
    said = f"the critic's lead is {late.values[-1]:.3g}, {late.values[-1] / largest:.0%} of the largest it had"
    return Evidence("losses", said, "d_loss", onset)
