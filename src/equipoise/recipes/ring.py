"""Eight Gaussians on a ring: the smallest problem on which a plain GAN loses modes."""

from __future__ import annotations

from equipoise.data import Ring
from equipoise.networks.mlp import MlpCritic, MlpGenerator
from equipoise.recipe import Adam, Average, Cadence, Phase, Recipe, Source, Span
from equipoise.schedule import Cosine, Exponential
from equipoise.spec import Table
from equipoise.terms import R1, R2, RelativisticPairing


def ring() -> Recipe:
    """Relativistic pairing with both zero-centred penalties, two minutes on one core."""
    return points(
        Ring(), steps=12_000, summary="toy: 8 Gaussians on a ring (PacGAN's protocol); all modes in two minutes"
    )


def points(source: Source, steps: int, summary: str) -> Recipe:
    """The recipe for Gaussians in the plane; a harder problem gets more steps and nothing else."""
    adam = Adam(lr=Cosine(2e-3, 2e-5, until=steps, begin=0.3 * steps), beta1=0.0, beta2=0.99)
    gamma = Exponential(0.0128, half_life=steps / 8.64, floor=0.00064, unit="steps")
    return Recipe(
        summary=summary,
        source=source,
        generator=MlpGenerator(latent=2, width=128, depth=3, activation="relu"),
        critic=MlpCritic(width=128, depth=3, activation="leaky_relu"),
        phases={
            "main": Phase(
                length=Span(steps, "steps"),
                terms={"pairing": RelativisticPairing(), "r1": R1(weight=gamma), "r2": R2(weight=gamma)},
            )
        },
        g_optim=adam,
        d_optim=adam,
        average=Average(decay=0.9999, ramp=True),
        batch=64,
        held_out=0.0,
        best_by="sliced_wasserstein",
        cadence=Cadence(tick_steps=100, sheet_steps=steps // 4),
        reasons=REASONS,
    )


SEARCHED = "searched, see LAB.md"
SCHEDULE = {
    "start": SEARCHED,
    "end": SEARCHED + ": a hundredth; without an end near zero the modes stay three times too wide",
    "until": "the end of the run",
    "begin": SEARCHED + ": constant for three tenths of the run",
}
GAMMA = {
    "start": SEARCHED + ": strong at first, while modes are found",
    "half_life": "reaches its floor at half of the run",
    "floor": SEARCHED + ": weak at the end, or narrow modes cannot be told from their surroundings",
    "begin": "from the first step",
}
REASONS = Table(
    {
        "generator.latent": "PacGAN, section 4.1: two dimensions",
        "generator.width": SEARCHED,
        "generator.depth": SEARCHED + ": two layers leave bridges between the modes",
        "critic.width": SEARCHED,
        "critic.depth": SEARCHED,
        "phases.main.length.amount": SEARCHED + ": the length decides the share of high quality",
        "phases.main.terms.pairing.weight": "Huang et al. 2024, arXiv:2501.05441, eq. 2",
        **{f"phases.main.terms.{term}.weight.{name}": why for term in ("r1", "r2") for name, why in GAMMA.items()},
        **{f"{side}_optim.lr.{name}": why for side in "gd" for name, why in SCHEDULE.items()},
        **{f"{side}_optim.beta1": "Huang et al. 2024: no momentum" for side in "gd"},
        **{f"{side}_optim.beta2": "Huang et al. 2024: 0.99 at the end of their schedule" for side in "gd"},
        "average.decay": "never reached here: the ramp alone averages over about the last tenth of the run",
        "batch": SEARCHED,
        "held_out": "more samples can be drawn at any time",
        "source.seed": "any",
        "cadence.tick_steps": "a step takes a few milliseconds",
        "cadence.sheet_steps": "four sheets a run",
    }
)
