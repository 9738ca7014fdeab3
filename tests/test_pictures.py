"""Sheets: every kind of sample can be looked at, at a size at which it can be judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equipoise import pictures
from equipoise.pictures import picture
from equipoise.space import Axis, Channel, Space


def space(channels: int, height: int, width: int) -> Space:
    names = ("red", "green", "blue", "alpha") if channels == 4 else tuple(map(str, range(channels)))
    return Space(tuple(map(Channel, names)), height, width)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_any_number_of_channels_makes_a_sheet(channels: int) -> None:
    samples = np.random.default_rng(0).uniform(0, 255, (10, channels, 32, 32)).astype(np.float32)
    sheet = pictures.sheet(samples, space(channels, 32, 32))
    tiles_across = 1 if channels in (1, 3, 4) else channels
    assert sheet.size == (2 + 8 * (64 * tiles_across + 2), 2 + 2 * (64 + 2))


def test_grey_values_are_kept_and_small_samples_enlarged() -> None:
    samples = np.full((1, 1, 16, 16), 100.0, dtype=np.float32)
    sheet = np.asarray(pictures.sheet(samples, space(1, 16, 16), columns=1))
    assert sheet.shape == (68, 68)
    assert (sheet[2:66, 2:66] == 100).all()
    assert (sheet[0] == pictures.PAPER).all()


def test_values_outside_the_range_are_cut_not_wrapped() -> None:
    samples = np.array([[[[-40.0, 300.0]]]], dtype=np.float32)
    assert np.asarray(pictures.picture(samples[0], space(1, 1, 2))).tolist() == [[0, 255]]


def test_a_transparent_pixel_shows_the_chequers_and_an_opaque_one_its_colour() -> None:
    red_half = np.zeros((4, 1, 2), dtype=np.float32)
    red_half[0] = 255.0
    red_half[3, 0, 1] = 255.0
    rgba = Space(tuple(Channel(name) for name in ("red", "green", "blue", "alpha")), 1, 2)
    pixels = np.asarray(pictures.picture(red_half, rgba))
    assert pixels[0, 1].tolist() == [255, 0, 0]
    assert pixels[0, 0].tolist() == [204, 204, 204]


def test_satellite_bands_are_one_picture_in_colour_and_the_others_in_grey() -> None:
    bands = Space(tuple(Channel(name, 0.0, 1.0) for name in ("B02", "B03", "B04", "B08")), 1, 1)
    pixels = np.asarray(pictures.picture(np.array([0.0, 0.2, 1.0, 0.4], np.float32).reshape(4, 1, 1), bands))
    assert pixels.tolist() == [[[255, 51, 0], [102, 102, 102]]]


def test_pairs_are_shown_as_large_as_what_is_made_of_them() -> None:
    small, large = space(1, 16, 16), space(1, 32, 32)
    given = np.full((2, 1, 16, 16), 50.0, np.float32)
    made = np.full((2, 1, 32, 32), 200.0, np.float32)
    sheet = np.asarray(pictures.paired_sheet(given, small, [("made", made)], large, columns=2).convert("L"))
    assert (sheet == 50).sum() == (sheet == 200).sum() == 2 * 64 * 64


def test_points_become_a_plot_with_the_second_coordinate_upwards() -> None:
    plane = Space((Channel("x", -1, 1), Channel("y", -1, 1)), 1, 1)
    point = np.array([0.5, 0.8], dtype=np.float32).reshape(1, 2, 1, 1)
    plot = np.asarray(pictures.sheet(point, plane))
    rows, columns = np.where((plot != pictures.PAPER).any(axis=2))
    assert rows.mean() == pytest.approx(0.1 * pictures.PLOT_SIZE, abs=2)
    assert columns.mean() == pytest.approx(0.75 * pictures.PLOT_SIZE, abs=2)


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(0, 255, (4, 3, 8, 8)).astype(np.float32)
    for name in ("a.png", "b.png"):
        pictures.save(pictures.sheet(samples, space(3, 8, 8)), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_sheets_stand_below_one_another_under_their_titles() -> None:
    samples = np.zeros((3, 3, 32, 32), np.float32)
    path = "runs/" + "a-long-name-" * 20
    both = pictures.titled_sheets([(path, samples), (path, samples + 255)], space(3, 32, 32), columns=4)
    grid = 2 + 66
    assert both.size == (2 + 4 * 66, 2 * (18 + grid))
    pixels = np.asarray(both)
    assert (pixels[18 + 2 : 18 + 66, 2:66] == 0).all()
    assert (pixels[18 + grid + 18 + 2 :, 2:66] == 255).all()
    assert (pixels[:18] < 128).any(), "a title that is too long is cut, not left away"


def test_spaces_say_what_differs() -> None:
    area = Space((Channel("height", 0, 900, unit="m"),), 16, 16, "terrain", Axis("northing", "m", -30.0))
    day = Space((Channel("intensity"),), 16, 16, "spectrogram", Axis("frequency", "MHz", -0.5, 400.0))
    for one, other, words in (
        (area, replace(area, height=32), "16x16 pixels, not 32x16"),
        (area, replace(area, channels=(Channel("trees"),)), "channels height, not trees"),
        (
            area,
            replace(area, channels=(Channel("height", 0, 950, unit="m"),)),
            "height from 0 to 900 m, not 0 to 950 m",
        ),
        (
            area,
            replace(area, channels=(Channel("height", 0, 900, unit="ft"),)),
            "height from 0 to 900 m, not 0 to 900 ft",
        ),
        (area, replace(area, channels=(Channel("height", 0, 1, "categorical"),)), "height continuous, not categorical"),
        (area, replace(area, rows=Axis("northing", "m", -10.0)), "pixels of -30 m, not of -10 m"),
        (area, replace(area, rows=None), "pixels of -30 m, not of no known size"),
        (day, replace(day, rows=Axis("frequency", "MHz", -0.5, 80.0)), "frequency from 400 MHz, not 80"),
    ):
        assert list(one.differences(other)) == [words]
    assert not list(area.differences(replace(area, crs="EPSG:32612")))
    assert not list(day.differences(replace(day, rows=Axis("frequency", "MHz", -0.5, 399.8))))


def test_land_in_degrees_is_as_steep_as_in_metres() -> None:
    rows, columns = np.indices((16, 16))
    heights = (5.0 * columns + 3.0 * rows).astype(np.float32)[None]
    channels = (Channel("height", 0, 200, unit="m"),)
    metres = Space(channels, 16, 16, "terrain", Axis("northing", "m", -30.0), Axis("easting", "m", 30.0))
    step = 30.0 / 111_320
    degrees = replace(metres, rows=Axis("northing", "degrees", -step), columns=Axis("easting", "degrees", step))
    one, other = (np.asarray(picture(heights, space)).astype(int) for space in (metres, degrees))
    assert abs(one - other).max() <= 1
