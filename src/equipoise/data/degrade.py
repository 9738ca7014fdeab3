"""From high resolution to low: as pictures are reduced (bicubic), or as a coarser sensor would see the same ground.

A low pixel lies over `scale` by `scale` high ones, its centre in their middle.  Either way is a weighted mean over rows
and over columns: a band X [H, W] becomes R X C^T, with matrices R [h, H] and C [w, W] whose rows sum to 1.  So it makes
no difference whether values are brought to another range before or after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Degradation = Literal["bicubic", "sensor"]
Matrix = NDArray[np.float64]
"""[low, high]"""

SHARPNESS = -0.5
"""The one for which the kernel is exact on quadratics (Keys 1981, section V), and that of Pillow."""
CUBIC_REACH = 2.0
"""Low pixels to either side."""
GAUSSIAN_REACH = 4.0
"""Deviations to either side, beyond which lies less than 1e-4 of the weight."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """How low resolution was made from high."""

    degradation: Degradation
    mtf: float
    """Of the sensor."""

    def matrix(self, high: int, scale: int) -> Matrix:
        """[high / scale, high]: the weights of high pixels in each low one."""
        return bicubic(high, scale) if self.degradation == "bicubic" else sensor(high, scale, self.mtf)

    def __str__(self) -> str:
        return "bicubic" if self.degradation == "bicubic" else f"sensor, mtf {self.mtf:g}"


def bicubic(high: int, scale: int) -> Matrix:
    """Cubic convolution (Keys 1981), widened by `scale` so that it does not alias; the weights of Pillow's BICUBIC."""
    near = np.abs(_offsets(high, scale)) / scale
    a = SHARPNESS
    inner = ((a + 2.0) * near - (a + 3.0)) * near**2 + 1.0
    outer = a * (((near - 5.0) * near + 8.0) * near - 4.0)
    return _means(np.where(near < 1.0, inner, np.where(near < CUBIC_REACH, outer, 0.0)))


def sensor(high: int, scale: int, mtf: float) -> Matrix:
    """A Gaussian blur of `sigma_of(mtf, scale)` high pixels, taken at the centres of the low ones."""
    near = _offsets(high, scale) / sigma_of(mtf, scale)
    return _means(np.where(np.abs(near) <= GAUSSIAN_REACH, np.exp(-0.5 * near**2), 0.0))


def sigma_of(mtf: float, scale: int) -> float:
    """The deviation in high pixels of the Gaussian that lets the share `mtf` of the low grid's Nyquist frequency pass.

    A Gaussian of deviation s passes exp(-2 (pi s f)^2) of a wave of f cycles a pixel.  The low grid's Nyquist frequency
    is f = 1 / (2 scale), hence s = scale / pi * sqrt(2 ln(1 / mtf)).
    """
    return scale / math.pi * math.sqrt(2.0 * math.log(1.0 / mtf))


def degraded(high: NDArray[Any], rows: Matrix, columns: Matrix) -> NDArray[np.float32]:
    """[n, H, W, C] to [n, h, w, C]."""
    planes = high.transpose(0, 3, 1, 2).astype(np.float32)
    low: NDArray[np.float32] = rows.astype(np.float32) @ planes @ columns.T.astype(np.float32)
    return low.transpose(0, 2, 3, 1)


def _offsets(high: int, scale: int) -> Matrix:
    """How far the centre of each high pixel lies behind that of each low one, in high pixels."""
    return np.arange(high) + 0.5 - (np.arange(high // scale)[:, None] + 0.5) * scale


def _means(weights: Matrix) -> Matrix:
    """The same with rows that sum to 1; at the edges, the pixels that are there share all the weight."""
    normalised: Matrix = weights / weights.sum(axis=1, keepdims=True)
    return normalised
