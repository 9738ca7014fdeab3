"""How far a run has come and how far it has to go, by its counters alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tiny
from equipoise import course
from equipoise.data import Digits, Ring
from equipoise.doctor.readers.runs import read_run
from equipoise.engine.state import Counters
from equipoise.goal import Goal
from equipoise.recipe import Source, Span
from equipoise.training import train


def plan_of(*lengths: Span) -> Any:
    """All of a plan that is asked for: 100 images an epoch."""
    phase = tiny.points().phases["main"]
    phases = {f"phase{at}": replace(phase, length=length) for at, length in enumerate(lengths)}
    recipe = replace(tiny.points(), phases=phases)
    return SimpleNamespace(recipe=recipe, epoch_images=100, phase=lambda at: list(recipe.phases.values())[at])


def counted(steps: int, phase: int = 0) -> Counters:
    """Of batches of 10."""
    return Counters(steps=steps, images=10 * steps, phase=phase)


@pytest.mark.parametrize(
    ("goal", "expected"),
    [(Goal("steps", 70), 70.0), (Goal("images", 400), 40.0), (Goal("epochs", 3), 30.0), (Goal("seconds", 8), 32.0)],
)
def test_a_length_in_any_unit_is_foreseen_in_steps(goal: Goal, expected: float) -> None:
    so_far = course.done(plan_of(Span(100)), counted(20), 5.0)
    assert course.length_steps(goal, plan_of(Span(100)), so_far) == pytest.approx(expected)


def test_before_the_first_step_only_steps_are_known() -> None:
    so_far = course.done(plan_of(Span(100)), counted(0), 0.0)
    assert course.length_steps(Goal("steps", 70), plan_of(Span(100)), so_far) == 70.0
    assert course.length_steps(Goal("seconds", 70), plan_of(Span(100)), so_far) == 0.0


def test_a_recipe_of_several_units_ends_where_its_last_phase_does() -> None:
    plan = plan_of(Span(20), Span(1.0, "epochs"))
    assert course.length_steps(Goal("recipe"), plan, course.done(plan, counted(20), 5.0)) == pytest.approx(30.0)
    assert not course.is_at_length(Goal("recipe"), plan, counted(25))
    last = Counters(steps=30, images=300, phase=1, phase_steps=20, phase_images=200)
    assert course.is_at_length(Goal("recipe"), plan, last) and course.is_last_phase(plan, last)
    assert course.phase_name(plan, last) == "phase1"


def test_time_is_no_length_and_says_what_it_left_out() -> None:
    plan = plan_of(Span(20), Span(20), Span(20))
    assert not course.is_at_length(Goal("seconds", 0.0), plan, counted(60))
    assert course.time_is_up(plan, counted(5)) == "time is up before phase phase1 and phase2"
    assert course.time_is_up(plan, counted(50, phase=2)) == "time is up"


@pytest.mark.parametrize(("source", "is_points"), [(Ring(count=200), True), (Digits(size=16), False)])
def test_a_run_tells_whether_its_samples_are_points(source: Source, is_points: bool, tmp_path: Path) -> None:
    recipe = tiny.points(2) if is_points else tiny.images(2)
    run = train(replace(recipe, source=source), out=tmp_path / "run", device="cpu")
    assert read_run(run).of_points is is_points
