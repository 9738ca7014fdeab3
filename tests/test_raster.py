"""Rasters: any layers and codes become tiles, and what does not fit together is refused by name."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import tiny
from equipoise.augment import Noise
from equipoise.data import Corpus, DataError, Layer, Limit, Raster
from equipoise.data.check import examine
from equipoise.data.codec import from_stored, to_planes, to_world
from equipoise.engine.plan import Plan
from equipoise.engine.shown import shown, softened
from equipoise.errors import RequestError
from equipoise.evaluating import evaluate
from equipoise.journal import Event, Tick
from equipoise.networks import DcganCritic, TilesGenerator
from equipoise.recipe import Augment, Budget, Categories, Recipe
from equipoise.run import Where, carry_out, resume, start
from equipoise.sampling import Tiles, sample
from equipoise.schedule import Linear, Progress
from equipoise.session import Session
from equipoise.space import Channel, Class, Space
from equipoise.spec import SpecError, decode, encode
from equipoise.training import train

rasterio = pytest.importorskip("rasterio", reason="rasters need the extra equipoise[raster]")

CODES = (11, 42, 98)
TABLE = "code,name,colour\n" + "".join(f"{code},class {code},#0000{code:02x}\n" for code in CODES)
HEIGHT = Layer("dem.tif", unit="m")
COVER = Layer("cover.tif", "categorical", table="classes.csv")
BOTH = Raster({"height": HEIGHT, "cover": COVER}, size=16)


def write(
    path: Path, pixels: NDArray[Any], nodata: float | None = None, left: float = 5e5, crs: str = "EPSG:32611"
) -> Path:
    transform = rasterio.Affine(30.0, 0.0, left, 0.0, -30.0, 4e6)
    height, width = pixels.shape
    shape = {"height": height, "width": width, "count": 1, "dtype": pixels.dtype}
    with rasterio.open(path, "w", "GTiff", crs=crs, transform=transform, nodata=nodata, **shape) as file:
        file.write(pixels, 1)
    return path


@pytest.fixture
def area(tmp_path: Path) -> Path:
    """Heights that rise to the east, and three classes in stripes."""
    folder = tmp_path / "area"
    folder.mkdir()
    (folder / "classes.csv").write_text(TABLE)
    rows, columns = np.indices((64, 80))
    write(folder / "dem.tif", (100 + 10 * columns + rows).astype(np.int16), -9999)
    write(folder / "cover.tif", np.array(CODES, np.int16)[rows % 3], -9999)
    return folder


def read(source: Raster, folder: Path) -> Corpus:
    return source.corpus(folder, folder.parent / "cache")


def world(corpus: Corpus) -> NDArray[np.float32]:
    return from_stored(corpus.samples, corpus.space)


def test_each_pixel_is_in_exactly_one_tile_and_comes_back_as_it_was(area: Path) -> None:
    corpus = read(BOTH, area)
    assert corpus.samples.shape == (20, 2, 16, 16)
    assert corpus.samples.dtype == np.float16
    rows, columns = np.indices((64, 80))
    mosaic = world(corpus).reshape(4, 5, 2, 16, 16).transpose(2, 0, 3, 1, 4).reshape(2, 64, 80)
    np.testing.assert_array_equal(mosaic[1], np.array(CODES)[rows % 3])
    error = np.abs(mosaic[0] - (100 + 10 * columns + rows)).max()
    assert error <= corpus.space.channels[0].float16_error * 1.001
    assert any("20 of 20 tiles" in note for note in corpus.notes)


def test_the_networks_see_categories_as_planes_and_give_them_back(area: Path) -> None:
    corpus = read(BOTH, area)
    planes = to_planes(torch.from_numpy(np.array(corpus.samples)), corpus.space)
    assert planes.shape == (20, *corpus.space.shape) == (20, 4, 16, 16)
    assert planes[:, 1:].unique().tolist() == [0.0, 1.0]
    assert (planes[:, 1:].sum(1) == 1).all()
    assert planes[:, 0].abs().max() <= 1.0
    np.testing.assert_allclose(to_world(planes, corpus.space), world(corpus), atol=1e-3)


def test_classes_that_never_occur_can_be_left_out(area: Path) -> None:
    rows, _ = np.indices((64, 80))
    codes = np.array([98, 11], np.int16)[rows % 2]
    write(area / "cover.tif", codes, -9999)
    assert read(BOTH, area).space.shape == (4, 16, 16)
    corpus = read(Raster({"height": HEIGHT, "cover": replace(COVER, classes="present")}, size=16), area)
    assert corpus.space.shape == (3, 16, 16)
    assert [item.code for item in corpus.space.channels[1].classes] == [11, 98]
    mosaic = world(corpus)[:, 1].reshape(4, 5, 16, 16).transpose(0, 2, 1, 3).reshape(64, 80)
    np.testing.assert_array_equal(mosaic, codes)


def test_a_layer_of_one_class_carries_nothing(area: Path) -> None:
    write(area / "cover.tif", np.full((64, 80), 42, np.int16), -9999)
    with pytest.raises(DataError, match="only class 42"):
        read(Raster({"height": HEIGHT, "cover": replace(COVER, classes="present")}, size=16), area)


def test_a_limit_may_name_a_class_that_does_not_occur(area: Path) -> None:
    write(area / "cover.tif", np.array([98, 11], np.int16)[np.indices((64, 80))[0] % 2], -9999)
    cover = replace(COVER, classes="present")
    assert len(read(Raster({"cover": cover}, size=16, limits=(Limit("cover", 42, above=0.1),)), area)) == 20


def test_a_shorter_stride_gives_more_tiles_and_none_in_two_blocks(area: Path) -> None:
    corpus = read(replace(BOTH, stride=8, block=2), area)
    corners = [tuple(int(word.split(" ")[1]) for word in name.split(", ")) for name in corpus.names]
    assert all(top // 32 == (top + 15) // 32 and left // 32 == (left + 15) // 32 for top, left in corners)
    assert corpus.left_out[0].reason == "in two blocks of the hold-out"
    blocks = {}
    for (top, left), identity in zip(corners, corpus.identities.tolist(), strict=True):
        blocks.setdefault((top // 32, left // 32), set()).add(identity)
    assert all(len(ids) == 1 for ids in blocks.values())
    assert len({next(iter(ids)) for ids in blocks.values()}) == len(blocks)


def test_values_are_remapped_and_nodata_leaves_tiles_out(area: Path) -> None:
    cover = np.full((64, 80), 50, np.uint8)
    cover[:20, :16] = 254
    cover[40:, 70:] = 255
    write(area / "trees.tif", cover, 255)
    trees = Layer("trees.tif", unit="%", remap={"254": 0.0}, low=0.0, high=100.0)
    corpus = read(Raster({"trees": trees}, size=16), area)
    assert len(corpus) == 18
    assert corpus.left_out[0].reason == "trees unknown in some pixels"
    assert set(np.unique(world(corpus).round())) == {0.0, 50.0}
    beyond = replace(trees, remap={}, nodata=())
    with pytest.raises(DataError, match="values from 50 to 254, beyond its range of 0 to 100"):
        read(Raster({"trees": beyond}, size=16), area)


def test_values_that_stand_for_something_else_are_noticed(area: Path) -> None:
    """254 and 255 among per cent, -9999 among metres, where nobody said what they mean."""
    rows, columns = np.indices((64, 80))
    trees = (rows + columns) % 101
    write(area / "trees.tif", np.where(rows < 3, 254 + columns % 2, trees).astype(np.uint8))
    write(area / "dem.tif", np.where(columns < 4, -9999, 300 + columns + rows).astype(np.int16))
    corpus = read(Raster({"trees": Layer("trees.tif", unit="%"), "height": HEIGHT}, size=16), area)
    stray = {finding.title: finding for finding in examine(corpus) if "far from all others" in finding.title}
    assert set(stray) == {f"channel {name} has values far from all others" for name in ("trees", "height")}
    assert stray["channel trees has values far from all others"].evidence == (
        "4.69% of all pixels are about 254 to 255 %, the rest about 0 to 100.6 %",
    )
    flat = np.where(columns < 4, -32768, 40 + columns % 2)
    write(area / "dem.tif", flat.astype(np.int16))
    assert any("far from all" in finding.title for finding in examine(read(Raster({"height": HEIGHT}, size=16), area)))
    for levels in (2, 4):  # a mask and a scale of four have gaps of their own
        write(area / "dem.tif", (columns % levels).astype(np.int16))
        corpus = read(Raster({"height": HEIGHT}, size=16), area)
        assert not [finding for finding in examine(corpus) if "far from all" in finding.title]
    cured = Raster({"trees": Layer("trees.tif", unit="%", remap={"254": 0.0, "255": 0.0})}, size=16)
    assert not [finding for finding in examine(read(cured, area)) if "far from all" in finding.title]


def test_limits_leave_out_tiles_of_one_class(area: Path) -> None:
    cover = np.full((64, 80), 98, np.int16)
    cover[:, :32] = 11
    write(area / "cover.tif", cover)
    limited = replace(BOTH, limits=(Limit("cover", 98, 0.5),))
    corpus = read(limited, area)
    assert len(corpus) == 8
    assert corpus.left_out[0].name == "12 tiles"
    assert corpus.num_left_out == 12
    assert "class 98" in corpus.left_out[0].reason
    some = read(replace(BOTH, limits=(Limit("cover", 98, 0.5, keep=0.5),)), area)
    assert 8 < len(some) < 20


def test_codes_of_no_table_are_listed_or_left_out(area: Path) -> None:
    cover = np.full((64, 80), 11, np.int16)
    cover[0, 0], cover[5, 5] = 77, 42
    write(area / "cover.tif", cover)
    with pytest.raises(DataError, match=r"codes that its table has not: 77 \(0.02%\)"):
        read(BOTH, area)
    corpus = read(Raster({"cover": replace(COVER, unknown="leave out")}, size=16), area)
    assert len(corpus) == 19
    assert corpus.left_out[0].reason == "cover has a code of no class"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"left": 5e5 + 30}, "other corners"),
        ({"crs": "EPSG:32610"}, "EPSG:32610 against EPSG:32611"),
    ],
)
def test_layers_of_other_places_are_refused_by_name(area: Path, change: dict[str, Any], words: str) -> None:
    write(area / "cover.tif", np.full((64, 80), 11, np.int16), **change)
    with pytest.raises(DataError, match=f"layer cover does not lie on the pixels of layer height: .*{words}"):
        read(BOTH, area)


def test_layers_of_another_shape_are_refused_or_resampled(area: Path) -> None:
    _, columns = np.indices((70, 90))
    write(area / "cover.tif", np.where(columns < 45, 11, 98).astype(np.int16))
    with pytest.raises(DataError, match="70x90 pixels against 64x80"):
        read(BOTH, area)
    corpus = read(replace(BOTH, resample=True), area)
    codes = world(corpus)[:, 1].reshape(4, 5, 16, 16).transpose(0, 2, 1, 3).reshape(64, 80)
    np.testing.assert_array_equal(codes, np.where(columns < 45, 11, 98)[:64, :80])


def test_nothing_is_known_where_a_resampled_layer_has_no_pixels(area: Path) -> None:
    write(area / "trees.tif", np.full((64, 48), 40, np.uint8), left=5e5 + 32 * 30)
    trees = Raster({"height": HEIGHT, "trees": Layer("trees.tif", unit="%", low=0, high=100)}, size=16, resample=True)
    corpus = read(trees, area)
    assert [(item.name, item.reason) for item in corpus.left_out] == [("8 tiles", "trees unknown in some pixels")]
    np.testing.assert_allclose(world(corpus)[:, 1], 40, atol=0.1)


def test_numbers_that_stand_for_something_else_are_not_mixed_with_others(area: Path) -> None:
    """Canopy of 255 means none: halfway between it and 40 is nothing."""
    trees = np.full((64, 82), 40, np.uint8)
    trees[:, ::2] = 255
    write(area / "trees.tif", trees, left=5e5 - 45)
    layer = Layer("trees.tif", unit="%", low=0, high=100, remap={"255": 0.0})
    corpus = read(Raster({"height": HEIGHT, "trees": layer}, size=16, resample=True), area)
    np.testing.assert_allclose(np.unique(world(corpus)[:, 1].round(1)), [0, 40], atol=0.1)
    plain = read(Raster({"height": HEIGHT, "trees": replace(layer, remap={}, high=255)}, size=16, resample=True), area)
    assert ((world(plain)[:, 1] > 100) & (world(plain)[:, 1] < 200)).any(), "plain numbers are"


def test_layers_that_do_not_say_where_they_lie_are_taken_to_lie_with_the_others(area: Path) -> None:
    write(area / "dem.tif", np.arange(64 * 80, dtype=np.int16).reshape(64, 80), crs="")
    assert len(read(BOTH, area)) == 20
    _, columns = np.indices((70, 90))
    write(area / "cover.tif", np.where(columns < 45, 11, 98).astype(np.int16), crs="")
    assert len(read(replace(BOTH, resample=True), area)) == 20
    np.savez(area / "all.npz", cover=np.full((70, 90), 11))
    with pytest.raises(DataError, match="arrays have no place on the ground"):
        read(replace(BOTH, layers={"height": HEIGHT, "cover": replace(COVER, file="all.npz")}, resample=True), area)


def test_a_raster_that_is_turned_is_refused(area: Path) -> None:
    with rasterio.open(area / "dem.tif", "r+") as file:
        file.transform = rasterio.Affine(30.0, 4.0, 5e5, 4.0, -30.0, 4e6)
    with pytest.raises(DataError, match="is turned against its axes"):
        read(BOTH, area)


def test_scale_and_offset_of_a_file_are_applied_and_its_mask_is_kept(area: Path) -> None:
    with rasterio.open(area / "dem.tif", "r+") as file:
        file.scales, file.offsets = (0.1,), (5.0,)
    corpus = read(Raster({"height": HEIGHT}, size=16), area)
    assert (corpus.space.channels[0].low, corpus.space.channels[0].high) == pytest.approx((15.0, 100.3))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(area / "dem.tif", "r+") as file:
        known = np.full((64, 80), True)
        known[:16, :16] = False
        file.write_mask(known)
    assert len(read(Raster({"height": HEIGHT}, size=16), area)) == 19


def test_a_file_that_ends_too_early_is_named(area: Path) -> None:
    whole = (area / "dem.tif").read_bytes()
    (area / "dem.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"layer height: .*dem.tif cannot be read") as caught:
        read(BOTH, area)
    assert "\n" not in str(caught.value)


def test_ascii_grids_and_arrays_are_read_too(area: Path) -> None:
    values = np.arange(32 * 32, dtype=np.float32).reshape(32, 32)
    header = "ncols 32\nnrows 32\nxllcorner 0\nyllcorner 0\ncellsize 10\nNODATA_value -1\n"
    (area / "grid.asc").write_text(header + "\n".join(" ".join(f"{x:g}" for x in row) for row in values))
    np.savez(area / "grid.npz", heights=values)
    for file in ("grid.asc", "grid.npz"):
        corpus = read(Raster({"heights": Layer(file, unit="m")}, size=16), area)
        assert len(corpus) == 4
        np.testing.assert_allclose(world(corpus)[0, 0], values[:16, :16], atol=0.2)


HEAD = "ncols 32\nnrows 32\nxllcorner 0\nyllcorner 0\ncellsize 10\nNODATA_value -1\n"


def ascii_grid(folder: Path, words: dict[tuple[int, int], str], head: str = HEAD, whole: bool = False) -> Raster:
    """A grid of 32 by 32 numbers, some replaced by words, and the source that reads it."""
    rows = [[f"{x:g}" if whole else f"{x + 0.5:g}" for x in row] for row in np.arange(32.0 * 32).reshape(32, 32)]
    for (row, column), word in words.items():
        rows[row][column] = word
    (folder / "grid.asc").write_text(head + "\n".join(map(" ".join, rows)))
    return Raster({"heights": Layer("grid.asc", unit="m")}, size=16)


@pytest.mark.parametrize("word", ["none", "12m", "1.2.3", "-", "--5", "1_0"])
def test_a_word_in_an_ascii_grid_is_named_with_its_line(area: Path, word: str) -> None:
    source = ascii_grid(area, {(20, 4): word, (3, 0): "-1e-3"})
    with pytest.raises(DataError, match=f"'{word}' in line 27, which is no number"):
        read(source, area)


def test_what_is_read_as_zero_among_whole_numbers_is_named(area: Path) -> None:
    with pytest.raises(DataError, match="'nan' in line 12, which is no number"):
        read(ascii_grid(area, {(5, 5): "nan"}, whole=True), area)


@pytest.mark.parametrize(
    ("words", "head"),
    [
        ({(5, 5): "nan", (7, 0): "1.5e2"}, HEAD),
        ({(5, 5): "-1.#IND"}, HEAD),
        ({(5, 5): "1,5"}, HEAD),
        ({}, HEAD.replace("\n", " ").strip() + "\n"),
        ({}, HEAD.replace("cellsize 10", "dx 10\ndy 10")),
    ],
)
def test_ascii_grids_as_people_write_them_are_read(area: Path, words: dict[tuple[int, int], str], head: str) -> None:
    corpus = read(ascii_grid(area, words, head), area)
    assert world(corpus)[-1, 0, 4, 4] == pytest.approx(20 * 32 + 20 + 0.5, abs=0.3)


def test_what_cannot_be_read_is_one_clear_line(area: Path) -> None:
    def fails(source: Raster, words: str, folder: Path = area) -> None:
        with pytest.raises(DataError, match=words) as caught:
            read(source, folder)
        assert "\n" not in str(caught.value)

    fails(Raster({"height": replace(HEIGHT, file="dme.tif")}), "no file dme.tif.*did you mean 'dem.tif'")
    fails(Raster({"height": replace(HEIGHT, band=3)}), "has 1 bands, and band 3")
    fails(replace(BOTH, size=128), "no tile of 128 fits")
    fails(BOTH, "is no folder", area / "nowhere")
    (area / "dem.tif").write_bytes(b"no raster")
    fails(BOTH, "cannot be read")
    write(area / "dem.tif", np.full((64, 80), -9999, np.int16), -9999)
    fails(BOTH, "no pixel of which anything is known")
    write(area / "dem.tif", np.full((64, 80), 7, np.int16), -9999)
    fails(BOTH, "is 7 wherever anything is known")


def test_the_settings_are_checked() -> None:
    with pytest.raises(SpecError, match="needs the table"):
        Layer("x.tif", "categorical")
    with pytest.raises(SpecError, match="belongs to a categorical layer"):
        Layer("x.tif", table="nlcd")
    with pytest.raises(SpecError, match=r"names no layer.*did you mean 'cover'"):
        replace(BOTH, limits=(Limit("covr", 11, 0.5),))
    with pytest.raises(SpecError, match="height, which has no classes"):
        replace(BOTH, limits=(Limit("height", 5, 0.5),))
    assert decode(encode(BOTH), Raster) == BOTH


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code,name\n1,a\n", "line 2: no colour"),
        ("code,name,colour\n1,a,#zzzzzz\n", "'#zzzzzz' is no colour"),
        ("code,name,colour\nx,a,#000000\n", "line 2: .*'x'"),
        ("code,name,colour\n1,a,#000000\n1,b,#000000\n", "code 1 twice"),
        ("code,name,colour\n1,a,#000000\n", "has 1 classes"),
    ],
)
def test_tables_that_cannot_be_used_say_why(area: Path, text: str, words: str) -> None:
    (area / "classes.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read(BOTH, area)


def test_tables_that_come_along_are_known_by_name(area: Path) -> None:
    write(area / "cover.tif", np.full((64, 80), 41, np.int16))
    corpus = read(Raster({"cover": Layer("cover.tif", "categorical", table="nlcd")}, size=16), area)
    assert corpus.space.channels[0].classes[7].name == "deciduous forest"
    with pytest.raises(DataError, match=r"no table 'nldc'.*did you mean 'nlcd'"):
        read(Raster({"cover": Layer("cover.tif", "categorical", table="nldc")}, size=16), area)
    write(area / "cover.tif", np.full((64, 80), 42, np.int16))
    with pytest.raises(DataError, match="code 5, which is no class of cover"):
        read(replace(BOTH, limits=(Limit("cover", 5, 0.5),)), area)


def test_a_second_reading_is_found_and_a_changed_file_is_read_anew(area: Path) -> None:
    first = read(BOTH, area)
    assert read(BOTH, area).digest == first.digest
    rows, _ = np.indices((64, 80))
    write(area / "dem.tif", (rows + 5).astype(np.int16), -9999)
    assert read(BOTH, area).digest != first.digest


def test_two_areas_with_files_of_the_same_name_size_and_time_are_two(area: Path, tmp_path: Path) -> None:
    """As two archives unpack them."""
    other = tmp_path / "other"
    shutil.copytree(area, other)
    rows, columns = np.indices((64, 80))
    write(other / "dem.tif", (900 + 10 * columns + rows).astype(np.int16), -9999)
    for file in area.iterdir():
        for folder in (area, other):
            os.utime(folder / file.name, ns=(10**18, 10**18))
    assert (area / "dem.tif").stat().st_size == (other / "dem.tif").stat().st_size
    assert read(BOTH, area).space.channels[0].low == 100.0
    assert read(BOTH, other).space.channels[0].low == 900.0


def tiny_terrain() -> Recipe:
    """All that terrain needs, in the smallest size: softened classes, noise that ends, a scheduled temperature."""
    return replace(
        tiny.images(4),
        source=BOTH,
        generator=TilesGenerator(latent=8, width=4, temperature=Linear(2.0, 0.5, until=4)),
        critic=DcganCritic(width=4, norm="none", spectral_norm=True, dropout=0.05),
        augment=Augment((Noise(sigma=Linear(0.1, 0.0, until=2)),), applies_to="critic"),
        categories=Categories(),
        held_out=0.5,
    )


def test_a_run_on_rasters_gives_tiles_in_metres_and_codes(area: Path, tmp_path: Path) -> None:
    run = train(tiny_terrain(), area, out=tmp_path / "run", device="cpu")
    written = sample(run, tmp_path / "out", 3, tiles=Tiles(at=(1000.0, 2000.0)), device="cpu")
    assert written.tiles == 3
    with rasterio.open(tmp_path / "out" / "tiles" / "00002.tif") as file:
        assert file.transform[:6] == (30.0, 0.0, 1000.0 + 2 * 16 * 30.0, 0.0, -30.0, 2000.0)
        heights, codes = file.read()
    assert set(np.unique(codes)) <= set(CODES)
    assert heights.min() >= 100.0 - 1.0
    assert heights.max() <= 100.0 + 10 * 79 + 63 + 1.0
    (tmp_path / "out" / "tiles" / "mine.tif").write_bytes(b"not ours")
    sample(run, tmp_path / "out", 1, tiles=Tiles(at=(0.0, 0.0)), device="cpu")
    left = sorted(path.name for path in (tmp_path / "out" / "tiles").iterdir())
    assert left == ["00000.tif", "mine.tif"], "tiles of another place do not stay beside the new ones"
    for wrong, words in ((Tiles("npz", (0.0, 0.0)), "leave --at away"), (Tiles(at=(0.0, np.inf)), "two numbers")):
        with pytest.raises(RequestError, match=words):
            sample(run, tmp_path / "none", 1, tiles=wrong, device="cpu")
        assert not (tmp_path / "none").exists()
    assert (run / "samples" / "reals.png").exists()
    found = evaluate(run, device="cpu", everything=True)
    assert {"shares of cover", "values of height"} <= set(found.numbers)
    assert resume_of(run) == 2


def test_a_run_is_measured_against_another_area(area: Path, tmp_path: Path) -> None:
    """Its heights are read into the range of the run's, wherever it lies."""
    run = train(tiny_terrain(), area, out=tmp_path / "run", device="cpu")
    other = shutil.copytree(area, tmp_path / "other")
    rows, columns = np.indices((64, 80))
    write(other / "dem.tif", (200 + 5 * columns + rows).astype(np.int16), -9999, left=2e5, crs="EPSG:32612")
    write(other / "cover.tif", np.array(CODES, np.int16)[columns % 3], -9999, left=2e5, crs="EPSG:32612")
    found = evaluate(run, other, device="cpu")
    assert (found.num_samples, found.num_held_out) == (20, None)
    ours = read(BOTH, area)
    corpus = read(BOTH.onto(ours.space), other)
    assert corpus.space.channels == ours.space.channels
    np.testing.assert_allclose(world(corpus)[:, 0].max(), 200 + 5 * 79 + 63, atol=1.0)


