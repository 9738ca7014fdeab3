"""Whole scenes through a generator that enlarges: no seams, the place on the ground kept, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import tiny
from equipoise.cli import run_command
from equipoise.data import Patches
from equipoise.data.scene import Form, in_numbers_of
from equipoise.engine.export import Sampler, load_generator, save_generator
from equipoise.engine.precision import Arithmetic
from equipoise.errors import RequestError
from equipoise.networks import PatchCritic, RrdbGenerator
from equipoise.recipe import Phase, Recipe, Span
from equipoise.space import Channel, Space
from equipoise.terms import L1
from equipoise.upscaling import OVERLAP, STEP, TILE, upscale

CPU = torch.device("cpu")
COLOURS = tuple(Channel(name) for name in ("red", "green", "blue"))
BANDS = tuple(Channel(name, 0.0, 4000.0) for name in ("B04", "B08"))


def recipe() -> Recipe:
    return replace(
        tiny.images(),
        source=Patches(),
        generator=RrdbGenerator(width=8, growth=4, blocks=1, branch=0, upsampling="shuffle", base="bicubic"),
        critic=PatchCritic(width=4),
        phases={"pixels": Phase(Span(2), {"l1": L1()})},
    )


def enlarger(folder: Path, channels: tuple[Channel, ...] = COLOURS, scale: int = 2) -> Path:
    """A generator with lively weights in a file; each pixel it makes depends on those a few around it."""
    space = Space(channels, 32, 32, given=Space(channels, 32 // scale, 32 // scale))
    torch.manual_seed(3)
    made = recipe()
    module = made.generator.build(space).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.08)
    path = folder / "enlarger.safetensors"
    save_generator(path, Sampler(module, made, space, 7, None))
    return path


def picture(folder: Path, height: int, width: int, name: str = "scene.png") -> Path:
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).normal(0, 20, (height, width, 3))
    smooth = np.stack([120 + 80 * np.sin(rows / 9), 120 + 80 * np.cos(columns / 7), 90 + 0.3 * rows], axis=-1)
    Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8)).save(folder / name)
    return folder / name


def at_once(enlarger: Path, scene: Path) -> NDArray[np.float32]:
    """The naive twin: the whole scene in one pass."""
    module = load_generator(enlarger, CPU).module
    pixels = np.asarray(Image.open(scene).convert("RGB"), dtype=np.float32).transpose(2, 0, 1)
    with torch.no_grad():
        made = module(torch.from_numpy(pixels[None] / 127.5 - 1))
    return np.asarray(((made[0] + 1) * 127.5).clamp(0, 255).numpy().transpose(1, 2, 0))


@pytest.mark.parametrize(
    "size", [(TILE, TILE), (STEP + OVERLAP + 1, 2 * STEP + 5), (40, 3 * STEP), (TILE + 2 * STEP, 33)]
)
def test_tiles_leave_no_seam(tmp_path: Path, size: tuple[int, int]) -> None:
    """The network sees fewer pixels around than are thrown away at a tile's edge: the result is the same to a level."""
    network, scene = enlarger(tmp_path), picture(tmp_path, *size)
    done = upscale(network, scene, tmp_path / "large.png", "cpu")
    made = np.asarray(Image.open(tmp_path / "large.png"), dtype=np.float32)
    assert made.shape == (2 * size[0], 2 * size[1], 3) == (done.height, done.width, 3)
    assert np.abs(made - at_once(network, scene)).max() <= 0.51  # half a level by rounding


def test_bfloat16_is_a_level_away_and_leaves_no_seam_either(tmp_path: Path) -> None:
    network, scene = enlarger(tmp_path), picture(tmp_path, 3 * STEP, 6 * STEP)
    done = upscale(network, scene, tmp_path / "large.png", "cpu", compute="bfloat16")
    assert (done.compute, done.tiles) == ("bfloat16", 18)
    made = np.asarray(Image.open(tmp_path / "large.png"), dtype=np.float32)
    apart = np.abs(made - at_once(network, scene))
    assert 0 < apart.mean() < 1 and apart.max() < 8
    edges = [2 * STEP * at for at in (1, 2)]
    across = apart[[row + side for row in edges for side in range(2 * OVERLAP)]].mean()
    assert across == pytest.approx(apart.mean(), rel=0.2), "as near where tiles meet as elsewhere"


