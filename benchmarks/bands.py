"""Super-resolution of bands of more than 8 bits: what recipe ``sentinel2_sr`` gains over bicubic on Sentinel-2 itself.

    python benchmarks/bands.py --shared FOLDER [--minutes 3] [--seeds 1] [--only ...] [--work FOLDER]

FOLDER is the folder of real data.  Its few patches are cut into smaller ones; a part is held out, whole files or blocks
of a scene together, and all is measured on that.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from contest import over_seeds
from equipoise import recipes
from equipoise.data import Patches
from equipoise.evaluating import evaluate
from equipoise.measures.enlarged import Enlarged
from equipoise.measures.standard import Invalid
from equipoise.recipe import Budget, Recipe
from equipoise.run import Where
from results import Result, report
from trials import Verdict, kept, trained

SHOWN = ("psnr", "ssim", "angle", "consistent")
COMPARED = ("psnr", "ssim", "angle")
STAGES = {"first": "pixels-best.safetensors", "second": "generator.safetensors"}
SIDE = 40
HELD_OUT = 0.2


@dataclass(frozen=True)
class Place:
    """Where patches lie, and how they are read."""

    folder: str
    source: Patches
    meaning: str


def _patches(**settings: object) -> Patches:
    return replace(Patches(size=SIDE, fitted_without=HELD_OUT), **settings)  # type: ignore[arg-type]


PLACES: Mapping[str, Place] = {
    "bigearthnet": Place("sentinel2/bigearthnet_tiny", _patches(), "BigEarthNet, the four bands of 10 m"),
    "dsen2": Place("sentinel2/dsen2", _patches(group="block"), "a scene of DSen2, the four bands of 10 m"),
    "sensor": Place(
        "sentinel2/dsen2", _patches(group="block", degradation="sensor"), "the same scene, made small as a sensor does"
    ),
}


def recipe_for(place: Place, seed: int) -> Recipe:
    return replace(recipes.load("sentinel2_sr"), source=place.source, held_out=HELD_OUT, seed=seed)


def trial(who: str, seed: int, options: argparse.Namespace) -> Verdict:
    """What all numbers say of each stage, on patches that were held out."""
    place = PLACES[who]
    recipe, budget = recipe_for(place, seed), Budget(seconds=60.0 * options.minutes)
    folder = options.work / f"{who}-{seed}"

    def make() -> Verdict:
        run = trained(recipe, Where(options.shared / place.folder, device="cpu"), folder, budget).run
        data = options.shared / place.folder
        return {stage: _numbers(run / "best" / name, data) for stage, name in STAGES.items()}

    return kept(folder, recipe, budget, make)


def _numbers(generator: Path, data: Path) -> dict[str, float]:
    found = evaluate(generator, data, device="cpu")
    rows = {"count": float(found.num_held_out or 0)}
    for number in _known(found.enlarged):
        rows[number.name] = number.made.mean
        if number.bicubic is not None:
            rows[f"bicubic {number.name}"] = number.bicubic.mean
    return rows


def _known(found: Iterable[Enlarged | Invalid]) -> list[Enlarged]:
    return [number for number in found if isinstance(number, Enlarged)]


def rows_of(who: str, options: argparse.Namespace) -> list[Result]:
    verdicts, words = [trial(who, seed, options) for seed in range(options.seeds)], PLACES[who].meaning
    first = verdicts[0]["first"]
    rows = [Result(f"{words}: patches held out", f"{first['count']:.0f}")]
    rows += [Result(f"{words}: bicubic, {name}", f"{first[f'bicubic {name}']:.4f}") for name in COMPARED]
    for stage in STAGES:
        numbers = [verdict[stage] for verdict in verdicts]
        gain = over_seeds([each["psnr"] - each["bicubic psnr"] for each in numbers])
        rows.append(Result(f"{words}: {stage} stage, gain in dB", gain))
        rows += [
            Result(f"{words}: {stage} stage, {name}", over_seeds([each[name] for each in numbers])) for name in SHOWN
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=3.0, help="of both stages together")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", choices=PLACES, nargs="+", default=list(PLACES))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-bands")
    options = parser.parse_args()
    rows = [Result("threads", str(torch.get_num_threads()))]
    for who in options.only:
        rows += rows_of(who, options)
    report(f"Super-resolution of bands x2, {options.minutes:g} minutes, {options.seeds} seeds", rows)


if __name__ == "__main__":
    main()
