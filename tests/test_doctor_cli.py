"""The doctor as a person meets it, at the command line and in Python."""

from __future__ import annotations

import html
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equipoise
import logs
import tiny
from equipoise.cli import run_command
from equipoise.doctor import telling
from equipoise.doctor.game import GAMES, cross_entropy
from equipoise.doctor.readers import read, read_all
from equipoise.doctor.readers.runs import read_run
from equipoise.doctor.symptom import Diagnosis, Doubt, Evidence, Examination, Remedy
from equipoise.doctor.symptoms.balance import CriticWins
from equipoise.doctor.trace import Trace
from equipoise.edit import Edit
from equipoise.recipe import Phase, Span
from equipoise.report.page import Dossier, page
from equipoise.terms import BCE

STEPS = range(0, 4000, 10)


def doctor(*words: object) -> int:
    return run_command(["doctor", *map(str, words)])


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """A log of a critic that wins."""
    path = tmp_path / "lost.csv"
    noise = np.random.default_rng(0).normal(1, 0.1, (400, 2))
    rows = [f"{at},{(0.001 if at > 900 else 1.2) * d:.6f},{9 * g:.4f}" for at, (d, g) in zip(STEPS, noise, strict=True)]
    path.write_text("\n".join(["step,D_loss,G_loss", *rows]))
    return path


@pytest.fixture
def well(tmp_path: Path) -> Path:
    """A log of a balanced game whose samples get better."""
    path = tmp_path / "well.txt"
    noise = np.random.default_rng(0).normal(0, 0.1, (400, 3))
    rows = [
        f"step {at}: d_loss={1.2 + d:.4f} g_loss={0.9 + g:.4f} fid={20 + 70 / (1 + at / 500) + f:.3f}"
        for at, (d, g, f) in zip(STEPS, noise, strict=True)
    ]
    path.write_text("\n".join(rows))
    return path


