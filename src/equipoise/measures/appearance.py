"""How the fakes of a running run look beside real samples: the signs by which a doctor knows faults of pictures.

Each is a ratio to the real samples, 1 where nothing is wrong, or a difference to them, 0 where nothing is wrong; a
share (`flat`, `saturated`) has to be read beside that of real samples.  What they are made of is in `traits` and
`spectrum`; classes are counted, and all else is of the continuous channels alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from equipoise.measures.features import Vectors
from equipoise.measures.marginals import class_shares
from equipoise.measures.spectrum import detail, radial_spectrum
from equipoise.measures.traits import FEWEST_PIXELS, MEANINGS, traits
from equipoise.space import Space
from equipoise.view import Samples

FLAT = 0.02
"""A sample whose standard deviation, of values in [-1, 1], is lower hardly varies: a hundredth of the range."""
GREY = 1e-3
"""Below it, real samples have no contrast, or no distance of the channels from their mean, that could be lost."""
QUIET = 1e-6
"""Added to shares of the variance that are divided."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What is kept of a set of samples, one row each."""

    traits: Vectors | None = None
    """As `traits` has them, of the continuous planes; none where there are no such planes."""
    spectrum: Vectors | None = None
    spread: float = 0.0
    """Standard deviation of all values of the continuous planes."""
    classes: tuple[Float[Tensor, "n k"], ...] = ()
    """Of each categorical channel, how much of each sample each class takes."""

    def part(self, chosen: slice) -> Looks:
        """Some of the samples; the spread stays that of all."""
        of_traits, of_spectrum = (each[chosen] if each is not None else None for each in (self.traits, self.spectrum))
        return Looks(of_traits, of_spectrum, self.spread, tuple(shares[chosen] for shares in self.classes))


def looks(samples: Samples, space: Space) -> Looks:
    """Samples [N, C, H, W] as planes; of points, and below 16 pixels a side, nothing can be said."""
    if space.is_points or min(samples.shape[2:]) < FEWEST_PIXELS:
        return Looks()
    planes = torch.split(samples, [channel.planes for channel in space.channels], dim=1)
    kinds = [channel.kind for channel in space.channels]
    classes = tuple(class_shares(each) for each, kind in zip(planes, kinds, strict=True) if kind == "categorical")
    others = [each for each, kind in zip(planes, kinds, strict=True) if kind != "categorical"]
    if not others:
        return Looks(classes=classes)
    values = torch.cat(others, dim=1)
    return Looks(traits(values), radial_spectrum(values), float(values.std()), classes)


def appearance(real: Looks, fake: Looks) -> dict[str, float]:
    """The signs, by the names that the doctor knows."""
    found = _of_values(real, fake) if real.traits is not None else {}
    if real.classes:
        pairs = zip(real.classes, fake.classes, strict=True)
        found["one_class"] = max(float(b.mean(0).amax() - a.mean(0).amax()) for a, b in pairs)
    return found


def _of_values(real: Looks, fake: Looks) -> dict[str, float]:
    assert real.traits is not None
    assert fake.traits is not None
    assert real.spectrum is not None
    assert fake.spectrum is not None
    of_real, of_fake = (dict(zip(MEANINGS, each.mean(0).tolist(), strict=True)) for each in (real.traits, fake.traits))
    if of_real["contrast"] < GREY:
        return {}
    apart = {name: of_fake[name] - of_real[name] for name in MEANINGS}
    contrast = fake.traits[:, list(MEANINGS).index("contrast")]
    found = {
        "brightness": apart["level"] / real.spread,
        "contrast": of_fake["contrast"] / of_real["contrast"],
        "flat": float((contrast < FLAT).double().mean()),
        "saturated": of_fake["clipped"],
        "detail": 10.0 ** (detail(real.spectrum, fake.spectrum) / 10.0),
        "checkerboard": 10.0 ** (apart["checkerboard"] / 10.0),
        "blocks": 10.0 ** (apart["blocks"] / 20.0),
        "banding": (of_fake["stripes"] + QUIET) / (of_real["stripes"] + QUIET),
        "crosses": 10.0 ** (apart["star"] / 10.0),
    }
    if of_real["colour"] > GREY:
        found["colour"] = of_fake["colour"] / of_real["colour"]
    return found
