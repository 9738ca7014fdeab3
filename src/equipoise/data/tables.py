"""Tables of classes: which codes a categorical layer may have, what they mean, and the colours they are shown in.

Unless a layer says otherwise, the data do not decide which classes there are: a second area may hold others.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from equipoise.data.corpus import DataError
from equipoise.space import Class, Colour
from equipoise.spec.knob import did_you_mean

NLCD = (
    (11, "open water", (70, 107, 159)),
    (12, "ice and snow", (209, 222, 248)),
    (21, "developed, open", (222, 197, 197)),
    (22, "developed, low", (217, 146, 130)),
    (23, "developed, medium", (235, 0, 0)),
    (24, "developed, high", (171, 0, 0)),
    (31, "barren", (179, 172, 159)),
    (41, "deciduous forest", (104, 171, 95)),
    (42, "evergreen forest", (28, 95, 44)),
    (43, "mixed forest", (181, 197, 143)),
    (52, "shrub", (204, 184, 121)),
    (71, "grassland", (223, 223, 194)),
    (81, "pasture", (220, 217, 57)),
    (82, "crops", (171, 108, 40)),
    (90, "woody wetlands", (184, 217, 235)),
    (95, "herbaceous wetlands", (108, 159, 184)),
)
"""National Land Cover Database of the USGS, its codes and colours."""
WORLDCOVER = (
    (10, "trees", (0, 100, 0)),
    (20, "shrubs", (255, 187, 34)),
    (30, "grassland", (255, 255, 76)),
    (40, "crops", (240, 150, 255)),
    (50, "built-up", (250, 0, 0)),
    (60, "bare", (180, 180, 180)),
    (70, "snow and ice", (240, 240, 240)),
    (80, "water", (0, 100, 200)),
    (90, "herbaceous wetland", (0, 150, 160)),
    (95, "mangroves", (0, 207, 117)),
    (100, "moss and lichen", (250, 230, 160)),
)
"""ESA WorldCover, its codes and colours."""
NOT_BURNABLE = (
    (91, "urban", (150, 150, 155)),
    (92, "snow and ice", (240, 245, 250)),
    (93, "fields", (222, 190, 105)),
    (98, "water", (60, 110, 180)),
    (99, "bare", (190, 175, 160)),
)
FUELS = (
    ("GR", 101, 9, (238, 232, 150), (190, 170, 30)),
    ("GS", 121, 4, (215, 205, 125), (150, 130, 40)),
    ("SH", 141, 9, (225, 170, 120), (120, 60, 20)),
    ("TU", 161, 5, (150, 200, 140), (60, 120, 70)),
    ("TL", 181, 9, (110, 165, 100), (15, 65, 30)),
    ("SB", 201, 4, (200, 140, 170), (110, 40, 80)),
)
"""Fuel models of Scott & Burgan 2005 (RMRS-GTR-153): letters, first code, how many, colours of the first and last."""
COLUMNS = ("code", "name", "colour")
HEX = re.compile(r"#?[0-9a-f]{6}", re.IGNORECASE)

Classes = tuple[Class, ...]


def _fuels() -> Iterator[Class]:
    yield from (Class(*row) for row in NOT_BURNABLE)
    for letters, first, count, light, dark in FUELS:
        for at in range(count):
            red, green, blue = (round(a + (b - a) * at / (count - 1)) for a, b in zip(light, dark, strict=True))
            yield Class(first + at, f"{letters}{at + 1}", (red, green, blue))


BUILT_IN: Mapping[str, Classes] = {
    "fbfm40": tuple(_fuels()),
    "nlcd": tuple(Class(*row) for row in NLCD),
    "worldcover": tuple(Class(*row) for row in WORLDCOVER),
}


def is_file(table: str) -> bool:
    return table.lower().endswith(".csv")


def classes_of(table: str, folder: Path, layer: str) -> Classes:
    """A table that comes with the package, or one of a CSV file in the data's folder.  Raises `DataError`.

    The file has a line ``code,name,colour`` first; colours are written like #28a05f.
    """
    if not is_file(table):
        if table not in BUILT_IN:
            raise DataError(
                f"layer {layer}: there is no table {table!r}{did_you_mean(table, BUILT_IN)}; there are "
                f"{', '.join(BUILT_IN)}, or name a CSV file with the columns {', '.join(COLUMNS)}"
            )
        return BUILT_IN[table]
    path = folder / table
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"layer {layer}: {path} cannot be read: {error}") from error
    classes = tuple(_class(row, path, line) for line, row in enumerate(rows, start=2))
    codes = [item.code for item in classes]
    twice = next((code for code in codes if codes.count(code) > 1), None)
    if twice is not None:
        raise DataError(f"layer {layer}: {path} has code {twice} twice")
    if len(classes) < 2:
        raise DataError(f"layer {layer}: {path} has {len(classes)} classes; a categorical layer needs two")
    return classes


def _class(row: Mapping[str | Any, str | Any], path: Path, line: int) -> Class:
    values = {(name or "").strip().lower(): (value or "").strip() for name, value in row.items() if name is not None}
    missing = [name for name in COLUMNS if not values.get(name)]
    if missing:
        raise DataError(f"{path}, line {line}: no {', '.join(missing)}; each line is {','.join(COLUMNS)}")
    try:
        return Class(int(values["code"]), values["name"], _colour(values["colour"]))
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {error}; each line is like 11,water,#466b9f") from error


def _colour(text: str) -> Colour:
    if not HEX.fullmatch(text):
        raise ValueError(f"{text!r} is no colour")
    digits = text.lstrip("#")
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    return red, green, blue
