"""Measures of pairs: a sample and what it should have been.  For super-resolution, and for telling samples of one set
apart from one another (MS-SSIM)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from equipoise.view import PerSample, Samples

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
"""Wang et al. 2004, section III.C."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Wang et al. 2003, "Multiscale structural similarity", section 3.2."""


def psnr(made: Samples, wanted: Samples, span: float = 2.0) -> PerSample:
    """Peak signal-to-noise ratio in decibels; `span` is the distance from the lowest to the highest possible value."""
    error = (made - wanted).square().flatten(1).mean(1)
    ratio: Tensor = 10.0 * torch.log10(span**2 / error)
    return ratio


def ssim(made: Samples, wanted: Samples, span: float = 2.0, low: float = -1.0) -> PerSample:
    """Structural similarity (Wang et al. 2004, eq. 13), 1 for equal samples, of which `low` is the lowest value.

    The mean over places where the whole window fits, and over channels.  Raises `ValueError` below 11 pixels a side.
    """
    return _ssim(made, wanted, span, low)[0].mean(1)


def ms_ssim(made: Samples, wanted: Samples, span: float = 2.0, low: float = -1.0) -> PerSample:
    """Structural similarity over scales (Wang et al. 2003, eq. 7), each half the size of the one before.

    Of the five scales as many are used as the samples have room for, with their weights brought to sum 1, so small
    samples have a number too; only numbers of equal sizes compare.  Raises `ValueError` below 11 pixels a side.
    """
    room = int(math.log2(min(made.shape[2:]) / WINDOW)) + 1 if min(made.shape[2:]) >= WINDOW else 1
    weights = torch.tensor(SCALE_WEIGHTS[: min(room, len(SCALE_WEIGHTS))])
    total = torch.ones(made.shape[:2], device=made.device)
    for at, weight in enumerate((weights / weights.sum()).tolist()):
        whole, structure = _ssim(made, wanted, span, low)
        part = whole if at == len(weights) - 1 else structure
        total = total * part.clamp_min(0.0) ** weight
        made, wanted = F.avg_pool2d(made, 2), F.avg_pool2d(wanted, 2)
    return total.mean(1)


def spectral_angle(made: Samples, wanted: Samples) -> PerSample:
    """The mean angle between the spectra of pixels, in radians (SAM, Kruse et al. 1993); values are to be at least 0,
    as reflectances are.  Where a pixel is 0 in all channels the angle is not defined and the pixel does not count."""
    lengths = made.norm(dim=1) * wanted.norm(dim=1)
    angle = torch.acos(((made * wanted).sum(1) / lengths.clamp_min(1e-12)).clamp(-1.0, 1.0))
    counted = lengths > 0
    mean: Tensor = (angle * counted).flatten(1).sum(1) / counted.flatten(1).sum(1)
    return mean


def _ssim(a: Samples, b: Samples, span: float, low: float) -> tuple[Tensor, Tensor]:
    """SSIM and its part without luminance, [N, C] each.  Luminance counts from `low`, for the formula is of intensities
    from 0 (section III.B): with a zero in the middle of the range its ratio falls to nothing there, and below."""
    if min(a.shape[2:]) < WINDOW:
        raise ValueError(f"{a.shape[2]}x{a.shape[3]} pixels hold no window of {WINDOW}")
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    mean_a, mean_b = _smoothed(a), _smoothed(b)
    var_a, var_b = _smoothed(a * a) - mean_a**2, _smoothed(b * b) - mean_b**2
    both = _smoothed(a * b) - mean_a * mean_b
    structure = (2 * both + c2) / (var_a + var_b + c2)
    light_a, light_b = mean_a - low, mean_b - low
    whole = structure * (2 * light_a * light_b + c1) / (light_a**2 + light_b**2 + c1)
    return whole.mean((2, 3)), structure.mean((2, 3))


def _smoothed(x: Samples) -> Tensor:
    """Gaussian means, where the whole window fits; rows and columns one after the other, as matrix products."""
    rows, columns = _windows(x.shape[2], x), _windows(x.shape[3], x)
    smooth: Tensor = rows @ x @ columns.T
    return smooth


def _windows(size: int, like: Tensor) -> Tensor:
    """[size - 10, size]: each row a window at its place."""
    places = torch.arange(WINDOW, device=like.device) - WINDOW // 2
    window = torch.exp(-(places**2) / (2 * SIGMA**2)).to(like.dtype)
    matrix = torch.zeros(size - WINDOW + 1, size, dtype=like.dtype, device=like.device)
    for row in range(len(matrix)):
        matrix[row, row : row + WINDOW] = window / window.sum()
    return matrix
