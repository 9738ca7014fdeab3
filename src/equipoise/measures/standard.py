"""The measures that every evaluation makes: what each is called, what it means and what it is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from equipoise.measures.diversity import diversity
from equipoise.measures.features import Vectors, features
from equipoise.measures.frechet import frechet
from equipoise.measures.kernel import kernel_distance
from equipoise.measures.manifold import NEIGHBOURS, manifold
from equipoise.measures.reading import Reading, read
from equipoise.measures.spectrum import FEWEST_PIXELS, detail, radial_spectrum, spectral_gap
from equipoise.view import Samples

Space = Literal["features", "spectrum"]
Better = Literal["lower", "higher", "neither"]

FEWEST_SAMPLES = 4 * (NEIGHBOURS + 1)
"""Halves of as few as 12 have neighbours and a covariance of sorts; their intervals say how little they mean."""
NOT_FINITE = "some half of the samples gave no finite number"


@dataclass(frozen=True, slots=True)
class Number:
    """One number of an evaluation.  Where neither direction is better, it should be what real data give."""

    name: str
    meaning: str
    space: Space
    better: Better


NUMBERS = (
    Number("frechet", "distance of means and covariances; 0 at best", "features", "lower"),
    Number("kernel", "distance of distributions, fair to small sets; around 0 at best", "features", "lower"),
    Number("precision", "share of fakes that lie among the reals", "features", "higher"),
    Number("density", "the same, robust: how crowded with reals the fakes' places are", "features", "neither"),
    Number("recall", "share of reals that lie among the fakes", "features", "higher"),
    Number("coverage", "share of reals that have a fake near; falls when modes are lost", "features", "higher"),
    Number(
        "diversity", "distance between fakes against that between reals; falls in a collapse", "features", "neither"
    ),
    Number("spectrum", "difference in the strength of details of all sizes, dB", "spectrum", "lower"),
    Number(
        "detail",
        "strength of the finest details, dB; below 0 blurred, above 0 noise or checkerboard",
        "spectrum",
        "neither",
    ),
)
BY_NAME: Mapping[str, Number] = {number.name: number for number in NUMBERS}


@dataclass(frozen=True, slots=True)
class Invalid:
    """A number that cannot be had here, and why."""

    name: str
    reason: str


def standard(real: Samples, fake: Samples, seed: int = 0) -> list[Reading | Invalid]:
    """All numbers for two sets of samples in [-1, 1], in the order of `NUMBERS`."""
    if min(len(real), len(fake)) < FEWEST_SAMPLES:
        reason = f"{len(real)} real samples and {len(fake)} fakes are too few; {FEWEST_SAMPLES} of each are needed"
        return [Invalid(number.name, reason) for number in NUMBERS]
    for name, samples in (("real samples", real), ("fakes", fake)):
        bad = int((~samples.flatten(1).isfinite().all(1)).sum())
        if bad:
            return [Invalid(number.name, f"{bad} of {len(samples)} {name} are not finite") for number in NUMBERS]
    if bool((real == real[:1]).all()):
        return [Invalid(number.name, "all real samples are the same") for number in NUMBERS]
    of_real, of_fake = features(real, fake)
    found: dict[str, Reading | Invalid] = _by_name(read(_on_features, of_real, of_fake, seed))
    if min(real.shape[2:]) < FEWEST_PIXELS:
        reason = "points have no spectrum" if real.shape[2:] == (1, 1) else f"below {FEWEST_PIXELS} pixels a side"
        found |= {number.name: Invalid(number.name, reason) for number in NUMBERS if number.space == "spectrum"}
    else:
        found |= _by_name(read(_on_spectra, [radial_spectrum(real)], [radial_spectrum(fake)], seed))
    return [found[number.name] for number in NUMBERS]


def is_closer(reading: Reading) -> bool:
    """Whether the fakes are nearer to the reals than other reals are, as copies would be."""
    better = BY_NAME[reading.name].better
    return reading.tells and better != "neither" and (reading.excess.mean < 0) == (better == "lower")


def _by_name(readings: Sequence[Reading]) -> dict[str, Reading | Invalid]:
    return {reading.name: reading if reading.is_finite else Invalid(reading.name, NOT_FINITE) for reading in readings}


def _on_features(real: Vectors, fake: Vectors) -> Mapping[str, float]:
    return {
        "frechet": frechet(real, fake),
        "kernel": kernel_distance(real, fake),
        "diversity": diversity(real, fake),
        **asdict(manifold(real, fake)),
    }


def _on_spectra(real: Vectors, fake: Vectors) -> Mapping[str, float]:
    return {"spectrum": spectral_gap(real, fake), "detail": detail(real, fake)}
