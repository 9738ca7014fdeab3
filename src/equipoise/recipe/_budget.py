"""How long a person wants to train."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from equipoise.recipe._settings import Span
from equipoise.schedule import Unit
from equipoise.spec import Problem, SpecError

_AMOUNT = re.compile(r"\s*(?P<number>(\d+(\.\d*)?|\.\d+)(e\d{1,2})?)\s*(?P<unit>[a-z]+)\s*", re.IGNORECASE)
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_UNITS: Mapping[str, Unit] = {
    "step": "steps",
    "steps": "steps",
    "epoch": "epochs",
    "epochs": "epochs",
    "images": "images",
}


@dataclass(frozen=True, slots=True)
class Budget:
    """What ``--for`` asks: a length of training, or seconds of it."""

    span: Span | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.seconds is not None else str(self.span)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``10m``, ``90s``, ``2h``, ``5000steps``, ``200epochs`` or ``50000images``.  Raises `SpecError`."""
        match = _AMOUNT.fullmatch(text)
        amount = float(match["number"]) if match else 0.0
        unit = match["unit"].lower() if match else ""
        if amount > 0 and unit in _SECONDS:
            return cls(seconds=amount * _SECONDS[unit])
        if amount > 0 and unit in _UNITS:
            return cls(span=Span(amount, _UNITS[unit]))
        raise SpecError([Problem("--for", f"{text!r} is not a length; write 10m, 5000steps or 200epochs")])
