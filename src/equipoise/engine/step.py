"""The one training step, whatever the loss, the networks, the data and the number of processes.

::

    for each critic update:      batch, fakes without a graph -> View("D") -> sum of due terms -> update
    for each generator update:   fakes with a graph           -> View("G") -> sum of due terms -> update
    average the generator; count

A batch is real samples with what belongs to them; the fakes beside it are made for the same conditions and from the
same given pictures.  A phase whose terms ask for no critic updates none, and makes no fakes that nobody asks for.  An
encoder learns with the generator, from the terms that see through it.

An update is made only when its gradients are finite; otherwise the weights stay as they were, and the first tensor at
fault is named: in `State.skips` as long as the recipe lets updates be left out, and then in `NonFinite`, which ends the
step.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from equipoise.engine.adaptation import adapt, probability_of
from equipoise.engine.asking import arguments
from equipoise.engine.average import decay_at, update_average
from equipoise.engine.finite import Detached, NonFinite, first_culprit
from equipoise.engine.meter import Meter
from equipoise.engine.noting import note_update
from equipoise.engine.plan import Plan
from equipoise.engine.precision import Compute, autocast
from equipoise.engine.probes import Probe, Probes
from equipoise.engine.seeding import seed_everything
from equipoise.engine.shares import balanced
from equipoise.engine.shown import paired, shown, softened
from equipoise.engine.state import Player, State
from equipoise.randomness import mix
from equipoise.recipe import Adversarial, Phase, Term
from equipoise.schedule import Progress, turns_at, value_at
from equipoise.view import Batch, Features, Judged, Latents, Posterior, Rebuilt, Samples, Side, View

NextBatch = Callable[[], Batch]


def step(
    plan: Plan,
    state: State,
    next_batch: NextBatch,
    meter: Meter,
    next_held_out: NextBatch | None = None,
    probes: Probes | None = None,
) -> None:
    """One step of the run: the phase's critic updates, then its generator updates.

    `next_held_out` gives batches of samples that are never trained on, for adaptive augmentation and `probes`, which
    look closely at the last update of each side.
    """
    counters = state.counters
    seed_everything(mix(plan.recipe.training_seed, "step", counters.steps, plan.world.rank), plan.device)
    phase = plan.phase(counters.phase)
    progress = counters.progress_in_phase(plan.epoch_images)
    d_turns, g_turns = turns_at(phase.d_updates, progress), turns_at(phase.g_updates, progress)
    d_turns = d_turns if "critic" in phase.needs else 0
    write_settings(plan, state)
    held_out = _held_out(plan, state, next_held_out)
    watch = partial(adapt, plan, state.adaptation, next_held_out=held_out)
    probe = probes.of_step(plan, state, held_out) if probes is not None else None
    batch = made = None
    for turn in range(d_turns):
        batch = _drawn(plan, state, next_batch)
        with torch.set_grad_enabled(phase.share_fakes and turn == d_turns - 1):
            made = generate(plan, state, batch)
        look = probe if turn == d_turns - 1 else None
        _update(_view("D", plan, state, batch, made.detach(), meter), phase, progress, plan, state, meter, look, watch)
    with _frozen(state.critic):
        for turn in range(g_turns):
            batch = _drawn(plan, state, next_batch) if batch is None or not d_turns else batch
            if made is None or turn > 0 or not phase.share_fakes:
                made = generate(plan, state, batch) if _makes_fakes(plan, phase) else batch.real[:0]
            look = probe if turn == g_turns - 1 else None
            if _update(_view("G", plan, state, batch, made, meter), phase, progress, plan, state, meter, look):
                decay = decay_at(plan.recipe.average, state.generator.updates - 1)
                update_average(state.average, state.generator.module, decay)
    counters.steps += 1


def _drawn(plan: Plan, state: State, next_batch: NextBatch) -> Batch:
    """A batch, changed where it is changed as a whole."""
    batch = paired(next_batch(), plan.recipe.augment, state.counters.progress(plan.epoch_images))
    return batch._replace(real=softened(batch.real, plan.space, plan.recipe.categories))


def _makes_fakes(plan: Plan, phase: Phase) -> bool:
    return bool(phase.needs & {"critic", "fakes"}) or ("pairs" in phase.needs and plan.recipe.encoder is None)


def _held_out(plan: Plan, state: State, next_held_out: NextBatch | None) -> Callable[[], Samples] | None:
    """Held-out samples, as the critic is shown those that are trained on."""
    if next_held_out is None:
        return None
    return lambda: _shown("D", plan, state, _drawn(plan, state, next_held_out).real, is_real=True)


def generate(plan: Plan, state: State, batch: Batch) -> Samples:
    """Fresh samples [N, C, H, W] of the generator that learns, for what belongs to a batch, in float32."""
    return _made(plan, state, torch.randn(len(batch.real), plan.recipe.generator.latent, device=plan.device), batch)


def _made(plan: Plan, state: State, latents: Latents, batch: Batch) -> Samples:
    asked = arguments(plan.recipe.generator.takes, latents, batch)
    with autocast(plan.arithmetic.compute, plan.device):
        fake: Tensor = state.generator.module(*asked)
    return fake.float()


def _rebuilt(plan: Plan, state: State, encoder: Player, batch: Batch) -> Rebuilt:
    """The batch through encoder and generator, by latents drawn from the posterior (Kingma & Welling 2014)."""
    with autocast(plan.arithmetic.compute, plan.device):
        mean, log_variance = encoder.module(batch.real)
    posterior = Posterior(mean.float(), log_variance.float())
    spread = torch.exp(0.5 * posterior.log_variance)
    latents = posterior.mean + spread * torch.randn_like(spread)
    return Rebuilt(_made(plan, state, latents, batch), posterior)


def write_settings(plan: Plan, state: State) -> None:
    """Write what the recipe says at this point of the run into all optimisers and the generator's buffers."""
    counters, phase = state.counters, plan.phase(state.counters.phase)
    progress, in_phase = counters.progress(plan.epoch_images), counters.progress_in_phase(plan.epoch_images)
    for player, retuned in (
        (state.critic, phase.d_optim),
        (state.generator, phase.g_optim),
        (state.encoder, phase.g_optim),
    ):
        if player is not None:
            player.write_settings(progress, retuned, in_phase)
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
    probe: Probe | None = None,
    watch: Callable[[View], None] | None = None,
) -> bool:
    """One update of one side: the sum of its due terms, the gradient of that, and the optimisers' moves.

    Returns whether anything moved.  In a phase without a critic no term may be due, which counts as an update too.

    `watch` is shown what the terms have seen, with its scores, before the move.
    """
    due = _due(phase, view.side, state, progress)
    if not due:
        state.generator.updates += 1
        return False
    seen = _for_gradients(view, due)
    losses = {name: term(_in_precision_of(term, seen, plan, state)).mean() for name, term in due.items()}
    factors: dict[str, float | Tensor] = {name: _factor(term, view.side, progress) for name, term in due.items()}
    if view.side == "G":
        factors |= balanced(due, losses, factors, seen, progress, plan.world)
    total = sum((factors[name] * loss for name, loss in losses.items()), view.fake.new_zeros(()))
    if not total.requires_grad:
        raise Detached(state.counters.steps, view.side, losses)
    players = _players(view.side, due, state)
    for player in players.values():
        player.forget_gradients()
    if probe is not None:
        probe.before_gradient(seen, phase.game, losses, factors)
    torch.autograd.backward(total)
    norms = {}
    for role, player in players.items():
        plan.world.average_gradients(player.parameters)
        norms[role] = _clip(player)
        if not math.isfinite(norms[role].item()):
            _skip_or_stop(plan, state, first_culprit(view, role, losses, player.module))
            return False
    if watch is not None:
        watch(seen)
    if probe is not None:
        probe.before_move(seen, players)
    for player in players.values():
        player.optimiser.step()
        player.updates += 1
    note_update(meter, seen, phase, players, total, losses, norms)
    if probe is not None:
        probe.after_move(players, meter)
    if view.side == "G":
        for name, value in plan.recipe.generator.watched(state.generator.module).items():
            meter.add(name, value)
    return True


