"""From items of high and low resolution to a corpus of pairs.

::

    first pass, item by item     open, cut, look at each patch; what is sound goes to a file of raw values
    in between                   what will be held out, and the range of each band without that
    second pass, over raw values reduce, scale, write; then the gate

Bytes stay bytes.  Other values are kept as float16, scaled so that their range becomes -1 to 1; what lies beyond the
range is kept too, beyond -1 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import GIVEN, SAMPLES, DataError, Description, checksums, describe
from equipoise.data.cutting import RAW_HIGH, RAW_LOW, Cut, Job, Progress, cut
from equipoise.data.degrade import degraded
from equipoise.data.layout import Layout
from equipoise.data.pairs import (
    Alignment,
    align,
    compared,
    refuse_flat,
    refuse_misaligned,
    refuse_other_range,
    refuse_swapped,
)
from equipoise.data.patch_files import Size
from equipoise.data.split import identities, split
from equipoise.data.store import header
from equipoise.space import Axis, Channel, Space
from equipoise.spec import encode

MOST_VALUES = 2**24
"""Pixels of a band from which its range is told, evenly over all; of fewer, all are taken."""
WRITTEN_VALUES = 2**20
"""Reduced, scaled and written together: some megabytes."""
BYTE_MIDDLE = 127.5
NAMED = 3

Raw = NDArray[Any]
"""[n, H, W, C], bytes or float32."""
Range = tuple[float, float]


def build(
    folder: Path, job: Job, digest: str, made_from: str, require: Callable[[int], None], progress: Progress | None
) -> None:
    """Fill an empty folder with the corpus.  Raises `DataError` where it must not be trained on."""
    require(_most_bytes(job))
    found = cut(job, folder, progress)
    count = len(found.names)
    high = _raw(folder / RAW_HIGH, count, job.size, job.layout)
    low = high if job.low_layout is None else _raw(folder / RAW_LOW, count, job.low_size, job.low_layout)
    numbers = identities(origin.encode() for origin in found.origins)
    seen = split(numbers, job.source.fitted_without).seen
    ranges = _ranges(job, high, low, seen)
    space = _space(job, ranges)
    assert space.given is not None
    sums = _write(folder / SAMPLES, (_stored(block, space) for block in _blocks(high)), count, space)
    given_sums = _write(folder / GIVEN, _given(job, low, space.given), count, space.given)
    del high, low
    for name in (RAW_HIGH, RAW_LOW):
        (folder / name).unlink()
    notes = (*_notes(job, found, space, len(seen)), *_gate(job, folder, found.names, space))
    left_out = tuple(sorted(found.left_out, key=lambda item: item.name))
    description = Description(digest, space, found.names, left_out, notes, encode(job.source), made_from)
    describe(folder, description, sums, numbers, given_sums)


def _most_bytes(job: Job) -> int:
    """What the build takes on the disk, when no patch is left out."""
    (height, width), (low_height, low_width) = job.size, job.low_size
    patches = len(job.high.items) * (job.layout.size.height // height) * (job.layout.size.width // width)
    low_bands = job.layout.bands if job.low_layout is None else job.low_layout.bands
    values = height * width * len(job.layout.bands) + low_height * low_width * len(low_bands)
    return patches * values * (2 if job.layout.is_bytes else 6)


def _raw(path: Path, count: int, size: Size, layout: Layout) -> Raw:
    kind = np.uint8 if layout.is_bytes else np.float32
    return np.memmap(path, kind, "r", shape=(count, *size, len(layout.bands)))


def _ranges(job: Job, high: Raw, low: Raw, seen: NDArray[np.intp]) -> Mapping[str, Range]:
    """Of each band that is not of bytes: declared, or fitted to the patches that will be trained on."""
    sides = [(high, job.layout)] if job.low_layout is None else [(high, job.layout), (low, job.low_layout)]
    ranges: dict[str, Range] = {}
    for raw, layout in sides:
        for at, name in enumerate(layout.bands):
            if not layout.is_bytes and name not in ranges:
                declared = job.source.ranges.get(name)
                ranges[name] = declared or _fitted(name, _sampled(raw, at, seen), job)
    return ranges


def _fitted(name: str, values: NDArray[np.float32], job: Job) -> Range:
    low, high = np.percentile(values, [job.source.low_percent, job.source.high_percent]).tolist()
    if low >= high:
        raise DataError(f"{name} is {low:g} in nearly all pixels: it carries nothing; leave it away with source.bands")
    return low, high


def _sampled(raw: Raw, band: int, places: NDArray[np.intp]) -> NDArray[np.float32]:
    """The values of a band in some patches, evenly thinned to at most `MOST_VALUES`."""
    step = -(-len(places) * raw[0, :, :, band].size // MOST_VALUES)
    return np.concatenate([raw[at, :, :, band].ravel()[at % step :: step] for at in places])


def _space(job: Job, ranges: Mapping[str, Range]) -> Space:
    scale = job.source.scale
    rows, columns = ((axis and Axis(axis.name, axis.unit, axis.step * scale)) for axis in job.layout.axes)
    low = job.layout if job.low_layout is None else job.low_layout
    given = Space(
        _channels(low, ranges, job.source.unit), *job.low_size, rows=rows, columns=columns, crs=job.layout.crs
    )
    rows, columns = job.layout.axes
    channels = _channels(job.layout, ranges, job.source.unit)
    return Space(channels, *job.size, rows=rows, columns=columns, crs=job.layout.crs, given=given)


def _channels(layout: Layout, ranges: Mapping[str, Range], unit: str) -> tuple[Channel, ...]:
    if layout.is_bytes:
        return tuple(map(Channel, layout.bands))
    return tuple(Channel(name, *ranges[name], unit=unit, stored="scaled", has_tails=True) for name in layout.bands)


def _blocks(raw: Raw) -> Iterator[Raw]:
    step = max(1, WRITTEN_VALUES // raw[0].size)
    return (raw[start : start + step] for start in range(0, len(raw), step))


def _given(job: Job, low: Raw, space: Space) -> Iterator[NDArray[Any]]:
    """The low resolution as it is kept: read, or made from the high."""
    if job.low_layout is not None:
        return (_stored(block, space) for block in _blocks(low))
    source = job.source
    rows, columns = (source.reduction.matrix(side, source.scale) for side in job.size)
    return (_stored(degraded(block, rows, columns), space) for block in _blocks(low))


def _stored(values: Raw, space: Space) -> NDArray[Any]:
    """Raw values [n, H, W, C] as the corpus keeps them: bytes, or float16 with the range at -1 to 1."""
    if space.is_direct:
        return values if values.dtype == np.uint8 else np.rint(values).clip(0, 255).astype(np.uint8)
    low = np.array([channel.low for channel in space.channels], np.float32)
    high = np.array([channel.high for channel in space.channels], np.float32)
    scaled = (values - low) / (high - low) * 2 - 1
    if np.abs(scaled).max() > np.finfo(np.float16).max:
        at = int(np.abs(scaled).max(axis=(0, 1, 2)).argmax())
        raise DataError(
            f"{space.channels[at].name} has values from {values[..., at].min():g} to {values[..., at].max():g}, far "
            f"beyond its range of {low[at]:g} to {high[at]:g}; if they mean something else, add them to source.nodata"
        )
    return scaled.astype(np.float16)


def _write(path: Path, blocks: Iterator[NDArray[Any]], count: int, space: Space) -> NDArray[np.uint32]:
    """Returns the checksum of each sample."""
    sums = []
    shape = (count, space.height, space.width, len(space.channels))
    with path.open("wb") as file:
        file.write(header(shape, np.dtype(np.uint8 if space.is_direct else np.float16)))
        for block in blocks:
            whole = np.ascontiguousarray(block)
            file.write(whole.tobytes())
            sums.append(checksums(whole))
    return np.concatenate(sums)


def _gate(job: Job, folder: Path, names: Sequence[str], space: Space) -> Iterator[str]:
    """What was seen of the pairs.  Raises `DataError` where they must not be trained on."""
    assert space.given is not None
    places = compared(len(names), math.prod(space.shape))
    high, low = (
        _in_units(np.load(folder / file, mmap_mode="r")[places], of)
        for file, of in ((SAMPLES, space), (GIVEN, space.given))
    )
    refuse_flat(high.std(axis=(1, 2)).mean(axis=0).tolist(), job.layout.bands)
    yield (
        f"of {len(places)} patches, where the range is -1 to 1: high from {high.min():.3g} to {high.max():.3g}, spread "
        f"{high.std():.2g}; low from {low.min():.3g} to {low.max():.3g}, spread {low.std():.2g}"
    )
    if job.low_layout is None:
        return
    if job.layout.bands == job.low_layout.bands:
        refuse_other_range(high, low, job.layout.bands)
    alignment = align(high, low, [names[place] for place in places])
    refuse_misaligned(alignment)
    if job.layout.bands == job.low_layout.bands:
        refuse_swapped(high, low, job.layout.bands)
    yield _alignment(alignment, len(places), len(names))


def _in_units(stored: NDArray[Any], space: Space) -> NDArray[np.float32]:
    """Of -1 to 1."""
    values: NDArray[np.float32] = stored.astype(np.float32)
    return values / BYTE_MIDDLE - 1 if space.is_direct else values


def _alignment(found: Alignment, tried: int, total: int) -> str:
    fitting = (
        f"{found.compared - len(found.mismatched)} of {found.compared} pairs are closest to their own low resolution"
    )
    others = f"; not {', '.join(found.mismatched[:NAMED])}" if found.mismatched else ""
    more = f" and {len(found.mismatched) - NAMED} more" if len(found.mismatched) > NAMED else ""
    flat = f"; {tried - found.compared} are too flat to tell" if found.compared < tried else ""
    rest = f"; the other {total - tried} were not compared" if tried < total else ""
    return fitting + others + more + flat + rest


def _notes(job: Job, found: Cut, space: Space, num_seen: int) -> Iterator[str]:
    source = job.source
    how = f"made from it ({source.reduction})" if job.low_layout is None else "read"
    yield f"{len(found.names)} patches of {job.size} pixels, each with one of {job.low_size}, {how}"
    rows, columns = (side % piece for side, piece in zip(job.layout.size, job.size, strict=True))
    if rows or columns:
        yield f"the last {rows} rows and {columns} columns of {job.layout.size} pixels fill no patch"
    fitted = [channel for channel in _scaled(space) if channel.name not in source.ranges]
    if fitted:
        listed = ", ".join(f"{channel.name} {channel.low:.4g} to {channel.high:.4g}" for channel in fitted)
        yield (
            f"ranges are percentiles {source.low_percent:g} and {source.high_percent:g} of the {num_seen} patches that "
            f"a share of {source.fitted_without:g} does not hold out: {listed}; what lies beyond is kept as well"
        )
    if len(set(found.origins)) == 1:
        yield "all patches are of one group, so none can be held out; source.group=block holds out parts of a scene"


def _scaled(space: Space) -> Iterator[Channel]:
    """Channels of both sides that are kept scaled, those of the same name once."""
    given = space.given.channels if space.given is not None else ()
    names = [channel.name for channel in space.channels]
    channels = (*space.channels, *(channel for channel in given if channel.name not in names))
    return (channel for channel in channels if channel.stored == "scaled")
