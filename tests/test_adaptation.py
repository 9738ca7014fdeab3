"""ADA's controller: what it reads, which way it goes, where it stops, and that a resumed run goes on the same way."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny
from equipoise import recipes
from equipoise.augment import Flip, Translate
from equipoise.engine.adaptation import LEAST_LEAD, Adaptation, adapt
from equipoise.engine.plan import Plan
from equipoise.recipe import Adaptive, Augment, Budget, Recipe
from equipoise.run import Where, carry_out, resume
from equipoise.session import Session
from equipoise.space import Channel, Space
from equipoise.spec import SpecError
from equipoise.training import train
from equipoise.view import View, scoring

SPACE = Space((Channel("x"),), 1, 1)


def adaptive(**settings: object) -> Recipe:
    augment = Augment((Flip(),), "both", Adaptive(**settings))  # type: ignore[arg-type]
    return replace(tiny.points(), augment=augment, batch=4)


def play(
    recipe: Recipe, real: list[float], fake: list[float], held_out: list[float] | None, updates: int
) -> Adaptation:
    """The controller after so many updates in which the critic gives these scores: each sample is its own score."""

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values)[:, None, None, None]

    plan = Plan(recipe, SPACE, 100, torch.device("cpu"))
    view = View("D", column(real), column(fake), scoring(lambda samples: samples[:, 0, 0, 0]))
    adaptation = Adaptation()
    for _ in range(updates):
        adapt(plan, adaptation, view, None if held_out is None else lambda: column(held_out))
    return adaptation


def test_overfitting_is_a_ratio_of_ranks() -> None:
    """2 and 4 against held-out 0 and 3: three of four pairs above, one below.  Against fakes -1 and 1: all above."""
    state = play(adaptive(every=3), [2.0, 4.0], [-1.0, 1.0], [0.0, 3.0], 6)
    assert state.overfitting == pytest.approx(0.5)
    assert (state.gap, state.lead) == pytest.approx((0.5, 1.0))


def test_scale_and_outliers_of_the_scores_change_nothing() -> None:
    plain = play(adaptive(), [2.0, 4.0], [-1.0, 3.0], [0.0, 3.0], 40)
    wild = play(adaptive(), [200.0, 1e9], [-1e9, 300.0], [0.0, 300.0], 40)
    assert plain.overfitting == pytest.approx(wild.overfitting)


def test_a_critic_that_tells_nothing_apart_has_nothing_to_overfit_with() -> None:
    """Fakes rank higher than real samples: no lead, and the smallest one stands in."""
    assert play(adaptive(), [1.0, 1.0], [2.0, 2.0], [1.0, 1.0], 40).overfitting == 0.0
    assert play(adaptive(), [1.0, 1.0], [2.0, 2.0], [1.0, 0.0], 40).overfitting == pytest.approx(0.5 / LEAST_LEAD)


def test_without_held_out_samples_the_sign_of_differences_is_taken() -> None:
    """Of the four differences 2-1, 2-3, 4-1, 4-3 one is negative."""
    assert play(adaptive(every=1), [2.0, 4.0], [1.0, 3.0], None, 1).overfitting == pytest.approx(0.5)
    assert play(adaptive(every=1, signal="sign"), [2.0, 4.0], [1.0, 3.0], [0.0], 1).overfitting == pytest.approx(0.5)


def test_averages_count_and_not_one_batch() -> None:
    """One batch has all pairs above, seven none."""
    recipe, column = adaptive(every=1), lambda value: torch.full((4, 1, 1, 1), value)
    plan = Plan(recipe, SPACE, 100, torch.device("cpu"))
    view = View("D", column(1.0), column(0.0), scoring(lambda samples: samples[:, 0, 0, 0]))
    state = Adaptation()
    for held_out in (-2.0, *[1.0] * 7):
        adapt(plan, state, view, lambda held_out=held_out: column(held_out))  # type: ignore[misc]
    assert state.overfitting == pytest.approx(1 / 8)


def test_a_constant_added_to_all_scores_changes_nothing() -> None:
    scores = [2.0, 4.0], [-1.0, 3.0], [0.0, 3.0]
    plain = play(adaptive(), *scores, 4)
    moved = play(adaptive(), *([score + 100.0 for score in part] for part in scores), 4)
    assert plain.overfitting == pytest.approx(moved.overfitting, abs=1e-4)


def test_p_rises_at_the_papers_pace_while_the_critic_overfits_and_stops_at_its_limit() -> None:
    """4 updates of 4 samples each move p by 16 / 160 = 0.1."""
    recipe = adaptive(images=160.0, every=4, most=0.25)
    paces = [play(recipe, [1.0, 1.0], [0.0, 0.0], [0.0, 0.0], updates).probability for updates in (3, 4, 8, 12, 16)]
    assert paces == pytest.approx([0.0, 0.1, 0.2, 0.25, 0.25])


def test_p_stays_at_nothing_while_held_out_samples_score_like_the_others() -> None:
    assert play(adaptive(images=160.0), [1.0, 1.0], [0.0, 0.0], [1.0, 1.0], 40).probability == 0.0


def test_adaptive_changes_must_be_made_to_fakes_too() -> None:
    with pytest.raises(SpecError, match="the generator learns the changes"):
        Augment((Flip(),), "real", Adaptive())


def small() -> Recipe:
    """A controller that takes the least sign for overfitting, and reacts at once."""
    from equipoise.data import Images

    augment = Augment((Flip(), Translate()), "both", Adaptive(target=0.0, images=200.0, every=1))
    return replace(tiny.images(12), source=Images(size=16), augment=augment, held_out=0.3)


def fill(folder: Path) -> Path:
    from PIL import Image

    folder.mkdir()
    for number in range(60):
        source = np.random.default_rng(number)
        Image.fromarray(source.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


def test_a_run_writes_p_down_and_resumes_it_exactly(tmp_path: Path) -> None:
    data, where = fill(tmp_path / "data"), Where(tmp_path / "data", device="cpu")
    assert data.is_dir()
    whole = train(small(), tmp_path / "data", out=tmp_path / "whole", device="cpu")
    train(small(), tmp_path / "data", out=tmp_path / "parts", budget="5steps", device="cpu")

    again: Session = resume(tmp_path / "parts", where=where, budget=Budget.parse("7steps"))

    carry_out(again)
    with (whole / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(0.0 <= float(row["augment_p"]) <= 0.8 for row in rows)
    assert any(float(row["augment_p"]) > 0.0 for row in rows)
    with (tmp_path / "parts" / "losses.csv").open() as file:
        assert list(csv.DictReader(file))[-1]["augment_p"] == rows[-1]["augment_p"]


def test_any_recipe_takes_it_from_the_command_line() -> None:
    from equipoise.asked import as_set

    part = json.dumps({"part": "equipoise.recipe.Adaptive"})
    changed = as_set(recipes.load("sprites_small"), ["augment.applies_to=both", f"augment.adaptive={part}"])
    assert changed.augment is not None
    assert changed.augment.adaptive == Adaptive()
