"""A recipe made longer or shorter as a whole: its phases, and every schedule in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TypeVar, cast

from equipoise.recipe._settings import Span
from equipoise.recipe._whole import Recipe
from equipoise.schedule import Schedule
from equipoise.spec import Part, Table

R = TypeVar("R")


def stretched(recipe: Recipe, factor: float) -> Recipe:
    """The recipe with every length and every place of its schedules multiplied by `factor`; its values stay.

    A phase keeps one step at least.
    """
    return _stretched(recipe, factor)


def _stretched(value: R, factor: float) -> R:
    """The same walk for settings of every kind; what is no length comes back as it is."""
    made: object = value
    if isinstance(value, Schedule):
        made = value.stretched(factor)
    elif isinstance(value, Span):
        amount = value.amount * factor
        made = replace(value, amount=max(1, round(amount)) if value.unit == "steps" else amount)
    elif isinstance(value, Part):
        made = replace(value, **{item.name: _stretched(getattr(value, item.name), factor) for item in fields(value)})
    elif isinstance(value, Mapping):
        made = Table({name: _stretched(item, factor) for name, item in value.items()})
    elif isinstance(value, tuple):
        made = tuple(_stretched(item, factor) for item in value)
    return cast("R", made)
