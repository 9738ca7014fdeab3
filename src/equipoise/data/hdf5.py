"""Arrays of an HDF5 file, such as MATLAB's ``.mat`` of version 7.3.

Read by h5py; where that is not installed, by rasterio, whose wheels bring a reader for HDF5 with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.data.band import without_warning
from equipoise.data.corpus import DataError
from equipoise.data.decode import RefusedError

DIMENSIONS = (2, 3)
NUMBERS = "iuf"
"""Kinds of numpy's types: whole numbers and fractions."""

Arrays = dict[str, NDArray[Any]]


def read_arrays(path: Path) -> Arrays:
    """All arrays of two or three dimensions, by name, as they lie in the file: MATLAB's [rows, columns, bands] is
    [bands, columns, rows] there.  Raises `RefusedError`, and `DataError` where nothing can read HDF5."""
    try:
        import h5py
    except ImportError:
        return _by_rasterio(path)
    try:
        with h5py.File(path, "r") as file:
            arrays = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
            return {name: np.asarray(item) for name, item in arrays.items() if _is_picture(item.ndim, item.dtype)}
    except (OSError, RuntimeError, KeyError) as error:
        raise RefusedError(f"unreadable: {error}") from None


def _by_rasterio(path: Path) -> Arrays:
    try:
        import rasterio
        from rasterio.errors import RasterioError
    except ImportError as error:
        raise DataError("HDF5 files need h5py: pip install equipoise[hdf5]") from error
    try:
        with rasterio.Env() as environment, without_warning():
            if "HDF5" not in environment.drivers():
                raise DataError("HDF5 files need h5py: pip install equipoise[hdf5]")
            with rasterio.open(path, driver="HDF5") as file:
                places = file.subdatasets
            if not places:
                raise RefusedError("unreadable: not several arrays; one alone needs h5py: pip install equipoise[hdf5]")
            arrays = {place.rpartition("//")[2]: _array(place) for place in places}
        return {name: item for name, item in arrays.items() if _is_picture(item.ndim, item.dtype)}
    except RasterioError as error:
        raise RefusedError(f"unreadable: {error}") from None


def _array(place: str) -> NDArray[Any]:
    import rasterio

    with rasterio.open(place) as file:
        bands: NDArray[Any] = file.read()  # of two dimensions, one band
        return bands


def _is_picture(dimensions: int, kind: np.dtype[Any]) -> bool:
    return dimensions in DIMENSIONS and kind.kind in NUMBERS
