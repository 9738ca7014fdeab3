"""How far the generator is from the data, by numbers that are cheap enough to be had while a run trains."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from hashlib import blake2b

import torch
from jaxtyping import Float
from torch import Tensor, nn

from equipoise.data.corpus import Corpus
from equipoise.data.split import Split
from equipoise.engine.look import draw, fixed_latents, reals
from equipoise.engine.plan import Plan
from equipoise.measures.diversity import diversity
from equipoise.measures.features import Extractor, Vectors
from equipoise.measures.frechet import frechet
from equipoise.measures.kernel import kernel_distance, shares
from equipoise.measures.manifold import NEIGHBOURS, manifold
from equipoise.measures.sliced_wasserstein import sliced_wasserstein
from equipoise.recipe import BestBy
from equipoise.view import Latents, Samples

MOST = 1024
FEWEST = 128
"""Of reals.  Where fewer are held out, others make them up, by which a generator that copies looks better."""
FAKES_PER_REAL = 4
"""Fakes cost little, and with four times as many nearly all that is left of chance is in the reals."""
MOST_VALUES = 2**22
"""In all samples of a score together: 341 samples of 3x64x64, which take two cores about a second."""
FEWEST_FOR_FEATURES = 4 * (NEIGHBOURS + 1)


def on_features(real: Vectors, fake: Vectors) -> dict[str, float]:
    """What a score says of two sets of vectors."""
    found = manifold(real, fake)
    return {
        "kernel": kernel_distance(real, fake),
        "frechet": frechet(real, fake),
        "precision": found.precision,
        "coverage": found.coverage,
        "diversity": diversity(real, fake),
    }


@dataclass(frozen=True, slots=True)
class Scored:
    """What a score says of one generator."""

    name: str
    value: float
    """Lower is better."""
    beside: dict[str, float] = field(default_factory=dict)
    """Other numbers by name."""
    shares: Float[Tensor, " n"] | None = None
    """The part of each real sample in `value`, where that can be said; what is the same for all generators aside."""


class Score:
    """Samples for fixed latents against fixed real ones, held out if enough are: one ruler for a whole run.

    Where there are too few real samples for features, the sliced Wasserstein distance takes the place of `best_by`.
    """

    def __init__(self, real: Samples, latents: Latents, best_by: BestBy) -> None:
        self._on_features = len(real) >= FEWEST_FOR_FEATURES
        self.best_by: BestBy = best_by if self._on_features else "sliced_wasserstein"
        self.real, self._latents = real, latents
        self.ruler = _digest(self.best_by, real, latents)
        """The same for two scores that may be compared: of the same real samples, latents and measure."""
        is_points = real.shape[2] == real.shape[3] == 1
        self._extractor = Extractor.fitted(real) if self._on_features and not is_points else None
        self._features = self._vectors(real)

    @classmethod
    def for_plan(cls, plan: Plan, corpus: Corpus, split: Split) -> Score:
        recipe = plan.recipe
        count = max(FEWEST, min(MOST, MOST_VALUES // math.prod(plan.space.shape)))
        num_held_out = len(split.held_out)
        num_reals = min(count, max(FEWEST, num_held_out)) if num_held_out else count
        real = reals(corpus, split, num_reals, recipe.seed)
        num_fakes = min(count, FAKES_PER_REAL * len(real))
        return cls(real, fixed_latents(recipe.seed, "score", num_fakes, recipe.generator.latent), recipe.best_by)

    def __call__(self, average: nn.Module, device: torch.device) -> Scored:
        """NaN, and nothing beside it, when a sample is not finite."""
        fake = draw(average, self._latents, device)
        if not fake.isfinite().all():
            return Scored(self.best_by, math.nan)
        found = {}
        parts = None
        if self.best_by == "sliced_wasserstein":
            found["sliced_wasserstein"] = sliced_wasserstein(fake, self.real)
        if self._on_features:
            pairs = list(zip(self._features, self._vectors(fake), strict=True))
            spaces = [on_features(*pair) for pair in pairs]
            found |= {name: statistics.fmean(space[name] for space in spaces) for name in spaces[0]}
            if self.best_by == "kernel":
                parts = torch.stack([shares(*pair) for pair in pairs]).mean(0)
        return Scored(self.best_by, found.pop(self.best_by), found, parts)

    def _vectors(self, samples: Samples) -> list[Vectors]:
        return [samples.flatten(1)] if self._extractor is None else self._extractor(samples)


def _digest(best_by: str, *tensors: Tensor) -> str:
    hasher = blake2b(best_by.encode(), digest_size=8)
    for tensor in tensors:
        hasher.update(tensor.contiguous().numpy().tobytes())
    return hasher.hexdigest()
