"""A variational autoencoder whose decoder is steered by conditions (notes).

The decoder is the generator: trained first with the encoder, to rebuild samples, it begins the game warm.  The encoder
is that of Kingma & Welling 2014 (arXiv:1312.6114, section 3), with convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.eru import Modulation, ResidualUnit, condition_faults, keys
from equipoise.networks.grid import Pyramid, refuse, size_faults
from equipoise.networks.layers import (
    SMALL_STD,
    BilinearConv,
    Conv,
    NearestConv,
    Norm,
    Stem,
    he_leaky,
    named,
    norm,
    precisely,
    small_normal,
)
from equipoise.networks.output import Output
from equipoise.networks.plain import down_block
from equipoise.networks.shuffle import ShuffleConv
from equipoise.recipe import Encoder, Generator
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Conditions, Features, Latents, Posterior, Samples

LOG_VARIANCE = 10.0
"""Limit of an encoder's log-variance on both sides: standard deviations from 0.0067 to 148 beside a prior's 1.  Its
exponential, at most 22026, is far from overflow in every precision."""

UP: Mapping[str, Callable[..., nn.Module]] = {
    "nearest": NearestConv,
    "bilinear": BilinearConv,
    "shuffle": ShuffleConv,
    "shuffle_plain": partial(ShuffleConv, alike=False),
}

Width = Annotated[
    int, Knob("channels at half the sample's size", low=2, high=1024, log=True, source="DCGAN's public code")
]


@dataclass(frozen=True)
class EruGenerator(Generator):
    """The decoder: up-sampling with a 3x3 convolution, normalisation, ReLU, and a unit in which conditions act.

    What they do is `Modulation`'s; there is such a unit on every grid but the smallest.

    "nearest" left neither blur nor blocks in the notes.  "bilinear" blurred and "shuffle_plain" made blocks there; both
    are kept to be compared with.  "shuffle" is pixel shuffle with the right start.

    With batch norm a condition can brighten or fade a whole map for good.  Instance norm takes that out again on the
    next grid, layer norm a part of it.  Any channels; sides 16 to 256, powers of two; one condition or more.

    Parameters for 3 channels and 2 conditions: 972,963 at 32 px, 2,744,995 at 64 px.
    """

    takes = ("latents", "conditions")
    watches = ("gamma_low", "gamma_high")

    width: Width = 64
    upsampling: Literal["nearest", "bilinear", "shuffle", "shuffle_plain"] = "nearest"
    norm: Literal["batch", "layer", "instance"] = "batch"
    modulation: Modulation = Modulation()

    def faults(self, space: Space) -> Iterator[str]:
        yield from size_faults(space)
        yield from condition_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return EruDecoder(Pyramid.of(space), space, self)

    def watched(self, module: nn.Module) -> dict[str, Tensor]:
        """The lowest and the highest gamma of all units: 0.4 and 1.8 at the utmost by default; above 2 is unwell."""
        lows, highs = (
            torch.stack([buffer for name, buffer in module.named_buffers() if name.endswith(f".{end}")])
            for end in self.watches
        )
        return {"gamma_low": lows.amin(), "gamma_high": highs.amax()}


@dataclass(frozen=True)
class VaeEncoder(Encoder):
    """4x4 convolutions of stride 2 with LeakyReLU 0.2 down to the smallest grid, then one linear layer.

    The log-variance is 10 tanh(raw / 10), so it lies within -10 and 10.  Without normalisation each sample is encoded
    by itself, and its maps keep its brightness and contrast; batch norm did not rebuild clearly better (217 photographs
    at 32 px, 300 steps).  Any channels; sides 16 to 256, powers of two.

    Parameters for 3 channels and 128 latents: 1,707,712 at 32 px, 4,853,952 at 64 px.
    """

    width: Width = 64
    norm: Norm = "none"

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space, latent: int) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return EncoderNetwork(Pyramid.of(space), space.shape[0], latent, self)

    def features(self, module: nn.Module, samples: Samples) -> Features:
        """The maps behind each LeakyReLU, from half the sample's size to the smallest grid."""
        return cast(EncoderNetwork, module).maps(samples)


class EruDecoder(nn.Module):
    """Latents [N, latent] and conditions [N, K] to samples [N, planes, H, W]."""

    def __init__(self, pyramid: Pyramid, space: Space, settings: EruGenerator) -> None:
        super().__init__()
        channels = (*pyramid.channels(settings.width), settings.width // 2)
        self.stem = named(
            project=Stem(settings.latent, channels[0], pyramid.base, small_normal, bias=False),
            norm=norm(settings.norm, channels[0], SMALL_STD),
            act=nn.ReLU(inplace=True),
        )
        self.stages = nn.ModuleDict(
            {
                f"to_{side}": Stage(before, after, keys(space), settings)
                for side, (before, after) in zip(pyramid.sides, pairwise(channels), strict=True)
            }
        )
        self.head = Conv(channels[-1], space.shape[0], 3, small_normal)
        self.output = Output(space)

    def forward(self, z: Latents, conditions: Conditions) -> Samples:
        x: Tensor = self.stem(z)
        for stage in self.stages.values():
            x = stage(x, conditions)
        sample: Samples = self.output(self.head(x).to(z.dtype))
        return sample


class Stage(nn.Module):
    """Up-sampling, normalisation, ReLU, residual unit; doubles the grid."""

    def __init__(self, inputs: int, outputs: int, names: tuple[str, ...], settings: EruGenerator) -> None:
        super().__init__()
        self.up = UP[settings.upsampling](inputs, outputs, small_normal, bias=False)
        self.norm = norm(settings.norm, outputs, SMALL_STD)
        self.unit = ResidualUnit(outputs, names, settings.modulation)

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        x = F.relu(self.norm(self.up(x)), inplace=True)
        steered: Tensor = self.unit(x, conditions)
        return steered


class EncoderNetwork(nn.Module):
    """Samples [N, C, H, W] to a normal distribution of latents for each, mean and log-variance [N, latent]."""

    def __init__(self, pyramid: Pyramid, planes: int, latent: int, settings: VaeEncoder) -> None:
        super().__init__()
        channels = pyramid.channels(settings.width)[::-1]
        self.blocks = nn.ModuleDict()
        for side, (before, after) in zip(pyramid.sides[::-1], pairwise((planes, *channels)), strict=True):
            kind: Norm = "none" if not self.blocks else settings.norm
            self.blocks[f"from_{side}"] = down_block(before, after, kind, he_leaky)
        self.head = nn.Linear(channels[-1] * pyramid.cells, 2 * latent)

    def forward(self, x: Samples) -> Posterior:
        mean, raw = precisely(self.head, nn.Identity(), self.maps(x)[-1]).chunk(2, dim=1)
        return Posterior(mean, LOG_VARIANCE * torch.tanh(raw / LOG_VARIANCE))

    def maps(self, x: Samples) -> Features:
        """Of each grid, from fine to coarse."""
        found: list[Tensor] = []
        for block in self.blocks.values():
            x = block(x)
            found.append(x)
        return tuple(found)
