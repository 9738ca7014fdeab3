"""Which form a log has, told by what is in it, and the reader for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from equipoise.doctor.readers import events, lines, notebook, records, runs, tables
from equipoise.doctor.readers.console import Console
from equipoise.doctor.readers.lines import LeftOut
from equipoise.doctor.readers.meaning import Log, trace_of
from equipoise.doctor.readers.names import POSITIONS, name_of
from equipoise.doctor.readers.rows import Rows
from equipoise.doctor.readers.steps import columns
from equipoise.doctor.trace import Trace
from equipoise.errors import RequestError

Form = Literal["events", "notebook", "json", "json list", "json lines", "table", "console"]
TITLES: Final[Mapping[Form, str]] = {
    "events": "TensorBoard's events",
    "notebook": "a Jupyter notebook",
    "json": "columns in JSON",
    "json list": "a list in JSON",
    "json lines": "JSON lines",
    "table": "a table",
    "console": "what a program printed",
}
LOGS: Final = ("losses.csv", "stats.jsonl", "metrics.csv", "progress.csv", "loss_log.txt", "log.txt", "log")
"""Names under which logs lie in a folder; the first that is there is read."""
BESIDE: Final = "metric-*.jsonl"
"""StyleGAN's measures, beside its ``stats.jsonl``."""
OPTIONS: Final = "training_options.json"
"""StyleGAN's settings; its batch is read."""
NAMED: Final = 4
"""Runs that are named where there are several."""
MOST_CONTROLS: Final = 0.05
"""Share of bytes that no text has, from which on a file is binary."""

_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\x08\x0c\x1b")) + b"\x7f"


@dataclass(slots=True)
class _Gathered:
    """What several files together say."""

    rows: Rows = field(default_factory=Rows)
    left_out: LeftOut = field(default_factory=LeftOut)
    is_cycle: bool = False
    batch: int | None = None
    files: int = 0


def read(path: Path, loss: str | None = None, phase: str | None = None) -> Trace:
    """The trace of one log.

    `loss` is a key of `GAMES`; without it the run's own recipe says it, or it is inferred where that is safe.  `phase`
    is a phase of a run of ours, or one of several pairs of networks.  Raises `RequestError`, one line, for what is no
    log of a GAN.
    """
    return read_all([path], loss, phase)


def read_all(paths: Sequence[Path], loss: str | None = None, phase: str | None = None) -> Trace:
    """The trace of several logs of one run, such as a table of losses and one of measures."""
    folders = [home for path in paths if (home := _run_folder(path)) is not None]
    if folders:
        if len(paths) > 1:
            raise RequestError(f"{folders[0]} is a run's folder, which is read alone: leave the other paths away")
        return runs.read_run(folders[0], loss, phase)
    gathered = _Gathered()
    sources = [f"{path.name}, {TITLES[form]}" for path in paths for form in _read_path(path, gathered)]
    numbers = columns(gathered.rows, gathered.batch, is_one_file=gathered.files == 1)
    log = Log(numbers, " and ".join(sources), gathered.left_out.words(), gathered.is_cycle)
    return trace_of(log, loss, phase)


def read_columns(table: Mapping[str, Iterable[Any]], loss: str | None = None, pair: str | None = None) -> Trace:
    """The trace of columns in memory.  Raises `RequestError` when they are not numbers.

    A column with fewer numbers than the longest is taken to be spread evenly over the same time.
    """
    rows = Rows()
    said = _add_columns({str(label): list(values) for label, values in table.items()}, rows)
    return trace_of(Log(columns(rows), "numbers", tuple(said)), loss, pair)


def _run_folder(path: Path) -> Path | None:
    """The run of ours that this is, or is a file of."""
    folder = path if path.is_dir() else path.parent
    is_own = path.is_dir() or path.name in ("journal.jsonl", "losses.csv")
    return folder if is_own and runs.is_run(folder) else None


def _read_path(path: Path, gathered: _Gathered) -> list[Form]:
    """Read a file, or the log in a folder; the forms that were found."""
    if not path.exists():
        raise RequestError(f"{path} does not exist")
    if not path.is_dir():
        return [_read_file(path, gathered)]
    files = _logs_in(path)
    options = path / OPTIONS
    if options.is_file():
        gathered.batch = _batch(options)
    return list(dict.fromkeys(_read_file(file, gathered) for file in files))


def _logs_in(folder: Path) -> list[Path]:
    named = next((folder / name for name in LOGS if (folder / name).is_file()), None)
    if named is not None:
        return [named, *sorted(folder.glob(BESIDE))]
    found = events.event_files(folder)
    if not found:
        raise RequestError(f"{folder} holds no log: neither a journal, nor TensorBoard's events, nor {', '.join(LOGS)}")
    _refuse_several_runs(folder, found)
    return found


