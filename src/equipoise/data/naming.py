"""Which picture a cell means.  People write names with folders or without, with suffixes or without, in either case;
spreadsheets make 12 or 12.0 of 0012."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from equipoise.data.corpus import DataError
from equipoise.data.listing import Listing
from equipoise.data.sheet import Sheet

Rule = Literal["path", "name", "number"]
RULES: tuple[Rule, ...] = ("path", "name", "number")
"""How the cells of a column name pictures, from strict to loose:

- ``path``: name and folders agree, as far as both are given; leading zeros do not count;
- ``name``: the names agree, whatever the folders;
- ``number``: the names do but for one letter, as with I12 for 12.
"""
NUMBER = re.compile(r"([^\W\d_]?)0*(\d+)(?:\.0+)?")
RIVAL_SHARE = 0.5
"""A column that names this share of what the best one does may be the true one.  A guess: numbers of something else,
such as ages, name few of the pictures that are called by numbers."""
EXAMPLES, SHOWN_CELLS = 2, 3
"""Rows and pictures that are shown where no names fit, and cells of each row."""

Name = tuple[list[str], str]
"""Folders, and what stands after the last of them."""


@dataclass(frozen=True)
class Naming:
    """A column of names: for each row the places of the pictures that its cell may mean."""

    column: int
    rule: Rule
    meant: tuple[tuple[int, ...], ...]

    @property
    def num_pictures(self) -> int:
        return len({place for places in self.meant for place in places})


class Index:
    """Pictures by what they may be called."""

    def __init__(self, pictures: Sequence[str]) -> None:
        self._folders: list[list[str]] = []
        self._named: defaultdict[str, list[int]] = defaultdict(list)
        self._numbered: defaultdict[tuple[bool, str], list[int]] = defaultdict(list)
        for at, picture in enumerate(pictures):
            folders, name = _parted(picture)
            stem = name.rpartition(".")[0].rstrip()
            self._folders.append(folders)
            self._named[name].append(at)
            self._named[stem].append(at)
            if number := NUMBER.fullmatch(stem):
                self._numbered[bool(number[1]), number[2]].append(at)

    def meant(self, cell: Name, rule: Rule) -> tuple[int, ...]:
        """The places of all pictures that a cell may mean."""
        folders, name = cell
        found = self._named.get(name) or self._by_number(name, rule)
        return tuple(at for at in found if rule != "path" or _agree(folders, self._folders[at]))

    def _by_number(self, name: str, rule: Rule) -> Sequence[int]:
        number = NUMBER.fullmatch(name)
        if number is None:
            return ()
        lettered = bool(number[1])
        if rule == "number":
            return self._numbered.get((not lettered, number[2]), ())
        return () if lettered else self._numbered.get((False, number[2]), ())


def find_names(sheet: Sheet, listing: Listing, columns: Sequence[int]) -> Naming:
    """The one of these columns that names most pictures.  Raises `DataError` where none does, or several do."""
    index = Index(listing.names)
    found = [naming for column in columns if (naming := _strictest(sheet, index, column)).num_pictures]
    if not found:
        raise DataError(_nothing_named(sheet, listing, columns))
    best, *others = sorted(found, key=lambda naming: (-naming.num_pictures, RULES.index(naming.rule)))
    rivals = [other.column for other in others if _rivals(best, other)]
    if rivals:
        names = " and ".join(repr(sheet.columns[column]) for column in (best.column, rivals[0]))
        raise DataError(f"{sheet.path}: columns {names} name different pictures; set source.name_column to one of them")
    return best


def _rivals(best: Naming, other: Naming) -> bool:
    """Whether another column may be the true one: it is as strict, names nearly as many, and contradicts."""
    if RULES.index(other.rule) > RULES.index(best.rule) or other.num_pictures < RIVAL_SHARE * best.num_pictures:
        return False
    return any(mine and its and mine != its for mine, its in zip(best.meant, other.meant, strict=True))


def _strictest(sheet: Sheet, index: Index, column: int) -> Naming:
    """By the first rule under which the column names any picture, or else the last."""
    cells = [_parted(row.cells[column]) for row in sheet.rows]
    namings = (Naming(column, rule, tuple(index.meant(cell, rule) for cell in cells)) for rule in RULES)
    return next(naming for naming in namings if naming.num_pictures or naming.rule == RULES[-1])


def _parted(text: str) -> Name:
    """Blanks at the ends of each step do not count, nor several in a row, nor upper and lower case."""
    steps = unicodedata.normalize("NFC", text).casefold().replace("\\", "/").split("/")
    *folders, name = (" ".join(step.split()) for step in steps)
    return [folder for folder in folders if folder not in ("", ".")], name


def _agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether folders are the same, from the innermost as far outwards as both go."""
    return all(mine == its for mine, its in zip(reversed(one), reversed(other), strict=False))


def _nothing_named(sheet: Sheet, listing: Listing, columns: Sequence[int]) -> str:
    shown = (", ".join(row.cells[column] for column in columns[:SHOWN_CELLS]) for row in sheet.rows[:EXAMPLES])
    rows = " or ".join(f"({cells})" for cells in shown) or "none at all"
    pictures = " or ".join(listing.names[:EXAMPLES])
    return (
        f"no row of {sheet.path} names a picture in {listing.root}: rows are like {rows}, pictures like {pictures}; "
        "give the names as they are, or set source.name_column"
    )
