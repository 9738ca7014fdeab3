"""Kernel distance: squared maximum mean discrepancy, unbiased (Gretton et al. 2012, eq. 3).

::

    features   (x.y / d + 1)^3, on what a network makes of samples (Binkowski et al. 2018, arXiv:1801.01401, section 4);
               it sees the first three moments
    points     Gaussians of four widths, each half as wide as the one before: three moments of points themselves say
               where they lie as a whole, and not whether they lie in eight clusters or in one cloud

Unlike the Fréchet distance its mean does not depend on the number of samples, and equal distributions give 0 on
average: single values may be negative.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from equipoise.measures.features import Vectors
from equipoise.view import Samples

WIDTHS = 4
"""From half the median distance of real points to a sixteenth: from the whole cloud to clusters of it (guess; the
median as in Gretton et al. 2012, section 8, mixtures as in Li et al. 2015, arXiv:1502.02761).  With a fifth, clusters
that are a little tighter than the real ones weigh more than samples that lie between them."""
FITTED_TO = 256
"""Real points, evenly taken, that set the widths."""

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Of each vector of one set with each of another: [N, d] and [M, d] to [N, M]."""


def polynomial(a: Vectors, b: Vectors) -> Tensor:
    linear = a @ b.T / a.shape[1] + 1.0
    return linear * linear * linear  # a general power takes five times as long


def kernel_for(real: Samples) -> Kernel:
    """The kernel for samples of this kind."""
    if real.shape[2:] != (1, 1):
        return polynomial
    some = real[torch.linspace(0, len(real) - 1, min(len(real), FITTED_TO)).long()].flatten(1)
    median = float(torch.pdist(some).median()) if len(some) > 1 else 0.0
    return partial(gaussians, widest=median / 2) if median > 0 else polynomial


def gaussians(a: Vectors, b: Vectors, widest: float) -> Tensor:
    """The mean of Gaussians in the distance."""
    found = torch.exp(-(torch.cdist(a, b) ** 2) / (2 * widest**2))
    total = found.clone()
    for _ in range(WIDTHS - 1):
        found = found**4  # half as wide
        total += found
    return total / WIDTHS


def kernel_distance(a: Vectors, b: Vectors, kernel: Kernel = polynomial) -> float:
    """The distance.  Raises `ValueError` with fewer than two vectors on a side."""
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} vectors are too few for an unbiased estimate")
    within = _mean_off_diagonal(kernel(a, a)) + _mean_off_diagonal(kernel(b, b))
    return float(within - 2.0 * kernel(a, b).mean(dtype=torch.float64))


def shares(real: Vectors, fake: Vectors, kernel: Kernel = polynomial) -> Float[Tensor, " n"]:
    """What each real vector has to do with the distance, up to what is the same for all fakes.

    Against the same reals the distances of two sets of fakes differ by the mean of the difference of their shares, and
    by what lies among the fakes alone: the spread of those differences tells how much of it is chance of the reals.
    """
    return -2.0 * kernel(real, fake).mean(1, dtype=torch.float64)


def _mean_off_diagonal(kernel: Tensor) -> Tensor:
    count = len(kernel)
    total = kernel.sum(dtype=torch.float64) - kernel.diagonal().sum(dtype=torch.float64)
    return total / (count * (count - 1))
