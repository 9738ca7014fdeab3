"""A run of ours: its journal and its recipe, also while they are being written, and after a kill."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from equipoise import journal
from equipoise.doctor.game import Game, game_of
from equipoise.doctor.readers.lines import MOST_BYTES
from equipoise.doctor.readers.meaning import game_named
from equipoise.doctor.readers.ours import our_names
from equipoise.doctor.readers.phases import UNITS, Stretch, played, settings_of
from equipoise.doctor.readers.steps import that_count
from equipoise.doctor.trace import (
    NO_SAMPLES,
    OF_DATA,
    OF_DATA_MAYBE,
    OF_MEASURE,
    OF_PLUMBING,
    SIGNALS,
    Floats,
    Series,
    Trace,
)
from equipoise.errors import RequestError
from equipoise.journal import Event, Faulted, Measured, Resumed, SelfTested, Skipped, Started, Tick, Watched
from equipoise.spec import Json, did_you_mean

RECIPE: Final = "recipe.json"
NOT_WATCHED: Final = frozenset({"waiting", "not_finite"})
"""What a loop that is not ours does not tell."""
OF_POINTS: Final = " of 1x1"
"""How a space of points ends in words (`equipoise.space.Space`)."""
LARGEST_COUNT: Final = 2**63
"""What is larger was not counted by a run."""
_PENALTIES: Final = "equipoise.terms.penalties."
_DISTANCES: Final = ("frechet", "kernel", "sliced_wasserstein")
"""The first that was measured is the distance.  The kernel distance chooses the best generator, but a good one's is
near 0 and may be below, so that of two good generators one can have twice the other's: nothing to judge ratios by."""
_MEASURES: Final[Mapping[str, str]] = {"coverage": "recall"}

E = TypeVar("E", bound=Event)


def is_run(folder: Path) -> bool:
    return (folder / journal.Journal.name).is_file()


def read_run(
    folder: Path,
    loss: str | None = None,
    phase: str | None = None,
    reading: journal.Reading | None = None,
    trained: Json = None,
) -> Trace:
    """The last phase of a run in which a game is played, or another one by name.

    Steps are counted from the beginning of the phase.  `reading` is the run's journal where it has been read already,
    `trained` the recipe where that is known; else it is the one on disk, or that of the run's beginning.
    Raises `RequestError` when the folder cannot be read.
    """
    reading = reading or _journal(folder)
    sound = [event for event in reading.events if _is_sound(event)]
    events = journal.history(sound)
    tested = next((event for event in reversed(events) if isinstance(event, SelfTested)), None)
    recipe = _recipe(folder, events) if trained is None else _checked(trained, "what is trained")
    settings = settings_of(dict(recipe))
    watched = next(_all(events, Watched), None)
    loss = loss or (watched.loss if watched is not None else None)
    stretches = played(recipe, tuple(_all(events, Tick)))
    stretch, played_game = _chosen(stretches, settings, phase, list(recipe.get("phases", {})))
    game = game_named(loss) if loss is not None else played_game[1] if played_game else None
    signals = _ticked(stretch, settings, played_game)
    end = stretch.ticks[-1].step if stretch.ticks else _last_measured(events, stretch.begin)
    measured = [event for event in _all(events, Measured) if stretch.begin < event.step <= end]
    signals |= signals_of(measured, stretch.begin)
    signals |= _skipped(list(_all(events, Skipped)), signals["waiting"].steps, stretch.begin)
    if watched is not None:
        signals = {name: series for name, series in signals.items() if name not in NOT_WATCHED}
    unknown = _gaps(signals, game, reading.broken_lines + len(reading.events) - len(sound))
    batch = settings.get("batch")
    return Trace(
        signals,
        game,
        settings,
        floors_of(measured),
        steps_an_epoch=_steps_an_epoch(stretch.ticks),
        batch=batch if isinstance(batch, int) else None,
        begin=stretch.begin,
        phase=stretch.name,
        source=_source(folder, stretch, len(stretches)),
        again=_again(folder, events),
        unknown=tuple(unknown),
        faults=_faults(events, tested),
        untrained=_untrained(tested, measured) if stretch.begin == 0 else {},
        before=_measured_before(events, stretch.begin),
        of_points=_is_of_points(events),
        sizes=_sizes(events, recipe),
    )


