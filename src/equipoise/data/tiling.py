"""From open layers to a corpus of tiles, in two passes over strips of the raster, so that memory stays bounded.

::

    first pass, strip by strip:    the range of each continuous layer, the codes of each categorical one
    second pass, row by row of tiles:  cut, leave out, scale, write

Continuous values are kept as float16 scaled to [-1, 1], categories as the place in their table of classes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equipoise.data.band import Band, Frame, Values
from equipoise.data.corpus import SAMPLES, DataError, Description, LeftOut, checksums, describe
from equipoise.data.split import identities, identity
from equipoise.data.store import HEADER_BYTES, header
from equipoise.data.tables import Classes
from equipoise.space import Axis, Channel, Space
from equipoise.spec import Json

if TYPE_CHECKING:
    from equipoise.data.raster import Layer, Limit

STRIP_PIXELS = 2**21
"""Looked at together in the first pass: 16 MiB a layer."""
READ_BYTES = 2**22
FEWEST = 2
FEWEST_CLASSES = 2
LISTED = 8

Tiles = NDArray[np.float16]
"""[columns, size, size, layers]"""


@dataclass(frozen=True, slots=True)
class Job:
    """How to cut."""

    layers: Mapping[str, Layer]
    classes: Mapping[str, Classes]
    """Of the categorical layers."""
    size: int
    stride: int
    limits: Sequence[Limit]
    block: int


@dataclass(slots=True)
class Seen:
    """What the first pass has found in one layer."""

    low: float = math.inf
    high: float = -math.inf
    codes: Counter[float] = field(default_factory=Counter)
    known: int = 0
    """Pixels of which something is known."""


def fingerprint(path: Path) -> str:
    """The identity of a file's contents.  Raises `DataError`."""
    hasher = blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            while part := file.read(READ_BYTES):
                hasher.update(part)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return hasher.hexdigest()


