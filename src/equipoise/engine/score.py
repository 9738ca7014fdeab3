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
from equipoise.engine.asking import Arguments
from equipoise.engine.look import draw, fixed_arguments, reals, repeated
from equipoise.engine.plan import Plan
from equipoise.engine.rebuilding import Rebuilding
from equipoise.measures.diversity import diversity
from equipoise.measures.enlarged import FEWEST_BANDS, angle, interpolated
from equipoise.measures.features import Extractor, Vectors
from equipoise.measures.frechet import frechet
from equipoise.measures.kernel import kernel_distance, shares
from equipoise.measures.manifold import NEIGHBOURS, manifold
from equipoise.measures.pairs import WINDOW, psnr, ssim
from equipoise.measures.sliced_wasserstein import sliced_wasserstein
from equipoise.recipe import BestBy
from equipoise.space import Space
from equipoise.view import Samples

MOST = 1024
FEWEST = 128
"""Of reals.  Where fewer are held out, others make them up, by which a generator that copies looks better."""
FAKES_PER_REAL = 4
"""Fakes cost little, and with four times as many nearly all that is left of chance is in the reals."""
MOST_VALUES = 2**22
"""In all samples of a score together: 341 samples of 3x64x64, which take two cores about a second."""
FEWEST_FOR_FEATURES = 4 * (NEIGHBOURS + 1)
FALLBACK: BestBy = "sliced_wasserstein"
OF_PAIRS = {"psnr": psnr, "ssim": ssim}
"""Measures of a fake and the real sample that it should be; higher is better."""


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
    beside: dict[str, float] = field(default_factory=dict)
    """Other numbers by name."""
    shares: Float[Tensor, " n"] | None = None
    """The part of each real sample in `value`, where that can be said; what is the same for all generators aside."""

    @property
    def higher_is_better(self) -> bool:
        return self.name in OF_PAIRS


class Score:
    """Samples for fixed arguments against fixed real ones, held out if enough are: one ruler for a whole run.

    Where samples come in pairs, each fake is also compared with the real sample that it should be.  Where there are too
    few real samples for features, the sliced Wasserstein distance takes the place of a measure that needs them.
    """

    def __init__(
        self,
        real: Samples,
        asked: Arguments,
        *,
        pairs: Space | None = None,
        plain: Samples | None = None,
        rebuilding: Rebuilding | None = None,
    ) -> None:
        """`pairs` is the kind of samples that come in pairs, and `plain` are pictures that needed no network for it;
        `rebuilding` is for generators that have an encoder."""
        self._rebuilding = rebuilding
        self._on_features = len(real) >= FEWEST_FOR_FEATURES
        self._pairs = pairs
        self._plain_psnr = float(psnr(plain, real).mean()) if plain is not None else None
        self.real, self._asked = real, asked
        is_points = real.shape[2] == real.shape[3] == 1
        self._extractor = Extractor.fitted(real) if self._on_features and not is_points else None
        self._features = self._vectors(real)

    @classmethod
    def for_plan(cls, plan: Plan, corpus: Corpus, split: Split) -> Score:
        recipe = plan.recipe
        count = max(FEWEST, min(MOST, MOST_VALUES // math.prod(plan.space.shape)))
        num_held_out = len(split.held_out)
        num_reals = min(count, max(FEWEST, num_held_out)) if num_held_out else count
        batch = reals(corpus, split, num_reals, recipe.seed)
        in_pairs = "given" in recipe.generator.takes
        num_fakes = len(batch.real) if in_pairs else min(count, FAKES_PER_REAL * len(batch.real))
        plain = interpolated(batch.given, plan.space) if in_pairs and batch.given is not None else None
        asked = fixed_arguments(recipe.generator, recipe.seed, "score", num_fakes, batch)
        unseen = repeated(batch, min(num_held_out, len(batch.real)) or len(batch.real))
        rebuilding = Rebuilding(recipe.generator.takes, unseen) if recipe.encoder is not None else None
        return cls(batch.real, asked, pairs=plan.space if in_pairs else None, plain=plain, rebuilding=rebuilding)

    def measure(self, best_by: BestBy) -> BestBy:
        """The measure that is taken when this one is asked for."""
        if best_by == "rebuilt":
            return best_by if self._rebuilding is not None else FALLBACK
        if best_by in OF_PAIRS:
            return best_by if self._pairs is not None else FALLBACK
        return best_by if self._on_features else FALLBACK

    def ruler(self, best_by: BestBy) -> str:
        """The same for two scores that may be compared: of the same real samples, arguments and measure."""
        return _digest(self.measure(best_by), self.real, *self._asked)

    def __call__(
        self, average: nn.Module, device: torch.device, best_by: BestBy, encoder: nn.Module | None = None
    ) -> Scored:
        """NaN, and nothing beside it, when a sample is not finite.  `encoder` is needed where samples are rebuilt."""
        name = self.measure(best_by)
        fake = draw(average, self._asked, device)
        if not fake.isfinite().all():
            return Scored(name, math.nan)
        found: dict[str, float] = {}
        shares_of: dict[str, Tensor] = {}
        if name == FALLBACK:
            found[FALLBACK] = sliced_wasserstein(fake, self.real)
        if name == "rebuilt":
            assert self._rebuilding is not None and encoder is not None
            shares_of["rebuilt"] = self._rebuilding.errors(average, encoder, device)
            found["rebuilt"] = float(shares_of["rebuilt"].mean())
        if self._pairs is not None:
            fits = min(fake.shape[2:]) >= WINDOW
            shares_of |= {measure: of(fake, self.real) for measure, of in OF_PAIRS.items() if fits or measure == "psnr"}
            found |= {measure: float(each.mean()) for measure, each in shares_of.items()}
            if fake.shape[1] >= FEWEST_BANDS:
                found["angle"] = float(angle(fake, self.real, self._pairs).mean())
            if self._plain_psnr is not None:
                found["gain"] = found["psnr"] - self._plain_psnr
        if self._on_features:
            pairs = list(zip(self._features, self._vectors(fake), strict=True))
            spaces = [on_features(*pair) for pair in pairs]
            found |= {measure: statistics.fmean(space[measure] for space in spaces) for measure in spaces[0]}
            if name == "kernel":
                shares_of["kernel"] = torch.stack([shares(*pair) for pair in pairs]).mean(0)
        return Scored(name, found.pop(name), found, shares_of.get(name))

    def _vectors(self, samples: Samples) -> list[Vectors]:
        return [samples.flatten(1)] if self._extractor is None else self._extractor(samples)


def _digest(best_by: str, *tensors: Tensor) -> str:
    hasher = blake2b(best_by.encode(), digest_size=8)
    for tensor in tensors:
        hasher.update(tensor.contiguous().numpy().tobytes())
    return hasher.hexdigest()
