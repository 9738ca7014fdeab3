"""One case, trained on one core, with what is needed to judge it later: its journal, and its outcome."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from clinic.base import Base
from clinic.bases import BASES, data_of
from clinic.cases import Case
from clinic.outcome import Truth, truth_of
from equipoise.data.check import examine
from equipoise.data.corpus import Corpus
from equipoise.errors import Fault, RequestError
from equipoise.journal import Adopting, Event, Tick
from equipoise.recipe import Generator, Recipe
from equipoise.run import Where, carry_out, start
from equipoise.session import Session
from equipoise.spec import digest

RECORD = "clinic.json"
"""What the clinic knows of a run, beside its journal."""

Record = dict[str, Any]


class Observer:
    """Measures the outcome of a run now and then; it changes nothing."""

    def __init__(self, base: Base, truth: Truth) -> None:
        self.evaluations: list[tuple[int, dict[str, float]]] = []
        self.seconds = 0.0
        """Of one core, spent on that."""
        self._base, self._truth = base, truth
        self._session: Session | None = None

    def watch(self, session: Session) -> None:
        """From here on the run is this session, which may go on from an earlier step, or from a fork's."""
        self._session = session
        self.evaluations = [one for one in self.evaluations if one[0] <= session.step]
        if session.step and (not self.evaluations or self.evaluations[-1][0] < session.step):
            self._evaluate(session, session.step)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Adopting):
            self.evaluations.clear()  # they are of a course that the run has left
        if self._session is None or not isinstance(event, Tick) or event.step % self._base.every:
            return
        self._evaluate(self._session, event.step)

    def judge(self, generator: Generator, module: nn.Module) -> dict[str, float]:
        """The truth about one generator."""
        return dict(self._truth(generator, module))

    def _evaluate(self, session: Session, step: int) -> None:
        began = time.process_time()
        self.evaluations.append((step, self.judge(session.plan.recipe.generator, session.state.average)))
        self.seconds += time.process_time() - began


def record_of(case: Case, work: Path) -> Record | None:
    """What an earlier call has found; nothing where its recipe was another one."""
    path = folder_of(case, work) / RECORD
    found: Record = json.loads(path.read_text()) if path.exists() else {}
    return found if found.get("recipe") == digest(case.recipe) else None


def folder_of(case: Case, work: Path) -> Path:
    return work / "runs" / case.id


def carry_through(case: Case, work: Path, shared: Path | None) -> Record:
    """Train a case, or read what an earlier call has found.  A run that was broken off begins anew."""
    found = record_of(case, work)
    if found is not None:
        return found
    torch.set_num_threads(1)
    base, folder = BASES[case.base], folder_of(case, work)
    shutil.rmtree(folder, ignore_errors=True)
    observer = Observer(base, truth_of(base, shared, work))
    began = time.process_time()
    recipe = replace(case.recipe, seed=case.seed)
    where = Where(data_of(base, shared), work / "corpora", "cpu")
    record: Record = {
        "id": case.id,
        "recipe": digest(case.recipe),
        "refused": "",
        "fault": "",
        "poisoned": "",
        "steps": 0,
    }
    record |= _trained(case, recipe, where, folder, observer)
    record |= {"evaluations": observer.evaluations, "data": data_faults(recipe, where)}
    record |= {"core_s": round(time.process_time() - began, 2), "judging_s": round(observer.seconds, 2)}
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{RECORD}.part"
    aside.write_text(json.dumps(record))
    aside.rename(folder / RECORD)
    return record


def _trained(case: Case, recipe: Recipe, where: Where, folder: Path, observer: Observer) -> Record:
    with case.accompanied():
        try:
            session = start(recipe, where, folder, None, [observer])
        except RequestError as refusal:
            return {"refused": str(refusal)}
        observer.watch(session)
        with _slimmed(folder):
            try:
                carry_out(session)
            except RequestError as refusal:
                return {"refused": str(refusal)}
            except Fault as fault:
                return {"fault": str(fault), "poisoned": _poisoned(session), "steps": session.step}
    return {"steps": session.step}


def _poisoned(session: Session) -> str:
    """The first weight that is not finite when a fault ends a run; nothing where all are."""
    for module in (session.state.generator.module, session.state.critic.module):
        for name, weight in module.named_parameters():
            if not bool(weight.isfinite().all()):
                return name
    return ""


@contextlib.contextmanager
def _slimmed(folder: Path) -> Iterator[None]:
    """Afterwards nothing is left of a run but what its doctor reads."""
    yield
    for part in ("checkpoints", "samples", "best", "events"):
        shutil.rmtree(folder / part, ignore_errors=True)


def data_faults(recipe: Recipe, where: Where) -> list[str]:
    """What the tool's own check says of the data as the run saw them."""
    corpus: Corpus = recipe.source.corpus(where.data, where.cache)
    if corpus.space.is_points:
        return []
    return [finding.title for finding in examine(corpus) if finding.severity == "fault"]
