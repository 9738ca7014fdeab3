"""Edits: every change to a run is a piece of data that can be shown, recorded and reversed.

An edit names a setting by its path, ``phases.*.terms.r1.weight``, where ``*`` stands for any one name, and says
what to do with it: `set` it, `scale` it by a factor, `add` an entry to a table or list, or `drop` one.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast, get_args

from equipoise.spec import (
    TAG,
    Json,
    Part,
    Problem,
    Quantity,
    SpecError,
    Table,
    did_you_mean,
    encode,
    flatten,
    hints,
    in_full,
    join,
)

P = TypeVar("P", bound=Part)
Operation = Literal["set", "scale", "add", "drop"]

_PATH = r"(?P<path>(?:[\w-]+|\*)(?:\.(?:[\w-]+|\*))*)"
_ASSIGNMENT = re.compile(rf"\s*{_PATH}\s*(?P<sign>[*+]?=)(?P<value>.*)", re.DOTALL)
_REMOVAL = re.compile(rf"\s*drop\s+{_PATH}\s*")
_OPERATIONS: Mapping[str, Operation] = {"=": "set", "*=": "scale", "+=": "add"}
_WORDS: Mapping[str, Json] = {"none": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to one setting, or to all settings that a path with ``*`` matches."""

    path: str
    op: Operation = "set"
    value: Json = None

    @classmethod
    def parse(cls, text: str) -> Edit:
        """Read ``path=value``, ``path*=factor``, ``path+=entry`` or ``drop path``, as typed at a command line.

        The value is JSON; a bare word is taken as text, but for none, true and false.  What `str` writes is read back.
        Raises `SpecError` when it is none of these.
        """
        if removal := _REMOVAL.fullmatch(text):
            return cls(removal["path"], "drop")
        if match := _ASSIGNMENT.fullmatch(text):
            return cls(match["path"], _OPERATIONS[match["sign"]], _literal(match["value"].strip()))
        raise SpecError([Problem("", f"{text!r} is not a change; write path=value, as in batch=32")])

    def __str__(self) -> str:
        signs = {operation: sign for sign, operation in _OPERATIONS.items()}
        if self.op == "drop":
            return f"drop {self.path}"
        return f"{self.path} {signs[self.op]} {json.dumps(self.value)}"


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs.  `before` or `after` is the string ``(absent)`` where a side has no such row."""

    path: str
    before: Json
    after: Json

    def __str__(self) -> str:
        return f"{self.path}: {show(to_read(self.before))} -> {show(to_read(self.after))}"


DIGITS = 12
"""Beyond them a factor leaves its trace: 0.05 x 0.1 is 0.005000000000000001."""


def to_read(value: Json) -> Json:
    """Without the trace that a factor leaves."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


ABSENT = "(absent)"

OFFERED_PATHS = 3
"""As many settings are offered for a misspelt path as fit one line."""


def diff(before: Part, after: Part) -> list[Change]:
    """The settings that differ between two trees, by path."""
    return diff_rows(flatten(before), flatten(after))


