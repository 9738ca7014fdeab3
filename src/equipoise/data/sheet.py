"""The table that labels are read from: text in columns, as people and their spreadsheets write it.

Line ends may be LF, CRLF or CR; the text UTF-8, UTF-16 with its mark, or of Western Europe; cells parted by commas,
semicolons, tabs or bars, quoted or not, with blanks around them.  Numbers may have a decimal comma where commas do not
part cells.  Lines above the columns' names, such as a title or a comment, are passed over, and so are empty ones.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from equipoise.data.corpus import DataError
from equipoise.spec.knob import did_you_mean

SEPARATORS = (",", ";", "\t", "|")
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""The first bytes of a text that says how it is encoded."""
UTF = ("utf-8", *MARKS.values())
UNMARKED = ("utf-8", "cp1252", "latin-1")
"""Tried in this order.  Text in another encoding is hardly ever valid UTF-8; Latin-1 knows all bytes."""
HEADER_LINES = 20
"""The columns' names are looked for in so many lines.  A guess: titles and comments are shorter."""
MISSING = frozenset(("", "nan", "na", "n/a", "-"))
"""What people write where they know nothing, in small letters."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
SHOWN_COLUMNS = 20
"""As many names as a person still reads."""


class Row(NamedTuple):
    """One row: the line that it begins in, counted from 1, and its cells.

    Blanks around a cell are gone, and those inside, or the ends of lines, have become one blank each.
    """

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A table as it was read.  Each row has a cell for each column."""

    path: Path
    encoding: str
    separator: str
    columns: tuple[str, ...]
    places: Mapping[str, int]
    """Of the columns that were asked for, by the setting that names each."""
    rows: tuple[Row, ...] = ()

    def number(self, row: Row, place: int) -> float | None:
        """What a cell says; None where it says that nothing is known.  Raises `DataError` where it is no number."""
        text = row.cells[place]
        if text.casefold() in MISSING:
            return None
        plain = text if self.separator == "," else text.replace(",", ".")
        if not NUMBER.fullmatch(plain):
            raise DataError(
                f"{self.where(row)}: {self.columns[place]} is {text!r}, which is no number; "
                "correct it, or leave the cell empty"
            )
        return float(plain)

    def where(self, row: Row) -> str:
        return f"{self.path}, line {row.line}"


def read_sheet(path: Path, wanted: Mapping[str, str]) -> Sheet:
    """Read a table with the `wanted` columns, each under the setting that names it.

    A name is found where it is spelt alike, or else but for case, blanks and underscores.
    Raises `DataError` where there is no table, or not such a column, or where a row does not fit the columns.
    """
    text, encoding = _decoded(path)
    try:
        separator, skipped, columns = _header(text, path, wanted.values())
        places = {setting: _place(path, columns, column, setting) for setting, column in wanted.items()}
        sheet = Sheet(path, encoding, separator, columns, places)
        rows = (row for row in _rows(text, separator, skipped) if any(row.cells))
        return replace(sheet, rows=tuple(_padded(sheet, row) for row in rows))
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from error


def _decoded(path: Path) -> tuple[str, str]:
    """The text of a file, and the encoding in which it could be read.  Raises `DataError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    marked = [encoding for mark, encoding in MARKS.items() if data.startswith(mark)]
    for encoding in marked or UNMARKED:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding
    raise DataError(f"{path} is no text; save the table as CSV, in UTF-8")


def _header(text: str, path: Path, wanted: Iterable[str]) -> tuple[str, int, tuple[str, ...]]:
    """The separator, how many rows come before the data, and the columns' names.

    For any separator, that row with most of the wanted columns, and among equals the first with most cells.
    """
    names = {_loosely(column) for column in wanted}
    found = [
        (separator, at + 1, _names(row.cells))
        for separator in SEPARATORS
        for at, row in enumerate(islice(_rows(text, separator), HEADER_LINES))
        if any(row.cells)
    ]
    if not found:
        raise DataError(f"{path} is empty; it should have a line with the columns' names, then one for each picture")
    return max(found, key=lambda header: (len(names & set(map(_loosely, header[2]))), len(header[2])))


def _rows(text: str, separator: str, skipped: int = 0) -> Iterator[Row]:
    """All rows after the first ones.  Quotes enclose cells that hold the separator or a line's end."""
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator, skipinitialspace=True)
    line = 1
    for at, cells in enumerate(reader):
        if at >= skipped:
            yield Row(line, tuple(" ".join(cell.split()) for cell in cells))
        line = reader.line_num + 1


def _place(path: Path, columns: Sequence[str], wanted: str, setting: str) -> int:
    """Which of the columns is wanted.  Raises `DataError`."""
    exactly = [at for at, name in enumerate(columns) if name == wanted]
    found = exactly or [at for at, name in enumerate(columns) if _loosely(name) == _loosely(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{path} has {len(found)} columns {wanted!r}; give each a name of its own")
    more = ["..."] if len(columns) > SHOWN_COLUMNS else []
    raise DataError(
        f"{path} has no column {wanted!r}{did_you_mean(wanted, columns)}; its columns are "
        f"{', '.join([*columns[:SHOWN_COLUMNS], *more])}; set {setting}"
    )


def _padded(sheet: Sheet, row: Row) -> Row:
    """The row with a cell for each column.  Raises `DataError` where it has too many, or too few to be of use."""
    count, last = len(sheet.columns), max(sheet.places.values())
    spare = next((cell for cell in row.cells[count:] if cell), None)
    if spare is not None:
        raise DataError(
            f"{sheet.where(row)}: {spare!r} stands beyond the last of {count} columns; "
            "put cells that hold the separator into quotes"
        )
    if len(row.cells) <= last:
        end = f"{sheet.where(row)}: ends before column {sheet.columns[last]!r}"
        raise DataError(f"{end}; complete it, close its quotes, or delete it")
    return Row(row.line, (*row.cells, *[""] * count)[:count])


def _names(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Of columns.  One without a name gets its number; the mark of a comment is not part of the first."""
    named = (cells[0].lstrip("#").strip(), *cells[1:])
    return tuple(name or f"column {number}" for number, name in enumerate(named, start=1))


def _loosely(name: str) -> str:
    return "".join(name.replace("_", " ").split()).casefold()
