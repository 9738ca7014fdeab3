"""Augmentation: random changes that leave a sample plausible, drawn anew for each, in batch, on the samples' device.

Everything is differentiable by the samples, so that fakes may be changed too, and works for any number of channels.
Randomness comes from torch's global generators.  An operation whose settings are all zero gives back the very tensor
that it got.

Moves are affine maps from a place in the result to the place in the sample that is seen there, in coordinates from -1
to 1 between the outer edges, x to the right and y downwards.  Adjacent moves become one map, and each sample is
resampled once at most; whole-pixel moves alone are copied, bit for bit.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from equipoise.recipe import Operation
from equipoise.spec import Knob
from equipoise.view import PerSample, Samples

Padding = Literal["border", "reflection", "zeros"]
"""What is seen outside of a sample: its outermost pixels drawn out, its mirror image, or 0, the middle of the range."""

Maps = Float[Tensor, "n 3 3"]

RGB = 3
LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue look (ITU-R BT.601)."""


def apply(operations: Sequence[Operation], samples: Samples, probability: float = 1.0) -> Samples:
    """All operations in order, adjacent moves that pad alike as one.

    Each is made to each sample with this probability, independently of the others (Karras et al. 2020,
    arXiv:2006.06676, section 2.2); at 0 the very tensor comes back.
    """
    if not operations or probability <= 0.0:
        return samples
    moves = _leading_moves(operations)
    if moves:
        return apply(operations[len(moves) :], move(moves, samples, probability), probability)
    return apply(operations[1:], _perhaps(operations[0], samples, probability), probability)


@dataclass(frozen=True)
class Move(Operation):
    """An operation that moves pixels and leaves their values alone."""

    whole_pixels: ClassVar[bool] = False
    """Whether calling it copies pixels; otherwise it interpolates between them."""

    @property
    @abstractmethod
    def idle(self) -> bool:
        """Whether its settings make it do nothing."""

    @property
    @abstractmethod
    def outside(self) -> Padding | None:
        """What is seen outside of a sample; None for a move that never looks there."""

    @abstractmethod
    def maps(self, samples: Samples) -> Maps:
        """One freshly drawn map from result to sample for each sample."""


@dataclass(frozen=True, kw_only=True)
class _Padded(Move):
    padding: Padding = "border"  # a plain background goes on, as sprites need it

    @property
    def outside(self) -> Padding | None:
        return self.padding


@dataclass(frozen=True)
class Flip(Move):
    """Mirror images, left to right and upside down, each with its own probability."""

    valid_for = (
        "pictures whose mirror image is plausible: photographs, sprites, terrain; not text, digits, spectrograms"
    )
    whole_pixels = True
    outside = None

    horizontal: Annotated[float, Knob("probability of left to right", low=0, high=1, source="notes")] = 0.5
    vertical: Annotated[float, Knob("probability of upside down", low=0, high=1, source="notes")] = 0.0

    @property
    def idle(self) -> bool:
        return self.horizontal == self.vertical == 0.0

    def __call__(self, samples: Samples) -> Samples:
        for probability, axis in ((self.horizontal, 3), (self.vertical, 2)):
            if probability > 0.0:
                samples = torch.where(_spread(_chance(samples, probability)), samples.flip(axis), samples)
        return samples

    def maps(self, samples: Samples) -> Maps:
        maps = _identities(samples)
        for probability, axis in ((self.horizontal, 0), (self.vertical, 1)):
            if probability > 0.0:
                maps[:, axis, axis] = torch.where(_chance(samples, probability), -1.0, 1.0)
        return maps


@dataclass(frozen=True)
class QuarterTurns(Move):
    """Turns by 0, 90, 180 or 270 degrees, all equally likely.  Samples that are not square get 0 or 180."""

    valid_for = "pictures without up and down: terrain, satellite scenes, textures; not figures, text, spectrograms"
    whole_pixels = True
    outside = None
    idle = False

    def __call__(self, samples: Samples) -> Samples:
        turns = self._turns(samples)
        for number in (1, 2, 3):
            if number == 2 or samples.shape[2] == samples.shape[3]:
                samples = torch.where(_spread(turns == number), samples.rot90(number, (2, 3)), samples)
        return samples

    def maps(self, samples: Samples) -> Maps:
        angle = self._turns(samples) * (math.pi / 2)
        maps = _identities(samples)
        maps[:, 0, 0] = maps[:, 1, 1] = angle.cos().round()
        maps[:, 0, 1] = -angle.sin().round()
        maps[:, 1, 0] = angle.sin().round()
        return maps

    @staticmethod
    def _turns(samples: Samples) -> Int[Tensor, " n"]:
        if samples.shape[2] == samples.shape[3]:
            return torch.randint(4, (len(samples),), device=samples.device)
        return 2 * torch.randint(2, (len(samples),), device=samples.device)


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