def _last_measured(events: Sequence[Event], begin: int) -> int:
    """Of a loop that is watched by its samples alone."""
    return max((event.step for event in _all(events, Measured)), default=begin)


def _sizes(events: Sequence[Event], recipe: Mapping[str, Any]) -> Mapping[str, int]:
    """Of the networks that the run began with, unless it has others now."""
    begun = next(_all(events, Started), None)
    if begun is None or not isinstance(begun.recipe, Mapping) or not _are_counts(begun.parameters):
        return {}
    are_others = any(begun.recipe.get(network) != recipe.get(network) for network in begun.parameters)
    return {} if are_others else begun.parameters


def _are_counts(found: Any) -> bool:
    return isinstance(found, dict) and all(map(_is_count, found.values()))


def _is_of_points(events: Sequence[Event]) -> bool:
    begun = next(_all(events, Started), None)
    return begun is not None and isinstance(begun.data, dict) and str(begun.data.get("space", "")).endswith(OF_POINTS)


def _chosen(
    stretches: list[Stretch], settings: Mapping[str, Json], phase: str | None, names: Sequence[str]
) -> tuple[Stretch, tuple[str, Game] | None]:
    """The phase to judge, and its game."""
    if phase is not None:
        found = next((stretch for stretch in stretches if stretch.name == phase), None)
        if found is None:
            why = "has not begun" if phase in names else f"is none of {', '.join(names)}{did_you_mean(phase, names)}"
            raise RequestError(f"--phase {phase} {why}")
        return found, _game(settings, found.name)
    games = [(stretch, _game(settings, stretch.name)) for stretch in stretches]
    return next((pair for pair in reversed(games) if pair[1] is not None), games[-1])


def _game(settings: Mapping[str, Json], phase: str) -> tuple[str, Game] | None:
    try:
        return game_of(settings, phase)
    except (TypeError, ValueError) as error:
        raise RequestError(f"{RECIPE}: the adversarial term of phase {phase} lacks a target") from error


def _ticked(stretch: Stretch, settings: Mapping[str, Json], game: tuple[str, Game] | None) -> dict[str, Series]:
    """What every tick holds."""
    columns = list(dict.fromkeys(name for tick in stretch.ticks for name in tick.values))
    names = our_names(columns, game[0] if game else None, has_probabilities=game is not None and game[1].key == "bce")
    names |= {f"d.{name}": "penalty" for name in _penalties(settings, stretch.name)[:1]}
    latent = settings.get("generator.latent")
    if isinstance(latent, int) and latent:
        names |= {"kl_nats": "kl", "kl_active": "active_units"}
    factors = {"kl_nats": 1 / latent, "kl_active": 1 / latent} if isinstance(latent, int) and latent else {}
    ticks, begin = stretch.ticks, stretch.begin
    signals = {"waiting": _series([tick.step for tick in ticks], [tick.waiting for tick in ticks], begin)}
    for column, name in names.items():
        told = [tick for tick in ticks if column in tick.values]
        if told:
            found = _series([tick.step for tick in told], [tick.values[column] for tick in told], begin)
            signals[name] = Series(found.steps, found.values * factors.get(column, 1.0))
    return signals


def _penalties(settings: Mapping[str, Json], phase: str) -> list[str]:
    prefix = f"phases.{phase}.terms."
    return [
        path.removeprefix(prefix)
        for path, tag in settings.items()
        if path.startswith(prefix) and str(tag).startswith(_PENALTIES)
    ]


