"""A run's journal cut into stretches: from each beginning or change of settings to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from equipoise.differing import Differing, still_followed
from equipoise.doctor.interventions import before
from equipoise.doctor.readers.phases import settings_of
from equipoise.edit import ABSENT, Change
from equipoise.journal import Adopted, Adopting, Event, Prescribed, Resumed, Started, Watched
from equipoise.spec import Json

Beginning = Started | Resumed | Watched | Adopting
"""An event that begins an attempt."""


@dataclass(slots=True)
class Stretch:
    """The events of an attempt, while they are gathered."""

    beginning: Beginning
    settings: dict[str, Json]
    rules: Mapping[str, str] = field(default_factory=dict)
    """By which settings follow from how long the run was to be, by their paths."""
    came_from: int | None = None
    lived: tuple[int, ...] = ()
    """Those that the run had come through before it, by their places, be it that it has left some for this one."""
    takes_back: list[int] = field(default_factory=list)
    """Numbers of the repairs that were taken back, after which the run went on in it."""
    events: list[Event] = field(default_factory=list)
    is_live: bool = False
    """Whether the run is in it, as far as it has come."""


def stretches_of(events: Iterable[Event]) -> list[Stretch]:
    """One for each beginning; what is resumed as it was belongs to the stretch that it goes on with.

    Where the autopilot takes back what it had tried, the run goes on in the stretch that it had come to by that step,
    or in one of its own, where it keeps settings that it was given later.
    """
    stretches: list[Stretch] = []
    live: list[int] = []
    """Those that the run has come through, by their places."""
    origins: dict[int, int] = {}
    """Of repairs, by their numbers."""
    is_told = False
    """Whether events tell again of the course that the run is back on."""
    for event in events:
        if isinstance(event, Prescribed):
            origins[event.number] = event.origin
        is_told = is_told and not isinstance(event, Adopted | Resumed)
        if takes_back(event) and (tried := _tried(event.number, stretches)) is not None:
            is_told = True
            if not _goes_on(stretches[live[-1]], event):
                live = _back(replace(event, step=origins.get(event.number, event.step)), tried, stretches)
                stretches[live[-1]].takes_back.append(event.number)
            continue
        lived = tuple(live)
        while len(live) > 1 and _is_left(stretches[live[-1]], event):
            live.pop()
        if _begins(event) and not (live and _goes_on(stretches[live[-1]], event)):
            stretches.append(_opened(event, stretches, live, lived))
            live.append(len(stretches) - 1)
        if live and not is_told:
            stretches[live[-1]].events.append(event)
    if live:
        stretches[live[-1]].is_live = True
    return stretches


def takes_back(event: Event) -> TypeGuard[Adopting]:
    """Whether the run becomes again what it was before a fork."""
    return isinstance(event, Adopting) and event.name == before(event.number)


def _tried(number: int, stretches: Sequence[Stretch]) -> Stretch | None:
    """The stretch in which the run was a fork of that repair, if there is one."""
    begun = ((it, it.beginning) for it in stretches if it.lived)
    return next((it for it, by in begun if isinstance(by, Adopting) and by.number == number), None)


def _back(event: Adopting, tried: Stretch, stretches: list[Stretch]) -> list[int]:
    """Those that the run has come through once it is back at the step of the event, with the settings from before the
    fork."""
    live = [place for place in tried.lived if stretches[place].beginning.step <= event.step] or [tried.lived[0]]
    settings = stretches[tried.lived[-1]].settings
    differing = Differing.between(stretches[live[-1]].settings, settings)
    if differing.rows or differing.is_reseeded:
        rules = stretches[tried.lived[-1]].rules
        stretches.append(Stretch(event, dict(settings), rules, live[-1], tried.lived))
        live.append(len(stretches) - 1)
    return live


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


def _opened(event: Event, stretches: Sequence[Stretch], live: Sequence[int], lived: tuple[int, ...]) -> Stretch:
    """A fork changes the settings that the run had just before, a resume those of its checkpoint."""
    assert isinstance(event, Beginning)
    came_from = live[-1] if live else None
    match event:
        case Adopting() | Resumed():
            changed = lived[-1] if isinstance(event, Adopting) and lived else came_from
            settings = stretches[changed].settings if changed is not None else {}
            rules = stretches[changed].rules if changed is not None else {}
            _complete(settings, event.changes, stretches)
            rules = still_followed(rules, event.changes)
            return Stretch(event, _changed(settings, event.changes), rules, came_from, lived)
        case Started():
            return Stretch(event, settings_of(event.recipe), event.rules)
        case Watched():
            return Stretch(event, {})


def _complete(settings: Mapping[str, Json], changes: Iterable[Change], stretches: Iterable[Stretch]) -> None:
    """A change tells what a setting was that the version which began the run did not know, in all stretches with that
    part."""
    for change in changes:
        above = change.path.rpartition(".")[0]
        if change.before != ABSENT and change.path not in settings:
            for it in stretches:
                if it.settings.get(above) == settings.get(above):
                    it.settings.setdefault(change.path, change.before)


def _changed(settings: Mapping[str, Json], changes: Iterable[Change]) -> dict[str, Json]:
    after = dict(settings)
    for change in changes:
        if change.after == ABSENT:
            after.pop(change.path, None)
        else:
            after[change.path] = change.after
    return after
