"""`make demo` as a newcomer meets it: a fresh clone, nothing installed, one command.

    python benchmarks/demo.py [--keep FOLDER]

Clones the last commit into an empty folder, runs `make demo` there and judges what it made: by the demo's own judge,
and by scikit-learn's ordinary SVM with probabilities, which gives 0.93 to real digits that it never saw.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equipoise.demo import FOUND_SHARE, JUDGED_SAMPLES, as_original, generated_digits, judge
from equipoise.journal import read, ticks
from results import ROOT, Result, report


def ordinary_confidence(generated: NDArray[np.float32]) -> float:
    """Mean top probability by pairwise coupling, as `SVC(probability=True)` gives it."""
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    digits = load_digits()
    with warnings.catch_warnings():  # what people have at hand; scikit-learn 1.9 announces its end
        warnings.simplefilter("ignore", FutureWarning)
        machine = SVC(probability=True, random_state=0).fit(digits.data / 16.0, digits.target)
    return float(machine.predict_proba(as_original(generated)).max(axis=1).mean())


def measure(clone: Path) -> list[Result]:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    began = time.perf_counter()
    subprocess.run(["make", "demo"], cwd=clone, check=True)
    whole_s = time.perf_counter() - began
    run = clone / "runs" / "demo-001"
    training_s = list(ticks(read(run).events))[-1].seconds
    generated = generated_digits(run)
    verdict = judge(generated)
    return [
        Result("everything, from the clone on", f"{whole_s:.0f} s", "below 360 s"),
        Result("of which training", f"{training_s:.0f} s"),
        Result("the judge on real digits that it never saw", f"{verdict.held_out_accuracy:.1%}", "above 97 %"),
        Result(f"digits above {FOUND_SHARE:.0%} of {JUDGED_SAMPLES} samples", f"{verdict.found} of 10", "10"),
        Result("the rarest digit", f"{min(verdict.shares):.1%}", "above 3 %"),
        Result("mean top probability, each digit against the rest", f"{verdict.mean_top_probability:.3f}", "above 0.8"),
        Result("the same, made to sum to 1 (scikit-learn's own)", f"{ordinary_confidence(generated):.3f}", "above 0.8"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="a folder for the clone, which is kept")
    asked = parser.parse_args()
    if asked.keep is not None:
        report("The demo in a fresh clone", measure(asked.keep))
        return
    with tempfile.TemporaryDirectory(prefix="equipoise-demo-") as work:
        report("The demo in a fresh clone", measure(Path(work) / "clone"))


if __name__ == "__main__":
    main()
