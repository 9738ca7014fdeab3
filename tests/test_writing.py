"""Samples leave as files that other programs read: right numbers, units, places and axes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from equipoise.data.writing import usual_format, write
from equipoise.errors import RequestError
from equipoise.space import Axis, Channel, Class, Space

COVER = Channel("cover", 0, 1, "categorical", classes=(Class(11, "water", (0, 0, 255)), Class(41, "trees", (0, 99, 0))))
TERRAIN = Space(
    (Channel("height", 0.0, 2000.0, unit="m", stored="scaled"), COVER),
    16,
    16,
    "terrain",
    Axis("northing", "m", -30.0),
    Axis("easting", "m", 30.0),
    crs="EPSG:32611",
)
SKY = Space(
    (Channel("intensity", -5.0, 40.0, unit="digits", stored="scaled"),),
    16,
    32,
    "spectrogram",
    Axis("frequency", "MHz", -1.5, 400.0),
    Axis("time", "s", 0.25),
)


def tile() -> NDArray[np.float32]:
    heights = np.linspace(0.0, 2000.0, 256, dtype=np.float32).reshape(16, 16)
    return np.stack([heights, np.where(heights < 500, 11, 41).astype(np.float32)])


def test_a_geotiff_is_read_back_with_its_place_and_meaning(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasters need the extra equipoise[raster]")
    (path,) = write(tile(), TERRAIN, tmp_path, "a", "tif", (500_000.0, 4_000_000.0))
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), tile())
        assert file.crs.to_string() == "EPSG:32611"
        assert file.transform[:6] == (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0)
        assert file.descriptions == ("height", "cover")
        assert file.units[0] == "m"
        assert file.tags(2)["class_41"] == "trees"


def test_without_a_place_a_geotiff_claims_none(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasters need the extra equipoise[raster]")
    (path,) = write(tile(), TERRAIN, tmp_path, "a", "tif", None)
    with rasterio.open(path) as file:
        assert file.crs is None
        assert file.res == (30.0, 30.0)


def test_a_fits_file_has_its_axes(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits", reason="FITS files need the extra equipoise[fits]")
    values = np.random.default_rng(0).normal(0, 9, (1, 16, 32)).astype(np.float32)
    (path,) = write(values, SKY, tmp_path, "a", "fits", None)
    with fits.open(path) as file:
        np.testing.assert_array_equal(file[0].data, values[0])
        header = file[0].header
        assert (header["CRVAL2"], header["CDELT2"], header["CTYPE2"]) == (400.0, -1.5, "Frequency [MHz]")
        assert (header["CDELT1"], header["BUNIT"]) == (0.25, "digits")


def test_arrays_and_tables_hold_every_channel(tmp_path: Path) -> None:
    (path,) = write(tile(), TERRAIN, tmp_path, "a", "npz", None)
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["height"], tile()[0])
        np.testing.assert_array_equal(arrays["cover"], tile()[1])
    paths = write(tile(), TERRAIN, tmp_path, "a", "csv", None)
    assert [path.name for path in paths] == ["a-height.csv", "a-cover.csv"]
    np.testing.assert_allclose(np.loadtxt(paths[0], delimiter=","), tile()[0], rtol=1e-5)
    assert paths[1].read_text().splitlines()[0].split(",")[0] == "11"


def test_each_kind_of_sample_has_the_format_that_its_users_expect() -> None:
    assert [usual_format(space) for space in (TERRAIN, SKY, replace(SKY, shown="picture"))] == ["tif", "fits", "npz"]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no format 'jpg'"):
        write(tile(), TERRAIN, tmp_path, "a", "jpg", None)
    with pytest.raises(RequestError, match="only GeoTIFF has a place"):
        write(tile(), TERRAIN, tmp_path, "a", "npz", (0.0, 0.0))
    pytest.importorskip("rasterio", reason="rasters need the extra equipoise[raster]")
    with pytest.raises(RequestError, match="no reference system"):
        write(tile(), replace(TERRAIN, crs=""), tmp_path, "a", "tif", (0.0, 0.0))
