"""Sliced Wasserstein distance between two sets of samples (Rabin et al. 2012; Bonneel et al. 2015, section 3).

Both sets are projected on random directions; on a line the Wasserstein-1 distance is exact and costs a sort.  The mean
over directions is 0 only for equal distributions, needs no trained network and no covariance, and is honest for a few
hundred samples.  It still shrinks with more samples, so compare numbers of equal sample sizes only.

Pictures are compared twice: the whole, box-averaged to a small one, for composition and colour; and patches at full
resolution, each less its own mean, for texture (the idea of patches is that of Karras et al. 2018, arXiv:1710.10196,
section 5).  The result is the mean of the two.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from equipoise.view import Samples

NUM_PROJECTIONS = 128
"""The mean over directions is then within about 7 % of its limit (the deviation of |cos| is 0.76 of its mean, divided
by the root of 128); the directions are the same at each call, so this error is shared by all numbers of a run."""

COARSE_SIZE = 16
"""Longest side in pixels of the small picture: the smallest size of Karras et al. 2018."""

PATCH_SIZE = 7
"""Side of a patch in pixels, as in Karras et al. 2018."""

NUM_PATCHES = 8
"""Places in a picture at which patches are taken: a guess that keeps 1000 pictures of 64 pixels below a second."""

Vectors = Float[Tensor, "n d"]


def sliced_wasserstein(
    a: Float[Tensor, "n ..."], b: Float[Tensor, "m ..."], projections: int = NUM_PROJECTIONS, seed: int = 0
) -> float:
    """The distance between sets of points [N, D] or [N, D, 1, 1], or of pictures [N, C, H, W], in their units.

    N may differ between the sets.  Directions and places are functions of `seed`, the same on every device; the order
    of samples does not matter.  For points it tends to E|<u, delta>| over directions u when one set is the other moved
    by delta.  Raises `ValueError` on samples of different shapes or none.
    """
    if a.shape[1:] != b.shape[1:] or not len(a) or not len(b):
        raise ValueError(f"cannot compare samples of shapes {list(a.shape)} and {list(b.shape)}")
    source = torch.Generator().manual_seed(seed)
    if a.shape[1] == a[0].numel():
        return _distance(a.flatten(1), b.flatten(1), projections, source)
    places = _places(a, source)
    coarse = _distance(_coarse(a), _coarse(b), projections, source)
    fine = _distance(_textures(a, places), _textures(b, places), projections, source)
    return (coarse + fine) / 2.0


def _distance(a: Vectors, b: Vectors, projections: int, source: torch.Generator) -> float:
    """The mean Wasserstein-1 distance over random directions."""
    directions = F.normalize(torch.randn(a.shape[1], projections, generator=source), dim=0).to(a.device)
    with torch.autocast(a.device.type, enabled=False):
        lines = [(directions.T @ vectors.float().T).sort(dim=1).values for vectors in (a, b)]
    return wasserstein_on_lines(*lines).mean().item()


def wasserstein_on_lines(a: Float[Tensor, "p n"], b: Float[Tensor, "p m"]) -> Float[Tensor, " p"]:
    """Exact Wasserstein-1 distances between sorted rows: the integral of |difference of quantile functions|.

    Both quantile functions are steps; between two neighbouring edges of the joint grid of levels both are constant.
    Levels are counted in units of 1 / (N M), which keeps them whole.
    """
    num_a, num_b = a.shape[1], b.shape[1]
    ends_a = torch.arange(1, num_a + 1, device=a.device) * num_b
    ends_b = torch.arange(1, num_b + 1, device=a.device) * num_a
    ends = torch.unique_consecutive(torch.cat([ends_a, ends_b]).sort().values)
    shares = torch.diff(ends, prepend=ends.new_zeros(1)).to(a.dtype) / (num_a * num_b)
    gaps = (a[:, (ends - 1) // num_b] - b[:, (ends - 1) // num_a]).abs()
    return (gaps * shares).sum(1)


def _coarse(samples: Samples) -> Vectors:
    """Whole pictures, box-averaged so that no side is longer than `COARSE_SIZE`."""
    height, width = (min(side, COARSE_SIZE) for side in samples.shape[2:])
    return F.adaptive_avg_pool2d(samples.float(), (height, width)).flatten(1)


def _places(samples: Samples, source: torch.Generator) -> list[tuple[int, int]]:
    """Top left corners of the patches, the same in every picture, so that a set has no order."""
    corners = [
        torch.randint(max(side - PATCH_SIZE, 0) + 1, (NUM_PATCHES,), generator=source) for side in samples.shape[2:]
    ]
    return cast(list[tuple[int, int]], list(zip(*(corner.tolist() for corner in corners), strict=True)))


def _textures(samples: Samples, places: list[tuple[int, int]]) -> Vectors:
    """Patches of all pictures, each less the mean of each of its channels."""
    patches = torch.cat(
        [samples[:, :, top : top + PATCH_SIZE, left : left + PATCH_SIZE] for top, left in places]
    ).float()
    return (patches - patches.mean((2, 3), keepdim=True)).flatten(1)
