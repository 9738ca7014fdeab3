"""What a symptom cannot see by itself: a rate that was raised just before it began, settings that unsettle a game.

They are no symptoms; `equipoise.doctor.doubts` tells of them beside what is seen, and before the first step
`equipoise.doctor.lint` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE
from equipoise.doctor.remedies.paths import is_number, scaled, terms_of
from equipoise.doctor.symptom import Evidence, Remedy
from equipoise.doctor.trace import Series, Trace

UNSETTLED: Final = frozenset(
    {
        *("oscillation", "comes-and-goes", "exploding", "not-finite", "steep-critic", "off-target"),
        *("critic-wins", "critic-blind", "dead-critic", "generator-wins", "saturated-flip"),
        *("total-collapse", "partial-collapse", "late-collapse", "one-class", "flat", "dark-retreat", "saturation"),
    }
)
"""Symptoms by key that a rate or momentum can bring about."""
OF_ANYTHING: Final = frozenset({"oscillation", "comes-and-goes", "total-collapse", "partial-collapse", "late-collapse"})
"""Of those the ones that nearly any wrong setting can bring about."""
RAISED: Final = 3.0
"""Times the rate before.  Restarts of a schedule are as steep, and are suspected as rightly."""
STEADY: Final = 1.5
"""A rate that has moved by less than this factor was no warm-up (guess)."""
STEADY_ROWS: Final = 5
REACH: Final = 5.0
"""Windows before a symptom's onset in which a raise may have brought it about (guess)."""
HIGHEST_BETA1: Final = 0.5
"""Radford et al. 2016 (DCGAN), section 4: 0.9 made training oscillate; later papers have 0."""
WIDEST_RATES: Final = 10.0
"""Between the two networks' rates."""
TWO_SCALES: Final = 4.0
"""Between the two rates (Heusel et al. 2017, arXiv:1706.08500)."""
WIDEST_SIZES: Final = 10.0
"""Between the two networks' numbers of parameters.  A critic of a quarter of the generator found half of the modes of
stacked MNIST (Lin et al. 2018, table 3); a tenth is a guess."""
JUST: Final = 1.0 + 1e-9
"""A ratio of two decimal numbers is not exact."""
CRITIC_LOSES: Final = frozenset({"critic-blind", "dead-critic", "generator-wins"})
"""Symptoms that a slower critic makes worse."""
CRITIC_LEADS: Final = frozenset({"critic-wins", "steep-critic"})
"""Symptoms that a slower generator makes worse."""
NETWORKS: Final = {"d": "the critic's", "g": "the generator's"}


PAIRED: Final = ("reconstruction.", "perceptual.")
"""Terms that compare a fake with the sample that it should be."""


@dataclass(frozen=True, slots=True)
class Raise:
    """Of a rate, in the midst of a run."""

    network: str
    step: float
    """The first that is written down with the new rate."""
    before: float
    after: float

    @property
    def said(self) -> str:
        raised = f"raised from {self.before:.3g} to {self.after:.3g} by step {self.step:g}"
        return f"{NETWORKS[self.network]} rate was {raised}"

    @property
    def evidence(self) -> Evidence:
        """Without an onset: the symptom begins where it is seen."""
        return Evidence("settings", f"{self.said}, shortly before", f"lr_{self.network}", None, MODERATE)


def is_told(trace: Trace) -> bool:
    """Whether pairs say what to make; where there is an encoder they say what to rebuild, and the game is a game."""
    in_phase = f"phases.{trace.phase}."
    paired = any(path.startswith(in_phase) for path in terms_of(trace.settings, *PAIRED))
    return trace.get("psnr") is not None or (paired and trace.settings.get("encoder") is None)


def raised(trace: Trace, onset: float | None) -> list[Raise]:
    """The last raise of each rate shortly before a symptom's onset, where the rate is still as high at the onset."""
    if onset is None:
        return []
    return [one for one in _raises(trace, onset) if one.step >= onset - REACH * trace.window]


def raised_still(trace: Trace) -> list[Raise]:
    """The last raise of each rate, wherever it was, where the rate is still as high."""
    return _raises(trace, trace.last_step)


