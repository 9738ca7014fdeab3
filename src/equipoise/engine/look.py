"""Looking at the averaged generator: fixed latents, samples in stored units, a score.  Nothing here changes a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from equipoise.engine.plan import Plan
from equipoise.measures.sliced_wasserstein import sliced_wasserstein
from equipoise.randomness import mix
from equipoise.space import Space
from equipoise.view import Latents, Samples

SHEET_SAMPLES = 64
SHEET_POINTS = 2500
"""As many as the toy problems of the literature are judged by."""
SCORE_SAMPLES = 256
DRAW_BATCH = 64
SCORE_NAME = "sliced_wasserstein"


def fixed_latents(seed: int, purpose: str, count: int, dimension: int) -> Latents:
    """Latents [count, dimension] that are the same at every step and on every machine."""
    source = torch.Generator().manual_seed(mix(seed, purpose))
    return torch.randn(count, dimension, generator=source)


@torch.no_grad()
def draw(module: nn.Module, latents: Latents, device: torch.device) -> Samples:
    """Samples [N, C, H, W] in [-1, 1] on the CPU, in parts that fit."""
    parts = [module(part.to(device)).float().cpu() for part in torch.split(latents, DRAW_BATCH)]
    return torch.cat(parts)


def to_stored(samples: Samples, space: Space) -> NDArray[np.float32]:
    """From the networks' [-1, 1] to the units in which samples are stored."""
    low, high = bounds(space)
    stored: NDArray[np.float32] = ((samples + 1.0) / 2.0 * (high - low) + low).numpy()
    return stored


def bounds(space: Space) -> tuple[Tensor, Tensor]:
    """The stored values [C, 1, 1] that become -1 and 1."""
    low = torch.tensor([channel.low for channel in space.channels])
    high = torch.tensor([channel.high for channel in space.channels])
    return low[:, None, None], high[:, None, None]


def sheet_size(space: Space) -> int:
    return SHEET_POINTS if space.is_points else SHEET_SAMPLES


@dataclass(frozen=True)
class Score:
    """How far the generator is from the data, for choosing the best checkpoint.  Lower is better.

    The sliced Wasserstein distance between `SCORE_SAMPLES` samples for fixed latents and as many fixed real ones.
    """

    real: Samples
    latents: Latents

    @classmethod
    def for_plan(cls, plan: Plan, samples: NDArray[np.generic]) -> Score:
        chosen = reals(samples, plan.space, SCORE_SAMPLES, plan.recipe.seed)
        return cls(chosen, fixed_latents(plan.recipe.seed, "score", len(chosen), plan.recipe.generator.latent))

    def __call__(self, average: nn.Module, device: torch.device) -> float:
        return sliced_wasserstein(draw(average, self.latents, device), self.real)


def reals(samples: NDArray[np.generic], space: Space, count: int, seed: int) -> Samples:
    """Up to `count` real samples in [-1, 1], chosen by the seed and kept in their order."""
    source = torch.Generator().manual_seed(mix(seed, "reals"))
    chosen = torch.randperm(len(samples), generator=source)[:count].sort().values
    low, high = bounds(space)
    return (torch.from_numpy(samples[chosen.numpy()]).float() - low) / (high - low) * 2.0 - 1.0
