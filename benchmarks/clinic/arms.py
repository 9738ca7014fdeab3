"""What may be done about a case, an arm each; all at the same compute (`clinic.compute`).

::

    autopilot   acts as it is delivered
    none        left alone
    new seed    when the doctor is certain, or the run breaks off: anew, with another seed
    rollback    then: back to the best generator so far, and on with another course of chance
    oracle      then: the same with the fault undone; anew where networks have another shape
    random      the autopilot, with remedies drawn from all remedies of all symptoms
    ordered     the autopilot, with the same list of remedies whatever it sees
    safe        left alone, but with settings that are known to be safe from the start

Those that wait for the doctor wait for the same one, so on a run of which he says nothing they all are `none`.
Settings under suspicion, of which he is not certain, are tried without by the autopilot, by `random` and by `ordered`,
each with its own remedies.  The oracle alone needs nobody: it then has the healthy run, from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from clinic.bases import BASES
from clinic.cases import VARIETIES, Case
from clinic.compute import Spending
from clinic.prescribing import drawn, in_order
from clinic.running import Observer
from equipoise.advising import Prescriber, as_named
from equipoise.doctor.interventions import ADVISE, past
from equipoise.edit import Edit
from equipoise.engine import checkpoint
from equipoise.errors import Fault
from equipoise.folder import RunFolder
from equipoise.forking import append
from equipoise.goal import Goal
from equipoise.journal import Event, Prescribed, Trial
from equipoise.networks import DcganCritic
from equipoise.piloting import Pilot
from equipoise.recipe import Adam, Budget, Recipe, Span
from equipoise.record import Listener
from equipoise.run import Where, start
from equipoise.session import Session
from equipoise.spec import encode
from equipoise.terms import R1

Mode = Literal["off", "advise", "act"]
NEW_SEED: Final = 1000
"""Added to the old one."""
SAFE_ADAM: Final = Adam(lr=2e-4, beta1=0.0, beta2=0.9)
"""DOCTOR.md, section 8, baselines."""
SAFE_GAMMA, LEAST_GAMMA = 2e-4, 0.01
"""Of R1, times pixels, over the batch (Karras et al. 2020, arXiv:2006.06676); at least what points need."""


@dataclass(frozen=True)
class Attempt:
    """One arm of one case, about to be made."""

    case: Case
    recipe: Recipe
    """With the fault, and with its seed."""
    where: Where
    out: Path
    observer: Observer
    spending: Spending
    undo: Callable[[], None] = lambda: None
    """Takes away a fault that lies in no part of the recipe."""

    @property
    def healthy(self) -> Recipe:
        base = VARIETIES[self.case.variety].change(BASES[self.case.base].recipe)
        return replace(base, seed=self.recipe.seed)

    def fly(self, recipe: Recipe, mode: Mode, prescriber: Prescriber = as_named, halt: Halt | None = None) -> str:
        """Train a recipe in this attempt's folder until all is spent; returns why it ended."""
        recipe = replace(recipe, autopilot=replace(recipe.autopilot, mode=mode))
        pilot = self._pilot(prescriber, halt)
        budget = Budget(Span(self.spending.allowed - self.spending.spent))
        return pilot.fly(start(recipe, self.where, self.out, budget, pilot.listeners)).reason

    def turn(self, trial: Trial) -> str:
        """Go back to the best generator so far, and on with a change."""
        run = RunFolder(self.out)
        append(run, [_advised(run, trial)])
        pilot = self._pilot()
        return pilot.fly(pilot.apply(past(run.read_journal().events).advised[-1].number)).reason

    def _pilot(self, prescriber: Prescriber = as_named, halt: Halt | None = None) -> Pilot:
        listeners: Sequence[Listener] = (self.observer, self.spending, *([halt] if halt is not None else []))

        def watch(session: Session) -> None:
            self.observer.watch(session)
            self.spending.narrow(session)
            if halt is not None:
                halt.session = session

        return Pilot(RunFolder(self.out), self.where, listeners, prescriber, watch)


Arm = Callable[[Attempt], str]
"""Makes an attempt and returns why it ended.  Raises `Fault` when the run broke off."""