def _skip_or_stop(plan: Plan, state: State, culprit: str) -> None:
    """Count an update that is not made, and say why.

    Raises `NonFinite`, in all processes, when there have been too many, or when the statistics of a norm have taken the
    number in: they would keep it, and every sample after it would have it.  Those of any network may have, for the
    generator makes the fakes of the critic's update too.
    """
    players = (state.generator, state.critic, *((state.encoder,) if state.encoder is not None else ()))
    floating = [buffer for one in players for buffer in one.module.buffers() if buffer.is_floating_point()]
    tainted = plan.world.any(not all(bool(buffer.isfinite().all()) for buffer in floating), plan.device)
    if tainted or state.counters.skipped >= plan.recipe.most_skipped:
        raise NonFinite(state.counters.steps, culprit, state.counters.skipped)
    state.counters.skipped += 1
    state.skips.append(culprit)


def _view(side: Side, plan: Plan, state: State, batch: Batch, made: Samples, meter: Meter) -> View:
    """What the terms of one update see: augmented batches, a critic in the run's precision, and an encoder.

    Where no fakes were made, no critic looks, and nothing is augmented.
    """
    real, fake = batch.real, made
    if len(made):
        real, fake = _shown(side, plan, state, real, is_real=True), _shown(side, plan, state, fake, is_real=False)
    view = View(side, real, fake, _judge(plan, state, plan.arithmetic.compute), meter.add, batch, made)
    if side == "D" or state.encoder is None:
        return view
    rebuild = partial(_rebuilt, plan, state, state.encoder, batch)
    return replace(view, rebuild=rebuild, features=partial(_features, plan, state.encoder))