def _refuse_several_runs(folder: Path, files: Sequence[Path]) -> None:
    """Raises `RequestError` where folders of events tell the same numbers, each of a run of its own."""
    homes = list(dict.fromkeys(file.parent for file in files))
    told: dict[str, Path] = {}
    for home in homes if len(homes) > 1 else ():
        rows = Rows()
        for file in (file for file in files if file.parent == home):
            events.read_events(file, rows, LeftOut())
        for name in {name for kind in rows.kinds.values() for name in kind.names} - set(POSITIONS):
            if told.setdefault(name, home) != home:
                listed = ", ".join(str(one.relative_to(folder)) for one in homes[:NAMED])
                raise RequestError(f"{folder} holds several runs ({listed}): give one of their folders")


def _batch(options: Path) -> int | None:
    try:
        found = json.loads(lines.document(options))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{options} is not JSON: {error}") from error
    batch = found.get("batch_size") if isinstance(found, dict) else None
    return batch if isinstance(batch, int) and batch > 0 else None


def _read_file(path: Path, gathered: _Gathered) -> Form:
    form, rows, left_out = _form(path), gathered.rows, gathered.left_out
    gathered.files += 1
    if form == "events":
        events.read_events(path, rows, left_out)
    elif form == "notebook":
        gathered.is_cycle |= _read_console(notebook.printed(lines.document(path), path), rows)
    elif form == "json":
        left_out.others += _read_columns(path, rows)
    elif form == "json list":
        records.read_json_list(lines.document(path), rows, left_out)
    elif form == "json lines":
        records.read_json_lines(lines.lines(path, left_out), rows, left_out)
    elif form == "table":
        stem = re.sub(r"\.\w+$", "", path.name)
        tables.read_table(lines.lines(path, left_out), rows, left_out, stem)
    else:
        gathered.is_cycle |= _read_console(lines.lines(path, left_out), rows)
    return form


def _read_console(printed: Iterable[str], rows: Rows) -> bool:
    console = Console(rows)
    console.read(printed)
    return console.is_cycle


def _read_columns(path: Path, rows: Rows) -> list[str]:
    try:
        found = records.columns_in(json.loads(lines.document(path), parse_int=float))
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else error
        raise RequestError(f"{path} begins as JSON but cannot be read: {why}") from error
    if found is None:
        raise RequestError(f"{path} is JSON without columns of a GAN's losses")
    return _add_columns(found, rows)


def _add_columns(table: Mapping[str, list[Any]], rows: Rows) -> list[str]:
    """Row by row; a column with fewer numbers than the longest is spread evenly, and that is said."""
    chosen, said = tables.one_each({label: name_of(label) for label in table})
    named = {name: table[label] for name, label in chosen.items()}
    longest = max(map(len, named.values()), default=0)
    shorter = {name: len(values) for name, values in named.items() if len(values) < longest}
    if any(name in POSITIONS for name in shorter):
        raise RequestError(
            f"{shorter} numbers, and {longest} in the longest column: which belong together is not known"
        )
    for place in range(longest):
        there = {
            name: at for name, values in named.items() if (at := _falls_on(place, len(values), longest)) is not None
        }
        try:
            numbers = [_number(named[name][at]) for name, at in there.items()]
        except (TypeError, ValueError) as error:
            raise RequestError(f"a column holds what is no number: {error}") from error
        rows.add(tuple(there), numbers)
    return said + [
        f"{name} has {count} numbers and the longest column {longest}: they are taken to be spread evenly"
        if count
        else f"{name} has no numbers"
        for name, count in shorter.items()
    ]


def _falls_on(place: int, count: int, of: int) -> int | None:
    """Which of `count` numbers, spread evenly over `of` places so that the last fall together, is at this place."""
    before, now = place * count // of, (place + 1) * count // of
    return before if now > before else None


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _form(path: Path) -> Form:
    """By the first bytes.  Raises `RequestError` for a file that is empty or binary."""
    first = lines.head(path)
    if not first.strip():
        raise RequestError(f"{path} is empty")
    if events.is_event_file(first):
        return "events"
    encoding, mark = lines.encoding_of(first)
    if encoding == "utf-8" and sum(map(first.count, _CONTROLS_EACH)) > MOST_CONTROLS * len(first):
        raise RequestError(f"{path} is binary: give a log, a table, a notebook, a folder of events or a run's folder")
    text = first[mark:].decode(encoding, errors="replace")
    return _form_of_json(text) or ("table" if tables.is_table(lines.split(text)[: tables.LOOKED_AT]) else "console")


_CONTROLS_EACH: Final = [bytes([value]) for value in _CONTROLS]


def _form_of_json(text: str) -> Form | None:
    start = text.lstrip()
    if re.match(r"\[\s*\{", start):
        return "json list"
    if not start.startswith("{"):
        return None
    if re.search(r'"(?:cells|worksheets|nbformat)"\s*:', start):
        return "notebook"
    first_line = start.partition("\n")[0].strip()
    try:
        whole = json.loads(first_line)
    except (ValueError, RecursionError):
        return "json" if first_line == "{" or len(start) >= lines.MOST_LINE else _unless_console(first_line)
    return "json" if records.columns_in(whole) is not None else "json lines"


def _unless_console(line: str) -> Form | None:
    """A dictionary as Python prints it is a line of a program; anything else in a brace is JSON, whole or not."""
    return "json" if '"' in line else None
