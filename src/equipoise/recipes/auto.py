"""The recipe for anyone with 200 to 20 000 pictures: it looks at the data, the machine and the clock, and then decides.

What it decides is written into the run's own recipe, each number with its reason, as if a person had chosen it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from equipoise.data import Images
from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.recipe import Adam, Average, Cadence, Circumstances, Fitting, Phase, Recipe, Span
from equipoise.recipes.augmenting import choose_operations, with_ada
from equipoise.recipes.pacing import FIRST_WIDTH, FITTED, FitToTime
from equipoise.schedule import Cosine
from equipoise.terms import R1, R2, RelativisticPairing

STEPS = 8000
SIZES = (16, 32, 64)
"""In pixels.  Smaller pictures are not enlarged for nothing."""
SIZE = "a CPU can still do 64"
SMALL_BATCH, BATCH = 32, 64
FEW_SAMPLES = 500


@dataclass(frozen=True)
class FitToData(FitToTime):
    """Chooses the size of the samples, batch and augmentation for the data, and the rest for the time there is."""

    def fit_source(self, fitting: Fitting, native_side: int | None) -> None:
        if native_side is not None:
            size = min(SIZES, key=lambda size: abs(math.log2(size / native_side)))
            fitting.choose("source.size", size, f"nearest to the pictures' own {native_side} pixels; {SIZE}")

    def fit(self, fitting: Fitting, at: Circumstances) -> None:
        few = at.num_samples < FEW_SAMPLES
        fitting.choose("batch", SMALL_BATCH if few else BATCH, f"{at.num_samples} samples to train on")
        choose_operations(fitting, at.space)
        super().fit(fitting, at)


def auto() -> Recipe:
    """Relativistic pairing with both zero-centred penalties, adaptive augmentation, and settings fitted to the data."""
    gamma = Cosine(1.0, 0.3, until=STEPS)
    adam = Adam(lr=Cosine(5e-4, 1e-4, until=STEPS), beta1=0.0, beta2=0.99)
    recipe = Recipe(
        summary="fits itself to 200 to 20 000 pictures of any channels, to the machine and to the time: begin here",
        source=Images(size=64),
        generator=DcganGenerator(latent=64, width=FIRST_WIDTH),
        critic=DcganCritic(width=FIRST_WIDTH, norm="none", weights="he"),
        phases={
            "main": Phase(
                length=Span(STEPS, "steps"),
                terms={
                    "pairing": RelativisticPairing(),
                    "r1": R1(weight=gamma, every=4),
                    "r2": R2(weight=gamma, every=4),
                },
                share_fakes=True,
            )
        },
        g_optim=adam,
        d_optim=adam,
        average=Average(decay=0.998),
        batch=BATCH,
        cadence=Cadence(tick_steps=20, sheet_steps=500),
        tailor=FitToData(whole=SCHEDULES),
        reasons={
            "source.size": f"fitted to the pictures' own size; {SIZE}",
            "source.min_side": "no picture is too small to be enlarged",
            "generator.latent": "guess: enough for a few thousand pictures",
            **dict.fromkeys(("batch", *FITTED), "fitted to the data, the machine and the time"),
            **{f"{schedule}.until": "fitted to the time" for schedule in SCHEDULES},
            "phases.main.terms.pairing.weight": "Huang et al. 2024, arXiv:2501.05441, eq. 2",
            **{f"phases.main.terms.{term}.weight.{name}": why for term in ("r1", "r2") for name, why in GAMMA.items()},
            **{f"{side}_optim.lr.{name}": why for side in "gd" for name, why in RATE.items()},
            **{
                f"phases.main.terms.{term}.every": "lazy regularisation, Karras et al. 2020, arXiv:1912.04958; LAB.md"
                for term in ("r1", "r2")
            },
            **{f"{side}_optim.{name}": why for side in "gd" for name, why in ADAM_REASONS.items()},
            **{f"augment.operations.{path}": STRENGTH for path in STRENGTHS},
        },
    )
    return with_ada(recipe)


SCHEDULES = ("phases.main.terms.r1.weight", "phases.main.terms.r2.weight", "g_optim.lr", "d_optim.lr")
RATE = {
    "start": "measured, LAB.md: twice DCGAN's, which is slow without momentum",
    "end": "measured, LAB.md: a rate that falls brings colours and variety to those of the data",
    "begin": "from the first step",
}
GAMMA = {
    "start": "measured, LAB.md: 1 and 8 did equally well",
    "end": "Huang et al. 2024, section 4: the penalty falls over the run, there tenfold, here by a third of that",
    "begin": "from the first step",
}
ADAM_REASONS = {
    "beta1": "Huang et al. 2024: no momentum; Gidel et al. 2019, arXiv:1807.04740: momentum hurts games",
    "beta2": "Huang et al. 2024: 0.99 at the end of their schedule",
}
STRENGTH = "Karras et al. 2020, arXiv:2006.06676, appendix B, or below"
STRENGTHS = ("3.reach", "4.degrees", "5.brightness", "5.contrast", "5.saturation", "5.hue")
