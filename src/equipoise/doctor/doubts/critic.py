"""The critic: what binds it, how large it is, what it is told and shown, and what the generator hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from equipoise.doctor import remedies
from equipoise.doctor.remedies.paths import put, terms_of
from equipoise.doctor.suspects import WIDEST_SIZES
from equipoise.doctor.symptom import Doubt, Settings
from equipoise.doctor.trace import Trace

HEAVIEST_GP: Final = 10 * remedies.USUAL_GP
HEAVIEST_GP_OF_POINTS: Final = remedies.USUAL_GP
"""From there on (guesses)."""


def unbounded(trace: Trace) -> Iterator[Doubt]:
    """Of critics that could have spectral norm: of others nobody knows here whether they are bounded otherwise."""
    settings = trace.settings
    penalties = [path for path in terms_of(settings, "penalties.") if settings.get(f"{path}.weight") != 0]
    if settings.get("critic.spectral_norm") is False and not penalties:
        said = (
            "nothing bounds the slope of the critic; ten of ten public runs with BCE, least squares or hinge collapsed"
        )
        yield Doubt(said, ("late-collapse", "critic-wins"), remedies.bound_the_slope(settings))


def light_penalty(trace: Trace) -> Iterator[Doubt]:
    for term, weight in remedies.light_penalties(trace.settings).items():
        usual = remedies.usual_weight(trace.settings, term)
        said = f"{term}.weight is {weight:g}; {usual:.2g} is usual, and nothing else bounds the critic"
        yield Doubt(said, ("steep-critic", "critic-wins"), remedies.usual_penalty(trace.settings))


def heavy_penalty(trace: Trace) -> Iterator[Doubt]:
    """R1's usual weight depends on the data, that of a gradient penalty on whether they are points."""
    usual = remedies.usual_gp(trace.settings, of_points=trace.of_points)
    for term, weight in heavy_penalties(trace.settings, usual).items():
        said = f"{term}.weight is {weight:g}; {usual:g} is usual, and the critic may learn little else"
        edits = put(trace.settings, f"{term}.weight", usual)
        lighter = replace(remedies.less_bound(trace.settings), words=f"a weight of {usual:g}", edits=edits)
        yield Doubt(said, ("critic-blind", "dead-critic"), lighter)


def heavy_penalties(settings: Settings, usual: float) -> dict[str, float]:
    """Weights of the gradient penalties that leave a critic little else to learn, by path of the term."""
    heaviest = HEAVIEST_GP_OF_POINTS if usual < remedies.USUAL_GP else HEAVIEST_GP
    weights = {term: settings.get(f"{term}.weight") for term in terms_of(settings, "penalties.GradientPenalty")}
    known = {term: float(weight) for term, weight in weights.items() if isinstance(weight, int | float)}
    return {term: weight for term, weight in known.items() if weight >= heaviest}


def uneven_sizes(trace: Trace) -> Iterator[Doubt]:
    """Of a run of ours, which writes them down."""
    if set(trace.sizes) != {"generator", "critic"}:
        return
    small, large = sorted(trace.sizes, key=trace.sizes.__getitem__)
    ratio = trace.sizes[large] / max(1, trace.sizes[small])
    if ratio > WIDEST_SIZES:
        brings = ("critic-blind", "generator-wins") if small == "critic" else ("critic-wins", "partial-collapse")
        said = f"the {large} has {ratio:.0f} times the parameters of the {small}; up to {WIDEST_SIZES:g} times is usual"
        yield Doubt(said, brings, remedies.wider(trace.settings, small, ratio))


def near_labels(trace: Trace) -> Iterator[Doubt]:
    for term, (real, fake) in remedies.near_labels(trace.settings).items():
        said = f"{term} labels real samples {real:g} and fakes {fake:g}; so near to each other nothing is learned"
        yield Doubt(said, ("critic-blind",), remedies.surer_labels(trace.settings))


def saturating(trace: Trace) -> Iterator[Doubt]:
    for term in remedies.saturating_games(trace.settings):
        said = f"{term}.saturating is true; the generator has no gradient where the critic is sure"
        yield Doubt(said, ("critic-wins",), remedies.non_saturating(trace.settings))


def loud_noise(trace: Trace) -> Iterator[Doubt]:
    for path, sigma in remedies.loud_noises(trace.settings).items():
        said = f"{path}.sigma is {sigma:g}, where values go from -1 to 1; 0.05 to 0.1 is usual"
        yield Doubt(said, ("critic-blind", "too-much-detail"), remedies.less_noise(trace.settings))
