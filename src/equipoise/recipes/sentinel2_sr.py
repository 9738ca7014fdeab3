"""Super-resolution of satellite pictures in two stages: right pixels first, then detail."""

from __future__ import annotations

from equipoise.augment import Flip, QuarterTurns
from equipoise.data import Patches
from equipoise.networks import EdsrGenerator, PatchCritic
from equipoise.recipe import Adam, Augment, Average, Cadence, Phase, Recipe, Retuned, Span
from equipoise.recipes.lengths import FitLength
from equipoise.schedule import Cosine
from equipoise.terms import L1, MSE, Hinge

PIXELS, DETAIL = 4000, 600
"""Steps; one of the second stage takes 1.7 times as long as one of the first."""
WIDTH, CRITIC_WIDTH = 64, 32


def sentinel2_sr() -> Recipe:
    """The notes' two stages: pixel losses until little more is gained, then a critic of little weight beside them."""
    return Recipe(
        summary="enlarges satellite pictures 2 to 4 times: bands or colours, pixels first, then detail by a critic",
        source=Patches(scale=2),
        generator=EdsrGenerator(width=WIDTH, blocks=16, upsampling="shuffle", base="bicubic"),
        critic=PatchCritic("patch", width=CRITIC_WIDTH),
        phases={
            "pixels": Phase(Span(PIXELS), {"l1": L1(weight=0.8), "mse": MSE(weight=0.2)}, best_by="psnr"),
            "detail": Phase(
                Span(DETAIL),
                {"game": Hinge(share=0.3), "l1": L1(weight=1.0)},
                g_optim=Retuned(lr=5e-5, weight_decay=1e-4),
                best_by="kernel",
            ),
        },
        g_optim=Adam(lr=Cosine(1e-3, 5e-5, until=PIXELS), beta1=0.9, beta2=0.99, decoupled=True, clip_norm=0.1),
        d_optim=Adam(lr=4e-4, beta1=0.0, beta2=0.99, weight_decay=1e-4),
        average=Average(decay=0.999),
        augment=Augment((Flip(vertical=0.5), QuarterTurns()), "pairs"),
        batch=16,
        most_skipped=10,
        cadence=Cadence(),
        tailor=FitLength(),
        reasons=REASONS,
    )


PLAIN = "the baseline of Lim et al. 2017; measured, LAB.md: in the same time it gains more than RRDB (notes)"
REASONS = {
    "source.scale": "notes: x2 and x4",
    **dict.fromkeys(("generator.width", "generator.blocks"), PLAIN),
    "generator.upsampling": "measured, LAB.md: better than nearest in the same time, and right for x3",
    "generator.base": "measured, LAB.md: half a decibel to seven more than from nothing, in a short run",
    "critic.shape": "a step takes half as long as with the U-Net",
    "critic.width": "half as wide as the generator",
    "phases.pixels.length.amount": "four fifths of the time; fitted to what there is",
    "phases.detail.length.amount": "a fifth of the time; fitted to what there is",
    "phases.pixels.terms.l1.weight": "notes",
    "phases.pixels.terms.mse.weight": "notes",
    "phases.detail.terms.game.share": "measured, LAB.md: the notes' weight, 1e-3, is 0.6 % and adds no detail",
    "phases.detail.terms.l1.weight": "notes",
    "g_optim.lr.start": "guess: ten times the notes', for few steps of a narrow network with clipped gradients",
    "g_optim.lr.end": "as the second stage goes on",
    "phases.detail.g_optim.lr": "notes",
    "phases.detail.g_optim.weight_decay": "notes: in the second stage alone",
    "g_optim.lr.begin": "from the first step",
    "g_optim.lr.until": "the end of the first stage",
    "g_optim.beta1": "Adam's own; the first stage is no game (notes: Adam)",
    "augment.operations.0.vertical": "seen from above, no side is up",
    "g_optim.decoupled": "measured, LAB.md: as a part of the gradient the decay is as large as all the rest of it",
    "g_optim.clip_norm": "notes",
    "d_optim.lr": "measured, LAB.md: eight times the generator's in the second stage, the only one in which it learns",
    "d_optim.weight_decay": "notes: as the generator's in the second stage",
    "batch": "notes: 8 to 16",
    "most_skipped": "notes: a batch that is not finite is left out; a budget, so that it cannot go unseen",
}
