"""Which measures track the truth: rank correlations over generators of many qualities.

    python benchmarks/rank.py [--problem stacked_digits] [--shared FOLDER] [--minutes 3] [--work FOLDER]

``stacked_digits``: the truth is exact, the KL over the thousand modes, counted in 26 000 samples by a classifier of
the real digits.  ``eurosat`` and ``crawl_tiles``, in FOLDER, the real data: nobody knows the truth; in its place stands
the distance in the features of a classifier that was trained on the labels, which no measure has seen (judge.py).

Generators are the averages at eight sheets of several runs: recipe auto, a DCGAN with cross-entropy, the same at five
times the rate, and one whose critic learns too slowly; and each run's last one with most of its latents held at zero,
which takes diversity away.  Every measure sees 1000 samples.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from contenders import plain_dcgan
from equipoise import recipes
from equipoise.data import Images
from equipoise.data.corpus import Corpus
from equipoise.edit import Edit
from equipoise.engine.average import averaged_copy
from equipoise.engine.look import draw, fixed_latents, reals
from equipoise.journal import Event, Pictured
from equipoise.measures.reading import Reading
from equipoise.measures.sliced_wasserstein import sliced_wasserstein
from equipoise.measures.standard import BY_NAME, standard
from equipoise.measures.wider import wider
from equipoise.recipe import Adam, Budget, Recipe, Source, edited
from equipoise.run import Where
from equipoise.session import Session
from equipoise.spec import encode
from judge import train_judge
from results import Result, report
from stacked import JUDGED_SAMPLES, classifier, judge, modes_of
from stacked import SOURCE as STACKED
from trials import Verdict, kept, trained

TRUTH = "truth"
HELD_OUT = 0.1
MEASURED_SAMPLES = 1000
SHEET_STEPS = 40
SHEETS = 8
SEEN_LATENTS = 8
"""One in so many of its latents does a narrowed generator see."""
CPU = torch.device("cpu")

Truth = Callable[[Tensor], float]
"""How bad samples [N, C, H, W] in [-1, 1] are."""


def faster(recipe: Recipe) -> Recipe:
    adam = Adam(lr=1e-3, beta1=0.5, beta2=0.999)
    return replace(recipe, g_optim=adam, d_optim=adam)


def starved(recipe: Recipe) -> Recipe:
    return replace(recipe, d_optim=Adam(lr=2e-5, beta1=0.5, beta2=0.999))


RUNS: dict[str, Callable[[Source], Recipe]] = {
    "auto": lambda source: edited(recipes.load("auto"), [Edit("source", value=encode(source))]),
    "DCGAN": plain_dcgan,
    "fast DCGAN": lambda source: faster(plain_dcgan(source)),
    "starved DCGAN": lambda source: starved(plain_dcgan(source)),
}


@dataclass(frozen=True)
class Problem:
    """Data, and how to tell how far samples are from them."""

    source: Source
    path: Path | None
    judged_samples: int
    truth: Truth
    remarks: str

    @cached_property
    def corpus(self) -> Corpus:
        return self.source.corpus(self.path)


def stacked_digits(_: Path | None) -> Problem:
    machine, accuracy = classifier()

    def kl(samples: Tensor) -> float:
        return judge(modes_of(((samples + 1) * 127.5).numpy(), machine), 0).kl

    remarks = f"Truth: KL(samples | data) over the thousand modes; the classifier is right on {accuracy:.1%}."
    return Problem(STACKED, None, JUDGED_SAMPLES, kl, remarks)


def of_labelled(place: str, source: Images) -> Callable[[Path | None], Problem]:
    def problem(shared: Path | None) -> Problem:
        if shared is None:
            sys.exit("these data are read from a folder: add --shared FOLDER")
        judge = train_judge(source.corpus(shared / place))
        remarks = (
            f"Truth: Fréchet distance of 2000 samples in the features of a classifier of {judge.num_classes} folders, "
            f"right on {judge.accuracy:.0%} of the pictures it has not seen."
        )
        return Problem(source, shared / place, 2000, judge.distance, remarks)

    return problem


PROBLEMS: dict[str, Callable[[Path | None], Problem]] = {
    "stacked_digits": stacked_digits,
    "eurosat": of_labelled("sentinel2/eurosat", Images(size=32)),
    "crawl_tiles": of_labelled("sprites/crawl_tiles", Images(size=32, fit="pad", filter="pixel")),
}


def generators(
    name: str, recipe: Recipe, problem: Problem, budget: Budget, work: Path
) -> list[tuple[str, nn.Module, int]]:
    """The averaged generators of a run at its sheets, evenly chosen, and one with less diversity; with their latents'
    dimension."""
    made: list[nn.Module] = []
    sessions: list[Session] = []

    def keep(event: Event) -> None:
        if isinstance(event, Pictured) and event.step > 0:
            made.append(averaged_copy(sessions[0].state.average))

    trained(recipe, Where(problem.path, device="cpu"), work / name, budget, [keep], sessions.append)
    places = sorted({round(at * (len(made) - 1) / (SHEETS - 1)) for at in range(SHEETS)})
    dimension = recipe.generator.latent
    found = [(f"{name} {at + 1}/{len(made)}", made[at], dimension) for at in places]
    return [*found, (f"{name} narrowed", Narrowed(made[-1], dimension), dimension)]


class Narrowed(nn.Module):
    """A generator that sees less of its latents: fewer different samples, as good as before."""

    def __init__(self, generator: nn.Module, dimension: int) -> None:
        super().__init__()
        self.generator, self.seen = generator, dimension // SEEN_LATENTS

    def forward(self, z: Tensor) -> Tensor:
        narrowed = z.clone()
        narrowed[:, self.seen :] = 0.0
        out: Tensor = self.generator(narrowed)
        return out


def judged(module: nn.Module, dimension: int, problem: Problem, real: Tensor) -> dict[str, float]:
    """The truth about one generator, and what every measure says of it."""
    samples = draw(module, (fixed_latents(0, "judge", problem.judged_samples, dimension),), CPU)
    fake = samples[:MEASURED_SAMPLES]
    more = wider(real, fake, problem.corpus.space)
    numbers = {**BY_NAME, **{number.name: number for number, _ in more}}
    results = [*standard(real, fake), *(result for _, result in more)]
    found = {
        result.name: numbers[result.name].badness(result.value.mean, result.floor.mean)
        for result in results
        if isinstance(result, Reading)
    }
    return {TRUTH: problem.truth(samples), **found, "sliced_wasserstein": sliced_wasserstein(real, fake)}


def correlations(rows: dict[str, dict[str, float]]) -> list[Result]:
    """Spearman's, of the badness by each measure with the truth; the best first.

    A number that is not valid for some generator is compared by the others, and says for how many.
    """
    names = sorted({name for row in rows.values() for name in row if name != TRUTH})
    found: dict[str, tuple[float, int]] = {}
    for name in names:
        having = [row for row in rows.values() if name in row]
        rank = float(spearmanr([row[name] for row in having], [row[TRUTH] for row in having]).statistic)
        if not math.isnan(rank):
            found[name] = rank, len(having)
    ordered = sorted(found.items(), key=lambda item: -item[1][0])
    listed = [
        Result(name, f"{rank:+.2f}" + ("" if count == len(rows) else f" ({count} generators)"))
        for name, (rank, count) in ordered
    ]
    return [Result("generators", str(len(rows))), *listed]


REMARKS = """
Spearman's correlation of how bad each measure finds a generator with how bad it is: 1 for a measure that puts them in
the right order.  Those at the end say nothing of it here: they are for other faults.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", choices=PROBLEMS, nargs="+", default=["stacked_digits"])
    parser.add_argument("--shared", type=Path, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=3.0, help="of training for each run")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-rank")
    options = parser.parse_args()
    for name in options.problem:
        problem = PROBLEMS[name](options.shared)
        rows = measured(problem, options.minutes, options.work / name)
        for label, row in rows.items():
            print(f"{label:<22} truth {row[TRUTH]:.3f}  kernel {row['kernel']:.4f}", flush=True)
        report(f"Which measures track the truth, {name}", correlations(rows), f"{problem.remarks}  {REMARKS.strip()}")


def measured(problem: Problem, minutes: float, work: Path) -> dict[str, dict[str, float]]:
    """Truth and measures of all generators, by a label; those of an earlier call are read."""
    corpus = problem.corpus
    real = reals(corpus, corpus.split(HELD_OUT), MEASURED_SAMPLES, 0).real
    rows: dict[str, dict[str, float]] = {}
    for name, recipe_for in RUNS.items():
        recipe, budget = recipe_for(problem.source), Budget(seconds=60.0 * minutes)
        recipe = replace(recipe, cadence=replace(recipe.cadence, sheet_steps=SHEET_STEPS, measuring_share=0.01))

        def make(name: str = name, recipe: Recipe = recipe, budget: Budget = budget) -> Verdict:
            made = generators(name, recipe, problem, budget, work)
            return {"rows": {label: judged(module, size, problem, real) for label, module, size in made}}

        rows |= kept(work / name, recipe, budget, make)["rows"]
    return rows


if __name__ == "__main__":
    main()
