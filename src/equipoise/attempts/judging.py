"""What an attempt changed against earlier ones on the same data, and whether it came out better or by chance."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from equipoise.attempts.copies import without_copies
from equipoise.attempts.reading import Attempt, Outcome, Unread, attempts_of, found_below
from equipoise.attempts.studies import Study, is_study, study_of
from equipoise.differing import Differing, by_rules, chance_of, material
from equipoise.doctor.symptom import Examination
from equipoise.edit import Change, Edit
from equipoise.errors import RequestError
from equipoise.spec import Json

Result = Literal["better", "worse", "cannot be told", "not compared"]

NOT_WELL: Final = frozenset({"ill", "suspect"})
BETWEEN_SEEDS: Final = 0.25
"""Standard deviation between seeds of one recipe, as a share of the distance, where no repeats are there to tell.
Five settings with three or five seeds each had 0.10 to 0.35, and 0.24 together (benchmarks/seeds.py)."""
BETWEEN_SEEDS_OF_PAIRS: Final[Mapping[str, float]] = {"psnr": 0.2, "ssim": 0.01}
"""The same, in units of the measure (a guess)."""
WORTH_OF_PRIOR: Final = 2
"""The figure above counts as much as so many repeats would: two lucky twins do not make chance vanish (a guess)."""
OF_FLOOR: Final[Mapping[str, float]] = {"kernel": 1.0}
"""How much of the floor is chance of measuring: of an unbiased measure all of it."""
OF_BIASED_FLOOR: Final = 0.1
"""Of every other measure (a guess)."""
TELLING: Final = 2.0
"""Standard deviations from which on two attempts are told apart: one in twenty is so by chance."""
WITHOUT_FLOOR: Final = frozenset({"psnr", "ssim", "rebuilt"})
"""Measures that compare each sample with one of its own."""
WENT_ON: Final = "it went on from there, and training longer may be all"
LONGER: Final = 1.5
"""Times as many images, from which on training for longer may be all (a guess)."""


@dataclass(frozen=True, slots=True)
class Beside:
    """An attempt beside an earlier one on the same data."""

    number: int
    """Of the earlier one."""
    differing: Differing
    result: Result
    why: str = ""
    """What has to be said of the result."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An attempt in the log."""

    number: int
    attempt: Attempt
    before: Beside | None = None
    """Against the attempt it came from, or else the one before in time; none for the first on these data."""
    nearest: Beside | None = None
    """Against an earlier one from which just one setting differs, where several differ from the one before."""
    advised: str = ""
    """What the doctor had found in the attempt before, where the change is what it advised."""
    was_found: str = ""
    """What it had found there, where it was not well."""
    fate: str = ""
    """Whether what was changed was kept."""


