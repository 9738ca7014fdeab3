"""The abstract parts of a recipe; the concrete ones live in `terms`, `networks`, `data` and `augment`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from equipoise.schedule import Rate
from equipoise.space import Space
from equipoise.spec import Knob, Part, Problem

if TYPE_CHECKING:
    from torch import Tensor, nn

    from equipoise.data.corpus import Corpus
    from equipoise.recipe._fitting import Circumstances, Fitting
    from equipoise.view import Features, PerSample, Samples, View


@dataclass(frozen=True)
class Source(Part):
    """Where samples come from and how they are read."""

    needs_path: ClassVar[bool] = True

    @abstractmethod
    def corpus(
        self, path: Path | None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        """Read everything once, or open what an earlier call has read.

        `path` is None only where `needs_path` is false; `cache` is the folder for corpora, None for the user's own;
        `progress` is called now and then with (files read, files in all).
        Raises `equipoise.data.DataError`, one clear line, when nothing can be trained on.
        """

    @abstractmethod
    def onto(self, space: Space) -> Self:
        """The source that reads other data into the ranges and classes of `space`, to stand beside samples of it."""

    @abstractmethod
    def native_side(self, path: Path | None) -> int | None:
        """The shorter side of a typical sample before it is scaled, in pixels; None where samples have no such size.

        Raises `equipoise.data.DataError` as `corpus` does.
        """


def home_of(source: Source, path: str = "source") -> str:
    """The path of the source that reads the samples: of the one inside, where one wraps another."""
    for field in fields(source):
        inner = getattr(source, field.name)
        if isinstance(inner, Source):
            return home_of(inner, f"{path}.{field.name}")
    return path


@dataclass(frozen=True)
class Network(Part):
    """A network's settings.  `build` makes it for a given kind of sample."""

    @abstractmethod
    def faults(self, space: Space) -> Iterator[str]:
        """Why it cannot be built for such samples, in words; nothing when it can."""


Taken = Literal["latents", "conditions", "given"]
"""What a generator makes a sample from."""


@dataclass(frozen=True)
class Generator(Network):
    """To samples [N, C, H, W] in [-1, 1], from latents [N, latent], conditions [N, K] in [0, 1], or given pictures."""

    takes: ClassVar[tuple[Taken, ...]] = ("latents",)
    """The arguments of the module's `forward`, in order."""

    written: ClassVar[Mapping[str, str]] = {}
    """Buffers of the module, and the setting, maybe a schedule, whose value is written into each before every step."""

    watches: ClassVar[tuple[str, ...]] = ()
    """Names of the numbers that `watched` reads, which say whether the module is well."""

    latent: Annotated[int, Knob("dimension of the latent space", low=1, high=4096, source="notes: 128")] = 128

    @abstractmethod
    def build(self, space: Space) -> nn.Module: ...

    def watched(self, module: nn.Module) -> dict[str, Tensor]:
        """What the module's last forward pass left of each of `watches`, one number each, on its device.

        Read it right after that pass: when weights are averaged into the module, these numbers are too.
        """
        return {}


@dataclass(frozen=True)
class Critic(Network):
    """Samples [N, C, H, W] to raw scores [N], no sigmoid.  Also called the discriminator."""

    unmixed_by: ClassVar[str] = 'batch norm does: set critic.norm to "layer"'
    """What makes it score each sample by itself, in words."""

    bounds_slope: ClassVar[bool] = False
    """Whether its weights alone bound how steeply its score changes, as spectral norm does."""
    reads_conditions: ClassVar[bool] = False
    """Whether its module gives `equipoise.view.Judged`, scores and readings, in place of scores alone."""

    @property
    @abstractmethod
    def mixes_samples(self) -> bool:
        """Whether one sample's score depends on the others in the batch, as with batch norm."""

    @abstractmethod
    def build(self, space: Space) -> nn.Module: ...


@dataclass(frozen=True)
class Encoder(Network):
    """Samples [N, C, H, W] to `equipoise.view.Posterior`, two times [N, latent].  It learns with the generator."""

    @abstractmethod
    def build(self, space: Space, latent: int) -> nn.Module: ...

    @abstractmethod
    def features(self, module: nn.Module, samples: Samples) -> Features:
        """The module's inner maps, which a perceptual distance can be taken between."""


