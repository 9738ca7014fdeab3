"""A run's journal cut into stretches: from each beginning or change of settings to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from equipoise.doctor.interventions import before
from equipoise.doctor.readers.phases import settings_of
from equipoise.edit import ABSENT, Change
from equipoise.journal import Adopting, Event, Resumed, Started, Watched
from equipoise.spec import Json

Beginning = Started | Resumed | Watched | Adopting
"""An event that begins an attempt."""


@dataclass(slots=True)
class Stretch:
    """The events of an attempt, while they are gathered."""

    beginning: Beginning
    settings: dict[str, Json]
    came_from: int | None = None
    events: list[Event] = field(default_factory=list)
    is_live: bool = False
    """Whether the run is in it, as far as it has come."""


def stretches_of(events: Iterable[Event]) -> list[Stretch]:
    """One for each beginning; what is resumed as it was belongs to the stretch that it goes on with.

    Where the autopilot takes back what it had tried, the run goes on in the stretch before that.
    """
    stretches: list[Stretch] = []
    live: list[int] = []
    """Those that the run has come through, by their places."""
    for event in events:
        taken_back = _taken_back(event, stretches)
        if taken_back:
            live = [place for place in live if place < taken_back]
            continue
        now = stretches[live[-1]].settings if live else {}
        while len(live) > 1 and _is_left(stretches[live[-1]], event):
            live.pop()
        if _begins(event) and not (live and _goes_on(stretches[live[-1]], event)):
            stretches.append(_opened(event, stretches, live, now))
            live.append(len(stretches) - 1)
        if live:
            stretches[live[-1]].events.append(event)
    if live:
        stretches[live[-1]].is_live = True
    return stretches


def _taken_back(event: Event, stretches: Sequence[Stretch]) -> int:
    """The place of the stretch in which the fork was tried that an autopilot goes back on; 0 where there is none."""
    if not (isinstance(event, Adopting) and event.name == before(event.number)):
        return 0
    begun = [stretch.beginning for stretch in stretches]
    places = (at for at, it in enumerate(begun) if isinstance(it, Adopting) and it.number == event.number)
    return next(places, 0)


def _is_left(stretch: Stretch, event: Event) -> bool:
    """Whether the run has gone back to before the stretch: to an earlier step, or to the checkpoint it began with."""
    begun = stretch.beginning
    if not isinstance(event, Resumed | Adopting):
        return False
    if begun.step != event.step:
        return begun.step > event.step
    is_same_place = isinstance(begun, Resumed) and isinstance(event, Resumed) and begun.checkpoint == event.checkpoint
    return is_same_place and not _goes_on(stretch, event)


def _begins(event: Event) -> bool:
    match event:
        case Started() | Watched():
            return True
        case Resumed():
            return bool(event.changes or event.why)
        case Adopting():
            return bool(event.changes)
    return False


def _goes_on(stretch: Stretch, event: Event) -> bool:
    """Whether a run that was resumed with changes, and killed before it kept any, is resumed with them once more; or
    whether a fork that was being adopted is so once more."""
    begun = stretch.beginning
    if isinstance(event, Adopting) and isinstance(begun, Adopting):
        return (event.number, event.name) == (begun.number, begun.name)
    return (
        isinstance(event, Resumed)
        and isinstance(begun, Resumed)
        and (event.checkpoint, event.changes) == (begun.checkpoint, begun.changes)
    )


def _opened(event: Event, stretches: Sequence[Stretch], live: Sequence[int], now: Mapping[str, Json]) -> Stretch:
    """`now` are the run's settings just before: a fork changes those, and a resume the ones of its checkpoint."""
    assert isinstance(event, Beginning)
    came_from = live[-1] if live else None
    match event:
        case Adopting():
            return Stretch(event, _changed(now, event.changes), came_from)
        case Resumed():
            of_checkpoint = stretches[came_from].settings if came_from is not None else {}
            return Stretch(event, _changed(of_checkpoint, event.changes), came_from)
        case Started():
            return Stretch(event, settings_of(event.recipe))
        case Watched():
            return Stretch(event, {})


def _changed(settings: Mapping[str, Json], changes: Iterable[Change]) -> dict[str, Json]:
    after = dict(settings)
    for change in changes:
        if change.after == ABSENT:
            after.pop(change.path, None)
        else:
            after[change.path] = change.after
    return after
