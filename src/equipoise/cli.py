"""The command line.  Each verb parses its words and makes one call; nothing heavy is imported before it is needed."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from cyclopts import App, CycloptsError, Parameter

from equipoise import __version__
from equipoise.errors import Fault, RequestError
from equipoise.spec import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from equipoise.journal import Event
    from equipoise.session import Session
    from equipoise.terminal import View

OK, NOT_WELL, WRONG_REQUEST, FAULT = 0, 1, 2, 3

SHORT_SPIN = "1000"
"""How long a thread of OpenMP spins before it sleeps, read when torch is first imported.  By default it spins so long
that one other busy process slows the training of small networks down sixteenfold; so, less than twofold (LAB.md)."""

MOST_WORKERS = 64
"""Threads; each may hold two batches in memory."""

app = App(
    name="equipoise",
    version=__version__,
    help="Train GANs on small, unusual data without collapse.",
    version_flags=["--version"],
    help_format="plaintext",  # Markdown would cost a fifth of the time that --help takes
)

Set = Annotated[
    list[str] | None, Parameter(name="--set", negative=(), help="change a setting: path=value, path*=factor")
]
Data = Annotated[Path | None, Parameter(name="--data", help="folder of the data")]
Length = Annotated[str | None, Parameter(name="--for", help="how long: 10m, 5000steps or 200epochs")]
Workers = Annotated[
    int, Parameter(name="--workers", help="threads that read data too large for the device; see check --loader")
]
Device = Annotated[str, Parameter(name="--device", help="auto, cpu, cuda, cuda:1 or mps")]
Track = Annotated[
    Literal["tensorboard", "wandb"] | None, Parameter(name="--track", help="copy numbers and sheets there too")
]
Autopilot = Annotated[Literal["off"], Parameter(name="--autopilot", help="act on diagnoses by itself; only off so far")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="for a machine to read")]


def flag(name: str, text: str) -> Parameter:
    return Parameter(name=name, negative=(), help=text)


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
    autopilot: Autopilot = "off",
    ada: Annotated[bool, flag("--ada", "adaptive augmentation in place of the recipe's own; for few samples")] = False,
    rehearse: Annotated[
        bool, flag("--rehearse", "the whole of it in small, thrown away afterwards: is the long run worth starting?")
    ] = False,
    track: Track = None,
    workers: Workers = 1,
    device: Device = "auto",
    dry_run: Annotated[bool, flag("--dry-run", "show every setting and what the data is; train nothing")] = False,
) -> int:
    """Train a recipe: a name, recipe.json, or file.py:function."""
    from equipoise import asked, rehearsal, run, showing
    from equipoise.folder import next_free
    from equipoise.recipe import Budget

    settings = asked.as_set(asked.find_recipe(recipe), changes or [], ada=ada)
    budget = Budget.parse(length) if length is not None else None
    folder = out if out is not None else next_free(Path("runs"), _stem(recipe))
    with _reading_bar() as progress:
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
        session = run.start(settings, where, folder, budget, _listeners(view, track, folder), begin_from)
    return _carry_out(session, view)


@app.command
def resume(
    run_folder: Path,
    *,
    changes: Set = None,
    accept_changes: Annotated[bool, flag("--accept-changes", "go on although settings or data differ")] = False,
    data: Data = None,
    length: Annotated[str | None, Parameter(name="--for", help="how much longer: 10m, 5000steps, 200epochs")] = None,
    autopilot: Autopilot = "off",
    track: Track = None,
    workers: Workers = 1,
    device: Device = "auto",
) -> int:
    """Go on with a run exactly where its newest checkpoint is."""
    from equipoise import run
    from equipoise.edit import Edit
    from equipoise.recipe import Budget

    budget = Budget.parse(length) if length is not None else None
    edits = [Edit.parse(change) for change in changes or []]
    view = _view()
    listeners = _listeners(view, track, run_folder)
    with _reading_bar() as progress:
        where = run.Where(data, device=device, progress=progress, readers=_readers(workers))
        session = run.resume(
            run_folder, edits, accept_changes=accept_changes, where=where, budget=budget, listeners=listeners
        )
    return _carry_out(session, view)


@app.command
def sample(
    run_folder: Path,
    *,
    n: Annotated[int, Parameter(name="--n", help="how many")] = 64,
    seed: Annotated[int, Parameter(name="--seed", help="start of the randomness; the same seed, the same samples")] = 0,
    interpolate: Annotated[bool, flag("--interpolate", "rows that walk from one sample to another")] = False,
    sheet: Annotated[
        bool, flag("--sheet", "only the sheet and the arrays, no single pictures; over the conditions, if it has any")
    ] = False,
    condition: Annotated[
        str | None, Parameter(name="--condition", help="what is asked for: valence=.8,arousal=.2, each from 0 to 1")
    ] = None,
    tiles: Annotated[bool, flag("--tiles", "files in units of the world too: GeoTIFF, FITS or NPZ")] = False,
    format_: Annotated[
        Literal["tif", "npz", "csv", "fits"] | None,
        Parameter(name="--format", help="of the tiles; default by the data"),
    ] = None,
    at: Annotated[
        tuple[float, float] | None,
        Parameter(name="--at", help="X Y of the first tile's upper left corner, for GeoTIFF"),
    ] = None,
    out: Annotated[Path | None, Parameter(name="--out", help="folder; default RUN/samples/seed-S")] = None,
    device: Device = "auto",
) -> int:
    """Draw samples from a run's best generator."""
    from equipoise import sampling, showing

    if n < 1:
        raise RequestError(f"--n {n}: at least one sample is needed")
    if (format_ or at) and not tiles:
        raise RequestError(f"--{'format' if format_ else 'at'} is for tiles: add --tiles")
    asked = sampling.Tiles(format_ or "", at) if tiles else None
    home = run_folder.parent if run_folder.suffix == ".safetensors" else run_folder
    folder = out or home / "samples" / (f"walk-{seed}" if interpolate else f"seed-{seed}")
    written = sampling.sample(
        run_folder,
        folder,
        n,
        seed,
        walk=interpolate,
        singles=not sheet,
        plane=sheet and not interpolate,
        condition=_numbers("--condition", condition),
        tiles=asked,
        device=device,
    )
    showing.lines([f"{written.count} samples of step {written.step}: {written.sheet}"])
    if tiles:
        showing.lines([f"{written.tiles} files in {written.folder / 'tiles'}"])
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
    with _reading_bar() as progress:
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
def doctor(
    *paths: Path,
    loss: Annotated[str | None, Parameter(name="--loss", help="bce, lsgan, hinge, wgan, relativistic ...")] = None,
    phase: Annotated[
        str | None, Parameter(name="--phase", help="another phase of a run than the last, or another pair of networks")
    ] = None,
    everything: Annotated[bool, flag("--all", "all that could be tried, for every diagnosis")] = False,
    page: Annotated[Path | None, Parameter(name="--page", help="also write this HTML file, with plots")] = None,
    json_: AsJson = False,
) -> int:
    """Say what is wrong with a run, by its folder or by a log of any program, how that is known, and what to change."""
    from equipoise.doctor import telling
    from equipoise.doctor.examining import examine
    from equipoise.doctor.readers import read_all

    if not paths:
        raise RequestError("doctor needs a run's folder or a log: a table, a text, a notebook, TensorBoard's events")
    trace = read_all(paths, loss, phase)
    examination = examine(trace)
    if json_:
        print_json(telling.to_json(examination, trace))
    else:
        sys.stdout.writelines(f"{line}\n" for line in telling.lines(examination, trace, everything=everything))
    sys.stdout.flush()
    if page is not None:
        from equipoise.report.page import Dossier
        from equipoise.report.writing import write_page

        write_page(Dossier(", ".join(path.name for path in paths), trace, examination), page)
    return NOT_WELL if examination.verdict in ("ill", "suspect") else OK


