"""Files that hold patches, or scenes to be cut into patches: pictures, one TIFF a band, GeoTIFF, HDF5.

Each kind lists its items and opens one of them at a time; an item is one file, or the band files of one patch::

    for item in files.items:
        with files.opened(item, ("B02", "B03")) as scene:
            scene.read(top, bottom)          # [rows, columns, bands], NaN where nothing is known
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise.data.band import Band, Frame, opened, without_warning
from equipoise.data.corpus import DataError, LeftOut
from equipoise.data.decode import Plan, RefusedError, decode, read_file
from equipoise.data.hdf5 import read_arrays

COLOURS, GREY = ("red", "green", "blue"), "grey"
AS_IT_IS = Plan(0, 0, "own", "lanczos", False, (0, 0, 0), False, None, 1)
"""A picture of any size, never scaled."""
NOWHERE = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
"""The transform of pixels that lie on no known ground."""

Values = NDArray[np.float32]
"""[rows, columns, bands]; where nothing is known, NaN."""
Place = tuple[Path, int]
"""A file, and the number of a band in it."""


class Size(NamedTuple):
    """Pixels of one band of an item."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


@dataclass(frozen=True, slots=True)
class Item:
    """One picture, patch or scene: its name in the folder, and its files, by band where each has its own."""

    name: str
    files: Mapping[str, Path]

    @property
    def stem(self) -> str:
        """Its name without the ending, which its partner in another folder has too."""
        return PurePosixPath(self.name).with_suffix("").as_posix()

    @property
    def file(self) -> Path:
        """The only one of an item that has one."""
        (path,) = self.files.values()
        return path


@dataclass(frozen=True, slots=True)
class Scene:
    """Some bands of an open item, all of one size.  `read` gives the rows from one to before another."""

    size: Size
    is_bytes: bool
    read: Callable[[int, int], Values]
    frame: Frame | None = None
    """Where its pixels lie on the ground, if the file says so."""


@dataclass(frozen=True)
class Files(ABC):
    """The files of one kind in a folder."""

    has_scene_names: ClassVar[bool] = False
    """Whether an item's name begins with that of the scene it was cut from."""

    items: tuple[Item, ...]
    left_out: tuple[LeftOut, ...] = ()

    @abstractmethod
    def bands(self, item: Item) -> Mapping[str, Size]:
        """What an item has, by name.  Raises `RefusedError`."""

    @abstractmethod
    def opened(self, item: Item, names: Sequence[str]) -> AbstractContextManager[Scene]:
        """Some bands of an item.  Raises `RefusedError`, also when it lacks one of them or has them at several sizes.

        So does reading from the scene.
        """


@dataclass(frozen=True)
class Pictures(Files):
    """PNG, JPEG and others that Pillow reads, 8 bits a colour."""

    def bands(self, item: Item) -> Mapping[str, Size]:
        pixels, is_grey = _picture(item)
        return dict.fromkeys((GREY,) if is_grey else COLOURS, Size(*pixels.shape[:2]))

    @contextmanager
    def opened(self, item: Item, names: Sequence[str]) -> Iterator[Scene]:
        pixels, is_grey = _picture(item)
        _refuse_lacking(names, (*COLOURS, GREY))
        if GREY in names and not is_grey:
            raise RefusedError("is in colour, and grey pictures are wanted")
        chosen = pixels[:, :, [0 if name == GREY else COLOURS.index(name) for name in names]]
        yield Scene(Size(*pixels.shape[:2]), True, lambda top, bottom: chosen[top:bottom].astype(np.float32))


@dataclass(frozen=True)
class Tiffs(Files):
    """Files that rasterio reads.  `nodata` are values of more than 8 bits that mean "nothing is known here", besides
    what a file itself says."""

    nodata: tuple[float, ...] = ()

    @abstractmethod
    def places(self, item: Item) -> Mapping[str, Place]:
        """Where each band lies.  Raises `RefusedError`."""

    def bands(self, item: Item) -> Mapping[str, Size]:
        with _tiffs(self.places(item)) as bands:
            return {band.name: Size(band.frame.height, band.frame.width) for band in bands}

    @contextmanager
    def opened(self, item: Item, names: Sequence[str]) -> Iterator[Scene]:
        places = self.places(item)
        _refuse_lacking(names, places)
        with _tiffs({name: places[name] for name in names}) as bands:
            yield _scene(bands, partial(_read_tiffs, bands, self.nodata))


