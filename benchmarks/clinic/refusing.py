"""Bugs of data and code are not to be rescued: is their run refused, or is the bug told, before the first step?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from clinic.base import Part
from clinic.bases import BASES, data_of
from clinic.cases import Case
from clinic.kept import trace_of, until
from clinic.rates import Share
from clinic.rescuing import RECORD, Record
from clinic.rivals import doctor
from clinic.running import data_faults
from clinic.splits import cases
from equipoise.errors import RequestError
from equipoise.recipe import Recipe
from equipoise.run import Where, start
from equipoise.spec import digest
from results import Result, report

BEFORE: Final = "before-step-1"
BUGS: Final = {"data": "data-bug", "plumbing": "plumbing-bug", "the measure": "invalid-measure"}
"""Causes that no setting cures, by what they are bugs of."""


def buggy(part: Part) -> list[Case]:
    """Cases with one bug of data, plumbing or measure."""
    return [case for case in cases(part) if len(case.faults) == 1 and not case.causes.isdisjoint(BUGS.values())]


def folder_of(case: Case, work: Path) -> Path:
    return work / "rescues" / case.id / BEFORE


def record_of(case: Case, work: Path) -> Record | None:
    """What an earlier call has found; nothing where its recipe was another one."""
    path = folder_of(case, work) / RECORD
    found: Record = json.loads(path.read_text()) if path.exists() else {}
    return found if found.get("recipe") == digest(case.recipe) else None


def carry_to_the_start(case: Case, work: Path, shared: Path | None) -> Record:
    """Begin a run and take no step, or read what an earlier call has found."""
    found = record_of(case, work)
    if found is not None:
        return found
    torch.set_num_threads(1)
    folder = folder_of(case, work)
    shutil.rmtree(folder, ignore_errors=True)
    where = Where(data_of(BASES[case.base], shared), work / "corpora", "cpu")
    recipe = replace(case.recipe, seed=case.seed)
    record: Record = {"id": case.id, "recipe": digest(case.recipe), "refused": ""}
    with case.accompanied():
        record["data"] = data_faults(recipe, where)
        record["refused"] = _refusal(replace(recipe, on_fault="refuse"), where, folder / "refuse")
        _refusal(replace(recipe, on_fault="train"), where, folder / "train")  # so that the doctor can be asked
    begun = folder / "train"
    seen = {**record, "refused": "" if begun.exists() else record["refused"]}
    record["causes"] = list(doctor(until(trace_of(begun, seen), 0)).causes)
    shutil.rmtree(begun, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_text(json.dumps(record))
    return record


def _refusal(recipe: Recipe, where: Where, folder: Path) -> str:
    """Why a run is refused; nothing where it begins, and then it lies in the folder."""
    try:
        start(recipe, where, folder).close()
    except RequestError as refusal:
        return str(refusal)
    return ""


def score(part: Part, work: Path) -> None:
    """Print the table of those that have been begun, and write it."""
    found = {case: record for case in buggy(part) if (record := record_of(case, work)) is not None}
    rows = [Result("cases that were begun, of all", f"{len(found)} of {len(buggy(part))}"), *rows_of(found)]
    missed = [case.id for case, record in found.items() if not record["refused"] and not _is_told(case, record)]
    report(f"Bugs before the first step, {part}", rows, f"Neither refused nor told: {', '.join(missed) or 'none'}.")


def rows_of(found: Mapping[Case, Record]) -> Iterator[Result]:
    for what, cause in BUGS.items():
        known = [(case, record) for case, record in found.items() if cause in case.causes]
        refused = Share.count(bool(record["refused"]) for _, record in known)
        told = Share.count(_is_told(case, record) for case, record in known)
        yield Result(f"bugs of {what}: refused", str(refused))
        yield Result(f"bugs of {what}: told, with the right reason", str(told))


def _is_told(case: Case, record: Record) -> bool:
    return not case.acceptable.isdisjoint(record["causes"])
