"""Critics that judge every place of a picture by itself, for super-resolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.grid import refuse
from equipoise.networks.layers import LEAK, Conv, he_leaky
from equipoise.recipe import Critic
from equipoise.space import Space
from equipoise.spec import Knob
from equipoise.view import Samples, Scores

HALVINGS = 3
"""Convolutions of stride 2, in both papers."""
STEP = 2**HALVINGS


@dataclass(frozen=True)
class PatchCritic(Critic):
    """The mean of many local scores.  Any channels; any sides divisible by 8; scores each sample by itself.

    ``unet`` is Real-ESRGAN's (Wang et al. 2021, arXiv:2107.10833, section 3.4): one local score a pixel, made from the
    whole neighbourhood and from the detail at that place.  ``patch`` is a PatchGAN (Isola et al. 2017,
    arXiv:1611.07004, section 3.2.2): one local score for each 8x8 pixels, which sees 54x54 of them.  It has spectral
    norm where the paper has batch norm, which would mix samples, and its last two kernels are 3x3 where the paper's are
    4x4, so that the grid is kept (70 pixels there).

    A loss is taken of the mean, as in Isola's text, not averaged over the losses of all places, as in some code: it
    asks whether a sample is real on the whole.  With a linear loss the two are the same.  With the others a place far
    on the right side can make up for one on the wrong side, and all places get a gradient of the same strength.  The
    slope of a mean over many places is smaller than that of one score, so a gradient penalty needs a larger weight.

    Parameters for 3 channels: 4,376,897 with ``unet``, 1,842,753 with ``patch``, at any size.
    """

    shape: Literal["unet", "patch"] = "unet"
    width: Annotated[
        int, Knob("channels of the first layer; 8 times as many in the widest", low=1, high=512, log=True, source="64")
    ] = 64

    @property
    def mixes_samples(self) -> bool:
        return False

    def faults(self, space: Space) -> Iterator[str]:
        if space.height % STEP or space.width % STEP:
            near = "x".join(str(-(-side // STEP) * STEP) for side in (space.height, space.width))
            yield (
                f"the samples are {space.height}x{space.width}; both sides must be divisible by {STEP}: "
                f"crop or pad them, for instance to {near}"
            )

    def build(self, space: Space) -> nn.Module:
        refuse(type(self).__name__, self.faults(space))
        return {"unet": UnetJudge, "patch": PatchJudge}[self.shape](space.shape[0], self.width)


class UnetJudge(nn.Module):
    """Samples [N, C, H, W] to scores [N].  Maps on the way up are added to those of the way down."""

    def __init__(self, planes: int, width: int) -> None:
        super().__init__()
        self.first = Conv(planes, width, 3, he_leaky)
        self.down = nn.ModuleList(_normed(width << at, width << at + 1, 4) for at in range(HALVINGS))
        self.up = nn.ModuleList(_normed(width << at + 1, width << at, 3) for at in reversed(range(HALVINGS)))
        self.fine = nn.ModuleList(_normed(width, width, 3) for _ in range(2))
        self.head = MeanScore(width)

    def forward(self, x: Samples) -> Scores:
        scores: Tensor = self.head(self.features(x))
        return scores

    def features(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, width, H, W]."""
        maps = [_act(self.first(x))]
        for down in self.down:
            maps.append(_act(down(maps[-1])))
        y = maps.pop()
        for up in self.up:
            y = _act(up(F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False))) + maps.pop()
        for fine in self.fine:
            y = _act(fine(y))
        return y


class PatchJudge(nn.Module):
    """Samples [N, C, H, W] to scores [N]."""

    def __init__(self, planes: int, width: int) -> None:
        super().__init__()
        layers = {"first": Conv(planes, width, 4, he_leaky, stride=2)}
        layers |= {f"down{at}": _normed(width << at - 1, width << at, 4) for at in range(1, HALVINGS)}
        layers |= {"fine": _normed(width << HALVINGS - 1, width << HALVINGS, 3)}
        self.layers = nn.ModuleDict(layers)
        self.head = MeanScore(width << HALVINGS)

    def forward(self, x: Samples) -> Scores:
        scores: Tensor = self.head(self.features(x))
        return scores

    def features(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, 8 width, H / 8, W / 8]."""
        for layer in self.layers.values():
            x = _act(layer(x))
        return x


class MeanScore(nn.Module):
    """Features [N, C, H, W] to scores [N], in the weights' own precision, as `equipoise.networks.layers.Head`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv(channels, 1, 3, he_leaky)

    def local(self, x: Tensor) -> Float[Tensor, "n h w"]:
        with torch.autocast(x.device.type, enabled=False):
            scores: Tensor = self.conv(x.to(self.conv.weight.dtype))
        return scores[:, 0]

    def forward(self, x: Tensor) -> Scores:
        return self.local(x).mean((1, 2))


def _normed(inputs: int, outputs: int, kernel: int) -> Conv:
    """With spectral norm and without bias, as all but the first and last layers of Real-ESRGAN's critic."""
    return Conv(inputs, outputs, kernel, he_leaky, stride=2 if kernel == 4 else 1, bias=False, spectral=True)


def _act(x: Tensor) -> Tensor:
    return F.leaky_relu(x, LEAK, inplace=True)
