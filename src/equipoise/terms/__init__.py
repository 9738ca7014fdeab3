"""The summands of the losses: one immutable class each, one number per sample."""

from __future__ import annotations

from equipoise.terms.adversarial import (
    BCE,
    Hinge,
    LeastSquares,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)
from equipoise.terms.penalties import R1, R2, GradientPenalty

__all__ = [
    "BCE",
    "R1",
    "R2",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "RelativisticAverage",
    "RelativisticPairing",
    "Wasserstein",
]
