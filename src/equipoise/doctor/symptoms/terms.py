"""Losses beside the game: one of them leads where the game should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from equipoise.doctor import remedies
from equipoise.doctor.game import game_of
from equipoise.doctor.limits import MODERATE, WEAK
from equipoise.doctor.remedies.paths import perceptual_name, phases, terms_of
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Series, Trace

TOO_LARGE: Final = 0.8
"""Of the generator's gradient at its output (to be tuned)."""
TOO_SMALL: Final = 0.01
"""Of that gradient, for the game (to be tuned)."""
TOO_HEAVY: Final = 0.5
"""Of that gradient, for a perceptual distance, which can only refine what is there (to be tuned)."""
HEAVIEST: Final = 0.05
"""Weight of a perceptual distance: ten times the 0.005 that was right; 0.1 was not (notes on landscapes)."""
GAME_NAMES: Final = frozenset({"game", "gan", "adversarial", "adv", "pairing", "wasserstein", "hinge", "bce", "lsgan"})
PIXEL_NAMES: Final = frozenset({"l1", "l2", "mse", "pixel", "pix", "rebuild", "reconstruction", "rec"})
"""Terms that lead by design: while a ramp begins, and in super-resolution."""
PERCEPTUAL_NAMES: Final = ("perceptual", "lpips", "vgg", "percep")


@dataclass(frozen=True, slots=True)
class AuxiliaryDominates(Symptom):
    key: ClassVar[str] = "auxiliary-dominates"
    title: ClassVar[str] = "another loss pulls the generator harder than the game does"
    looks_like: ClassVar[str] = (
        "The generator's whole loss falls nicely, and pictures are what that one loss likes: blurred, flat, patterned."
    )
    means: ClassVar[str] = "Its weighted gradient is many times that of the adversarial term, which so changes nothing."
    confused_with: ClassVar[Mapping[str, str]] = {
        "critic-wins": "there the game's own gradient has vanished, whatever else there is",
        "healthy": "in a warm start, at the begin of a ramp and in super-resolution the pixels lead by design",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`share.NAME` above {TOO_LARGE:g} for a window; pixel losses are left out, but for those beside an encoder",
        f"the game's own share below {TOO_SMALL:g} for a window",
    )
    explained_by: ClassVar[tuple[str, ...]] = ("perceptual-too-heavy", "critic-wins", "kl-explosion", "dead-critic")
    sources: ClassVar[tuple[str, ...]] = (
        "notes on super-resolution: lambda_pix 10 dominated all other losses",
        "a public log with a Fourier loss five times too heavy",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        shares, game = trace.shares(), _name_of_game(trace)
        if game not in shares:
            return ()
        others = {name: one for name, one in shares.items() if name != game and not _leads_by_design(trace, name)}
        too_large = [_share_above(trace, name, one, TOO_LARGE) for name, one in others.items()]
        return agreeing((*too_large, _share_below(trace, str(game), shares[str(game)])))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (
            remedies.lighter(trace.settings, _largest(trace)),
            remedies.heavier(trace.settings, "adversarial.", "the adversarial loss", 3.0),
        )


@dataclass(frozen=True, slots=True)
class PerceptualTooHeavy(Symptom):
    key: ClassVar[str] = "perceptual-too-heavy"
    title: ClassVar[str] = "the perceptual distance weighs so much that no structure can form"
    looks_like: ClassVar[str] = "High contrast and severe blur, bands, harsh edges; nothing that can be recognised."
    means: ClassVar[str] = (
        "A perceptual distance refines what is there.  Weighed heavily from the start it punishes every step towards "
        "structure."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "gamma-runaway": "it looks alike; look at the range of gamma",
        "auxiliary-dominates": "the same of any other loss",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"`share.perceptual` (or lpips, vgg) above {TOO_HEAVY:g} for a window",
        f"the weight of a perceptual distance from {HEAVIEST:g} on, in the settings: a hint, never alone",
    )
    sources: ClassVar[tuple[str, ...]] = ("notes on landscapes: LPIPS at 0.1, fifty times too heavy; 0.005 was right",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        shares = [(name, one) for name, one in trace.shares().items() if _is_perceptual(name)]
        seen = agreeing(_share_above(trace, name, one, TOO_HEAVY) for name, one in shares)
        return (*seen, *agreeing((_heavy_by_settings(trace),))) if seen else ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        name = perceptual_name(trace.settings)
        return (remedies.drop_term(trace.settings, name), remedies.lighter(trace.settings, name, 0.05))


def _name_of_game(trace: Trace) -> str | None:
    """Of the last phase that has one, or by habit."""
    found = [game for phase in phases(trace.settings) if (game := game_of(trace.settings, phase)) is not None]
    if found:
        return found[-1][0]
    return next((name for name in trace.shares() if name.lower() in GAME_NAMES), None)


def _leads_by_design(trace: Trace, name: str) -> bool:
    """A pixel loss where pairs say what to make.  Beside an encoder it rebuilds, and the game should lead."""
    if trace.settings.get("encoder") is not None:
        return False
    pixels = {path.rpartition(".")[2] for path in terms_of(trace.settings, "reconstruction.")}
    return name in pixels or name.lower() in PIXEL_NAMES


def _is_perceptual(name: str) -> bool:
    return name.lower().startswith(PERCEPTUAL_NAMES)


def _largest(trace: Trace) -> str:
    game = _name_of_game(trace)
    shares = {name: float(one.values[-1]) for name, one in trace.shares().items() if name != game}
    return max(shares, key=lambda name: shares[name], default="that term")


def _share_above(trace: Trace, name: str, series: Series, bound: float) -> Evidence | None:
    late = series.smooth(trace.window)
    onset = late.lasting(late.values > bound, trace.window)
    if onset is None:
        return None
    said = f"{name} is {late.values[-1]:.0%} of the generator's gradient; up to {bound:.0%} is well"
    return Evidence("gradients", said, f"share.{name}", onset, MODERATE)


def _share_below(trace: Trace, name: str, series: Series) -> Evidence | None:
    late = series.smooth(trace.window)
    onset = late.lasting(late.values < TOO_SMALL, trace.window)
    if onset is None:
        return None
    said = f"the game is {late.values[-1]:.2%} of the generator's gradient; from {TOO_SMALL:.0%} is well"
    return Evidence("gradients", said, f"share.{name}", onset, MODERATE)


def _heavy_by_settings(trace: Trace) -> Evidence | None:
    for path in terms_of(trace.settings, "perceptual."):
        ends = [trace.settings.get(f"{path}.weight{end}") for end in ("", ".start", ".end")]
        most = max((end for end in ends if isinstance(end, int | float)), default=0.0)
        if most >= HEAVIEST:
            return Evidence("settings", f"{path}.weight is {most:g}; 0.005 did well", weight=WEAK)
    return None
