"""Line plots as SVG, drawn without a library so that a page needs nothing but itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.doctor.trace import Series
from equipoise.report.html import Html, tag

WIDTH, HEIGHT = 560, 190
LEFT, RIGHT, TOP, BOTTOM = 62, 26, 12, 26
MOST_POINTS = 600
"""Of a line.  More are drawn as the lowest and the highest of each stretch, so no peak is lost."""
TICKS = 4
MANY_DECADES = 100.0
"""The ratio of the largest to the smallest value from which on the axis is logarithmic."""
COLOURS = ("var(--line-1)", "var(--line-2)", "var(--line-3)")


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = np.log10(values) if self.is_log else values
        low, high = (math.log10(self.low), math.log10(self.high)) if self.is_log else (self.low, self.high)
        return self.start + (scaled - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values, few enough to be read."""
        if self.is_log:
            low, high = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            stride = max(1, -(-(high - low + 1) // TICKS))
            return [10.0**power for power in range(low, high + 1, stride)]
        rough = (self.high - self.low) / TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        gap = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        first, last = math.ceil(self.low / gap), math.floor(self.high / gap)
        return [index * gap for index in range(first, last + 1)]


def plot(lines: Mapping[str, Series], onset: float | None = None, levels: Mapping[str, float] | None = None) -> Html:
    """Series by name over steps, with the onset of what is wrong marked, and horizontal lines at `levels`.

    Values that are not finite leave a gap.  Empty where nothing is finite.
    """
    finite = {name: series.finite for name, series in lines.items() if len(series.finite)}
    if not finite:
        return Html("")
    across, up = _axes(list(finite.values()), dict(levels or {}))
    marks = [_level(name, value, up, across) for name, value in (levels or {}).items()]
    if onset is not None and across.low <= onset <= across.high:
        marks.append(_onset(onset, across))
    drawn = [_line(series, across, up, COLOURS[at % len(COLOURS)]) for at, series in enumerate(finite.values())]
    return tag(
        "figure",
        tag("svg", *_frame(across, up), *marks, *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img"),
        tag("figcaption", *_legend(finite)),
    )


def _axes(lines: Sequence[Series], levels: Mapping[str, float]) -> tuple[Axis, Axis]:
    steps = np.concatenate([series.steps for series in lines])
    values = np.concatenate([*(series.values for series in lines), np.asarray(list(levels.values()))])
    low, high = float(values.min()), float(values.max())
    is_log = low > 0 and high / low > MANY_DECADES
    if low == high:
        low, high = low - 0.5, high + 0.5
    elif not is_log:
        low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    first, last = float(steps.min()), float(steps.max())
    across = Axis(first, last if last > first else first + 1.0, LEFT, WIDTH - RIGHT)
    return across, Axis(low, high, HEIGHT - BOTTOM, TOP, is_log)


def _frame(across: Axis, up: Axis) -> list[Html]:
    parts = []
    for value, y in zip(up.ticks(), up.at(np.asarray(up.ticks())), strict=True):
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=float(y), y2=float(y), class_="grid"))
        parts.append(tag("text", f"{value:g}", x=LEFT - 6, y=float(y) + 4, text_anchor="end"))
    for value, x in zip(across.ticks(), across.at(np.asarray(across.ticks())), strict=True):
        parts.append(tag("text", f"{value:g}", x=float(x), y=HEIGHT - 8, text_anchor="middle"))
    return parts


def _line(series: Series, across: Axis, up: Axis, colour: str) -> Html:
    thin = thinned(series)
    points = zip(across.at(thin.steps), up.at(thin.values), strict=True)
    return tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), style=f"stroke:{colour}")


def _level(name: str, value: float, up: Axis, across: Axis) -> Html:
    y = float(up.at(np.asarray([value]))[0])
    line = tag("line", x1=across.start, x2=across.end, y1=y, y2=y, class_="level")
    return tag("g", line, tag("text", name, x=across.end - 4, y=y - 4, text_anchor="end", class_="level"))


def _onset(step: float, across: Axis) -> Html:
    x = float(across.at(np.asarray([step]))[0])
    line = tag("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="onset")
    return tag("g", line, tag("text", f"step {step:g}", x=x + 4, y=TOP + 10, class_="onset"))


def _legend(lines: Mapping[str, Series]) -> list[Html]:
    return [
        tag("span", tag("i", style=f"background:{COLOURS[at % len(COLOURS)]}"), name) for at, name in enumerate(lines)
    ]


def thinned(series: Series) -> Series:
    """At most `MOST_POINTS` points; of each stretch the lowest and the highest stay, in their order."""
    if len(series) <= MOST_POINTS:
        return series
    kept: list[int] = []
    for stretch in np.array_split(np.arange(len(series)), MOST_POINTS // 2):
        values = series.values[stretch]
        kept += sorted({int(stretch[values.argmin()]), int(stretch[values.argmax()])})
    return Series(series.steps[kept], series.values[kept])
