"""The emotional residual unit (notes): what a sample's conditions do to the maps it is made from.

Feature-wise linear modulation (FiLM, Perez et al. 2018, arXiv:1709.07871, eq. 2) of each map by each condition, beside
a way around.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from equipoise.networks.layers import named, small_normal
from equipoise.space import Space
from equipoise.spec import Knob, Part
from equipoise.view import Conditions

Modulations = Float[Tensor, "n k c"]
"""Of each sample, by each condition, on each map."""


@dataclass(frozen=True)
class Modulation(Part):
    """How strongly conditions act.  On map c, with conditions v_k in [0, 1]::

        gamma_kc = (1 + bounded(f_kc(v_k))) * (multiplier_low + (multiplier_high - multiplier_low) * v_k)
        beta_kc  = beta_scale * h_kc(v_k)
        y_c      = x_c + mean over k of (gamma_kc * x_c + beta_kc)

    f and h are small networks, one of each for every condition.  By default gamma lies within 0.4 and 1.8 whatever
    their weights are.  Unbounded, with a multiplier of 0.1 + 2.9 v and a `beta_scale` of 10, gamma reached 21 and the
    pictures lost all structure (notes).

    Several conditions act by their mean, not by their sum: so by default a map leaves 1.4 to 2.8 times as strong as it
    came, however many there are, and the next grid's normalisation takes a factor of that size out again.
    """

    hidden: Annotated[int, Knob("units between a condition and what it does", low=1, high=1024, source="guess")] = 64
    clamp: Annotated[
        float | None, Knob("limit of what is added to 1 in gamma, none for no limit", above=0, high=1, source="notes")
    ] = 0.5
    bound: Literal["smooth", "hard"] = "smooth"
    """How the limit is kept.  ``hard``: cut off there (notes); what is beyond it gets no gradient to come back by.
    ``smooth``: clamp * tanh(f / clamp), the same range, and a gradient that only becomes small."""
    multiplier_low: Annotated[float, Knob("gamma's factor at condition 0", low=0, high=10, source="notes")] = 0.8
    multiplier_high: Annotated[float, Knob("gamma's factor at condition 1", low=0, high=10, source="notes")] = 1.2
    beta_scale: Annotated[float, Knob("factor of beta", low=0, high=100, source="notes: 2; 10 was unstable")] = 2.0

    def gammas(self, raw: Modulations, conditions: Conditions) -> Modulations:
        """gamma, of f's raw output."""
        span = self.multiplier_high - self.multiplier_low
        return (1 + self._bounded(raw)) * (self.multiplier_low + span * conditions)[:, :, None]

    def _bounded(self, raw: Modulations) -> Modulations:
        if self.clamp is None:
            return raw
        if self.bound == "hard":
            return raw.clamp(-self.clamp, self.clamp)
        return self.clamp * torch.tanh(raw / self.clamp)


class ResidualUnit(nn.Module):
    """Maps [N, C, H, W], scaled and shifted as a `Modulation` says by conditions [N, K], one for each name.

    `gamma_low` and `gamma_high` are the lowest and highest gamma of the last forward pass, NaN before the first one.
    They stay on the device and are in no checkpoint.
    """

    gamma_low: Tensor
    gamma_high: Tensor

    def __init__(self, channels: int, names: Sequence[str], settings: Modulation) -> None:
        super().__init__()
        self.settings = settings
        self.gamma = nn.ModuleDict({name: _steering(settings.hidden, channels) for name in names})
        self.beta = nn.ModuleDict({name: _steering(settings.hidden, channels) for name in names})
        for end in ("gamma_low", "gamma_high"):
            self.register_buffer(end, torch.full((), math.nan), persistent=False)

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # in bfloat16 the limits of gamma would be rounded
            gamma = self.settings.gammas(_each(self.gamma, conditions), conditions)
            beta = self.settings.beta_scale * _each(self.beta, conditions)
            factor, offset = 1 + gamma.mean(1), beta.mean(1)
        self._watch(gamma)
        return x * factor.to(x.dtype)[:, :, None, None] + offset.to(x.dtype)[:, :, None, None]

    @torch.no_grad()
    def _watch(self, gamma: Modulations) -> None:
        low, high = gamma.aminmax()
        self.gamma_low.copy_(low)
        self.gamma_high.copy_(high)


def keys(space: Space) -> tuple[str, ...]:
    """A name for what belongs to each condition, as checkpoints can have it: without a dot."""
    return tuple(f"of_{condition.name.replace('.', '_')}" for condition in space.conditions)


def condition_faults(space: Space) -> Iterator[str]:
    """Why samples cannot be made for their conditions, or read for them; nothing when they can."""
    names = keys(space)
    if not names:
        yield (
            "the samples have no conditions; take a source that reads numbers for each sample, or networks that need "
            "none, such as DcganGenerator and DcganCritic"
        )
    for condition, name in zip(space.conditions, names, strict=True):
        if names.count(name) > 1:
            yield f"more than one condition is called {condition.name!r}; give each a name of its own"
            return


def _steering(hidden: int, channels: int) -> nn.Sequential:
    """One condition [N, 1] to a number for each map [N, C], near 0 at first.

    The hidden layer starts as PyTorch's do: random offsets spread its kinks over the range of a condition, and without
    them a network of one positive number would begin linear.
    """
    out = nn.Linear(hidden, channels)
    small_normal(out.weight)
    nn.init.zeros_(out.bias)
    return named(hidden=nn.Linear(1, hidden), act=nn.ReLU(), out=out)


def _each(networks: nn.ModuleDict, conditions: Conditions) -> Modulations:
    pairs = zip(networks.values(), torch.split(conditions, 1, dim=1), strict=True)
    return torch.stack([network(condition) for network, condition in pairs], dim=1)
