"""Fitting a recipe of several phases to the time there is: all of it longer or shorter, in the same proportions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from equipoise.edit import diff, show
from equipoise.recipe import Budget, Circumstances, Fitting, Recipe, Span, Tailor, stretched
from equipoise.spec import Knob

SHEETS = 12
"""A run; few enough to be looked at."""
TICK_S = 2.0
"""Between two lines of numbers."""
SPARE = 0.1
"""Of the time, for scores, sheets, checkpoints and whoever else uses the machine: what is left over falls to the last
phase, and without it that phase may never come.  A guess."""


@dataclass(frozen=True)
class FitLength(Tailor):
    """Stretches phases and schedules to the time or length that was asked for, in the recipe's proportions of steps.

    A phase whose length was set by hand keeps it, and the others share the time that is left.  The recipe counts in
    steps.
    """

    seconds: Annotated[
        float, Knob("time there is, where nobody said", above=0, unit="s", source="guess: what one waits for")
    ] = 1200.0

    def fit_source(self, fitting: Fitting, native_side: int | None) -> None:
        pass

    def fit(self, fitting: Fitting, at: Circumstances) -> None:
        recipe = fitting.recipe
        steps = {name: phase.length.amount for name, phase in recipe.phases.items()}
        paces = {name: at.step_seconds(_only(recipe, name)) for name in recipe.phases}
        factors = self._factors(fitting, at, steps, paces)
        why = "in the recipe's proportions; a step takes " + ", ".join(f"{pace:.2g} s" for pace in paces.values())
        if any(fitting.is_free(f"phases.{name}.length") for name in recipe.phases):
            fitting.follow(str(at.budget or Budget(seconds=self.seconds)))
        fitting.choose_together(diff(recipe, stretched(recipe, factors)), why, _rules(recipe))
        whole = sum(factors[name] * steps[name] for name in steps)
        fitting.choose("cadence.sheet_steps", max(1, round(whole / SHEETS)), f"{SHEETS} sheets a run")
        fitting.choose("cadence.tick_steps", max(1, round(TICK_S / max(paces.values()))), "a line every two seconds")

    def _factors(
        self, fitting: Fitting, at: Circumstances, steps: Mapping[str, float], paces: Mapping[str, float]
    ) -> dict[str, float]:
        """Of each phase: 1 where its length was set by hand, and one number for all others."""
        free = {name for name in steps if fitting.is_free(f"phases.{name}.length")}
        span = at.budget.span if at.budget is not None else None
        if span is not None:
            wanted, cost = _in_steps(span, fitting.recipe, at), dict.fromkeys(steps, 1.0)
        else:
            wanted, cost = self._seconds(at), dict(paces)
        left = wanted - sum(steps[name] * cost[name] for name in steps if name not in free)
        common = max(left, 0.0) / max(sum(steps[name] * cost[name] for name in free), LEAST)
        return {name: max(common, 1.0 / steps[name]) if name in free else 1.0 for name in steps}

    def _seconds(self, at: Circumstances) -> float:
        """That phases may take."""
        asked = at.budget.seconds if at.budget is not None else None
        return (1.0 - SPARE) * (self.seconds if asked is None else asked)


LEAST = 1e-9
"""Below any time that steps can take; it is divided by where no phase is free."""


def _rules(recipe: Recipe) -> dict[str, str]:
    """Of all that is stretched: what it is in the recipe."""
    lengths = diff(recipe, stretched(recipe, dict.fromkeys(recipe.phases, 2.0)))
    return {length.path: f"{show(length.before)} in the recipe" for length in lengths}


def _only(recipe: Recipe, name: str) -> Recipe:
    return replace(recipe, phases={name: recipe.phases[name]}, tailor=None)


def _in_steps(span: Span, recipe: Recipe, at: Circumstances) -> float:
    images = {"steps": float(recipe.batch), "images": 1.0, "epochs": float(recipe.epoch_images(at.num_samples))}
    return span.amount * images[span.unit] / recipe.batch
