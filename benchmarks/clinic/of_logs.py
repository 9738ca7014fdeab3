"""Public training logs with a known outcome: what the doctor and plain rules say of losses alone, and of more.

The labels are those of ``INDEX.md`` beside the logs.  The doctor's rules were written with these logs at hand, so this
is no test of them: it says what they catch at what price.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from clinic.rates import Share
from clinic.rivals import Doctor, dn_only, doctor, early_stopping, suspicious
from equipoise.doctor.readers import read_all
from equipoise.doctor.trace import Trace
from results import Result, report

ROW: Final = re.compile(r"\| CIFAR10/(?P<run>\S+) \| (?P<loss>\S+) \|.*?\*\*(?P<end>\w+)\*\*")
GAME: Final = {"vanilla": "bce", "least_square": "lsgan", "wasserstein": "wgan", "hinge": "hinge", "?": "hinge"}
"""The key that ``--loss`` takes, by the index's word."""
ILL: Final = ("late_collapse", "never_learned")
WELL: Final = "healthy"
COLUMNS: Final = {
    "losses alone": (),
    "losses and a recall-like column": ("recall",),
    "losses and all measures": ("recall", "precision", "fid", "distance"),
}
"""Which measures of samples are read beside the losses."""
ASKED: Final[dict[str, Doctor]] = {
    "doctor": doctor,
    "doctor, suspicions too": suspicious,
    "Dn below 0.05": dn_only,
    "early stopping": early_stopping,
}


@dataclass(frozen=True)
class Known:
    """A log and how its run ended."""

    name: str
    end: str
    trace: Trace


def known_logs(folder: Path) -> list[Known]:
    """Those of an index."""
    text = (folder / "INDEX.md").read_text(encoding="utf-8")
    return [Known(row["run"], row["end"], _read(folder, row["run"], GAME[row["loss"]])) for row in ROW.finditer(text)]


def _read(folder: Path, run: str, game: str) -> Trace:
    return read_all([folder / f"CIFAR10__{run}.{kind}.csv" for kind in ("train", "eval")], game)


def with_measures(trace: Trace, measures: Sequence[str]) -> Trace:
    """The trace of the training's own numbers, and of these measures of samples."""
    of_samples = {"recall", "precision", "fid", "distance", "diversity"} - set(measures)
    return replace(trace, signals={name: one for name, one in trace.signals.items() if name not in of_samples})


def score(shared: Path) -> None:
    """Print the table, and write it."""
    logs = known_logs(shared / "logs")
    rows = [Result("logs: ill, healthy, borderline", ", ".join(str(count) for count in _ends(logs)))]
    for title, measures in COLUMNS.items():
        for name, ask in ASKED.items():
            rows += _rows(f"{title}: {name}", logs, lambda one, m=measures, a=ask: a(with_measures(one, m)).alarm)  # type: ignore[misc]
    report("GAN-Clinic, public logs", rows, "Each wrong one:\n\n" + "\n".join(wrong(logs)))


def _ends(logs: Sequence[Known]) -> tuple[int, int, int]:
    ill, well = (sum(log.end in ends for log in logs) for ends in (ILL, (WELL,)))
    return ill, well, len(logs) - ill - well


def _rows(title: str, logs: Sequence[Known], alarmed: Callable[[Trace], bool]) -> list[Result]:
    caught = Share.count(alarmed(log.trace) for log in logs if log.end in ILL)
    false = Share.count(alarmed(log.trace) for log in logs if log.end == WELL)
    return [Result(f"{title}: caught", str(caught)), Result(f"{title}: false alarms", str(false))]


def wrong(logs: Sequence[Known]) -> Iterator[str]:
    """A line for each log that the doctor was wrong about."""
    for title, measures in COLUMNS.items():
        for log in logs:
            said = suspicious(with_measures(log.trace, measures))
            if log.end in (*ILL, WELL) and said.alarm != (log.end in ILL):
                yield f"- {title}, {log.end}: `{log.name}` ({said.verdict}: {', '.join(said.causes) or 'nothing'})"
