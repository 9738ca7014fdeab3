"""The only composer: a recipe and a folder of data become a run, new or resumed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from equipoise.advising import adviser
from equipoise.data.corpus import Corpus
from equipoise.data.edges import has_hard_edges
from equipoise.data.octaves import octaves
from equipoise.describing import describe_data
from equipoise.doctor.interventions import past
from equipoise.doctor.lint import lint
from equipoise.edit import Change, Edit, diff
from equipoise.engine import checkpoint
from equipoise.engine.anatomy import anatomy
from equipoise.engine.asking import lacking
from equipoise.engine.beginning import begun
from equipoise.engine.export import Sampler
from equipoise.engine.finite import NonFinite
from equipoise.engine.machine import choose_device, describe
from equipoise.engine.memory import keep_freed_memory
from equipoise.engine.pace import step_seconds
from equipoise.engine.plan import Plan
from equipoise.engine.precision import Arithmetic
from equipoise.engine.score import OF_PAIRS
from equipoise.engine.state import State, initial_networks, initial_state
from equipoise.engine.world import join_world
from equipoise.errors import RequestError, Unsound
from equipoise.folder import RunFolder, next_free
from equipoise.goal import Goal
from equipoise.interrupt import stop_on_signal
from equipoise.journal import Resumed, Started
from equipoise.recipe import Budget, Circumstances, Recipe, edited, fitted, source_fitted
from equipoise.record import Listener
from equipoise.sampling import open_run
from equipoise.session import Session, ring_of
from equipoise.spec import Json, SpecError, decode, digest, encode
from equipoise.terms.perceptual import with_backends

BuildProgress = Callable[[int, int], None]

CHECKPOINTS_ASIDE = 2
"""Checkpoints that may exist beyond the ring for a moment: the one being written and the one about to go."""


@dataclass(frozen=True)
class Where:
    """Where a run's things are: data, the corpora made of it, and the device; and who reads them."""

    data: Path | None = None
    cache: Path | None = None
    device: str = "auto"
    progress: BuildProgress | None = None
    readers: int = 1
    """Threads that read batches ahead, where the data does not fit onto the device."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of a run that begins; kept in its journal."""

    why: str = ""
    asked: str = ""
    """The recipe as it was asked for at the command line."""


NOTHING_SAID = Said()


def train(
    recipe: Recipe,
    data: Path | str | None = None,
    *,
    out: Path | str | None = None,
    budget: str | None = None,
    device: str = "auto",
    listeners: Iterable[Listener] = (),
    begin_from: Path | str | None = None,
    why: str = "",
) -> Path:
    """Train a recipe as `equipoise.piloting.train` does, without an autopilot that acts."""
    session = begin(recipe, data, out, budget, device, listeners, begin_from, why)
    carry_out(session)
    return session.folder.path


def begin(
    recipe: Recipe,
    data: Path | str | None,
    out: Path | str | None,
    budget: str | None,
    device: str,
    listeners: Iterable[Listener],
    begin_from: Path | str | None,
    why: str,
) -> Session:
    """A new run, by what a person says of it."""
    folder = Path(out) if out is not None else next_free(Path("runs"), "run")
    length = Budget.parse(budget) if budget is not None else None
    where = Where(Path(data) if data is not None else None, device=device)
    origin = Path(begin_from) if begin_from is not None else None
    return start(recipe, where, folder, length, listeners, origin, Said(why))


