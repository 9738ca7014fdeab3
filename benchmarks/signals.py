"""What it costs to write down what a doctor judges by.

    python benchmarks/signals.py [--rounds 12]

Recipes on made-up samples: ``bursts`` at 64 by 64, one channel, ``auto`` at 32 by 32, three channels, and ``ring``,
whose steps are so short that whatever is done beside them weighs most.  A step that is looked at closely and one that
is not are made in turns, from the same state; the cost of looks is what the one takes longer, over
`Cadence.probe_steps`.  What every step notes (scores, their AUC) is made again by itself, a hundred times.  Signs of
samples are a part of every score, whose time has a bound of its own.

Times are those of the processor, so that other work on the machine does not count; ratios are of the fastest rounds,
and beside them the median of the ratios within each round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from equipoise import recipes
from equipoise.engine.asking import any_batch
from equipoise.engine.beginning import begun
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.probes import Probes
from equipoise.engine.ranks import auc
from equipoise.engine.score import FAKES_PER_REAL, FEWEST, Score
from equipoise.engine.selftest import TRIAL_SAMPLES, plumbing
from equipoise.engine.state import State
from equipoise.engine.step import step
from equipoise.recipe import Cadence, Recipe
from equipoise.space import Channel, Space
from results import Result, report

CPU = torch.device("cpu")
BATCH = 32
NOTED = 100
"""Times that what every step notes is made again."""
AUGMENTED = 0.5
"""Probability of adaptive augmentation, as in the middle of a run."""
CASES = {
    "bursts, 64 px": ("bursts", Space((Channel("intensity"),), 64, 64)),
    "auto, 32 px": ("auto", Space(tuple(Channel(name) for name in "rgb"), 32, 32)),
    "ring, points": ("ring", Space((Channel("x", -1, 1), Channel("y", -1, 1)), 1, 1)),
}
WANTED = "below 3 %"


@dataclass(frozen=True)
class Found:
    """Seconds of every round."""

    plain: list[float]
    looked_at: list[float]
    noted: list[float]
    score: list[float]
    signs: list[float]
    self_test: float


def looking(recipe: Recipe, every: int | None) -> Recipe:
    return replace(recipe, cadence=replace(recipe.cadence, probe_steps=every))


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def measured(name: str, space: Space, rounds: int) -> Found:
    recipe = replace(recipes.load(name), batch=BATCH, tailor=None)
    plan, state, _ = begun(Plan(recipe, space, 1000, CPU))
    state.adaptation.probability = AUGMENTED
    batch = any_batch(space, BATCH, CPU)
    batch = batch._replace(real=batch.real.contiguous(memory_format=plan.arithmetic.memory_format))

    def one(every: int | None) -> Callable[[], None]:
        chosen = replace(plan, recipe=looking(recipe, every))
        return lambda: step(chosen, _between_lazy_terms(state), lambda: batch, Meter(), lambda: batch, Probes())

    contenders = {"plain": one(None), "looked_at": one(1), "noted": _notes, **_scores(plan, state)}
    for work in contenders.values():
        work()
    found: dict[str, list[float]] = {who: [] for who in contenders}
    for _ in range(rounds):
        for who, work in contenders.items():
            found[who].append(seconds(work))
    tested = seconds(lambda: plumbing(plan, state, any_batch(space, TRIAL_SAMPLES, CPU)))
    return Found(**found, self_test=tested)


def _between_lazy_terms(state: State) -> State:
    """At an update when they have no turn: the cheapest step, beside which a look weighs most."""
    state.critic.updates = state.generator.updates = 1
    return state


def _notes() -> None:
    meter, scores = Meter(), torch.randn(2, BATCH)
    for _ in range(NOTED):
        meter.add("score_real", scores[0])
        meter.add("score_fake", scores[1])
        meter.add("auc", auc(scores[0], scores[1]))


def _scores(plan: Plan, state: State) -> dict[str, Callable[[], object]]:
    """A score with the signs of samples, and without."""
    real = any_batch(plan.space, FEWEST, CPU).real
    asked = (torch.randn(FAKES_PER_REAL * FEWEST, plan.recipe.generator.latent),)
    without, signed = Score(real, asked), Score(real, asked, space=plan.space)
    return {
        "score": lambda: without(state.average, CPU, "kernel"),
        "signs": lambda: signed(state.average, CPU, "kernel"),
    }


def rows(name: str, found: Found) -> list[Result]:
    every = Cadence().probe_steps
    assert every is not None
    looked = min(found.looked_at) / min(found.plain) - 1.0
    within = statistics.median(b / a for a, b in zip(found.plain, found.looked_at, strict=True)) - 1.0
    noted = min(found.noted) / NOTED / min(found.plain)
    signs = min(found.signs) / min(found.score) - 1.0
    return [
        Result(f"{name}: a step, ms", f"{1e3 * min(found.plain):.3g}"),
        Result(f"{name}: a close look, of a step (median within a round)", f"{looked:.1%} ({within:.1%})"),
        Result(f"{name}: looks at every {every}th step, share of the time", f"{looked / every:.2%}"),
        Result(f"{name}: what every step notes, share of the time", f"{noted:.2%}"),
        Result(f"{name}: both together", f"{looked / every + noted:.2%}", WANTED),
        Result(f"{name}: signs of samples, of a score's own time", f"{signs:.1%}"),
        Result(f"{name}: self-test of the plumbing, s", f"{found.self_test:.2f}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    found = [rows(name, measured(recipe, space, options.rounds)) for name, (recipe, space) in CASES.items()]
    report("Cost of what a run writes down for a doctor", [row for each in found for row in each])


if __name__ == "__main__":
    main()
