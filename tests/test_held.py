"""One process at a time trains a run or changes it; a change that is cut short is made once, and wholly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import piloted
import tiny
from equipoise import advising, forking, piloting
from equipoise.cli import run_command
from equipoise.engine import checkpoint
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.holding import held
from equipoise.journal import Adopted, Adopting, Applying, Event, Tick, history, read
from equipoise.losses import read as read_losses
from equipoise.run import resume
from equipoise.training import train

DOOMED = f"{piloted.__file__}:doomed"
CPU = ["--device", "cpu"]
HOLDER = """
import sys
from pathlib import Path
from equipoise.holding import held
with held(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        yield other
        other.kill()


@pytest.fixture
def advised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of which one change is advised: a rate times 0.9."""
    monkeypatch.setattr(advising, "examine", piloted.doctor())
    words = ["--autopilot", "advise", "--set", "cadence.measuring_share=1.0"]
    assert run_command(["train", DOOMED, "--out", str(tmp_path / "run"), *words, *CPU]) == 0
    return tmp_path / "run"


@pytest.mark.parametrize("verb", [["resume", "--set", "g_optim.lr=1"], ["apply", "1"]], ids=["resume", "apply"])
def test_a_run_that_another_process_trains_is_left_alone(
    advised: Path, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in advised.rglob("*") if path.is_file()}
    capsys.readouterr()
    with held_by_another_process(advised / "journal.jsonl"):
        assert run_command([verb[0], str(advised), *verb[1:], *CPU]) == 2
    said = capsys.readouterr().err.strip()
    assert said.endswith(f"{advised} is being trained by another process; wait for its end, or stop it")
    assert "\n" not in said
    assert {path: path.read_bytes() for path in advised.rglob("*") if path.is_file()} == before


def test_a_process_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with held_by_another_process(path) as other:
        with held(path) as is_ours:
            assert not is_ours
        other.kill()
        other.wait()
        with held(path) as is_ours, held(path) as again:
            assert is_ours and again, "within a process as often as one likes"
    with held_by_another_process(path):
        pass


def test_whoever_likes_may_read_while_a_run_trains(tmp_path: Path) -> None:
    run = train(tiny.points(2), out=tmp_path / "run", device="cpu")
    with held_by_another_process(run / "journal.jsonl"):
        assert run_command(["doctor", str(run)]) == 0
        assert run_command(["journal", str(run), "--out", str(tmp_path / "log.md")]) == 0


class CutShort(BaseException):
    pass


def cut_short_at(monkeypatch: pytest.MonkeyPatch, place: object, name: str) -> None:
    def stop(*_: object) -> None:
        raise CutShort

    monkeypatch.setattr(place, name, stop)


def append_and_stop(run: RunFolder, events: tuple[Event, ...]) -> None:
    forking.append(run, events[:1])
    if len(events) > 1:
        raise CutShort


@pytest.mark.parametrize("where", ["before anything is written", "fork", "course", "events", "half of the events"])
def test_advice_whose_application_was_cut_short_is_applied_once(
    advised: Path, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        match where:
            case "before anything is written":
                cut_short_at(patched, piloting, "append")
            case "fork":
                cut_short_at(patched, piloting, "begin_fork")
            case "course":
                cut_short_at(patched, forking, "_take_rows")
            case "events":
                cut_short_at(patched, piloting.Pilot, "_take")
            case _:
                patched.setattr(piloting, "append", append_and_stop)
        with pytest.raises(CutShort):
            run_command(["apply", str(advised), "1", *CPU])
    if where not in ("before anything is written", "fork"):
        capsys.readouterr()
        assert run_command(["resume", str(advised), *CPU]) == 2
        assert f"cut short; go on by: equipoise apply {advised} 1" in capsys.readouterr().err
    assert run_command(["apply", str(advised), "1", *CPU]) == 0
    assert RunFolder(advised).read_recipe().g_optim.lr == pytest.approx(0.9 * piloted.WILD)
    assert read_losses(advised)["lr_g"][1:] == pytest.approx([0.9 * piloted.WILD] * 5)
    events = read(advised).events
    assert [event.step for event in history(events) if isinstance(event, Tick)] == [*range(5, 35, 5)]
    (begun,) = (event for event in events if isinstance(event, Applying))
    (adopted,) = (event for event in events if isinstance(event, Adopted))
    assert adopted.lost_steps == begun.came_to - begun.step == 30
    assert any(isinstance(event, Adopting) for event in events)
    assert checkpoint.entries(advised / "checkpoints")[-1].step == 30


def test_advice_that_is_refused_leaves_the_run_as_it_was(advised: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RequestError("this setting is there already")

    with monkeypatch.context() as patched:
        patched.setattr(piloting, "begin_fork", refuse)
        assert run_command(["apply", str(advised), "1", *CPU]) == 2
    assert not any(isinstance(event, Applying) for event in read(advised).events)
    assert run_command(["resume", str(advised), *CPU]) == 0


def test_what_a_resumed_run_keeps_apart_is_kept_anew(advised: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`apply` was cut short before it was written down, and the run went on with another setting."""
    with monkeypatch.context() as patched:
        cut_short_at(patched, piloting, "append")
        with pytest.raises(CutShort):
            run_command(["apply", str(advised), "1", *CPU])
    assert run_command(["resume", str(advised), "--set", "d_optim.lr=0.002", *CPU]) == 0
    assert run_command(["apply", str(advised), "1", *CPU]) == 0
    assert RunFolder(advised).read_recipe().d_optim.lr == 0.002


def test_a_run_that_cannot_be_begun_or_gone_on_with_is_held_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(tiny.points(2), out=tmp_path / "run", device="cpu")

    def announce(*_: object) -> None:
        raise CutShort

    with pytest.raises(CutShort):
        resume(run, listeners=[announce])
    monkeypatch.setattr("equipoise.record.LossTable", announce)
    with pytest.raises(CutShort):
        resume(run)
    with held_by_another_process(run / "journal.jsonl"):
        pass
