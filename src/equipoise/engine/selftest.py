"""A self-test of the plumbing, before the first step: does everything learn that should, and nothing else?

::

    for each phase, for each side that has turns in it:    on copies of the networks, a small batch
        a step or two in which this side alone has a turn
        its networks: gradients finite and not zero, weights moved, rates and betas as the recipe says
        the others: not moved
    every tensor of weights learned in some phase; fakes lie where real samples do

A bug here looks like a GAN that fails for other reasons, so it comes before every diagnosis.  The second step is there
because what lies behind a gate that opens from zero has no gradient at the first.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from equipoise.engine.finite import Detached, NonFinite
from equipoise.engine.meter import Meter
from equipoise.engine.pace import in_full
from equipoise.engine.plan import Plan
from equipoise.engine.readback import misread
from equipoise.engine.seeding import own_randomness
from equipoise.engine.state import Networks, Player, State, initial_state
from equipoise.engine.step import step
from equipoise.engine.world import World
from equipoise.errors import RequestError
from equipoise.randomness import mix
from equipoise.recipe import Adam, Phase, Retuned
from equipoise.schedule import Progress, Rate, Schedule
from equipoise.view import Batch, Side

TRIAL_SAMPLES = 8
TRIAL_STEPS = 2
"""At most: the second is made where some tensor had no gradient at the first."""
NAMED = 3
"""Tensors that are named; of more, their number is told."""


@dataclass(slots=True)
class _Learned:
    """What is known of a network's tensors after all trials."""

    expected: bool = False
    """Whether it should learn in some phase."""
    names: set[str] = field(default_factory=set)
    """Tensors that have learned, in any trial."""
    reached: set[str] = field(default_factory=set)
    """Tensors that a loss depends on."""


def plumbing(plan: Plan, state: State, batch: Batch) -> list[str]:
    """What is broken, in words; nothing when all is well.  `batch` are real samples, with what belongs to them.

    Raises `RequestError` when a loss cannot teach anything, for then there is no first step.
    """
    learned = {role: _Learned() for role in _players(state)}
    faults = []
    for name, phase in plan.recipe.phases.items():
        faults += [f"phase {name}: {fault}" for fault in _without_turns(plan, phase)]
        for side in _sides(phase):
            with own_randomness(mix(plan.recipe.seed, "trial", name, side), plan.device):
                faults += [f"phase {name}: {fault}" for fault in _tried(plan, state, name, side, batch, learned)]
    if not faults:
        faults += _never_learned(state, learned)
    return faults


def _rates(phase: Phase) -> dict[Side, float]:
    """The most turns a step that each side is ever meant to have in the phase."""
    d_rate = _most(phase.d_updates) if "critic" in phase.needs else 0.0
    return {"D": d_rate, "G": _most(phase.g_updates)}


def _most(turns: Rate) -> float:
    return turns.extremes()[1] if isinstance(turns, Schedule) else turns


def _sides(phase: Phase) -> Iterator[Side]:
    """Those that have a turn at some time of the phase."""
    yield from (side for side, rate in _rates(phase).items() if rate > 0)


def _without_turns(plan: Plan, phase: Phase) -> Iterator[str]:
    """Sides that are meant to have turns, and so rarely that the phase is over before the first."""
    rates = _rates(phase)
    images = plan.recipe.batch * max(1.0, rates["D"])  # of a step; one that draws fewer would make the phase longer
    a_step = {"steps": 1.0, "images": images, "epochs": images / plan.epoch_images}[phase.length.unit]
    steps = phase.length.amount / a_step
    for side, rate in rates.items():
        if 0.0 < rate * steps < 1.0:
            name, setting = ("critic", "d_updates") if side == "D" else ("generator", "g_updates")
            yield f"the {name} has no turn in about {steps:.0f} steps: {setting} is {rate:g}"


def _tried(
    plan: Plan, state: State, phase: str, side: Side, batch: Batch, learned: dict[str, _Learned]
) -> Iterator[str]:
    """What is wrong in steps in which one side alone has a turn."""
    alone, trial = _alone(plan, phase, side), _copy(plan, state)
    before = {role: _weights(player) for role, player in _players(trial).items()}
    learning = _learning(plan.recipe.phases[phase], side, trial)
    try:
        while trial.counters.steps < TRIAL_STEPS and not _all_reached(trial, learning):
            step(alone, trial, lambda: batch, Meter())
    except NonFinite as fault:
        yield fault.culprit
        return
    except Detached as fault:
        raise RequestError(f"phase {phase}: {fault.why}; no run was begun") from fault
    if trial.skips:
        yield trial.skips[0]
        return
    for role, player in _players(trial).items():
        has_moved = any(not torch.equal(a, b) for a, b in zip(before[role], player.parameters, strict=True))
        if role in learning:
            _remember(learned[role], player)
            settings = _settings(plan, phase, role)
            yield from _faults_of(role, player, settings, has_moved)
            at = Progress(trial.counters.steps - 1, 0, 0.0)
            yield from (f"the {role}'s {fault}" for fault in misread(player, settings, Retuned(), at, at))
        elif has_moved:
            yield f"the {role} moved in the {'critic' if side == 'D' else 'generator'}'s update"


