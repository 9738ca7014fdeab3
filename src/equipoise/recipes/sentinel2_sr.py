"""Super-resolution of satellite pictures in two stages: right pixels first, then detail."""

from __future__ import annotations

from equipoise.augment import Flip, QuarterTurns
from equipoise.data import Patches
from equipoise.networks import PatchCritic, RrdbGenerator
from equipoise.recipe import Adam, Augment, Average, Cadence, Phase, Recipe, Span
from equipoise.recipes.lengths import FitLength
from equipoise.schedule import Cosine
from equipoise.terms import L1, MSE, Hinge

PIXELS, DETAIL = 4000, 600
"""Steps; one of the second stage takes 1.7 times as long as one of the first."""
WIDTH = 32


def sentinel2_sr() -> Recipe:
    """The notes' two stages: pixel losses until little more is gained, then a critic of little weight beside them."""
    return Recipe(
        summary="enlarges satellite pictures 2 to 4 times: bands or colours, pixels first, then detail by a critic",
        source=Patches(scale=2),
        generator=RrdbGenerator(width=WIDTH, growth=16, blocks=2, branch=0, upsampling="shuffle", base="bicubic"),
        critic=PatchCritic("patch", width=WIDTH),
        phases={
            "pixels": Phase(Span(PIXELS), {"l1": L1(weight=0.8), "mse": MSE(weight=0.2)}, best_by="psnr"),
            "detail": Phase(
                Span(DETAIL),
                {"game": Hinge(weight=1e-3), "l1": L1(weight=1.0)},
                best_by="kernel",
            ),
        },
        g_optim=Adam(lr=Cosine(1e-3, 5e-5, until=PIXELS), beta1=0.9, beta2=0.99, clip_norm=0.1),
        d_optim=Adam(lr=1e-4, beta1=0.0, beta2=0.99),
        average=Average(decay=0.999),
        augment=Augment((Flip(vertical=0.5), QuarterTurns()), "pairs"),
        batch=16,
        cadence=Cadence(),
        tailor=FitLength(),
        reasons={},
    )
