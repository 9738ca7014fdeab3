"""A run that repairs itself: rescued, left alone, given up; advised and applied; killed anywhere and gone on with."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

import piloted
from equipoise import advising, files, forking, piloting, session
from equipoise.attempts.reading import attempts_of
from equipoise.cli import run_command
from equipoise.engine import checkpoint
from equipoise.engine.finite import NonFinite
from equipoise.engine.plan import Plan
from equipoise.engine.score import Scored
from equipoise.engine.state import State
from equipoise.engine.step import step
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.journal import (
    PILOTED,
    Adopted,
    Adopting,
    Applying,
    Event,
    Finished,
    Forked,
    GaveUp,
    Judged,
    Measured,
    Prescribed,
    PutBack,
    Reviewed,
    Tick,
    Trial,
    history,
    read,
)
from equipoise.losses import read as read_losses
from equipoise.piloting import Pilot, best_of, unless_worse
from equipoise.recipe import Recipe
from equipoise.record import Listener
from equipoise.report.writing import write_report
from equipoise.run import Where, resume, start
from equipoise.sampling import open_run
from equipoise.schedule import Piecewise
from same_run import assert_same_run

DOOMED = f"{piloted.__file__}:doomed"
CPU = ["--device", "cpu"]


class Crash(BaseException):
    """What a test raises to end a run without any of its farewells."""


@pytest.fixture(autouse=True)
def made_up_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor())


@pytest.fixture(scope="module")
def rescued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "rescued"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(advising, "examine", piloted.doctor())
        assert run_command(["train", DOOMED, "--out", str(out), *CPU]) == 0
    return out


def done(run: Path) -> list[dict[str, object]]:
    """What the autopilot did, without the time at which it did it."""
    events = [event for event in read(run).events if isinstance(event, PILOTED)]
    return [{"event": type(event).__name__, **asdict(event), "time": 0.0} for event in events]


def all_of(run: Path, kind: type[Event]) -> list[Event]:
    return [event for event in read(run).events if isinstance(event, kind)]


def lines_of(run: Path) -> list[str]:
    return (run / "journal.jsonl").read_text().splitlines(keepends=True)


def one(run: Path, kind: type[Event]) -> Event:
    (found,) = all_of(run, kind)
    return found


def journal_of(run: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run_command(["journal", str(run), "--json"]) == 0
    attempts: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["attempts"]
    return attempts


def test_a_doomed_run_is_rescued_by_the_best_of_its_forks(rescued: Path) -> None:
    judged = one(rescued, Judged)
    assert isinstance(judged, Judged)
    scores = sorted(judged.scores, key=lambda name: judged.scores[name])
    assert scores[0] == judged.chosen == "001-2-g.lr-times-0.002"
    assert RunFolder(rescued).read_recipe().g_optim.lr == pytest.approx(piloted.SOUND)
    reviewed = one(rescued, Reviewed)
    assert isinstance(reviewed, Reviewed) and reviewed.kept


def test_the_run_is_one_course_that_begins_at_the_checkpoint(rescued: Path) -> None:
    table = read_losses(rescued)
    assert table["step"] == [float(step) for step in range(5, 35, 5)]
    assert table["lr_g"] == pytest.approx([piloted.SOUND] * 6)
    assert [event.step for event in history(read(rescued).events) if isinstance(event, Measured)] == [*range(5, 35, 5)]
    finished = one(rescued, Finished)
    assert isinstance(finished, Finished) and (finished.step, finished.lost_steps) == (30, 15 + 2 * 10)


def test_the_attempt_log_tells_of_it_as_of_any_change(rescued: Path) -> None:
    first, second = attempts_of(rescued)
    assert second.came_from is first and second.data == first.data != ""
    differ = {path for path, value in second.settings.items() if first.settings[path] != value}
    assert differ == {piloted.RATE}
    assert second.first_step == 0 and "the generator runs wild" in second.why and "no change" in second.chosen


def test_forks_that_lost_can_be_read_and_take_no_room(rescued: Path) -> None:
    forks = sorted((rescued / "forks").iterdir())
    assert [fork.name for fork in forks][:3] == ["001-0-no-change", "001-1-g.lr-times-0.9", "001-2-g.lr-times-0.002"]
    for fork in forks:
        assert not (fork / "checkpoints").exists()
    for fork in forks[:3]:
        assert {"journal.jsonl", "losses.csv", "recipe.json", "score.json"} <= {path.name for path in fork.iterdir()}
        assert [path.name for path in (fork / "samples").iterdir()] == ["step-00000010.png"]


def test_forks_differ_in_one_thing_and_are_judged_by_the_same_latents(rescued: Path) -> None:
    recipes = [RunFolder(fork).read_recipe() for fork in sorted((rescued / "forks").iterdir())[:3]]
    assert [(recipe.course, recipe.g_optim.lr) for recipe in recipes] == [
        (1, piloted.WILD),
        (0, pytest.approx(0.9 * piloted.WILD)),
        (0, pytest.approx(piloted.SOUND)),
    ]
    assert len({recipe.seed for recipe in recipes}) == 1


def scored(value: float, spread: float = 0.1) -> Scored:
    """The mean of four shares, two of which lie above it and two below."""
    return Scored("kernel", value, shares=value + spread * torch.tensor([1.0, -1.0, 1.0, -1.0]))


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ({"b": scored(0.5), "c": scored(0.4)}, "c"),
        ({"b": scored(0.99, spread=-0.1), "c": scored(0.97, spread=-0.1)}, "a"),
        ({"b": scored(1.5)}, "a"),
        ({}, "a"),
    ],
    ids=["the best of those that are better", "better by less than the noise", "worse", "alone"],
)
def test_a_remedy_has_to_be_better_than_no_change_by_more_than_the_noise(
    others: dict[str, Scored], chosen: str
) -> None:
    assert best_of({"a": scored(1.0), **others}, "a")[0] == chosen


@pytest.mark.parametrize("name", ["frechet", "sliced_wasserstein"])
def test_where_the_noise_is_not_known_a_remedy_has_to_gain_a_twentieth(name: str) -> None:
    def chosen(remedy: float, control: float) -> str:
        return best_of({"a": Scored(name, control), "b": Scored(name, remedy)}, "a")[0]

    assert (chosen(0.1000, 0.1001), chosen(0.096, 0.1), chosen(0.094, 0.1)) == ("a", "a", "b")
    own, cure = Trial("own", (), "", is_own_course=True), Trial("cure", ("a = 1",), "")
    assert unless_worse({"own": Scored(name, 0.1000), "cure": Scored(name, 0.1001)}, own, cure)[0] == "cure"
    assert unless_worse({"own": Scored(name, 0.094), "cure": Scored(name, 0.1)}, own, cure)[0] == "own"


def test_where_no_change_breaks_off_the_best_of_the_others_goes_on() -> None:
    assert best_of({"b": scored(0.5), "c": scored(0.4)}, "a")[0] == "c"
    assert best_of({}, "a")[0] == ""


def test_a_fork_in_another_phase_with_another_measure_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor_of_small_batches())
    run = tmp_path / "run"
    assert run_command(["train", f"{piloted.__file__}:in_images", "--out", str(run), *CPU]) == 0
    why = "measured by sliced_wasserstein, in another phase than 001-0-no-change, by kernel: they cannot be compared"
    assert [(event.name, event.score is None, event.fault) for event in all_of(run, Forked)] == [  # type: ignore[attr-defined]
        ("001-0-no-change", False, ""),
        ("001-1-batch-times-2", True, why),
        ("001-2-g.lr-times-0.002", False, ""),
    ]
    judged = one(run, Judged)
    assert isinstance(judged, Judged) and judged.chosen == "001-2-g.lr-times-0.002"
    assert [*judged.scores] == ["001-0-no-change", "001-2-g.lr-times-0.002"]
    assert f"001-1-batch-times-2: {why}" in " ".join(capsys.readouterr().out.split())


def test_what_happens_is_said_as_it_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", DOOMED, "--out", str(tmp_path / "run"), "--autopilot", "advise", *CPU]) == 0
    said = capsys.readouterr().out
    assert "the generator runs wild since step 3: the rate is 0.5" in said
    assert f"to do that: equipoise apply {tmp_path / 'run'} 1" in said


def test_a_healthy_run_is_left_alone(tmp_path: Path) -> None:
    for mode in ("act", "off"):
        words = ["--set", f"g_optim.lr={piloted.SOUND}", "--set", "cadence.measuring_share=1.0", "--autopilot", mode]
        length = ["--set", "epoch_batches=10", "--for", "3epochs"]
        assert run_command(["train", DOOMED, "--out", str(tmp_path / mode), *words, *length, *CPU]) == 0
    assert (tmp_path / "act" / "losses.csv").read_bytes() == (tmp_path / "off" / "losses.csv").read_bytes()
    assert done(tmp_path / "act") == []
    assert not (tmp_path / "act" / "forks").exists()


def test_where_nothing_helps_it_gives_up_and_says_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor finds the rate too high, however low it is, and since a step after the first checkpoint of a best."""
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=0.0, onset=8.0))
    out = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(out), "--set", "autopilot.candidates=1", *CPU]) == 1
    numbers = [event.number for event in all_of(out, Prescribed)]  # type: ignore[attr-defined]
    assert numbers == [1, 2]
    reviewed = all_of(out, Reviewed)
    assert [event.kept for event in reviewed] == [False, False]  # type: ignore[attr-defined]
    tried = [trial.edits for event in all_of(out, Prescribed) for trial in event.trials[1:]]  # type: ignore[attr-defined]
    assert len(set(tried)) == len(tried) == 2
    gave_up = one(out, GaveUp)
    assert isinstance(gave_up, GaveUp) and "every remedy has been tried" in gave_up.why
    assert RunFolder(out).read_recipe().g_optim.lr == piloted.WILD, "the run is what it was before"
    assert checkpoint.entries(out / "checkpoints")[-1].step == 5
    page = (out / "report.html").read_text()
    assert "look at it" in page and "taken back" in page
    assert f"<title>{out.name}: the autopilot gave up</title>" in page
    assert f"At step {gave_up.step}, against {gave_up.symptom}: {gave_up.why}." in page
    assert "given up" in capsys.readouterr().out
    attempts = journal_of(out, capsys)
    assert attempts[0]["end"] == "the autopilot gave up: every remedy has been tried"
    assert "look at it" in attempts[0]["to_do"] and attempts[0]["verdict"] == "ill"
    assert len(attempts) == 3, "going back is no attempt"
    assert [it["before"]["number"] for it in attempts[1:]] == [1, 1]
    assert run_command(["resume", str(out), "--for", "10steps", "--autopilot", "off", *CPU]) == 0
    assert run_command(["report", str(out)]) == 0
    assert "the autopilot gave up</title>" not in (out / "report.html").read_text(), "a person went on"
    for attempt in attempts[1:]:
        assert attempt["end"] == "then it was taken back"
        assert attempt["then"].endswith("wild is still there; the run is attempt 1 again")


