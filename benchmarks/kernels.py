"""Which distance of points sees what: misplaced samples, lost clusters, clusters of another width, a collapse.

    python benchmarks/kernels.py [--std 0.05 0.01] [--draws 12]

Eight clusters on a ring of radius 1, 623 real points against 1024 others, as in a run's scores.  Of each distance the
mean over draws of the others, and how many times the spread of real ones it lies above theirs.  Trains nothing.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from equipoise.measures.kernel import POLYNOMIAL, Gram, Kernel, Logarithmic, kernel_distance, kernel_for
from results import Result, report

REAL, MADE = 623, 1024
Draw = Callable[[int, float], Tensor]
"""So many points, where clusters are so wide."""


@dataclass(frozen=True)
class Gaussians:
    """The mean of Gaussians, from `widest` down, each half as wide as the one before."""

    widest: float
    count: int

    def __call__(self, a: Tensor, b: Tensor) -> Gram:
        squares = torch.cdist(a, b) ** 2
        widths = [self.widest / 2**at for at in range(self.count)]
        return torch.stack([torch.exp(-squares / (2 * width**2)) for width in widths]).mean(0)


def energy(a: Tensor, b: Tensor) -> Gram:
    return -torch.cdist(a, b)


def clusters(count: int, std: float) -> Tensor:
    angle = torch.randint(8, (count,)) * (math.pi / 4)
    return torch.stack([angle.cos(), angle.sin()], 1) + std * torch.randn(count, 2)


def _misplaced(share: float) -> Draw:
    def draw(count: int, std: float) -> Tensor:
        made, bad = clusters(count, std), round(share * count)
        angle, radius = 2 * math.pi * torch.rand(bad), 0.5 + 0.5 * torch.rand(bad, 1)
        made[:bad] = radius * torch.stack([angle.cos(), angle.sin()], 1)
        return made

    return draw


def _without_one(count: int, std: float) -> Tensor:
    made = clusters(2 * count, std)
    return made[(made - torch.tensor([1.0, 0.0])).norm(dim=1) > 5 * std][:count]


def _one(count: int, std: float) -> Tensor:
    return torch.tensor([1.0, 0.0]) + std * torch.randn(count, 2)


OTHERS: Final[Mapping[str, Draw]] = {
    "real ones": clusters,
    "a fifth between clusters": _misplaced(0.2),
    "two fifths between clusters": _misplaced(0.4),
    "one cluster lost": _without_one,
    "clusters three times as wide": lambda count, std: clusters(count, 3 * std),
    "clusters of a third of the width": lambda count, std: clusters(count, std / 3),
    "a cloud of the same moments": lambda count, std: math.sqrt(0.5) * torch.randn(count, 2),
    "one cluster of eight": _one,
    "a cloud a hundred times as wide": lambda count, std: 100 * torch.randn(count, 2),
}


def kernels(real: Tensor) -> Mapping[str, Kernel]:
    distances = torch.pdist(real)
    median = float(distances.median())
    apart = torch.cdist(real, real).fill_diagonal_(math.inf)
    return {
        "polynomial": POLYNOMIAL,
        "energy": energy,
        "three Gaussians": Gaussians(median / 2, 3),
        "four Gaussians": Gaussians(median / 2, 4),
        "five Gaussians": Gaussians(median / 2, 5),
        "logarithm, nearest neighbour": Logarithmic(float(apart.min(1).values.median())),
        "logarithm, ours": kernel_for(real[:, :, None, None]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--std", type=float, nargs="+", default=[0.05, 0.01], help="of a cluster, in radii of the ring")
    parser.add_argument("--draws", type=int, default=12)
    options = parser.parse_args()
    for std in options.std:
        torch.manual_seed(0)
        real = clusters(REAL, std)
        drawn = {name: [draw(MADE, std) for _ in range(options.draws)] for name, draw in OTHERS.items()}
        rows = []
        for kernel_name, kernel in kernels(real).items():
            found = {name: [kernel_distance(real, made, kernel) for made in those] for name, those in drawn.items()}
            usual, spread = statistics.fmean(found["real ones"]), statistics.stdev(found["real ones"])
            for name, values in found.items():
                above = (statistics.fmean(values) - usual) / spread
                rows.append(Result(f"{kernel_name}: {name}", f"{statistics.fmean(values):.4f}, {above:.1f} spreads"))
        report(f"Distances of points, clusters of {std:g}", rows)


if __name__ == "__main__":
    main()