@dataclass(frozen=True)
class Translate(_Padded):
    """Shifts by whole pixels, uniform up to a share of the width and of the height."""

    valid_for = "anything that is plausible off centre; spectrograms along time alone"
    whole_pixels = True

    horizontal: Annotated[
        float, Knob("largest shift as a share of the width", low=0, high=0.5, source="Zhao et al. 2020")
    ] = 0.125
    vertical: Annotated[
        float, Knob("largest shift as a share of the height", low=0, high=0.5, source="Zhao et al. 2020")
    ] = 0.125  # both from DiffAugment, arXiv:2006.10738

    @property
    def idle(self) -> bool:
        return self.horizontal == self.vertical == 0.0

    def __call__(self, samples: Samples) -> Samples:
        if self.idle:
            return samples
        right, down = self._pixels(samples)
        return _shifted(_shifted(samples, 3, right, self.padding), 2, down, self.padding)

    def maps(self, samples: Samples) -> Maps:
        maps = _identities(samples)
        right, down = self._pixels(samples)
        maps[:, 0, 2] = right * (-2.0 / samples.shape[3])
        maps[:, 1, 2] = down * (-2.0 / samples.shape[2])
        return maps

    def _pixels(self, samples: Samples) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
        """Shifts to the right and downwards."""
        num, _, height, width = samples.shape
        right, down = int(self.horizontal * width), int(self.vertical * height)
        return (
            torch.randint(-right, right + 1, (num,), device=samples.device),
            torch.randint(-down, down + 1, (num,), device=samples.device),
        )


@dataclass(frozen=True)
class Rotate(_Padded):
    """Turns about the centre by a uniform angle, to either side."""

    valid_for = "pictures without a strict up and down: terrain, small angles of sprites; not spectrograms or text"

    degrees: Annotated[float, Knob("largest angle", low=0, high=180, unit="degrees", source="notes")] = 10.0

    @property
    def idle(self) -> bool:
        return self.degrees == 0.0

    def __call__(self, samples: Samples) -> Samples:
        return move((self,), samples)

    def maps(self, samples: Samples) -> Maps:
        maps = _identities(samples)
        _, _, height, width = samples.shape
        angle = _uniform(samples, math.radians(self.degrees))
        maps[:, 0, 0] = maps[:, 1, 1] = angle.cos()
        maps[:, 0, 1] = angle.sin() * (height / width)
        maps[:, 1, 0] = -angle.sin() * (width / height)
        return maps


@dataclass(frozen=True)
class Scale(_Padded):
    """Enlarges or shrinks about the centre, between 1 / (1 + reach) and 1 + reach, uniform in the logarithm."""

    valid_for = (
        "pictures whose subject may be nearer or farther; not rasters of a fixed ground resolution, spectrograms"
    )

    reach: Annotated[float, Knob("largest enlargement less 1", low=0, high=1, source="guess")] = 0.1

    @property
    def idle(self) -> bool:
        return self.reach == 0.0

    def __call__(self, samples: Samples) -> Samples:
        return move((self,), samples)

    def maps(self, samples: Samples) -> Maps:
        maps = _identities(samples)
        maps[:, 0, 0] = maps[:, 1, 1] = _uniform(samples, math.log1p(self.reach)).exp()
        return maps


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
        light, spread = (1.0 + _uniform(samples, reach) for reach in (self.brightness, self.contrast))
        offset = light - 1.0
        middle = light * _mean_grey(samples) + offset
        offset = spread * offset + (1.0 - spread) * middle
        return (spread * light)[:, None, None], offset[:, None, None]

    def _mixtures(self, samples: Samples) -> Maps:
        """Saturation and hue together: the shares of old red, green and blue in the new.  They keep grey as it is."""
        one = torch.eye(RGB, dtype=torch.promote_types(samples.dtype, torch.float32), device=samples.device)
        vivid = (1.0 + _uniform(samples, self.saturation))[:, None, None]
        grey = torch.cat([(1.0 - vivid) * share for share in LUMA], dim=2)
        angle = _uniform(samples, math.tau * self.hue)[:, None, None]
        across = (one.roll(1, 0) - one.roll(-1, 0)) / math.sqrt(3.0)
        turned = angle.cos() * one + (1.0 - angle.cos()) / 3.0 + angle.sin() * across
        with torch.autocast(samples.device.type, enabled=False):
            return turned @ (vivid * one + grey)


