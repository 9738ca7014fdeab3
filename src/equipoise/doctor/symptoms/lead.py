"""The game between critic and generator: the critic is blind, the generator wins, or both saturate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE, WARM_UP
from equipoise.doctor.quality import ARRIVED, points_have_arrived, samples_are_well, samples_improve
from equipoise.doctor.symptom import PROOF, Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Series, Trace

BLIND_AUC: Final = 0.55
"""Next to chance, or below it: a critic that is wrong tells no more than one that guesses (to be tuned)."""
BLIND_LOSS: Final = (0.97, 1.03)
"""Of the critic's loss where it cannot tell (to be tuned)."""
FAR: Final = 4.0
"""Times the floor: fakes that are so far off could be told apart.  On points floors of one kind of run differ by 2.5
from seed to seed, and healthy runs end at up to 2.8 (the clinic)."""
APART: Final = 0.5
"""Of what real samples have of precision or recall: a floor of distance is one draw, and may be low by chance."""
WORSE_THAN_CHANCE: Final = 1.5
"""Of the critic's loss where it cannot tell (to be tuned)."""
LOST_LEAD: Final = 0.5
"""Of the largest lead that a Wasserstein critic has had (to be tuned)."""
CLIPS: Final = (100.0, 50.0, 27.63, 16.12, 15.94, 15.42)
"""Where programs cut -log(p) off: PyTorch's BCELoss at 100, half of it where the two parts are averaged, and the
logarithms of 1e-12, 1e-7, 2^-23 and 2e-7 that others add."""
AT_A_CLIP: Final = 0.01
ROWS: Final = 10
SATURATED: Final = 0.99
STEEPEST_SCORE: Final = 50.0
"""A logit whose sigmoid is 1 or 0 to all digits of float32, thrice over."""
LARGE: Final = STEEPEST_SCORE / 2
"""Cross-entropy of a fake with such a score, where the critic's loss is the mean of its two parts."""


@dataclass(frozen=True, slots=True)
class CriticBlind(Symptom):
    key: ClassVar[str] = "critic-blind"
    title: ClassVar[str] = "the critic cannot tell real from fake, though the samples are far from the data"
    looks_like: ClassVar[str] = (
        "Both losses lie where they would at equilibrium, D(x) and D(G(z)) are both near 0.5, and nothing improves."
    )
    means: ClassVar[str] = (
        "The critic is too weak, too much regularised, or learns from swapped labels.  What it tells the generator is "
        "noise."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "the same losses with samples near the floor are convergence; while samples improve the critic is a "
        "fair opponent",
        "not-learning": "there neither loss was ever anywhere else",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`auc` up to {BLIND_AUC:g} for a window, or `d_loss` at {BLIND_LOSS[0]:.0%} to "
        f"{BLIND_LOSS[1]:.0%} of its blind value",
        f"and `distance` above {FAR:g} times its floor in the last evaluation, with `precision` or `recall` below "
        f"{APART:g} times its own, where they are known; without both it says nothing, nor while `distance`, "
        "`precision` or `recall` still improves, nor in the first three evaluations of a run",
        f"of points, whose `kernel` sees clusters, nothing below {ARRIVED:g} of the untrained generator's",
    )
    explained_by: ClassVar[tuple[str, ...]] = ("dead-critic",)
    sources: ClassVar[tuple[str, ...]] = ("public issue threads on StyleNAT and CycleGAN", "Goodfellow et al. 2014")

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        blind, far = guessing(trace), _far(trace)
        return (blind, far) if blind is not None and far is not None and samples_improve(trace) is False else ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            *remedies.what_holds_the_critic(settings),
            remedies.faster_critic(settings),
            remedies.more_critic_updates(settings),
            remedies.bigger_critic(settings),
            remedies.look_at_plumbing(),
        )


