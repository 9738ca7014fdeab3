"""Forks of a run: a checkpoint of it with one thing changed, in a folder of its own that is a run like any other.

::

    RUN/forks/001-before/          the run as it was at the checkpoint, to go back to
    RUN/forks/001-0-no-change/     trained for some hundred steps, by another course of chance
    RUN/forks/001-0-own-course/    in its place: the run as it is now
    RUN/forks/001-1-d.lr-times-0.25/

Whatever is made here is made anew, or gone on with, when it was cut short.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from equipoise.edit import Edit, diff
from equipoise.engine import checkpoint
from equipoise.engine.memory import is_out_of_memory
from equipoise.engine.precision import Arithmetic
from equipoise.engine.score import Scored
from equipoise.engine.state import initial_networks, initial_state
from equipoise.errors import Fault, RequestError
from equipoise.files import write_whole
from equipoise.folder import FORKS, RunFolder
from equipoise.goal import Goal
from equipoise.interrupt import StopRequest
from equipoise.journal import (
    Adopted,
    Adopting,
    Checkpointed,
    Event,
    Journal,
    Measured,
    Pictured,
    Prescribed,
    SelfTested,
    Skipped,
    Started,
    Tick,
    Trial,
    history,
)
from equipoise.keeping import keep_what_is_left
from equipoise.losses import LossTable
from equipoise.recipe import edited
from equipoise.record import columns
from equipoise.run import Where, data_of, prepare, refuse_unannounced, resume
from equipoise.session import STOPPED, Session
from equipoise.spec import digest, encode

SCORE: Final = "score.json"
COURSE: Final = (Tick, Measured, Pictured, Skipped, Checkpointed)
"""What a run's journal says of its course."""
FILED: Final = (Pictured, Checkpointed)
"""Of that, what tells of files; those of a course that was left are gone."""


def forks_of(run: RunFolder) -> Path:
    return run.path / FORKS


def fork_of(run: RunFolder, name: str) -> RunFolder:
    return RunFolder(forks_of(run) / name)


def refuse_missing_data(run: RunFolder, where: Where) -> None:
    """Raises `RequestError`: without data every fork would fail, whatever its remedy."""
    prepare(run.read_recipe(), replace(where, data=where.data or data_of(run)))


def keep_apart(run: RunFolder, name: str, origin: int, where: Where) -> RunFolder:
    """The run as it was at the checkpoint of step `origin`, in a folder of its own.

    Raises `RequestError` where there is no such checkpoint.
    """
    kept = fork_of(run, name)
    if not checkpoint.entries(kept.checkpoints):
        entry = next((one for one in checkpoint.entries(run.checkpoints) if one.step == origin), None)
        if entry is None:
            raise RequestError(f"{run.path} has no checkpoint of step {origin} any more")
        _begun(run, run, kept, entry, Trial(name, (), ""), Goal("steps", origin), where).close()
    return kept


def keep_course(run: RunFolder, name: str, what: Prescribed, where: Where) -> None:
    """The run as it is now, as a fork that has nothing left to train; a run that broke off has lost."""
    if (fork_of(run, name).path / SCORE).exists():
        return
    if what.is_over:  # though its last step may have a checkpoint
        _write_score(fork_of(run, name), Scored("", math.nan), "the run broke off")
    else:
        fork = keep_apart(run, name, what.step, where)
        _take_files(run.samples, fork.samples, f"step-{what.step:08d}.png")


