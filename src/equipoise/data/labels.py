"""What a table says of the pictures of a folder: their conditions, and which of them have none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from equipoise.data.corpus import DataError, LeftOut
from equipoise.data.listing import Listing
from equipoise.data.naming import Naming, find_names
from equipoise.data.reading import FEWEST
from equipoise.data.sheet import UTF, Row, Sheet, read_sheet
from equipoise.spec import Part, Problem

NAME_COLUMN = "source.name_column"

Range = tuple[float, float]
Values = Mapping[str, float]
"""In the conditions' own units, by name."""


@dataclass(frozen=True)
class Scale(Part):
    """The scale of a condition: `low` .. `high`, as the people who rated were offered them, become 0 .. 1.

    `column` is that of the table, by default the one that is called like the condition.
    """

    low: float
    high: float
    column: str = ""
    unit: str = ""

    def problems(self) -> Iterator[Problem]:
        if self.low >= self.high:
            yield Problem("low", f"is {self.low:g}, not below high, {self.high:g}")


@dataclass(frozen=True)
class Labels:
    """The conditions of those pictures that have all of them; the pictures that have not; what a person should know."""

    of: Mapping[str, Values]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


class _Entry(NamedTuple):
    row: Row
    values: Mapping[str, float | None]
    """None where nothing is known."""


def read_labels(
    table: Path, listing: Listing, scales: Mapping[str, Scale], name_column: str, within: Mapping[str, Range]
) -> Labels:
    """The labels of the listed pictures, without those that are not `within` a range.

    Raises `DataError` where the table is not sound, and where fewer than two pictures remain.
    """
    settings = {name: f"source.conditions.{name}.column" for name in scales}
    columns = {settings[name]: scale.column or name for name, scale in scales.items()}
    sheet = read_sheet(table, columns | ({NAME_COLUMN: name_column} if name_column else {}))
    places = {name: sheet.places[setting] for name, setting in settings.items()}
    others = [place for place in range(len(sheet.columns)) if place not in places.values()]
    naming = find_names(sheet, listing, [sheet.places[NAME_COLUMN]] if name_column else others)
    entries = [_Entry(row, _values(sheet, row, scales, places)) for row in sheet.rows]
    found = _by_picture(sheet, listing.names, naming, entries)
    reasons = {name: _reason(found.get(name), within, table.name) for name in listing.names}
    left_out = tuple(LeftOut(name, reason) for name, reason in reasons.items() if reason)
    _refuse_too_few(table, listing, left_out)
    known = {
        name: {of: value for of, value in found[name].values.items() if value is not None}
        for name, reason in reasons.items()
        if not reason
    }
    return Labels(known, left_out, tuple(_notes(sheet, listing.names, naming)))


def _values(sheet: Sheet, row: Row, scales: Mapping[str, Scale], places: Mapping[str, int]) -> dict[str, float | None]:
    """Of one row.  Raises `DataError` where one is beyond its scale."""
    values = {name: sheet.number(row, place) for name, place in places.items()}
    for name, value in values.items():
        scale = scales[name]
        if value is not None and not scale.low <= value <= scale.high:
            raise DataError(
                f"{sheet.where(row)}: {sheet.columns[places[name]]} is {row.cells[places[name]]}, beyond its scale of "
                f"{scale.low:g} to {scale.high:g}; set source.conditions.{name}.low and high to the scale's true ends"
            )
    return values


def _by_picture(sheet: Sheet, pictures: Sequence[str], naming: Naming, entries: Sequence[_Entry]) -> dict[str, _Entry]:
    """The row of each picture that has one.  Raises `DataError` where a name fits several, or rows disagree."""
    found: dict[str, _Entry] = {}
    for entry, places in zip(entries, naming.meant, strict=True):
        if len(places) > 1:
            either = " or ".join(pictures[place] for place in places)
            raise DataError(
                f"{sheet.where(entry.row)}: {entry.row.cells[naming.column]!r} may be {either}; "
                "write names with folder and suffix"
            )
        for place in places:
            first = found.setdefault(pictures[place], entry)
            if first.values != entry.values:
                raise DataError(
                    f"{sheet.path}: lines {first.row.line} and {entry.row.line} are both {pictures[place]}, with other "
                    "values; leave one row for each picture, such as their mean"
                )
    return found


def _reason(entry: _Entry | None, within: Mapping[str, Range], table: str) -> str:
    """Why a picture is left out; nothing where it is not."""
    if entry is None:
        return f"no row in {table}"
    for name, value in entry.values.items():
        if value is None:
            return f"no value: {name} is not given in line {entry.row.line} of {table}"
        low, high = within.get(name, (value, value))
        if not low <= value <= high:
            return f"not within the range asked for: {name} is {value:g}, not {low:g} to {high:g}"
    return ""


def _refuse_too_few(table: Path, listing: Listing, left_out: Sequence[LeftOut]) -> None:
    kept = len(listing.names) - len(left_out)
    if left_out and kept < FEWEST:
        raise DataError(
            f"{kept} of the {len(listing.names)} pictures in {listing.root} remain, and at least {FEWEST} are needed; "
            f"the first of the others: {left_out[0].name}, {left_out[0].reason}; complete {table}, or widen "
            "source.within"
        )


def _notes(sheet: Sheet, pictures: Sequence[str], naming: Naming) -> Iterator[str]:
    table = sheet.path.name
    yield f"labels are those of {table}; its column {sheet.columns[naming.column]!r} names the pictures"
    rows = tuple(zip(sheet.rows, naming.meant, strict=True))
    absent = [row for row, places in rows if not places]
    if absent:
        first = absent[0]
        yield (
            f"{len(absent)} of {len(sheet.rows)} rows of {table} name pictures that are not here, the first in line "
            f"{first.line}: {first.cells[naming.column]!r}"
        )
    if naming.rule == "number":
        row, place = next((row, places[0]) for row, places in rows if places)
        yield f"names in {table} are others by a letter: {row.cells[naming.column]!r} was taken for {pictures[place]}"
    if sheet.encoding not in UTF:
        yield f"{table} is no UTF-8; it was read as {sheet.encoding}"
