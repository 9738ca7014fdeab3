"""What the autopilot has done in a run so far, read from the run's journal and from nothing else.

::

    Prescribed -> trial: forks are trained      -> Judged
    Judged     -> adopt: the best becomes the run   -> Adopted, Resumed
    Adopted    -> review: the run goes on       -> Reviewed
    Reviewed, not kept -> revert: back again    -> Adopted
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from equipoise.differing import still_followed
from equipoise.edit import Edit
from equipoise.journal import (
    PILOTED,
    Adopted,
    Adopting,
    Applying,
    Event,
    GaveUp,
    Judged,
    Prescribed,
    Resumed,
    Reviewed,
    Started,
    Trial,
)

Stage = Literal["trial", "adopt", "review", "revert", "done"]
TURNS: Final[tuple[Stage, ...]] = ("adopt", "revert")
"""Those in which the run becomes what a fork is."""
ACT, ADVISE = "act", "advise"
MODE: Final = "autopilot.mode"
TELLING: Final = (*PILOTED, Resumed)
"""Kinds of events that tell of interventions, few of a journal's."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """One prescription that was acted upon, and how far that has come."""

    prescribed: Prescribed
    judged: Judged | None = None
    adopted: tuple[str, ...] = ()
    """Forks that the run became, in their order."""
    reviewed: Reviewed | None = None
    is_abandoned: bool = False
    """Whether a person went on with the run before it was over."""
    is_let_stand: bool = False
    """Whether a person went on with the fork that the run had become, and ended its review."""
    is_settled: bool = False
    """Whether it has failed, and the run has gone on since."""

    @property
    def before(self) -> str:
        """Name of the folder that holds the run as it was at the origin."""
        return before(self.prescribed.number)

    @property
    def stage(self) -> Stage:
        if self.is_abandoned or self.is_let_stand or (self.judged is not None and not self.judged.chosen):
            return "done"
        if self.judged is None:
            return "trial"
        if self.judged.chosen not in self.adopted:
            return "adopt"
        if self.prescribed.is_doubt:
            return "done"  # as long as the run itself had been, so it has proven itself
        if self.reviewed is None:
            return "review"
        return "done" if self.reviewed.kept or self.before in self.adopted else "revert"

    @property
    def has_failed(self) -> bool:
        """Whether it is over, and the run is what it was before."""
        has_no_heir = self.judged is not None and not self.judged.chosen
        return not self.is_abandoned and (has_no_heir or self.before in self.adopted)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Those that the run has had since it became the chosen fork."""
        return tuple(map(Edit.parse, self._chosen.edits)) if self._chosen is not None else ()

    @property
    def began_anew(self) -> bool:
        """Whether the chosen fork has new networks, and another course from step 0 on."""
        return self._chosen is not None and self._chosen.anew

    @property
    def _chosen(self) -> Trial | None:
        chosen = self.judged.chosen if self.judged is not None else ""
        return next((trial for trial in self.prescribed.trials if trial.name == chosen), None)

    @property
    def lost(self) -> Iterable[Trial]:
        """Remedies that were tried and brought nothing."""
        if self.judged is None:
            return ()
        kept = "" if self.reviewed is not None and not self.reviewed.kept else self.judged.chosen
        return (trial for trial in self.prescribed.trials[1:] if trial.name != kept)


@dataclass(frozen=True, slots=True)
class Past:
    """All of them, and what was only advised.  Settings under suspicion have a budget of their own, and bar no cure."""

    interventions: tuple[Intervention, ...] = ()
    advised: tuple[Prescribed, ...] = ()
    gave_up: bool = False
    """Whether the last thing that was done was to give up."""
    given_up_on: frozenset[str] = frozenset()
    """Symptoms; a run that goes on all the same is not ended for one of them again."""
    applying: Applying | None = None
    """Advice that a person began to apply, and that has not been applied wholly."""
    fork_steps: int = 0
    """Of forks that were not adopted, cures alone."""
    lost_steps: int = 0
    """Of those and of courses that were left."""

    @property
    def next_number(self) -> int:
        return 1 + len(self.interventions) + len(self.advised)

    @property
    def current(self) -> Intervention | None:
        """The last one, unless it is over."""
        last = self.interventions[-1] if self.interventions else None
        return last if last is not None and last.stage != "done" else None

    @property
    def failed(self) -> Intervention | None:
        """The last one, if the run is back where it was, and nothing has been done about that yet.

        Where a setting was only under suspicion nothing has to be done.  That the run goes on is what is done where
        its samples are good enough: then nobody asks again, whatever they are later.
        """
        last = self.interventions[-1] if self.interventions else None
        if last is None or not last.has_failed or last.is_settled or last.prescribed.is_doubt or self.gave_up:
            return None
        return last

    @property
    def standing(self) -> Intervention | None:
        """The last one whose fork the run still is."""
        adopted = (one for one in reversed(self.interventions) if one.adopted and not one.is_abandoned)
        return next((one for one in adopted if one.before not in one.adopted), None)

    @property
    def tried(self) -> frozenset[tuple[str, ...]]:
        """Edits that brought nothing."""
        return frozenset(trial.edits for one in self.cures for trial in one.lost)

    @property
    def cures(self) -> tuple[Intervention, ...]:
        """Those against something that was seen."""
        return tuple(one for one in self.interventions if not one.prescribed.is_doubt)

    def count(self, symptom: str) -> int:
        return Counter(one.prescribed.symptom for one in self.cures if not one.is_abandoned)[symptom]


def before(number: int) -> str:
    return f"{number:03d}-before"


def rules_of(events: Iterable[Event]) -> Mapping[str, str]:
    """By which settings of a run follow from how long it was to be, as its recipe is at the end of these events."""
    rules: Mapping[str, str] = {}
    of_before: dict[str, Mapping[str, str]] = {}
    for event in events:
        if isinstance(event, Started):
            rules = event.rules
        elif isinstance(event, Adopting) and event.name == before(event.number):  # taken back
            rules = of_before.get(event.name, rules)
        elif isinstance(event, Resumed | Adopting):
            if isinstance(event, Adopting):
                of_before.setdefault(before(event.number), rules)
            rules = still_followed(rules, event.changes)
    return rules


def past(events: Iterable[Event]) -> Past:
    """From a journal as it was written, replays included."""
    found = Past()
    for event in events:
        if isinstance(event, TELLING):
            found = _after(found, event)
    return found


def _after(found: Past, event: Event) -> Past:
    if isinstance(event, Prescribed) and event.mode == ADVISE:
        return replace(found, advised=(*found.advised, event))
    if isinstance(event, Prescribed):
        return replace(found, interventions=(*found.interventions, Intervention(event)), gave_up=False)
    if isinstance(event, GaveUp):
        return replace(found, gave_up=True, given_up_on=found.given_up_on | {event.symptom})
    if isinstance(event, Applying):
        return replace(found, applying=event)
    if isinstance(event, Adopted) and found.applying is not None and event.name == found.applying.name:
        lost_steps = found.lost_steps + event.lost_steps
        return replace(_left(found, found.applying.step), applying=None, lost_steps=lost_steps)
    if not found.interventions:
        return found
    *others, last = found.interventions
    if isinstance(event, Judged):
        last = replace(last, judged=event)
        of_cures = 0 if last.prescribed.is_doubt else event.lost_steps
        found = replace(found, fork_steps=found.fork_steps + of_cures, lost_steps=found.lost_steps + event.lost_steps)
    elif isinstance(event, Adopted):
        last = replace(last, adopted=(*last.adopted, event.name))
        found = replace(found, lost_steps=found.lost_steps + event.lost_steps)
    elif isinstance(event, Reviewed):
        last = replace(last, reviewed=event)
    elif isinstance(event, Resumed):
        last = _gone_on_with(last, event)
    return replace(found, interventions=(*others, last))


def _gone_on_with(last: Intervention, resumed: Resumed) -> Intervention:
    """What becomes of a repair that is under way where a person goes on with the run, and of one that has failed."""
    if last.has_failed:
        return replace(last, is_settled=True)
    if last.stage in ("trial", "adopt"):
        return replace(last, is_abandoned=True)
    is_dismissed = any(change.path == MODE and change.after != ACT for change in resumed.changes)
    is_let_stand = last.stage == "revert" or (last.stage == "review" and is_dismissed)
    return replace(last, is_let_stand=True) if is_let_stand else last


def _left(found: Past, origin: int) -> Past:
    """Where a person went back to a step: what was under way is abandoned, and what came of a later one is gone."""
    kept = [
        replace(one, is_abandoned=True) if one is found.current or one.prescribed.origin > origin else one
        for one in found.interventions
    ]
    return replace(found, interventions=tuple(kept))
