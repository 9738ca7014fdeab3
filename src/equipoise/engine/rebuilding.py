"""How well samples are rebuilt: through the encoder, and back by the averaged generator that is kept beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from equipoise.engine.asking import arguments
from equipoise.engine.look import DRAW_BATCH, draw
from equipoise.recipe import Taken
from equipoise.view import Batch, Latents, PerSample, Samples


@dataclass(frozen=True)
class Rebuilding:
    """The same real samples at every look."""

    takes: Sequence[Taken]
    """By the generator."""
    beside: Batch

    def errors(self, average: nn.Module, encoder: nn.Module, device: torch.device) -> PerSample:
        """The mean absolute error of each sample, rebuilt from the mean of its posterior, with its own conditions."""
        asked = arguments(self.takes, _means(encoder, self.beside.real, device), self.beside)
        return (draw(average, asked, device) - self.beside.real).abs().flatten(1).mean(1)


@torch.no_grad()
def _means(encoder: nn.Module, samples: Samples, device: torch.device) -> Latents:
    with _evaluating(encoder):
        return torch.cat([encoder(part.to(device)).mean.float().cpu() for part in torch.split(samples, DRAW_BATCH)])


@contextlib.contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Statistics of norms are used inside and not gathered, so that looking changes nothing."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)
