"""What the optimisers and networks hold while they train, read back and compared with what the recipe says.

A change that is written down and never arrives looks like a change that does not help.
"""

from __future__ import annotations

from collections.abc import Iterator

from equipoise.engine.plan import Plan
from equipoise.engine.state import Counters, Player, State
from equipoise.recipe import Adam, Retuned
from equipoise.schedule import Progress, value_at


def differences(plan: Plan, state: State, before: Counters) -> Iterator[str]:
    """What is not as the recipe says, in words, after a step that began with the counters `before`."""
    recipe, phase = plan.recipe, plan.phase(before.phase)
    at, in_phase = before.progress(plan.epoch_images), before.progress_in_phase(plan.epoch_images)
    players = (
        ("critic", state.critic, recipe.d_optim, phase.d_optim),
        ("generator", state.generator, recipe.g_optim, phase.g_optim),
        ("encoder", state.encoder, recipe.g_optim, phase.g_optim),
    )
    for role, player, settings, retuned in players:
        if player is not None:
            yield from (f"the {role}'s {fault}" for fault in misread(player, settings, retuned, at, in_phase))
    for buffer, setting in recipe.generator.written.items():
        wanted = value_at(getattr(recipe.generator, setting), at)
        held = state.generator.module.get_buffer(buffer)
        if bool((held != held.new_tensor(wanted)).any()):
            yield f"the generator's {buffer} is {held.flatten()[0].item():g}, and the recipe says {wanted:g}"


def misread(player: Player, settings: Adam, retuned: Retuned, progress: Progress, in_phase: Progress) -> Iterator[str]:
    """What an optimiser holds that is not what recipe and phase say at this point of the run, and of the phase."""
    wanted = {
        "lr": value_at(settings.lr, progress) if retuned.lr is None else value_at(retuned.lr, in_phase),
        "betas": (settings.beta1, settings.beta2),
        "eps": settings.eps,
        "weight_decay": settings.weight_decay if retuned.weight_decay is None else retuned.weight_decay,
    }
    owned: set[int] = set()
    for group in player.optimiser.param_groups:
        owned |= {id(weight) for weight in group["params"]}
        for name, value in wanted.items():
            if group[name] != value:
                yield f"optimiser has {name} {group[name]}, and the recipe says {value}"
    if owned != {id(weight) for weight in player.module.parameters()}:
        yield "optimiser holds other weights than the network has"
