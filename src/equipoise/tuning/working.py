"""A worker: it takes what is to be done next, does it, and looks again, until the budget is spent or all is decided.

::

    while the budget allows another and there is something to decide:
        plan from what was measured  ->  claim a job, or let the sampler propose one  ->  run it  ->  write it down

Any number of workers do this with one storage; none of them leads.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from equipoise.errors import Fault
from equipoise.interrupt import StopRequest, stop_on_signal
from equipoise.tuning.budget import TuningBudget
from equipoise.tuning.jobs import Job, Ledger, Outcome
from equipoise.tuning.planning import Plan, plan
from equipoise.tuning.question import Question
from equipoise.tuning.storage import reason_of, storage_errors
from equipoise.tuning.study import Study, Trial
from equipoise.tuning.trials import RUNS, Place, carry_out, name_of

LOOK_AGAIN_S: Final = 1.0
"""While others do what everything waits for."""
UNFINISHED: Final = "*.unfinished"
UNDER_WAY: Final = "still under way"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sitting:
    """How far a study is, and how a worker's sitting ended."""

    plan: Plan
    ledger: Ledger
    ended: str = UNDER_WAY


Note = Callable[[Sitting], object]


def work(study: Study, place: Place, budget: TuningBudget, say: Say, note: Note) -> Sitting:
    """Do what there is to do.  Ctrl-C puts the trial back that is under way; a second one exits at once.

    Of each trial that is over, `say` is told in a line, and `note` how far the study is then.  Raises `Fault` where the
    storage or the disk fails, or the warm-up does.
    """
    (place.folder / RUNS).mkdir(parents=True, exist_ok=True)
    try:
        with stop_on_signal() as person:
            ended = _until_done(study, place, budget, say, note, person)
        study.withdraw_copies()
        ledger = study.ledger()
    except storage_errors() as error:
        raise Fault(f"the storage of the study failed: {reason_of(error)}") from error
    found = _planned(study, ledger, budget)
    _tidy(study.question, place, ledger, found)
    return Sitting(found, ledger, ended)


def _until_done(study: Study, place: Place, budget: TuningBudget, say: Say, note: Note, person: StopRequest) -> str:
    while True:
        ledger = study.ledger()
        found = _planned(study, ledger, budget)
        if person.asked:
            return "stopped as asked; the same command goes on"
        if found.is_over:
            return "all is decided"
        if not budget.allows_more(ledger):
            return "the budget is spent; the same command with more --budget goes on"
        trial = _next(study, found)
        if trial is None:
            time.sleep(LOOK_AGAIN_S)
            continue
        outcome = _done(study, trial, found, place, person)
        if outcome is not None:
            say(_in_words(study.question, outcome))
            ledger = study.ledger()
            note(Sitting(_planned(study, ledger, budget), ledger))


def _planned(study: Study, ledger: Ledger, budget: TuningBudget) -> Plan:
    most = 0 if study.is_exhausted else budget.explorations(ledger, study.question.num_seeds)
    return plan(study.question, ledger, most)


def _next(study: Study, found: Plan) -> Trial | None:
    trial = study.claim(found.jobs)
    if trial is None and found.explores:
        trial = study.propose(study.question.knobs, any(knob.begins_anew for knob in study.question.knobs))
    return trial


def _done(study: Study, trial: Trial, found: Plan, place: Place, person: StopRequest) -> Outcome | None:
    """Carry a trial out and write down what came of it; None where the person stopped it."""
    question = study.question
    hopeless = trial.is_hopeless if study.prunes and _may_be_given_up(question, trial.job, found) else _never
    try:
        with trial.alive():
            outcome = carry_out(question, trial.job, place, trial.number, hopeless, person, study.worst)
    except BaseException:
        with contextlib.suppress(*storage_errors()):  # then it is lost, and done again
            trial.put_back()
        raise
    if outcome is None:
        trial.put_back()
        return None
    trial.finish(outcome)
    if not trial.job.is_warm_up:
        _keep_checkpoints(place, study.ledger(), question)
    return outcome


def _may_be_given_up(question: Question, job: Job, found: Plan) -> bool:
    """Whether it only has to be found out if it is good: what others are compared with is trained to its end."""
    is_present = job.settings in ({}, found.best)
    return question.objectives == ("quality",) and job.seed == 0 and not job.is_warm_up and not is_present


def _never(step: int, value: float) -> bool:
    return False


def _keep_checkpoints(place: Place, ledger: Ledger, question: Question) -> None:
    """Those of the best trial so far; all else of a run is kept, and its state can be had again."""
    sign = question.signs[0]
    done = [one for one in ledger.outcomes if one.state == "done" and one.values]
    best = min(done, key=lambda one: sign * one.values[0], default=None)
    for one in ledger.outcomes:
        if one.run and one is not best and not one.job.is_warm_up:
            shutil.rmtree(place.run(one.run) / "checkpoints", ignore_errors=True)


def _tidy(question: Question, place: Place, ledger: Ledger, found: Plan) -> None:
    """Remove what lost attempts left, when nobody is at work any more."""
    if not found.is_over or any(outcome.state == "running" for outcome in ledger.outcomes):
        return
    for outcome in ledger.outcomes:
        if outcome.state == "lost":
            shutil.rmtree(place.run(name_of(question, outcome.job, outcome.number)), ignore_errors=True)
    for leftover in (place.folder / RUNS).glob(UNFINISHED):
        shutil.rmtree(leftover, ignore_errors=True)


def _in_words(question: Question, outcome: Outcome) -> str:
    """One line about a trial that is over."""
    if outcome.job.is_warm_up:
        return f"warm-up: {question.warm_up_steps} steps in {outcome.seconds:.0f} s"
    named = ", ".join(f"{name} {value:.4g}" for name, value in zip(question.names(), outcome.values, strict=True))
    what = question.in_words(outcome.job.settings)
    why = f"; {outcome.state}: {outcome.why}" if outcome.state != "done" else ""
    return f"trial {outcome.number}: {what}, seed {outcome.job.seed}: {named}{why}"
