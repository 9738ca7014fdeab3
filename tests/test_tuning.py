"""``equipoise tune`` as a person meets it: small studies of a ring of points, from command to recommendation."""

from __future__ import annotations

import contextlib
import html
import json
import shutil
import sqlite3
import statistics
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import tiny
from equipoise import recipes
from equipoise.cli import run_command
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.interrupt import StopRequest
from equipoise.journal import Resumed, Started
from equipoise.run import Where, prepare
from equipoise.tuning import beginning, trials, working
from equipoise.tuning import study as study_of
from equipoise.tuning import tune as door
from equipoise.tuning.beginning import begin
from equipoise.tuning.budget import Lengths, TuningBudget
from equipoise.tuning.jobs import MOST_LOST, Job, Ledger, Outcome
from equipoise.tuning.knobs import tuned
from equipoise.tuning.page import page
from equipoise.tuning.planning import Importance, Plan
from equipoise.tuning.question import Asked, Question
from equipoise.tuning.storage import in_folder
from equipoise.tuning.telling import Found, lines, to_json

pytest.importorskip("optuna", reason="the tuner is an extra")

POINTS = f"{Path(__file__).with_name('tiny.py')}:points"
SLOW = ["--set", "g_optim.lr=1e-6", "--set", "d_optim.lr=1e-2"]
"""A recipe whose generator stands still."""
SHORT = {"--warm-up": "10", "--horizon": "40", "--device": "cpu"}


def tune(out: Path, *words: str) -> int:
    short = [word for option, value in SHORT.items() if option not in words for word in (option, value)]
    return run_command(["tune", POINTS, "--out", str(out), *short, *words])


def table(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "tune.json").read_text())
    return found


