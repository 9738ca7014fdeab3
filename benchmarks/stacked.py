"""Stacked digits: a thousand modes that a classifier can count (Metz et al. 2017, arXiv:1611.02163, section 3.3).

    python benchmarks/stacked.py [--minutes 15] [--seeds 1] [--only auto] [--work FOLDER]

Three of scikit-learn's digits in three channels of 16 pixels; 26 000 samples; each channel is classified by an SVM that
was trained on the real digits, and the three digits are the mode.  The recipe `auto` and a plain DCGAN with
cross-entropy, equally long.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from contenders import plain_dcgan
from equipoise import recipes
from equipoise.data import Digits, StackedDigits
from equipoise.data.codec import to_world
from equipoise.engine.look import draw, fixed_latents
from equipoise.recipe import Budget, Recipe
from equipoise.run import Where, carry_out, start
from equipoise.sampling import open_run
from results import Result, report

JUDGED_SAMPLES = 26_000
SVM_C, SVM_GAMMA = 10.0, 0.04
"""Right on 99.3 % of digits that it has not seen."""
SOURCE = StackedDigits()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one trained generator captures."""

    modes: int
    kl: float
    step: int


def auto() -> Recipe:
    return replace(recipes.load("auto"), source=SOURCE)


CONTENDERS: dict[str, Callable[[], Recipe]] = {"auto": auto, "DCGAN": lambda: plain_dcgan(SOURCE)}


def classifier() -> tuple[SVC, float]:
    """An SVM of all digits, and the accuracy of one that has seen three quarters of them on the others."""
    pictures, labels = Digits(size=SOURCE.size).pictures().reshape(-1, SOURCE.size**2) / 255.0, load_digits().target
    parts = train_test_split(pictures, labels, test_size=0.25, random_state=0, stratify=labels)
    accuracy = SVC(C=SVM_C, gamma=SVM_GAMMA).fit(parts[0], parts[2]).score(parts[1], parts[3])
    return SVC(C=SVM_C, gamma=SVM_GAMMA).fit(pictures, labels), float(accuracy)


def modes_of(samples: NDArray[np.float32], machine: SVC) -> NDArray[np.int64]:
    """The number, 0 to 999, that each sample [N, 3, H, W] in [0, 255] shows."""
    digits = machine.predict(samples.reshape(-1, SOURCE.size**2) / 255.0).reshape(-1, 3)
    numbers: NDArray[np.int64] = digits @ np.array([100, 10, 1])
    return numbers


def judge(modes: NDArray[np.int64], step: int) -> Verdict:
    """Modes captured, and KL(samples | data) over modes."""
    shares = np.bincount(Digits.labels(), minlength=10) / len(Digits.labels())
    real = np.einsum("i,j,k->ijk", shares, shares, shares).ravel()
    counts = np.bincount(modes, minlength=1000)
    found = counts[counts > 0] / len(modes)
    return Verdict(int((counts > 0).sum()), float((found * np.log(found / real[counts > 0])).sum()), step)


def trial(who: str, seed: int, budget: Budget, work: Path, machine: SVC) -> Verdict:
    """Train one contender with one seed, or read what an earlier call has found."""
    folder = work / f"{who}-{seed}"
    verdict = folder / "verdict.json"
    if not verdict.exists():
        number = sum(1 for _ in folder.glob("run-*"))
        session = start(replace(CONTENDERS[who](), seed=seed), Where(device="cpu"), folder / f"run-{number}", budget)
        carry_out(session)
        sampler = open_run(session.folder.path, "cpu")
        latents = fixed_latents(seed, "judge", JUDGED_SAMPLES, sampler.recipe.generator.latent)
        samples = to_world(draw(session.state.average, (latents,), torch.device("cpu")), sampler.space)
        found = judge(modes_of(samples, machine), session.step)
        verdict.write_text(json.dumps(asdict(found)))
        print(f"{who} seed {seed}: {found}", flush=True)
    return Verdict(**json.loads(verdict.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="of training for each")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", choices=CONTENDERS, nargs="+", default=list(CONTENDERS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-stacked")
    options = parser.parse_args()
    machine, accuracy = classifier()
    rows = []
    for who in options.only:
        budget = Budget(seconds=60.0 * options.minutes)
        found = [trial(who, seed, budget, options.work, machine) for seed in range(options.seeds)]
        wanted = ("at least 990", "below 0.15") if who == "auto" else ("", "")
        rows += [
            Result(f"{who}: modes of 1000, lowest of {len(found)}", f"{min(one.modes for one in found)}", wanted[0]),
            Result(f"{who}: KL, highest", f"{max(one.kl for one in found):.3f}", wanted[1]),
            Result(f"{who}: steps in {options.minutes:g} min", f"{statistics.median(one.step for one in found):.0f}"),
        ]
    chosen = np.random.default_rng(1).integers(SOURCE.count, size=JUDGED_SAMPLES)
    real = SOURCE.corpus().samples[chosen].astype(np.float32)
    of_real = judge(modes_of(real, machine), 0)
    rows.append(Result("real samples: modes, KL", f"{of_real.modes}, {of_real.kl:.3f}"))
    rows.append(Result("classifier: right on unseen digits", f"{accuracy:.1%}"))
    report("Stacked digits", rows)


if __name__ == "__main__":
    main()
