"""Kernel distance: squared maximum mean discrepancy with a polynomial kernel, unbiased (Gretton et al. 2012, eq. 3;
Binkowski et al. 2018, arXiv:1801.01401, section 4, on the features of a trained network).

The kernel (x.y / d + 1)^3 sees the first three moments.  Unlike the Fréchet distance its mean does not depend on the
number of samples, and equal distributions give 0 on average: single values may be negative.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from equipoise.measures.features import Vectors


def kernel_distance(a: Vectors, b: Vectors) -> float:
    """The distance.  Raises `ValueError` with fewer than two vectors on a side."""
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} vectors are too few for an unbiased estimate")
    within = _mean_off_diagonal(_kernel(a, a)) + _mean_off_diagonal(_kernel(b, b))
    return float(within - 2.0 * _kernel(a, b).mean(dtype=torch.float64))


def shares(real: Vectors, fake: Vectors) -> Float[Tensor, " n"]:
    """What each real vector has to do with the distance, up to what is the same for all fakes.

    Against the same reals the distances of two sets of fakes differ by the mean of the difference of their shares, and
    by what lies among the fakes alone: the spread of those differences tells how much of it is chance of the reals.
    """
    return -2.0 * _kernel(real, fake).mean(1, dtype=torch.float64)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    linear = a @ b.T / a.shape[1] + 1.0
    return linear * linear * linear  # a general power takes five times as long


def _mean_off_diagonal(kernel: Tensor) -> Tensor:
    count = len(kernel)
    total = kernel.sum(dtype=torch.float64) - kernel.diagonal().sum(dtype=torch.float64)
    return total / (count * (count - 1))
