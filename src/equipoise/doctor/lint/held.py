"""Settings that keep the critic from learning."""

from __future__ import annotations

from collections.abc import Iterator

from equipoise.doctor.lint.played import played
from equipoise.doctor.remedies import less_noise, loud_noises, near_labels, surer_labels
from equipoise.finding import Finding
from equipoise.recipe import Recipe
from equipoise.space import Space
from equipoise.spec import flatten


def same_labels(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """The critic is asked for nearly the same of real samples and of fakes."""
    settings = flatten(recipe)
    for term, (real, fake) in near_labels(settings).items():
        edits = surer_labels(settings).edits
        yield Finding(
            f"{term} labels real samples {real:g} and fakes {fake:g}",
            "warning",
            ("so near to each other, the critic has next to nothing to learn",),
            " ".join(f"--set {edit.path}={edit.value}" for edit in edits),
            edits,
        )


def loud_noise(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    settings = flatten(recipe)
    for path, sigma in loud_noises(settings).items() if played(recipe) else ():
        edits = less_noise(settings).edits
        yield Finding(
            f"{path}.sigma is {sigma:g}",
            "warning",
            ("values go from -1 to 1; the critic sees little but noise, and what it does not see is not learned",),
            " ".join(f"--set {edit.path}={edit.value}" for edit in edits),
            edits,
        )
