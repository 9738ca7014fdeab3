"""Whether the generator can make what real samples are: its output's range against that of the data."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from equipoise.engine.asking import Arguments
from equipoise.engine.look import draw, fixed_arguments
from equipoise.engine.plan import Plan
from equipoise.space import Channel
from equipoise.view import Batch

PUSH = 1e4
"""Factor on the latents, so that a generator goes as far as it can: an unbounded one leaves the range."""
TOLERANCE = 1e-3
FEW = 0.01
"""Share of real values that may lie beyond the range without a word: it was chosen by hand, and they are cut."""
MANY = 0.05
"""Share of real values on one side of the middle beyond which a generator without any there cannot be right."""
SIDE = 0.1
"""How far from the middle a value is on one side."""


def misfits(plan: Plan, average: nn.Module, batch: Batch) -> list[str]:
    """What does not fit, in words, channel by channel; of points nothing, for they have no range.

    `average` is a generator that evaluates; some keep what they see last, so give a copy.  It is also tried as it
    trains: pushed latents, and batch norms that have seen nothing yet, may bring all samples to one side of the middle.
    """
    if plan.space.is_points:
        return []
    asked, training = _pushed(plan, batch), copy.deepcopy(average).train()
    with torch.no_grad():
        fake = torch.cat([draw(generator, asked, plan.device) for generator in (average, training)])
    found: list[str] = []
    at = 0
    for channel in plan.space.channels:
        planes = slice(at, at + channel.planes)
        found += _of_channel(channel, batch.real[:, planes].cpu(), fake[:, planes])
        at += channel.planes
    return found


def _pushed(plan: Plan, batch: Batch) -> Arguments:
    generator = plan.recipe.generator
    asked = fixed_arguments(generator, plan.recipe.seed, "reach", len(batch.real), batch)
    pairs = zip(generator.takes, asked, strict=True)
    return tuple(PUSH * argument if name == "latents" else argument for name, argument in pairs)


def _of_channel(channel: Channel, real: Tensor, fake: Tensor) -> Iterator[str]:
    low, high = (0.0, 1.0) if channel.kind == "categorical" else (-1.0, 1.0)
    lowest, highest = fake.amin().item(), fake.amax().item()
    if (lowest < low - TOLERANCE or highest > high + TOLERANCE) and not channel.has_tails:
        yield f"the generator's {channel.name} goes from {lowest:.3g} to {highest:.3g}, and may go from {low:g} to 1"
    beyond = ((real < low - TOLERANCE) | (real > high + TOLERANCE)).float().mean().item()
    if beyond > FEW and not channel.has_tails:
        yield f"{beyond:.0%} of the real {channel.name} lies beyond the range that a generator can make"
    if channel.kind == "categorical":
        return
    for sign, side in ((-1.0, "below"), (1.0, "above")):
        share = (sign * real > SIDE).float().mean().item()
        if share > MANY and (sign * fake).amax().item() <= TOLERANCE:
            yield (
                f"the generator's {channel.name} is never {side} the middle of the range, and {share:.0%} of the real "
                "one is: does its last layer go from -1 to 1?"
            )
