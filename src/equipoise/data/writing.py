"""Samples as files that other programs read, in units of the world: GeoTIFF, NPZ, CSV, FITS."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import RequestError
from equipoise.files import write_whole_unsynced
from equipoise.space import Axis, Space

if TYPE_CHECKING:
    from rasterio.io import DatasetWriter

Sample = NDArray[np.float32]
"""[C, H, W] in units of the world."""
Place = tuple[float, float]
"""x and y of the corner at the upper left, in the reference system."""
FITS_AXES = {"rows": 2, "columns": 1}
"""FITS counts the fastest axis first."""


def usual_format(space: Space) -> str:
    """What users of such samples expect."""
    return {"terrain": "tif", "spectrogram": "fits", "picture": "npz"}[space.shown]


def refuse(space: Space, kind: str, place: Place | None) -> None:
    """Raises `RequestError` where samples of that kind cannot be written so."""
    if kind not in FORMATS:
        raise RequestError(f"there is no format {kind!r}; there are {', '.join(FORMATS)}")
    if place is None:
        return
    if kind != "tif":
        raise RequestError(f"only GeoTIFF has a place on the ground, and the format is {kind}; leave --at away")
    if not space.crs:
        raise RequestError("the data that this was trained on have no reference system; leave --at away")
    if not all(map(math.isfinite, place)):
        raise RequestError(f"--at {place[0]:g} {place[1]:g}: two numbers are needed, in the units of {space.crs}")


def write(sample: Sample, space: Space, folder: Path, name: str, kind: str, place: Place | None) -> list[Path]:
    """One sample in a format of `FORMATS`.  Raises `RequestError`."""
    refuse(space, kind, place)
    return FORMATS[kind](sample, space, folder, name, place)


def _tif(sample: Sample, space: Space, folder: Path, name: str, place: Place | None) -> list[Path]:
    """One file with a band for each channel: values, or codes of classes."""
    try:
        import rasterio
        from rasterio.io import MemoryFile
    except ImportError as error:
        raise RequestError("GeoTIFF needs rasterio: pip install equipoise[raster]") from error
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": space.height,
        "width": space.width,
        "count": len(sample),
        "dtype": "float32",
        "compress": "deflate",
    }
    if place is not None:
        profile["crs"] = space.crs
    x, y = place or (0.0, 0.0)
    profile["transform"] = rasterio.Affine(_step(space.columns, 1.0), 0.0, x, 0.0, _step(space.rows, -1.0), y)
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(sample)
            _describe(file, space)
        path = folder / f"{name}.tif"
        write_whole_unsynced(path, memory.read())
    return [path]


def _describe(file: DatasetWriter, space: Space) -> None:
    for number, channel in enumerate(space.channels, start=1):
        file.set_band_description(number, channel.name)
        file.set_band_unit(number, channel.unit)
        if channel.kind == "categorical":
            file.update_tags(number, **{f"class_{item.code}": item.name for item in channel.classes})


def _npz(sample: Sample, space: Space, folder: Path, name: str, place: Place | None) -> list[Path]:
    """One file with an array for each channel."""
    buffer = io.BytesIO()
    arrays: Mapping[str, Any] = {channel.name: layer for channel, layer in zip(space.channels, sample, strict=True)}
    np.savez_compressed(buffer, **arrays)
    path = folder / f"{name}.npz"
    write_whole_unsynced(path, buffer.getvalue())
    return [path]


def _csv(sample: Sample, space: Space, folder: Path, name: str, place: Place | None) -> list[Path]:
    """One file for each channel, of rows of numbers."""
    paths = []
    for channel, layer in zip(space.channels, sample, strict=True):
        buffer = io.StringIO()
        np.savetxt(buffer, layer, fmt="%d" if channel.kind == "categorical" else "%.6g", delimiter=",")
        suffix = f"-{channel.name}" if len(space.channels) > 1 else ""
        path = folder / f"{name}{suffix}.csv"
        write_whole_unsynced(path, buffer.getvalue().encode())
        paths.append(path)
    return paths


def _fits(sample: Sample, space: Space, folder: Path, name: str, place: Place | None) -> list[Path]:
    """One file; of one channel a picture, of several a cube, with both axes in the header."""
    try:
        from astropy.io import fits
    except ImportError as error:
        raise RequestError("FITS needs astropy: pip install equipoise[fits]") from error
    picture = fits.PrimaryHDU(sample[0] if len(sample) == 1 else sample)
    if len(sample) == 1:
        picture.header["BUNIT"] = space.channels[0].unit
    for which, number in FITS_AXES.items():
        axis: Axis | None = getattr(space, which)
        if axis is not None:
            picture.header[f"CTYPE{number}"] = f"{axis.name.capitalize()} [{axis.unit}]"
            picture.header[f"CDELT{number}"] = axis.step
            picture.header[f"CRPIX{number}"] = 1.0
            picture.header[f"CRVAL{number}"] = 0.0 if axis.first is None else axis.first
    buffer = io.BytesIO()
    picture.writeto(buffer)
    path = folder / f"{name}.fits"
    write_whole_unsynced(path, buffer.getvalue())
    return [path]


def _step(axis: Axis | None, otherwise: float) -> float:
    return otherwise if axis is None else axis.step


FORMATS: Mapping[str, Callable[[Sample, Space, Path, str, Place | None], list[Path]]] = {
    "tif": _tif,
    "npz": _npz,
    "csv": _csv,
    "fits": _fits,
}
