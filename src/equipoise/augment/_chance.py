"""Random numbers, one for each sample of a batch, on its device.  They come from torch's global generators."""

from __future__ import annotations

import torch
from torch import Tensor

from equipoise.view import PerSample, Samples


def uniform(samples: Samples, reach: float) -> PerSample:
    """Numbers in -reach .. reach, one for each sample."""
    draws = torch.rand(len(samples), dtype=torch.promote_types(samples.dtype, torch.float32), device=samples.device)
    return (2.0 * draws - 1.0) * reach


def chance(samples: Samples, probability: float) -> Tensor:
    """True with this probability, one for each sample."""
    return torch.rand(len(samples), device=samples.device) < probability


def spread(values: Tensor) -> Tensor:
    """One value for each sample, in a shape that meets [N, C, H, W]."""
    return values.view(-1, 1, 1, 1)
