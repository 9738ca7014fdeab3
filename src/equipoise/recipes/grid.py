"""Twenty-five Gaussians on a grid: the toy problem with the most modes."""

from __future__ import annotations

from equipoise.data import Grid
from equipoise.recipe import Recipe
from equipoise.recipes.ring import points


def grid() -> Recipe:
    """The ring's recipe, three times as long."""
    return points(
        Grid(), steps=36_000, summary="toy: 25 Gaussians on a grid (PacGAN's protocol); all modes in five minutes"
    )
