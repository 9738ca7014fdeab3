"""Terrain: does recipe ``terrain`` keep heights, slopes and classes, and what does each of the notes' settings do?

    python benchmarks/terrain.py --shared FOLDER [--minutes 15] [--short 6] [--seeds 3]
        [--only recipe notes ...] [--work FOLDER]

FOLDER is the folder of real data; the rasters are ``terrain/rhino``.  The recipe is trained with each seed; then,
for the shorter time and with the first seed alone, the notes' own game and each of their settings that failed, one at a
time.  All are
measured against the run's own data, held-out blocks first, and the shares of the classes against all tiles.  Stopped
and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from equipoise import recipes
from equipoise.data.codec import from_stored, to_world
from equipoise.edit import Edit
from equipoise.engine.look import draw, fixed_latents
from equipoise.evaluating import evaluate
from equipoise.recipe import Budget, Phase, Recipe, edited
from equipoise.run import Where, open_corpus
from equipoise.sampling import open_run
from equipoise.spec import Json
from equipoise.terms import Hinge, LeastSquares
from results import Result, report
from trials import Verdict, floor, kept, number, trained

PLACE = "terrain/rhino"
SHOWN = (
    "kernel",
    "coverage",
    "diversity",
    "spectrum",
    "values of height",
    "slopes of height",
    "range of height",
    "values of trees",
    "shares of cover",
)
JUDGED = 512
COMMON = 0.02
"""Share of the real pixels from which a class is one that must appear."""
THERE = 0.002
"""Share of the generated pixels from which it does."""


def of_notes(**settings: Json) -> Callable[[], Recipe]:
    """The notes' networks and game (attempts 8 to 11): hinge, spectral norm, Adam at 2e-4 without momentum."""

    def make() -> Recipe:
        recipe = recipes.load("terrain")
        game: dict[str, Json] = {
            "generator.upsampling": "nearest",
            "generator.norm": "instance",
            "generator.smooth": {},
            "generator.speckle": 0.0,
            "augment.operations.2.sigma.start": 0.1,
            "batch": 32,
            "critic.spectral_norm": True,
            "critic.weights": "small",
            "g_optim.lr": 2e-4,
            "d_optim.lr": 2e-4,
            **{path.replace("__", "."): value for path, value in settings.items()},
        }
        phase = replace(recipe.phases["main"], terms={"game": Hinge()})
        return edited(_with(recipe, phase), [Edit(path, value=value) for path, value in game.items()])

    return make


def least_squares() -> Recipe:
    """Attempt 5: least squares; here also without the noise on what the critic sees."""
    recipe = of_notes()()
    phase = replace(recipe.phases["main"], terms={"game": LeastSquares()})
    assert recipe.augment is not None
    return replace(_with(recipe, phase), augment=replace(recipe.augment, operations=recipe.augment.operations[:2]))


def _with(recipe: Recipe, phase: Phase) -> Recipe:
    gone = ("phases.main.terms.",)
    reasons = {path: why for path, why in recipe.reasons.items() if not path.startswith(gone)}
    tailor = replace(recipe.tailor, whole=(), spread=())  # type: ignore[type-var]  # no schedule is left but the noise
    return replace(recipe, phases={"main": phase}, reasons=reasons, tailor=tailor)


CONTENDERS: dict[str, Callable[[], Recipe]] = {
    "recipe": lambda: recipes.load("terrain"),
    "notes": of_notes(),
    "eps": of_notes(generator__eps=0.8),
    "hard": of_notes(generator__hard=True),
    "span": of_notes(categories__span="-1 to 1"),
    "squares": least_squares,
}
MEANING = {
    "recipe": "recipe terrain",
    "notes": "the notes' game: hinge, spectral norm",
    "eps": "the same with eps 0.8 in the norms",
    "hard": "the same with hard Gumbel-softmax",
    "span": "the same with classes from -1 to 1",
    "squares": "the same with least squares and no noise",
}


