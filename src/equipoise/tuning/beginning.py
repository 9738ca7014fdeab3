"""Beginning a study: the recipe is fitted, its pace measured, and the length of trials decided, once for all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from equipoise.engine.beginning import begun
from equipoise.engine.pace import step_seconds
from equipoise.engine.plan import Plan
from equipoise.engine.score import Score
from equipoise.errors import RequestError
from equipoise.recipe import BestBy, Budget, Span
from equipoise.run import Where, prepare
from equipoise.tuning.budget import Lengths, TuningBudget, lengths, phase_at, phase_ends, unreached
from equipoise.tuning.knobs import Tuned, tuned
from equipoise.tuning.question import Asked, Objective, Question
from equipoise.tuning.storage import Beginning
from equipoise.tuning.trials import for_trials


def begin(asked: Asked, where: Where, budget: TuningBudget) -> Beginning:
    """Everything that a study needs before its first trial.  Raises `RequestError` where it cannot be done as asked."""
    corpus, plan = prepare(asked.recipe, where)
    if plan.world.size > 1:
        raise RequestError(
            "each trial is trained by one process: leave torchrun away and start the command several times"
        )
    found = _lengths(asked, tuned(plan.recipe, asked.words), plan, budget)
    steps = found.warm_up + found.horizon
    if asked.recipe.tailor is not None:  # which fits schedules to the length of a trial
        _, plan = prepare(asked.recipe, where, Budget(span=Span(steps, "steps")))
    knobs = _reached(tuned(plan.recipe, asked.words), asked, plan, found)
    phase = phase_at(plan.recipe, plan.num_samples, steps)
    best_by = plan.recipe.phases[phase].best_by or plan.recipe.best_by
    score = Score.for_plan(plan, corpus, corpus.split(plan.recipe.held_out))
    question = Question(
        recipe=for_trials(plan.recipe, found.horizon),
        knobs=knobs,
        strategy=asked.strategy,
        objectives=asked.objectives,
        measure=score.measure(best_by),
        num_seeds=asked.num_seeds,
        warm_up_steps=found.warm_up,
        horizon_steps=found.horizon,
        data=corpus.digest,
        asked=asked.knobs,
        named=asked.named,
    )
    return Beginning(question, asked.digest, tuple(_untrained(plan, score, best_by)[one] for one in asked.objectives))


def _reached(knobs: Sequence[Tuned], asked: Asked, plan: Plan, found: Lengths) -> tuple[Tuned, ...]:
    """Those of phases in which trials train.  Raises `RequestError` for others that were asked for by name."""
    why_not = dict(unreached(plan.recipe, knobs, plan.num_samples, found))
    reached = tuple(knob for knob in knobs if knob.path not in why_not)
    if why_not and (asked.words or not reached):
        path, why = next(iter(why_not.items()))
        raise RequestError(f"--knobs {path}: {why}")
    return reached


def _lengths(asked: Asked, knobs: Sequence[Tuned], plan: Plan, budget: TuningBudget) -> Lengths:
    recipe_steps = list(phase_ends(plan.recipe, plan.num_samples).values())[-1]
    pace = step_seconds(plan, plan.recipe) if budget.unit == "seconds" and asked.horizon_steps is None else math.nan
    return lengths(
        asked.strategy,
        knobs,
        asked.num_seeds,
        budget,
        pace,
        recipe_steps,
        asked.warm_up_steps,
        asked.horizon_steps,
    )


def _untrained(plan: Plan, score: Score, best_by: BestBy) -> Mapping[Objective, float]:
    """What a generator is worth that has learned nothing."""
    _, state, _ = begun(plan)
    encoder = state.encoder.module if state.encoder is not None else None
    found = score(state.average, plan.device, best_by, encoder=encoder)
    if not math.isfinite(found.value):
        raise RequestError("the untrained generator's samples are not finite: nothing can be tuned from there")
    return {"quality": found.value, "diversity": 0.0, "no-collapse": 1.0}
