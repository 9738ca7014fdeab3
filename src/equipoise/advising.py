"""What the doctor says of a run at a score, and what the autopilot makes of it.

It is decided by what the run has written down, so that a run that was killed decides as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from equipoise.doctor.autopilot import Now, Wait, decide, review
from equipoise.doctor.budget import Law
from equipoise.doctor.examining import examine
from equipoise.doctor.interventions import ACT, ADVISE, Past, past
from equipoise.doctor.mitigations import blinds, settled
from equipoise.doctor.readers.runs import read_run
from equipoise.doctor.symptom import Examination
from equipoise.doctor.trace import Trace
from equipoise.edit import Edit
from equipoise.engine import checkpoint
from equipoise.folder import RunFolder
from equipoise.journal import PILOTED, Event, GaveUp, Measured, Prescribed, Reading, Reviewed, history
from equipoise.recipe import Recipe, edited
from equipoise.spec import SpecError, encode

OF_THE_CLOCK: Final = ("waiting",)
"""Signals that differ from one machine to another."""
NOTHING_YET: Final = Examination("unknown", "samples were measured only once")
Prescriber = Callable[[Examination, Trace], Examination]
"""Says which remedies the diagnoses of an examined trace have."""


def as_named(found: Examination, trace: Trace) -> Examination:
    """Those that the symptoms name."""
    return found


@dataclass(frozen=True, slots=True)
class Advice:
    """What is to be written down, and whether the run stops for it."""

    events: tuple[Event, ...] = ()
    pause: bool = False


@dataclass(frozen=True, slots=True)
class Adviser:
    """Asked at every score of a run.  One that `acts` asks the run to pause when there is something to do."""

    folder: RunFolder
    recipe: Recipe
    acts: bool
    prescriber: Prescriber = as_named

    def __call__(self, reading: Reading, step: int, length_steps: float) -> Advice:
        """`reading` is the run's journal up to now."""
        if not _is_to_be_decided(reading.events, step):
            return Advice()
        so_far = past(reading.events)
        now = look(self.folder, self.recipe, reading, step, self.prescriber)
        under_review = so_far.current
        if self.acts and under_review is not None and under_review.stage == "review":
            is_due = step >= under_review.prescribed.review_at
            return self._reviewed(review(now, under_review)) if is_due else Advice()
        decision = decide(now, so_far, law_of(self.recipe, length_steps, acts=self.acts), self.admits)
        if isinstance(decision, Wait):
            return Advice()
        is_advice = isinstance(decision, Prescribed) and decision.mode == ADVISE
        return Advice((decision,), pause=self.acts and not is_advice)

    def admits(self, edits: tuple[Edit, ...]) -> bool:
        """Whether the recipe is valid with these edits, and not what it was."""
        try:
            return edited(self.recipe, edits) != self.recipe
        except SpecError:
            return False

    @staticmethod
    def _reviewed(found: Reviewed) -> Advice:
        return Advice((found,), pause=not found.kept)


def law_of(recipe: Recipe, length_steps: float, *, acts: bool) -> Law:
    """The recipe's; where nobody acts only advice is given."""
    settings = recipe.autopilot
    return Law(
        mode=settings.mode if acts else ADVISE,
        candidates=settings.candidates,
        of_a_kind=settings.of_a_kind,
        in_all=settings.in_all,
        extra=settings.extra,
        horizon=settings.horizon,
        length_steps=length_steps,
        score_steps=recipe.cadence.sheet_steps,
    )


def _is_to_be_decided(events: Sequence[Event], step: int) -> bool:
    """Whether this step was scored, and nothing was decided about it already before the run was ended."""
    last = next((event for event in reversed(events) if isinstance(event, PILOTED)), None)
    is_decided = isinstance(last, Reviewed | GaveUp) and last.step == step
    return not is_decided and any(isinstance(event, Measured) and event.step == step for event in events)


def adviser(
    folder: RunFolder, recipe: Recipe, *, acts: bool = False, prescriber: Prescriber = as_named
) -> Adviser | None:
    """None where nobody wants advice."""
    if recipe.autopilot.mode == "off":
        return None
    return Adviser(folder, recipe, acts and recipe.autopilot.mode == ACT, prescriber)


def look(
    folder: RunFolder,
    recipe: Recipe,
    reading: Reading,
    step: int,
    prescriber: Prescriber = as_named,
    *,
    is_over: bool = False,
) -> Now:
    """What there is to decide by at a step; of a run that `is_over`, by a fault, there will be no second look.

    `recipe` is the one that is trained: the one on disk may be under somebody's hands.

    Where nothing certain is seen nobody looks further back, and no checkpoint is read.
    """
    so_far = past(reading.events)
    whole = read_run(folder.path, reading=reading, trained=encode(recipe)).without(OF_THE_CLOCK)
    trace = _since_the_last_change(whole, so_far)
    known = [event for event in history(reading.events) if isinstance(event, Measured) and event.step <= step]
    since = begin_of_course(so_far)
    scores = [event for event in known if event.step >= since]
    now = _examined(trace, step, prescriber)
    is_sick = any(found.is_certain for found in now.diagnoses)
    earlier = now if is_over else NOTHING_YET
    if is_sick and not is_over:
        earlier = _examined_earlier(trace, scores, prescriber)
    return Now(
        step=step,
        begin=trace.begin,
        examination=now,
        earlier=earlier,
        scores=scores,
        scores_before=[event for event in known if event.step < since],
        origins=_origins(folder, step) if is_sick else (),
        oldest=min((entry.step for entry in checkpoint.entries(folder.checkpoints)), default=0),
        is_over=is_over,
    )


def begin_of_course(so_far: Past) -> int:
    """The step from which on the run is what the last change that stands has made of it."""
    return so_far.standing.prescribed.origin if so_far.standing is not None else 0


def _since_the_last_change(trace: Trace, so_far: Past) -> Trace:
    """An intervention is judged by what came after it, and not by what its edits have unsettled."""
    standing = so_far.standing
    if standing is None:
        return trace
    begin = standing.prescribed.origin - trace.begin
    return settled(trace.between(begin, trace.last_step), standing.edits, begin)


def _examined(trace: Trace, step: int, prescriber: Prescriber) -> Examination:
    known = trace.between(0.0, step - trace.begin)
    return prescriber(examine(known, blinds=blinds(trace.settings)), known)


def _examined_earlier(trace: Trace, scores: Sequence[Measured], prescriber: Prescriber) -> Examination:
    return _examined(trace, scores[-2].step, prescriber) if len(scores) > 1 else NOTHING_YET


def _origins(folder: RunFolder, step: int) -> tuple[int, ...]:
    """Steps of whole checkpoints of generators that were the best when they were made.

    Those are made at scores, which come by steps and not by the clock.
    """
    found = [entry for entry in checkpoint.entries(folder.checkpoints) if entry.is_best and entry.step <= step]
    return tuple(entry.step for entry in found if checkpoint.is_whole(entry.path))
