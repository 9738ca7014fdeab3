"""Which measures track the truth: rank correlations over generators of many qualities, on stacked digits.

    python benchmarks/rank.py [--minutes 3] [--work FOLDER]

The truth is exact there: modes are counted and their KL is computed from 26 000 samples by a classifier of the real
digits.  Generators are the averages at every sheet of several runs: recipe auto, a DCGAN with cross-entropy, the same
at five times the rate, and one that is starved of its critic; and each run's last one with half of its latents held at
zero, which takes diversity away.  Every measure sees 2000 samples.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from contenders import plain_dcgan
from equipoise import recipes
from equipoise.engine.average import averaged_copy
from equipoise.engine.look import draw, fixed_latents, reals
from equipoise.journal import Event, Pictured
from equipoise.measures.reading import Reading
from equipoise.measures.sliced_wasserstein import sliced_wasserstein
from equipoise.measures.standard import NUMBERS, standard
from equipoise.measures.wider import wider
from equipoise.recipe import Adam, Budget, Recipe
from equipoise.run import Where, carry_out, start
from equipoise.session import Session
from equipoise.space import Space
from results import Result, report
from stacked import JUDGED_SAMPLES, SOURCE, classifier, judge, modes_of

MEASURED_SAMPLES = 2000
SHEETS = 8
CPU = torch.device("cpu")


def faster(recipe: Recipe) -> Recipe:
    adam = Adam(lr=1e-3, beta1=0.5, beta2=0.999)
    return replace(recipe, g_optim=adam, d_optim=adam)


def starved(recipe: Recipe) -> Recipe:
    return replace(recipe, d_optim=Adam(lr=2e-5, beta1=0.5, beta2=0.999))


RUNS: dict[str, Callable[[], Recipe]] = {
    "auto": lambda: replace(recipes.load("auto"), source=SOURCE),
    "DCGAN": lambda: plain_dcgan(SOURCE),
    "fast DCGAN": lambda: faster(plain_dcgan(SOURCE)),
    "starved DCGAN": lambda: starved(plain_dcgan(SOURCE)),
}


def generators(name: str, minutes: float, work: Path) -> list[tuple[str, nn.Module, int]]:
    """The averaged generators of a run at its sheets, evenly chosen, and one with less diversity; with their latents'
    dimension."""
    kept: list[nn.Module] = []
    sessions: list[Session] = []

    def keep(event: Event) -> None:
        if isinstance(event, Pictured) and sessions and event.step > 0:
            kept.append(averaged_copy(sessions[0].state.average))

    folder = work / name / f"run-{sum(1 for _ in (work / name).glob('run-*'))}"
    recipe = RUNS[name]()
    recipe = replace(recipe, cadence=replace(recipe.cadence, sheet_steps=100, measuring_share=0.01))
    sessions.append(start(recipe, Where(device="cpu"), folder, Budget(seconds=60.0 * minutes), [keep]))
    carry_out(sessions[0])
    places = sorted({round(at * (len(kept) - 1) / (SHEETS - 1)) for at in range(SHEETS)})
    dimension = recipe.generator.latent
    found = [(f"{name} {at + 1}/{len(kept)}", kept[at], dimension) for at in places]
    return [*found, (f"{name} narrowed", Narrowed(kept[-1], dimension), dimension)]


class Narrowed(nn.Module):
    """A generator that sees less of its latents: fewer different samples, as good as before."""

    def __init__(self, generator: nn.Module, dimension: int) -> None:
        super().__init__()
        self.generator, self.seen = generator, dimension // 8

    def forward(self, z: Tensor) -> Tensor:
        narrowed = z.clone()
        narrowed[:, self.seen :] = 0.0
        out: Tensor = self.generator(narrowed)
        return out


def judged(module: nn.Module, dimension: int, real: Tensor, space: Space, machine: Any) -> dict[str, float]:
    """The truth about one generator, and what every measure says of it."""
    samples = draw(module, fixed_latents(0, "judge", JUDGED_SAMPLES, dimension), CPU)
    truth = judge(modes_of(((samples + 1) * 127.5).numpy(), machine), 0)
    fake = samples[:MEASURED_SAMPLES]
    names = tuple(channel.name for channel in space.channels)
    results = [*standard(real, fake), *(result for _, result in wider(real, fake, names))]
    found = {result.name: result.value.mean for result in results if isinstance(result, Reading)}
    floors = {result.name: result.floor.mean for result in results if isinstance(result, Reading)}
    for number in NUMBERS:
        if number.better == "neither" and number.name in found:
            found[number.name] = abs(found[number.name] - floors[number.name])
    found["sliced_wasserstein"] = sliced_wasserstein(real, fake)
    return {**asdict(truth), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="of training for each run")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-rank")
    options = parser.parse_args()
    machine, _ = classifier()
    corpus = SOURCE.corpus()
    real = reals(corpus, corpus.split(0.1), MEASURED_SAMPLES, 0)
    rows: dict[str, dict[str, float]] = {}
    for name in RUNS:
        kept = options.work / f"{name}.json"
        if not kept.exists():
            options.work.mkdir(parents=True, exist_ok=True)
            made = generators(name, options.minutes, options.work)
            kept.write_text(
                json.dumps({label: judged(module, size, real, corpus.space, machine) for label, module, size in made})
            )
        rows |= json.loads(kept.read_text())
    for label, row in rows.items():
        print(f"{label:<22} modes {row['modes']:>5.0f}  KL {row['kl']:.3f}  kernel {row['kernel']:.4f}", flush=True)
    report("Which measures track the truth, stacked digits", correlations(rows), REMARKS)


def correlations(rows: dict[str, dict[str, float]]) -> list[Result]:
    """Spearman's, of each measure with the KL over modes; the best first.  Signs are as the measure has them."""
    truth = [row["kl"] for row in rows.values()]
    names = [name for name in next(iter(rows.values())) if name not in ("modes", "kl", "step")]
    found = {name: float(spearmanr([row[name] for row in rows.values()], truth).statistic) for name in names}
    known = {name: value for name, value in found.items() if not math.isnan(value)}
    ordered = sorted(known.items(), key=lambda item: -abs(item[1]))
    return [
        Result("generators", str(len(rows))),
        *(Result(name, f"{value:+.2f}") for name, value in ordered),
    ]


REMARKS = """
Spearman's correlation of each measure with KL(samples | data) over the thousand modes, which is 0 for a perfect
generator: near +1 for measures that fall with it, near -1 for shares that rise.  Numbers that should be what real data
give (density, diversity, detail) are taken as their distance to that.  Those at the end of the list say nothing of
modes: they are for other faults.
"""

if __name__ == "__main__":
    main()
