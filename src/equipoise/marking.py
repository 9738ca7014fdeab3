"""Marks for the generators of a run: how good each is, and which is the best."""

from __future__ import annotations

import math
import time
from typing import Any

from equipoise.data.corpus import Corpus
from equipoise.data.split import Split
from equipoise.engine.choice import Choice
from equipoise.engine.plan import Plan
from equipoise.engine.score import Score, Scored
from equipoise.engine.state import State
from equipoise.errors import Fault
from equipoise.journal import Measured
from equipoise.recipe import BestBy

RAW_EVERY, RAW_AT = 4, 2
"""Of so many scores in a row one is of the raw generator too, which costs as much again; the second one first."""


class Marker:
    """Scores averaged generators at a bounded cost, and remembers the best."""

    def __init__(self, plan: Plan, corpus: Corpus, split: Split, best_by: BestBy) -> None:
        self.score = Score.for_plan(plan, corpus, split)
        self.is_trusted = True
        """Whether the measure passed its self-test."""
        self.seconds = 0.0
        """Spent so far."""
        self.step = -1
        """Of the last mark."""
        self._plan = plan
        self.begin_phase(best_by)

    def begin_phase(self, best_by: BestBy) -> None:
        """What comes now is not compared with what was."""
        self._choice = Choice(self.score.ruler(best_by))

    @property
    def ruler(self) -> str:
        """The same for two marks that may be compared."""
        return self._choice.ruler

    def snapshot(self) -> dict[str, Any] | None:
        return self._choice.snapshot()

    def restore(self, snapshot: dict[str, Any] | None, step: int, best_by: BestBy) -> None:
        self.begin_phase(best_by)
        self._choice.restore(snapshot)
        self.step = step

    def is_due(self, step: int, trained_s: float) -> bool:
        """Whether marks have taken no more than their share of the training time, and this step has none yet, as the
        last one of a phase has.  Where the autopilot acts on them they come by steps, and not by the clock."""
        recipe = self._plan.recipe
        is_affordable = self.seconds <= recipe.cadence.measuring_share * trained_s
        return self.step != step and (recipe.autopilot.mode == "act" or is_affordable)

    def scored(self, state: State, best_by: BestBy) -> Scored:
        """What the measure says of the averaged generator; nothing is remembered."""
        encoder = state.encoder.module if state.encoder is not None else None
        return self.score(state.average, self._plan.device, best_by, encoder=encoder)

    def mark(self, state: State, best_by: BestBy) -> Measured:
        """Score the averaged generator, and compare it with the best so far.  Raises `Fault` where it is not finite."""
        began, step = time.monotonic(), state.counters.steps
        found, floor = self.scored(state, best_by), self.score.floor(best_by)
        is_raw_due = step // self._plan.recipe.cadence.sheet_steps % RAW_EVERY == RAW_AT
        raw = self.score.raw(state.generator.module, self._plan.device) if is_raw_due else {}
        took_s = time.monotonic() - began
        self.seconds += took_s
        self.step = step
        if not math.isfinite(found.value):
            raise Fault(f"step {step}: samples are not finite; resume from an older checkpoint with a lower rate")
        return Measured(
            step=step,
            name=found.name,
            value=found.value,
            seconds=round(took_s, 3),
            beside={**found.beside, **raw},
            is_best=self._choice.takes(found),
            floors={floor.name: floor.value, **floor.beside} if floor is not None else {},
            is_trusted=self.is_trusted,
        )
