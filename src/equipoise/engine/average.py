"""The averaged generator: what every sample that is shown is made with."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from equipoise.recipe import Average


def averaged_copy(module: nn.Module) -> nn.Module:
    """A copy that will hold the average; it never learns and always evaluates."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def decay_at(settings: Average, updates: int) -> float:
    """The decay at the given number of earlier updates, in [0, 1)."""
    return min(settings.decay, (1 + updates) / (10 + updates)) if settings.ramp else settings.decay


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, decay: float) -> None:
    """``average = decay * average + (1 - decay) * module``, for weights and floating buffers; counts are copied."""
    old, new = _tensors(average), _tensors(module)
    floating = [tensor.is_floating_point() for tensor in old]
    torch._foreach_lerp_(
        [tensor for tensor, is_float in zip(old, floating, strict=True) if is_float],
        [tensor for tensor, is_float in zip(new, floating, strict=True) if is_float],
        1.0 - decay,
    )
    for target, tensor, is_float in zip(old, new, floating, strict=True):
        if not is_float:
            target.copy_(tensor)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
