"""A run's settings by path, and which of its phases its rows belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from equipoise.journal import Tick
from equipoise.spec import TAG, Json

UNITS: Final = ("steps", "images", "epochs")
_PROSE: Final = frozenset({"summary", "reasons"})


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase as it was played."""

    name: str
    ticks: tuple[Tick, ...]
    begin: int
    """The step before its first."""


def settings_of(recipe: Json) -> dict[str, Json]:
    """A recipe's JSON by path, as `spec.flatten` gives a recipe, for which torch would have to be there."""
    rows: dict[str, Json] = {}
    _flatten(recipe, "", rows)
    return rows


def _flatten(value: Json, path: str, rows: dict[str, Json]) -> None:
    if isinstance(value, dict) and TAG in value:
        if path:
            rows[path] = value[TAG]
        below = {name: item for name, item in value.items() if name != TAG and (path or name not in _PROSE)}
    elif isinstance(value, dict):
        rows[path] = list(value)
        below = value
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        below = {str(at): item for at, item in enumerate(value)}
    else:
        rows[path] = value
        return
    for name, item in below.items():
        _flatten(item, f"{path}.{name}" if path else name, rows)


def played(recipe: Mapping[str, Any], ticks: Sequence[Tick]) -> list[Stretch]:
    """Which ticks belong to which phase, by the phases' lengths; the last has the rest."""
    phases: Mapping[str, Any] = recipe.get("phases") or {"": {"length": {"amount": float("inf"), "unit": "steps"}}}
    stretches: list[Stretch] = []
    rest = list(ticks)
    origin = dict.fromkeys(UNITS, 0.0)
    for name, phase in phases.items():
        unit, amount = phase["length"]["unit"], phase["length"]["amount"]
        is_last = len(stretches) == len(phases) - 1
        count = next((at + 1 for at, tick in enumerate(rest) if _progress(tick)[unit] - origin[unit] >= amount), None)
        taken = rest if is_last or count is None else rest[:count]
        stretches.append(Stretch(name, tuple(taken), int(origin["steps"])))
        rest = rest[len(taken) :]
        if not rest:
            break
        origin = _progress(taken[-1])
    return stretches


def _progress(tick: Tick) -> dict[str, float]:
    return {"steps": float(tick.step), "images": float(tick.images), "epochs": float(tick.epoch)}
