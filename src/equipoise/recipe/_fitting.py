"""Recipes that fit themselves to their circumstances (docs/decisions/0011-recipes-that-fit-themselves.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from equipoise.differing import ASKED
from equipoise.edit import Change, Edit
from equipoise.recipe._budget import Budget
from equipoise.recipe._whole import BY_HAND, Recipe, edited
from equipoise.space import Space
from equipoise.spec import Json, flatten


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a recipe can be fitted to."""

    space: Space
    num_samples: int
    """That are trained on."""
    num_held_out: int
    budget: Budget | None
    """How long the person wants to train, where that was said."""
    step_seconds: Callable[[Recipe], float]
    """Measures how long a step of a recipe takes on this machine."""
    has_hard_edges: bool = False
    """Whether the samples are more like drawings of few colours than like photographs."""
    octaves: Callable[[str], tuple[float, ...]] = lambda name: ()
    """Measures how smooth a continuous channel is: the amplitudes of its level and of each grid."""


class Fitting:
    """A recipe while it is being fitted.  What a person has set stays."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.rules: dict[str, str] = {}
        """How long the run was to be, under `ASKED`, and by what rule settings follow from it, by their paths.  The
        same rules give other values where the machine is busier."""
        self._by_hand = [path for path, reason in recipe.reasons.items() if reason == BY_HAND]

    def is_free(self, path: str) -> bool:
        """Whether neither this setting, nor one inside it, nor one that it is inside of was set by hand."""
        pairs = [(f"{path}.", f"{hand}.") for hand in self._by_hand]
        return not any(one.startswith(other) or other.startswith(one) for one, other in pairs)

    def follow(self, asked: str) -> None:
        """Say how long the run was to be, which the rules of other settings begin with."""
        self.rules[ASKED] = asked

    def choose(self, path: str, value: Json, why: str, rule: str = "") -> None:
        """Set one setting, with its reason, unless a person has set it or the recipe has none of that path.

        With a rule, it follows by that from how long the run was to be.
        """
        exists = any(f"{row}.".startswith(f"{path}.") for row in flatten(self.recipe))
        if exists and self.is_free(path):
            self.recipe = edited(self.recipe, [Edit(path, value=value)], why)
            self.rules |= {path: rule} if rule else {}

    def choose_together(self, changes: Iterable[Change], why: str, rules: Mapping[str, str]) -> None:
        """Set several settings at once, so that nothing in between has to make sense; as `choose` in all else."""
        edits = [Edit(change.path, value=change.after) for change in changes if self.is_free(change.path)]
        self.recipe = edited(self.recipe, edits, why)
        self.rules |= {path: rule for path, rule in rules.items() if self.is_free(path)}


def source_fitted(recipe: Recipe, path: Path | None) -> Recipe:
    """The recipe with a source that suits what lies at the path; one without a tailor as it is."""
    if recipe.tailor is None:
        return recipe
    fitting = Fitting(recipe)
    recipe.tailor.fit_source(fitting, recipe.source.native_side(path))
    return fitting.recipe


def fitting_of(recipe: Recipe, circumstances: Circumstances) -> Fitting:
    """The recipe for these circumstances, without its tailor, and the rules by which settings follow from how long the
    run was to be; one without a tailor as it is.
    """
    fitting = Fitting(replace(recipe, tailor=None))
    if recipe.tailor is not None:
        recipe.tailor.fit(fitting, circumstances)
    return fitting
