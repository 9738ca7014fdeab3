"""Patches of high resolution, each with the low resolution that it is to be made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from equipoise.data.corpus import Corpus, DataError
from equipoise.data.cutting import Job
from equipoise.data.degrade import Degradation, Reduction
from equipoise.data.layout import LARGEST, layout_of, look, names_of_size, patch_size
from equipoise.data.patch_files import Files, Item, Size
from equipoise.data.patch_listing import Kind, find, paired_folders
from equipoise.data.patching import build
from equipoise.data.store import Store, files_key, key, settings_key
from equipoise.data.tiling import fingerprint
from equipoise.recipe import Source
from equipoise.space import Space
from equipoise.spec import Knob, Problem, Table

NAMED_BY = 8
TENTH = "Recipe.held_out's default, so that what is held out is never looked at"
NOTES = "notes: percentiles 2 and 98"

Percent = Annotated[float, Knob("percentile", low=0, high=100, source=NOTES)]
Share = Annotated[float, Knob("share of the patches", low=0, high=1)]


@dataclass(frozen=True)
class Patches(Source):
    """Pairs for super-resolution: patches of high resolution, and of each a low one, `scale` times smaller.

    `files` says what the folder holds; ``auto`` tells it from the names:

    - ``bands``: one TIFF a band, named ..._B02.tif and so on, the files of a patch together, as in BigEarthNet;
    - ``hdf5``: scenes such as MATLAB's .mat of version 7.3, whose array im10 has the bands im10_1, im10_2 and so on;
    - ``scenes``: GeoTIFF with all bands in one file;
    - ``pictures``: PNG, JPEG and the like, 8 bits a colour.

    `bands` are those to learn, by default all of the highest resolution; `unit` is that of values of more than 8 bits.
    `size` is the side of a patch; by default patches are as large as the files.  Larger ones are cut without overlap.

    `low` says where the low resolution comes from: ``made`` from the high one, by `degradation`; ``bands`` of lower
    resolution in the same files, `low_bands` or all that have the right size; or ``pairs``, a second folder.  A folder
    that holds exactly two, hr and lr (or high and low), with files of the same names, is taken for pairs by ``auto``.

    - ``bicubic``: as Pillow reduces pictures, without aliasing.  What most published numbers are made with.
    - ``sensor``: a Gaussian blur that lets the share `mtf` of the low resolution's Nyquist frequency pass, then every
      `scale`-th pixel.  Closer to what a coarser instrument would see.

    Bytes stay bytes.  Of other values the percentiles `low_percent` and `high_percent` of each band become -1 and 1,
    with an exact inverse, unless `ranges` declares what does.  They are fitted to what is trained on when a share of
    `fitted_without` is held out; set it as the recipe's `held_out`.  What lies beyond stays, beyond -1 and 1.  The low
    resolution has the range of the same band of the high.

    Patches that are unreadable, of another size, without one of the bands, constant in a band, of pure noise, or with
    pixels of which nothing is known are left out and listed; above the share `most_left_out` the source refuses.
    `nodata` are values of more than 8 bits that mean "nothing is known".  Empty corners of a scene do not count.
    Patches that hardly vary, and pairs that do not show the same place, are refused before the first step.

    Held out together are, by `group`, the patches of a ``file``; of a ``scene``, which is a patch's name without the
    row and column at its end; or of a ``block`` of 4 by 4 patches of a file.  ``auto`` is scene for files of one band,
    otherwise file.
    """

    bands: tuple[str, ...] = ()
    scale: Literal[2, 3, 4] = 2  # guess: the smallest step, which gains most
    size: Annotated[int | None, Knob("side of a patch of high resolution", low=8, high=LARGEST, unit="pixels")] = None
    files: Kind = "auto"
    low: Literal["auto", "made", "bands", "pairs"] = "auto"
    low_bands: tuple[str, ...] = ()
    degradation: Degradation = "bicubic"
    mtf: Annotated[
        float,
        Knob(
            "modulation transfer at the low resolution's Nyquist frequency",
            low=0.05,
            high=0.95,
            source="upper end of what Sentinel-2 was required to have at 10 m and 20 m, 0.15 to 0.30 (ESA)",
        ),
    ] = 0.3
    unit: str = "reflectance x10000"
    ranges: Mapping[str, tuple[float, float]] = Table()
    low_percent: Percent = 2.0
    high_percent: Percent = 98.0
    fitted_without: Annotated[float, Knob("share held out while ranges are fitted", low=0, high=0.5, source=TENTH)] = (
        0.1
    )
    nodata: tuple[float, ...] = (0.0,)  # Sentinel-2's products: 0 is no data
    most_left_out: Annotated[
        float, Knob("share of patches that may be unusable", low=0, high=1, source="guess: more is a broken copy")
    ] = 0.2
    group: Literal["auto", "file", "scene", "block"] = "auto"

    def problems(self) -> Iterator[Problem]:
        if self.size is not None and self.size % self.scale:
            yield Problem("size", f"is {self.size}, which scale, {self.scale}, does not divide")
        if self.low_percent >= self.high_percent:
            yield Problem("low_percent", f"is {self.low_percent:g}, not below high_percent, {self.high_percent:g}")
        for name, (low, high) in self.ranges.items():
            if low >= high:
                yield Problem(f"ranges.{name}", f"is from {low:g} to {high:g}, which is not upwards")
        if self.low_bands and self.low != "bands":
            yield Problem("low_bands", 'belongs to low="bands"')

    @property
    def reduction(self) -> Reduction:
        """How low resolution is made from high, where it is made."""
        return Reduction(self.degradation, self.mtf)

    def onto(self, space: Space) -> Self:
        given = space.given.channels if space.given is not None else ()
        ranges = {item.name: (item.low, item.high) for item in (*space.channels, *given) if item.stored == "scaled"}
        return replace(
            self,
            bands=tuple(channel.name for channel in space.channels),
            low_bands=tuple(channel.name for channel in given) if self.low == "bands" else (),
            size=space.height if space.height == space.width else self.size,
            ranges=ranges,
        )

    def native_side(self, path: Path | None) -> int | None:
        high, _ = self._found(path)
        layout = layout_of(high, look(high, str(path)), self.bands)
        return min(layout.size) if layout.alike and max(layout.size) <= LARGEST else None

    def corpus(
        self, path: Path | None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        high, low = self._found(path)
        assert path is not None
        corpus = self._opened(path, high, low, Store(cache), progress)
        is_made = low is None and self.low != "bands"
        return replace(corpus, reduction=self.reduction if is_made else None)  # told by the folder, and not stored

    def _opened(
        self, path: Path, high: Files, low: Files | None, store: Store, progress: Callable[[int, int], None] | None
    ) -> Corpus:
        """The corpus of these files, found where it was built before, or built."""
        settings = settings_key(self)
        items = [*high.items, *(() if low is None else low.items)]
        seen_as = files_key(settings, (file for item in items for file in item.files.values()))
        known = store.remembered(seen_as)
        if known is not None:
            return known
        marks = [_mark(item) for item in items]
        digest = key(settings, *(part for item, mark in zip(items, marks, strict=True) for part in (item.name, mark)))
        name = f"{settings[:NAMED_BY]}-{digest}"
        corpus = store.find(name)
        if corpus is None:
            marked = {item.name: mark for item, mark in zip(high.items, marks, strict=False)}
            job = self._job(str(path), high, low, marked)
            with store.aside() as made:
                build(made, job, digest, str(path.resolve()), store.require, progress)
                corpus = store.settle(made, name)
        store.remember(seen_as, name)
        return corpus

    def _found(self, path: Path | None) -> tuple[Files, Files | None]:
        """The files of high resolution, and those of low where they lie in a folder of their own."""
        folders = paired_folders(path)
        if self.low == "pairs" and folders is None:
            raise DataError(f"{path} does not hold exactly two folders, hr and lr (or high and low); see source.low")
        if folders is None:
            return find(path, self.files, self.nodata), None
        high, low = folders
        paired = self.low in ("auto", "pairs")
        return find(high, self.files, self.nodata), find(low, self.files, self.nodata) if paired else None

    def _job(self, where: str, high: Files, low: Files | None, marks: Mapping[str, str]) -> Job:
        """What to read, told from some of the files.  Raises `DataError`."""
        found = look(high, where)
        layout = layout_of(high, found, self.bands)
        size = patch_size(layout, self.size, self.scale)
        if low is not None:
            return Job(self, high, layout, size, marks, low, layout_of(low, look(low, where), self.bands))
        if self.low != "bands":
            return Job(self, high, layout, size, marks, None, None)
        wanted = Size(layout.size.height // self.scale, layout.size.width // self.scale)
        names = self.low_bands or names_of_size(found, wanted, self.scale)
        low_layout = layout_of(high, found, names)
        if low_layout.size != wanted:
            raise DataError(
                f"{names[0]} has {low_layout.size} pixels, not {wanted}, which is 1/{self.scale} of {layout.size}; "
                "choose other source.low_bands, or another source.scale"
            )
        return Job(self, high, layout, size, marks, high, low_layout)


def _mark(item: Item) -> str:
    """The identity of an item's contents, of its own where a file cannot be read: reading will say so."""
    try:
        return key(*(fingerprint(file) for file in item.files.values()))
    except DataError:
        return item.name
