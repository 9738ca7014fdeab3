"""Super-resolution: what recipe ``sentinel2_sr`` gains over bicubic interpolation, beside a plain residual network.

    python benchmarks/superresolution.py --shared FOLDER [--minutes 20] [--scale 2 4] [--seeds 1] [--work FOLDER]

FOLDER is the folder of real data; the patches are ``sentinel2/eurosat``, 1800 of them to train on and 200 that neither
network ever sees, by which all are measured.  The low resolution is antialiased bicubic.  The first stage takes so many
minutes, the second a quarter of that on top.  The plain network (eight residual blocks of width 64 and a sub-pixel
convolution, beside bicubic; L1; Adam with a falling rate; flips and turns) is a bare loop, in bf16 where that is
faster, and has as many seconds as the first stage in the end took.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contest import over_seeds
from equipoise import recipes
from equipoise.augment import Flip, QuarterTurns
from equipoise.data import Patches
from equipoise.engine.look import reals
from equipoise.engine.precision import PROBE_BATCH, autocast, decide, lay_out
from equipoise.engine.shown import paired
from equipoise.evaluating import evaluate
from equipoise.folder import RunFolder
from equipoise.journal import Measured, Tick
from equipoise.measures.enlarged import Enlarged, enlarged
from equipoise.measures.standard import Invalid
from equipoise.networks import PatchCritic
from equipoise.networks.enlarging import bicubic
from equipoise.recipe import Augment, Budget, Precision, Recipe
from equipoise.run import Where
from equipoise.schedule import Cosine, Progress
from equipoise.view import Batch, Samples
from results import Result, report
from trials import Verdict, kept, set_apart, trained

PLACE, SEEN = "sentinel2/eurosat", 1800
SHOWN = ("psnr", "ssim", "angle", "consistent", "detail", "invented")
STAGES = ("first", "second", "plain")
SECOND_STAGE = 0.25
"""Time of the second stage, as a share of the first's."""
Factor = Literal[2, 4]
WANTED_DB: dict[Factor, float] = {2: 2.0, 4: 1.15}
WIDTH, BLOCKS, BATCH = 64, 8, 16
FIRST_RATE, LAST_RATE = 5e-4, 1e-5
ALIKE = Augment((Flip(vertical=0.5), QuarterTurns()), "pairs")


class Plain(nn.Module):
    """EDSR (Lim et al. 2017, arXiv:1707.02921, figure 2c) in small, beside bicubic interpolation."""

    def __init__(self, scale: Factor) -> None:
        super().__init__()
        self.scale = scale
        self.first = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 3, padding=1))
            for _ in range(BLOCKS)
        )
        self.last = nn.Conv2d(WIDTH, 3 * scale**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Samples) -> Samples:
        features = self.first(x)
        for block in self.blocks:
            features = features + block(features)
        return bicubic(x, self.scale) + F.pixel_shuffle(self.last(features), self.scale)


def plain(ours: Path, scale: Factor, seconds: float, seed: int) -> nn.Module:
    """The plain network, trained for so many seconds."""
    corpus = Patches(scale=scale).corpus(ours)
    batch = reals(corpus, corpus.split(0.0), len(corpus), seed)
    torch.manual_seed(seed)
    assert batch.given is not None
    critic, probed = PatchCritic("patch").build(corpus.space), (batch.given[:PROBE_BATCH],)
    arithmetic, _ = decide(Precision(), corpus.space, Plain(scale), critic, probed, batch.real.device)
    network = lay_out(Plain(scale), arithmetic.memory_format)
    optimiser = torch.optim.Adam(network.parameters(), FIRST_RATE, fused=True)
    rate = Cosine(FIRST_RATE, LAST_RATE, until=1000)
    began = time.monotonic()
    while (share := (time.monotonic() - began) / seconds) < 1.0:
        optimiser.param_groups[0]["lr"] = rate.at(Progress(int(1000 * share), 0, 0.0))
        chosen = torch.randint(len(batch.real), (BATCH,))
        part = paired(Batch(batch.real[chosen], given=batch.given[chosen]), ALIKE, Progress(0, 0, 0.0))
        with autocast(arithmetic.compute, batch.real.device):
            made = network(part.given)
        loss: Tensor = (made.float() - part.real).abs().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return network


@torch.no_grad()
def measured(network: nn.Module, against: Path, scale: Factor) -> list[Enlarged | Invalid]:
    corpus = Patches(scale=scale).corpus(against)
    batch = reals(corpus, corpus.split(0.0), len(corpus), 0)
    assert batch.given is not None
    made = torch.cat([network(part) for part in torch.split(batch.given, 64)])
    return enlarged(made, batch.real, batch.given, corpus.space, corpus.reduction)


def recipe_for(scale: Factor, seed: int) -> Recipe:
    recipe = recipes.load("sentinel2_sr")
    assert isinstance(recipe.source, Patches)
    return replace(recipe, source=replace(recipe.source, scale=scale), seed=seed)


