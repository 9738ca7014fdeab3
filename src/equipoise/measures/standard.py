"""The measures that every evaluation makes: what each is called, what it means and what it is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import torch

from equipoise.measures.copying import copying, memory, placed
from equipoise.measures.diversity import diversity
from equipoise.measures.features import Vectors, features
from equipoise.measures.frechet import frechet
from equipoise.measures.kernel import Kernel, kernel_distance, kernel_for
from equipoise.measures.manifold import NEIGHBOURS, manifold
from equipoise.measures.reading import DEFAULT_NUMBERS, Reading, read
from equipoise.measures.spectrum import FEWEST_PIXELS, detail, radial_spectrum, spectral_gap
from equipoise.view import Samples

Space = Literal["features", "spectrum", "copying", "pairs", "traits", "levels", "channels", "encoder"]
Better = Literal["lower", "higher", "neither"]

FEWEST_SAMPLES = 4 * (NEIGHBOURS + 1)
"""Halves of as few as 12 have neighbours and a covariance of sorts; their intervals say how little they mean."""
FEWEST_HELD_OUT = 16
"""Halves of 8, whose intervals say how little they mean."""
NOT_FINITE = "some half of the samples gave no finite number"


@dataclass(frozen=True, slots=True)
class Number:
    """One number of an evaluation.  Where neither direction is better, it should be what real data give."""

    name: str
    meaning: str
    space: Space
    better: Better
    copies: Better = "neither"
    """Which way it goes beyond what real data give when samples are copies, and only then."""

    def badness(self, value: float, usual: float) -> float:
        """How much worse than what real data usually give; what is better than real data is no better."""
        beyond = value - usual
        return {"lower": max(0.0, beyond), "higher": max(0.0, -beyond), "neither": abs(beyond)}[self.better]


NUMBERS = (
    Number("frechet", "distance of means and covariances; 0 at best", "features", "lower", "lower"),
    Number("kernel", "distance of distributions, fair to small sets; around 0 at best", "features", "lower", "lower"),
    Number("precision", "share of fakes that lie among the reals", "features", "higher"),
    Number("density", "the same, robust: how crowded with reals the fakes' places are", "features", "neither"),
    Number("recall", "share of reals that lie among the fakes", "features", "higher", "higher"),
    Number("coverage", "share of reals with a fake near; falls when modes are lost", "features", "higher", "higher"),
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
    Number("copying", "share of fakes nearer to the training data than unseen reals; blur too", "copying", "neither"),
    Number("nearest", "distance to the training data against that of unseen reals; blur too", "copying", "neither"),
    Number("memory", "fakes nearest to a training sample, beyond chance; 1 for copies", "copying", "neither", "higher"),
)
BY_NAME: Mapping[str, Number] = {number.name: number for number in NUMBERS}


@dataclass(frozen=True, slots=True)
class Invalid:
    """A number that cannot be had here, and why."""

    name: str
    reason: str


def standard(
    real: Samples,
    fake: Samples,
    seed: int = 0,
    num_held_out: int | None = None,
    more_seen: Samples | None = None,
    among: int = DEFAULT_NUMBERS,
    why_no_copies: str = "",
) -> list[Reading | Invalid]:
    """All numbers for two sets of samples in [-1, 1], in the order of `NUMBERS`.

    The first `num_held_out` reals were not trained on, and all others were, those in `more_seen` too, which serve to
    find copies and nothing else; None where that is not known.  `among` counts all numbers that are looked at together.
    `why_no_copies` says why copies cannot be told by such fakes, whatever is known of the reals.
    """
    fault = fault_of(real, fake)
    if fault:
        return [Invalid(number.name, fault) for number in NUMBERS]
    more = [] if more_seen is None or not len(more_seen) else [more_seen]
    of_real, of_fake, *of_more = features(real, fake, *more)
    found: dict[str, Reading | Invalid] = by_name(
        read(partial(_on_features, kernel=kernel_for(real)), of_real, of_fake, seed, among)
    )
    why_not = why_no_copies or _why_copies_cannot_be_told(len(real) + sum(map(len, more)), num_held_out)
    if num_held_out is None or why_not:
        found |= {number.name: Invalid(number.name, why_not) for number in NUMBERS if number.space == "copying"}
    else:
        spaces = [
            (torch.cat([a[num_held_out:], *rest]), a[:num_held_out], b)
            for a, b, *rest in zip(of_real, of_fake, *of_more, strict=True)
        ]
        places = [placed(*vectors) for vectors in spaces]
        found |= by_name(read(copying, [held_out for held_out, _ in places], [made for _, made in places], seed, among))
        found |= by_name([memory(spaces, seed, among)])
    if min(real.shape[2:]) < FEWEST_PIXELS:
        reason = "points have no spectrum" if real.shape[2:] == (1, 1) else f"below {FEWEST_PIXELS} pixels a side"
        found |= {number.name: Invalid(number.name, reason) for number in NUMBERS if number.space == "spectrum"}
    else:
        found |= by_name(read(_on_spectra, [radial_spectrum(real)], [radial_spectrum(fake)], seed, among))
    return [found[number.name] for number in NUMBERS]


def fault_of(real: Samples, fake: Samples) -> str:
    """Why nothing at all can be measured; empty when something can."""
    if min(len(real), len(fake)) < FEWEST_SAMPLES:
        return f"{len(real)} real samples and {len(fake)} fakes are too few; {FEWEST_SAMPLES} of each are needed"
    for name, samples in (("real samples", real), ("fakes", fake)):
        bad = int((~samples.flatten(1).isfinite().all(1)).sum())
        if bad:
            return f"{bad} of {len(samples)} {name} are not finite"
    return "all real samples are the same" if bool((real == real[:1]).all()) else ""


def _why_copies_cannot_be_told(num_known: int, num_held_out: int | None) -> str:
    if num_held_out is None:
        return "which samples were trained on is not known for these data"
    if num_held_out == num_known:
        return "none of these real samples were trained on"
    if num_held_out < FEWEST_HELD_OUT:
        return f"{num_held_out} real samples were held out from training; {FEWEST_HELD_OUT} are needed"
    return ""


def is_closer(reading: Reading, numbers: Mapping[str, Number] = BY_NAME) -> bool:
    """Whether the fakes are nearer to the reals than other reals are, as copies would be."""
    copies = numbers[reading.name].copies
    return reading.tells and copies != "neither" and (reading.excess.mean < 0) == (copies == "lower")


def by_name(readings: Sequence[Reading]) -> dict[str, Reading | Invalid]:
    return {reading.name: reading if reading.is_finite else Invalid(reading.name, NOT_FINITE) for reading in readings}


def _on_features(real: Vectors, fake: Vectors, kernel: Kernel) -> Mapping[str, float]:
    return {
        "frechet": frechet(real, fake),
        "kernel": kernel_distance(real, fake, kernel),
        "diversity": diversity(real, fake),
        **asdict(manifold(real, fake)),
    }


def _on_spectra(real: Vectors, fake: Vectors) -> Mapping[str, float]:
    return {"spectrum": spectral_gap(real, fake), "detail": detail(real, fake)}
