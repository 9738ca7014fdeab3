"""The one training step, whatever the loss, the networks, the data and the number of processes.

::

    for each critic update:      real batch, fakes without a graph -> View("D") -> sum of due terms -> update
    for each generator update:   fakes with a graph                -> View("G") -> sum of due terms -> update
    average the generator; count

An update is made only when its gradients are finite; otherwise the step ends in `NonFinite`, which names the first
tensor at fault, and the weights stay as they were.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from equipoise.engine.adaptation import adapt, probability_of
from equipoise.engine.average import decay_at, update_average
from equipoise.engine.finite import NonFinite, first_culprit
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.precision import Compute, autocast
from equipoise.engine.seeding import seed_everything
from equipoise.engine.shown import shown, softened
from equipoise.engine.state import Player, State
from equipoise.randomness import mix
from equipoise.recipe import Adversarial, Phase, Term
from equipoise.schedule import Progress, value_at
from equipoise.view import Judged, Samples, Side, View


def step(
    plan: Plan,
    state: State,
    next_real: Callable[[], Samples],
    meter: Meter,
    next_held_out: Callable[[], Samples] | None = None,
) -> None:
    """One step of the run: the phase's critic updates, then its generator updates.

    `next_held_out` gives batches of samples that are never trained on, for adaptive augmentation.
    """
    counters = state.counters
    seed_everything(mix(plan.recipe.seed, "step", counters.steps, plan.world.rank), plan.device)
    phase = plan.phase(counters.phase)
    progress = counters.progress_in_phase(plan.epoch_images)
    d_turns, g_turns = round(value_at(phase.d_updates, progress)), round(value_at(phase.g_updates, progress))
    write_settings(plan, state)
    watch = partial(adapt, plan, state.adaptation, next_held_out=_held_out(plan, state, next_held_out))
    real = fake = None
    for turn in range(d_turns):
        real = softened(next_real(), plan.space, plan.recipe.categories)
        with torch.set_grad_enabled(phase.share_fakes and turn == d_turns - 1):
            fake = generate(plan, state)
        view = _view("D", plan, state, real, fake.detach(), meter)
        _update(view, phase, progress, plan, state, meter, watch)
    with _frozen(state.critic):
        for turn in range(g_turns):
            real = softened(next_real(), plan.space, plan.recipe.categories) if real is None else real
            if fake is None or turn > 0 or not phase.share_fakes:
                fake = generate(plan, state)
            _update(_view("G", plan, state, real, fake, meter), phase, progress, plan, state, meter)
            update_average(
                state.average, state.generator.module, decay_at(plan.recipe.average, state.generator.updates - 1)
            )
    counters.steps += 1


def _held_out(plan: Plan, state: State, next_held_out: Callable[[], Samples] | None) -> Callable[[], Samples] | None:
    """Held-out samples, as the critic is shown those that are trained on."""
    if next_held_out is None:
        return None
    return lambda: _shown("D", plan, state, softened(next_held_out(), plan.space, plan.recipe.categories), is_real=True)


def generate(plan: Plan, state: State) -> Samples:
    """Fresh samples [N, C, H, W] of the generator that learns, in float32."""
    latents = torch.randn(plan.local_batch, plan.recipe.generator.latent, device=plan.device)
    with autocast(plan.arithmetic.compute, plan.device):
        fake: Tensor = state.generator.module(latents)
    return fake.float()


def write_settings(plan: Plan, state: State) -> None:
    """Write what the recipe says at this point of the run into both optimisers and the generator's buffers."""
    progress = state.counters.progress(plan.epoch_images)
    for player in (state.critic, state.generator):
        player.write_settings(progress)
    generator = plan.recipe.generator
    for buffer, setting in generator.written.items():
        for module in (state.generator.module, state.average):
            module.get_buffer(buffer).fill_(value_at(getattr(generator, setting), progress))


