"""What a term may see of one update, and the names of tensor shapes used everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from jaxtyping import Float
from torch import Tensor

Samples = Float[Tensor, "n c h w"]
Scores = Float[Tensor, " n"]
Latents = Float[Tensor, "n z"]
PerSample = Float[Tensor, " n"]

Side = Literal["D", "G"]


def ignore(name: str, values: Tensor) -> None:
    """The `View.note` of nobody who listens."""


@dataclass(frozen=True)
class View:
    """One update, seen from one side.

    `real` and `fake` are augmented batches as the critic gets them, in [-1, 1].  The critic's scores of them are
    computed when first asked for and shared by all terms.  On the critic's side `fake` carries no gradient to the
    generator; on the generator's side the critic's weights carry none.  `critic` scores any other batch.
    `note` takes what a term has seen on its way, by name: detached numbers, one per sample, which change nothing.
    """

    side: Side
    real: Samples
    fake: Samples
    critic: Callable[[Samples], Scores]
    note: Callable[[str, Tensor], None] = ignore

    @cached_property
    def real_scores(self) -> Scores:
        """[N], float32: the critic's raw output, no sigmoid."""
        return self.critic(self.real)

    @cached_property
    def fake_scores(self) -> Scores:
        """[N], float32."""
        return self.critic(self.fake)
