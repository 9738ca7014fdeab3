"""The doctor beside a run that trains, ours or anybody's: it reads what is written down, and speaks when its mind
changes.  It changes nothing of the training: no gradient, no random number.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from equipoise import journal
from equipoise.doctor.examining import examine
from equipoise.doctor.readers.runs import read_run
from equipoise.doctor.symptom import Examination
from equipoise.errors import RequestError
from equipoise.journal import Diagnosed, Event

MOST_SHARE: Final = 0.01
"""Of the time; what nobody minds."""
NOT_WELL: Final = ("ill", "suspect")
"""Verdicts that a person should hear of."""


class Attendant:
    """Examines a run's folder, whose journal grows, and so takes longer each time."""

    def __init__(self, folder: Path, before: Diagnosed | None = None) -> None:
        """`before` is what was said of the run last."""
        self._folder = folder
        self.last = before
        """What was said last."""
        self.seconds = 0.0
        """Spent so far."""
        self._took_s = 0.0
        self.examination: Examination | None = None

    def is_affordable(self, trained_s: float) -> bool:
        """Whether one more examination, as long as the last one, is within the share of the training time."""
        return self.seconds + self._took_s <= MOST_SHARE * trained_s

    def look(self, step: int) -> Diagnosed | None:
        """Examine.  What there is to say of it, where that has changed.

        Raises `RequestError` for a journal that cannot be read.
        """
        began = time.monotonic()
        found = examine(read_run(self._folder))
        self._took_s = time.monotonic() - began
        self.seconds += self._took_s
        self.examination = found
        sure = {diagnosis.symptom.key: round(diagnosis.confidence, 3) for diagnosis in found.diagnoses}
        said = Diagnosed(step=step, verdict=found.verdict, why=found.why, symptoms=sure)
        if self.last is not None and _gist(self.last) == _gist(said):
            return None
        self.last = said
        return said

    def look_if_it_can_be_read(self, step: int) -> Diagnosed | None:
        """The same, for a run that goes on whether or not its journal is too large to be judged."""
        try:
            return self.look(step)
        except RequestError:
            return None


def last_word(events: tuple[Event, ...]) -> Diagnosed | None:
    """What was said of a run last, by its journal."""
    return next((event for event in reversed(journal.history(events)) if isinstance(event, Diagnosed)), None)


def ending(said: Diagnosed | None, folder: Path, otherwise: str) -> list[str]:
    """The last lines about a run: what is wrong with it, if anything is or nobody can tell, and what to do next."""
    if said is None or said.verdict not in (*NOT_WELL, "unknown"):
        return [f"next: {otherwise}"]
    verdict = "not known" if said.verdict == "unknown" else said.verdict
    return [f"{verdict}: {said.why}", f"next: equipoise doctor {folder}   or   {otherwise}"]


def _gist(said: Diagnosed) -> Mapping[str, object]:
    """What has to change for the doctor to speak again."""
    return {"verdict": said.verdict, "first": next(iter(said.symptoms), "")}