MOST_SHARE = 0.99
"""At a share of 1 nothing would be left of the other terms: leave them out instead."""

Needed = Literal["critic", "readings", "conditions", "fakes", "pairs", "encoder"]


@dataclass(frozen=True)
class Term(Part):
    """One summand of the losses.  Called with a `View`, it gives one number per sample; the engine reduces and weighs.

    A term with ``every=k`` is computed at each k-th update of its side, weighted k times, so that its pull in
    expectation is that of every update (lazy regularisation, Karras et al. 2020, arXiv:1912.04958, appendix B).
    """

    sides: ClassVar[frozenset[Literal["D", "G"]]]
    needs: ClassVar[frozenset[Needed]] = frozenset({"critic"})
    """What it asks of the view, beyond the batch: without a critic's term in a phase no critic learns, and without a
    need for fakes none are made."""
    differentiates: ClassVar[frozenset[Literal["real", "fake"]]] = frozenset()
    independent_samples: ClassVar[bool] = False
    """Whether its meaning needs a critic that scores each sample by itself."""
    penalises_slope: ClassVar[bool] = False
    """Whether it differentiates through the critic; the engine then gives it the precision for penalties."""

    notes: ClassVar[tuple[str, ...]] = ()
    """Names of the further numbers that it reports through `View.note`."""

    weight: Annotated[Rate, Knob("factor of this term", low=0, log=True, source="as the paper has it")] = 1.0
    every: Annotated[
        int, Knob("computed at each k-th update", low=1, high=1024, unit="updates", source="every update")
    ] = 1

    @abstractmethod
    def __call__(self, view: View) -> PerSample: ...


@dataclass(frozen=True)
class Adversarial(Term):
    """The game itself: both objectives of the paper side by side.  `weight` scales the generator's side only.

    Instead of by `weight` it can be balanced against the generator's other terms by `share`, at the generator's output,
    where all of them meet.  With a the norm of this term's gradient by the generated samples, and b the norm of the sum
    of the others', each times its weight, this term is multiplied by::

        share / (1 - share) * b / a

    as a number that carries no gradient itself.  A share of 0.5 is a ratio of 1, which VQGAN's adaptive weight keeps at
    the last layer (Esser et al. 2021, arXiv:2012.09841, eq. 7).  So the balance stays as it was set while the errors
    of the other terms fall, and whatever the loss and the critic's scale.
    """

    sides = frozenset({"D", "G"})
    needs = frozenset({"critic", "fakes"})

    share: Annotated[
        Rate | None,
        Knob(
            "share of the generator's gradient, at its output, that comes from this term; takes the place of weight",
            low=0,
            high=MOST_SHARE,
            source="off: weight counts",
        ),
    ] = None

    def problems(self) -> Iterator[Problem]:
        if self.share is not None and self.weight != 1.0:
            yield Problem("weight", "does nothing where share is set; leave it at 1")

    def __call__(self, view: View) -> PerSample:
        return self.critic_loss(view) if view.side == "D" else self.generator_loss(view)

    @abstractmethod
    def critic_loss(self, view: View) -> PerSample: ...

    @abstractmethod
    def generator_loss(self, view: View) -> PerSample: ...

    def probability(self, scores: PerSample) -> PerSample:
        """What is shown as D(x): a probability where the loss defines one, the raw score otherwise."""
        return scores


@dataclass(frozen=True)
class Operation(Part):
    """One augmentation: differentiable, for any number of channels, drawn anew for each sample."""

    valid_for: ClassVar[str]
    """On which data it keeps a sample plausible, in words."""
    keeps_pairs: ClassVar[bool] = False
    """Whether it moves whole pixels alone, in squares of any size, so that a small picture can follow a large one."""

    @abstractmethod
    def __call__(self, samples: Samples) -> Samples: ...


@dataclass(frozen=True)
class Tailor(Part):
    """A way to fit a recipe to its circumstances.  Both methods make their choices by `Fitting.choose`."""

    @abstractmethod
    def fit_source(self, fitting: Fitting, native_side: int | None) -> None:
        """Before the data are read: how to read them.  `native_side` is what the source says."""

    @abstractmethod
    def fit(self, fitting: Fitting, at: Circumstances) -> None:
        """Everything else."""
