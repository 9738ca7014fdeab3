"""Precision, recall, density and coverage: do samples lie where real ones lie, and do all real ones have samples near?

Both sets are surrounded by balls that reach to each vector's k-th neighbour in its own set.

- precision, recall (Kynkäänniemi et al. 2019, arXiv:1904.06991): the share of fakes inside a ball of the reals, and
  of reals inside a ball of the fakes;
- density, coverage (Naeem et al. 2020, arXiv:2002.09797, section 3): how many balls of the reals hold a fake, in units
  of k, which one outlying real cannot inflate; and the share of reals whose own ball holds a fake.

For equal distributions density is 1 on average; the others stay below 1, how far depends on the number of samples and
of dimensions.  Read them beside their floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equipoise.measures.features import Vectors

NEIGHBOURS = 5
"""Naeem et al. 2020, section 3."""


@dataclass(frozen=True, slots=True)
class Manifold:
    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: Vectors, fake: Vectors, neighbours: int = NEIGHBOURS) -> Manifold:
    """All four.  Raises `ValueError` unless each set has more vectors than `neighbours`."""
    if min(len(real), len(fake)) <= neighbours:
        raise ValueError(f"{len(real)} and {len(fake)} vectors have no {neighbours}-th neighbours")
    of_real, of_fake = _reach(real, neighbours), _reach(fake, neighbours)
    across = torch.cdist(real, fake)
    in_real = across < of_real[:, None]
    return Manifold(
        precision=in_real.any(0).double().mean().item(),
        recall=(across < of_fake[None, :]).any(1).double().mean().item(),
        density=in_real.sum(0).double().mean().item() / neighbours,
        coverage=in_real.any(1).double().mean().item(),
    )


def _reach(vectors: Vectors, neighbours: int) -> Tensor:
    """The distance of each vector to its k-th neighbour among the others."""
    nearest = torch.cdist(vectors, vectors).topk(neighbours + 1, dim=1, largest=False).values  # with itself
    return nearest[:, -1]