IMPROVING = f"{piloted.__file__}:improving"


def best_of_all(run: Path) -> float:
    """The best score of any generator that was taken for the best of the course it was of."""
    return min(event.value for event in all_of(run, Measured) if isinstance(event, Measured) and event.is_best)


def test_the_best_generator_of_a_run_that_was_given_up_is_the_best_it_ever_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor sees the same whatever is done, while samples get better; so the best ones are of courses left."""
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=0.0, onset=35.0))
    run = tmp_path / "run"
    assert run_command(["train", IMPROVING, "--out", str(run), *CPU]) == 1
    there, back = all_of(run, Adopting)
    assert isinstance(there, Adopting) and isinstance(back, Adopting)
    assert there.kept and back.kept == f"kernel {best_of_all(run):.4g} of step 60"
    kept = open_run(run, "cpu")
    assert kept.step == 60 > checkpoint.entries(run / "checkpoints")[-1].step
    assert kept.score == pytest.approx(best_of_all(run))
    restored = one(run, PutBack)
    assert isinstance(restored, PutBack) and (restored.of_step, restored.score) == (60, kept.score)
    words = f"best/ holds the best generator that it had: kernel {kept.score:.4g} of step 60"
    assert words in capsys.readouterr().out
    page = (run / "report.html").read_text()
    assert words in page and "is kept in best/left.safetensors" in page
    assert run_command(["resume", str(run), "--for", "15steps", "--autopilot", "off", *CPU]) == 0
    assert open_run(run / "best" / "left.safetensors", "cpu").score == kept.score


def test_the_best_generator_of_before_is_kept_when_advice_is_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=0.0, onset=35.0))
    run, words = tmp_path / "run", ["--autopilot", "advise", "--set", "cadence.measuring_share=1.0"]
    assert run_command(["train", IMPROVING, "--out", str(run), "--for", "60steps", *words, *CPU]) == 0
    before = open_run(run, "cpu")
    weakened = [line.replace("g_optim.lr *= 0.9", "g_optim.lr *= 1e-06") for line in lines_of(run)]
    (run / "journal.jsonl").write_text("".join(weakened))
    capsys.readouterr()
    assert run_command(["apply", str(run), "1", *CPU]) == 0
    said = capsys.readouterr().out
    kept = f"kernel {before.score:.4g} of step {before.step}"
    assert f"the best so far, {kept}, of a course that was left, is kept in best/left.safetensors" in said
    after = open_run(run, "cpu")
    assert after.score is not None and before.score is not None and after.score > before.score
    left = run / "best" / "left.safetensors"
    assert f"a better generator was of a course that was left: {kept}, in {left}" in said
    found = open_run(left, "cpu")
    assert (found.step, found.score) == (before.step, before.score)


def test_who_resumes_a_run_that_was_given_up_trains_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=0.0, onset=8.0))
    out = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(out), "--set", "autopilot.candidates=1", *CPU]) == 1
    assert f"to go on all the same: equipoise resume {out}" in capsys.readouterr().out
    assert run_command(["resume", str(out), "--set", "g_optim.lr*=0.5", *CPU]) == 0
    assert len(all_of(out, GaveUp)) == 1
    assert history(read(out).events)[-1].step == 30


def test_a_repair_with_new_networks_begins_another_course_and_taken_back_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor_of_narrow_networks())
    monkeypatch.setattr(piloting, "best_of", lambda sound, control: (max(sound), "made up"))
    out, alone = tmp_path / "run", tmp_path / "alone"
    assert run_command(["train", DOOMED, "--out", str(out), *CPU]) == 1
    what, (there, back) = one(out, Prescribed), all_of(out, Adopting)
    assert isinstance(what, Prescribed)
    assert (what.origin, there.step, back.step) == (5, 0, 0), "from its first step on it was another one"
    lost = [event.lost_steps for event in all_of(out, Adopted)]  # type: ignore[attr-defined]
    reviewed = one(out, Reviewed)
    assert lost == [what.step, reviewed.step - what.origin]
    assert [entry.step for entry in checkpoint.entries(out / "checkpoints")] == [5], "others are of other networks"
    assert run_command(["train", DOOMED, "--out", str(alone), "--autopilot", "off", *CPU]) == 0
    assert read_losses(out)["loss_d"] == read_losses(alone)["loss_d"][:1]
    assert run_command(["resume", str(out), "--autopilot", "off", *CPU]) == 0
    finished = all_of(out, Finished)[-1]
    assert isinstance(finished, Finished) and finished.lost_steps > sum(lost), "forks too"
    assert read_losses(out)["loss_d"] == read_losses(alone)["loss_d"]


def test_a_run_that_began_without_the_autopilot_is_repaired_from_the_oldest_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(out), "--autopilot", "off", "--for", "20steps", *CPU]) == 0
    oldest = checkpoint.entries(out / "checkpoints")[0].step
    assert oldest > 0
    assert run_command(["resume", str(out), "--autopilot", "act", "--for", "20steps", *CPU]) == 0
    assert one(out, Prescribed).origin == oldest  # type: ignore[attr-defined]
    assert RunFolder(out).read_recipe().g_optim.lr == pytest.approx(piloted.SOUND)


def test_a_full_disk_is_laid_to_no_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to the one under review, nor to the run."""
    out = tmp_path / "run"
    writes = checkpoint.write_whole

    def full(path: Path, content: bytes) -> None:
        if path.parent == out / "checkpoints" and all_of(out, Adopted):
            raise OSError(28, "No space left on device")
        writes(path, content)

    monkeypatch.setattr(checkpoint, "write_whole", full)
    assert run_command(["train", DOOMED, "--out", str(out), *CPU]) == 3
    assert not all_of(out, Reviewed)
    monkeypatch.setattr(checkpoint, "write_whole", writes)
    assert run_command(["resume", str(out), *CPU]) == 0
    reviewed = one(out, Reviewed)
    assert isinstance(reviewed, Reviewed) and reviewed.kept


