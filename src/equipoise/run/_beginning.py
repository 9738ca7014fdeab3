"""A new run, and a run that is carried out."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from equipoise.advising import adviser
from equipoise.doctor.lint import lint
from equipoise.edit import diff
from equipoise.engine import checkpoint
from equipoise.engine.anatomy import anatomy
from equipoise.engine.beginning import begun
from equipoise.engine.export import Sampler
from equipoise.engine.finite import NonFinite
from equipoise.engine.memory import OutOfMemory, is_out_of_memory
from equipoise.engine.plan import Plan
from equipoise.engine.state import State
from equipoise.errors import RequestError, Unsound
from equipoise.folder import RunFolder
from equipoise.goal import Goal
from equipoise.interrupt import StopRequest, stop_on_signal
from equipoise.journal import Started
from equipoise.recipe import Budget, Recipe
from equipoise.record import Listener
from equipoise.run._preparing import Where, absolute, leads, machine_of, prepare
from equipoise.sampling import open_run
from equipoise.session import Session, ring_of
from equipoise.spec import Json, digest, encode

CHECKPOINTS_ASIDE = 2
"""Checkpoints that may exist beyond the ring for a moment: the one being written and the one about to go."""
MOMENTS = 2
"""Numbers that Adam keeps of each weight (Kingma & Ba 2015), from its first update on."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of a run that begins; kept in its journal."""

    why: str = ""
    asked: str = ""
    """The recipe as it was asked for at the command line."""


NOTHING_SAID = Said()


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
    if leads():  # the others may come when the leading process has made it
        folder.refuse_taken()
    kept = open_run(begin_from, "cpu") if begin_from is not None else None  # refused before anything is read
    corpus, plan = prepare(recipe, where, budget)
    try:
        plan, state, measured = begun(plan)
        origin = _warm(state, kept, begin_from, plan) if kept is not None and begin_from is not None else {}
        session = Session(folder, plan, state, corpus, Goal.of(plan.recipe, budget, {}), listeners)
        machine = machine_of(plan, measured.seconds)
        _open(session, _started(session, absolute(where.data), machine, origin, said))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise RequestError(f"no run was begun: {OutOfMemory(0, plan).why}") from error
    return session


def _started(
    session: Session, data_path: str | None, machine: dict[str, Json], begun_from: dict[str, Json], said: Said
) -> Started:
    plan, recipe = session.plan, session.plan.recipe
    built = anatomy(session.state.generator.module, session.state.critic.module)
    return Started(
        recipe=encode(recipe),
        digest=digest(recipe),
        data=session.data(data_path),
        machine=machine,
        goal=session.goal.to_json(),
        warnings=tuple(finding.line for finding in lint(recipe, plan.space, plan.num_samples, built)),
        begun_from=begun_from,
        asked=said.asked,
        why=said.why,
        rules=plan.rules,
        parameters={"generator": built.generator_parameters, "critic": built.critic_parameters},
    )


def _open(session: Session, started: Started) -> None:
    """Make the run's folder and its first checkpoint; where that fails, nothing is left of it."""
    folder, plan = session.folder, session.plan
    with ExitStack() as hold:
        if plan.world.leads:
            _refuse_full_disk(plan, _checkpoint_bytes(session.state), folder.path)
            folder.create()
            hold.enter_context(folder.held())
        plan.world.wait()
        try:
            if plan.world.leads:
                folder.write_recipe(plan.recipe)
            session.begin(started)
            _refuse_unsound(session)
            session.open()
        except BaseException:  # Ctrl-C too: what has no checkpoint yet is no run, and must not look like one
            session.close()
            hold.close()
            if plan.world.leads:
                shutil.rmtree(folder.path)
            raise


def carry_out(session: Session, stop: StopRequest | None = None) -> str:
    """Train to the end; Ctrl-C saves and stops, a second one exits at once.  Returns why it ended.

    `stop` is what listens for that already, where the session is a part of something longer.
    A recipe whose autopilot acts is only advised here: `equipoise.piloting` acts.
    A run whose very first step fails has learned nothing: its folder is removed, and the request was wrong.
    """
    if stop is None:
        with stop_on_signal() as stop:
            return carry_out(session, stop)
    if session.adviser is None:
        session.adviser = adviser(session.folder, session.plan.recipe)
    try:
        return session.train(stop)
    except (NonFinite, OutOfMemory) as fault:
        if fault.step > 0 or not session.is_new:
            raise
        if session.plan.world.leads:
            shutil.rmtree(session.folder.path)
        raise RequestError(f"{fault}; with these settings nothing can be learned, and no run was kept") from fault


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
    return {"path": absolute(path), "step": kept.step, "networks": networks, "differs": differs}


def _differing(one: Recipe, other: Recipe, part: str) -> str:
    changes = [str(change) for change in diff(one, other) if change.path.startswith(part)]
    return "; ".join(changes) or "none, so the samples do (channels, size or conditions)"


def _checkpoint_bytes(state: State) -> int:
    """Of a checkpoint after the first step."""
    players = (state.generator, state.critic, *((state.encoder,) if state.encoder is not None else ()))
    weights: int = sum(weight.nbytes for player in players for weight in player.parameters)
    return checkpoint.size_of(state.snapshot()) + MOMENTS * weights


def _refuse_full_disk(plan: Plan, checkpoint_bytes: int, out: Path) -> None:
    """A run must not begin where its checkpoints cannot lie."""
    needed = checkpoint_bytes * (ring_of(plan.recipe).most + CHECKPOINTS_ASIDE)
    there = next(parent for parent in (out, *out.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise RequestError(
            f"--out {out}: the run's checkpoints need {needed / 2**20:.0f} MiB and {free / 2**20:.0f} MiB are free; "
            "choose another --out, or lower cadence.keep_recent"
        ) from OSError(errno.ENOSPC, "too little room")
