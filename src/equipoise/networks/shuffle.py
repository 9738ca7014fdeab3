"""Up-sampling by pixel shuffle, with the start that leaves no blocks and with the one that does."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.layers import Conv, Init


class ShuffleConv(nn.Module):
    """A 3x3 convolution to four times the channels, which become the pixels of each 2x2 square (Shi et al. 2016,
    arXiv:1609.05158).

    With `alike` the four kernels of a square start as one (ICNR, Aitken et al. 2017, arXiv:1707.02937): the
    layer begins as a convolution followed by nearest up-sampling.  Four kernels drawn each for itself make every square
    differ from the start by a pattern that repeats all over the picture.
    """

    def __init__(self, inputs: int, outputs: int, init: Init, *, bias: bool = True, alike: bool = True) -> None:
        super().__init__()
        self.conv = Conv(inputs, 4 * outputs, 3, init, bias=bias)
        if alike:
            with torch.no_grad():
                self.conv.weight.copy_(self.conv.weight[::4].repeat_interleave(4, dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] to [N, out, 2H, 2W]."""
        return F.pixel_shuffle(self.conv(x), 2)
