"""Fitting a recipe to the time there is: the width of its networks, the length of the run, and what ends with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

from equipoise.recipe import Budget, Circumstances, Fitting, Recipe, Span, Tailor
from equipoise.spec import Knob, encode, flatten

WIDTHS = (96, 64, 48, 32, 24, 16)
"""Of the networks, widest first."""
FIRST_WIDTH = 32
PATHS = ("generator.width", "critic.width")
LENGTH = "phases.main.length"
UNTIL_SETTLED = 0.05
"""Share of the run over which the average of the weights forgets half."""
MOST_KEPT = 0.999999
"""Of the average at each step, as much as the setting admits: half is forgotten in 690 000 steps."""
MEASURED_AT = 32
"""Pixels a side at which the penalties were measured."""
PIXELS = "times the pixels, over which the critic's slope is spread: Karras et al. 2020, arXiv:1912.04958; LAB.md"
SHEETS = 12
TICK_S = 2.0

FITTED = (*PATHS, f"{LENGTH}.amount", "average.decay", "cadence.tick_steps", "cadence.sheet_steps")
"""The settings that are fitted, besides the ends of schedules."""


@dataclass(frozen=True)
class FitToTime(Tailor):
    """Chooses width, length, the ends of schedules, averaging and cadence for the machine and the time there is.

    The width is the largest with which `steps` steps fit into the time: on small machines many steps with narrow
    networks learn more than few with wide ones (LAB.md).  The recipe's networks have a ``width``, and its only phase is
    ``main``.
    """

    steps: Annotated[
        int, Knob("steps that the time must suffice for", low=100, log=True, source="measured, LAB.md")
    ] = 2500
    seconds: Annotated[
        float, Knob("time there is, where nobody said", above=0, unit="s", source="guess: what one waits for")
    ] = 3600.0
    whole: tuple[str, ...] = ()
    """Schedules that end with the run."""
    half: tuple[str, ...] = ()
    """Schedules that end in its middle."""
    spread: tuple[str, ...] = ()
    """Penalties of a critic's slope, which grow with the pixels beyond 32 a side."""

    def fit_source(self, fitting: Fitting, native_side: int | None) -> None:
        pass

    def fit(self, fitting: Fitting, at: Circumstances) -> None:
        self._spread_penalties(fitting, at)
        self._choose_width(fitting, at)
        step_s = at.step_seconds(fitting.recipe)
        steps = self._steps(fitting, at, step_s)
        measured = f"{step_s:.2g} s a step, measured"
        if fitting.is_free(LENGTH):
            fitting.follow(str(at.budget or Budget(seconds=self.seconds)))
        fitting.choose(LENGTH, encode(Span(steps, "steps")), measured, "the whole")
        for schedule in self.whole:
            _follow(fitting, f"{schedule}.until", steps, "the end of the run")
        for schedule in self.half:
            _follow(fitting, f"{schedule}.until", max(1, steps // 2), "the middle of the run")
        decay = round(0.5 ** (1.0 / max(1.0, UNTIL_SETTLED * steps)), 6)
        forgets = f"forgets half in {UNTIL_SETTLED:.0%} of the run" if decay <= MOST_KEPT else "the slowest there is"
        _follow(fitting, "average.decay", min(decay, MOST_KEPT), forgets)
        fitting.choose("cadence.sheet_steps", max(1, math.ceil(steps / SHEETS)), f"{SHEETS} sheets a run")
        fitting.choose("cadence.tick_steps", max(1, round(TICK_S / step_s)), "a line every two seconds")

    def _spread_penalties(self, fitting: Fitting, at: Circumstances) -> None:
        times = at.space.height * at.space.width / MEASURED_AT**2
        if times > 1:
            settings = flatten(fitting.recipe)
            for path in self.spread:
                gamma = settings.get(path)  # who took the penalty out, or gave it a constant weight, has chosen
                if isinstance(gamma, float):
                    fitting.choose(path, gamma * times, f"{gamma:g} at 32 pixels a side, {times:g} {PIXELS}")

    def _choose_width(self, fitting: Fitting, at: Circumstances) -> None:
        """The widest networks with which there is time for enough steps."""
        if not all(map(fitting.is_free, PATHS)):
            return
        seconds = self._seconds(at)
        pace = {FIRST_WIDTH: at.step_seconds(_of_width(fitting.recipe, FIRST_WIDTH))}
        chosen, fits = FIRST_WIDTH, seconds / pace[FIRST_WIDTH] >= self.steps
        wider = [width for width in reversed(WIDTHS) if width > FIRST_WIDTH]
        narrower = [width for width in WIDTHS if width < FIRST_WIDTH]
        for width in wider if fits else narrower:
            pace[width] = at.step_seconds(_of_width(fitting.recipe, width))
            enough = seconds / pace[width] >= self.steps
            if fits and not enough:
                break
            chosen = width
            if enough and not fits:
                break
        minutes = f"{seconds / 60:.0f} min"
        why = f"the widest that makes {self.steps} steps in {minutes}"
        if seconds / pace[chosen] < self.steps:
            why = f"the narrowest; even so {minutes} are not enough for {self.steps} steps"
        for path in PATHS:
            fitting.choose(path, chosen, why)

    def _seconds(self, at: Circumstances) -> float:
        budget = at.budget
        return budget.seconds if budget is not None and budget.seconds is not None else self.seconds

    def _steps(self, fitting: Fitting, at: Circumstances, step_s: float) -> int:
        """How many the run will have."""
        budget = at.budget
        span = budget.span if budget is not None else None
        if budget is None and not fitting.is_free(LENGTH):
            span = fitting.recipe.phases["main"].length
        if span is None:
            return max(1, round(self._seconds(at) / step_s))
        images = {"images": 1.0, "epochs": float(fitting.recipe.epoch_images(at.num_samples))}
        share = images.get(span.unit, float(fitting.recipe.batch)) / fitting.recipe.batch
        return max(1, round(span.amount * share))


def _follow(fitting: Fitting, path: str, value: float, rule: str) -> None:
    """What follows from the run's length has its rule for a reason."""
    fitting.choose(path, value, rule, rule)


def _of_width(recipe: Recipe, width: int) -> Recipe:
    return replace(
        recipe,
        generator=replace(recipe.generator, width=width),  # type: ignore[call-arg]  # every network here has one
        critic=replace(recipe.critic, width=width),  # type: ignore[call-arg]
    )
