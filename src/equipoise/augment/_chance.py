"""Random numbers for the samples of a batch, on its device.  They come from torch's global generators."""

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


def normal_like(samples: Samples) -> Samples:
    """Standard normal numbers of the samples' shape, type and device.

    Drawn into memory without gaps: torch draws them one by one where channels lie last or planes are a part of more,
    seven times as slowly on a CPU.
    """
    n, c, h, w = samples.shape
    if samples.is_contiguous(memory_format=torch.channels_last):
        return torch.randn((n, h, w, c), dtype=samples.dtype, device=samples.device).permute(0, 3, 1, 2)
    return torch.randn((n, c, h, w), dtype=samples.dtype, device=samples.device)


def spread(values: Tensor) -> Tensor:
    """One value for each sample, in a shape that meets [N, C, H, W]."""
    return values.view(-1, 1, 1, 1)
