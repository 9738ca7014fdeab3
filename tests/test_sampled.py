"""The doctor on folders of pictures: anybody's generator, with or without a log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from equipoise.cli import run_command

Pictures = NDArray[np.float64]
"""[n, H, W, 3] in 0 to 255."""
COUNT, SIDE = 150, 32


def scenes(seed: int, count: int = COUNT, side: int = SIDE) -> Pictures:
    """A ground of some colour, soft shapes on it, and a grain as fine as that of photographs."""
    source = np.random.default_rng(seed)
    down, across = np.mgrid[0:side, 0:side] / side
    ground = source.uniform(60, 190, (count, 1, 1, 3))
    found = np.broadcast_to(ground, (count, side, side, 3)).copy()
    for _ in range(4):
        y, x, wide = (source.uniform(0.1, 0.9, (count, 1, 1)), source.uniform(0.1, 0.9, (count, 1, 1)), 0.12)
        bump = np.exp(-((down - y) ** 2 + (across - x) ** 2) / (2 * wide**2))
        found += bump[..., None] * source.uniform(-110, 110, (count, 1, 1, 3))
    return found + source.normal(0, 4, found.shape)


def write(folder: Path, pictures: NDArray[Any]) -> Path:
    folder.mkdir()
    for at, picture in enumerate(pictures.clip(0, 255).astype(np.uint8)):
        Image.fromarray(picture).save(folder / f"{at:04}.png")
    return folder


@pytest.fixture
def real(tmp_path: Path) -> Path:
    return write(tmp_path / "real", scenes(0))


def doctor(*words: object) -> int:
    return run_command(["doctor", *map(str, words)])


def test_few_real_pictures_are_no_farther_than_as_many_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Floors of many would call them far: fewer pictures cover less."""
    many = write(tmp_path / "many", scenes(0, 400))
    few = write(tmp_path / "few", scenes(1, 48))
    assert doctor("--samples", few, "--real", many) == 0
    assert capsys.readouterr().out.startswith("HEALTHY")


def one_picture(pictures: Pictures) -> Pictures:
    return pictures[:1] + np.random.default_rng(5).normal(0, 0.5, pictures.shape)


def checkered(pictures: Pictures) -> Pictures:
    sign = np.indices((SIDE, SIDE)).sum(0) % 2 * 2 - 1
    return pictures + 25 * sign[:, :, None]


def blocky(pictures: Pictures) -> Pictures:
    coarse = pictures[:, ::4, ::4].repeat(4, 1).repeat(4, 2)
    return coarse + np.random.default_rng(3).normal(0, 4, coarse.shape)


ILL: dict[str, Callable[[Pictures], Pictures]] = {
    "total-collapse": one_picture,
    "checkerboard": checkered,
    "blocks": blocky,
    "dark-retreat": lambda pictures: 0.1 * pictures,
    "flat": lambda pictures: pictures.mean((1, 2), keepdims=True) + np.zeros((1, SIDE, SIDE, 1)),
    "colour-drift": lambda pictures: pictures.mean(3, keepdims=True) + np.zeros(3),
    "saturation": lambda pictures: np.where(pictures > 125, 255.0, 0.0),
}


