"""A run goes on from its newest checkpoint, exactly, or with changes that are meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from equipoise.data.corpus import Corpus
from equipoise.describing import describe_data
from equipoise.doctor.interventions import past
from equipoise.doctor.lint import lint
from equipoise.edit import Change, Edit, diff
from equipoise.engine import checkpoint
from equipoise.engine.anatomy import anatomy
from equipoise.engine.plan import Plan
from equipoise.engine.precision import Arithmetic
from equipoise.engine.state import initial_networks, initial_state
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.goal import Goal
from equipoise.journal import Resumed, Started
from equipoise.recipe import Budget, Recipe, edited
from equipoise.record import Listener
from equipoise.run._preparing import Where, absolute, leads, machine_of, prepare
from equipoise.session import Session
from equipoise.spec import SpecError, decode

UNDO: Final = "undo that, or add --accept-changes, or use --set for a change that is meant"


def resume(
    path: Path,
    edits: Sequence[Edit] = (),
    *,
    accept_changes: bool = False,
    where: Where | None = None,
    budget: Budget | None = None,
    listeners: Iterable[Listener] = (),
    why: str = "",
) -> Session:
    """Go on with a run from its newest whole checkpoint.

    Settings changed by `edits` are taken over; differences that came about otherwise (an edited ``recipe.json``, other
    data) are refused with a list of them, unless `accept_changes`.  `why` is kept in the journal.
    """
    folder = RunFolder(path)
    with folder.held() if leads() else nullcontext():
        return _resumed(folder, edits, accept_changes, where or Where(), budget, tuple(listeners), why)


def _resumed(
    folder: RunFolder,
    edits: Sequence[Edit],
    accept_changes: bool,
    where: Where,
    budget: Budget | None,
    listeners: Sequence[Listener],
    why: str,
) -> Session:
    asked = folder.read_recipe()
    refuse_half_applied(folder)
    origin = _origin(folder)
    entry, snapshot, notices = _newest(folder)
    recorded = _recorded_recipe(entry.path, snapshot)
    if not accept_changes:
        _refuse_changes(_unexplained(diff(recorded, asked), origin, entry.path.name), folder.recipe_file)
    recipe = edited(asked, edits)
    _refuse_more_held_out(recorded, recipe)
    data = where.data or data_of(folder)
    corpus, plan = prepare(recipe, replace(where, data=data))
    if not accept_changes:
        _refuse_other_data(corpus, origin, data)
        _refuse_other_processes(plan, origin)
    plan = replace(plan, arithmetic=Arithmetic(**snapshot["arithmetic"]).overridden(recipe.precision))
    state, goal = initial_state(plan, initial_networks(plan)), _goal(origin, recorded, recipe)
    session = Session(folder, plan, state, corpus, goal, listeners)
    try:
        session.restore(snapshot)
    except (RuntimeError, KeyError, ValueError) as error:
        raise RequestError(_no_fit(entry.path, diff(recorded, recipe))) from error
    if budget is not None:
        session.goal = Goal.of(recipe, budget, session.done)
    resumed = Resumed(
        step=entry.step,
        checkpoint=entry.path.name,
        data=describe_data(corpus, absolute(data), recipe),
        machine=machine_of(plan),
        goal=session.goal.to_json(),
        changes=tuple(diff(recorded, recipe)),
        notices=(*notices, *_new_warnings(recorded, recipe, session)),
        why=why,
    )
    if plan.world.leads:
        folder.write_recipe(recipe)
    try:
        session.begin(resumed)
    except BaseException:
        session.close()
        raise
    return session


def _newest(folder: RunFolder) -> tuple[checkpoint.Entry, dict[str, Any], list[str]]:
    if not folder.has_checkpoints:
        raise RequestError(folder.without_checkpoints())
    return checkpoint.load_newest(folder.checkpoints)


def refuse_half_applied(folder: RunFolder) -> None:
    """Raises `RequestError`: its checkpoints may be those of the change already, of which its journal knows nothing."""
    cut_short = past(folder.read_journal().events).applying
    if cut_short is not None:
        command = f"equipoise apply {folder.path} {cut_short.number}"
        raise RequestError(f"advice {cut_short.number} was being applied when that was cut short; go on by: {command}")


def refuse_unannounced(folder: RunFolder) -> None:
    """Raises `RequestError` where the recipe on disk is not the one that is trained, and nobody said so by a resume.

    A repair would overwrite it, whoever accepts that.
    """
    entry, snapshot, _ = _newest(folder)
    changes = diff(_recorded_recipe(entry.path, snapshot), folder.read_recipe())
    instead = f"undo that; a change that is meant is made by: equipoise resume {folder.path} --set PATH=VALUE"
    _refuse_changes(_unexplained(changes, _origin(folder), entry.path.name), folder.recipe_file, instead)


def data_of(folder: RunFolder) -> Path | None:
    """Where the run's data were when it was last started or resumed; nothing for a source that needs no folder."""
    path = _origin(folder).data["path"]
    return Path(str(path)) if path else None


