"""What adaptive augmentation costs a step: as if every operation were always made, against none at all.

    python benchmarks/augmenting.py [--rounds 5]

Recipe auto on three channels, at widths and sizes that it chooses on small machines; both are timed in turn within one
process, and the fastest of all rounds counts.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from equipoise import recipes
from equipoise.data import StackedDigits
from equipoise.edit import Edit
from equipoise.engine.pace import step_seconds
from equipoise.recipe import edited
from equipoise.run import Where, prepare
from equipoise.spec import encode
from results import Result, report

CASES = ((32, 32), (32, 64), (64, 32))
"""Pixels a side and width."""


def slowdown(size: int, width: int, rounds: int) -> tuple[float, float]:
    """Seconds of a step without, and how many times as long it takes with augmentation."""
    settings = {
        "source": encode(StackedDigits(count=1000, size=size)),
        "generator.width": width,
        "critic.width": width,
        "batch": 64,
    }
    recipe = edited(recipes.load("auto"), [Edit(path, value=value) for path, value in settings.items()])
    _, plan = prepare(recipe, Where(device="cpu"))
    ways = (replace(plan.recipe, augment=None), plan.recipe)
    times = [[step_seconds(plan, way) for way in ways] for _ in range(rounds)]
    without, augmented = (min(column) for column in zip(*times, strict=True))
    return without, augmented / without


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    for size, width in CASES:
        without, factor = slowdown(size, width, options.rounds)
        what = f"3x{size}x{size}, width {width}, batch 64: step with augmentation (alone {1000 * without:.0f} ms)"
        rows.append(Result(what, f"{factor:.2f} x"))
        print(f"{what}: {factor:.2f} x", flush=True)
    report("What adaptive augmentation costs", rows)


if __name__ == "__main__":
    main()