def _update(
    view: View,
    phase: Phase,
    progress: Progress,
    plan: Plan,
    state: State,
    meter: Meter,
    watch: Callable[[View], None] | None = None,
) -> None:
    """One update of one player: the sum of its due terms, the gradient of that, and the optimiser's move.

    `watch` is shown what the terms have seen, with its scores, before the move.
    """
    player = _player(view.side, state)
    losses: dict[str, Tensor] = {}
    total = view.fake.new_zeros(())
    shown = _for_gradients(view, _due(phase, view.side, player))
    for name, term in _due(phase, view.side, player):
        losses[name] = term(_in_precision_of(term, shown, plan, state)).mean()
        total = total + _factor(term, view.side, progress) * losses[name]
    player.forget_gradients()
    torch.autograd.backward(total)
    plan.world.average_gradients(player.parameters)
    norm = _clip(player)
    if not math.isfinite(norm.item()):
        raise NonFinite(state.counters.steps, first_culprit(view, losses, player.module))
    if watch is not None:
        watch(shown)
    player.optimiser.step()
    player.updates += 1
    _record(shown, phase, total, losses, norm, meter)


def _view(side: Side, plan: Plan, state: State, real: Samples, fake: Samples, meter: Meter) -> View:
    """What the terms of one update see: augmented batches and a critic in the run's precision."""
    real, fake = _shown(side, plan, state, real, is_real=True), _shown(side, plan, state, fake, is_real=False)
    return View(side, real, fake, _judge(plan, state, plan.arithmetic.compute), meter.add)


def _shown(side: Side, plan: Plan, state: State, batch: Samples, *, is_real: bool) -> Samples:
    progress, probability = state.counters.progress(plan.epoch_images), probability_of(plan, state.adaptation)
    return shown(plan, side, progress, probability, batch, is_real=is_real)


def _for_gradients(view: View, due: Iterator[tuple[str, Term]]) -> View:
    """The view with those batches opened for differentiation that a due term differentiates by."""
    names = {name for _, term in due for name in term.differentiates}
    opened = {name: getattr(view, name).detach().requires_grad_() for name in sorted(names)}
    return replace(view, **opened)


def _in_precision_of(term: Term, view: View, plan: Plan, state: State) -> View:
    """The view itself, or one whose critic computes as gradient penalties should."""
    arithmetic = plan.arithmetic
    if not term.penalises_slope or arithmetic.penalties == arithmetic.compute:
        return view
    return replace(view, judge=_judge(plan, state, arithmetic.penalties))


def _judge(plan: Plan, state: State, compute: Compute) -> Callable[[Samples], Judged]:
    def judge(samples: Samples) -> Judged:
        with autocast(compute, plan.device):
            found: Tensor | Judged = state.critic.module(samples)
        return found if isinstance(found, Judged) else Judged(found.float())

    return judge


def _player(side: Side, state: State) -> Player:
    return state.critic if side == "D" else state.generator


def _due(phase: Phase, side: Side, player: Player) -> Iterator[tuple[str, Term]]:
    for name, term in phase.terms.items():
        if side in term.sides and player.updates % term.every == 0:
            yield name, term


def _factor(term: Term, side: Side, progress: Progress) -> float:
    """What a term's mean is multiplied by.  The critic's own objective is never scaled."""
    if side == "D" and isinstance(term, Adversarial):
        return 1.0
    return value_at(term.weight, progress) * term.every


def _clip(player: Player) -> Tensor:
    """The norm of the whole gradient before clipping; gradients above the limit are scaled down to it."""
    gradients = [parameter.grad for parameter in player.parameters if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if player.settings.clip_norm is not None:
        torch.nn.utils.clip_grads_with_norm_(player.parameters, player.settings.clip_norm, norm)
    return norm


@contextlib.contextmanager
def _frozen(player: Player) -> Iterator[None]:
    """The player's weights take no gradient inside; that saves a third of the critic's backward pass."""
    for parameter in player.parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in player.parameters:
            parameter.requires_grad_(True)


def _record(view: View, phase: Phase, total: Tensor, losses: dict[str, Tensor], norm: Tensor, meter: Meter) -> None:
    side = view.side.lower()
    game = phase.adversarial
    meter.add(f"loss_{side}", total)
    if view.side == "D":
        meter.add("d_x", game.probability(view.real_scores))
        meter.add("d_g_z1", game.probability(view.fake_scores))
    else:
        meter.add("d_g_z2", game.probability(view.fake_scores))
    meter.add(f"grad_{side}", norm)
    for name, loss in losses.items():
        meter.add(f"{side}.{name}", loss)
