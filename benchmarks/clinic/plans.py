"""Which runs the autopilot is to rescue, and how long each may take.

Faulty cases are the clinic's own single faults, in its frozen order, as far as a setting cures them.  Seeds are dealt
in turns.  Beside them stand the healthy controls of the same bases, with each seed.

::

    short   twice the length of the base: healthy runs still improve when it is over, so that no fork that lost can be
            made up for; bases that take more than half a minute a run are left out
    rest    six times its length, and points that learn in a minute or two: healthy runs have come to rest by then (a
            ring after three or four lengths, a spiral after five, by seeds of no part), so that what a rescue cost in
            steps does not show in what came of it
    unseen  the same length, with seeds that no rule was made by: the eight faults that did harm in ``rest``, first each
            with one seed, then each with another

The second was made when the first had shown that in it even who undoes the fault ends within a tenth of the healthy
runs once in twelve.  It leaves out the grid, which takes three minutes an arm, and scores that are clamped inside the
critic: that is code, and of it the first had shown that the autopilot sees nothing.  The third was made when three
rules had been made after looking at cases of the second; its faults were chosen by the harm that they do to a run that
is left alone, not by what became of a rescue, and its seeds were trained once, when all rules stood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
UNSEEN_SEEDS: Final[Mapping[Part, Sequence[int]]] = {"test": range(400, 405), "fresh": range(500, 505)}
HARMFUL: Final = frozenset(
    {
        "ring-lsgan.critic-small=0.125",
        "ring-wgan-gp.batch-tiny=4",
        "ring-wgan-gp.gradient-penalty-heavy=1000",
        "spiral-bce.burst-generator=0.7",
        "spiral-bce.burst-critic=0.7",
        "spiral-bce.batch-tiny=2",
        "spiral-wgan-gp.gradient-penalty-heavy=1000",
        "spiral-wgan-gp.gradient-penalty-heavy=100",
    }
)
"""Ids without seeds of the cases at rest that were ill when left alone."""


@dataclass(frozen=True)
class Plan:
    """Cases of a part, and their budget."""

    key: Literal["short", "rest", "unseen"]
    title: str
    folder: str
    times: float
    """What each arm may spend, as a multiple of the base's length."""
    fits: Callable[[Base], bool]
    incurable: frozenset[str]
    """Faults of these families that no setting undoes."""
    count: int = 16
    """Cases with a fault, of a part, at most."""
    healthy_arms: Sequence[str] = ("autopilot", "none")
    trains_twice: bool = True
    """Whether what is known to be the same run is trained again, which tells what watching costs."""
    seeds: Mapping[Part, Sequence[int]] = field(default_factory=lambda: SEEDS, hash=False)
    chosen: frozenset[str] = frozenset()
    """Ids without seeds of the only cases that are meant; all, where there are none."""
    rounds: int = 1
    """How often each fault comes, every time with another seed."""

    def faulty(self, part: Part) -> list[Case]:
        """With one fault that settings cure."""
        found = [case for case in cases(part) if self._is_meant(case)][: self.count]
        seeds = self.seeds[part]
        dealt = [(at + turn * (len(found) + 1), case) for turn in range(self.rounds) for at, case in enumerate(found)]
        return [replace(case, seed=seeds[at % len(seeds)]) for at, case in dealt]

    def controls(self, part: Part) -> list[Case]:
        """Healthy, of the bases of the faulty ones, with every seed."""
        bases = sorted({case.base for case in self.faulty(part)})
        return [Case(base, seed, part) for seed in self.seeds[part] for base in bases]

    def cases(self, part: Part) -> list[Case]:
        """Controls first, by which all else is judged."""
        return [*self.controls(part), *self.faulty(part)]

    def arms(self, case: Case) -> Sequence[str]:
        """The autopilot's first."""
        return tuple(ARMS) if case.faults else self.healthy_arms

    def _is_meant(self, case: Case) -> bool:
        if len(case.faults) != 1 or not case.families <= CURABLE or case.faults[0][0] in self.incurable:
            return False
        if self.chosen and case.id.rpartition(".")[0] not in self.chosen:
            return False
        return self.fits(BASES[case.base])


SHORT: Final = Plan(
    key="short",
    title="Rescue",
    folder="rescues",
    times=2.0,  # time to fall ill, to try remedies, and to learn what was not learned (guess)
    fits=lambda base: base.key.partition("-")[0] not in SLOW,
    incurable=frozenset({"nan-batch"}),  # the batch comes again in every course
    healthy_arms=tuple(arm for arm in ARMS if arm not in ("safe", "oracle")),  # nothing to make safe or to undo
)
REST: Final = Plan(
    key="rest",
    title="Rescue at rest",
    folder="rescues-rest",
    times=6.0,
    fits=lambda base: base.truth == "modes" and base.steps <= QUICK,
    incurable=frozenset({"nan-batch", "clamp"}),
    trains_twice=False,
)
UNSEEN: Final = replace(
    REST,
    key="unseen",
    title="Rescue at rest, seeds that nobody had seen",
    folder="rescues-unseen",
    seeds=UNSEEN_SEEDS,
    chosen=HARMFUL,
    rounds=2,
)
PLANS: Final[Mapping[str, Plan]] = {plan.key: plan for plan in (SHORT, REST, UNSEEN)}
