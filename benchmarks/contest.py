"""Recipes against one another at equal wall time: auto, a plain DCGAN, and sprites_large, at 32 pixels on real data.

    python benchmarks/contest.py --shared FOLDER [--minutes 8] [--seeds 3] [--data mon eurosat] [--work FOLDER]

FOLDER is the folder of real data.  Every run has both cores to itself, and all are measured against the same real
samples, those held out from training first.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy.stats import t

from contenders import plain_dcgan
from equipoise import recipes
from equipoise.data import Images
from equipoise.edit import Edit
from equipoise.evaluating import evaluate
from equipoise.folder import RunFolder
from equipoise.journal import Measured, Tick
from equipoise.recipe import Budget, Recipe, Source, edited
from equipoise.run import Where, carry_out, start
from equipoise.spec import encode
from results import Result, report

SOURCES: dict[str, tuple[str, Images]] = {
    "mon": ("sprites/crawl_tiles/mon", Images(size=32, fit="pad", filter="pixel")),
    "eurosat": ("sentinel2/eurosat", Images(size=32)),
}
SHOWN = ("kernel", "coverage", "precision", "diversity", "memory")


def ours(name: str) -> Callable[[Source], Recipe]:
    return lambda source: edited(recipes.load(name), [Edit("source", value=encode(source))])


CONTENDERS: dict[str, Callable[[Source], Recipe]] = {
    "auto": ours("auto"),
    "DCGAN": plain_dcgan,
    "sprites_large": ours("sprites_large"),
}


def trial(who: str, data: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """What an evaluation says of one run, which is trained unless an earlier call has done so."""
    folder = options.work / f"{options.minutes:g}min" / f"{who}-{data}-{seed}"
    verdict = folder / "verdict.json"
    if not verdict.exists():
        place, source = SOURCES[data]
        out = folder / f"run-{sum(1 for _ in folder.glob('run-*'))}"
        budget = Budget(seconds=60.0 * options.minutes)
        carry_out(
            start(replace(CONTENDERS[who](source), seed=seed), Where(options.shared / place, device="cpu"), out, budget)
        )
        found = evaluate(out, device="cpu").to_json()
        assert isinstance(found, dict)
        found["scoring_share"] = scoring_share(out)
        verdict.write_text(json.dumps(found))
        numbers = {name: round(number(found, name), 4) for name in SHOWN}
        print(f"{data} {who} seed {seed}: best of step {found['step']}: {numbers}", flush=True)
    document: dict[str, Any] = json.loads(verdict.read_text())
    return document


def scoring_share(run: Path) -> float:
    """Of the time from the run's start to its end, what scores took."""
    events = RunFolder(run).read_journal().events
    spent = sum(event.seconds for event in events if isinstance(event, Measured))
    return spent / max(event.seconds for event in events if isinstance(event, Tick))


def number(verdict: dict[str, Any], name: str) -> float:
    measured = verdict["measures"][name]
    return float(measured["value"]["mean"]) if "value" in measured else math.nan


def floor(verdict: dict[str, Any], name: str) -> float:
    measured = verdict["measures"][name]
    return float(measured["floor"]["mean"]) if "floor" in measured else math.nan


def over_seeds(values: list[float]) -> str:
    """Mean and 95 % interval over seeds."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.4f}"
    reach = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.4f} ({mean - reach:.4f} to {mean + reach:.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training for each")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", choices=SOURCES, nargs="+", default=list(SOURCES))
    parser.add_argument("--only", choices=CONTENDERS, nargs="+", default=list(CONTENDERS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-contest")
    options = parser.parse_args()
    jobs = [(who, data, seed) for seed in range(options.seeds) for data in options.data for who in options.only]
    found = {job: trial(*job, options) for job in jobs}
    for data in options.data:
        rows = []
        for who in options.only:
            verdicts = [found[who, data, seed] for seed in range(options.seeds)]
            for name in SHOWN:
                values = [number(verdict, name) for verdict in verdicts]
                usual = statistics.fmean(floor(verdict, name) for verdict in verdicts)
                rows.append(Result(f"{who}: {name} (real data {usual:.4f})", over_seeds(values)))
            steps = statistics.median(verdict["step"] for verdict in verdicts)
            share = statistics.fmean(verdict["scoring_share"] for verdict in verdicts)
            rows.append(Result(f"{who}: share of the time spent on scores", f"{share:.1%}", "below 5 %"))
            rows.append(Result(f"{who}: step of the best generator, median", f"{steps:.0f}"))
        report(f"Recipes on {data}, {options.minutes:g} minutes each, {options.seeds} seeds", rows)


if __name__ == "__main__":
    main()
