"""What is told before the first step: each rule fires where it should, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import tiny
from equipoise import recipes
from equipoise.cli import run_command
from equipoise.doctor.lint import lint
from equipoise.edit import Edit
from equipoise.journal import Resumed, Started, read
from equipoise.recipe import Recipe, edited
from equipoise.recipes.augmenting import with_ada
from equipoise.run import Where, resume
from equipoise.space import Channel, Space
from equipoise.training import train

MANY = 10_000
PICTURES = Space((Channel("grey"),), 16, 16)


POINTS = Space((Channel("x"), Channel("y")), 1, 1)


def titles(recipe: Recipe, samples: int = MANY, space: Space = PICTURES) -> list[str]:
    return [finding.title for finding in lint(recipe, space, samples)]


@pytest.mark.parametrize("name", sorted(recipes.catalogue()))
def test_no_recipe_of_ours_does_what_is_known_to_do_harm(name: str) -> None:
    assert titles(recipes.load(name), space=POINTS if name in ("ring", "grid") else PICTURES) == []


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("generator.eps=0.8", "generator.eps is 0.8"),
        ("generator.hard=true", "the generator's classes are hard"),
        ("categories.span=-1 to 1", "classes are shown from -1 to 1"),
    ],
)
def test_the_settings_that_failed_in_the_notes_are_told_and_cured(setting: str, words: str) -> None:
    recipe = edited(recipes.load("terrain"), [Edit.parse(setting)])
    (finding,) = lint(recipe, PICTURES, MANY)
    assert finding.title == words
    assert finding.severity == "warning"
    assert titles(edited(recipe, finding.remedies)) == []


def test_a_small_eps_is_nobodys_fault() -> None:
    assert titles(edited(recipes.load("terrain"), [Edit("generator.eps", value=1e-3)])) == []


def test_a_critic_without_bounds_is_told() -> None:
    recipe = tiny.images()
    phase = recipe.phases["main"]
    terms = {name: term for name, term in phase.terms.items() if not term.penalises_slope}
    bare = replace(recipe, phases={"main": replace(phase, terms=terms)})
    (finding,) = lint(bare, PICTURES, MANY)
    assert finding.title == "nothing bounds the slope of the critic"
    assert titles(edited(bare, finding.remedies)) == []
    off = edited(recipe, [Edit("phases.main.terms.gp.weight", value=0.0)])
    assert titles(off) == ["phases.main.terms.gp.weight is 0"], "a penalty of no weight bounds nothing"
    half = replace(recipe, phases={"first": phase, "then": bare.phases["main"]})
    assert titles(half) == [finding.title], "one phase of two"


def test_few_samples_ask_for_augmentation() -> None:
    recipe = tiny.images()
    assert titles(recipe, 999) == ["999 samples, and the critic sees them as they are"]
    assert titles(recipe, 1000) == []
    assert titles(with_ada(recipe), 200) == []
    assert lint(tiny.points(), Space((Channel("x"), Channel("y")), 1, 1), 200) == [], "points cannot be augmented"


def test_a_run_says_so_before_its_first_step(tmp_path: Path) -> None:
    run = train(edited(tiny.points(2), [Edit("phases.main.terms.r1", "drop")]), out=tmp_path / "run", device="cpu")
    (started,) = [event for event in read(run).events if isinstance(event, Started)]
    assert [warning.partition(";")[0] for warning in started.warnings] == ["nothing bounds the slope of the critic"]


def test_a_resume_tells_what_its_changes_brought(tmp_path: Path) -> None:
    run = train(tiny.points(2), out=tmp_path / "run", device="cpu")
    resume(run, [Edit("phases.main.terms.r1", "drop")], where=Where(device="cpu")).close()
    (resumed,) = [event for event in read(run).events if isinstance(event, Resumed)]
    assert [notice.partition(";")[0] for notice in resumed.notices] == [
        "warning: nothing bounds the slope of the critic"
    ]


def test_check_and_train_print_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tiny.coloured(tmp_path / "data", 40)
    source = f"{Path(tiny.__file__)}:images"
    run_command(["check", str(data), "--recipe", source, "--sheet", str(tmp_path / "sheet.png")])
    assert "warning: 40 samples, and the critic sees them as they are" in capsys.readouterr().out
    assert run_command(["train", source, "--data", str(data), "--dry-run", "--device", "cpu"]) == 0
    assert "warning: 40 samples" in capsys.readouterr().out
    out = str(tmp_path / "run")
    assert run_command(["train", source, "--data", str(data), "--out", out, "--for", "1steps", "--device", "cpu"]) == 0
    assert "warning: 40 samples, and the critic sees them as they are; on 200 scenes" in capsys.readouterr().out
