"""Co-registered raster layers, cut into tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from equipoise.data.band import Band, Frame, opened
from equipoise.data.corpus import Corpus, DataError
from equipoise.data.numbers import is_number
from equipoise.data.store import Store, files_key, key, settings_key
from equipoise.data.tables import classes_of, is_file
from equipoise.data.tiling import Job, build, fingerprint
from equipoise.recipe import Source
from equipoise.space import Channel, Space
from equipoise.spec import Knob, Part, Problem, Table, encode
from equipoise.spec.knob import did_you_mean

NAMED_BY = 8
ENDINGS = (".tif", ".tiff", ".asc", ".npz")

Share = Annotated[float, Knob("share of a tile", low=0, high=1)]


@dataclass(frozen=True)
class Layer(Part):
    """One layer: where it lies, and what its numbers mean.

    A categorical layer has a `table` of its classes: ``nlcd``, ``worldcover``, ``fbfm40``, or a CSV file beside it with
    the columns code, name and colour.  `remap` turns values, written as texts, into others as they are read: vegetation
    "254" and "255", which mean no vegetation at all, into 0.  `nodata` adds to what the file says.  `low` and `high`
    declare the range of a continuous layer; otherwise it is that of the data.  A code that is in no table is refused,
    or its tiles are left out.  Each class of the table is one plane to the networks; or only those that are ``present``
    in the raster, which is quicker; or those of the codes in a list, and tiles with others are left out.
    """

    file: str
    kind: Literal["continuous", "categorical"] = "continuous"
    unit: str = ""
    band: Annotated[int, Knob("number of the band in the file", low=1, high=10**4)] = 1
    nodata: tuple[float, ...] = ()
    remap: Mapping[str, float] = Table()
    low: float | None = None
    high: float | None = None
    table: str = ""
    unknown: Literal["refuse", "leave out"] = "refuse"
    classes: Literal["declared", "present"] | tuple[int, ...] = "declared"

    @property
    def has_codes(self) -> bool:
        """Whether some of its numbers stand for something else, so that a mean with one means nothing."""
        return self.kind == "categorical" or bool(self.remap or self.nodata)

    def problems(self) -> Iterator[Problem]:
        if self.kind == "categorical" and not self.table:
            yield Problem("table", "is empty; a categorical layer needs the table of its classes")
        if self.kind == "continuous" and self.table:
            yield Problem("table", "belongs to a categorical layer")
        if self.low is not None and self.high is not None and self.low >= self.high:
            yield Problem("low", f"is {self.low:g}, not below high, {self.high:g}")
        for text in self.remap:
            if not is_number(text):
                yield Problem("remap", f"turns {text!r} into another value; it must be a number")


@dataclass(frozen=True)
class Limit(Part):
    """Tiles of which more than a share is one class are left out, but for some."""

    layer: str
    code: int
    above: Share
    keep: Share = 0.0


@dataclass(frozen=True)
class Raster(Source):
    """Tiles of `size` pixels, one every `stride` pixels in both directions: by default each pixel is in exactly one.

    Layers must have the same pixels: another shape, reference system or transform is refused by name, or resampled to
    the first layer with ``resample=true``: between pixels, but classes, and numbers some of which stand for something
    else, by the nearest one.  An array has no place on the ground, and is never resampled.  Tiles with pixels of which
    nothing is known are left out, and counted.

    What is held out from training are blocks of `block` by `block` tiles, for neighbouring tiles are too much alike;
    where tiles overlap, those that lie in two blocks are left out.
    """

    layers: Mapping[str, Layer]
    size: Annotated[int, Knob("pixels a side", low=8, high=1024, unit="pixels")] = 64  # notes
    stride: Annotated[int | None, Knob("pixels from one tile to the next", low=1, high=4096, unit="pixels")] = None
    resample: bool = False
    limits: tuple[Limit, ...] = ()
    block: Annotated[int, Knob("tiles a side of what is held out together", low=1, high=1024, unit="tiles")] = 4

    def problems(self) -> Iterator[Problem]:
        if not self.layers:
            yield Problem("layers", "is empty; at least one layer is needed")
        for at, limit in enumerate(self.limits):
            layer = self.layers.get(limit.layer)
            if layer is None:
                yield Problem(f"limits.{at}.layer", f"names no layer{did_you_mean(limit.layer, self.layers)}")
            elif layer.kind != "categorical":
                yield Problem(f"limits.{at}.layer", f"is {limit.layer}, which has no classes")

    def onto(self, space: Space) -> Self:
        channels = {channel.name: channel for channel in space.channels}
        return replace(self, layers={name: _onto(layer, channels[name]) for name, layer in self.layers.items()})

    def native_side(self, path: Path | None) -> int | None:
        return None

    def corpus(
        self, path: Path | None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        rasters = {name: _found(path, name, layer) for name, layer in self.layers.items()}
        folder = next(iter(rasters.values())).parent
        tables = {name: classes_of(layer.table, folder, name) for name, layer in self.layers.items() if layer.table}
        files = [*rasters.values(), *(folder / layer.table for layer in self.layers.values() if is_file(layer.table))]
        store, settings = Store(cache), settings_key(self)
        seen_as = files_key(settings, files)
        known = store.remembered(seen_as)
        if known is not None:
            return known
        digest = key(settings, *(fingerprint(file) for file in files))
        name = f"{settings[:NAMED_BY]}-{digest}"
        corpus = store.find(name)
        if corpus is None:
            with ExitStack() as stack, store.aside() as made:
                bands = self._opened(rasters, stack)
                job = Job(self.layers, tables, self.size, self.stride or self.size, self.limits, self.block)
                build(made, job, bands, digest, encode(self), str(folder.resolve()), store.require, progress)
                corpus = store.settle(made, name)
        store.remember(seen_as, name)
        return corpus

    def _opened(self, files: Mapping[str, Path], stack: ExitStack) -> dict[str, Band]:
        """All layers, on the frame of the first.  Raises `DataError`."""
        bands: dict[str, Band] = {}
        first: Frame | None = None
        for name, layer in self.layers.items():
            onto = first if self.resample else None
            is_number = layer.kind == "continuous"
            smooth = is_number and not layer.has_codes
            nodata = set(layer.nodata)
            context = opened(files[name], name, layer.band, nodata, onto, smooth=smooth, in_units=is_number)
            band = bands[name] = stack.enter_context(context)
            first = first or band.frame
            differences = first.differences(band.frame)
            if differences:
                cure = "arrays have no place on the ground" if self.resample else "source.resample=true brings it there"
                raise DataError(
                    f"layer {name} does not lie on the pixels of layer {next(iter(bands))}: {'; '.join(differences)}; "
                    + cure
                )
        return bands


def _onto(layer: Layer, channel: Channel) -> Layer:
    if channel.kind == "categorical":
        return replace(layer, classes=tuple(item.code for item in channel.classes), unknown="leave out")
    return replace(layer, low=channel.low, high=channel.high)


def _found(path: Path | None, name: str, layer: Layer) -> Path:
    """The file of a layer.  Raises `DataError`."""
    if path is None:
        raise DataError("no data given; name the folder of the raster's layers with --data")
    if not path.is_dir():
        raise DataError(f"{path} is no folder; give the one that the raster's layers lie in")
    file = path / layer.file
    if not file.is_file():
        there = sorted(item.name for item in path.iterdir() if item.suffix.lower() in ENDINGS)
        meant = did_you_mean(layer.file, there) or f"; there are {', '.join(there[:8]) or 'no rasters'}"
        raise DataError(f"layer {name}: no file {layer.file} in {path}{meant}")
    return file
