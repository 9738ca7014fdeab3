"""What a term may see of one update, and the names of tensor shapes used everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor

Samples = Float[Tensor, "n c h w"]
Scores = Float[Tensor, " n"]
Latents = Float[Tensor, "n z"]
Conditions = Float[Tensor, "n k"]
"""In [0, 1], in the order of `equipoise.space.Space.conditions`."""
PerSample = Float[Tensor, " n"]
Features = tuple[Tensor, ...]
"""Maps [N, C, H, W] of a network, from fine to coarse."""

Side = Literal["D", "G"]


class Judged(NamedTuple):
    """What a critic says of a batch."""

    scores: Scores
    """[N], float32: raw, no sigmoid."""
    readings: Conditions | None = None
    """What its auxiliary head takes the samples' conditions to be, where it has one."""


class Batch(NamedTuple):
    """Real samples in [-1, 1], and what belongs to each of them."""

    real: Samples
    conditions: Conditions | None = None
    given: Samples | None = None
    """What the generator is to make them from, in [-1, 1]."""


class Posterior(NamedTuple):
    """Where an encoder takes samples to lie in the latent space: independent normal distributions."""

    mean: Latents
    log_variance: Latents


class Rebuilt(NamedTuple):
    """Real samples that went through encoder and generator."""

    samples: Samples
    posterior: Posterior


def ignore(name: str, values: Tensor) -> None:
    """The `View.note` of nobody who listens."""


@dataclass(frozen=True)
class View:
    """One update, seen from one side.

    `real` and `fake` are augmented batches as the critic gets them, in [-1, 1].  The critic's opinions of them are
    computed when first asked for and shared by all terms.  On the critic's side `fake` carries no gradient to the
    generator; on the generator's side the critic's weights carry none.  `critic` scores any other batch.
    `note` takes what a term has seen on its way, by name: detached numbers, one per sample, which change nothing.

    `batch` and `made` are the real samples and the fakes before augmentation, sample by sample for the same conditions
    and the same given pictures.  `rebuild` sends the batch through encoder and generator, and `features` are maps of
    the encoder; both are there where the recipe has an encoder.
    """

    side: Side
    real: Samples
    fake: Samples
    judge: Callable[[Samples], Judged]
    note: Callable[[str, Tensor], None] = ignore
    batch: Batch | None = None
    made: Samples | None = None
    rebuild: Callable[[], Rebuilt] | None = None
    features: Callable[[Samples], Features] | None = None

    def critic(self, samples: Samples) -> Tensor:
        """[N], float32: the critic's raw output, no sigmoid.  Terms check its shape, which comes from anybody."""
        return self.judge(samples).scores

    @cached_property
    def of_real(self) -> Judged:
        return self.judge(self.real)

    @cached_property
    def of_fake(self) -> Judged:
        return self.judge(self.fake)

    @cached_property
    def real_scores(self) -> Scores:
        """[N], float32."""
        return self.of_real.scores

    @cached_property
    def fake_scores(self) -> Scores:
        """[N], float32."""
        return self.of_fake.scores

    @property
    def wanted(self) -> Batch:
        """The real samples with what belongs to them.  Raises `ValueError` where a view was made without."""
        if self.batch is None:
            raise ValueError("this view was made without its batch; terms that compare samples need it")
        return self.batch

    @cached_property
    def rebuilt(self) -> Rebuilt:
        """Raises `ValueError` where there is no encoder."""
        if self.rebuild is None:
            raise ValueError("there is no encoder to rebuild samples with; set the recipe's encoder")
        return self.rebuild()

    @property
    def pair(self) -> tuple[Samples, Samples]:
        """Samples that the generator has made, and the real ones that each of them should be.

        With an encoder those that it has rebuilt, otherwise those that are made from what is given.
        """
        if self.rebuild is not None:
            return self.rebuilt.samples, self.wanted.real
        if self.made is None or self.wanted.given is None:
            raise ValueError("nothing says which real sample a fake should be: neither an encoder nor given pictures")
        return self.made, self.wanted.real


def scoring(critic: Callable[[Samples], Scores]) -> Callable[[Samples], Judged]:
    """The `View.judge` of a critic that gives scores alone."""
    return lambda samples: Judged(critic(samples))
