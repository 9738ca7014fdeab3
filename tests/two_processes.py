"""Run by torchrun in two processes: one step of the engine on shares of one batch.  Writes the gradients of rank 0."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

import tiny
from equipoise.data import Patches
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.state import State, initial_networks, initial_state
from equipoise.engine.step import step
from equipoise.engine.world import World, join_world, leave_world
from equipoise.networks import EruCritic, EruGenerator, PatchCritic, RrdbGenerator, VaeEncoder
from equipoise.recipe import Phase, Recipe, Span
from equipoise.space import Channel, Condition, Space
from equipoise.terms import KL, L1, R1, Auxiliary, Hinge
from equipoise.view import Batch

PLANE = Space((Channel("x", -1, 1), Channel("y", -1, 1)), 1, 1)
RATED = Space((Channel("grey"),), 16, 16, conditions=(Condition("valence", 1, 7), Condition("arousal", 1, 9)))
PAIRS = Space((Channel("grey"),), 32, 32, given=Space((Channel("grey"),), 16, 16))
CPU = torch.device("cpu")


def rated() -> Recipe:
    """Conditions and an encoder; everything whose value depends on who else is in the batch is left out."""
    terms = {"game": Hinge(weight=0.5), "reads": Auxiliary(), "l1": L1(), "kl": KL(weight=0.1), "r1": R1(weight=1.0)}
    return replace(
        tiny.images(),
        generator=EruGenerator(latent=4, width=4, norm="layer"),
        critic=EruCritic(width=4, group=1),
        encoder=VaeEncoder(width=4),
        phases={"ramp": Phase(Span(4), terms)},
        batch=32,
    )


def enlarging() -> Recipe:
    """Given pictures, and a game that is balanced against the pixels."""
    return replace(
        tiny.images(),
        source=Patches(scale=2),
        generator=RrdbGenerator(width=8, growth=4, blocks=1, branch=0, upsampling="shuffle", base="bicubic"),
        critic=PatchCritic(width=4),
        phases={"detail": Phase(Span(4), {"game": Hinge(share=0.2), "l1": L1()})},
        batch=32,
    )


CASES: Mapping[str, tuple[Callable[[], Recipe], Space]] = {
    "points": (tiny.points, PLANE),
    "conditions and an encoder": (rated, RATED),
    "given pictures": (enlarging, PAIRS),
}


def joined_batch(case: str, rank: int = 0, size: int = 1) -> Batch:
    """The real batch of 32 that two processes share, with what belongs to it, or one process's part of it."""
    _, space = CASES[case]
    source = torch.Generator().manual_seed(5)
    real = torch.randn(32, *space.shape, generator=source)
    conditions = torch.rand(32, len(space.conditions), generator=source) if space.conditions else None
    given = torch.randn(32, *space.given.shape, generator=source) if space.given is not None else None
    return Batch(*(part[rank::size] if part is not None else None for part in (real, conditions, given)))


def made(case: str, world: World) -> tuple[Plan, State]:
    recipe, space = CASES[case]
    plan = Plan(recipe(), space, 1000, CPU, world)
    return plan, initial_state(plan, initial_networks(plan))


def gradients(state: State) -> dict[str, torch.Tensor]:
    """What the last update of each network was made with."""
    players = {"generator": state.generator, "critic": state.critic, "encoder": state.encoder}
    return {
        f"{role}.{name}": parameter.grad
        for role, player in players.items()
        if player is not None
        for name, parameter in player.module.named_parameters()
        if parameter.grad is not None
    }


def main() -> None:
    case, path = sys.argv[1:]
    world = join_world("cpu")
    plan, state = made(case, world)
    share = joined_batch(case, world.rank, world.size)
    step(plan, state, lambda: share, Meter())
    if world.leads:
        torch.save(gradients(state), path)
    world.wait()
    leave_world()


if __name__ == "__main__":
    main()
