"""Where a recipe has which setting, and the edits that change it; nothing where it has none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from equipoise.doctor.game import game_of
from equipoise.doctor.symptom import Remedy, Settings
from equipoise.edit import Edit
from equipoise.spec import Json

_SCHEDULES: Final = "equipoise.schedule."
_TERMS: Final = "equipoise.terms."


def scaled(settings: Settings, path: str, factor: float) -> tuple[Edit, ...]:
    """A number, or a schedule at all its places, times `factor`; a number that is 0 stays what it is."""
    value = settings.get(path)
    if is_number(value) and value != 0:
        return (Edit(path, "scale", factor),)
    return (Edit(path, "scale", factor),) if isinstance(value, str) and value.startswith(_SCHEDULES) else ()


def put(settings: Settings, path: str, value: Json) -> tuple[Edit, ...]:
    """This value, where there is such a setting and it is another."""
    return (Edit(path, value=value),) if path in settings and settings[path] != value else ()


def replaced(settings: Settings, path: str, old: Iterable[Json], value: Json) -> tuple[Edit, ...]:
    """This value in place of one of the `old`."""
    return (Edit(path, value=value),) if path in settings and settings[path] in tuple(old) else ()


def phases(settings: Settings) -> list[str]:
    """Names, in order."""
    names = settings.get("phases")
    return [str(name) for name in names] if isinstance(names, list) else []


def games(settings: Settings) -> list[tuple[str, str]]:
    """The phases in which a game is played, each with the name of its adversarial term."""
    found = [(phase, game_of(settings, phase)) for phase in phases(settings)]
    return [(phase, game[0]) for phase, game in found if game is not None]


def terms_of(settings: Settings, *kinds: str) -> list[str]:
    """Paths of the terms of these kinds, such as ``penalties.R1``; a kind may be a whole module, ``penalties.``."""
    tags = tuple(f"{_TERMS}{kind}" for kind in kinds)
    return [path for path, value in settings.items() if isinstance(value, str) and value.startswith(tags)]


def terms_named(settings: Settings, name: str) -> list[str]:
    """Paths of the terms of this name, in whichever phase."""
    paths = [f"phases.{phase}.terms.{name}" for phase in phases(settings)]
    return [path for path in paths if path in settings]


def perceptual_name(settings: Settings) -> str:
    """Of the first perceptual distance; what it is commonly called where there is none."""
    return next((path.split(".")[3] for path in terms_of(settings, "perceptual.")), "perceptual")


def scaled_weights(settings: Settings, terms: Iterable[str], factor: float) -> tuple[Edit, ...]:
    """The weights of terms, given by path, times `factor`; not of a game that is balanced by its share instead."""
    weighed = [term for term in terms if settings.get(f"{term}.share") is None]
    return tuple(edit for term in weighed for edit in scaled(settings, f"{term}.weight", factor))


def of_what_is_there(settings: Settings, *offered: Remedy) -> tuple[Remedy, ...]:
    """Without those that change what this recipe does not have; of an unknown run all, whose words say "if"."""
    return tuple(remedy for remedy in offered if remedy.edits or not settings)


def is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
