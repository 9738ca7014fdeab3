"""One pass over a corpus: the numbers on which the data check rests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import Corpus, checksums

BLOCK_VALUES = 2**20
"""Values looked at together: a few megabytes, so that the working set stays in the cache."""
LEVELS = 256


@dataclass(frozen=True)
class Statistics:
    """What is known of each channel and of each sample.

    Of channels: `low`, `high`, `bad` [C], the extremes, in units of the world but for categories, and the count of
    non-finite values; `counts` [C, 256], how often each level occurs, for corpora of bytes; `equal`, pairs of channels
    that are the same in all samples; `classes`, by the place of a categorical channel, the share of each class in each
    sample [N, K]; `steps`, by the place of a channel that is kept scaled, how often each of 256 equal steps of its
    range occurs.
    Of samples: `std`, `along`, `down` [N, C], the spread and the correlation of neighbours along rows and down columns
    (0 without spread); `duplicates`, (later, earlier).
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    bad: NDArray[np.int64]
    std: NDArray[np.float64]
    along: NDArray[np.float64]
    down: NDArray[np.float64]
    counts: NDArray[np.int64] | None
    equal: tuple[tuple[int, int], ...]
    duplicates: tuple[tuple[int, int], ...]
    classes: Mapping[int, NDArray[np.float64]]
    steps: Mapping[int, NDArray[np.int64]]


def measure(corpus: Corpus) -> Statistics:
    """The statistics of a corpus, in blocks that fit into the cache."""
    stored = corpus.samples.transpose(0, 2, 3, 1)
    channels = stored.shape[3]
    bytewise = stored.dtype == np.uint8
    counts = np.zeros((channels, LEVELS), np.int64)
    equal = set(combinations(range(channels), 2))
    low, high = np.full(channels, np.inf), np.full(channels, -np.inf)
    bad = np.zeros(channels, np.int64)
    insides, sums = [], []
    categorical = {
        at: channel.planes for at, channel in enumerate(corpus.space.channels) if channel.kind == "categorical"
    }
    shares: dict[int, list[NDArray[np.float64]]] = {at: [] for at in categorical}
    scaled = [at for at, channel in enumerate(corpus.space.channels) if channel.stored == "scaled"]
    steps = {at: np.zeros(LEVELS, np.int64) for at in scaled}
    step = max(1, BLOCK_VALUES // max(1, stored[0].size))
    for start in range(0, len(stored), step):
        block = np.ascontiguousarray(stored[start : start + step])
        equal = {(a, b) for a, b in equal if np.array_equal(block[..., a], block[..., b])}
        if bytewise:
            counts += _counted(block)
        else:
            sound = np.isfinite(block)
            bad += (~sound).sum(axis=(0, 1, 2))
            low = np.minimum(low, block.min(axis=(0, 1, 2), where=sound, initial=np.inf))
            high = np.maximum(high, block.max(axis=(0, 1, 2), where=sound, initial=-np.inf))
            block = np.where(sound, block, np.float32(0))
        for at in scaled:
            places = ((block[..., at].astype(np.float32) + 1.0) * (LEVELS / 2)).clip(0, LEVELS - 1).astype(np.intp)
            steps[at] += np.bincount(places.ravel(), minlength=LEVELS)
        for at, count in categorical.items():
            shares[at].append(_shares(block[..., at], count))
        insides.append(inside(block))
        sums.append(checksums(block))
    if bytewise:
        low, high = _extremes(counts)
    std, along, down = (np.concatenate(parts) for parts in zip(*insides, strict=True))
    duplicates = _duplicates(stored, np.concatenate(sums))
    seen = counts if bytewise else None
    for at, channel in enumerate(corpus.space.channels):
        if channel.stored == "scaled":
            low[at], high[at] = channel.from_scale([low[at], high[at]])
    classes = {at: np.concatenate(parts) for at, parts in shares.items()}
    return Statistics(low, high, bad, std, along, down, seen, tuple(sorted(equal)), duplicates, classes, steps)


def _shares(places: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Of each class in each sample: [n, H, W] to [n, K]."""
    flat = places.reshape(len(places), -1).astype(np.intp)
    offsets = flat + count * np.arange(len(flat))[:, None]
    found: NDArray[np.float64] = np.bincount(offsets.ravel(), minlength=count * len(flat)) / flat.shape[1]
    return found.reshape(len(flat), count)


def _counted(block: NDArray[Any]) -> NDArray[np.int64]:
    """How often each level occurs in each channel, [C, 256]."""
    channels = block.shape[3]
    return np.stack([np.bincount(block[..., at].ravel(), minlength=LEVELS) for at in range(channels)])


def _extremes(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    seen = counts > 0
    return seen.argmax(axis=1).astype(float), LEVELS - 1.0 - seen[:, ::-1].argmax(axis=1)


def inside(block: NDArray[Any]) -> tuple[NDArray[np.float64], ...]:
    """Spread and neighbour correlations of each sample and channel, [n, C] each.

    The correlation is 1 - E[(x - y)^2] / (2 var) over neighbours x, y (von Neumann's ratio), 0 for white noise.  Planes
    are laid out one after another first: sums over strided channels took four times as long.
    """
    count, height, width, channels = block.shape
    planes = np.ascontiguousarray(block.transpose(0, 3, 1, 2)).reshape(-1, height, width).astype(np.float32)
    planes -= planes.mean(axis=(1, 2), keepdims=True)
    variance = _mean_square(planes)
    along = _correlation(planes[:, :, 1:] - planes[:, :, :-1], variance)
    down = _correlation(planes[:, 1:] - planes[:, :-1], variance)
    return tuple(part.reshape(count, channels).astype(np.float64) for part in (np.sqrt(variance), along, down))


def _correlation(steps: NDArray[np.float32], variance: NDArray[np.float32]) -> NDArray[np.float32]:
    if steps.size == 0:
        return np.zeros_like(variance)
    return np.where(variance > 0, 1.0 - _mean_square(steps) / np.where(variance > 0, 2.0 * variance, 1.0), 0.0)


def _mean_square(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n, h, w] to [n]."""
    rows = planes.reshape(len(planes), -1)
    sums: NDArray[np.float32] = np.einsum("np,np->n", rows, rows)
    return sums / np.float32(rows.shape[1])


def _duplicates(stored: NDArray[Any], sums: NDArray[np.uint32]) -> tuple[tuple[int, int], ...]:
    """Samples that equal an earlier one.  Equal checksums are candidates; the values decide."""
    firsts: defaultdict[int, list[int]] = defaultdict(list)
    found = []
    for at, total in enumerate(sums.tolist()):
        same = next((other for other in firsts[total] if np.array_equal(stored[at], stored[other])), None)
        if same is None:
            firsts[total].append(at)
        else:
            found.append((at, same))
    return tuple(found)
