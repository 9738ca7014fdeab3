"""A recipe made longer or shorter: its phases, and every schedule in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TypeVar, cast

from equipoise.recipe._settings import Span
from equipoise.recipe._whole import Recipe
from equipoise.schedule import Schedule
from equipoise.spec import Part, Table

R = TypeVar("R")


def stretched(recipe: Recipe, factors: Mapping[str, float]) -> Recipe:
    """The recipe with each phase and the places of its schedules multiplied by the factor of that phase, and all other
    schedules by what the whole becomes; values stay.

    The whole is counted in steps, if all phases are; a phase keeps one step at least.
    """
    phases = {name: _stretched(phase, factors[name]) for name, phase in recipe.phases.items()}
    before, after = (sum(phase.length.amount for phase in of.values()) for of in (recipe.phases, phases))
    return replace(_stretched(recipe, after / before), phases=phases)


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
