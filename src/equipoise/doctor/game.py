"""What the losses of each adversarial game mean: where the critic cannot tell, and where it always can."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
from numpy.typing import NDArray

from equipoise.spec import Json


@dataclass(frozen=True, slots=True)
class Game:
    """One adversarial loss, as it was implemented.

    The critic's loss is the sum of its real and its fake part where it has two.
    """

    key: str
    title: str
    blind: float
    """The critic's loss where it cannot tell real from fake."""
    floor: float | None
    """The critic's loss where it always can; none where there is no such bound."""
    generator_blind: float | None
    """The generator's loss where the critic cannot tell; none where it has an offset that means nothing."""
    is_relativistic: bool = False
    """Whether a critic's loss of nothing may be healthy: scores of pairs are compared, not scores with a target."""

    def normalised(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """1 where the critic is blind, 0 where it is perfect, above 1 where it is worse than chance.

        Raises `ValueError` for a game without a floor.
        """
        if self.floor is None:
            raise ValueError(f"{self.title} has no floor")
        return (losses - self.floor) / (self.blind - self.floor)


def cross_entropy(real: float = 1.0, fake: float = 0.0, generator: float = 1.0) -> Game:
    """With these labels.  Smoothed ones raise the floor to their entropy (Salimans et al. 2016, section 3.4)."""
    middle = (real + fake) / 2
    floor = _entropy(real) + _entropy(fake)
    generator_blind = -generator * math.log(middle) - (1 - generator) * math.log(1 - middle)
    return Game("bce", "cross-entropy", 2 * _entropy(middle), floor, generator_blind)


def least_squares(real: float = 1.0, fake: float = 0.0, generator: float = 1.0) -> Game:
    """With these targets (Mao et al. 2017), without a factor 1/2."""
    middle = (real + fake) / 2
    return Game("lsgan", "least squares", 2 * (real - middle) ** 2, 0.0, (middle - generator) ** 2)


def _entropy(label: float) -> float:
    return -sum(p * math.log(p) for p in (label, 1 - label) if p > 0)


GAMES: Final[Mapping[str, Game]] = {
    game.key: game
    for game in (
        cross_entropy(),
        least_squares(),
        Game("hinge", "hinge", 2.0, 0.0, None),
        Game("wgan", "Wasserstein", 0.0, None, None),
        Game("relativistic", "relativistic pairs", math.log(2), 0.0, math.log(2), is_relativistic=True),
        Game("relativistic-average", "relativistic average", 2 * math.log(2), 0.0, 2 * math.log(2), True),
        Game("relativistic-hinge", "relativistic average hinge", 2.0, 0.0, None, is_relativistic=True),
    )
}
"""By the name that ``--loss`` takes."""

_KEYS: Final[Mapping[str, str]] = {
    "BCE": "bce",
    "LeastSquares": "lsgan",
    "Hinge": "hinge",
    "Wasserstein": "wgan",
    "RelativisticPairing": "relativistic",
    "RelativisticAverage": "relativistic-average",
}
"""Of the classes in `equipoise.terms`."""


def game_of(settings: Mapping[str, Json], phase: str) -> tuple[str, Game] | None:
    """The name of the adversarial term of a phase of a recipe, by path (`spec.flatten`), and its game.

    None for a phase without one, and for a term that this table does not know.
    """
    prefix = f"phases.{phase}.terms."
    for path, tag in settings.items():
        key = (
            _KEYS.get(str(tag).removeprefix(_HOME)) if path.startswith(prefix) and str(tag).startswith(_HOME) else None
        )
        if key is not None:
            return path.removeprefix(prefix), _with_targets(key, path, settings)
    return None


_HOME: Final = "equipoise.terms.adversarial."


def _with_targets(key: str, path: str, settings: Mapping[str, Json]) -> Game:
    def target(name: str) -> float:
        """Of labels that are drawn from a range, its middle, which is all that a critic can learn of them."""
        one = settings.get(f"{path}.{name}")
        ends = one if isinstance(one, list | tuple) else [one]
        return fmean(float(end) for end in ends)  # type: ignore[arg-type]

    if key == "bce":
        return cross_entropy(target("real_label"), target("fake_label"), target("generator_label"))
    if key == "lsgan":
        return least_squares(target("real"), target("fake"), target("generator"))
    return GAMES[key]
