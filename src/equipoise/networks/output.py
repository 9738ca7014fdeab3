"""The last layer of every generator: raw planes become a sample."""

from __future__ import annotations

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