def runs(out: Path) -> list[Path]:
    return sorted(path for path in (out / "runs").iterdir() if path.name != "warm-up")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rate that lets the generator move, and a penalty that breaks every run."""
    out = tmp_path_factory.mktemp("tuning") / "ring"
    knobs = ["--knobs", "g_optim.lr=1e-2,r1.weight=1e30"]
    assert tune(out, *SLOW, *knobs, "--budget", "30trials") == 0
    return out


def test_a_better_value_is_found_and_recommended(study: Path) -> None:
    found = table(study)
    assert found["edits"] == [{"path": "g_optim.lr", "op": "set", "value": 0.01}]
    assert found["recommended"] == "--set 'g_optim.lr=0.01'"
    (tried,) = found["rounds"][1]["tried"]
    mean, low, high = tried["less_is_better"][0]
    assert low < mean < high < 0
    assert tried["verdict"] == "better, kept"
    assert [one["seed"] for one in tried["by_seed"]] == [0, 1, 2]


def test_a_value_that_breaks_a_run_counts_as_failed_and_not_as_missing(study: Path) -> None:
    found = table(study)
    (failed,) = [trial for trial in found["trials"] if trial["state"] == "failed"]
    assert failed["settings"] == {"phases.main.terms.r1.weight": 1e30}
    assert "not finite" in failed["why"] or "overflows" in failed["why"]
    own = found["rounds"][0]["present"]["by_seed"][0]["values"][0]
    assert failed["values"][0] >= own, "no better than a generator that has learned nothing"
    assert found["rounds"][0]["kept"] == {}


def test_every_trial_is_a_run_with_one_change_from_the_same_warm_up(study: Path) -> None:
    folders = runs(study)
    assert len(folders) == 1 + 1 + 1 + 4
    for folder in folders:
        events = RunFolder(folder).read_journal().events
        assert isinstance(events[0], Started)
        (resumed,) = [event for event in events if isinstance(event, Resumed)]
        assert resumed.step == 10
        assert len({change.path for change in resumed.changes} - {"seed"}) <= 1
    assert run_command(["doctor", str(folders[0])]) in (0, 1)
    assert sum(1 for folder in folders if (folder / "checkpoints").exists()) == 1, "the best one's"


def test_the_same_command_goes_on_and_a_finished_study_only_tells(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (study / "runs").rglob("*")}
    assert tune(study, *SLOW, "--knobs", "g_optim.lr=1e-2,r1.weight=1e30", "--budget", "30trials") == 0
    assert {path: path.stat().st_mtime_ns for path in (study / "runs").rglob("*")} == before
    out = capsys.readouterr().out
    assert "recommended: --set 'g_optim.lr=0.01'" in out
    assert "better, kept" in out and "1 of 1 failed" in out


def test_the_attempt_log_tells_of_a_study_and_lists_its_trials_where_it_is_asked_for_itself(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run_command(["journal", str(study.parent), "--json"]) == 0
    log = json.loads(capsys.readouterr().out)
    (entry,) = log["studies"]
    assert log["attempts"] == [] and entry["recommended"] == "--set 'g_optim.lr=0.01'"
    (kept,) = entry["kept"]
    mean, low, high = table(study)["rounds"][1]["tried"][0]["less_is_better"][0]
    assert kept == f"g_optim.lr = 0.01: kernel better by {-mean:.3g} [{-high:.3g}, {-low:.3g}] (95 %, 3 seeds)"
    assert run_command(["journal", str(study.parent)]) == 0
    assert f"Study {study.name}\n   tuned    recommended: --set 'g_optim.lr=0.01'" in capsys.readouterr().out

    assert run_command(["journal", str(study), "--json"]) == 0
    attempts = json.loads(capsys.readouterr().out)["attempts"]
    assert Path(attempts[0]["run"]).name == "warm-up", "told once, though each trial has a copy"
    assert len(attempts) == 1 + len(runs(study))
    assert {it["recipe"] for it in attempts} == {POINTS}, "as one that was trained by hand is called"
    changed = [it["before"] for it in attempts[1:] if it["first_step"] == 10]
    assert {beside["number"] for beside in changed} == {1}
    assert all(beside["settings"] or beside["another_seed"] for beside in changed)


def test_the_attempt_log_tells_of_a_study_without_a_table_or_with_a_broken_one(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(study, tmp_path / "begun")
    (tmp_path / "begun" / "tune.json").unlink()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "tune.json").write_text('{"rounds": [')
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "tune.json").write_text('{"rounds": [], "undecided": ["a.b"], "recommended": null}')
    pages = [word for name in ("log.md", "log.html") for word in ("--out", str(tmp_path / name))]
    assert run_command(["journal", str(tmp_path), "--json", *pages]) == 0
    begun, unfinished, torn = json.loads(capsys.readouterr().out)["studies"]
    assert begun["why"].startswith("no table yet") and torn["why"].startswith("its tune.json cannot be read")
    assert (unfinished["why"], unfinished["undecided"]) == ("nothing is decided yet", ["a.b"])
    for name in ("log.md", "log.html"):
        assert "no table yet" in (tmp_path / name).read_text()


def test_the_page_needs_nothing_but_itself_and_has_every_number(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (study / "tune.html").read_text()
    assert "<svg" in text and "g_optim.lr=0.01" in text and "better, kept" in text
    assert "http" not in text.replace("http-equiv", "")
    found = table(study)
    (tried,) = found["rounds"][1]["tried"]
    mean, low, high = tried["less_is_better"][0]
    interval = f"{mean:+.3g} [{low:.3g}, {high:.3g}]"
    own = f"{statistics.fmean(one['values'][0] for one in found['rounds'][1]['present']['by_seed']):.4g}"
    assert tune(study, *SLOW, "--knobs", "g_optim.lr=1e-2,r1.weight=1e30", "--budget", "30trials") == 0
    said = capsys.readouterr().out
    assert all(number in text and number in said for number in (interval, own))
    assert all(
        f"<td>{one['values'][0]:.4g}</td>" in text
        for one in found["trials"]
        if one["state"] == "done" and one["values"]
    )


def test_a_failed_trial_is_marked_and_flattens_nothing(study: Path) -> None:
    text = (study / "tune.html").read_text()
    plot = text[: text.index("</figure>")]
    assert "a cross at the edge: failed" in plot and plot.count("<path") == 1 and plot.count("<circle") == 1
    (failed,) = [trial for trial in table(study)["trials"] if trial["state"] == "failed"]
    counted = f"{failed['values'][0]:.4g}"
    rows = [row for row in text.split("<tr>") if "counts as" in row]
    assert rows and not any(f"<td>{counted}</td>" in row for row in rows), "it was not measured"
    assert f"; counts as {counted}</td>" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--knobs", "g_optim.lr=1e-3"], "begun with other --knobs"),
        (["--knobs", "g_optim.lr=1e-2,r1.weight=1e30", "--seeds", "4"], "begun with other --seeds"),
        (["--knobs", "g_optim.lr=1e-2,r1.weight=1e30", "--set", "batch=16"], "begun with another recipe"),
        (["--knobs", "g_optim.lr=1e-2,r1.weight=1e30", "--study", "b"], "go on with it by --study ring"),
    ],
)
def test_a_study_that_goes_on_must_be_the_one_that_is_asked_for(
    study: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(study, *SLOW, "--budget", "30trials", *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("gone", "words", "said"),
    [
        ("tune.json", ["--study", "b"], "holds the study 'out'"),
        ("study.db", [], "runs holds trials of another study"),
        ("0*", ["--set", "batch=16"], "warm-up has another recipe than this study: remove it"),
        ("0*", ["--warm-up", "6"], "warm-up has another length than this study: remove it"),
    ],
)
def test_what_another_study_left_is_not_taken_for_this_one(
    tmp_path: Path, gone: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["--knobs", "g_optim.lr=1e-2", "--budget", "1trials"]
    assert tune(out, *asked) == 0
    for path in [*out.glob(gone), *(out / "runs").glob(gone)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if gone == "0*":
        (out / "study.db").unlink()
    assert tune(out, *asked, *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--knobs", "lr_q"], "no such setting; did you mean"),
        (["--knobs", "n_critc"], "no such setting; did you mean 'n_critic'?"),
        (["--knobs", "lr_d,"], "a comma too many"),
        (["--knobs", "lr"], "could be"),
        (["--knobs", "width"], "generator.width or critic.width"),
        (["--knobs", "phases.main.length.amount"], "--budget and --horizon say how long"),
        (["--knobs", "source.std"], "change the samples"),
        (["--knobs", "g_optim"], "no number"),
        (["--knobs", "g_optim.clip_norm"], "is off: say what to try"),
        (["--knobs", "g_optim.lr=2..3"], "it must be at least 0 and at most 1"),
        (["--knobs", "g_optim.lr=1..0"], "is empty"),
        (["--knobs", "g_optim.lr=1e-3"], "nothing to try"),
        (["--knobs", "lr_g,lr_g"], "twice"),
        (["--budget", "soon"], "write 2h, 40trials or 20000steps"),
        (["--budget", "3epochs"], "write 2h, 40trials or 20000steps"),
        (["--objective", "beauty"], "there are quality, diversity, no-collapse"),
        (["--seeds", "1"], "at least 2"),
        (["--horizon", "0"], "at least 1"),
        (["--horizon", "40", "--warm-up", "0"], "at least 1"),
        (["--storage", "sqlite:////nowhere/at/all.db"], "there is no folder"),
        (["--storage", "oracle.x"], "--storage ...: this is no address"),
        (["--storage", ""], "--storage is empty"),
        (["--storage", "postgresql://me:hush@127.0.0.1:1/db?password=hush"], "//me:***@127.0.0.1:1/db?password=...: "),
        (["--storage", "postgresql://me:hu/sh@hush@host/db"], "--storage postgresql://...: an @ in a password"),
        (["--storage", "postgresql://me:hush"], "--storage postgresql://...: this is no address"),
        (["--storage", "me:hush@host://db"], "--storage ...: this is no address"),
        (["--storage", "nosuch://me:hush@host/db"], "--storage nosuch://me:***@host/db: "),
        (["--storage", "mysql://me:hush@host/db"], "--storage mysql://me:***@host/db: "),
        (["--data", "somewhere"], "brings its own data"),
    ],
)
def test_a_wrong_request_is_one_line_and_leaves_nothing(
    tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = [] if "--budget" in words else ["--budget", "9trials"]
    assert tune(tmp_path / "out", *budget, *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert "hush" not in error
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_what_is_tried(tmp_path: Path) -> None:
    """A choice that is the name of another setting, and a range that ends close to 1."""
    data = ["--data", str(tiny.coloured(tmp_path / "data", 24))]
    recipe = f"{Path(__file__).with_name('tiny.py')}:images"
    short = ["--horizon", "2", "--warm-up", "1", "--device", "cpu"]
    data += ["--set", "drop phases.main.terms.gp"]  # which forbids a batch norm
    words = [*data, "--knobs", "critic.norm=layer,batch", "--budget", "2trials", *short]
    assert run_command(["tune", recipe, "--out", str(tmp_path / "norm"), *words]) == 0
    assert [trial["settings"] for trial in table(tmp_path / "norm")["trials"]] == [{}, {"critic.norm": "batch"}]
    assert tune(tmp_path / "decay", "--knobs", "average.decay=0.99..0.9999", *short, "--budget", "5trials") == 0
    tried = [trial["settings"].get("average.decay") for trial in table(tmp_path / "decay")["trials"]]
    assert tried[2:6] == [0.99, 0.9933, 0.9966, 0.9999]


@pytest.mark.parametrize("name", ["what?x", "a%20b", "a#b {c} é@d:e"])
def test_a_folder_of_any_name_holds_its_own_study(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    words = ["--knobs", "g_optim.lr=1e-2", "--budget", "1trials", "--horizon", "2", "--warm-up", "1"]
    assert tune(out, *words) == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (out / "study.db").is_file()
    assert tune(out, *words) == 0, "and goes on"


def test_a_worker_that_is_stopped_while_it_waits_leaves_what_another_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_study = door.open_study
    out = tmp_path / "out"
    words = ["--knobs", "g_optim.lr=1e-2", "--budget", "1trials"]

    def overtaken(*_: Any) -> Any:
        monkeypatch.setattr(door, "open_study", open_study)
        assert tune(out, *words) == 0
        raise KeyboardInterrupt

    monkeypatch.setattr(door, "open_study", overtaken)
    assert tune(out, *words) == 130
    assert len(runs(out)) == 1 and (out / "study.db").is_file()
    assert tune(out, *words) == 0


def test_without_optuna_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert tune(tmp_path / "out", "--budget", "9trials") == 2
    assert capsys.readouterr().err == 'equipoise: tune needs Optuna: pip install "equipoise[tune]"\n'
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_ends_a_trial_that_has_collapsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sure(folder: Path, keys: object) -> list[str]:
        return ["total-collapse"] if RunFolder(folder).read_recipe().g_optim.lr == 1e-2 else []

    monkeypatch.setattr(trials, "sure_of", sure)
    words = ["--knobs", "g_optim.lr=1e-2", "--objective", "no-collapse,quality,diversity", "--budget", "9trials"]
    assert tune(tmp_path / "out", *words) == 0
    own, collapsed = table(tmp_path / "out")["trials"][1:]
    assert collapsed["state"] == "failed" and collapsed["why"] == "total-collapse at step 20"
    assert collapsed["values"][0] == 1.0 and collapsed["values"][2] == 0.0
    assert own["state"] == "done" and own["values"][0] == 0.0
    assert RunFolder(runs(tmp_path / "out")[1]).read_journal().events[-1].step == 20


def test_ctrl_c_puts_the_trial_back_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    carry_out = working.carry_out

    def interrupted(*words: Any) -> Any:
        person: StopRequest = words[5]
        person.asked = not words[1].is_warm_up
        return carry_out(*words)

    out = tmp_path / "out"
    words = ["--knobs", "g_optim.lr=1e-2", "--budget", "2trials"]
    monkeypatch.setattr(working, "carry_out", interrupted)
    assert tune(out, *words) == 0
    said = capsys.readouterr().out
    assert "\nnothing is decided yet\nstopped as asked; the same command goes on\n" in said and "--budget" not in said
    assert runs(out) == [] and table(out)["ended"].startswith("stopped as asked")
    page = (out / "tune.html").read_text()
    assert "stopped as asked" in page and "not decided: g_optim.lr" in page and "g_optim.lr (not decided yet)" in page
    monkeypatch.setattr(working, "carry_out", carry_out)
    assert tune(out, *words) == 0
    assert [trial["state"] for trial in table(out)["trials"]] == ["done"] * 3
    assert table(out)["undecided"] in ([], ["g_optim.lr"])


def test_table_and_page_are_there_after_every_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []
    carry_out = working.carry_out
    out = tmp_path / "out"

    def looked_at(*words: Any) -> Any:
        if not words[1].is_warm_up:
            found = table(out)
            assert found["ended"] in (out / "tune.html").read_text()
            seen.append((found["ended"], sum(trial["state"] == "done" for trial in found["trials"])))
        return carry_out(*words)

    monkeypatch.setattr(working, "carry_out", looked_at)
    assert tune(out, "--knobs", "g_optim.lr=1e-2", "--budget", "2trials") == 0
    assert seen == [("still under way", 1), ("still under way", 2)]


def test_what_is_wrong_with_a_machine_or_its_data_is_laid_to_no_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The trial is put back, and the same command does it once that is mended."""
    out, session = tmp_path / "out", trials._session
    words = ["--knobs", "g_optim.lr=1e-2", "--budget", "2trials"]

    def other_data(*asked: Any) -> Any:
        monkeypatch.setattr(trials, "prepare", lambda *those: (SimpleNamespace(digest="another"), None))
        raise RequestError("the weights do not fit")

    def full_disk(*asked: Any) -> Any:
        raise RequestError("too little room") from OSError(28, "No space left on device")

    for broken, said, code in ((other_data, "is not what this study began with", 2), (full_disk, "too little room", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(trials, "_session", broken)
            assert tune(out, *words) == code
        monkeypatch.setattr(trials, "prepare", prepare)
        assert said in capsys.readouterr().err
    monkeypatch.setattr(trials, "_session", session)
    assert tune(out, *words) == 0
    assert [trial["state"] for trial in table(out)["trials"]] == ["done"] * 3


def test_a_value_for_which_memory_is_not_enough_counts_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(question: Any, job: Any, *more: Any) -> Any:
        if job.settings:
            torch.empty(2**50)
        return session(question, job, *more)

    session = trials._session
    monkeypatch.setattr(trials, "_session", greedy)
    assert tune(tmp_path / "out", "--knobs", "critic.width=32", "--budget", "2trials") == 0
    own, large = table(tmp_path / "out")["trials"]
    assert (own["state"], large["state"], large["why"]) == ("done", "failed", "the memory of cpu was not enough")


def test_a_storage_that_fails_is_a_fault_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def and_then(question: Any, job: Job, place: Any, number: int, *more: Any) -> Outcome:
        with sqlite3.connect(tmp_path / "out" / "study.db") as database:
            database.execute("DROP TABLE trials")
        return Outcome(job, number, "done")

    monkeypatch.setattr(working, "carry_out", and_then)
    assert tune(tmp_path / "out", "--knobs", "g_optim.lr=1e-2", "--budget", "2trials") == 3
    error = capsys.readouterr().err
    assert "the storage of the study failed: no such table: trials" in error and error.count("\n") == 1


def test_an_optuna_study_of_somebody_elses_is_none_of_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import optuna

    url = f"sqlite:///{tmp_path / 'many {studies}.db'}"
    with contextlib.closing(sqlite3.connect(tmp_path / "many {studies}.db")):
        storage = optuna.storages.RDBStorage(url.replace("{", "{{").replace("}", "}}"))
    optuna.create_study(study_name="theirs", storage=storage)
    words = ["--knobs", "g_optim.lr=1e-2", "--budget", "1trials", "--storage", url]
    assert tune(tmp_path / "out", *words, "--study", "theirs") == 2
    error = capsys.readouterr().err
    assert "the study 'theirs' in this storage is none of tune's" in error and error.count("\n") == 1
    assert tune(tmp_path / "out", *words, "--study", "ours") == 0


def test_only_what_is_tried_is_given_up_and_by_the_measure_that_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_of.Trial, "is_hopeless", lambda trial, step, value: True)
    words = ["--knobs", "g_optim.lr=1e-2", "--median", "--budget", "6trials"]
    assert tune(tmp_path / "quality", *SLOW, *words) == 0
    assert [trial["state"] for trial in table(tmp_path / "quality")["trials"][1:3]] == ["done", "given up"]
    assert tune(tmp_path / "diversity", *SLOW, *words, "--objective", "diversity") == 0
    assert {trial["state"] for trial in table(tmp_path / "diversity")["trials"]} == {"done"}


def test_knobs_are_those_of_the_recipe_as_it_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that fits itself to the data takes long to do it."""
    recipe = tiny.points()
    fitted = replace(recipe, batch=recipe.batch // 2)
    plan = SimpleNamespace(recipe=fitted, num_samples=300, world=SimpleNamespace(size=1))
    corpus = SimpleNamespace(digest="d", split=lambda held_out: None)
    monkeypatch.setattr(beginning, "prepare", lambda *asked: (corpus, plan))
    monkeypatch.setattr(beginning.Score, "for_plan", lambda *asked: SimpleNamespace(measure=lambda best_by: "kernel"))
    monkeypatch.setattr(beginning, "_untrained", lambda *asked: {"quality": 1.0})
    asked = Asked.parse(recipe, knobs=["batch"], strategy="one", objective=[], seeds=3, warm_up=5, horizon=5)
    found = begin(asked, Where(), TuningBudget.parse("9trials")).question
    (knob,) = found.knobs
    assert knob.own == fitted.batch and recipe.batch in knob.values
    found.refuse_other(asked)


def test_knobs_that_nobody_named_are_those_of_phases_that_trials_reach() -> None:
    fitted = SimpleNamespace(recipe=recipes.load("landscapes"), num_samples=200)
    asked = Asked(fitted.recipe, tuned(fitted.recipe, ()))
    reached = beginning._reached(asked.knobs, asked, fitted, Lengths(530, 530))  # type: ignore[arg-type]
    assert 0 < len(reached) < len(asked.knobs)
    question = Question(fitted.recipe, reached, "one", ("quality",), "kernel", 3, 530, 530, "", asked.knobs)
    found = Found(question, Ledger((), (1.0,)), Plan((), {}), Importance(), "stopped as asked")
    left_out = [knob.path for knob in asked.knobs if knob not in reached]
    (line,) = [line for line in lines(found) if line.startswith("not tuned, for no trial reaches their phase: ")]
    assert to_json(found)["left_out"] == left_out and all(path in line for path in left_out)
    assert line.partition("   ")[0] in html.unescape(page(found, "study"))
    named = replace(asked, words=("lr_g", "phases.ramp.terms.r1.weight"))
    with pytest.raises(
        RequestError, match=r"^--knobs phases.ramp.terms.r1.weight: phase ramp begins at about step 1500"
    ):
        beginning._reached(asked.knobs, named, fitted, Lengths(530, 530))  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["tpe", "nsga"])
def test_a_sampler_explores_and_its_best_is_judged_by_other_seeds(tmp_path: Path, strategy: str) -> None:
    out = tmp_path / "out"
    words = ["--knobs", "g_optim.lr=1e-3..1e-1,critic.width=8,32", "--strategy", strategy, "--seeds", "2"]
    objective = ["--objective", "quality,diversity"] if strategy == "nsga" else ["--median"]
    assert tune(out, *SLOW, *words, *objective, "--budget", "9trials", "--horizon", "8", "--warm-up", "2") == 0
    found = table(out)
    explored = [trial for trial in found["trials"] if trial["seed"] == 0 and trial["settings"]]
    assert len(explored) == 9 - 6 - 1
    assert all(trial["anew"] for trial in explored), "a width is among the knobs"
    (own,) = [trial for trial in found["trials"] if trial["seed"] == 0 and trial["anew"] and not trial["settings"]]
    ended_well = [trial for trial in explored if trial["state"] == "done"]
    better = sorted((trial["values"][0], str(trial["settings"])) for trial in ended_well)
    best = [settings for value, settings in better if value < own["values"][0]][:2]
    judged = Counter(str(trial["settings"]) for trial in found["trials"] if trial["seed"] in (1, 2))
    assert judged == (dict.fromkeys(("{}", *best), 2) if best else {})
    (one,) = found["rounds"]
    assert one["knob"] is None and one["is_decided"]
    assert {str(tried["settings"]) for tried in one["tried"] if tried["less_is_better"]} == {*best}


def test_what_was_found_stands_while_a_larger_budget_explores_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    carry_out = working.carry_out

    def interrupted(*words: Any) -> Any:
        words[5].asked = words[1].seed == 3
        return carry_out(*words)

    out = tmp_path / "out"
    words = [*SLOW, "--knobs", "g_optim.lr=1e-2,2e-2", "--strategy", "random"]
    assert tune(out, *words, "--budget", "11trials") == 0
    first = table(out)
    assert first["recommended"] and first["ended"] == "all is decided" and not first["rounds"][0]["is_open"]
    page = (out / "tune.html").read_text()
    assert "more is being explored" not in page + capsys.readouterr().out

    monkeypatch.setattr(working, "carry_out", interrupted)
    assert tune(out, *words, "--budget", "12trials") == 0
    more = table(out)
    assert more["ended"].startswith("stopped as asked") and len(more["trials"]) > len(first["trials"])
    assert (more["recommended"], more["undecided"]) == (first["recommended"], [])
    assert more["rounds"] == [{**first["rounds"][0], "is_open": True}]
    assert run_command(["journal", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"recommended: {first['recommended']}   (after 50 steps; more is being explored; " in said
    assert "all knobs together (more is being explored)" in said and "   open     more is being explored" in said
    assert "more is being explored" in (out / "tune.html").read_text()
    assert run_command(["journal", str(tmp_path), "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["studies"]
    assert entry["explores"] and entry["recommended"] == first["recommended"] and entry["kept"]

    monkeypatch.setattr(working, "carry_out", carry_out)
    assert tune(out, *words, "--budget", "12trials") == 0
    last = table(out)
    assert last["ended"] == "all is decided" and not last["rounds"][0]["is_open"]
    assert len(last["rounds"][0]["tried"]) == 2


@pytest.fixture
def waits_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is alone has nobody to wait for, and looks again at most once."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        assert not waits, "it waits for what nobody does"
        waits.append(seconds)

    monkeypatch.setattr(working, "time", SimpleNamespace(sleep=wait))


@pytest.mark.usefixtures("waits_little")
def test_a_sampler_comes_to_an_end_where_a_setting_kills_its_workers(tmp_path: Path) -> None:
    from optuna.trial import TrialState

    out = tmp_path / "out"
    words = ["--knobs", "batch=16,64", "--strategy", "random", "--seeds", "2", "--horizon", "8", "--warm-up", "2"]
    assert tune(out, *words, "--budget", "1trials") == 0
    study = study_of.open_study(in_folder(out), "out", lambda others: pytest.fail("it was begun before"), False)
    for _ in range(MOST_LOST):
        trial = study.claim([Job({"batch": 64})])
        assert trial is not None
        study._storage.set_trial_state_values(trial._identity, TrialState.FAIL)  # as Optuna does of a silent worker
    study.close()
    assert tune(out, *words, "--budget", "20trials") == 0
    found = table(out)
    assert found["ended"] == "all is decided"
    (one,) = found["rounds"]
    verdicts = {tried["settings"]["batch"]: tried["verdict"] for tried in one["tried"]}
    assert verdicts[64] == "1 of 1 failed: it ended 3 workers" and set(verdicts) == {16, 64}


@pytest.mark.usefixtures("waits_little")
def test_a_sampler_judges_what_it_has_where_a_narrow_range_has_nothing_left(tmp_path: Path) -> None:
    """Of a range without steps nobody counts the values; drawn as a person would write them, here there are few."""
    out = tmp_path / "out"
    words = ["--knobs", "g_optim.lr=1e-3..1.01e-3", "--strategy", "random", "--seeds", "2", "--budget", "20trials"]
    assert tune(out, *words, "--horizon", "8", "--warm-up", "2") == 0
    found = table(out)
    assert found["ended"] == "all is decided" and found["rounds"][0]["is_decided"]
