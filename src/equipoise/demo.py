"""``equipoise demo``: a run on the real handwritten digits inside scikit-learn, broken on purpose, repairs itself.

The critic's rate is raised a hundredfold on the way, as by a slip in a schedule.  The doctor says what is wrong and
since when; the autopilot goes back and holds the rate; a classifier of digits judges what comes of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise import recipes
from equipoise.data.codec import to_world
from equipoise.engine.look import draw, fixed_latents
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.piloting import Pilot
from equipoise.recipe import Recipe, Span
from equipoise.record import Listener
from equipoise.run import Where, start
from equipoise.sampling import open_run
from equipoise.schedule import Piecewise, Progress, value_at
from equipoise.session import STOPPED

STEPS, RAISED_AT, RAISED = 4500, 1050, 100.0
"""Of the run, of the slip, and by how much."""
SCORED_EVERY = 350
PLOT = (
    f"two networks learn digits; at step {RAISED_AT} the critic's rate is raised {RAISED:g}fold, on purpose",
    "watch what is seen, what is tried, and what comes of it",
)
BEGINNING = Progress(0, 0, 0.0)
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
    account: tuple[str, ...]
    """Of steps that were spent and those that the run has."""

    def lines(self) -> Iterator[str]:
        yield f"trained for {self.seconds:.0f} s on 1797 handwritten digits"
        yield from self.account
        yield from self.verdict.lines()
        yield f"look at {self.folder / 'samples'}: reals.png, fakes_init.png and the last sheet"
        yield f"what was seen and done, with the sick run and the mended one beside it: {self.folder / 'report.html'}"
        yield f"next: equipoise sample {self.folder}   or   equipoise train sprites_small --data YOUR_FOLDER"


def sick() -> Recipe:
    """The recipe `digits`, a little shorter, whose critic's rate is raised on the way; the autopilot acts."""
    recipe = recipes.load("digits")
    usual = value_at(recipe.d_optim.lr, BEGINNING)
    slip = Piecewise(((RAISED_AT, usual), (RAISED_AT + 1, RAISED * usual)))
    main = recipe.phases["main"]
    return replace(
        recipe,
        phases={"main": replace(main, length=Span(STEPS, "steps"))},
        d_optim=replace(recipe.d_optim, lr=slip),
        cadence=replace(recipe.cadence, sheet_steps=SCORED_EVERY),
        autopilot=replace(recipe.autopilot, mode="act"),
    )


def tour(folder: Path, listeners: Iterable[Listener]) -> Toured:
    """Train the sick run into a folder, let it be repaired, and judge what it has become."""
    began = time.monotonic()
    listeners = tuple(listeners)
    pilot = Pilot(RunFolder(folder), Where(), listeners)
    flight = pilot.fly(start(sick(), Where(), folder, None, listeners))
    if flight.reason == STOPPED:
        raise RequestError(f"stopped before the end; go on with: equipoise resume {folder}")
    seconds = time.monotonic() - began
    return Toured(folder, seconds, judge(generated_digits(folder)), tuple(pilot.account(flight.step)))


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