@app.command
def report(
    run_folder: Path,
    *,
    out: Annotated[Path | None, Parameter(name="--out", help="file to write; default report.html in the run")] = None,
) -> int:
    """Write a run as one page: verdict, evidence, samples over time, curves, settings with their reasons."""
    from equipoise.report.writing import write_report

    sys.stdout.write(f"{write_report(run_folder, out)}\n")
    return OK


@app.command
def evaluate(
    run_folder: Path,
    *,
    data: Annotated[
        Path | None, Parameter(name="--data", help="pictures the run has not seen; default its own")
    ] = None,
    n: Annotated[int | None, Parameter(name="--n", help="how many at most of each kind; default 2000")] = None,
    seed: Annotated[int, Parameter(name="--seed", help="which samples, which halves")] = 0,
    everything: Annotated[
        bool, flag("--all", "more numbers: faults by name, sizes of detail, channels, a classifier")
    ] = False,
    json_: AsJson = False,
    device: Device = "auto",
) -> int:
    """Measure a run's best generator, each number beside what real data give."""
    from equipoise import evaluating, showing

    if n is not None and n < 1:
        raise RequestError(f"--n {n}: at least one sample is needed")
    with _reading_bar() as progress:
        count = n or evaluating.MOST_SAMPLES
        result = evaluating.evaluate(run_folder, data, count, seed, device, progress, everything=everything)
    if json_:
        print_json(result.to_json())
    else:
        showing.lines(result.lines())
    return OK


@app.command
def compare(
    *runs: Path,
    data: Annotated[Path | None, Parameter(name="--data", help="other pictures; default the runs' own")] = None,
    n: Annotated[int | None, Parameter(name="--n", help="how many at most of each kind; default 2000")] = None,
    seed: Annotated[int, Parameter(name="--seed", help="which samples, which halves")] = 0,
    sheet: Annotated[Path, Parameter(name="--sheet", help="where to put the samples of all")] = Path("compare.png"),
    json_: AsJson = False,
    device: Device = "auto",
) -> int:
    """Say which of several runs is better, by which numbers, and what differs in their settings."""
    from equipoise import comparing, evaluating, showing

    if n is not None and n < 1:
        raise RequestError(f"--n {n}: at least one sample is needed")
    with _reading_bar() as progress:
        result = comparing.compare(runs, data, n or evaluating.MOST_SAMPLES, seed, device, progress)
    if json_:
        print_json(result.to_json() | {"sheet": str(sheet)})
    else:
        showing.lines([*result.lines(), "", f"samples side by side: {sheet}"])
    result.draw(sheet)
    return OK


