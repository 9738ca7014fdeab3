"""The first pass over patches: items are opened and cut, each patch is looked at, and what is sound is kept raw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from equipoise.data.corpus import DataError, LeftOut
from equipoise.data.decode import RefusedError
from equipoise.data.faults import NODATA, fault
from equipoise.data.layout import Layout
from equipoise.data.patch_files import Files, Item, Scene, Size, Values

if TYPE_CHECKING:
    from equipoise.data.patches import Patches

RAW_HIGH, RAW_LOW = "high.raw", "low.raw"
FEWEST = 2
NAMED = 3
BLOCK = 4
"""Patches a side of what is held out together with ``group="block"``; as many as of tiles.  A guess."""
PLACE_IN_SCENE = re.compile(r"_\d+_\d+$")
"""Row and column at the end of a patch's name, as BigEarthNet has them; what precedes them is the scene."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """What to read, and how."""

    source: Patches
    high: Files
    layout: Layout
    size: Size
    marks: Mapping[str, str]
    """The identity of each item's contents, by its name."""
    low: Files | None
    """The files of the low resolution, where it is not made: the same as `high`, or those of another folder."""
    low_layout: Layout | None

    @property
    def low_size(self) -> Size:
        return Size(self.size.height // self.source.scale, self.size.width // self.source.scale)

    @property
    def is_paired(self) -> bool:
        """Whether high and low resolution lie in two folders."""
        return self.low is not None and self.low is not self.high


@dataclass(slots=True)
class Cut:
    """What the first pass has found."""

    names: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    """Of each patch, what it is held out together with."""
    left_out: list[LeftOut] = field(default_factory=list)
    faults: list[LeftOut] = field(default_factory=list)
    """Those of them with which something is wrong.  Nothing is wrong with a duplicate, nor with an empty corner of a
    scene."""

    def leave_out(self, name: str, reason: str, *, is_fault: bool = True) -> None:
        self.left_out.append(LeftOut(name, reason))
        if is_fault:
            self.faults.append(self.left_out[-1])


def cut(job: Job, folder: Path, progress: Progress | None) -> Cut:
    """Write the raw values of all sound patches to `folder`.  Raises `DataError` where too many are not."""
    found = Cut(left_out=[*job.high.left_out, *(job.low.left_out if job.low is not None and job.is_paired else ())])
    partners = _partners(job, found)
    firsts: dict[str, str] = {}
    with (folder / RAW_HIGH).open("wb") as high, (folder / RAW_LOW).open("wb") as low:
        for done, item in enumerate(job.high.items):
            mark = job.marks[item.name]
            if mark in firsts:
                found.leave_out(item.name, f"duplicate of {firsts[mark]}", is_fault=False)
            elif _cut_item(job, item, partners, found, high, low):
                firsts[mark] = item.name
            if progress is not None:
                progress(done + 1, len(job.high.items))
    _refuse_too_many(job, found)
    return found


def _partners(job: Job, found: Cut) -> Mapping[str, Item]:
    """Of each item's stem, the item of its low resolution.  Those of the low folder without one are left out."""
    if job.low is None:
        return {}
    stems = {item.stem for item in job.high.items}
    for item in job.low.items:
        if item.stem not in stems:
            found.leave_out(item.name, "no partner: nothing of high resolution has this name")
    return {item.stem: item for item in job.low.items}


def _cut_item(job: Job, item: Item, partners: Mapping[str, Item], found: Cut, high: BinaryIO, low: BinaryIO) -> bool:
    """Whether any patch of an item is sound."""
    before = len(found.names)
    try:
        with ExitStack() as stack:
            scene, low_scene = _opened(job, item, partners, stack)
            pieces = (scene.size.height // job.size.height) * (scene.size.width // job.size.width)
            for top, left, patch, low_patch in _patches(job, scene, low_scene):
                name = item.name if pieces == 1 else f"{item.name} row {top}, column {left}"
                reason = _fault(job, patch, low_patch)
                if reason:
                    found.leave_out(name, reason, is_fault=pieces == 1 or not reason.startswith(NODATA))
                    continue
                high.write(_raw(patch, job.layout))
                if low_patch is not None and job.low_layout is not None:
                    low.write(_raw(low_patch, job.low_layout))
                found.names.append(name)
                found.origins.append(_origin(job, item, top, left))
    except RefusedError as refusal:
        found.leave_out(item.name, str(refusal))
    return len(found.names) > before


def _opened(job: Job, item: Item, partners: Mapping[str, Item], stack: ExitStack) -> tuple[Scene, Scene | None]:
    """The scene of an item, and that of its low resolution.  Raises `RefusedError`."""
    scene = stack.enter_context(job.high.opened(item, job.layout.bands))
    _refuse_unlike(scene, job.layout)
    if min(scene.size.height - job.size.height, scene.size.width - job.size.width) < 0:
        raise RefusedError(f"size: {scene.size} pixels, not {job.size}")
    if job.layout.alike and scene.size != job.layout.size:
        raise RefusedError(f"size: {scene.size} pixels, and nearly all others have {job.layout.size}")
    if job.low is None or job.low_layout is None:
        return scene, None
    partner = partners.get(item.stem)
    if partner is None:
        raise RefusedError("no partner: nothing of low resolution has this name")
    low_scene = stack.enter_context(job.low.opened(partner, job.low_layout.bands))
    _refuse_unlike(low_scene, job.low_layout)
    wanted = Size(scene.size.height // job.source.scale, scene.size.width // job.source.scale)
    if low_scene.size != wanted:
        raise RefusedError(f"size: {low_scene.size} pixels of low resolution, not {wanted}")
    return scene, low_scene


def _refuse_unlike(scene: Scene, layout: Layout) -> None:
    if scene.is_bytes != layout.is_bytes:
        raise RefusedError(f"type: {'8 bits' if scene.is_bytes else 'more than 8 bits'}, unlike most others")


def _patches(job: Job, scene: Scene, low_scene: Scene | None) -> Iterator[tuple[int, int, Values, Values | None]]:
    """Row by row of patches without overlap: the upper left corner, the patch, and that of low resolution."""
    (height, width), (low_height, low_width) = job.size, job.low_size
    for row, top in enumerate(range(0, scene.size.height - height + 1, height)):
        strip = scene.read(top, top + height)
        low_strip = None if low_scene is None else low_scene.read(row * low_height, (row + 1) * low_height)
        for column, left in enumerate(range(0, scene.size.width - width + 1, width)):
            low_patch = None if low_strip is None else low_strip[:, column * low_width : (column + 1) * low_width]
            yield top, left, strip[:, left : left + width], low_patch


def _fault(job: Job, patch: Values, low_patch: Values | None) -> str:
    reason = fault(patch, job.layout.bands)
    if reason or low_patch is None or job.low_layout is None:
        return reason
    names = [f"{name} of low resolution" for name in job.low_layout.bands] if job.is_paired else job.low_layout.bands
    return fault(low_patch, names)


def _raw(patch: Values, layout: Layout) -> bytes:
    return patch.astype(np.uint8 if layout.is_bytes else np.float32).tobytes()


def _origin(job: Job, item: Item, top: int, left: int) -> str:
    group = job.source.group
    if group == "scene" or (group == "auto" and job.high.has_scene_names):
        return PLACE_IN_SCENE.sub("", PurePosixPath(item.stem).name)
    mark = job.marks[item.name]
    if group == "block":
        return f"{mark} {top // (BLOCK * job.size.height)} {left // (BLOCK * job.size.width)}"
    return mark


def _refuse_too_many(job: Job, found: Cut) -> None:
    kept, faulty, most = len(found.names), len(found.faults), job.source.most_left_out
    if faulty > most * (faulty + kept):
        raise DataError(
            f"{faulty} of {faulty + kept} patches cannot be used, and at most {most:.0%} may be left out "
            f"(source.most_left_out): {_first(found.faults)}"
        )
    if kept < FEWEST:
        others = f" ({_first(found.left_out)})" if found.left_out else ""
        raise DataError(
            f"{kept} of the patches of {job.size} pixels can be used, and {FEWEST} are needed{others}; add data, or "
            "cut smaller patches with source.size"
        )


def _first(left_out: Sequence[LeftOut]) -> str:
    return "; ".join(f"{item.name}: {item.reason}" for item in left_out[:NAMED])
