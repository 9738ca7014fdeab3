"""Healthy runs of the fourth part, which has no others: how often is a run alarmed with which nothing is wrong?

They were made when it was known how the third part had come out, and chosen, as that was, by the outcome of healthy
runs with other seeds; no doctor was asked about any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from clinic.base import large, whole
from clinic.healthy_sources import Bars, BlobPairs, Blobs, Cross, Spectra
from equipoise.networks import (
    DcganCritic,
    DcganGenerator,
    MlpCritic,
    MlpGenerator,
    PatchCritic,
    RrdbGenerator,
)
from equipoise.recipe import Critic, Phase, Recipe, Source, Span, Term
from equipoise.terms import (
    BCE,
    L1,
    R1,
    R2,
    GradientPenalty,
    Hinge,
    LeastSquares,
    RelativisticAverage,
    Wasserstein,
)

PLAIN: Final = DcganCritic(width=10, norm="none", weights="he")
SPECTRAL: Final = replace(PLAIN, spectral_norm=True)


def on_a_cross(terms: Mapping[str, Term], d_updates: float = 1.0) -> Recipe:
    generator = MlpGenerator(latent=5, width=72, depth=3, activation="relu")
    phase = Phase(Span(2400), terms, d_updates=d_updates)
    return whole(Cross(count=6400, std=0.12), generator, MlpCritic(width=72, depth=3), {"main": phase}, 1e-3, batch=72)


def small(source: Source, terms: Mapping[str, Term], critic: Critic, d_updates: float = 1.0) -> Recipe:
    """Pictures of 16 pixels."""
    generator = DcganGenerator(latent=36, width=12, upsampling="nearest")
    phase = Phase(Span(1000), terms, d_updates=d_updates, share_fakes=d_updates == 1.0)
    return whole(source, generator, critic, {"main": phase}, 1e-3, 28)


def enlarged() -> Recipe:
    phases = {
        "pixels": Phase(Span(200), {"l1": L1()}, best_by="psnr"),
        "detail": Phase(Span(800), {"game": Hinge(weight=0.01), "l1": L1()}, best_by="kernel"),
    }
    generator = RrdbGenerator(width=10, growth=8, blocks=1, branch=0, upsampling="shuffle")
    return whole(BlobPairs(), generator, PatchCritic("patch", width=8), phases, 1e-3, batch=8)


HEALTHY: Final[Mapping[str, Callable[[], Recipe]]] = {
    "cross-hinge": lambda: on_a_cross({"game": Hinge(), "r1": R1(weight=0.05)}),
    "cross-wgan-gp": lambda: on_a_cross({"game": Wasserstein(), "gp": GradientPenalty(weight=0.7)}, 3.0),
    "bars-wgan-gp": lambda: small(Bars(), {"game": Wasserstein(), "gp": GradientPenalty(weight=2.0)}, PLAIN, 2.0),
    "bars-hinge": lambda: small(Bars(), {"game": Hinge()}, SPECTRAL),
    "spectra-bce": lambda: small(Spectra(), {"game": BCE(), "r1": R1(weight=0.3)}, PLAIN),
    "spectra-lsgan": lambda: small(Spectra(), {"game": LeastSquares()}, SPECTRAL),
    "blobs-relativistic": lambda: large(
        Blobs(), {"game": RelativisticAverage(), "r1": R1(weight=0.4), "r2": R2(weight=0.4)}, PLAIN
    ),
    "blobs-bce": lambda: large(Blobs(), {"game": BCE(), "r1": R1(weight=0.6)}, PLAIN),
    "soft-hinge": enlarged,
}
