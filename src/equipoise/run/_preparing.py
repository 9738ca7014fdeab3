"""What any run needs before it begins or goes on: data and a recipe, fitted to each other, and the machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from equipoise.data.corpus import Corpus
from equipoise.data.edges import has_hard_edges
from equipoise.data.octaves import octaves
from equipoise.engine.asking import lacking
from equipoise.engine.machine import choose_device, describe
from equipoise.engine.memory import keep_freed_memory
from equipoise.engine.pace import step_seconds
from equipoise.engine.plan import Plan
from equipoise.engine.score import OF_PAIRS
from equipoise.engine.world import join_world
from equipoise.errors import RequestError
from equipoise.recipe import Budget, Circumstances, Recipe, fitting_of, source_fitted
from equipoise.spec import Json
from equipoise.terms.perceptual import with_backends

BuildProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Where:
    """Where a run's things are: data, the corpora made of it, and the device; and who reads them."""

    data: Path | None = None
    cache: Path | None = None
    device: str = "auto"
    progress: BuildProgress | None = None
    readers: int = 1
    """Threads that read batches ahead, where the data does not fit onto the device."""


def prepare(recipe: Recipe, where: Where, budget: Budget | None = None) -> tuple[Corpus, Plan]:
    """The data, and what will not change while the run trains: the recipe, fitted to the data, and the machine.

    Of several processes the leading one reads the data first; the others then open what it has made.
    Raises `RequestError` when recipe and data do not fit.
    """
    device = choose_device(where.device)
    if device.type == "cpu":
        keep_freed_memory()
        torch.set_flush_denormal(True)  # before the first thread: the moments of dead units are slow a hundredfold
    world = join_world(device.type)
    if world.size > 1 and recipe.autopilot.mode == "act":
        raise RequestError("the autopilot acts in a run of one process alone; with several, use --autopilot advise")
    if not world.leads:
        world.wait()
    _refuse_wrong_path(recipe, where)
    recipe = source_fitted(recipe, where.data)
    corpus = open_corpus(recipe, where)
    if world.leads:
        world.wait()
    parts = corpus.split(recipe.held_out)
    plan = Plan(recipe, corpus.space, len(parts.seen), device, world, readers=where.readers)
    if recipe.tailor is not None:
        sizes = len(parts.seen), len(parts.held_out)
        seconds, hard, smooth = partial(step_seconds, plan), has_hard_edges(corpus), partial(octaves, corpus)
        found = Circumstances(corpus.space, *sizes, budget, seconds, hard, smooth)
        fitting = fitting_of(recipe, found)
        recipe, rules = world.agree((fitting.recipe, fitting.rules))
        plan = replace(plan, recipe=recipe, rules=rules)
    plan = replace(plan, recipe=with_backends(plan.recipe, plan.space.shape))
    refuse_misfits(plan, corpus)
    return corpus, plan


def open_corpus(recipe: Recipe, where: Where) -> Corpus:
    """The recipe's data.  Raises `RequestError`."""
    _refuse_wrong_path(recipe, where)
    return recipe.source.corpus(where.data, where.cache, where.progress)


def _refuse_wrong_path(recipe: Recipe, where: Where) -> None:
    if recipe.source.needs_path and where.data is None:
        raise RequestError("this recipe needs data: add --data FOLDER")
    if where.data is not None and not recipe.source.needs_path:
        raise RequestError("this recipe brings its own data: leave --data away")


def refuse_misfits(plan: Plan, corpus: Corpus) -> None:
    """Everything that would make the first step impossible."""
    recipe = plan.recipe
    faults = [f"generator: {fault}" for fault in lacking(recipe.generator, plan.space)]
    faults = faults or [f"generator: {fault}" for fault in recipe.generator.faults(plan.space)]
    faults += [f"critic: {fault}" for fault in recipe.critic.faults(plan.space)]
    if plan.space.given is None:
        faults += list(_of_pairs(recipe))
    if recipe.encoder is not None:
        faults += [f"encoder: {fault}" for fault in recipe.encoder.faults(plan.space)]
    if not plan.space.conditions:
        faults += [f"{path}: compares conditions, and these data have none" for path in _of_conditions(recipe)]
    if recipe.batch % plan.world.size:
        faults.append(f"batch: {recipe.batch} samples cannot be shared by {plan.world.size} processes")
    if faults:
        raise RequestError(f"the data ({len(corpus)} samples, {plan.space}) does not fit: " + "; ".join(faults))


def _of_pairs(recipe: Recipe) -> Iterator[str]:
    """The settings that need samples which come in pairs."""
    if recipe.augment is not None and recipe.augment.applies_to == "pairs":
        yield "augment.applies_to: pairs, and these data have none"
    chosen = {"best_by": recipe.best_by} | {f"phases.{name}.best_by": it.best_by for name, it in recipe.phases.items()}
    for path, best_by in chosen.items():
        if best_by in OF_PAIRS:
            yield f"{path}: {best_by} is of pairs, and these data have none"


def _of_conditions(recipe: Recipe) -> Iterator[str]:
    """The terms that need conditions."""
    for phase_name, phase in recipe.phases.items():
        for name, term in phase.terms.items():
            if "conditions" in term.needs:
                yield f"phases.{phase_name}.terms.{name}"


def num_processes() -> int:
    """As torchrun says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this is the only process, or the first of several, before they have met."""
    return os.environ.get("RANK", "0") == "0"


def machine_of(plan: Plan, probe_s: Mapping[str, float] | None = None) -> dict[str, Json]:
    """What the journal says about the machine, and about the measurement behind the arithmetic."""
    rounded: dict[str, Json] = {choice: round(seconds, 4) for choice, seconds in (probe_s or {}).items()}
    arithmetic: Mapping[str, Json] = {**plan.arithmetic.to_json()}
    return {**describe(plan.device), "processes": plan.world.size, **arithmetic, "probe_s": rounded}


def absolute(path: Path | None) -> str | None:
    return str(path.absolute()) if path is not None else None
