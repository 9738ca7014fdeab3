"""The recipe for anyone with 200 to 20 000 pictures: it looks at the data, the machine and the clock, and then decides.

What it decides is written into the run's own recipe, each number with its reason, as if a person had chosen it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from equipoise.data import Images
from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.recipe import Average, Cadence, Circumstances, Fitting, Recipe
from equipoise.recipes import relativistic
from equipoise.recipes.augmenting import with_ada
from equipoise.recipes.pacing import FIRST_WIDTH, FITTED, FitToTime

STEPS = 8000
SIZES = (16, 32, 64)
"""In pixels.  Smaller pictures are not enlarged for nothing."""
SIZE = "a CPU can still do 64"
SMALL_BATCH, BATCH = 32, 64
MANY_SAMPLES = 5000


@dataclass(frozen=True)
class FitToData(FitToTime):
    """Chooses size, batch and up-sampling for the data, and the rest for the time there is."""

    def fit_source(self, fitting: Fitting, native_side: int | None) -> None:
        if native_side is not None:
            size = min(SIZES, key=lambda size: abs(math.log2(size / native_side)))
            fitting.choose("source.size", size, f"nearest to the pictures' own {native_side} pixels; {SIZE}")

    def fit(self, fitting: Fitting, at: Circumstances) -> None:
        many = at.num_samples >= MANY_SAMPLES
        fitting.choose("batch", BATCH if many else SMALL_BATCH, f"guess: for {at.num_samples} samples to train on")
        if at.has_hard_edges:
            fitting.choose("generator.upsampling", "transposed", "the samples have hard edges: learned better (LAB.md)")
        super().fit(fitting, at)


def auto() -> Recipe:
    """Relativistic pairing with both zero-centred penalties, adaptive augmentation, and settings fitted to the data."""
    recipe = Recipe(
        summary="fits itself to 200 to 20 000 pictures, to the machine and to the time: begin here",
        source=Images(size=64),
        generator=DcganGenerator(latent=64, width=FIRST_WIDTH, upsampling="nearest"),
        critic=DcganCritic(width=FIRST_WIDTH, norm="none", weights="he"),
        phases={"main": relativistic.phase(STEPS)},
        g_optim=relativistic.adam(STEPS),
        d_optim=relativistic.adam(STEPS),
        average=Average(decay=0.998),
        batch=BATCH,
        cadence=Cadence(tick_steps=20, sheet_steps=500),
        tailor=FitToData(whole=relativistic.SCHEDULES, spread=relativistic.SPREAD),
        reasons={
            "source.size": f"fitted to the pictures' own size; {SIZE}",
            "source.min_side": "no picture is too small to be enlarged",
            "generator.upsampling": "measured, LAB.md: no checkerboard, and more variety in the same time",
            "generator.latent": "guess: enough for a few thousand pictures",
            **relativistic.REASONS,
            **dict.fromkeys(("batch", *FITTED), "fitted to the data, the machine and the time"),
            **{f"augment.operations.{path}": STRENGTH for path in STRENGTHS},
        },
    )
    return with_ada(recipe)


STRENGTH = "Karras et al. 2020, arXiv:2006.06676, appendix B, or below"
STRENGTHS = ("3.reach", "4.degrees", "5.brightness", "5.contrast", "5.saturation", "5.hue")