def test_another_area_is_read_into_the_classes_of_the_run(area: Path, tmp_path: Path) -> None:
    """Tiles with a class that the run does not know are left out, and that is said; a class less does no harm."""
    layers = {"height": HEIGHT, "cover": replace(COVER, classes="present")}
    run = train(replace(tiny_terrain(), source=Raster(layers, size=16)), area, out=tmp_path / "run", device="cpu")
    other = shutil.copytree(area, tmp_path / "other")
    (other / "classes.csv").write_text(TABLE + "99,class 99,#ff0000\n")
    rows, columns = np.indices((64, 80))
    codes = np.where((rows < 16) & (columns < 16), 99, np.array(CODES[:2])[rows % 2])
    write(other / "cover.tif", codes.astype(np.int16), -9999)
    found = evaluate(run, other, device="cpu")
    assert found.num_samples == 19
    assert "19 of 20 tiles of 16x16 pixels, one every 16" in found.notes
    assert any("19 of 20 tiles" in line for line in found.lines())


def test_areas_that_cannot_stand_beside_a_run_are_refused_with_what_differs(area: Path, tmp_path: Path) -> None:
    run = train(tiny_terrain(), area, out=tmp_path / "run", device="cpu")
    other = shutil.copytree(area, tmp_path / "other")
    rows, columns = np.indices((64, 80))
    write(other / "dem.tif", (5000 + columns + rows).astype(np.int16), -9999)
    with pytest.raises(
        RequestError, match=r"as .*run reads its own data: layer height has values from 5000 to 5142, bey"
    ):
        evaluate(run, other, device="cpu")
    shutil.copy(area / "dem.tif", other / "dem.tif")
    (other / "classes.csv").write_text(TABLE.replace("42,class 42", "43,class 43"))
    write(other / "cover.tif", np.array([11, 43, 98], np.int16)[rows % 3], -9999)
    with pytest.raises(RequestError, match="codes that are in no table: 42"):
        evaluate(run, other, device="cpu")


