"""What differs between two recipes, as a person would count it: which one setting, or how many at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from equipoise.edit import ABSENT, Change, diff_rows, show, to_read
from equipoise.spec import Json, join

UNIMPORTANT: Final = ("reasons.", "cadence.", "autopilot", "summary")
"""Settings that change nothing in the samples."""
CHANCE: Final = ("seed", "course")
"""Another seed, or another course by it, is the same attempt again: what it changes is chance, by which a setting is
judged."""
SHOWN_CHANGES: Final = 6
SHOWN_INSIDE: Final = 6
"""Settings of a part that came or went are told with it, so many at most."""

ASKED: Final = "--for"
"""How long a run was to be, among the rules by which settings follow from that."""
NO_RULES: Final[Mapping[str, str]] = MappingProxyType({})
SCHEDULES: Final = "equipoise.schedule."
_PACKAGES: Final = re.compile(r"\bequipoise\.(?:\w+\.)*(?=\w)")


@dataclass(frozen=True, slots=True)
class Differing:
    """What differs between two recipes, counted as a person would."""

    changes: tuple[Change, ...]
    """Each a thing that was changed, the seed aside."""
    rows: tuple[Change, ...]
    """The same as single settings."""
    is_reseeded: bool = False
    is_one_remedy: bool = False
    """Whether they belong together: none of them was meant to do anything by itself."""
    of_version: tuple[Change, ...] = ()
    """What was not changed, but is there on one side only, as another version of the program wrote it."""
    of_length: tuple[Change, ...] = ()
    """What was not changed either, but follows by the same rule on both sides from how long the runs were to be."""
    lengths: tuple[str, str] = ("", "")
    """How long that was."""

    @classmethod
    def between(
        cls,
        before: Mapping[str, Json],
        after: Mapping[str, Json],
        rules: tuple[Mapping[str, str], Mapping[str, str]] = (NO_RULES, NO_RULES),
    ) -> Differing:
        """Of two recipes as `equipoise.spec.flatten` writes them, with the rules by which settings of each follow from
        how long it was to train.

        What has a rule on both sides differs where the rules do, whatever came of them on a machine that was busier.
        """
        of_before, of_after = ({path: it[path] for path in rules[0] if path in rules[1]} for it in rules)
        found = diff_rows(material(by_rules(before, of_before)), material(by_rules(after, of_after)))
        of_version = [row for row in found if _is_one_sided(row) and _is_of_version(row.path, before, after)]
        rows = [row for row in found if row not in of_version]
        changes = _schedules_as_one(folded(rows), before)
        return cls(
            changes=tuple(changes),
            rows=tuple(rows),
            is_reseeded=chance_of(before) != chance_of(after),
            of_version=tuple(folded(of_version)),
            of_length=tuple(_by_one_rule(before, after, of_before, of_after)),
            lengths=(of_before.get(ASKED, ""), of_after.get(ASKED, "")),
        )

    @property
    def one(self) -> Change | None:
        """The one setting that differs, where there is just one."""
        return self.changes[0] if len(self.changes) == 1 else None

    @property
    def is_several(self) -> bool:
        """Whether more than one thing was changed at once."""
        return len(self.changes) > 1 and not self.is_one_remedy

    def __str__(self) -> str:
        seed = ", and the seed" if self.is_reseeded else ""
        if not self.changes:
            return "no setting differs but the seed" if self.is_reseeded else "no setting differs"
        if self.one is not None:
            return f"one setting differs{seed}: {shown(self.one)}"
        if self.is_one_remedy:
            return f"one remedy{seed}: {listed(self.changes)}"
        several = f"{len(self.changes)} settings differ{seed}, so nothing can be laid to any one of them"
        return f"{several}: {listed(self.changes)}"

    @property
    def not_counted(self) -> Iterator[str]:
        """What else is not the same, and why that is no change."""
        if self.of_version:  # nobody can say whether these were changed
            yield f"as only one of the two versions has it: {listed(self.of_version)}"
        if self.of_length:
            lengths = " and to ".join(dict.fromkeys(filter(None, self.lengths)))
            why = f", which was fitted to {lengths}" if lengths else ""
            yield f"as it follows from the length{why}: {listed(self.of_length)}"

    def to_json(self) -> dict[str, Json]:
        return {
            "settings": _as_rows(self.changes),
            "one_setting": self.one.path if self.one is not None else None,
            "several_at_once": self.is_several,
            "another_seed": self.is_reseeded,
            "of_version": _as_rows(self.of_version),
            "of_length": _as_rows(self.of_length),
        }


def _as_rows(changes: Iterable[Change]) -> list[Json]:
    return [{"path": it.path, "before": it.before, "after": it.after} for it in changes]


def material(settings: Mapping[str, Json]) -> dict[str, Json]:
    """Those that make an attempt another one."""
    return {path: value for path, value in settings.items() if path not in CHANCE and not path.startswith(UNIMPORTANT)}


def by_rules(settings: Mapping[str, Json], rules: Mapping[str, str]) -> dict[str, Json]:
    """The settings, with a rule in place of what followed from it."""
    places = tuple(f"{path}." for path in rules)
    return {path: value for path, value in settings.items() if not f"{path}.".startswith(places)} | dict(rules)


def still_followed(rules: Mapping[str, str], changes: Iterable[Change]) -> dict[str, str]:
    """Those of settings that nobody has changed since."""
    changed = tuple(f"{change.path}." for change in changes)
    kept = {path: rule for path, rule in rules.items() if not any(it.startswith(f"{path}.") for it in changed)}
    return kept if kept.keys() - {ASKED} else {}


def _by_one_rule(
    before: Mapping[str, Json], after: Mapping[str, Json], of_before: Mapping[str, str], of_after: Mapping[str, str]
) -> list[Change]:
    """What differs although it follows from the same rule."""
    places = tuple(f"{path}." for path, rule in of_before.items() if of_after[path] == rule)
    rows = diff_rows(material(before), material(after))
    return [row for row in rows if f"{row.path}.".startswith(places)]


def chance_of(settings: Mapping[str, Json]) -> tuple[Json, ...]:
    """Where its randomness starts; what a version did not write down was the first."""
    return tuple(settings.get(path) or 0 for path in CHANCE)


def _is_of_version(path: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> bool:
    """Whether only one side knows the setting, or one that it lies in, of a part that both have."""
    steps = path.split(".")
    places = ((".".join(steps[:count]), ".".join(steps[: count + 1])) for count in range(len(steps)))
    return any(
        _is_known(setting, before) != _is_known(setting, after)
        for part, setting in places
        if _is_part(part, before) and _is_part(part, after) and before.get(part) == after.get(part)
    )


def _is_part(path: str, settings: Mapping[str, Json]) -> bool:
    """And no table or list; the recipe itself has no row."""
    return isinstance(settings.get(path), str) if path else path not in settings


def _is_known(setting: str, settings: Mapping[str, Json]) -> bool:
    """Whether it has a row; a list of parts has none, but its first part has."""
    return setting in settings or f"{setting}.0" in settings


def listed(changes: Sequence[Change]) -> str:
    """The first few in one line."""
    return "; ".join(map(shown, changes[:SHOWN_CHANGES])) + ("; ..." if len(changes) > SHOWN_CHANGES else "")


def shown(change: Change) -> str:
    """A change in one line, parts by the last of their names."""
    return briefly(str(change))


def briefly(text: str) -> str:
    """With parts by the last of their names."""
    return _PACKAGES.sub("", text)


def folded(changes: Sequence[Change]) -> list[Change]:
    """One change for each thing that a person changed.

    A part that comes, goes or takes another's place brings rows of its own, and its table says so too; of these only
    the row of the part stays, with the settings that came or went inside it.
    """
    changed = {change.path: change for change in changes}
    heads = [change for change in changes if not _is_inside(change, changed)]
    return [_with_inside(change, changes) for change in heads if not _names_only(change, changed)]


def _schedules_as_one(changes: Sequence[Change], settings: Mapping[str, Json]) -> list[Change]:
    """A schedule is the value of one setting, so its numbers that changed together are one change."""
    by_thing: dict[str, list[Change]] = {}
    for change in changes:
        above = change.path.rpartition(".")[0]
        is_of_one = str(settings.get(above, "")).startswith(SCHEDULES)
        by_thing.setdefault(above if is_of_one else change.path, []).append(change)
    return [_as_one(path, inside, settings) if len(inside) > 1 else inside[0] for path, inside in by_thing.items()]


def _as_one(path: str, changes: Sequence[Change], settings: Mapping[str, Json]) -> Change:
    """Of a schedule, which may have become another kind of schedule."""
    head = next((change for change in changes if change.path == path), Change(path, settings[path], settings[path]))
    inside = {change.path.removeprefix(f"{path}."): change for change in changes if change.path != path}
    before = {name: change.before for name, change in inside.items()}
    after = {name: change.after for name, change in inside.items()}
    return Change(path, _as_call(head.before, before), _as_call(head.after, after))


def _is_inside(change: Change, changed: Mapping[str, Change]) -> bool:
    """Whether the row came or went with a part above it, which came, went or was replaced."""
    steps = change.path.split(".")
    above = (changed.get(".".join(steps[:count])) for count in range(1, len(steps)))
    return _is_one_sided(change) and any(head is not None and not _is_table(head) for head in above)


def _is_one_sided(change: Change) -> bool:
    return change.before == ABSENT or change.after == ABSENT


def _is_table(change: Change) -> bool:
    return isinstance(change.before, list) and isinstance(change.after, list)


def _names_only(change: Change, changed: Mapping[str, Change]) -> bool:
    """Whether the row is a table's list of names, whose entries that came or went have rows of their own."""
    if not isinstance(change.before, list) or not isinstance(change.after, list):
        return False
    names = {show(name) for name in change.before} ^ {show(name) for name in change.after}
    return bool(names) and all(join(change.path, name) in changed for name in names)


def _with_inside(head: Change, changes: Sequence[Change]) -> Change:
    prefix = head.path + "."
    inside = [change for change in changes if change.path.startswith(prefix) and _is_one_sided(change)]
    if not inside or _is_table(head):
        return head
    gone = {change.path.removeprefix(prefix): change.before for change in inside if change.after == ABSENT}
    come = {change.path.removeprefix(prefix): change.after for change in inside if change.before == ABSENT}
    return Change(head.path, _as_call(head.before, gone), _as_call(head.after, come))


def _as_call(value: Json, inside: Mapping[str, Json]) -> Json:
    """A part's tag with settings of it, as a call is written."""
    if not inside:
        return value
    words = [f"{name}={show(to_read(item))}" for name, item in list(inside.items())[:SHOWN_INSIDE]]
    return f"{show(value)}({', '.join(words)}{', ...' if len(inside) > SHOWN_INSIDE else ''})"
