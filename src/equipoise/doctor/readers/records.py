"""JSON: one object a line (StyleGAN, W&B), a list of objects (Chainer), or one object of lists (Keras's history)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from equipoise.doctor.readers.lines import LeftOut
from equipoise.doctor.readers.names import POSITIONS, name_of
from equipoise.doctor.readers.rows import Rows

DEEPEST: Final = 4
"""Objects within objects that are looked into."""
NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity")
"""As W&B writes them, for JSON has no such numbers."""
_SNAPSHOT: Final = re.compile(r"(\d{4,})")


def read_json_lines(lines: Iterable[str], rows: Rows, left_out: LeftOut) -> None:
    """One object a line."""
    for line in lines:
        if not line.strip():
            continue
        try:
            found = json.loads(line, parse_int=float)
        except (ValueError, RecursionError):
            left_out.broken_lines += 1
            continue
        if isinstance(found, dict):
            _add(found, rows)
        else:
            left_out.broken_lines += 1


def read_json_list(text: str, rows: Rows, left_out: LeftOut) -> None:
    """A list of objects, as far as it goes: a list whose end is missing is read up to there."""
    decoder = json.JSONDecoder(parse_int=float)
    at = text.index("[") + 1
    while at < len(text):
        at = _skip(text, at)
        if text[at : at + 1] != "{":
            break
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        _add(found, rows)
    if text[at : at + 1] != "]":
        left_out.others.append("the list is cut off or damaged: what follows was left out")


def columns_in(document: Any) -> Mapping[str, list[Any]] | None:
    """The columns of an object of lists, such as Keras's history, wherever in it they are; None when it is none."""
    for _, found in _objects(document, DEEPEST):
        lists = {str(name): value for name, value in found.items() if isinstance(value, list) and _are_numbers(value)}
        if any(name_of(name) not in {None, *POSITIONS} for name in lists):
            return lists
    return None


def _objects(document: Any, deep: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(document, dict) and deep:
        yield "", document
        for name, value in document.items():
            yield from ((f"{name}/{below}", found) for below, found in _objects(value, deep - 1))


def _are_numbers(values: list[Any]) -> bool:
    """Whether they are, those aside that were not measured."""
    there = [value for value in values if value is not None]
    return bool(there) and all(map(_is_number, there))


def _is_number(value: Any) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or value in NOT_FINITE


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _add(record: dict[str, Any], rows: Rows) -> None:
    values: dict[str, float] = {}
    for label, value in _numbers(record, "", DEEPEST):
        name = name_of(label)
        if name is not None:
            values.setdefault(name, value)
    snapshot = _SNAPSHOT.search(str(record.get("snapshot_pkl")))
    if snapshot is not None and not set(values) & set(POSITIONS):
        values["kimg"] = float(snapshot[1])
    if set(values) - set(POSITIONS):
        rows.add(tuple(values), tuple(values.values()))


def _numbers(record: Mapping[str, Any], path: str, deep: int) -> Iterator[tuple[str, float]]:
    """Every number by its path; of StyleGAN's statistics the mean."""
    for name, value in record.items():
        label = f"{path}{name}"
        if _is_number(value):
            yield label, float(value)
        elif isinstance(value, dict) and isinstance(value.get("mean"), int | float):
            yield label, float(value["mean"])
        elif isinstance(value, dict) and deep:
            yield from _numbers(value, "" if name == "results" else f"{label}/", deep - 1)
