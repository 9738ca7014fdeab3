"""Training the runs of a study: the warm-up, and the trials that go on from copies of it with one change."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from equipoise.doctor.examining import examine
from equipoise.doctor.readers.runs import read_run
from equipoise.edit import Edit
from equipoise.engine.memory import is_out_of_memory
from equipoise.errors import Fault, RequestError
from equipoise.folder import RunFolder
from equipoise.interrupt import StopRequest
from equipoise.journal import Event, Measured, Started
from equipoise.recipe import Budget, Recipe, Span, edited
from equipoise.run import Said, Where, prepare, resume, start
from equipoise.session import Session
from equipoise.spec import Json, SpecError
from equipoise.tuning.jobs import Job, Outcome, State
from equipoise.tuning.knobs import TUNED, with_settings
from equipoise.tuning.question import Question

RUNS: Final = "runs"
WARM_UP: Final = "warm-up"
LOOKS: Final = 4
"""Scores in a trial: the doctor says nothing about samples before the third, and each takes time."""
NO_CHECKPOINTS_S: Final = 1e6
NOTHING_COMES_OF_IT: Final = frozenset(
    {"not-finite", "exploding", "total-collapse", "late-collapse", "flat", "one-class", "dark-retreat"}
)
"""Symptoms that end a trial when the doctor is certain of one."""
COLLAPSES: Final = NOTHING_COMES_OF_IT | {"partial-collapse", "comes-and-goes"}
"""Symptoms without which a run is free of collapse."""

Hopeless = Callable[[int, float], bool]
"""Whether a trial with this score at this step shall be given up."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker's runs and data are."""

    folder: Path
    where: Where

    def run(self, name: str) -> Path:
        return self.folder / RUNS / name

    @property
    def warm_up(self) -> Path:
        return self.run(WARM_UP)


