"""Which runs the autopilot is to rescue, and how long each may take.

Faulty cases are the clinic's own single faults, in its frozen order, as far as a setting cures them.  Seeds are dealt
in turns.  Beside them stand the healthy controls of the same bases, with each seed.

::

    short   twice the length of the base: healthy runs still improve when it is over, so that no fork that lost can be
            made up for; bases that take more than half a minute a run are left out
    rest    six times its length, and points that learn in a minute or two: healthy runs have come to rest long before,
            so that what a rescue cost in steps does not show in what came of it

Neither was chosen by what the autopilot does: of the second one's six lengths healthy runs need three or four, by those
with seeds of no part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from clinic.arms import ARMS
from clinic.base import Base, Part
from clinic.bases import BASES
from clinic.cases import Case
from clinic.splits import cases

CURABLE: Final = frozenset({"balance", "bound", "sudden"})
"""Families of faults that settings cure."""
QUICK: Final = 3000
"""Steps that points may need."""
SLOW: Final = (
    *("stacked", "shapes", "textures", "ink", "pairs", "eurosat"),
    *("letters", "bursts", "sprites", "inked", "enlarged"),
)
"""First words of bases that take a minute and more of a core."""
SEEDS: Final[Mapping[Part, Sequence[int]]] = {
    "dev": range(5),
    "test": range(100, 105),
    "fresh": range(200, 205),
    "healthy": range(300, 305),
}


@dataclass(frozen=True)
class Plan:
    """Cases of a part, and their budget."""

    key: Literal["short", "rest"]
    times: float
    """What each arm may spend, as a multiple of the base's length."""
    fits: Callable[[Base], bool]
    incurable: frozenset[str]
    """Faults of these families that no setting undoes."""
    count: int
    """Cases with a fault, of a part, at most."""
    of_healthy: Sequence[str] = tuple(ARMS)
    """Arms of a healthy run."""

    @property
    def folder(self) -> str:
        return "rescues" if self.key == "short" else f"rescues-{self.key}"

    def faulty(self, part: Part) -> list[Case]:
        """With one fault that settings cure."""
        found = [case for case in cases(part) if self._is_meant(case)]
        seeds = SEEDS[part]
        return [replace(case, seed=seeds[at % len(seeds)]) for at, case in enumerate(found[: self.count])]

    def controls(self, part: Part) -> list[Case]:
        """Healthy, of the bases of the faulty ones, with every seed."""
        bases = sorted({case.base for case in self.faulty(part)})
        return [Case(base, seed, part) for seed in SEEDS[part] for base in bases]

    def cases(self, part: Part) -> list[Case]:
        """Controls first, by which all else is judged."""
        return [*self.controls(part), *self.faulty(part)]

    def arms(self, case: Case) -> Sequence[str]:
        """The autopilot's first.  A healthy run is not made safe, and an oracle has nothing to undo in it."""
        if case.faults:
            return tuple(ARMS)
        return tuple(arm for arm in self.of_healthy if arm not in ("safe", "oracle"))

    def _is_meant(self, case: Case) -> bool:
        if len(case.faults) != 1 or not case.families <= CURABLE or case.faults[0][0] in self.incurable:
            return False
        return self.fits(BASES[case.base])


SHORT: Final = Plan("short", 2.0, lambda base: base.key.partition("-")[0] not in SLOW, frozenset({"nan-batch"}), 16)
"""A batch that is not finite comes again in every course.  The third part has 11 cases that are quick."""
REST: Final = Plan(
    "rest",
    6.0,
    lambda base: base.truth == "modes" and base.steps <= QUICK,
    frozenset({"nan-batch", "clamp"}),
    16,
    ("none",),
)
"""Scores that are clamped inside the critic are code.  Whether healthy runs are left healthy the other one asks."""
PLANS: Final[Mapping[str, Plan]] = {plan.key: plan for plan in (SHORT, REST)}
