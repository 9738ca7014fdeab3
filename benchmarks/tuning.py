"""The tuner on real figures: does it find a better setting, and does what it found hold for new seeds and new pictures?

    python benchmarks/tuning.py --shared FOLDER [--minutes 45] [--processes 2] [--horizon N] [--seeds 3] [--work F]

FOLDER is the folder of real data.  Two of three figures are trained on.  Narrow networks of the notes' first WGAN-GP
are tuned for the time that is given, by so many workers on one study.  Then the recipe's own settings and the
recommended ones are trained from the beginning, with seeds that the tuner has not seen, and measured against the other
figures.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from equipoise import recipes
from equipoise.edit import Edit
from equipoise.recipe import Budget, Recipe, Span, edited
from equipoise.run import Where
from equipoise.spec import encode
from equipoise.tuning.intervals import Difference
from results import Result, report
from trials import Verdict, judged, kept, number, set_apart, trained

PICTURES = "sprites/crawl_tiles/mon"
SEEN = 515
"""Of 772: two of three."""
NARROW = {"generator.width": 16, "critic.width": 16, "batch": 32}
"""So that two cores train trials of some hundred steps in the time."""
SHOWN = ("kernel", "frechet", "coverage", "diversity")
FIRST_NEW_SEED = 100


def subject() -> Recipe:
    return edited(recipes.load("sprites_small"), [Edit(path, value=value) for path, value in NARROW.items()])


def tuned(
    recipe: Recipe, pictures: Path, work: Path, minutes: float, processes: int, horizon: int | None
) -> dict[str, Any]:
    """What the study says after its budget, of time in all workers together."""
    file = work / "recipe.json"
    file.write_text(json.dumps(encode(recipe)))
    folder = work / "study"
    budget = f"{minutes * processes:g}m"
    words = ["tune", str(file), "--data", str(pictures), "--out", str(folder), "--budget", budget]
    words += ["--warm-up", f"{horizon}", "--horizon", f"{horizon}"] if horizon is not None else []
    command = [sys.executable, "-m", "equipoise", *words, "--device", "cpu"]
    workers = [subprocess.Popen(command) for _ in range(processes)]
    codes = [worker.wait() for worker in workers]
    if any(codes):
        sys.exit("a worker ended with an error; the same command goes on")
    found: dict[str, Any] = json.loads((folder / "tune.json").read_text())
    return found


def verdict(recipe: Recipe, seed: int, steps: int, pictures: tuple[Path, Path], folder: Path) -> Verdict:
    seeded = edited(recipe, [Edit("seed", value=FIRST_NEW_SEED + seed)])
    budget = Budget(Span(steps, "steps"))

    def make() -> Verdict:
        return judged(trained(seeded, Where(pictures[0], device="cpu"), folder, budget).run, pictures[1])

    return kept(folder, seeded, budget, make)


def in_words(difference: Difference) -> str:
    return f"{difference.mean:+.4f} [{difference.low:.4f}, {difference.high:.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--horizon", type=int, help="steps of a trial; default what fits into the time")
    parser.add_argument("--seeds", type=int, default=3, help="new ones, by which what was found is judged again")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-tuning")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    pictures = set_apart(options.shared / PICTURES, options.work / "pictures", SEEN)
    recipe = subject()
    found = tuned(recipe, pictures[0], options.work, options.minutes, options.processes, options.horizon)
    rows = [
        Result(f"{one['knob']}: {tried['settings']}", told(tried)) for one in found["rounds"] for tried in tries(one)
    ]
    rows.append(
        Result("recommended", found["recommended"] or "nothing: none that was decided is better by more than the noise")
    )
    rows.append(Result("not decided in the time", ", ".join(found["undecided"]) or "none"))
    if found["edits"] and options.seeds:
        better = edited(recipe, [Edit(edit["path"], edit["op"], edit["value"]) for edit in found["edits"]])
        steps = found["warm_up_steps"] + found["horizon_steps"]
        pairs = [
            tuple(verdict(one, seed, steps, pictures, options.work / "new") for one in (recipe, better))
            for seed in range(options.seeds)
        ]
        for name in SHOWN:
            pair = Difference.of([number(its, name) - number(own, name) for own, its in pairs])
            rows.append(Result(f"new seeds and pictures, {name}: tuned less own", in_words(pair)))
    title = f"The tuner on figures, {options.minutes:g} minutes, {options.processes} workers"
    report(title, rows, f"{len(found['trials'])} trials of {found['horizon_steps']} steps; {found['ended']}.")


def tries(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [tried for tried in one["tried"] if tried["by_seed"]]


def told(tried: dict[str, Any]) -> str:
    mean, low, high = tried["less_is_better"][0] if tried["less_is_better"] else (None, None, None)
    values = ", ".join(f"{value:.4f}" for value in (one["values"][0] for one in tried["by_seed"]))
    interval = f"; less the present {mean:+.4f} [{low:.4f}, {high:.4f}]" if mean is not None else ""
    return f"{values}{interval}; {tried['verdict'] or 'one seed'}"


if __name__ == "__main__":
    main()
