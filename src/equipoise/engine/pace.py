"""How long a step takes: measured on this machine, with networks that are thrown away."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import torch

from equipoise.engine.asking import any_batch
from equipoise.engine.beginning import begun
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.precision import synchronise
from equipoise.engine.state import State
from equipoise.engine.step import step
from equipoise.engine.world import World
from equipoise.recipe import Recipe
from equipoise.schedule import Rate, Schedule
from equipoise.view import Batch

TIMED_STEPS, ENOUGH_S = 8, 2.0
"""The median of so many, after one that is not counted: others share the machine, and will while the run goes on.
Fewer of steps so long that their pace is known after so much time."""


def step_seconds(plan: Plan, recipe: Recipe) -> float:
    """Seconds for one step of a recipe on the plan's data and device, of this process's share of the batch.

    Lazy terms count by their share of the steps, terms with a schedule as at their heaviest, and adaptive augmentation
    as if it were always made.
    Raises what building the networks raises.
    """
    recipe = in_full(replace(recipe, batch=recipe.batch // plan.world.size))
    plan = replace(plan, recipe=recipe, world=World())
    with torch.random.fork_rng(devices=[plan.device] if plan.device.type == "cuda" else []):
        plan, state, _ = begun(plan)
        state.adaptation.probability = 1.0
        batch = any_batch(plan.space, recipe.batch, plan.device)
        batch = batch._replace(real=batch.real.contiguous(memory_format=plan.arithmetic.memory_format))
        often = max((term.every for phase in recipe.phases.values() for term in phase.terms.values()), default=1)
        _timed(plan, state, batch, 0)
        without = _typical(plan, state, batch, 1)
        with_lazy = _typical(plan, state, batch, 0) if often > 1 else without
    return with_lazy / often + without * (1 - 1 / often)


def in_full(recipe: Recipe) -> Recipe:
    """With every term as heavy as it becomes: one that weighs nothing at first is not computed then."""

    def heaviest(weight: Rate) -> float:
        return weight.extremes()[1] if isinstance(weight, Schedule) else weight

    phases = {
        name: replace(
            phase, terms={at: replace(term, weight=heaviest(term.weight)) for at, term in phase.terms.items()}
        )
        for name, phase in recipe.phases.items()
    }
    return replace(recipe, phases=phases)


def _typical(plan: Plan, state: State, batch: Batch, updates: int) -> float:
    seconds: list[float] = []
    while len(seconds) < TIMED_STEPS and sum(seconds) < ENOUGH_S:
        seconds.append(_timed(plan, state, batch, updates))
    return statistics.median(seconds)


def _timed(plan: Plan, state: State, batch: Batch, updates: int) -> float:
    """One step after so many updates: all lazy terms are due at 0, and none at 1."""
    state.critic.updates = state.generator.updates = updates
    synchronise(plan.device)
    began = time.perf_counter()
    step(plan, state, lambda: batch, Meter())
    synchronise(plan.device)
    return time.perf_counter() - began
