"""Bounds on a signal, the plainest of rules: beyond it for long enough, and plainly beyond it nothing else looks so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from equipoise.doctor.symptom import PROOF, Evidence, Kind
from equipoise.doctor.trace import SIGNALS, Floats, Series, Trace

WARM_UP: Final = 500.0
"""Steps in which every critic may be sure of itself, and no sample need look like anything."""
MODERATE: Final = 0.6
"""How sure one kind of evidence makes one: more likely than not, and no more than a warning."""
WEAK: Final = 0.3


@dataclass(frozen=True, slots=True)
class Limit:
    """A signal that must not stay beyond a bound."""

    signal: str
    bound: float
    side: Literal["above", "below"] = "above"
    plain: float | None = None
    """Beyond this one it is proved; none where a bound alone can never prove it."""
    evaluations: int | None = None
    """So many values in a row; none for a signal of the training, whose medians must stay beyond it for a window."""
    kind: Kind = "losses"
    weight: float = MODERATE
    less_floor: bool = False
    """Whether the value of real samples is taken off first."""

    @property
    def words(self) -> str:
        """A line for a page."""
        long = f"in {self.evaluations} evaluations in a row" if self.evaluations else "for a window"
        than_real = ", less that of real samples," if self.less_floor else ""
        proof = f"; {self.side} {self.plain:g} it is proved" if self.plain is not None else ""
        return f"`{self.signal}`{than_real} {self.side} {self.bound:g} {long}{proof}"

    def seen(self, trace: Trace) -> Evidence | None:
        """What of it is in the trace, with its onset."""
        series = self._late(trace)
        onset = self._onset(series, trace.window) if series is not None else None
        if series is None or onset is None:
            return None
        typical = float(np.median(series.values[-(self.evaluations or 1) :]))
        proved = self.plain is not None and bool(self._beyond(np.asarray([typical]), self.plain)[0])
        return Evidence(self.kind, self._said(typical), self.signal, onset, PROOF if proved else self.weight)

    def _late(self, trace: Trace) -> Series | None:
        series = trace.get(self.signal)
        if series is None:
            return None
        if self.evaluations is None:
            series = series.smooth(trace.window)
        floor = trace.floors.get(self.signal, 0.0) if self.less_floor else 0.0
        late = series.after(WARM_UP)
        return Series(late.steps, late.values - floor)

    def _onset(self, series: Series, window: float) -> float | None:
        holds = self._beyond(series.values, self.bound)
        if self.evaluations is None:
            return series.lasting(holds, window)
        return series.lasting(holds, 0.0) if holds[-self.evaluations :].sum() == self.evaluations else None

    def _beyond(self, values: Floats, bound: float) -> NDArray[np.bool_]:
        return values > bound if self.side == "above" else values < bound

    def _said(self, value: float) -> str:
        well = "up to" if self.side == "above" else "from"
        less = ", less that of real samples" if self.less_floor else ""
        return f"{SIGNALS.get(self.signal, self.signal)}{less}: {value:.3g}; {well} {self.bound:g} is well"