def signals_of(events: Iterable[Measured], begin: int = 0) -> dict[str, Series]:
    """What was measured of samples."""
    rows: dict[str, tuple[list[int], list[float]]] = {}
    for event in events:
        values = {event.name: event.value, **event.beside}
        named = {_MEASURES.get(name, name): value for name, value in values.items()}
        named = {name: value for name, value in named.items() if name in SIGNALS}
        distances = [values[name] for name in _DISTANCES if name in values]
        named |= {"distance": distances[0]} if distances else {}
        raw = [values[f"{name}_raw"] for name in _DISTANCES if f"{name}_raw" in values and name in values]
        named |= {"distance_raw": raw[0]} if raw else {}
        for name, value in named.items():
            steps, column = rows.setdefault(name, ([], []))
            steps.append(event.step)
            column.append(value)
    return {name: _series(steps, column, begin) for name, (steps, column) in rows.items()}


def _measured_before(events: Sequence[Event], begin: int) -> dict[str, float]:
    """The last of each measure up to the phase's beginning; nothing before the run's."""
    earlier = signals_of(event for event in _all(events, Measured) if 0 < event.step <= begin)
    return {name: float(series.values[-1]) for name, series in earlier.items()}


def floors_of(events: Sequence[Measured]) -> dict[str, float]:
    """What the measures say of real samples, by the last that told."""
    floors: dict[str, float] = {}
    for event in events:
        distance = next((event.floors[name] for name in _DISTANCES if name in event.floors), None)
        named = {_MEASURES.get(name, name): value for name, value in event.floors.items()}
        floors |= {name: value for name, value in named.items() if name in SIGNALS}
        floors |= {"distance": distance} if distance is not None else {}
    return floors


def _skipped(events: Sequence[Skipped], steps: Floats, begin: int) -> dict[str, Series]:
    """Updates left out, counted from the beginning of the phase."""
    skips = np.sort(np.asarray([event.step - begin for event in events if event.step > begin], np.float64))
    return {"not_finite": Series.of(steps, np.searchsorted(skips, steps, side="right"))} if len(steps) else {}


def _series(steps: Sequence[float], values: Sequence[float], begin: int) -> Series:
    """A row replaces all before it of its own or later steps, whether or not a line tells of a resumption."""
    since, numbers = np.asarray(steps, np.float64) - begin, np.asarray(values, np.float64)
    return that_count(since, numbers)[0] if steps else Series.of([], [])


def _steps_an_epoch(ticks: Sequence[Tick]) -> float | None:
    if not ticks or ticks[-1].epoch <= 0:
        return None
    return ticks[-1].step / ticks[-1].epoch


def _untrained(tested: SelfTested | None, measured: Sequence[Measured]) -> dict[str, float]:
    """The distances before the first step, of those that were measured afterwards."""
    if tested is None or not measured:
        return {}
    first = measured[0]
    values = {first.name: first.value, **first.beside}
    names = {"distance": next((name for name in _DISTANCES if name in values), ""), "kernel": "kernel"}
    keys = {signal: "untrained" if name == first.name else f"untrained_{name}" for signal, name in names.items()}
    return {signal: tested.numbers[key] for signal, key in keys.items() if key in tested.numbers}


def _faults(events: Sequence[Event], tested: SelfTested | None) -> tuple[str, ...]:
    """What its self-test found, and how it ended, if it was by a fault that it has not been resumed from.

    What ended a loop of somebody's own is an exception with any words, and tells nothing.
    """
    found: tuple[str, ...] = ()
    if tested is not None:
        found = (
            *(f"{OF_DATA} {fault}" for fault in tested.data_faults),
            *(f"{OF_DATA_MAYBE} {doubt}" for doubt in tested.data_doubts),
            *(f"{OF_PLUMBING} {fault}" for fault in tested.faults),
            *(f"{OF_MEASURE} {doubt}" for doubt in tested.doubts),
        )
    last = next((event for event in reversed(events) if isinstance(event, Faulted | Resumed)), None)
    is_own = next(_all(events, Watched), None) is None
    return (*found, last.message) if isinstance(last, Faulted) and is_own else found


