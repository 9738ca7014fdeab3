"""What is done to a healthy run, and which symptoms are then the right answer; written down before any was looked at.

`causes` are right.  `acceptable` are as right to a person who reads them: what the fault does first, by another name.
What only follows later, such as no progress, is neither.

Not here, because this program has no such bug to make: batch norm beside a gradient penalty (the recipe refuses it),
one optimiser for both networks, a critic that keeps gradients of the generator's update (the engine owns both), and
float16 that overflows in a penalty (there is none on a CPU).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Literal

from clinic.base import Base
from clinic.broken import AlteredCritic, BrokenGenerator, DeafGenerator, Slip, UnevenGenerator
from clinic.spoilt import Bug, Spoilt
from equipoise.augment import Noise
from equipoise.edit import Edit
from equipoise.networks import DcganCritic, DcganGenerator, EruGenerator, MlpCritic
from equipoise.recipe import Augment, Recipe, edited
from equipoise.schedule import Piecewise
from equipoise.terms import BCE, Hinge, LeastSquares

Inject = Callable[[Recipe, float], Recipe]
Fits = Callable[[Base], bool]
Family = Literal["balance", "bound", "data", "program", "sudden"]


@dataclass(frozen=True)
class Fault:
    """Something that is wrong, at two or three strengths."""

    key: str
    causes: frozenset[str]
    acceptable: frozenset[str]
    strengths: tuple[float, ...]
    inject: Inject
    family: Family
    fits: Fits = lambda base: True
    part: Literal["dev", "test"] = "dev"
    """Whether rules were made with it; the third part has both kinds."""
    spares_samples: bool = False
    """Whether the generator is as good as without it, so that the fault itself is what has to be found."""
    accompany: Callable[[float], AbstractContextManager[None]] = lambda strength: contextlib.nullcontext()


def scaled(*paths: str) -> Inject:
    return lambda recipe, strength: edited(recipe, [Edit(path, "scale", strength) for path in paths])


def set_to(*paths: str) -> Inject:
    return lambda recipe, strength: edited(recipe, [Edit(path, "set", strength) for path in paths])


def whole_number(path: str) -> Inject:
    return lambda recipe, strength: edited(recipe, [Edit(path, "set", round(strength))])


def untouched(recipe: Recipe, strength: float) -> Recipe:
    """The fault lies in no part of the recipe."""
    return recipe


def spoilt(bug: Bug) -> Inject:
    return lambda recipe, strength: replace(recipe, source=Spoilt(recipe.source, bug, strength))


def slipped(slip: Slip) -> Inject:
    def inject(recipe: Recipe, strength: float) -> Recipe:
        inner = recipe.generator
        return replace(recipe, generator=BrokenGenerator(latent=inner.latent, inner=inner, slip=slip))

    return inject


def unbounded(recipe: Recipe, strength: float) -> Recipe:
    """Without what holds the critic's slope, but for a share of its penalty."""
    critic = recipe.critic
    if isinstance(critic, DcganCritic) and critic.spectral_norm:
        return replace(recipe, critic=replace(critic, spectral_norm=False))
    return edited(recipe, [Edit(f"phases.*.terms.{penalty_of(recipe)}.weight", "scale", strength)])


def penalty_of(recipe: Recipe) -> str:
    names = {name for phase in recipe.phases.values() for name in phase.terms}
    return next((name for name in ("r1", "gp") if name in names), "")


def both_penalties(recipe: Recipe, strength: float) -> Recipe:
    names = {name for phase in recipe.phases.values() for name in phase.terms} & {"r1", "r2"}
    return edited(recipe, [Edit(f"phases.*.terms.{name}.weight", "scale", strength) for name in sorted(names)])


def bursting(side: str) -> Inject:
    """From a share of the run on, the rate is a hundred times as high."""

    def inject(recipe: Recipe, strength: float) -> Recipe:
        adam = recipe.d_optim if side == "d" else recipe.g_optim
        assert isinstance(adam.lr, float)
        at = strength * _steps(recipe)
        rate = Piecewise(((at, adam.lr), (at + 1, 100 * adam.lr)))
        changed = replace(adam, lr=rate)
        return replace(recipe, d_optim=changed) if side == "d" else replace(recipe, g_optim=changed)

    return inject


def clamped(recipe: Recipe, strength: float) -> Recipe:
    return replace(recipe, critic=AlteredCritic(recipe.critic, "clamp", strength))


def deaf(recipe: Recipe, strength: float) -> Recipe:
    return replace(recipe, generator=DeafGenerator(latent=recipe.generator.latent, inner=recipe.generator))


def uneven(recipe: Recipe, strength: float) -> Recipe:
    return replace(recipe, generator=UnevenGenerator(latent=recipe.generator.latent, width=round(strength)))


def frozen_average(recipe: Recipe, strength: float) -> Recipe:
    return replace(recipe, average=replace(recipe.average, decay=strength, ramp=False))


def noisy_view(recipe: Recipe, strength: float) -> Recipe:
    return replace(recipe, augment=Augment((Noise(sigma=strength),), "both"))


def uncertain_labels(recipe: Recipe, strength: float) -> Recipe:
    labels = {"real_label": 0.5 + strength, "fake_label": 0.5 - strength}
    return edited(recipe, [Edit(f"phases.*.terms.game.{name}", "set", value) for name, value in labels.items()])


def saturating(recipe: Recipe, strength: float) -> Recipe:
    return edited(
        recipe,
        [Edit("phases.*.terms.game.saturating", "set", True), Edit("d_optim.lr", "scale", strength)],
    )


def _steps(recipe: Recipe) -> float:
    return sum(phase.length.amount for phase in recipe.phases.values())


def plays(*games: type) -> Fits:
    return lambda base: isinstance(base.game, games)


def has_width(base: Base) -> bool:
    return isinstance(base.recipe.critic, DcganCritic | MlpCritic)


def is_picture(base: Base) -> bool:
    return base.truth != "modes"


def is_drawn(base: Base) -> bool:
    """Whether its data are made in memory, so that a bug can be put into them."""
    return not base.data


def has_conditions(base: Base) -> bool:
    return isinstance(base.recipe.generator, EruGenerator)


def has_pairs(base: Base) -> bool:
    return base.truth == "pairs"


def bounds(base: Base) -> bool:
    critic = base.recipe.critic
    return bool(penalty_of(base.recipe)) or (isinstance(critic, DcganCritic) and critic.spectral_norm)


def holds(term: str) -> Fits:
    return lambda base: any(term in phase.terms for phase in base.recipe.phases.values())


def has_latents(base: Base) -> bool:
    return "latents" in base.recipe.generator.takes and not has_conditions(base)


def is_dcgan(base: Base) -> bool:
    return isinstance(base.recipe.generator, DcganGenerator)


def of(*keys: str) -> frozenset[str]:
    return frozenset(keys)


SATURATES = plays(BCE, LeastSquares, Hinge)