def start(
    recipe: Recipe,
    where: Where,
    out: Path,
    budget: Budget | None = None,
    listeners: Iterable[Listener] = (),
    begin_from: Path | None = None,
    said: Said = NOTHING_SAID,
) -> Session:
    """A new run.  Nothing is written before everything that can be checked has been.

    Raises `Unsound`, and leaves nothing, where data or plumbing fail their test and the recipe's `on_fault` is
    ``refuse``.

    With `begin_from`, a run or a ``.safetensors`` file, the generator has its weights from there, and the encoder too
    if both have one.
    """
    folder = RunFolder(out)
    if _leads():  # the others may come when the leading process has made it
        folder.refuse_taken()
    kept = open_run(begin_from, "cpu") if begin_from is not None else None  # refused before anything is read
    corpus, plan = prepare(recipe, where, budget)
    recipe = plan.recipe
    plan, state, measured = begun(plan)
    origin = _warm(state, kept, begin_from, plan) if kept is not None and begin_from is not None else {}
    built = anatomy(state.generator.module, state.critic.module)
    goal = Goal.of(recipe, budget, {})
    session = Session(folder, plan, state, corpus, goal, listeners)
    started = Started(
        recipe=encode(recipe),
        digest=digest(recipe),
        data=describe_data(corpus, _absolute(where.data), recipe),
        machine=_machine(plan, measured.seconds),
        goal=goal.to_json(),
        warnings=tuple(finding.line for finding in lint(recipe, plan.space, plan.num_samples, built)),
        begun_from=origin,
        asked=said.asked,
        why=said.why,
        parameters={"generator": built.generator_parameters, "critic": built.critic_parameters},
    )
    with ExitStack() as hold:
        if plan.world.leads:
            _refuse_full_disk(plan, checkpoint.size_of(state.snapshot()), out)
            folder.create()
            hold.enter_context(folder.held())
        plan.world.wait()
        try:
            if plan.world.leads:
                folder.write_recipe(recipe)
            session.begin(started)
            _refuse_unsound(session)
            session.open()
        except BaseException:  # Ctrl-C too: what has no checkpoint yet is no run, and must not look like one
            session.close()
            hold.close()
            if plan.world.leads:
                shutil.rmtree(out)
            raise
    return session


def _refuse_unsound(session: Session) -> None:
    """Raises `Unsound`, in all processes, unless the recipe asks to train all the same."""
    plan, faults = session.plan, session.unsound
    if not plan.world.any(bool(faults), plan.device) or plan.recipe.on_fault == "train":
        return
    first = faults[0] if faults else "the leading process says why"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise Unsound(f"no run was begun: {first}{more}; --set on_fault=train trains all the same")


def _warm(state: State, kept: Sampler, path: Path, plan: Plan) -> dict[str, Json]:
    """Give the networks the weights of an earlier run's best generator.  Returns what the journal says of it."""
    named = [("generator", state.generator.module, kept.module), ("generator", state.average, kept.module)]
    if state.encoder is not None and kept.encoder is not None:
        named.append(("encoder", state.encoder.module, kept.encoder))
    for name, module, other in named:
        try:
            module.load_state_dict(other.state_dict())
        except RuntimeError as error:
            raise RequestError(
                f"--from {path}: its {name} is another network than this recipe's; settings of {name} that differ: "
                f"{_differing(kept.recipe, plan.recipe, name)}"
            ) from error
    networks: list[Json] = [*dict.fromkeys(name for name, _, _ in named)]
    differs: list[Json] = [*kept.space.differences(plan.space)]
    return {"path": _absolute(path), "step": kept.step, "networks": networks, "differs": differs}


def _differing(one: Recipe, other: Recipe, part: str) -> str:
    changes = [str(change) for change in diff(one, other) if change.path.startswith(part)]
    return "; ".join(changes) or "none, so the samples do (channels, size or conditions)"


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
    with folder.held() if _leads() else nullcontext():
        return _resumed(folder, edits, accept_changes, where or Where(), budget, tuple(listeners), why)


def _leads() -> bool:
    """Whether this is the only process, or the first of several, before they have met."""
    return os.environ.get("RANK", "0") == "0"


