"""Recipes against one another at equal wall time: auto, a plain DCGAN, and sprites_large, at 32 pixels on real data.

    python benchmarks/contest.py --shared FOLDER [--minutes 8] [--seeds 3] [--size 32] [--data mon eurosat]

FOLDER is the folder of real data.  A quarter of the pictures of ``mon`` and a fifth of those of ``eurosat`` are set
apart first: nobody trains on them or chooses by them, and all are measured against them.  Copies are looked for by a
second evaluation, on the run's own data.  What auto takes to measure the machine counts as part of its time.  Two
drivers, each bound to one core and with one of the data, take half as long; the rows say how many threads there were.
Stopped and started again, the driver goes on where it was.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from scipy.stats import t

from contenders import plain_dcgan
from equipoise import recipes
from equipoise.data import Images
from equipoise.edit import Edit
from equipoise.recipe import Budget, Recipe, Source, edited
from equipoise.run import Where
from equipoise.spec import encode
from results import Result, report
from trials import Verdict, floor, judged, kept, number, set_apart, trained

SIZE = 32
SOURCES: dict[str, tuple[str, Images, int]] = {
    "mon": ("sprites/crawl_tiles/mon", Images(fit="pad", filter="pixel"), 579),
    "eurosat": ("sentinel2/eurosat", Images(), 1600),
}
"""Where the pictures lie, how they are read, and how many may be trained on."""
SHOWN = ("kernel", "frechet", "precision", "recall", "coverage", "diversity", "detail")
OF_COPIES = "memory"
MEASURING_S = {"auto": 20.0}
"""Taken from a recipe's time beforehand: what it needs before its first step, which is reported too."""


def ours(name: str) -> Callable[[Source], Recipe]:
    return lambda source: edited(recipes.load(name), [Edit("source", value=encode(source))])


CONTENDERS: dict[str, Callable[[Source], Recipe]] = {
    "auto": ours("auto"),
    "DCGAN": plain_dcgan,
    "sprites_large": ours("sprites_large"),
}


def trial(who: str, data: str, seed: int, options: argparse.Namespace) -> Verdict:
    """What evaluations say of one run, which is trained unless an earlier call has done so."""
    place, source, seen = SOURCES[data]
    ours, against = set_apart(options.shared / place, options.work / data, seen)
    recipe = replace(CONTENDERS[who](replace(source, size=options.size)), seed=seed)
    budget = Budget(seconds=60.0 * options.minutes - MEASURING_S.get(who, 0.0))
    folder = options.work / f"{who}-{data}-{seed}"

    def make() -> Verdict:
        found = trained(recipe, Where(ours, device="cpu"), folder, budget)
        verdict = judged(found.run, against)
        verdict |= {"starting_s": found.starting_s, "scoring_share": found.scoring_share}
        verdict["threads"] = torch.get_num_threads()
        numbers = {name: round(number(verdict, name), 4) for name in SHOWN}
        print(f"{data} {who} seed {seed}: best of step {verdict['step']}: {numbers}", flush=True)
        return verdict

    return kept(folder, recipe, budget, make)


def spread(verdicts: list[Verdict], name: str) -> str:
    """Of one run with the interval of its evaluation, of several with that over seeds."""
    if len(verdicts) > 1:
        return over_seeds([number(verdict, name) for verdict in verdicts])
    value = verdicts[0]["measures"][name]["value"]
    return f"{value['mean']:.4f} ({value['low']:.4f} to {value['high']:.4f})"


def over_seeds(values: list[float]) -> str:
    """Mean and 95 % interval over seeds."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.4f}"
    reach = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.4f} ({mean - reach:.4f} to {mean + reach:.4f})"


def rows_of(who: str, verdicts: list[Verdict]) -> list[Result]:
    own = [{"measures": verdict["own"]} for verdict in verdicts]
    rows = [
        Result(
            f"{who}: {name} (real data {statistics.fmean(floor(verdict, name) for verdict in verdicts):.4f})",
            spread(verdicts, name),
        )
        for name in SHOWN
    ]
    beyond = sum(bool(verdict["measures"][OF_COPIES]["tells"]) for verdict in own)
    memory = spread(own, OF_COPIES)
    rows.append(Result(f"{who}: memory, and in how many runs beyond chance", f"{memory}; {beyond} of {len(own)}", "0"))
    steps = statistics.median(verdict["step"] for verdict in verdicts)
    share = max(verdict["scoring_share"] for verdict in verdicts)
    starting = max(verdict["starting_s"] for verdict in verdicts)
    return [
        *rows,
        Result(f"{who}: threads", ", ".join(sorted({str(verdict["threads"]) for verdict in verdicts}))),
        Result(f"{who}: step of the best generator, median", f"{steps:.0f}"),
        Result(f"{who}: seconds before the first step, most", f"{starting:.0f}"),
        Result(f"{who}: share of the time spent on scores, most", f"{share:.1%}", "below 5 %"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training for each")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=SIZE, help="of the pictures, in pixels")
    parser.add_argument("--data", choices=SOURCES, nargs="+", default=list(SOURCES))
    parser.add_argument("--only", choices=CONTENDERS, nargs="+", default=list(CONTENDERS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-contest")
    options = parser.parse_args()
    jobs = [(who, data, seed) for seed in range(options.seeds) for data in options.data for who in options.only]
    found = {job: trial(*job, options) for job in jobs}
    for data in options.data:
        rows = []
        for who in options.only:
            rows += rows_of(who, [found[who, data, seed] for seed in range(options.seeds)])
        at = "" if options.size == SIZE else f" at {options.size} pixels"
        report(f"Recipes on {data}{at}, {options.minutes:g} minutes each, {options.seeds} seeds", rows)


if __name__ == "__main__":
    main()
