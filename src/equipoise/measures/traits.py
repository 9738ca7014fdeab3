"""Traits of single samples, by which faults have names: checkerboard, blocks, stripes, star-shaped blur, flat areas,
clipped values, and the drift of level, contrast and colour.

Each trait is a number of one sample, so two sets are compared by the difference of its means, in its own unit.  None of
them knows what is right: a pixel-art sprite is blocky by nature.  What counts is the difference to the real samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equipoise.measures.features import Vectors
from equipoise.view import PerSample, Samples

BLOCKS = (4, 8)
"""Periods in pixels: the strides of two and three doublings of the grid."""
QUIET = 1e-3
"""Added to a mean step between neighbours, of samples in [-1, 1]: an eighth of a level of 8 bits."""
QUIET_POWER = 1e-8
FLAT_STEP = 2.5 / 127.5
"""Neighbours that differ by less are flat: two levels of 8 bits."""
END = 0.99
"""Values beyond are at the end of the range."""
FEWEST_PIXELS = 16
HIGHEST, BELOW_HIGHEST = 0.47, (0.36, 0.44)
"""In cycles a pixel: where a checkerboard has its power (0.5, less half a step of a spectrum of 16), and nearby."""
MIDDLE = (0.1, 0.4)
"""In cycles a pixel: between the layout of a picture and its finest details."""
BATCH_VALUES = 2**22
"""In samples looked at together."""

MEANINGS: dict[str, str] = {
    "checkerboard": "power at a period of two pixels against that nearby, dB; up-sampling by transposed convolution",
    "blocks": "steps at every fourth or eighth pixel against others, dB; up-sampling, or compression",
    "stripes": "largest share of the variance that rows alone, or columns alone, explain; banding",
    "star": "power along the diagonals against the axes, dB; blur shaped like an X or a plus",
    "flat": "share of pixels like their neighbours; grey retreat, over-smoothing",
    "clipped": "share of values at the ends of the range; saturation, or a dark retreat",
    "level": "mean value, -1 to 1; drift to dark or light",
    "contrast": "standard deviation within a sample",
    "colour": "distance of the channels from their mean; grey where 0",
}
"""What each trait is and which fault moves it."""


def traits(samples: Samples) -> Vectors:
    """One column for each of `MEANINGS`: [N, C, H, W] in [-1, 1] to [N, 9].  Raises `ValueError` below 16 pixels."""
    if min(samples.shape[2:]) < FEWEST_PIXELS:
        raise ValueError(f"{samples.shape[2]}x{samples.shape[3]} pixels are too few; {FEWEST_PIXELS} a side are needed")
    parts = [_traits(part.float()) for part in torch.split(samples, max(1, BATCH_VALUES // samples[0].numel()))]
    return torch.cat(parts)


def drift(real: Vectors, fake: Vectors) -> dict[str, float]:
    """The difference of the means of each trait."""
    apart = (fake.mean(0) - real.mean(0)).tolist()
    return dict(zip(MEANINGS, apart, strict=True))


def _traits(samples: Samples) -> Vectors:
    power = _power(samples)
    across = (samples[..., 1:] - samples[..., :-1]).abs()
    down = (samples[..., 1:, :] - samples[..., :-1, :]).abs()
    columns = [
        _checkerboard(power),
        torch.stack(
            [_blocks(steps, period) for steps in (across.mean((1, 2)), down.mean((1, 3))) for period in BLOCKS]
        ).amax(0),
        _stripes(samples),
        _star(power),
        _flat(across, down),
        (samples.abs() > END).flatten(1).float().mean(1),
        samples.flatten(1).mean(1),
        samples.flatten(2).std(2, correction=0).mean(1),
        samples.std(1, correction=0).flatten(1).mean(1),
    ]
    return torch.stack(columns, dim=1)


def _power(samples: Samples) -> Tensor:
    """The power spectrum [N, H, W], of frequency 0 in the middle, mean over channels, without the seams' share."""
    height, width = samples.shape[2:]
    window = torch.hann_window(height, device=samples.device)[:, None] * torch.hann_window(width, device=samples.device)
    centred = (samples - samples.mean((2, 3), keepdim=True)) * window
    power: Tensor = torch.fft.fftshift(torch.fft.fft2(centred, norm="ortho").abs().square().mean(1), dim=(1, 2))
    return power + QUIET_POWER


def _frequencies(power: Tensor) -> tuple[Tensor, Tensor]:
    """Down and across, in cycles a pixel, at each place of a spectrum."""
    sides = [torch.fft.fftshift(torch.fft.fftfreq(side, device=power.device)) for side in power.shape[1:]]
    return sides[0][:, None].expand(power.shape[1:]), sides[1][None].expand(power.shape[1:])


def _decibels(power: Tensor, numerator: Tensor, denominator: Tensor) -> PerSample:
    """Mean power at some places against that at others."""
    return 10.0 * torch.log10(power[:, numerator].mean(1) / power[:, denominator].mean(1))


def _checkerboard(power: Tensor) -> PerSample:
    """At the highest frequency of either direction, or both, against four fifths of it."""
    down, across = (part.abs() for part in _frequencies(power))
    highest = torch.maximum(down, across)
    low, high = BELOW_HIGHEST
    return _decibels(power, highest > HIGHEST, (highest > low) & (highest < high))


def _star(power: Tensor) -> PerSample:
    """Within an eighth of a turn of the diagonals against the rest, at middle frequencies."""
    down, across = _frequencies(power)
    radius = (down.square() + across.square()).sqrt()
    slant = torch.minimum(down.abs(), across.abs()) / torch.maximum(down.abs(), across.abs()).clamp_min(1e-6)
    middle = (radius > MIDDLE[0]) & (radius < MIDDLE[1])
    diagonal = slant > math.tan(math.pi / 8)
    return _decibels(power, middle & diagonal, middle & ~diagonal)


def _blocks(steps: Tensor, period: int) -> PerSample:
    """Steps [N, S] between neighbours: those at the edges of blocks of this period against the others."""
    places = torch.arange(steps.shape[1], device=steps.device)
    edges = (places + 1) % period == 0
    return 20.0 * torch.log10((steps[:, edges].mean(1) + QUIET) / (steps[:, ~edges].mean(1) + QUIET))


def _stripes(samples: Samples) -> PerSample:
    """How much of a sample's variance the means of rows, or those of columns, explain."""
    whole = samples.flatten(2).var(2, correction=0) + 1e-6
    shares = [samples.mean(axis).var(2, correction=0) / whole for axis in (2, 3)]
    return torch.maximum(*shares).mean(1)


def _flat(across: Tensor, down: Tensor) -> PerSample:
    """The share of pixels that hardly differ from the one to the right and the one below, in all channels."""
    return ((across[:, :, :-1] < FLAT_STEP) & (down[..., :-1] < FLAT_STEP)).all(1).flatten(1).float().mean(1)
