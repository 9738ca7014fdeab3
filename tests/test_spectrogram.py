"""Spectrograms: FITS recordings are cut into windows, CSV files are windows, and what does not belong is listed."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tiny
from equipoise.data import Corpus, DataError, Spectrogram
from equipoise.data.check import examine as check
from equipoise.data.codec import from_stored
from equipoise.errors import RequestError
from equipoise.evaluating import evaluate
from equipoise.sampling import Tiles, sample
from equipoise.space import Axis
from equipoise.spec import SpecError
from equipoise.training import train

fits = pytest.importorskip("astropy.io.fits", reason="FITS files need the extra equipoise[fits]")

SMALL = Spectrogram(size=16, low=-20.0, high=60.0)


def write(
    path: Path,
    values: NDArray[Any],
    step_s: float = 0.25,
    unit: str = "digits",
    hour: int = 3,
    scale: float = 1.0,
    span: tuple[float, float] = (400.0, 45.0),
) -> Path:
    """As e-CALLISTO writes them: the picture, and a table with the frequency of each row."""
    picture = fits.PrimaryHDU(values)
    picture.header.update(
        {"CDELT1": step_s, "BUNIT": unit, "DATE-OBS": "2015/11/04", "TIME-OBS": f"{hour:02d}:30:00.093"}
    )
    rows = np.linspace(*span, len(values))[None]
    axes = fits.BinTableHDU.from_columns([fits.Column("FREQUENCY", f"{len(values)}D", array=rows)])
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([picture, axes]).writeto(path)
    return path


def sky(seed: int = 0, rows: int = 20, columns: int = 80) -> NDArray[np.uint8]:
    """Each frequency at its own level, some noise, and a burst from column 34 to 43."""
    chance = np.random.default_rng(seed)
    values = 100 + 3 * np.arange(rows)[:, None] + chance.integers(-1, 2, (rows, columns))
    values[:10, 34:44] += 30
    return values.astype(np.uint8)


def read(source: Spectrogram, folder: Path) -> Corpus:
    return source.corpus(folder, folder.parent / "cache")


def world(corpus: Corpus) -> NDArray[np.float32]:
    return from_stored(corpus.samples, corpus.space)[:, 0]


def test_a_recording_is_cut_and_its_background_taken_off(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write(folder / "a.fit", sky())
    corpus = read(SMALL, folder)
    assert corpus.samples.shape == (5, 1, 16, 16)
    values = world(corpus)
    raw = sky()[:16].astype(float)
    expected = raw - np.median(raw, axis=1, keepdims=True)
    error = corpus.space.channels[0].float16_error
    np.testing.assert_allclose(values[2], expected[:, 32:48], atol=1.01 * error)
    assert abs(values[0].mean()) < 1.0
    assert corpus.space.channels[0].unit == "digits"
    assert corpus.space.rows is not None
    assert corpus.space.rows.first == pytest.approx(400.0)
    assert corpus.space.columns is not None
    assert corpus.space.columns.step == 0.25


def test_windows_may_overlap_be_averaged_and_must_stand_out(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write(folder / "a.fit", sky())
    assert len(read(replace(SMALL, stride=8), folder)) == 9
    halved = read(replace(SMALL, average=2), folder)
    np.testing.assert_allclose(
        world(halved)[2], world(read(SMALL, folder))[2].reshape(8, 2, 8, 2).mean((1, 3)), atol=0.02
    )
    write(folder / "b.fit", sky(1))
    loud = read(replace(SMALL, least_peak=15.0), folder)
    assert len(loud) == 2
    assert loud.left_out[-1].name == "8 windows"


def test_a_file_with_its_lowest_frequency_first_is_turned_over(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.fit", sky())
    write(tmp_path / "data" / "b.fit", sky()[::-1], span=(45.0, 400.0))
    corpus = read(replace(SMALL, size=(20, 16)), tmp_path / "data")
    first, second = world(corpus).reshape(2, 5, 20, 16)
    np.testing.assert_array_equal(first, second)
    assert corpus.space.rows == Axis("frequency", "MHz", (45.0 - 400.0) / 19, 400.0)


def test_files_of_other_frequencies_leave_no_axis_and_are_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for at in range(4):
        write(data / f"{at}.fit", sky(at), hour=at, span=(400.0, 45.0) if at % 2 else (105.0, 42.0))
    corpus = read(SMALL, data)
    assert corpus.space.rows is None
    assert any("frequencies differ from file to file (105 to 55 MHz; 400 to 120 MHz)" in one for one in corpus.notes)
    assert any("16 channels of highest frequency: up to 4 below them are not used" in one for one in corpus.notes)
    run = train(replace(tiny.images(3), source=SMALL), data, out=tmp_path / "run", device="cpu")
    sample(run, tmp_path / "out", 2, tiles=Tiles("fits"), device="cpu")
    with fits.open(tmp_path / "out" / "tiles" / "00000.fits") as file:
        assert "CRVAL2" not in file[0].header and file[0].header["CDELT1"] == 0.25
    write(tmp_path / "one" / "a.fit", sky(7), span=(105.0, 42.0))
    write(tmp_path / "one" / "b.fit", sky(8), span=(105.0, 42.0))
    assert evaluate(run, tmp_path / "one", device="cpu").num_held_out is None


def test_csv_files_beside_fits_are_told(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.fit", sky())
    np.savetxt(tmp_path / "data" / "w.csv", sky()[:16, :16], delimiter=",")
    assert any(note.startswith("1 CSV files are not read") for note in read(SMALL, tmp_path / "data").notes)
    assert not any(
        "CSV files are not read" in note for note in read(replace(SMALL, files="fits"), tmp_path / "data").notes
    )


def test_what_does_not_belong_is_left_out_and_listed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(3):
        write(folder / f"good{at}.fit", sky(at))
    write(folder / "slow.fit", sky(), step_s=0.5)
    write(folder / "left.fit", sky(), unit="% polarization (negative = left)")
    write(folder / "flux.fit", sky(), unit="sfu")
    write(folder / "short.fit", sky(columns=9))
    (folder / "torn.fit.gz").write_bytes(gzip.compress((folder / "good0.fit").read_bytes())[:900])
    (folder / "text.fit").write_text("no FITS at all")
    corpus = read(SMALL, folder)
    assert len(corpus) == 15
    reasons = {item.name: item.reason for item in corpus.left_out}
    assert reasons["slow.fit"] == "has a time step of 0.5 s, not 0.25 s"
    assert reasons["left.fit"] == "is polarisation, not intensity"
    assert reasons["flux.fit"] == "is in sfu, most are in digits"
    assert "no window of 16x16 fits" in reasons["short.fit"]
    assert reasons["torn.fit.gz"].startswith("unreadable")
    assert reasons["text.fit"].startswith("unreadable")


def test_all_kinds_of_numbers_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write(folder / "bytes.fit", sky())
    write(folder / "words.fit", sky().astype(">i2"))
    write(folder / "floats.fit", sky().astype(np.float32))
    write(folder / "packed.fit.gz", sky())
    values = world(read(SMALL, folder)).reshape(4, 5, 16, 16)
    for other in values[1:]:
        np.testing.assert_array_equal(values[0], other)


def test_windows_of_one_hour_are_held_out_together(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for hour in range(4):
        for station in ("a", "b"):
            write(folder / f"{station}{hour}.fit", sky(hour), hour=hour)
    corpus = read(SMALL, folder)
    parts = corpus.split(0.2)
    assert len(parts.held_out) == 10, "one of four events"
    assert len({corpus.names[at].split(" ")[0][1] for at in parts.held_out}) == 1


def save_csv(path: Path, values: NDArray[Any], mark: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(mark.join(f"{x:.2f}" for x in row) for row in values) + "\n", encoding="utf-8-sig")


def test_csv_windows_in_folders_of_classes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at, kind in enumerate(("type2", "type3", "quiet")):
        for number in range(4):
            window = np.random.default_rng(10 * at + number).normal(at, 1.0, (16, 16))
            save_csv(folder / kind / f"w{number}.csv", window, mark=(",", ";", "\t", " ")[number])
    assert len(read(SMALL, folder)) == 12
    some = read(replace(SMALL, folders=("type2", "type3")), folder)
    assert {name.split("/")[0] for name in some.names} == {"type2", "type3"}
    with pytest.raises(DataError, match=r"no folder typ2.*did you mean 'type2'"):
        read(replace(SMALL, folders=("typ2",)), folder)


def test_csv_files_that_are_no_windows_say_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    window = np.random.default_rng(0).normal(0, 1, (16, 16))
    for name in ("a", "b"):
        save_csv(folder / f"{name}.csv", window + ord(name))
    rows = (folder / "a.csv").read_text().splitlines()
    (folder / "missing.csv").write_text("\n".join([*rows[:2], rows[2].rpartition(",")[0], *rows[3:]]))
    (folder / "hole.csv").write_text("\n".join([*rows[:2], rows[2].replace(rows[2].split(",")[4], "", 1), *rows[3:]]))
    (folder / "nan.csv").write_text("\n".join([*rows[:2], rows[2].replace(rows[2].split(",")[4], "nan", 1), *rows[3:]]))
    (folder / "small.csv").write_text("\n".join(rows[:9]))
    (folder / "empty.csv").write_text("")
    corpus = read(SMALL, folder)
    reasons = {item.name: item.reason for item in corpus.left_out}
    assert len(corpus) == 2
    assert reasons["missing.csv"] == "line 3 has 15 values, and line 1 has 16"
    assert reasons["hole.csv"] == "line 3 has '' where a number belongs"
    assert reasons["nan.csv"] == "has values that are no numbers"
    assert reasons["small.csv"] == "has 9x16 values, not 16x16"
    assert reasons["empty.csv"] == "is empty"


def test_the_range_is_that_of_nearly_all_values_or_what_was_declared(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write(folder / "a.fit", sky())
    found = read(replace(SMALL, low=None, high=None, cut=0.0), folder).space.channels[0]
    assert found.low == pytest.approx(-2.0, abs=1.0)
    assert found.high == pytest.approx(31.0, abs=1.5)
    narrow = read(replace(SMALL, high=10.0), folder)
    assert world(narrow).max() == 10.0
    assert any("cut off" in note for note in narrow.notes)


def test_on_a_scale_of_asinh_values_come_back_as_they_were_and_faint_ones_take_more_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write(folder / "a.fit", sky())
    bent = replace(SMALL, scale="asinh")
    corpus = read(bent, folder)
    channel = corpus.space.channels[0]
    raw = sky()[:16].astype(float)
    expected = raw - np.median(raw, axis=1, keepdims=True)
    assert channel.origin == 0.0
    assert channel.knee == pytest.approx(3 * 1.4826, rel=0.01), "half of the noise is 1 from the median"
    np.testing.assert_allclose(world(corpus)[2], expected[:, 32:48], atol=1.01 * channel.float16_error)
    faint, bright = (float(channel.share(4.0) - channel.share(0.0)), float(channel.share(60.0) - channel.share(56.0)))
    assert faint > 5 * bright
    np.testing.assert_allclose(channel.from_scale(channel.to_scale([-20.0, 0.5, 60.0])), [-20.0, 0.5, 60.0])
    assert any("asinh: even up to" in note for note in corpus.notes)
    for knee in (2.0, 5.0):  # with which the way to the scale and back ends 1e-15 beyond 28
        cut = read(replace(bent, low=-7.0, high=28.0, knee=knee), folder)
        assert not any("declared range" in finding.title for finding in check(cut)), "its ends are no farther than said"
    given = read(replace(bent, knee=2.3456, origin=1.0625), folder).space
    assert (given.channels[0].knee, given.channels[0].origin) == (2.3456, 1.0625), "as they were given"
    raw_digits = read(Spectrogram(size=16, scale="asinh", background="none", low=0.0, high=255.0), folder).space
    assert raw_digits.channels[0].origin == pytest.approx(np.median(raw), abs=1.0)
    for name in ("knee", "origin"):
        with pytest.raises(SpecError, match=f"{name}: does nothing on an even scale"):
            replace(SMALL, **{name: 2.0})
    assert list(corpus.space.differences(given)), "runs on other scales do not stand beside one another"


def test_a_run_on_a_scale_of_asinh_reads_and_writes_the_unit_of_its_files(tmp_path: Path) -> None:
    folder, other = tmp_path / "data", tmp_path / "other"
    for at in range(4):
        write(folder / f"{at}.fit", sky(at), hour=at)
        write(other / f"{at}.fit", sky(at + 4), hour=at)
    source = replace(SMALL, scale="asinh")
    space = read(source, folder).space
    run = train(replace(tiny.images(3), source=source), folder, out=tmp_path / "run", device="cpu")
    sample(run, tmp_path / "out", 2, tiles=Tiles(), device="cpu")
    with fits.open(tmp_path / "out" / "tiles" / "00001.fits") as file:
        assert -20.001 <= file[0].data.min() <= file[0].data.max() <= 60.001
        middle = float(space.channels[0].from_scale(0.0))
        assert file[0].data.mean() == pytest.approx(middle, abs=0.5), "what is hardly trained draws the middle"
    assert read(source.onto(space), other).space == space
    assert evaluate(run, other, device="cpu").num_held_out is None


def test_nothing_to_read_is_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(DataError, match="no FITS or CSV files"):
        read(SMALL, folder)
    with pytest.raises(DataError, match="is no folder"):
        read(SMALL, tmp_path / "nowhere")
    write(folder / "left.fit", sky(), unit="% polarization")
    with pytest.raises(DataError, match=r"none of 1 files can be used.*polarisation"):
        read(SMALL, folder)
    with pytest.raises(SpecError, match="does not divide 16"):
        replace(SMALL, average=3)


def test_a_run_on_spectrograms_gives_fits_files_in_their_unit(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for at in range(4):
        write(folder / f"{at}.fit", sky(at), hour=at)
    run = train(replace(tiny.images(3), source=SMALL), folder, out=tmp_path / "run", device="cpu")
    written = sample(run, tmp_path / "out", 2, tiles=Tiles(), device="cpu")
    assert written.tiles == 2
    with fits.open(tmp_path / "out" / "tiles" / "00001.fits") as file:
        assert file[0].data.shape == (16, 16)
        assert file[0].header["BUNIT"] == "digits"
        assert -20.0 <= file[0].data.min() <= file[0].data.max() <= 60.0
        assert file[0].header["CRVAL2"] == pytest.approx(400.0)
    with pytest.raises(RequestError, match="only GeoTIFF has a place"):
        sample(run, tmp_path / "other", 2, tiles=Tiles(at=(0.0, 0.0)), device="cpu")


def test_a_run_is_measured_against_another_day_in_its_own_range(tmp_path: Path) -> None:
    ours, other = tmp_path / "data", tmp_path / "other"
    for at in range(4):
        write(ours / f"{at}.fit", sky(at), hour=at)
        write(other / f"{at}.fit", sky(at + 4) // 2, hour=at)
    free = replace(SMALL, low=None, high=None)
    run = train(replace(tiny.images(3), source=free), ours, out=tmp_path / "run", device="cpu")
    space = read(free, ours).space
    assert read(free, other).space != space, "by itself another range"
    assert read(free.onto(space), other).space == space
    assert evaluate(run, other, device="cpu").num_held_out is None
    for at in range(4):
        write(tmp_path / "louder" / f"{at}.fit", sky(at + 4).astype(np.int16) * 4, hour=at)
    louder = evaluate(run, tmp_path / "louder", device="cpu")
    assert any("are cut off" in note and not note.startswith("0.") for note in louder.notes)