def _gaps(signals: Mapping[str, Series], game: Game | None, broken: int) -> list[str]:
    gaps = []
    if game is None:
        gaps.append("no game is played in this phase: what is said is of its samples and gradients alone")
    if not {"distance", "psnr"} & set(signals):
        gaps.append(f"{NO_SAMPLES} yet: a collapse that leaves the losses as they are cannot be seen")
    if broken:
        gaps.append(f"{broken} broken lines of the journal were left out")
    return gaps


def _source(folder: Path, stretch: Stretch, num_phases: int) -> str:
    where = f", phase {stretch.name}" if num_phases > 1 or stretch.begin else ""
    counted = f", whose steps are counted from step {stretch.begin}" if stretch.begin else ""
    return f"a run of ours in {folder}{where}{counted}, {len(stretch.ticks)} rows"


def _again(folder: Path, events: Sequence[Event]) -> str:
    """On the data that it saw last, where it needs any."""
    begun = next((event for event in reversed(events) if isinstance(event, Started | Resumed)), None)
    if begun is None or not (folder / RECIPE).is_file():
        return ""
    data = begun.data.get("path") if isinstance(begun.data, dict) else None
    return shlex.join(["equipoise", "train", str(folder), *(["--data", data] if isinstance(data, str) else [])])


def _journal(folder: Path) -> journal.Reading:
    path = folder / journal.Journal.name
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RequestError(f"{path} is larger than {MOST_BYTES // 2**30} GiB")
        return journal.read(folder)
    except (OSError, RecursionError) as error:
        raise RequestError(f"{path} cannot be read: {error}") from error


def _recipe(folder: Path, events: Iterable[Event]) -> Mapping[str, Any]:
    """The recipe as it is now, or else as the run began."""
    path = folder / RECIPE
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (ValueError, RecursionError, OSError) as error:
        raise RequestError(f"{path} is not JSON: {error}") from error
    begun: Any = next((event.recipe for event in events if isinstance(event, Started)), {})
    return _checked(begun if found is None else found, str(path))


def _checked(recipe: Any, where: str) -> dict[str, Any]:
    if not isinstance(recipe, dict) or not _are_phases(recipe.get("phases", {})):
        raise RequestError(f"{where} is not a recipe")
    return recipe


def _are_phases(found: Any) -> bool:
    return isinstance(found, dict) and all(
        isinstance(phase, dict)
        and isinstance(length := phase.get("length"), dict)
        and isinstance(length.get("amount"), int | float)
        and length.get("unit") in UNITS
        for phase in found.values()
    )


def _is_sound(event: Event) -> bool:
    """Whether what is read of an event is what a run writes."""
    numbers: list[Any] = []
    words: list[Any] = []
    if isinstance(event, Faulted):
        words.append(event.message)
    if isinstance(event, SelfTested):
        words += [*event.faults, *event.doubts, *event.data_faults, *event.data_doubts]
        numbers += _values(event.numbers)
    if isinstance(event, Tick):
        numbers += [event.epoch, event.images, event.waiting, *_values(event.values)]
    if isinstance(event, Measured):
        numbers += [event.value, *_values(event.beside), *_values(event.floors)]
    are_numbers = all(_is_count(value) for value in numbers if not isinstance(value, float))
    return _is_count(event.step) and are_numbers and all(isinstance(word, str) for word in words)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and abs(value) < LARGEST_COUNT


def _values(table: Any) -> list[Any]:
    return list(table.values()) if isinstance(table, dict) else [None]


def _all(events: Iterable[Event], kind: type[E]) -> Iterator[E]:
    return (event for event in events if isinstance(event, kind))
