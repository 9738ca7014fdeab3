"""What a run would be, before it is one: its outline, and the whole of it in small, in a folder that is thrown away."""

from __future__ import annotations

import itertools
import math
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from equipoise.data.glance import glance
from equipoise.doctor.lint import lint
from equipoise.engine import checkpoint
from equipoise.engine.anatomy import anatomy
from equipoise.engine.pace import step_seconds
from equipoise.engine.plan import Plan
from equipoise.engine.state import State, initial_networks
from equipoise.errors import RequestError
from equipoise.goal import Goal
from equipoise.interrupt import StopRequest
from equipoise.journal import Event, Measured, Tick
from equipoise.recipe import Budget, Phase, Recipe, Span, home_of, stretched
from equipoise.run import Where, num_processes, prepare, start
from equipoise.sampling import open_run
from equipoise.schedule import Progress, value_at

FEWEST_STEPS, MOST_STEPS = 20, 200
"""Of a phase.  The fewest are enough for every lazy term up to every 16th update to have its turn."""
PHASE_S = 10.0
"""A phase is rehearsed for about so long, within those limits."""
TICKS = 10
"""Rows of numbers of a phase."""
STILL = 1e-3
"""Share of itself that a loss has to change by; a stuck run of the notes stood at 0.7979 for twenty epochs."""
LEAST_PSNR = 10.0
"""In decibels; below it nothing has been learned of how samples should look (notes: a stuck run had 6)."""


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
class Rehearsed:
    """One phase in small."""

    name: str
    steps: int
    seconds_per_step: float
    loss: tuple[float, float] | None
    """How far samples are from what they should be, at first and at last; of a phase without a critic."""
    psnr: float | None
    """At its end, where samples come in pairs."""
    noise: float = 0.0
    """What batches alone can change about either end of the loss."""

    @property
    def rises(self) -> bool:
        return self.loss is not None and self.loss[1] > self.loss[0] + self.noise

    @property
    def stands_still(self) -> bool:
        return self.loss is not None and abs(self.loss[1] - self.loss[0]) <= STILL * self.loss[0]

    @property
    def faults(self) -> Iterator[str]:
        """Why the long run is not worth starting."""
        if self.loss is not None and (self.rises or self.stands_still):
            yield f"phase {self.name}: the loss does not fall ({self.loss[0]:.4g} to {self.loss[1]:.4g})"
        if self.psnr is not None and self.psnr < LEAST_PSNR:
            yield f"phase {self.name}: {self.psnr:.1f} dB after {self.steps} steps, below {LEAST_PSNR:.0f}"

    def __str__(self) -> str:
        loss = f", loss {self.loss[0]:.4g} to {self.loss[1]:.4g}" if self.loss is not None else ""
        psnr = f", {self.psnr:.1f} dB" if self.psnr is not None else ""
        return f"phase {self.name}: {self.steps} steps, {self.seconds_per_step:.2g} s each{loss}{psnr}"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the whole in small has shown."""

    phases: tuple[Rehearsed, ...]
    images_per_s: float
    full_length_s: float | None
    """How long the whole run would take, when its length is not itself a time."""
    still: tuple[str, ...]
    """Networks that should have learned and whose weights did not move."""
    checkpoint_bytes: int

    @property
    def faults(self) -> list[str]:
        """Why the long run is not worth starting; nothing when it is."""
        of_phases = itertools.chain.from_iterable(phase.faults for phase in self.phases)
        return [*(f"the {name}'s weights did not move" for name in self.still), *of_phases]


def outline(recipe: Recipe, where: Where, budget: Budget | None = None) -> Outline:
    """Read the data and build the networks, and tell their sizes.  Raises `RequestError`."""
    corpus, plan = prepare(recipe, where, budget)
    networks = initial_networks(plan)
    built = anatomy(networks.generator, networks.critic)
    sizes = built.generator_parameters, built.critic_parameters
    of_data = [f"the data: {finding.title}: {finding.advice}" for finding in glance(corpus, home_of(recipe.source))]
    warnings = (*of_data, *(finding.line for finding in lint(plan.recipe, plan.space, plan.num_samples, built)))
    return Outline(len(corpus), str(corpus.space), corpus.num_left_out, corpus.notes, *sizes, plan.recipe, warnings)


def rehearse(recipe: Recipe, where: Where, budget: Budget | None = None, begin_from: Path | None = None) -> Rehearsal:
    """Train every phase for some steps, with all schedules as much shorter, checkpoint, read it back, and forget it.

    With `begin_from` it begins with the weights that the run itself would begin with; see `equipoise.run.start`.
    Raises what the run itself would raise: `RequestError`, or `Fault` for a number that is not finite.
    """
    if num_processes() > 1:
        raise RequestError("--rehearse runs in one process; leave torchrun away")
    if begin_from is not None:
        open_run(begin_from, "cpu")  # refused before anything is read
    events: list[Event] = []
    _, plan = prepare(recipe, where, budget)
    short = _in_small(plan)
    with tempfile.TemporaryDirectory() as scratch:
        session = start(short, where, Path(scratch) / "rehearsal", None, [events.append], begin_from)
        before = _weights(session.state)
        session.train(StopRequest())
        saved = checkpoint.entries(session.folder.checkpoints)[-1].path
        session.state.restore(checkpoint.load(saved))
        size = saved.stat().st_size
    after = _weights(session.state)
    still = tuple(name for name in _learning(short) if torch.equal(before[name], after[name]))
    phases = tuple(_phases(short, events))
    ticks = [event for event in events if isinstance(event, Tick)]
    return Rehearsal(phases, ticks[-1].images_per_s, _full_length_s(plan, budget, phases), still, size)


def _in_small(plan: Plan) -> Recipe:
    """The recipe with phases of few steps, and their schedules as much shorter."""
    recipe = plan.recipe
    lengths = {}
    for name, phase in recipe.phases.items():
        pace = step_seconds(plan, replace(recipe, phases={name: phase}))
        lengths[name] = min(max(round(PHASE_S / pace), FEWEST_STEPS), MOST_STEPS)
    short = stretched(recipe, {name: lengths[name] / _steps_of(phase, plan) for name, phase in recipe.phases.items()})
    phases = {name: replace(phase, length=Span(lengths[name], "steps")) for name, phase in short.phases.items()}
    steps = max(1, min(lengths.values()) // TICKS)
    cadence = replace(short.cadence, tick_steps=steps, sheet_steps=min(lengths.values()), measuring_share=1.0)
    return replace(short, phases=phases, cadence=cadence)


def _steps_of(phase: Phase, plan: Plan) -> float:
    """The length of a phase in steps, at the rhythm with which it begins."""
    images: dict[str, float] = {"steps": _images_per_step(phase, plan), "images": 1, "epochs": plan.epoch_images}
    return phase.length.amount * images[phase.length.unit] / _images_per_step(phase, plan)


def _images_per_step(phase: Phase, plan: Plan) -> float:
    """Real samples that a step draws: a batch for each critic update, or one where there is none."""
    turns = value_at(phase.d_updates, Progress(0, 0, 0.0)) if "critic" in phase.needs else 0.0
    return plan.recipe.batch * max(1.0, turns)


def _learning(recipe: Recipe) -> Iterator[str]:
    """The networks that some phase trains."""
    needs = frozenset().union(*(phase.needs for phase in recipe.phases.values()))
    yield "generator"
    if "critic" in needs:
        yield "critic"
    if recipe.encoder is not None and needs & {"encoder", "pairs"}:
        yield "encoder"


def _phases(recipe: Recipe, events: Sequence[Event]) -> Iterator[Rehearsed]:
    """What was seen of each."""
    begin = 0
    for name, phase in recipe.phases.items():
        end = begin + round(phase.length.amount)
        ticks = [event for event in events if isinstance(event, Tick) and begin < event.step <= end]
        scores = [event for event in events if isinstance(event, Measured) and begin < event.step <= end]
        of_pairs = [f"g.{term}" for term in phase.terms if "pairs" in phase.terms[term].needs]
        losses = [sum(tick.values.get(column, 0.0) for column in of_pairs) for tick in ticks]
        pace = (ticks[-1].seconds - ticks[0].seconds) / (ticks[-1].step - ticks[0].step)
        ends = _mean_of_ends(losses) if phase.adversarial is None and of_pairs else None
        yield Rehearsed(name, end - begin, pace, ends, _psnr(scores), _noise(losses))
        begin = end


def _mean_of_ends(losses: Sequence[float]) -> tuple[float, float]:
    """Of the first and of the last quarter, at least one each."""
    count = max(1, len(losses) // 4)
    return statistics.fmean(losses[:count]), statistics.fmean(losses[-count:])


def _noise(losses: Sequence[float]) -> float:
    """Two standard errors of the mean of a quarter."""
    return 2.0 * statistics.stdev(losses) / math.sqrt(max(1, len(losses) // 4)) if len(losses) > 1 else 0.0


def _psnr(scores: Sequence[Measured]) -> float | None:
    if not scores:
        return None
    return scores[-1].value if scores[-1].name == "psnr" else scores[-1].beside.get("psnr")


def _full_length_s(plan: Plan, budget: Budget | None, rehearsed: Sequence[Rehearsed]) -> float | None:
    """Seconds for the whole run at these paces; where a budget cuts it or goes on, by the pace of all together."""
    goal = Goal.of(plan.recipe, budget, {})
    if goal.unit == "seconds":
        return None
    steps = {name: _steps_of(phase, plan) for name, phase in plan.recipe.phases.items()}
    paces = {phase.name: phase.seconds_per_step for phase in rehearsed}
    whole_s = sum(steps[name] * paces[name] for name in steps)
    if budget is None:
        return whole_s
    assert budget.span is not None
    first = next(iter(plan.recipe.phases.values()))
    return _steps_of(replace(first, length=budget.span), plan) * whole_s / sum(steps.values())


def _weights(state: State) -> dict[str, torch.Tensor]:
    players = {"generator": state.generator, "critic": state.critic, "encoder": state.encoder}
    return {
        name: torch.cat([w.detach().reshape(-1) for w in player.parameters])
        for name, player in players.items()
        if player is not None
    }
