"""Terrain tiles: height, land cover and vegetation together."""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.augment import Flip, Noise, QuarterTurns
from equipoise.data import Layer, Raster
from equipoise.networks import DcganCritic, TilesGenerator
from equipoise.recipe import Augment, Average, Cadence, Categories, Circumstances, Fitting, Recipe
from equipoise.recipes import relativistic
from equipoise.recipes.pacing import FIRST_WIDTH, FITTED, FitToTime
from equipoise.schedule import Linear
from equipoise.spec import Json

STEPS = 6000
NOISE = "augment.operations.2.sigma"


OF_LAND = (0.3, 0.04, 0.02, 0.01, 0.005)
"""Of tiles of 2 km between plains and mountains, until the data have been looked at."""


@dataclass(frozen=True)
class FitToTiles(FitToTime):
    """Chooses how smooth the generator's smooth channels begin, too."""

    def fit(self, fitting: Fitting, at: Circumstances) -> None:
        generator = fitting.recipe.generator
        assert isinstance(generator, TilesGenerator)
        there = {channel.name for channel in at.space.channels if channel.kind == "continuous"}
        for name in there & set(generator.smooth):
            amplitudes: list[Json] = [float(f"{value:.2g}") for value in at.octaves(name)]
            if amplitudes and all(amplitudes):
                fitting.choose(f"generator.smooth.{name}", amplitudes, "measured in the data: level, then each grid")
        super().fit(fitting, at)


def terrain() -> Recipe:
    """Heights end in tanh, classes in a Gumbel-softmax; the critic learns from noisy tiles until half of the run."""
    return Recipe(
        summary="tiles of height, land cover and vegetation from rasters, in metres, classes and per cent",
        source=Raster(
            layers={
                "height": Layer("dem.tif", unit="m"),
                "cover": Layer("fbfm40.tif", "categorical", table="fbfm40", classes="present"),
                "trees": Layer("cc.tif", unit="%", low=0.0, high=100.0, remap={"254": 0.0, "255": 0.0}),
            },
        ),
        generator=TilesGenerator(
            latent=128,
            width=FIRST_WIDTH,
            upsampling="bilinear",
            norm="batch",
            speckle=0.5,
            smooth={"height": OF_LAND},
        ),
        critic=DcganCritic(width=FIRST_WIDTH, norm="none", weights="he", dropout=0.05),
        phases={"main": relativistic.phase(STEPS)},
        g_optim=relativistic.adam(STEPS),
        d_optim=relativistic.adam(STEPS),
        average=Average(decay=0.998),
        augment=Augment((Flip(), QuarterTurns(), Noise(sigma=Linear(0.02, 0.0, until=STEPS / 2))), applies_to="critic"),
        categories=Categories(),
        batch=16,
        cadence=Cadence(tick_steps=20, sheet_steps=500),
        tailor=FitToTiles(seconds=900.0, whole=relativistic.SCHEDULES, half=(NOISE,), spread=relativistic.SPREAD),
        reasons={
            "source.size": "notes: 64 pixels; at 30 m a pixel a tile is 1.9 km wide",
            "source.block": "guess: neighbouring tiles are too much alike to test one by the other",
            **{f"source.layers.{layer}.band": "each file has one" for layer in ("height", "cover", "trees")},
            "source.layers.trees.remap.254": "notes: means no vegetation",
            "source.layers.trees.remap.255": "notes: means no vegetation",
            "source.layers.trees.low": "per cent",
            "source.layers.trees.high": "per cent",
            "generator.latent": "notes: 128",
            "generator.kernel": "notes: 3, after 5 had only smoothed",
            "generator.temperature": "notes: 1",
            "generator.upsampling": "measured, LAB.md: classes and trees without a grid in them",
            "generator.norm": "measured, LAB.md: shares of classes and variety are nearer than with instance norm",
            "generator.speckle": "measured, LAB.md: without it all layers are full of stripes",
            "generator.smooth.height": "measured, LAB.md: heights without it are stripes; fitted to the data",
            "critic.dropout": "notes: 0.05 in place of 0.25, with which tiles became generic",
            **relativistic.REASONS,
            **dict.fromkeys(FITTED, "fitted to the machine and the time"),
            "augment.operations.0.horizontal": "a mirrored landscape is a landscape",
            "augment.operations.0.vertical": "quarter turns and a mirror already make all eight positions",
            f"{NOISE}.start": "notes: 0.1, zero-centred; but neighbouring heights differ by 0.009, which that hides",
            f"{NOISE}.end": "notes: none in the second half, so that it hides no terrain",
            f"{NOISE}.begin": "from the first step",
            f"{NOISE}.until": "notes: half of the run",
            "categories.pull": "notes: 0.01",
            "categories.noise": "notes: 0.01",
            "batch": "measured, LAB.md: 4 minutes with 16 as good as 15 with 32",
            "tailor.seconds": "guess: what one waits for",
        },
    )
