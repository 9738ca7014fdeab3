"""Settings that are known to do harm, told before the first step: each with the reason and what cures it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from equipoise.doctor.lint.built import (
    Anatomy,
    batch_norm_of_few,
    squashed_scores,
    uneven_sizes,
    uneven_upsampling,
    wrong_ends,
)
from equipoise.doctor.lint.harm import (
    classes_around_zero,
    drowned_variances,
    few_latents,
    hard_classes,
    heavy_penalty,
    learned_by_heart,
    light_penalty,
    ranges_of_held_out,
    saturating_game,
    unbounded_critic,
)
from equipoise.doctor.lint.held import loud_noise, same_labels
from equipoise.doctor.lint.rhythm import (
    high_rates,
    idle_group,
    momentum,
    small_batches,
    uneven_rates,
    uneven_weights,
)
from equipoise.finding import Finding
from equipoise.recipe import Recipe
from equipoise.space import Space

Rule = Callable[[Recipe, Space, int], Iterator[Finding]]
"""Shown a recipe, and of which kind and how many the samples are that there are to train on."""
BuiltRule = Callable[[Recipe, Space, Anatomy], Iterator[Finding]]
"""Shown what the networks are made of as well."""

RULES: tuple[Rule, ...] = (
    drowned_variances,
    hard_classes,
    classes_around_zero,
    unbounded_critic,
    ranges_of_held_out,
    learned_by_heart,
    few_latents,
    saturating_game,
    heavy_penalty,
    light_penalty,
    momentum,
    uneven_rates,
    high_rates,
    uneven_weights,
    small_batches,
    idle_group,
    same_labels,
    loud_noise,
)
BUILT_RULES: tuple[BuiltRule, ...] = (
    squashed_scores,
    wrong_ends,
    batch_norm_of_few,
    uneven_upsampling,
    uneven_sizes,
)


def lint(recipe: Recipe, space: Space, num_samples: int, built: Anatomy | None = None) -> list[Finding]:
    """All warnings; none of them forbids training.  A recipe that fits itself is looked at as it is.

    Without `built` nothing is said of what the networks are made of.
    """
    found = [finding for rule in RULES for finding in rule(recipe, space, num_samples)]
    if built is not None:
        found += [finding for rule in BUILT_RULES for finding in rule(recipe, space, built)]
    return found