def train_fork(run: RunFolder, kept: RunFolder, trial: Trial, end: int, where: Where, stop: StopRequest) -> bool:
    """Train a fork of `kept` to step `end` and score it; whether that came to an end before somebody stopped it."""
    fork = fork_of(run, trial.name)
    if (fork.path / SCORE).exists():
        return True
    try:
        is_begun = bool(checkpoint.entries(fork.checkpoints))
        session = resume(fork.path, where=where) if is_begun else begin_fork(run, kept, trial, end, where)
        if session.train(stop) == STOPPED:
            return False
        _write_score(fork, session.scored(), "; ".join(_self_test(fork)))
    except (Fault, RequestError) as fault:  # a fork that nothing can be learned in has lost, as one that broke off
        if isinstance(fault.__cause__, OSError):  # a full disk says nothing of a remedy
            raise
        _write_score(fork, Scored("", math.nan), str(fault))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):  # as a larger batch or network may bring about
            raise
        _write_score(fork, Scored("", math.nan), f"the memory of {where.device} was not enough for it")
    return True


def begin_fork(run: RunFolder, kept: RunFolder, trial: Trial, end: int, where: Where) -> Session:
    """A fork that has not been trained yet."""
    entry = checkpoint.entries(kept.checkpoints)[0]
    return _begun(run, kept, fork_of(run, trial.name), entry, trial, Goal("steps", end), where)


def score_of(run: RunFolder, name: str) -> tuple[Scored, str]:
    """What a fork came to, and the fault that ended it, if one did."""
    found = json.loads((fork_of(run, name).path / SCORE).read_text(encoding="utf-8"))
    shares = torch.tensor(found["shares"]) if found["shares"] is not None else None
    value = found["value"] if found["value"] is not None else math.nan
    return Scored(found["name"], value, shares=shares), found["fault"]


@dataclass(frozen=True, slots=True)
class Turn:
    """Where the run turns from the course that it had into that of a fork."""

    number: int
    """Of the prescription."""
    since: int
    """Step from which on the two courses differ: 0 where one of them began with new networks."""
    lost_steps: int
    why: str
    before: Sequence[Event] = ()
    """The course up to the fork's first step, where the run's own is another one."""


def adopt(run: RunFolder, was: RunFolder, fork: RunFolder, turn: Turn) -> tuple[Event, ...]:
    """Make the run what the fork is: recipe, checkpoints, best generator, sheets, rows.  A better generator is kept.

    `was` is another fork, whose recipe the run had so far.

    Returns the events to be written into the run's journal, after which it can be resumed.  Cut short, all of it can be
    done again: the recipe is written first, so that an edit of it is known for one.
    Raises `RequestError` where somebody has edited it, which would be lost.
    """
    recipe = fork.read_recipe()
    if run.read_recipe() != recipe:
        refuse_unannounced(run)
        run.write_recipe(recipe)
    kept = keep_what_is_left(run, fork)
    _take_checkpoints(run, fork, turn.since)
    _take_files(fork.path / "samples", run.samples, "step-*.png", "plane-*.png")
    _take_files(fork.best_generator.parent, run.best_generator.parent, "*")
    changes = tuple(diff(was.read_recipe(), recipe))
    name, end = fork.path.name, checkpoint.entries(fork.checkpoints)[-1].step
    course = [*turn.before, *(event for event in _course(fork) if event.step > turn.since)]
    _take_rows(run, fork, [event for event in course if isinstance(event, Tick)])
    return (
        Adopting(step=turn.since, number=turn.number, name=name, why=turn.why, changes=changes, kept=kept),
        *course,
        Adopted(step=end, number=turn.number, name=name, lost_steps=turn.lost_steps),
    )


def course_before(run: RunFolder, number: int, origin: int) -> list[Event]:
    """What the run's journal said of its course up to the origin before the fork of a prescription was adopted."""
    events = run.read_journal().events
    until = next(at for at, event in enumerate(events) if isinstance(event, Adopting) and event.number == number)
    return [event for event in _course_of(events[:until]) if event.step <= origin and not isinstance(event, FILED)]


def clear(run: RunFolder, names: Sequence[str]) -> None:
    """Leave of forks what can be read: the journal, the rows, the recipe, the score and the last sheet."""
    for name in names:
        fork = fork_of(run, name)
        for room in (fork.checkpoints, fork.best_generator.parent):
            shutil.rmtree(room, ignore_errors=True)  # a fork that broke off may have none
        for sheet in sorted(fork.samples.glob("*.png"))[:-1]:
            sheet.unlink()