def test_a_fork_for_which_memory_is_not_enough_has_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(plan: Plan, state: State, *more: Any) -> None:
        if plan.recipe.g_optim.lr == pytest.approx(0.9 * piloted.WILD):
            torch.empty(2**50)
        step(plan, state, *more)

    monkeypatch.setattr(session, "step", greedy)
    out = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(out), *CPU]) == 0
    faults = [event.fault for event in all_of(out, Forked)]  # type: ignore[attr-defined]
    assert [bool(fault) for fault in faults] == [False, True, False]
    assert "the memory of cpu was not enough" in faults[1]
    assert RunFolder(out).read_recipe().g_optim.lr == pytest.approx(piloted.SOUND)


def test_a_recipe_under_somebodys_hands_ends_no_run_and_gets_into_no_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def editing(text: Callable[[str], str]) -> Callable[..., None]:
        def train_and_edit(plan: Plan, state: State, *more: Any) -> None:
            step(plan, state, *more)
            if state.counters.steps == 7:
                out.joinpath("recipe.json").write_text(text(out.joinpath("recipe.json").read_text()))

        return train_and_edit

    out = tmp_path / "torn"
    monkeypatch.setattr(session, "step", editing(lambda text: text[:-5]))
    assert run_command(["train", DOOMED, "--out", str(out), "--autopilot", "advise", *CPU]) == 0
    assert one(out, Prescribed)
    out = tmp_path / "edited"
    monkeypatch.setattr(session, "step", editing(lambda text: text.replace('"beta1": 0.0', '"beta1": 0.1', 1)))
    capsys.readouterr()
    assert run_command(["train", DOOMED, "--out", str(out), *CPU]) == 2
    assert "recipe.json differs from what the checkpoint was made with (" in capsys.readouterr().err
    assert '"beta1": 0.1' in out.joinpath("recipe.json").read_text(), "nothing is lost"


