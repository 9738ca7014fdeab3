"""The game between critic and generator: the critic wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE, WARM_UP, Limit
from equipoise.doctor.quality import samples_are_well
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Trace

SURE_LOSS: Final = 0.05
"""Of the critic's loss where it is blind (Arjovsky & Bottou 2017; to be tuned)."""
SURE_LOSS_OF_LARGE_BATCH: Final = 0.02
"""Large batches with spectral norm play well near a loss of nothing (Brock et al. 2019, BigGAN)."""
LARGE_BATCH: Final = 512
SURE_AUC: Final = Limit("auc", 0.995, weight=0.7)
"""To be tuned."""
LEAST_GRADIENT: Final = 0.01
"""Of the largest median of the gradient at the generator's output early on (to be tuned)."""
NOTHING: Final = 1e-3
"""Of the critic's loss where it is blind: a loss that is printed as 0.000."""
CERTAIN: Final = 0.999
"""D(x) that is printed as 1.00 (notes on radio bursts: 0.9999)."""
OFF_TARGET: Final = Limit("g_loss", 1.0, weight=0.5)
"""Least squares with targets 0 and 1: where fakes score 0, as they should for a perfect critic, it is 1."""


@dataclass(frozen=True, slots=True)
class CriticWins(Symptom):
    key: ClassVar[str] = "critic-wins"
    title: ClassVar[str] = "the critic tells real from fake without fail, and the generator gets nothing to learn from"
    looks_like: ClassVar[str] = (
        "The critic's loss falls to almost nothing and stays there, the generator's rises and stays high, D(x) is near "
        "1 and D(G(z)) near 0.  The sheets stop changing, or never become pictures."
    )
    means: ClassVar[str] = (
        "Where the critic is sure of everything its score is flat around the fakes, so the generator's gradient "
        "vanishes.  With a few hundred samples this takes an epoch or two."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "in the first few hundred steps every critic wins; with a relativistic or hinge loss and small "
        "batches a loss of nothing can go with good samples, so the samples decide",
        "overfitting": "there the critic is sure of training samples alone, not of those held out",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`d_loss` below {SURE_LOSS:.0%} of its value for a blind critic for a window, {SURE_LOSS_OF_LARGE_BATCH:.0%} "
        f"with batches of {LARGE_BATCH} or more, relativistic and Wasserstein losses left out",
        f"`d_loss` below {NOTHING:.1%} of that and `d_real` above {CERTAIN:g} for a whole epoch, however short",
        SURE_AUC.words,
        f"`grad_at_output` below {LEAST_GRADIENT:.0%} of its largest median in the first {WARM_UP:g} steps, for a "
        "window; without this, nothing is said while samples improve or are near their floor",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Arjovsky & Bottou 2017, arXiv:1701.04862, theorem 2.4",
        "notes on radio bursts: Loss_D 0.0000, Loss_G 46.8 from the second epoch on",
        "notes on landscapes: grey pictures where the critic is too strong",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        by_loss = _sure_by_loss(trace) or _sure_for_an_epoch(trace)
        gone = _gradient_is_gone(trace)
        return () if gone is None and samples_are_well(trace) else agreeing((by_loss, SURE_AUC.seen(trace), gone))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.bound_the_slope(settings),
            *_of_cross_entropy(trace, remedies.non_saturating(settings)),
            remedies.slower_critic(settings),
            *_of_cross_entropy(trace, remedies.smooth_labels(settings)),
            remedies.instance_noise(settings),
            remedies.fewer_critic_updates(settings),
            remedies.adapt_augmentation(settings, of_points=trace.of_points),
            remedies.bigger_generator(settings),
        )


@dataclass(frozen=True, slots=True)
class OffTarget(Symptom):
    key: ClassVar[str] = "off-target"
    title: ClassVar[str] = "the critic scores fakes beyond the target it was given for them"
    looks_like: ClassVar[str] = (
        "With least squares and targets 0 and 1 the generator's loss stays above 1.  The critic's loss says little."
    )
    means: ClassVar[str] = (
        "Fakes score below 0 on average.  The critic overshoots its own target: its scores swing with each update, or "
        "nothing bounds how steep it is."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "critic-wins": "there the generator's loss is near 1 and the critic's near 0",
        "healthy": "other targets than 0 and 1, and with a factor 1/2 the bound is 0.5",
    }
    reads: ClassVar[tuple[str, ...]] = (f"least squares with targets 0 and 1: {OFF_TARGET.words}",)
    explained_by: ClassVar[tuple[str, ...]] = ("critic-wins", "exploding", "oscillation")
    sources: ClassVar[tuple[str, ...]] = ("Mao et al. 2017, arXiv:1611.04076, eq. 9", "public training logs")

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        game = trace.game
        if game is None or game.key != "lsgan" or game.generator_blind != 0.25 or game.blind != 0.5:
            return ()
        return agreeing((OFF_TARGET.seen(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (
            remedies.bound_the_slope(trace.settings),
            remedies.slower_critic(trace.settings, 0.5),
            remedies.less_momentum(trace.settings),
        )


def _of_cross_entropy(trace: Trace, remedy: Remedy) -> tuple[Remedy, ...]:
    """No other loss has labels, or a form that saturates; of an unknown one nobody knows."""
    may_be_it = trace.game is None or trace.game.key == "bce"
    return remedies.of_what_is_there(trace.settings, remedy) if may_be_it else ()


def _is_relativistic(trace: Trace) -> bool:
    return trace.game is not None and trace.game.is_relativistic


def _sure_by_loss(trace: Trace) -> Evidence | None:
    losses = trace.normalised
    if losses is None or _is_relativistic(trace):
        return None
    bound = SURE_LOSS_OF_LARGE_BATCH if (trace.batch or 0) >= LARGE_BATCH else SURE_LOSS
    late = losses.smooth(trace.window).after(WARM_UP)
    onset = late.lasting(late.values < bound, trace.window)
    if onset is None:
        return None
    said = f"the critic's loss is {late.values[-1]:.1%} of a blind critic's; from {bound:.0%} is well"
    return Evidence("losses", said, "d_loss", onset)


def _sure_for_an_epoch(trace: Trace) -> Evidence | None:
    """Of a set so small that epochs are over before any warm-up is."""
    losses, reals = trace.normalised, trace.get("d_real")
    if losses is None or reals is None or trace.steps_an_epoch is None or _is_relativistic(trace):
        return None
    onset = losses.lasting(losses.values < NOTHING, trace.steps_an_epoch)
    sure = reals.lasting(reals.values > CERTAIN, trace.steps_an_epoch)
    if onset is None or sure is None:
        return None
    said = (
        f"D(x) is {reals.values[-1]:.4f} and the critic's loss {losses.values[-1]:.2%} of a blind one's, a whole epoch"
    )
    return Evidence("losses", said, "d_loss", max(onset, sure), MODERATE)


def _gradient_is_gone(trace: Trace) -> Evidence | None:
    norms = trace.get("grad_at_output")
    if norms is None or len(norms.before(WARM_UP)) == 0:
        return None
    early = float(norms.before(WARM_UP).smooth(trace.window).values.max())
    late = norms.smooth(trace.window).after(WARM_UP)
    onset = late.lasting(late.values < LEAST_GRADIENT * early, trace.window)
    if onset is None:
        return None
    said = f"the gradient at the generator's output is {late.values[-1] / early:.2%} of the early one; from 1 % is well"
    return Evidence("gradients", said, "grad_at_output", onset)
