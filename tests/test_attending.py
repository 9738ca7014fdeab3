"""The doctor beside a run of ours: it speaks when its mind changes, and at the end, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny
from equipoise.advising import look
from equipoise.attending import MOST_SHARE, Attendant
from equipoise.cli import run_command
from equipoise.folder import RunFolder
from equipoise.journal import (
    Adopted,
    Diagnosed,
    Event,
    Finished,
    Judged,
    Measured,
    Prescribed,
    Reading,
    Tick,
    Trial,
    _files,
    _lines,
    read,
)
from equipoise.recipe import Budget
from equipoise.run import Where, carry_out, resume, start
from equipoise.training import train


def said_of(run: Path) -> list[Diagnosed]:
    return [event for event in read(run).events if isinstance(event, Diagnosed)]


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Data on which no run can be well."""
    return tiny.coloured(tmp_path / "noise", 60)


def test_a_run_that_is_not_well_ends_with_what_is_wrong(
    noise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["train", f"{Path(tiny.__file__)}:images", "--data", str(noise), "--out", str(out), "--device", "cpu"]
    assert run_command([*words, "--for", "12steps"]) == 0
    *_, wrong, following = capsys.readouterr().out.strip().splitlines()
    assert wrong == "ill: the data are not what they should be"
    assert following == f"next: equipoise doctor {out}   or   equipoise sample {out}"
    (said,) = said_of(out)
    assert (said.verdict, next(iter(said.symptoms))) == ("ill", "data-bug"), "said once, and it did not change"


def test_a_run_that_is_well_ends_as_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert run_command(["train", f"{Path(tiny.__file__)}:points", "--out", str(out), "--device", "cpu"]) == 0
    assert capsys.readouterr().out.strip().splitlines()[-1] == f"next: equipoise sample {out}"
    assert {said.verdict for said in said_of(out)} <= {"young", "unknown"}


def test_what_was_said_is_not_said_again_after_a_resume(noise: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    carry_out(start(tiny.images(6), Where(noise, device="cpu"), out))
    session = resume(out, budget=Budget.parse("6steps"), where=Where(noise, device="cpu"))
    carry_out(session)
    assert len(said_of(out)) == 1
    assert session.diagnosis == said_of(out)[0]


def test_for_advice_no_row_is_read_twice(noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_rows: list[str] = []

    def from_line(line: str) -> Event:
        event = _lines.from_line(line)
        read_rows.extend([line] if isinstance(event, Tick) else [])
        return event

    with monkeypatch.context() as patch:
        patch.setattr(_files, "from_line", from_line)
        patch.setattr(Attendant, "look", lambda *_: None)
        run = train(tiny.images(24), noise, out=tmp_path / "run", device="cpu")
    scores = [event.step for event in read(run).events if isinstance(event, Measured)]
    assert scores == [6, 12, 18, 24]
    rows = [event for event in read(run).events if isinstance(event, Tick) and event.step <= scores[-2]]
    assert [_lines.from_line(row) for row in read_rows] == rows


def test_scores_from_before_the_last_change_are_told_apart(noise: Path, tmp_path: Path) -> None:
    run = RunFolder(train(tiny.images(24), noise, out=tmp_path / "run", device="cpu"))
    name = "001-0-no-change"
    change: list[Event] = [
        Prescribed(
            step=18,
            number=1,
            mode="act",
            symptom="flat",
            evidence="",
            trials=(Trial(name, ("course = 1",), ""),),
            left=(),
            by_hand=(),
            origin=12,
            end=18,
            review_at=24,
            length_steps=24.0,
        ),
        Judged(step=18, number=1, scores={}, chosen=name, why="", lost_steps=0),
        Adopted(step=18, number=1, name=name, lost_steps=0),
    ]
    events = run.read_journal().events
    alone, changed = (look(run, run.read_recipe(), Reading((*events, *more), 0), 18) for more in ([], change))
    assert [score.step for score in alone.scores_before] == []
    assert [score.step for score in alone.scores] == [6, 12, 18]
    assert [score.step for score in changed.scores_before] == [6]
    assert [score.step for score in changed.scores] == [12, 18]


def test_attending_changes_nothing_and_is_counted(noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train(tiny.images(12), noise, out=tmp_path / "attended", device="cpu")
    assert [event.examining_s > 0 for event in read(run).events if isinstance(event, Finished)] == [True]
    monkeypatch.setattr(Attendant, "look", lambda *_: None)
    alone = train(tiny.images(12), noise, out=tmp_path / "alone", device="cpu")
    assert (run / "losses.csv").read_bytes() == (alone / "losses.csv").read_bytes()
    assert said_of(alone) == []


def test_it_keeps_within_its_time(noise: Path, tmp_path: Path) -> None:
    run = train(tiny.images(6), noise, out=tmp_path / "run", device="cpu")
    attendant = Attendant(run)
    assert attendant.is_affordable(0.0), "once is needed to know how long it takes"
    attendant.look(6)
    assert not attendant.is_affordable(attendant.seconds / MOST_SHARE)
    assert attendant.is_affordable(2.01 * attendant.seconds / MOST_SHARE)


def test_a_journal_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    assert Attendant(tmp_path / "nothing").look_if_it_can_be_read(3) is None
