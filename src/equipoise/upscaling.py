"""``equipoise upscale``: a whole scene through a generator that makes larger pictures from small ones, in tiles.

::

    tiles of TILE x TILE pixels, OVERLAP of them shared with each neighbour
    across an overlap:  | FAR pixels: the other tile alone |  a straight line from one to the other  | FAR: this alone |

What lies within FAR pixels of a tile's edge has been made without knowing what comes next, and is not used; so no seam
is left, as long as pixels farther away than that hardly matter.  At the edges of the scene tiles count in full.

Memory holds one row of tiles, enlarged: it grows with the width of the scene and not with its height.

Scenes of bytes are computed in bfloat16 where that is faster, measured on noise of a tile's size: the result differs
from that of float32 by a level here and there.  Values of more than 8 bits are computed in float32 unless somebody asks
for the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from equipoise.data import DataError, Patches
from equipoise.data.codec import to_planes, to_world
from equipoise.data.scene import Canvas, Scene, Values, created, opened
from equipoise.engine.export import Sampler
from equipoise.engine.look import draw
from equipoise.engine.machine import choose_device
from equipoise.engine.precision import Arithmetic, Compute, autocast, fastest_to_draw, lay_out
from equipoise.errors import Fault, RequestError
from equipoise.sampling import open_run
from equipoise.space import Space

STEP = 128
"""From one tile to the next, in pixels of the scene: an enlarged row of tiles is whole blocks of a GeoTIFF."""
OVERLAP, FAR = 32, 12
TILE = STEP + OVERLAP
MANY_TILES = 16
"""From which on it pays to try what is fastest: each choice takes a tile, and those that are not hopeless three more.
A guess."""
EDGES = (0.02, 0.98)
LOOKED_AT = 512
"""Pixels a side in the middle of a scene, by which its numbers are told."""
FAR_BELOW, FAR_ABOVE = 0.005, 10.0
"""Reflectance of 0 to 1 where 0 to 10 000 was learned, or the other way: below so small a share of the highest value,
or so many ranges above it.  Open water is far from either."""


@dataclass(frozen=True, slots=True)
class Upscaled:
    """What `upscale` has made."""

    path: Path
    height: int
    width: int
    scale: int
    tiles: int
    seconds: float
    compute: Compute = "float32"

    def lines(self) -> Iterator[str]:
        pace = self.height * self.width / self.scale**2 / 1e6 / max(self.seconds, 1e-9)
        yield f"{self.path}: {self.width}x{self.height} pixels, {self.scale} times as large each way"
        yield (
            f"{self.tiles} tiles in {self.seconds:.0f} s, {pace:.2f} million pixels of the scene a second, "
            f"in {self.compute}"
        )


def upscale(
    run: Path,
    scene: Path,
    out: Path,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    compute: Compute | Literal["auto"] = "auto",
) -> Upscaled:
    """Enlarge a GeoTIFF or a picture with a run's best generator, and write it to `out`.

    A GeoTIFF keeps its reference system, its type of numbers and what it declares as nodata; its bands are those that
    the run was trained with.  `progress` is called with (tiles done, tiles in all).  `compute` is the precision; by
    default bytes are computed in bfloat16 where that is faster, all else in float32.
    Raises `RequestError`, and `Fault` when the generator gives numbers that are not finite.
    """
    began = time.monotonic()
    sampler = open_run(run, device)
    given = sampler.space.given
    if given is None or sampler.recipe.generator.takes != ("given",):
        raise RequestError(f"{run} does not make larger pictures from small ones; train a recipe such as sentinel2_sr")
    if out.resolve() == scene.resolve():
        raise RequestError(f"{out} is the scene itself; choose another name")
    training = sampler.recipe.source
    nothing = training.nodata if isinstance(training, Patches) and _has_nodata(given) else ()
    with opened(scene, [channel.name for channel in given.channels], nothing) as source:
        _refuse_other_numbers(scene, source, given)
        scale = sampler.space.scale
        with created(out, source, len(sampler.space.channels), scale) as canvas:
            enlarge = _Enlarging(sampler, given, choose_device(device), compute, _num_tiles(source))
            tiles = _in_rows(source, enlarge, canvas, scale, progress)
        seconds = time.monotonic() - began
        return Upscaled(out, source.height * scale, source.width * scale, scale, tiles, seconds, enlarge.compute)


def _has_nodata(given: Space) -> bool:
    """Bytes have none: 0 is black there."""
    return any(channel.stored == "scaled" for channel in given.channels)


def _are_bytes(given: Space) -> bool:
    return all((channel.low, channel.high) == (0.0, 255.0) for channel in given.channels)


def _num_tiles(scene: Scene) -> int:
    return len(_starts(scene.height)) * len(_starts(scene.width))


def _refuse_other_numbers(path: Path, scene: Scene, given: Space) -> None:
    """Raises `DataError` where the scene is not in the numbers that the run has learned from.

    What a network has never seen comes out as anything at all, and looks like a picture.
    """
    learned_bytes = _are_bytes(given)
    if learned_bytes != (scene.form.dtype == "uint8"):
        learned = "8 bits" if learned_bytes else "more than 8 bits"
        raise DataError(f"{path} is {scene.form.dtype}, and the run has learned from pictures of {learned}")
    top, left = (max(0, (length - LOOKED_AT) // 2) for length in (scene.height, scene.width))
    window = scene.read(top, min(top + LOOKED_AT, scene.height), left, min(left + LOOKED_AT, scene.width))
    for channel, values in zip(given.channels, window, strict=True):
        known = values[~np.isnan(values)]
        if learned_bytes or not known.size:
            continue
        low, high = np.quantile(known, EDGES).tolist()
        span = channel.high - channel.low
        is_tiny = channel.low >= 0.0 and high < FAR_BELOW * channel.high  # decibels and depths are below 0 as they are
        if is_tiny or low > channel.high + FAR_ABOVE * span:
            raise DataError(
                f"{path} has {channel.name} from {low:.4g} to {high:.4g}, and the run has learned it from "
                f"{channel.low:.4g} to {channel.high:.4g}: in another unit?"
            )


class _Enlarging:
    """The generator on one window of a scene."""

    def __init__(
        self, sampler: Sampler, given: Space, device: torch.device, asked: Compute | Literal["auto"], tiles: int
    ) -> None:
        self._sampler, self._given, self._device = sampler, given, device
        self._arithmetic = _arithmetic(sampler, given, device, asked, tiles)
        self._module = lay_out(sampler.module, self._arithmetic.memory_format)

    @property
    def compute(self) -> Compute:
        return self._arithmetic.compute

    def __call__(self, window: Values) -> Values:
        """[c, h, w] to [C, scale h, scale w], both in units of the file; what is not known stays so."""
        unknown = np.isnan(window)
        known = np.where(unknown, _middles(window, self._given), window)
        planes = to_planes(torch.from_numpy(known[None].astype(np.float32)), _as_values(self._given))
        with autocast(self.compute, self._device):
            made = draw(self._module, (planes.contiguous(memory_format=self._arithmetic.memory_format),), self._device)
        if not made.isfinite().all():
            raise Fault("the generator gives numbers that are not finite; choose another checkpoint")
        world: Values = to_world(made, self._sampler.space)[0]
        scale = self._sampler.space.scale
        world[:, unknown.any(axis=0).repeat(scale, axis=0).repeat(scale, axis=1)] = np.nan
        return world


def _arithmetic(
    sampler: Sampler, given: Space, device: torch.device, asked: Compute | Literal["auto"], tiles: int
) -> Arithmetic:
    """What is fastest, tried with a tile of noise; nothing is tried for a few tiles."""
    wanted = "float32" if asked == "auto" and not _are_bytes(given) else asked
    if tiles < MANY_TILES:
        return Arithmetic("float32" if wanted == "auto" else wanted)
    planes = sum(channel.planes for channel in given.channels)
    noise = torch.randn(1, planes, TILE, TILE, generator=torch.Generator().manual_seed(0))
    return fastest_to_draw(wanted, sampler.module, (noise.to(device),), device)


def _middles(window: Values, given: Space) -> Values:
    """[c, 1, 1]: what stands in for pixels that are not known, so that they disturb their neighbours little."""
    middles = np.array([(channel.low + channel.high) / 2 for channel in given.channels], np.float32)
    known = ~np.isnan(window)
    counts = known.sum((1, 2))
    means = np.where(known, window, np.float32(0.0)).sum((1, 2)) / np.maximum(counts, 1)
    chosen: Values = np.where(counts > 0, means, middles).astype(np.float32)[:, None, None]
    return chosen


def _as_values(space: Space) -> Space:
    """The same kind of sample, kept as the values themselves."""
    return replace(space, channels=tuple(replace(channel, stored="value") for channel in space.channels))


def _in_rows(
    scene: Scene, enlarge: _Enlarging, canvas: Canvas, scale: int, progress: Callable[[int, int], None] | None
) -> int:
    """Row after row of tiles; what two rows share waits for the second.  Returns how many tiles there were."""
    tops, lefts = _starts(scene.height), _starts(scene.width)
    waiting: Values | None = None
    done = 0
    for top in tops:
        bottom = min(top + TILE, scene.height)
        row = _row(scene, enlarge, top, bottom, lefts, scale)
        if waiting is not None:
            shared = waiting.shape[1]
            row[:, :shared] = _blended(waiting, row[:, :shared], axis=1, scale=scale)
        final = (bottom if top == tops[-1] else top + STEP) - top
        canvas.write(top * scale, row[:, : final * scale])
        waiting = row[:, final * scale :].copy()
        done += len(lefts)
        if progress is not None:
            progress(done, len(tops) * len(lefts))
    return done


def _row(scene: Scene, enlarge: _Enlarging, top: int, bottom: int, lefts: list[int], scale: int) -> Values:
    """One row of tiles, enlarged and blended, as wide as the scene."""
    row: Values | None = None
    for left in lefts:
        right = min(left + TILE, scene.width)
        tile = enlarge(scene.read(top, bottom, left, right))
        if row is None:
            row = np.empty((len(tile), tile.shape[1], scene.width * scale), np.float32)
        else:
            shared = slice(left * scale, (left + OVERLAP) * scale)
            tile[:, :, : OVERLAP * scale] = _blended(row[:, :, shared], tile[:, :, : OVERLAP * scale], 2, scale)
        row[:, :, left * scale : right * scale] = tile
    assert row is not None
    return row


def _starts(length: int) -> list[int]:
    """Where tiles begin, so that the last one is longer than what it shares."""
    return [0, *range(STEP, length - OVERLAP, STEP)]


def _blended(first: Values, second: Values, axis: int, scale: int) -> Values:
    """Two tiles where they overlap, along an axis: the first fades out while the second fades in."""
    places = (np.arange(first.shape[axis]) + 0.5) / scale
    share = ((places - FAR) / (OVERLAP - 2 * FAR)).clip(0.0, 1.0).astype(np.float32)
    share = share[None, :, None] if axis == 1 else share[None, None, :]
    return first + share * (second - first)
