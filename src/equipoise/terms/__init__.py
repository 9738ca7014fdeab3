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
from equipoise.terms.conditioning import Auxiliary, Diversity
from equipoise.terms.latent import KL
from equipoise.terms.penalties import R1, R2, GradientPenalty
from equipoise.terms.perceptual import Perceptual, chosen_backend
from equipoise.terms.reconstruction import L1, MSE
from equipoise.terms.texture import Texture

__all__ = [
    "BCE",
    "KL",
    "L1",
    "MSE",
    "R1",
    "R2",
    "Auxiliary",
    "Diversity",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "Perceptual",
    "RelativisticAverage",
    "RelativisticPairing",
    "Texture",
    "Wasserstein",
    "chosen_backend",
]
