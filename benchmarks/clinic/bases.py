"""All bases: data, networks and a game that learn in seconds on one core.  Those of the third and fourth part are in
`fresh_bases` and `healthy_bases`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from clinic.base import CADENCE, GRID_STEPS, Base, Part, Truth, large, pictures, points, whole
from clinic.broken import AlteredCritic
from clinic.fresh_bases import FRESH
from clinic.healthy_bases import HEALTHY
from clinic.sources import InkDigits, ShapePairs, Shapes, Textures
from equipoise.data import Digits, Grid, Images, Ring, StackedDigits
from equipoise.networks import (
    DcganCritic,
    EruCritic,
    EruGenerator,
    MlpCritic,
    PatchCritic,
    RrdbGenerator,
    StyleCritic,
    StyleGenerator,
    VaeEncoder,
)
from equipoise.recipe import Phase, Recipe, Span, Term
from equipoise.terms import (
    BCE,
    KL,
    L1,
    R1,
    R2,
    Auxiliary,
    GradientPenalty,
    Hinge,
    LeastSquares,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)

FEW_POINTS = 6400
"""100 batches: a window of an epoch is then not longer than one of the doctor's own."""
SPECTRAL = DcganCritic(width=12, norm="none", weights="he", spectral_norm=True)
PLAIN = DcganCritic(width=12, norm="none", weights="he")
NARROW, NARROW_SPECTRAL = replace(PLAIN, width=8), replace(SPECTRAL, width=8)
PERCEPTRON = MlpCritic(width=128, depth=3)
RING, GRID = Ring(count=FEW_POINTS, std=0.05), Grid(count=FEW_POINTS, std=0.2)
STACKED = StackedDigits(count=4000)
SHAPES = Shapes(count=2000, size=16)


def _of_points() -> dict[str, Callable[[], Recipe]]:
    return {
        "ring-bce": lambda: points(RING, {"game": BCE(), "r1": R1(weight=0.05)}),
        "ring-lsgan": lambda: points(RING, {"game": LeastSquares(), "r1": R1(weight=0.02)}),
        "grid-hinge": lambda: points(GRID, {"game": Hinge(), "r1": R1(weight=0.05)}, steps=GRID_STEPS),
        "ring-wgan-gp": lambda: points(RING, {"game": Wasserstein(), "gp": GradientPenalty(weight=1.0)}, 3.0),
    }


def _of_pictures() -> dict[str, Callable[[], Recipe]]:
    return {
        "digits-bce": lambda: pictures(Digits(size=16), {"game": BCE(), "r1": R1(weight=0.5)}, PERCEPTRON),
        "digits-hinge": lambda: pictures(Digits(size=16), {"game": Hinge()}, SPECTRAL),
        "stacked-lsgan": lambda: pictures(STACKED, {"game": LeastSquares(), "r1": R1(weight=0.5)}, PLAIN),
        "shapes-bce": lambda: pictures(SHAPES, {"game": BCE()}, replace(SPECTRAL, width=16), width=16),
        "shapes-wgan-gp": lambda: pictures(
            SHAPES, {"game": Wasserstein(), "gp": GradientPenalty()}, NARROW, d_updates=2.0
        ),
    }


def _held_out() -> dict[str, Callable[[], Recipe]]:
    both = {"r1": R1(weight=0.5), "r2": R2(weight=0.5)}
    on_points = {"r1": R1(weight=0.05), "r2": R2(weight=0.05)}
    return {
        "grid-relativistic": lambda: points(GRID, {"game": RelativisticPairing(), **on_points}, steps=GRID_STEPS),
        "ring-wgan-clip": lambda: replace(
            points(RING, {"game": Wasserstein()}, 3.0),
            critic=AlteredCritic(MlpCritic(width=64, depth=3), "clip weights", 0.1),
        ),
        "digits-relativistic": lambda: pictures(Digits(size=16), {"game": RelativisticAverage(), **both}, PERCEPTRON),
        "textures-hinge": lambda: large(Textures(), {"game": Hinge()}, NARROW_SPECTRAL),
        "textures-style": style,
        "ink-hinge": by_ink,
        "pairs-hinge": in_pairs,
        "eurosat-bce": lambda: large(Images(size=32), {"game": BCE(), "r1": R1(weight=0.1, every=4)}, PLAIN),
    }


def style() -> Recipe:
    """Networks of another architecture."""
    terms: dict[str, Term] = {"game": BCE(), "r1": R1(weight=1.0, every=4)}
    phase = Phase(Span(800), terms, share_fakes=True)
    generator = StyleGenerator(latent=32, width=8, widest=32)
    return whole(Textures(size=16), generator, StyleCritic(width=8, widest=32, group=4), {"main": phase}, 1e-3, 16)


def by_ink() -> Recipe:
    """Digits asked for by their ink, with an encoder beside the game."""
    terms = {"game": Hinge(), "asked": Auxiliary(weight=2.0), "rebuild": L1(weight=1.0), "kl": KL(weight=0.1)}
    phase = Phase(Span(1000), terms)
    generator, critic = EruGenerator(latent=16, width=8), EruCritic(width=8, group=1)
    return whole(InkDigits(), generator, critic, {"main": phase}, 1e-3, 16, VaeEncoder(width=8))


def in_pairs() -> Recipe:
    """Super-resolution: pixels first, then a critic."""
    phases = {
        "pixels": Phase(Span(200), {"l1": L1()}, best_by="psnr"),
        "detail": Phase(Span(800), {"game": Hinge(weight=0.01), "l1": L1()}, best_by="kernel"),
    }
    generator = RrdbGenerator(width=12, growth=8, blocks=1, branch=0, upsampling="shuffle")
    return whole(ShapePairs(), generator, PatchCritic("patch", width=8), phases, 1e-3, batch=8)


TRUTHS: Mapping[str, Truth] = {
    "ring": "modes",
    "grid": "modes",
    "stacked": "channels",
    "ink": "asked",
    "pairs": "pairs",
    "spiral": "modes",
    "inked": "asked",
    "enlarged": "pairs",
    "cross": "modes",
    "soft": "pairs",
}
"""By the first word of a base; features for all others."""
SHARED = {"eurosat-bce": "sentinel2/eurosat", "sprites-bce": "sprites/crawl_tiles"}


def _base(key: str, recipe: Recipe, part: Part) -> Base:
    found = Base(key, recipe, TRUTHS.get(key.partition("-")[0], "features"), part, SHARED.get(key, ""))
    return replace(found, recipe=replace(recipe, cadence=replace(CADENCE, sheet_steps=found.every)))


BASES: Mapping[str, Base] = {
    **{key: _base(key, make(), "dev") for key, make in {**_of_points(), **_of_pictures()}.items()},
    **{key: _base(key, make(), "test") for key, make in _held_out().items()},
    **{key: _base(key, make(), "fresh") for key, make in FRESH.items()},
    **{key: _base(key, make(), "healthy") for key, make in HEALTHY.items()},
}


def data_of(base: Base, shared: Path | None) -> Path | None:
    """Raises `ValueError` where a base needs shared data and there are none."""
    if base.data and shared is None:
        raise ValueError(f"{base.key} needs --shared FOLDER")
    return shared / base.data if base.data and shared is not None else None