def rates_far_apart(trace: Trace) -> dict[str, float] | None:
    """The rates in use, by ``d`` and ``g``, where one is many times the other; None of schedules."""
    paths = {network: _rate_path(trace, network) for network in NETWORKS}
    found = {network: trace.settings.get(path) for network, path in paths.items()}
    rates = {network: float(rate) for network, rate in found.items() if is_number(rate)}  # type: ignore[arg-type]
    if len(rates) < len(NETWORKS):
        return None
    low, high = sorted(rates.values())
    return rates if 0 < WIDEST_RATES * JUST * low < high else None


def hold(trace: Trace, raises: Sequence[Raise]) -> Remedy:
    """At what they were before."""
    held = {_rate_path(trace, one.network): one.before for one in raises}
    return remedies.hold_the_rate(trace.settings, held)


def slower(trace: Trace, network: str, factor: float) -> Remedy:
    """The rate that is in use, times a factor."""
    return Remedy(
        f"{NETWORKS[network]} rate times {factor:g}",
        "both networks have the time to answer each other",
        edits=scaled(trace.settings, _rate_path(trace, network), factor),
    )


def less_apart(trace: Trace, rates: Mapping[str, float]) -> Remedy:
    """The faster one comes down, to two time scales."""
    slow, fast = sorted(rates, key=rates.__getitem__)
    factor = TWO_SCALES * rates[slow] / rates[fast]
    return Remedy(
        f"{NETWORKS[fast]} rate times {factor:.2g}, so that it is {TWO_SCALES:g} times the other's",
        "the two networks answer each other again",
        edits=scaled(trace.settings, _rate_path(trace, fast), factor),
    )


def first_remedies(key: str, trace: Trace, raises: Sequence[Raise]) -> tuple[Remedy, ...]:
    """To be tried before the own ones of the symptom of this key."""
    return (*((hold(trace, raises),) if raises else ()), *_known_to_unsettle(key, trace))


def _raises(trace: Trace, until: float) -> list[Raise]:
    found = ((network, trace.get(f"lr_{network}")) for network in NETWORKS)
    raises = [_last_raise(network, series, until) for network, series in found if series is not None]
    return [one for one in raises if one is not None]


def _last_raise(network: str, series: Series, onset: float) -> Raise | None:
    """Where it was raised from what it had been for some rows, in a row up to the first after the onset."""
    last = min(int(np.searchsorted(series.steps, onset, side="left")), len(series) - 1)
    if last < STEADY_ROWS:
        return None
    before = np.lib.stride_tricks.sliding_window_view(series.values[:last], STEADY_ROWS)
    values, low, high = series.values[STEADY_ROWS : last + 1], before.min(axis=1), before.max(axis=1)
    raises = np.flatnonzero((low > 0) & (high < STEADY * low) & (values > RAISED * high))
    is_so_still = len(raises) > 0 and values[-1] > RAISED * high[raises[-1]]
    if not is_so_still:
        return None
    at = int(raises[-1])
    return Raise(network, float(series.steps[at + STEADY_ROWS]), float(np.median(before[at])), float(values[at]))


def _rate_path(trace: Trace, network: str) -> str:
    """Of the rate that is in use: the phase's own where it has one."""
    own = f"phases.{trace.phase}.{network}_optim.lr"
    return own if trace.settings.get(own) is not None else f"{network}_optim.lr"


def _known_to_unsettle(key: str, trace: Trace) -> Iterator[Remedy]:
    """Of a game; a generator that is told what to make may have momentum."""
    settings = trace.settings
    if is_told(trace):
        return
    betas = (settings.get(f"{network}_optim.beta1") for network in NETWORKS)
    if any(is_number(beta) and beta > HIGHEST_BETA1 for beta in betas):  # type: ignore[operator]
        yield remedies.less_momentum(settings)
    rates = rates_far_apart(trace)
    if rates is not None:
        makes_worse = CRITIC_LOSES if rates["d"] > rates["g"] else CRITIC_LEADS
        if key not in makes_worse:
            yield less_apart(trace, rates)
