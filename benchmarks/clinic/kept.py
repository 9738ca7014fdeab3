"""Kept runs as a doctor sees them, whole or in part, and what is true of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from clinic.base import Part
from clinic.bases import BASES
from clinic.cases import Case
from clinic.outcome import FAILS
from clinic.running import Record, folder_of, record_of
from clinic.splits import cases
from equipoise.doctor.readers.runs import read_run
from equipoise.doctor.trace import OF_DATA, OF_DATA_MAYBE, OF_MEASURE, OF_PLUMBING, Trace

Truth = Literal["ill", "harmless", "well", "failed control"]
"""By fault and outcome: both, a fault alone, neither, an outcome alone."""
LAST: Final = 3
"""Evaluations whose median is a run's outcome."""
SELF_TESTS: Final = (OF_DATA, OF_DATA_MAYBE, OF_PLUMBING, OF_MEASURE)


@dataclass(frozen=True)
class Kept:
    """A run, and the truth about it."""

    case: Case
    record: Record
    trace: Trace
    truth: Truth
    onset: float | None
    """The first evaluation from which on it is worse than its control, where it is so to the end."""

    @property
    def steps(self) -> int:
        return int(self.record["steps"])


def kept_runs(part: Part, work: Path) -> list[Kept]:
    """Those of a part that have been trained."""
    found = [(case, record) for case in cases(part) if (record := record_of(case, work)) is not None]
    controls = controls_of(found)
    return [
        Kept(case, record, trace_of(folder_of(case, work), record), *labelled(case, record, controls[case.base]))
        for case, record in found
        if case.base in controls
    ]


def controls_of(found: Iterable[tuple[Case, Record]]) -> Mapping[str, Sequence[float]]:
    """The healthy harm of each base at each evaluation, median over its controls."""
    curves: dict[str, list[list[float]]] = {}
    for case, record in found:
        if case.is_control:
            curves.setdefault(case.base, []).append([numbers["harm"] for _, numbers in record["evaluations"]])
    return {base: [statistics.median(values) for values in zip(*of, strict=False)] for base, of in curves.items()}


def labelled(case: Case, record: Record, control: Sequence[float]) -> tuple[Truth, float | None]:
    """What is true of a run, by its fault and its outcome alone."""
    onset = failed_from(record, control)
    if case.faults:
        is_ill = onset is not None or case.spares_samples
        return ("ill" if is_ill else "harmless"), onset
    return ("well" if onset is None else "failed control"), onset


def failed_from(record: Record, control: Sequence[float]) -> float | None:
    """The step from which on a run is worse than its control; none for one whose outcome is not.

    A run that was refused, or that a fault ended, has failed.
    """
    steps = [float(step) for step, _ in record["evaluations"]]
    harms = [float(numbers["harm"]) for _, numbers in record["evaluations"]]
    ended = bool(record["refused"] or record["fault"])
    if not ended and statistics.median(harms[-LAST:]) <= FAILS * statistics.median(control[-LAST:]):
        return None
    worse = [harm > FAILS * usual for harm, usual in zip(harms, control, strict=False)]
    held = next((at for at in range(len(worse)) if all(worse[at:])), len(worse))
    if held < len(worse):
        return steps[held]
    return float(record["steps"]) if ended else steps[-1]


def trace_of(folder: Path, record: Record) -> Trace:
    """What a doctor may see of a run; of one that was refused, the refusal alone."""
    if record["refused"]:
        return Trace({}, faults=(f"{OF_PLUMBING} {record['refused']}",))
    trace = read_run(folder)
    return replace(trace, faults=(*(f"{OF_DATA} {fault}" for fault in record["data"]), *trace.faults))


def until(trace: Trace, step: float) -> Trace:
    """The trace as it was at this step: self-tests are known by then, and how the run will end is not."""
    if step >= trace.last_step:
        return trace
    signals = {name: series.before(step + 0.5) for name, series in trace.signals.items()}
    return replace(trace, signals=signals, faults=tuple(one for one in trace.faults if one.startswith(SELF_TESTS)))


LOSSES: Final = frozenset(
    {"d_loss", "g_loss", "d_total", "g_total", "penalty", "kl", "d_real", "d_fake", "score_real", "score_fake"}
    | {"auc", "lr_d", "lr_g", "not_finite", "waiting"}
)
"""With what is printed beside losses."""
GRADIENTS: Final = frozenset(
    {"slope", "grad_d", "grad_g", "grad_at_output", "clipped_d", "clipped_g", "moved_d", "moved_g"}
    | {"gamma_low", "gamma_high"}
)
HELD_OUT: Final = frozenset({"auc_held_out", "overfitting", "memory"})
LADDER: Final = ("losses", "+ gradients", "+ samples", "+ held-out", "+ self-tests")


def ablated(trace: Trace, rung: str) -> Trace:
    """The trace with what is known up to a rung of `LADDER` alone."""
    height = LADDER.index(rung)
    signals = {name: series for name, series in trace.signals.items() if _rung(name) <= height}
    keeps_tests = height == len(LADDER) - 1
    faults = tuple(fault for fault in trace.faults if keeps_tests or not fault.startswith(SELF_TESTS))
    return replace(trace, signals=signals, faults=faults)


def _rung(signal: str) -> int:
    if signal in LOSSES:
        return 0
    if signal in GRADIENTS or signal.startswith("share."):
        return 1
    return 3 if signal in HELD_OUT else 2


def budget(kept: Kept) -> int:
    """Steps of the last phase, from whose beginning a doctor counts."""
    base = BASES[kept.case.base]
    return base.steps - base.begin