@dataclass(frozen=True)
class Noise(Operation):
    """Gaussian noise on every value, zero-centred and never clamped (instance noise, Sønderby et al. 2017,
    arXiv:1610.04490, section 4).  Meant for everything that the critic sees."""

    valid_for = "any continuous channels"

    sigma: Annotated[float, Knob("standard deviation, where values span [-1, 1]", low=0, high=2, source="notes")] = 0.05

    def __call__(self, samples: Samples) -> Samples:
        return samples + self.sigma * torch.randn_like(samples) if self.sigma > 0.0 else samples


def move(moves: Iterable[Move], samples: Samples, probability: float = 1.0) -> Samples:
    """Moves in order: copied one by one when all keep to whole pixels, otherwise interpolated as a single map."""
    active = [each for each in moves if not each.idle]
    if all(each.whole_pixels for each in active):
        return reduce(lambda moved, each: _perhaps(each, moved, probability), active, samples)
    (padding,) = _paddings(active)
    with torch.autocast(samples.device.type, enabled=False):  # places need all digits of float32
        theta = reduce(torch.matmul, [_perhaps_maps(each, samples, probability) for each in active])[:, :2]
        grid = F.affine_grid(theta, list(samples.shape), align_corners=False)
        warped = F.grid_sample(samples.to(grid.dtype), grid, "bilinear", padding, align_corners=False)
    return warped.to(samples.dtype)


def _perhaps(operation: Operation, samples: Samples, probability: float) -> Samples:
    changed = operation(samples)
    return changed if probability >= 1.0 else torch.where(_spread(_chance(samples, probability)), changed, samples)


def _perhaps_maps(move: Move, samples: Samples, probability: float) -> Maps:
    maps = move.maps(samples)
    if probability >= 1.0:
        return maps
    return torch.where(_chance(samples, probability)[:, None, None], maps, _identities(samples))


def _leading_moves(operations: Sequence[Operation]) -> tuple[Move, ...]:
    """As many moves from the beginning as can be one."""
    moves: tuple[Move, ...] = ()
    for operation in operations:
        if not isinstance(operation, Move) or len(_paddings((*moves, operation))) > 1:
            break
        moves = (*moves, operation)
    return moves


def _paddings(moves: Iterable[Move]) -> set[Padding]:
    return {each.outside for each in moves if each.outside is not None}


def _identities(samples: Samples) -> Maps:
    """The map that moves nothing, once for each sample, in float32 or better."""
    precise = torch.promote_types(samples.dtype, torch.float32)
    return torch.eye(3, dtype=precise, device=samples.device).repeat(len(samples), 1, 1)


def _shifted(samples: Samples, axis: int, pixels: Int[Tensor, " n"], padding: Padding) -> Samples:
    """Each sample moved along one axis by its own whole number of pixels, towards higher indices."""
    size = samples.shape[axis]
    wanted = torch.arange(size, device=samples.device) - pixels[:, None]
    inside = (wanted >= 0) & (wanted < size)
    mirrored = torch.where(wanted < 0, -1 - wanted, 2 * size - 1 - wanted)
    beyond = mirrored if padding == "reflection" else wanted.clamp(0, size - 1)
    along = (len(samples), 1, size, 1) if axis == 2 else (len(samples), 1, 1, size)
    moved = samples.gather(axis, torch.where(inside, wanted, beyond).view(along).expand(samples.shape))
    return moved * inside.view(along) if padding == "zeros" else moved


def _mixed(colours: Float[Tensor, "n 3 h w"], shares: Maps, offset: Float[Tensor, "n 1 1"]) -> Float[Tensor, "n 3 h w"]:
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


def _uniform(samples: Samples, reach: float) -> PerSample:
    """Numbers in -reach .. reach, one for each sample."""
    draws = torch.rand(len(samples), dtype=torch.promote_types(samples.dtype, torch.float32), device=samples.device)
    return (2.0 * draws - 1.0) * reach


def _chance(samples: Samples, probability: float) -> Tensor:
    """True with this probability, one for each sample."""
    return torch.rand(len(samples), device=samples.device) < probability


def _spread(values: Tensor) -> Tensor:
    """One value for each sample, in a shape that meets [N, C, H, W]."""
    return values.view(-1, 1, 1, 1)
