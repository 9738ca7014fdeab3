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
from equipoise.recipe import Adam, Autopilot, Average, Recipe

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


def main(verb: str, out: Path) -> int:
    from equipoise.cli import run_command

    advising.examine = doctor()  # type: ignore[assignment]
    words = ["train", f"{__file__}:doomed", "--out", str(out)] if verb == "train" else ["resume", str(out)]
    return run_command([*words, "--device", "cpu"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
