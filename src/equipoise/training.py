"""Training by one call from Python: a recipe on a folder of data, or a run that goes on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from equipoise.edit import Edit
from equipoise.folder import RunFolder, next_free
from equipoise.piloting import Pilot
from equipoise.recipe import Budget, Recipe
from equipoise.record import Listener
from equipoise.run import Said, Where, start
from equipoise.run import resume as resumed


def train(
    recipe: Recipe,
    data: Path | str | None = None,
    *,
    out: Path | str | None = None,
    budget: str | None = None,
    device: str = "auto",
    listeners: Iterable[Listener] = (),
    begin_from: Path | str | None = None,
    why: str = "",
) -> Path:
    """Train a recipe on a folder of data; returns the run's folder.

    `budget` is what the command line calls ``--for``: "10m", "5000steps", "200epochs".  `begin_from` is its ``--from``:
    a run, or a generator in a run's ``best/``, whose weights generator and encoder begin with.  `why` is kept in the
    run's journal, for ``equipoise journal``.  What the autopilot does is the recipe's setting `autopilot`.
    Raises `RequestError` or `equipoise.spec.SpecError` when it cannot be done as asked, `Fault` when it broke off.
    """
    folder = Path(out) if out is not None else next_free(Path("runs"), "run")
    length = Budget.parse(budget) if budget is not None else None
    where = Where(Path(data) if data is not None else None, device=device)
    origin, listeners = Path(begin_from) if begin_from is not None else None, tuple(listeners)
    session = start(recipe, where, folder, length, listeners, origin, Said(why))
    Pilot(session.folder, where, listeners).fly(session)
    return session.folder.path


def resume(
    run: Path | str,
    changes: Iterable[str] = (),
    *,
    budget: str | None = None,
    data: Path | str | None = None,
    device: str = "auto",
    listeners: Iterable[Listener] = (),
    accept_changes: bool = False,
    why: str = "",
) -> Path:
    """Train on with a run from its newest whole checkpoint; returns its folder.

    `changes` are written as after ``--set``: "d_optim.lr=5e-5".  `budget` is how much longer, as after ``--for``;
    `data` is where the data are now, if they have moved; `accept_changes` goes on although settings or data are not
    what the run was trained with.  Raises `RequestError` or `equipoise.spec.SpecError` when it cannot be done as asked,
    `Fault` when it broke off.
    """
    path, edits, listeners = Path(run), [Edit.parse(change) for change in changes], tuple(listeners)
    where = Where(Path(data) if data is not None else None, device=device)
    length = Budget.parse(budget) if budget is not None else None
    pilot = Pilot(RunFolder(path), where, listeners)
    if pilot.finish_first(edits) is None:
        pilot.fly(
            resumed(
                path,
                edits,
                accept_changes=accept_changes,
                where=where,
                budget=length,
                listeners=listeners,
                why=why,
            )
        )
    return path