@dataclass(frozen=True, slots=True)
class GeneratorWins(Symptom):
    key: ClassVar[str] = "generator-wins"
    title: ClassVar[str] = "the critic is wrong more often than chance: the generator is far ahead of it"
    looks_like: ClassVar[str] = (
        "The critic's loss stays above what guessing would cost; with a Wasserstein loss it is large and positive."
    )
    means: ClassVar[str] = "The generator changes faster than the critic can follow, or real and fake are swapped."
    confused_with: ClassVar[Mapping[str, str]] = {
        "critic-blind": "there the critic does no better than guess; here its loss says that it is plainly wrong",
        "oscillation": "there the critic's loss is high only now and then",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`d_loss` above {WORSE_THAN_CHANCE:g} times its blind value for a window",
        f"Wasserstein: `d_loss` above 0 by {LOST_LEAD:g} of the critic's largest lead, for a window",
        "nothing while samples improve or are as good as ever: `d_loss` may then hold another term, unsaid",
    )
    explained_by: ClassVar[tuple[str, ...]] = ("saturated-flip", "exploding")
    sources: ClassVar[tuple[str, ...]] = ("notes on sprites: d_loss large and positive, the critic is failing",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return () if samples_are_well(trace) else agreeing((_worse_than_chance(trace), _lead_is_lost(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.slower_generator(settings),
            remedies.more_critic_updates(settings),
            remedies.faster_critic(settings),
            remedies.look_at_plumbing(),
        )


@dataclass(frozen=True, slots=True)
class SaturatedFlip(Symptom):
    key: ClassVar[str] = "saturated-flip"
    title: ClassVar[str] = (
        "the critic calls everything real, its loss at the end of its scale: nothing can move any more"
    )
    looks_like: ClassVar[str] = "D(x) and D(G(z)) are both 1, the critic's loss is 100 or 16, the generator's 0."
    means: ClassVar[str] = (
        "Scores have run so far out that their sigmoid is exactly 1.  There the loss is cut off and its gradient is 0, "
        "so neither network can come back."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "critic-wins": "there D(G(z)) is 0 and the critic's loss is small",
        "plumbing-bug": "there a loss stands still at any value; here at the logarithm of the smallest probability",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"cross-entropy: `d_loss` within {AT_A_CLIP:.0%} of one of {', '.join(f'{clip:g}' for clip in CLIPS)} in "
        f"{ROWS} rows, with `d_real` and `d_fake` above {SATURATED:g} where they are written down: a proof",
        f"`score_real` and `score_fake` both above {STEEPEST_SCORE:g} in {ROWS} rows: a proof; where the game is not "
        f"known, with `d_loss` above {LARGE:g}, for scores of a Wasserstein critic have an offset that means nothing",
    )
    sources: ClassVar[tuple[str, ...]] = ("public training logs", "torch.nn.BCELoss: log is cut off at -100")

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        if trace.game is not None and trace.game.key != "bce":
            return ()
        return agreeing((_at_a_clip(trace), _scores_ran_away(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (
            remedies.keep_the_best(),
            remedies.bound_the_slope(trace.settings),
            remedies.slower_both(trace.settings),
        )


def _within(series: Series, low: float, high: float, window: float) -> float | None:
    late = series.smooth(window).after(WARM_UP)
    return late.lasting((late.values >= low) & (late.values <= high), window)


def guessing(trace: Trace) -> Evidence | None:
    """That the critic does no better than chance, for a window."""
    scores, losses = trace.get("auc"), trace.normalised
    if scores is not None and (onset := _within(scores, 0.0, BLIND_AUC, trace.window)) is not None:
        said = f"{scores.values[-1]:.0%} of real samples score above a fake; by chance it is half of them"
        return Evidence("losses", said, "auc", onset)
    if losses is not None and scores is None and (onset := _within(losses, *BLIND_LOSS, trace.window)) is not None:
        return Evidence("losses", f"the critic's loss is {losses.values[-1]:.0%} of a blind one's", "d_loss", onset)
    return None


def _far(trace: Trace) -> Evidence | None:
    series, floor = trace.get("distance"), trace.floors.get("distance")
    if series is None or floor is None or not 0 < FAR * floor < series.values[-1]:
        return None
    if not _are_apart(trace) or points_have_arrived(trace):
        return None
    said = f"distance is {series.values[-1]:.3g}; that of real samples is {floor:.3g}, and {FAR:g} times it can be told"
    return Evidence("samples", said, "distance", None)


def _are_apart(trace: Trace) -> bool:
    """Whether many fakes could not be real, or much of the data is missing; also where neither is known."""
    known = {name: series for name in ("precision", "recall") if (series := trace.get(name)) is not None}
    shares = [series.values[-1] / trace.floors[name] for name, series in known.items() if trace.floors.get(name)]
    return not shares or min(shares) < APART


def _worse_than_chance(trace: Trace) -> Evidence | None:
    losses = trace.normalised
    onset = _within(losses, WORSE_THAN_CHANCE, np.inf, trace.window) if losses is not None else None
    if losses is None or onset is None:
        return None
    said = f"the critic's loss is {losses.values[-1]:.2g} times that of guessing; up to {WORSE_THAN_CHANCE:g} is well"
    return Evidence("losses", said, "d_loss", onset, MODERATE)


def _lead_is_lost(trace: Trace) -> Evidence | None:
    losses = trace.get("d_loss")
    if losses is None or trace.game is None or trace.game.floor is not None:
        return None
    smooth = losses.smooth(trace.window)
    lead = max(0.0, -float(smooth.values.min()))
    onset = _within(losses, LOST_LEAD * lead, np.inf, trace.window) if lead > 0 else None
    if onset is None:
        return None
    said = f"the critic scores fakes above real samples by {smooth.values[-1]:.3g}; its best lead was {lead:.3g}"
    return Evidence("losses", said, "d_loss", onset, MODERATE)


def _at_a_clip(trace: Trace) -> Evidence | None:
    losses = trace.get("d_loss")
    probabilities = [series for name in ("d_real", "d_fake") if (series := trace.get(name)) is not None]
    if trace.game is None and not probabilities:
        return None
    if losses is None or len(losses) < ROWS or any((one.values[-ROWS:] < SATURATED).any() for one in probabilities):
        return None
    apart = np.abs(losses.values[:, None] / np.asarray(CLIPS) - 1).min(1)
    onset = losses.lasting(apart < AT_A_CLIP, 0.0)
    if onset is None or len(losses.after(onset)) < ROWS:
        return None
    said = f"the critic's loss is {losses.values[-1]:.4g}, where it is cut off; a blind critic's is 1.39"
    return Evidence("losses", said, "d_loss", onset, 1.0)


def _scores_ran_away(trace: Trace) -> Evidence | None:
    sides = [trace.get("score_real"), trace.get("score_fake")]
    if any(side is None or len(side) < ROWS or side.values[-ROWS:].min() < STEEPEST_SCORE for side in sides):
        return None
    if trace.game is None and not _loss_is_large(trace):
        return None
    return Evidence(
        "losses", f"all scores are above {STEEPEST_SCORE:g}; from -10 to 10 is well", "score_fake", None, PROOF
    )


def _loss_is_large(trace: Trace) -> bool:
    losses = trace.get("d_loss")
    return losses is not None and len(losses) >= ROWS and bool((losses.values[-ROWS:] > LARGE).all())
