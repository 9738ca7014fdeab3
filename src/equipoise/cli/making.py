"""Verbs that make runs: recipes, check, train, resume, apply, tune, demo."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from equipoise.cli.words import NOT_WELL, OK, AsJson, Data, Device, Set, app, flag, print_json, reading_bar
from equipoise.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from equipoise.journal import Event
    from equipoise.piloting import Flight, Pilot
    from equipoise.session import Session
    from equipoise.terminal import View

MOST_WORKERS = 64
"""Threads; each may hold two batches in memory."""

Length = Annotated[str | None, Parameter(name="--for", help="how long: 10m, 5000steps or 200epochs")]
Workers = Annotated[
    int, Parameter(name="--workers", help="threads that read data too large for the device; see check --loader")
]
Track = Annotated[
    Literal["tensorboard", "wandb"] | None, Parameter(name="--track", help="copy numbers and sheets there too")
]
Autopilot = Annotated[
    Literal["act", "advise", "off"] | None,
    Parameter(name="--autopilot", help="what is done when the run is ill; advise unless the recipe says otherwise"),
]
Why = Annotated[str, Parameter(name="--why", help="what for, in your words; see equipoise journal")]


@app.command
def recipes(name: str | None = None, *, json_: AsJson = False) -> int:
    """List the recipes, or show one with the reason for each number."""
    from equipoise import recipes as shelf
    from equipoise import showing

    entries = shelf.catalogue()
    if name is not None and name not in entries:
        raise shelf.unknown(name)
    if json_:
        print_json(entries if name is None else entries[name])
    elif name is None:
        showing.shelf(entries)
    else:
        showing.recipe(entries[name])
    return OK


@app.command
def check(
    data: Path,
    *,
    recipe: Annotated[str | None, Parameter(name="--recipe", help="read the data as this recipe would")] = None,
    changes: Set = None,
    sheet: Annotated[Path, Parameter(name="--sheet", help="where to put the contact sheet")] = Path("check.png"),
    loader: Annotated[bool, flag("--loader", "find by trying how many --workers keep training from waiting")] = False,
    device: Device = "auto",
    json_: AsJson = False,
) -> int:
    """Look for what is wrong with data before anything is trained on it."""
    from equipoise import checking, showing

    if loader and recipe is None:
        raise RequestError("--loader tries real steps, which need networks: add --recipe NAME")
    with reading_bar() as progress:
        result = checking.check(data, recipe, changes or [], sheet, progress)
        loaders = None
        if loader and not result.has_faults:
            from equipoise import asked, loading, run

            assert recipe is not None
            settings = asked.as_set(asked.find_recipe(recipe), changes or [])
            loaders = loading.compare_loaders(settings, run.Where(data, device=device))
    if json_:
        print_json(result.to_json() | ({"loaders": loaders.to_json()} if loaders else {}))
    else:
        showing.lines(result.lines())
        if loader:
            showing.lines(loaders.lines() if loaders else ["loaders were not tried: the data have faults"])
    return NOT_WELL if result.has_faults else OK


@app.command
def train(
    recipe: str,
    *,
    data: Data = None,
    out: Annotated[Path | None, Parameter(name="--out", help="the run's folder; default runs/RECIPE-001")] = None,
    changes: Set = None,
    length: Length = None,
    begin_from: Annotated[
        Path | None, Parameter(name="--from", help="a run, or a generator in best/, whose weights to begin with")
    ] = None,
    why: Why = "",
    autopilot: Autopilot = None,
    ada: Annotated[bool, flag("--ada", "adaptive augmentation in place of the recipe's own; for few samples")] = False,
    rehearse: Annotated[
        bool, flag("--rehearse", "the whole of it in small, thrown away afterwards: is the long run worth starting?")
    ] = False,
    track: Track = None,
    workers: Workers = 1,
    device: Device = "auto",
    dry_run: Annotated[bool, flag("--dry-run", "show every setting and what the data is; train nothing")] = False,
) -> int:
    """Train a recipe: a name, recipe.json, a run whose recipe it is, or file.py:function."""
    from equipoise import asked, rehearsal, run, showing
    from equipoise.folder import next_free
    from equipoise.piloting import Pilot
    from equipoise.recipe import Budget

    settings = asked.as_set(asked.find_recipe(recipe), [*(changes or []), *_piloted(autopilot)], ada=ada)
    budget = Budget.parse(length) if length is not None else None
    folder = out if out is not None else next_free(Path("runs"), _stem(recipe))
    with reading_bar() as progress:
        where = run.Where(data, device=device, progress=progress, readers=_readers(workers))
        if begin_from is not None and dry_run:
            raise RequestError("--from changes nothing that --dry-run shows: leave one of them away")
        if dry_run:
            showing.plan(rehearsal.outline(settings, where, budget))
            return OK
        if rehearse:
            showing.rehearsal(rehearsed := rehearsal.rehearse(settings, where, budget, begin_from))
            return NOT_WELL if rehearsed.faults else OK
        view = _view()
        listeners = _listeners(view, track, folder)
        said = run.Said(why, asked=_as_asked(recipe))
        session = run.start(settings, where, folder, budget, listeners, begin_from, said)
    return _fly(Pilot(session.folder, replace(where, progress=None), listeners), session, view)


@app.command
def resume(
    run_folder: Path,
    *,
    changes: Set = None,
    accept_changes: Annotated[bool, flag("--accept-changes", "go on although settings or data differ")] = False,
    data: Data = None,
    length: Annotated[str | None, Parameter(name="--for", help="how much longer: 10m, 5000steps, 200epochs")] = None,
    why: Why = "",
    autopilot: Autopilot = None,
    track: Track = None,
    workers: Workers = 1,
    device: Device = "auto",
) -> int:
    """Go on with a run exactly where its newest checkpoint is."""
    from equipoise import run
    from equipoise.edit import Edit
    from equipoise.folder import RunFolder
    from equipoise.piloting import Pilot
    from equipoise.recipe import Budget

    budget = Budget.parse(length) if length is not None else None
    edits = [Edit.parse(change) for change in (*(changes or []), *_piloted(autopilot))]
    view = _view()
    listeners = _listeners(view, track, run_folder)
    where = run.Where(data, device=device, readers=_readers(workers))
    pilot = Pilot(RunFolder(run_folder), where, listeners)
    ended = pilot.finish_first(edits)
    if ended is not None:
        return _told(ended, pilot)
    with reading_bar() as progress:
        session = run.resume(
            run_folder,
            edits,
            accept_changes=accept_changes,
            where=replace(where, progress=progress),
            budget=budget,
            listeners=listeners,
            why=why,
        )
    return _fly(pilot, session, view)


@app.command
def apply(
    run_folder: Path,
    number: int,
    *,
    data: Data = None,
    track: Track = None,
    workers: Workers = 1,
    device: Device = "auto",
) -> int:
    """Do what the autopilot advised: go back to the checkpoint it names, and train on with the change."""
    from equipoise import run
    from equipoise.folder import RunFolder
    from equipoise.piloting import Pilot

    view = _view()
    where = run.Where(data, device=device, readers=_readers(workers))
    pilot = Pilot(RunFolder(run_folder), where, _listeners(view, track, run_folder))
    return _fly(pilot, pilot.apply(number), view)


@app.command
def tune(
    recipe: str,
    *,
    budget: Annotated[str, Parameter(name="--budget", help="of all trials together: 2h, 40trials or 20000steps")],
    knobs: Annotated[
        list[str] | None,
        Parameter(name="--knobs", negative=(), help="settings: a,b, with ranges a=1e-5..1e-3 or choices b=3,5"),
    ] = None,
    data: Data = None,
    out: Annotated[Path | None, Parameter(name="--out", help="the study's folder; default runs/tune-RECIPE")] = None,
    changes: Set = None,
    strategy: Annotated[
        Literal["one", "random", "tpe", "nsga"], Parameter(name="--strategy", help="one knob at a time, or a sampler")
    ] = "one",
    objective: Annotated[
        list[str] | None,
        Parameter(name="--objective", negative=(), help="quality, diversity, no-collapse; the first decides"),
    ] = None,
    seeds: Annotated[int, Parameter(name="--seeds", help="with which the best values are tried")] = 3,
    warm_up: Annotated[
        int | None, Parameter(name="--warm-up", help="steps that all trials share; default as long as a trial")
    ] = None,
    horizon: Annotated[int | None, Parameter(name="--horizon", help="steps of a trial; default what fits")] = None,
    median: Annotated[bool, flag("--median", "give up trials that are worse than the median on the way")] = False,
    storage: Annotated[
        str | None, Parameter(name="--storage", help="a database for several machines: postgresql://...")
    ] = None,
    study: Annotated[str | None, Parameter(name="--study", help="its name there; default that of the folder")] = None,
    workers: Workers = 1,
    device: Device = "auto",
    json_: AsJson = False,
) -> int:
    """Look for better settings, one change at a time; the same command goes on, and several work together."""
    from equipoise import asked, run, showing
    from equipoise.tuning.budget import TuningBudget
    from equipoise.tuning.question import Asked
    from equipoise.tuning.telling import lines, to_json
    from equipoise.tuning.tune import tune as work

    length = TuningBudget.parse(budget)
    request = Asked.parse(
        asked.as_set(asked.find_recipe(recipe), changes or []),
        knobs=knobs or [],
        strategy=strategy,
        objective=objective or [],
        seeds=seeds,
        warm_up=warm_up,
        horizon=horizon,
        named=_as_asked(recipe),
    )
    folder = out if out is not None else Path("runs") / f"tune-{_stem(recipe)}"
    with reading_bar() as progress:
        where = run.Where(data, device=device, progress=progress, readers=_readers(workers))
        say = (lambda line: None) if json_ else (lambda line: showing.lines([line]))
        found = work(request, where, folder, length, say, storage=storage, name=study, prune=median)
    if json_:
        print_json(to_json(found))
    else:
        showing.lines(["", *lines(found), "", f"the whole of it: {folder / 'tune.html'}"])
    return OK


@app.command
def demo(*, out: Annotated[Path | None, Parameter(name="--out", help="default runs/demo-001")] = None) -> int:
    """Train on real handwritten digits, broken on purpose; see it diagnosed and mended within minutes, and judged."""
    from equipoise import demo as tour
    from equipoise import showing
    from equipoise.folder import next_free
    from equipoise.report.writing import write_report

    folder = out if out is not None else next_free(Path("runs"), "demo")
    showing.lines(tour.PLOT)
    with _view() as view:
        toured = tour.tour(folder, _listeners(view, None, folder))
    write_report(folder)
    showing.lines(toured.lines())
    return OK


def _fly(pilot: Pilot, session: Session, view: View) -> int:
    """Train with the view open, and say where things are."""
    from equipoise.engine.world import leave_world

    leads = session.plan.world.leads
    with view if leads else contextlib.nullcontext():
        flight = pilot.fly(session)
    leave_world()
    enlarges = "given" in session.plan.recipe.generator.takes
    return _told(flight, pilot, "upscale {} SCENE OUT" if enlarges else "sample {}") if leads else OK


def _told(flight: Flight, pilot: Pilot, use: str = "sample {}") -> int:
    """The last lines; `use` is the verb for a run that has come to its end."""
    from equipoise import showing
    from equipoise.attending import ending, last_word
    from equipoise.course import UNFINISHED
    from equipoise.piloting import GAVE_UP
    from equipoise.report.writing import write_report
    from equipoise.session import STOPPED

    folder = pilot.run.path
    lines = [f"{flight.reason} at step {flight.step}; the run is in {folder}", *pilot.account(flight.step)]
    if flight.reason == GAVE_UP:
        page = f"what was seen and tried, and what is left to do: {write_report(folder)}"
        showing.lines([*lines, page, f"to go on all the same: equipoise resume {folder}"])
        return NOT_WELL
    then = "resume {}" if flight.reason == STOPPED else use
    if flight.reason.startswith(UNFINISHED):
        then = "resume {} --for 10m"
    said = last_word(pilot.run.read_journal().events)
    showing.lines([*lines, *ending(said, folder, f"equipoise {then.format(folder)}")])
    return OK


def _piloted(mode: str | None) -> list[str]:
    return [f"autopilot.mode={mode}"] if mode is not None else []


def _view() -> View:
    from rich.console import Console

    from equipoise.terminal import View

    return View(Console())


def _listeners(
    view: View, track: Literal["tensorboard", "wandb"] | None, run_folder: Path
) -> list[Callable[[Event], None]]:
    """Whoever is told what happens: the terminal, and a tracker when one was asked for."""
    from equipoise.record import Onlooker

    shown = Onlooker("the terminal", view)
    if track is None:
        return [shown]
    from equipoise.track import tracker

    return [shown, Onlooker(track, tracker(track, run_folder))]


def _readers(workers: int) -> int:
    if not 1 <= workers <= MOST_WORKERS:
        raise RequestError(f"--workers {workers}: at least 1 and at most {MOST_WORKERS}")
    return workers


def _as_asked(recipe: str) -> str:
    """A recipe's name, or its whole path where it is a file or a run."""
    path = Path(recipe)
    is_file = path.is_file() or (path / "recipe.json").is_file()
    return str(path.absolute()) if is_file else recipe


def _stem(recipe: str) -> str:
    """A name for a run's folder: the recipe's, without its file and folder."""
    return Path(recipe.rpartition(":")[2] or recipe).stem
