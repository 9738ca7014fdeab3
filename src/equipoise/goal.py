"""Where a run ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from equipoise.recipe import Budget, Recipe
from equipoise.schedule import Unit

GoalUnit = Unit | Literal["seconds", "recipe"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A number of steps, images, epochs or seconds from the run's beginning.

    The unit "recipe" has no number: the run ends where its last phase does.
    """

    unit: GoalUnit
    amount: float = 0.0

    @classmethod
    def of(cls, recipe: Recipe, budget: Budget | None, done: Mapping[str, float]) -> Goal:
        """What a budget asks for beyond what is done; without one, the recipe's own length."""
        if budget is not None and budget.seconds is not None:
            return cls("seconds", done.get("seconds", 0.0) + budget.seconds)
        if budget is not None and budget.span is not None:
            return cls(budget.span.unit, done.get(budget.span.unit, 0.0) + budget.span.amount)
        units = {phase.length.unit for phase in recipe.phases.values()}
        if len(units) == 1:
            return cls(units.pop(), sum(phase.length.amount for phase in recipe.phases.values()))
        return cls("recipe")

    @classmethod
    def from_json(cls, document: Mapping[str, float]) -> Goal:
        unit, amount = next(iter(document.items()))
        return cls(unit, amount)  # type: ignore[arg-type]  # written by `to_json`

    def to_json(self) -> dict[str, float]:
        return {self.unit: self.amount}

    def __str__(self) -> str:
        return "the recipe's length" if self.unit == "recipe" else f"{self.amount:g} {self.unit}"
