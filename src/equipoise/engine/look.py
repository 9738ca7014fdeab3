"""Looking at the averaged generator: fixed latents, and real samples beside it.  Nothing here changes a run."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from equipoise.data.codec import to_planes
from equipoise.data.corpus import Corpus
from equipoise.data.split import Split
from equipoise.engine.asking import Arguments, arguments
from equipoise.randomness import mix
from equipoise.recipe import Generator
from equipoise.space import Space
from equipoise.view import Batch, Latents, Samples

SHEET_SAMPLES = 64
SHEET_POINTS = 2500
"""As many as the toy problems of the literature are judged by."""
DRAW_BATCH = 64


def fixed_latents(seed: int, purpose: str, count: int, dimension: int) -> Latents:
    """Latents [count, dimension] that are the same at every step and on every machine."""
    source = torch.Generator().manual_seed(mix(seed, purpose))
    return torch.randn(count, dimension, generator=source)


@torch.no_grad()
def draw(module: nn.Module, asked: Arguments, device: torch.device) -> Samples:
    """Samples [N, C, H, W] in [-1, 1] on the CPU, in parts that fit."""
    parts = zip(*(torch.split(argument, DRAW_BATCH) for argument in asked), strict=True)
    return torch.cat([module(*(argument.to(device) for argument in part)).float().cpu() for part in parts])


def fixed_arguments(generator: Generator, seed: int, purpose: str, count: int, beside: Batch) -> Arguments:
    """What a generator is asked for at every look: fixed latents, and what belongs to these real samples, over again
    where there are fewer of them."""
    latents = fixed_latents(seed, purpose, count, generator.latent)
    return arguments(generator.takes, latents, repeated(beside, count))


def repeated(batch: Batch, count: int) -> Batch:
    """The batch from its beginning, over and over, until there are so many samples."""
    places = torch.arange(count) % len(batch.real)
    conditions, given = (part[places] if part is not None else None for part in batch[1:])
    return Batch(batch.real[places], conditions, given)


def sheet_size(space: Space) -> int:
    return SHEET_POINTS if space.is_points else SHEET_SAMPLES


def reals(corpus: Corpus, split: Split, count: int, seed: int, skip: int = 0) -> Batch:
    """Up to `count` real samples in [-1, 1] after the first `skip`, and what belongs to them: those held out first,
    then others.

    Chosen by the seed; held-out ones and others each in their own order.
    """
    source = np.random.Generator(np.random.PCG64(mix(seed, "reals")))
    order = [source.permutation(places) for places in (split.held_out, split.seen)]
    chosen = np.concatenate(order)[skip : skip + count]
    num_held_out = max(0, len(split.held_out) - skip)
    places = np.concatenate([np.sort(chosen[:num_held_out]), np.sort(chosen[num_held_out:])])
    return Batch(
        to_planes(torch.from_numpy(corpus.samples[places]), corpus.space),
        torch.from_numpy(corpus.conditions[places]) if corpus.conditions is not None else None,
        given_planes(corpus, places),
    )


def given_planes(corpus: Corpus, places: NDArray[np.intp]) -> Samples | None:
    """What generators are given to make these samples from, [N, c, h, w] in [-1, 1]."""
    if corpus.given is None or corpus.space.given is None:
        return None
    return to_planes(torch.from_numpy(corpus.given[places]), corpus.space.given)
