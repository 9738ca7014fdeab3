"""The generator: how it grows its grid, how wide it is, what it starts from, how conditions act on it."""

from __future__ import annotations

import math
from typing import Final

from equipoise.doctor.remedies.paths import is_number, put, replaced, scaled
from equipoise.doctor.symptom import Remedy, Settings

USUAL_EPS: Final = 1e-5
HIGHEST_EPS: Final = 1e-2
"""Next to a variance of about 1 (`equipoise.doctor.lint`)."""
WIDEST: Final = 8.0
"""Times a width at once: 64 times the parameters, and the memory for them (guess)."""
CLAMP: Final = 0.5
"""Of the base modulation (notes on landscapes)."""


def nearest_upsampling(settings: Settings) -> Remedy:
    """Nearest neighbours and a convolution; a shuffle that was begun right where there are blocks."""
    path = "generator.upsampling"
    return Remedy(
        "up-sample by nearest neighbours and a 3x3 convolution; a pixel shuffle should begin as one (ICNR)",
        "the pattern fades; that of a transposed convolution often does by itself, so wait first",
        edits=replaced(settings, path, ("transposed", "bilinear", "shuffle"), "nearest")
        + replaced(settings, path, ("shuffle_plain",), "shuffle"),
        anew=True,
    )


def bigger_generator(settings: Settings) -> Remedy:
    return Remedy(
        "a generator twice as wide",
        "it can make what the critic asks for",
        edits=scaled(settings, "generator.width", 2.0),
        anew=True,
    )


def more_latents(settings: Settings) -> Remedy:
    """Where a generator is given pictures instead, latents do nothing."""
    used = settings.get("generator.latent") not in (None, 1)
    return Remedy(
        "twice as many latents",
        "more that differs from sample to sample (notes on sprites: 128 to 256)",
        edits=scaled(settings, "generator.latent", 2.0) if used else (),
        anew=True,
    )


def tighter_modulation(settings: Settings) -> Remedy:
    """As the notes did it, and half of it where that was done already."""
    path, effect = "generator.modulation.clamp", "gamma stays between 0.4 and 1.8"
    clamp = settings.get(path)
    if is_number(clamp) and clamp <= CLAMP:  # type: ignore[operator]
        words = "half of the clamp of the base modulation, and half of what beta is scaled by"
        halved = scaled(settings, path, 0.5) + scaled(settings, "generator.modulation.beta_scale", 0.5)
        return Remedy(words, effect, edits=halved)
    return Remedy(
        f"if conditions modulate features: clamp the base modulation to {CLAMP:g} on either side, multiply it by "
        "0.8 to 1.2, scale beta by 2 and not 10",
        effect,
        edits=put(settings, path, CLAMP),
    )


def finer_eps(settings: Settings) -> Remedy:
    """Notes on terrain: 0.8 cost two attempts."""
    eps = settings.get("generator.eps")
    large = is_number(eps) and eps > HIGHEST_EPS  # type: ignore[operator]
    return Remedy(
        f"the norms' eps to {USUAL_EPS:g} if it is larger; a norm that keeps its shift (affine)",
        "the absolute scale of the samples comes back",
        edits=put(settings, "generator.eps", USUAL_EPS) if large else (),
        anew=True,
    )


def softer_classes(settings: Settings) -> Remedy:
    """The classes of real samples away from exactly 0 and 1, those of fakes drawn less sharply."""
    return Remedy(
        "soften the classes, if there are channels of classes: pull real ones away from 0 and 1, twice as far as now, "
        "and draw the generator's with a higher temperature",
        "a class that is never exactly 0 or 1 no longer gives the fakes away, and the rare ones have a gradient",
        edits=scaled(settings, "categories.pull", 2.0)
        + scaled(settings, "categories.noise", 2.0)
        + scaled(settings, "generator.temperature", 1.5),
    )


def wider(settings: Settings, network: str, ratio: float) -> Remedy:
    """For the smaller of two networks; its parameters go as the square of its width.  By a power of two."""
    factor = min(WIDEST, 2.0 ** max(1, round(math.log2(ratio) / 2)))
    return Remedy(
        f"a {network} that is {factor:g} times as wide, so that the two are nearer in size",
        "the smaller network follows the larger one again",
        edits=scaled(settings, f"{network}.width", factor),
        anew=True,
    )


def classes_by_degrees(settings: Settings) -> Remedy:
    return Remedy(
        "classes that are drawn by degrees, and not hard",
        "each class has the gradient of what the critic saw",
        edits=put(settings, "generator.hard", False),
        anew=True,
    )


def classes_as_shares(settings: Settings) -> Remedy:
    return Remedy(
        "classes shown as shares from 0 to 1",
        "they sum to 1, as those of a softmax do, and most planes of most pixels are no longer at one far end",
        edits=put(settings, "categories.span", "0 to 1"),
        anew=True,
    )