def _features(plan: Plan, encoder: Player, samples: Samples) -> Features:
    """Inner maps of the encoder, whose weights take no gradient from them."""
    assert plan.recipe.encoder is not None
    with _frozen(encoder), autocast(plan.arithmetic.compute, plan.device):
        maps = plan.recipe.encoder.features(encoder.module, samples)
    return tuple(one.float() for one in maps)


def _shown(side: Side, plan: Plan, state: State, batch: Samples, *, is_real: bool) -> Samples:
    progress, probability = state.counters.progress(plan.epoch_images), probability_of(plan, state.adaptation)
    return shown(plan, side, progress, probability, batch, is_real=is_real)


def _for_gradients(view: View, due: Mapping[str, Term]) -> View:
    """The view with those batches opened for differentiation that a due term differentiates by."""
    names = {name for term in due.values() for name in term.differentiates}
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


def _players(side: Side, due: Mapping[str, Term], state: State) -> dict[str, Player]:
    """Who moves in an update of a side, by role."""
    if side == "D":
        return {"critic": state.critic}
    players = {"generator": state.generator}
    if state.encoder is not None and any(term.needs & {"encoder", "pairs"} for term in due.values()):
        players["encoder"] = state.encoder
    return players


def _due(phase: Phase, side: Side, state: State, progress: Progress) -> dict[str, Term]:
    """The terms of an update, by name."""
    updates = (state.critic if side == "D" else state.generator).updates
    return {
        name: term
        for name, term in phase.terms.items()
        if side in term.sides and updates % term.every == 0 and _counts(term, progress)
    }


def _counts(term: Term, progress: Progress) -> bool:
    """Whether it changes anything or says anything now: one of weight 0 is spared, unless it reports numbers."""
    return isinstance(term, Adversarial) or bool(term.notes) or value_at(term.weight, progress) != 0.0


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
