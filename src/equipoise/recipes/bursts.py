"""Solar radio bursts: a few hundred windows of spectrograms."""

from __future__ import annotations

from equipoise.data import Spectrogram
from equipoise.networks import DcganCritic, DcganGenerator
from equipoise.recipe import Adaptive, Augment, Average, Cadence, Recipe
from equipoise.recipes import relativistic
from equipoise.recipes.augmenting import GAIN, SHIFT_IN_TIME
from equipoise.recipes.pacing import FIRST_WIDTH, FITTED, FitToTime

STEPS = 4000


def bursts() -> Recipe:
    """Adaptive augmentation that is valid for a spectrogram: shifts in time, and gain, as asinh has it."""
    return Recipe(
        summary="windows of radio spectrograms from FITS or CSV files, a few hundred of them",
        source=Spectrogram(size=128, scale="asinh"),
        generator=DcganGenerator(latent=100, width=FIRST_WIDTH),
        critic=DcganCritic(width=FIRST_WIDTH, norm="none", weights="he"),
        phases={"main": relativistic.phase(STEPS)},
        g_optim=relativistic.adam(STEPS),
        d_optim=relativistic.adam(STEPS),
        average=Average(decay=0.998),
        augment=Augment((SHIFT_IN_TIME, GAIN), "both", Adaptive()),
        batch=32,
        cadence=Cadence(tick_steps=20, sheet_steps=300),
        tailor=FitToTime(whole=relativistic.SCHEDULES, spread=relativistic.SPREAD),
        reasons={
            "source.size": "notes: 128 channels of frequency, 128 columns of time",
            "source.average": "as they were recorded",
            "source.step_s": "e-CALLISTO's usual four spectra a second",
            "source.least_peak": "all windows; what counts as quiet depends on the receiver",
            "source.scale": "measured: bright bursts are drawn, and faint ones are seen",
            "source.cut": "guess: sparks of interference would take the range otherwise",
            "generator.latent": "Radford et al. 2016, arXiv:1511.06434: 100",
            **relativistic.REASONS,
            **dict.fromkeys(FITTED, "fitted to the machine and the time"),
            "augment.operations.0.horizontal": "guess: an eighth of the window; a burst may begin at any time",
            "augment.operations.0.vertical": "a frequency is what it is",
            "augment.operations.1.brightness": "guess: receivers differ in gain; by asinh 1.8 times what is bright",
            "augment.operations.1.contrast": "guess: receivers differ in gain by so much and more",
            "batch": "notes: 16 would do; a few hundred windows",
            "tailor.seconds": "guess: what one waits for",
        },
    )
