"""Self-attention over a feature map (Zhang et al. 2019, SAGAN, arXiv:1805.08318, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.layers import Conv, glorot

KEY_SHARE = 8
VALUE_SHARE = 2
"""Keys have 1/8 and values 1/2 of the channels, both are pooled 2x2, as in SAGAN (section 3 and its public code)."""


class SelfAttention(nn.Module):
    """``x + gamma * out(values . softmax(keys . queries))``, gamma = 0 at the start (eq. 3).  Sides must be even.

    Written with matrix products: the fused attention kernels of PyTorch have no second derivative, which a gradient
    penalty needs.
    """

    def __init__(self, channels: int, *, spectral: bool = False) -> None:
        super().__init__()
        key, value = max(channels // KEY_SHARE, 1), max(channels // VALUE_SHARE, 1)
        self.query = Conv(channels, key, 1, glorot, bias=False, spectral=spectral)
        self.key = Conv(channels, key, 1, glorot, bias=False, spectral=spectral)
        self.value = Conv(channels, value, 1, glorot, bias=False, spectral=spectral)
        self.out = Conv(value, channels, 1, glorot, bias=False, spectral=spectral)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        queries = self.query(x).flatten(2)
        keys = F.max_pool2d(self.key(x), 2).flatten(2)
        values = F.max_pool2d(self.value(x), 2).flatten(2)
        attention = torch.softmax(queries.transpose(1, 2) @ keys, dim=-1)
        seen = values @ attention.transpose(1, 2)
        attended: Tensor = self.out(seen.reshape(*seen.shape[:2], *x.shape[2:]))
        return x + self.gamma * attended
