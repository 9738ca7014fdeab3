"""Every number against the amount of every kind of damage: the picture in docs/measures.md.

    python benchmarks/ladders.py [--samples 1000]

Stacked digits, 3x32x32: half of them real, a fifth of these held out; the other half damaged, more from step to step.
A line that leaves its grey band, which is what real samples give, has noticed the damage.  Written to
docs/pictures/ladders.png; the table says which numbers have noticed what, and whether they rose or fell throughout.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor

from equipoise.data import Digits
from equipoise.measures.reading import Reading
from equipoise.measures.standard import standard
from measures import blurred
from results import ROOT, Result, report

SIZE = 32
HELD_OUT_SHARE = 0.2
PICTURE = ROOT / "docs" / "pictures" / "ladders.png"
SHOWN = (
    "frechet", "kernel", "precision", "density", "recall", "coverage", "diversity", "spectrum", "detail", "copying",
    "nearest", "memory",
)  # fmt: skip
NARROWEST = {"frechet": 0.1, "kernel": 0.01, "nearest": 1.0, "spectrum": 1.0, "detail": 1.0}
"""Numbers that grow by orders of magnitude are drawn on a scale that is linear up to here and logarithmic beyond."""

Damage = Callable[[Tensor, float], Tensor]


def noisy(samples: Tensor, sigma: float) -> Tensor:
    return samples + sigma * torch.randn(samples.shape, generator=torch.Generator().manual_seed(0))


def softened(samples: Tensor, side: float) -> Tensor:
    return blurred(samples, int(side)) if side > 1 else samples


def shuffled(samples: Tensor, cells: float) -> Tensor:
    """Cut into so many cells a side, which lie in another order, the same in all samples."""
    number = int(cells)
    if number < 2:
        return samples
    side = SIZE // number
    order = torch.randperm(number * number, generator=torch.Generator().manual_seed(0))
    parts = samples.unfold(2, side, side).unfold(3, side, side).flatten(2, 3)[:, :, order]
    rows = parts.reshape(*samples.shape[:2], number, number, side, side).transpose(3, 4)
    return torch.reshape(rows, samples.shape)


def repeated(samples: Tensor, share: float) -> Tensor:
    """A collapse: this share of the samples is one and the same few, the first sixteen."""
    few = samples[:16].repeat(len(samples) // 16 + 1, 1, 1, 1)[: round(share * len(samples))]
    return torch.cat([few, samples[len(few) :]])


def ladders(real: Tensor, labels: Tensor, held_out: int) -> dict[str, tuple[Damage, tuple[float, ...]]]:
    """Kinds of damage with their amounts, from none to much."""

    def copied(samples: Tensor, share: float) -> Tensor:
        taken = real[held_out : held_out + round(share * len(samples))]
        return torch.cat([taken, samples[len(taken) :]])

    def without(samples: Tensor, lost: float) -> Tensor:
        """The first channel shows fewer of the ten digits: those that are lost are replaced by others of the set."""
        kept = samples[labels >= int(lost)][:, 0]
        result = samples.clone()
        result[:, 0] = kept[torch.arange(len(samples)) % len(kept)]
        return result

    return {
        "noise, standard deviation": (noisy, (0.0, 0.03, 0.1, 0.3)),
        "blur, pixels": (softened, (1, 3, 5, 7)),
        "digits lost of ten": (without, (0, 2, 5, 8)),
        "cells shuffled, a side": (shuffled, (1, 2, 4, 8)),
        "share that is 16 samples": (repeated, (0.0, 0.2, 0.5, 1.0)),
        "share copied from training": (copied, (0.0, 0.1, 0.4, 0.8)),
    }


def drawn(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two sets [count, 3, 32, 32], and what the first channel of the second shows."""
    chance = np.random.default_rng(0)
    pictures = torch.from_numpy(Digits(size=SIZE).pictures()).float() / 127.5 - 1.0
    chosen = torch.from_numpy(chance.integers(len(pictures), size=(2, count, 3)))
    return pictures[chosen[0]], pictures[chosen[1]], torch.from_numpy(Digits.labels())[chosen[1][:, 0]]


def verdict(readings: Sequence[Reading]) -> str:
    """Of one number on one ladder; nothing where it has not noticed the worst damage."""
    if not readings[-1].tells:
        return ""
    means = [reading.excess.mean for reading in readings]
    with_it = np.sign(means[-1] - means[0]) * np.diff(means)
    steady = "" if (with_it >= 0).all() else ", not throughout"
    first = next(at for at, reading in enumerate(readings) if reading.tells)
    return f"{'rises' if means[-1] > means[0] else 'falls'} from step {first} on{steady}"


def draw(found: dict[str, list[dict[str, Reading]]], amounts: dict[str, tuple[float, ...]], path: Path) -> None:
    """Rows are numbers, columns kinds of damage."""
    figure, axes = plt.subplots(len(SHOWN), len(found), figsize=(2.1 * len(found), 1.25 * len(SHOWN)), sharey="row")
    for column, (damage, steps) in enumerate(found.items()):
        axes[0, column].set_title(damage, fontsize=8)
        for row, name in enumerate(SHOWN):
            draw_ladder(axes[row, column], [step[name] for step in steps])
        last = axes[-1, column]
        last.set_xticks(range(len(steps)), [f"{amount:g}" for amount in amounts[damage]])
    for row, name in enumerate(SHOWN):
        axes[row, 0].set_ylabel(name, fontsize=8)
        if name in NARROWEST:
            axes[row, 0].set_yscale("symlog", linthresh=NARROWEST[name])
    figure.tight_layout(pad=0.4)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_ladder(axis: Axes, readings: Sequence[Reading]) -> None:
    """One number on one ladder: red where it has noticed something, with a dot at each step that it tells."""
    floor, values = readings[0].floor, [reading.value for reading in readings]
    told = [at for at, reading in enumerate(readings) if reading.tells]
    colour, places = "tab:red" if told else "0.5", range(len(readings))
    axis.axhspan(floor.low, floor.high, color="0.85", lw=0)
    lows, highs = [value.low for value in values], [value.high for value in values]
    axis.fill_between(places, lows, highs, color=colour, alpha=0.25, lw=0)
    axis.plot(places, [value.mean for value in values], color=colour, lw=1.2)
    axis.plot(told, [values[at].mean for at in told], "o", ms=3, color=colour)
    axis.set_xticks([])
    axis.tick_params(labelsize=6, length=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    options = parser.parse_args()
    real, fake, labels = drawn(options.samples)
    held_out = round(HELD_OUT_SHARE * len(real))
    found: dict[str, list[dict[str, Reading]]] = {}
    every = ladders(real, labels, held_out)
    for name, (damage, amounts) in every.items():
        results = [standard(real, damage(fake, amount), 0, held_out) for amount in amounts]
        found[name] = [{one.name: one for one in result if isinstance(one, Reading)} for result in results]
        print(name, flush=True)
    draw(found, {name: amounts for name, (_, amounts) in every.items()}, PICTURE)
    rows = []
    for name, steps in found.items():
        said = {number: verdict([step[number] for step in steps]) for number in SHOWN}
        seen = "; ".join(f"{number} {words}" for number, words in said.items() if words)
        rows.append(Result(f"{name}: {', '.join(f'{amount:g}' for amount in every[name][1])}", seen or "nobody"))
    report("What notices which damage, step by step", rows, "Steps are counted from 0, which is no damage.")


if __name__ == "__main__":
    main()
