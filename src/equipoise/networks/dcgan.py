"""DCGAN (Radford et al. 2016, arXiv:1511.06434)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import nn

from equipoise.networks.grid import Pyramid, refuse, size_faults
from equipoise.networks.layers import Norm, Upsampling, he_leaky, small_normal
from equipoise.networks.plain import PlainCritic, PlainGenerator
from equipoise.recipe import Critic, Generator
from equipoise.space import Space
from equipoise.spec import Knob

Width = Annotated[
    int, Knob("channels at half the sample's size", low=1, high=1024, log=True, source="DCGAN's public code")
]


@dataclass(frozen=True)
class DcganGenerator(Generator):
    """DCGAN's generator: transposed convolutions, batch norm, ReLU, tanh.

    Layers start as N(0, 0.02), batch norm's factors as N(1, 0.02).  "nearest" and "bilinear" up-sample first and then
    convolve, which leaves no checkerboard (Odena et al. 2016).  Any channels; sides 16 to 256, powers of two.

    Parameters for 3 channels: 1,068,931 at 32 px, 3,576,707 at 64 px.
    """

    latent: Annotated[int, Knob("dimension of the latent space", low=1, high=4096, source="section 4")] = 100
    width: Width = 64
    upsampling: Upsampling = "transposed"

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return PlainGenerator(Pyramid.of(space), space, self.latent, self.width, self.upsampling)


@dataclass(frozen=True)
class DcganCritic(Critic):
    """DCGAN's critic: convolutions of stride 2, batch norm but for the first layer, LeakyReLU 0.2; no sigmoid.

    With ``norm="batch"`` a score depends on the whole batch, so no gradient penalty may be used; "layer", "instance"
    and "none" score each sample by itself.  Any channels; sides 16 to 256, powers of two.

    Parameters for 3 channels: 663,361 at 32 px, 2,765,633 at 64 px.
    """

    width: Width = 64
    norm: Norm = "batch"
    weights: Literal["small", "he"] = "small"
    """How they start.  ``small``: N(0, 0.02), DCGAN's, made for a norm behind each layer.  ``he``: with the variance
    that keeps that of the features (He et al. 2015, arXiv:1502.01852, eq. 15), for ``norm="none"``."""
    spectral_norm: bool = False
    dropout: Annotated[
        float, Knob("share of features dropped after each layer", low=0, high=0.9, source="off in DCGAN")
    ] = 0.0

    @property
    def mixes_samples(self) -> bool:
        return self.norm == "batch"

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        planes = space.shape[0]
        init = he_leaky if self.weights == "he" else small_normal
        return PlainCritic(Pyramid.of(space), planes, self.width, self.norm, self.spectral_norm, self.dropout, init)
