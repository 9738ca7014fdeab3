"""The critic: how steep it may be, how often it learns, how much it can hold, what it is told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from equipoise.doctor.remedies.paths import games, is_number, put, replaced, scaled, scaled_weights, terms_of
from equipoise.doctor.symptom import Remedy, Settings
from equipoise.edit import Edit
from equipoise.spec import TAG, Json

GAMMA: Final = 2e-4
"""Of R1, times pixels, over the batch (Karras et al. 2020, arXiv:2006.06676, the automatic settings of their code)."""
LEAST_GAMMA: Final = 0.01
"""For samples without pixels (recipe ring: 0.0128)."""
USUAL_GP: Final = 10.0
"""Gulrajani et al. 2017, section 4."""
USUAL_GP_OF_POINTS: Final = 0.1
"""In the same authors' code for points in the plane (`gan_toy.py`): lighter is faster there, where the critic does not
learn many times a step.  The paper has 10 for these too."""
LIGHTEST_GP: Final = 0.01
"""Of the usual weight; below, a critic is as good as unbounded (guess)."""
SPREAD_OF_POINTS: Final = "source.std"
"""What a source of points in the plane has, and none of pictures."""
LIGHTEST_GAMMA: Final = 0.1
"""Of the usual gamma of R1 and R2 (a guess)."""
REAL_LABEL: Final = 0.9
"""One-sided smoothing (Salimans et al. 2016, section 3.4; notes on radio bursts)."""
TRAINED_MORE: Final = 2
"""Critic updates a step from which on they are halved, before the generator's are doubled."""
MOST_PACKED: Final = 4
"""Samples whose variation a critic sees together (Karras et al. 2018)."""
LEAST_CRITIC: Final = 0.4
"""Critic updates for one of the generator's."""
_OF_VECTORS: Final = "equipoise.networks.mlp.MlpCritic"
"""Has batch norm or none."""


def bound_the_slope(settings: Settings) -> Remedy:
    """Spectral norm where the critic can have it, else more of the penalty that there is.

    Where there is none, R1, whatever the critic: it needs no new weights, so a run can go on with it.  A penalty
    that weighs next to nothing gets its usual weight.
    """
    remedy = Remedy(
        "bound the critic's slope: spectral norm on all its layers, or an R1 penalty (gamma of about 2e-4 x pixels / "
        "batch, Karras et al. 2020)",
        "the critic can no longer become sure of everything, so the generator has a gradient to follow",
    )
    if light_penalties(settings):
        return usual_penalty(settings)
    if not terms_of(settings, "penalties."):
        return replace(remedy, edits=_r1(settings))
    if settings.get("critic.spectral_norm") is False:
        return replace(remedy, edits=(Edit("critic.spectral_norm", value=True),), anew=True)
    more = _penalties(settings, 4.0)
    words = "bound the critic's slope more: four times the weight of its penalty"
    return replace(remedy, words=words, edits=more) if more else remedy


def usual_penalty(settings: Settings) -> Remedy:
    return Remedy(
        f"if the critic's penalty weighs next to nothing, its usual weight: {usual_gp(settings):g} of a gradient "
        "penalty, of R1 a gamma of about 2e-4 x pixels / batch (Karras et al. 2020)",
        "the critic's slope comes down, and its lead with it",
        edits=tuple(
            edit
            for term in light_penalties(settings)
            for edit in put(settings, f"{term}.weight", usual_weight(settings, term))
        ),
    )


def light_penalties(settings: Settings) -> dict[str, float]:
    """By path of the term, the weights of penalties that bind nobody; none where something else binds."""
    weights = {term: settings.get(f"{term}.weight") for term in terms_of(settings, "penalties.")}
    light = {
        term: float(weight)
        for term, weight in weights.items()
        if isinstance(weight, int | float) and weight < _lightest(settings, term)
    }
    return {} if len(light) < len(weights) or settings.get("critic.spectral_norm") is True else light


def usual_weight(settings: Settings, term: str) -> float:
    """Of a penalty on the critic's slope, given by path."""
    return usual_gp(settings) if _asks_for_one(settings, term) else _gamma(settings)


def usual_gp(settings: Settings, *, of_points: bool = False) -> float:
    """Of a gradient penalty: on points in the plane, be it by their source or as is known, a hundredth of that."""
    return USUAL_GP_OF_POINTS if of_points or SPREAD_OF_POINTS in settings else USUAL_GP


def less_bound(settings: Settings) -> Remedy:
    return Remedy(
        "bound the critic less, if something bounds it: a quarter of its penalty's weight, less noise, less dropout",
        "the critic learns to tell real from fake again",
        edits=_penalties(settings, 0.25) + scaled(settings, "critic.dropout", 0.25),
    )


