"""Changes that cure, in words for everybody and as edits for a recipe that has such a setting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from equipoise.doctor.symptom import Remedy, Settings
from equipoise.edit import Edit
from equipoise.spec import Json

PENALTIES: Final = ("R1", "R2", "GradientPenalty")
_PENALTY_HOME: Final = "equipoise.terms.penalties."


def slower(settings: Settings, network: str, factor: float) -> tuple[Edit, ...]:
    """The rate of an optimiser (``d_optim``, ``g_optim``), be it a number or a schedule, times `factor`."""
    path = f"{network}.lr"
    whole = settings.get(path)
    if isinstance(whole, int | float):
        return (Edit(path, "scale", factor),)
    ends = [f"{path}.{end}" for end in ("start", "end") if _is_number(settings.get(f"{path}.{end}"))]
    return tuple(Edit(end, "scale", factor) for end in ends)


def bound_the_slope(settings: Settings) -> Remedy:
    """Spectral norm where the critic can have it, else more of the penalty that there is."""
    remedy = Remedy(
        "bound the critic's slope: spectral norm on all its layers, or an R1 penalty (gamma of about 2e-4 x pixels / "
        "batch, Karras et al. 2020)",
        "the critic can no longer become sure of everything, so the generator has a gradient to follow",
    )
    if settings.get("critic.spectral_norm") is False:
        return replace(remedy, edits=(Edit("critic.spectral_norm", value=True),))
    return replace(remedy, edits=scaled_weights(settings, _penalties(settings), 4.0))


def slower_critic(settings: Settings, factor: float = 0.25) -> Remedy:
    return Remedy(
        f"the critic's rate times {factor:g}",
        "the critic's lead over the generator shrinks within some hundred steps",
        edits=slower(settings, "d_optim", factor),
    )


def scaled_weights(settings: Settings, terms: Iterable[str], factor: float) -> tuple[Edit, ...]:
    """The weights of terms, given by path, be they numbers or schedules, times `factor`."""
    edits: list[Edit] = []
    for term in terms:
        paths = [f"{term}.weight", f"{term}.weight.start", f"{term}.weight.end"]
        edits += [Edit(path, "scale", factor) for path in paths if _is_number(settings.get(path))]
    return tuple(edits)


def _penalties(settings: Settings) -> list[str]:
    names = {f"{_PENALTY_HOME}{name}" for name in PENALTIES}
    return [path for path, value in settings.items() if value in names]


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
