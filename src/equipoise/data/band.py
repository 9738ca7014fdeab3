"""One layer of a raster, read window by window: GeoTIFF and ESRI ASCII through rasterio, NPZ through numpy."""

from __future__ import annotations

import importlib.util
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import DataError

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

CACHE_MIB = 64
"""Of decoded blocks that GDAL may keep; its own default is a twentieth of the machine's memory."""

Values = NDArray[np.float64]
"""[rows, columns]; where nothing is known, NaN."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Which places on the ground the pixels of a raster are."""

    height: int
    width: int
    crs: str
    """In well-known text, or an authority's code; empty where the file does not say."""
    transform: tuple[float, float, float, float, float, float]
    """From (column, row) to (x, y): x = a column + b row + c, y = d column + e row + f."""
    unit: str
    """Of x and y."""

    def differences(self, other: Frame) -> list[str]:
        """In words; nothing where the pixels are the same places."""
        found = []
        if (self.height, self.width) != (other.height, other.width):
            found.append(f"{other.height}x{other.width} pixels against {self.height}x{self.width}")
        if self.crs != other.crs:
            found.append(f"{_short(other.crs)} against {_short(self.crs)}")
        reach = abs(self.transform[0]) / 100
        if max(abs(a - b) for a, b in zip(self.transform, other.transform, strict=True)) > reach:
            found.append("other corners or pixel sizes")
        return found


class Band:
    """An open layer.  `read` gives windows; values that mean "nothing known here" become NaN."""

    def __init__(self, name: str, frame: Frame, pixels: NDArray[Any] | DatasetReader, number: int, nodata: set[float]):
        self.name, self.frame = name, frame
        self._pixels, self._number, self._nodata = pixels, number, nodata

    @property
    def is_bytes(self) -> bool:
        """Whether the file holds whole numbers of 8 bits, as pictures do."""
        pixels = self._pixels
        kind = pixels.dtype if isinstance(pixels, np.ndarray) else pixels.dtypes[self._number - 1]
        return np.dtype(kind) == np.uint8

    def read(self, top: int, bottom: int, left: int = 0, right: int | None = None) -> Values:
        """Rows `top` to `bottom` and columns `left` to `right`, ends left out."""
        right = self.frame.width if right is None else right
        if isinstance(self._pixels, np.ndarray):
            raw = self._pixels[top:bottom, left:right]
        else:
            from rasterio.windows import Window

            window = Window.from_slices((top, bottom), (left, right))
            raw = self._pixels.read(self._number, window=window)
        values: Values = raw.astype(np.float64)
        for nothing in self._nodata:
            values[values == nothing] = np.nan
        values[np.isinf(values)] = np.nan
        return values


@contextmanager
def opened(path: Path, name: str, number: int, nodata: set[float], onto: Frame | None, smooth: bool) -> Iterator[Band]:
    """A layer of a file; with `onto` resampled to another frame, between pixels where that is `smooth`.

    Raises `DataError`.
    """
    if path.suffix.lower() == ".npz":
        yield _array(path, name, nodata)
        return
    require_rasterio()
    import rasterio
    from rasterio.errors import RasterioError

    with ExitStack() as stack:
        try:
            stack.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE_MIB))
            with without_warning():
                file = stack.enter_context(rasterio.open(path))
            if not 1 <= number <= file.count:
                raise DataError(f"layer {name}: {path} has {file.count} bands, and band {number} was asked for")
            frame = _frame(file)
            if onto is not None and frame.differences(onto):
                file = stack.enter_context(_warped(file, onto, smooth))
                frame = onto
        except RasterioError as error:
            raise DataError(f"layer {name}: {path} cannot be read: {error}") from error
        declared = set() if file.nodata is None else {float(file.nodata)}
        yield Band(name, frame, file, number, nodata | declared)


def require_rasterio() -> None:
    """Raises `DataError` where it is not installed."""
    if importlib.util.find_spec("rasterio") is None:
        raise DataError("rasters need rasterio: pip install equipoise[raster]")


@contextmanager
def without_warning() -> Iterator[None]:
    """Rasterio's warning that a file has no place on the ground is not ours to give: plain pixels are welcome."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning):
        yield


def _array(path: Path, name: str, nodata: set[float]) -> Band:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if name not in arrays:
                raise DataError(f"layer {name}: {path} has {', '.join(arrays) or 'no arrays'}; name the layer like one")
            pixels = arrays[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"layer {name}: {path} cannot be read: {error}") from error
    if pixels.ndim != 2 or pixels.dtype.kind not in "iuf":
        raise DataError(
            f"layer {name}: {path} holds {pixels.dtype} of shape {pixels.shape}; [rows, columns] are needed"
        )
    height, width = pixels.shape
    return Band(name, Frame(height, width, "", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "pixels"), pixels, 1, nodata)


def _frame(file: DatasetReader) -> Frame:
    crs = file.crs
    unit = "m" if crs is None else ("degrees" if crs.is_geographic else str(crs.linear_units).replace("metre", "m"))
    a, b, c, d, e, f = file.transform[:6]
    return Frame(file.height, file.width, crs.to_string() if crs else "", (a, b, c, d, e, f), unit)


def _warped(file: DatasetReader, onto: Frame, smooth: bool) -> Any:
    from rasterio import Affine
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    return WarpedVRT(
        file,
        crs=onto.crs,
        transform=Affine(*onto.transform),
        width=onto.width,
        height=onto.height,
        resampling=Resampling.bilinear if smooth else Resampling.nearest,
    )


def _short(crs: str) -> str:
    return (crs if len(crs) <= 20 else f"{crs[:20]}...") or "no reference system"
