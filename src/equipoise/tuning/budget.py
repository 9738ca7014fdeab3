"""How much a study may cost, and how long its trials are, so that all of it fits."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

from equipoise.errors import RequestError
from equipoise.recipe import Budget, Recipe
from equipoise.schedule import Schedule
from equipoise.spec import SpecError
from equipoise.tuning.intervals import CONTENDERS
from equipoise.tuning.jobs import Ledger, Outcome
from equipoise.tuning.knobs import Tuned
from equipoise.tuning.question import Strategy

_TRIALS: Final = re.compile(r"\s*(?P<number>[1-9]\d{0,5})\s*trials?\s*", re.IGNORECASE)
EXPLORED: Final = 24
"""Trials of a sampler that a budget of time or steps is divided into: three times those before it learns."""
FEWEST_STEPS: Final = 100
"""Of a trial: below it a generator has hardly moved, and nothing can be told."""
FOR_STEPS: Final = 0.8
"""Of the time; the rest goes into beginnings and scores (guess)."""
PART_OF_RECIPE: Final = 10
"""Where trials are counted and not timed, a trial has this part of the recipe's steps (guess)."""


@dataclass(frozen=True, slots=True)
class TuningBudget:
    """What all trials of all workers may cost together."""

    unit: Literal["seconds", "steps", "trials"]
    amount: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2h``, ``40trials`` or ``20000steps``.  Raises `RequestError`."""
        if match := _TRIALS.fullmatch(text):
            return cls("trials", float(match["number"]))
        try:
            found = Budget.parse(text)
        except SpecError:
            found = Budget()
        if found.seconds is not None:
            return cls("seconds", found.seconds)
        if found.span is not None and found.span.unit == "steps":
            return cls("steps", found.span.amount)
        raise RequestError(f"--budget {text}: write 2h, 40trials or 20000steps")

    def cost(self, outcome: Outcome) -> float:
        """Of a trial that is over."""
        if self.unit == "trials":
            return 0.0 if outcome.job.is_warm_up else 1.0
        return outcome.seconds if self.unit == "seconds" else float(outcome.steps)

    def usual(self, ledger: Ledger) -> float:
        """What a trial costs; 0 before one is over."""
        if self.unit == "trials":
            return 1.0
        over = [outcome for outcome in ledger.counted() if outcome.is_over]
        trials = [outcome for outcome in over if not outcome.job.is_warm_up and outcome.state == "done"] or over
        return statistics.fmean(self.cost(outcome) for outcome in trials) if trials else 0.0

    def spent(self, ledger: Ledger) -> float:
        """By the trials that are over, and by those under way as if they were."""
        counted = ledger.counted()
        over = sum(self.cost(outcome) for outcome in counted if outcome.is_over)
        return over + self.usual(ledger) * sum(not outcome.is_over for outcome in counted)

    def allows_more(self, ledger: Ledger) -> bool:
        """Whether another trial fits."""
        return self.spent(ledger) + self.usual(ledger) <= self.amount

    def explorations(self, ledger: Ledger, num_seeds: int) -> int:
        """Trials that a sampler may propose, so that its best can still be judged.

        What they cost differs a little, so where trials are not counted one more is left.
        """
        usual = self.usual(ledger)
        if usual == 0.0:
            return 1
        over = [outcome for outcome in ledger.counted() if outcome.job.is_warm_up]
        before = sum(self.cost(outcome) for outcome in over)
        spare = 0 if self.unit == "trials" else 1
        return max(1, math.floor((self.amount - before) / usual) - _judging(num_seeds) - 1 - spare)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of trials, in steps."""

    warm_up: int
    horizon: int


def lengths(
    strategy: Strategy,
    knobs: Sequence[Tuned],
    num_seeds: int,
    budget: TuningBudget,
    step_seconds: float,
    recipe_steps: float,
    warm_up: int | None,
    horizon: int | None,
) -> Lengths:
    """How long warm-up and trials are, where that was not said: as long as the budget allows, and the same.

    `recipe_steps` is the length of the whole recipe, which no trial exceeds.  Raises `RequestError` when nothing could
    be told from trials that short.
    """
    shares = _shares(strategy, knobs, num_seeds)
    if horizon is None:
        if budget.unit == "trials":
            steps = max(recipe_steps / PART_OF_RECIPE, FEWEST_STEPS)
        else:
            whole = budget.amount * FOR_STEPS / step_seconds if budget.unit == "seconds" else budget.amount
            steps = (whole - (warm_up or 0)) / (shares + (warm_up is None))
        horizon = math.floor(min(steps, recipe_steps / 2))
        if recipe_steps / 2 < FEWEST_STEPS:
            raise RequestError(f"the recipe itself has about {recipe_steps:.0f} steps: say --horizon, in steps")
        if horizon < FEWEST_STEPS:
            raise RequestError(
                f"this budget is enough for {shares} trials of {max(horizon, 0)} steps, and {FEWEST_STEPS} are the "
                "fewest that tell anything: give more, name fewer --knobs or values, or say --horizon"
            )
    return Lengths(warm_up if warm_up is not None else horizon, horizon)


def _shares(strategy: Strategy, knobs: Sequence[Tuned], num_seeds: int) -> int:
    """How many trials a whole study has; those that begin anew count twice."""
    if strategy != "one":
        times = 2 if any(knob.begins_anew for knob in knobs) else 1
        return times * (1 + EXPLORED + _judging(num_seeds))
    of_knobs = [(2 if knob.begins_anew else 1) * (len(knob.values) + CONTENDERS * (num_seeds - 1)) for knob in knobs]
    return sum(of_knobs) + num_seeds


def _judging(num_seeds: int) -> int:
    return (CONTENDERS + 1) * num_seeds


def phase_ends(recipe: Recipe, num_samples: int) -> Mapping[str, float]:
    """The step at which each phase ends, about: of a step that draws several batches, those of the critic count."""
    epoch = recipe.epoch_images(num_samples)
    ends: dict[str, float] = {}
    end = 0.0
    for name, phase in recipe.phases.items():
        updates = phase.d_updates if phase.adversarial is not None else 1.0
        batches = updates.extremes()[0] if isinstance(updates, Schedule) else updates
        images = max(1.0, batches) * recipe.batch
        steps = {"steps": 1.0, "images": 1 / images, "epochs": epoch / images}[phase.length.unit]
        end += phase.length.amount * steps
        ends[name] = end
    return ends


def unreached(recipe: Recipe, knobs: Sequence[Tuned], num_samples: int, found: Lengths) -> Iterator[tuple[str, str]]:
    """The path of each knob of a phase that no trial trains in, and why none does."""
    begin = 0.0
    for name, end in phase_ends(recipe, num_samples).items():
        why = ""
        if begin >= found.warm_up + found.horizon:
            why = f"begins at about step {begin:.0f}, and trials end at step {found.warm_up + found.horizon}"
            why += f": say --warm-up {math.ceil(begin)}"
        elif end <= found.warm_up:
            why = f"ends at about step {end:.0f}, within the warm-up of {found.warm_up} steps: say a shorter --warm-up"
        of_phase = [knob.path for knob in knobs if knob.path.startswith(f"phases.{name}.")]
        yield from ((path, f"phase {name} {why}") for path in of_phase if why)
        begin = end


def phase_at(recipe: Recipe, num_samples: int, step: int) -> str:
    """The phase that is trained at a step, about."""
    ends = phase_ends(recipe, num_samples)
    return next((name for name, end in ends.items() if step <= end), list(ends)[-1])