def append(run: RunFolder, events: Sequence[Event]) -> None:
    """Write into the journal of a run that nobody trains now."""
    with Journal(run.path) as writer:
        for event in events:
            writer.append(event)


def _begun(
    run: RunFolder, like: RunFolder, out: RunFolder, entry: checkpoint.Entry, trial: Trial, goal: Goal, where: Where
) -> Session:
    """A run in `out` that begins with a checkpoint, or anew with its arithmetic, and with a changed recipe of `like`.

    The run's own recipe may be another one by now.
    """
    shutil.rmtree(out.path, ignore_errors=True)  # what was cut short before its first checkpoint
    snapshot = checkpoint.load(entry.path)
    recipe = edited(like.read_recipe(), map(Edit.parse, trial.edits), "the autopilot")
    data = where.data or data_of(run)
    corpus, plan = prepare(recipe, replace(where, data=data))
    plan = replace(plan, arithmetic=Arithmetic(**snapshot["arithmetic"]).overridden(recipe.precision))
    session = Session(out, plan, initial_state(plan, initial_networks(plan)), corpus, goal, ())
    if not trial.anew:
        session.restore(snapshot)
    out.create()
    out.write_recipe(recipe)
    best = entry.score if entry.is_best and not trial.anew else None
    if best is not None:
        session.keep_best(best)
    try:
        session.begin(_beginning(run, trial, session, data))
        session.open(best)
    except BaseException:
        session.close()
        raise
    return session


def _beginning(run: RunFolder, trial: Trial, session: Session, data: Path | None) -> Started:
    plan = session.plan
    return Started(
        step=session.step,
        recipe=encode(plan.recipe),
        digest=digest(plan.recipe),
        data=session.data(str(data.absolute()) if data is not None else None),
        machine={"processes": plan.world.size, **plan.arithmetic.to_json()},
        goal=session.goal.to_json(),
        begun_from={"path": str(run.path.absolute()), "step": session.step, "fork": trial.name},
    )


def _self_test(fork: RunFolder) -> tuple[str, ...]:
    """What was found broken before the first step."""
    tests = [event for event in fork.read_journal().events if isinstance(event, SelfTested)]
    return tests[-1].faults if tests else ()


def _write_score(fork: RunFolder, found: Scored, fault: str = "") -> None:
    fork.path.mkdir(parents=True, exist_ok=True)
    shares = found.shares.tolist() if found.shares is not None else None
    value = found.value if math.isfinite(found.value) else None
    document = {"name": found.name, "value": value, "shares": shares, "fault": fault}
    write_whole(fork.path / SCORE, json.dumps(document).encode())


def _course(fork: RunFolder) -> Iterator[Event]:
    return _course_of(fork.read_journal().events)


def _course_of(events: Sequence[Event]) -> Iterator[Event]:
    return (event for event in history(events) if isinstance(event, COURSE))


def _take_checkpoints(run: RunFolder, fork: RunFolder, since: int) -> None:
    """All of the fork's, in place of those of the course that is left."""
    mine, theirs = checkpoint.entries(run.checkpoints), checkpoint.entries(fork.checkpoints)
    for entry in theirs:
        write_whole(run.checkpoints / entry.path.name, entry.path.read_bytes())
    names = {entry.path.name for entry in theirs}
    for entry in mine:
        if entry.step >= since and entry.path.name not in names:
            entry.path.unlink()


def _take_files(source: Path, target: Path, *patterns: str) -> None:
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            write_whole(target / path.name, path.read_bytes())


def _take_rows(run: RunFolder, fork: RunFolder, rows: Sequence[Tick]) -> None:
    table = LossTable(run.path, columns(fork.read_recipe()))
    try:
        for tick in rows:
            table.append(tick.step, tick.images, tick.epoch, tick.values)
    finally:
        table.close()