def fewer_critic_updates(settings: Settings) -> Remedy:
    """Half as many, and never below the 40 % that a frozen critic needs to keep its meaning."""
    edits: list[Edit] = []
    for phase, _ in games(settings):
        paths = [f"phases.{phase}.{network}_updates" for network in ("d", "g")]
        of_d, of_g = (settings.get(path) for path in paths)
        if isinstance(of_d, int | float) and isinstance(of_g, int | float) and of_d / 2 >= LEAST_CRITIC * of_g:
            edits += scaled(settings, paths[0], 0.5) if of_d >= TRAINED_MORE else scaled(settings, paths[1], 2.0)
    return Remedy(
        "fewer critic updates: two updates of the generator for one of the critic's, or half of the critic's",
        "the generator catches up; the critic's loss rises from where it was",
        edits=tuple(edits),
    )


def more_critic_updates(settings: Settings) -> Remedy:
    return Remedy(
        "twice as many critic updates for each of the generator's",
        "the critic follows the generator to where it goes, so it cannot hide in one place",
        edits=tuple(
            edit for phase, _ in games(settings) for edit in scaled(settings, f"phases.{phase}.d_updates", 2.0)
        ),
    )


def smooth_labels(settings: Settings) -> Remedy:
    """For cross-entropy alone: no other loss has labels."""
    return Remedy(
        f"with cross-entropy, the critic's label for real samples to {REAL_LABEL:g}, or drawn from 0.8 to 1; the "
        "generator's stays 1",
        "the critic pays for being sure; D(x) comes down from 1",
        edits=tuple(
            edit
            for term in terms_of(settings, "adversarial.BCE")
            for edit in replaced(settings, f"{term}.real_label", (1.0,), REAL_LABEL)
        ),
    )


def norm_free_of_batches(settings: Settings) -> Remedy:
    return Remedy(
        "no batch norm in a critic that is penalised or clipped: layer norm, or none",
        "the critic's slope is that of single samples again, so the penalty means something",
        edits=replaced(
            settings, "critic.norm", ("batch",), "none" if settings.get("critic") == _OF_VECTORS else "layer"
        ),
        anew=True,
    )


def bigger_critic(settings: Settings) -> Remedy:
    return Remedy(
        "a critic twice as wide, or one that sees a larger part of each sample",
        "it finds what is wrong with the fakes",
        edits=scaled(settings, "critic.width", 2.0),
        anew=True,
    )


def smaller_critic(settings: Settings) -> Remedy:
    return Remedy(
        "a critic half as wide",
        "it cannot hold each training sample in memory",
        edits=scaled(settings, "critic.width", 0.5),
        anew=True,
    )


def see_batches(settings: Settings) -> Remedy:
    """Not beside a penalty at single samples, which a critic that sees several makes meaningless."""
    group = settings.get("critic.group")
    is_free = not terms_of(settings, "penalties.GradientPenalty")
    sees_fewer = is_free and is_number(group) and group < MOST_PACKED  # type: ignore[operator]
    return Remedy(
        "let the critic see several samples at once: minibatch standard deviation, or pairs (PacGAN)",
        "fakes that are all alike give themselves away",
        edits=put(settings, "critic.group", MOST_PACKED) if sees_fewer else (),
        anew=True,
    )


def _lightest(settings: Settings, term: str) -> float:
    return LIGHTEST_GP * usual_gp(settings) if _asks_for_one(settings, term) else LIGHTEST_GAMMA * _gamma(settings)


def _asks_for_one(settings: Settings, term: str) -> bool:
    """Whether the slope is held to 1, and not to 0."""
    return term in terms_of(settings, "penalties.GradientPenalty")


def _gamma(settings: Settings) -> float:
    pixels, batch = _pixels(settings), settings.get("batch")
    gamma = GAMMA * pixels / batch if pixels is not None and isinstance(batch, int) else LEAST_GAMMA
    return max(gamma, LEAST_GAMMA)


def _pixels(settings: Settings) -> int | None:
    """Of a sample; its side, or its two, may stand in the source that another one wraps."""
    size = settings.get("source.size", settings.get("source.pictures.size"))
    sides = size if isinstance(size, list | tuple) else [size, size]
    whole = [side for side in sides if isinstance(side, int)]
    return math.prod(whole) if len(whole) == len(sides) else None


def _r1(settings: Settings) -> tuple[Edit, ...]:
    term: dict[str, Json] = {TAG: "equipoise.terms.penalties.R1", "weight": _gamma(settings)}
    return tuple(Edit(f"phases.{phase}.terms.r1", "add", term) for phase, _ in games(settings))


def _penalties(settings: Settings, factor: float) -> tuple[Edit, ...]:
    return scaled_weights(settings, terms_of(settings, "penalties."), factor)
