"""Fully connected networks, for points and for small pictures taken as vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from torch import Tensor, nn

from equipoise.networks.layers import LEAK, Head, named
from equipoise.networks.output import Output
from equipoise.recipe import Critic, Generator
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Latents, Samples, Scores

Activation = Literal["relu", "leaky_relu", "silu"]
Normalisation = Literal["none", "batch"]

Width = Annotated[int, Knob("units in each hidden layer", low=1, high=8192, log=True, source="guess")]
Depth = Annotated[int, Knob("hidden layers", low=0, high=32, source="guess")]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(LEAK),
    "silu": nn.SiLU,
}


@dataclass(frozen=True)
class MlpGenerator(Generator):
    """Latents through hidden layers to samples of any size.  Linear at the end for points, tanh for pictures.

    Layers start as PyTorch's do.

    Parameters: 33,282 for points of 2 numbers, 429,312 for 3 channels at 32 px.
    """

    width: Width = 128
    depth: Depth = 2
    activation: Activation = "relu"
    norm: Normalisation = "none"

    def faults(self, space: Space) -> Iterator[str]:
        return iter(())

    def build(self, space: Space) -> nn.Module:
        body = _hidden(self.latent, self.width, self.depth, self.norm, lambda: ACTIVATIONS[self.activation]())
        return VectorGenerator(body, self.width if self.depth else self.latent, space)


@dataclass(frozen=True)
class MlpCritic(Critic):
    """Samples of any size as vectors through hidden layers to scores.

    With ``maxout=k`` above 1 a hidden unit is the largest of k linear ones and `activation` is not used (Goodfellow et
    al. 2013, arXiv:1302.4389); published results on rings and grids of Gaussians use such critics.

    Parameters: 17,025 for points of 2 numbers, 409,985 for 3 channels at 32 px.
    """

    width: Width = 128
    depth: Depth = 2
    activation: Activation = "leaky_relu"
    norm: Normalisation = "none"
    maxout: Annotated[
        int, Knob("linear pieces of a unit, 1 for an ordinary activation", low=1, high=64, source="off")
    ] = 1

    @property
    def mixes_samples(self) -> bool:
        return self.norm == "batch" and self.depth > 0

    def faults(self, space: Space) -> Iterator[str]:
        return iter(())

    def build(self, space: Space) -> nn.Module:
        act = (lambda: Maxout(self.maxout)) if self.maxout > 1 else ACTIVATIONS[self.activation]
        inputs = math.prod(space.shape)
        body = _hidden(inputs, self.width, self.depth, self.norm, act, self.maxout)
        return VectorCritic(body, self.width if self.depth else inputs)


class VectorGenerator(nn.Module):
    """Latents [N, latent] to samples [N, C, H, W]: a body of hidden layers and a linear one."""

    def __init__(self, body: nn.Module, features: int, space: Space) -> None:
        super().__init__()
        self.shape = space.shape
        self.blocks = body
        self.head = nn.Linear(features, math.prod(space.shape))
        self.output = Output(space)

    def forward(self, z: Latents) -> Samples:
        x: Tensor = self.head(self.blocks(z))
        sample: Samples = self.output(x.to(z.dtype).reshape(-1, *self.shape))
        return sample


class VectorCritic(nn.Module):
    """Samples [N, C, H, W] to scores [N]: a body of hidden layers and a linear one."""

    def __init__(self, body: nn.Module, features: int) -> None:
        super().__init__()
        self.blocks = body
        self.head = Head(features)

    def forward(self, x: Samples) -> Scores:
        scores: Tensor = self.head(self.blocks(x.flatten(1)))
        return scores


class Maxout(nn.Module):
    """[N, pieces * units] to [N, units], the largest of each unit's pieces."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), self.pieces, -1).amax(1)


def _hidden(
    inputs: int, width: int, depth: int, kind: Normalisation, act: Callable[[], nn.Module], pieces: int = 1
) -> nn.Sequential:
    sizes = (inputs, *[width] * depth)
    return nn.Sequential(
        *(
            named(
                linear=nn.Linear(before, after * pieces, bias=kind == "none"),
                norm=nn.BatchNorm1d(after * pieces) if kind == "batch" else nn.Identity(),
                act=act(),
            )
            for before, after in pairwise(sizes)
        )
    )