def trial(who: str, scale: Factor, seed: int, options: argparse.Namespace, plain_s: float) -> Verdict:
    """What all numbers say of each stage, and how long the first took; or of the plain network, after `plain_s`."""
    ours, against = set_apart(options.shared / PLACE, options.work / "eurosat", SEEN)
    recipe, first_s = recipe_for(scale, seed), 60.0 * options.minutes
    budget = Budget(seconds=first_s * (1 + SECOND_STAGE) if who == "recipe" else plain_s)
    folder = options.work / f"{who}-{scale}-{seed}"

    def make() -> Verdict:
        if who == "plain":
            return {"plain": _numbers(measured(plain(ours, scale, plain_s, seed), against, scale))}
        run = trained(recipe, Where(ours, device="cpu"), folder, budget).run
        stages = {"first": run / "best" / "pixels-best.safetensors", "second": run / "best" / "generator.safetensors"}
        found = {stage: _numbers(evaluate(path, against, device="cpu").enlarged) for stage, path in stages.items()}
        return {**found, "first_s": _first_stage_s(run), "curve": _curve(run)}

    verdict = kept(folder, recipe, budget, make)
    for stage in STAGES:
        if stage in verdict:
            print(f"x{scale} seed {seed} {stage}: {verdict[stage]}", flush=True)
    return verdict


def _first_stage_s(run: Path) -> float:
    """How long a run's first stage took, scores included."""
    folder = RunFolder(run)
    end = folder.read_recipe().phases["pixels"].length.amount
    ticks = [event for event in folder.read_journal().events if isinstance(event, Tick)]
    return max(tick.seconds for tick in ticks if tick.step <= end)


def _numbers(found: Iterable[Enlarged | Invalid]) -> dict[str, float]:
    numbers = [number for number in found if isinstance(number, Enlarged)]
    rows = {number.name: number.made.mean for number in numbers}
    return rows | {f"bicubic {number.name}": number.bicubic.mean for number in numbers if number.bicubic is not None}


def _curve(run: Path) -> list[tuple[float, float]]:
    """Minutes, and PSNR of the run's own held-out patches, at each score of the first stage."""
    found, seconds = [], 0.0
    for event in RunFolder(run).read_journal().events:
        if isinstance(event, Tick):
            seconds = event.seconds
        elif isinstance(event, Measured) and event.name == "psnr":
            found.append((seconds / 60.0, event.value))
    return found


def both(scale: Factor, seed: int, options: argparse.Namespace) -> Verdict:
    """The recipe's stages first, then the plain network in the time of the first; or the one that was asked for."""
    found: Verdict = {}
    if "recipe" in options.only:
        found |= trial("recipe", scale, seed, options, 0.0)
    if "plain" in options.only:
        found |= trial("plain", scale, seed, options, found.get("first_s", 60.0 * options.minutes))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=20.0, help="of the first stage, and of the plain network")
    parser.add_argument("--scale", type=int, choices=WANTED_DB, nargs="+", default=list(WANTED_DB))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", choices=("recipe", "plain"), nargs="+", default=["recipe", "plain"])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-superresolution")
    options = parser.parse_args()
    for scale in options.scale:
        verdicts = [both(scale, seed, options) for seed in range(options.seeds)]
        firsts = [verdict["first_s"] for verdict in verdicts if "first_s" in verdict]
        rows = [Result("first, and plain: seconds", over_seeds(firsts))] if firsts else []
        for seed, verdict in enumerate(verdicts):
            points = ", ".join(f"{minutes:.1f}: {psnr:.2f}" for minutes, psnr in verdict.get("curve", ()))
            rows.append(Result(f"seed {seed}: minutes and PSNR of its own held-out patches", points))
        for stage in STAGES:
            found = [verdict[stage] for verdict in verdicts if stage in verdict]
            if not found:
                continue
            gains = [numbers["psnr"] - numbers["bicubic psnr"] for numbers in found]
            wanted = f"at least {WANTED_DB[scale]:+.2f}" if stage == "first" else ""
            rows.append(Result(f"{stage}: gain over bicubic, dB", over_seeds(gains), wanted))
            rows += [Result(f"{stage}: {name}", over_seeds([numbers[name] for numbers in found])) for name in SHOWN]
        bicubics = [f"bicubic {name}" for name in ("psnr", "ssim", "angle")]
        known = next(verdicts[0][stage] for stage in STAGES if stage in verdicts[0])
        rows += [Result(name, over_seeds([known[name]])) for name in bicubics]
        title = f"Super-resolution x{scale}, {options.minutes:g} minutes, {options.seeds} seeds"
        report(title, [Result("threads", str(torch.get_num_threads())), *rows])


if __name__ == "__main__":
    main()
