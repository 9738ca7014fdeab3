"""One large picture, read and written window by window: GeoTIFF by rasterio, other formats whole, by Pillow."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from equipoise.data.band import CACHE_MIB
from equipoise.data.corpus import DataError
from equipoise.data.decode import DAMAGE
from equipoise.files import refuse_folder

if TYPE_CHECKING:
    from rasterio.io import DatasetReader, DatasetWriter

GEOTIFF = frozenset((".tif", ".tiff"))
COLOURS = ("red", "green", "blue")
GREY = ("grey",)
PLAIN = frozenset(("1", "L", "P", "RGB"))
"""Modes that lose nothing when they become grey or colours of 8 bits."""
BLOCK = 128
"""Side of the blocks that a GeoTIFF is written in; strips that are written are whole rows of them."""

Values = NDArray[np.float32]
"""[C, rows, columns] in units of the file; where nothing is known, NaN."""


@dataclass(frozen=True, slots=True)
class Form:
    """What is kept of a scene when it is written larger."""

    dtype: str
    nodata: float | None = None
    crs: Any = None
    transform: Any = None
    descriptions: tuple[str | None, ...] = ()


class Scene(ABC):
    """An open picture of any size."""

    def __init__(self, height: int, width: int, form: Form) -> None:
        self.height, self.width, self.form = height, width, form

    @abstractmethod
    def read(self, top: int, bottom: int, left: int, right: int) -> Values:
        """A window, ends left out."""


class Canvas(ABC):
    """A picture that is being written, strip by strip from the top."""

    @abstractmethod
    def write(self, top: int, strip: Values) -> None:
        """Full rows [C, rows, width] from row `top` on."""


@contextmanager
def opened(path: Path, bands: Sequence[str], nodata: Collection[float] = ()) -> Iterator[Scene]:
    """A scene that gives these bands, in this order.

    A GeoTIFF's bands are found by their descriptions, or as band1, band2 and so on; where it has no descriptions and as
    many as are asked for, they are taken in order.  A pixel of `nodata` in all bands is not known, as one that the file
    itself says so of.  Raises `DataError`.
    """
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    if path.suffix.lower() in GEOTIFF:
        with ExitStack() as stack:
            yield _geotiff(path, bands, frozenset(nodata), stack)
    else:
        yield _picture(path, bands)


class _GeoTiff(Scene):
    def __init__(self, file: DatasetReader, numbers: list[int], nothing: Collection[float]) -> None:
        named = tuple(file.descriptions[number - 1] for number in numbers)
        nodata = None if file.nodata is None else float(file.nodata)
        super().__init__(
            file.height, file.width, Form(file.dtypes[numbers[0] - 1], nodata, file.crs, file.transform, named)
        )
        self._file, self._numbers, self._nothing = file, numbers, nothing

    def read(self, top: int, bottom: int, left: int, right: int) -> Values:
        from rasterio.windows import Window

        try:
            raw = self._file.read(self._numbers, window=Window.from_slices((top, bottom), (left, right)))
        except OSError as error:
            raise DataError(f"{self._file.name} cannot be read at row {top}, column {left}: {error}") from error
        values: Values = raw.astype(np.float32)
        if self.form.nodata is not None:
            values[raw == self.form.nodata] = np.nan
        for value in self._nothing:
            values[:, (raw == value).all(axis=0)] = np.nan
        return values


class _Picture(Scene):
    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        super().__init__(pixels.shape[1], pixels.shape[2], Form("uint8"))
        self._pixels = pixels

    def read(self, top: int, bottom: int, left: int, right: int) -> Values:
        return self._pixels[:, top:bottom, left:right].astype(np.float32)


def _geotiff(path: Path, bands: Sequence[str], nothing: Collection[float], stack: ExitStack) -> Scene:
    try:
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning, RasterioError
    except ImportError as error:
        raise DataError("GeoTIFF needs rasterio: pip install equipoise[raster]") from error
    stack.enter_context(warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning))
    stack.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE_MIB))
    try:
        file = stack.enter_context(rasterio.open(path))
    except RasterioError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    named = [words or f"band{number}" for words, number in zip(file.descriptions, file.indexes, strict=True)]
    there = dict(zip(named, file.indexes, strict=True))
    if all(band in there for band in bands):
        return _GeoTiff(file, [there[band] for band in bands], nothing)
    if any(file.descriptions) or file.count != len(bands):
        has = ", ".join(name for name in file.descriptions if name) or f"{file.count} bands without names"
        raise DataError(f"{path} has {has}; {', '.join(bands)} are needed")
    return _GeoTiff(file, list(file.indexes), nothing)


def _picture(path: Path, bands: Sequence[str]) -> Scene:
    modes = {COLOURS: "RGB", GREY: "L"}
    if tuple(bands) not in modes:
        raise DataError(f"{path} is a picture of colours; bands {', '.join(bands)} are needed, which GeoTIFF can hold")
    try:
        with Image.open(path) as image:
            if image.mode not in PLAIN or "transparency" in image.info:
                raise DataError(f"{path} has pixels of mode {image.mode}; grey or colours of 8 bits are needed")
            pixels = np.atleast_3d(np.asarray(image.convert(modes[tuple(bands)]), dtype=np.uint8))
    except (*DAMAGE, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return _Picture(pixels.transpose(2, 0, 1))


@contextmanager
def created(path: Path, scene: Scene, num_bands: int, scale: int) -> Iterator[Canvas]:
    """A picture `scale` times as large as a scene, in the same place on the ground and of the same kind of numbers.

    It appears under its name when it is whole.  Raises `DataError`, at once where that can be known.
    """
    _refuse_unfit(path, scene.form, num_bands)
    aside = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        if path.suffix.lower() in GEOTIFF:
            with _geotiff_canvas(aside, scene, num_bands, scale) as canvas:
                yield canvas
        else:
            yield (whole := _WholePicture(scene, num_bands, scale))
            whole.save(aside)
        aside.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        aside.unlink(missing_ok=True)


def _refuse_unfit(path: Path, form: Form, num_bands: int) -> None:
    refuse_folder(path)
    if not path.parent.is_dir():
        raise DataError(f"no such folder: {path.parent}")
    suffix = path.suffix.lower()
    if suffix in GEOTIFF:
        return
    if suffix not in Image.registered_extensions():
        raise DataError(f"{path} has no suffix of a picture; use .png or .tif")
    if num_bands not in (len(GREY), len(COLOURS)):
        raise DataError(f"{suffix} cannot hold {num_bands} bands; use .tif")
    if form.dtype != "uint8":
        raise DataError(f"{suffix} holds 8 bits, and the scene is {form.dtype}; use .tif")


class _GeoTiffCanvas(Canvas):
    def __init__(self, file: DatasetWriter, form: Form) -> None:
        self._file, self._form = file, form

    def write(self, top: int, strip: Values) -> None:
        from rasterio.windows import Window

        window = Window(0, top, strip.shape[2], strip.shape[1])
        self._file.write(in_numbers_of(strip, self._form), window=window)


class _WholePicture(Canvas):
    def __init__(self, scene: Scene, num_bands: int, scale: int) -> None:
        self._pixels = np.empty((num_bands, scene.height * scale, scene.width * scale), np.uint8)
        self._form = Form("uint8")

    def write(self, top: int, strip: Values) -> None:
        self._pixels[:, top : top + strip.shape[1]] = in_numbers_of(strip, self._form)

    def save(self, path: Path) -> None:
        rows = self._pixels.transpose(1, 2, 0)
        try:
            Image.fromarray(rows[:, :, 0] if rows.shape[2] == 1 else rows).save(path)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path.suffix} cannot hold {rows.shape[2]} bands; use .png or .tif") from error


@contextmanager
def _geotiff_canvas(path: Path, scene: Scene, num_bands: int, scale: int) -> Iterator[Canvas]:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    form = scene.form
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": scene.height * scale,
        "width": scene.width * scale,
        "count": num_bands,
        "dtype": form.dtype,
        "nodata": form.nodata,
        "crs": form.crs,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "bigtiff": "if_safer",
    }
    if form.transform is not None:
        a, b, c, d, e, f = form.transform[:6]
        profile["transform"] = rasterio.Affine(a / scale, b / scale, c, d / scale, e / scale, f)
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.Env(GDAL_CACHEMAX=CACHE_MIB),
        rasterio.open(path, "w", **profile) as file,
    ):
        for number, words in enumerate(form.descriptions[:num_bands], start=1):
            file.set_band_description(number, words or "")
        yield _GeoTiffCanvas(file, form)


def in_numbers_of(values: Values, form: Form) -> NDArray[Any]:
    """Values in the type of a file: rounded and cut to what it can hold, and its nodata where they are NaN.

    A value that by chance is the nodata of the file is moved by one step, so that it stays known.
    """
    dtype = np.dtype(form.dtype)
    unknown = np.isnan(values)
    if dtype.kind == "f":
        made = values.astype(dtype)
    else:
        limits = np.iinfo(dtype)
        made = np.where(unknown, 0.0, values.round()).clip(limits.min, limits.max).astype(dtype)
        if form.nodata is not None:
            beside = form.nodata + 1 if form.nodata < limits.max else form.nodata - 1
            made[(made == form.nodata) & ~unknown] = beside
    if form.nodata is not None:
        made[unknown] = form.nodata
    return made
