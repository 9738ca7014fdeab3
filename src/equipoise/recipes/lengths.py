"""Fitting a recipe of several phases to the time there is: all of it longer or shorter, in the same proportions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from equipoise.edit import diff
from equipoise.recipe import Circumstances, Fitting, Recipe, Tailor, stretched
from equipoise.spec import Knob

SHEETS = 12
TICK_S = 2.0


@dataclass(frozen=True)
class FitLength(Tailor):
    """Stretches the whole recipe, phases and schedules, to the time or the number of steps that was asked for.

    The phases keep their proportions in steps.  What was set by hand stays.  Lengths are in steps.
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
        whole_s = sum(steps[name] * paces[name] for name in recipe.phases)
        span = at.budget.span if at.budget is not None else None
        if span is not None:
            factor = _in_steps(span.amount, span.unit, recipe, at) / sum(steps.values())
        else:
            factor = self._seconds(at) / whole_s
        why = "in the recipe's proportions; a step takes " + ", ".join(f"{pace:.2g} s" for pace in paces.values())
        for change in diff(recipe, stretched(recipe, factor)):
            fitting.choose(change.path, change.after, why)
        total = factor * sum(steps.values())
        fitting.choose("cadence.sheet_steps", max(1, round(total / SHEETS)), f"{SHEETS} sheets a run")
        pace = max(paces.values())
        fitting.choose("cadence.tick_steps", max(1, round(TICK_S / pace)), "a line every two seconds")

    def _seconds(self, at: Circumstances) -> float:
        asked = at.budget.seconds if at.budget is not None else None
        return self.seconds if asked is None else asked


def _only(recipe: Recipe, name: str) -> Recipe:
    return replace(recipe, phases={name: recipe.phases[name]}, tailor=None)


def _in_steps(amount: float, unit: str, recipe: Recipe, at: Circumstances) -> float:
    images = {"steps": float(recipe.batch), "images": 1.0, "epochs": float(recipe.epoch_images(at.num_samples))}
    return amount * images[unit] / recipe.batch
