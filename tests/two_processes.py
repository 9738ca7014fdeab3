"""Run by torchrun in two processes: one step of the engine on shares of one batch.  Writes the gradients of rank 0."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

import tiny
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.state import State, initial_networks, initial_state
from equipoise.engine.step import step
from equipoise.engine.world import World, join_world, leave_world
from equipoise.space import Channel, Space
from equipoise.view import Batch

PLANE = Space((Channel("x", -1, 1), Channel("y", -1, 1)), 1, 1)
CPU = torch.device("cpu")


def joined_batch(rank: int = 0, size: int = 1) -> Batch:
    """The real batch [32, 2, 1, 1] that two processes share, or one process's part of it."""
    return Batch(torch.randn(32, 2, 1, 1, generator=torch.Generator().manual_seed(5))[rank::size])


def made(world: World) -> tuple[Plan, State]:
    plan = Plan(tiny.points(), PLANE, 1000, CPU, world)
    return plan, initial_state(plan, initial_networks(plan))


def gradients(state: State) -> dict[str, torch.Tensor]:
    """What the last update of each network was made with."""
    players = {"generator": state.generator.module, "critic": state.critic.module}
    return {
        f"{role}.{name}": parameter.grad
        for role, module in players.items()
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }


def main() -> None:
    world = join_world("cpu")
    plan, state = made(world)
    share = joined_batch(world.rank, world.size)
    step(plan, state, lambda: share, Meter())
    if world.leads:
        torch.save(gradients(state), sys.argv[1])
    world.wait()
    leave_world()


if __name__ == "__main__":
    main()
