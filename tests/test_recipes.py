"""Every recipe: exact round trip, its golden text, its page in the catalogue, and a reason beside each number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise import recipes
from equipoise.edit import Edit
from equipoise.recipe import Recipe, edited, stale_reasons, stretched
from equipoise.recipes.listing import golden_text, listing
from equipoise.spec import decode, digest, encode

GOLDEN = Path(__file__).with_name("golden")

pytestmark = pytest.mark.parametrize("name", recipes.NAMES)


def test_round_trip_is_exact(name: str) -> None:
    recipe = recipes.load(name)
    back = decode(json.loads(json.dumps(encode(recipe))), Recipe)
    assert back == recipe
    assert digest(back) == digest(recipe)


def test_golden_text(name: str) -> None:
    """A changed default shows here; ``make golden`` writes the texts anew when the change is meant."""
    assert golden_text(recipes.load(name)) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_catalogue_is_what_the_recipe_says(name: str) -> None:
    recipe = recipes.load(name)
    assert recipes.catalogue()[name] == {"summary": recipe.summary, "rows": json.loads(json.dumps(listing(recipe)))}


def test_it_is_stretched_as_a_whole_and_comes_back(name: str) -> None:
    recipe = recipes.load(name)
    longer = stretched(recipe, dict.fromkeys(recipe.phases, 2.0))
    for phase, before in zip(longer.phases.values(), recipe.phases.values(), strict=True):
        assert phase.length.amount == 2.0 * before.length.amount
    assert stretched(longer, dict.fromkeys(recipe.phases, 0.5)) == recipe


def test_a_changed_setting_gives_up_its_reason(name: str) -> None:
    changed = edited(recipes.load(name), [Edit("batch", value=48)])
    assert changed.reasons["batch"] == "set by hand"
    assert stale_reasons(changed) == []
    assert stale_reasons(edited(changed, [Edit("augment", value=None)])) == []


def test_reasons_name_settings_that_exist(name: str) -> None:
    assert stale_reasons(recipes.load(name)) == []