def _resumed(
    folder: RunFolder,
    edits: Sequence[Edit],
    accept_changes: bool,
    where: Where,
    budget: Budget | None,
    listeners: Sequence[Listener],
    why: str,
) -> Session:
    path = folder.path
    asked = folder.read_recipe()
    refuse_half_applied(folder)
    origin = _origin(folder)
    entry, snapshot, notices = checkpoint.load_newest(folder.checkpoints)
    recorded = _recorded_recipe(entry.path, snapshot)
    if not accept_changes:
        _refuse_changes(_unexplained(diff(recorded, asked), origin, entry.path.name), path / "recipe.json")
    recipe = edited(asked, edits)
    _refuse_more_held_out(recorded, recipe)
    data = where.data or data_of(folder)
    corpus, plan = prepare(recipe, replace(where, data=data))
    if corpus.digest != origin.data["digest"] and not accept_changes:
        raise RequestError(f"the data in {data} is not what this run began with; --accept-changes goes on with it")
    began_with = origin.machine["processes"]
    if began_with != plan.world.size and not accept_changes:
        raise RequestError(
            f"this run began with {began_with} processes and would draw other numbers with {plan.world.size}; "
            "start as many, or add --accept-changes"
        )
    arithmetic = Arithmetic(**snapshot["arithmetic"])
    plan = replace(plan, arithmetic=arithmetic.overridden(recipe.precision))
    goal = Goal.from_json(origin.goal)
    if goal == Goal.of(recorded, None, {}):
        goal = Goal.of(recipe, None, {})
    session = Session(folder, plan, initial_state(plan, initial_networks(plan)), corpus, goal, listeners)
    try:
        session.restore(snapshot)
    except (RuntimeError, KeyError, ValueError) as error:
        raise RequestError(_no_fit(entry.path, diff(recorded, recipe))) from error
    if budget is not None:
        session.goal = Goal.of(recipe, budget, session.done)
    resumed = Resumed(
        step=entry.step,
        checkpoint=entry.path.name,
        data=describe_data(corpus, _absolute(data), recipe),
        machine=_machine(plan),
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


def refuse_half_applied(folder: RunFolder) -> None:
    """Raises `RequestError`: its checkpoints may be those of the change already, of which its journal knows nothing."""
    cut_short = past(folder.read_journal().events).applying
    if cut_short is not None:
        command = f"equipoise apply {folder.path} {cut_short.number}"
        raise RequestError(f"advice {cut_short.number} was being applied when that was cut short; go on by: {command}")


def _new_warnings(before: Recipe, after: Recipe, session: Session) -> Iterator[str]:
    """What the changes brought that is known to do harm."""
    plan, state = session.plan, session.state
    built = anatomy(state.generator.module, state.critic.module)
    known = {finding.title for finding in lint(before, plan.space, plan.num_samples, built)}
    for finding in lint(after, plan.space, plan.num_samples, built):
        if finding.title not in known:
            yield f"warning: {finding.line}"


def carry_out(session: Session) -> str:
    """Train to the end; Ctrl-C saves and stops, a second one exits at once.  Returns why it ended.

    A recipe whose autopilot acts is only advised here: `equipoise.piloting` acts.
    A run whose very first step fails has learned nothing: its folder is removed, and the request was wrong.
    """
    if session.adviser is None:
        session.adviser = adviser(session.folder, session.plan.recipe)
    with stop_on_signal() as stop:
        try:
            return session.train(stop)
        except NonFinite as fault:
            if fault.step > 0 or not session.is_new:
                raise
            if session.plan.world.leads:
                shutil.rmtree(session.folder.path)
            raise RequestError(f"{fault}; with these settings nothing can be learned, and no run was kept") from fault


def prepare(recipe: Recipe, where: Where, budget: Budget | None = None) -> tuple[Corpus, Plan]:
    """The data, and what will not change while the run trains: the recipe, fitted to the data, and the machine.

    Of several processes the leading one reads the data first; the others then open what it has made.
    Raises `RequestError` when recipe and data do not fit.
    """
    device = choose_device(where.device)
    if device.type == "cpu":
        keep_freed_memory()
        torch.set_flush_denormal(True)  # before the first thread: the moments of dead units are slow a hundredfold
    world = join_world(device.type)
    if world.size > 1 and recipe.autopilot.mode == "act":
        raise RequestError("the autopilot acts in a run of one process alone; with several, use --autopilot advise")
    if not world.leads:
        world.wait()
    _refuse_wrong_path(recipe, where)
    recipe = source_fitted(recipe, where.data)
    corpus = open_corpus(recipe, where)
    if world.leads:
        world.wait()
    parts = corpus.split(recipe.held_out)
    plan = Plan(recipe, corpus.space, len(parts.seen), device, world, readers=where.readers)
    if recipe.tailor is not None:
        sizes = len(parts.seen), len(parts.held_out)
        seconds, hard, smooth = partial(step_seconds, plan), has_hard_edges(corpus), partial(octaves, corpus)
        found = Circumstances(corpus.space, *sizes, budget, seconds, hard, smooth)
        plan = replace(plan, recipe=world.agree(fitted(recipe, found)))
    plan = replace(plan, recipe=with_backends(plan.recipe, plan.space.shape))
    refuse_misfits(plan, corpus)
    return corpus, plan


def open_corpus(recipe: Recipe, where: Where) -> Corpus:
    """The recipe's data.  Raises `RequestError`."""
    _refuse_wrong_path(recipe, where)
    return recipe.source.corpus(where.data, where.cache, where.progress)


def _refuse_wrong_path(recipe: Recipe, where: Where) -> None:
    if recipe.source.needs_path and where.data is None:
        raise RequestError("this recipe needs data: add --data FOLDER")
    if where.data is not None and not recipe.source.needs_path:
        raise RequestError("this recipe brings its own data: leave --data away")


def refuse_misfits(plan: Plan, corpus: Corpus) -> None:
    """Everything that would make the first step impossible."""
    recipe = plan.recipe
    faults = [f"generator: {fault}" for fault in lacking(recipe.generator, plan.space)]
    faults = faults or [f"generator: {fault}" for fault in recipe.generator.faults(plan.space)]
    faults += [f"critic: {fault}" for fault in recipe.critic.faults(plan.space)]
    if plan.space.given is None:
        faults += list(_of_pairs(recipe))
    if recipe.encoder is not None:
        faults += [f"encoder: {fault}" for fault in recipe.encoder.faults(plan.space)]
    if not plan.space.conditions:
        faults += [f"{path}: compares conditions, and these data have none" for path in _of_conditions(recipe)]
    if recipe.batch % plan.world.size:
        faults.append(f"batch: {recipe.batch} samples cannot be shared by {plan.world.size} processes")
    if faults:
        raise RequestError(f"the data ({len(corpus)} samples, {plan.space}) does not fit: " + "; ".join(faults))


def _of_pairs(recipe: Recipe) -> Iterator[str]:
    """The settings that need samples which come in pairs."""
    if recipe.augment is not None and recipe.augment.applies_to == "pairs":
        yield "augment.applies_to: pairs, and these data have none"
    chosen = {"best_by": recipe.best_by} | {f"phases.{name}.best_by": it.best_by for name, it in recipe.phases.items()}
    for path, best_by in chosen.items():
        if best_by in OF_PAIRS:
            yield f"{path}: {best_by} is of pairs, and these data have none"


def _of_conditions(recipe: Recipe) -> Iterator[str]:
    """The terms that need conditions."""
    for phase_name, phase in recipe.phases.items():
        for name, term in phase.terms.items():
            if "conditions" in term.needs:
                yield f"phases.{phase_name}.terms.{name}"


def _refuse_full_disk(plan: Plan, checkpoint_bytes: int, out: Path) -> None:
    """A run must not begin where its checkpoints cannot lie."""
    needed = checkpoint_bytes * (ring_of(plan.recipe).most + CHECKPOINTS_ASIDE)
    there = next(parent for parent in (out, *out.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise RequestError(
            f"--out {out}: the run's checkpoints need {needed / 2**20:.0f} MiB and {free / 2**20:.0f} MiB are free; "
            "choose another --out, or lower cadence.keep_recent"
        )


def data_of(folder: RunFolder) -> Path | None:
    """Where the run's data were when it was last started or resumed; nothing for a source that needs no folder."""
    path = _origin(folder).data["path"]
    return Path(str(path)) if path else None


def digest_of_data(folder: RunFolder) -> str:
    """The digest of the corpus that the run last saw."""
    return str(_origin(folder).data["digest"])


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


def _refuse_changes(changes: Sequence[Change], where: Path) -> None:
    if changes:
        shown = "; ".join(map(str, changes[:8])) + ("; ..." if len(changes) > 8 else "")
        raise RequestError(
            f"{where} differs from what the checkpoint was made with ({shown}); "
            "undo that, or add --accept-changes, or use --set for a change that is meant"
        )


def _refuse_more_held_out(recorded: Recipe, recipe: Recipe) -> None:
    """What has been trained on can never count as unseen again."""
    if recipe.held_out > recorded.held_out:
        raise RequestError(
            f"held_out cannot grow from {recorded.held_out:g} to {recipe.held_out:g}: samples that were trained on "
            "would count as never seen; begin a new run"
        )


def _no_fit(path: Path, changes: Sequence[Change]) -> str:
    shown = "; ".join(map(str, changes[:8])) or "no setting differs"
    return f"the weights in {path} do not fit the recipe ({shown}); such a change needs a new run"


def _machine(plan: Plan, probe_s: Mapping[str, float] | None = None) -> dict[str, Json]:
    """What the journal says about the machine, and about the measurement behind the arithmetic."""
    rounded: dict[str, Json] = {choice: round(seconds, 4) for choice, seconds in (probe_s or {}).items()}
    arithmetic: Mapping[str, Json] = {**plan.arithmetic.to_json()}
    return {**describe(plan.device), "processes": plan.world.size, **arithmetic, "probe_s": rounded}


def _absolute(path: Path | None) -> str | None:
    return str(path.absolute()) if path is not None else None
