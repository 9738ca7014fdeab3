"""The command line as a person meets it: what works, and what is refused in one clear line with nothing half made."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import tiny
from equipoise import files, recipes, sampling, session
from equipoise.cli import SHORT_SPIN, main, run_command
from equipoise.comparing import compare
from equipoise.engine import checkpoint
from equipoise.engine.export import METADATA
from equipoise.engine.plan import Plan
from equipoise.engine.state import State
from equipoise.evaluating import evaluate_all
from equipoise.folder import RunFolder
from equipoise.interrupt import stop_on_signal
from equipoise.journal import Event, Finished, Resumed, Started, Tick, read
from equipoise.recipes.lengths import FitLength
from equipoise.sampling import WRITTEN
from equipoise.session import ring_of
from equipoise.terminal import View
from equipoise.training import train as make

TINY = str(Path(__file__).with_name("tiny.py"))


def train(*words: str) -> int:
    return run_command(["train", *words, "--device", "cpu"])


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a request is refused."""
    assert run_command(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("equipoise: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "runs/one", "--sheet", "valence"], "sample has no use for valence; see equipoise sample --help"),
        (["sample"], "sample needs RUN-FOLDER; see equipoise sample --help"),
        (["upscale", "runs/one"], "upscale needs SCENE; see equipoise upscale --help"),
        (["sample", "runs/one", "--n"], "--n requires an argument"),
    ],
)
def test_words_too_many_or_too_few_are_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(words, capsys)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "ring"
    assert train(f"{TINY}:points", "--out", str(out), "--for", "20steps") == 0
    return out


