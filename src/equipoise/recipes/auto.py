"""The recipe for anyone with 200 to 20 000 pictures: it looks at the data, the machine and the clock, and then decides.

What it decides is written into the run's own recipe, each number with its reason, as if a person had chosen it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

from equipoise.data import Images
from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.recipe import Adam, Average, Cadence, Circumstances, Fitting, Phase, Recipe, Span, Tailor
from equipoise.recipes.augmenting import choose_operations, choose_rise, with_ada
from equipoise.schedule import Cosine
from equipoise.spec import Knob, encode
from equipoise.terms import R1, R2, RelativisticPairing

STEPS = 8000
SIZES = (16, 32, 64)
"""In pixels.  Smaller pictures are not enlarged for nothing."""
SIZE = "a CPU can still do 64"
WIDTHS = (96, 64, 48, 32, 24, 16)
"""Of the networks, widest first."""
FIRST_WIDTH = 32
UNTIL_SETTLED = 0.05
"""Share of the run over which the average of the weights forgets half."""
SMALL_BATCH, BATCH = 32, 64
FEW_SAMPLES = 500
SHEETS = 12


@dataclass(frozen=True)
class FitToData(Tailor):
    """Chooses batch, augmentation, width, length and schedules for the data, the machine and the time there is.

    The width is the largest with which `steps` steps fit into the time: on small machines many steps with narrow
    networks learn more than few with wide ones (LAB.md).
    """

    steps: Annotated[
        int, Knob("steps that the time must suffice for", low=100, log=True, source="measured, LAB.md")
    ] = 2500
    seconds: Annotated[
        float, Knob("time there is, where nobody said", above=0, unit="s", source="guess: what one waits for")
    ] = 3600.0

    def fit_source(self, fitting: Fitting, native_side: int | None) -> None:
        if native_side is not None:
            size = min(SIZES, key=lambda size: abs(math.log2(size / native_side)))
            fitting.choose("source.size", size, f"nearest to the pictures' own {native_side} pixels; {SIZE}")

    def fit(self, fitting: Fitting, at: Circumstances) -> None:
        few = at.num_samples < FEW_SAMPLES
        fitting.choose("batch", SMALL_BATCH if few else BATCH, f"{at.num_samples} samples to train on")
        choose_operations(fitting, at.space)
        self._choose_width(fitting, at)
        step_s = at.step_seconds(fitting.recipe)
        steps = self._steps(fitting, at, step_s)
        measured = f"{step_s:.2g} s a step, measured"
        fitting.choose("phases.main.length", encode(Span(steps, "steps")), measured)
        for schedule in SCHEDULES:
            fitting.choose(f"{schedule}.until", steps, "the end of the run")
        decay = 0.5 ** (1.0 / max(1.0, UNTIL_SETTLED * steps))
        fitting.choose("average.decay", round(decay, 6), f"forgets half in {UNTIL_SETTLED:.0%} of the run")
        choose_rise(fitting, steps)
        fitting.choose("cadence.sheet_steps", max(1, math.ceil(steps / SHEETS)), f"{SHEETS} sheets a run")
        fitting.choose("cadence.tick_steps", max(1, round(2.0 / step_s)), "a line every two seconds")

    def _choose_width(self, fitting: Fitting, at: Circumstances) -> None:
        """The widest networks with which there is time for enough steps."""
        paths = ("generator.width", "critic.width")
        if not all(map(fitting.is_free, paths)):
            return
        seconds = self._seconds(at)
        pace = {FIRST_WIDTH: at.step_seconds(_of_width(fitting.recipe, FIRST_WIDTH))}
        chosen, fits = FIRST_WIDTH, seconds / pace[FIRST_WIDTH] >= self.steps
        wider = [width for width in reversed(WIDTHS) if width > FIRST_WIDTH]
        narrower = [width for width in WIDTHS if width < FIRST_WIDTH]
        for width in wider if fits else narrower:
            pace[width] = at.step_seconds(_of_width(fitting.recipe, width))
            enough = seconds / pace[width] >= self.steps
            if fits and not enough:
                break
            chosen = width
            if enough and not fits:
                break
        minutes = f"{seconds / 60:.0f} min"
        why = f"the widest that makes {self.steps} steps in {minutes}"
        if seconds / pace[chosen] < self.steps:
            why = f"the narrowest; even so {minutes} are not enough for {self.steps} steps"
        for path in paths:
            fitting.choose(path, chosen, why)

    def _seconds(self, at: Circumstances) -> float:
        budget = at.budget
        return budget.seconds if budget is not None and budget.seconds is not None else self.seconds

    def _steps(self, fitting: Fitting, at: Circumstances, step_s: float) -> int:
        """How many the run will have."""
        budget = at.budget
        span = budget.span if budget is not None else None
        if budget is None and not fitting.is_free("phases.main.length"):
            span = fitting.recipe.phases["main"].length
        if span is None:
            return max(1, round(self._seconds(at) / step_s))
        images = {"images": 1.0, "epochs": float(at.num_samples)}
        share = images.get(span.unit, float(fitting.recipe.batch)) / fitting.recipe.batch
        return max(1, round(span.amount * share))


def _of_width(recipe: Recipe, width: int) -> Recipe:
    return replace(
        recipe,
        generator=replace(recipe.generator, width=width),  # type: ignore[call-arg]  # every network here has one
        critic=replace(recipe.critic, width=width),  # type: ignore[call-arg]
    )


def auto() -> Recipe:
    """Relativistic pairing with both zero-centred penalties, adaptive augmentation, and settings fitted to the data."""
    gamma = Cosine(8.0, 3.0, until=STEPS)
    adam = Adam(lr=1e-3, beta1=0.0, beta2=0.99)
    recipe = Recipe(
        summary="fits itself to 200 to 20 000 pictures of any channels, to the machine and to the time: begin here",
        source=Images(size=64),
        generator=DcganGenerator(latent=64, width=FIRST_WIDTH),
        critic=DcganCritic(width=FIRST_WIDTH, norm="none"),
        phases={
            "main": Phase(
                length=Span(STEPS, "steps"),
                terms={
                    "pairing": RelativisticPairing(),
                    "r1": R1(weight=gamma, every=4),
                    "r2": R2(weight=gamma, every=4),
                },
                share_fakes=True,
            )
        },
        g_optim=adam,
        d_optim=adam,
        average=Average(decay=0.998),
        batch=BATCH,
        cadence=Cadence(tick_steps=20, sheet_steps=500),
        tailor=FitToData(),
        reasons={
            "source.size": f"fitted to the pictures' own size; {SIZE}",
            "source.min_side": "no picture is too small to be enlarged",
            "generator.latent": "guess: enough for a few thousand pictures",
            **dict.fromkeys(FITTED, "fitted to the data, the machine and the time"),
            "phases.main.terms.pairing.weight": "Huang et al. 2024, arXiv:2501.05441, eq. 2",
            **{f"phases.main.terms.{term}.weight.{name}": why for term in ("r1", "r2") for name, why in GAMMA.items()},
            **{
                f"phases.main.terms.{term}.every": "lazy regularisation, Karras et al. 2020, arXiv:1912.04958; LAB.md"
                for term in ("r1", "r2")
            },
            **{f"{side}_optim.lr": RATE for side in "gd"},
            **{f"{side}_optim.{name}": why for side in "gd" for name, why in ADAM_REASONS.items()},
            **{f"augment.operations.{path}": STRENGTH for path in STRENGTHS},
        },
    )
    return with_ada(recipe)


SCHEDULES = ("phases.main.terms.r1.weight", "phases.main.terms.r2.weight")
FITTED = (
    "generator.width",
    "critic.width",
    "phases.main.length.amount",
    *(f"{schedule}.until" for schedule in SCHEDULES),
    "average.decay",
    "batch",
    "cadence.tick_steps",
    "cadence.sheet_steps",
)
RATE = "measured, LAB.md: five times DCGAN's, and constant: the average smooths more while the weights move"
GAMMA = {
    "start": "measured, LAB.md: 2, 8 and 30 learn faster than 0.5; strong at first, while modes are found",
    "end": "guess: weak enough at the end for details; 2 and 4 were good throughout",
    "begin": "from the first step",
}
ADAM_REASONS = {
    "beta1": "Huang et al. 2024: no momentum; Gidel et al. 2019, arXiv:1807.04740: momentum hurts games",
    "beta2": "Huang et al. 2024: 0.99 at the end of their schedule",
}
STRENGTH = "Karras et al. 2020, arXiv:2006.06676, appendix B, or below"
STRENGTHS = ("3.reach", "4.degrees", "5.brightness", "5.contrast", "5.saturation", "5.hue")
