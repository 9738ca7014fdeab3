"""Is a condition obeyed?  Three answers, each on vectors that stand for samples (features, traits, or both).

- probe: a ridge regression from vectors to conditions, fitted to real samples, reads the conditions of fakes; the
  correlation with what was asked for, beside the same on real samples it was not fitted to.
- spread: the variance between groups of samples with one condition each, against that within: how much of what varies
  is due to the condition.
- trend: whether a trait rises and falls with the condition in fakes as it does in the data (rank correlations).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equipoise.measures.features import Vectors

RIDGE = 1e-1
"""Against the mean variance of the vectors; a few hundred samples meet a few hundred dimensions."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Correlations between what was asked for and what a probe reads, mean over conditions; 1 at best."""

    of_fakes: float
    of_reals: float
    """On real samples the probe was not fitted to: the best that fakes can be expected to reach."""


def probe(real: Vectors, real_conditions: Tensor, fake: Vectors, asked: Tensor) -> Probe:
    """`real_conditions` [N, K] and `asked` [M, K] in the same units.  The first half of the reals fits the probe, so
    their order must be a random one.

    Raises `ValueError` below eight real samples.
    """
    if len(real) < 8:
        raise ValueError(f"{len(real)} real samples are too few to fit a probe and to test it")
    half = len(real) // 2
    mean, matrix, offset = _ridge(real[:half].double(), real_conditions[:half].double())
    read = [(vectors.double() - mean) @ matrix + offset for vectors in (fake, real[half:])]
    return Probe(
        of_fakes=_mean_correlation(read[0], asked.double()),
        of_reals=_mean_correlation(read[1], real_conditions[half:].double()),
    )


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


def _ridge(vectors: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mean, offset = vectors.mean(0), wanted.mean(0)
    centred = vectors - mean
    gram = centred.T @ centred / len(vectors)
    gram += RIDGE * gram.trace() / len(gram) * torch.eye(len(gram), dtype=gram.dtype)
    return mean, torch.linalg.solve(gram, centred.T @ (wanted - offset) / len(vectors)), offset


def _mean_correlation(a: Tensor, b: Tensor) -> float:
    """Over columns; a column without variance counts as 0."""
    a, b = a - a.mean(0), b - b.mean(0)
    scale = a.norm(dim=0) * b.norm(dim=0)
    return float(torch.where(scale > 0, (a * b).sum(0) / scale.clamp_min(1e-300), 0.0).mean())


def _rank_correlations(conditions: Tensor, traits: Tensor) -> Tensor:
    """Spearman's, [K, T]."""
    a, b = (_ranks(columns) for columns in (conditions, traits))
    a, b = a - a.mean(0), b - b.mean(0)
    correlations: Tensor = (a.T @ b) / (a.norm(dim=0)[:, None] * b.norm(dim=0)).clamp_min(1e-12)
    return correlations


def _ranks(columns: Tensor) -> Tensor:
    """Of each column; equal values share the mean of their ranks."""
    below = (columns[None] < columns[:, None]).double().sum(1)
    not_above = (columns[None] <= columns[:, None]).double().sum(1)
    return (below + not_above - 1) / 2
