"""How honest the intervals are at 218 samples: everything is drawn again and again, and the truth is counted.

    python benchmarks/intervals.py [--trials 200] [--samples 218] [--work FOLDER]

Stacked digits, of which there are six thousand million: each trial draws real samples and two sets of fakes, damaged in
one way, and evaluates both sets, with a tenth of the reals as held out.  The truth about a number is its mean over all
trials.  Counted are the 95 % intervals that hold it, evaluations of real samples that name any number, and comparisons
of two equal generators that call one of them better.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equipoise.comparing import differences
from equipoise.data import Digits
from equipoise.measures.reading import Interval, Reading
from equipoise.measures.standard import BY_NAME, Invalid, standard
from measures import blurred
from results import Result, commit, report

SIZE = 16
HELD_OUT_SHARE = 0.1

Draw = Callable[[int, np.random.Generator], Tensor]
Trial = dict[str, Any]


def digits() -> tuple[Tensor, Tensor]:
    """All pictures [1797, 16, 16] in [-1, 1], and what they show."""
    return torch.from_numpy(Digits(size=SIZE).pictures()).float() / 127.5 - 1.0, torch.from_numpy(Digits.labels())


def draws() -> dict[str, Draw]:
    """Ways to make fakes, by name; the first makes real samples."""
    pictures, labels = digits()
    few = pictures[labels < 5]

    def real(count: int, chance: np.random.Generator) -> Tensor:
        return pictures[torch.from_numpy(chance.integers(len(pictures), size=(count, 3)))]

    def without_half(count: int, chance: np.random.Generator) -> Tensor:
        samples = real(count, chance)
        samples[:, 0] = few[torch.from_numpy(chance.integers(len(few), size=count))]
        return samples

    return {
        "real samples": real,
        "blur of 3 pixels": lambda count, chance: blurred(real(count, chance), 3),
        "five digits lost in one channel": without_half,
    }


def trial(number: int, count: int, real: Draw, fake: Draw) -> Trial:
    """What one evaluation of each of two sets of fakes says: intervals by number, and what is told."""
    chance = np.random.default_rng(number)
    reals = real(count, chance)
    held_out = round(HELD_OUT_SHARE * count)
    one, other = (standard(reals, fake(count, chance), number, held_out) for _ in range(2))
    verdicts = [difference.verdict for difference in differences(one, other, BY_NAME)]
    return {
        "excess": {name: _ends(reading.excess) for name, reading in _readings(one).items()},
        "tells": [name for name, reading in _readings(one).items() if reading.tells],
        "told apart": sum(verdict != "cannot be told apart" for verdict in verdicts),
    }


def _readings(results: list[Reading | Invalid]) -> dict[str, Reading]:
    return {result.name: result for result in results if isinstance(result, Reading)}


def _ends(interval: Interval) -> list[float]:
    return [interval.mean, interval.low, interval.high]


def trials(name: str, fake: Draw, real: Draw, options: argparse.Namespace) -> list[Trial]:
    """All trials of one kind; those of an earlier call are read."""
    kept = options.work / f"{name.replace(' ', '-')}-{options.samples}-{commit()}.jsonl"
    options.work.mkdir(parents=True, exist_ok=True)
    found = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    with kept.open("a") as file:
        for number in range(len(found), options.trials):
            found.append(trial(number, options.samples, real, fake))
            print(json.dumps(found[-1]), file=file, flush=True)
    return found[: options.trials]


def coverage(found: list[Trial], number: str) -> float:
    """Share of the trials whose interval holds the mean over all trials."""
    ends = [one["excess"][number] for one in found if number in one["excess"]]
    truth = statistics.fmean(mean for mean, _, _ in ends)
    return statistics.fmean(low <= truth <= high for _, low, high in ends)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--samples", type=int, default=218)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-intervals")
    options = parser.parse_args()
    ways = draws()
    real = ways["real samples"]
    rows = []
    for name, fake in ways.items():
        found = trials(name, fake, real, options)
        shares = {
            number: coverage(found, number) for number in BY_NAME if any(number in one["excess"] for one in found)
        }
        named = statistics.fmean(bool(one["tells"]) for one in found)
        apart = statistics.fmean(one["told apart"] > 0 for one in found)
        wanted = "0.05 at most" if name == "real samples" else ""
        listed = ", ".join(f"{number} {share:.2f}" for number, share in shares.items())
        rows += [
            Result(f"{name}: evaluations that name any number", f"{named:.3f}", wanted),
            Result(f"{name}: two equal generators told apart", f"{apart:.3f}", "0.05 at most"),
            Result(f"{name}: intervals that hold the truth", listed, "about 0.95"),
        ]
        print(f"{name}: {named:.3f} {apart:.3f} {listed}", flush=True)
    error = math.sqrt(0.95 * 0.05 / options.trials)
    remarks = f"From {options.trials} trials each: a share of 0.95 is known to ± {2 * error:.3f}."
    report(f"Honesty of the intervals at {options.samples} samples", rows, remarks)


if __name__ == "__main__":
    main()
