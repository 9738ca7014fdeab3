"""Recipes that fit themselves to their circumstances (docs/decisions/0011-recipes-that-fit-themselves.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

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
        self._by_hand = [path for path, reason in recipe.reasons.items() if reason == BY_HAND]

    def is_free(self, path: str) -> bool:
        """Whether neither this setting, nor one inside it, nor one that it is inside of was set by hand."""
        pairs = [(f"{path}.", f"{hand}.") for hand in self._by_hand]
        return not any(one.startswith(other) or other.startswith(one) for one, other in pairs)

    def choose(self, path: str, value: Json, why: str) -> None:
        """Set one setting, with its reason, unless a person has set it or the recipe has none of that path."""
        exists = any(f"{row}.".startswith(f"{path}.") for row in flatten(self.recipe))
        if exists and self.is_free(path):
            self.recipe = edited(self.recipe, [Edit(path, value=value)], why)

    def choose_together(self, changes: Iterable[Change], why: str) -> None:
        """Set several settings at once, so that nothing in between has to make sense; as `choose` in all else."""
        edits = [Edit(change.path, value=change.after) for change in changes if self.is_free(change.path)]
        self.recipe = edited(self.recipe, edits, why)


def source_fitted(recipe: Recipe, path: Path | None) -> Recipe:
    """The recipe with a source that suits what lies at the path; one without a tailor as it is."""
    if recipe.tailor is None:
        return recipe
    fitting = Fitting(recipe)
    recipe.tailor.fit_source(fitting, recipe.source.native_side(path))
    return fitting.recipe


def fitted(recipe: Recipe, circumstances: Circumstances) -> Recipe:
    """The recipe for these circumstances, without its tailor; one without a tailor as it is."""
    if recipe.tailor is None:
        return recipe
    fitting = Fitting(replace(recipe, tailor=None))
    recipe.tailor.fit(fitting, circumstances)
    return fitting.recipe
