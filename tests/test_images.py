"""Picture files of every kind become the right bytes, and bad ones are named."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from equipoise.data import Corpus, DataError, Images, workers
from equipoise.data.check import examine
from equipoise.data.workers import Crew, Task
from equipoise.spec import SpecError, decode, encode

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def noise(seed: int, *shape: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def put(folder: Path, pictures: Mapping[str, Image.Image]) -> Path:
    for name, picture in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    return folder


def sample(corpus: Corpus, name: str) -> np.ndarray[Any, Any]:
    """One sample as [H, W, C]."""
    return np.asarray(corpus.samples[corpus.names.index(name)]).transpose(1, 2, 0)


def read_with(tmp_path: Path, pictures: Mapping[str, Image.Image], **settings: Any) -> Corpus:
    return Images(**settings).corpus(put(tmp_path / "pictures", pictures), tmp_path / "cache")


def colour(seed: int = 0, side: int = 8) -> Image.Image:
    return Image.fromarray(noise(seed, side, side, 3))


# Modes.


def test_colour_is_read_byte_for_byte_in_the_order_of_names(tmp_path: Path) -> None:
    corpus = read_with(tmp_path, {"b/x.png": colour(1), "a.png": colour(0), "b.bmp": colour(2)}, size=8, fit="exact")
    assert corpus.names == ("a.png", "b.bmp", "b/x.png")
    assert corpus.samples.shape == (3, 3, 8, 8)
    assert [channel.name for channel in corpus.space.channels] == ["red", "green", "blue"]
    for name, seed in (("a.png", 0), ("b.bmp", 2), ("b/x.png", 1)):
        np.testing.assert_array_equal(sample(corpus, name), noise(seed, 8, 8, 3))
    assert not corpus.samples.flags.writeable


def palette_with_hole() -> Image.Image:
    """Levels 0, 1, 2 of a palette: red, green, and a blue that is fully transparent."""
    picture = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) % 3).convert("P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.info["transparency"] = 2
    return picture


def test_a_transparent_palette_is_composited_not_shown_raw(tmp_path: Path) -> None:
    corpus = read_with(
        tmp_path, {"a.png": palette_with_hole(), "b.png": colour()}, size=8, fit="exact", background=(9, 8, 7)
    )
    levels = np.arange(64).reshape(8, 8) % 3
    expected = np.array([[255, 0, 0], [0, 255, 0], [9, 8, 7]], np.uint8)[levels]
    np.testing.assert_array_equal(sample(corpus, "a.png"), expected)
    assert any("1 of 2 pictures are partly transparent" in note and "(9, 8, 7)" in note for note in corpus.notes)


def test_half_transparency_mixes_with_the_background(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (8, 8), (200, 100, 0, 128))
    corpus = read_with(tmp_path, {"a.png": picture, "b.png": colour()}, size=8, fit="exact", background=(0, 0, 255))
    expected = np.array([200, 100, 0]) * (128 / 255) + np.array([0, 0, 255]) * (127 / 255)
    np.testing.assert_allclose(sample(corpus, "a.png")[0, 0], expected, atol=1)


def test_alpha_is_kept_and_hidden_colours_are_not(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 4), 77, np.uint8)
    pixels[:4, :, 3] = 0
    pixels[4:, :, 3] = 200
    pictures = {"a.png": Image.fromarray(pixels, "RGBA"), "b.png": colour()}
    corpus = read_with(tmp_path, pictures, size=8, fit="exact", alpha="keep", background=(1, 2, 3))
    assert [channel.name for channel in corpus.space.channels][-1] == "alpha"
    assert sample(corpus, "a.png")[0, 0].tolist() == [1, 2, 3, 0]
    assert sample(corpus, "a.png")[7, 7].tolist() == [77, 77, 77, 200]
    assert (sample(corpus, "b.png")[..., 3] == 255).all()


def test_scaling_a_transparent_picture_leaves_no_fringe(tmp_path: Path) -> None:
    """Hidden black must not bleed into a white figure."""
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[4:12, 4:12] = 255
    pictures = {"a.png": Image.fromarray(pixels, "RGBA"), "b.png": colour()}
    kept = read_with(tmp_path, pictures, size=10, fit="resize", alpha="keep")
    seen = sample(kept, "a.png")
    assert (seen[seen[..., 3] > 0][:, :3] == 255).all()
    composited = read_with(tmp_path, pictures, size=10, fit="resize")
    assert (sample(composited, "a.png") == 255).all()


GREYS: list[tuple[str, Callable[[], Image.Image], int]] = [
    ("1.png", lambda: Image.new("1", (8, 8), 1), 255),
    ("l.png", lambda: Image.new("L", (8, 8), 131), 131),
    ("la.png", lambda: Image.new("LA", (8, 8), (131, 0)), 255),
    ("i16.png", lambda: Image.fromarray(np.full((8, 8), 257 * 131, np.uint16)), 131),
    ("i16.tif", lambda: Image.fromarray(np.full((8, 8), 257 * 131, np.uint16)), 131),
    ("i32.tif", lambda: Image.fromarray(np.full((8, 8), 65535, np.int32)), 255),
    ("float.tif", lambda: Image.fromarray(np.full((8, 8), 0.5, np.float32)), 128),
]


def test_grey_pictures_of_any_depth(tmp_path: Path) -> None:
    pictures = {name: make() for name, make, _ in GREYS}
    corpus = read_with(tmp_path, pictures, size=8, fit="exact", drop_duplicates=False)
    assert [channel.name for channel in corpus.space.channels] == ["grey"]
    for name, _, level in GREYS:
        assert (sample(corpus, name) == level).all(), name


def test_channels_are_auto_grey_or_rgb(tmp_path: Path) -> None:
    pictures = {"a.png": Image.new("L", (8, 8), 10), "b.png": Image.new("RGB", (8, 8), (200, 0, 0))}
    assert read_with(tmp_path, pictures, size=8).samples.shape[1] == 3
    grey = read_with(tmp_path, pictures, size=8, channels="grey")
    assert sample(grey, "a.png")[0, 0].tolist() == [10]
    assert sample(grey, "b.png")[0, 0].tolist() == [60]  # 0.299 * 200
    only_grey = {"c.png": Image.new("L", (8, 8), 10), "d.png": Image.new("L", (8, 8), 20)}
    apart = tmp_path / "apart"
    assert read_with(apart, only_grey, size=8, channels="rgb").samples.shape[1] == 3
    assert read_with(apart, only_grey, size=8).samples.shape[1] == 1


def test_cmyk_is_converted(tmp_path: Path) -> None:
    picture = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    corpus = read_with(tmp_path, {"a.tif": picture, "b.png": colour()}, size=8, fit="exact")
    assert sample(corpus, "a.tif")[0, 0].tolist() == [255, 0, 0]


def test_sixteen_bits_with_a_smaller_white(tmp_path: Path) -> None:
    """12-bit values in 16-bit files, as cameras and satellites write them."""
    deep = np.array([[0, 4095], [2048, 1000]], np.uint16)
    too_bright = Image.fromarray(np.full((2, 2), 5000, np.uint16))
    pictures = {"a.png": Image.fromarray(deep), "b.png": Image.new("L", (2, 2), 3), "c.png": too_bright}
    corpus = read_with(tmp_path, pictures, size=2, fit="exact", white=4095)
    assert sample(corpus, "a.png")[..., 0].tolist() == [[0, 255], [128, 62]]
    assert corpus.left_out[0].name == "c.png"
    assert "outside 0 to 4095; set white" in corpus.left_out[0].reason


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    """Stored lying on its side with orientation 6: shown turned by 90 degrees clockwise."""
    pixels = np.zeros((16, 8, 3), np.uint8)
    pixels[:8] = (255, 0, 0)
    upright = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    folder = put(tmp_path / "pictures", {"b.png": upright, "c.png": colour()})
    names = [f"a.{kind}" for kind in ("jpg", "png", "tif", "webp")]
    for name in names:
        upright.rotate(90, expand=True).save(folder / name, exif=exif, quality=100)
    for fit in ("resize", "exact"):
        corpus = Images(size=(16, 8), fit=fit, drop_duplicates=False).corpus(folder, tmp_path / "cache")
        for name in names:
            np.testing.assert_allclose(sample(corpus, name).astype(int), pixels.astype(int), atol=60, err_msg=name)
            np.testing.assert_allclose(sample(corpus, name)[1, 1].astype(int), [255, 0, 0], atol=6, err_msg=name)
    assert "c.png" not in corpus.names


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    folder = put(tmp_path / "pictures", {"b.png": colour()})
    frames = [Image.new("RGB", (8, 8), shade) for shade in ((255, 0, 0), (0, 255, 0))]
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:])
    corpus = Images(size=8).corpus(folder, tmp_path / "cache")
    assert sample(corpus, "a.gif")[0, 0].tolist() == [255, 0, 0]
    assert any("the first of each" in note for note in corpus.notes)


# Sizes.


def wide() -> Image.Image:
    """16 wide, 8 high: four columns of different colours."""
    columns = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
    return Image.fromarray(np.broadcast_to(np.repeat(columns, 4, axis=0), (8, 16, 3)).copy())


def test_fit_pad_keeps_everything_and_adds_background(tmp_path: Path) -> None:
    corpus = read_with(
        tmp_path, {"a.png": wide(), "b.png": colour()}, size=16, fit="pad", filter="nearest", background=(5, 5, 5)
    )
    seen = sample(corpus, "a.png")
    assert (seen[:4] == 5).all()
    assert (seen[12:] == 5).all()
    np.testing.assert_array_equal(seen[4:12], np.asarray(wide()))
    assert "1 of 2" not in corpus.notes[0]
    assert any("a.png" in note and "padded from 16x8" in note for note in corpus.notes)


def test_fit_crop_keeps_the_middle(tmp_path: Path) -> None:
    corpus = read_with(tmp_path, {"a.png": wide(), "b.png": colour()}, size=8, fit="crop", filter="nearest")
    np.testing.assert_array_equal(sample(corpus, "a.png"), np.asarray(wide())[:, 4:12])


def test_fit_resize_stretches(tmp_path: Path) -> None:
    corpus = read_with(tmp_path, {"a.png": wide(), "b.png": colour()}, size=(16, 8), fit="resize", filter="nearest")
    np.testing.assert_array_equal(sample(corpus, "a.png"), np.asarray(wide())[:, 1::2].repeat(2, axis=0))


def test_fit_exact_leaves_other_sizes_out(tmp_path: Path) -> None:
    corpus = read_with(tmp_path, {"a.png": wide(), "b.png": colour(), "c.png": colour(1)}, size=8, fit="exact")
    assert corpus.names == ("b.png", "c.png")
    assert [(item.name, item.reason) for item in corpus.left_out] == [("a.png", "wrong size 16x8")]


def test_pixel_art_is_enlarged_exactly_at_whole_factors_and_evenly_at_others(tmp_path: Path) -> None:
    pictures = {"a.png": colour(3, 8), "b.png": colour(4, 8)}
    doubled = read_with(tmp_path, pictures, size=16, fit="pad", filter="pixel")
    np.testing.assert_array_equal(sample(doubled, "a.png"), noise(3, 8, 8, 3).repeat(2, 0).repeat(2, 1))
    uneven = sample(read_with(tmp_path, pictures, size=12, fit="pad", filter="pixel"), "a.png").astype(float)
    source = noise(3, 8, 8, 3).astype(float)
    np.testing.assert_allclose(uneven[0, 0], source[0, 0], atol=1)
    np.testing.assert_allclose(uneven[0, 1], (source[0, 0] + source[0, 1]) / 2, atol=1)


def test_small_pictures_can_be_left_out(tmp_path: Path) -> None:
    pictures = {"a.png": colour(0, 4), "b.png": colour(1, 8), "c.png": colour(2, 8)}
    corpus = read_with(tmp_path, pictures, size=8, min_side=8)
    assert [(item.name, item.reason) for item in corpus.left_out] == [("a.png", "too small: 4x4")]


# What is left out.


def test_duplicates_are_found_after_decoding(tmp_path: Path) -> None:
    pictures = {"a.png": colour(0), "b.bmp": colour(0), "c.png": colour(1)}
    corpus = read_with(tmp_path, pictures, size=8)
    assert corpus.names == ("a.png", "c.png")
    assert corpus.left_out[0].name == "b.bmp"
    assert corpus.left_out[0].reason == "duplicate of a.png"
    assert len(read_with(tmp_path, pictures, size=8, drop_duplicates=False)) == 3


def test_a_truncated_picture_is_never_half_decoded(tmp_path: Path) -> None:
    folder = put(tmp_path / "pictures", {"x.png": colour(1, 64), "y.png": colour(2, 64)})
    broken = [f"a.{kind}" for kind in ("bmp", "gif", "jpg", "png", "tif", "webp")]
    for name in broken:
        colour(0, 64).save(folder / name)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) * 2 // 3])
    corpus = Images(size=64).corpus(folder, tmp_path / "cache")
    assert corpus.names == ("x.png", "y.png")
    assert [item.name for item in corpus.left_out] == broken
    assert all(item.reason.startswith("unreadable: ") and "\n" not in item.reason for item in corpus.left_out)


def bomb() -> bytes:
    """A small PNG that says it has 30000 x 30000 pixels."""
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_bombs_text_and_broken_links_are_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "pictures", {"x.png": colour(1), "y.png": colour(2)})
    (folder / "a.png").write_bytes(bomb())
    (folder / "b.jpg").write_text("<html>404 not found</html>")
    (folder / "c.png").write_bytes(b"")
    (folder / "d.png").symlink_to(folder / "nowhere.png")
    corpus = Images(size=8).corpus(folder, tmp_path / "cache")
    reasons = {item.name: item.reason for item in corpus.left_out}
    assert list(reasons) == ["a.png", "b.jpg", "c.png", "d.png"]
    assert "million pixels" in reasons["a.png"]
    assert reasons["b.jpg"] == "unreadable: not a picture that can be recognised"
    assert reasons["d.png"] == "broken link"
    assert any("4 of 6 files were left out" in finding.title for finding in examine(corpus))


def test_hidden_files_and_other_kinds_are_not_seen(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "pictures",
        {
            "a.PNG": colour(0),
            "b.png": colour(1),
            ".hidden.png": colour(2),
            "__MACOSX/c.png": colour(3),
            ".git/d.png": colour(4),
        },
    )
    (folder / "notes.txt").write_text("hello")
    (folder / "e.png").mkdir()
    corpus = Images(size=8).corpus(folder, tmp_path / "cache")
    assert corpus.names == ("a.PNG", "b.png")
    assert corpus.left_out == ()
    assert any("1 .txt" in note for note in corpus.notes)


def test_links_are_followed_but_never_in_circles_or_upwards(tmp_path: Path) -> None:
    put(tmp_path, {"elsewhere/q.png": colour(9), "outside.png": colour(8)})
    folder = put(tmp_path / "pictures", {"sub/a.png": colour(0), "b.png": colour(1)})
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "up").symlink_to(tmp_path)
    (folder / "again").symlink_to(folder / "sub")
    (folder / "far").symlink_to(tmp_path / "elsewhere")
    corpus = Images(size=8).corpus(folder, tmp_path / "cache")
    assert corpus.names == ("b.png", "far/q.png", "sub/a.png")
    assert corpus.left_out == ()


# Requests that cannot be met: one line that says what, where and what to do.


def refused(folder: Path | None, tmp_path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        Images(**settings).corpus(folder, tmp_path / "cache")
    message = str(caught.value)
    assert "\n" not in message
    assert not list((tmp_path / "cache").glob("*-*")), "something half made was left"
    return message


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "nothing", tmp_path)
    assert "--data" in refused(None, tmp_path)


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"PK")
    assert "is a file, not a folder" in refused(tmp_path / "all.zip", tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = refused(tmp_path / "empty", tmp_path)
    assert "is empty" in message
    assert "PNG" in message


def test_a_folder_without_pictures_says_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a.csv", "b.csv", "README"):
        (tmp_path / "a" / name).write_text("")
    message = refused(tmp_path / "a", tmp_path)
    assert "2 .csv" in message
    assert "1 without suffix" in message


def test_all_unreadable_gives_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("x.png", "y.png"):
        (tmp_path / "a" / name).write_text("no picture")
    message = refused(tmp_path / "a", tmp_path)
    assert "none of the 2 pictures" in message
    assert "x.png, unreadable" in message


def test_a_single_picture(tmp_path: Path) -> None:
    assert "only one picture" in refused(put(tmp_path / "a", {"x.png": colour()}), tmp_path)


def test_packed_pictures_are_to_be_unpacked(tmp_path: Path) -> None:
    folder = put(tmp_path / "a", {"x.png": colour()})
    for name in ("a.zip", "b.zip", "LICENSE"):
        (folder / name).touch()
    assert "; 2 .zip files lie there: unpack first" in refused(folder, tmp_path)
    (folder / "x.png").unlink()
    (folder / "b.zip").unlink()
    assert "; 1 .zip file lies there: unpack first" in refused(folder, tmp_path)


def test_only_duplicates(tmp_path: Path) -> None:
    message = refused(put(tmp_path / "a", {"x.png": colour(), "y.png": colour()}), tmp_path)
    assert "duplicate of x.png" in message


def test_nothing_left_after_filters(tmp_path: Path) -> None:
    folder = put(tmp_path / "a", {"x.png": colour(), "y.png": colour(1)})
    message = refused(folder, tmp_path, size=9, fit="exact")
    assert "nothing of the 2" in message
    assert "wrong size 8x8" in message


def test_a_full_disk_while_decoding_is_one_clear_line(tmp_path: Path) -> None:
    folder = put(tmp_path / "a", {"x.png": colour(), "y.png": colour(1)})
    (tmp_path / "samples").symlink_to("/dev/full")
    task = Task(folder, Images(size=8).plan(), tmp_path / "samples", 0)
    with Crew() as crew, pytest.raises(OSError, match="No space left on device"):
        crew.decode(task, ["x.png", "y.png"], [1, 1], None)


def test_a_decoder_that_dies_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dies.py").write_text("import sys; sys.exit('Segmentation fault')")
    monkeypatch.setattr(workers.decode, "__file__", str(tmp_path / "dies.py"))
    message = refused(put(tmp_path / "a", {"x.png": colour(), "y.png": colour(1)}), tmp_path)
    assert "exit code 1 among x.png to y.png: Segmentation fault; move these files away" in message


def test_large_samples_are_decoded_a_few_at_a_time(tmp_path: Path) -> None:
    """A worker's memory does not grow with the size of the samples."""
    task = Task(tmp_path, Images(size=4096).plan(), tmp_path / "samples", 0)
    assert max(1, workers.CHUNK_PIXEL_BYTES // task.plan.row_bytes) == 1
    jobs = list(workers._jobs(["a", "b", "c"], [9, 9, 9], 1))
    assert [(job.first, job.names) for job in jobs] == [(0, ("a",)), (1, ("b",)), (2, ("c",))]


def test_no_worker_outlives_a_build_that_fails(tmp_path: Path) -> None:
    with Crew() as crew, pytest.raises(RuntimeError):
        crew.start(2)
        processes = [worker._process for worker in crew._workers]
        raise RuntimeError
    assert all(process.poll() is not None for process in processes)


def test_settings_are_checked_and_survive_json() -> None:
    source = Images(size=(32, 48), fit="pad", background=(0, 0, 0))
    assert decode(encode(source), Images) == source
    with pytest.raises(SpecError, match="size"):
        Images(size=0)
    with pytest.raises(SpecError, match="fit"):
        Images(fit="squeeze")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="background"):
        Images(background=(0, 0, 256))
    with pytest.raises(SpecError, match="min_side"):
        Images(size=8, fit="exact", min_side=9)


# Real pictures.


@pytest.mark.real
@pytest.mark.skipif(not SHARED.exists(), reason="the real data is not beside this checkout")
def test_real_sprites(tmp_path: Path) -> None:
    """772 figures in modes P, RGBA and L, 77 of them taller, nearly all transparent."""
    folder = SHARED / "sprites" / "crawl_tiles" / "mon"
    corpus = Images(size=32, fit="pad").corpus(folder, tmp_path)
    assert corpus.samples.shape == (772, 3, 32, 32)
    assert any("77 of 772 pictures were reduced and padded from 32x48" in note for note in corpus.notes)
    share_of_white = (np.asarray(corpus.samples) == 255).all(axis=1).mean()
    assert 0.4 < share_of_white < 0.7
    assert [finding for finding in examine(corpus) if finding.severity != "note"] == []
