"""How far a run has come, how far it has to go, and which phase it is in: read from its counters, and nothing else."""

from __future__ import annotations

from typing import Final

from equipoise.engine.plan import Plan
from equipoise.engine.state import Counters
from equipoise.goal import Goal, GoalUnit

UNFINISHED: Final = "time is up before phase "


def done(plan: Plan, counters: Counters, seconds: float) -> dict[str, float]:
    """In every unit; `seconds` are those of training."""
    progress = counters.progress(plan.epoch_images)
    units: dict[str, float] = {"steps": progress.steps, "images": progress.images, "epochs": progress.epochs}
    return {**units, "seconds": seconds}


def length_steps(goal: Goal, plan: Plan, so_far: dict[str, float]) -> float:
    """From the run's beginning to its goal, as far as that can be foreseen from what is `done`."""
    if goal.unit == "recipe":
        lengths = (phase.length for phase in plan.recipe.phases.values())
        return sum(_in_steps(length.amount, length.unit, so_far) for length in lengths)
    return _in_steps(goal.amount, goal.unit, so_far)


def _in_steps(amount: float, unit: GoalUnit, so_far: dict[str, float]) -> float:
    """At the pace of the steps so far; 0 where there were none."""
    if unit == "steps" or not so_far["steps"]:
        return amount if unit == "steps" else 0.0
    return amount * so_far["steps"] / so_far[unit]


def is_at_length(goal: Goal, plan: Plan, counters: Counters) -> bool:
    """Time is no length: who measures it knows when it is up."""
    if goal.unit == "seconds":
        return False
    if goal.unit == "recipe":
        return counters.phase == len(plan.recipe.phases) - 1 and phase_is_over(plan, counters)
    return counters.progress(plan.epoch_images).measured_in(goal.unit) >= goal.amount


def phase_name(plan: Plan, counters: Counters) -> str:
    names = list(plan.recipe.phases)
    return names[min(counters.phase, len(names) - 1)]


def is_last_phase(plan: Plan, counters: Counters) -> bool:
    return counters.phase >= len(plan.recipe.phases) - 1


def phase_is_over(plan: Plan, counters: Counters) -> bool:
    length = plan.phase(counters.phase).length
    return counters.progress_in_phase(plan.epoch_images).measured_in(length.unit) >= length.amount


def time_is_up(plan: Plan, counters: Counters) -> str:
    """Why a run ends at that moment, with the phases that have not begun."""
    missing = list(plan.recipe.phases)[counters.phase + 1 :]
    return f"{UNFINISHED}{' and '.join(missing)}" if missing else "time is up"
