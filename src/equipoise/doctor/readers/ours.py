"""Our own names: the columns of ``losses.csv`` and of a journal's ticks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from equipoise.doctor.trace import SIGNALS

_FIXED: Final[Mapping[str, str]] = {
    "step": "step",
    "epoch": "epoch",
    "loss_d": "d_total",
    "loss_g": "g_total",
    "gp_slope": "slope",
}
_SCORES: Final[Mapping[str, str]] = {"d_x": "real", "d_g_z1": "fake"}


def is_ours(names: Iterable[str]) -> bool:
    found = set(names)
    return {"step", "images", "epoch", "loss_d"} <= found and any(name.startswith("d.") for name in found)


def our_names(columns: Iterable[str], game: str | None = None, *, has_probabilities: bool = False) -> dict[str, str]:
    """What our columns are called in a trace.

    `game` is the name of the adversarial term; without it, the first that both networks have a column for.
    D(x) is a probability for cross-entropy alone, and a raw score for every other loss.
    """
    columns = list(columns)
    both = (name[2:] for name in columns if name.startswith("d.") and f"g.{name[2:]}" in columns)
    game = game or next(both, None)
    scores = "d_" if has_probabilities else "score_"
    names = {name: name for name in columns if name in SIGNALS or name.startswith("share.")}
    names |= {name: _FIXED[name] for name in columns if name in _FIXED}
    taken = set(names.values())
    names |= {name: scores + end for name, end in _SCORES.items() if name in columns and scores + end not in taken}
    if game is not None:
        names |= {f"{side}.{game}": f"{side}_loss" for side in "dg" if f"{side}.{game}" in columns}
    return names
