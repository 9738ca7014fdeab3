"""What the patches of a folder have in common: which bands, of which size, and how they are cut.

Told from some of them.  What differs is left out later, and named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equipoise.data.band import Frame
from equipoise.data.corpus import DataError
from equipoise.data.decode import RefusedError
from equipoise.data.patch_files import Files, Item, Size, in_words
from equipoise.space import Axis
from equipoise.spec.knob import did_you_mean

LOOKED_AT = 64
"""Items, evenly over the folder."""
ALIKE_SHARE = 0.9
"""Of items of one size, from which on those of other sizes are strays, such as a contact sheet, and not scenes to cut.
A guess."""
USUAL = 64
"""Pixels a side that are proposed."""
LARGEST = 1024
"""Pixels a side of a patch.  What is larger is a scene."""

Found = Sequence[tuple[Item, Mapping[str, Size]]]
"""Items that were looked at, and the size of each of their bands."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Bands of one size."""

    bands: tuple[str, ...]
    size: Size
    """Of most items."""
    alike: bool
    """Whether nearly all have it."""
    is_bytes: bool
    axes: tuple[Axis | None, Axis | None]
    crs: str


def look(files: Files, where: str) -> Found:
    """Some items of a folder.  Raises `DataError` where none of them can be read."""
    places = np.unique(np.linspace(0, len(files.items) - 1, LOOKED_AT).round().astype(int))
    found, refused = [], []
    for item in (files.items[place] for place in places):
        try:
            found.append((item, files.bands(item)))
        except RefusedError as refusal:
            refused.append(f"{item.name}: {refusal}")
    if not found:
        raise DataError(f"none of {len(refused)} files of {where} can be read; {refused[0]}; check the files")
    return found


def layout_of(files: Files, found: Found, asked: tuple[str, ...]) -> Layout:
    """The bands that were asked for, otherwise all of the largest size.  Raises `DataError`."""
    chosen = asked or Counter(_largest(bands) for _, bands in found).most_common(1)[0][0]
    _refuse_unknown(found, chosen)
    complete = [(item, tuple(bands[name] for name in chosen)) for item, bands in found if set(chosen) <= set(bands)]
    sizes, count = Counter(sizes for _, sizes in complete).most_common(1)[0]
    _refuse_mixed(dict(zip(chosen, sizes, strict=True)))
    usual = [item for item, its_sizes in complete if its_sizes == sizes]
    is_bytes, frames = _opened(files, usual, chosen)
    return Layout(chosen, sizes[0], count >= ALIKE_SHARE * len(complete), is_bytes, *_ground(frames))


def names_of_size(found: Found, wanted: Size, scale: int) -> tuple[str, ...]:
    """All bands that are `scale` times smaller than the high resolution.  Raises `DataError` where there are none."""
    fitting = (tuple(name for name, size in bands.items() if size == wanted) for _, bands in found)
    names, _ = Counter(fitting).most_common(1)[0]
    if not names:
        _, bands = found[0]
        raise DataError(
            f"no band has {wanted} pixels, {scale} times fewer a side than the high resolution: there are "
            f"{in_words(bands)}; set source.scale to what fits, or source.low=made"
        )
    return names


def patch_size(layout: Layout, asked: int | None, scale: int) -> Size:
    """How large patches are: what was asked for, otherwise as large as the items.  Raises `DataError`."""
    size = layout.size if asked is None else Size(asked, asked)
    usual = f"source.size={USUAL // scale * scale}"
    if asked is None and not layout.alike:
        raise DataError(f"items have several sizes; say how large patches are to be cut from them: {usual}")
    if max(size) > LARGEST:
        raise DataError(f"items of {size} pixels are scenes, not patches; say how large patches are: {usual}")
    if size.height % scale or size.width % scale:
        smaller = min(size) // scale * scale
        raise DataError(
            f"{scale} does not divide patches of {size} pixels; set source.size={smaller}, or another scale"
        )
    return size


def _largest(bands: Mapping[str, Size]) -> tuple[str, ...]:
    largest = max(bands.values())
    return tuple(name for name, size in bands.items() if size == largest)


def _refuse_unknown(found: Found, names: Sequence[str]) -> None:
    there = dict.fromkeys(name for _, bands in found for name in bands)
    unknown = [name for name in names if name not in there]
    if unknown:
        meant = did_you_mean(unknown[0], there) or f"; there are {', '.join(there)}"
        raise DataError(f"no file has the band {unknown[0]}{meant}")
    if not any(set(names) <= set(bands) for _, bands in found):
        raise DataError(f"no item of those looked at has all of {', '.join(names)}; ask for fewer with source.bands")


def _refuse_mixed(sizes: Mapping[str, Size]) -> None:
    if len(set(sizes.values())) > 1:
        raise DataError(
            f"bands of several sizes cannot be one sample: {in_words(sizes)}; ask for those of one size, and for "
            "smaller ones with source.low=bands and source.low_bands"
        )


def _opened(files: Files, items: Sequence[Item], names: Sequence[str]) -> tuple[bool, list[Frame | None]]:
    """Whether all are bytes, and where each lies."""
    scenes = []
    for item in items:
        with files.opened(item, names) as scene:
            scenes.append(scene)
    return all(scene.is_bytes for scene in scenes), [scene.frame for scene in scenes]


def _ground(frames: Sequence[Frame | None]) -> tuple[tuple[Axis | None, Axis | None], str]:
    """The pixel's size, where it is known and the same for all, and the reference system, where that is one."""
    known = [frame for frame in frames if frame is not None]
    steps = {(frame.transform[4], frame.transform[0], frame.unit) for frame in known}
    if len(known) < len(frames) or len(steps) != 1:
        return (None, None), ""
    down, across, unit = steps.pop()
    systems = {frame.crs for frame in known}
    return (Axis("northing", unit, down), Axis("easting", unit, across)), systems.pop() if len(systems) == 1 else ""
