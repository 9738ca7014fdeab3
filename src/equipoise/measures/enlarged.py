"""Enlarged pictures against the real ones: what they gain over interpolation, and what they invent.

Each number is taken for every pair, and beside it the same number of the given picture enlarged by bicubic
interpolation (Keys 1981, a = -1/2, as in Pillow and in the papers of this field), which knows nothing of the data.
Whether the result made small again is what was given can be said only where the given picture was made from the real
one, and it is then made small in the same way.
Intervals are those of a mean over independent pairs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from equipoise.data.degrade import Reduction
from equipoise.measures.pairs import WINDOW, psnr, spectral_angle, ssim
from equipoise.measures.reading import Interval, student
from equipoise.measures.standard import Better, Invalid
from equipoise.networks.enlarging import bicubic
from equipoise.space import Space
from equipoise.view import PerSample, Samples

FEWEST_BANDS = 2
"""A spectrum of one band has no angle."""
MEANINGS: Mapping[str, str] = {
    "psnr": "peak signal-to-noise ratio, dB; higher is better",
    "ssim": "structural similarity, 1 at best",
    "angle": "between the spectra of pixels (SAM), degrees; 0 at best",
    "consistent": "psnr of the result made small again, against what was given, dB",
    "detail": "energy of the detail that was added, as a share of what was missing",
    "invented": "share of the added detail that is not in the real picture; 0 for the best mean",
}

BETTER: Mapping[str, Better] = {
    "psnr": "higher",
    "ssim": "higher",
    "angle": "lower",
    "consistent": "higher",
    "detail": "neither",
    "invented": "lower",
}
"""A mean of all that is possible has less detail than is missing, and a picture as likely as the real one as much."""

NOT_MADE = "the given pictures were not made from the real ones, so how to make the results small is not known"
OTHER_BANDS = "the given pictures have other channels, or other ranges"


@dataclass(frozen=True, slots=True)
class Enlarged:
    """One number of enlarged pictures, of interpolated ones, and the first less the second, pair by pair."""

    name: str
    of_pairs: tuple[float, ...]
    """Of enlarged pictures: what each pair has in the number, which is the mean of these."""
    made: Interval
    bicubic: Interval | None
    """None for a number that is about what was added to it."""
    gain: Interval | None
    how: str = ""
    """How pictures were made small for it."""

    @property
    def meaning(self) -> str:
        return f"{MEANINGS[self.name]}; {self.how}" if self.how else MEANINGS[self.name]


def interval_of(values: Sequence[float], among: int = 1) -> Interval:
    """Of a mean over pairs; pairs whose number is not finite, as the psnr of equal pictures, do not count.

    As one `among` so many it is wider (Bonferroni).
    """
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return Interval(math.nan, math.nan, math.nan)
    mean = statistics.fmean(finite)
    reach = student(among, len(finite) - 1) * statistics.stdev(finite) / math.sqrt(len(finite))
    return Interval(mean, mean - reach, mean + reach)


def enlarged(
    made: Samples, real: Samples, given: Samples, space: Space, reduction: Reduction | None
) -> list[Enlarged | Invalid]:
    """What all numbers say of pictures made [N, C, H, W] from given ones [N, c, h, w], in [-1, 1].

    `reduction` is how the given pictures were made from the real ones, None where they were not.  Where they have other
    channels than the samples, there is nothing to interpolate, and the numbers that need it are left out.
    """
    plain = interpolated(given, space)
    if plain is None:
        found = [_of_made(name, of(made, real)) for name, of in _against_real(space).items()]
        return [*found, Invalid("consistent", NOT_MADE if reduction is None else OTHER_BANDS)]
    rows = [_beside(name, of(made, real), of(plain, real)) for name, of in _against_real(space).items()]
    return [*rows, _consistent(made, plain, given, reduction), *_of_detail(made - plain, real - plain)]


def _consistent(made: Samples, plain: Samples, given: Samples, reduction: Reduction | None) -> Enlarged | Invalid:
    if reduction is None:
        return Invalid("consistent", NOT_MADE)
    of_made, of_plain = (psnr(reduced(samples, given, reduction), given) for samples in (made, plain))
    return replace(_beside("consistent", of_made, of_plain), how=str(reduction))


def interpolated(given: Samples, space: Space) -> Samples | None:
    """Given pictures enlarged by bicubic interpolation; None where they have other channels, or other ranges."""
    if space.given is None or _ranges(space.given) != _ranges(space):
        return None
    return bicubic(given, space.scale)


def _ranges(space: Space) -> list[tuple[str, float, float, float | None]]:
    return [(channel.name, channel.low, channel.high, channel.knee) for channel in space.channels]


def angle(made: Samples, real: Samples, space: Space) -> PerSample:
    """Between the spectra of pixels in units of the world, where 0 is dark, in degrees.  Samples are in [-1, 1]."""
    return spectral_angle(_in_world(made, space), _in_world(real, space)).rad2deg()


def reduced(samples: Samples, like: Samples, reduction: Reduction) -> Samples:
    """Samples as small as `like`."""
    scale = samples.shape[2] // like.shape[2]
    rows, columns = (torch.from_numpy(reduction.matrix(side, scale)).to(samples) for side in samples.shape[2:])
    smaller: Samples = rows @ samples @ columns.T
    return smaller


def _against_real(space: Space) -> dict[str, Callable[[Samples, Samples], PerSample]]:
    numbers: dict[str, Callable[[Samples, Samples], PerSample]] = {"psnr": psnr}
    if min(space.height, space.width) >= WINDOW:
        numbers["ssim"] = ssim
    if len(space.channels) >= FEWEST_BANDS:
        numbers["angle"] = lambda made, real: angle(made, real, space)
    return numbers


def _in_world(samples: Samples, space: Space) -> Samples:
    """Each band has its own range; a reflectance is not below 0."""
    low, high = (
        torch.tensor([getattr(channel, end) for channel in space.channels])[:, None, None] for end in ("low", "high")
    )
    values: Samples = ((samples.cpu() + 1.0) / 2.0 * (high - low) + low).clamp_min(0.0)
    return values


def _of_detail(added: Samples, missing: Samples) -> list[Enlarged]:
    """How much detail there is, and how much of it is right.

    ``invented = 1 - <added, missing> / <added, added>``, over all pairs.  A network that gives the mean of all pictures
    that fit has 0: each of its details is right on average.  One that draws a picture as likely as the real one has one
    half, if it knows nothing: detail of the right strength in the wrong place.
    """
    own, other, common = ((a * b).flatten(1).sum(1) for a, b in ((added, added), (missing, missing), (added, missing)))
    return [_of_made("detail", _ratio(own, other)), _of_made("invented", _ratio(own - common, own))]


def _of_made(name: str, values: PerSample) -> Enlarged:
    of_pairs = tuple(values.tolist())
    return Enlarged(name, of_pairs, interval_of(of_pairs), None, None)


def _beside(name: str, made: PerSample, plain: PerSample) -> Enlarged:
    gain = interval_of((made - plain).tolist())
    return replace(_of_made(name, made), bicubic=interval_of(plain.tolist()), gain=gain)


def _ratio(numerators: PerSample, denominators: PerSample) -> PerSample:
    """Of two sums over pairs, so that pairs of little detail count little: the ratio, linearised pair by pair
    (Cochran 1977, "Sampling Techniques", section 6.4).  The mean of these is the ratio itself; NaN where it is none."""
    total = denominators.sum()
    ratio = numerators.sum() / total
    linear = ratio + (numerators - ratio * denominators) * (len(denominators) / total)
    return torch.where(total > 0.0, linear, torch.nan)
