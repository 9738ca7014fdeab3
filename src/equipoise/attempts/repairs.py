"""What the autopilot saw in a run, tried and decided, or advised: read from its journal, one repair for each number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from equipoise.doctor.interventions import ADVISE, Intervention, past
from equipoise.journal import Event, Forked, Judged, Prescribed, Reviewed, Trial


@dataclass(frozen=True, slots=True)
class Repair:
    """A prescription, and how far that has come."""

    prescribed: Prescribed
    judged: Judged | None = None
    reviewed: Reviewed | None = None
    is_abandoned: bool = False
    """Whether a person went on with the run before a fork was chosen."""
    forked: Mapping[str, Forked] = field(default_factory=dict)
    """By the fork's name."""

    @property
    def is_advice(self) -> bool:
        return self.prescribed.mode == ADVISE

    @property
    def is_tried(self) -> bool:
        """Whether its forks are to be trained still."""
        return not self.is_advice and not self.is_abandoned and self.judged is None

    @property
    def evidence(self) -> str:
        """What was seen, in one line."""
        return " ".join(self.prescribed.evidence.split())

    @property
    def is_taken_back(self) -> bool:
        return self.reviewed is not None and not self.reviewed.kept

    @property
    def not_reviewed(self) -> str:
        """That it has not been, where it was to be; what was only under suspicion is not."""
        is_due = not self.is_advice and not self.prescribed.is_doubt and self.reviewed is None
        return f"not reviewed: the run has not come to step {self.prescribed.review_at}" if is_due else ""

    @property
    def lost(self) -> tuple[Trial, ...]:
        """What was trained, or stood beside it, and does not go on; no change first."""
        chosen = self.judged.chosen if self.judged is not None else ""
        return () if self.is_advice else tuple(trial for trial in self.prescribed.trials if trial.name != chosen)


def repairs_of(events: Sequence[Event]) -> dict[int, Repair]:
    """By number, in their order."""
    found = past(events)
    forked = [event for event in events if isinstance(event, Forked)]
    acted = [_acted(one, forked) for one in found.interventions]
    repairs = [*(Repair(prescribed) for prescribed in found.advised), *acted]
    return {it.prescribed.number: it for it in sorted(repairs, key=lambda it: it.prescribed.number)}


def _acted(one: Intervention, forked: Iterable[Forked]) -> Repair:
    of_it = {event.name: event for event in forked if event.number == one.prescribed.number}
    return Repair(one.prescribed, one.judged, one.reviewed, one.is_abandoned, of_it)