@dataclass(frozen=True, slots=True)
class Log:
    """All attempts below a folder, in order of time, the tuner's studies, and runs of which nothing can be told."""

    folder: Path
    entries: tuple[Entry, ...]
    unread: tuple[Unread, ...] = ()
    studies: tuple[Study, ...] = ()

    def by_data(self) -> dict[str, list[Entry]]:
        """By digest, in order of first use."""
        groups: dict[str, list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault(entry.attempt.data, []).append(entry)
        return groups


def log_of(folder: Path) -> Log:
    """The attempt log of one run or of a folder of runs.  Raises `RequestError` where there are none."""
    attempts: list[Attempt] = []
    unread: list[Unread] = []
    found = list(found_below(folder))
    studies = [study_of(place) for place in found if place != folder and is_study(place)]
    for run in [place for place in found if place == folder or not is_study(place)]:
        try:
            attempts += attempts_of(run)
        except RequestError as error:
            unread.append(Unread(run, str(error)))
    if not found:
        raise RequestError(
            f"{folder} holds no runs; name a run, or the folder that yours are in: equipoise journal DIR"
        )
    in_time = sorted(without_copies(attempts), key=lambda it: (it.begun_s, it.last_step))
    return Log(folder, tuple(_entries(in_time)), tuple(unread), tuple(studies))


def _entries(attempts: Sequence[Attempt]) -> list[Entry]:
    places = {id(attempt): place for place, attempt in enumerate(attempts)}
    chances = {data: _chance(it for it in attempts if it.data == data) for data in {it.data for it in attempts}}
    befores: list[int | None] = []
    """By place, the place of the attempt that each is compared with."""
    entries = []
    for place, attempt in enumerate(attempts):
        earlier = [it for it in attempts[:place] if it.data and it.data == attempt.data]
        before = _before(attempt, earlier)
        befores.append(places[id(before)] if before is not None else None)
        if before is None:
            entries.append(Entry(place + 1, attempt))
            continue
        chance = chances[attempt.data]
        beside = _beside(places[id(before)] + 1, before, attempt, chance)
        closest = _nearest(attempt, earlier) if beside.differing.is_several else None
        nearest = _beside(places[id(closest)] + 1, closest, attempt, chance) if closest is not None else None
        advised = _advised(before.examination, beside.differing.rows, before.settings)
        was_found = before.found if before.verdict in NOT_WELL else ""
        entries.append(Entry(place + 1, attempt, beside, nearest, advised, was_found))
    return [replace(entry, fate=_fate(at, attempts, befores)) for at, entry in enumerate(entries)]


def _before(attempt: Attempt, earlier: Sequence[Attempt]) -> Attempt | None:
    """The attempt that this one came from, by its run, its recipe or its weights; or else the latest with a recipe of
    the same name, or else the latest."""
    if attempt.came_from is not None and attempt.came_from in earlier:
        return attempt.came_from
    for parent in attempt.parents:
        of_parent = [it for it in earlier if _lies_in(parent, it.run)]
        if of_parent:
            return of_parent[-1]
    kin = [it for it in earlier if it.recipe == attempt.recipe]
    return next(reversed(kin or earlier), None)


def _lies_in(path: Path, run: Path) -> bool:
    return path.resolve().is_relative_to(run.resolve())


def _nearest(attempt: Attempt, earlier: Sequence[Attempt]) -> Attempt | None:
    """The latest from which just one setting differs."""
    alike = (it for it in reversed(earlier) if _differing(it, attempt).one is not None)
    return next(alike, None)


def _beside(number: int, before: Attempt, attempt: Attempt, chance: float) -> Beside:
    result, why = result_of(before, attempt, chance)
    differing = _differing(before, attempt)
    is_one_remedy = len(differing.changes) > 1 and attempt.remedied >= {row.path for row in differing.rows}
    return Beside(number, replace(differing, is_one_remedy=is_one_remedy), result, why)


def _differing(before: Attempt, attempt: Attempt) -> Differing:
    return Differing.between(before.settings, attempt.settings, (before.rules, attempt.rules))


def result_of(before: Attempt, attempt: Attempt, chance: float) -> tuple[Result, str]:
    """Whether an attempt is better than an earlier one, and what has to be said of that.

    `chance` is the standard deviation between seeds, as a share of the distance.
    """
    first, other = before.outcome, attempt.outcome
    if first is None or other is None:
        return "not compared", f"nothing was measured in {'this attempt' if other is None else 'that one'}"
    if first.name != other.name:
        return "not compared", f"that one was measured by {first.name}"
    if not (first.is_trusted and other.is_trusted):
        return "not compared", "the measure failed its self-test"
    went_on = attempt.came_from is before
    noise = math.hypot(*(_restlessness(it, chance) if went_on else _noise(it, chance) for it in (first, other)))
    gain = (other.value - first.value) * (1 if other.higher_is_better else -1)
    remarks = [_of_course(before, attempt) if went_on else _of_length(before, attempt), _of_floors(first, other)]
    if abs(gain) <= TELLING * noise:
        return "cannot be told", "; ".join(filter(None, [f"chance alone makes {TELLING * noise:.2g}", *remarks]))
    return ("better" if gain > 0 else "worse"), "; ".join(filter(None, remarks))


def _of_course(before: Attempt, attempt: Attempt) -> str:
    """Of an attempt that went on from another."""
    return WENT_ON if attempt.first_step >= before.last_step else f"it went back to step {attempt.first_step}"


def _of_floors(*outcomes: Outcome) -> str:
    has_floor = all(it.floor is not None or it.name in WITHOUT_FLOOR for it in outcomes)
    return "" if has_floor else "no floor was measured: near it, chance makes more"


def _noise(outcome: Outcome, chance: float) -> float:
    """Standard deviation of what another seed and other real samples would have said."""
    if outcome.name in BETWEEN_SEEDS_OF_PAIRS:
        return BETWEEN_SEEDS_OF_PAIRS[outcome.name]
    return math.hypot(chance * abs(outcome.value), _of_measuring(outcome))


def _restlessness(outcome: Outcome, chance: float) -> float:
    """Standard deviation of what the next score of the same run would have said; where too few are known to say that,
    it is taken for as restless as runs of other seeds."""
    if outcome.jitter is None:
        return _noise(outcome, chance)
    return math.hypot(outcome.jitter, _of_measuring(outcome))


def _of_measuring(outcome: Outcome) -> float:
    return OF_FLOOR.get(outcome.name, OF_BIASED_FLOOR) * abs(outcome.floor or 0.0)


def _of_length(before: Attempt, attempt: Attempt) -> str:
    if not before.images or not attempt.images or 1 / LONGER < attempt.images / before.images < LONGER:
        return ""
    times = attempt.images / before.images
    return f"it saw {times:.3g} times as many images" if times > 1 else f"that one saw {1 / times:.3g} times as many"


def _chance(attempts: Iterable[Attempt]) -> float:
    """Standard deviation between seeds, as a share of the distance, by repeats among these attempts."""
    squares, freedom = WORTH_OF_PRIOR * BETWEEN_SEEDS**2, WORTH_OF_PRIOR
    for values in _repeats(attempts):
        squares += statistics.variance(values) / statistics.fmean(values) ** 2 * (len(values) - 1)
        freedom += len(values) - 1
    return math.sqrt(squares / freedom)


def _repeats(attempts: Iterable[Attempt]) -> list[list[float]]:
    """Distances of runs that differ in their seed and in nothing else, and which have trained for as long.

    Of runs with the same seed, as copies have, only one counts: they would say that there is no chance.
    """
    alike: dict[str, list[list[Attempt]]] = {}
    for attempt in attempts:
        outcome = attempt.outcome
        if outcome is None or outcome.higher_is_better or outcome.value <= 0 or attempt.came_from is not None:
            continue
        settings = material(by_rules(attempt.settings, attempt.rules))
        same = alike.setdefault(json.dumps([outcome.name, settings], sort_keys=True), [])
        as_long = next((repeats for repeats in same if not _of_length(repeats[0], attempt)), None)
        if as_long is None:
            same.append([attempt])
        elif chance_of(attempt.settings) not in [chance_of(it.settings) for it in as_long]:
            as_long.append(attempt)
    found = [repeats for same in alike.values() for repeats in same if len(repeats) > 1]
    return [[it.outcome.value for it in repeats if it.outcome is not None] for repeats in found]


def _advised(examination: Examination | None, rows: Sequence[Change], settings: Mapping[str, Json]) -> str:
    """The symptom for which one of the changes was a remedy."""
    for diagnosis in examination.diagnoses if examination is not None else ():
        for remedy in diagnosis.remedies:
            edits = remedy.edits
            if edits and all(any(_is_made(edit, change, settings) for change in rows) for edit in edits):
                return diagnosis.symptom.title
    return ""


def _is_made(edit: Edit, change: Change, settings: Mapping[str, Json]) -> bool:
    """Whether the change is what the edit would do."""
    wanted, found = edit.path.split("."), change.path.split(".")
    if len(wanted) != len(found) or any(one not in ("*", other) for one, other in zip(wanted, found, strict=True)):
        return False
    if edit.op == "set":
        return edit.value == change.after or isinstance(edit.value, dict)
    if edit.op == "scale":
        numbers = (edit.value, change.before, change.after)
        factor, before, after = (it if isinstance(it, int | float) else math.nan for it in numbers)
        return math.isclose(before * factor, after, rel_tol=1e-6)
    return (edit.op == "add") == (change.path not in settings)


def _fate(at: int, attempts: Sequence[Attempt], befores: Sequence[int | None]) -> str:
    """What became of what was changed: by the autopilot's review, or else by what the next attempt did with it."""
    before, repair = befores[at], attempts[at].repair
    if before is None:
        return ""
    if repair is not None and repair.reviewed is not None:
        verdict = "kept" if repair.reviewed.kept else "taken back"
        again = "" if repair.reviewed.kept else _again(at, attempts, before)
        return f"{verdict} by the autopilot at step {repair.reviewed.step}: {repair.reviewed.why}{again}"
    for place in range(at + 1, len(attempts)):
        if befores[place] == at:
            return _kept(attempts[before], attempts[at], attempts[place], place + 1)
        is_of_copy = attempts[place].run in attempts[at].copies  # where this one may be left, and is not left here
        if befores[place] == before and not is_of_copy and _is_begun_from(attempts[place], attempts[before]):
            return f"left: attempt {place + 1} went on from attempt {before + 1}"
    return repair.not_reviewed if repair is not None else ""


def _again(at: int, attempts: Sequence[Attempt], before: int) -> str:
    """What the run is once an attempt was taken back; the one before, until its journal says where it went on."""
    run, repair = attempts[at].run, attempts[at].repair
    number = repair.prescribed.number if repair is not None else 0
    went_on = (place for place, it in enumerate(attempts) if it.run == run and number in it.takes_back)
    place = next(went_on, before)
    return f"; the run goes on as attempt {place + 1}" if place > at else f"; the run is attempt {place + 1} again"


def _is_begun_from(attempt: Attempt, other: Attempt) -> bool:
    """Whether it is known, and not only likely, that an attempt came from another."""
    return attempt.came_from is other or any(_lies_in(parent, other.run) for parent in attempt.parents)


def _kept(before: Attempt, attempt: Attempt, after: Attempt, number: int) -> str:
    rows = _differing(before, attempt).rows
    kept, back = ([row.path not in _changed(it, after) for row in rows] for it in (attempt, before))
    if not rows or all(kept):
        return f"kept by attempt {number}" if rows else ""
    if all(back):
        return f"reverted by attempt {number}"
    return f"partly reverted by attempt {number}" if any(back) else f"changed further by attempt {number}"


def _changed(before: Attempt, after: Attempt) -> set[str]:
    """The settings that differ, by their paths."""
    return {row.path for row in _differing(before, after).rows}