def assert_an_edit_is_refused_until_it_is_undone(run: Path, capsys: pytest.CaptureFixture[str], ends: int = 0) -> None:
    """Nobody said so by a resume, and what is said to work does; `--accept-changes` does not."""
    file = run / "recipe.json"
    before = file.read_text()
    edited = before.replace('"beta1": 0.0', '"beta1": 0.1', 1)
    assert edited != before
    file.write_text(edited)
    forks, adopted = (len(all_of(run, kind)) for kind in (Forked, Adopted))
    for words in ([], ["--accept-changes"]):
        capsys.readouterr()
        assert run_command(["resume", str(run), *words, *CPU]) == 2
        said = capsys.readouterr().err
        assert "recipe.json differs from what the checkpoint was made with (" in said and "beta1" in said
        assert f"equipoise resume {run} --set" in said and "--accept-changes" not in said
        assert file.read_text() == edited, "nothing is lost"
    assert [len(all_of(run, kind)) for kind in (Forked, Adopted)] == [forks, adopted]
    file.write_text(before)
    assert run_command(["resume", str(run), "--set", "d_optim.beta1=0.1", *CPU]) == ends
    assert RunFolder(run).read_recipe().d_optim.beta1 == (0.1 if ends == 0 else 0.0)


def test_a_recipe_that_is_edited_while_forks_train_is_refused_and_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ending(plan: Plan, state: State, *more: Any) -> None:
        if plan.recipe.g_optim.lr == pytest.approx(piloted.SOUND):
            raise Crash
        step(plan, state, *more)

    run = tmp_path / "run"
    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr(session, "step", ending)
        run_command(["train", DOOMED, "--out", str(run), *CPU])
    assert_an_edit_is_refused_until_it_is_undone(run, capsys)


def test_a_recipe_that_is_edited_while_the_last_fork_trains_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def editing(plan: Plan, state: State, *more: Any) -> None:
        if plan.recipe.g_optim.lr == pytest.approx(piloted.SOUND):
            file = run / "recipe.json"
            file.write_text(file.read_text().replace('"beta1": 0.0', '"beta1": 0.1', 1))
        step(plan, state, *more)

    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(session, "step", editing)
        assert run_command(["train", DOOMED, "--out", str(run), *CPU]) == 2
    assert "recipe.json differs from what the checkpoint was made with (" in capsys.readouterr().err
    assert all_of(run, Judged) and not all_of(run, Adopting)
    assert '"beta1": 0.1' in (run / "recipe.json").read_text()


@pytest.mark.parametrize("where", ["_take_checkpoints", "_take_rows"])
@pytest.mark.parametrize("turn", [1, 2], ids=["over", "back"])
def test_a_recipe_that_is_edited_when_a_fork_is_half_taken_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str, turn: int
) -> None:
    if turn == 2:
        monkeypatch.setattr(advising, "examine", piloted.doctor(bound=0.0, onset=8.0))
    run = tmp_path / "run"
    cut_short(monkeypatch, where, ["train", DOOMED, "--out", str(run), *CPU], turn)
    assert_an_edit_is_refused_until_it_is_undone(run, capsys, ends=turn - 1)


def test_a_recipe_that_is_edited_before_advice_is_applied_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    file = run / "recipe.json"
    assert run_command(["train", DOOMED, "--out", str(run), "--autopilot", "advise", *CPU]) == 0
    for is_cut_short in (False, True):
        if is_cut_short:
            cut_short(monkeypatch, "_take_checkpoints", ["apply", str(run), "1", *CPU])
        before = file.read_text()
        file.write_text(before.replace('"beta1": 0.0', '"beta1": 0.1', 1))
        capsys.readouterr()
        assert run_command(["apply", str(run), "1", *CPU]) == 2
        said = capsys.readouterr().err
        assert "recipe.json differs from what the checkpoint was made with (" in said
        assert "--accept-changes" not in said and '"beta1": 0.1' in file.read_text()
        file.write_text(before)
    assert run_command(["apply", str(run), "1", *CPU]) == 0


def test_a_run_that_breaks_off_and_has_no_remedy_is_given_up_with_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(plan: Plan, state: State, *more: Any) -> None:
        if state.counters.steps == 13:
            raise NonFinite(13, "the generator's weights are NaN")
        step(plan, state, *more)

    monkeypatch.setattr(session, "step", breaking)
    out = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(out), "--set", "autopilot.extra=0.0", *CPU]) == 1
    assert one(out, GaveUp).step == 13
    assert "the autopilot gave up</title>" in (out / "report.html").read_text()


@pytest.mark.parametrize("words", [["--autopilot", "off"], ["--set", "autopilot.mode=off"]])
def test_a_repair_that_is_called_off_is_not_finished_first(rescued: Path, tmp_path: Path, words: list[str]) -> None:
    """Of a run that ended when its forks were about to be trained."""
    out = Path(shutil.copytree(rescued, tmp_path / "run"))
    lines = (out / "journal.jsonl").read_text().splitlines(keepends=True)
    until = next(at for at, line in enumerate(lines) if '"Prescribed"' in line)
    (out / "journal.jsonl").write_text("".join(lines[: until + 1]))
    assert run_command(["resume", str(out), *words, "--accept-changes", *CPU]) == 0
    assert not all_of(out, Forked)
    assert not list((out / "forks").glob("*/checkpoints")), "and keeps nothing that takes room"


def test_advice_is_written_down_and_touches_nothing_until_a_person_applies_it(tmp_path: Path) -> None:
    for mode in ("advise", "off"):
        words = ["--autopilot", mode, "--set", "cadence.measuring_share=1.0"]
        assert run_command(["train", DOOMED, "--out", str(tmp_path / mode), *words, *CPU]) == 0
    run = tmp_path / "advise"
    assert (run / "losses.csv").read_bytes() == (tmp_path / "off" / "losses.csv").read_bytes()
    assert [event["event"] for event in done(run)] == ["Prescribed"]
    assert run_command(["apply", str(run), "1", *CPU]) == 0
    assert RunFolder(run).read_recipe().g_optim.lr == pytest.approx(0.9 * piloted.WILD)
    back = one(run, Adopting)
    assert isinstance(back, Adopting) and back.step <= 5 and "a person applied advice 1" in back.why
    rates = read_losses(run)["lr_g"]
    assert rates[1:] == pytest.approx([0.9 * piloted.WILD] * 5)
    assert [event.step for event in history(read(run).events) if isinstance(event, Tick)] == [*range(5, 35, 5)]
    assert run_command(["apply", str(run), "1", *CPU]) == 2, "it would be made twice as strong"