def test_what_is_fastest_is_tried_for_bytes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasterio is an extra")
    asked = []

    def fastest(compute: str, *_: object) -> Arithmetic:
        asked.append(compute)
        return Arithmetic("float32", "channels_last")

    monkeypatch.setattr("equipoise.upscaling.fastest_to_draw", fastest)
    monkeypatch.setattr("equipoise.upscaling.MANY_TILES", 2)
    upscale(enlarger(tmp_path), picture(tmp_path, 40, 2 * STEP), tmp_path / "large.png", "cpu")
    deep, profile = tmp_path / "deep.tif", {"driver": "GTiff", "height": 40, "width": 2 * STEP, "count": 2}
    with rasterio.open(deep, "w", dtype="uint16", transform=rasterio.Affine(10, 0, 0, 0, -10, 0), **profile) as file:
        file.write(np.full((2, 40, 2 * STEP), 900, np.uint16))
    upscale(enlarger(tmp_path, BANDS), deep, tmp_path / "large.tif", "cpu")
    upscale(enlarger(tmp_path), picture(tmp_path, 40, 40), tmp_path / "small.png", "cpu")
    assert asked == ["auto", "float32"], "one tile is not worth trying"


def test_a_geotiff_keeps_its_place_its_numbers_and_what_is_not_known(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasterio is an extra")
    scene, large = tmp_path / "scene.tif", tmp_path / "large.tif"
    values = np.random.default_rng(1).integers(200, 3800, (3, 150, 170)).astype(np.uint16)
    values[:, 20:30, 40:60] = 0
    place = rasterio.Affine(10.0, 0.0, 600000.0, 0.0, -10.0, 5000000.0)
    profile = {"driver": "GTiff", "height": 150, "width": 170, "count": 3, "dtype": "uint16", "nodata": 0}
    with rasterio.open(scene, "w", crs="EPSG:32632", transform=place, **profile) as file:
        file.write(values)
        for number, name in enumerate(("B08", "cloud", "B04"), start=1):
            file.set_band_description(number, name)
    upscale(enlarger(tmp_path, BANDS), scene, large, "cpu")
    with rasterio.open(large) as file:
        assert (file.height, file.width, file.count, file.dtypes[0]) == (300, 340, 2, "uint16")
        assert file.crs.to_epsg() == 32632
        assert file.transform == rasterio.Affine(5.0, 0.0, 600000.0, 0.0, -5.0, 5000000.0)
        assert file.descriptions == ("B04", "B08")
        made = file.read()
    unknown = np.zeros((300, 340), bool)
    unknown[40:60, 80:120] = True
    assert ((made == 0) == unknown).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_enlarges_by_what_it_was_trained_for(tmp_path: Path, scale: int) -> None:
    space = Space(COLOURS, 24, 24, given=Space(COLOURS, 24 // scale, 24 // scale))
    made = recipe()
    torch.manual_seed(0)
    path = tmp_path / "network.safetensors"
    save_generator(path, Sampler(made.generator.build(space).eval(), made, space, 1, None))
    done = upscale(path, picture(tmp_path, 30, 50), tmp_path / "large.png", "cpu")
    assert (done.height, done.width, done.scale) == (30 * scale, 50 * scale, scale)


def test_numbers_are_rounded_cut_and_told_from_nodata() -> None:
    values = np.array([[[0.2, 254.6, 300.0, -5.0, np.nan]]], np.float32)
    assert in_numbers_of(values, Form("uint8", 0.0)).tolist() == [[[1, 255, 255, 1, 0]]]
    assert in_numbers_of(values, Form("uint8", 255.0)).tolist() == [[[0, 254, 254, 0, 255]]]
    whole = in_numbers_of(values, Form("float32", -9999.0))
    assert whole[0, 0, 4] == -9999.0
    np.testing.assert_array_equal(whole[0, 0, :4], values[0, 0, :4])


def test_what_cannot_be_enlarged_is_refused_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    network, scene = enlarger(tmp_path), picture(tmp_path, 20, 20)
    (tmp_path / "folder.png").mkdir()
    for there, out, message in (
        (scene, tmp_path / "folder.png", "is a folder; give the name of a file to write"),
        (tmp_path / "none.png", tmp_path / "large.png", "no such file"),
        (scene, scene, "is the scene itself"),
        (scene, tmp_path / "large.xyz", "has no suffix of a picture; use .png or .tif"),
        (scene, tmp_path / "nowhere" / "large.png", "no such folder"),
    ):
        before = sorted(tmp_path.iterdir())
        with pytest.raises(RequestError, match=message):
            upscale(network, there, out, "cpu")
        assert sorted(tmp_path.iterdir()) == before
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(RequestError, match=r"text.png cannot be read"):
        upscale(network, tmp_path / "text.png", tmp_path / "large.png", "cpu")
    with pytest.raises(RequestError, match="is a picture of colours; bands B04, B08 are needed"):
        upscale(enlarger(tmp_path, BANDS), scene, tmp_path / "large.png", "cpu")


def test_a_geotiff_without_the_bands_is_refused_by_their_names(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasterio is an extra")
    scene, profile = tmp_path / "scene.tif", {"driver": "GTiff", "height": 20, "width": 20, "dtype": "uint16"}
    with rasterio.open(scene, "w", count=3, transform=rasterio.Affine(10, 0, 0, 0, -10, 0), **profile) as file:
        file.write(np.ones((3, 20, 20), np.uint16))
    with pytest.raises(RequestError, match="has 3 bands without names; B04, B08 are needed"):
        upscale(enlarger(tmp_path, BANDS), scene, tmp_path / "large.tif", "cpu")


@pytest.mark.parametrize(
    ("dtype", "low", "high", "words"),
    [
        ("uint8", 0, 200, "is uint8, and the run has learned from pictures of more than 8 bits"),
        ("float32", 0.02, 0.4, "has B04 from .* to .*, and the run has learned it from 0 to 4000: in another unit"),
        ("uint16", 60000, 65000, "in another unit"),
        ("uint16", 30, 400, ""),
    ],
)
def test_a_scene_in_other_numbers_is_refused(tmp_path: Path, dtype: str, low: float, high: float, words: str) -> None:
    """What a network has never seen comes out as anything; dark water is no other unit."""
    rasterio = pytest.importorskip("rasterio", reason="rasterio is an extra")
    scene, large = tmp_path / "scene.tif", tmp_path / "large.tif"
    values = np.random.default_rng(1).uniform(low, high, (2, 40, 40)).astype(dtype)
    profile = {"driver": "GTiff", "height": 40, "width": 40, "count": 2, "dtype": dtype}
    with rasterio.open(scene, "w", transform=rasterio.Affine(10, 0, 0, 0, -10, 0), **profile) as file:
        file.write(values)
    network = enlarger(tmp_path, BANDS)
    if not words:
        upscale(network, scene, large, "cpu")
        return
    with pytest.raises(RequestError, match=words):
        upscale(network, scene, large, "cpu")
    assert not large.exists()


def test_decibels_are_no_other_unit(tmp_path: Path) -> None:
    """Radar backscatter lies below 0 throughout."""
    rasterio = pytest.importorskip("rasterio", reason="rasterio is an extra")
    scene, large, bands = tmp_path / "scene.tif", tmp_path / "large.tif", (Channel("VV", -22.0, -2.0),)
    profile = {"driver": "GTiff", "height": 40, "width": 40, "count": 1, "dtype": "float32"}
    with rasterio.open(scene, "w", transform=rasterio.Affine(10, 0, 0, 0, -10, 0), **profile) as file:
        file.write(np.random.default_rng(1).uniform(-20, -4, (1, 40, 40)).astype(np.float32))
    upscale(enlarger(tmp_path, bands), scene, large, "cpu")
    assert large.exists()


def test_a_deep_scene_does_not_become_a_picture_of_8_bits(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasterio is an extra")
    scene, bands = tmp_path / "scene.tif", tuple(Channel(name, 0.0, 4000.0) for name in ("B04", "B03", "B02"))
    profile = {"driver": "GTiff", "height": 40, "width": 40, "count": 3, "dtype": "uint16"}
    with rasterio.open(scene, "w", transform=rasterio.Affine(10, 0, 0, 0, -10, 0), **profile) as file:
        file.write(np.full((3, 40, 40), 900, np.uint16))
    with pytest.raises(RequestError, match=r"\.png holds 8 bits, and the scene is uint16; use .tif"):
        upscale(enlarger(tmp_path, bands), scene, tmp_path / "large.png", "cpu")


def test_the_command_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, scene = enlarger(tmp_path), picture(tmp_path, 40, 30)
    assert run_command(["upscale", str(network), str(scene), str(tmp_path / "large.png"), "--device", "cpu"]) == 0
    assert "60x80 pixels, 2 times as large each way" in capsys.readouterr().out


def test_a_run_that_makes_samples_from_noise_is_refused(tmp_path: Path, digits_folder: Path) -> None:
    from equipoise.training import train

    run = train(tiny.images(2), digits_folder, out=tmp_path / "run", device="cpu")
    with pytest.raises(RequestError, match="does not make larger pictures from small ones"):
        upscale(run, picture(tmp_path, 20, 20), tmp_path / "large.png", "cpu")
