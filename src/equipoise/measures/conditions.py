"""Is a condition obeyed?  Three answers, each on vectors that stand for samples (`appearance`, traits, or any).

- probe: a ridge regression from vectors to conditions, fitted to real samples, reads the conditions of fakes; the rank
  correlation with what was asked for, beside the same on real samples it was not fitted to.
- spread: the variance between groups of samples with one condition each, against that within: how much of what varies
  is due to the condition.
- trend: whether a trait rises and falls with the condition in fakes as it does in the data (rank correlations).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.stats import rankdata
from torch import Tensor

from equipoise.measures.features import Extractor, Vectors
from equipoise.measures.reading import NORMAL, Interval
from equipoise.measures.traits import traits
from equipoise.view import Conditions, Samples

RIDGE = 1.0
"""Against the mean variance of the vectors: of 0.03 to 3 the best on 217 rated scenes, together with a third of it."""
FOLDS = 5
FEWEST = 4 * FOLDS
THUMBNAIL = 4
"""Pixels a side; how colours lie in a picture."""
LEAST_SPREAD = 1e-6
"""Of a column of vectors; below it the column is the same for all samples, and is only kept from being divided by 0."""
CERTAIN = 0.999999
"""The strongest correlation that Fisher's transformation is taken of; of 1 it would be infinite."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe reads of one condition, as rank correlations (Spearman's); 1 at best."""

    of_fakes: Interval
    """With what was asked for."""
    of_reals: float
    """With what is known, on real samples the probe was not fitted to: how well it can read at all."""
    of_parts: tuple[float, ...] = ()
    """As `of_fakes`, of each part of the fakes that was asked about."""


def appearance(real: Samples, *others: Samples) -> list[Vectors]:
    """Vectors of several sets of samples, [N, D] each, by which their conditions can be read: features of random
    networks, traits, and thumbnails, each block brought to the same strength by the real samples."""
    extractor = Extractor.fitted(real)
    blocks = [[torch.cat(extractor(of), dim=1), traits(of), _thumbnails(of)] for of in (real, *others)]
    scales = [(block.mean(0), block.std(0).clamp_min(LEAST_SPREAD) * math.sqrt(block.shape[1])) for block in blocks[0]]
    return [
        torch.cat([(block - mean) / scale for block, (mean, scale) in zip(of, scales, strict=True)], dim=1)
        for of in blocks
    ]


def probe(
    real: Vectors, known: Conditions, fake: Vectors, asked: Conditions, parts: Sequence[Tensor] = ()
) -> list[Probe]:
    """For each condition.  `known` [N, K] and `asked` [M, K] in the same units; the order of the reals must be a random
    one, for they are read in turns, each fifth by a probe fitted to the others, and fakes by the mean of the probes.
    `parts` are places of some fakes each.

    Raises `ValueError` below 20 real samples.
    """
    if len(real) < FEWEST:
        raise ValueError(f"{len(real)} real samples are too few to fit a probe and to test it; {FEWEST} are needed")
    real, known, fake = real.double(), known.double(), fake.double()
    read_of_reals, read_of_fakes = torch.zeros_like(known), torch.zeros(len(fake), known.shape[1]).double()
    turn = torch.arange(len(real)) % FOLDS
    for fold in range(FOLDS):
        read = reader(real[turn != fold], known[turn != fold])
        read_of_reals[turn == fold] = read(real[turn == fold])
        read_of_fakes += read(fake) / FOLDS
    of_reals = _rank_correlations(read_of_reals, known).diagonal().tolist()
    everywhere, *of_parts = [
        _rank_correlations(read_of_fakes[part], asked[part].double()).diagonal().tolist()
        for part in (torch.arange(len(fake)), *parts)
    ]
    return [
        Probe(_interval(of_fakes, len(fake)), of_reals[at], tuple(part[at] for part in of_parts))
        for at, of_fakes in enumerate(everywhere)
    ]


def reader(real: Vectors, known: Conditions) -> Callable[[Vectors], Conditions]:
    """What reads the conditions [M, K] of vectors [M, D]: a ridge regression fitted to real samples, in their units."""
    mean, offset = real.mean(0), known.mean(0)
    centred = real - mean
    gram = centred.T @ centred / len(real)
    gram += RIDGE * gram.trace() / len(gram) * torch.eye(len(gram), dtype=gram.dtype)
    matrix = torch.linalg.solve(gram, centred.T @ (known - offset) / len(real))
    return lambda vectors: (vectors - mean) @ matrix + offset


def _interval(correlation: float, count: int) -> Interval:
    """By Fisher's transformation, in which correlations of `count` pairs are normal with variance 1 / (count - 3)."""
    middle, reach = math.atanh(max(-CERTAIN, min(CERTAIN, correlation))), NORMAL / math.sqrt(max(1, count - 3))
    return Interval(correlation, math.tanh(middle - reach), math.tanh(middle + reach))


def _thumbnails(samples: Samples) -> Vectors:
    return F.adaptive_avg_pool2d(samples, THUMBNAIL).flatten(1)


def spread(vectors: Vectors, groups: Tensor) -> float:
    """The share of the variance that lies between groups, 0 when the condition changes nothing, 1 when it is all.

    `groups` [N] are the numbers of the conditions; freed of what chance puts between groups (omega squared).
    """
    whole = (vectors - vectors.mean(0)).square().sum().item()
    numbers = groups.unique(sorted=True)  # type: ignore[no-untyped-call]
    within = sum((part - part.mean(0)).square().sum().item() for part in (vectors[groups == n] for n in numbers))
    count, kinds = len(vectors), len(numbers)
    noise = within / max(count - kinds, 1)
    return (whole - within - (kinds - 1) * noise) / (whole + noise)


def trend_agreement(real_conditions: Tensor, real_traits: Tensor, asked: Tensor, fake_traits: Tensor) -> float:
    """The mean product of signs and sizes of rank correlations, 1 where every trait follows every condition in fakes as
    it does in the data, -1 where all go the other way.  Conditions [N, K], traits [N, T]."""
    of_real = _rank_correlations(real_conditions, real_traits)
    of_fake = _rank_correlations(asked, fake_traits)
    scale = of_real.norm() * of_fake.norm()
    return float((of_real * of_fake).sum() / scale) if scale > 0 else 0.0


def _rank_correlations(conditions: Tensor, traits: Tensor) -> Tensor:
    """Spearman's, [K, T]."""
    a, b = (_ranks(columns) for columns in (conditions, traits))
    a, b = a - a.mean(0), b - b.mean(0)
    correlations: Tensor = (a.T @ b) / (a.norm(dim=0)[:, None] * b.norm(dim=0)).clamp_min(1e-12)
    return correlations


def _ranks(columns: Tensor) -> Tensor:
    """Of each column; equal values share the mean of their ranks."""
    return torch.from_numpy(rankdata(columns.numpy(), axis=0))