def test_a_run_folder_holds_what_it_should(trained: Path) -> None:
    names = {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    assert {
        "recipe.json",
        "journal.jsonl",
        "losses.csv",
        "samples/reals.png",
        "samples/fakes_init.png",
        "samples/step-00000020.png",
        "best/generator.safetensors",
    } <= names
    assert [type(event).__name__ for event in read(trained).events][-1] == "Finished"


def test_time_that_is_up_before_the_last_phase_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(f"{TINY}:two_phases", "--out", str(tmp_path / "run"), "--for", "1s") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "time is up before phase later at step " in told
    assert f"equipoise resume {tmp_path / 'run'} --for 10m" in told


def test_a_run_keeps_the_words_with_which_it_was_begun(tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    assert train(f"{TINY}:points", "--out", out, "--for", "5steps", "--why", "a first look") == 0
    assert run_command(["resume", out, "--for", "5steps", "--why", "longer", "--device", "cpu"]) == 0
    events = [event for event in read(Path(out)).events if isinstance(event, Started | Resumed)]
    assert [event.why for event in events] == ["a first look", "longer"]


def test_train_on_images_then_sample(tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert train(f"{TINY}:images", "--data", str(digits_folder), "--out", str(out), "--for", "2epochs") == 0
    console = capsys.readouterr().out
    assert "Loss_D:" in console and "D(G(z)):" in console and "waiting" in console
    assert run_command(["sample", str(out), "--n", "5", "--seed", "3"]) == 0
    assert len(list((out / "samples" / "seed-3").glob("0*.png"))) == 5
    with np.load(out / "samples" / "seed-3" / "samples.npz") as arrays:
        assert arrays["samples"].shape == (5, 1, 16, 16)
        assert 0 <= arrays["samples"].min() <= arrays["samples"].max() <= 255


def test_the_same_seed_gives_the_same_samples(trained: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_command(["sample", str(trained), "--seed", "5", "--out", str(tmp_path / name), "--device", "cpu"])
    assert (tmp_path / "a" / "sheet.png").read_bytes() == (tmp_path / "b" / "sheet.png").read_bytes()


def test_samples_replace_those_of_an_earlier_call_and_no_other_file(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def words(count: int, folder: Path) -> list[str]:
        return ["sample", str(trained), "--n", str(count), "--tiles", "--out", str(folder), "--device", "cpu"]

    photos, ours = tmp_path / "photos", tmp_path / "ours"
    photos.mkdir()
    for name in ("00000.png", "00007-scene.tif", "20240.npz"):
        (photos / name).write_bytes(b"mine")
    assert "holds 00000.png and 2 more" in refused(words(2, photos), capsys)
    assert {path.name: path.read_bytes() for path in photos.iterdir()} == dict.fromkeys(
        ("00000.png", "00007-scene.tif", "20240.npz"), b"mine"
    )
    assert run_command(words(3, ours)) == 0
    (ours / "notes.txt").write_text("mine")
    assert run_command(words(2, ours)) == 0
    assert {path.name for path in ours.iterdir()} == {"sheet.png", "samples.npz", WRITTEN, "tiles", "notes.txt"}
    assert {path.name for path in (ours / "tiles").iterdir()} == {"00000.npz", "00001.npz"}
    (ours / "tiles" / "00001.npz").write_bytes(b"mine")
    capsys.readouterr()
    assert "holds tiles/00001.npz" in refused(words(1, ours), capsys)
    assert (ours / "tiles" / "00001.npz").read_bytes() == b"mine"


def test_a_walk_is_a_sheet_of_rows(tmp_path: Path, digits_folder: Path) -> None:
    out = tmp_path / "run"
    train(f"{TINY}:images", "--data", str(digits_folder), "--out", str(out), "--for", "6steps")
    assert run_command(["sample", str(out), "--interpolate", "--n", "16", "--sheet", "--out", str(tmp_path / "w")]) == 0
    with Image.open(tmp_path / "w" / "sheet.png") as sheet:
        assert sheet.size == (2 + 8 * 66, 2 + 2 * 66)
    assert not list((tmp_path / "w").glob("0*.png"))


@pytest.mark.parametrize("name", recipes.NAMES)
def test_recipes_shows_each_number_with_its_reason(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["recipes", name, "--json"]) == 0
    rows = {row["path"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    unexplained = [
        path
        for path, row in rows.items()
        if isinstance(row["value"], int | float) and not isinstance(row["value"], bool) and not row["reason"]
    ]
    assert unexplained == []


def test_recipes_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["recipes"]) == 0
    assert all(name in capsys.readouterr().out for name in ["digits"])


def test_dry_run_shows_everything_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train(f"{TINY}:points", "--dry-run", "--set", "batch=48") == 0
    shown = capsys.readouterr().out
    assert "batch = 48" in shown and "parameters" in shown
    assert list(tmp_path.iterdir()) == []


def test_a_part_is_added_by_the_name_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    added = 'phases.main.terms.more+={"part": "terms.penalties.R2", "weight": 1}'
    assert train(f"{TINY}:points", "--dry-run", "--set", added) == 0
    assert re.search(r"phases.main.terms.more = terms.penalties.R2\n", capsys.readouterr().out)
    for wrong in ("terms.penalties.R7", "os.path.R1", "spec.tags.resolve"):
        message = refused(
            ["train", f"{TINY}:points", "--dry-run", "--set", added.replace("terms.penalties.R2", wrong)], capsys
        )
        assert f"'{wrong}' is not from a trusted package" in message


def test_a_rehearsal_says_how_long_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train(f"{TINY}:points", "--rehearse") == 0
    assert "the whole run would take" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_can_be_json_or_a_run(trained: Path, tmp_path: Path) -> None:
    for number, recipe in enumerate((str(trained / "recipe.json"), str(trained))):
        assert train(recipe, "--out", str(tmp_path / str(number)), "--for", "5steps") == 0
        assert RunFolder(tmp_path / str(number)).read_recipe() == RunFolder(trained).read_recipe()


def test_tracking_writes_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra")
    out = tmp_path / "run"
    assert train(f"{TINY}:points", "--out", str(out), "--for", "20steps", "--track", "tensorboard") == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(out / "events"))
    events.Reload()
    assert len(events.Scalars("train/loss_d")) == 4
    assert "step" in events.Tags()["images"]


def test_a_run_outlives_whoever_looks_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where the reader of a pipe leaves, at which rich raises this."""

    def closed(view: View, event: Event) -> None:
        if isinstance(event, Tick):
            raise SystemExit(1)

    monkeypatch.setattr(View, "__call__", closed)
    assert train(f"{TINY}:points", "--out", str(tmp_path / "run"), "--for", "20steps") == 0
    assert capsys.readouterr().err.count("the terminal failed (SystemExit: 1)") == 1
    assert isinstance(read(tmp_path / "run").events[-1], Finished)


def test_ctrl_c_where_nothing_is_trained_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from equipoise import run

    def interrupted(*words: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "start", interrupted)
    assert train(f"{TINY}:points", "--out", str(tmp_path / "run")) == 130
    assert capsys.readouterr().err == "equipoise: interrupted before it was done\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_closes_asks_once_to_stop(ignored: bool) -> None:
    """Both the terminal and its shell send the signal; under nohup it is ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        with stop_on_signal() as stop:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGHUP)
        assert stop.asked is not ignored
    finally:
        signal.signal(signal.SIGHUP, before)


def test_check_writes_a_contact_sheet(tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["check", str(digits_folder), "--sheet", str(tmp_path / "c.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["well"] is True
    with Image.open(tmp_path / "c.png") as sheet:
        assert sheet.width > 200


class TestBadInput:
    """Each: exit code 2, one line, nothing made."""

    @pytest.fixture(autouse=True)
    def nothing_is_made(self, tmp_path: Path) -> object:
        yield
        assert not (tmp_path / "out").exists()

    def on(self, data: Path, tmp_path: Path, *more: str) -> list[str]:
        return ["train", f"{TINY}:images", "--data", str(data), "--out", str(tmp_path / "out"), *more]

    def test_missing_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert str(tmp_path / "nowhere") in refused(self.on(tmp_path / "nowhere", tmp_path), capsys)

    def test_no_data_given(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "--data" in refused(["train", f"{TINY}:images", "--out", str(tmp_path / "out")], capsys)

    def test_empty_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "empty").mkdir()
        assert "empty" in refused(self.on(tmp_path / "empty", tmp_path), capsys)

    def test_no_images(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "texts").mkdir()
        (tmp_path / "texts" / "a.txt").write_text("words")
        assert ".txt" in refused(self.on(tmp_path / "texts", tmp_path), capsys)

    def test_all_unreadable(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "broken").mkdir()
        for number in range(3):
            (tmp_path / "broken" / f"{number}.png").write_bytes(b"no picture")
        refused(self.on(tmp_path / "broken", tmp_path), capsys)

    def test_one_image(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "one").mkdir()
        Image.new("L", (16, 16), 9).save(tmp_path / "one" / "a.png")
        refused(self.on(tmp_path / "one", tmp_path), capsys)

    def test_impossible_size(self, tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        message = refused(self.on(digits_folder, tmp_path, "--set", "source.size=20"), capsys)
        assert "generator" in message and "20" in message

    def test_misspelt_setting(self, tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        message = refused(self.on(digits_folder, tmp_path, "--set", "d_optim.lrr=1"), capsys)
        assert "did you mean 'd_optim.lr'" in message

    def test_setting_out_of_bounds(
        self, tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        message = refused(self.on(digits_folder, tmp_path, "--set", "d_optim.beta1=1.5"), capsys)
        assert "d_optim.beta1: is 1.5; it must be at least 0 and at most 0.9999" in message

    @pytest.mark.parametrize("length", ["0", "0steps", "10 parsecs", "-5m", "steps"])
    def test_length_of_nothing(
        self, tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str], length: str
    ) -> None:
        assert "--for" in refused(self.on(digits_folder, tmp_path, f"--for={length}"), capsys)

    def test_unknown_recipe(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "did you mean 'sprites_small'" in refused(
            ["train", "sprite_small", "--out", str(tmp_path / "out")], capsys
        )

    def test_unknown_option(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "--dat" in refused(["train", "ring", "--dat", "x", "--out", str(tmp_path / "out")], capsys)

    def test_unknown_device(self, tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "no such device" in refused(self.on(digits_folder, tmp_path, "--device", "cuda:77"), capsys)

    def test_batch_norm_under_a_penalty(
        self, tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "batch norm" in refused(self.on(digits_folder, tmp_path, "--set", "critic.norm=batch"), capsys)

    def test_nan_from_the_first_step(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Weights of size 1e38 overflow at once: nothing has been learned, so nothing is kept."""
        recipe = tmp_path / "explosive.py"
        recipe.write_text(EXPLOSIVE.format(tests=str(Path(TINY).parent)))
        assert run_command(["train", f"{recipe}:explosive", "--out", str(tmp_path / "out")]) == 1
        message = capsys.readouterr().err
        assert "no run was begun" in message and "critic's update" in message
        assert not (tmp_path / "out").exists()

    def test_a_full_disk(
        self, tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
        assert "MiB are free" in refused(self.on(digits_folder, tmp_path), capsys)


EXPLOSIVE = """
import sys
sys.path.insert(0, {tests!r})
from equipoise.edit import Edit, apply
from tiny import points

def explosive():
    edits = {{"weight": 1e38, "every": 1024}}
    return apply(points(), [Edit("phases.main.terms.r1." + name, value=value) for name, value in edits.items()])
"""


def test_an_existing_run_is_not_overwritten(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained / "journal.jsonl").read_bytes()
    message = refused(["train", f"{TINY}:points", "--out", str(trained)], capsys)
    assert "exists already" in message and "resume" in message
    assert (trained / "journal.jsonl").read_bytes() == before


def test_what_is_no_run_is_not_overwritten_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.png").write_text("a picture")
    for out, kind in ((tmp_path / "out.png", "a file"), (tmp_path, "a folder with other things in it")):
        message = refused(["train", f"{TINY}:points", "--out", str(out)], capsys)
        assert f"exists already and is {kind}; choose another --out" in message
    assert (tmp_path / "out.png").read_text() == "a picture"


def test_a_run_without_checkpoints_says_what_is_left_of_it(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    fork = run / "forks" / "001-before"
    shutil.copytree(trained, run)
    shutil.copytree(trained, fork)
    for room in (run / "checkpoints", fork / "checkpoints", fork / "best"):
        shutil.rmtree(room)
    message = refused(["resume", str(run)], capsys)
    assert "its checkpoints are gone" in message
    assert f"in best/, to begin with: equipoise train {run} --from {run}\n" in message
    again = ["--from", str(run), "--out", str(tmp_path / "again"), "--for", "5steps"]
    assert train(str(run), *again) == 0
    capsys.readouterr()
    for verb in ("resume", "sample"):
        message = refused([verb, str(fork)], capsys)
        assert "the autopilot keeps none of a fork's" in message
        assert message.endswith(f"equipoise resume {run.resolve()}\n")
    shutil.rmtree(run / "best")
    for verb in ("resume", "sample"):
        assert "there is nothing to go on from" in refused([verb, str(run)], capsys)
    shutil.copytree(trained / "checkpoints", run / "checkpoints")
    assert f"train on: equipoise resume {run}" in refused(["sample", str(run)], capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["check", "{data}", "--sheet"],
        ["report", "{run}", "--out"],
        ["doctor", "{run}", "--page"],
        ["compare", "{run}", "{run}", "--sheet"],
        ["journal", "{run}", "--out"],
        ["train", "{tiny}:points", "--for", "5steps", "--out"],
        ["sample", "{run}", "--out"],
        ["project", "{run}", "{data}/0/000.png", "--out"],
    ],
)
def test_names_that_no_file_can_have_are_refused_before_the_work(
    words: list[str], trained: Path, tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "file.txt").touch()
    before = sorted(tmp_path.iterdir())
    asked = [word.format(run=trained, data=digits_folder, tiny=TINY) for word in words]
    wants_folder = words[0] in ("train", "sample", "project")
    for name in ("file.txt/a.md", *(["file.txt"] if wants_folder else [".", "folder.md"])):
        message = refused([*asked, str(tmp_path / name) if name != "." else name], capsys)
        assert re.search(r"is a folder; give|file.txt is a file|is a file; choose|cannot be made|ends in .md", message)
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file.txt").touch()
    for words in (["report"], ["apply"], ["resume"], ["sample"]):
        more = ["1"] if words == ["apply"] else []
        assert "is not a run folder" in refused([*words, str(tmp_path / "file.txt"), *more], capsys)


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("resume", "sample", "evaluate"):
        assert "not a run folder" in refused([verb, str(tmp_path)], capsys)


@pytest.mark.parametrize("full", ["for checkpoints", "for everything"])
def test_a_disk_that_fills_up_is_loud_and_keeps_what_was(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3 and one line, in the middle of a run; the last whole checkpoint goes on once there is room."""
    resource = pytest.importorskip("resource", reason="limits on the size of files are POSIX's")
    out, write, calls = tmp_path / "run", files.write_synced, itertools.count()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full_after_two(path: Path, content: bytes | memoryview) -> None:
        if ".pt" in path.suffixes and next(calls) >= 2:
            if full == "for checkpoints":
                raise OSError(28, "No space left on device")
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, unlimited[1]))
        write(path, content)

    monkeypatch.setattr(files, "write_synced", full_after_two)
    try:
        assert train(f"{TINY}:points", "--out", str(out)) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert {"for checkpoints": "No space left on device", "for everything": "File too large"}[full] in complaint
    monkeypatch.setattr(files, "write_synced", write)
    assert run_command(["resume", str(out), "--device", "cpu"]) == 0
    assert [type(event).__name__ for event in read(out).events][-1] == "Finished"


def test_a_disk_that_is_too_small_is_told_before_the_run(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what an optimiser will keep of each weight, which it does not have yet."""
    whole = checkpoint.load(checkpoint.entries(trained / "checkpoints")[-1].path)
    kept = ring_of(RunFolder(trained).read_recipe()).most
    room = kept * sum(checkpoint.size_of(whole[name]) for name in ("generator", "critic", "average"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=room))
    assert "are free" in refused(["train", f"{TINY}:points", "--out", str(tmp_path / "run"), "--device", "cpu"], capsys)


def raise_for_want_of_memory(on: str) -> None:
    """As torch does on a device; on the CPU it is torch itself that does it."""
    if on == "cpu":
        torch.empty(2**50)
    raise {
        "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        "mps": RuntimeError("MPS backend out of memory (MPS allocated: 8.98 GB, max allowed: 9.07 GB)."),
        "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        "numpy": MemoryError("Unable to allocate 1.00 PiB for an array"),
    }[on]


def test_a_run_that_was_hardly_scored_ends_with_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    assert train(f"{TINY}:points", "--out", out, "--for", "600steps", "--set", "cadence.sheet_steps=600") == 0
    said, _, following = " ".join(capsys.readouterr().out.split()).partition("next: ")
    assert "not known: " in said and "samples were measured only once (cadence.sheet_steps is 600)" in said
    assert following.startswith(f"equipoise doctor {out} or equipoise sample")


@pytest.mark.parametrize(
    ("on", "room_for", "code"),
    [("cuda", 0, 2), ("cuda", 12, 3), ("cpu", 0, 2), ("cpu", 12, 3), ("mps", 12, 3), ("cublas", 0, 2), ("numpy", 0, 2)],
)
def test_memory_that_is_not_enough_is_one_line(
    on: str,
    room_for: int,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of a run that has made no step nothing is left; of another the last checkpoint is."""
    step = session.step

    def greedy(plan: Plan, state: State, *more: Any) -> None:
        if state.counters.steps == room_for:
            raise_for_want_of_memory(on)
        step(plan, state, *more)

    monkeypatch.setattr(session, "step", greedy)
    out = tmp_path / "run"
    assert train(f"{TINY}:points", "--out", str(out)) == code
    (said,) = capsys.readouterr().err.splitlines()
    assert f"step {room_for + 1}: the memory of cpu was not enough with 32 samples in a batch" in said
    assert out.exists() == (room_for > 0)
    assert not out.exists() or checkpoint.entries(out / "checkpoints")[-1].step == 10


@pytest.mark.parametrize("on", ["cuda", "cpu"])
def test_memory_that_is_not_enough_for_samples_is_one_line(
    on: str, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def greedy(*_: Any, **__: Any) -> None:
        raise_for_want_of_memory(on)

    monkeypatch.setattr(sampling, "sample", greedy)
    assert run_command(["sample", str(trained), "--device", "cpu"]) == 3
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("equipoise: the memory of the device was not enough")


def test_another_error_of_torch_is_not_taken_for_a_want_of_memory(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: Any, **__: Any) -> None:
        torch.zeros(2) @ torch.zeros(3)

    monkeypatch.setattr(sampling, "sample", wrong)
    with pytest.raises(RuntimeError, match="size"):
        run_command(["sample", str(trained), "--device", "cpu"])


def test_data_that_would_not_be_read_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "ring", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert "brings its own data: leave --data away" in refused(words, capsys)
    assert not (tmp_path / "run").exists()
    assert "brings its own data" in refused(["check", str(tmp_path), "--recipe", "digits"], capsys)


@pytest.mark.parametrize("theirs", [None, "7"])
def test_threads_do_not_spin_for_long_unless_asked_to(theirs: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["equipoise", "recipes"])
    monkeypatch.setenv("GOMP_SPINCOUNT", theirs or "")
    if theirs is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    with pytest.raises(SystemExit):
        main()
    assert os.environ["GOMP_SPINCOUNT"] == (theirs or SHORT_SPIN)


def test_a_run_is_evaluated_beside_real_data(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["evaluate", str(trained), "--n", "200", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "200 fakes against 200 real samples" in shown
    assert "not valid here: points have no spectrum" in shown
    assert "told from real data by: " in shown
    assert run_command(["evaluate", str(trained), "--n", "200", "--device", "cpu", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    frechet = document["measures"]["frechet"]
    assert frechet["value"]["mean"] > frechet["floor"]["mean"]
    assert frechet["tells"] is True
    assert document["measures"]["detail"] == {"not_valid": "points have no spectrum"}


def test_an_evaluation_changes_nothing_in_the_run(trained: Path) -> None:
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    assert run_command(["evaluate", str(trained), "--n", "50", "--device", "cpu"]) == 0
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


def test_pictures_are_evaluated_against_data_of_their_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, other = tiny.coloured(tmp_path / "data", 60), tiny.coloured(tmp_path / "other", 60, seed=1)
    out = tmp_path / "run"
    assert train(f"{TINY}:images", "--data", str(data), "--out", str(out), "--for", "6steps") == 0
    capsys.readouterr()
    assert run_command(["evaluate", str(out), "--data", str(other), "--device", "cpu"]) == 0
    assert "60 fakes against 60 real samples" in capsys.readouterr().out
    best = str(out / "best" / "generator.safetensors")
    assert "does not know where its data are: add --data" in refused(["evaluate", best], capsys)
    assert run_command(["evaluate", best, "--data", str(data), "--device", "cpu"]) == 0
    tiny.coloured(tmp_path / "more", 3, seed=2)
    for at, path in enumerate(sorted((tmp_path / "more").iterdir())):
        path.rename(data / f"new-{at}.png")
    assert "are not what" in refused(["evaluate", str(out)], capsys)
    grey = tmp_path / "grey"
    grey.mkdir()
    for at in range(30):
        Image.fromarray(np.full((16, 16), 3 * at, np.uint8)).save(grey / f"{at}.png")
    words = refused(["evaluate", str(out), "--data", str(grey)], capsys)
    assert "is of another kind than what" in words
    assert "channels grey, not red, green, blue" in words


def test_an_evaluation_of_nothing_is_refused(tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not a run folder" in refused(["evaluate", str(tmp_path)], capsys)
    assert "at least one sample" in refused(["evaluate", str(trained), "--n", "0"], capsys)
    assert "leave --data away" in refused(["evaluate", str(trained), "--data", str(tmp_path)], capsys)
    assert run_command(["evaluate", str(trained), "--n", "12", "--device", "cpu"]) == 0
    assert "too few; 24 of each are needed" in capsys.readouterr().out


def test_two_runs_are_compared_by_the_same_reals(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    longer, twin = str(tmp_path / "longer"), str(tmp_path / "twin")
    assert train(f"{TINY}:points", "--out", longer, "--for", "600steps", "--set", "average.decay=0.9") == 0
    assert (
        train(f"{TINY}:points", "--out", twin, "--for", "600steps", "--set", "average.decay=0.9", "--set", "seed=1")
        == 0
    )
    capsys.readouterr()
    assert run_command(["compare", str(trained), longer, "--n", "400", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "400 fakes of each run against 400 real samples, the same for all" in shown
    assert "samples side by side: compare.png" in shown
    assert (tmp_path / "compare.png").exists()
    assert f"{longer} is better by" in shown
    header = next(line for line in shown.splitlines() if "the other is" in line)
    assert header.split()[:3] == ["first", "other", "real"]
    assert "one setting differs: average.decay" in shown
    steps = [int(step) for step in re.findall(r", step (\d+)", shown)]
    assert len(steps) == 2 and steps[1] > 10 * steps[0]
    times = f"{steps[1] / steps[0]:.3g}"
    assert f"the other has trained {times} times as long, which may be all that a difference comes from" in shown
    assert run_command(["compare", longer, str(trained), "--n", "400", "--device", "cpu", "--json"]) == 0
    (other,) = json.loads(capsys.readouterr().out)["others"]
    assert other["verdicts"]["diversity"] == "worse"
    assert other["one_setting"] == "average.decay" and not other["several_at_once"]
    (setting,) = other["settings"]
    assert (setting["path"], setting["before"]) == ("average.decay", 0.9)
    mean, low, high = other["worse_by"]["diversity"]
    assert 0 < low < mean < high
    assert other["floors"]["diversity"] == pytest.approx(1.0, abs=0.1), "that of real samples"
    assert run_command(["compare", longer, longer, twin, "--n", "100", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "no setting differs\n" in shown
    assert "these runs cannot be told apart" in shown
    assert "no setting differs but the seed" in shown


def test_a_run_of_an_older_version_is_compared_by_what_was_changed(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What its recipe does not say is as this version has it."""
    old = Path(shutil.copytree(trained, tmp_path / "old"))
    for path in (old / "best").glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()[METADATA])
        for name in ("course", "on_fault", "most_skipped"):
            del about["recipe"][name]
        save_file(load_file(path), path, {METADATA: json.dumps(about)})
    asked = ["compare", str(old), str(trained), "--n", "50", "--device", "cpu", "--sheet", str(tmp_path / "a.png")]
    capsys.readouterr()
    assert run_command(asked) == 0
    assert "  no setting differs\n" in capsys.readouterr().out
    assert run_command([*asked, "--json"]) == 0
    (other,) = json.loads(capsys.readouterr().out)["others"]
    assert other["settings"] == [] and other["of_version"] == [] and not other["another_seed"]


def test_what_follows_from_the_time_there_was_is_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(tiny.points(400), tailor=FitLength())
    runs = [make(recipe, out=tmp_path / str(seconds), budget=f"{seconds}s", device="cpu") for seconds in (0.2, 0.4)]
    asked = ["compare", *map(str, runs), "--n", "50", "--device", "cpu", "--sheet", str(tmp_path / "a.png")]
    capsys.readouterr()
    assert run_command(asked) == 0
    shown = capsys.readouterr().out
    assert "  one setting differs: --for: 0.2 s -> 0.4 s\n" in shown
    why = "as it follows from the length, which was fitted to 0.2 s and to 0.4 s"
    assert f"  not counted, {why}: phases.main.length.amount: " in shown


def test_of_several_runs_each_difference_is_one_among_more(trained: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    assert train(f"{TINY}:points", "--out", str(twin), "--for", "20steps", "--set", "seed=1") == 0
    alone, among = (
        compare([trained, *others], count=100, device="cpu").comparisons[-1] for others in ([twin], [trained, twin])
    )
    pairs = [(one.worse_by, other.worse_by) for one, other in zip(alone.differences, among.differences, strict=True)]
    assert all(other.mean == one.mean for one, other in pairs)
    uncertain = [(one, other) for one, other in pairs if one.low < one.high]
    assert len(uncertain) > 3 and all(other.high - other.low > one.high - one.low for one, other in uncertain)


def test_what_one_run_held_out_another_may_have_trained_on(tmp_path: Path) -> None:
    data = tiny.coloured(tmp_path / "data", 300)
    more = Path(shutil.copytree(data, tmp_path / "more"))
    shutil.copy(sorted(more.iterdir())[0], more / "once-again.png")
    for folder in (data, more):
        out = str(tmp_path / f"on-{folder.name}")
        assert train(f"{TINY}:images", "--out", out, "--for", "4steps", "--data", str(folder)) == 0
    runs = [tmp_path / "on-data", tmp_path / "on-more"]
    first, other = evaluate_all(runs, data, 60, device="cpu")
    assert first.num_held_out and other.num_held_out is None


def test_several_settings_that_differ_are_no_ones_merit(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--set", "phases.main.terms.r1.weight=1", "--set", "batch=16", "--set", "seed=3"]
    assert train(f"{TINY}:points", "--out", "other", "--for", "20steps", *words) == 0
    capsys.readouterr()
    asked = ["compare", str(trained), "other", "--n", "50", "--device", "cpu"]
    assert run_command(asked) == 0
    shown = capsys.readouterr().out
    assert "2 settings differ, and the seed, so nothing can be laid to any one of them: " in shown
    assert "times as long" not in shown
    assert run_command([*asked, "--json"]) == 0
    (other,) = json.loads(capsys.readouterr().out)["others"]
    assert other["several_at_once"] and other["another_seed"] and other["one_setting"] is None
    assert {row["path"] for row in other["settings"]} == {"phases.main.terms.r1.weight", "batch"}


def test_what_cannot_be_compared_is_refused(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "needs at least two runs" in refused(["compare", str(trained)], capsys)
    data, more = tiny.coloured(tmp_path / "data", 60), tiny.coloured(tmp_path / "more", 60, seed=1)
    runs = []
    for folder in (data, more):
        runs.append(str(tmp_path / f"run-{folder.name}"))
        assert train(f"{TINY}:images", "--data", str(folder), "--out", runs[-1], "--for", "2steps") == 0
    assert "read different data, or read them differently" in refused(["compare", *runs], capsys)
    assert "make samples of different kinds: 1x1 pixels, not 16x16" in refused(
        ["compare", str(trained), runs[0]], capsys
    )
    sheet = tmp_path / "both.png"
    assert run_command(["compare", *runs, "--data", str(data), "--device", "cpu", "--sheet", str(sheet)]) == 0
    with Image.open(sheet) as picture:
        rows, title, columns = 3, 18, 8
        assert picture.size == (columns * 66 + 2, 3 * (title + rows * 66 + 2))
    nowhere = str(sheet / "both.png")
    assert "cannot be written" in refused(["compare", *runs, "--data", str(data), "--sheet", nowhere], capsys)


def test_of_too_few_samples_nothing_is_compared(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", str(trained), str(trained), "--n", "5", "--sheet", str(tmp_path / "c.png")]
    assert run_command(words) == 0
    told = capsys.readouterr().out
    assert "not valid here: 5 real samples and 5 fakes are too few; 24 of each are needed (" in told
    assert "nothing could be measured" in told
    assert "cannot be told apart" not in told


def test_all_numbers_are_had_for_the_asking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    data = tiny.coloured(tmp_path / "data", 60)
    assert train(f"{TINY}:images", "--data", str(data), "--out", out, "--for", "2steps") == 0
    capsys.readouterr()
    assert run_command(["evaluate", out, "--all", "--device", "cpu", "--json"]) == 0
    measures = json.loads(capsys.readouterr().out)["measures"]
    assert {"frechet", "checkerboard", "classifier", "level 16", "values of red"} <= measures.keys()
    assert run_command(["evaluate", out, "--all", "--device", "cpu"]) == 0
    assert "period of two pixels" in capsys.readouterr().out


def test_copies_are_looked_for_where_samples_were_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    data = tiny.coloured(tmp_path / "data", 160)
    assert train(f"{TINY}:images", "--data", str(data), "--out", out, "--for", "2steps", "--set", "held_out=0.3") == 0
    capsys.readouterr()
    assert run_command(["evaluate", out, "--device", "cpu", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert 30 < document["num_held_out"] < 70
    assert 0.0 <= document["measures"]["copying"]["value"]["mean"] <= 1.0
    other = tiny.coloured(tmp_path / "other", 60, seed=1)
    assert run_command(["evaluate", out, "--data", str(other), "--device", "cpu"]) == 0
    assert "which samples were trained on is not known" in capsys.readouterr().out


def test_points_cannot_be_augmented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", f"{TINY}:points", "--ada", "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert "has no change that keeps 2 channels of 1x1 plausible" in refused(words, capsys)
    assert not (tmp_path / "run").exists()


def test_adaptive_augmentation_is_a_word_away(tmp_path: Path) -> None:
    out, data = tmp_path / "run", tiny.coloured(tmp_path / "data", 60)
    assert train(f"{TINY}:images", "--data", str(data), "--out", str(out), "--for", "2steps", "--ada") == 0
    written = json.loads((out / "recipe.json").read_text())["augment"]
    assert written["applies_to"] == "both"
    assert len(written["operations"]) == 6
