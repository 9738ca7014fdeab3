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
from equipoise.engine.average import averaged_copy
from equipoise.engine.look import draw, fixed_arguments, reals, repeated
from equipoise.engine.plan import Plan
from equipoise.engine.rebuilding import Rebuilding
from equipoise.measures.appearance import Looks, appearance, looks
from equipoise.measures.diversity import diversity
from equipoise.measures.enlarged import FEWEST_BANDS, angle, interpolated
from equipoise.measures.features import Extractor, Vectors, are_points
from equipoise.measures.frechet import frechet
from equipoise.measures.kernel import POLYNOMIAL, Kernel, kernel_distance, kernel_for, shares
from equipoise.measures.manifold import NEIGHBOURS, manifold
from equipoise.measures.pairs import WINDOW, psnr, ssim
from equipoise.measures.sliced_wasserstein import sliced_wasserstein
from equipoise.recipe import BestBy
from equipoise.space import Space
from equipoise.view import PerSample, Samples

MOST = 1024
FEWEST = 128
"""Of reals.  Where fewer are held out, others make them up, by which a generator that copies looks better."""
FAKES_PER_REAL = 4
"""Fakes cost little, and with four times as many nearly all that is left of chance is in the reals."""
MOST_VALUES = 2**22
"""In all samples of a score together: 341 samples of 3x64x64, which take two cores about a second."""
FEWEST_FOR_FEATURES = 4 * (NEIGHBOURS + 1)
FALLBACK: BestBy = "sliced_wasserstein"
EXACT_DB = 20.0 * math.log10(2**16 - 1)
"""The psnr of an error of one level of 16 bits, the finest in which pictures are kept: a pair that is nearer is equal.
The ratio of equal samples is infinite, or what rounding makes of it."""


def bounded_psnr(made: Samples, wanted: Samples) -> PerSample:
    """Finite for equal samples too, so that a mean can be had and compared."""
    return psnr(made, wanted).clamp_max(EXACT_DB)


OF_PAIRS = {"psnr": bounded_psnr, "ssim": ssim}
"""Measures of a fake and the real sample that it should be; higher is better."""
DISTANCES = ("frechet", "kernel", "sliced_wasserstein")
RAW = "_raw"
"""Behind the name of a distance: of the generator that learns, where the others are of its average."""
ONE_BY_ONE = frozenset({*OF_PAIRS, "rebuilt"})
"""Measures that compare each sample with one of its own, and have no floor."""


