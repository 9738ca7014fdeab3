"""From anything in which a run was written down to what the doctor says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from equipoise.doctor.examining import examine
from equipoise.doctor.readers import read_all, read_columns
from equipoise.doctor.symptom import Examination, Verdict
from equipoise.doctor.trace import Trace

WORST_FIRST: Final[tuple[Verdict, ...]] = ("ill", "suspect", "unknown", "young", "healthy")


class Table(Protocol):
    """A table such as pandas has."""

    def to_dict(self, orient: str, /) -> Mapping[Any, Any]: ...


def diagnose(
    source: str | Path | Mapping[str, Iterable[float]] | Table, loss: str | None = None, phase: str | None = None
) -> Examination:
    """What is wrong with a run, how that is known, and what would cure it.

    `source` is a run's folder, a log of any program (see docs/doctor.md), or columns by name: a mapping, or a table
    with pandas' ``to_dict``.  `loss` says which loss it was, by a key of ``equipoise.doctor.game.GAMES``; without it,
    it is known from the run's recipe or inferred where that is safe.  Raises `RequestError` for what cannot be read.
    """
    if isinstance(source, str | Path):
        return examined([Path(source)], loss, phase)[1]
    table = source if isinstance(source, Mapping) else source.to_dict("list")
    return _worst_off(lambda pair: read_columns(table, loss, pair), phase)[1]


def examined(paths: Sequence[Path], loss: str | None = None, phase: str | None = None) -> tuple[Trace, Examination]:
    """One or more logs of one run, and what is wrong with it.

    Of several pairs of networks, as CycleGAN has, all are looked at, and the one that is worst off is told of, unless
    `phase` names one.  Raises `RequestError`.
    """
    return _worst_off(lambda pair: read_all(paths, loss, pair), phase)


def _worst_off(read: Callable[[str | None], Trace], asked: str | None) -> tuple[Trace, Examination]:
    """The trace of the phase or pair that is asked for, or of the worst pair, with a line of the others."""
    first = read(asked)
    others = [read(pair) for pair in first.other_pairs if asked is None]
    found = sorted(((trace, examine(trace)) for trace in (first, *others)), key=lambda one: _how_well(one[1]))
    trace, examination = found[0]
    if not others:
        return trace, examination
    beside = [f"pair {one.pair}: {said.verdict}, {said.why}" for one, said in found[1:]]
    about = (f"this is pair {trace.pair}; none is worse off, and --phase shows another", *beside)
    return replace(trace, unknown=(*about, *trace.unknown)), replace(
        examination, unknown=(*about, *examination.unknown)
    )


def _how_well(examination: Examination) -> tuple[int, float]:
    """The worst first."""
    confidence = max((diagnosis.confidence for diagnosis in examination.diagnoses), default=0.0)
    return WORST_FIRST.index(examination.verdict), -confidence
