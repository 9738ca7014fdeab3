"""What a symptom cannot see by itself: a rate that was raised just before it began, settings that unsettle a game.

They are no symptoms: of a run in which nothing is wrong nobody is told of them here.  Before the first step
`equipoise.doctor.lint` speaks of settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE
from equipoise.doctor.remedies.paths import is_number
from equipoise.doctor.symptom import Evidence, Remedy, Settings
from equipoise.doctor.trace import Series, Trace

UNSETTLED: Final = frozenset(
    {
        *("oscillation", "comes-and-goes", "exploding", "not-finite", "steep-critic", "off-target"),
        *("critic-wins", "critic-blind", "dead-critic", "generator-wins", "saturated-flip"),
        *("total-collapse", "partial-collapse", "late-collapse", "one-class", "flat", "dark-retreat", "saturation"),
    }
)
"""Symptoms by key that a rate or momentum can bring about."""
RAISED: Final = 3.0
"""Times the rate before.  Restarts of a schedule are as steep, and are suspected as rightly."""
STEADY: Final = 1.5
"""A rate that has moved by less than this factor was no warm-up (guess)."""
STEADY_ROWS: Final = 5
HIGHEST_BETA1: Final = 0.5
"""As `equipoise.doctor.lint` has it."""
WIDEST_RATES: Final = 10.0
"""The same, between the two networks' rates."""
TWO_SCALES: Final = 4.0
"""Heusel et al. 2017, arXiv:1706.08500."""
NETWORKS: Final = {"d": "the critic's", "g": "the generator's"}


@dataclass(frozen=True, slots=True)
class Raise:
    """Of a rate, in the midst of a run."""

    network: str
    step: float
    before: float
    after: float

    @property
    def evidence(self) -> Evidence:
        said = (
            f"{NETWORKS[self.network]} rate was raised from {self.before:.3g} to {self.after:.3g} at step "
            f"{self.step:g}, before it began"
        )
        return Evidence("settings", said, f"lr_{self.network}", self.step, MODERATE)

    def remedy(self, settings: Settings) -> Remedy:
        return remedies.hold_the_rate(settings, f"{self.network}_optim", self.before)


def raised(trace: Trace, onset: float | None) -> list[Raise]:
    """The last raise of each rate before a symptom's onset, or within a window of it."""
    if onset is None:
        return []
    found = ((network, trace.get(f"lr_{network}")) for network in NETWORKS)
    raises = [_last_raise(network, series.before(onset + trace.window)) for network, series in found if series]
    return [one for one in raises if one is not None]


def first_remedies(trace: Trace, raises: list[Raise]) -> tuple[Remedy, ...]:
    """To be tried before a symptom's own."""
    return (*(one.remedy(trace.settings) for one in raises), *_known_to_unsettle(trace.settings))


def _last_raise(network: str, series: Series) -> Raise | None:
    """Where it was raised from what it had been for some rows."""
    values = series.values
    for at in range(len(values) - 1, STEADY_ROWS - 1, -1):
        before = values[at - STEADY_ROWS : at]
        low, high = float(before.min()), float(before.max())
        if low > 0 and high < STEADY * low and values[at] > RAISED * high:
            return Raise(network, float(series.steps[at]), float(np.median(before)), float(values[at]))
    return None


def _known_to_unsettle(settings: Settings) -> tuple[Remedy, ...]:
    betas, rates = ([settings.get(f"{network}_optim.{name}") for network in NETWORKS] for name in ("beta1", "lr"))
    found = []
    if any(is_number(beta) and beta > HIGHEST_BETA1 for beta in betas):  # type: ignore[operator]
        found.append(remedies.less_momentum(settings))
    of_d, of_g = (float(rate) if is_number(rate) else 0.0 for rate in rates)  # type: ignore[arg-type]
    low, high = sorted((of_d, of_g))
    if low > 0 and high >= WIDEST_RATES * low:
        slower = remedies.slower_critic if of_d > of_g else remedies.slower_generator
        found.append(slower(settings, TWO_SCALES * low / high))
    return tuple(found)
