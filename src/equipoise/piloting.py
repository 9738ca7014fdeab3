"""A run that is trained, watched and, where its recipe says so, repaired.

::

    train until a score at which the doctor is certain, or has settings under suspicion
        keep the run apart as it was at the last good checkpoint, or at its start
        train forks of it: no change, or what it did itself, and some remedies, one change each
        the best goes on; a cure is reviewed at its time, and kept or taken back

What to do next is read from the journal at every turn, and nothing is kept in memory: so a run that is killed anywhere
goes on where it was.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from equipoise.advising import Prescriber, adviser, as_named, begin_of_course, law_of, look
from equipoise.doctor.autopilot import Wait, decide, go_on
from equipoise.doctor.interventions import ACT, TURNS, Intervention, Past, before, past
from equipoise.doctor.trying import as_typed
from equipoise.edit import Edit
from equipoise.engine import checkpoint
from equipoise.engine.choice import is_better, is_clearly_better
from equipoise.engine.memory import OutOfMemory
from equipoise.engine.score import Scored
from equipoise.errors import Fault, RequestError
from equipoise.folder import RunFolder
from equipoise.forking import (
    Turn,
    adopt,
    append,
    begin_fork,
    clear,
    course_before,
    fork_of,
    keep_apart,
    keep_course,
    refuse_missing_data,
    score_of,
    train_fork,
)
from equipoise.interrupt import StopRequest, stop_on_signal
from equipoise.journal import (
    Adopted,
    Applying,
    Event,
    Forked,
    GaveUp,
    Judged,
    Measured,
    Prescribed,
    Reviewed,
    Trial,
    history,
)
from equipoise.keeping import better_left, put_back
from equipoise.recipe import edited
from equipoise.record import Listener
from equipoise.run import Where, carry_out, num_processes, processes_of, refuse_half_applied, refuse_unannounced
from equipoise.run import resume as resumed
from equipoise.session import PAUSED, STOPPED, Session

GAVE_UP: Final = "given up"


@dataclass(frozen=True, slots=True)
class Flight:
    """How a run ended."""

    reason: str
    """`GAVE_UP`, `STOPPED`, or why it came to its end."""
    step: int


def unwatched(session: Session) -> None:
    """Nobody looks on."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """Trains a run to its end, and acts upon what ails it if its recipe says so."""

    run: RunFolder
    where: Where
    listeners: Sequence[Listener] = ()
    prescriber: Prescriber = as_named
    """Who names the remedies; the doctor, unless a benchmark sets a rival beside it."""
    watch: Callable[[Session], None] = unwatched
    """Called with each session of the run, forks excepted, before it trains."""

    def fly(self, session: Session | None = None) -> Flight:
        """Train on with a session that has been started or resumed, or with what the run's folder says.

        Ctrl-C stops it wherever it is, after whatever must not be cut short; a second one exits at once.
        Raises `Fault` when the run broke off and nothing could be done about it.
        """
        if session is not None and session.plan.recipe.autopilot.mode != ACT:
            return self._watched(session)
        with stop_on_signal() as stop:
            flight = self._leg(session, stop) if session is not None else None
            if flight is None:
                with self.run.held():
                    flight = self._go_on(stop)
            self._tidy()
            return self._ended(flight)

    def _ended(self, flight: Flight) -> Flight:
        """Of a run that was given up the best that it ever had is put back, whichever course it was of."""
        if flight.reason != GAVE_UP:
            return flight
        with self.run.held():
            restored = put_back(self.run, flight.step)
            if restored is not None:
                self._tell(restored)
        return flight

    def _watched(self, session: Session) -> Flight:
        """Train a run for which nobody acts; what was done for it before still counts."""
        self.watch(session)
        session.lost_steps = self._past.lost_steps
        if session.plan.world.leads:
            self._tidy()
        return Flight(carry_out(session), session.step)

    def _go_on(self, stop: StopRequest) -> Flight:
        """Settle and train by turns."""
        while True:
            ended = self._settle(stop)
            if ended is not None:
                return ended
            self._tidy()
            session = resumed(self.run.path, where=self.where, listeners=self.listeners)
            flight = self._leg(session, stop)
            if flight is not None:
                return flight

    def finish_first(self, edits: Sequence[Edit] = ()) -> Flight | None:
        """Of a run that was ended while it was being repaired: go on with that, before it is resumed with edits.

        Where one of them ends the repair, only a fork that was being taken over, or back, is so wholly.
        """
        if edited(self.run.read_recipe(), edits).autopilot.mode != ACT:
            self._finish_turn()
            return None
        with stop_on_signal() as stop, self.run.held():
            ended = self._settle(stop, edits)
            return self._ended(ended) if ended is not None else None

    def _finish_turn(self) -> None:
        """Of the run's files some may be those of a fork already, of which its journal knows nothing."""
        current = self._past.current
        if current is None or current.stage not in TURNS:
            return
        refuse_half_applied(self.run)
        if num_processes() > 1:
            raise RequestError(f"{self.run.path} was ended while it became a fork; go on with it by one process first")
        with self.run.held():
            self._turn(current)

    def account(self, step: int) -> Iterator[str]:
        """Steps that the run has, beside those that were spent; nothing where that is the same.

        And where a better generator is than the run's best, if one was left.
        """
        lost, better = self._past.lost_steps, better_left(self.run)
        if lost:
            yield f"{step} useful steps, {step + lost} spent: {lost} in forks and courses that were given up"
        if better:
            yield f"a better generator was of a course that was left: {better}, in {self.run.best_left}"

    def apply(self, number: int) -> Session:
        """Go back to the checkpoint that an advised prescription names, and begin again with its first remedy.

        Raises `RequestError` where there is no such prescription, no checkpoint to go back to, or where the run is
        trained by several processes.
        """
        what = next((one for one in self._past.advised if one.number == number), None)
        if what is None:
            known = ", ".join(str(one.number) for one in self._past.advised) or "none"
            raise RequestError(f"{self.run.path} has no advice {number}; it has {known}")
        if len(what.trials) < 2:
            raise RequestError(f"advice {number} is nothing that a setting does: {'; '.join(what.by_hand)}")
        trial = replace(what.trials[1], name=f"{number:03d}-applied")
        processes = max(processes_of(self.run), num_processes())
        if processes > 1:
            words = as_typed(trial) if trial.anew else f"resume {self.run.path} {as_typed(trial)}"
            raise RequestError(
                f"advice is applied by one process, and this run has {processes}; with torchrun: {words}"
            )
        with self.run.held():
            if self._past.applying is None:
                self._finish_turn()
            self._apply(what, trial)
            return resumed(self.run.path, where=self.where, listeners=self.listeners)

    def _apply(self, what: Prescribed, trial: Trial) -> None:
        """Cut short anywhere, it can be done again, and has to be before the run goes on."""
        number, events = what.number, self.run.read_journal().events
        if any(isinstance(event, Adopted) and event.name == trial.name for event in events):
            raise RequestError(f"advice {number} has been applied already; go on by: equipoise resume {self.run.path}")
        begun = past(events).applying
        if begun is not None and begun.number != number:
            raise RequestError(f"advice {begun.number} was being applied when that was cut short; apply that one first")
        if begun is None:
            begun = self._begin_to_apply(what, trial)
        kept = fork_of(self.run, before(number))
        begin_fork(self.run, kept, trial, begun.step, self.where).close()
        asked = f"a person applied advice {number}: {' '.join(trial.edits)}"
        if trial.anew:
            asked += "; networks change their shapes, so the run begins anew from step 0"
        elif begun.step != what.origin:
            asked += f"; the checkpoint of step {what.origin} is gone"
        since = 0 if trial.anew else begun.step
        turn = Turn(number, since, begun.came_to - since, asked)
        self._take(adopt(self.run, kept, fork_of(self.run, trial.name), turn))
        clear(self.run, [trial.name, before(number)])

    def _begin_to_apply(self, what: Prescribed, trial: Trial) -> Applying:
        """Keep the run apart, and write down what is to be done once it is known that it can be."""
        refuse_unannounced(self.run)
        origin, came_to = self._nearest(what.origin), checkpoint.entries(self.run.checkpoints)[-1].step
        shutil.rmtree(fork_of(self.run, before(what.number)).path, ignore_errors=True)  # of an earlier try
        kept = keep_apart(self.run, before(what.number), origin, self.where)
        begin_fork(self.run, kept, trial, origin, self.where).close()
        begun = Applying(step=origin, number=what.number, name=trial.name, came_to=came_to)
        append(self.run, (begun,))
        return begun

    def _nearest(self, origin: int) -> int:
        """The step of the newest checkpoint up to there."""
        steps = [entry.step for entry in checkpoint.entries(self.run.checkpoints) if entry.step <= origin]
        if not steps:
            raise RequestError(f"{self.run.path} has no checkpoint up to step {origin} any more; train anew")
        return steps[-1]

    @property
    def _past(self) -> Past:
        return past(self.run.read_journal().events)

    def _leg(self, session: Session, stop: StopRequest) -> Flight | None:
        """Train until something is to be done, and say so by None."""
        self.watch(session)
        session.adviser = adviser(self.run, session.plan.recipe, acts=True, prescriber=self.prescriber)
        session.lost_steps = self._past.lost_steps
        try:
            reason = carry_out(session, stop)
        except Fault as fault:
            if not self._can_help(session, fault):
                raise
            return Flight(GAVE_UP, session.step) if self._past.gave_up else None
        if reason != PAUSED:
            return Flight(reason, session.step)
        return Flight(GAVE_UP, session.step) if self._past.gave_up else None

    def _can_help(self, session: Session, fault: Fault) -> bool:
        """Whether something is to be done about a run that broke off, be it to give up; that is then in its journal."""
        if isinstance(fault, OutOfMemory) or isinstance(fault.__cause__, OSError):  # neither says what ails the run
            return False
        reading, asked = self.run.read_journal(), session.adviser
        assert asked is not None
        so_far = past(reading.events)
        now = look(self.run, session.plan.recipe, reading, session.step, self.prescriber, is_over=True)
        current = so_far.current
        if current is not None:
            number = current.prescribed.number
            self._tell(Reviewed(step=session.step, number=number, kept=False, why=f"the run broke off: {fault}"))
            return True
        law = law_of(session.plan.recipe, session.length_steps, acts=True)
        decision = decide(now, so_far, law, asked.admits)
        if isinstance(decision, Wait):
            return False
        self._tell(decision)
        return True

    def _tidy(self) -> None:
        """Let go of what nobody goes back to any more."""
        for one in self._past.interventions:
            if one.stage not in ("trial", "adopt"):
                clear(self.run, [trial.name for trial in one.prescribed.trials])
            if one.stage == "done":
                clear(self.run, [one.before])

    def _settle(self, stop: StopRequest, edits: Sequence[Edit] = ()) -> Flight | None:
        """Do what the journal leaves to be done, until the run can train on; its end, if it ends here.

        Budgets are those of the recipe with `edits`.
        """
        refuse_half_applied(self.run)
        while True:
            so_far = self._past
            current = so_far.current
            if stop.asked:
                return Flight(STOPPED, checkpoint.entries(self.run.checkpoints)[-1].step)
            if current is not None and current.stage == "trial":
                self._try(current, stop)
            elif current is not None and current.stage in TURNS:
                self._turn(current)
            elif so_far.failed is not None:
                recipe = edited(self.run.read_recipe(), edits)
                law = law_of(recipe, so_far.failed.prescribed.length_steps, acts=True)
                decision = go_on(so_far.failed, so_far, law, self._scores(so_far))
                if isinstance(decision, Wait):
                    return None
                self._tell(decision)
                if isinstance(decision, GaveUp):
                    return Flight(GAVE_UP, decision.step)
            else:
                return None

    def _scores(self, so_far: Past) -> list[Measured]:
        """Those of the course that the run has now."""
        begin = begin_of_course(so_far)
        events = history(self.run.read_journal().events)
        return [event for event in events if isinstance(event, Measured) and event.step >= begin]

    def _try(self, one: Intervention, stop: StopRequest) -> None:
        """Train all forks and judge them, unless somebody stops it."""
        what = one.prescribed
        refuse_missing_data(self.run, self.where)
        refuse_unannounced(self.run)
        kept = keep_apart(self.run, one.before, what.origin, self.where)
        told = {event.name for event in self.run.read_journal().events if isinstance(event, Forked)}
        for trial in what.trials:
            if trial.is_own_course:
                keep_course(self.run, trial.name, what, self.where)
            end = what.step if trial.is_own_course else what.end
            if stop.asked or not train_fork(self.run, kept, trial, end, self.where, stop):
                return
            if trial.name not in told:
                self._tell(self._forked(what, trial))
        self._tell(self._judged(what))

    def _forked(self, what: Prescribed, trial: Trial) -> Forked:
        found, fault = self._compared(what, trial)
        score = found.value if not fault and math.isfinite(found.value) else None
        return Forked(step=what.end, number=what.number, name=trial.name, score=score, fault=fault)

    def _compared(self, what: Prescribed, trial: Trial) -> tuple[Scored, str]:
        """What a fork came to, and why that cannot be compared with no change, or with the first fork that was sound.

        A remedy that changes the batch may bring it into another phase, whose measure is another one.
        """
        found, fault = score_of(self.run, trial.name)
        if fault or not math.isfinite(found.value):
            return found, fault
        ended = ((one, *score_of(self.run, one.name)) for one in what.trials)
        first, same = next((one, it) for one, it, why in ended if not why and math.isfinite(it.value))
        if found.name == same.name:
            return found, ""
        others = f"measured by {found.name}, in another phase than {first.name}, by {same.name}"
        return found, f"{others}: they cannot be compared"

    def _judged(self, what: Prescribed) -> Judged:
        control = what.trials[0]
        ended = {trial.name: self._compared(what, trial) for trial in what.trials}
        sound = {name: found for name, (found, fault) in ended.items() if not fault and math.isfinite(found.value)}
        is_cure = control.is_own_course and not what.is_doubt
        chosen, why = unless_worse(sound, *what.trials) if is_cure else best_of(sound, control.name)
        trained = [trial for trial in what.trials if not trial.is_own_course]
        steps = {trial.name: what.end - (0 if trial.anew else what.origin) for trial in trained}
        return Judged(
            step=what.end,
            number=what.number,
            scores={name: found.value for name, found in sound.items()},
            chosen="" if control.is_own_course and chosen == control.name else chosen,
            why=why,
            lost_steps=sum(spent for name, spent in steps.items() if name != chosen),
        )

    def _turn(self, one: Intervention) -> None:
        if one.stage == "adopt":
            self._adopt(one)
        else:
            self._go_back(one)

    def _adopt(self, one: Intervention) -> None:
        assert one.judged is not None
        what, was, fork = one.prescribed, fork_of(self.run, one.before), fork_of(self.run, one.judged.chosen)
        since = 0 if one.began_anew else what.origin
        self._take(adopt(self.run, was, fork, Turn(what.number, since, what.step - since, one.judged.why)))

    def _go_back(self, one: Intervention) -> None:
        assert one.reviewed is not None and one.judged is not None
        what, was, fork = one.prescribed, fork_of(self.run, one.judged.chosen), fork_of(self.run, one.before)
        turn = Turn(what.number, what.origin, one.reviewed.step - what.origin, one.reviewed.why)
        if one.began_anew:
            turn = replace(turn, since=0, before=course_before(self.run, what.number, what.origin))
        self._take(adopt(self.run, was, fork, turn))

    def _take(self, events: Sequence[Event]) -> None:
        append(self.run, events)
        for event in (events[0], events[-1]):
            self._announce(event)

    def _tell(self, event: Event) -> None:
        append(self.run, (event,))
        self._announce(event)

    def _announce(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


def unless_worse(sound: dict[str, Scored], own: Trial, cure: Trial) -> tuple[str, str]:
    """The one fork with a cure, unless the run itself is plainly better: that it swings must not save it.

    What was changed before the symptom is known, and changed back; the review says whether that was it.
    """
    if cure.name not in sound:
        return "", "the fork broke off, or has no score to compare"
    if own.name not in sound:
        return cure.name, f"{sound[cure.name].name} {sound[cure.name].value:.4g}; the run itself broke off"
    why = f"{sound[cure.name].name} {sound[cure.name].value:.4g}; the run itself {sound[own.name].value:.4g}"
    return (own.name, why) if is_clearly_better(sound[own.name], sound[cure.name]) else (cure.name, why)


def best_of(sound: dict[str, Scored], control: str) -> tuple[str, str]:
    """The fork that goes on, and why: the best that is plainly better than no change; else no change."""
    same = sound.get(control)
    better = [name for name, found in sound.items() if same is None or is_clearly_better(found, same)]
    chosen = ""
    for name in better:
        if not chosen or is_better(sound[name], sound[chosen]):
            chosen = name
    if chosen:
        beside = f"; no change {same.value:.4g}" if same is not None else "; no change broke off"
        return chosen, f"{sound[chosen].name} {sound[chosen].value:.4g}{beside}"
    if same is not None:
        return control, "no remedy is better than no change by more than the noise"
    return "", "every fork broke off"
