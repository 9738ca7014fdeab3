"""Landscapes by valence and arousal: does recipe ``landscapes`` obey, and what does each of the notes' choices do?

    python benchmarks/landscapes.py --shared FOLDER [--minutes 20] [--seeds 3] [--short 5] [--only recipe ...]

FOLDER is the folder of real data; the photographs are ``landscapes/oasis_scenery``.  The recipe is trained with each
seed; then, for the shorter time and with the first seed alone, the recipe once more and with one thing changed each
time.  All are measured against the run's own data, held-out photographs first.  Stopped and started again, it goes on
where it was.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from contest import over_seeds
from equipoise import recipes
from equipoise.data import LabelledImages, Scale
from equipoise.edit import Edit
from equipoise.evaluating import evaluate
from equipoise.recipe import Budget, Recipe, edited
from equipoise.run import Where
from equipoise.spec import Json
from results import Result, report
from trials import Verdict, kept, number, trained

PLACE = "landscapes/oasis_scenery"
RATINGS = {"valence": Scale(1, 7, "Valence_mean"), "arousal": Scale(1, 7, "Arousal_mean")}
SHOWN = ("kernel", "coverage", "recall", "diversity", "memory", "checkerboard", "blocks", "star", "stripes", "colour")
HEALTHY = (0.4, 1.8)
OBEYS = 0.6


def recipe() -> Recipe:
    found = recipes.load("landscapes")
    assert isinstance(found.source, LabelledImages)
    return replace(found, source=replace(found.source, conditions=RATINGS))


def changed(**settings: Json) -> Callable[[], Recipe]:
    """The recipe with some settings changed; two underscores stand for a dot."""
    edits = [Edit(path.replace("__", "."), value=value) for path, value in settings.items()]
    return lambda: edited(recipe(), edits)


def cold() -> Recipe:
    """No autoencoder first: the game from the start, as long."""
    made = recipe()
    phases = {name: phase for name, phase in made.phases.items() if name == "play"}
    reasons = {path: why for path, why in made.reasons.items() if not path.startswith("phases.") or ".play." in path}
    return replace(made, phases=phases, reasons=reasons)


def without_diversity() -> Recipe:
    made = recipe()
    drops = [Edit(f"phases.{name}.terms.diversity", op="drop") for name in ("ramp", "play")]
    return edited(made, drops)


CONTENDERS: dict[str, Callable[[], Recipe]] = {
    "recipe": recipe,
    "cold": cold,
    "slow critic": changed(d_optim__lr=1e-4),
    "weak reading": changed(
        phases__ramp__terms__reads__weight=0.5,
        phases__play__terms__reads__weight=0.5,
    ),
    "no diversity": without_diversity,
    "perceptual": changed(phases__play__terms__perceptual__weight=0.1),
    "unclamped": changed(
        generator__modulation__clamp=None,
        generator__modulation__multiplier_low=0.1,
        generator__modulation__multiplier_high=3.0,
        generator__modulation__beta_scale=10.0,
    ),
    "bilinear": changed(generator__upsampling="bilinear"),
    "shuffle": changed(generator__upsampling="shuffle_plain"),
}
MEANING = {
    "recipe": "recipe landscapes",
    "cold": "without the autoencoder first",
    "slow critic": "critic's rate of 1e-4, the notes'",
    "weak reading": "weight 0.5 of the readings, the notes'",
    "no diversity": "without the term diversity",
    "perceptual": "perceptual weight 0.1 from the start of the game",
    "unclamped": "gamma unbounded, multiplier 0.1 to 3, beta times 10",
    "bilinear": "bilinear up-sampling",
    "shuffle": "pixel shuffle with plain initial weights",
}


def trial(who: str, seed: int, minutes: float, options: argparse.Namespace) -> Verdict:
    made, budget = replace(CONTENDERS[who](), seed=seed), Budget(seconds=60.0 * minutes)
    folder = options.work / f"{who.replace(' ', '-')}-{minutes:g}-{seed}"

    def make() -> Verdict:
        found = trained(made, Where(options.shared / PLACE, device="cpu"), folder, budget)
        said = evaluate(found.run, device="cpu", everything=True).to_json()
        assert isinstance(said, dict)
        verdict: Verdict = said | {"gamma": gammas(found.run)}
        print(
            f"{who} seed {seed}: step {verdict['step']}, gamma {verdict['gamma']}, {verdict['conditions']}", flush=True
        )
        return verdict

    return kept(folder, made, budget, make)


def gammas(run: Path) -> list[float]:
    """The lowest and the highest gamma of the run."""
    with (run / "losses.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["gamma_low"]]
    return [min(float(row["gamma_low"]) for row in rows), max(float(row["gamma_high"]) for row in rows)]


def rows_of(words: str, found: list[Verdict], *, wanted: bool) -> list[Result]:
    def over(read: Callable[[Verdict], float]) -> str:
        return over_seeds([read(verdict) for verdict in found])

    rows = []
    for name in RATINGS:
        of_reals = found[0]["conditions"]["probes"][name]["real"]
        asked = over(lambda verdict, name=name: verdict["conditions"]["probes"][name]["fakes"]["mean"])  # type: ignore[misc]
        least = f"above {OBEYS}" if wanted and name == "valence" else ""
        rows.append(Result(f"{words}: {name} asked for and read (real photographs {of_reals:.2f})", asked, least))
    rows.append(
        Result(f"{words}: spread between conditions", over(lambda verdict: verdict["conditions"]["spread"]["mean"]))
    )
    rows.append(
        Result(f"{words}: trends as in the data", over(lambda verdict: verdict["conditions"]["trends"]["mean"]))
    )
    low, high = min(verdict["gamma"][0] for verdict in found), max(verdict["gamma"][1] for verdict in found)
    bounds = f"within {HEALTHY[0]} and {HEALTHY[1]}" if wanted else ""
    rows.append(Result(f"{words}: gamma, lowest and highest", f"{low:.2f} to {high:.2f}", bounds))
    for name in SHOWN:
        floors = found[0]["measures"][name].get("floor", {}).get("mean", float("nan"))
        rows.append(
            Result(f"{words}: {name} (real data {floors:.3g})", over(lambda verdict, name=name: number(verdict, name)))  # type: ignore[misc]
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training for each seed of the recipe")
    parser.add_argument("--short", type=float, default=5.0, help="minutes of training for what is compared")
    parser.add_argument("--seeds", type=int, default=3, help="of the recipe; the others have one")
    parser.add_argument("--only", choices=CONTENDERS, nargs="+", default=list(CONTENDERS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-landscapes")
    options = parser.parse_args()
    threads = Result("threads of each run", str(torch.get_num_threads()))
    if "recipe" in options.only:
        found = [trial("recipe", seed, options.minutes, options) for seed in range(options.seeds)]
        title = f"Landscapes, {options.minutes:g} minutes, {options.seeds} seeds"
        report(title, [threads, *rows_of("recipe", found, wanted=True)])
    rows = [threads]
    for who in options.only:
        rows += rows_of(MEANING[who], [trial(who, 0, options.short, options)], wanted=False)
    report(f"Landscapes, one thing changed at a time, {options.short:g} minutes each", rows)


if __name__ == "__main__":
    main()