def trial(who: str, seed: int, minutes: float, options: argparse.Namespace) -> Verdict:
    data = options.shared / PLACE
    recipe, budget = replace(CONTENDERS[who](), seed=seed), Budget(seconds=60.0 * minutes)
    folder = options.work / f"{who}-{minutes:g}-{seed}"

    def make() -> Verdict:
        found = trained(recipe, Where(data, device="cpu"), folder, budget)
        said = evaluate(found.run, device="cpu", everything=True).to_json()
        assert isinstance(said, dict)
        verdict: Verdict = said | classes(found.run, recipe, data)
        print(who, seed, {name: round(number(verdict, name), 3) for name in SHOWN}, flush=True)
        return verdict

    return kept(folder, recipe, budget, make)


def classes(run: Path, recipe: Recipe, data: Path) -> Verdict:
    """Shares of the classes over all tiles, real and generated, and the largest share of one class in a sheet."""
    corpus = open_corpus(recipe, Where(data))
    at = [channel.kind for channel in corpus.space.channels].index("categorical")
    codes = [item.code for item in corpus.space.channels[at].classes]
    sampler = open_run(run, "cpu")
    latents = fixed_latents(0, "terrain", JUDGED, sampler.recipe.generator.latent)
    fake = to_world(draw(sampler.module, (latents,), torch.device("cpu")), sampler.space)[:, at]
    real = from_stored(corpus.samples, corpus.space)[:, at]
    of_real, of_fake = ([float((tiles == code).mean()) for code in codes] for tiles in (real, fake))
    distance = 0.5 * sum(abs(a - b) for a, b in zip(of_real, of_fake, strict=True))
    names = {item.code: item.name for item in corpus.space.channels[at].classes}
    missing = [names[code] for code, a, b in zip(codes, of_real, of_fake, strict=True) if a > COMMON and b < THERE]
    single = max(float((fake[:64] == code).mean()) for code in codes)
    alone = float(np.mean([len(np.unique(tile)) == 1 for tile in fake]))
    return {"total_variation": distance, "missing": missing, "largest": single, "of_one_class": alone}


def rows_of(who: str, verdicts: list[Verdict]) -> Iterable[Result]:
    def over_seeds(values: Iterable[float]) -> str:
        return ", ".join(f"{value:.3g}" for value in values)

    for name in SHOWN:
        values = over_seeds(number(verdict, name) for verdict in verdicts)
        yield Result(f"{who}: {name} (real data {floor(verdicts[0], name):.3g})", values)
    yield Result(
        f"{who}: total variation of the shares of classes",
        over_seeds(v["total_variation"] for v in verdicts),
        "below 0.15",
    )
    yield Result(
        f"{who}: common classes that are missing",
        "; ".join(", ".join(v["missing"]) or "none" for v in verdicts),
        "none",
    )
    yield Result(f"{who}: largest share of one class in a sheet", over_seeds(v["largest"] for v in verdicts), "below 1")
    yield Result(f"{who}: share of tiles of a single class", over_seeds(v["of_one_class"] for v in verdicts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=15.0, help="of training for each seed of the recipe")
    parser.add_argument("--short", type=float, default=6.0, help="minutes of training for each of the others")
    parser.add_argument("--seeds", type=int, default=3, help="of the recipe; the others have one")
    parser.add_argument("--only", choices=CONTENDERS, nargs="+", default=list(CONTENDERS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-terrain")
    options = parser.parse_args()
    for who in options.only:
        seeds, minutes = (options.seeds, options.minutes) if who == "recipe" else (1, options.short)
        verdicts = [trial(who, seed, minutes, options) for seed in range(seeds)]
        rows = list(rows_of(MEANING[who], verdicts))
        report(f"Terrain, {MEANING[who]}, {minutes:g} minutes, {seeds} seeds", rows)


if __name__ == "__main__":
    main()
