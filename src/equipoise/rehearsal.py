"""What a run would be, before it is one: its outline, and a few real steps in a folder that is thrown away."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from equipoise.doctor import lint
from equipoise.engine import checkpoint
from equipoise.engine.plan import Plan
from equipoise.engine.state import State, initial_networks
from equipoise.errors import RequestError
from equipoise.goal import Goal
from equipoise.interrupt import StopRequest
from equipoise.journal import Event, Tick
from equipoise.recipe import Budget, Recipe, Span
from equipoise.run import Where, prepare, start
from equipoise.schedule import Progress, value_at

REHEARSAL_STEPS = 20
"""Enough for every lazy term up to every 16th update to have its turn."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The size of things."""

    samples: int
    space: str
    left_out: int
    notes: tuple[str, ...]
    generator_parameters: int
    critic_parameters: int
    recipe: Recipe
    """As it would be trained: fitted to the data, where it fits itself."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a few steps have shown."""

    steps: int
    images_per_s: float
    seconds_per_step: float
    full_length_s: float | None
    """How long the whole run would take, when its length is not itself a time."""
    still: tuple[str, ...]
    """Networks whose weights did not move."""
    checkpoint_bytes: int


def outline(recipe: Recipe, where: Where, budget: Budget | None = None) -> Outline:
    """Read the data and build the networks, and tell their sizes.  Raises `RequestError`."""
    corpus, plan = prepare(recipe, where, budget)
    networks = initial_networks(plan)
    sizes = _count(networks.generator), _count(networks.critic)
    warnings = tuple(finding.line for finding in lint(plan.recipe, plan.space, plan.num_samples))
    return Outline(len(corpus), str(corpus.space), len(corpus.left_out), corpus.notes, *sizes, plan.recipe, warnings)


def rehearse(recipe: Recipe, where: Where, budget: Budget | None = None) -> Rehearsal:
    """Train `REHEARSAL_STEPS` steps, checkpoint and read it back, then forget it all.

    Raises what the run itself would raise: `RequestError`, or `Fault` for a number that is not finite.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RequestError("--rehearse runs in one process; leave torchrun away")
    ticks: list[Tick] = []

    def listen(event: Event) -> None:
        if isinstance(event, Tick):
            ticks.append(event)

    _, plan = prepare(recipe, where, budget)
    short = replace(plan.recipe, cadence=replace(plan.recipe.cadence, tick_steps=REHEARSAL_STEPS // 2))
    with tempfile.TemporaryDirectory() as scratch:
        session = start(short, where, Path(scratch) / "rehearsal", Budget(Span(REHEARSAL_STEPS, "steps")), [listen])
        before = _weights(session.state)
        session.train(StopRequest())
        saved = checkpoint.entries(session.folder.checkpoints)[-1].path
        session.state.restore(checkpoint.load(saved))
        size = saved.stat().st_size
    after = _weights(session.state)
    still = tuple(name for name in after if torch.equal(before[name], after[name]))
    per_step = (ticks[-1].seconds - ticks[0].seconds) / (ticks[-1].step - ticks[0].step)
    return Rehearsal(
        REHEARSAL_STEPS, ticks[-1].images_per_s, per_step, _full_length_s(session.plan, budget, per_step), still, size
    )


def _full_length_s(plan: Plan, budget: Budget | None, seconds_per_step: float) -> float | None:
    """Seconds for the whole run at this pace, counting one real batch for each critic update of the first phase."""
    goal = Goal.of(plan.recipe, budget, {})
    images_per_step = plan.recipe.batch * max(1, round(value_at(plan.phase(0).d_updates, Progress(0, 0, 0.0))))
    images_each = {"steps": images_per_step, "images": 1, "epochs": plan.epoch_images}
    if goal.unit not in images_each:
        return None
    return goal.amount * images_each[goal.unit] / images_per_step * seconds_per_step


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _weights(state: State) -> dict[str, torch.Tensor]:
    players = {"generator": state.generator, "critic": state.critic, "encoder": state.encoder}
    return {
        name: torch.cat([w.detach().reshape(-1) for w in player.parameters])
        for name, player in players.items()
        if player is not None
    }