def test_a_run_that_has_no_steps_for_forks_is_advised_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    words = ["--autopilot", "act", "--set", "autopilot.extra=0.0", "--set", "cadence.measuring_share=1.0"]
    assert run_command(["train", DOOMED, "--out", str(run), *words, *CPU]) == 0
    assert [event["mode"] for event in done(run)] == ["advise"]
    said = capsys.readouterr().out
    assert f"equipoise apply {run} 1" in said and "length reached at step 30" in said
    why = "a fork takes 5 steps at least, and 0 are left of those that forks may cost (autopilot.extra)"
    assert f"the autopilot only advises here: {why}" in said
    assert run_command(["journal", str(run)]) == 0
    assert f"only advised, as {why}" in capsys.readouterr().out


def test_advice_that_needs_new_networks_says_so_and_is_not_told_once_it_was_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor_of_narrow_networks())
    run = tmp_path / "run"
    words = ["--autopilot", "advise", "--set", "cadence.keep_recent=1", "--set", "cadence.keep_best=1"]
    assert run_command(["train", DOOMED, "--out", str(run), *words, *CPU]) == 0
    begun = "anew from step 0, as networks change their shapes, with generator.width *= 2"
    assert begun in capsys.readouterr().out
    assert run_command(["journal", str(run)]) == 0
    assert f"to try: {begun} (equipoise apply {run} 1)" in capsys.readouterr().out
    assert f"equipoise apply {run} 1" in write_report(run).read_text()
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=1.0))
    assert run_command(["apply", str(run), "1", *CPU]) == 0
    back = one(run, Adopting)
    assert isinstance(back, Adopting) and back.step == 0
    assert back.why.endswith("; networks change their shapes, so the run begins anew from step 0")
    assert "equipoise apply" not in write_report(run).read_text()


def test_applied_advice_is_an_attempt_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(run), "--autopilot", "advise", *CPU]) == 0
    (alone,) = journal_of(run, capsys)
    assert run_command(["apply", str(run), "1", *CPU]) == 0
    first, second = journal_of(run, capsys)
    assert first["measure"] == alone["measure"] and first["last_step"] == 30, "what it came to stays in the log"
    assert second["before"]["one_setting"] == piloted.RATE and second["before"]["number"] == 1
    back = one(run, Adopting)
    assert (second["first_step"], second["last_step"], second["end"]) == (back.step, 30, "length reached")
    assert second["measure"]["step"] > back.step


def test_the_attempt_log_tells_what_was_seen_tried_and_decided(
    rescued: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run_command(["journal", str(rescued)]) == 0
    shown = capsys.readouterr().out
    assert "why      the generator runs wild since step 3: the rate is 0.5\n" in shown
    assert "chosen   by the autopilot at step 15: kernel " in shown
    scores = {fork.name: fork.score for fork in all_of(rescued, Forked) if isinstance(fork, Forked)}
    none, slightly = (scores[f"001-{name}"] for name in ("0-no-change", "1-g.lr-times-0.9"))
    assert f"beside   no change: {none:.4g} (" in shown and f"beside   g_optim.lr *= 0.9: {slightly:.4g} (" in shown
    assert "then     kept by the autopilot at step 20: wild is gone" in shown


def test_what_was_tried_and_brought_nothing_is_a_line_and_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=1.0))
    monkeypatch.setattr(piloting, "is_clearly_better", lambda *asked: False)
    run = tmp_path / "run"
    assert run_command(["train", SUSPECTED, "--out", str(run), *CPU]) == 0
    (alone,) = journal_of(run, capsys)
    (tried,) = alone["tried"]
    assert tried["evidence"].startswith("under suspicion, though nothing is seen")
    assert [fork["goes_on"] for fork in tried["forks"]] == [False, False, False]
    assert all(isinstance(fork["score"], float) for fork in tried["forks"])
    assert run_command(["journal", str(run)]) == 0
    shown = capsys.readouterr().out
    itself = tried["forks"][0]["score"]
    assert (
        "; nothing better was found: no remedy is better" in shown
        and f"tried    the run itself: {itself:.4g}\n" in shown
    )


def test_a_repair_waits_for_advice_that_was_half_applied(
    rescued: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(rescued, tmp_path / "run"))
    events = len(read(run).events)
    piloting.append(RunFolder(run), [Applying(step=5, number=9, name="009-applied", came_to=30)])
    assert run_command(["resume", str(run), *CPU]) == 2
    assert "advice 9 was being applied" in capsys.readouterr().err
    assert len(read(run).events) == events + 1