def for_trials(recipe: Recipe, horizon_steps: int) -> Recipe:
    """The recipe with a cadence that suits short runs; nothing of it changes the training."""
    cadence: dict[str, Json] = {
        "sheet_steps": -(-horizon_steps // LOOKS),
        "measuring_share": 1.0,
        "checkpoint_steps": None,
        "checkpoint_s": NO_CHECKPOINTS_S,
        "keep_recent": 1,
        "keep_best": 1,
    }
    edits = [Edit(f"cadence.{name}", value=value) for name, value in cadence.items()]
    edits.append(Edit("autopilot.mode", value="off"))  # a trial is one setting to its end
    return edited(recipe, edits, f"looked at {LOOKS} times a trial")


def name_of(question: Question, job: Job, number: int) -> str:
    """A folder's name: the number of the trial, the last knob that differs, and the seed."""
    if job.is_warm_up:
        return WARM_UP
    changed = [knob for knob in question.knobs if knob.path in job.settings]
    words = f"{changed[-1].path}={changed[-1].words(job.settings[changed[-1].path])}" if changed else "own"
    if question.strategy != "one" and changed:
        words = "drawn"
    return f"{number:04d}-{words}-seed{job.seed}"


def carry_out(
    question: Question,
    job: Job,
    place: Place,
    number: int,
    hopeless: Hopeless,
    person: StopRequest,
    worst: Sequence[float],
) -> Outcome | None:
    """Make one run; None where the person stopped it, of which nothing is kept.

    What the settings do to the run is its outcome.  A machine that fails, as by a full disk, raises `Fault`, and data
    that are not what they were raise `RequestError`; so does a warm-up that breaks off, for nothing can be learned from
    trials that do not begin.
    """
    name = name_of(question, job, number)
    folder = place.run(name)
    began = time.monotonic()
    watcher = _Watcher(folder, question.measure, hopeless, person)
    if not job.anew:
        warm_up(question, place, watcher)
    try:
        if not job.is_warm_up and not person.asked:
            _session(question, job, place, folder, watcher).train(watcher.stop)
    except (Fault, RequestError, SpecError) as error:  # as where such networks cannot be built for these data
        if isinstance(error.__cause__, OSError):
            raise
        if isinstance(error, RequestError):
            refuse_other_data(question, place.where)
        watcher.verdict = ("failed", str(error))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        watcher.verdict = ("failed", f"the memory of {place.where.device} was not enough")
    if person.asked and watcher.verdict is None:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return _outcome(question, job, number, name, folder, time.monotonic() - began, watcher.verdict, worst)


def refuse_other_data(question: Question, where: Where) -> None:
    """Raise `RequestError` where the data cannot be read, or are not those of the study: no setting is to blame."""
    if prepare(question.recipe, where)[0].digest != question.data:
        raise RequestError(
            f"the data in {where.data} is not what this study began with: its trials could not be compared"
        )


def warm_up(question: Question, place: Place, watcher: _Watcher) -> None:
    """Train what all trials share, unless it lies here already; it appears whole or not at all.

    Raises `RequestError` where what lies here was made for something else.
    """
    if place.warm_up.exists():
        _refuse_other(question, place.warm_up)
        return
    aside = place.run(f"warm-up-{time.monotonic_ns()}.unfinished")
    length = Budget(span=Span(question.warm_up_steps, "steps"))
    session = start(question.recipe, place.where, aside, length, [watcher], said=Said(asked=question.named))
    session.train(watcher.stop)
    if watcher.stop.asked:
        shutil.rmtree(aside)
        return
    try:
        aside.rename(place.warm_up)
    except OSError:  # another worker on this folder was faster, and made the same
        if not place.warm_up.exists():
            raise
        shutil.rmtree(aside)


def _refuse_other(question: Question, folder: Path) -> None:
    """Raise `RequestError` for a warm-up of another recipe, other data or another length."""
    run = RunFolder(folder)
    events = run.read_journal().events
    began = next((event for event in events if isinstance(event, Started)), None)
    is_same = {
        "recipe": run.read_recipe() == question.recipe,
        "data": began is not None and began.data.get("digest") == question.data,
        "length": bool(events) and events[-1].step == question.warm_up_steps,
    }
    differing = [what for what, same in is_same.items() if not same]
    if differing:
        raise RequestError(
            f"{folder} has another {' and '.join(differing)} than this study: remove it, or choose another --out"
        )


def _session(question: Question, job: Job, place: Place, folder: Path, watcher: _Watcher) -> Session:
    seed = question.recipe.seed + job.seed
    if job.anew:
        refuse_other_data(question, place.where)
        recipe = with_settings(question.recipe, question.knobs, job.settings)
        recipe = edited(recipe, [Edit("seed", value=seed)], TUNED)
        length = Budget(span=Span(question.steps, "steps"))
        return start(recipe, place.where, folder, length, [watcher], said=Said(asked=question.named))
    try:
        shutil.copytree(place.warm_up, folder)
    except OSError as error:
        raise Fault(f"{place.warm_up} cannot be copied to {folder}: {_reason(error)}") from error
    edits = [knob.edit(job.settings[knob.path]) for knob in question.knobs if knob.path in job.settings]
    if job.seed:
        edits.append(Edit("seed", value=seed))
    horizon = Budget(span=Span(question.horizon_steps, "steps"))
    return resume(folder, edits, where=place.where, budget=horizon, listeners=[watcher])


def _reason(error: OSError) -> str:
    """In one line; of a tree that was copied, that of its first file."""
    found = error.args[0][0][-1] if isinstance(error, shutil.Error) and error.args[0] else error.strerror or error
    return str(found)


class _Watcher:
    """Listens to a run, and ends it when the doctor is certain, when others are plainly better, or on request."""

    def __init__(self, folder: Path, measure: str, hopeless: Hopeless, person: StopRequest) -> None:
        self.stop = StopRequest()
        self.verdict: tuple[State, str] | None = None
        self._folder, self._measure, self._hopeless, self._person = folder, measure, hopeless, person

    def __call__(self, event: Event) -> None:
        if self._person.asked:
            self.stop.asked = True
        if isinstance(event, Measured) and self.verdict is None and self._folder.exists():
            self.verdict = self._judged(event)
            self.stop.asked = self.stop.asked or self.verdict is not None

    def _judged(self, event: Measured) -> tuple[State, str] | None:
        found = sure_of(self._folder, NOTHING_COMES_OF_IT)
        if found:
            return "failed", f"{found[0]} at step {event.step}"
        if event.name == self._measure and self._hopeless(event.step, event.value):
            return "given up", f"worse than the median at step {event.step}"
        return None


def sure_of(folder: Path, keys: Iterable[str]) -> list[str]:
    """Which of these symptoms the doctor is certain of."""
    wanted = frozenset(keys)
    found = examine(read_run(folder)).diagnoses
    return [diagnosis.symptom.key for diagnosis in found if diagnosis.is_certain and diagnosis.symptom.key in wanted]


def _outcome(
    question: Question,
    job: Job,
    number: int,
    name: str,
    folder: Path,
    seconds: float,
    verdict: tuple[State, str] | None,
    worst: Sequence[float],
) -> Outcome:
    state, why = verdict or ("done", "")
    steps = question.warm_up_steps if job.is_warm_up else question.steps if job.anew else question.horizon_steps
    if job.is_warm_up:
        return Outcome(job, number, state, (), why, name, seconds, steps)
    values = measured(question, folder) if folder.exists() else None
    if state == "failed" or values is None:
        values = _as_failed(question, values, worst)
    return Outcome(job, number, state, values, why, name, seconds, steps)


def measured(question: Question, folder: Path) -> tuple[float, ...] | None:
    """The objectives of a run by its last score; none where it has no score."""
    events = RunFolder(folder).read_journal().events
    last = next((event for event in reversed(events) if isinstance(event, Measured)), None)
    if last is None:
        return None
    beside: Mapping[str, float] = last.beside
    collapsed = float(bool(sure_of(folder, COLLAPSES)))
    known = {"quality": last.value, "diversity": beside.get("diversity", 0.0), "no-collapse": collapsed}
    return tuple(known[objective] for objective in question.objectives)


def _as_failed(question: Question, values: tuple[float, ...] | None, worst: Sequence[float]) -> tuple[float, ...]:
    """No better than a generator that has learned nothing."""
    if values is None:
        return tuple(worst)
    triples = zip(values, worst, question.signs, strict=True)
    return tuple(sign * max(sign * value, sign * bad) for value, bad, sign in triples)
