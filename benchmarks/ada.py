"""Adaptive augmentation with and without, for the same number of steps.

    python benchmarks/ada.py --shared FOLDER [--seeds 3] [--problem dcgan auto landscapes digits] [--work FOLDER]

``dcgan``: a DCGAN with cross-entropy at 32 pixels on 200 scenes, measured against the 1750 that were not in the folder.
``auto``: recipe auto on the same scenes.
``settling``: the same with augmentation whose p may go from 0 to 1 in 100 000 images, not 500 000, once: its p.
``landscapes``: the style networks at 32 pixels on 160 photographs at that pace, measured against the 57 others, once.
``digits``: recipe auto on 20 000 stacked digits, once, with augmentation only: its p.

A fifth of each folder is held out for the controller.  Copies are looked for by a second evaluation, on the run's own
data.  Width and arithmetic are set, and every score is made, so that nothing depends on how fast the machine is.
Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from contenders import plain_dcgan
from contest import over_seeds
from equipoise import recipes
from equipoise.data import Images, StackedDigits
from equipoise.edit import Edit
from equipoise.folder import RunFolder
from equipoise.journal import Measured
from equipoise.networks import StyleCritic, StyleGenerator
from equipoise.recipe import Budget, Recipe, Span, edited
from equipoise.recipes.augmenting import with_ada
from equipoise.run import Where
from equipoise.spec import Json, encode
from results import Result, report
from trials import Verdict, judged, kept, number, set_apart, trained

HELD_OUT = 0.2
SHOWN = ("kernel", "frechet", "precision", "recall", "coverage", "diversity")
STYLE = {
    "generator": encode(StyleGenerator(latent=64, width=16, widest=128)),
    "critic": encode(StyleCritic(width=16, widest=128)),
}
QUICK = 1e5
NARROW = {"generator.width": 32, "critic.width": 32}
SAME_EVERYWHERE: dict[str, Json] = {
    "precision.compute": "float32",
    "precision.layout": "contiguous",
    "cadence.measuring_share": 1.0,
}


@dataclass(frozen=True)
class Problem:
    """What is trained on and how."""

    recipe: Callable[[], Recipe]
    place: str
    """Of the pictures; empty for a source that brings its own."""
    pictures: int
    """In the folder that is trained on, those that are held out included."""
    settings: dict[str, Json]
    steps: int
    most_seeds: int
    both: bool = True
    """Whether there is a run without augmentation too."""
    pace: float | None = None
    """Over so many images p may go from 0 to 1, if not over as many as usual."""

    def with_or_without(self, augmented: bool, seed: int) -> Recipe:
        edits = [Edit(path, value=value) for path, value in {**SAME_EVERYWHERE, **self.settings}.items()]
        recipe = edited(self.recipe(), edits)
        recipe = with_ada(recipe) if augmented else replace(recipe, augment=None)
        if augmented and self.pace is not None:
            recipe = edited(recipe, [Edit("augment.adaptive.images", value=self.pace)])
        return replace(recipe, seed=seed)


auto = partial(recipes.load, "auto")

PROBLEMS = {
    "dcgan": Problem(
        partial(plain_dcgan, Images(size=32)),
        "sentinel2/eurosat",
        250,
        {"held_out": HELD_OUT, "batch": 32, "cadence.sheet_steps": 400, **NARROW},
        4000,
        3,
    ),
    "auto": Problem(auto, "sentinel2/eurosat", 250, {"held_out": HELD_OUT, "source.size": 32, **NARROW}, 4000, 3),
    "settling": Problem(
        auto,
        "sentinel2/eurosat",
        250,
        {"held_out": HELD_OUT, "source.size": 32, **NARROW},
        4000,
        1,
        both=False,
        pace=QUICK,
    ),
    "landscapes": Problem(
        auto,
        "landscapes/oasis_scenery/images",
        160,
        {"held_out": HELD_OUT, "source.size": 32, **STYLE},
        3000,
        1,
        pace=QUICK,
    ),
    "digits": Problem(auto, "", 0, {"source": encode(StackedDigits(count=20_000)), **NARROW}, 1500, 1, both=False),
}


def trial(name: str, augmented: bool, seed: int, options: argparse.Namespace) -> Verdict:
    """What evaluations say of the run's best generator, and p over the run."""
    problem = PROBLEMS[name]
    recipe, budget = problem.with_or_without(augmented, seed), Budget(Span(problem.steps))
    folder = options.work / f"{name}-{'ada' if augmented else 'plain'}-{seed}"
    ours = against = None
    if problem.place:
        ours, against = set_apart(options.shared / problem.place, options.work / name, problem.pictures)

    def make() -> Verdict:
        found = trained(recipe, Where(ours, device="cpu"), folder, budget)
        verdict = judged(found.run, against)
        with (found.run / "losses.csv").open() as file:
            p = [float(row["augment_p"]) for row in csv.DictReader(file) if row.get("augment_p")]
        scores = [event.value for event in RunFolder(found.run).read_journal().events if isinstance(event, Measured)]
        verdict |= {"p": p, "last": scores[-1]}
        numbers = {measure: round(number(verdict, measure), 4) for measure in SHOWN}
        print(f"{name} {'ADA' if augmented else 'plain'} seed {seed}, step {verdict['step']}: {numbers}", flush=True)
        return verdict

    return kept(folder, recipe, budget, make)


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
        jobs = [(seed, augmented) for seed in range(seeds) for augmented in ways.values()]
        verdicts = {job: trial(name, job[1], job[0], options) for job in jobs}
        rows = []
        for who, augmented in ways.items():
            found = [verdicts[seed, augmented] for seed in range(seeds)]
            rows += [
                Result(f"{who}: {measure}", over_seeds([number(verdict, measure) for verdict in found]))
                for measure in SHOWN
            ]
            memory = over_seeds([number({"measures": verdict["own"]}, "memory") for verdict in found])
            rows.append(Result(f"{who}: memory", memory))
            rows.append(Result(f"{who}: step of the best generator", f"{statistics.median(v['step'] for v in found)}"))
            last = over_seeds([verdict["last"] for verdict in found])
            rows.append(Result(f"{who}: kernel distance of the last generator to the few held out", last))
            if augmented:
                rows.append(Result("p at each quarter of the run", "; ".join(over_the_run(v["p"]) for v in found)))
        report(f"Adaptive augmentation, {name}, {problem.steps} steps, {seeds} seeds", rows)


if __name__ == "__main__":
    main()
