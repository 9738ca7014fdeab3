"""``losses.csv``: the numbers of every tick as a table that any tool opens.

The file is appended, never truncated.  A run that was killed replays the steps since its last checkpoint, and because
a replay is exact, the rows it produces are those already there: they are recognised and not written twice, and a row
torn by the kill is completed.  When a replay differs, because a setting was changed or the machine is another one, its
rows are appended; for a step that occurs twice the later row counts.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

NAME = "losses.csv"
FIRST_COLUMNS = ("step", "images", "epoch")


class LossTable:
    """The writer.  `columns` follow the first three, which are step, images and epoch.

    On a table that exists already, its own header stays in force and columns it lacks are left out.
    """

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        path = folder / NAME
        text = path.read_bytes().decode() if path.exists() else ""
        whole, newline, self._torn = text.rpartition("\n")
        self._past = dict(_by_step(whole + newline))
        self._file = path.open("ab")
        header = ",".join((*FIRST_COLUMNS, *columns)) + "\n"
        if newline:
            header = whole.partition("\n")[0] + "\n"
        else:
            self._write(header)
        self._columns = header.strip().split(",")[len(FIRST_COLUMNS) :]

    def append(self, step: int, images: int, epoch: float, values: Mapping[str, float]) -> None:
        """Write one row, unless exactly this row is there already."""
        cells = [str(step), str(images), f"{epoch:.6g}"]
        cells += [f"{values[name]:.9g}" if name in values else "" for name in self._columns]
        line = ",".join(cells) + "\n"
        if self._past.get(step) == line:
            return
        self._past.clear()
        self._write(line)

    def _write(self, line: str) -> None:
        line = line[len(self._torn) :] if line.startswith(self._torn) else "\n" + line
        self._torn = ""
        self._file.write(line.encode())
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read(folder: Path) -> dict[str, list[float]]:
    """The table as columns, each step once.  Empty cells are NaN.  Raises `FileNotFoundError`."""
    text = (folder / NAME).read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    rows = {row["step"]: row for row in csv.DictReader(whole.splitlines()) if row["step"] and None not in row}
    names = next(csv.reader(whole.splitlines()), [])
    return {name: [float(row[name] or "nan") for row in rows.values()] for name in names}


def _by_step(text: str) -> list[tuple[int, str]]:
    rows = [(line.partition(",")[0], line) for line in text.splitlines(keepends=True)]
    return [(int(step), line) for step, line in rows if step.isdigit()]
