"""One sitting of a run: the loop, and what it writes down on the way.

::

    while not at the goal:  step;  next phase?;  tick?;  sheet and score?;  checkpoint?
    last tick, sheet, score and checkpoint
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from PIL import Image

from equipoise import course, pictures
from equipoise.advising import Adviser
from equipoise.attending import Attendant, last_word
from equipoise.data.corpus import Corpus
from equipoise.describing import describe_data
from equipoise.engine import checkpoint
from equipoise.engine.export import Sampler, save_generator
from equipoise.engine.memory import OutOfMemory, is_out_of_memory
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.probes import Probes
from equipoise.engine.readback import differences
from equipoise.engine.score import Scored
from equipoise.engine.state import Counters, State
from equipoise.engine.step import step
from equipoise.errors import Fault
from equipoise.feeds import Feeds
from equipoise.folder import RunFolder
from equipoise.goal import Goal
from equipoise.interrupt import StopRequest
from equipoise.journal import (
    Checkpointed,
    Diagnosed,
    Event,
    Faulted,
    Finished,
    Follower,
    Measured,
    Pictured,
    Resumed,
    Skipped,
    Started,
    Tick,
)
from equipoise.marking import Marker
from equipoise.proving import is_trusted, self_test
from equipoise.recipe import BestBy, Recipe
from equipoise.record import Listener, Pace, Record
from equipoise.sheets import Sheets
from equipoise.spec import Json, encode

STOPPED, PAUSED = "stopped as asked", "paused by the autopilot"
ORIGINS_KEPT = 3
"""Checkpoints of the best generators that are kept where the autopilot may go back to one (guess)."""


def ring_of(recipe: Recipe) -> checkpoint.Ring:
    """Which checkpoints are kept, those to which the autopilot may go back among them."""
    cadence, mode = recipe.cadence, recipe.autopilot.mode
    keep_best = max(cadence.keep_best, ORIGINS_KEPT) if mode == "act" else cadence.keep_best
    return checkpoint.Ring(cadence.keep_recent, keep_best, first=mode != "off")


class Session:
    """A run that trains.  Made by `equipoise.run.start` or `equipoise.run.resume`."""

    def __init__(
        self, folder: RunFolder, plan: Plan, state: State, corpus: Corpus, goal: Goal, listeners: Iterable[Listener]
    ) -> None:
        recipe = plan.recipe
        self.folder = folder
        self.plan = plan
        self.state = state
        self.goal = goal
        self.seconds = 0.0
        """Training time over all sessions of the run."""
        self.is_new = False
        self.unsound: tuple[str, ...] = ()
        """What of data and plumbing failed its test, in words; known to the leading process."""
        self._corpus = corpus
        self._split = corpus.split(recipe.held_out)
        self._feeds = Feeds(plan, state, corpus, self._split)
        self._meter, self._probes = Meter(), Probes()
        self._marker = Marker(plan, corpus, self._split, self._best_by)
        self.adviser: Adviser | None = None
        """Who is asked at each score."""
        self._pauses = False
        """Whether the adviser asked for it."""
        self._has_trained = False
        """Whether a step of this sitting is done, after the first of which what is in force is read back."""
        self.lost_steps = 0
        """Of forks and courses that were given up."""
        self._seconds_before = 0.0
        """Training time of earlier sessions."""
        self._sheets = Sheets(plan, corpus, self._split)
        self._listeners = tuple(listeners)
        self._journal = Follower(folder.path)
        self._record: Record | None = None
        """Opened when the run begins, by the leading process only."""
        self._checkpointer = checkpoint.Checkpointer(folder.checkpoints, ring_of(recipe))
        self._last_save, self._saved_step = time.monotonic(), -1
        self._pace = Pace()
        self._attendant = Attendant(folder.path)

    @property
    def diagnosis(self) -> Diagnosed | None:
        """What the doctor said of the run last."""
        return self._attendant.last

    @property
    def step(self) -> int:
        return self.state.counters.steps

    @property
    def done(self) -> dict[str, float]:
        """How far the run has come, in every unit."""
        return course.done(self.plan, self.state.counters, self.seconds)

    @property
    def length_steps(self) -> float:
        """From the run's beginning to its goal, as far as that can be foreseen."""
        return course.length_steps(self.goal, self.plan, self.done)

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take over everything a checkpoint holds.  Raises `RuntimeError` when the weights do not fit."""
        self.state.restore(snapshot)
        world, meters = self.plan.world, snapshot.get("meters", ())
        own = meters[world.rank] if len(meters) == world.size else snapshot["meter"]
        self._meter.restore(own, self.plan.device)
        self.seconds = snapshot["seconds"]
        marked = snapshot.get("marked", self.step)  # earlier versions did not say
        self._marker.restore(snapshot["choice"], marked, self._best_by)
        self._saved_step = self.step

    def begin(self, event: Started | Resumed) -> None:
        """Announce the run, and test a new one: what is `unsound` is known then."""
        if self.plan.world.leads:
            self._record = Record(self.folder, self.plan.recipe, self._listeners)
        self.is_new = isinstance(event, Started)
        self._announce(event)
        if self._record is not None:
            self._prove(event)

    def open(self, best: float | None = None) -> None:
        """Show real and untrained samples, and save, before the first step of a new run.

        `best` is the score of the generator that it begins with, where that is the best so far.
        """
        if self._record is not None:
            self._picture("reals.png", self._sheets.reals())
            self._picture("fakes_init.png", self._sheets.fakes(self.state.average))
            self._save(best, is_best=best is not None)
            self._report(self._checkpointer.wait())

    def _prove(self, event: Started | Resumed) -> None:
        """Test a new run, and remember of another whether its measure passed."""
        if isinstance(event, Started):
            is_untrained = not event.begun_from
            tested = self_test(
                self.plan, self.state, self._corpus, self._marker.score, self._best_by, is_untrained=is_untrained
            )
            self._announce(tested)
            self.unsound = (*tested.data_faults, *tested.faults)
        else:
            self._attendant = Attendant(self.folder.path, last_word(self.folder.read_journal().events))
        self._marker.is_trusted = is_trusted(self.folder)

    def train(self, stop: StopRequest) -> str:
        """Train to the goal, or until asked to stop, and save.  Returns why it ended.  Raises `Fault`."""
        began, before = time.monotonic(), self.seconds
        self._seconds_before = before
        self._pace.reset(self.state.counters.images, self._feeds.waited_s)
        held_out = self._feeds.of_held_out()
        try:
            if self.adviser is not None and self.adviser.acts and self.step:
                self._ask(self.adviser)  # again, if the run was ended between a score and what follows from it
            while (reason := self._reason_to_end(stop)) is None:
                counted = replace(self.state.counters) if not self._has_trained else None
                step(self.plan, self.state, self._feeds.next, self._meter, held_out, self._probes)
                if counted is not None:
                    self._read_back(counted)
                self._tell_skips()
                self._next_phase()
                self.seconds = before + time.monotonic() - began
                self._write_what_is_due()
            self._conclude(reason)
        except OSError as error:
            why = f"{self.folder.path} cannot be read or written: {error.strerror or error}"
            fault = Fault(f"step {self.step}: {why}; the checkpoints before are whole")
            self._announce_fault(fault)
            raise fault from error
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            too_large = OutOfMemory(self.step, self.plan)
            self._announce_fault(too_large)
            raise too_large from error
        except Fault as fault:
            self._announce_fault(fault)
            raise
        finally:
            self.close()
        return reason

    def _read_back(self, before: Counters) -> None:
        """Once a sitting, after its first step: whether what is in force is what the recipe says."""
        self._has_trained = True
        found = list(differences(self.plan, self.state, before))
        if found:
            raise Fault(f"step {self.step}: settings were not taken over: {'; '.join(found)}")

    def _tell_skips(self) -> None:
        for culprit in self.state.skips:
            self._announce(Skipped(step=self.step, culprit=culprit))
        self.state.skips.clear()

    def _next_phase(self) -> None:
        counters = self.state.counters
        if not course.is_last_phase(self.plan, counters) and course.phase_is_over(self.plan, counters):
            self._end_phase()
            counters.phase += 1
            counters.phase_steps, counters.phase_images = counters.steps, counters.images
            self._marker.begin_phase(self._best_by)

    def _end_phase(self) -> None:
        """Keep the phase's last generator apart, as its best has been kept; what follows has its own."""
        if self._record is None:
            return
        self._score_generator()
        self._keep_generator(self.folder.generator_of(self._phase_name, "last"), None)

    @property
    def _phase_name(self) -> str:
        return course.phase_name(self.plan, self.state.counters)

    @property
    def _best_by(self) -> BestBy:
        return self.plan.recipe.phases[self._phase_name].best_by or self.plan.recipe.best_by

    def _keep_generator(self, path: Path, score: float | None) -> None:
        state, plan = self.state, self.plan
        encoder = state.encoder.module if state.encoder is not None else None
        typical = self._sheets.beside.conditions  # for fakes that are asked for as such samples occur
        kept = Sampler(state.average, plan.recipe, plan.space, self.step, score, typical, encoder, self._corpus.digest)
        if score is not None:
            kept = replace(kept, measure=self._marker.score.measure(self._best_by), ruler=self._marker.ruler)
        save_generator(path, kept)

    def _reason_to_end(self, stop: StopRequest) -> str | None:
        """Why the run ends now, if it does.  What only one process knows, all agree on at ticks."""
        world, device = self.plan.world, self.plan.device
        if self._is_at_length():
            return "length reached"
        if self._pauses:
            return PAUSED
        if world.size > 1 and self._is_between_ticks():
            return None
        if self.goal.unit == "seconds" and world.any(self.seconds >= self.goal.amount, device):
            return course.time_is_up(self.plan, self.state.counters)
        return STOPPED if world.any(stop.asked, device) else None

    def _is_at_length(self) -> bool:
        return course.is_at_length(self.goal, self.plan, self.state.counters)

    def _is_between_ticks(self) -> bool:
        return self.step % self.plan.recipe.cadence.tick_steps != 0

    def _write_what_is_due(self) -> None:
        cadence = self.plan.recipe.cadence
        if not self._is_between_ticks():
            self._tick()
        looked = self.step % cadence.sheet_steps == 0
        due = looked or (cadence.checkpoint_steps is not None and self.step % cadence.checkpoint_steps == 0)
        meters = self._meters() if due else ()
        if self._record is None:
            return
        measured = None
        if looked:
            self._draw_sheet()
            trained_s = self.seconds - self._seconds_before
            measured = self._score_generator() if self._marker.is_due(self.step, trained_s) else None
            if measured is not None and self._attendant.is_affordable(trained_s):
                self._examine()
        is_late = time.monotonic() - self._last_save > cadence.checkpoint_s
        if due or (is_late and (self.plan.world.size == 1 or not self._is_between_ticks())):
            self._save_scored(measured, meters)
        if measured is not None and self.adviser is not None:
            self._ask(self.adviser)

    def _meters(self) -> Sequence[dict[str, Any]]:
        """What each of several processes has gathered since the last tick, which a checkpoint between two must hold.

        All processes call it together, so such a checkpoint is made by steps; one by the clock, which each has for
        itself, waits for the next tick, when nothing is gathered.
        """
        if self.plan.world.size == 1:
            return ()
        return self.plan.world.gather(checkpoint.on_cpu(self._meter.snapshot()))

    def _ask(self, adviser: Adviser) -> None:
        """Write down what is advised.  Which checkpoints are there is read, so none may come or go meanwhile."""
        if self._is_at_length():
            return
        self._report(self._checkpointer.wait())
        advice = adviser(self._journal.read(), self.step, self.length_steps)
        for event in advice.events:
            self._announce(event)
        self._pauses = advice.pause

    def _conclude(self, reason: str) -> None:
        """The last row, sheet and score, unless the run will go on; and the whole state."""
        will_go_on = reason in (STOPPED, PAUSED)
        if self._has_trained and self._is_between_ticks() and not will_go_on and not self._meter.is_empty:
            self._tick()
        meters = self._meters()
        if self._record is not None and not will_go_on and self._marker.step != self.step:
            if self.step % self.plan.recipe.cadence.sheet_steps != 0:
                self._draw_sheet()
            self._save_scored(self._score_generator(), meters)
        elif self._record is not None and self._saved_step != self.step:
            self._save(meters=meters)
        self._report(self._checkpointer.wait())
        if reason == PAUSED:
            return
        self._examine()
        spent = {
            "probing_s": round(self._probes.seconds, 3),
            "scoring_s": round(self._marker.seconds, 3),
            "examining_s": round(self._attendant.seconds, 3),
        }
        seconds = round(self.seconds, 3)
        self._announce(Finished(step=self.step, reason=reason, seconds=seconds, lost_steps=self.lost_steps, **spent))

    def _tick(self) -> None:
        """Read the meter, which all processes do together, and write one row."""
        values = self._meter.read(self.plan.world)
        values |= {"lr_d": self.state.critic.learning_rate, "lr_g": self.state.generator.learning_rate}
        adaptation = self.state.adaptation
        if adaptation.overfitting is not None:
            values |= {"augment_p": adaptation.probability, "overfitting": adaptation.overfitting}
        counters = self.state.counters
        images_per_s, waiting = self._pace.since_reset(counters.images, self._feeds.waited_s)
        self._pace.reset(counters.images, self._feeds.waited_s)
        event = Tick(
            step=self.step,
            images=counters.images,
            epoch=counters.images / self.plan.epoch_images,
            seconds=round(self.seconds, 3),
            values=values,
            images_per_s=round(images_per_s, 2),
            waiting=round(waiting, 5),
        )
        if self._record is not None:
            self._record.row(event)
        self._announce(event)

    def _draw_sheet(self) -> None:
        for name, sheet in self._sheets.drawn(self.state.average, self.step):
            self._picture(name, sheet)

    def _score_generator(self) -> Measured:
        """Score the averaged generator, and keep it if it is the best so far."""
        measured = self._marker.mark(self.state, self._best_by)
        self._announce(measured)
        if measured.is_best:
            self.keep_best(measured.value)
            if not course.is_last_phase(self.plan, self.state.counters):
                self._keep_generator(self.folder.generator_of(self._phase_name, "best"), measured.value)
        return measured

    def _examine(self) -> None:
        """Ask the doctor, and write down what it says if that is new."""
        said = self._attendant.look_if_it_can_be_read(self.step) if self._record is not None else None
        if said is not None:
            self._announce(said)

    def data(self, path: str | None) -> dict[str, Json]:
        """What the journal says about the data, which lie at `path`."""
        return describe_data(self._corpus, path, self.plan.recipe)

    def scored(self) -> Scored:
        """What the run's own measure says of the averaged generator now; nothing is written down."""
        return self._marker.scored(self.state, self._best_by)

    def keep_best(self, score: float | None) -> None:
        """Take the averaged generator for the best so far, as that of a checkpoint is which was."""
        self._keep_generator(self.folder.best_generator, score)

    def _picture(self, name: str, sheet: Image.Image) -> None:
        pictures.save(sheet, self.folder.samples / name)
        self._announce(Pictured(step=self.step, path=f"samples/{name}"))

    def _save(
        self, score: float | None = None, *, is_best: bool = False, meters: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Hand the whole state to the writer, which works beside the training."""
        snapshot: dict[str, object] = {
            **self.state.snapshot(),
            "meter": self._meter.snapshot(),
            **({"meters": list(meters)} if meters else {}),
            "recipe": encode(self.plan.recipe),
            "arithmetic": asdict(self.plan.arithmetic),
            "seconds": self.seconds,
            "choice": self._marker.snapshot(),
            "marked": self._marker.step,
        }
        self._report(self._checkpointer.save(snapshot, self.step, score, is_best=is_best))
        self._last_save, self._saved_step = time.monotonic(), self.step

    def _save_scored(self, measured: Measured | None, meters: Sequence[dict[str, Any]]) -> None:
        if measured is None:
            self._save(meters=meters)
        else:
            self._save(measured.value, is_best=measured.is_best, meters=meters)

    def _report(self, saved: checkpoint.Saved | None) -> None:
        if saved is not None:
            path = f"checkpoints/{saved.path.name}"
            self._announce(Checkpointed(step=saved.step, path=path, bytes=saved.bytes, seconds=saved.seconds))

    def _announce(self, event: Event) -> None:
        if self._record is not None:
            self._record.announce(event)

    def _announce_fault(self, fault: Fault) -> None:
        with contextlib.suppress(OSError):  # a full disk cannot take this line; the message and the exit code say it
            self._announce(Faulted(step=self.step, message=str(fault)))

    def close(self) -> None:
        """Let go of files and threads."""
        self._checkpointer.close()
        self._feeds.close()
        if self._record is not None:
            with contextlib.suppress(OSError):  # what a full disk did not take has been reported where it was written
                self._record.close()
