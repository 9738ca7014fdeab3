"""`make demo` as a newcomer meets it: a fresh clone, nothing installed, one command; then the same with other seeds.

    python benchmarks/demo.py [--seeds 5] [--keep FOLDER]

Clones the last commit into an empty folder, runs `make demo` there and judges what it made: by the demo's own judge,
and by scikit-learn's ordinary SVM with probabilities, which gives 0.93 to real digits that it never saw.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from equipoise.demo.classifier import (
    FOUND_SHARE,
    JUDGED_SAMPLES,
    Verdict,
    as_original,
    generated_digits,
    judge,
    reliability,
)
from equipoise.journal import Prescribed, Reviewed, read, ticks
from results import ROOT, Result, report


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one tour came to."""

    folder: Path
    is_success: bool
    """By its exit code."""
    seconds: float
    """Of the whole command."""

    @property
    def diagnosed(self) -> int | None:
        """The step at which the autopilot first acted."""
        events = read(self.folder / "rescued").events
        return next((event.step for event in events if isinstance(event, Prescribed)), None)

    @property
    def is_kept(self) -> bool:
        """Whether a prescription stood its review."""
        return any(isinstance(event, Reviewed) and event.kept for event in read(self.folder / "rescued").events)

    @property
    def training_s(self) -> float:
        """Of the courses that count; forks that were given up are not in it."""
        return sum(list(ticks(read(self.folder / name).events))[-1].seconds for name in ("rescued", "alone"))

    def verdict(self, name: str) -> Verdict:
        return judge(generated_digits(self.folder / name))


def ordinary_confidence(generated: NDArray[np.float32]) -> float:
    """Mean top probability by pairwise coupling, as `SVC(probability=True)` gives it."""
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    digits = load_digits()
    with warnings.catch_warnings():  # what people have at hand; scikit-learn 1.9 announces its end
        warnings.simplefilter("ignore", FutureWarning)
        machine = SVC(probability=True, random_state=0).fit(digits.data / 16.0, digits.target)
    return float(machine.predict_proba(as_original(generated)).max(axis=1).mean())


def measure(clone: Path, seeds: int) -> list[Result]:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    first = toured(clone, ["make", "demo"], "demo-001")
    words = [".venv/bin/equipoise", "demo"]
    others = [
        toured(clone, [*words, "--seed", str(seed), "--out", f"runs/seed-{seed}"], f"seed-{seed}")
        for seed in range(1, seeds)
    ]
    return [*of_first(first), *of_all([first, *others])]


def toured(clone: Path, words: Sequence[str], name: str) -> Outcome:
    began = time.perf_counter()
    ended = subprocess.run(words, cwd=clone, check=False)
    return Outcome(clone / "runs" / name, ended.returncode == 0, time.perf_counter() - began)


def of_first(first: Outcome) -> list[Result]:
    rescued = first.verdict("rescued")
    ordinary = ordinary_confidence(generated_digits(first.folder / "rescued"))
    return [
        Result("everything, from the clone on", f"{first.seconds:.0f} s", "below 360 s"),
        Result("of which training of the two courses that count", f"{first.training_s:.0f} s"),
        Result("the judge on real digits that it never saw", f"{reliability().accuracy:.1%}", "above 97 %"),
        Result(f"rescued: digits above {FOUND_SHARE:.0%} of {JUDGED_SAMPLES} samples", f"{rescued.found} of 10", "10"),
        Result("rescued: mean top probability, each digit against the rest", f"{rescued.mean_top_probability:.3f}"),
        Result("rescued: the same, made to sum to 1 (scikit-learn's own)", f"{ordinary:.3f}"),
    ]


def of_all(tours: Sequence[Outcome]) -> list[Result]:
    many = len(tours)
    steps = sorted(step for tour in tours if (step := tour.diagnosed) is not None)
    results = [
        Result("seeds of which the doomed run was diagnosed", f"{len(steps)} of {many}", f"{many} of {many}"),
        Result("at steps", ", ".join(map(str, steps))),
        Result("seeds whose repair stood its review", f"{sum(tour.is_kept for tour in tours)} of {many}"),
        Result("seeds called rescued", f"{sum(tour.is_success for tour in tours)} of {many}", f"{many} of {many}"),
    ]
    for name in ("alone", "rescued"):
        verdicts = [tour.verdict(name) for tour in tours]
        found = ", ".join(str(verdict.found) for verdict in verdicts)
        sure = [verdict.mean_top_probability for verdict in verdicts]
        results += [
            Result(f"{name}: digits found, by seed", found),
            Result(f"{name}: mean confidence, median (lowest to highest)", f"{median(sure):.3f} {spread(sure)}"),
        ]
    return results


def spread(values: Sequence[float]) -> str:
    return f"({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a folder for the clone, which is kept")
    asked = parser.parse_args()
    if asked.keep is not None:
        report("The demo in a fresh clone", measure(asked.keep, asked.seeds))
        return
    with tempfile.TemporaryDirectory(prefix="equipoise-demo-") as work:
        report("The demo in a fresh clone", measure(Path(work) / "clone", asked.seeds))


if __name__ == "__main__":
    main()