def test_a_run_that_is_not_well_ends_in_1(lost: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(lost, "--loss", "bce") == 1
    out = capsys.readouterr().out
    assert re.match(r"(ILL|SUSPECT): .* since step (9|10)\d\d", out)
    assert "(critic-wins)" in out and "likely, 60%" in out and "seen: " in out and "   try: " in out
    assert "lost.csv, a table, up to step 3990; loss: cross-entropy" in out
    assert "note: no measure of samples" in out


def test_of_several_pairs_of_networks_the_one_that_is_worst_off_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CycleGAN's second critic has won; its first plays on."""
    noise = np.random.default_rng(0).normal(1, 0.1, (400, 3))
    rows = [
        f"(epoch: {at // 100 + 1}, iters: {10 * (at % 100 + 1)}, time: 0.2, data: 0.0) "
        f"D_A: {0.25 * a:.4f} G_A: {0.3 * g:.4f} D_B: {(0.0005 if at > 90 else 0.25) * b:.6f} G_B: {0.9 * g:.4f}"
        for at, (a, b, g) in enumerate(noise)
    ]
    path = tmp_path / "loss_log.txt"
    path.write_text("\n".join(rows))
    assert doctor(path, "--loss", "lsgan") == 1
    out = capsys.readouterr().out
    assert "(critic-wins)" in out
    assert "note: this is pair B; none is worse off, and --phase shows another" in out
    assert "note: pair A: unknown, the losses show nothing wrong" in out
    assert doctor(path, "--loss", "lsgan", "--phase", "A") == 0
    columns = {
        "step": range(400),
        "D_A": 0.5 * noise[:, 0],
        "G_A": noise[:, 2],
        "D_B": noise[:, 1] * 1e-4,
        "G_B": noise[:, 2],
    }
    by_ten = {name: np.asarray(column) * (10 if name == "step" else 1) for name, column in columns.items()}
    for found in (equipoise.diagnose(path, loss="lsgan"), equipoise.diagnose(by_ten, loss="lsgan")):
        assert found.diagnoses[0].symptom.key == "critic-wins"
    assert equipoise.diagnose(by_ten, loss="lsgan", phase="A").diagnoses == ()


def test_a_healthy_run_ends_in_0(well: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(well, "--loss", "bce") == 0
    assert capsys.readouterr().out.startswith("HEALTHY: ")


def test_the_document_says_the_same(lost: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(lost, "--loss", "bce", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] in ("ill", "suspect") and found["loss"] == "bce" and found["last_step"] == 3990
    first = found["diagnoses"][0]
    assert first["key"] == "critic-wins" and 900 < first["onset"] < 1100
    assert {item["kind"] for item in first["evidence"]} == {"losses"}
    assert first["remedies"][0]["words"].startswith("bound the critic's slope")


def test_two_tables_are_one_run(tmp_path: Path, lost: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "eval.csv").write_text("step,fid\n1000,50\n3000,300\n")
    assert doctor(lost, tmp_path / "eval.csv", "--loss", "bce", "--json") == 1
    assert {"d_loss", "g_loss", "fid"} <= set(json.loads(capsys.readouterr().out)["read"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "needs a run's folder or a log"),
        (("gone.txt",), "gone.txt does not exist"),
        (("{lost}", "--loss", "bec"), "did you mean 'bce'"),
        (("{lost}", "--phase", "main"), "--phase main: the log tells of one pair"),
    ],
)
def test_a_wrong_request_is_one_line(
    words: tuple[str, ...], said: str, lost: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(*(word.format(lost=lost) for word in words)) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.err.count("\n") == 1 and not captured.out


def test_a_run_is_not_mixed_with_other_logs(tmp_path: Path, lost: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.jsonl").touch()
    assert doctor(tmp_path / "run", lost) == 2
    assert "read alone" in capsys.readouterr().err


def test_the_edits_of_a_remedy_can_be_typed_as_they_stand() -> None:
    edits = (Edit("d_optim.lr", "scale", 0.25), Edit("critic.spectral_norm", value=True), Edit("augment", "drop"))
    remedy = Remedy("slower", "it learns", edits=edits)
    found = Diagnosis(CriticWins(), (Evidence("losses", "low", onset=7.0),), (remedy,))
    told = list(telling.lines(Examination("suspect", "why", (found,)), Trace({})))
    words = next(line for line in told if "--set" in line)
    typed = re.findall(r"--set '([^']*)'", words)
    assert tuple(map(Edit.parse, typed)) == edits


@pytest.mark.parametrize(("recipe", "edit"), [("points", "critic.width *= 2"), ("images", "generator.width *= 2")])
def test_a_change_with_which_no_run_can_go_on_is_told_as_a_new_run(
    tmp_path: Path, recipe: str, edit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "a run"
    data = ["--data", str(tiny.coloured(tmp_path / "pictures", 12))] if recipe == "images" else []
    words = ["train", f"{Path(tiny.__file__)}:{recipe}", *data, "--out", str(run), "--for", "8steps", "--device", "cpu"]
    assert run_command(words) == 0
    remedy = Remedy("wider", "it learns", edits=(Edit.parse(edit),), anew=True)
    found = Diagnosis(CriticWins(), (Evidence("losses", "low"),), (remedy,))
    examination = Examination("suspect", "why", (found,), doubts=(Doubt("narrow", ("flat",), remedy),))
    trace = read_run(run)
    first, doubted = (line.strip() for line in telling.lines(examination, trace) if "--set" in line)
    assert first == doubted and first.startswith("needs a new run: equipoise train ")
    (told,) = telling.to_json(examination, trace)["diagnoses"][0]["remedies"]
    command = first.removeprefix("needs a new run: ")
    assert (told["anew"], told["new_run"]) == (True, command)
    assert html.escape(command) in page(Dossier("a", trace, examination))
    monkeypatch.chdir(tmp_path)
    assert run_command(["resume", str(run), "--set", edit, "--device", "cpu"]) == 2
    assert run_command([*shlex.split(command)[1:], "--for", "8steps", "--device", "cpu"]) == 0


def test_what_to_try_first_is_told_and_the_rest_when_asked_for() -> None:
    remedies = tuple(Remedy(f"change {at}", "it learns") for at in range(5))
    found = tuple(Diagnosis(CriticWins(), (Evidence("losses", f"low {at}"),), remedies) for at in range(2))
    examination = Examination("suspect", "why", found)
    short = "\n".join(telling.lines(examination, Trace({})))
    assert "change 2" in short and "change 3" not in short and "2 more, by --all" in short
    assert "low 1" in short and short.count("change 0") == 1
    whole = "\n".join(telling.lines(examination, Trace({}), everything=True))
    assert whole.count("change 4") == 2 and "--all" not in whole


@pytest.mark.parametrize(
    ("confidence", "words"), [(0.99, "certain"), (0.84, "very likely"), (0.6, "likely"), (0.3, "possible")]
)
def test_a_confidence_has_words(confidence: float, words: str) -> None:
    assert telling.sureness(confidence) == words


def test_who_has_seen_enough_may_stop_reading(lost: Path) -> None:
    words = [sys.executable, "-m", "equipoise", "doctor", str(lost), "--loss", "bce"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_columns_in_memory_are_diagnosed(lost: Path) -> None:
    rows = [line.split(",") for line in lost.read_text().splitlines()]
    table = {name: [float(row[at]) for row in rows[1:]] for at, name in enumerate(rows[0])}

    class Frame:
        def to_dict(self, orient: str) -> Mapping[str, list[float]]:
            assert orient == "list"
            return table

    for source in (lost, str(lost), table, Frame()):
        found = equipoise.diagnose(source, loss="bce")
        assert found.diagnoses[0].symptom.key == "critic-wins"


def test_the_doctor_never_imports_torch(lost: Path) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "equipoise", "doctor", str(lost)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode in (0, 1) and "numpy" in imported
    assert not imported & {"torch", "sklearn", "scipy", "rich", "PIL"}


def test_the_document_is_for_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text(logs.notebook())
    assert doctor(tmp_path / "log", "--json") == 0
    assert "a Jupyter notebook" in json.loads(capsys.readouterr().out)["source"]


@pytest.mark.real
def test_real_logs_are_read_whole(shared_data: Path) -> None:
    """25 runs of StudioGAN, one of which began anew: all of it is read.  To judge it is the symptoms' part."""
    for path in sorted((shared_data / "logs").glob("*.train.csv")):
        rows = path.read_text().splitlines()
        trace = read(path, loss=next(iter(GAMES)))
        steps = [float(row.partition(",")[0]) for row in rows[1:]]
        assert trace.signals["d_loss"].steps.tolist() == sorted(set(steps))
        both = read_all([path, path.with_name(path.name.replace(".train.", ".eval."))])
        assert {"d_loss", "g_loss", "fid", "recall", "precision"} <= set(both.signals)


@pytest.mark.real
def test_a_real_log_in_any_place_and_under_any_name(shared_data: Path, tmp_path: Path) -> None:
    source = next((shared_data / "logs").glob("*WGAN-GP*.eval.csv"))
    copied = Path(shutil.copy(source, tmp_path / "notes"))
    assert read(copied).signals["fid"].values.tolist() == read(source).signals["fid"].values.tolist()


def test_labels_that_are_drawn_count_as_their_middle(
    tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run with them is trained, attended and judged."""
    game = BCE(real_label=(0.8, 1.0), fake_label=(0.0, 0.2))
    recipe = replace(tiny.images(), phases={"main": Phase(Span(12), {"game": game})})
    run = equipoise.train(recipe, digits_folder, out=tmp_path / "run", device="cpu")
    assert read_run(run).game == cross_entropy(0.9, 0.1)
    assert doctor(run) == 0
    assert capsys.readouterr().out.startswith("TOO YOUNG TO SAY")