@pytest.mark.parametrize("key", ILL)
def test_a_fault_of_pictures_has_its_name(
    key: str, real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = write(tmp_path / "samples", ILL[key](scenes(1)))
    assert doctor("--samples", samples, "--real", real, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert key in [one["key"] for one in found["diagnoses"]]
    assert key != "blocks" or found["diagnoses"][0]["key"] == "blocks", "squares have lines along rows and columns too"
    assert {one["onset"] for one in found["diagnoses"]} == {None}, "nobody knows since when"
    assert found["last_step"] is None
    assert any("since when" in gap for gap in found["unknown"])


@pytest.mark.parametrize("mirrored", [0, COUNT // 2, COUNT])
def test_copies_of_real_pictures_are_told(
    mirrored: int, real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = np.concatenate([scenes(0)[:mirrored, :, ::-1], scenes(0)[mirrored:]])
    noisy = copies + np.random.default_rng(7).normal(0, 2, (COUNT, SIDE, SIDE, 3))
    samples = write(tmp_path / "samples", noisy)
    assert doctor("--samples", samples, "--real", real) == 1
    out = capsys.readouterr().out
    assert "samples are copies of training samples (memorisation)" in out.splitlines()[2]


def test_half_of_the_variety_is_a_suspicion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two kinds of pictures, of which the samples have one."""
    kinds = np.concatenate([scenes(0), 255 - 0.5 * scenes(0)])
    real, samples = write(tmp_path / "real", kinds), write(tmp_path / "samples", scenes(1) * 0.4 + scenes(1)[:1] * 0.6)
    assert doctor("--samples", samples, "--real", real) == 1
    assert "(partial-collapse)" in capsys.readouterr().out


def test_good_samples_are_healthy_and_what_cannot_be_told_is_said(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = write(tmp_path / "samples", scenes(1))
    assert doctor("--samples", samples, "--real", real, "--page", tmp_path / "page.html") == 0
    out = capsys.readouterr().out
    assert out.startswith("HEALTHY: nothing of what the doctor knows is in the samples; they are 1.")
    assert "read: 150 samples beside 150 real pictures\n" in out
    assert "note: the samples were looked at once, in 3 parts that have to agree" in out
    assert "note: 150 pictures are few" in out
    assert "150 samples beside 150 real pictures" in (tmp_path / "page.html").read_text()


def test_with_a_log_they_are_its_last_evaluation(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The losses alone would say nothing, and the log's onset stays its own."""
    noise = np.random.default_rng(0).normal(1, 0.1, (400, 2))
    rows = [f"{10 * at},{1.2 * d:.5f},{0.9 * g:.5f}" for at, (d, g) in enumerate(noise)]
    log = tmp_path / "log.csv"
    log.write_text("\n".join(["step,D_loss,G_loss", *rows]))
    assert doctor(log, "--loss", "bce") == 0
    assert "no measure of samples" in capsys.readouterr().out
    samples = write(tmp_path / "samples", one_picture(scenes(1)))
    assert doctor(log, "--loss", "bce", "--samples", samples, "--real", real) == 1
    out = capsys.readouterr().out
    assert out.startswith("ILL: the generator makes nearly the same sample each time\n")
    assert "no measure of samples" not in out
    assert "read: log.csv, a table and 150 samples beside 150 real pictures, up to step 3990" in out


def test_a_measure_of_the_log_is_not_mixed_with_that_of_the_pictures(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("\n".join(["step,D_loss,recall,fid", *(f"{500 * at},1.3,0.5,{90 - at}" for at in range(1, 9))]))
    samples = write(tmp_path / "samples", scenes(1))
    assert doctor(log, "--loss", "bce", "--samples", samples, "--real", real) == 0
    assert "note: the log's own distance, recall counts, not the pictures'" in capsys.readouterr().out


def test_other_sizes_and_channels_are_brought_together_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = write(tmp_path / "real", scenes(0, 60, 48))
    samples = write(tmp_path / "samples", scenes(1, 60, 32).mean(3))
    assert doctor("--samples", samples, "--real", real) == 1
    out = capsys.readouterr().out
    assert "(colour-drift)" in out
    assert "note: real pictures were scaled to 32x32 pixels, most of them from 48x48" in out


def test_pictures_that_cannot_be_read_are_counted(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = write(tmp_path / "samples", scenes(1))
    (samples / "broken.png").write_bytes(b"no picture")
    doctor("--samples", samples, "--real", real)
    assert f"note: of {samples} could not be used: 1, such as broken.png" in capsys.readouterr().out


def test_a_wrong_request_is_one_line(real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, few = tmp_path / "empty", write(tmp_path / "few", scenes(1, 20))
    empty.mkdir()
    for words, said in (
        (["--samples", few], "--samples and --real go together"),
        (["--samples", empty, "--real", real], "is empty; give a folder with pictures in it"),
        (["--samples", tmp_path / "none", "--real", real], f"--samples {tmp_path / 'none'}: there is no such folder"),
        (["--samples", few, "--real", real], "20 pictures are too few to judge by, at least 48 are needed"),
        (["--samples", real, "--real", few], "20 pictures are too few"),
        (["--samples", real, "--real", real], "are the same folder"),
    ):
        assert doctor(*words) == 2, words
        err = capsys.readouterr().err.strip()
        assert said in err and "\n" not in err
