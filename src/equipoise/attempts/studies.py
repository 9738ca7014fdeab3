"""The tuner's studies among the runs: each is one entry, by the table that the tuner has left in its folder.

Only files are read, and no database, so nothing has to be installed for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from equipoise.doctor.readers.runs import is_run
from equipoise.edit import Edit

TABLE: Final = "tune.json"
SIGNS: Final = (TABLE, "study.db")
"""A study has one of these; one whose storage is a server has none before its first trial ends, and is not known."""
NO_TABLE: Final = f"no table yet: the tuner writes {TABLE} after its first trial"


@dataclass(frozen=True, slots=True)
class Study:
    """What a study recommends, as far as it has come."""

    folder: Path
    recommended: str = ""
    """As words for ``--set``; empty where it recommends nothing."""
    why: str = ""
    """Where it recommends nothing."""
    kept: tuple[str, ...] = ()
    """Each setting that it recommends, and by how much it is better, with the interval."""
    undecided: tuple[str, ...] = ()
    """Settings of which it does not know yet."""
    explores: bool = False
    """Whether it explores more, and may then recommend something else."""


def is_study(folder: Path) -> bool:
    return not is_run(folder) and any((folder / name).is_file() for name in SIGNS)


def study_of(folder: Path) -> Study:
    """Read a study's table, whoever wrote it."""
    table = folder / TABLE
    if not table.is_file():
        return Study(folder, why=NO_TABLE)
    try:
        return _read(folder, json.loads(table.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        return Study(folder, why=f"its {TABLE} cannot be read: {type(error).__name__}: {error}")


def _read(folder: Path, table: Mapping[str, Any]) -> Study:
    decided = [one for one in table["rounds"] if one["is_decided"]]
    undecided = tuple(map(str, table["undecided"]))
    explores = any(one.get("is_open", False) for one in decided)
    if table["recommended"]:
        edits = {it["path"]: str(Edit(it["path"], it["op"], it["value"])) for it in table["edits"]}
        kept = tuple(words for one in decided for words in _kept(one, edits, table["objectives"]))
        return Study(folder, str(table["recommended"]), kept=kept, undecided=undecided, explores=explores)
    why = "of what was tried, none is better than the recipe's own by more than the noise"
    return Study(folder, why=why if decided else "nothing is decided yet", undecided=undecided, explores=explores)


def _kept(one: Mapping[str, Any], edits: Mapping[str, str], objectives: list[str]) -> Iterator[str]:
    """What a decision has changed, if it has changed anything."""
    before, after = one["present"]["settings"], one["kept"]
    if before == after:
        return
    changed = ", ".join(edits[path] for path, value in after.items() if before.get(path) != value)
    (tried,) = [it for it in one["tried"] if it["settings"] == after]
    pairs = zip(objectives, tried["less_is_better"], strict=False)
    gains = "; ".join(f"{name} better by {_gain(*interval)}" for name, interval in pairs)
    yield f"{changed}: {gains} (95 %, {len(tried['by_seed'])} seeds)"


def _gain(mean: float | None, low: float | None, high: float | None) -> str:
    """Turned round, for the table says how much less there is of what is to be little."""
    shown = [f"{-value:.3g}" if value is not None else "?" for value in (mean, high, low)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"
