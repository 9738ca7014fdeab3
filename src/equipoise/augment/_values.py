"""Changes of values: colours, noise, holes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from equipoise.augment._chance import normal_like, uniform
from equipoise.recipe import Operation
from equipoise.schedule import Rate, Schedule
from equipoise.spec import Knob
from equipoise.view import PerSample, Samples

RGB = 3
Mixes = Float[Tensor, "n 3 3"]

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue look (ITU-R BT.601)."""


@dataclass(frozen=True)
class ColourJitter(Operation):
    """Brightness, contrast, saturation and hue, changed in this order by uniform amounts.

    Brightness multiplies the height above -1, contrast the distance from the sample's mean grey, saturation each
    pixel's distance from its own grey; hue turns colours about the grey axis (Karras et al. 2020, arXiv:2006.06676,
    appendix B).  Saturation and hue need the three channels red, green and blue; any other number of channels gets
    brightness and contrast alone.
    """

    valid_for = "photographs and drawings; any continuous channels by brightness and contrast; not codes, not alpha"

    brightness: Annotated[float, Knob("largest relative change", low=0, high=1, source="notes")] = 0.1
    contrast: Annotated[float, Knob("largest relative change", low=0, high=1, source="notes")] = 0.1
    saturation: Annotated[float, Knob("largest relative change", low=0, high=1, source="notes")] = 0.1
    hue: Annotated[float, Knob("largest turn", low=0, high=0.5, unit="turns", source="notes")] = 0.02
    keep_range: bool = True
    """Whether values stay in [-1, 1], which a generator cannot leave and a critic would notice.  A value held at the
    end passes no gradient back."""

    def __call__(self, samples: Samples) -> Samples:
        colours = samples.shape[1] == RGB and (self.saturation > 0.0 or self.hue > 0.0)
        if not colours and self.brightness == self.contrast == 0.0:
            return samples
        factor, offset = self._tone(samples)
        if colours:
            changed = _mixed(samples, factor * self._mixtures(samples), offset)
        else:
            changed = offset[..., None] + factor[..., None] * samples
        return (changed.clamp(-1.0, 1.0) if self.keep_range else changed).to(samples.dtype)

    def _tone(self, samples: Samples) -> tuple[Float[Tensor, "n 1 1"], Float[Tensor, "n 1 1"]]:
        """Brightness and contrast together: what each value is multiplied by, and what is added."""
        light, spread = (1.0 + uniform(samples, reach) for reach in (self.brightness, self.contrast))
        offset = light - 1.0
        middle = light * _mean_grey(samples) + offset
        offset = spread * offset + (1.0 - spread) * middle
        return (spread * light)[:, None, None], offset[:, None, None]

    def _mixtures(self, samples: Samples) -> Mixes:
        """Saturation and hue together: the shares of old red, green and blue in the new.  They keep grey as it is."""
        one = torch.eye(RGB, dtype=torch.promote_types(samples.dtype, torch.float32), device=samples.device)
        vivid = (1.0 + uniform(samples, self.saturation))[:, None, None]
        grey = torch.cat([(1.0 - vivid) * share for share in LUMA], dim=2)
        angle = uniform(samples, math.tau * self.hue)[:, None, None]
        across = (one.roll(1, 0) - one.roll(-1, 0)) / math.sqrt(3.0)
        turned = angle.cos() * one + (1.0 - angle.cos()) / 3.0 + angle.sin() * across
        with torch.autocast(samples.device.type, enabled=False):
            return turned @ (vivid * one + grey)


@dataclass(frozen=True)
class Noise(Operation):
    """Gaussian noise on every value, zero-centred and never clamped (instance noise, Sønderby et al. 2017,
    arXiv:1610.04490, section 4).  Meant for everything that the critic sees."""

    valid_for = "any continuous channels"

    sigma: Annotated[Rate, Knob("standard deviation, where values span [-1, 1]", low=0, high=2, source="notes")] = 0.05

    def __call__(self, samples: Samples) -> Samples:
        """Raises `TypeError` for a schedule: `equipoise.schedule.settled` makes a number of it."""
        if isinstance(self.sigma, Schedule):
            raise TypeError("noise whose strength is a schedule must be settled before it is made")
        return samples + self.sigma * normal_like(samples) if self.sigma > 0.0 else samples


@dataclass(frozen=True)
class Cutout(Operation):
    """Half of the width times half of the height, at a random place, set to 0, the middle of the range (DeVries &
    Taylor 2017, arXiv:1708.04552; as in Karras et al. 2020, arXiv:2006.06676, appendix B)."""

    valid_for = "anything, when it is made to some samples only: always made, the generator learns the holes"

    share: Annotated[
        float, Knob("share of each side", low=0, high=1, source="Karras et al. 2020, arXiv:2006.06676, appendix B")
    ] = 0.5

    def __call__(self, samples: Samples) -> Samples:
        if self.share == 0.0:
            return samples
        _, _, height, width = samples.shape
        rows, columns = self._outside(samples, height), self._outside(samples, width)
        return samples * (rows[:, None, :, None] | columns[:, None, None, :])

    def _outside(self, samples: Samples, size: int) -> Bool[Tensor, "n s"]:
        """Which rows, or columns, the hole of each sample leaves alone."""
        middle = torch.rand(len(samples), 1, device=samples.device) * size
        places = torch.arange(size, device=samples.device) + 0.5
        return (places - middle).abs() >= self.share * size / 2


def _mixed(
    colours: Float[Tensor, "n 3 h w"], shares: Mixes, offset: Float[Tensor, "n 1 1"]
) -> Float[Tensor, "n 3 h w"]:
    """Each pixel's channels mixed by its sample's shares, plus an offset; in one pass over the pixels."""
    with torch.autocast(colours.device.type, enabled=False):
        mixed = torch.baddbmm(offset, shares, colours.flatten(2).to(shares.dtype))
    return mixed.view(colours.shape)


def _mean_grey(samples: Samples) -> PerSample:
    """How bright each sample looks: luma for red, green and blue, the mean of any other number of channels."""
    means = samples.mean((2, 3), dtype=torch.promote_types(samples.dtype, torch.float32))
    if samples.shape[1] != RGB:
        return means.mean(1)
    return LUMA[0] * means[:, 0] + LUMA[1] * means[:, 1] + LUMA[2] * means[:, 2]
