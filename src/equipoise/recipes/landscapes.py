"""Photographs by valence and arousal: a variational autoencoder first, then the game, in one run."""

from __future__ import annotations

from equipoise.augment import Flip, Translate
from equipoise.data import Images, LabelledImages
from equipoise.data import Scale as Ratings
from equipoise.networks import EruCritic, EruGenerator, VaeEncoder
from equipoise.recipe import Adam, Augment, Average, Cadence, Phase, Recipe, Span, Term
from equipoise.recipes.lengths import FitLength
from equipoise.schedule import Linear, Piecewise
from equipoise.terms import KL, L1, R1, Auxiliary, Diversity, Hinge, Perceptual

REBUILD, RAMP, PLAY = 1500, 800, 3000
WIDTH = 32


def landscapes() -> Recipe:
    """The notes' three phases, with the autoencoder's own training as the first."""
    return Recipe(
        summary="photographs asked for by numbers such as valence and arousal: VAE, ramp, game, in one run",
        source=LabelledImages({"valence": Ratings(1, 9), "arousal": Ratings(1, 9)}, Images(size=64)),
        generator=EruGenerator(latent=128, width=WIDTH),
        critic=EruCritic(width=WIDTH),
        encoder=VaeEncoder(width=WIDTH),
        phases={
            "rebuild": Phase(
                Span(REBUILD),
                {"rebuild": L1(), "kl": KL(weight=Linear(0.0, 0.1, until=REBUILD / 2))},
                best_by="rebuilt",  # what it learns; its samples from the prior are blurred whatever it does
            ),
            "ramp": Phase(
                Span(RAMP),
                {
                    "game": Hinge(weight=Linear(0.0, 0.5, until=RAMP)),
                    **_held_to_conditions(),
                    "rebuild": L1(weight=Linear(1.0, 0.2, until=RAMP)),
                    "kl": KL(weight=0.1),
                },
            ),
            "play": Phase(
                Span(PLAY),
                {
                    "game": Hinge(),
                    **_held_to_conditions(),
                    "kl": KL(weight=0.1),
                    "perceptual": Perceptual(weight=Piecewise(((0.2 * PLAY, 0.0), (0.5 * PLAY, 0.005)))),
                },
            ),
        },
        g_optim=Adam(lr=2e-4, beta1=0.0, beta2=0.99, clip_norm=1.0),
        d_optim=Adam(lr=4e-4, beta1=0.0, beta2=0.99, clip_norm=1.0),
        average=Average(decay=0.999),
        augment=Augment((Flip(), Translate(padding="reflection")), "both"),
        batch=16,
        cadence=Cadence(),
        tailor=FitLength(),
        reasons=REASONS,
    )


def _held_to_conditions() -> dict[str, Term]:
    return {"r1": R1(weight=1.0, every=16), "reads": Auxiliary(weight=5.0), "diversity": Diversity(weight=0.3)}


_R1 = {
    "weight": "measured, LAB.md: covers more than with the notes' 10",
    "every": "notes; Karras et al. 2020, arXiv:1912.04958, appendix B",
}
_OF_CONDITIONS = {
    **{f"r1.{name}": why for name, why in _R1.items()},
    "reads.weight": "measured, LAB.md: the notes' 0.5 is a twentieth of the generator's gradient; with 5 it obeys",
    "diversity.weight": "notes",
}
REASONS = {
    **{f"source.conditions.{name}.low": "notes: ratings from 1" for name in ("valence", "arousal")},
    **{f"source.conditions.{name}.high": "notes: ratings to 9" for name in ("valence", "arousal")},
    "source.pictures.size": "notes: 64 before 128",
    "source.pictures.min_side": "no picture is too small to be enlarged",
    **dict.fromkeys(("critic.width", "encoder.width"), "as wide as the generator"),
    **dict.fromkeys(("phases.rebuild.terms.kl.weight.start", "phases.ramp.terms.game.weight.start"), "from nothing"),
    **{
        f"phases.{path}.weight.begin": "from the first step of the phase"
        for path in ("rebuild.terms.kl", "ramp.terms.game", "ramp.terms.rebuild")
    },
    **{f"phases.ramp.terms.{term}.weight.until": "the end of the phase" for term in ("game", "rebuild")},
    "generator.width": "guess: half of DCGAN's, for a machine without a GPU",
    "phases.rebuild.length.amount": "notes: 600 epochs of 865 pictures took a tenth of the whole; here a quarter",
    "phases.ramp.length.amount": "notes: as long as the first phase of the game; fitted to the time",
    "phases.play.length.amount": "notes: the rest; fitted to the time",
    **{f"phases.{phase}.terms.{path}": why for phase in ("ramp", "play") for path, why in _OF_CONDITIONS.items()},
    **dict.fromkeys(("phases.rebuild.terms.rebuild.weight", "phases.ramp.terms.rebuild.weight.start"), "notes"),
    **dict.fromkeys(("phases.ramp.terms.rebuild.weight.end", "phases.ramp.terms.game.weight.end"), "notes"),
    "phases.rebuild.terms.kl.weight.end": "guess: a beta of 1 for samples rebuilt at about 20 dB; see KL",
    "phases.rebuild.terms.kl.weight.until": "guess: half of the phase, so that no dimension is given up at once",
    **dict.fromkeys(("phases.ramp.terms.kl.weight", "phases.play.terms.kl.weight"), "as at the end of the first phase"),
    "phases.play.terms.perceptual.weight.points": "notes: 0 at first, to 0.005 by the middle of the run",
    **{f"{side}_optim.{name}": "notes" for side in "gd" for name in ("lr", "beta1", "beta2", "clip_norm")},
    "d_optim.lr": "measured, LAB.md: with the notes' 1e-4 the critic tells nothing apart, and pictures are woven",
    "average.decay": "notes",
    "augment.operations.1": "measured, LAB.md: never seeing a photograph twice alike, the critic's head reads others "
    "half again as well; colours are left alone, for ratings are about them",
    "augment.applies_to": "fakes are changed too, or they would learn the changes",
    "batch": "notes",
}
