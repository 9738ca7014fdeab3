"""``equipoise demo``: train on the real handwritten digits inside scikit-learn, and let a classifier judge."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise import recipes
from equipoise.attending import ending
from equipoise.data.codec import to_world
from equipoise.engine.look import draw, fixed_latents
from equipoise.errors import RequestError
from equipoise.journal import Diagnosed
from equipoise.record import Listener
from equipoise.run import Where, carry_out, start
from equipoise.sampling import open_run
from equipoise.session import STOPPED

JUDGED_SAMPLES = 1000
HELD_OUT_SHARE = 0.25
FOUND_SHARE = 0.03
"""A third of an even share: a digit rarer than this has all but been lost."""
DIGIT_SIZE = 8
"""Side of the original digits; samples are averaged down to it before they are judged."""
SVM_C, SVM_GAMMA = 10.0, 0.1
"""Radial-basis SVMs on 64 values in [0, 1].  Wide enough to be right on 99 % of unseen digits, and narrow enough to be
sure of nothing that is far from all digits: its confidence is 0.97 on unseen digits, 0.64 on means of two digits, 0.07
on noise (LAB.md)."""


@dataclass(frozen=True)
class Verdict:
    """What a classifier of real digits says about generated ones."""

    held_out_accuracy: float
    shares: tuple[float, ...]
    """Share of samples taken for 0, 1, ... 9."""
    mean_top_probability: float

    @property
    def found(self) -> int:
        """Digits that make up more than 3 % of the samples."""
        return sum(share > FOUND_SHARE for share in self.shares)

    def lines(self) -> Iterator[str]:
        yield (
            f"judged by an SVM trained on real digits (right on {self.held_out_accuracy:.1%} of those it never saw): "
            f"{self.found} of 10 digits found among {JUDGED_SAMPLES} samples, mean confidence "
            f"{self.mean_top_probability:.2f}"
        )
        yield "share of each digit: " + "  ".join(f"{digit}: {share:.1%}" for digit, share in enumerate(self.shares))


@dataclass(frozen=True)
class Toured:
    """What the demo has done."""

    folder: Path
    seconds: float
    verdict: Verdict
    diagnosis: Diagnosed | None = None
    """What the doctor said of the run at its end."""

    def lines(self) -> Iterator[str]:
        yield f"trained for {self.seconds:.0f} s on 1797 handwritten digits"
        yield from self.verdict.lines()
        yield f"look at {self.folder / 'samples'}: reals.png, fakes_init.png and the last sheet"
        otherwise = f"equipoise sample {self.folder}   or   equipoise train sprites_small --data YOUR_FOLDER"
        yield from ending(self.diagnosis, self.folder, otherwise)


def tour(folder: Path, listeners: Iterable[Listener]) -> Toured:
    """Train the recipe `digits` into a folder and judge it."""
    began = time.monotonic()
    session = start(recipes.load("digits"), Where(), folder, None, listeners)
    if carry_out(session) == STOPPED:
        raise RequestError(f"stopped before the end; go on with: equipoise resume {folder}")
    seconds = time.monotonic() - began
    return Toured(folder, seconds, judge(generated_digits(folder)), session.diagnosis)


def generated_digits(run: Path, count: int = JUDGED_SAMPLES, seed: int = 1) -> NDArray[np.float32]:
    """Samples [N, H, W] of a run's best generator, in [0, 1]."""
    sampler = open_run(run, "cpu")
    latents = fixed_latents(seed, "judge", count, sampler.recipe.generator.latent)
    stored = to_world(draw(sampler.module, (latents,), torch.device("cpu")), sampler.space)
    return stored[:, 0] / np.float32(255.0)


def judge(generated: NDArray[np.float32]) -> Verdict:
    """Classify generated digits [N, H, W] by an SVM with calibrated probabilities that has seen real ones only."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    real, labels = digits.data / 16.0, digits.target
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        real, labels, test_size=HELD_OUT_SHARE, random_state=0, stratify=labels
    )
    held_out = (_probabilities(seen, seen_labels, unseen).argmax(axis=1) == unseen_labels).mean()
    probabilities = _probabilities(real, labels, as_original(generated))
    counts = np.bincount(probabilities.argmax(axis=1), minlength=10)
    shares = tuple(float(count) / len(generated) for count in counts)
    return Verdict(float(held_out), shares, float(probabilities.max(axis=1).mean()))


def _probabilities(seen: NDArray[Any], labels: NDArray[Any], asked: NDArray[Any]) -> NDArray[np.float64]:
    """Of each digit [N, 10], each against all others and by itself.

    They are not made to sum to 1: that would turn ten times "surely not" into confidence, and noise into digits.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    machines = [CalibratedClassifierCV(SVC(C=SVM_C, gamma=SVM_GAMMA), ensemble=False) for _ in range(10)]
    columns = [machine.fit(seen, labels == digit).predict_proba(asked)[:, 1] for digit, machine in enumerate(machines)]
    return np.stack(columns, axis=1)


def as_original(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Box means [N, 64] of square images, the size of the originals."""
    block = images.shape[1] // DIGIT_SIZE
    blocks = images.reshape(len(images), DIGIT_SIZE, block, DIGIT_SIZE, block)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4)).reshape(len(images), -1)
    return means
