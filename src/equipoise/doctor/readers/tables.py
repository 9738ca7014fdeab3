"""Tables as text: one row a step, or one row a number, with any separator and any sensible header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice, pairwise
from typing import Final

from equipoise.doctor.readers.lines import LeftOut
from equipoise.doctor.readers.names import POSITIONS, name_of
from equipoise.doctor.readers.ours import is_ours, our_names
from equipoise.doctor.readers.rows import Rows
from equipoise.errors import RequestError

SEPARATORS: Final = ("\t", ";", ",", "|")
NAME_COLUMNS: Final = ("metric", "key", "name", "tag", "metric_name")
LOOKED_AT: Final = 20
"""Lines in which a header is looked for."""
MOST_TITLES: Final = 8
"""Lines before a header: a title, comments."""
_PLAIN: Final = r"[-+]?\d++(?:\.\d*+)?+(?:[eE][-+]?\d++)?+"
_CELL: Final = rf'\s*+(?:"{_PLAIN}"|{_PLAIN})\s*+'
_PRINTED: Final = re.compile(r"[A-Za-z)]\s*[:=]\s*[-+]?\d")
"""A name with its number: a line that a program has printed, and no header."""
COMMENT: Final = "#"
OF_EPOCHS: Final = "_epoch"
_NOTHING: Final = frozenset({"", "null", "none", "n/a", "na", "-"})
_THOUSANDS: Final = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")
_THOUSANDS_AND_POINT: Final = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+\.\d*")


def separator_of(header: str, row: str) -> str | None:
    """What parts the cells of a table, by its header and its first row; white space is ``" "``.  None: no table."""
    for mark in SEPARATORS:
        names = cells(header, mark)
        is_printed = any(_is_number(name) or _PRINTED.search(name) for name in names)
        if len(names) > 1 and len(cells(row, mark)) == len(names) and not is_printed:
            return mark
    count = len(header.removeprefix("#").split())
    if count > 1 and len(row.split()) == count and all(_is_number(cell) for cell in row.split()):
        return " "
    return None


def is_table(first: Sequence[str]) -> bool:
    """Whether a text that begins with these lines is a table with a name that is known, be it after some titles."""
    return _header_of(first) is not None


def read_table(lines: Iterable[str], rows: Rows, left_out: LeftOut, stem: str) -> None:
    """Add a table's rows.  `stem` is the file's name, which says what a column called ``Value`` is."""
    lines = iter(lines)
    first = list(islice(lines, LOOKED_AT))
    found = _header_of(first)
    assert found is not None
    header_line, mark = found
    _refuse_several_runs(cells(header_line, mark))
    header = [_label(cell) for cell in cells(header_line, mark)]
    body = chain(first[first.index(header_line) + 1 :], lines)
    table = (line for line in body if line and line != header_line)
    long_form = _long_form(header)
    if long_form is not None:
        _read_long((cells(line, mark) for line in table), long_form, rows, left_out, stem)
    else:
        _read_wide(table, mark, header, rows, left_out)


def cells(line: str, mark: str) -> list[str]:
    """The cells of a row; nothing for an empty line."""
    if not line or line.isspace():
        return []
    if mark == " ":
        return line.removeprefix("#").split()
    if '"' in line:
        return next(csv.reader([line.replace("\0", "")], delimiter=mark, skipinitialspace=True))
    return line.split(mark)


def columns_of(header: Sequence[str], left_out: LeftOut) -> Mapping[str, int]:
    """Where each of our names is; of several with one name one."""
    named = our_names(header) if is_ours(header) else {label: name_of(label) for label in header}
    chosen, said = one_each({label: named.get(label) for label in header})
    left_out.others += said
    return {name: header.index(label) for name, label in chosen.items()}


def one_each(named: Mapping[str, str | None]) -> tuple[dict[str, str], list[str]]:
    """The label that is read for each of our names, and what is to be said of the others.

    Of several it is the first, but no mean over an epoch, which Lightning writes beside each step's.
    """
    labels: dict[str, list[str]] = {}
    for label, name in named.items():
        if name is not None:
            labels.setdefault(name, []).append(label)
    chosen = {name: min(those, key=lambda label: label.endswith(OF_EPOCHS)) for name, those in labels.items()}
    said = [
        f"column {label!r} was left out: {chosen[name]!r} is read for {name}"
        for name, those in labels.items()
        for label in those
        if label != chosen[name]
    ]
    return chosen, said


def _read_wide(table: Iterable[str], mark: str, header: Sequence[str], rows: Rows, left_out: LeftOut) -> None:
    """A row a step.  Rows whose every cell is a number are told by a pattern, and only those kept are taken apart."""
    wanted = columns_of(header, left_out)
    names, places = tuple(wanted), tuple(wanted.values())
    full = rows.kind((names, "full"), names)
    is_full = re.compile(re.escape(mark).join([_CELL] * len(header)) + r"\Z") if mark != " " else re.compile(r"(?!)")
    for line in table:
        if full is not None and is_full.match(line) is not None:
            rows.rows += 1
            if full.is_due():
                found = cells(line, mark)
                full.keep(rows.rows, [float(found[at]) for at in places])
        else:
            _read_odd(cells(line, mark), len(header), wanted, rows, left_out, decimal_comma=mark == ";")


def _read_odd(
    found: Sequence[str], width: int, wanted: Mapping[str, int], rows: Rows, left_out: LeftOut, *, decimal_comma: bool
) -> None:
    """A row with cells that are empty, or no plain numbers."""
    if len(found) != width:
        left_out.broken_lines += bool(found)
        return
    try:
        values = {
            name: _number(found[at].strip(), name, decimal_comma=decimal_comma)
            for name, at in wanted.items()
            if found[at].strip().lower() not in _NOTHING
        }
    except ValueError:
        left_out.broken_lines += 1
        return
    if values:
        rows.add(tuple(values), tuple(values.values()))


def _read_long(
    table: Iterable[list[str]], places: tuple[int | None, int, int], rows: Rows, left_out: LeftOut, stem: str
) -> None:
    """One number a row, with its name and its step, as MLflow and TensorBoard export them."""
    named, step, value = places
    for found in table:
        try:
            label = stem if named is None else found[named]
            name = name_of(_label(label)) if named is not None else _name_in(label)
            numbers = (float(found[step]), float(found[value]))
        except (ValueError, IndexError):
            left_out.broken_lines += 1
            continue
        if name is not None and name not in POSITIONS:
            rows.add(("step", name), numbers)


def _name_in(stem: str) -> str | None:
    """What a file is named after: ``run-12-tag-Loss_D``."""
    return name_of(stem.rpartition("tag-")[2])


def _long_form(header: Sequence[str]) -> tuple[int | None, int, int] | None:
    """Where name, step and value are, if the table has one number a row."""
    lower = [label.lower() for label in header]
    if "step" not in lower or "value" not in lower:
        return None
    named = next((lower.index(name) for name in NAME_COLUMNS if name in lower), None)
    return named, lower.index("step"), lower.index("value")


def _label(cell: str) -> str:
    """A column's name, without the run's that W&B writes before it."""
    label = cell.strip().removeprefix("\ufeff").lstrip("#").strip()
    return "" if re.search(r"__(?:MIN|MAX)$", label) else label.rpartition(" - ")[2]


def _refuse_several_runs(header: Sequence[str]) -> None:
    """W&B exports the runs of a chart side by side.  Raises `RequestError` where one number is there of several."""
    runs: dict[str, list[str]] = {}
    for cell in header:
        run, _, _ = cell.strip().strip('"').rpartition(" - ")
        if run and name_of(_label(cell)) is not None:
            runs.setdefault(_label(cell), []).append(run)
    several = max(runs.values(), key=len, default=[])
    if len(several) > 1:
        raise RequestError(f"the table holds several runs, {', '.join(several)}: give the columns of one of them")


def _header_of(first: Sequence[str]) -> tuple[str, str] | None:
    """The line of a table's header and what parts its cells.

    What comes before may be a title or comments, and no line that a program has printed.
    """
    filled = [line for line in first if line.strip()]
    for header, row in islice(pairwise(filled), MOST_TITLES + 1):
        mark = separator_of(header, row)
        if mark is not None and _holds_numbers(row, mark) and _is_known([_label(cell) for cell in cells(header, mark)]):
            return header, mark
        if _PRINTED.search(header) and not header.lstrip().startswith(COMMENT):
            return None
    return None


def _holds_numbers(row: str, mark: str) -> bool:
    return not row.lstrip().startswith(COMMENT) and any(map(_is_number, cells(row, mark)))


def _is_known(labels: Sequence[str]) -> bool:
    """Whether these are names of what a GAN's log holds."""
    known = {name_of(label) for label in labels} - {None, *POSITIONS}
    return bool(known) or is_ours(labels) or _long_form(labels) is not None


def _number(text: str, name: str, *, decimal_comma: bool) -> float:
    """1,234.5 has thousands; so has 1,000 of a step, unless cells are parted by semicolons because commas are decimal.

    Raises `ValueError`.
    """
    has_thousands = _THOUSANDS.fullmatch(text) and name in POSITIONS and not decimal_comma
    if has_thousands or _THOUSANDS_AND_POINT.fullmatch(text):
        return float(text.replace(",", ""))
    return float(text.replace(",", ".") if decimal_comma else text)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