def diff_rows(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[Change]:
    """The same of two trees that are written as rows already."""
    paths = list(old) + [path for path in new if path not in old]
    return [
        Change(path, old.get(path, ABSENT), new.get(path, ABSENT))
        for path in paths
        if old.get(path, ABSENT) != new.get(path, ABSENT)
    ]


def apply(part: P, edits: Iterable[Edit]) -> P:
    """The tree with the edits made, one after another; the tree must be valid after each.

    Raises `SpecError` for paths that match nothing (with the nearest that exist) and for values that their settings
    do not admit: the faults of all edits at once.
    """
    problems: list[Problem] = []
    for edit in edits:
        try:
            part = _applied(part, edit)
        except SpecError as error:
            problems.extend(error.problems)
    if problems:
        raise SpecError(problems)
    return part


def show(value: Json) -> str:
    """A setting's value in one short line."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def _literal(text: str) -> Json:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return _with_full_tags(json.loads(text))
    except json.JSONDecodeError:
        return text


def _with_full_tags(value: Json) -> Json:
    """Parts may be named as they are shown."""
    if isinstance(value, dict):
        return {
            name: in_full(item) if name == TAG and isinstance(item, str) else _with_full_tags(item)
            for name, item in value.items()
        }
    return [_with_full_tags(item) for item in value] if isinstance(value, list) else value


def _applied(part: P, edit: Edit) -> P:
    touched: list[str] = []
    edited = _edit(part, edit.path.split("."), "", edit, touched)
    if not touched:
        raise SpecError([Problem(edit.path, f"no such setting{_nearest(edit.path, flatten(part))}")])
    return cast(P, edited)


def _nearest(path: str, known: Iterable[str]) -> str:
    """A clause with the paths that were probably meant: those that end in the same or a like name, or a like path."""
    leaves: dict[str, list[str]] = {}
    for other in known:
        leaves.setdefault(other.rpartition(".")[2], []).append(other)
    leaf = path.rpartition(".")[2]
    for alike in (leaf, *difflib.get_close_matches(leaf, leaves, n=1)):
        if alike in leaves:
            nearest = difflib.get_close_matches(path, leaves[alike], n=OFFERED_PATHS, cutoff=0.0)
            return f"; did you mean {' or '.join(map(repr, nearest))}?"
    return did_you_mean(path, [other for others in leaves.values() for other in others])


def _edit(node: Any, steps: list[str], path: str, edit: Edit, touched: list[str]) -> Any:
    """`node` with `edit` made at every place below it that `steps` match."""
    step, *rest = steps
    children = _children(node)
    places = children if step == "*" else {step: children[step]} if step in children else {}
    if rest:
        below = {name: _edit(item, rest, join(path, name), edit, touched) for name, item in places.items()}
        return _rebuilt(node, below, path)
    if not places and edit.op in ("add", "set") and step != "*" and _takes_any_name(node, edit):
        touched.append(join(path, step))
        return _rebuilt(node, {step: edit.value}, path)
    touched.extend(join(path, name) for name in places)
    if edit.op == "drop":
        return _without(node, set(places), path)
    changed = {name: _changed(item, join(path, name), edit) for name, item in places.items()}
    return _rebuilt(node, {name: _as_chosen(node, name, value) for name, value in changed.items()}, path)


def _as_chosen(node: Any, name: str, value: Any) -> Any:
    """The text "none" for no value, where that is one of a setting's words and no value is not allowed."""
    if value is not None or not isinstance(node, Part):
        return value
    choices = get_args(hints(type(node))[name])
    return "none" if "none" in choices and type(None) not in choices else None


def _takes_any_name(node: Any, edit: Edit) -> bool:
    """Whether a row of that name may be there, and only is not yet.

    By ``=`` into a table that is empty, where nothing that is misspelt could have been meant; else by ``+=``.
    """
    return isinstance(node, Table) and (edit.op == "add" or not node)


def _children(node: Any) -> dict[str, Any]:
    if isinstance(node, Part):
        return {name: getattr(node, name) for name in hints(type(node))}
    if isinstance(node, Mapping):
        return dict(node)
    if isinstance(node, tuple):
        return {str(at): item for at, item in enumerate(node)}
    return {}


def _changed(old: Any, path: str, edit: Edit) -> Any:
    if edit.op == "set":
        return edit.value
    if edit.op == "scale":
        return _scaled(old, path, edit.value)
    if isinstance(old, tuple):
        return [*old, edit.value]
    raise SpecError([Problem(path, "exists already; set it instead of adding it")])


def _scaled(old: Any, path: str, factor: Json) -> Any:
    if not isinstance(factor, int | float) or isinstance(factor, bool):
        raise SpecError([Problem(path, f"cannot be scaled by {show(factor)}; a number is needed")])
    if isinstance(old, Quantity):
        return old.scaled(factor)
    if isinstance(old, bool) or not isinstance(old, int | float):
        raise SpecError([Problem(path, f"is {show(encode(old))}, which cannot be scaled")])
    return round(old * factor) if isinstance(old, int) else old * factor


def _rebuilt(node: Any, changed: Mapping[str, Any], path: str) -> Any:
    """`node` with other children in some places, or with new ones."""
    if not changed:
        return node
    if isinstance(node, Part):
        return _replaced(node, changed, path)
    children = {**_children(node), **changed}
    return Table(children) if isinstance(node, Mapping) else tuple(children.values())


def _without(node: Any, dropped: set[str], path: str) -> Any:
    """`node` without some of its children.  What a part cannot be without, it refuses itself."""
    if isinstance(node, Part):
        return _replaced(node, dict.fromkeys(dropped), path)
    kept = {name: item for name, item in _children(node).items() if name not in dropped}
    return Table(kept) if isinstance(node, Mapping) else tuple(kept.values())


def _replaced(part: Part, changed: Mapping[str, Any], path: str) -> Part:
    try:
        return replace(part, **changed)
    except SpecError as error:
        raise SpecError(problem.under(path) for problem in error.problems) from None
