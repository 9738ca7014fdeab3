"""The phases of a recipe in which a game can fail."""

from __future__ import annotations

from equipoise.recipe import Phase, Recipe


def played(recipe: Recipe) -> dict[str, Phase]:
    """Those with an adversarial term, in which nothing tells the generator what each of its samples should be."""
    games = {name: phase for name, phase in recipe.phases.items() if phase.adversarial is not None}
    return {name: phase for name, phase in games.items() if not is_told(phase, recipe)}


def is_told(phase: Phase, recipe: Recipe) -> bool:
    """Whether the generator is told what each of its samples should be; then it cannot collapse."""
    return "pairs" in phase.needs and recipe.encoder is None
