"""Two tests of whether two sets have one distribution.

- classifier: how often a linear classifier, trained on halves of both sets, is right on the other halves (C2ST,
  Lopez-Paz & Oquab 2017, arXiv:1610.06545): 0.5 when nothing tells them apart, 1 when anything does.
- bins: the share of the bins of a histogram of the reals whose share of fakes differs by more than chance (NDB/K,
  Richardson & Weiss 2018, arXiv:1805.12462, section 3): near 0.05 for equal distributions; a lost mode
  empties bins.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equipoise.measures.features import Vectors

BINS = 20
"""A twentieth of 400 reals are 20; fewer show no difference."""
RIDGE = 1e-2
"""Against the number of samples; keeps the classifier from fitting what chance has made."""
SIGNIFICANT = 1.96


def classifier_accuracy(real: Vectors, fake: Vectors) -> float:
    """On the second halves, after training on the first; raises `ValueError` below four vectors a side."""
    if min(len(real), len(fake)) < 4:
        raise ValueError(f"{len(real)} and {len(fake)} vectors are too few to train on some and test on others")
    real, fake = real.double(), fake.double()
    weights, offset = _linear(real[: len(real) // 2], fake[: len(fake) // 2])
    right_on_real = (real[len(real) // 2 :] @ weights < offset).double().mean()
    right_on_fake = (fake[len(fake) // 2 :] @ weights > offset).double().mean()
    return float((right_on_real + right_on_fake) / 2)


def _linear(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Fisher's discriminant with a ridge: weights, and the offset in the middle of both means."""
    centred = torch.cat([real - real.mean(0), fake - fake.mean(0)])
    scatter = centred.T @ centred / len(centred)
    ridge = RIDGE * scatter.trace() / len(scatter) * torch.eye(len(scatter), dtype=scatter.dtype)
    weights = torch.linalg.solve(scatter + ridge, fake.mean(0) - real.mean(0))
    return weights, (real.mean(0) + fake.mean(0)) @ weights / 2


def binned(reals: Vectors, *others: Vectors) -> list[Tensor]:
    """The number of each vector's bin, [N, 1], of the reals first; bins are cells of k-means on the reals."""
    from sklearn.cluster import KMeans  # takes a second to import

    bins = KMeans(min(BINS, len(reals) // 2), n_init=1, random_state=0).fit(reals.numpy())
    return [torch.from_numpy(bins.predict(vectors.numpy()))[:, None] for vectors in (reals, *others)]


def different_bins(real: Tensor, fake: Tensor) -> float:
    """The share of bins in which a two-proportion test sees a difference at 5 %."""
    bins = BINS
    counts = [torch.bincount(numbers.flatten(), minlength=bins).double() for numbers in (real, fake)]
    used = (counts[0] + counts[1]) > 0
    pooled = (counts[0] + counts[1]) / (len(real) + len(fake))
    error = (pooled * (1 - pooled) * (1 / len(real) + 1 / len(fake))).sqrt()
    z = (counts[0] / len(real) - counts[1] / len(fake)).abs() / error.clamp_min(1e-12)
    return float((z[used] > SIGNIFICANT).double().mean()) if used.any() else math.nan
