"""The check that every term makes of the critic's scores before it calculates with them."""

from __future__ import annotations

from torch import Tensor

from equipoise.view import PerSample, Samples


def one_each(scores: Tensor, samples: Samples) -> PerSample:
    """`scores` as they are, once it is certain that there is one for each sample.

    Scores [N, 1] beside numbers [N] would broadcast to [N, N], and the run would learn nonsense without a word.
    Raises `ValueError`.
    """
    if scores.shape != samples.shape[:1]:
        raise ValueError(
            f"the critic gave scores of shape {list(scores.shape)} for {len(samples)} samples; "
            f"it must give [{len(samples)}], one number for each"
        )
    return scores