def build(
    folder: Path,
    job: Job,
    bands: Mapping[str, Band],
    digest: str,
    source: Json,
    made_from: str,
    require: Callable[[int], None],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Fill an empty folder with the corpus.  Raises `DataError` where fewer than two tiles remain."""
    frame = next(iter(bands.values())).frame
    if min(frame.height, frame.width) < job.size:
        raise DataError(f"the raster has {frame.height}x{frame.width} pixels: no tile of {job.size} fits into it")
    rows = range(0, frame.height - job.size + 1, job.stride)
    columns = range(0, frame.width - job.size + 1, job.stride)
    seen = {name: _looked_at(bands[name], layer) for name, layer in job.layers.items()}
    for name, layer in job.layers.items():
        _refuse_unknown(name, layer, job.classes.get(name, ()), seen[name])
    classes = {name: _classes(job, name, seen[name]) for name in job.layers}
    channels = tuple(_channel(name, layer, classes[name], seen[name]) for name, layer in job.layers.items())
    for limit in job.limits:
        if limit.code not in [item.code for item in job.classes[limit.layer]]:
            raise DataError(f"source.limits has code {limit.code}, which is no class of {limit.layer}")
    require(HEADER_BYTES + len(rows) * len(columns) * job.size**2 * len(channels) * 2)
    kept: list[tuple[int, int]] = []
    reasons: Counter[str] = Counter()
    asked: set[str] = set()
    sums: list[NDArray[np.uint32]] = []
    with (folder / SAMPLES).open("wb") as file:
        file.write(bytes(HEADER_BYTES))
        for done, top in enumerate(rows):
            tiles, unknown = _cut(job, bands, channels, top, columns)
            chosen = []
            for at, left in enumerate(columns):
                unwanted = _beyond(job, channels, tiles[at], (top, left)) or _straddling(job, top, left)
                reason = unknown[at] or unwanted
                reasons[reason] += 1
                asked.add(unwanted)
                if not reason:
                    chosen.append(at)
                    kept.append((top, left))
            good = np.ascontiguousarray(tiles[chosen])
            file.write(good.tobytes())
            sums.append(checksums(good))
            if progress is not None:
                progress(done + 1, len(rows))
        del reasons[""]
        if len(kept) < FEWEST:
            raise DataError(_too_few(len(kept), reasons))
        file.seek(0)
        file.write(header((len(kept), job.size, job.size, len(channels)), np.dtype(np.float16)))
    space = Space(channels, job.size, job.size, "terrain", *_axes(frame), crs=frame.crs)
    description = Description(
        digest,
        space,
        [f"row {top}, column {left}" for top, left in kept],
        tuple(LeftOut(f"{count} tiles", why, count, is_asked=why in asked) for why, count in reasons.most_common()),
        tuple(_notes(job, len(kept), len(rows) * len(columns), channels)),
        source,
        made_from,
    )
    blocks = (f"{frame.crs} {frame.transform} {_block(job, top, left)}" for top, left in kept)
    describe(folder, description, np.concatenate(sums), identities(block.encode() for block in blocks))


def _looked_at(band: Band, layer: Layer) -> Seen:
    """The first pass."""
    seen = Seen()
    step = max(1, STRIP_PIXELS // band.frame.width)
    for top in range(0, band.frame.height, step):
        values = _remapped(band.read(top, min(top + step, band.frame.height)), layer)
        values = values[~np.isnan(values)]
        seen.known += values.size
        if values.size:
            seen.low, seen.high = min(seen.low, values.min()), max(seen.high, values.max())
        if layer.kind == "categorical":
            seen.codes.update(dict(zip(*map(np.ndarray.tolist, np.unique(values, return_counts=True)), strict=True)))
    if not seen.known:
        raise DataError(
            f"layer {band.name} has no pixel of which anything is known: nodata everywhere, or it lies elsewhere"
        )
    return seen


def _remapped(values: Values, layer: Layer) -> Values:
    for text, becomes in layer.remap.items():
        values[values == float(text)] = becomes
    return values


def _classes(job: Job, name: str, seen: Seen) -> Classes:
    """Those that the layer's planes stand for."""
    declared = job.classes.get(name, ())
    wanted = job.layers[name].classes
    if wanted == "declared":
        return declared
    if not isinstance(wanted, str):
        by_code = {item.code: item for item in declared}
        missing = [code for code in wanted if code not in by_code]
        if missing:
            raise DataError(
                f"source.layers.{name}.classes has codes that are in no table: {', '.join(map(str, missing))}"
            )
        return tuple(by_code[code] for code in wanted)
    present = tuple(item for item in declared if float(item.code) in seen.codes)
    if len(present) < FEWEST_CLASSES:
        alone = f"only {present[0].name}" if present else "no class of its table"
        raise DataError(f"layer {name} has {alone}: it carries nothing; leave it away, or look at its table")
    return present


def _channel(name: str, layer: Layer, classes: Classes, seen: Seen) -> Channel:
    if layer.kind == "categorical":
        return Channel(name, 0.0, len(classes) - 1.0, "categorical", layer.unit, "value", classes)
    low = seen.low if layer.low is None else layer.low
    high = seen.high if layer.high is None else layer.high
    if seen.low < seen.high and low >= high:
        raise DataError(
            f"source.layers.{name}: all values lie from {seen.low:g} to {seen.high:g}, and low and high say otherwise"
        )
    if low >= high:
        raise DataError(f"layer {name} is {low:g} wherever anything is known: it carries nothing; leave it away")
    if seen.low < low or seen.high > high:
        raise DataError(
            f"layer {name} has values from {seen.low:g} to {seen.high:g}, beyond its range of {low:g} to {high:g}"
            f"; widen source.layers.{name}.low and high, or remap what is no value"
        )
    return Channel(name, low, high, "continuous", layer.unit, "scaled")


def _refuse_unknown(name: str, layer: Layer, classes: Classes, seen: Seen) -> None:
    """Codes that the data have and the table has not."""
    known = {float(item.code) for item in classes}
    unknown = [(code, count) for code, count in seen.codes.most_common() if code not in known]
    if unknown and layer.unknown == "refuse":
        listed = ", ".join(f"{code:g} ({count / seen.known:.2%})" for code, count in unknown[:LISTED])
        more = f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        raise DataError(
            f"layer {name} has codes that its table has not: {listed}{more}; add them to its table, map them by "
            f'its remap, or leave their tiles out with source.layers.{name}.unknown="leave out"'
        )


def _cut(
    job: Job, bands: Mapping[str, Band], channels: Sequence[Channel], top: int, columns: Sequence[int]
) -> tuple[Tiles, list[str]]:
    """The tiles of one row, and for each why it cannot be used; nothing where it can."""
    tiles = np.empty((len(columns), job.size, job.size, len(channels)), np.float16)
    reasons = [""] * len(columns)
    for layer, channel in enumerate(channels):
        values = _remapped(bands[channel.name].read(top, top + job.size), job.layers[channel.name])
        stored, known = _stored(values, channel)
        for at, left in enumerate(columns):
            window = slice(left, left + job.size)
            tiles[at, :, :, layer] = stored[:, window]
            if not reasons[at] and not known[:, window].all():
                nothing = np.isnan(values[:, window]).any()
                reasons[at] = f"{channel.name} {'unknown in some pixels' if nothing else 'has a code of no class'}"
    return tiles, reasons


def _stored(values: Values, channel: Channel) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """As the corpus keeps them, and where that is anything."""
    known = ~np.isnan(values)
    if channel.kind == "continuous":
        return np.where(known, channel.to_scale(values), 0.0), known
    codes = _codes(channel)
    order = np.argsort(codes)
    places = order[np.searchsorted(codes, np.where(known, values, codes[0]), sorter=order).clip(max=len(codes) - 1)]
    return places.astype(np.float64), known & (codes[places] == values)


def _beyond(job: Job, channels: Sequence[Channel], tile: NDArray[np.float16], corner: tuple[int, int]) -> str:
    """Which limit a tile breaks; of those that break one, the same share is kept whatever the order."""
    names = [channel.name for channel in channels]
    for limit in job.limits:
        layer = names.index(limit.layer)
        classes = channels[layer].classes
        place = next((at for at, item in enumerate(classes) if item.code == limit.code), None)
        if place is not None and (tile[:, :, layer] == place).mean() > limit.above:
            drawn = identity(f"{corner} {limit.layer} {limit.code}".encode()) / 2.0**64
            if drawn >= limit.keep:
                return f"more than {limit.above:.0%} {classes[place].name}"
    return ""


def _block(job: Job, top: int, left: int) -> tuple[int, int]:
    side = job.block * job.size
    return top // side, left // side


def _straddling(job: Job, top: int, left: int) -> str:
    last = job.size - 1
    inside = job.stride >= job.size or _block(job, top, left) == _block(job, top + last, left + last)
    return "" if inside else "in two blocks of the hold-out"


def _axes(frame: Frame) -> tuple[Axis, Axis]:
    a, _, _, _, e, _ = frame.transform
    return Axis("northing", frame.unit, e), Axis("easting", frame.unit, a)


def _notes(job: Job, kept: int, total: int, channels: Sequence[Channel]) -> Iterator[str]:
    yield f"{kept} of {total} tiles of {job.size}x{job.size} pixels, one every {job.stride}"
    for channel in channels:
        if channel.kind == "continuous":
            yield f"{channel.name} is kept to within {channel.float16_error:.2g} {channel.unit}".rstrip()


def _too_few(count: int, reasons: Counter[str]) -> str:
    why = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common(3))
    return f"only {count} tiles can be used, and {FEWEST} are needed; left out: {why or 'none'}"


def _codes(channel: Channel) -> NDArray[np.float64]:
    return np.array([item.code for item in channel.classes], np.float64)
