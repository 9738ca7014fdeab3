"""Edits: every change to a run is a piece of data that can be shown, recorded and reversed.

An edit names a setting by its path, ``phases.*.terms.r1.weight``, where ``*`` stands for any one name, and says
what to do with it: `set` it, `scale` it by a factor, `add` an entry to a table or list, or `drop` one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast

from equipoise.spec import (
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
    join,
)

P = TypeVar("P", bound=Part)
Operation = Literal["set", "scale", "add", "drop"]

_ASSIGNMENT = re.compile(r"\s*(?P<path>[\w.*-]+?)\s*(?P<sign>[*+]?=)(?P<value>.*)", re.DOTALL)
_OPERATIONS: Mapping[str, Operation] = {"=": "set", "*=": "scale", "+=": "add"}


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to one setting, or to all settings that a path with ``*`` matches."""

    path: str
    op: Operation = "set"
    value: Json = None

    @classmethod
    def parse(cls, text: str) -> Edit:
        """Read ``path=value``, ``path*=factor`` or ``path+=entry`` as typed at a command line.

        The value is JSON; a bare word is taken as text and ``none`` as null.
        Raises `SpecError` when there is no ``=``.
        """
        match = _ASSIGNMENT.fullmatch(text)
        if match is None:
            raise SpecError([Problem("", f"{text!r} is not a change; write path=value, as in batch=32")])
        return cls(match["path"], _OPERATIONS[match["sign"]], _literal(match["value"].strip()))

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
        return f"{self.path}: {show(self.before)} -> {show(self.after)}"


ABSENT = "(absent)"


def diff(before: Part, after: Part) -> list[Change]:
    """The settings that differ between two trees, by path."""
    old, new = flatten(before), flatten(after)
    paths = list(old) + [path for path in new if path not in old]
    return [
        Change(path, old.get(path, ABSENT), new.get(path, ABSENT))
        for path in paths
        if old.get(path, ABSENT) != new.get(path, ABSENT)
    ]


def apply(part: P, edits: Iterable[Edit]) -> P:
    """The tree with the edits made, one after another.

    Raises `SpecError` for a path that matches nothing (with the nearest one that exists) and for a value that
    its setting does not admit.
    """
    for edit in edits:
        touched: list[str] = []
        part = cast(P, _edit(part, edit.path.split("."), "", edit, touched))
        if not touched:
            raise SpecError([_no_such_path(part, edit.path)])
    return part


def show(value: Json) -> str:
    """A setting's value in one short line."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def _literal(text: str) -> Json:
    if text.lower() == "none":
        return None
    try:
        return cast(Json, json.loads(text))
    except json.JSONDecodeError:
        return text


def _no_such_path(part: Part, path: str) -> Problem:
    known = flatten(part)
    leaf = path.rpartition(".")[2]
    meant = did_you_mean(path, known)
    if not meant:
        same_leaf = [other for other in known if other.rpartition(".")[2] == leaf]
        meant = f"; did you mean {same_leaf[0]!r}?" if same_leaf else ""
    return Problem(path, f"no such setting{meant}")


def _edit(node: Any, steps: list[str], path: str, edit: Edit, touched: list[str]) -> Any:
    """`node` with `edit` made at every place below it that the remaining `steps` match."""
    step, rest = steps[0], steps[1:]
    children = _children(node)
    names = list(children) if step == "*" else [step]
    changed: dict[str, Any] = {}
    dropped: set[str] = set()
    for name in names:
        here = join(path, name)
        if rest:
            if name in children:
                changed[name] = _edit(children[name], rest, here, edit, touched)
        elif edit.op == "drop":
            if name in children:
                dropped.add(name)
                touched.append(here)
        elif name in children or (edit.op in ("set", "add") and isinstance(node, Table)):
            changed[name] = _changed(children.get(name), name in children, here, edit)
            touched.append(here)
    return _rebuilt(node, changed, dropped, path)


def _children(node: Any) -> dict[str, Any]:
    if isinstance(node, Part):
        return {name: getattr(node, name) for name in hints(type(node))}
    if isinstance(node, Mapping):
        return dict(node)
    if isinstance(node, tuple):
        return {str(at): item for at, item in enumerate(node)}
    return {}


def _changed(old: Any, exists: bool, path: str, edit: Edit) -> Any:
    if edit.op == "set":
        return edit.value
    if edit.op == "scale":
        return _scaled(old, path, edit.value)
    if isinstance(old, tuple):
        return [*old, edit.value]
    if exists:
        raise SpecError([Problem(path, "exists already; set it instead of adding it")])
    return edit.value


def _scaled(old: Any, path: str, factor: Json) -> Any:
    if not isinstance(factor, int | float) or isinstance(factor, bool):
        raise SpecError([Problem(path, f"cannot be scaled by {show(factor)}; a number is needed")])
    if isinstance(old, Quantity):
        return old.scaled(factor)
    if isinstance(old, bool) or not isinstance(old, int | float):
        raise SpecError([Problem(path, f"is {show(encode(old))}, which cannot be scaled")])
    return round(old * factor) if isinstance(old, int) else old * factor


def _rebuilt(node: Any, changed: Mapping[str, Any], dropped: set[str], path: str) -> Any:
    if not changed and not dropped:
        return node
    if isinstance(node, Part):
        return _replaced(node, {**changed, **dict.fromkeys(dropped)}, path)
    children = {name: changed.get(name, item) for name, item in _children(node).items()}
    children.update(changed)
    kept = {name: item for name, item in children.items() if name not in dropped}
    return Table(kept) if isinstance(node, Mapping) else tuple(kept.values())


def _replaced(part: Part, changed: Mapping[str, Any], path: str) -> Part:
    try:
        return replace(part, **changed)
    except SpecError as error:
        raise SpecError(Problem(join(path, at.path), at.message) for at in error.problems) from None