def resume_of(run: Path) -> int:
    """How many steps a run makes when it is taken up for two more."""
    session = resume(run, budget=Budget.parse("2steps"))
    before = session.step
    carry_out(session)
    return session.step - before


def test_the_temperature_is_written_before_each_step(area: Path, tmp_path: Path) -> None:
    temperatures: list[float] = []
    sessions: list[Session] = []

    def listen(event: Event) -> None:
        if isinstance(event, Tick):
            temperatures.append(float(sessions[0].state.generator.module.get_buffer("output.temperature")))

    sessions.append(start(tiny_terrain(), Where(area, device="cpu"), tmp_path / "run", None, [listen]))
    carry_out(sessions[0])
    assert temperatures == pytest.approx([1.25, 0.875]), "after the third step and the fourth"


def test_only_the_classes_of_real_samples_are_softened() -> None:
    cover = Channel("cover", 0, 2, "categorical", classes=tuple(Class(at, str(at), (0, 0, 0)) for at in range(3)))
    space = Space((Channel("height"), cover), 4, 4)
    real = torch.zeros(2, 4, 4, 4)
    real[:, 0], real[:, 2] = 0.7, 1.0
    soft = softened(real, space, Categories(pull=0.3, noise=0.0))
    torch.testing.assert_close(soft[:, 0], real[:, 0])
    torch.testing.assert_close(soft[:, 1:], torch.tensor([0.1, 0.8, 0.1])[None, :, None, None].expand(2, 3, 4, 4))
    assert softened(real, space, None) is real
    noisy = softened(real, space, Categories(pull=0.0, noise=0.1))
    assert 0.05 < float((noisy - real)[:, 1:].std()) < 0.15
    assert real[:, 1].max() == 0.0, "the batch itself stays as it was"


def test_noise_for_the_critic_is_not_what_the_generator_is_scored_on(area: Path) -> None:
    corpus = read(BOTH, area)
    plan = Plan(replace(tiny_terrain(), source=BOTH), corpus.space, 20, torch.device("cpu"))
    batch, early, late = torch.zeros(2, *corpus.space.shape), Progress(0, 0, 0.0), Progress(3, 0, 0.0)
    assert shown(plan, "D", early, 1.0, batch, is_real=False).std() > 0.05
    assert shown(plan, "D", late, 1.0, batch, is_real=False) is batch, "it has ended"
    assert shown(plan, "G", early, 1.0, batch, is_real=False) is batch
    assert shown(plan, "G", early, 1.0, batch, is_real=True) is batch
