"""Bugs of data and code are not to be rescued: is their run refused, or is the bug told, before the first step?"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from clinic.bases import BASES, data_of
from clinic.cases import Case
from clinic.kept import trace_of, until
from clinic.rescuing import RECORD, Record
from clinic.rivals import doctor
from clinic.running import data_faults
from equipoise.errors import RequestError
from equipoise.recipe import Recipe
from equipoise.run import Where, start
from equipoise.spec import digest

BEFORE: Final = "before-step-1"


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
