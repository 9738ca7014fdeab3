"""Equal compute: what an arm of a case has spent, and where its run has to end for that.

Counted are steps: those of the run itself, of courses that it left too, and those of every fork.  Scores, looks and
examinations are no steps; what they take is told by the clock.  A case's arms may spend what the plan gives, a multiple
of the base's length, or what its autopilot has spent, if that is more: forks that are under way when the budget is used
up are trained to their end.
"""

from __future__ import annotations

from equipoise.goal import Goal
from equipoise.journal import Event, Forked, Prescribed, Resumed, Started, Tick
from equipoise.session import Session


def allowance(planned_steps: float, autopilot_spent: int = 0) -> int:
    """Steps that an arm may spend; `autopilot_spent` is what the autopilot has on the same case."""
    return max(round(planned_steps), autopilot_spent)


class Spending:
    """Counts steps as a listener of a run, from its events alone."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.spent = 0
        self._at = 0
        self._prescribed: dict[int, Prescribed] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started | Resumed):
            self._at = event.step
        elif isinstance(event, Tick):
            self.spent += event.step - self._at
            self._at = event.step
        elif isinstance(event, Prescribed):
            self._prescribed[event.number] = event
        elif isinstance(event, Forked):
            self.spent += event.step - self._begin(event)

    def _begin(self, event: Forked) -> int:
        """The step at which a fork began; the run itself, in place of one, has been counted already."""
        what = self._prescribed[event.number]
        trial = next(one for one in what.trials if one.name == event.name)
        if trial.is_own_course:
            return event.step
        return 0 if trial.anew else what.origin

    def narrow(self, session: Session) -> None:
        """Let a session end where nothing is left to spend."""
        session.goal = Goal("steps", session.step + max(0, self.allowed - self.spent))
