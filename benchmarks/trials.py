"""What benchmarks that train have in common: folders set apart, runs that are whole, verdicts that are kept."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from equipoise.data.listing import list_pictures
from equipoise.evaluating import evaluate
from equipoise.folder import RunFolder
from equipoise.journal import Measured, Tick
from equipoise.recipe import Budget, Recipe
from equipoise.record import Listener
from equipoise.run import Where, carry_out, start
from equipoise.session import STOPPED, Session
from equipoise.spec import digest
from results import commit

Verdict = dict[str, Any]


def set_apart(pictures: Path, into: Path, seen: int) -> tuple[Path, Path]:
    """Copies of the pictures below a folder: so many to train on, evenly from all, and the others to measure against.

    Pictures at the top of a folder that has subfolders are left out: they are contact sheets.
    """
    if not into.exists():
        names = list_pictures(pictures).names
        names = tuple(name for name in names if "/" in name) or names
        chosen = {round(at * (len(names) - 1) / (seen - 1)) for at in range(seen)}
        aside = into.with_suffix(".part")
        shutil.rmtree(aside, ignore_errors=True)
        for at, name in enumerate(names):
            place = aside / ("seen" if at in chosen else "unseen") / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(pictures / name, place)
        aside.rename(into)
    return into / "seen", into / "unseen"


@dataclass(frozen=True)
class Trained:
    """A finished run, and what it took."""

    run: Path
    starting_s: float
    """Before the first step, measurements of the machine included."""
    scoring_share: float
    """Of the time from the first step on, what scores took."""


def trained(
    recipe: Recipe,
    where: Where,
    folder: Path,
    budget: Budget,
    listeners: Sequence[Listener] = (),
    begun: Callable[[Session], object] = lambda session: None,
) -> Trained:
    """Train in a new folder below `folder`; `begun` is called before the first step.

    A run that somebody stops is no result: it ends the benchmark.
    """
    out = folder / f"run-{sum(1 for _ in folder.glob('run-*'))}"
    began = time.monotonic()
    session = start(recipe, where, out, budget, listeners)
    starting_s = time.monotonic() - began
    begun(session)
    if carry_out(session) == STOPPED:
        sys.exit("stopped; the same command goes on with what is missing")
    events = RunFolder(out).read_journal().events
    scoring_s = sum(event.seconds for event in events if isinstance(event, Measured))
    spent_s = max(event.seconds for event in events if isinstance(event, Tick))
    return Trained(out, starting_s, scoring_s / spent_s)


def judged(run: Path, against: Path | None) -> Verdict:
    """What `evaluate` says of the run against pictures that nobody trained on, and, as ``own``, against its own data,
    by which copies are told."""
    verdict, own = (evaluate(run, data, device="cpu").to_json() for data in (against, None))
    assert isinstance(verdict, dict)
    assert isinstance(own, dict)
    return {**verdict, "own": own["measures"]}


def kept(folder: Path, recipe: Recipe, budget: Budget, make: Callable[[], Verdict]) -> Verdict:
    """What `make` found for this recipe and length with this commit, now or in an earlier call."""
    made_from = f"{digest(recipe)} {budget} {commit()}"
    path = folder / f"verdict-{blake2b(made_from.encode(), digest_size=4).hexdigest()}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"made_from": made_from, **make()}))
    found: Verdict = json.loads(path.read_text())
    return found


def number(verdict: Verdict, name: str) -> float:
    """The value of one measure.  Raises `ValueError` where it is not valid."""
    measured = verdict["measures"][name]
    if "value" not in measured:
        raise ValueError(f"{name} is {measured}")
    return float(measured["value"]["mean"])


def floor(verdict: Verdict, name: str) -> float:
    return float(verdict["measures"][name]["floor"]["mean"])
