"""Conditions: whether samples are what they were asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE, WARM_UP
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Trace

OF_REAL: Final = 0.2
"""Of what is read from real samples (to be tuned)."""
LEAST: Final = 0.1
"""Rank correlation, where that is not known."""
EVALUATIONS: Final = 2
STILL: Final = (0.98, 1.02)
"""Gamma, which multiplies features: a condition that changes none of them by 2 % does nothing."""


@dataclass(frozen=True, slots=True)
class ConditionIgnored(Symptom):
    key: ClassVar[str] = "condition-ignored"
    title: ClassVar[str] = "samples are not what they were asked to be"
    looks_like: ClassVar[str] = "Sheets look the same whatever class, number or label they were asked for."
    means: ClassVar[str] = (
        "Nothing pays the generator for obeying: the critic does not look at the condition, or a reconstruction is "
        "good enough without it."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "data-bug": "labels that are constant or shuffled cannot be obeyed: look at the data first",
        "total-collapse": "there samples are alike under one condition too",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`obeyed` below {OF_REAL:g} times its value for real samples ({LEAST:g} where that is not known) in "
        f"{EVALUATIONS} evaluations in a row",
        f"`gamma_low` and `gamma_high` both between {STILL[0]:g} and {STILL[1]:g}",
    )
    explained_by: ClassVar[tuple[str, ...]] = ("total-collapse", "gamma-runaway", "posterior-collapse", "not-finite")
    sources: ClassVar[tuple[str, ...]] = (
        "notes on landscapes: a VAE alone gave the same picture for all values; gamma stuck near 1",
        "Miyato & Koyama 2018, arXiv:1802.05637: projection",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((_not_obeyed(trace), _gamma_is_still(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.look_at_data(),
            remedies.heavier(settings, "conditioning.Auxiliary", "the critic's reading of conditions"),
            remedies.heavier(settings, "conditioning.Diversity", "the diversity between conditions"),
        )


def _not_obeyed(trace: Trace) -> Evidence | None:
    series = trace.get("obeyed")
    late = series.after(WARM_UP) if series is not None else None
    if late is None or len(late) < EVALUATIONS:
        return None
    bound = OF_REAL * trace.floors["obeyed"] if "obeyed" in trace.floors else LEAST
    low = late.values < bound
    if not low[-EVALUATIONS:].all():
        return None
    said = f"what is read from samples follows what was asked for with {late.values[-1]:.2f}; from {bound:.2f} is well"
    return Evidence("samples", said, "obeyed", late.lasting(low, 0.0), 0.7)


def _gamma_is_still(trace: Trace) -> Evidence | None:
    low, high = trace.get("gamma_low"), trace.get("gamma_high")
    if low is None or high is None or trace.last_step < WARM_UP:
        return None
    if low.values[-1] < STILL[0] or high.values[-1] > STILL[1]:
        return None
    said = f"gamma lies between {low.values[-1]:.3f} and {high.values[-1]:.3f}, so conditions change nothing"
    return Evidence("gradients", said, "gamma_high", high.lasting(high.values <= STILL[1], 0.0), MODERATE)
