"""A recipe as rows for a person: each setting with its value, what it is, what it may be, and why it is so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from equipoise.edit import show
from equipoise.recipe import Recipe
from equipoise.spec import Json, Part, flatten, hints, join, knob_of

Row = dict[str, Json]


def listing(recipe: Recipe) -> list[Row]:
    """One row a setting: path, value, help, allowed, unit, reason.

    The reason is the recipe's own where it gives one, and otherwise the source of the default, where the value is that.
    """
    notes = dict(_notes(recipe, ""))
    return [
        {"path": path, "value": value, **notes.get(path, {}), **_reason(recipe, path, notes)}
        for path, value in flatten(recipe).items()
    ]


def golden_text(recipe: Recipe) -> str:
    """``path: value`` lines, for comparison by eye and by machine."""
    return "".join(f"{path}: {show(value)}\n" for path, value in flatten(recipe).items())


def _reason(recipe: Recipe, path: str, notes: dict[str, Row]) -> Row:
    reason = recipe.reasons.get(path) or notes.get(path, {}).get("reason", "")
    return {"reason": reason}


def _notes(part: Part, path: str) -> Iterator[tuple[str, Row]]:
    """What the annotations of a tree of parts say about each setting."""
    for name, hint in hints(type(part)).items():
        here, value, knob = join(path, name), getattr(part, name), knob_of(hint)
        if knob is not None:
            is_default = value == type(part).__dataclass_fields__[name].default
            source = knob.source if is_default else ""
            yield here, {"help": knob.help, "allowed": knob.allowed(), "unit": knob.unit, "reason": source}
        yield from _inside(value, here)


def _inside(value: object, path: str) -> Iterator[tuple[str, Row]]:
    if isinstance(value, Part):
        yield from _notes(value, path)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _inside(item, join(path, index))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _inside(item, join(path, name))
