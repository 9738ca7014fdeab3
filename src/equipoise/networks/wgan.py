"""The two WGAN-GP pairs: a small plain one and a large residual one (Gulrajani et al. 2017, arXiv:1704.00028).

No critic here has batch norm, so each scores every sample by itself, as the gradient penalty needs (section 4 there).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import nn

from equipoise.networks.grid import Pyramid, refuse, size_faults
from equipoise.networks.layers import Upsampling
from equipoise.networks.plain import PlainCritic, PlainGenerator
from equipoise.networks.residual import ResidualCritic, ResidualGenerator
from equipoise.recipe import Critic, Generator
from equipoise.space import Space
from equipoise.spec import Knob

SmallWidth = Annotated[int, Knob("channels at half the sample's size", low=1, high=1024, log=True, source="notes")]
LargeWidth = Annotated[
    int,
    Knob("channels at half the sample's size; half as many at full size", low=2, high=1024, log=True, source="notes"),
]
AttentionSide = Annotated[
    Literal[8, 16, 32, 64] | None,
    Knob("short side of the grid that attends, none for no attention", unit="cells", source="guess"),
]
"""64 is the largest, for memory and time grow with its fourth power.  16 is a guess: SAGAN's table 1 has 32 best for
128 px, which is 16 for 64 px."""


@dataclass(frozen=True)
class WganSmallGenerator(Generator):
    """Transposed convolutions with batch norm and ReLU, as DCGAN's generator.

    Transposed convolutions tend to a checkerboard; ``upsampling="nearest"`` does not.  Any channels; sides 16 to 256,
    powers of two.

    Parameters for 3 channels: 1,183,619 at 32 px, 3,806,083 at 64 px.
    """

    width: SmallWidth = 64
    upsampling: Upsampling = "transposed"

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return PlainGenerator(Pyramid.of(space), space, self.latent, self.width, self.upsampling)


@dataclass(frozen=True)
class WganSmallCritic(Critic):
    """Convolutions of stride 2, layer norm but for the first layer, LeakyReLU 0.2.

    Any channels; sides 16 to 256, powers of two.

    Parameters for 3 channels: 663,361 at 32 px, 2,765,633 at 64 px.
    """

    width: SmallWidth = 64
    norm: Literal["layer", "instance", "none"] = "layer"

    @property
    def mixes_samples(self) -> bool:
        return False

    def faults(self, space: Space) -> Iterator[str]:
        return size_faults(space)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return PlainCritic(Pyramid.of(space), space.shape[0], self.width, self.norm)


@dataclass(frozen=True)
class WganLargeGenerator(Generator):
    """Residual blocks of nearest up-sampling and convolution, with self-attention at one grid.  Any channels.

    Sides 16 to 256, powers of two, the shorter not below `attention`.  Layers start as Glorot's, attention as absent.

    Parameters for 3 channels: 2,210,644 at 32 px, 7,316,308 at 64 px.
    """

    width: LargeWidth = 96
    attention: AttentionSide = 16

    def faults(self, space: Space) -> Iterator[str]:
        return _residual_faults(space, self.attention)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return ResidualGenerator(Pyramid.of(space), space, self.latent, self.width, self.attention)


@dataclass(frozen=True)
class WganLargeCritic(Critic):
    """Residual blocks with layer norm that halve the grid, spectral norm on every weight, self-attention at one grid.

    Sides 16 to 256, powers of two, the shorter not below `attention`; any channels.

    Parameters for 3 channels: 1,424,930 at 32 px, 5,744,930 at 64 px.
    """

    width: LargeWidth = 96
    attention: AttentionSide = 16
    spectral_norm: bool = True

    @property
    def mixes_samples(self) -> bool:
        return False

    def faults(self, space: Space) -> Iterator[str]:
        return _residual_faults(space, self.attention)

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        planes = space.shape[0]
        return ResidualCritic(Pyramid.of(space), planes, self.width, self.attention, self.spectral_norm)


def _residual_faults(space: Space, attention: int | None) -> Iterator[str]:
    faults = list(size_faults(space))
    yield from faults
    largest = min(space.height, space.width)
    if not faults and attention is not None and attention > largest:
        yield f"attention is at {attention}, but samples of {space.height}x{space.width} have no grid above {largest}"
