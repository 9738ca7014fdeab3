"""A remedy as a trial: its change as it is typed, and the name of the folder in which it is tried."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from equipoise.doctor.symptom import Remedy
from equipoise.edit import Edit
from equipoise.journal import Trial
from equipoise.spec import TAG, Json

LONGEST_NAME: Final = 48
OWN_COURSE: Final = "own-course"
_SIGNS: Final = {"set": "", "scale": "times-", "add": "plus-"}


def trial_of(remedy: Remedy) -> Trial:
    return Trial(
        _slug(remedy.edits), tuple(map(str, remedy.edits)), remedy.effect, math.ceil(remedy.look_again), remedy.anew
    )


def numbered(number: int, trials: Iterable[Trial], *, is_own_course: bool = False) -> tuple[Trial, ...]:
    """With names for folders, and with no change first: another course of chance, or the run's own."""
    another = Trial("no-change", (str(Edit("course", value=number)),), "what another course of chance brings by itself")
    own = Trial(OWN_COURSE, (), "what the run did without it", is_own_course=True)
    same = own if is_own_course else another
    return tuple(
        replace(trial, name=f"{number:03d}-{place}-{trial.name}") for place, trial in enumerate((same, *trials))
    )


def as_typed(trial: Trial) -> str:
    """Its edits, as words for ``resume``, or for ``train`` where networks change their shapes."""
    words = "--set " + " --set ".join(f"'{edit}'" for edit in trial.edits)
    return f"a new run with {words}" if trial.anew else words


def _slug(edits: Iterable[Edit]) -> str:
    """A folder's name: letters, digits and dots, short enough for any file system."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(map(_in_short, edits)))[:LONGEST_NAME].strip("-.")


def _in_short(edit: Edit) -> str:
    name = _leaf(edit.path)
    return f"without-{name}" if edit.op == "drop" else f"{name}-{_SIGNS[edit.op]}{_short(edit.value)}"


def _leaf(path: str) -> str:
    """What tells a setting from others: without its phase, and without the words that all of its kind share."""
    return re.sub(r"^phases\.[^.]+\.(terms\.)?", "", path).replace("_optim", "")


def _short(value: Json) -> str:
    """A number or word as it is; of a part its kind."""
    return str(value[TAG]).rpartition(".")[2] if isinstance(value, dict) and TAG in value else str(value)
