"""A run that is doomed, what the doctor says of it, its rescue by the autopilot, and the same run left alone.

::

    OUT/rescued/     the doomed run, diagnosed and repaired while it trains
    OUT/alone/       the same recipe and seed, and nobody who acts
    OUT/report.html  both side by side
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from equipoise import pictures, recipes
from equipoise.attending import last_word
from equipoise.demo.classifier import Reliability, generated_digits, judge, reliability
from equipoise.demo.page import NAME, Side, write
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.edit import Edit
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.journal import Event, GaveUp, Judged, Measured, Prescribed, Reviewed, history
from equipoise.piloting import Pilot
from equipoise.recipe import Recipe, edited
from equipoise.record import Listener
from equipoise.report.writing import write_report
from equipoise.run import Where, start
from equipoise.sampling import open_run
from equipoise.session import STOPPED

SHORT: Final = (
    "phases.main.length.amount=1500",
    "g_optim.lr=0.001",
    "generator.upsampling=nearest",
    "average.decay=0.99",
    "cadence.sheet_steps=125",
    "autopilot.candidates=2",
    "autopilot.horizon=300",
    "autopilot.extra=1.0",
)
"""What makes the recipe `digits` two runs of a minute, that are looked at often and may be repaired."""
DOOM: Final = ("d_optim.lr=0.03",)
WRONG: Final = "the critic learns at 0.03, thirty times as fast as the generator"
ALL: Final = 10
"""Digits that there are."""
SHOWN: Final = 64
"""Samples in a picture, of those that are judged."""
CPU: Final = Where(device="cpu")

Say = Callable[[str], None]


def doomed(seed: int = 0) -> Recipe:
    """The recipe `digits`, shortened, with one setting wrong."""
    short = edited(recipes.load("digits"), map(Edit.parse, (*SHORT, f"seed={seed}")), "the tour is short")
    return edited(short, map(Edit.parse, DOOM), f"wrong on purpose: {WRONG}")


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of the autopilot's prescriptions."""

    by: str = ""
    """The fork that the run went on with, where that stood its review."""
    failure: str = ""
    """Why there is none."""


@dataclass(frozen=True, slots=True)
class Toured:
    """What the tour has shown."""

    alone: Side
    rescued: Side
    reliability: Reliability
    repair: Repair
    seconds: float
    page: Path

    @property
    def failure(self) -> str:
        """Why this is no rescue; empty where it is one."""
        if self.repair.failure:
            return self.repair.failure
        if self.rescued.verdict.found < ALL:
            return f"{self.rescued.verdict.found} of {ALL} digits are found in its samples"
        ranks = [(side.verdict.found, side.verdict.mean_top_probability) for side in (self.alone, self.rescued)]
        is_better = ranks[1] > ranks[0]
        return "" if is_better else "its samples are no better digits than those of the run that was left alone"

    def lines(self) -> Iterator[str]:
        yield f"judged by {self.reliability.words}"
        for side in (self.alone, self.rescued):
            yield f"  {side.title}, {side.steps} steps: {side.verdict.words}"
        yield f"the rescue failed: {self.failure}" if self.failure else f"rescued by the fork {self.repair.by}"
        yield f"both side by side: {self.page}"
        yield f"trained for {self.seconds:.0f} s in all"
        yield f"next: equipoise sample {self.rescued.folder}   or   equipoise train auto --data YOUR_FOLDER"


def tour(folder: Path, listeners: Iterable[Listener], say: Say, seed: int = 0) -> Toured:
    """Train both runs, judge them, and write the page.

    Raises `RequestError` where something is in the folder, and where a person stopped it.
    """
    _refuse(folder)
    began = time.monotonic()
    recipe = doomed(seed)
    say(f"1. a run on 1797 real handwritten digits that is doomed: {WRONG}")
    _train(recipe, folder / "rescued", "act", (*listeners, _Plainly(say)))
    say("2. the same run, left alone")
    _train(recipe, folder / "alone", "advise", listeners)
    seconds = time.monotonic() - began
    say("3. what a classifier of real digits says of both")
    alone, rescued = _judged(folder / "alone", "left alone"), _judged(folder / "rescued", "rescued")
    toured = Toured(alone, rescued, reliability(), repair(folder / "rescued"), seconds, folder / NAME)
    write(toured.page, WRONG, (alone, rescued), toured.reliability, toured.failure)
    return toured


def _refuse(folder: Path) -> None:
    """Before anything is trained, rather than at the second run."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"{folder} exists already; choose another --out")


def _train(recipe: Recipe, out: Path, mode: str, listeners: Iterable[Listener]) -> None:
    listeners = tuple(listeners)
    session = start(edited(recipe, (Edit("autopilot.mode", value=mode),)), CPU, out, None, listeners)
    if Pilot(session.folder, CPU, listeners).fly(session).reason == STOPPED:
        raise RequestError(f"stopped before the end; go on with: equipoise resume {out}")


@dataclass(frozen=True, slots=True)
class _Plainly:
    """Says in plain words what a line of the autopilot means."""

    say: Say

    def __call__(self, event: Event) -> None:
        if isinstance(event, Prescribed):
            means = next(symptom.means for symptom in SYMPTOMS if symptom.key == event.symptom)
            self.say(f"  what that means: {means}")
            for trial in event.trials:
                self.say(f"  fork {trial.name}: {trial.effect}")


def _judged(run: Path, title: str) -> Side:
    """The verdict on a run's generator as it is at the end, and a picture of what was judged."""
    best, generated = open_run(run, "cpu"), generated_digits(run)
    picture = run.with_suffix(".png")
    samples = np.round(generated[:SHOWN, None] * np.float32(255.0))
    pictures.save(pictures.sheet(samples, best.space), picture)
    events = tuple(history(RunFolder(run).read_journal().events))
    said = last_word(events)
    scores = [event.value for event in events if isinstance(event, Measured)]
    return Side(
        title=title,
        folder=run,
        report=write_report(run),
        picture=picture,
        steps=events[-1].step,
        verdict=judge(generated),
        doctor=f"{said.verdict}: {said.why}" if said is not None else "nothing",
        distance=scores[-1] if scores else None,
        best_step=best.step,
        best_distance=best.score,
    )


def repair(run: Path) -> Repair:
    """By what a run was repaired, or why not."""
    events = RunFolder(run).read_journal().events
    chosen = [event.chosen for event in events if isinstance(event, Judged)]
    ends = [event for event in events if isinstance(event, Judged | Reviewed | GaveUp)]
    match ends[-1] if ends else None:
        case None:
            return Repair(failure="the doctor was never certain that anything is wrong")
        case Reviewed(kept=True):
            return Repair(by=chosen[-1])
        case Reviewed() as reviewed:
            return Repair(failure=f"prescription {reviewed.number} was taken back: {reviewed.why}")
        case GaveUp() as end:
            return Repair(failure=f"the autopilot gave up: {end.why}")
        case _:
            return Repair(failure=f"the run ended before the review of {chosen[-1]}")
