"""Looking at the averaged generator: fixed latents, and real samples beside it.  Nothing here changes a run."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from equipoise.data.codec import to_planes
from equipoise.data.corpus import Corpus
from equipoise.data.split import Split
from equipoise.randomness import mix
from equipoise.space import Space
from equipoise.view import Latents, Samples

SHEET_SAMPLES = 64
SHEET_POINTS = 2500
"""As many as the toy problems of the literature are judged by."""
DRAW_BATCH = 64


def fixed_latents(seed: int, purpose: str, count: int, dimension: int) -> Latents:
    """Latents [count, dimension] that are the same at every step and on every machine."""
    source = torch.Generator().manual_seed(mix(seed, purpose))
    return torch.randn(count, dimension, generator=source)


@torch.no_grad()
def draw(module: nn.Module, latents: Latents, device: torch.device) -> Samples:
    """Samples [N, C, H, W] in [-1, 1] on the CPU, in parts that fit."""
    parts = [module(part.to(device)).float().cpu() for part in torch.split(latents, DRAW_BATCH)]
    return torch.cat(parts)


def sheet_size(space: Space) -> int:
    return SHEET_POINTS if space.is_points else SHEET_SAMPLES


def reals(corpus: Corpus, split: Split, count: int, seed: int, skip: int = 0) -> Samples:
    """Up to `count` real samples in [-1, 1] after the first `skip`: those held out first, then others.

    Chosen by the seed; held-out ones and others each in their own order.
    """
    source = np.random.Generator(np.random.PCG64(mix(seed, "reals")))
    order = [source.permutation(places) for places in (split.held_out, split.seen)]
    chosen = np.concatenate(order)[skip : skip + count]
    num_held_out = max(0, len(split.held_out) - skip)
    places = np.concatenate([np.sort(chosen[:num_held_out]), np.sort(chosen[num_held_out:])])
    return to_planes(torch.from_numpy(corpus.samples[places]), corpus.space)
