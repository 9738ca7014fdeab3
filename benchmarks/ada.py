"""Adaptive augmentation on few samples: with and without, measured against samples that were never in the folder.

    python benchmarks/ada.py --shared FOLDER [--minutes 6] [--seeds 1] [--problem eurosat landscapes] [--work FOLDER]

``eurosat``: recipe auto at 32 pixels on 200 of the 2000 scenes, measured against the other 1800.
``landscapes``: the style networks at 64 pixels on all 217 photographs, measured against those held out.
Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from contest import number
from equipoise import recipes
from equipoise.edit import Edit
from equipoise.evaluating import evaluate
from equipoise.networks import StyleCritic, StyleGenerator
from equipoise.recipe import Budget, Recipe, edited
from equipoise.run import Where, carry_out, start
from equipoise.spec import Json, encode
from results import Result, report

FEW = 200
SHOWN = ("kernel", "frechet", "coverage", "precision", "diversity", "memory")


def recipe_of(problem: str, augmented: bool) -> Recipe:
    settings: dict[str, Json] = {"held_out": 0.2, "source.size": 32}
    if problem == "landscapes":
        generator, critic = StyleGenerator(latent=64, width=16, widest=128), StyleCritic(width=16, widest=128)
        settings |= {"source.size": 64, "generator": encode(generator), "critic": encode(critic)}
    if not augmented:
        settings["augment"] = None
    return edited(recipes.load("auto"), [Edit(path, value=value) for path, value in settings.items()])


def folders(problem: str, options: argparse.Namespace) -> tuple[Path, Path | None]:
    """What is trained on, and what is measured against: None for what was held out."""
    if problem == "landscapes":
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


def trial(problem: str, augmented: bool, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    folder = options.work / f"{problem}-{'ada' if augmented else 'plain'}-{seed}"
    verdict = folder / "verdict.json"
    if not verdict.exists():
        data, against = folders(problem, options)
        out = folder / f"run-{sum(1 for _ in folder.glob('run-*'))}"
        recipe = replace(recipe_of(problem, augmented), seed=seed)
        carry_out(start(recipe, Where(data, device="cpu"), out, Budget(seconds=60.0 * options.minutes)))
        found = evaluate(out, against, device="cpu").to_json()
        assert isinstance(found, dict)
        with (out / "losses.csv").open() as file:
            found["p"] = [float(row["augment_p"]) for row in csv.DictReader(file) if row.get("augment_p")]
        verdict.write_text(json.dumps(found))
        print(
            problem, "ADA" if augmented else "plain", seed, {n: round(number(found, n), 4) for n in SHOWN}, flush=True
        )
    document: dict[str, Any] = json.loads(verdict.read_text())
    return document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=6.0, help="of training for each")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--problem", choices=("eurosat", "landscapes"), nargs="+", default=["eurosat"])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-ada")
    options = parser.parse_args()
    for problem in options.problem:
        rows = []
        for augmented in (True, False):
            found = [trial(problem, augmented, seed, options) for seed in range(options.seeds)]
            who = "ADA" if augmented else "no augmentation"
            for name in SHOWN:
                values = [number(verdict, name) for verdict in found]
                rows.append(Result(f"{who}: {name}", f"{statistics.fmean(values):.4f}"))
            if augmented:
                ends = ", ".join(f"{verdict['p'][-1]:.2f}" for verdict in found)
                halves = ", ".join(f"{verdict['p'][len(verdict['p']) // 2]:.2f}" for verdict in found)
                rows.append(Result("ADA: p at half of the run, at its end", f"{halves}; {ends}"))
        report(f"Adaptive augmentation, {problem}, {options.minutes:g} minutes, {options.seeds} seeds", rows)


if __name__ == "__main__":
    main()
