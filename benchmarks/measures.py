"""What an evaluation costs, and what each of its numbers notices.

    python benchmarks/measures.py [--samples 2000]

Stacked digits (three of scikit-learn's handwritten digits as the channels of one picture, 64 px): two sets, the second
damaged in one way at a time.  Listed are the numbers that tell it from real samples, with their value and, in brackets,
what real samples give at the same sizes.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from equipoise.data import Digits
from equipoise.measures.reading import Reading
from equipoise.measures.standard import standard
from results import Result, report

SIZE = 64


def stacked(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two sets [count, 3, 64, 64] of stacked digits, and what the first channel of the second shows."""
    chance = np.random.default_rng(0)
    pictures = torch.from_numpy(Digits(size=SIZE).corpus().samples[:, 0].copy()).float() / 127.5 - 1.0
    labels = torch.from_numpy(Digits.labels())
    chosen = chance.integers(len(pictures), size=(2, count, 3))
    first, second = (pictures[torch.from_numpy(which)] for which in chosen)
    return first, second, labels[torch.from_numpy(chosen[1][:, 0])]


def blurred(samples: Tensor, side: int) -> Tensor:
    return F.avg_pool2d(F.pad(samples, (side // 2,) * 4, mode="replicate"), side, stride=1)


def damages(labels: Tensor, real: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    noise = torch.Generator().manual_seed(0)

    def noisy(samples: Tensor, sigma: float) -> Tensor:
        return samples + sigma * torch.randn(samples.shape, generator=noise)

    return {
        "nothing: other real samples": lambda x: x,
        "noise of 0.02": lambda x: noisy(x, 0.02),
        "noise of 0.1": lambda x: noisy(x, 0.1),
        "blur of 3 pixels": lambda x: blurred(x, 3),
        "blur of 7 pixels": lambda x: blurred(x, 7),
        "one digit of ten lost in the first channel": lambda x: x[labels != 0],
        "five digits of ten lost in the first channel": lambda x: x[labels < 5],
        "collapsed to 20 samples": lambda x: x[:20].repeat(len(x) // 20, 1, 1, 1),
        "upper and lower halves swapped": lambda x: torch.cat([x[:, :, SIZE // 2 :], x[:, :, : SIZE // 2]], 2),
        "a tenth darker": lambda x: x - 0.1,
        "copies of the training data": lambda x: real.clone(),
    }


def false_alarms(pairs: int = 60) -> str:
    """How many pairs of disjoint sets of real digits any number tells apart."""
    pictures = torch.from_numpy(Digits(size=16).corpus().samples[:].copy()).float() / 127.5 - 1.0
    alarms = 0
    for seed in range(pairs):
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
        found = standard(pictures[order[:250]], pictures[order[250:500]], seed, num_held_out=50)
        alarms += any(isinstance(result, Reading) and result.tells for result in found)
    return f"{alarms} of {pairs}"


def told(real: Tensor, fake: Tensor) -> str:
    found = [result for result in standard(real, fake) if isinstance(result, Reading) and result.tells]
    return ", ".join(f"{r.name} {r.value.mean:.3g} ({r.floor.mean:.3g})" for r in found) or "nothing tells"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    asked = parser.parse_args()
    real, other, labels = stacked(asked.samples)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    standard(real, other)
    took_s = time.perf_counter() - began
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    rows = [
        Result(
            f"all numbers, {asked.samples} against {asked.samples} of 3x{SIZE}x{SIZE}", f"{took_s:.1f} s", "below 20 s"
        ),
        Result("memory for it, beyond the samples", f"{grown_mib:.0f} MiB", "below 1024 MiB"),
    ]
    rows.append(
        Result("false alarms: pairs of sets of 250 real digits told apart", false_alarms(), "about 1 in 20 at most")
    )
    for name, damage in damages(labels, real).items():
        rows.append(Result(name, told(real, damage(other))))
        print(f"{name}: {rows[-1].value}", flush=True)
    report("What an evaluation notices", rows)


if __name__ == "__main__":
    main()
