"""A case: one base, what is wrong with it or only looks so, and a seed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from clinic.base import Base, Part
from clinic.bases import BASES
from clinic.broken import AlteredCritic
from clinic.faults import Fits, has_pairs, holds, is_picture, plays, scaled, whole_number
from clinic.list_of_faults import FAULTS
from equipoise.networks import DcganCritic
from equipoise.recipe import Average, Recipe
from equipoise.terms import BCE, Hinge, RelativisticAverage, RelativisticPairing

AS_IS: Final = "as-is"


@dataclass(frozen=True)
class Variety:
    """A healthy run that is another one than its base, or that looks ill to a plain rule."""

    change: Callable[[Recipe], Recipe]
    fits: Fits = lambda base: True


def _scaled(path: str, factor: float) -> Callable[[Recipe], Recipe]:
    return lambda recipe: scaled(path)(recipe, factor)


def _offset(recipe: Recipe) -> Recipe:
    return replace(recipe, critic=AlteredCritic(recipe.critic, "offset", -10.0))


def _slow_average(recipe: Recipe) -> Recipe:
    """The generator itself is restless; its average is not."""
    return replace(scaled("g_optim.lr")(recipe, 2.0), average=Average(0.998))


def _has_spectral_norm(base: Base) -> bool:
    critic = base.recipe.critic
    return isinstance(critic, DcganCritic) and critic.spectral_norm


VARIETIES: Final[Mapping[str, Variety]] = {
    AS_IS: Variety(lambda recipe: recipe),
    "slower": Variety(lambda recipe: scaled("d_optim.lr", "g_optim.lr")(recipe, 0.7)),
    "wider": Variety(_scaled("generator.width", 1.5)),
    "fast-critic": Variety(_scaled("d_optim.lr", 2.0)),
    "lead": Variety(_scaled("phases.*.terms.r1.weight", 0.2), lambda base: holds("r1")(base) and plays(BCE)(base)),
    "small-batch": Variety(lambda recipe: whole_number("batch")(recipe, 8), lambda base: plays(Hinge)(base)),
    "large-batch": Variety(
        lambda recipe: whole_number("batch")(recipe, 128), lambda base: _has_spectral_norm(base) and is_picture(base)
    ),
    "offset": Variety(_offset, plays(RelativisticPairing, RelativisticAverage)),
    "average-saves": Variety(_slow_average, lambda base: not has_pairs(base)),
}
"""DOCTOR's traps among them: ``lead`` (a small critic's loss and good samples), ``small-batch`` (hinge near 0),
``large-batch``, ``offset`` (scores that drift together), ``average-saves``; the bases bring relativistic losses near
0, Wasserstein losses that drift, clipped weights and a change of stage; every run begins with a warm-up."""


@dataclass(frozen=True)
class Case:
    """One run of the clinic."""

    base: str
    seed: int
    part: Part
    variety: str = AS_IS
    faults: tuple[tuple[str, float], ...] = ()
    """Keys and strengths."""

    @property
    def id(self) -> str:
        wrong = "+".join(f"{key}={strength:g}" for key, strength in self.faults)
        return f"{self.base}.{wrong or self.variety}.{self.seed}"

    @property
    def recipe(self) -> Recipe:
        """With all that is wrong; program bugs are put around what settings have made."""
        recipe = VARIETIES[self.variety].change(BASES[self.base].recipe)
        for key, strength in sorted(self.faults, key=lambda one: FAULTS[one[0]].family in ("program", "data")):
            recipe = FAULTS[key].inject(recipe, strength)
        return recipe

    @property
    def causes(self) -> frozenset[str]:
        return frozenset().union(*(FAULTS[key].causes for key, _ in self.faults))

    @property
    def acceptable(self) -> frozenset[str]:
        return self.causes.union(*(FAULTS[key].acceptable for key, _ in self.faults))

    @property
    def spares_samples(self) -> bool:
        return any(FAULTS[key].spares_samples for key, _ in self.faults)

    @property
    def families(self) -> frozenset[str]:
        return frozenset(FAULTS[key].family for key, _ in self.faults)

    @property
    def is_control(self) -> bool:
        """Whether its base's outcome is measured by it."""
        return not self.faults and self.variety == AS_IS

    @contextlib.contextmanager
    def accompanied(self) -> Iterator[None]:
        """Around the run: bugs that lie in no part of the recipe."""
        with contextlib.ExitStack() as stack:
            for key, strength in self.faults:
                stack.enter_context(FAULTS[key].accompany(strength))
            yield