def test_advice_reads_checkpoints_while_none_is_written_or_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that takes its time must not find that a checkpoint it has listed is gone."""
    is_whole = checkpoint.is_whole

    def slow(path: Path) -> bool:
        time.sleep(0.05)
        return is_whole(path)

    monkeypatch.setattr(checkpoint, "is_whole", slow)
    words = ["--autopilot", "advise", "--set", "cadence.keep_recent=1", "--set", "cadence.keep_best=1"]
    assert run_command(["train", DOOMED, "--out", str(tmp_path / "run"), *words, *CPU]) == 0


def test_advice_for_several_processes_is_a_line_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(run), "--autopilot", "advise", *CPU]) == 0
    journal = run / "journal.jsonl"
    journal.write_text(re.sub(r'("processes": ?)1', r"\g<1>2", journal.read_text()))
    written = journal.read_bytes()
    capsys.readouterr()
    assert run_command(["apply", str(run), "1", *CPU]) == 2
    assert f"with torchrun: resume {run} --set 'g_optim.lr *= 0.9'" in capsys.readouterr().err
    assert journal.read_bytes() == written


@pytest.mark.parametrize(
    ("number", "lost", "why"),
    [
        ("2", slice(0), "has no advice 2; it has 1"),
        ("1", slice(-1), "has no checkpoint up to"),
        ("1", slice(None), "its checkpoints are gone"),
    ],
)
def test_what_cannot_be_applied_is_refused(
    tmp_path: Path, number: str, lost: slice, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(run), "--autopilot", "advise", *CPU]) == 0
    for entry in checkpoint.entries(run / "checkpoints")[lost]:
        entry.path.unlink()
    capsys.readouterr()
    assert run_command(["apply", str(run), number, *CPU]) == 2
    assert why in capsys.readouterr().err


def test_several_processes_cannot_act(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from equipoise.engine.world import World
    from equipoise.run import _preparing

    monkeypatch.setattr(_preparing, "join_world", lambda kind: World(rank=0, size=2))
    with pytest.raises(RequestError, match="one process alone"):
        start(piloted.doomed(), Where(device="cpu"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


JUMPS = f"{piloted.__file__}:doomed_on_the_way"


def test_a_rate_that_was_raised_is_held_at_no_cost_but_the_steps_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor_of_jumps())
    run = tmp_path / "run"
    assert run_command(["train", JUMPS, "--out", str(run), *CPU]) == 0
    first, judged, reviewed = one(run, Prescribed), one(run, Judged), one(run, Reviewed)
    assert isinstance(first, Prescribed) and isinstance(judged, Judged) and isinstance(reviewed, Reviewed)
    assert first.trials[0].is_own_course and first.end == first.step
    assert (judged.chosen, judged.lost_steps) == (first.trials[1].name, 0)
    assert set(judged.scores) == {trial.name for trial in first.trials}
    assert reviewed.kept
    assert RunFolder(run).read_recipe().g_optim.lr == piloted.SOUND
    finished = one(run, Finished)
    assert isinstance(finished, Finished) and finished.lost_steps == first.step - first.origin
    out = capsys.readouterr().out
    assert f"from step {first.origin} beside what it did, g_optim.lr = 0.001" in " ".join(out.split())
    of_own = next(event for event in all_of(run, Measured) if event.step == first.step)
    assert isinstance(of_own, Measured)
    assert judged.scores[first.trials[0].name] == pytest.approx(of_own.value), "the run as it was, scored alike"
    for trial in first.trials:
        sheets = [path.name for path in (run / "forks" / trial.name / "samples").iterdir()]
        assert sheets == [f"step-{first.step:08d}.png"], "both can be seen, side by side"


SUSPECTED = f"{piloted.__file__}:suspected"


def test_a_setting_under_suspicion_is_tried_without_once_and_kept_if_that_is_plainly_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate of a half, of which this doctor sees nothing."""
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=1.0))
    run = tmp_path / "run"
    assert run_command(["train", SUSPECTED, "--out", str(run), *CPU]) == 0
    tried, judged = one(run, Prescribed), one(run, Judged)
    assert isinstance(tried, Prescribed) and isinstance(judged, Judged)
    assert (tried.is_doubt, tried.origin, tried.step, tried.end) == (True, 0, 15, 15)
    assert [trial.is_own_course for trial in tried.trials] == [True, False, False]
    assert judged.chosen == min(judged.scores, key=lambda name: judged.scores[name])
    assert not all_of(run, Reviewed)
    assert RunFolder(run).read_recipe().g_optim.lr in (pytest.approx(0.1 * piloted.WILD), pytest.approx(0.004))
    assert [event.step for event in history(read(run).events) if isinstance(event, Measured)] == [*range(5, 65, 5)]


def test_where_trying_without_it_brings_nothing_the_run_goes_on_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=1.0))
    monkeypatch.setattr(piloting, "is_clearly_better", lambda *asked: False)
    run, alone = tmp_path / "run", tmp_path / "alone"
    assert run_command(["train", SUSPECTED, "--out", str(run), *CPU]) == 0
    assert run_command(["train", SUSPECTED, "--out", str(alone), "--autopilot", "off", *CPU]) == 0
    judged = one(run, Judged)
    assert isinstance(judged, Judged) and (judged.chosen, judged.lost_steps) == ("", 2 * 15)
    assert not any(all_of(run, kind) for kind in (GaveUp, Reviewed, Adopting))
    assert read_losses(run)["loss_d"] == read_losses(alone)["loss_d"]


def test_where_holding_it_is_plainly_worse_the_other_remedies_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor_of_jumps())
    monkeypatch.setattr(piloting, "is_clearly_better", lambda *asked: True)
    run = tmp_path / "run"
    run_command(["train", JUMPS, "--out", str(run), *CPU])
    first, second = all_of(run, Prescribed)[:2]
    assert isinstance(first, Prescribed) and isinstance(second, Prescribed)
    judged = all_of(run, Judged)[0]
    assert isinstance(judged, Judged)
    assert judged.chosen == "" and "the run itself" in judged.why
    assert judged.lost_steps == first.end - first.origin
    assert not second.trials[0].is_own_course
    assert [trial.edits for trial in second.trials[1:]] == [("phases.main.terms.r1.weight *= 1.1",)]


def test_a_held_rate_goes_on_unless_the_run_itself_is_plainly_better() -> None:
    own, cure = Trial("own", (), "", is_own_course=True), Trial("cure", ("a = 1",), "")

    def chosen(**sound: Scored) -> str:
        return unless_worse(sound, own, cure)[0]

    assert chosen(own=scored(0.5), cure=scored(0.4)) == "cure"
    assert chosen(own=scored(0.97), cure=scored(0.99, spread=-0.1)) == "cure", "within the noise"
    assert chosen(own=scored(0.4), cure=scored(1.5)) == "own"
    assert chosen(cure=scored(1.5)) == "cure", "the run broke off"
    assert chosen(own=scored(0.4)) == "", "the fork did"


def test_a_run_that_breaks_off_is_repaired_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(plan: Plan, state: State, *more: Any) -> None:
        if plan.recipe.g_optim.lr == piloted.WILD and state.counters.steps == 13:
            raise NonFinite(13, "the generator's weights are NaN")
        step(plan, state, *more)

    monkeypatch.setattr(session, "step", breaking)
    run = tmp_path / "run"
    assert run_command(["train", DOOMED, "--out", str(run), *CPU]) == 0
    assert one(run, Prescribed).step == 13
    assert RunFolder(run).read_recipe().g_optim.lr == pytest.approx(piloted.SOUND)
    assert history(read(run).events)[-1].step == 30


