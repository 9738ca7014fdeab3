"""Between the three forms of a sample: in the world, in the corpus, and to the networks (see `equipoise.space`)."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from equipoise.space import Channel, Space
from equipoise.view import Samples

Stored = Float[Tensor, "n c h w"]


def to_planes(stored: Tensor, space: Space) -> Samples:
    """Samples [N, C, H, W] as they are kept, as the networks see them: float32, [-1, 1], categories as 0 and 1."""
    parts = [_planes(stored[:, at], channel) for at, channel in enumerate(space.channels)]
    return torch.cat(parts, dim=1)


def to_world(samples: Samples, space: Space) -> NDArray[np.float32]:
    """Samples as the networks make them, in units of the world [N, C, H, W]; of categories the likeliest code."""
    parts: list[NDArray[np.float32]] = []
    at = 0
    for channel in space.channels:
        parts.append(_world(samples[:, at : at + channel.planes], channel))
        at += channel.planes
    return np.stack(parts, axis=1)


def from_stored(stored: NDArray[np.generic], space: Space) -> NDArray[np.float32]:
    """Samples [N, C, H, W] as they are kept, in units of the world."""
    world = np.array(stored, dtype=np.float32)
    for at, channel in enumerate(space.channels):
        if channel.kind == "categorical":
            codes = np.array([item.code for item in channel.classes], dtype=np.float32)
            world[:, at] = codes[world[:, at].astype(np.intp)]
        elif channel.stored == "scaled":
            world[:, at] = channel.from_scale(world[:, at])
    return world


def _planes(stored: Tensor, channel: Channel) -> Tensor:
    """[N, H, W] to [N, planes, H, W]."""
    if channel.kind == "categorical":
        places = torch.arange(channel.planes, device=stored.device)[:, None, None]
        return (stored[:, None] == places).float()
    values = stored[:, None].float()
    if channel.stored == "scaled":
        return values
    return (values - (channel.high + channel.low) / 2) / ((channel.high - channel.low) / 2)


def _world(planes: Tensor, channel: Channel) -> NDArray[np.float32]:
    """[N, planes, H, W] to [N, H, W]."""
    if channel.kind == "categorical":
        codes = np.array([item.code for item in channel.classes], dtype=np.float32)
        chosen: NDArray[np.float32] = codes[planes.argmax(1).numpy()]
        return chosen
    world: NDArray[np.float32] = channel.from_scale(planes[:, 0].numpy())
    return world
