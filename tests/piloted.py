"""Runs of a minute's work in a second, with a doctor who knows one made-up disease: rates above a bound.

python piloted.py train OUT         the doomed run, in a process of its own, to be killed
python piloted.py resume OUT
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import tiny
from equipoise import advising
from equipoise.doctor.examining import examine
from equipoise.doctor.symptom import Evidence, Remedy, Symptom
from equipoise.doctor.trace import Trace
from equipoise.edit import Edit
from equipoise.recipe import Adam, Autopilot, Average, Recipe, Span
from equipoise.schedule import Piecewise

WILD, BOUND, SOUND = 0.5, 0.1, 1e-3
ONSET = 3.0
"""Before any score, so that the run is begun again."""
RATE = "g_optim.lr"


def times(factor: float) -> Remedy:
    return Remedy(f"the generator's rate times {factor:g}", "it calms down", 10.0, (Edit(RATE, "scale", factor),))


@dataclass(frozen=True, slots=True)
class Wild(Symptom):
    """The generator's rate is above a bound, and samples were measured twice."""

    key: ClassVar[str] = "wild"
    title: ClassVar[str] = "the generator runs wild"
    means: ClassVar[str] = "made up"
    bound: float = BOUND
    onset: float = ONSET

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        rate, distance = trace.settings[RATE], trace.get("distance")
        if not isinstance(rate, float) or rate <= self.bound or distance is None or len(distance) < 2:
            return ()
        return (Evidence("samples", f"the rate is {rate:g}", "distance", self.onset, 1.0),)

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (times(0.9), Remedy("look at it", "nothing"), times(SOUND / WILD))


@dataclass(frozen=True, slots=True)
class Jumped(Wild):
    """The same of a symptom that a rate can bring about, since the rate was raised."""

    key: ClassVar[str] = "exploding"

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        rate = trace.get("lr_g")
        if rate is None or rate.values[-1] <= self.bound or len(trace.get("distance") or ()) < 2:
            return ()
        onset = float(rate.steps[rate.values > self.bound][0])
        return (Evidence("samples", f"the rate is {rate.values[-1]:g}", "distance", onset, 1.0),)

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (Remedy("weaker", "nothing", 10.0, (Edit("phases.main.terms.r1.weight", "scale", 1.1),)),)


@dataclass(frozen=True, slots=True)
class Narrow(Wild):
    """The same, of which is said that another generator cures it."""

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (Remedy("a wider generator", "nothing", 10.0, (Edit("generator.width", "scale", 2),), anew=True),)


@dataclass(frozen=True, slots=True)
class Passing(Wild):
    """A second disease, of a run whose rate is not above the bound, that is seen for a while and that nothing cures."""

    key: ClassVar[str] = "passing"
    title: ClassVar[str] = "it will pass"

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        rate, distance = trace.settings[RATE], trace.get("distance")
        if not isinstance(rate, float) or rate > self.bound or distance is None:
            return ()
        is_time = 20 <= trace.begin + distance.steps[-1] <= 27
        return (Evidence("samples", "it is seen", "distance", 31.0, 1.0),) if is_time else ()

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (times(1.05),)


@dataclass(frozen=True, slots=True)
class Hasty(Wild):
    """The same, of which is said that a larger batch cures it."""

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (Remedy("a larger batch", "nothing", 10.0, (Edit("batch", "scale", 2),)), times(SOUND / WILD))


def doctor_of_small_batches() -> object:
    return partial(examine, symptoms=(Hasty(),))


def doctor_of_two_diseases() -> object:
    return partial(examine, symptoms=(Wild(), Passing()))


def doctor_of_narrow_networks() -> object:
    return partial(examine, symptoms=(Narrow(onset=8.0),))


def doctor_of_jumps() -> object:
    return partial(examine, symptoms=(Jumped(),))


RAISED_AT = 20


def raised(to: float = WILD) -> Recipe:
    """A run whose generator's rate is raised on the way."""
    base = recipe(steps=60)
    rate = Piecewise(((RAISED_AT, SOUND), (RAISED_AT + 1, to)))
    return replace(
        base,
        g_optim=Adam(lr=rate),
        cadence=replace(base.cadence, tick_steps=1),
        autopilot=replace(base.autopilot, horizon=5),
    )


def doctor(bound: float = BOUND, onset: float = ONSET) -> object:
    return partial(examine, symptoms=(Wild(bound, onset),))


def recipe(rate: float = WILD, mode: str = "act", steps: float = 30) -> Recipe:
    base = tiny.points(steps)
    return replace(
        base,
        g_optim=Adam(lr=rate),
        average=Average(decay=0.5),
        cadence=replace(base.cadence, sheet_steps=5),
        autopilot=Autopilot(mode, horizon=10, extra=2.0),  # type: ignore[arg-type]
    )


def doomed() -> Recipe:
    return recipe()


def improving() -> Recipe:
    """A run whose samples get better and better."""
    base = recipe(rate=3e-3, steps=150)
    return replace(base, d_optim=Adam(lr=1e-2), cadence=replace(base.cadence, sheet_steps=15))


def suspected() -> Recipe:
    return recipe(steps=60)


def twice_ill() -> Recipe:
    base = recipe(steps=60)
    return replace(base, autopilot=replace(base.autopilot, candidates=3))


def doomed_on_the_way() -> Recipe:
    return raised()


def in_images() -> Recipe:
    """Two phases, which a batch of 32 changes after 16 steps and one of 64 after 8, each with a measure of its own."""
    base = recipe()
    main = base.phases["main"]
    first = replace(main, length=Span(16 * 32, "images"))
    return replace(base, phases={"main": first, "later": replace(main, length=Span(14), best_by="sliced_wasserstein")})


def about_to_break_off() -> Recipe:
    """Raised late and by less, so that its samples are good up to the end."""
    rate = Piecewise(((28, SOUND), (29, 0.12)))
    return replace(raised(), g_optim=Adam(lr=rate))


def main(verb: str, out: Path) -> int:
    from equipoise.cli import run_command

    advising.examine = doctor()  # type: ignore[assignment]
    words = ["train", f"{__file__}:doomed", "--out", str(out)] if verb == "train" else ["resume", str(out)]
    return run_command([*words, "--device", "cpu"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
