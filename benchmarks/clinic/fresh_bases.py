"""Healthy runs of the third part: other data, other sizes and kinds of networks, other mixtures of terms.

No rule was made by these runs: they were trained once and asked about when all rules stood.  They were chosen by the
outcome of healthy runs alone, with other seeds.  One thing was known before: the bound on noise, of
`equipoise.data.grain`, had been held against the sprites' tiles, among other pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from clinic.base import large, whole
from clinic.fresh_sources import Bursts, InkedLetters, LetterPairs, Letters, Spiral
from equipoise.data import Images
from equipoise.networks import (
    DcganCritic,
    DcganGenerator,
    EdsrGenerator,
    EruCritic,
    EruGenerator,
    MlpCritic,
    MlpGenerator,
    PatchCritic,
    StyleCritic,
    StyleGenerator,
    VaeEncoder,
)
from equipoise.recipe import Phase, Recipe, Source, Span, Term
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
    RelativisticPairing,
    Wasserstein,
)

SPIRAL: Final = Spiral(count=6400, std=0.08)
NARROW: Final = DcganCritic(width=8, norm="none", weights="he")


def along_a_spiral(terms: Mapping[str, Term], d_updates: float = 1.0) -> Recipe:
    generator = MlpGenerator(latent=6, width=80, depth=3, activation="leaky_relu")
    phase = Phase(Span(3000), terms, d_updates=d_updates)
    return whole(SPIRAL, generator, MlpCritic(width=80, depth=3), {"main": phase}, 1e-3, batch=80)


def letters(source: Source) -> Recipe:
    critic = DcganCritic(width=16, norm="none", weights="he", spectral_norm=True)
    generator = DcganGenerator(latent=48, width=16, upsampling="nearest")
    phase = Phase(Span(1200), {"game": Hinge()}, share_fakes=True)
    return whole(source, generator, critic, {"main": phase}, 8e-4, batch=24)


def styled() -> Recipe:
    terms: dict[str, Term] = {"game": BCE(), "r1": R1(weight=0.5, every=4)}
    generator = StyleGenerator(latent=24, width=8, widest=32)
    phase = Phase(Span(800), terms, share_fakes=True)
    return whole(Bursts(size=16), generator, StyleCritic(width=8, widest=32, group=4), {"main": phase}, 1e-3, 16)


def paired_up() -> Recipe:
    """Each real sample against a fake."""
    terms: dict[str, Term] = {"game": RelativisticPairing(), "r1": R1(weight=0.5), "r2": R2(weight=0.5)}
    generator = DcganGenerator(latent=40, width=12, upsampling="nearest")
    critic = DcganCritic(width=12, norm="none", weights="he")
    return whole(Letters(), generator, critic, {"main": Phase(Span(1000), terms)}, 1e-3, 32)


def inked() -> Recipe:
    """Letters asked for by their ink, with an encoder beside the game."""
    terms: dict[str, Term] = {
        "game": BCE(),
        "r1": R1(weight=0.2),
        "asked": Auxiliary(weight=1.0),
        "rebuild": L1(weight=2.0),
        "kl": KL(weight=0.05),
    }
    generator, critic = EruGenerator(latent=12, width=8), EruCritic(width=8, group=1)
    return whole(InkedLetters(), generator, critic, {"main": Phase(Span(1000), terms)}, 1e-3, 16, VaeEncoder(width=8))


def enlarged() -> Recipe:
    """Super-resolution with another network, game and weight."""
    phases = {
        "pixels": Phase(Span(250), {"l1": L1()}, best_by="psnr"),
        "detail": Phase(Span(800), {"game": LeastSquares(weight=0.02), "l1": L1()}, best_by="kernel"),
    }
    generator = EdsrGenerator(width=16, blocks=2, upsampling="shuffle")
    return whole(LetterPairs(), generator, PatchCritic("patch", width=8), phases, 1e-3, batch=8)


FRESH: Final[Mapping[str, Callable[[], Recipe]]] = {
    "spiral-bce": lambda: along_a_spiral({"game": BCE(real_label=0.9), "r1": R1(weight=0.05)}),
    "spiral-wgan-gp": lambda: along_a_spiral({"game": Wasserstein(), "gp": GradientPenalty(weight=0.5)}, 3.0),
    "letters-hinge": lambda: letters(Letters()),
    "letters-relativistic": paired_up,
    "bursts-lsgan": lambda: large(Bursts(), {"game": LeastSquares(), "r1": R1(weight=0.3)}, NARROW),
    "bursts-style": styled,
    "sprites-bce": lambda: large(Images(size=32), {"game": BCE(), "r1": R1(weight=0.2, every=2)}, NARROW),
    "inked-bce": inked,
    "enlarged-lsgan": enlarged,
}
