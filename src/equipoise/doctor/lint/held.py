"""Settings that keep the critic from learning."""

from __future__ import annotations

from collections.abc import Iterator

from equipoise.doctor.lint.played import played
from equipoise.doctor.remedies import apart, loud_noises, near_labels, quieter
from equipoise.edit import Edit
from equipoise.finding import Finding
from equipoise.recipe import Recipe
from equipoise.space import Space
from equipoise.spec import flatten


def same_labels(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """The critic is asked for nearly the same of real samples and of fakes."""
    settings = flatten(recipe)
    for term, (real, fake) in near_labels(settings).items() if played(recipe) else ():
        title = f"{term} labels real samples {real:g} and fakes {fake:g}"
        yield _told(title, "so near to each other, the critic has next to nothing to learn", apart(settings, term))


def loud_noise(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    settings = flatten(recipe)
    for path, sigma in loud_noises(settings).items() if played(recipe) else ():
        reason = "values go from -1 to 1, and what the critic cannot see under the noise is not learned"
        yield _told(f"{path}.sigma is {sigma:g}", reason, quieter(settings, path))


def _told(title: str, reason: str, edits: tuple[Edit, ...]) -> Finding:
    return Finding(title, "warning", (reason,), " ".join(f"--set {edit.path}={edit.value}" for edit in edits), edits)