class Halt:
    """Ends a run where the doctor would act."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.is_called = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Prescribed) and len(event.trials) > 1 and self.session is not None:
            self.session.goal = Goal("steps", event.step)
            self.is_called = True


def _advised(run: RunFolder, trial: Trial) -> Prescribed:
    """A prescription of this change alone, from the checkpoint of the best generator so far."""
    events = run.read_journal().events
    entries = checkpoint.entries(run.checkpoints)
    best = max((entry.step for entry in entries if entry.is_best), default=0)
    return Prescribed(
        step=entries[-1].step,
        number=past(events).next_number,
        mode=ADVISE,
        symptom="none",
        evidence="a rival of the autopilot prescribes",
        trials=(Trial("no-change", (), ""), trial),
        origin=best,
        end=best,
        review_at=best,
        length_steps=0.0,
    )


def _when_told(change: Callable[[Attempt], Trial]) -> Arm:
    """Trained until the doctor would act, or the run breaks off; then one change."""

    def arm(attempt: Attempt) -> str:
        halt = Halt()
        try:
            ended = attempt.fly(attempt.recipe, "advise", halt=halt)
        except Fault:
            return attempt.turn(change(attempt))
        return attempt.turn(change(attempt)) if halt.is_called else ended

    return arm


def _trial(*edits: Edit, anew: bool = False) -> Trial:
    """With nobody to advise any more."""
    return Trial("rival", tuple(map(str, (*edits, Edit("autopilot.mode", value="off")))), "", anew=anew)


def _another_seed(attempt: Attempt) -> Trial:
    return _trial(Edit("seed", value=attempt.recipe.seed + NEW_SEED), anew=True)


def _another_course(attempt: Attempt) -> Trial:
    return _trial(Edit("course", value=1))


def _undone(attempt: Attempt) -> Trial:
    attempt.undo()
    edits = undoing(attempt.recipe, attempt.healthy)
    return _trial(*edits, anew=any(edit.path in ("generator", "critic") for edit in edits))


def undoing(faulty: Recipe, healthy: Recipe) -> tuple[Edit, ...]:
    """What makes the healthy recipe of the faulty one: whole parts, exchanged."""
    parts = [
        ("generator", faulty.generator, healthy.generator),
        ("critic", faulty.critic, healthy.critic),
        ("g_optim", faulty.g_optim, healthy.g_optim),
        ("d_optim", faulty.d_optim, healthy.d_optim),
        *((f"phases.{name}", faulty.phases[name], phase) for name, phase in healthy.phases.items()),
    ]
    edits = [Edit(path, value=encode(good)) for path, bad, good in parts if bad != good]
    if faulty.batch != healthy.batch:
        edits.append(Edit("batch", value=healthy.batch))
    if faulty.augment != healthy.augment:
        edits.append(Edit("augment", value=encode(healthy.augment) if healthy.augment is not None else None))
    return tuple(edits)


def safe_settings(recipe: Recipe) -> Recipe:
    """Spectral norm where the critic can have it, else R1; Adam at 2e-4 without momentum."""
    recipe = replace(recipe, g_optim=SAFE_ADAM, d_optim=SAFE_ADAM)
    critic = recipe.critic
    if isinstance(critic, DcganCritic):
        return replace(recipe, critic=replace(critic, spectral_norm=True, norm="none"))
    pixels = encode(recipe.source).get("size", 1)  # type: ignore[union-attr]  # a part is written as an object
    gamma = SAFE_GAMMA * pixels**2 / recipe.batch if isinstance(pixels, int) else LEAST_GAMMA
    bound = R1(weight=max(gamma, LEAST_GAMMA))
    phases = {
        name: replace(phase, terms={**phase.terms, "r1": bound}) if phase.adversarial is not None else phase
        for name, phase in recipe.phases.items()
    }
    return replace(recipe, phases=phases)


ARMS: Final[Mapping[str, Arm]] = {
    "autopilot": lambda attempt: attempt.fly(attempt.recipe, "act"),
    "none": lambda attempt: attempt.fly(attempt.recipe, "off"),
    "new seed": _when_told(_another_seed),
    "rollback": _when_told(_another_course),
    "oracle": _when_told(_undone),
    "random": lambda attempt: attempt.fly(attempt.recipe, "act", drawn(attempt.recipe.seed)),
    "ordered": lambda attempt: attempt.fly(attempt.recipe, "act", in_order),
    "safe": lambda attempt: attempt.fly(safe_settings(attempt.recipe), "off"),
}
"""The autopilot first: the others may spend what it has spent."""
WAITING: Final = ("new seed", "rollback", "random", "ordered")
"""Arms that are `none` where the doctor says nothing; the oracle then has the healthy run from the start."""
CERTAIN: Final = ("new seed", "rollback")
"""Of these the ones that do nothing about a setting under suspicion."""


def from_the_start(attempt: Attempt) -> str:
    """The oracle where the doctor says nothing."""
    attempt.undo()
    return attempt.fly(attempt.healthy, "off")
