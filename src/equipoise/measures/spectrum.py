"""How strong details of every size are: the power spectrum averaged over all directions, in decibels.

Generators that enlarge by convolution leave too little or too much in the finest details (Durall et al. 2020,
arXiv:2003.01826; Schwarz et al. 2021, arXiv:2111.02447), which distances of features may not show.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from equipoise.measures.features import Vectors
from equipoise.view import Samples

BANDS = 8
"""Rings of equal width from the mean to the highest frequency that all directions have.  The last holds everything
beyond it too: a checkerboard lies in the corner."""
FINEST = 2
"""Bands that count as the finest details: beyond three quarters of the highest frequency."""
QUIET = 1e-8
"""Power of a flat band, for samples in [-1, 1]: 80 dB below full swing, less than 8 bits can hold."""
BATCH_PIXELS = 256 * 64 * 64
"""Pixels transformed at once, whatever the size of the samples."""
FEWEST_PIXELS = 2 * BANDS


def radial_spectrum(samples: Samples) -> Float[Tensor, "n b"]:
    """Mean power of each ring of frequencies, over channels, in decibels: [N, C, H, W] to [N, BANDS].

    A Hann window keeps the seam between opposite edges from looking like detail.
    Raises `ValueError` below 16 pixels a side.
    """
    height, width = samples.shape[2:]
    if min(height, width) < FEWEST_PIXELS:
        raise ValueError(f"{height}x{width} pixels have no {BANDS} bands; {FEWEST_PIXELS} a side are needed")
    ring = _rings(height, width)
    count = torch.bincount(ring, minlength=BANDS)
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    found = []
    for part in torch.split(samples.float(), max(1, BATCH_PIXELS // (height * width))):
        centred = (part - part.mean((2, 3), keepdim=True)) * window
        power = torch.fft.fft2(centred, norm="ortho").abs().square().mean(1).flatten(1)
        sums = power.new_zeros(len(part), BANDS).index_add_(1, ring, power)
        found.append(10.0 * torch.log10(sums / count + QUIET))
    return torch.cat(found)


def _rings(height: int, width: int) -> Tensor:
    """The band of each coefficient [H * W]."""
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None]
    radius = (down.square() + across.square()).sqrt() / 0.5
    rings: Tensor = (radius * BANDS).floor().long().clamp_max(BANDS - 1)
    return rings.flatten()


def detail(real: Vectors, fake: Vectors) -> float:
    """How much stronger the finest details of the fakes are, in decibels; negative where they are blurred."""
    return (fake[:, -FINEST:].mean() - real[:, -FINEST:].mean()).item()


def spectral_gap(real: Vectors, fake: Vectors) -> float:
    """The difference of the mean spectra, in decibels: the root of the mean square over bands."""
    apart = fake.mean(0) - real.mean(0)
    return math.sqrt(apart.square().mean().item())
