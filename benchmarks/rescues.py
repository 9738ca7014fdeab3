"""The notes' own failures on real data: left alone, and with the autopilot, at equal compute.

    python benchmarks/rescues.py --shared FOLDER [--length 1] [--seeds 3] [--extra 0.25] [--only bursts squares ...]
        [--work FOLDER]

FOLDER is the folder of real data.  Each failure is started as its author started it, once with nobody looking and once
with the autopilot, which may spend as many steps as the other one makes, those of forks and of courses that it leaves
included: so many as take about five minutes of a quiet core, times ``--length``.  Both are scored as often, and are the
same up to the first intervention: where nothing was done, one run is both.  Both best generators are measured against
the run's own data, held-out samples first, and their sheets are put side by side into the folder of ``--work``.
Stopped and started again, it goes on with what is missing.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PIL import Image

import bursts
import landscapes
import terrain
import tuning
from clinic.compute import Spending
from contest import over_seeds
from equipoise.doctor.interventions import past
from equipoise.edit import Edit
from equipoise.errors import Fault
from equipoise.evaluating import evaluate
from equipoise.folder import RunFolder
from equipoise.journal import Measured, Started, Tick, history
from equipoise.piloting import Pilot
from equipoise.recipe import Autopilot, Budget, Recipe, Span, edited
from equipoise.run import Where, start
from equipoise.session import STOPPED
from equipoise.spec import Json
from results import Result, report
from trials import Verdict, kept

SCORES = 12
"""In a run; the autopilot decides at them."""
SHOWN = ("kernel", "coverage", "diversity")
MOMENTUM: dict[str, Json] = {"g_optim__beta1": 0.9, "d_optim__beta1": 0.9}
Mode = Literal["off", "act"]
GAP = 8
"""Pixels between two sheets."""


@dataclass(frozen=True)
class Failure:
    """What an author started, and on which data."""

    what: str
    recipe: Callable[[], Recipe]
    data: Callable[[argparse.Namespace], Path]
    steps: int
    """That take about five minutes of a core."""


def _of_terrain(attempt: str, meaning: str, recipe: Callable[[], Recipe]) -> Failure:
    return Failure(
        f"terrain, attempt {attempt}: {meaning}", recipe, lambda options: options.shared / terrain.PLACE, 600
    )


def _of_landscapes(name: str) -> Failure:
    what = f"landscapes, {landscapes.MEANING[name]}"
    return Failure(what, landscapes.CONTENDERS[name], lambda options: options.shared / landscapes.PLACE, 600)


def without_penalty() -> Recipe:
    """Sprites with lambda 0."""
    return edited(tuning.subject(), [Edit("phases.main.terms.gp.weight", value=0.0)])


FAILURES = {
    "bursts": Failure(
        "radio bursts, the failing start",
        bursts.start,
        lambda options: bursts.windows(options.shared, options.work / "windows")[0],
        1500,
    ),
    "squares": _of_terrain("5", terrain.MEANING["squares"], terrain.CONTENDERS["squares"]),
    "eps": _of_terrain("6", terrain.MEANING["eps"], terrain.CONTENDERS["eps"]),
    "span": _of_terrain("7", terrain.MEANING["span"], terrain.CONTENDERS["span"]),
    "hard": _of_terrain("7", terrain.MEANING["hard"], terrain.CONTENDERS["hard"]),
    "notes": _of_terrain("8", terrain.MEANING["notes"], terrain.CONTENDERS["notes"]),
    "faster": _of_terrain("9", "the same with 3e-4 for the generator", terrain.of_notes(g_optim__lr=3e-4)),
    "momentum": _of_terrain("10 and 11", "the same with beta1 0.9", terrain.of_notes(**MOMENTUM)),
    "lambda": Failure("sprites with lambda 0", without_penalty, lambda options: options.shared / tuning.PICTURES, 1200),
    "perceptual": _of_landscapes("perceptual"),
    "unclamped": _of_landscapes("unclamped"),
}


def flown(name: str, seed: int, mode: Mode, options: argparse.Namespace, beside: Path | None = None) -> Verdict:
    """A failure left alone, or repaired; `beside` another run, in the arithmetic that was measured to be fast there."""
    steps = round(options.length * FAILURES[name].steps)
    recipe = FAILURES[name].recipe()
    cadence = replace(recipe.cadence, sheet_steps=steps // SCORES, measuring_share=1.0)
    recipe = replace(recipe, seed=seed, cadence=cadence, autopilot=Autopilot(mode, extra=options.extra))
    if beside is not None:
        recipe = edited(recipe, _arithmetic_of(RunFolder(beside)))
    budget = Budget(Span(steps))
    folder = options.work / f"{name}-{seed}-{mode}"
    return kept(folder, recipe, budget, lambda: _flown(recipe, name, folder, budget, options))


def _arithmetic_of(run: RunFolder) -> list[Edit]:
    """As settings.  Raises `RequestError` where the run is not there any more."""
    machine = next(event.machine for event in run.read_journal().events if isinstance(event, Started))
    return [Edit(f"precision.{choice}", value=machine[choice]) for choice in ("compute", "layout")]


def _flown(recipe: Recipe, name: str, folder: Path, budget: Budget, options: argparse.Namespace) -> Verdict:
    assert budget.span is not None
    out = folder / f"run-{sum(1 for _ in folder.glob('run-*'))}"
    spending = Spending(round(budget.span.amount))
    where = Where(FAILURES[name].data(options), device="cpu")
    session = start(recipe, where, out, budget, [spending])
    try:
        ended = Pilot(RunFolder(out), where, [spending], watch=spending.narrow).fly(session).reason
    except Fault as fault:
        ended = str(fault)
    if ended == STOPPED:
        raise SystemExit("stopped; the same command goes on with what is missing")
    return {"run": str(out), "ended": ended, "spent": spending.spent, **_measured(RunFolder(out))}


def _measured(run: RunFolder) -> Verdict:
    events = run.read_journal().events
    interventions = [
        f"{one.prescribed.symptom}: {' '.join(map(str, one.edits)) or 'nothing'}"
        + (f" ({'kept' if one.reviewed.kept else 'taken back'})" if one.reviewed is not None else "")
        for one in past(events).interventions
    ]
    steps = max((event.step for event in history(events) if isinstance(event, Tick)), default=0)
    said = evaluate(run.path, device="cpu").to_json() if run.best_generator.exists() else {"measures": {}}
    assert isinstance(said, dict)
    return {"steps": steps, "interventions": interventions, "measures": said["measures"]}


def side_by_side(left: Verdict, right: Verdict, into: Path) -> None:
    """Samples of the best generators, which were measured: of the run that was left alone, and of the repaired one."""
    sheets = [_of_the_best(RunFolder(Path(verdict["run"]))) for verdict in (left, right)]
    images = [Image.open(sheet).convert("RGB") for sheet in sheets if sheet is not None]
    if len(images) < 2:
        return
    width = sum(image.width for image in images) + GAP
    both = Image.new("RGB", (width, max(image.height for image in images)), "white")
    both.paste(images[0], (0, 0))
    both.paste(images[1], (images[0].width + GAP, 0))
    both.save(into)


def _of_the_best(run: RunFolder) -> Path | None:
    """The sheet that was drawn when the generator was scored that was kept as the best."""
    scores = [event for event in history(run.read_journal().events) if isinstance(event, Measured)]
    step = next((event.step for event in reversed(scores) if event.is_best), None)
    sheet = run.samples / f"step-{step:08d}.png" if step is not None else None
    return sheet if sheet is not None and sheet.is_file() else None


def number(verdict: Verdict, name: str) -> float:
    """A measure of the best generator; not a number where there is none."""
    measured = verdict["measures"].get(name, {})
    return float(measured["value"]["mean"]) if "value" in measured else float("nan")


def rows_of(pairs: list[tuple[Verdict, Verdict]]) -> Iterator[Result]:
    for measure in SHOWN:
        left, right = (over_seeds([number(verdict, measure) for verdict in side]) for side in zip(*pairs, strict=True))
        yield Result(f"{measure}, left alone", left)
        yield Result(f"{measure}, with the autopilot", right)
    fell = [number(left, "kernel") - number(right, "kernel") for left, right in pairs]
    yield Result("kernel, fell by, pair by pair", over_seeds(fell))
    yield Result("steps left alone", "; ".join(str(left["spent"]) for left, _ in pairs))
    spent = "; ".join(f"{right['steps']} of {right['spent']}" for _, right in pairs)
    yield Result("steps of the repaired run, of those spent", spent)
    yield Result("done", "; ".join(", ".join(right["interventions"]) or "nothing" for _, right in pairs))
    yield Result("ended", "; ".join(f"{left['ended']} / {right['ended']}" for left, right in pairs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--length", type=float, default=1.0, help="times about five minutes of a core")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--extra", type=float, default=Autopilot().extra, help="the autopilot's setting of that name")
    parser.add_argument("--only", choices=FAILURES, nargs="+", default=list(FAILURES))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-rescues")
    options = parser.parse_args()
    for name in options.only:
        pairs = []
        for seed in range(options.seeds):
            right = flown(name, seed, "act", options)
            left = flown(name, seed, "off", options, Path(right["run"])) if right["interventions"] else right
            side_by_side(left, right, options.work / f"{name}-{seed}.png")
            pairs.append((left, right))
            kernels = f"kernel {number(left, 'kernel'):.3g} -> {number(right, 'kernel'):.3g}"
            print(f"{name} seed {seed}: {kernels}; {right['interventions'] or 'nothing done'}", flush=True)
        made = f"{round(options.length * FAILURES[name].steps)} steps, {options.seeds} seeds"
        report(f"A failure of the notes: {FAILURES[name].what}, {made}", list(rows_of(pairs)))


if __name__ == "__main__":
    main()
