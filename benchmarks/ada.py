"""Adaptive augmentation with and without, for the same number of steps.

    python benchmarks/ada.py --shared FOLDER [--seeds 3] [--problem eurosat landscapes digits] [--work FOLDER]

``eurosat``: recipe auto at 32 pixels on 200 scenes of 2000, measured against 1750 that were not in the folder.
``landscapes``: the style networks at 64 pixels on the photographs, measured against those held out, once.
``digits``: recipe auto on 20 000 stacked digits, once, with augmentation only: its p.

Widths are set, so that nothing depends on the machine.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contest import number, over_seeds
from equipoise import recipes
from equipoise.data import StackedDigits
from equipoise.edit import Edit
from equipoise.evaluating import evaluate
from equipoise.networks import StyleCritic, StyleGenerator
from equipoise.recipe import Budget, Recipe, Span, edited
from equipoise.run import Where, carry_out, start
from equipoise.spec import Json, encode
from results import Result, report

FEW, HELD_OUT = 250, 0.2
"""200 to train on, and 50 by which the controller steers."""
SHOWN = ("kernel", "frechet", "precision", "coverage", "diversity", "memory")
STYLE = {
    "generator": encode(StyleGenerator(latent=64, width=16, widest=128)),
    "critic": encode(StyleCritic(width=16, widest=128)),
}
NARROW = {"generator.width": 32, "critic.width": 32}


@dataclass(frozen=True)
class Problem:
    """What is trained on and how; measured against `against`, or against what is held out."""

    settings: dict[str, Json]
    steps: int
    most_seeds: int
    both: bool = True
    """Whether there is a run without augmentation too."""

    def recipe(self, augmented: bool, seed: int) -> Recipe:
        settings = self.settings if augmented else {**self.settings, "augment": None}
        edits = [Edit(path, value=value) for path, value in settings.items()]
        return replace(edited(recipes.load("auto"), edits), seed=seed)


PROBLEMS = {
    "eurosat": Problem({"held_out": HELD_OUT, "source.size": 32, **NARROW}, 4000, 3),
    "landscapes": Problem({"held_out": HELD_OUT, "source.size": 64, **STYLE}, 1500, 1),
    "digits": Problem({"source": encode(StackedDigits(count=20_000)), **NARROW}, 1500, 1, both=False),
}


def folders(name: str, options: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """What is trained on, and what is measured against; None for nothing, and for what was held out."""
    if name == "digits":
        return None, None
    if name == "landscapes":
        return options.shared / "landscapes" / "oasis_scenery" / "images", None
    few, others = options.work / "few", options.work / "others"
    if not others.exists():
        pictures = sorted((options.shared / "sentinel2" / "eurosat").rglob("*.jpg"))
        every = len(pictures) // FEW
        for at, path in enumerate(pictures):
            into = few if at % every == 0 and at // every < FEW else others
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, into / f"{path.parent.name}-{path.name}")
    return few, others


def trial(name: str, augmented: bool, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """What an evaluation says of the run's best generator, and p over the run."""
    folder = options.work / f"{name}-{'ada' if augmented else 'plain'}-{seed}"
    verdict = folder / "verdict.json"
    if not verdict.exists():
        data, against = folders(name, options)
        out = folder / f"run-{sum(1 for _ in folder.glob('run-*'))}"
        problem = PROBLEMS[name]
        budget = Budget(Span(problem.steps))
        carry_out(start(problem.recipe(augmented, seed), Where(data, device="cpu"), out, budget))
        found = evaluate(out, against, device="cpu").to_json()
        assert isinstance(found, dict)
        with (out / "losses.csv").open() as file:
            found["p"] = [float(row["augment_p"]) for row in csv.DictReader(file) if row.get("augment_p")]
        verdict.write_text(json.dumps(found))
        numbers = {measure: round(number(found, measure), 4) for measure in SHOWN}
        print(f"{name} {'ADA' if augmented else 'plain'} seed {seed}, step {found['step']}: {numbers}", flush=True)
    document: dict[str, Any] = json.loads(verdict.read_text())
    return document


def over_the_run(p: list[float]) -> str:
    """At each quarter of it."""
    return ", ".join(f"{p[min(len(p) - 1, round(part * len(p) / 4))]:.2f}" for part in (1, 2, 3, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--problem", choices=PROBLEMS, nargs="+", default=list(PROBLEMS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-ada")
    options = parser.parse_args()
    for name in options.problem:
        problem = PROBLEMS[name]
        seeds = min(options.seeds, problem.most_seeds)
        ways = {"ADA": True, "no augmentation": False} if problem.both else {"ADA": True}
        rows = []
        for who, augmented in ways.items():
            found = [trial(name, augmented, seed, options) for seed in range(seeds)]
            rows += [
                Result(f"{who}: {measure}", over_seeds([number(verdict, measure) for verdict in found]))
                for measure in SHOWN
            ]
            rows.append(Result(f"{who}: step of the best generator", f"{statistics.median(v['step'] for v in found)}"))
            if augmented:
                rows.append(Result("p at each quarter of the run", "; ".join(over_the_run(v["p"]) for v in found)))
        report(f"Adaptive augmentation, {name}, {problem.steps} steps, {seeds} seeds", rows)


if __name__ == "__main__":
    main()
