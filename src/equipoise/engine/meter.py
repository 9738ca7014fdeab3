"""Statistics gathered on the device: means over a tick, with one copy to the host when the tick ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from equipoise.engine.world import World


class Meter:
    """Running means by name.  `add` never waits for the device; `read` does, once."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: Tensor) -> None:
        """Count a number, or the mean of a batch of numbers."""
        mean = value.detach().float().mean()
        if name in self._sums:
            self._sums[name] += mean.to(self._sums[name].device)
        else:
            self._sums[name] = mean.clone()
        self._counts[name] = self._counts.get(name, 0) + 1

    @property
    def is_empty(self) -> bool:
        return not self._sums

    def snapshot(self) -> dict[str, Any]:
        """What has been gathered since the last tick; a checkpoint may lie between two."""
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def restore(self, snapshot: Mapping[str, Any], device: torch.device) -> None:
        self._sums = {name: total.to(device) for name, total in snapshot["sums"].items()}
        self._counts = dict(snapshot["counts"])

    def read(self, world: World) -> dict[str, float]:
        """The means since the last call, averaged over all processes; begins anew."""
        if not self._sums:
            return {}
        names = list(self._sums)
        where = next((total.device for total in self._sums.values() if total.device.type != "cpu"), torch.device("cpu"))
        means = torch.stack([self._sums[name].to(where) / self._counts[name] for name in names])
        numbers = world.average(means).tolist()
        self._sums.clear()
        self._counts.clear()
        return dict(zip(names, numbers, strict=True))
