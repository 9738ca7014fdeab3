"""The last layer of every generator: raw planes become a sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from equipoise.space import Space
from equipoise.view import Samples


class Output(nn.Module):
    """tanh for continuous channels, a softmax over the planes of each categorical one; of points nothing at all.

    Categories come out between 0 and 1 and sum to 1, as the real ones do: scaled to [-1, 1] they did badly (notes).
    """

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.bounded = not space.is_points
        self.sizes = [channel.planes for channel in space.channels]
        self.categorical = [channel.kind == "categorical" for channel in space.channels]

    def forward(self, x: Tensor) -> Samples:
        """[N, planes, H, W] to the same."""
        if not any(self.categorical):
            return torch.tanh(x) if self.bounded else x
        parts = torch.split(x, self.sizes, dim=1)
        return torch.cat(
            [
                self.choose(part) if categorical else torch.tanh(part)
                for part, categorical in zip(parts, self.categorical, strict=True)
            ],
            dim=1,
        )

    def choose(self, logits: Tensor) -> Tensor:
        """[N, classes, H, W] to shares of the classes."""
        return logits.softmax(1)


def bounded(x: Tensor) -> Tensor:
    """`x` cut to [-1, 1], of any shape.  A value outside still learns to come back.

    A plain cut has no gradient outside, so a value that is once too large never learns to be smaller.  Passing every
    gradient on is no better: a critic that likes white would push white pixels outwards for ever, and nothing it sees
    would change.  Here a gradient passes when a step against it leads back towards the range, and is zero when it leads
    further out: within the range the slope of what is shown, at its edge the projected gradient.  The same rule is
    `identity_if_towards` in TensorFlow Compression's lower bound.
    """
    result: Tensor = _Bounded.apply(x)  # type: ignore[no-untyped-call]
    return result


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(-1.0, 1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        outwards = ((x > 1.0) & (gradients[0] < 0.0)) | ((x < -1.0) & (gradients[0] > 0.0))
        return gradients[0].masked_fill(outwards, 0.0)
