"""One layer of a raster, read window by window: GeoTIFF and ESRI ASCII through rasterio, NPZ through numpy."""

from __future__ import annotations

import importlib.util
import re
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

ASCII_GRID = "AAIGrid"
"""GDAL's name of ESRI ASCII grids."""
NUMBER = rb"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?"
NUMBER_OR_NAN = NUMBER + rb"|(?i:[+-]?(?:nan|inf|1\.#\w+))"
"""As Windows writes them, too: 1.#QNAN, -1.#IND."""
ROW, ROW_OR_NAN = (rb"\s*(?:(?:" + word + rb")(?:\s+|$))*\x1a?\s*" for word in (NUMBER, NUMBER_OR_NAN))
HEADER = re.compile(rb"\s*(?!(?i:nan|inf)\b)[A-Za-z_]+:?\s+(\S+)[^\S\r\n]*(?:\r\n?|\n|(?=\S)|$)")
"""One key and its value; several may stand in one line."""
OF_NOTHING = (b"nodata_value", b"nodata", b"null")

SKEW = 1e-6
"""Of a pixel's side; below it a raster is not turned, only rounded."""
ANY_CRS = "EPSG:32631"
"""For two rasters that are plain pixels in metres: from a system to itself nothing is projected."""

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
        if self.crs and other.crs and self.crs != other.crs:  # ESRI ASCII often does not say
            found.append(f"{_short(other.crs)} against {_short(self.crs)}")
        reach = abs(self.transform[0]) / 100
        if max(abs(a - b) for a, b in zip(self.transform, other.transform, strict=True)) > reach:
            found.append("other corners or pixel sizes")
        return found


class Band:
    """An open layer.  `read` gives windows; values that mean "nothing known here" become NaN.

    What is read is `factor` times what is in the file, and `offset`; `nodata` are numbers of the file.
    """

    def __init__(
        self,
        name: str,
        frame: Frame,
        pixels: NDArray[Any] | DatasetReader,
        number: int,
        nodata: set[float],
        factor: float = 1.0,
        offset: float = 0.0,
    ):
        self.name, self.frame = name, frame
        self._pixels, self._number, self._nodata = pixels, number, nodata
        self._factor, self._offset = factor, offset

    @property
    def is_bytes(self) -> bool:
        """Whether the file holds whole numbers of 8 bits, as pictures do."""
        pixels = self._pixels
        kind = pixels.dtype if isinstance(pixels, np.ndarray) else pixels.dtypes[self._number - 1]
        return np.dtype(kind) == np.uint8

    def read(self, top: int, bottom: int, left: int = 0, right: int | None = None) -> Values:
        """Rows `top` to `bottom` and columns `left` to `right`, ends left out.  Raises `DataError`."""
        right = self.frame.width if right is None else right
        if isinstance(self._pixels, np.ndarray):
            values: Values = self._pixels[top:bottom, left:right].astype(np.float64)
        else:
            values = self._read_file(self._pixels, top, bottom, left, right)
        for nothing in self._nodata:
            values[values == nothing] = np.nan
        values[np.isinf(values)] = np.nan
        return values if (self._factor, self._offset) == (1.0, 0.0) else values * self._factor + self._offset

    def _read_file(self, file: DatasetReader, top: int, bottom: int, left: int, right: int) -> Values:
        """With NaN where the file's mask, alpha or nodata says that nothing is known."""
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        try:
            window = Window.from_slices((top, bottom), (left, right))
            raw = file.read(self._number, window=window, masked=True)
        except RasterioError as error:
            raise DataError(
                f"layer {self.name}: {file.name} cannot be read, rows {top} to {bottom}: {error}"
            ) from error
        values: Values = raw.data.astype(np.float64)
        values[np.ma.getmaskarray(raw)] = np.nan
        return values


@contextmanager
def opened(
    path: Path,
    name: str,
    number: int,
    nodata: set[float],
    onto: Frame | None = None,
    *,
    smooth: bool = False,
    in_units: bool = False,
) -> Iterator[Band]:
    """A layer of a file; with `onto` resampled to another frame, between pixels where that is `smooth`.

    `in_units`: by the scale and offset that the file's tags say, where they say any.  Raises `DataError`.
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
            if file.driver == ASCII_GRID:
                _refuse_words(path, name, is_whole=np.dtype(file.dtypes[0]).kind in "iu")
            frame = _frame(file, name, path)
            factor, offset = (file.scales[number - 1], file.offsets[number - 1]) if in_units else (1.0, 0.0)
            if onto is not None and frame.differences(onto):
                file = stack.enter_context(_warped(file, frame, onto, smooth))
                frame = onto
        except RasterioError as error:
            raise DataError(f"layer {name}: {path} cannot be read: {error}") from error
        yield Band(name, frame, file, number, nodata, factor, offset)


def _refuse_words(path: Path, name: str, *, is_whole: bool) -> None:
    """Raises `DataError` where an ESRI ASCII grid has anything but numbers below its header.

    GDAL reads a word as 0, or as the digits that it begins with, without a warning; and "nan" as 0 where it reads all
    others as whole numbers.
    """
    number, row = (re.compile(form) for form in ((NUMBER, ROW) if is_whole else (NUMBER_OR_NAN, ROW_OR_NAN)))
    nothing: set[bytes] = set()
    in_header = True
    with path.open("rb") as file:
        for at, line in enumerate(file, start=1):
            rest = line
            while in_header and (found := HEADER.match(rest)):
                nothing |= {found[1]} if found[0].split()[0].rstrip(b":").lower() in OF_NOTHING else set()
                rest = rest[found.end() :]
            in_header = in_header and not rest.strip()
            if row.fullmatch(rest):
                continue
            words = (word for word in rest.split() if not number.fullmatch(word) and word not in nothing)
            if (word := next(words, None)) is not None:
                shown = word[:20].decode(errors="replace")
                raise DataError(f"layer {name}: {path} has {shown!r} in line {at}, which is no number")


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


def _frame(file: DatasetReader, name: str, path: Path) -> Frame:
    crs = file.crs
    unit = "m" if crs is None else ("degrees" if crs.is_geographic else str(crs.linear_units).replace("metre", "m"))
    a, b, c, d, e, f = file.transform[:6]
    if max(abs(b), abs(d)) > SKEW * max(abs(a), abs(e)):
        raise DataError(f"layer {name}: {path} is turned against its axes; bring it north up first, by gdalwarp")
    return Frame(file.height, file.width, crs.to_string() if crs else "", (a, b, c, d, e, f), unit)


def _warped(file: DatasetReader, frame: Frame, onto: Frame, smooth: bool) -> Any:
    """On another frame, as float64, and NaN where the file has no pixel.

    A file that does not say its reference system has that of the frame; where neither says, any will do.
    """
    from rasterio import Affine
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    return WarpedVRT(
        file,
        src_crs=frame.crs or onto.crs or ANY_CRS,
        crs=onto.crs or frame.crs or ANY_CRS,
        transform=Affine(*onto.transform),
        width=onto.width,
        height=onto.height,
        resampling=Resampling.bilinear if smooth else Resampling.nearest,
        nodata=np.nan,
        dtype="float64",
    )


def _short(crs: str) -> str:
    return (crs if len(crs) <= 20 else f"{crs[:20]}...") or "no reference system"
