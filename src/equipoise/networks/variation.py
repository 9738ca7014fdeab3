"""How much samples vary, as a map for a critic to see (Karras et al. 2018, arXiv:1710.10196, section 3)."""

from __future__ import annotations

from torch import Tensor

EPS = 1e-8
"""Under the root: where all samples are alike, the root itself would have no derivative."""


def variation(x: Tensor, group: int) -> Tensor:
    """The mean standard deviation over each group of samples, as a map [N, 1, H, W]; groups are taken at a stride.

    The largest group that divides the batch, and is not above `group`, is taken.
    """
    size = next(size for size in range(min(group, len(x)), 0, -1) if len(x) % size == 0)
    groups = x.float().reshape(size, len(x) // size, *x.shape[1:])
    deviation = (groups.var(0, correction=0) + EPS).sqrt().mean((1, 2, 3))
    maps: Tensor = deviation.repeat(size).to(x.dtype)[:, None, None, None].expand(-1, 1, *x.shape[2:])
    return maps
