"""Kernel distance: squared maximum mean discrepancy, unbiased (Gretton et al. 2012, eq. 3).

::

    features   (x.y / d + 1)^3, on what a network makes of samples (Binkowski et al. 2018, arXiv:1801.01401, section 4);
               it sees the first three moments
    points     -log(1 + |x - y|^2 / s^2): three moments of points themselves say where they lie as a whole, and not
               whether they lie in eight clusters or in one cloud

Unlike the Fréchet distance its mean does not depend on the number of samples, and equal distributions give 0 on
average: single values may be negative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from equipoise.measures.features import Vectors, are_points, evenly_taken
from equipoise.view import Samples

SCALE = 1 / 16
"""Of the median distance of real points.  Clusters that lie closer are one, and how a cluster looks inside weighs less
than what lies between clusters (guess)."""
ANY_SCALE = 1.0
"""Where all real points lie in one place: whatever lies elsewhere is seen by each."""

Gram = Float[Tensor, "n m"]
Kernel = Callable[[Vectors, Vectors], Gram]
"""Of each vector of one set with each of another."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Of the third degree."""

    def __call__(self, a: Vectors, b: Vectors) -> Gram:
        linear = a @ b.T / a.shape[1] + 1.0
        return linear * linear * linear  # a general power takes five times as long


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """A mixture of Gaussians of all widths from `scale` on, each octave alike.

    log(1 + t) is a Bernstein function, so that log(1 + |x - y|^2) is of strictly negative type: the distance is 0 for
    equal distributions alone (Schoenberg 1938; Sejdinovic et al. 2013, arXiv:1207.6076, section 3).  It grows without
    bound, so that samples which fly apart are farther than samples in one place.
    """

    scale: float

    def __call__(self, a: Vectors, b: Vectors) -> Gram:
        return -torch.log1p((torch.cdist(a, b) / self.scale) ** 2)


POLYNOMIAL = Polynomial()


def kernel_for(real: Samples) -> Kernel:
    """The kernel for samples of this kind."""
    if not are_points(real):
        return POLYNOMIAL
    distances = torch.pdist(evenly_taken(real).flatten(1).float())
    apart = distances[distances > 0]
    return Logarithmic(SCALE * float(apart.median()) if len(apart) else ANY_SCALE)


def kernel_distance(a: Vectors, b: Vectors, kernel: Kernel) -> float:
    """The distance.  Raises `ValueError` with fewer than two vectors on a side."""
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} vectors are too few for an unbiased estimate")
    within = _mean_off_diagonal(kernel(a, a)) + _mean_off_diagonal(kernel(b, b))
    return float(within - 2.0 * kernel(a, b).mean(dtype=torch.float64))


def shares(real: Vectors, fake: Vectors, kernel: Kernel) -> Float[Tensor, " n"]:
    """What each real vector has to do with the distance, up to what is the same for all fakes.

    Against the same reals the distances of two sets of fakes differ by the mean of the difference of their shares, and
    by what lies among the fakes alone: the spread of those differences tells how much of it is chance of the reals.
    """
    return -2.0 * kernel(real, fake).mean(1, dtype=torch.float64)


def _mean_off_diagonal(gram: Gram) -> Tensor:
    count = len(gram)
    total = gram.sum(dtype=torch.float64) - gram.diagonal().sum(dtype=torch.float64)
    return total / (count * (count - 1))
