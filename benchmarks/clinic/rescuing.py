"""Does the autopilot rescue?  One case of a plan (`clinic.plans`) carried through, by one arm."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from unittest import mock

import torch

from clinic.arms import ARMS, CERTAIN, WAITING, Arm, Attempt, from_the_start
from clinic.bases import BASES, data_of
from clinic.cases import Case
from clinic.compute import Spending, allowance
from clinic.outcome import truth_of
from clinic.plans import SHORT, Plan
from clinic.running import Observer
from equipoise.doctor.interventions import Intervention, past
from equipoise.errors import Fault, RequestError
from equipoise.folder import RunFolder
from equipoise.journal import Tick, history
from equipoise.piloting import GAVE_UP
from equipoise.run import Where
from equipoise.sampling import open_run
from equipoise.spec import digest, tags
from results import commit

RECORD: Final = "rescue.json"

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One case by one arm."""

    case: Case
    arm: str
    plan: Plan = SHORT

    @property
    def id(self) -> str:
        return f"{self.case.id}/{self.arm.replace(' ', '-')}"


def jobs(case: Case, plan: Plan = SHORT) -> list[Job]:
    """In the order in which they are made."""
    return [Job(case, arm, plan) for arm in plan.arms(case)]


def folder_of(job: Job, work: Path) -> Path:
    return work / job.plan.folder / job.id


def record_of(job: Job, work: Path) -> Record | None:
    """What an earlier call has found; nothing where its recipe was another one."""
    path = folder_of(job, work) / RECORD
    found: Record = json.loads(path.read_text()) if path.exists() else {}
    is_whole = all("doubt" in one for one in found.get("interventions", []))
    return found if is_whole and found.get("recipe") == digest(job.case.recipe) else None


def carry_through(job: Job, work: Path, shared: Path | None) -> Record:
    """Train a job, or read what an earlier call has found.  What was broken off begins anew."""
    found = record_of(job, work)
    if found is not None:
        return found
    first = carry_through(replace(job, arm="autopilot"), work, shared) if job.arm != "autopilot" else None
    same = _the_same_run(job, first, work, shared) if first is not None else None
    record = same | {"id": job.case.id, "arm": job.arm, "core_s": 0.0} if same else _trained(job, first, work, shared)
    folder = folder_of(job, work)
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{RECORD}.part"
    aside.write_text(json.dumps(record))
    aside.rename(folder / RECORD)
    return record


def spoke(autopilot: Record) -> bool:
    """Whether the doctor was so certain of something that the autopilot did something, or gave up."""
    certain = [one for one in autopilot["interventions"] if not one["doubt"]]
    return bool(certain) or autopilot["ended"] == GAVE_UP


def _the_same_run(job: Job, first: Record, work: Path, shared: Path | None) -> Record | None:
    """The record of another arm, where this one would be the same run, weight for weight."""
    if job.arm in WAITING and not _might_act(job.arm, first):
        return carry_through(replace(job, arm="none"), work, shared)
    if job.plan.trains_twice:
        return None
    if job.arm == "none" and not first["interventions"] and first["ended"] != GAVE_UP:
        return first
    if job.arm == "oracle" and not spoke(first):
        control = record_of(replace(job, case=replace(job.case, faults=()), arm="none"), work)
        allowed = allowance(job.plan.times * BASES[job.case.base].steps, first["spent"])
        return control | {"recipe": digest(job.case.recipe)} if control and control["allowed"] == allowed else None
    return None


def _might_act(arm: str, autopilot: Record) -> bool:
    """Whether an arm that waits for the doctor may do anything.

    Where the autopilot cured a run on suspicion nobody knows what the doctor would have said of it later.
    """
    tried = [one for one in autopilot["interventions"] if one["doubt"]]
    return spoke(autopilot) or any(one["edits"] or arm not in CERTAIN for one in tried)


def _trained(job: Job, first: Record | None, work: Path, shared: Path | None) -> Record:
    torch.set_num_threads(1)
    case, folder, base = job.case, folder_of(job, work), BASES[job.case.base]
    shutil.rmtree(folder, ignore_errors=True)
    truth = truth_of(base, shared, work)
    observer = Observer(base, truth)
    spending = Spending(allowance(job.plan.times * base.steps, first["spent"] if first is not None else 0))
    where = Where(data_of(base, shared), work / "corpora", "cpu")
    began = time.process_time()
    recipe = replace(case.recipe, seed=case.seed)
    with _trusting_its_own(), contextlib.ExitStack() as stack:
        stack.enter_context(case.accompanied())
        attempt = Attempt(case, recipe, where, folder / "run", observer, spending, stack.close)
        ended = _made(_arm(job, first), attempt)
    core_s, judging_s = time.process_time() - began, observer.seconds
    record: Record = {
        "id": case.id,
        "arm": job.arm,
        "recipe": digest(case.recipe),
        "commit": commit(),
        **ended,
        "allowed": spending.allowed,
        "spent": spending.spent,
        "evaluations": observer.evaluations,
        "core_s": round(core_s, 2),
        "judging_s": round(judging_s, 2),
    }
    with _trusting_its_own():
        record |= _told(RunFolder(folder / "run"), observer)
    if not observer.evaluations and record["best"] is not None:  # it gave up, and is what it was at a best generator's
        record["evaluations"] = [(record["steps"], record["best"])]
    shutil.rmtree(folder / "run", ignore_errors=True)
    return record


def _trusting_its_own() -> contextlib.AbstractContextManager[object]:
    """Read the clinic's own networks back from recipes, as those of an installed plug-in are."""
    trusted = tags.trusted_packages() | {__package__}
    return mock.patch.object(tags, "trusted_packages", lambda: trusted)


def _arm(job: Job, first: Record | None) -> Arm:
    is_oracle_alone = job.arm == "oracle" and first is not None and not spoke(first)
    return from_the_start if is_oracle_alone else ARMS[job.arm]


def _made(arm: Arm, attempt: Attempt) -> Record:
    try:
        return {"ended": arm(attempt), "fault": ""}
    except (Fault, RequestError) as fault:
        return {"ended": "broke off", "fault": str(fault)}


def _told(run: RunFolder, observer: Observer) -> Record:
    """What the run's folder says: how long its course is, its interventions, and how good the generator is that it has
    kept as its best."""
    if not run.path.exists():
        return {"steps": 0, "interventions": [], "best": None}
    events = run.read_journal().events
    interventions = past(events).interventions
    steps = max((event.step for event in history(events) if isinstance(event, Tick)), default=0)
    best = None
    if run.best_generator.exists():
        kept = open_run(run.path, "cpu")
        best = observer.judge(kept.recipe.generator, kept.module)
    return {"steps": steps, "interventions": [_in_short(one) for one in interventions], "best": best}


def _in_short(one: Intervention) -> Record:
    return {
        "symptom": one.prescribed.symptom,
        "origin": one.prescribed.origin,
        "step": one.prescribed.step,
        "tried": [list(trial.edits) for trial in one.prescribed.trials[1:]],
        "edits": [str(edit) for edit in one.edits],
        "doubt": one.prescribed.is_doubt,
        "kept": one.reviewed.kept if one.reviewed is not None else None,
    }
