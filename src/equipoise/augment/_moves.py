"""Moves: affine maps from a place in the result to the place in the sample that is seen there.

In coordinates from -1 to 1 between the outer edges, x to the right and y downwards.  Adjacent moves become one map, and
each sample is resampled once at most; whole-pixel moves alone are copied, bit for bit.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from equipoise.augment._chance import chance, spread, uniform
from equipoise.recipe import Operation
from equipoise.spec import Knob
from equipoise.view import Samples

Padding = Literal["border", "reflection", "zeros"]
"""What is seen outside of a sample: its outermost pixels drawn out, its mirror image, or 0, the middle of the range."""

Maps = Float[Tensor, "n 3 3"]


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
    whole_pixels = keeps_pairs = True
    outside = None

    horizontal: Annotated[float, Knob("probability of left to right", low=0, high=1, source="notes")] = 0.5
    vertical: Annotated[float, Knob("probability of upside down", low=0, high=1, source="notes")] = 0.0

    @property
    def idle(self) -> bool:
        return self.horizontal == self.vertical == 0.0

    def __call__(self, samples: Samples) -> Samples:
        for probability, axis in ((self.horizontal, 3), (self.vertical, 2)):
            if probability > 0.0:
                samples = torch.where(spread(chance(samples, probability)), samples.flip(axis), samples)
        return samples

    def maps(self, samples: Samples) -> Maps:
        maps = _identities(samples)
        for probability, axis in ((self.horizontal, 0), (self.vertical, 1)):
            if probability > 0.0:
                maps[:, axis, axis] = torch.where(chance(samples, probability), -1.0, 1.0)
        return maps


@dataclass(frozen=True)
class QuarterTurns(Move):
    """Turns by 0, 90, 180 or 270 degrees, all equally likely.  Samples that are not square get 0 or 180."""

    valid_for = "pictures without up and down: terrain, satellite scenes, textures; not figures, text, spectrograms"
    whole_pixels = keeps_pairs = True
    outside = None
    idle = False

    def __call__(self, samples: Samples) -> Samples:
        turns = self._turns(samples)
        for number in (1, 2, 3):
            if number == 2 or samples.shape[2] == samples.shape[3]:
                samples = torch.where(spread(turns == number), samples.rot90(number, (2, 3)), samples)
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
        angle = uniform(samples, math.radians(self.degrees))
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
        maps[:, 0, 0] = maps[:, 1, 1] = uniform(samples, math.log1p(self.reach)).exp()
        return maps


def move(moves: Iterable[Move], samples: Samples, probability: float = 1.0) -> Samples:
    """Moves in order: copied one by one when all keep to whole pixels, otherwise interpolated as a single map."""
    active = [each for each in moves if not each.idle]
    if all(each.whole_pixels for each in active):
        return reduce(lambda moved, each: perhaps(each, moved, probability), active, samples)
    (padding,) = paddings(active)
    with torch.autocast(samples.device.type, enabled=False):  # places need all digits of float32
        theta = reduce(torch.matmul, [_perhaps_maps(each, samples, probability) for each in active])[:, :2]
        grid = F.affine_grid(theta, list(samples.shape), align_corners=False)
        warped = F.grid_sample(samples.to(grid.dtype), grid, "bilinear", padding, align_corners=False)
    return warped.to(samples.dtype)


def perhaps(operation: Operation, samples: Samples, probability: float) -> Samples:
    changed = operation(samples)
    return changed if probability >= 1.0 else torch.where(spread(chance(samples, probability)), changed, samples)


def _perhaps_maps(move: Move, samples: Samples, probability: float) -> Maps:
    maps = move.maps(samples)
    if probability >= 1.0:
        return maps
    return torch.where(chance(samples, probability)[:, None, None], maps, _identities(samples))


def paddings(moves: Iterable[Move]) -> set[Padding]:
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
