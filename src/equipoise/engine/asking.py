"""What a generator is asked for: the arguments of its module, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from equipoise.recipe import Generator, Taken
from equipoise.space import Space
from equipoise.view import Batch, Conditions, Latents

MIDDLE = 0.5
"""Of a condition, which goes from 0 to 1."""

Arguments = tuple[Tensor, ...]
"""In the order of `Generator.takes`, each with as many samples as the others."""


def arguments(takes: Sequence[Taken], latents: Latents, belonging: Batch) -> Arguments:
    """The latents and what belongs to the real samples of a batch, as far as a generator takes them.

    Raises `ValueError` when the data do not have what it takes.
    """
    offered = {"latents": latents, "conditions": belonging.conditions, "given": belonging.given}
    found = []
    for name in takes:
        value = offered[name]
        if value is None:
            raise ValueError(f"the generator takes {name}, and these data have none")
        found.append(value)
    return tuple(found)


def any_batch(space: Space, count: int, device: torch.device) -> Batch:
    """Noise in the place of real samples and of all that belongs to them, for measuring how long things take."""

    def noise(of: Space) -> Tensor:
        return torch.rand(count, *of.shape, device=device) * 2 - 1

    conditions = torch.rand(count, len(space.conditions), device=device) if space.conditions else None
    return Batch(noise(space), conditions, noise(space.given) if space.given is not None else None)


def plane(space: Space, side: int) -> Conditions:
    """Conditions [side * side, K] over the first two: the first from 0 to 1 along rows of a sheet, the second from 1
    down to 0 from row to row, the others in the middle.  With one condition every row is the same."""
    even = torch.linspace(0.0, 1.0, side)
    asked = torch.full((side * side, len(space.conditions)), MIDDLE)
    asked[:, 0] = even.repeat(side)
    if len(space.conditions) > 1:
        asked[:, 1] = even.flip(0).repeat_interleave(side)
    return asked


def lacking(generator: Generator, space: Space) -> list[str]:
    """What a generator takes and samples of this kind do not have, in words."""
    faults = []
    if "conditions" in generator.takes and not space.conditions:
        faults.append("it is asked by conditions, and these data have none; choose a source with labels")
    if "given" in generator.takes and space.given is None:
        faults.append("it makes samples from smaller ones, and these data have none; choose a source of pairs")
    return faults
