"""Features that need no download: a small convolutional network whose weights are random and always the same.

Random filters hold much of what texture and detail are (Ustyuzhaninov et al. 2016, arXiv:1606.00021), and there can be
some for any number of channels, whatever these mean.  What people see they do not know: untrained networks agree with
people less than trained ones do (Zhang et al. 2018, arXiv:1801.03924).

Three things make up for some of that.  Effects are those on `equipoise.terms.perceptual.feature_distance`, of
photographs of scenery at 64 pixels:

- the network sees the samples and, brought to a similar strength, their finest details alone.  A blur of deviation 1
  pixel then counts 8 times as much as a change of brightness by 0.1, which has two thirds of its squared error; 6 and
  13 times with two other rolls of the dice; without details hardly more than it;
- biases.  Without them all maps would grow alike with the samples, and a change of contrast would cost nothing;
- maps are halved by 2x2 means, not by strides: with a stride a 3x3 kernel reaches some pixels more often than others,
  which the gradient paints into samples as a checkerboard (Odena et al. 2016, "Deconvolution and Checkerboard
  Artifacts").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from equipoise.terms.batches import precise
from equipoise.view import Features, Samples

WIDTHS = (16, 32, 64, 64)
"""Channels of the maps, at full size, a half, a quarter, an eighth.  Twice as many cost 4 times as much and answered
changes of photographs in the same order."""
DETAIL_GAIN = 4.0
"""Deviation of photographs over that of their finest details: 4.3 at 64 pixels, 4.8 at 128, of satellite images 6.7, of
small drawings 2.2."""
BIAS = 0.5
"""Biases are drawn from [-0.5, 0.5].  A guess: about as far as photographs go, whose root mean square is 0.57."""
LEAK = 0.2
SEED = 0


@dataclass(frozen=True)
class RandomNetwork:
    """Samples [N, C, H, W] of any size to four maps, fine to coarse.  Made by `random_network`."""

    layers: tuple[tuple[Tensor, Tensor], ...]
    """Weight and bias of each."""

    def __call__(self, samples: Samples) -> Features:
        """In float32 or better, whatever autocast is on outside."""
        maps: list[Tensor] = []
        with torch.autocast(samples.device.type, enabled=False):
            x = _with_details(precise(samples))
            for weight, bias in self.layers:
                x = F.avg_pool2d(x, 2, ceil_mode=True) if maps else x
                x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight.to(x.dtype), bias.to(x.dtype))
                x = F.leaky_relu(x, LEAK)
                maps.append(x)
        return tuple(maps)


@cache
def random_network(channels: int, device: torch.device) -> RandomNetwork:
    """The network for samples of so many channels, the same in every process and on every machine, to the bit.

    Its weights have the variance that LeakyReLU keeps (He et al. 2015, arXiv:1502.01852, eq. 15).  They are uniform:
    uniform numbers are exact everywhere, normal ones are not.  Global randomness is left as it was.
    """
    source = torch.Generator().manual_seed(SEED)
    layers = []
    for inputs, outputs in pairwise((2 * channels, *WIDTHS)):
        reach = math.sqrt(3.0 * 2.0 / ((1 + LEAK**2) * inputs * 9))
        weight = reach * _uniform(source, outputs, inputs, 3, 3)
        layers.append((weight.to(device), (BIAS * _uniform(source, outputs)).to(device)))
    return RandomNetwork(tuple(layers))


def _with_details(samples: Samples) -> Float[Tensor, "n c2 h w"]:
    """[N, C, H, W] to [N, 2C, H, W]: the samples, and `DETAIL_GAIN` times what a 3x3 mean takes away from them."""
    smooth = F.avg_pool2d(F.pad(samples, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return torch.cat([samples, DETAIL_GAIN * (samples - smooth)], dim=1)


def _uniform(source: torch.Generator, *shape: int) -> Tensor:
    return 2.0 * torch.rand(*shape, generator=source, device="cpu", dtype=torch.float32) - 1.0
