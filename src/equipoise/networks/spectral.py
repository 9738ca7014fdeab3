"""Spectral normalisation of a weight (Miyato et al. 2018, arXiv:1802.05957)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POWER_STEPS_AT_START = 15
"""Power iterations before the first use; PyTorch's own spectral norm starts with as many."""


class SpectralNorm(nn.Module):
    """``W / sigma(W)``, sigma by one power iteration a call while training (algorithm 1).

    The singular vectors are buffers, so they are in checkpoints and a resumed run goes on where it stopped.  Sigma is
    computed in the weight's own precision, also under autocast.
    """

    left: Tensor
    right: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        self.register_buffer("left", F.normalize(torch.randn_like(matrix[:, 0]), dim=0))
        self.register_buffer("right", F.normalize(torch.randn_like(matrix[0]), dim=0))
        for _ in range(POWER_STEPS_AT_START):
            self._iterate(matrix)

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            if self.training:
                self._iterate(matrix.detach())
            # Copies, because the next call changes the buffers while this call's graph may still be needed.
            sigma = self.left.clone() @ (matrix @ self.right.clone())
            return weight / sigma

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self.right.copy_(F.normalize(self.left @ matrix, dim=0))
        self.left.copy_(F.normalize(matrix @ self.right, dim=0))
