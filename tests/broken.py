"""Recipes with one bug planted in each, for the self-test of plumbing to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

import tiny
from equipoise.data import Images
from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.networks.mlp import MlpCritic, MlpGenerator
from equipoise.recipe import Adam, Recipe
from equipoise.space import Space


class Around(nn.Module):
    """A network and what is done to its result."""

    def __init__(self, inner: nn.Module, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.then = inner, then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.inner(x))


class Drifting(nn.Module):
    """A critic with a weight that changes whenever it looks."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.drift = inner, nn.Parameter(torch.zeros(2, 2))

    def forward(self, x: Tensor) -> Tensor:
        self.drift.data += 1.0
        found: Tensor = self.inner(x)
        return found


@dataclass(frozen=True)
class FrozenFirst(MlpGenerator):
    """Its first layer is frozen."""

    def build(self, space: Space) -> nn.Module:
        module = super().build(space)
        module.blocks[0].requires_grad_(False)  # type: ignore[index,operator]
        return module


@dataclass(frozen=True)
class DetachedInside(MlpGenerator):
    """Nothing behind its head is reached."""

    def build(self, space: Space) -> nn.Module:
        module = super().build(space)
        module.blocks = Around(module.blocks, torch.Tensor.detach)  # type: ignore[arg-type]
        return module


@dataclass(frozen=True)
class Detached(MlpGenerator):
    """Its samples carry no graph."""

    def build(self, space: Space) -> nn.Module:
        return Around(super().build(space), torch.Tensor.detach)


@dataclass(frozen=True)
class DriftingCritic(MlpCritic):
    """It moves in nobody's update."""

    def build(self, space: Space) -> nn.Module:
        return Drifting(super().build(space))


@dataclass(frozen=True)
class Halved(DcganGenerator):
    """Samples from 0 to 1, as from a sigmoid."""

    def build(self, space: Space) -> nn.Module:
        return Around(super().build(space), lambda samples: (samples + 1) / 2)


@dataclass(frozen=True)
class Wide(DcganGenerator):
    """Samples beyond the range."""

    def build(self, space: Space) -> nn.Module:
        return Around(super().build(space), lambda samples: 1.5 * samples)


@dataclass(frozen=True)
class Squashed(DcganCritic):
    """Its scores go through a sigmoid."""

    def build(self, space: Space) -> nn.Module:
        return nn.Sequential(super().build(space), nn.Sigmoid())


@dataclass(frozen=True)
class EndsInSigmoid(DcganGenerator):
    """Samples from 0 to 1."""

    def build(self, space: Space) -> nn.Module:
        return nn.Sequential(super().build(space), nn.Sigmoid())


@dataclass(frozen=True)
class Uneven(DcganGenerator):
    """Its last doubling has a kernel of 3 and a stride of 2."""

    def build(self, space: Space) -> nn.Module:
        half = Space(space.channels, space.height // 2, space.width // 2)
        planes = space.shape[0]
        return nn.Sequential(
            super().build(half), nn.ConvTranspose2d(planes, planes, 3, stride=2, padding=1, output_padding=1), nn.Tanh()
        )


def squashed() -> Recipe:
    return replace(tiny.images(), critic=Squashed(width=4, norm="layer"))


def ends_in_sigmoid() -> Recipe:
    return replace(tiny.images(), generator=EndsInSigmoid(latent=8, width=4))


def uneven() -> Recipe:
    return replace(tiny.images(), source=Images(size=32), generator=Uneven(latent=8, width=4))


def frozen() -> Recipe:
    return replace(tiny.points(), generator=FrozenFirst(latent=4, width=16, depth=1))


def detached_inside() -> Recipe:
    return replace(tiny.points(), generator=DetachedInside(latent=4, width=16, depth=1))


def detached() -> Recipe:
    return replace(tiny.points(), generator=Detached(latent=4, width=16, depth=1))


def still() -> Recipe:
    return replace(tiny.points(), d_optim=Adam(lr=0.0))


def drifting() -> Recipe:
    return replace(tiny.points(), critic=DriftingCritic(width=16, depth=1))


def halved() -> Recipe:
    return replace(tiny.images(), generator=Halved(latent=8, width=4))


def wide() -> Recipe:
    return replace(tiny.images(), generator=Wide(latent=8, width=4))
