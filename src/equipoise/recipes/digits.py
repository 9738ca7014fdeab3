"""The embedded example: real handwritten digits, two small networks, and a game that does not collapse."""

from __future__ import annotations

from equipoise.data import Digits
from equipoise.networks.dcgan import DcganGenerator
from equipoise.networks.mlp import MlpCritic
from equipoise.recipe import Adam, Average, Cadence, Phase, Recipe, Span
from equipoise.schedule import Cosine
from equipoise.terms import R1, R2, RelativisticPairing

STEPS = 7000


def digits() -> Recipe:
    """Relativistic pairing with both zero-centred penalties on scikit-learn's 1797 digits."""
    adam = Adam(lr=Cosine(1e-3, 1e-4, until=STEPS), beta1=0.0, beta2=0.99)
    return Recipe(
        summary="1797 real handwritten digits that come with scikit-learn: all ten in three minutes on two cores",
        source=Digits(size=16),
        generator=DcganGenerator(latent=32, width=32),
        critic=MlpCritic(width=256, depth=3),
        phases={
            "main": Phase(
                length=Span(STEPS, "steps"),
                terms={"pairing": RelativisticPairing(), "r1": R1(weight=0.5), "r2": R2(weight=0.5)},
                share_fakes=True,
            )
        },
        g_optim=adam,
        d_optim=adam,
        average=Average(decay=0.998),
        batch=64,
        cadence=Cadence(tick_steps=50, sheet_steps=700),
        reasons={
            "source.size": "twice the original 8 pixels: the least at which strokes are smooth",
            "generator.latent": "guess: digits vary in few ways",
            "generator.width": "guess: enough for 16 pixels",
            "critic.width": "measured, LAB.md: a perceptron of 256 beats convolutions on 16 pixels, and is faster",
            "critic.depth": "guess",
            "phases.main.length.amount": "what three minutes on two cores allow; more steps sharpen further",
            "phases.main.share_fakes": "measured, LAB.md: a fifth faster, no worse",
            "phases.main.terms.pairing.weight": "Huang et al. 2024, arXiv:2501.05441, eq. 2",
            "phases.main.terms.r1.weight": "measured, LAB.md: as good as 2, better than 0.1 and 0.02",
            "phases.main.terms.r2.weight": "Huang et al. 2024: as strong as R1",
            **{f"{side}_optim.lr.{name}": why for side in "gd" for name, why in RATE_REASONS.items()},
            **{f"{side}_optim.{name}": why for side in "gd" for name, why in ADAM_REASONS.items()},
            "average.decay": "guess: a half-life of 350 steps, a twentieth of the run",
            "batch": "guess: 28 batches an epoch",
            "cadence.tick_steps": "a line every second or two",
            "cadence.sheet_steps": "ten sheets a run",
        },
    )


RATE_REASONS = {
    "start": "measured: 1e-3 learns five times as fast as DCGAN's 2e-4, and the penalties hold it",
    "end": "guess: a tenth, so that the average settles",
    "until": "the end of the run",
    "begin": "from the first step",
}
ADAM_REASONS = {
    "beta1": "Huang et al. 2024: no momentum; Gidel et al. 2019, arXiv:1807.04740: momentum hurts games",
    "beta2": "Huang et al. 2024: 0.99 at the end of their schedule",
}
