"""A classifier of real handwritten digits, which judges generated ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise.data.codec import to_world
from equipoise.engine import checkpoint
from equipoise.engine.look import draw, fixed_latents
from equipoise.folder import RunFolder
from equipoise.sampling import open_run

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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a classifier of real digits says about generated ones."""

    shares: tuple[float, ...]
    """Share of samples taken for 0, 1, ... 9."""
    mean_top_probability: float

    @property
    def found(self) -> int:
        """Digits that make up more than 3 % of the samples."""
        return sum(share > FOUND_SHARE for share in self.shares)

    @property
    def words(self) -> str:
        return f"{self.found} of 10 digits, mean confidence {self.mean_top_probability:.2f}"


@dataclass(frozen=True, slots=True)
class Reliability:
    """What the classifier's verdicts are worth."""

    accuracy: float
    """Share of real digits that it names rightly, of those it has not seen."""
    mean_top_probability: float
    """Of the same."""

    @property
    def words(self) -> str:
        return (
            f"an SVM that knows real digits only: right on {self.accuracy:.1%} of those it never saw, with mean "
            f"confidence {self.mean_top_probability:.2f}"
        )


def generated_digits(run: Path, count: int = JUDGED_SAMPLES, seed: int = 1) -> NDArray[np.float32]:
    """Samples [N, H, W] in [0, 1] of a run's averaged generator as it is in the newest checkpoint."""
    recipe, space = RunFolder(run).read_recipe(), open_run(run, "cpu").space
    _, snapshot, _ = checkpoint.load_newest(RunFolder(run).checkpoints)
    generator = recipe.generator.build(space)
    generator.load_state_dict(snapshot["average"])
    latents = fixed_latents(seed, "judge", count, recipe.generator.latent)
    stored = to_world(draw(generator.eval(), (latents,), torch.device("cpu")), space)
    return stored[:, 0] / np.float32(255.0)


def judge(generated: NDArray[np.float32]) -> Verdict:
    """Classify generated digits [N, H, W] by SVMs with calibrated probabilities that have seen real ones only."""
    probabilities = _probabilities(_judges(), as_original(generated))
    counts = np.bincount(probabilities.argmax(axis=1), minlength=10)
    shares = tuple(float(count) / len(generated) for count in counts)
    return Verdict(shares, float(probabilities.max(axis=1).mean()))


@cache
def reliability() -> Reliability:
    """How such SVMs do on a quarter of the real digits, when they have seen the others."""
    from sklearn.model_selection import train_test_split

    seen, unseen, seen_labels, unseen_labels = train_test_split(
        *_real(), test_size=HELD_OUT_SHARE, random_state=0, stratify=_real()[1]
    )
    probabilities = _probabilities(_fitted(seen, seen_labels), unseen)
    right = probabilities.argmax(axis=1) == unseen_labels
    return Reliability(float(right.mean()), float(probabilities.max(axis=1).mean()))


@cache
def _judges() -> list[Any]:
    """Fitted to all real digits, once."""
    return _fitted(*_real())


def _real() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Digits [N, 64] in [0, 1], and which they are."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.data / 16.0, digits.target


def _fitted(seen: NDArray[Any], labels: NDArray[Any]) -> list[Any]:
    """One machine a digit, which tells it from all others."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    machines = [CalibratedClassifierCV(SVC(C=SVM_C, gamma=SVM_GAMMA), ensemble=False) for _ in range(10)]
    return [machine.fit(seen, labels == digit) for digit, machine in enumerate(machines)]


def _probabilities(machines: list[Any], asked: NDArray[Any]) -> NDArray[np.float64]:
    """Of each digit [N, 10], by itself.

    They are not made to sum to 1: that would turn ten times "surely not" into confidence, and noise into digits.
    """
    return np.stack([machine.predict_proba(asked)[:, 1] for machine in machines], axis=1)


def as_original(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Box means [N, 64] of square images, the size of the originals."""
    block = images.shape[1] // DIGIT_SIZE
    blocks = images.reshape(len(images), DIGIT_SIZE, block, DIGIT_SIZE, block)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4)).reshape(len(images), -1)
    return means
