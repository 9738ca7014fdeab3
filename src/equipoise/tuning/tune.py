"""``equipoise tune``: begin or join a study, work in it, and write down what it found."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from equipoise.errors import Fault, RequestError
from equipoise.files import write_whole
from equipoise.run import Where
from equipoise.tuning import page
from equipoise.tuning.beginning import begin
from equipoise.tuning.budget import TuningBudget
from equipoise.tuning.locks import locked
from equipoise.tuning.planning import importance
from equipoise.tuning.question import Asked
from equipoise.tuning.storage import LOCK, Beginning, in_folder
from equipoise.tuning.study import Study, open_study
from equipoise.tuning.telling import Found, to_json
from equipoise.tuning.trials import RUNS, WARM_UP, Place, refuse_other_data
from equipoise.tuning.working import Say, Sitting, work

TABLE: Final = "tune.json"


def tune(
    asked: Asked,
    where: Where,
    folder: Path,
    budget: TuningBudget,
    say: Say,
    *,
    storage: str | None = None,
    name: str | None = None,
    prune: bool = False,
) -> Found:
    """Work in a study until its budget is spent or all is decided; ``tune.json`` and ``tune.html`` say what it found.

    Without `storage` it is a file in the folder.  Raises `RequestError` when it cannot be done as asked, `Fault` when
    it broke off.
    """
    name = name or folder.name
    _refuse_place(folder, storage, name)
    begun: list[Beginning] = []

    def beginning(others: Sequence[str]) -> Beginning:
        if storage is None:
            _refuse_others(folder, others, name)
        _refuse_trials(folder)
        begun.append(begin(asked, where, budget))
        return begun[0]

    is_mine = _made(folder)
    try:
        study = open_study(in_folder(folder) if storage is None else storage, name, beginning, prune)
    except BaseException:  # Ctrl-C too
        if is_mine:
            with contextlib.suppress(OSError):  # another worker has begun in it
                folder.rmdir()
        raise
    try:
        if not begun:
            _refuse_mismatch(study, asked, where)

        def note(sitting: Sitting) -> Found:
            found = _found(study, sitting)
            write(found, folder, name)
            return found

        return note(work(study, Place(folder, where), budget, say, note))
    finally:
        study.close()


def write(found: Found, folder: Path, name: str) -> None:
    """The table for a machine, and the page: of one worker at a time, and the last one's are there."""
    table = json.dumps({"study": name, **to_json(found)}, indent=1) + "\n"
    try:
        with locked(folder / f"{TABLE}{LOCK}"):
            write_whole(folder / TABLE, table.encode())
            write_whole(folder / page.NAME, page.page(found, name).encode())
    except OSError as error:
        raise Fault(f"what was found cannot be written: {error.strerror or error}") from error


def _made(folder: Path) -> bool:
    """Whether this worker is the one that made the folder.  Raises `RequestError` where nobody can."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        if folder.is_dir():
            return False
        raise RequestError(f"--out {folder} cannot be made: {error.strerror or error}") from error
    return True


def _found(study: Study, sitting: Sitting) -> Found:
    question = study.question
    moved = importance(question, sitting.ledger) if question.strategy == "one" else study.importance()
    return Found(question, sitting.ledger, sitting.plan, moved, sitting.ended)


def _refuse_mismatch(study: Study, asked: Asked, where: Where) -> None:
    """Raise `RequestError` where a study that goes on is not the one that is asked for."""
    if study.begun_with != asked.digest:
        raise RequestError(
            "this study was begun with another recipe: begin one for this recipe with another --out or --study"
        )
    study.question.refuse_other(asked)
    refuse_other_data(study.question, where)


def _refuse_place(folder: Path, storage: str | None, name: str) -> None:
    """Raise `RequestError` for a storage or a folder that cannot be this study's."""
    if storage is not None and not storage.strip():
        raise RequestError("--storage is empty: is the variable set that it is read from?")
    if (folder / "recipe.json").exists():
        raise RequestError(f"{folder} is a run: choose another --out")
    table = folder / TABLE
    if storage is not None and table.is_file():  # many studies are in one storage, and one in a folder
        _refuse_others(folder, [json.loads(table.read_text(encoding="utf-8"))["study"]], name)


def _refuse_others(folder: Path, studies: Sequence[str], name: str) -> None:
    """Raise `RequestError` for a folder that holds something else: names of runs would be the same."""
    if studies and name not in studies:
        raise RequestError(
            f"{folder} holds the study {studies[0]!r}: go on with it by --study {studies[0]}, or choose another --out"
        )


def _refuse_trials(folder: Path) -> None:
    """Raise `RequestError` for a folder with runs where a study begins."""
    if any(path.name != WARM_UP for path in (folder / RUNS).glob("*")):
        raise RequestError(f"{folder / RUNS} holds trials of another study: choose another --out")
