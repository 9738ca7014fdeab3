"""How often scores of one set are above those of another: what no offset, scale or loss changes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from equipoise.view import PerSample

Others = Float[Tensor, " m"]


def lead(scores: PerSample, others: Others) -> Tensor:
    """The mean sign of all differences: 1 where each score is above each other one, -1 where it is below."""
    return (scores[:, None] - others[None, :]).sign().mean()


def auc(scores: PerSample, others: Others) -> Tensor:
    """The share of pairs in which a score is above the other; ties count half (Mann & Whitney 1947)."""
    return 0.5 * (1.0 + lead(scores, others))