@pytest.mark.parametrize("at", [32, 30], ids=["between checkpoints", "with a checkpoint"])
def test_a_run_that_breaks_off_after_a_rate_was_raised_goes_on_with_the_rate_held(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its samples drift, and are worse at the review than those of the run that broke off had been."""

    def breaking(plan: Plan, state: State, *more: Any) -> None:
        if isinstance(plan.recipe.g_optim.lr, Piecewise) and state.counters.steps == at:
            raise NonFinite(at, "the generator's weights are NaN")
        step(plan, state, *more)

    monkeypatch.setattr(advising, "examine", piloted.doctor_of_jumps())
    monkeypatch.setattr(session, "step", breaking)
    run = tmp_path / "run"
    assert run_command(["train", f"{piloted.__file__}:about_to_break_off", "--out", str(run), *CPU]) == 0
    first, own, reviewed = one(run, Prescribed), all_of(run, Forked)[0], one(run, Reviewed)
    assert isinstance(first, Prescribed) and isinstance(own, Forked) and isinstance(reviewed, Reviewed)
    assert (first.step, first.is_over, first.trials[0].is_own_course) == (at, True, True)
    assert (own.name, own.score, own.fault) == (first.trials[0].name, None, "the run broke off")
    assert first.score_before is not None and reviewed.score is not None and first.score_before < reviewed.score
    assert (reviewed.kept, reviewed.score_before, reviewed.why) == (True, None, "exploding is gone")
    assert RunFolder(run).read_recipe().g_optim.lr == piloted.SOUND
    assert history(read(run).events)[-1].step == 60


def test_a_setting_that_never_arrives_is_a_fault_with_its_name(
    rescued: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from equipoise.engine.state import Player

    run = tmp_path / "run"
    shutil.copytree(rescued, run)
    monkeypatch.setattr(Player, "write_settings", lambda *arguments: None)
    assert run_command(["resume", str(run), "--for", "5steps", "--set", "d_optim.lr=0.25", *CPU]) == 3
    assert "step 31: settings were not taken over: the critic's optimiser has lr 1.0, and the recipe says 0.25" in (
        capsys.readouterr().err
    )


# -- killed anywhere


def ask_to_stop() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal to one process")
def test_a_run_that_goes_on_though_a_repair_failed_goes_on_to_its_end_when_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its samples were good enough to go on with then, and are worse when it is stopped."""
    monkeypatch.setattr(advising, "examine", piloted.doctor_of_two_diseases())
    words = [f"{piloted.__file__}:twice_ill", "--out"]
    whole, stopped, killed = (tmp_path / name for name in ("whole", "stopped", "killed"))
    assert run_command(["train", *words, str(whole), *CPU]) == 0
    assert [event.kept for event in all_of(whole, Reviewed)] == [True, False]  # type: ignore[attr-defined]

    def stopping(plan: Plan, state: State, *more: Any) -> None:
        step(plan, state, *more)
        if state.counters.steps == 50:
            ask_to_stop()

    with monkeypatch.context() as patch:
        patch.setattr(session, "step", stopping)
        assert run_command(["train", *words, str(stopped), *CPU]) == 0
    assert history(read(stopped).events)[-1].step == 50
    go_on_until_it_ends(stopped)
    where, listeners = Where(device="cpu"), [crash_at(Adopted, 3)]
    with pytest.raises(Crash):
        Pilot(RunFolder(killed), where, listeners).fly(start(piloted.twice_ill(), where, killed, None, listeners))
    go_on_until_it_ends(killed)
    for run in (stopped, killed):
        assert_same_run(run, whole)
        assert done(run) == done(whole)


def go_on_until_it_ends(run: Path) -> None:
    assert run_command(["resume", str(run), *CPU]) == 0


def crash_at(kind: type[Event], occurrence: int) -> Listener:
    seen = 0

    def crash(event: Event) -> None:
        nonlocal seen
        seen += isinstance(event, kind)
        if seen == occurrence:
            raise Crash

    return crash


def test_a_crash_at_every_event_of_the_autopilot_leaves_no_trace(rescued: Path, tmp_path: Path) -> None:
    """One run that is ended at each of them in turn, and gone on with."""
    run, where = tmp_path / "run", Where(device="cpu")
    listeners = [crash_at(Prescribed, 1)]
    with pytest.raises(Crash):
        Pilot(RunFolder(run), where, listeners).fly(start(piloted.doomed(), where, run, None, listeners))
    for kind, occurrence in ((Forked, 1), (Forked, 1), (Judged, 1), (Adopting, 1), (Measured, 1), (Reviewed, 1)):
        pilot = Pilot(RunFolder(run), where, [crash_at(kind, occurrence)])
        with pytest.raises(Crash):
            assert pilot.finish_first() is None
            pilot.fly(resume(run, where=where, listeners=pilot.listeners))
    go_on_until_it_ends(run)
    assert_same_run(run, rescued)
    assert done(run) == done(rescued)


@pytest.mark.parametrize("begins", [piloted.doomed_on_the_way, piloted.suspected])
def test_a_crash_at_every_event_beside_its_own_course_leaves_no_trace(
    begins: Callable[[], Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = begins is piloted.doomed_on_the_way
    monkeypatch.setattr(advising, "examine", piloted.doctor_of_jumps() if jumps else piloted.doctor(bound=1.0))
    whole, run, where = tmp_path / "whole", tmp_path / "run", Where(device="cpu")
    assert run_command(["train", JUMPS if jumps else SUSPECTED, "--out", str(whole), *CPU]) == 0
    listeners = [crash_at(Prescribed, 1)]
    with pytest.raises(Crash):
        Pilot(RunFolder(run), where, listeners).fly(start(begins(), where, run, None, listeners))
    for kind in (Forked, Forked, Judged, Adopting):
        pilot = Pilot(RunFolder(run), where, [crash_at(kind, 1)])
        with pytest.raises(Crash):
            assert pilot.finish_first() is None
            pilot.fly(resume(run, where=where, listeners=pilot.listeners))
    go_on_until_it_ends(run)
    assert_same_run(run, whole)
    assert done(run) == done(whole)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal to one process")
def test_ctrl_c_stops_a_repair_wherever_it_is(
    rescued: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run that is stopped at its pause, at a fork's last step, in its middle, and while it becomes the fork."""
    run, left, taken = tmp_path / "run", [0], [0]

    def stepping(plan: Plan, state: State, *more: Any) -> None:
        step(plan, state, *more)
        taken[0] += 1
        if taken[0] == left[0]:
            ask_to_stop()

    monkeypatch.setattr(session, "step", stepping)
    for verb, steps in (("train", 15), ("resume", 10), ("resume", 10), ("resume", 4), ("resume", 6)):
        left[0], taken[0] = steps, 0
        assert run_command([verb, *([DOOMED, "--out"] if verb == "train" else []), str(run), *CPU]) == 0
        assert taken[0] == steps, "and not one more"
        assert f"stopped as asked at step 15; the run is in {run}" in capsys.readouterr().out
    assert isinstance(read(run).events[-1], Judged)
    left[0], take_over = 0, piloting.adopt

    def interrupted(*words: Any) -> Any:
        ask_to_stop()
        return take_over(*words)

    with monkeypatch.context() as patch:
        patch.setattr(piloting, "adopt", interrupted)
        assert run_command(["resume", str(run), *CPU]) == 0
    assert "stopped as asked at step 10" in capsys.readouterr().out
    assert isinstance(read(run).events[-1], Adopted), "what is begun is done"
    go_on_until_it_ends(run)
    assert_same_run(run, rescued)
    assert done(run) == done(rescued)


def test_crashes_at_random_writes_leave_no_trace(
    rescued: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run that is ended at a random write of a whole file, again and again until it has ended by itself."""
    run, chance, write, left = tmp_path / "run", random.Random(0), files.write_synced, [0]

    def torn(path: Path, content: bytes | memoryview) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash
        write(path, content)

    monkeypatch.setattr(files, "write_synced", torn)
    crashes = 0
    for verb in itertools.chain([["train", DOOMED, "--out"]], itertools.repeat(["resume"])):
        left[0] = chance.randrange(6, 18)
        try:
            assert run_command([*verb, str(run), *CPU]) == 0
            break
        except Crash:
            crashes += 1
    assert crashes >= 2
    assert_same_run(run, rescued)
    assert done(run) == done(rescued)


def cut_short(monkeypatch: pytest.MonkeyPatch, where: str, words: list[str], turn: int = 1) -> None:
    """Train, or go on, until a fork's files take the place of the run's for the n-th time, and end there."""
    place, name = (piloting.Pilot, "_take") if where == "_take" else (forking, where)
    real, seen = getattr(place, name), 0

    def ending(*arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == turn:
            raise Crash
        return real(*arguments)

    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr(place, name, ending)
        run_command(words)


PLACES = ["_take_checkpoints", "_take_rows", "_take"]
"""Before the first file, before the last, and before a word of it is in the journal."""


@pytest.mark.parametrize(("where", "mode"), [*zip(PLACES, ["off", "advise", "off"], strict=True)])
def test_a_fork_that_was_being_taken_over_is_taken_over_wholly_though_nobody_acts_any_more(
    rescued: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, mode: str
) -> None:
    run = tmp_path / "run"
    cut_short(monkeypatch, where, ["train", DOOMED, "--out", str(run), *CPU])
    assert all_of(run, Judged) and not all_of(run, Adopting)
    assert run_command(["resume", str(run), "--autopilot", mode, *CPU]) == 0
    recipe = RunFolder(run).read_recipe()
    assert (recipe.g_optim.lr, recipe.autopilot.mode) == (pytest.approx(piloted.SOUND), mode)
    steps = [event.step for event in history(read(run).events) if isinstance(event, Measured)]
    assert steps[0] == 5 and steps[-1] == 30, "one course"
    assert read_losses(run)["loss_d"] == read_losses(rescued)["loss_d"]
    assert len(all_of(run, Adopted)) == 1 and not all_of(run, Reviewed), "nobody looks at it again"


@pytest.mark.parametrize("where", PLACES)
def test_a_fork_that_was_being_taken_back_is_taken_back_wholly_though_nobody_acts_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(advising, "examine", piloted.doctor(bound=0.0, onset=8.0))
    run, alone = tmp_path / "run", tmp_path / "alone"
    cut_short(monkeypatch, where, ["train", DOOMED, "--out", str(run), *CPU], turn=2)
    assert all_of(run, Reviewed) and len(all_of(run, Adopted)) == 1
    assert run_command(["resume", str(run), "--autopilot", "off", *CPU]) == 0
    assert [event.name for event in all_of(run, Adopted)][1:] == ["001-before"]  # type: ignore[attr-defined]
    assert not all_of(run, GaveUp), "nobody acts any more"
    assert run_command(["train", DOOMED, "--out", str(alone), "--autopilot", "off", *CPU]) == 0
    assert RunFolder(run).read_recipe().g_optim.lr == piloted.WILD
    assert read_losses(run)["loss_d"] == read_losses(alone)["loss_d"]


def test_advice_is_applied_to_a_run_that_is_wholly_what_it_was_becoming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    words = ["--for", "20steps", *CPU]
    assert run_command(["train", DOOMED, "--out", str(run), "--autopilot", "advise", *words]) == 0
    cut_short(monkeypatch, "_take_rows", ["resume", str(run), "--autopilot", "act", *words])
    assert run_command(["apply", str(run), "1", *CPU]) == 0
    assert [event.name[:3] for event in all_of(run, Adopted)] == ["002", "001"]  # type: ignore[attr-defined]
    steps = [event.step for event in history(read(run).events) if isinstance(event, Measured)]
    assert steps == sorted(set(steps)) and steps[-1] == 40


def test_several_processes_take_over_no_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    cut_short(monkeypatch, "_take_rows", ["train", DOOMED, "--out", str(run), *CPU])
    events = read(run).events
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run_command(["resume", str(run), "--autopilot", "off", "--accept-changes", *CPU]) == 2
    assert "go on with it by one process" in capsys.readouterr().err
    assert read(run).events == events


def test_kill_9_in_the_middle_of_a_fork_leaves_no_trace(rescued: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, piloted.__file__, "train", str(run)], stdout=subprocess.DEVNULL, env=dict(os.environ)
    )
    while process.poll() is None and not list(run.glob("forks/001-1-*/checkpoints/*.pt")):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not all_of(run, Judged)
    go_on_until_it_ends(run)
    assert_same_run(run, rescued)
    assert done(run) == done(rescued)
