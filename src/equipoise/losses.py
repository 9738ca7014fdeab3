"""``losses.csv``: the numbers of every tick as a table that any tool opens.

The file is appended, never truncated.  A run that was killed replays the steps since its last checkpoint, and because
a replay is exact, the rows it produces are those already there: they are recognised and not written twice, and a row
torn by the kill is completed.  So the file ends up byte for byte as if the run had never been killed.  When a replay
differs, because a setting was changed or the machine is another one, its rows are appended; a row takes the place of
all earlier rows of its own and later steps.
"""

from __future__ import annotations

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
        written = path.read_bytes() if path.exists() else b""
        whole, newline, self._torn = written.rpartition(b"\n")
        lines = whole.decode().splitlines() if newline else []
        self._past = _rows_that_count(lines)
        self._file = path.open("ab")
        header = lines[0] if lines else ",".join((*FIRST_COLUMNS, *columns))
        self._columns = header.split(",")[len(FIRST_COLUMNS) :]
        if not lines:
            self._write(header)

    def append(self, step: int, images: int, epoch: float, values: Mapping[str, float]) -> None:
        """Write one row, unless exactly this row is there already."""
        cells = [str(step), str(images), f"{epoch:.6g}"]
        cells += [f"{values[name]:.9g}" if name in values else "" for name in self._columns]
        row = ",".join(cells)
        if self._past.get(step) != row:
            self._past.clear()  # from the first row that differs on, this is another course of the run
            self._write(row)

    def close(self) -> None:
        self._file.close()

    def _write(self, row: str) -> None:
        line = row.encode() + b"\n"
        self._file.write(line.removeprefix(self._torn) if line.startswith(self._torn) else b"\n" + line)
        self._file.flush()
        self._torn = b""


def read(folder: Path) -> dict[str, list[float]]:
    """The table as columns, each step once.  Empty cells are NaN.  Raises `FileNotFoundError`."""
    text = (folder / NAME).read_text(encoding="utf-8", errors="replace")
    lines = text[: text.rfind("\n") + 1].splitlines()
    rows = [row.split(",") for row in _rows_that_count(lines).values()]
    names = lines[0].split(",") if lines else []
    return {name: [float(row[at] or "nan") for row in rows] for at, name in enumerate(names)}


def _rows_that_count(lines: Sequence[str]) -> dict[int, str]:
    """Rows by step, below the header.  A row takes the place of those of its own and later steps.

    A row torn by a kill and not completed has too few cells, or else its step is about to come again.
    """
    rows: dict[int, str] = {}
    for line in lines[1:]:
        if line.count(",") == lines[0].count(","):
            step = int(line.partition(",")[0])
            while rows and next(reversed(rows)) >= step:
                rows.popitem()
            rows[step] = line
    return rows
