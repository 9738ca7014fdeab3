"""Encoders, modulation and the change of stage: what a warm start brings with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE, Limit
from equipoise.doctor.symptom import PROOF, Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Trace

DROP: Final = 5.0
"""In dB; up to 3 is the usual price of sharpness (ESRGAN's author)."""
SURE: Final = 0.01
"""D(G(z)) at a change of stage."""
SURE_AUC: Final = 0.98
EVALUATIONS: Final = 2
EMPTY: Final = Limit("kl", 0.01, "below")
"""Nats a latent (Bowman et al. 2016; to be tuned)."""
IDLE: Final = Limit("active_units", 0.1, "below", kind="samples")
"""Share of latents (Burda et al. 2016, arXiv:1509.00519, section 5.2; to be tuned)."""
BURST: Final = 10.0
"""Times what KL has been (to be tuned)."""
LEAST_KL: Final = 0.01
GAMMA: Final = 2.0
"""Notes on landscapes: healthy from 0.4 to 1.8, instability above 2."""
GAMMA_RUNS: Final = 5.0
"""Notes on landscapes: should be below 5; 21.178 was seen."""


@dataclass(frozen=True, slots=True)
class StageSwitch(Symptom):
    key: ClassVar[str] = "stage-switch"
    title: ClassVar[str] = "the game destroyed what the stage before it had learned"
    looks_like: ClassVar[str] = "PSNR drops by more than 5 dB when the adversarial stage begins, and stays there."
    means: ClassVar[str] = (
        "A critic that is sure of everything tears at a generator that was good: weight and rate are too high."
    )
    confused_with: ClassVar[Mapping[str, str]] = {"healthy": "a drop of up to 3 dB is the price of sharper pictures"}
    reads: ClassVar[tuple[str, ...]] = (
        f"`psnr` more than {DROP:g} dB below its best, that before the game included, in {EVALUATIONS} evaluations "
        "in a row",
        f"then also `d_fake` below {SURE:g} or `auc` above {SURE_AUC:g}",
    )
    sources: ClassVar[tuple[str, ...]] = ("public issues of SRGAN-PyTorch and BasicSR", "notes on super-resolution")

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        drop = _drop(trace)
        return (drop, *agreeing((_is_sure(trace),))) if drop is not None else ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.weaker_game(settings),
            remedies.bound_the_slope(settings),
            remedies.slower_critic(settings, 0.5),
            remedies.longer_before_the_game(settings),
        )


@dataclass(frozen=True, slots=True)
class PosteriorCollapse(Symptom):
    key: ClassVar[str] = "posterior-collapse"
    title: ClassVar[str] = "the encoder says nothing: its posterior is the prior"
    looks_like: ClassVar[str] = "KL is near 0, and everything is rebuilt as the same blurred picture."
    means: ClassVar[str] = (
        "KL weighs more than what the latents would be worth, so the decoder has learned to ignore them."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "KL falls at first while its weight is ramped up",
        "total-collapse": "there no encoder is asked",
    }
    reads: ClassVar[tuple[str, ...]] = (EMPTY.words, IDLE.words)
    sources: ClassVar[tuple[str, ...]] = (
        "Bowman et al. 2016, arXiv:1511.06349",
        "Kingma et al. 2016, arXiv:1606.04934: free bits",
        "notes on landscapes, attempt 3: all values gave the same picture",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((EMPTY.seen(trace), IDLE.seen(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.free_bits(settings),
            remedies.kl_weight(settings, 0.1),
            remedies.longer_before_the_game(settings),
        )


@dataclass(frozen=True, slots=True)
class KlExplosion(Symptom):
    key: ClassVar[str] = "kl-explosion"
    title: ClassVar[str] = "KL has exploded: the posterior has left the prior"
    looks_like: ClassVar[str] = (
        "KL jumps to many times what it was; samples from the prior turn to noise or one colour."
    )
    means: ClassVar[str] = "Posteriors run away or shrink to points; an unbounded log-variance is the usual cause."
    confused_with: ClassVar[Mapping[str, str]] = {"healthy": "KL rises slowly while the encoder learns to say more"}
    reads: ClassVar[tuple[str, ...]] = (
        f"`kl` above {BURST:g} times its median before the last window, at the end of the log",
    )
    sources: ClassVar[tuple[str, ...]] = ("public issue threads and logs of world models",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((_burst(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.skip_the_batch(),
            remedies.clip(settings),
            remedies.slower_generator(settings),
            remedies.kl_weight(settings, 2.0),
        )


@dataclass(frozen=True, slots=True)
class GammaRunaway(Symptom):
    key: ClassVar[str] = "gamma-runaway"
    title: ClassVar[str] = "conditions multiply features without bound"
    looks_like: ClassVar[str] = "Horizontal bands, high contrast with severe blur; the largest gamma climbs above 2."
    means: ClassVar[str] = (
        "The modulation's base is not clamped, so what a condition adds is multiplied at every stage: 21 where 1.8 "
        "was meant."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "perceptual-too-heavy": "it looks alike; look at its share of the gradient",
        "condition-ignored": "there gamma stays at 1",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`gamma_high` above {GAMMA:g} in the last {EVALUATIONS} rows; above {GAMMA_RUNS:g} it is proved, in one",
    )
    sources: ClassVar[tuple[str, ...]] = ("notes on landscapes: gamma 21.178 at epoch 470",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((_gamma_is_high(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (remedies.tighter_modulation(settings), remedies.slower_generator(settings), remedies.clip(settings))


def _drop(trace: Trace) -> Evidence | None:
    series, before = trace.get("psnr"), trace.before.get("psnr")
    if series is None or len(series) < EVALUATIONS:
        return None
    best = max(float(series.values.max()), before if before is not None else -math.inf)
    low = series.values < best - DROP
    if not low[-EVALUATIONS:].all():
        return None
    said = f"PSNR is {series.values[-1]:.1f} dB; its best was {best:.1f}, and 3 dB less is well"
    return Evidence("samples", said, "psnr", series.lasting(low, 0.0))


def _is_sure(trace: Trace) -> Evidence | None:
    fakes, scores = trace.get("d_fake"), trace.get("auc")
    if fakes is not None and fakes.values[-1] < SURE:
        return Evidence("losses", f"D(G(z)) is {fakes.values[-1]:.3f}; from {SURE:g} is well", "d_fake")
    if scores is not None and scores.values[-1] > SURE_AUC:
        return Evidence("losses", f"{scores.values[-1]:.1%} of real samples score above a fake", "auc")
    return None


def _burst(trace: Trace) -> Evidence | None:
    series = trace.get("kl")
    before = series.before(series.steps[-1] - trace.window).values if series is not None else ()
    if series is None or len(before) == 0:
        return None
    usual = max(float(np.median(before)), LEAST_KL)
    onset = series.lasting(series.values > BURST * usual, 0.0)
    if onset is None:
        return None
    said = f"KL is {series.values[-1]:.3g} nats a latent, {series.values[-1] / usual:.0f} times what it was"
    return Evidence("losses", said, "kl", onset)


def _gamma_is_high(trace: Trace) -> Evidence | None:
    series = trace.get("gamma_high")
    if series is None:
        return None
    high, runs = series.values > GAMMA, bool(series.values[-1] > GAMMA_RUNS)
    if not runs and not (len(high) >= EVALUATIONS and high[-EVALUATIONS:].all()):
        return None
    said = f"the largest gamma is {series.values[-1]:.4g}; up to 1.8 is well"
    return Evidence("gradients", said, "gamma_high", series.lasting(high, 0.0), PROOF if runs else MODERATE)