def _settings(plan: Plan, phase: str, role: str) -> Adam:
    """The optimiser's of a network in a phase, with what the phase sets in place of the recipe's."""
    recipe, played = plan.recipe, plan.recipe.phases[phase]
    settings, retuned = (recipe.d_optim, played.d_optim) if role == "critic" else (recipe.g_optim, played.g_optim)
    lr = settings.lr if retuned.lr is None else retuned.lr
    decay = settings.weight_decay if retuned.weight_decay is None else retuned.weight_decay
    return replace(settings, lr=lr, weight_decay=decay)


def _alone(plan: Plan, name: str, side: Side) -> Plan:
    """The plan of a run of one phase in which one side alone has turns, and every term weighs what it ever weighs."""
    turns = (1.0, 0.0) if side == "D" else (0.0, 1.0)
    phase = replace(plan.recipe.phases[name], d_updates=turns[0], g_updates=turns[1])
    return replace(plan, recipe=in_full(replace(plan.recipe, phases={name: phase})), world=World())


def _copy(plan: Plan, state: State) -> State:
    """A new state of copied networks."""
    modules = {role: copy.deepcopy(player.module) for role, player in _players(state).items()}
    return initial_state(plan, Networks(**modules))


def _players(state: State) -> dict[str, Player]:
    players = {"generator": state.generator, "critic": state.critic}
    return players if state.encoder is None else {**players, "encoder": state.encoder}


def _learning(phase: Phase, side: Side, state: State) -> set[str]:
    """Who should learn in that side's updates."""
    if side == "D":
        return {"critic"}
    needs = frozenset().union(*(term.needs for term in phase.terms.values() if "G" in term.sides))
    return {"generator", "encoder"} if state.encoder is not None and needs & {"encoder", "pairs"} else {"generator"}


def _all_reached(state: State, roles: Iterable[str]) -> bool:
    """Whether every tensor of these networks has learned."""
    return all(_has_learned(weight) for role in roles for weight in _players(state)[role].parameters)


def _has_learned(weight: nn.Parameter) -> bool:
    """Whether it has a gradient.  That of a vector may be exactly zero: an offset that the loss does not see."""
    return weight.grad is not None and (weight.ndim < 2 or bool(weight.grad.any()))


def _weights(player: Player) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in player.parameters]


def _faults_of(role: str, player: Player, settings: Adam, has_moved: bool) -> Iterator[str]:
    """Of a network that should have learned."""
    gradients = [weight.grad for weight in player.parameters if weight.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    rate = player.learning_rate
    if not math.isfinite(norm) or norm == 0.0:
        yield f"the {role} cannot learn: its gradient is {norm:g}"
    elif not has_moved and rate == 0.0 and not _rises(settings):
        yield f"the {role} cannot learn: its rate is 0"
    elif not has_moved and rate > 0.0:
        yield f"the {role} has a gradient, and its weights did not move"


def _rises(settings: Adam) -> bool:
    """Whether the rate is above zero at some time."""
    return isinstance(settings.lr, Schedule) and settings.lr.extremes()[1] > 0.0


def _remember(learned: _Learned, player: Player) -> None:
    """Which tensors a loss depends on, and which have learned."""
    learned.expected = True
    weights = dict(player.module.named_parameters())
    learned.reached |= {name for name, weight in weights.items() if weight.grad is not None}
    learned.names |= {name for name, weight in weights.items() if _has_learned(weight)}


def _never_learned(state: State, learned: dict[str, _Learned]) -> Iterator[str]:
    """Tensors that no phase teaches, of networks that learn."""
    for role, player in _players(state).items():
        if not learned[role].expected:
            continue
        frozen = [name for name, weight in player.module.named_parameters() if not weight.requires_grad]
        others = [name for name, _ in player.module.named_parameters() if name not in {*learned[role].names, *frozen}]
        unreached = [name for name in others if name not in learned[role].reached]
        silent = [name for name in others if name in learned[role].reached]
        for names, why in (
            (frozen, "frozen"),
            (unreached, "without a gradient: no loss depends on them"),
            (silent, "without learning: their gradient is exactly zero"),
        ):
            if names:
                yield f"weights of the {role} stay {why}: {_few(names)}"


def _few(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
