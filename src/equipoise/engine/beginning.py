"""The beginning of a run: its networks, the arithmetic that is fastest for them here, and its state."""

from __future__ import annotations

from dataclasses import replace

from equipoise.engine.asking import any_batch, arguments
from equipoise.engine.look import fixed_latents
from equipoise.engine.plan import Plan
from equipoise.engine.precision import PROBE_BATCH, Probe, decide
from equipoise.engine.state import State, initial_networks, initial_state


def begun(plan: Plan) -> tuple[Plan, State, Probe]:
    """The plan with its arithmetic, the state before the first step, and the measurement that the arithmetic rests on.

    All processes of a run come to the same arithmetic.
    """
    recipe = plan.recipe
    networks = initial_networks(plan)
    latents = fixed_latents(recipe.seed, "probe", PROBE_BATCH, recipe.generator.latent).to(plan.device)
    asked = arguments(recipe.generator.takes, latents, any_batch(plan.space, PROBE_BATCH, plan.device))
    arithmetic, probe = decide(recipe.precision, plan.space, networks.generator, networks.critic, asked, plan.device)
    plan = replace(plan, arithmetic=plan.world.agree(arithmetic))
    return plan, initial_state(plan, networks), probe
