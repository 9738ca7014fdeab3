"""The game of `auto`, `terrain` and `bursts`: relativistic pairing, R1 and R2, and rates and penalties that fall.

It wants a critic without normalisation whose weights begin as He's (LAB.md).
"""

from __future__ import annotations

from equipoise.recipe import Adam, Phase, Span
from equipoise.schedule import Cosine
from equipoise.terms import R1, R2, RelativisticPairing

GAMMA, LAST_GAMMA = 1.0, 0.3
"""Of both penalties, at the first step and at the last."""
SCHEDULES = ("phases.main.terms.r1.weight", "phases.main.terms.r2.weight", "g_optim.lr", "d_optim.lr")
"""They end with the run."""
SPREAD = tuple(f"phases.main.terms.{term}.weight.{end}" for term in ("r1", "r2") for end in ("start", "end"))
"""They grow with the pixels, over which the critic's slope is spread."""


def phase(steps: int) -> Phase:
    """Huang et al. 2024 (arXiv:2501.05441), with lazy penalties."""
    gamma = Cosine(GAMMA, LAST_GAMMA, until=steps)
    return Phase(
        length=Span(steps, "steps"),
        terms={
            "pairing": RelativisticPairing(),
            "r1": R1(weight=gamma, every=4),
            "r2": R2(weight=gamma, every=4),
        },
        share_fakes=True,
    )


def adam(steps: int) -> Adam:
    """For both sides."""
    return Adam(lr=Cosine(5e-4, 1e-4, until=steps), beta1=0.0, beta2=0.99)


_PENALTY = {
    "weight.start": "measured, LAB.md: with this rate, better than 8 with twice the rate",
    "weight.end": "Huang et al. 2024, section 4: the penalty falls, there tenfold, here by a third of that",
    "weight.begin": "from the first step",
    "every": "lazy regularisation, Karras et al. 2020, arXiv:1912.04958; LAB.md",
}
_ADAM = {
    "lr.start": "measured, LAB.md: two and a half times DCGAN's, which is slow without momentum",
    "lr.end": "measured, LAB.md: a rate that falls brings colours and variety to those of the data",
    "lr.begin": "from the first step",
    "beta1": "Huang et al. 2024: no momentum; Gidel et al. 2019, arXiv:1807.04740: momentum hurts games",
    "beta2": "Huang et al. 2024: 0.99 at the end of their schedule",
}

REASONS = {
    "phases.main.terms.pairing.weight": "Huang et al. 2024, arXiv:2501.05441, eq. 2",
    **{f"phases.main.terms.{term}.{name}": why for term in ("r1", "r2") for name, why in _PENALTY.items()},
    **{f"{side}_optim.{name}": why for side in "gd" for name, why in _ADAM.items()},
    **{f"{schedule}.until": "fitted to the time" for schedule in SCHEDULES},
}