def processes_of(folder: RunFolder) -> int:
    """How many the run was last trained by."""
    return int(str(_origin(folder).machine["processes"]))


def digest_of_data(folder: RunFolder) -> str:
    """The digest of the corpus that the run last saw."""
    return str(_origin(folder).data["digest"])


def _new_warnings(before: Recipe, after: Recipe, session: Session) -> Iterator[str]:
    """What the changes brought that is known to do harm."""
    plan, state = session.plan, session.state
    built = anatomy(state.generator.module, state.critic.module)
    known = {finding.title for finding in lint(before, plan.space, plan.num_samples, built)}
    for finding in lint(after, plan.space, plan.num_samples, built):
        if finding.title not in known:
            yield f"warning: {finding.line}"


def _origin(folder: RunFolder) -> Started | Resumed:
    """What was last said about the run's data and goal."""
    events = [event for event in folder.read_journal().events if isinstance(event, Started | Resumed)]
    if not events:
        raise RequestError(f"{folder.path} never began: its journal says nothing of a start; begin a new run")
    return events[-1]


def _recorded_recipe(path: Path, snapshot: Mapping[str, Any]) -> Recipe:
    try:
        return decode(snapshot["recipe"], Recipe)
    except (SpecError, KeyError) as error:
        raise RequestError(f"{path} was made with a recipe that this version cannot read: {error}") from error


def _unexplained(changes: Sequence[Change], origin: Started | Resumed, checkpoint_name: str) -> list[Change]:
    """The changes that no earlier resume from this very checkpoint has announced."""
    announced: set[str] = set()
    if isinstance(origin, Resumed) and origin.checkpoint == checkpoint_name:
        announced = {str(change) for change in origin.changes}
    return [change for change in changes if str(change) not in announced]


def _refuse_changes(changes: Sequence[Change], where: Path, instead: str = UNDO) -> None:
    if changes:
        shown = "; ".join(map(str, changes[:8])) + ("; ..." if len(changes) > 8 else "")
        raise RequestError(f"{where} differs from what the checkpoint was made with ({shown}); {instead}")


def _refuse_more_held_out(recorded: Recipe, recipe: Recipe) -> None:
    """What has been trained on can never count as unseen again."""
    if recipe.held_out > recorded.held_out:
        raise RequestError(
            f"held_out cannot grow from {recorded.held_out:g} to {recipe.held_out:g}: samples that were trained on "
            "would count as never seen; begin a new run"
        )


def _refuse_other_data(corpus: Corpus, origin: Started | Resumed, data: Path | None) -> None:
    if corpus.digest != origin.data["digest"]:
        raise RequestError(f"the data in {data} is not what this run began with; --accept-changes goes on with it")


def _refuse_other_processes(plan: Plan, origin: Started | Resumed) -> None:
    began_with = origin.machine["processes"]
    if began_with != plan.world.size:
        raise RequestError(
            f"this run began with {began_with} processes and would draw other numbers with {plan.world.size}; "
            "start as many, or add --accept-changes"
        )


def _goal(origin: Started | Resumed, recorded: Recipe, recipe: Recipe) -> Goal:
    """The run's own; one that was the recipe's length follows the recipe."""
    goal = Goal.from_json(origin.goal)
    return Goal.of(recipe, None, {}) if goal == Goal.of(recorded, None, {}) else goal


def _no_fit(path: Path, changes: Sequence[Change]) -> str:
    shown = "; ".join(map(str, changes[:8])) or "no setting differs"
    return f"the weights in {path} do not fit the recipe ({shown}); such a change needs a new run"