def on_features(real: Vectors, fake: Vectors, kernel: Kernel) -> dict[str, float]:
    """What a score says of two sets of vectors."""
    found = manifold(real, fake)
    return {
        "kernel": kernel_distance(real, fake, kernel),
        "frechet": frechet(real, fake),
        "precision": found.precision,
        "recall": found.recall,
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


@dataclass(frozen=True, slots=True)
class _Set:
    """Samples, with what is computed of them once."""

    samples: Samples
    features: list[Vectors]
    looks: Looks

    def part(self, chosen: slice) -> _Set:
        return _Set(self.samples[chosen], [vectors[chosen] for vectors in self.features], self.looks.part(chosen))


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
        space: Space | None = None,
        in_pairs: bool = False,
        plain: Samples | None = None,
        others: Samples | None = None,
        rebuilding: Rebuilding | None = None,
    ) -> None:
        """`space` is the kind of samples; without it nothing is said of how they look.  `plain` are pictures that
        needed no network, of samples that come in pairs.  `others` are further real samples, to know the floors by;
        `rebuilding` is for generators that have an encoder."""
        self._space, self._in_pairs, self._asked, self._rebuilding = space, in_pairs, asked, rebuilding
        self._plain_psnr = bounded_psnr(plain, real) if plain is not None else None
        self._on_features = len(real) >= FEWEST_FOR_FEATURES
        self._kernel = kernel_for(real)
        self._extractor = Extractor.fitted(real) if self._on_features and not are_points(real) else None
        self._real = self._set(real)
        self._others = others if others is not None and len(others) >= FEWEST_FOR_FEATURES else None
        self._floors: dict[str, Scored] = {}
        """By measure."""

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
        others = reals(corpus, split, num_fakes, recipe.seed, skip=len(batch.real)).real
        unseen = repeated(batch, min(num_held_out, len(batch.real)) or len(batch.real))
        rebuilding = Rebuilding(recipe.generator.takes, unseen) if recipe.encoder is not None else None
        return cls(
            batch.real, asked, space=plan.space, in_pairs=in_pairs, plain=plain, others=others, rebuilding=rebuilding
        )

    @property
    def real(self) -> Samples:
        return self._real.samples

    def measure(self, best_by: BestBy) -> BestBy:
        """The measure that is taken when this one is asked for; of pairs too small for windows, psnr for ssim."""
        if best_by == "rebuilt":
            return best_by if self._rebuilding is not None else FALLBACK
        if best_by in OF_PAIRS:
            return ("psnr" if self._is_small else best_by) if self._in_pairs else FALLBACK
        return best_by if self._on_features else FALLBACK

    @property
    def _is_small(self) -> bool:
        return min(self.real.shape[2:]) < WINDOW

    def ruler(self, best_by: BestBy) -> str:
        """The same for two scores that may be compared: of the same real samples, arguments and measure."""
        name = self.measure(best_by)
        is_of_features = name != "kernel" or self._kernel is POLYNOMIAL
        return _digest(name if is_of_features else f"{name} {self._kernel}", self.real, *self._asked)

    def __call__(
        self,
        average: nn.Module,
        device: torch.device,
        best_by: BestBy,
        most: int | None = None,
        encoder: nn.Module | None = None,
    ) -> Scored:
        """What is said of a generator; see `of`.

        `most` limits the fakes, where they do not come in pairs.  `encoder` is needed where samples are rebuilt.
        """
        most = None if self._in_pairs else most
        fake = draw(average, tuple(argument[:most] for argument in self._asked), device)
        if self.measure(best_by) != "rebuilt":
            return self.of(fake, best_by)
        assert self._rebuilding is not None and encoder is not None
        errors = self._rebuilding.errors(average, encoder, device)
        others = self.of(fake, "kernel")
        return Scored("rebuilt", float(errors.mean()), {**others.beside, others.name: others.value}, errors)

    def raw(self, generator: nn.Module, device: torch.device) -> dict[str, float]:
        """The distances of the generator that learns, by their names with `RAW` behind; none that is not finite."""
        found = self(averaged_copy(generator), device, "kernel")
        values = {found.name: found.value, **found.beside}
        return {f"{name}{RAW}": values[name] for name in DISTANCES if math.isfinite(values.get(name, math.nan))}

    def of(self, fake: Samples, best_by: BestBy) -> Scored:
        """What is said of samples that are there; NaN, and nothing beside it, when one is not finite."""
        name = self.measure(best_by)
        if not fake.isfinite().all():
            return Scored(name, math.nan)
        found, shares_of = self._compared(self._real, self._set(fake), name)
        if self._in_pairs:
            of_pairs, shares_of_pairs = self._paired(fake)
            found, shares_of = found | of_pairs, shares_of | shares_of_pairs
        return Scored(name, found.pop(name), found, shares_of.get(name))

    def floor(self, best_by: BestBy) -> Scored | None:
        """The same with other real samples in the fakes' place; with halves of the real ones, where there are too few.

        None where each sample is compared with one of its own, and where halves would be too small.
        """
        name = self.measure(best_by)
        if name in ONE_BY_ONE or (self._others is None and len(self.real) < 2 * FEWEST_FOR_FEATURES):
            return None
        if name not in self._floors:
            one, other = self._real, self._set(self._others) if self._others is not None else None
            if other is None:
                one, other = (self._real.part(slice(start, None, 2)) for start in (0, 1))
            found, shares_of = self._compared(one, other, name)
            self._floors[name] = Scored(name, found.pop(name), found, shares_of.get(name))
        return self._floors[name]

    def _compared(self, real: _Set, fake: _Set, name: str) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Numbers of two sets, and of some the part that each real sample has in them."""
        found, shares_of = appearance(real.looks, fake.looks), {}
        if name == FALLBACK:
            found[FALLBACK] = sliced_wasserstein(fake.samples, real.samples)
        if self._on_features:
            pairs = list(zip(real.features, fake.features, strict=True))
            spaces = [on_features(*pair, self._kernel) for pair in pairs]
            found |= {measure: statistics.fmean(space[measure] for space in spaces) for measure in spaces[0]}
            if name == "kernel":
                shares_of["kernel"] = torch.stack([shares(*pair, self._kernel) for pair in pairs]).mean(0)
        return found, shares_of

    def _paired(self, fake: Samples) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Of each fake and the real sample that it should be; ``gain`` is of those that `plain` ones do not equal."""
        measures = {"psnr": bounded_psnr} if self._is_small else OF_PAIRS
        shares_of = {name: of(fake, self.real) for name, of in measures.items()}
        found = {measure: float(each.mean()) for measure, each in shares_of.items()}
        if fake.shape[1] >= FEWEST_BANDS and self._space is not None:
            angles = angle(fake, self.real, self._space)
            found |= _mean_of("angle", angles[angles.isfinite()])  # that of a black picture is none
        if self._plain_psnr is not None:
            gains = shares_of["psnr"] - self._plain_psnr
            found |= _mean_of("gain", gains[self._plain_psnr < EXACT_DB])
        return found, shares_of

    def _set(self, samples: Samples) -> _Set:
        features: list[Vectors] = []
        if self._on_features:
            features = [samples.flatten(1)] if self._extractor is None else self._extractor(samples)
        return _Set(samples, features, looks(samples, self._space) if self._space is not None else Looks())


def _mean_of(name: str, values: PerSample) -> dict[str, float]:
    return {name: float(values.mean())} if len(values) else {}


def _digest(best_by: str, *tensors: Tensor) -> str:
    hasher = blake2b(best_by.encode(), digest_size=8)
    for tensor in tensors:
        hasher.update(tensor.contiguous().numpy().tobytes())
    return hasher.hexdigest()
