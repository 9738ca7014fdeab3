"""Photographs found in a generator's latent space, and moved over the plane of their conditions.

    python benchmarks/projecting.py [--minutes 20] [--seeds 3] [--work FOLDER]

The runs are those of recipe ``landscapes`` that ``benchmarks/landscapes.py``, with the same words, has trained; what
is found are the photographs that none of them was trained on.  How near that comes stands beside what the run's own
autoencoder makes of the same photographs, at its best and before any game.  A regression fitted to the photographs that
were trained on then reads each picture before and after an edit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from contest import over_seeds
from equipoise.engine.asking import arguments
from equipoise.engine.export import Sampler
from equipoise.engine.look import reals
from equipoise.folder import RunFolder
from equipoise.measures.conditions import appearance, reader
from equipoise.projecting import search
from equipoise.run import Where, data_of, open_corpus
from equipoise.sampling import open_run
from equipoise.view import Batch, Conditions, Latents, Samples
from results import Result, report

EDIT = 0.3
MOVED = 0.8
"""Share of the photographs whose reading is to move the way of the edit."""
AUTOENCODER = "rebuild-best.safetensors"


@dataclass(frozen=True)
class Found:
    """Of one run: mean absolute errors, values from -1 to 1, and shares of photographs, by condition."""

    photographs: int
    searched: float
    encoded: float
    autoencoder: float
    raised: dict[str, float]
    lowered: dict[str, float]


def found(run: Path) -> Found:
    sampler = open_run(run, "cpu")
    corpus = open_corpus(sampler.recipe, Where(data_of(RunFolder(run)), device="cpu"))
    split = corpus.split(sampler.recipe.held_out)
    unseen = reals(corpus, split, len(split.held_out), 0)
    seen = reals(corpus, split, len(split.seen), 0, skip=len(split.held_out))
    latents, conditions = search(sampler, unseen.real, {})
    raised, lowered = (_moved(sampler, seen, latents, conditions, edit) for edit in (EDIT, -EDIT))
    return Found(
        len(unseen.real),
        _error(made(sampler, latents, conditions), unseen.real),
        _error(rebuilt(sampler, unseen), unseen.real),
        _error(rebuilt(open_run(run / "best" / AUTOENCODER, "cpu"), unseen), unseen.real),
        raised,
        lowered,
    )


@torch.no_grad()
def made(sampler: Sampler, latents: Latents, conditions: Conditions) -> Samples:
    belonging = Batch(torch.empty(len(latents), 0, 0, 0), conditions)
    samples: Samples = sampler.module(*arguments(sampler.recipe.generator.takes, latents, belonging))
    return samples


@torch.no_grad()
def rebuilt(sampler: Sampler, photographs: Batch) -> Samples:
    """By the encoder's means, with the photographs' own ratings."""
    assert sampler.encoder is not None
    assert photographs.conditions is not None
    return made(sampler, sampler.encoder(photographs.real)[0], photographs.conditions)


def _error(samples: Samples, photographs: Samples) -> float:
    return float((samples - photographs).abs().mean())


def _moved(sampler: Sampler, seen: Batch, latents: Latents, conditions: Conditions, by: float) -> dict[str, float]:
    """Of each condition, the share of pictures that are read as the edit meant it."""
    assert seen.conditions is not None
    shares = {}
    for at, item in enumerate(sampler.space.conditions):
        edited = conditions.clone()
        edited[:, at] = (edited[:, at] + by).clamp(0.0, 1.0)
        of_seen, before, after = appearance(
            seen.real, made(sampler, latents, conditions), made(sampler, latents, edited)
        )
        read = reader(of_seen.double(), seen.conditions.double())
        moved = (read(after.double()) - read(before.double()))[:, at]
        shares[item.name] = float((moved * by > 0).double().mean())
    return shares


def newest(folder: Path) -> Path:
    """The last run that was begun there."""
    runs = sorted(folder.glob("run-*"), key=lambda run: run.stat().st_mtime)
    if not runs:
        sys.exit(f"{folder} holds no run: benchmarks/landscapes.py, with the same words, comes first")
    return runs[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-landscapes")
    options = parser.parse_args()
    runs = [newest(options.work / f"recipe-{options.minutes:g}-{seed}") for seed in range(options.seeds)]
    everything = [found(run) for run in runs]
    rows = [
        Result("photographs, never trained on", str(everything[0].photographs)),
        Result("mean error, searched", over_seeds([each.searched for each in everything])),
        Result("mean error, by the encoder alone", over_seeds([each.encoded for each in everything])),
        Result("mean error, of the autoencoder before the game", over_seeds([each.autoencoder for each in everything])),
    ]
    for name in everything[0].raised:
        for words, by, shares in (
            ("raised", EDIT, [each.raised[name] for each in everything]),
            ("lowered", -EDIT, [each.lowered[name] for each in everything]),
        ):
            rows.append(Result(f"{name} {words} by {abs(by)}, and read so", over_seeds(shares), f"at least {MOVED}"))
    report(f"Photographs found and edited, landscapes of {options.minutes:g} minutes, {options.seeds} seeds", rows)


if __name__ == "__main__":
    main()
