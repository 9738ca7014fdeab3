"""Fréchet distance between Gaussians fitted to two sets of vectors (Dowson & Landau 1982; Heusel et al. 2017,
arXiv:1706.08500, eq. 6, on the features of a trained network).

    |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))

It grows as samples get fewer, above all when there are fewer than some times the number of dimensions: never compare it
between sample sizes, and always with its floor.
"""

from __future__ import annotations

import torch
from torch import Tensor

from equipoise.measures.features import Vectors


def frechet(a: Vectors, b: Vectors) -> float:
    """The distance, in squared units of the vectors.  Raises `ValueError` with fewer than two vectors on a side."""
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} vectors have no covariance")
    a, b = a.double(), b.double()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    cov_a, cov_b = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    return float(apart + cov_a.trace() + cov_b.trace() - 2.0 * _trace_of_root(cov_a, cov_b))


def _trace_of_root(cov_a: Tensor, cov_b: Tensor) -> Tensor:
    """tr((A B)^(1/2)), the sum of the singular values of A^(1/2) B^(1/2): exact also where a covariance is singular."""
    roots = []
    for matrix in (cov_a, cov_b):
        values, vectors = torch.linalg.eigh(matrix)
        roots.append((vectors * values.clamp_min(0).sqrt()) @ vectors.T)
    singular: Tensor = torch.linalg.svdvals(roots[0] @ roots[1])
    return singular.sum()
