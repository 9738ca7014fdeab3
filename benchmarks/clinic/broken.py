"""Networks, data on their way and a measure with a bug in the program, as they happen in anybody's own code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal
from unittest import mock

import torch
from torch import nn

from equipoise.data.feed import Feed
from equipoise.engine.score import Score, Scored
from equipoise.recipe import Critic, Generator
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Batch, Conditions, Latents, Samples, Scores

ROUNDING = 1e-6
"""Relative, of float32: what was cut is not beyond."""
Slip = Literal["frozen layer", "detached graph", "half range"]


@dataclass(frozen=True, kw_only=True)
class BrokenGenerator(Generator):
    """`inner`, with a bug.

    ::

        frozen layer     the first layer's weights take no gradient
        detached graph   so many layers from the end learn; what comes before is cut off
        half range       samples come out in [0, 1], as behind a sigmoid, where the data are in [-1, 1]
    """

    inner: Generator
    slip: Slip

    def faults(self, space: Space) -> Iterator[str]:
        return self.inner.faults(space)

    def build(self, space: Space) -> nn.Module:
        module = self.inner.build(space)
        if self.slip == "frozen layer":
            next(iter(module.parameters())).requires_grad_(False)
        if self.slip == "detached graph":
            _last_block(module).register_forward_pre_hook(lambda _, given: (given[0].detach(),))
        if self.slip == "half range":
            module.register_forward_hook(lambda _, given, made: (made + 1.0) / 2.0)
        return module


def _last_block(module: nn.Module) -> nn.Module:
    """The last of a network's larger pieces."""
    return list(module.children())[-2]


@dataclass(frozen=True, kw_only=True)
class DeafGenerator(Generator):
    """`inner`, whose conditions are lost on the way: it is always asked for the middle."""

    takes = ("latents", "conditions")

    inner: Generator

    def faults(self, space: Space) -> Iterator[str]:
        return self.inner.faults(space)

    def build(self, space: Space) -> nn.Module:
        return Deaf(self.inner.build(space))


class Deaf(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, latents: Latents, conditions: Conditions) -> Samples:
        made: Samples = self.inner(latents, torch.full_like(conditions, 0.5))
        return made


@dataclass(frozen=True)
class UnevenGenerator(Generator):
    """A small DCGAN whose transposed convolutions have kernel 3 and stride 2, which overlap unevenly (Odena et al.
    2016, "Deconvolution and checkerboard artifacts").  Sides of 4 times a power of two."""

    width: Annotated[int, Knob("channels at half the sample's size", low=1, source="guess")] = 16

    def faults(self, space: Space) -> Iterator[str]:
        return iter(())

    def build(self, space: Space) -> nn.Module:
        levels = (space.height // 4).bit_length() - 1
        channels = [self.width * 2**at for at in reversed(range(levels))]
        layers: list[nn.Module] = [
            nn.Linear(self.latent, 16 * channels[0]),
            nn.Unflatten(1, (channels[0], 4, 4)),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        ]
        for before, after in pairwise(channels):
            layers += [_uneven(before, after), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*layers, _uneven(channels[-1], space.shape[0]), nn.Tanh())


def _uneven(before: int, after: int) -> nn.Module:
    return nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)


@dataclass(frozen=True)
class AlteredCritic(Critic):
    """`inner`, whose scores are changed.

    ::

        clamp         cut to [-amount, amount], beyond which nothing is learned
        offset        amount is added: healthy where scores of pairs are compared
        clip weights  weights are cut to [-amount, amount], at first and before each look (WGAN, Arjovsky et al.
                      2017, algorithm 1)
    """

    inner: Critic
    change: Literal["clamp", "offset", "clip weights"]
    amount: Annotated[float, Knob("of the change")]

    @property
    def mixes_samples(self) -> bool:
        return self.inner.mixes_samples

    def faults(self, space: Space) -> Iterator[str]:
        return self.inner.faults(space)

    def build(self, space: Space) -> nn.Module:
        module = self.inner.build(space)
        if self.change == "clip weights":
            _clip(module, self.amount)  # or its first look, in the generator's update, would move it
            module.register_forward_pre_hook(lambda one, given: _clip(one, self.amount))
            return module
        module.register_forward_hook(lambda _, given, scores: self._changed(scores))
        return module

    def _changed(self, scores: Scores) -> Scores:
        return scores.clamp(-self.amount, self.amount) if self.change == "clamp" else scores + self.amount


@torch.no_grad()
def _clip(module: nn.Module, amount: float) -> None:
    """Weights beyond are cut; those within are not touched, for a graph may hold them."""
    for weight in module.parameters():
        if float(weight.abs().max()) > (1.0 + ROUNDING) * amount:
            weight.clamp_(-amount, amount)


@contextlib.contextmanager
def nan_batch(number: float) -> Iterator[None]:
    """While it lasts, the batch of this number holds a sample that is no number, as of a division by 0 in a loader."""
    whole = Feed.batch

    def batch(feed: Feed, at: int) -> Batch:
        found = whole(feed, at)
        if at == round(number):
            found.real[0] = torch.nan
        return found

    with mock.patch.object(Feed, "batch", batch):
        yield


@contextlib.contextmanager
def broken_measure(kind: float) -> Iterator[None]:
    """While it lasts, runs measure their samples wrongly.

    1: the measure says nearly the same of everything, as where features see nothing.  2: numbers that grow without
    bound, as of a covariance that has no inverse.
    """
    make: Callable[..., Score] = Score.for_plan

    def for_plan(*arguments: Any) -> Score:
        score = make(*arguments)
        score.__class__ = {1.0: Blind, 2.0: Unbounded}[kind]
        return score

    with mock.patch("equipoise.marking.Score.for_plan", for_plan):
        yield


class Blind(Score):
    """Its distance is 1 and a little."""

    def __call__(self, *arguments: Any, **options: Any) -> Scored:
        found = super().__call__(*arguments, **options)
        return Scored(found.name, 1.0 + 1e-3 * found.value, found.beside)

    def floor(self, *arguments: Any) -> Scored | None:
        found = super().floor(*arguments)
        return Scored(found.name, 1.0 + 1e-3 * found.value, found.beside) if found is not None else None


class Unbounded(Score):
    """Its distance has a sign and a size that mean nothing."""

    def __call__(self, *arguments: Any, **options: Any) -> Scored:
        found = super().__call__(*arguments, **options)
        sign = -1.0 if int(found.value * 1e6) % 2 else 1.0
        return Scored(found.name, sign * 1e30 * found.value, found.beside)

    def floor(self, *arguments: Any) -> Scored | None:
        found = super().floor(*arguments)
        return Scored(found.name, -1e30 * abs(found.value), found.beside) if found is not None else None
