"""Patches: pairs of high and low resolution from every kind of file, and every planted fault found and named."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from equipoise import pictures
from equipoise.data import Corpus, DataError, Patches
from equipoise.data.check import examine
from equipoise.data.codec import from_stored
from equipoise.data.cutting import BLOCK
from equipoise.data.degrade import bicubic, degraded
from equipoise.data.faults import fault, is_noise
from equipoise.data.hdf5 import read_arrays
from equipoise.data.pairs import align
from equipoise.space import Space
from equipoise.spec import SpecError, decode, encode

rasterio = pytest.importorskip("rasterio", reason="TIFF bands need the extra equipoise[raster]")

TEN, TWENTY = ("B02", "B03", "B08"), ("B05", "B8A")
BANDS = Patches(bands=TEN)


def scenery(seed: int, side: int = 32, bands: int = 3) -> NDArray[np.float64]:
    """Fields and woods: [side, side, bands] between 0 and 1, smooth with some texture, bands alike."""
    chance = np.random.default_rng(seed)
    common = gaussian_filter(chance.normal(size=(side, side)), 3.0, mode="wrap")
    own = gaussian_filter(chance.normal(size=(side, side, bands)), (1.5, 1.5, 0.0), mode="wrap")
    mixed = common[:, :, None] / common.std() + 0.3 * own / own.std()
    return np.asarray((mixed - mixed.min()) / np.ptp(mixed))


def photo(seed: int, side: int = 32) -> NDArray[np.uint8]:
    return np.rint(20.0 + 200.0 * scenery(seed, side)).astype(np.uint8)


def put(folder: Path, name: str, pixels: NDArray[Any]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def photos(folder: Path, count: int, side: int = 32) -> Path:
    for at in range(count):
        put(folder, f"{at:03}.png", photo(at, side))
    return folder


def patch_name(at: int) -> str:
    """Three patches of each scene, as BigEarthNet calls them."""
    return f"S2A_MSIL2A_2017{at // 3:04}T113321_{at}_{at + 7}"


def reflectance(at: int, side: int, names: Sequence[str]) -> NDArray[np.uint16]:
    """The same ground at any resolution: [side, side, bands] of 500 to 6500, nearly."""
    ground = scenery(at, 32, len(TEN) + len(TWENTY))[..., [(*TEN, *TWENTY).index(name) for name in names]]
    coarse = ground.reshape(side, 32 // side, side, 32 // side, len(names)).mean(axis=(1, 3))
    return np.rint(500.0 + 6000.0 * coarse).astype(np.uint16)


def band_folders(folder: Path, count: int) -> Path:
    for at in range(count):
        for names, side in ((TEN, 32), (TWENTY, 16)):
            for band, name in enumerate(names):
                put_band(folder, at, name, reflectance(at, side, names)[..., band])
    return folder


def put_band(folder: Path, at: int, band: str, pixels: NDArray[Any]) -> Path:
    return put(folder, f"{patch_name(at)}/{patch_name(at)}_{band}.tif", pixels)


def write_tif(path: Path, pixels: NDArray[Any], **settings: Any) -> Path:
    """A GeoTIFF of 10 m pixels; `pixels` are [bands, rows, columns]."""
    count, height, width = pixels.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10.0, 0.0, 5e5, 0.0, -10.0, 4e6)}
    shape = {"height": height, "width": width, "count": count, "dtype": pixels.dtype}
    with rasterio.open(path, "w", "GTiff", **place, **shape, **settings) as file:
        file.write(pixels)
    return path


def read(source: Patches, folder: Path) -> Corpus:
    return source.corpus(folder, folder.parent / "cache")


def sample(corpus: Corpus, name: str) -> NDArray[Any]:
    """[H, W, C] as stored."""
    return np.asarray(corpus.samples[corpus.names.index(name)]).transpose(1, 2, 0)


def given_space(corpus: Corpus) -> Space:
    assert corpus.space.given is not None
    return corpus.space.given


def given(corpus: Corpus) -> NDArray[Any]:
    assert corpus.given is not None
    return corpus.given


def reasons(corpus: Corpus) -> dict[str, str]:
    return {item.name: item.reason for item in corpus.left_out}


# Pictures.


def test_pictures_stay_bytes_and_their_low_resolution_is_pillows(tmp_path: Path) -> None:
    corpus = read(Patches(scale=4), photos(tmp_path / "data", 12))
    assert (corpus.samples.dtype, given(corpus).dtype) == (np.uint8, np.uint8)
    assert corpus.samples.shape == (12, 3, 32, 32)
    assert given(corpus).shape == (12, 3, 8, 8)
    assert (corpus.space.scale, [channel.name for channel in given_space(corpus).channels]) == (
        4,
        ["red", "green", "blue"],
    )
    for at, name in enumerate(corpus.names):
        np.testing.assert_array_equal(sample(corpus, name), photo(at))
        expected = np.asarray(Image.fromarray(photo(at)).resize((8, 8), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
        assert np.abs(given(corpus)[at].astype(int) - expected).max() <= 1


def test_a_second_reading_is_found_and_damage_to_what_is_given_is_noticed(tmp_path: Path) -> None:
    folder = photos(tmp_path / "data", 12)
    first = read(Patches(), folder)
    whole = np.array(given(first))
    calls: list[int] = []
    again = Patches().corpus(folder, tmp_path / "cache", lambda done, total: calls.append(done))
    assert (again.digest, again.space, calls) == (first.digest, first.space, [])
    np.testing.assert_array_equal(given(again), whole)
    (stored,) = (tmp_path / "cache").glob("*/given.npy")
    for harm in (lambda data: data[:-1], lambda data: data[:300] + b"\x00\x01\x02" + data[303:], lambda data: b""):
        stored.write_bytes(harm(stored.read_bytes()))
        np.testing.assert_array_equal(given(read(Patches(), folder)), whole)
    stored.unlink()
    np.testing.assert_array_equal(given(read(Patches(), folder)), whole)
    put(folder, "000.png", photo(99))
    assert read(Patches(), folder).digest != first.digest


def test_grey_pictures_have_one_channel_and_one_in_colour_among_them_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(12):
        put(folder, f"{at}.png", photo(at)[..., 0])
    put(folder, "x.png", photo(50))
    corpus = read(Patches(), folder)
    assert [channel.name for channel in corpus.space.channels] == ["grey"]
    assert reasons(corpus) == {"x.png": "is in colour, and grey pictures are wanted"}
    np.testing.assert_array_equal(sample(corpus, "3.png")[..., 0], photo(3)[..., 0])


def test_alpha_in_a_file_called_jpg_is_read_where_it_is_opaque_and_named_where_it_is_not(tmp_path: Path) -> None:
    folder = photos(tmp_path / "data", 10)
    opaque = np.dstack([photo(20), np.full((32, 32), 255, np.uint8)])
    holed = np.dstack([photo(21), np.where(np.indices((32, 32))[0] < 3, 0, 255).astype(np.uint8)])
    for name, pixels in (("opaque.jpg", opaque), ("holed.jpg", holed)):
        put(folder, "x.png", pixels).rename(folder / name)
    corpus = read(Patches(), folder)
    np.testing.assert_array_equal(sample(corpus, "opaque.jpg"), photo(20))
    assert reasons(corpus) == {"holed.jpg": "transparent: nothing is known of some pixels"}


def test_larger_pictures_are_cut_without_overlap_and_a_stray_sheet_is_not(tmp_path: Path) -> None:
    folder = photos(tmp_path / "data", 20)
    put(folder, "contact.png", photo(70, 96))
    corpus = read(Patches(size=16), folder)
    assert len(corpus) == 80
    assert reasons(corpus) == {"contact.png": "size: 96x96 pixels, and nearly all others have 32x32"}
    whole = [sample(corpus, f"007.png row {row}, column {column}") for row in (0, 16) for column in (0, 16)]
    mosaic = np.vstack([np.hstack(whole[:2]), np.hstack(whole[2:])])
    np.testing.assert_array_equal(mosaic, photo(7))
    assert len({int(corpus.identities[at]) for at, name in enumerate(corpus.names) if name.startswith("007")}) == 1


def test_pictures_of_many_sizes_need_a_size_and_are_then_cut(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(10):
        put(folder, f"{at}.png", photo(at, 32 + 8 * (at % 3)))
    for scale, size in ((2, 64), (3, 63)):
        with pytest.raises(DataError, match=rf"items have several sizes.*source\.size={size}"):
            read(Patches(scale=scale), folder)
    corpus = read(Patches(size=16), folder)
    assert len(corpus) == sum(((32 + 8 * (at % 3)) // 16) ** 2 for at in range(10))


# Bands.


def test_bands_come_back_from_storage_and_what_lies_beyond_the_range_too(tmp_path: Path) -> None:
    corpus = read(BANDS, band_folders(tmp_path / "data", 12))
    assert corpus.names == tuple(sorted(map(patch_name, range(12))))
    assert [channel.name for channel in corpus.space.channels] == list(TEN)
    assert {channel.unit for channel in corpus.space.channels} == {"reflectance x10000"}
    assert np.abs(corpus.samples).max() > 1.0
    world = from_stored(corpus.samples, corpus.space)
    for at, name in enumerate(corpus.names):
        number = next(number for number in range(12) if patch_name(number) == name)
        steps = [4 * channel.float16_error for channel in corpus.space.channels]  # up to 4, they are 4 times as wide
        error = np.abs(world[at].transpose(1, 2, 0) - reflectance(number, 32, TEN))
        assert (error.max(axis=(0, 1)) <= steps).all()
    low = from_stored(given(corpus), given_space(corpus))
    expected = degraded(world.transpose(0, 2, 3, 1), bicubic(32, 2), bicubic(32, 2)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(low, expected, atol=10.0)
    assert given_space(corpus).channels == corpus.space.channels
    assert not [finding for finding in examine(corpus) if finding.severity == "fault"]


def test_the_ranges_are_percentiles_of_what_will_be_trained_on_and_of_nothing_else(tmp_path: Path) -> None:
    folder = band_folders(tmp_path / "data", 60)
    first = read(BANDS, folder)
    parts = first.split(0.1)
    numbers = {patch_name(at): at for at in range(60)}
    seen = [reflectance(numbers[first.names[at]], 32, TEN) for at in parts.seen]
    assert len(seen) < 60
    for band, channel in enumerate(first.space.channels):
        expected = np.percentile([patch[..., band] for patch in seen], [2, 98])
        assert [channel.low, channel.high] == pytest.approx(expected)
    for at in parts.held_out:
        number = numbers[first.names[at]]
        put_band(folder, number, "B02", 3 * reflectance(number, 32, ("B02",))[..., 0])
    brighter = read(BANDS, folder)
    assert brighter.digest != first.digest
    assert brighter.space == first.space
    everything = read(replace(BANDS, fitted_without=0.0), folder)
    assert everything.space != first.space


def test_patches_of_one_scene_are_held_out_together(tmp_path: Path) -> None:
    folder = band_folders(tmp_path / "data", 60)
    corpus = read(BANDS, folder)
    parts = corpus.split(0.2)
    sides = [{corpus.names[at].split("T")[0] for at in places} for places in (parts.seen, parts.held_out)]
    assert sides[0] & sides[1] == set()
    assert len(sides[1]) >= 2
    assert len(set(corpus.identities.tolist())) == 20
    assert len(set(read(replace(BANDS, group="file"), folder).identities.tolist())) == 60


def test_declared_ranges_are_taken_and_others_fitted(tmp_path: Path) -> None:
    folder = band_folders(tmp_path / "data", 12)
    fitted = read(BANDS, folder).space.channels
    channels = read(replace(BANDS, ranges={"B03": (0.0, 10_000.0)}), folder).space.channels
    assert channels[0] == fitted[0]
    assert (channels[1].low, channels[1].high) == (0.0, 10_000.0)


def test_other_data_are_read_into_the_ranges_of_a_space(tmp_path: Path) -> None:
    ours = read(Patches(bands=TEN, low="bands"), band_folders(tmp_path / "ours" / "data", 12))
    folder = band_folders(tmp_path / "other" / "data", 6)
    for at in range(6):
        put_band(folder, at, "B02", reflectance(at, 32, ("B02",))[..., 0] // 2)
    source = Patches(bands=TEN, low="bands")
    assert read(source, folder).space.channels != ours.space.channels
    other = read(source.onto(ours.space), folder)
    assert other.space == ours.space
    assert not list(other.space.differences(ours.space))
    (difference,) = replace(ours.space, given=None).differences(ours.space)
    assert difference == "made from nothing, not made from what is given"


def test_lower_bands_are_given_as_they_were_measured(tmp_path: Path) -> None:
    folder = band_folders(tmp_path / "data", 12)
    corpus = read(Patches(low="bands"), folder)
    assert [channel.name for channel in corpus.space.channels] == list(TEN)
    assert [channel.name for channel in given_space(corpus).channels] == list(TWENTY)
    low = from_stored(given(corpus), given_space(corpus))
    for at in range(12):
        expected = reflectance(at, 16, TWENTY).transpose(2, 0, 1)
        np.testing.assert_allclose(low[corpus.names.index(patch_name(at))], expected, atol=8.0)
    assert "12 of 12 pairs are closest to their own low resolution" in corpus.notes
    assert corpus.reduction is None
    one = read(Patches(low="bands", low_bands=("B8A",), size=16), folder)
    assert (one.samples.shape, given(one).shape) == ((48, 3, 16, 16), (48, 1, 8, 8))


def test_the_ground_is_known_where_files_say_so(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(4):
        for band, name in enumerate(TEN):
            pixels = reflectance(at, 32, TEN)[None, ..., band]
            write_tif(folder / patch_name(at) / f"{patch_name(at)}_{name}.tif", pixels)
    space = read(BANDS, folder).space
    assert space.rows is not None
    assert space.given is not None
    assert space.given.columns is not None
    assert (space.rows.step, space.given.columns.step, space.rows.unit) == (-10.0, 20.0, "m")
    assert (space.crs, space.given.crs) == ("EPSG:32633", "EPSG:32633")


def test_bands_of_colours_are_shown_in_colour(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(4):
        for band, name in enumerate(("B02", "B03", "B04", "B08")):
            put_band(folder, at, name, 100 + 10 * at + (np.indices((16, 16)).sum(0) * (band + 1)).astype(np.uint16))
    corpus = read(Patches(), folder)
    shown = pictures.panels(from_stored(corpus.samples, corpus.space)[0], corpus.space)
    assert shown.shape == (16, 32, 3)  # in colour, and beside it the band that no eye sees
    blue = pictures.panels(
        from_stored(corpus.samples, corpus.space)[0][:1], replace(corpus.space, channels=corpus.space.channels[:1])
    )
    np.testing.assert_array_equal(shown[:, :16, 2], blue[..., 0])


# Scenes.


def test_scenes_are_cut_and_their_empty_corners_are_no_fault(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(2):
        pixels = np.rint(1000 + 5000 * scenery(at, 64, 2)).astype(np.uint16).transpose(2, 0, 1)
        pixels[:, :32, :32] = 0
        write_tif(folder / f"{at}.tif", pixels)
    corpus = read(Patches(size=16, unit="counts"), folder)
    assert len(corpus) == 24
    assert [(channel.name, channel.unit) for channel in corpus.space.channels] == [
        ("band1", "counts"),
        ("band2", "counts"),
    ]
    assert set(reasons(corpus).values()) == {"nodata: band1 has no value in any pixel"}
    assert min(channel.low for channel in corpus.space.channels) > 1000
    assert len(set(corpus.identities.tolist())) == 2


def test_scenes_of_bytes_stay_bytes_and_blocks_of_them_can_be_held_out(tmp_path: Path) -> None:
    side = 8 * 3 * BLOCK
    write_tif(tmp_path / "data" / "scene.tif", photo(3, side).transpose(2, 0, 1))
    corpus = read(Patches(size=8, group="block"), tmp_path / "data")
    assert corpus.samples.dtype == np.uint8
    assert len(corpus) == (side // 8) ** 2
    assert len(set(corpus.identities.tolist())) == 9
    assert len(corpus.split(0.1).held_out) >= BLOCK**2
    whole = read(Patches(size=8), tmp_path / "data")
    assert any("source.group=block" in note for note in whole.notes)
    uneven = read(Patches(size=40), tmp_path / "data")
    assert any(note == "the last 16 rows and 16 columns of 96x96 pixels fill no patch" for note in uneven.notes)
    assert len(whole.split(0.1).held_out) == 0


def test_a_scene_needs_a_size(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(2):
        write_tif(folder / f"{at}.tif", np.ones((1, 8, 1032), np.uint16) * np.arange(1032, dtype=np.uint16))
    with pytest.raises(DataError, match=r"items of 8x1032 pixels are scenes, not patches.*source\.size=64"):
        read(Patches(), folder)
    assert Patches().native_side(folder) is None
    assert Patches().native_side(photos(tmp_path / "others", 3)) == 32


def test_a_torn_scene_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(12):
        pixels = np.rint(1000 + 5000 * scenery(at, 32, 2)).astype(np.uint16).transpose(2, 0, 1)
        write_tif(folder / f"{at:02}.tif", pixels)
    data = (folder / "05.tif").read_bytes()
    (folder / "05.tif").write_bytes(data[: len(data) // 2])
    (folder / "07.tif").write_bytes(b"rubbish")
    corpus = read(Patches(), folder)
    assert set(reasons(corpus)) == {"05.tif", "07.tif"}
    assert all(reason.startswith("unreadable: ") for reason in reasons(corpus).values())


# Two folders.


def paired(folder: Path, count: int = 12, names: tuple[str, str] = ("HR", "LR")) -> Path:
    for at in range(count):
        high = Image.fromarray(photo(at))
        put(folder, f"{names[0]}/{at:02}.png", np.asarray(high))
        put(folder, f"{names[1]}/{at:02}.png", np.asarray(high.resize((16, 16), Image.Resampling.BILINEAR)))
    return folder


@pytest.mark.parametrize("names", [("HR", "LR"), ("high", "low"), ("hr", "lr")])
def test_two_folders_are_taken_for_pairs(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = paired(tmp_path / "data", names=names)
    corpus = read(Patches(), folder)
    for at in range(12):
        expected = np.asarray(Image.fromarray(photo(at)).resize((16, 16), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(given(corpus)[at].transpose(1, 2, 0), expected)
    made = read(Patches(low="made"), folder)
    assert len(made) == 12
    assert np.abs(given(made).astype(int) - given(corpus)).max() > 1
    with pytest.raises(DataError, match="does not hold exactly two folders"):
        read(Patches(low="pairs"), photos(tmp_path / "plain", 3))


def test_how_low_resolution_was_made_is_known_where_it_was(tmp_path: Path) -> None:
    """Also of a corpus that was read before."""
    both, high = paired(tmp_path / "both"), photos(tmp_path / "high", 12)
    for _ in range(2):
        assert str(read(Patches(degradation="sensor", mtf=0.2), high).reduction) == "sensor, mtf 0.2"
        assert str(read(Patches(low="made"), both).reduction) == "bicubic"
        assert read(Patches(), both).reduction is None


def test_pairs_without_partner_or_of_another_size_are_named(tmp_path: Path) -> None:
    folder = paired(tmp_path / "data", 30)
    (folder / "LR" / "03.png").unlink()
    (folder / "HR" / "04.png").unlink()
    put(folder, "LR/05.png", photo(5, 24))
    corpus = read(Patches(), folder)
    assert len(corpus) == 27
    assert reasons(corpus) == {
        "03.png": "no partner: nothing of low resolution has this name",
        "04.png": "no partner: nothing of high resolution has this name",
        "05.png": "size: 24x24 pixels of low resolution, not 16x16",
    }


def test_misaligned_pairs_are_refused_with_how_many_and_the_first(tmp_path: Path) -> None:
    folder = paired(tmp_path / "data")
    low = sorted((folder / "LR").iterdir())
    contents = [path.read_bytes() for path in low]
    for path, data in zip(low, contents[1:] + contents[:1], strict=True):
        path.write_bytes(data)
    with pytest.raises(DataError, match=r"do not belong together: 100% of 12 pairs .* first 00\.png, 01\.png, 02\.png"):
        read(Patches(), folder)


def test_a_few_misaligned_pairs_are_named(tmp_path: Path) -> None:
    folder = paired(tmp_path / "data", 40)
    for at, other in ((7, 8), (8, 7)):
        low = Image.fromarray(photo(other)).resize((16, 16), Image.Resampling.BILINEAR)
        put(folder, f"LR/{at:02}.png", np.asarray(low))
    assert any("38 of 40 pairs" in note and "07.png, 08.png" in note for note in read(Patches(), folder).notes)


def test_low_resolution_that_lies_beside_the_high_is_refused(tmp_path: Path) -> None:
    folder = paired(tmp_path / "data")
    for at in range(12):
        moved = np.roll(photo(at), (-4, 2), axis=(0, 1))
        put(folder, f"LR/{at:02}.png", np.asarray(Image.fromarray(moved).resize((16, 16), Image.Resampling.BILINEAR)))
    with pytest.raises(DataError, match="lies beside the high: pairs fit better -2 rows and 1 columns"):
        read(Patches(), folder)


def test_bands_of_other_patches_are_refused(tmp_path: Path) -> None:
    folder = band_folders(tmp_path / "data", 12)
    for at in range(12):
        for band, name in enumerate(TWENTY):
            put_band(folder, at, name, reflectance((at + 5) % 12, 16, TWENTY)[..., band])
    with pytest.raises(DataError, match="do not belong together"):
        read(Patches(low="bands"), folder)
    assert len(read(Patches(low="made"), folder)) == 12


def test_low_resolution_in_another_range_is_refused(tmp_path: Path) -> None:
    folder = paired(tmp_path / "data")
    for path in (folder / "LR").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) // 8).save(path)
    with pytest.raises(DataError, match="red of low resolution has another range than of high"):
        read(Patches(), folder)


def test_low_resolution_with_its_colours_in_another_order_is_refused(tmp_path: Path) -> None:
    folder = paired(tmp_path / "data")
    for path in (folder / "LR").iterdir():
        Image.fromarray(np.asarray(Image.open(path))[..., ::-1]).save(path)
    with pytest.raises(DataError, match=r"red of high resolution is nearer to blue of low resolution.*RGB and BGR"):
        read(Patches(), folder)


@pytest.mark.parametrize("cast", [(5, 0, -5), (10, 20, 40)])
def test_low_resolution_with_a_cast_of_colour_or_haze_is_read(tmp_path: Path, cast: tuple[int, int, int]) -> None:
    """Levels alone would say that greyish red is nearer to blue."""
    folder = paired(tmp_path / "data")
    for at, path in enumerate(sorted((folder / "LR").iterdir())):
        grey = photo(at).mean(axis=2, keepdims=True)
        alike = (0.7 * grey + 0.3 * photo(at) * 0.8).clip(40, 200)
        put(folder, f"HR/{path.name}", (alike + np.array([5, 0, -5])).astype(np.uint8))
        low = np.asarray(Image.fromarray(alike.astype(np.uint8)).resize((16, 16), Image.Resampling.BICUBIC))
        put(folder, f"LR/{path.name}", (low + np.array(cast) - np.array([5, 0, -5])).astype(np.uint8))
    assert len(read(Patches(), folder)) == 12


def test_the_bands_that_go_together_decide_even_against_each_other() -> None:
    """Near infrared is bright where short-wave infrared is dark."""
    truth = np.stack([scenery(at, 32, 1)[..., 0] for at in range(10)]).astype(np.float32)
    chance = np.random.default_rng(0)
    noise = chance.normal(size=truth.shape).astype(np.float32)
    high = np.stack([4.0 * noise, 2.0 * truth - 1.0], axis=-1)
    low = 1.0 - 2.0 * degraded(truth[..., None], bicubic(32, 2), bicubic(32, 2))
    names = [str(at) for at in range(10)]
    assert align(high, low, names).mismatched == ()
    assert align(high, low, names).beside == (0, 0)
    assert len(align(high, np.roll(low, 1, axis=0), names).mismatched) >= 9
    assert align(high, np.zeros_like(low), names).compared == 0
    copied = low.copy()
    copied[3] = low[7]  # 3 is wrong; 7, whose low resolution it has, is not
    assert "7" not in align(high, copied, names).mismatched


# Faults.


def test_planted_faults_are_each_found_and_named(tmp_path: Path) -> None:
    """5 % noise, 5 % constant, unreadable ones, one of another size, one copy; the rest is used."""
    folder = photos(tmp_path / "data", 100)
    chance = np.random.default_rng(5)
    expected = {}
    for at in range(5):
        put(folder, f"{at:03}.png", chance.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        expected[f"{at:03}.png"] = "noise: neighbouring pixels have nothing to do with each other"
        flat = photo(at)
        flat[..., 1] = 40 + at
        put(folder, f"{at + 10:03}.png", flat)
        expected[f"{at + 10:03}.png"] = f"constant: green is {40 + at} in every pixel"
    (folder / "020.png").write_bytes(b"no picture")
    (folder / "021.png").write_bytes((folder / "022.png").read_bytes()[:200])
    (folder / "023.png").write_bytes(b"")
    put(folder, "024.png", photo(24, 40))
    (folder / "025.png").write_bytes((folder / "026.png").read_bytes())
    corpus = read(Patches(), folder)
    found = reasons(corpus)
    assert {name: found[name] for name in expected} == expected
    assert all(found[f"{at:03}.png"].startswith("unreadable: ") for at in (20, 21, 23))
    assert found["024.png"] == "size: 40x40 pixels, and nearly all others have 32x32"
    assert found["026.png"] == "duplicate of 025.png"
    assert (len(corpus), len(found)) == (85, 15)
    (finding,) = (finding for finding in examine(corpus) if "were left out" in finding.title)
    assert "5 noise" in finding.title
    assert "5 constant" in finding.title
    assert "3 unreadable" in finding.title


def test_above_a_share_the_source_refuses_and_says_how_many_and_which(tmp_path: Path) -> None:
    folder = photos(tmp_path / "data", 20)
    for at in range(5):
        (folder / f"{at:03}.png").write_bytes(b"no picture")
    words = r"5 of 20 patches cannot be used, and at most 20% may be left out .*: 000\.png: unreadable.*; 001.*; 002"
    with pytest.raises(DataError, match=words) as caught:
        read(Patches(), folder)
    assert "\n" not in str(caught.value)
    assert "003.png" not in str(caught.value)
    assert len(read(Patches(most_left_out=0.25), folder)) == 15


def test_noise_is_known_after_jpeg_too_and_still_water_is_not_noise() -> None:
    for seed in range(10):
        noise = np.random.default_rng(seed).normal(127.0, 40.0, (64, 64, 3)).clip(0, 255).astype(np.uint8)
        for quality in (50, 75, 95):
            buffer = io.BytesIO()
            Image.fromarray(noise).save(buffer, "JPEG", quality=quality)
            assert is_noise(np.asarray(Image.open(buffer), np.float32))
        assert is_noise(np.random.default_rng(seed).standard_normal((120, 120, 4)).astype(np.float32))
        assert not is_noise(scenery(seed, 64).astype(np.float32))
    swell = gaussian_filter(np.random.default_rng(1).normal(size=(64, 64)), 0.6)
    water = np.rint(30.0 + 2.0 * swell / swell.std())[..., None].astype(np.float32)
    assert not is_noise(water)
    sparks = scenery(3, 64).astype(np.float32)
    sparks[::11, ::13] = 1e6
    assert not is_noise(sparks)
    assert not is_noise(np.where(np.indices((64, 64, 1))[0] == 5, 9.0, 0.0).astype(np.float32)), "nearly constant"
    assert not is_noise(np.random.default_rng(0).normal(size=(8, 8, 1)).astype(np.float32)), "too small to tell"


def test_what_is_wrong_with_a_patch_is_said_with_the_band() -> None:
    patch = scenery(0).astype(np.float32)
    assert fault(patch, TEN) == ""
    holed = patch.copy()
    holed[0, :16, 2] = np.nan
    assert fault(holed, TEN) == "nodata: B08 has no value in 1.56% of its pixels"
    holed[..., 1] = np.nan
    assert fault(holed, TEN) == "nodata: B03 has no value in any pixel"
    flat = patch.copy()
    flat[..., 0] = 7.0
    assert fault(flat, TEN) == "constant: B02 is 7 in every pixel"


def test_pixels_of_which_nothing_is_known_do_not_touch_the_ranges(tmp_path: Path) -> None:
    """Zeros in a tenth of all patches would pull the second percentile down to 0."""
    folder = band_folders(tmp_path / "data", 40)
    clean = [at for at in range(40) if at % 10]
    for at in range(0, 40, 10):
        pixels = reflectance(at, 32, ("B03",))[..., 0].copy()
        pixels[:, :20] = 0
        put_band(folder, at, "B03", pixels)
    corpus = read(replace(BANDS, fitted_without=0.0), folder)
    expected = np.percentile([reflectance(at, 32, ("B03",)) for at in clean], 2)
    assert corpus.space.channels[1].low == pytest.approx(expected)
    assert reasons(corpus)[patch_name(0)] == "nodata: B03 has no value in 62.50% of its pixels"
    kept = read(replace(BANDS, fitted_without=0.0, nodata=()), folder)
    assert len(kept) == 40
    assert kept.space.channels[1].low == 0.0


def test_a_band_full_of_zeros_is_named_in_one_patch_and_in_all(tmp_path: Path) -> None:
    folder = band_folders(tmp_path / "data", 12)
    put_band(folder, 4, "B08", np.zeros((32, 32), np.uint16))
    assert reasons(read(BANDS, folder)) == {patch_name(4): "nodata: B08 has no value in any pixel"}
    assert "constant: B08 is 0 in every pixel" in reasons(read(replace(BANDS, nodata=()), folder)).values()
    for at in range(12):
        put_band(folder, at, "B08", np.zeros((32, 32), np.uint16))
    with pytest.raises(DataError, match=r"12 of 12 patches cannot be used.*B08 has no value in any pixel"):
        read(BANDS, folder)


def test_a_folder_that_lacks_a_band_or_has_it_smaller_is_named(tmp_path: Path) -> None:
    folder = band_folders(tmp_path / "data", 12)
    (folder / patch_name(2) / f"{patch_name(2)}_B03.tif").unlink()
    put_band(folder, 3, "B03", reflectance(3, 16, ("B03",))[..., 0])
    (folder / patch_name(4) / f"{patch_name(4)}_B03.tif").write_bytes(b"torn")
    corpus = read(replace(BANDS, most_left_out=0.5), folder)
    found = reasons(corpus)
    assert found[patch_name(2)] == "lacks bands: B03"
    assert found[patch_name(3)] == "sizes differ: B02 32x32, B03 16x16, B08 32x32"
    assert found[patch_name(4)].startswith("unreadable: layer B03")
    assert len(corpus) == 9


def test_nearly_constant_data_are_refused_before_the_first_step(tmp_path: Path) -> None:
    """As the notes had it: reflectance divided by 10000, and cut to bytes."""
    folder = tmp_path / "data"
    for at in range(12):
        put(folder, f"{at}.png", np.rint(2.0 * scenery(at)).astype(np.uint8))
    with pytest.raises(DataError, match=r"red varies by 0\.00\d+ inside patches.*less than 0\.01 is no picture"):
        read(Patches(), folder)


def test_values_too_far_to_be_kept_are_refused_with_the_band(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(4):
        pixels = 1.0 + scenery(at, 32, 1).transpose(2, 0, 1).astype(np.float32)
        pixels[0, 5, 5] = 1e9
        write_tif(folder / f"{at}.tif", pixels)
    with pytest.raises(DataError, match=r"band1 has values from .* to 1e\+09, far beyond its range.*source\.nodata"):
        read(Patches(), folder)
    with pytest.raises(DataError, match="4 of 4 patches"):
        read(Patches(nodata=(1e9,)), folder)


# Requests that cannot be met.


def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    folder = band_folders(tmp_path / "data", 4)
    plain = photos(tmp_path / "plain", 4, 30)

    def fails(source: Patches, words: str, where: Path | None = folder) -> None:
        with pytest.raises(DataError, match=words) as caught:
            source.corpus(where, tmp_path / "cache")
        assert "\n" not in str(caught.value)

    fails(
        Patches(bands=("B02", "B05")), "bands of several sizes cannot be one sample: B02 32x32, B05 16x16; .*low_bands"
    )
    fails(Patches(bands=("B2",)), "no file has the band B2; did you mean 'B02'")
    fails(Patches(bands=("red",)), "no file has the band red; there are B02, B03, B05, B08, B8A")
    fails(Patches(low="bands", scale=4), "no band has 8x8 pixels, 4 times fewer a side than the high resolution")
    fails(Patches(low="bands", low_bands=("B03",)), "B03 has 32x32 pixels, not 16x16, which is 1/2 of 32x32")
    fails(Patches(scale=4), r"4 does not divide patches of 30x30 pixels; set source\.size=28", plain)
    fails(Patches(size=64), "4 of 4 patches cannot be used.*size: 30x30 pixels, not 64x64", plain)
    fails(Patches(files="hdf5"), "no HDF5 files", plain)
    fails(Patches(files="bands"), r"no files of one band each, named like \.\.\._B02\.tif, in .*4 pictures", plain)
    fails(Patches(files="scenes"), "no TIFF files, in", plain)
    fails(Patches(), "no data given", None)
    fails(Patches(), "no such folder", tmp_path / "nowhere")
    for path in plain.iterdir():
        path.write_bytes(b"rubbish")
    fails(Patches(), "none of 4 files of .* can be read; 000.png: unreadable", plain)
    alone = tmp_path / "alone"
    put(alone, "a.png", photo(0))
    fails(Patches(), r"1 of the patches of 32x32 pixels can be used, and 2 are needed", alone)


def test_the_settings_are_checked() -> None:
    with pytest.raises(SpecError, match="size: is 50, which scale, 4, does not divide"):
        Patches(size=50, scale=4)
    with pytest.raises(SpecError, match="low_percent: is 98, not below high_percent, 2"):
        Patches(low_percent=98.0, high_percent=2.0)
    with pytest.raises(SpecError, match=r"ranges\.B02: is from 5 to 5"):
        Patches(ranges={"B02": (5.0, 5.0)})
    with pytest.raises(SpecError, match='low_bands: belongs to low="bands"'):
        Patches(low_bands=("B05",))
    source = Patches(bands=TEN, low="bands", low_bands=TWENTY, ranges={"B02": (0.0, 1.0)}, size=64)
    assert decode(encode(source), Patches) == source


# HDF5.


def test_without_a_reader_of_hdf5_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scene.mat").write_bytes(b"anything")
    for name in ("h5py", "rasterio"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match=r"HDF5 files need h5py: pip install equipoise\[hdf5\]"):
        read_arrays(tmp_path / "scene.mat")


def test_a_file_that_is_no_hdf5_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "scene.mat").write_bytes(b"no HDF5")
    with pytest.raises(DataError, match=r"none of 1 files .*; scene\.mat: unreadable"):
        read(Patches(size=16), folder)


def test_the_axes_of_matlab_are_turned_back(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="writing HDF5 needs the extra equipoise[hdf5]")
    folder = tmp_path / "data"
    folder.mkdir()
    ground = np.rint(1000 + 5000 * scenery(0, 64, 4))
    with h5py.File(folder / "scene.mat", "w") as file:
        file["im10"] = ground.transpose(2, 1, 0).astype(np.float32)
        file["im20"] = ground[::2, ::2].transpose(2, 1, 0).astype(np.float32)
    corpus = read(Patches(size=16, group="block"), folder)
    assert [channel.name for channel in corpus.space.channels] == ["im10_1", "im10_2", "im10_3", "im10_4"]
    world = from_stored(corpus.samples, corpus.space)
    at = corpus.names.index("scene.mat row 16, column 48")
    np.testing.assert_allclose(world[at].transpose(1, 2, 0), ground[16:32, 48:64], atol=10.0)


# Real data.


@pytest.mark.real
@pytest.mark.parametrize(("scale", "degradation"), [(2, "bicubic"), (4, "bicubic"), (4, "sensor")])
def test_eurosat(shared_data: Path, tmp_path: Path, scale: Any, degradation: Any) -> None:
    """2000 patches; still water stays, and the contact sheet does not come in."""
    corpus = Patches(scale=scale, degradation=degradation).corpus(shared_data / "sentinel2" / "eurosat", tmp_path)
    assert corpus.samples.shape == (2000, 3, 64, 64)
    assert given(corpus).shape == (2000, 3, 64 // scale, 64 // scale)
    assert set(reasons(corpus)) == {"contact.png"}
    assert sum(name.startswith("SeaLake") for name in corpus.names) == 200
    path = shared_data / "sentinel2" / "eurosat" / corpus.names[777]
    np.testing.assert_array_equal(sample(corpus, corpus.names[777]), np.asarray(Image.open(path)))
    assert 0.08 < len(corpus.split(0.1).held_out) / 2000 < 0.12


@pytest.mark.real
def test_bigearthnet(shared_data: Path, tmp_path: Path) -> None:
    """11 patches and a copy of one; four bands of 10 m, made and measured low resolution."""
    folder = shared_data / "sentinel2" / "bigearthnet_tiny"
    corpus = Patches().corpus(folder, tmp_path)
    assert corpus.samples.shape == (11, 4, 120, 120)
    assert [channel.name for channel in corpus.space.channels] == ["B02", "B03", "B04", "B08"]
    copied = "S2A_MSIL2A_20170617T113321_36_85"
    assert reasons(corpus) == {f"extra_patch_interface/{copied}": f"duplicate of {copied}"}
    path = folder / copied / f"{copied}_B08.tif"
    values = from_stored(corpus.samples, corpus.space)[corpus.names.index(copied), 3]
    np.testing.assert_allclose(values, np.asarray(Image.open(path)), atol=4 * corpus.space.channels[3].float16_error)
    measured = Patches(low="bands", low_bands=("B05", "B06", "B07", "B8A")).corpus(folder, tmp_path)
    assert given(measured).shape == (11, 4, 60, 60)
    assert "11 of 11 pairs are closest to their own low resolution" in measured.notes
    assert not [finding for finding in examine(measured) if finding.severity == "fault"]


@pytest.mark.real
def test_dsen2(shared_data: Path, tmp_path: Path) -> None:
    """One scene of MATLAB's format 7.3, read by h5py or by rasterio, with its own 20 m bands."""
    folder = shared_data / "sentinel2" / "dsen2"
    corpus = Patches(size=64, group="block").corpus(folder, tmp_path)
    assert (corpus.samples.shape, given(corpus).shape) == ((81, 4, 64, 64), (81, 4, 32, 32))
    assert 8 <= len(corpus.split(0.1).held_out) <= 40
    measured = Patches(size=60, low="bands", group="block").corpus(folder, tmp_path)
    assert (measured.samples.shape, given(measured).shape) == ((100, 4, 60, 60), (100, 6, 30, 30))
    assert "100 of 100 pairs are closest to their own low resolution" in measured.notes


@pytest.mark.real
def test_h5py_and_rasterio_read_the_same(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5py", reason="HDF5 by h5py needs the extra equipoise[hdf5]")
    path = shared_data / "sentinel2" / "dsen2" / "S2A_MSIL1C_20170527_T33UUB.mat"
    ours = read_arrays(path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    theirs = read_arrays(path)
    assert ours.keys() == theirs.keys() == {"im10", "im20", "im60"}
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])
