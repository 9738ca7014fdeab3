"""What a person sees while a run trains: a live table in a terminal, one plain line a tick elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from equipoise.attending import NOT_WELL
from equipoise.journal import (
    Adopting,
    Checkpointed,
    Diagnosed,
    Event,
    Faulted,
    Finished,
    Forked,
    GaveUp,
    Judged,
    Measured,
    Pictured,
    Prescribed,
    PutBack,
    Resumed,
    Reviewed,
    SelfTested,
    Skipped,
    Started,
    Tick,
    Trial,
)

ANEW: Final = "anew from step 0, as networks change their shapes"


class View:
    """Listens to a run and shows it.  Use as a context manager."""

    def __init__(self, console: Console, run: Path) -> None:
        """`run` is the folder that commands about it name."""
        self._console = console
        self._run = run
        self._goal: dict[str, float] = {}
        self._epoch_images = 1
        self._score: Measured | None = None
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>5.1f} %"))
        self._task = self._bar.add_task("starting", total=1.0)
        self._live = Live(self._bar, console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case Started() | Resumed():
                self._begin(event)
            case SelfTested():
                for fault in event.data_faults:
                    self._say(f"warning: these data should not be trained on as they are: {fault}")
                for doubt in event.data_doubts:
                    self._say(f"warning: the data: {doubt}")
                for fault in event.faults:
                    self._say(f"warning: self-test: {fault}")
                for doubt in event.doubts:
                    self._say(f"warning: the best generator will be chosen by a measure that fails its test: {doubt}")
            case Tick():
                self._tick(event)
            case Measured():
                self._score = event
                if self._live is None:
                    self._say(f"step {event.step}: {in_words(event)}")
            case Skipped():
                self._say(f"step {event.step}: {event.culprit}; this update was left out")
            case Prescribed() | Forked() | Judged() | Adopting() | Reviewed() | GaveUp() | PutBack():
                for words in piloted(event, self._run):
                    self._say(words)
            case Pictured() if self._live is None:
                self._console.print(f"sheet {event.path}", highlight=False)
            case Diagnosed():
                if event.verdict in NOT_WELL:
                    self._say(f"step {event.step}: {event.verdict}: {event.why}")
            case Faulted():
                self._bar.update(self._task, description="stopped by a fault")
            case Finished():
                self._bar.update(self._task, description=event.reason)
            case Checkpointed() | _:
                pass

    def _begin(self, event: Started | Resumed) -> None:
        self._goal = dict(event.goal)
        self._epoch_images = int(str(event.data["epoch_images"]))
        notes = event.data["notes"]
        if isinstance(event, Started) and isinstance(notes, list | tuple):
            for note in notes:
                self._say(f"note: {note}")
        if isinstance(event, Started):
            for difference in _lines(event.begun_from.get("differs")):
                self._say(f"warning: the weights were learned for samples with {difference}")
            for warning in event.warnings:
                self._say(f"warning: {warning}")
        if isinstance(event, Resumed):
            self._console.print(f"going on from step {event.step}", highlight=False)
            for change in event.changes:
                self._console.print(f"  {change}", highlight=False)
            for notice in event.notices:
                self._console.print(f"  {notice}", highlight=False)

    def _say(self, words: str) -> None:
        self._console.print(words, highlight=False, markup=False, soft_wrap=True)

    def _tick(self, tick: Tick) -> None:
        share = self.share_done(tick)
        left = f"{clock(tick.seconds / share - tick.seconds)} left" if share > 0 else ""
        self._bar.update(self._task, completed=share, description=f"step {tick.step}  {left}")
        if self._live:
            self._live.update(Group(_table(tick, self._score), self._bar))
        else:
            self._console.print(line(tick, self._goal, self._epoch_images, left), highlight=False, soft_wrap=True)

    def share_done(self, tick: Tick) -> float:
        """How much of the way to the goal is done, in [0, 1]; 0 when the goal has no number."""
        done = {"steps": tick.step, "images": tick.images, "epochs": tick.epoch, "seconds": tick.seconds}
        shares = [done[unit] / amount for unit, amount in self._goal.items() if unit in done]
        return min(shares[0], 1.0) if shares else 0.0


def piloted(event: Event, run: Path, applied: Collection[int] = ()) -> Iterator[str]:
    """What the autopilot does or advises about a run, in a line or a few.

    How advice is followed is not told of that which has been `applied`, by number.
    """
    match event:
        case Prescribed():
            yield f"step {event.step}: {event.evidence}"
            remedies = event.trials[1:]
            if event.mode == "act":
                beside = "beside what it did," if event.trials[0].is_own_course else "no change, and"
                words = "; ".join(" ".join(trial.edits) + (f" ({ANEW})" if trial.anew else "") for trial in remedies)
                yield f"autopilot {event.number}: from step {event.origin} {beside} {words}"
                return
            if event.unfit:
                yield f"the autopilot only advises here: {event.unfit}"
            if remedies:
                yield f"advice {event.number}: {advised(event.origin, remedies[0])}: {remedies[0].effect}"
                if event.number not in applied:
                    yield f"to do that: {to_apply(run, event.number)}"
            else:
                yield f"advice {event.number}: no setting cures it; {'; '.join(event.by_hand)}"
        case Forked():
            yield f"  {event.name}: {event.fault or 'score'}{'' if event.score is None else f' {event.score:.4g}'}"
        case Judged():
            yield f"  goes on: {event.chosen or 'the run as it was'}; {event.why}"
        case Adopting():
            yield f"back to step {event.step}, on with {event.name}: {event.why}"
            if event.kept:
                yield f"the best so far, {event.kept}, of a course that was left, is kept in best/left.safetensors"
        case Reviewed():
            verdict = "kept" if event.kept else "taken back"
            yield f"step {event.step}: prescription {event.number} {verdict}: {event.why}"
        case GaveUp():
            left = "; ".join(event.left) or "nothing"
            yield f"step {event.step}: the autopilot gives up on {event.symptom}: {event.why}; left: {left}"
        case PutBack():
            was = f"{event.measure} {event.score:.4g} of step {event.of_step}"
            yield f"best/ holds the best generator that it had: {was}, of a course that was left"


def advised(origin: int, trial: Trial) -> str:
    """From where, and with what."""
    return f"{f'{ANEW},' if trial.anew else f'from step {origin}'} with {' '.join(trial.edits)}"


def to_apply(run: Path, number: int) -> str:
    """The command that follows advice."""
    return shlex.join(["equipoise", "apply", str(run), str(number)])


def _lines(found: object) -> list[str]:
    return list(map(str, found)) if isinstance(found, list) else []


def line(tick: Tick, goal: dict[str, float], epoch_images: int, left: str) -> str:
    """The line every DCGAN user knows: ``[epoch/epochs][batch/batches] Loss_D Loss_G D(x) D(G(z)) before / after``."""
    epochs = f"{goal['epochs']:.0f}" if "epochs" in goal else "-"
    images_each = max(1.0, tick.images / tick.step)
    batches = max(1, round(epoch_images / images_each))
    values = tick.values
    return (
        f"[{int(tick.epoch)}/{epochs}][{int(tick.epoch % 1 * batches)}/{batches}] step {tick.step} "
        f"Loss_D: {_number(values, 'loss_d')} Loss_G: {_number(values, 'loss_g')} D(x): {_number(values, 'd_x')} "
        f"D(G(z)): {_number(values, 'd_g_z1')} / {_number(values, 'd_g_z2')}  "
        f"grad {_number(values, 'grad_d')} / {_number(values, 'grad_g')}  {tick.images_per_s:.0f} img/s  "
        f"waiting {tick.waiting:.1%}  {left}"
    )


def in_words(score: Measured) -> str:
    """A score on one line; of pairs, beside interpolation."""
    gain = score.beside.get("gain")
    beside = f", {gain:+.2f} on bicubic interpolation" if gain is not None else ""
    trusted = "" if score.is_trusted else ", by a measure that cannot be trusted"
    best = f", the best so far{trusted}" if score.is_best else ""
    return f"{score.name} {score.value:.4g}{beside}{best}"


def clock(seconds: float) -> str:
    """A duration as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _number(values: dict[str, float] | object, name: str) -> str:
    assert isinstance(values, dict)
    return f"{values[name]:.4f}" if name in values else "-"


def _table(tick: Tick, score: Measured | None) -> Table:
    values = dict(tick.values)
    table = Table.grid(padding=(0, 3))
    table.add_row("[b]critic[/b]", f"loss {_number(values, 'loss_d')}", f"gradient {_number(values, 'grad_d')}")
    table.add_row("[b]generator[/b]", f"loss {_number(values, 'loss_g')}", f"gradient {_number(values, 'grad_g')}")
    table.add_row(
        "[b]scores[/b]",
        f"D(x) {_number(values, 'd_x')}",
        f"D(G(z)) {_number(values, 'd_g_z1')} / {_number(values, 'd_g_z2')}",
    )
    table.add_row(
        "[b]pace[/b]",
        f"{tick.images_per_s:.0f} images/s",
        f"waiting for data {tick.waiting:.1%}",
        f"epoch {tick.epoch:.1f}",
    )
    if score:
        table.add_row(f"[b]{score.name}[/b]", in_words(score), f"at step {score.step}")
    return table