@dataclass(frozen=True)
class BandFiles(Tiffs):
    """One TIFF a band, the files of a patch mostly in a folder of their own, as in BigEarthNet."""

    has_scene_names = True

    def places(self, item: Item) -> Mapping[str, Place]:
        return {band: (path, 1) for band, path in item.files.items()}


@dataclass(frozen=True)
class Scenes(Tiffs):
    """GeoTIFF with all bands in one file, named as it says, or band1, band2 and so on."""

    def places(self, item: Item) -> Mapping[str, Place]:
        import rasterio
        from rasterio.errors import RasterioError

        try:
            with without_warning(), rasterio.open(item.file) as file:
                numbered = enumerate(file.descriptions, start=1)
                return {name or f"band{number}": (item.file, number) for number, name in numbered}
        except RasterioError as error:
            raise RefusedError(f"unreadable: {error}") from None


@dataclass(frozen=True)
class Mats(Files):
    """HDF5 scenes.  The bands of an array [bands, columns, rows], as MATLAB writes it, have its name and a number."""

    nodata: tuple[float, ...] = ()

    def bands(self, item: Item) -> Mapping[str, Size]:
        return {name: Size(*plane.shape) for name, plane in _planes(item).items()}

    @contextmanager
    def opened(self, item: Item, names: Sequence[str]) -> Iterator[Scene]:
        planes = _planes(item)
        _refuse_lacking(names, planes)
        bands = [_band(name, planes[name]) for name in names]
        yield _scene(bands, partial(_read, bands, self.nodata))


def _picture(item: Item) -> tuple[NDArray[np.uint8], bool]:
    """[height, width, 3], and whether it is stored as grey."""
    picture = decode(read_file(str(item.file)), AS_IT_IS)
    if picture.transparent:
        raise RefusedError("transparent: nothing is known of some pixels")
    shape = (picture.height, picture.width, len(COLOURS))
    return np.frombuffer(picture.pixels, np.uint8).reshape(shape), picture.grey


def _planes(item: Item) -> dict[str, NDArray[Any]]:
    """[rows, columns] by the name of the band."""
    planes: dict[str, NDArray[Any]] = {}
    for name, array in read_arrays(item.file).items():
        stack = array.reshape(-1, *array.shape[-2:])
        names = [name] if len(stack) == 1 else [f"{name}_{number}" for number in range(1, len(stack) + 1)]
        planes |= {of: plane.T for of, plane in zip(names, stack, strict=True)}
    return planes


def _band(name: str, plane: NDArray[Any]) -> Band:
    height, width = plane.shape
    return Band(name, Frame(height, width, "", NOWHERE, "pixels"), plane, 1, set())


@contextmanager
def _tiffs(places: Mapping[str, Place]) -> Iterator[list[Band]]:
    with ExitStack() as stack:
        try:
            bands = [stack.enter_context(opened(path, name, number, set())) for name, (path, number) in places.items()]
        except DataError as error:
            raise RefusedError(f"unreadable: {error}") from None
        yield bands


def _scene(bands: Sequence[Band], read: Callable[[int, int], Values]) -> Scene:
    sizes = {band.name: Size(band.frame.height, band.frame.width) for band in bands}
    if len(set(sizes.values())) > 1:
        raise RefusedError(f"sizes differ: {in_words(sizes)}")
    frame = bands[0].frame if bands[0].frame.crs else None
    return Scene(next(iter(sizes.values())), all(band.is_bytes for band in bands), read, frame)


def _read_tiffs(bands: Sequence[Band], nodata: Sequence[float], top: int, bottom: int) -> Values:
    try:
        return _read(bands, nodata, top, bottom)
    except DataError as error:
        raise RefusedError(f"unreadable: {error}") from None


def _read(bands: Sequence[Band], nodata: Sequence[float], top: int, bottom: int) -> Values:
    planes = [band.read(top, bottom) for band in bands]
    for band, plane in zip(bands, planes, strict=True):
        if not band.is_bytes:
            plane[np.isin(plane, nodata)] = np.nan
    return np.stack(planes, axis=-1).astype(np.float32)


def _refuse_lacking(names: Sequence[str], there: Sequence[str] | Mapping[str, object]) -> None:
    lacking = [name for name in names if name not in there]
    if lacking:
        raise RefusedError(f"lacks bands: {', '.join(lacking)}")


def in_words(sizes: Mapping[str, Size]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items())
