"""What differs between two recipes is counted as a person counts it."""

from __future__ import annotations

from dataclasses import replace

import pytest

import tiny
from equipoise.differing import Differing
from equipoise.edit import Edit
from equipoise.recipe import Recipe, edited
from equipoise.recipes import load
from equipoise.spec import Json, flatten
from equipoise.terms import R1, Hinge


def differing(*edits: str, recipe: Recipe | None = None) -> Differing:
    before = recipe or tiny.points()
    return Differing.between(flatten(before), flatten(edited(before, [Edit.parse(text) for text in edits])))


def test_one_setting_is_one() -> None:
    found = differing("d_optim.lr=2e-3")
    assert found.one is not None and str(found.one) == "d_optim.lr: 0.001 -> 0.002"
    assert str(found) == "one setting differs: d_optim.lr: 0.001 -> 0.002"


def test_several_settings_are_nobodys_merit() -> None:
    found = differing("d_optim.lr=2e-3", "batch=16")
    assert found.one is None and len(found.changes) == 2
    assert "nothing can be laid to any one of them" in str(found)


def test_a_schedule_is_one_setting() -> None:
    found = differing("g_optim.lr*=0.1", recipe=load("terrain"))
    assert str(found) == (
        "one setting differs: g_optim.lr: Cosine(start=0.0005, end=0.0001) -> Cosine(start=5e-05, end=1e-05)"
    )
    assert [row.path for row in found.rows] == ["g_optim.lr.start", "g_optim.lr.end"]
    found = differing("g_optim.lr.start=1e-3", recipe=load("terrain"))
    assert str(found) == "one setting differs: g_optim.lr.start: 0.0005 -> 0.001"
    assert differing("*.lr*=0.1", recipe=load("terrain")).is_several
    straight = '{"part": "equipoise.schedule.Linear", "start": 0.001, "end": 0.0001, "until": 6000}'
    found = differing(f"g_optim.lr={straight}", recipe=load("terrain"))
    assert str(found).startswith(
        "one setting differs: g_optim.lr: Cosine(start=0.0005"
    ) and "Linear(start=0.001" in str(found)


def test_another_seed_is_the_same_attempt() -> None:
    assert str(differing("seed=4")) == "no setting differs but the seed"
    found = differing("seed=4", "batch=16")
    assert found.one is not None and found.is_reseeded
    assert str(found) == "one setting differs, and the seed: batch: 32 -> 16"


def test_how_often_something_is_written_down_is_no_difference() -> None:
    assert not differing("cadence.tick_steps=7").changes


@pytest.mark.parametrize(
    ("edit", "path", "before", "after"),
    [
        ("drop phases.main.terms.r1", "phases.main.terms.r1", "equipoise.terms.penalties.R1(", "(absent)"),
        ("d_optim.clip_norm=1", "d_optim.clip_norm", "None", "1"),
    ],
)
def test_a_part_that_goes_is_one_thing(edit: str, path: str, before: str, after: str) -> None:
    (change,) = differing(edit).changes
    assert change.path == path
    assert str(change.before).startswith(before) and str(change.after).startswith(after)


def test_a_part_that_comes_is_told_with_its_settings() -> None:
    recipe = tiny.points()
    phase = recipe.phases["main"]
    terms = {**phase.terms, "r2": R1(weight=0.25)}
    more = replace(recipe, phases={"main": replace(phase, terms=terms)})
    (change,) = Differing.between(flatten(recipe), flatten(more)).changes
    assert change.path == "phases.main.terms.r2" and change.before == "(absent)"
    assert "weight=0.25" in str(change.after)


def test_a_part_in_anothers_place_is_one_thing_and_a_setting_that_both_have_another() -> None:
    recipe = tiny.points()
    phase = recipe.phases["main"]
    terms = {**phase.terms, "game": Hinge()}
    hinge = replace(recipe, phases={"main": replace(phase, terms=terms)})
    (change,) = Differing.between(flatten(recipe), flatten(hinge)).changes
    assert change.path == "phases.main.terms.game"
    terms = {**phase.terms, "game": Hinge(weight=0.5)}
    weighted = replace(recipe, phases={"main": replace(phase, terms=terms)})
    found = Differing.between(flatten(recipe), flatten(weighted))
    assert [it.path for it in found.changes] == ["phases.main.terms.game", "phases.main.terms.game.weight"]


def test_every_recipe_differs_from_itself_by_nothing() -> None:
    rows = flatten(load("auto"))
    assert str(Differing.between(rows, rows)) == "no setting differs"


def without(recipe: Recipe, *paths: str) -> dict[str, Json]:
    """A recipe's rows as a version wrote them that did not know some settings."""
    below = tuple(f"{path}." for path in paths)
    return {path: row for path, row in flatten(recipe).items() if path not in paths and not path.startswith(below)}


def test_what_an_older_version_did_not_know_nobody_changed() -> None:
    old = without(tiny.points(), "course", "on_fault", "most_skipped", "phases.main.terms.r1.weight")
    new = edited(tiny.points(), [Edit.parse("batch=16")])
    for found in (Differing.between(old, flatten(new)), Differing.between(flatten(new), old)):
        assert found.one is not None and found.one.path == "batch"
        assert [it.path for it in found.rows] == ["batch"] and not found.is_reseeded
        assert {it.path for it in found.of_version} == {"on_fault", "most_skipped", "phases.main.terms.r1.weight"}
    assert str(Differing.between(old, flatten(tiny.points()))) == "no setting differs"
    assert Differing.between(old, flatten(replace(tiny.points(), course=2))).is_reseeded


def test_a_part_that_an_older_version_did_not_know_is_one_thing() -> None:
    recipe = load("sprites_small")
    assert recipe.augment is not None and recipe.augment.operations
    found = Differing.between(without(recipe, "augment.operations", "precision"), flatten(recipe))
    assert not found.changes
    assert {it.path for it in found.of_version} == {
        "precision",
        *(f"augment.operations.{at}" for at in range(len(recipe.augment.operations))),
    }


def test_what_comes_into_a_table_or_a_list_is_no_older_version() -> None:
    recipe = load("sprites_small")
    assert recipe.augment is not None and recipe.augment.operations
    fewer = replace(recipe, augment=replace(recipe.augment, operations=recipe.augment.operations[:-1]))
    renamed = replace(recipe, phases={"another": next(iter(recipe.phases.values()))})
    for other in (fewer, renamed):
        found = Differing.between(flatten(other), flatten(recipe))
        assert found.changes and not found.of_version
