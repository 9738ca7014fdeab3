"""Folders and bytes: runs of ours, TensorBoard's events, StyleGAN's files."""

from __future__ import annotations

import json
import random
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equipoise import RequestError, journal
from equipoise.cli import run_command
from equipoise.doctor.readers import read
from equipoise.doctor.readers.phases import played, settings_of
from equipoise.doctor.symptoms.stages import StageSwitch
from equipoise.folder import RunFolder
from equipoise.journal import Faulted, Journal, Measured, Resumed, Skipped, Started, Tick, ticks
from equipoise.recipes import catalogue, load
from equipoise.spec import encode, flatten

TINY = str(Path(__file__).with_name("tiny.py"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "ring"
    assert run_command(["train", f"{TINY}:points", "--out", str(out), "--for", "40steps", "--device", "cpu"]) == 0
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_run_of_ours_is_all_that_its_journal_says(trained: Path) -> None:
    trace = read(trained)
    rows = list(ticks(journal.read(trained).events))
    assert trace.game is not None and trace.game.key == "relativistic"
    for name, column in (("d_loss", "d.game"), ("g_loss", "g.game"), ("d_total", "loss_d"), ("penalty", "d.r1")):
        assert trace.signals[name].values.tolist() == [row.values[column] for row in rows if column in row.values]
    assert trace.signals["d_loss"].steps.tolist() == [row.step for row in rows]
    assert {"distance", "recall", "diversity", "grad_d", "lr_g", "waiting", "score_real"} <= set(trace.signals)
    assert trace.signals["not_finite"].values.max() == 0
    measured = [event for event in journal.read(trained).events if isinstance(event, Measured)]
    assert trace.signals["distance"].values.tolist() == [event.beside["frechet"] for event in measured]
    assert trace.signals["recall"].values.tolist() == [event.beside["coverage"] for event in measured]
    assert trace.batch == 32 and trace.steps_an_epoch == pytest.approx(rows[-1].step / rows[-1].epoch)
    assert trace.settings == flatten(RunFolder(trained).read_recipe())


def test_a_file_of_a_run_is_the_run(trained: Path) -> None:
    assert read(trained / "losses.csv").settings == read(trained / "journal.jsonl").settings != {}


def test_our_table_alone_is_read_by_its_columns(trained: Path, tmp_path: Path) -> None:
    shutil.copy(trained / "losses.csv", tmp_path / "a.txt")
    trace = read(tmp_path / "a.txt", loss="relativistic")
    assert trace.signals["d_loss"].values.tolist() == pytest.approx(read(trained).signals["d_loss"].values.tolist())
    assert "score_fake" in trace.signals


def test_a_torn_line_and_foreign_events_are_left_out(run: Path) -> None:
    wanted = len(read(run).signals["d_loss"])
    path = run / Journal.name
    strange = (
        b'{"event":"Tick","step":"many","images":1,"epoch":1,"seconds":1,"values":[],"images_per_s":1,"waiting":0}\n'
    )
    path.write_bytes(path.read_bytes() + b"\x00\xff{}\n" + strange + b'{"event":"Tick","step":45,"ima')
    trace = read(run)
    assert len(trace.signals["d_loss"]) == wanted
    assert any("2 broken lines" in gap for gap in trace.unknown)


def test_a_journal_in_any_state_is_read_or_refused(run: Path) -> None:
    """Cut, mixed and spoilt with a fixed seed, and with numbers too large for anything."""
    dice, path = random.Random(3), run / Journal.name
    whole = path.read_bytes()
    huge = whole.replace(b'"step":40', b'"step":' + b"9" * 400).replace(b'"images":', b'"images":' + b"9" * 400)
    spoilt = [huge, whole + whole, whole[500:], b"", whole.replace(b"Resumed", b"Rested")]
    for _ in range(100):
        data = bytearray(whole[: dice.randrange(len(whole))])
        for _ in range(dice.randrange(20) if data else 0):
            data[dice.randrange(len(data))] = dice.randrange(256)
        spoilt.append(bytes(data))
    for data in spoilt:
        path.write_bytes(data)
        trace = read(run)
        assert all((np.diff(series.steps) > 0).all() for series in trace.signals.values())


def test_how_a_run_ended_and_what_it_left_out_are_told(run: Path) -> None:
    with Journal(run) as writer:
        writer.append(Skipped(step=12, culprit="gradient of the critic"))
        writer.append(Faulted(step=40, message="step 40: samples are not finite"))
    assert read(run).faults == ("step 40: samples are not finite",)
    counts = read(run).signals["not_finite"]
    assert counts.values[counts.steps < 12].max() == 0 and counts.values[counts.steps >= 12].min() == 1
    with Journal(run) as writer:
        writer.append(Resumed(step=30, checkpoint="", data={}, machine={}, goal={}))
    assert read(run).faults == () and read(run).last_step == 30


@pytest.mark.parametrize(
    "recipe", ["{", "[]", '{"phases": []}', '{"phases": {"a": {}}}', '{"phases": {"a": {"length": {"unit": "years"}}}}']
)
def test_a_recipe_that_is_damaged_is_named(recipe: str, run: Path) -> None:
    (run / "recipe.json").write_text(recipe)
    with pytest.raises(RequestError, match=r"recipe\.json is not"):
        read(run)


def test_without_its_recipe_a_run_is_what_it_began_as(run: Path) -> None:
    (run / "recipe.json").unlink()
    assert read(run).settings == read(run / "journal.jsonl").settings != {}


def test_a_run_that_has_only_begun_is_read(run: Path) -> None:
    path = run / Journal.name
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    assert len(read(run).signals["waiting"]) == 0


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_a_recipe_is_by_path_what_spec_makes_of_it(name: str) -> None:
    assert settings_of(encode(load(name))) == flatten(load(name))


def test_ticks_belong_to_the_phase_they_were_made_in() -> None:
    def tick(step: int) -> Tick:
        return Tick(step=step, images=step * 4, epoch=step / 10, seconds=0, values={}, images_per_s=0, waiting=0)

    spans = {"warm": (20, "steps"), "ramp": (120, "images"), "game": (1, "epochs")}
    phases = {name: {"length": {"amount": amount, "unit": unit}} for name, (amount, unit) in spans.items()}
    found = played({"phases": phases}, [tick(step) for step in range(5, 101, 5)])
    assert [(stretch.name, stretch.begin, stretch.ticks[-1].step) for stretch in found] == [
        ("warm", 0, 20),
        ("ramp", 20, 50),
        ("game", 50, 100),
    ]
    assert [stretch.name for stretch in played({"phases": phases}, [tick(5)])] == ["warm"]


def test_what_was_measured_before_a_phase_is_handed_to_it(tmp_path: Path) -> None:
    """The destruction that the game brings is seen against the phase before it."""
    recipe = encode(replace(load("sentinel2_sr"), tailor=None))
    with Journal(tmp_path) as writer:
        writer.append(Started(recipe=recipe, digest="", data={}, machine={}, goal={}))
        for step in range(500, 5001, 500):
            values = {"loss_g": 0.1} if step <= 4000 else {"d.game": 0.2, "g.game": 3.0}
            writer.append(Tick(step=step, images=0, epoch=1, seconds=0, values=values, images_per_s=0, waiting=0))
            psnr = 26.0 + step / 2000 if step <= 4000 else 20.0
            writer.append(Measured(step=step, name="kernel", value=0.1, seconds=0, beside={"psnr": psnr}))
    trace = read(tmp_path)
    assert trace.before["psnr"] == 28.0 and trace.signals["psnr"].values.tolist() == [20.0, 20.0]
    assert StageSwitch().seen(trace)
    assert read(tmp_path, phase="pixels").before == {}


def test_a_phase_is_asked_for_by_name(trained: Path) -> None:
    assert len(read(trained, phase="main").signals["d_loss"])
    with pytest.raises(RequestError, match="--phase mian is none of main; did you mean 'main'"):
        read(trained, phase="mian")


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def framed(record: bytes) -> bytes:
    """A record as it is framed; nobody checks the sums of a log that is only looked at."""
    return struct.pack("<QI", len(record), 0) + record + bytes(4)


def scalar(step: int, tag: str, value: bytes) -> bytes:
    return framed(varint(2 << 3) + varint(step) + message(5, message(1, message(1, tag.encode()) + value)))


VERSION = framed(message(3, b"brain.Event:2"))


def test_events_are_read_byte_by_byte(tmp_path: Path) -> None:
    simple = [scalar(step, "Loss/D", b"\x15" + struct.pack("<f", step / 4)) for step in range(300)]
    tensor = message(8, b"\x08\x01" + message(4, struct.pack("<f", 2.5)))
    doubles = message(8, b"\x08\x02" + message(6, struct.pack("<d", 7.5)))
    picture = framed(message(5, message(1, message(1, b"sheet") + message(4, bytes(9000)))))
    others = [scalar(3, "Loss/G", tensor), picture, scalar(4, "Loss/G", doubles)]
    torn = scalar(5, "Loss/G", tensor)[:-9]
    (tmp_path / "log").write_bytes(b"".join([VERSION, *simple, *others, torn]))
    trace = read(tmp_path / "log")
    assert trace.signals["d_loss"].values.tolist() == [step / 4 for step in range(300)]
    assert trace.signals["g_loss"].values.tolist() == [2.5, 7.5]
    assert any("cut off" in gap for gap in trace.unknown)


def test_events_of_the_real_writer_are_read(tmp_path: Path) -> None:
    board = pytest.importorskip("torch.utils.tensorboard")
    with board.SummaryWriter(tmp_path / "run") as writer:
        for step in range(20):
            writer.add_scalar("train/d_loss", 0.5, step)
            writer.add_scalar("FID", 30 - step, step, new_style=True)
            writer.add_scalars("losses", {"g_loss": 1.5}, step)
    trace = read(tmp_path / "run")
    assert trace.signals["d_loss"].values.tolist() == [0.5] * 20
    assert trace.signals["fid"].values.tolist() == [30.0 - step for step in range(20)]
    assert trace.signals["g_loss"].steps.tolist() == list(range(20))


def test_events_of_several_runs_are_not_mixed(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        values = [scalar(step, "Loss/D", b"\x15" + struct.pack("<f", step / 4)) for step in range(30)]
        (tmp_path / name / "events.out.tfevents.1").write_bytes(b"".join([VERSION, *values]))
    with pytest.raises(RequestError, match=r"several runs \(bad, good\): give one of their folders"):
        read(tmp_path)
    assert len(read(tmp_path / "good").signals["d_loss"]) == 30


@pytest.mark.parametrize("batch", [None, 8])
def test_a_folder_of_stylegan_is_its_stats_and_its_measures(batch: int | None, tmp_path: Path) -> None:
    def of(value: float) -> dict[str, float]:
        return {"num": 64, "mean": value, "std": 0.1}

    names = {
        "Loss/D/loss": 0.9,
        "Loss/G/loss": 1.1,
        "Loss/scores/real": 0.4,
        "Loss/signs/real": 0.6,
        "Progress/augment": 0.2,
    }
    stats = [
        {**{name: of(value) for name, value in names.items()}, "Progress/kimg": of(at), "timestamp": 1.0}
        for at in range(0, 40, 4)
    ]
    measured = [
        {"results": {"fid50k_full": 90 - at}, "metric": "fid50k_full", "snapshot_pkl": f"network-snapshot-{at:06}.pkl"}
        for at in (0, 20)
    ]
    (tmp_path / "stats.jsonl").write_text("\n".join(map(json.dumps, stats)))
    (tmp_path / "metric-fid50k_full.jsonl").write_text("\n".join(map(json.dumps, measured)))
    if batch is not None:
        (tmp_path / "training_options.json").write_text(json.dumps({"batch_size": batch, "total_kimg": 25000}))
    trace = read(tmp_path)
    assert trace.signals["d_loss"].values.tolist() == [0.9] * 10
    assert trace.signals["fid"].steps.tolist() == [0, 20_000 / (batch or 32)]
    assert {"g_loss", "score_real", "overfitting", "augment_p"} <= set(trace.signals)
    assert any("32 are taken for one step" in gap for gap in trace.unknown) == (batch is None)


def test_the_text_that_stylegan_prints_tells_its_augmentation(tmp_path: Path) -> None:
    line = "tick {0}     kimg {1}.0     time 12m 34s     sec/tick 34.1  sec/kimg 8.5  gpumem 10.2  augment 0.{0}"
    (tmp_path / "log.txt").write_text("\n".join(line.format(at, at * 4) for at in range(9)))
    trace = read(tmp_path)
    assert trace.signals["augment_p"].values.tolist() == pytest.approx(np.arange(9) / 10)
    assert trace.signals["augment_p"].steps[1] == 4000 / 32
