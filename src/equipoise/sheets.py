"""The sheets of a run: the same latents at every look, beside real samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from equipoise import pictures
from equipoise.data.codec import to_world
from equipoise.data.corpus import Corpus
from equipoise.data.split import Split
from equipoise.engine import look
from equipoise.engine.asking import arguments, plane
from equipoise.engine.plan import Plan
from equipoise.errors import Fault

PLANE_SIDE, PAIRS_SHOWN = 8, 8


class Sheets:
    """Draws what an averaged generator makes, in the units of the world."""

    def __init__(self, plan: Plan, corpus: Corpus, split: Split) -> None:
        recipe, count = plan.recipe, look.sheet_size(plan.space)
        self.beside = look.reals(corpus, split, count, recipe.seed)
        """The real samples that fakes are looked at beside."""
        self._plan = plan
        self._asked = look.fixed_arguments(recipe.generator, recipe.seed, "sheet", count, self.beside)

    def reals(self) -> Image.Image:
        return self._sheet(to_world(self.beside.real, self._plan.space))

    def fakes(self, average: nn.Module) -> Image.Image:
        return self._sheet(self._made(average))

    def drawn(self, average: nn.Module, step: int) -> Iterator[tuple[str, Image.Image]]:
        """All that belongs to a look, with the names of the files.  Raises `Fault` where samples are not finite."""
        made = self._made(average)
        if not np.isfinite(made).all():
            raise Fault(f"step {step}: samples are not finite; resume from an older checkpoint with a lower rate")
        yield f"step-{step:08d}.png", self._sheet(made)
        if "conditions" in self._plan.recipe.generator.takes:
            yield f"plane-{step:08d}.png", self._sheet(self._over_the_plane(average))

    def _made(self, average: nn.Module) -> NDArray[np.float32]:
        return to_world(look.draw(average, self._asked, self._plan.device), self._plan.space)

    def _over_the_plane(self, average: nn.Module) -> NDArray[np.float32]:
        """One latent, asked for by conditions from one end to the other."""
        recipe, space = self._plan.recipe, self._plan.space
        conditions = plane(space, PLANE_SIDE)
        latents = look.fixed_latents(recipe.seed, "plane", 1, recipe.generator.latent).expand(len(conditions), -1)
        asked = arguments(recipe.generator.takes, latents, self.beside._replace(conditions=conditions))
        return to_world(look.draw(average, asked, self._plan.device), space)

    def _sheet(self, samples: NDArray[np.float32]) -> Image.Image:
        """The samples; in pairs, between what they were made from and what they should be."""
        space, given = self._plan.space, self.beside.given
        if given is None or space.given is None or len(samples) != len(given):
            return pictures.sheet(samples, space)
        shown = slice(0, PAIRS_SHOWN)
        parts = [("made", samples[shown]), ("real", to_world(self.beside.real[shown], space))]
        return pictures.paired_sheet(to_world(given[shown], space.given), space.given, parts, space)