@app.command
def upscale(run_folder: Path, scene: Path, out: Path, *, device: Device = "auto") -> int:
    """Enlarge a whole GeoTIFF or picture with a run that makes large pictures from small ones."""
    from equipoise import showing, upscaling

    with _reading_bar("enlarging") as progress:
        done = upscaling.upscale(run_folder, scene, out, device, progress)
    showing.lines(done.lines())
    return OK


@app.command
def project(
    run_folder: Path,
    photo: Path,
    *,
    edit: Annotated[
        str | None, Parameter(name="--edit", help="added to what is found: valence=+.3,arousal=-.1")
    ] = None,
    condition: Annotated[
        str | None, Parameter(name="--condition", help="what is known of the picture, each from 0 to 1")
    ] = None,
    seed: Annotated[int, Parameter(name="--seed", help="start of the search, where there is no encoder")] = 0,
    out: Annotated[Path | None, Parameter(name="--out", help="folder; default RUN/samples/PHOTO")] = None,
    device: Device = "auto",
) -> int:
    """Find a given picture in a run's latent space, and change its conditions."""
    from equipoise import projecting, showing

    home = run_folder.parent if run_folder.suffix == ".safetensors" else run_folder
    folder = out or home / "samples" / photo.stem
    asked, known = _numbers("--edit", edit), _numbers("--condition", condition)
    showing.lines(projecting.project(run_folder, photo, folder, asked, known, seed, device).lines())
    return OK


@app.command
def demo(*, out: Annotated[Path | None, Parameter(name="--out", help="default runs/demo-001")] = None) -> int:
    """Train on real handwritten digits for a few minutes and judge what comes out."""
    from equipoise import demo as tour
    from equipoise import showing
    from equipoise.folder import next_free

    folder = out if out is not None else next_free(Path("runs"), "demo")
    with _view() as view:
        verdict = tour.tour(folder, [view])
    showing.lines(verdict.lines())
    return OK


def main() -> NoReturn:
    """Run the command line; a request that fails is one clear line and an exit code."""
    os.environ.setdefault("GOMP_SPINCOUNT", SHORT_SPIN)
    sys.exit(run_command(sys.argv[1:]))


def run_command(words: list[str]) -> int:
    """The exit code of one command."""
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except (RequestError, SpecError) as error:
        return _complain(str(error), WRONG_REQUEST)
    except CycloptsError as error:
        return _complain(str(error), WRONG_REQUEST)
    except Fault as fault:
        return _complain(str(fault), FAULT)
    except BrokenPipeError:  # whoever reads has seen enough, as head has; at the end nothing must be left to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        return _complain(f"{error.filename or 'a file'}: {error.strerror or error}", FAULT)
    return code if isinstance(code, int) else OK


def print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"equipoise: {' '.join(message.split())}\n")
    return code


def _carry_out(session: Session, view: View) -> int:
    """Train with the view open, and say where things are."""
    from equipoise import run, showing
    from equipoise.engine.world import leave_world
    from equipoise.session import STOPPED

    with view if session.plan.world.leads else contextlib.nullcontext():
        reason = run.carry_out(session)
    leave_world()
    if session.plan.world.leads:
        folder = session.folder.path
        hint = "resume" if reason == STOPPED else "sample"
        showing.lines([f"{reason} at step {session.step}; the run is in {folder}", f"next: equipoise {hint} {folder}"])
    return OK


def _view() -> View:
    from rich.console import Console

    from equipoise.terminal import View

    return View(Console())


def _listeners(
    view: View, track: Literal["tensorboard", "wandb"] | None, run_folder: Path
) -> list[Callable[[Event], None]]:
    """Whoever is told what happens: the terminal, and a tracker when one was asked for."""
    if track is None:
        return [view]
    from equipoise.track import tracker

    return [view, tracker(track, run_folder)]


@contextlib.contextmanager
def _reading_bar(words: str = "reading the data") -> Iterator[Callable[[int, int], None] | None]:
    """A callback that draws how much has been done, where there is a terminal to draw it on."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console()
    if not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(words, total=None, visible=False)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield update


def _readers(workers: int) -> int:
    if not 1 <= workers <= MOST_WORKERS:
        raise RequestError(f"--workers {workers}: at least 1 and at most {MOST_WORKERS}")
    return workers


def _numbers(option: str, text: str | None) -> dict[str, float]:
    """What is written as name=number,name=number."""
    found = {}
    for part in text.split(",") if text else []:
        name, equals, number = part.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise RequestError(f"{option} {text}: write NAME=NUMBER, several with commas between")
    return found


def _stem(recipe: str) -> str:
    """A name for a run's folder: the recipe's, without its file and folder."""
    return Path(recipe.rpartition(":")[2] or recipe).stem
