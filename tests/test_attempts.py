"""The attempt log: read of what runs wrote down, whole or torn, and honest about chance."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import equipoise
import tiny
from equipoise.attempts.judging import BETWEEN_SEEDS, log_of
from equipoise.cli import run_command
from equipoise.data import Images
from equipoise.doctor.interventions import rules_of
from equipoise.edit import Change, Edit, diff
from equipoise.journal import (
    Adopted,
    Adopting,
    Checkpointed,
    Diagnosed,
    Event,
    Faulted,
    Finished,
    Forked,
    Journal,
    Judged,
    Measured,
    Pictured,
    Prescribed,
    Resumed,
    Reviewed,
    Started,
    Tick,
    Trial,
    read,
    to_line,
)
from equipoise.recipe import Recipe, edited
from equipoise.spec import encode

TINY = f"{Path(tiny.__file__)}:points"
DAY = 86400.0
FLOOR = 0.001


def recipe(*edits: str) -> Recipe:
    return edited(tiny.points(), [Edit.parse(text) for text in edits])


def started(day: float, *edits: str, data: str = "d1", why: str = "", **more: Any) -> Started:
    return Started(
        time=day * DAY,
        recipe=encode(recipe(*edits)),
        digest="r",
        data={"digest": data, "path": f"/data/{data}", "samples": 300},
        machine={},
        goal={"steps": 100},
        why=why,
        **more,
    )


def trained(day: float, value: float, first: int = 0, last: int = 100, end: str = "length reached") -> list[Event]:
    """A stretch of training by which a kernel distance was reached."""
    events: list[Event] = []
    for step in range(first + 10, last + 1, 10):
        row = {"images": 32 * step, "epoch": step / 10, "seconds": float(step), "images_per_s": 32.0, "waiting": 0.0}
        events.append(Tick(step=step, time=day * DAY + step, values={"loss_d": 1.0}, **row))
    measured = Measured(
        step=last, time=day * DAY, name="kernel", value=value, seconds=0.1, is_best=True, floors={"kernel": FLOOR}
    )
    events += [measured, Checkpointed(step=last, path=f"checkpoints/{last}.pt", bytes=1, seconds=0.0)]
    return [*events, Finished(step=last, time=day * DAY + last, reason=end, seconds=float(last))]


def resumed(day: float, step: int, *changes: Change, why: str = "") -> Resumed:
    return Resumed(
        step=step,
        time=day * DAY,
        checkpoint=f"{step}.pt",
        data={"digest": "d1"},
        machine={},
        goal={"steps": 100},
        changes=changes,
        why=why,
    )


def made(folder: Path, events: Sequence[Event]) -> Path:
    folder.mkdir(parents=True)
    with Journal(folder) as journal:
        for event in events:
            journal.append(event)
    return folder


def change(*edits: str, after: tuple[str, ...] = ()) -> tuple[Change, ...]:
    return tuple(diff(recipe(*after), recipe(*after, *edits)))


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run_command(["journal", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert run_command(["journal", *words]) == 0
    return capsys.readouterr().out


def repaired(
    day: float, number: int, origin: int, end: int, value: float, *edits: str, after: tuple[str, ...] = ()
) -> list[Event]:
    """A repair by the autopilot, from what it saw to the fork that the run has become."""
    what = Prescribed(
        step=end,
        time=day * DAY,
        number=number,
        mode="act",
        symptom="wild",
        evidence="it runs wild since step 40",
        trials=(Trial(f"{number:03d}-0-no-change", ("course = 1",), ""), Trial(f"{number:03d}-1-cure", edits, "")),
        origin=origin,
        end=end,
        review_at=end + 50,
        length_steps=400,
    )
    scores = {what.trials[0].name: 2 * value, what.trials[1].name: value}
    name, times = what.trials[1].name, {"time": day * DAY}
    made_of_it: list[Event] = [Forked(step=end, number=number, name=it, score=scores[it], **times) for it in scores]
    return [
        what,
        *made_of_it,
        Judged(step=end, number=number, scores=scores, chosen=name, why="it is better", lost_steps=9, **times),
        Adopting(step=origin, number=number, name=name, why="better", changes=change(*edits, after=after), **times),
        *trained(day, value, origin, end)[:-1],
        Adopted(step=end, number=number, name=name, lost_steps=9, **times),
        replace(resumed(day, end), checkpoint=f"fork-{number}.pt"),
    ]


def reviewed(day: float, number: int, step: int, *, kept: bool) -> Reviewed:
    why = "wild is gone" if kept else "wild is still there"
    return Reviewed(time=day * DAY, number=number, step=step, kept=kept, why=why)


def taken_back(day: float, number: int, origin: int, *changes: Change) -> list[Event]:
    name, times = f"{number:03d}-before", {"time": day * DAY}
    return [
        Adopting(step=origin, number=number, name=name, why="wild is still there", changes=changes, **times),
        Adopted(step=origin, number=number, name=name, lost_steps=9, **times),
    ]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Six attempts, as the author of the terrain tiles made them."""
    runs = tmp_path / "runs"
    made(runs / "first", [started(1, why="initial viable attempt"), *trained(1, 0.08)])
    faster = ("g_optim.lr=3e-3",)
    made(runs / "faster", [started(2, *faster, why="flat tiles: G too weak?"), *trained(2, 0.4)])
    made(runs / "back", [started(3, "batch=16"), *trained(3, 0.09)])
    made(runs / "both", [started(4, "batch=16", "d_optim.beta2=0.9", "d_optim.lr=5e-4"), *trained(4, 0.02)])
    made(runs / "again", [started(5, "batch=16", "d_optim.lr=5e-4", "seed=1"), *trained(5, 0.012)])
    made(runs / "elsewhere", [started(6, data="d2"), *trained(6, 0.001)])
    return runs


def test_what_was_changed_why_and_what_came_of_it(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, str(notes))
    assert shown.index("first") < shown.index("faster") < shown.index("back") < shown.index("elsewhere")
    assert "changed  the first on these data" in shown
    assert "changed  against attempt 1, one setting differs: g_optim.lr: 0.001 -> 0.003" in shown
    assert "why      flat tiles: G too weak?" in shown
    assert "trained  100 steps, 1 min 40 s; length reached" in shown
    assert "kernel 0.4 at step 100, other real samples 0.001; worse than attempt 1" in shown
    assert "then     reverted by attempt 3" in shown
    assert "against attempt 3, 2 settings differ, so nothing can be laid to any one of them: d_optim" in shown
    assert "then     partly reverted by attempt 5" in shown
    assert "against attempt 4, one setting differs, and the seed: d_optim.beta2: 0.9 -> " in shown
    assert "better or worse than attempt 4 cannot be told (chance alone makes" in shown


def of_older_version(begun: Started, *unknown: str) -> Started:
    """With the recipe as a version wrote it that did not know some settings."""
    assert isinstance(begun.recipe, dict) and begun.recipe.keys() >= set(unknown)
    return replace(begun, recipe={name: value for name, value in begun.recipe.items() if name not in unknown})


def test_what_an_older_version_did_not_know_nobody_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = of_older_version(started(1), "course", "on_fault", "most_skipped")
    made(tmp_path / "old", [old, *trained(1, 0.08)])
    made(tmp_path / "again", [started(2), *trained(2, 0.07)])
    made(tmp_path / "faster", [started(3, "g_optim.lr=3e-3", "on_fault=train"), *trained(3, 0.07)])
    (tmp_path / "again" / Journal.name).rename(kept := tmp_path / "kept")
    shown = said(capsys, str(tmp_path))
    assert "changed  against attempt 1, one setting differs: g_optim.lr: 0.001 -> 0.003\n" in shown
    not_counted = "note     not counted against attempt 1, as only one of the two versions has it: "
    assert f"{not_counted}most_skipped: (absent) -> 0; on_fault: (absent) -> train\n" in shown
    kept.rename(tmp_path / "again" / Journal.name)
    assert "changed  against attempt 1, no setting differs\n" in said(capsys, str(tmp_path))
    second = told(capsys, str(tmp_path))["attempts"][1]["before"]
    assert second["settings"] == [] and not second["another_seed"]
    assert second["of_version"] == [
        {"path": "most_skipped", "before": "(absent)", "after": 0},
        {"path": "on_fault", "before": "(absent)", "after": "refuse"},
    ]


def test_a_setting_that_an_older_version_did_not_know_can_be_changed_by_a_newer_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = of_older_version(started(1), "course", "on_fault", "most_skipped")
    more, patient = change("batch=16"), change("most_skipped=3", after=("batch=16",))
    events = [old, *trained(1, 0.1), resumed(2, 100, *more), *trained(2, 0.1, 100, 200)]
    run = made(tmp_path / "run", [*events, resumed(3, 200, *patient), *trained(3, 0.1, 200, 300)])
    _, second, third = told(capsys, str(run))["attempts"]
    assert second["before"]["one_setting"] == "batch" and second["before"]["of_version"] == []
    assert third["before"]["settings"] == [{"path": "most_skipped", "before": 0, "after": 3}]
    repair = repaired(2, 1, 50, 100, 0.1, "most_skipped=2")
    run = made(tmp_path / "repaired", [old, *trained(1, 0.1), *repair])
    _, second = told(capsys, str(run))["attempts"]
    assert second["before"]["one_setting"] == "most_skipped"


RULES = {"--for": "15 s", "phases.main.length": "the whole", "average.decay": "forgets half in 5% of the run"}


def fitted_to(seconds: float, steps: int, *edits: str) -> dict[str, Any]:
    """A beginning whose length was fitted to a time."""
    decay = round(0.5 ** (20 / steps), 6)
    edits = (f"phases.main.length.amount={steps}", f"average.decay={decay}", *edits)
    rules = {**RULES, "--for": f"{seconds:g} s"}
    return {"edits": edits, "rules": {path: rule for path, rule in rules.items() if path not in edits}}


def begun_fitted(day: float, seconds: float, steps: int, *edits: str) -> Started:
    made_of = fitted_to(seconds, steps, *edits)
    return started(day, *made_of["edits"], rules=made_of["rules"])


def test_what_follows_from_the_time_there_was_is_no_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path / "a", [begun_fitted(1, 15, 305), *trained(1, 0.08)])
    made(tmp_path / "b", [begun_fitted(2, 15, 276, "seed=1"), *trained(2, 0.08)])
    made(tmp_path / "c", [begun_fitted(3, 15, 250, "batch=16"), *trained(3, 0.08)])
    made(tmp_path / "d", [begun_fitted(4, 30, 500, "batch=16"), *trained(4, 0.08)])
    shown = said(capsys, str(tmp_path))
    assert "against attempt 1, no setting differs but the seed\n" in shown
    assert "note     not counted against attempt 1, as it follows from the length, which was fitted to 15 s: " in shown
    assert "phases.main.length.amount: 305.0 -> 276.0; average.decay: " in shown
    assert "against attempt 2, one setting differs, and the seed: batch: 32 -> 16\n" in shown
    assert "against attempt 3, one setting differs: --for: 15 s -> 30 s\n" in shown
    second = told(capsys, str(tmp_path))["attempts"][1]["before"]
    assert second["settings"] == [] and len(second["of_length"]) == 2
    repeats = log_of(tmp_path).entries[1].before
    assert repeats is not None and "chance alone makes 0.0" in repeats.why, "these two are repeats of one another"


def test_a_fitted_setting_follows_the_time_again_when_a_repair_is_taken_back() -> None:
    begun = begun_fitted(1, 15, 300)
    repaired = Adopting(step=50, number=1, name="001-1", why="better", changes=change("average.decay=0.5"))
    back = Adopting(step=50, number=1, name="001-before", why="still there", changes=change("average.decay=0.9"))
    assert "average.decay" not in rules_of([begun, repaired])
    assert rules_of([begun, repaired, back]) == rules_of([begun]) == begun.rules


def test_what_was_set_by_hand_is_counted_beside_what_was_fitted(tmp_path: Path) -> None:
    made(tmp_path / "a", [begun_fitted(1, 15, 300), *trained(1, 0.08)])
    by_hand = replace(begun_fitted(2, 15, 200), rules={"average.decay": RULES["average.decay"]})
    made(tmp_path / "b", [by_hand, *trained(2, 0.08)])
    changed = change("average.decay=0.5", after=fitted_to(15, 280)["edits"])
    resumed_by_hand = [begun_fitted(3, 15, 280), *trained(3, 0.08), resumed(4, 100, *changed)]
    made(tmp_path / "c", [*resumed_by_hand, *trained(4, 0.08, 100, 200)])
    found = [entry.before.differing for entry in log_of(tmp_path).entries if entry.before is not None]
    assert [str(it.one) for it in found] == [
        "phases.main.length.amount: 300.0 -> 200.0",
        "phases.main.length.amount: 200.0 -> 280.0",
        f"average.decay: {round(0.5 ** (20 / 280), 6)} -> 0.5",
    ]
    assert [[row.path for row in it.of_length] for it in found] == [["average.decay"], ["average.decay"], []]


def test_where_several_settings_differ_an_earlier_attempt_may_tell(
    notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    third = told(capsys, str(notes))["attempts"][2]
    assert third["before"]["number"] == 2 and third["before"]["several_at_once"]
    assert (third["nearest"]["number"], third["nearest"]["one_setting"]) == (1, "batch")
    assert third["nearest"]["result"] == "cannot be told", "0.09 is 0.08 with another seed"
    assert "but      against attempt 1, one setting differs: batch: 32 -> 16" in said(capsys, str(notes))


def test_only_attempts_on_the_same_data_are_compared(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, str(notes))["attempts"][5]["before"] is None
    shown = said(capsys, str(notes))
    assert "Data /data/d1 (300 samples, d1)" in shown and "Data /data/d2 (300 samples, d2)" in shown


def test_data_that_were_read_in_another_way_say_in_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day, side in ((1, 16), (2, 32)):
        begun = replace(started(day), recipe=encode(replace(tiny.images(), source=Images(size=side))))
        data = {"digest": f"d{side}", "path": "/data", "samples": 300, "space": f"3 channels of {side}x{side}"}
        made(tmp_path / str(side), [replace(begun, data=data), *trained(day, 0.08)])
    shown = said(capsys, str(tmp_path))
    assert "Data /data (300 samples, 3 channels of 16x16, source.size=16, d16)\n" in shown
    assert "Data /data (300 samples, 3 channels of 32x32, source.size=32, d32)\n" in shown


def test_a_machine_is_told_the_same(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, str(notes))
    assert [it["number"] for it in found["attempts"]] == [1, 2, 3, 4, 5, 6] and found["unread"] == []
    second = found["attempts"][1]
    assert second["why"] == "flat tiles: G too weak?" and second["then"] == "reverted by attempt 3"
    assert second["before"] == {
        "number": 1,
        "settings": [{"path": "g_optim.lr", "before": 0.001, "after": 0.003}],
        "one_setting": "g_optim.lr",
        "several_at_once": False,
        "another_seed": False,
        "of_version": [],
        "of_length": [],
        "one_remedy": False,
        "result": "worse",
        "remark": None,
    }
    assert second["measure"] == {"name": "kernel", "value": 0.4, "step": 100, "floor": FLOOR, "trusted": True}


def test_a_resume_with_changes_is_an_attempt_within_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slower = change("d_optim.lr=5e-4")
    events = [started(1), *trained(1, 0.1, end="stopped as asked"), resumed(2, 100, *slower, why="D too strong")]
    run = made(tmp_path / "run", [*events, *trained(2, 0.3, 100, 200), resumed(3, 200), *trained(3, 0.3, 200, 230)])
    first, second = told(capsys, str(run))["attempts"]
    assert (first["first_step"], first["last_step"], first["then"]) == (0, 100, None)
    assert (second["first_step"], second["last_step"], second["seconds"]) == (100, 230, 130.0)
    assert second["before"]["one_setting"] == "d_optim.lr" and second["why"] == "D too strong"
    assert second["before"]["result"] == "worse"
    assert "went on from there" in second["before"]["remark"]
    assert "2. " in (shown := said(capsys, str(run))) and "run, from step 100" in shown


def test_where_too_few_scores_say_how_restless_a_run_is_seeds_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = change("batch=16")
    run = made(tmp_path / "run", [started(1), *trained(1, 0.1), resumed(2, 100, *more), *trained(2, 0.07, 100, 200)])
    _, second = told(capsys, str(run))["attempts"]
    assert second["before"]["result"] == "cannot be told"
    assert "chance alone makes 0.061" in second["before"]["remark"]


def test_a_change_that_was_killed_and_resumed_is_one_attempt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slower = change("d_optim.lr=5e-4")
    killed = [started(1), *trained(1, 0.1), resumed(2, 100, *slower, why="D too strong"), resumed(3, 100, *slower)]
    run = made(tmp_path / "run", [*killed, *trained(3, 0.08, 100, 200)])
    attempts = told(capsys, str(run))["attempts"]
    assert [it["why"] for it in attempts] == [None, "D too strong"]
    assert attempts[1]["last_step"] == 200


def test_a_run_that_went_back_has_left_an_attempt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slower, more = change("d_optim.lr=5e-4"), change("batch=16")
    events = [
        started(1),
        *trained(1, 0.1),
        resumed(2, 100, *slower),
        *trained(2, 0.5, 100, 200),
        resumed(3, 100, *more),
    ]
    run = made(tmp_path / "run", [*events, *trained(3, 0.05, 100, 200)])
    _, left, taken = told(capsys, str(run))["attempts"]
    assert left["then"] == "left: attempt 3 went on from attempt 1"
    assert left["measure"]["value"] == 0.5, "what it came to is kept, although the run has gone back"
    assert taken["before"]["number"] == 1 and taken["before"]["one_setting"] == "batch"
    assert taken["seconds"] == 100.0


BOTH = ("d_optim.lr *= 0.5", "g_optim.lr *= 0.5")


def test_the_edits_of_one_remedy_are_one_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made(tmp_path / "run", [started(1), *trained(1, 0.5), *repaired(2, 1, 50, 100, 0.1, *BOTH)])
    _, second = told(capsys, str(run))["attempts"]
    assert second["before"]["one_remedy"] and not second["before"]["several_at_once"]
    assert len(second["before"]["settings"]) == 2
    shown = said(capsys, str(run))
    assert "changed  against attempt 1, one remedy: " in shown and "laid to any one" not in shown
    assert "why      it runs wild since step 40\n" in shown
    assert "beside   no change: 0.2 (this one: 0.1)\n" in shown
    assert "then     not reviewed: the run has not come to step 150" in shown


def test_what_was_taken_back_ends_there_and_the_run_goes_on_in_the_attempt_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back = taken_back(3, 1, 50, *change("g_optim.lr=1e-3", after=("g_optim.lr=5e-4",)))
    run = made(
        tmp_path / "run",
        [
            *(started(1), *trained(1, 0.5)[:-1], *repaired(2, 1, 50, 100, 0.1, "g_optim.lr *= 0.5")),
            *(*trained(3, 0.1, 100, 150)[:-1], reviewed(3, 1, 150, kept=False), *back, *back),
            *(*repaired(4, 2, 50, 100, 0.05, "batch=16"), reviewed(5, 2, 150, kept=True)),
        ],
    )
    first, second, third = told(capsys, str(run))["attempts"]
    assert first["last_step"] == 100 and first["measure"]["value"] == 0.5, "it was left as it was"
    assert second["last_step"] == 150
    assert second["then"] == "taken back by the autopilot at step 150: wild is still there; the run is attempt 1 again"
    assert (third["before"]["number"], third["before"]["one_setting"]) == (1, "batch")
    assert third["then"] == "kept by the autopilot at step 150: wild is gone"


def changed_at_50_and_taken_back(origin: int, *, anew: bool = False) -> list[Event]:
    """A person's change at step 50, then a repair from `origin`, or with new networks, that is taken back."""
    small, slower = ("batch=16",), "g_optim.lr=1e-4"
    repair = repaired(3, 1, origin, 80, 0.3, slower, after=small)
    back = taken_back(4, 1, origin, *diff(recipe(*small, slower), recipe(*small)))
    if anew:
        repair = [replace(it, step=0) if isinstance(it, Adopting) else it for it in repair]
        course = [it for it in trained(4, 0.7, 0, origin) if isinstance(it, Tick | Measured)]
        back = [replace(back[0], step=0), *course, back[-1]]
    return [
        *(started(1), *trained(1, 0.5, 0, 50), resumed(2, 50, *change(*small), why="smaller batch")),
        *(*trained(2, 0.4, 50, 80)[:-1], *repair, reviewed(3, 1, 110, kept=False)),
        *(*back, *back, replace(resumed(4, origin), checkpoint="before.pt")),
    ]


@pytest.mark.parametrize("anew", [False, True])
def test_a_run_that_is_back_before_a_persons_change_and_keeps_it_is_an_attempt_of_its_own(
    tmp_path: Path, anew: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(tmp_path / "run", [*changed_at_50_and_taken_back(30, anew=anew), *trained(4, 0.05, 30, 100)])
    first, small, tried, again = told(capsys, str(run))["attempts"]
    assert [it["measure"]["value"] for it in (first, small, tried, again)] == [0.5, 0.4, 0.3, 0.05]
    assert again["before"]["number"] == 1 and again["before"]["one_setting"] == "batch"
    assert (again["first_step"], again["last_step"], again["seconds"]) == (30, 100, 70.0)
    assert tried["then"] == (
        "taken back by the autopilot at step 110: wild is still there; the run goes on as attempt 4"
    )
    assert again["why"] == "what was tried from there was taken back: wild is still there"
    assert again["repair"] is None and again["chosen"] is None and again["end"] == "length reached"


@pytest.mark.parametrize("anew", [False, True])
def test_a_run_that_is_back_after_a_persons_change_goes_on_in_that_attempt(
    tmp_path: Path, anew: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(tmp_path / "run", [*changed_at_50_and_taken_back(60, anew=anew), *trained(4, 0.05, 60, 100)])
    first, small, tried = told(capsys, str(run))["attempts"]
    assert [it["measure"]["value"] for it in (first, small, tried)] == [0.5, 0.05, 0.3]
    assert small["last_step"] == 100 and small["end"] == "length reached"
    assert tried["then"].endswith("; the run is attempt 2 again")


def test_how_often_something_is_written_down_makes_no_attempt_of_a_run_that_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slower, often = "g_optim.lr=1e-4", "cadence.tick_steps=7"
    run = made(
        tmp_path / "run",
        [
            *(started(1), *trained(1, 0.5, 0, 50), resumed(2, 50, *change(often)), *trained(2, 0.4, 50, 80)[:-1]),
            *(*repaired(3, 1, 30, 80, 0.3, slower, after=(often,)), reviewed(3, 1, 110, kept=False)),
            *taken_back(4, 1, 30, *diff(recipe(often, slower), recipe(often))),
        ],
    )
    assert told(capsys, str(run))["attempts"][-1]["then"].endswith("; the run is attempt 1 again")


@pytest.mark.parametrize(
    ("written", "came_of_it"),
    [(1, "this is being tried"), (4, "one was chosen: it is better")],
    ids=["forks are trained", "killed before the run became the fork"],
)
def test_a_repair_that_is_under_way_is_told(
    tmp_path: Path, written: int, came_of_it: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = [started(1), *trained(1, 0.5)[:-1], *repaired(2, 1, 50, 100, 0.1, "batch=16")[:written]]
    run = made(tmp_path / "run", begun)
    assert f"tried    at step 100: it runs wild since step 40; {came_of_it}\n" in said(capsys, str(run))
    made(tmp_path / "other", [*begun, resumed(3, 100)])
    assert "; a person went on with the run before it was over\n" in said(capsys, str(tmp_path / "other"))


def test_a_run_that_was_stopped_while_a_fork_was_trained_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repair = repaired(2, 1, 50, 100, 0.1, "batch=16")
    run = made(tmp_path / "run", [started(1), *trained(1, 0.5)[:-1], *repair[:2]])
    assert "no end was written down" in said(capsys, str(run))
    made(run / "forks" / "001-0-no-change", [started(2), *trained(2, 0.5, 50, 100)])
    assert "no end was written down" in said(capsys, str(run)), "this fork came to its end, and the next may be trained"
    stopped = [started(2), *trained(2, 0.5, 50, 80, "stopped as asked")]
    fork = made(run / "forks" / "001-1-cure", stopped)
    assert "100 steps, 1 min 40 s; stopped as asked, while this was tried: batch=16\n" in said(capsys, str(run))
    with Journal(fork) as again:
        again.append(resumed(3, 80))
    assert "no end was written down" in said(capsys, str(run)), "it goes on"


def test_a_second_repair_from_the_same_step_is_told_beside_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a change of what the run was then, though it goes back to where the first one began, or before."""
    slower = "g_optim.lr *= 0.5"
    for origin in (50, 40):
        second = repaired(3, 2, origin, 100, 0.05, "batch=16", after=(slower,))
        repairs = [*repaired(2, 1, 50, 100, 0.1, slower), reviewed(2, 1, 150, kept=True), *second]
        run = made(tmp_path / f"{origin}", [started(1), *trained(1, 0.5), *repairs])
        beside = told(capsys, str(run))["attempts"][2]["before"]
        paths = [row["path"] for row in beside["settings"]]
        assert (beside["number"], paths) == ((2, ["batch"]) if origin == 50 else (1, ["g_optim.lr", "batch"]))


def test_a_sheet_that_a_later_attempt_has_drawn_again_is_not_shown_as_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheets = [Pictured(step=step, time=DAY, path=f"samples/step-{step}.png") for step in (40, 100)]
    repair = repaired(2, 1, 50, 100, 0.1, "batch=16")
    run = made(tmp_path / "run", [started(1), *sheets, *repair[:-2], sheets[1], *repair[-2:]])
    (run / "samples").mkdir()
    for sheet in sheets:
        Image.new("L", (8, 8)).save(run / sheet.path)
    shown = [Path(it["sheet"]).name for it in told(capsys, str(run))["attempts"]]
    assert shown == ["step-40.png", "step-100.png"]


def test_a_run_knows_whose_recipe_or_weights_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = made(tmp_path / "a", [started(1), *trained(1, 0.1)])
    made(tmp_path / "b", [started(2, "batch=16"), *trained(2, 0.1)])
    asked = str(first / "recipe.json")
    made(tmp_path / "c", [started(3, "d_optim.lr=5e-4", asked=asked), *trained(3, 0.1)])
    made(tmp_path / "d", [started(4, begun_from={"path": str(first / "best")}), *trained(4, 0.1)])
    attempts = told(capsys, str(tmp_path))["attempts"]
    assert [it["before"] and it["before"]["number"] for it in attempts] == [None, 1, 1, 1]
    assert attempts[2]["before"]["one_setting"] == "d_optim.lr"
    assert attempts[1]["then"] == "left: attempt 3 went on from attempt 1"


def test_repeats_say_how_large_chance_is(tmp_path: Path) -> None:
    for seed, value in enumerate((0.100, 0.101, 0.099, 0.100, 0.102, 0.098, 0.100, 0.101)):
        made(tmp_path / f"{seed}", [started(seed, f"seed={seed}"), *trained(seed, value)])
    made(tmp_path / "other", [started(9, "batch=16"), *trained(9, 0.065)])
    beside = log_of(tmp_path).entries[-1].before
    assert beside is not None and beside.result == "better"
    for seed in range(1, 8):
        (tmp_path / f"{seed}" / Journal.name).unlink()
    beside = log_of(tmp_path).entries[-1].before
    assert beside is not None and beside.result == "cannot be told", f"unknown chance is {BETWEEN_SEEDS:.0%}"


def test_copies_of_a_run_say_nothing_of_chance(tmp_path: Path) -> None:
    for seed, value in ((0, 0.1), (1, 0.14)):
        made(tmp_path / f"{seed}", [started(seed, f"seed={seed}"), *trained(seed, value)])
    made(tmp_path / "other", [started(9, "batch=16"), *trained(9, 0.065)])
    alone = log_of(tmp_path).entries[-1].before
    for copy in range(8):
        made(tmp_path / f"copy-{copy}", [started(0), *trained(0, 0.1)])
    beside = log_of(tmp_path).entries[-1].before
    assert alone is not None and beside is not None
    assert (beside.result, beside.why) == (alone.result, alone.why) and alone.result == "cannot be told"


def test_what_a_copied_run_has_brought_along_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = [started(1), *trained(1, 0.1), resumed(2, 100, *change("batch=16")), *trained(2, 0.1, 100, 200)]
    made(tmp_path / "a-copy", [*begun, resumed(3, 200, *change("batch=8", after=("batch=16",)))])
    made(tmp_path / "b", begun)
    attempts = told(capsys, str(tmp_path))["attempts"]
    assert [Path(it["run"]).name for it in attempts] == ["b", "b", "a-copy"], "who went on for longer is the copy"
    assert [it["before"] and it["before"]["number"] for it in attempts] == [None, 1, 2]


def test_of_two_copies_nobody_went_on_with_everything_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = [started(1), *trained(1, 0.1), resumed(2, 100, *change("batch=16")), *trained(2, 0.1, 100, 200)]
    for name in ("x", "y"):
        made(tmp_path / name, begun)
    attempts = told(capsys, str(tmp_path))["attempts"]
    assert [(Path(it["run"]).name, it["remarks"]) for it in attempts] == [
        ("x", []),
        ("x", [f"the same run lies in {tmp_path / 'y'} too"]),
    ]


def test_what_was_done_with_a_copy_was_not_done_with_the_run_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = [started(1), *trained(1, 0.1), resumed(2, 100, *change("batch=16")), *trained(2, 0.1, 100, 200)]
    other = [resumed(3, 100, *change("batch=8")), *trained(3, 0.1, 100, 200)]
    made(tmp_path / "copy", [*begun, *other])
    made(tmp_path / "itself", begun)
    attempts = told(capsys, str(tmp_path))["attempts"]
    assert [Path(it["run"]).name for it in attempts] == ["itself", "itself", "copy"]
    assert [it["then"] for it in attempts] == [None, None, None], "the run itself is still what it was"
    assert told(capsys, str(tmp_path / "copy"))["attempts"][1]["then"] == "left: attempt 3 went on from attempt 1"


def test_near_the_floor_nothing_can_be_told(tmp_path: Path) -> None:
    made(tmp_path / "a", [started(1), *trained(1, 0.9 * FLOOR)])
    made(tmp_path / "b", [started(2, "batch=16"), *trained(2, -0.1 * FLOOR)])
    beside = log_of(tmp_path).entries[1].before
    assert beside is not None and beside.result == "cannot be told"


def test_without_a_floor_nobody_knows_how_near_is_near(tmp_path: Path) -> None:
    first, other = (Measured(step=100, time=0.0, name="kernel", value=value, seconds=0.0) for value in (1e-4, 9e-4))
    made(tmp_path / "a", [started(1), first])
    made(tmp_path / "b", [started(2, "batch=16"), other])
    beside = log_of(tmp_path).entries[1].before
    assert beside is not None and "no floor was measured" in beside.why


def test_a_longer_training_is_told_beside_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path / "a", [started(1), *trained(1, 0.5)])
    made(tmp_path / "b", [started(2, "batch=16"), *trained(2, 0.05, last=300)])
    assert "better than attempt 1 (it saw 3 times as many images)" in said(capsys, str(tmp_path))


def test_a_measure_that_cannot_be_trusted_compares_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path / "a", [started(1), *trained(1, 0.5)])
    wrong = Measured(step=100, time=0.0, name="kernel", value=0.01, seconds=0.0, is_trusted=False)
    made(tmp_path / "b", [started(2, "batch=16"), wrong])
    made(tmp_path / "c", [started(3, "batch=8")])
    made(tmp_path / "d", [started(4, "batch=4"), Measured(step=9, name="psnr", value=20.0, seconds=0.0)])
    _, second, third, fourth = told(capsys, str(tmp_path))["attempts"]
    assert (second["before"]["result"], second["before"]["remark"]) == (
        "not compared",
        "the measure failed its self-test",
    )
    assert third["before"]["remark"] == "nothing was measured in this attempt"
    assert fourth["before"]["remark"] == "nothing was measured in that one"


def test_the_doctors_advice_is_known_where_it_was_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from equipoise.doctor.examining import examine
    from equipoise.doctor.readers.runs import read_run

    lost: list[Event] = []
    for step in range(10, 3000, 10):
        loss = 1.3 if step < 800 else 1e-4
        values = {"loss_d": loss, "loss_g": 5.0, "d.game": loss, "g.game": 5.0, "auc": 0.8 if step < 800 else 1.0}
        row = {"images": 32 * step, "epoch": step / 10, "seconds": float(step), "images_per_s": 32.0, "waiting": 0.0}
        lost.append(Tick(step=step, time=DAY, values=values, **row))
    run = made(tmp_path / "a", [started(1), *lost])
    found = examine(read_run(run))
    advice = [remedy for it in found.diagnoses for remedy in it.remedies if remedy.edits]
    assert advice, "the made-up run must be ill enough for an edit to be advised"
    made(tmp_path / "b", [started(2, *map(str, advice[0].edits))])
    second = told(capsys, str(tmp_path))["attempts"][1]
    assert second["advised_for"] == found.diagnoses[0].symptom.title
    assert f"as the doctor advised: {second['advised_for']}" in said(capsys, str(tmp_path))


def test_where_nobody_said_why_the_doctors_finding_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ill = Diagnosed(step=90, time=DAY, verdict="ill", why="the critic wins since step 40")
    events = [started(1), *trained(1, 0.1), ill, resumed(2, 100, *change("batch=16")), *trained(2, 0.1, 100, 200)]
    run = made(tmp_path / "run", events)
    assert "why      not said; the doctor had found: the critic wins since step 40" in said(capsys, str(run))


def test_runs_that_cannot_be_read_are_listed_with_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "well", [started(1), *trained(1, 0.1)])
    torn = made(tmp_path / "torn", [started(2, "batch=16"), *trained(2, 0.1)[:4]]) / Journal.name
    torn.write_bytes(torn.read_bytes()[:-30])
    broken = (
        made(tmp_path / "broken", [started(3), Faulted(step=7, time=0.0, message="the disk is full")]) / Journal.name
    )
    with broken.open("a") as file:
        file.write('{"event":"Dreamt"}\nnot json\n')
    made(tmp_path / "empty", [])
    (made(tmp_path / "newer", []) / Journal.name).write_text('{"event":"Begun","step":0}\n')
    (made(tmp_path / "odd", []) / Journal.name).write_text(
        '{"event":"Started","recipe":3,"digest":"","data":[],"machine":0,"goal":null,"time":"noon"}\n'
    )
    found = told(capsys, str(tmp_path))
    assert {Path(it["run"]).name for it in found["unread"]} == {"empty", "newer", "odd"}
    known = {Path(it["run"]).name: it for it in found["attempts"]}
    assert set(known) == {"well", "torn", "broken"}
    assert known["torn"]["end"] is None and known["torn"]["last_step"] == 30
    assert known["broken"]["end"] == "stopped by a fault: the disk is full"
    assert known["broken"]["remarks"] == ["lines of its journal that could not be read: 2"]
    shown = said(capsys, str(tmp_path))
    assert "no end was written down: it is running, or was killed" in shown
    assert f"{tmp_path / 'newer'}: its journal says nothing of a beginning" in shown


ODD = [
    '{"event":"Started","recipe":{},"digest":"","data":{},"machine":{},"goal":{},"time":true,"step":true}',
    '{"event":"Started","recipe":{"$part":3,"phases":[1]},"digest":"","data":{"digest":["a"],"samples":"many"},'
    '"machine":{},"goal":{},"begun_from":{"path":["q"]},"time":5}',
    '{"event":"Resumed","checkpoint":"1","data":{},"machine":{},"goal":{},"step":3,"time":9,'
    '"changes":[{"path":"a","before":1,"after":{"k":[1]}},{"path":"","before":1,"after":2}]}',
    '{"event":"Faulted","message":{"a":1}}',
    '{"event":"SelfTested","faults":[1],"doubts":[],"checked":[],"numbers":{},"seconds":0}',
    '{"event":"Diagnosed","verdict":3,"why":null}',
    '{"event":"Measured","name":"kernel","value":NaN,"seconds":0}',
    '{"event":"Measured","name":"kernel","value":1,"floors":{"kernel":"low"},"seconds":0}',
    '{"event":"Pictured","step":9,"path":["x"]}',
    '{"event":"Prescribed","number":1,"mode":"act","symptom":"wild","evidence":7,"trials":[{"name":"a","edits":"x",'
    '"effect":""}],"origin":0,"end":1,"review_at":2,"length_steps":3}',
    '{"event":"Judged","number":1,"scores":{},"chosen":["a"],"why":"","lost_steps":"none"}',
    '{"event":"Adopting","number":1,"name":"001-before","why":"","step":7}',
    '{"event":"GaveUp","symptom":"wild","why":{},"left":[1]}',
    '{"event":"Started","recipe":{},"digest":"","data":null,"machine":{},"goal":{},"time":5}',
    '{"event":"Prescribed","number":1,"mode":"act","symptom":"wild","evidence":"","trials":[],"left":[1],"origin":0,'
    '"end":1,"review_at":2,"length_steps":3}',
]


def test_a_journal_of_odd_lines_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at, line in enumerate(ODD):
        begun = to_line(started(at))
        (made(tmp_path / f"{at}", []) / Journal.name).write_text(f"{line}\n{begun}{line}\n", encoding="utf-8")
    found = told(capsys, str(tmp_path), "--out", str(tmp_path / "log.html"), "--out", str(tmp_path / "log.md"))
    assert {Path(it["run"]).name for it in found["attempts"]} == {str(at) for at in range(len(ODD))}
    assert run_command(["doctor", str(tmp_path / "3")]) == 0, "the doctor reads the same lines"


def test_pages_hold_the_same_and_show_the_sheets(notes: Path, tmp_path: Path) -> None:
    first = notes / "first"
    (first / "samples").mkdir()
    Image.effect_noise((900, 900), 80).save(first / "samples" / "step-last.png")
    with Journal(first) as journal:
        journal.append(Pictured(step=100, time=DAY, path="samples/step-last.png"))
    made(notes / "evil", [started(7, why="<script>alert(1)</script> *now*"), *trained(7, 0.1)])
    text, page = tmp_path / "docs" / "log.md", tmp_path / "docs" / "log.html"
    assert run_command(["journal", str(notes), "--out", str(text), "--out", str(page)]) == 0

    written = text.read_text(encoding="utf-8")
    assert "![samples of attempt 1](log-sheets/001.jpg)" in written
    with Image.open(text.parent / "log-sheets" / "001.jpg") as small:
        assert small.size == (256, 256)
    assert "**g\\_optim.lr: 0.001 -> 0.003**" in written and "\\<script>" in written and "\\*now\\*" in written

    root = ET.fromstring(page.read_text(encoding="utf-8").removeprefix("<!doctype html>\n"))
    assert not list(root.iter("script"))
    (image,) = root.iter("img")
    source = image.get("src") or ""
    assert source.startswith("data:image/jpeg;base64,") and len(source) < 60_000
    assert next(it.text for it in root.iter("code")) == "g_optim.lr: 0.001 -> 0.003"
    assert len(list(root.iter("article"))) == 7 and len(list(root.iter("svg"))) == 1


def test_a_sheet_that_is_torn_is_told(tmp_path: Path) -> None:
    picture = Pictured(step=100, time=DAY, path="samples/step-00000100.png")
    run = made(tmp_path / "run", [started(1), *trained(1, 0.1), picture])
    (run / "samples").mkdir()
    (run / "samples" / "step-00000100.png").write_bytes(b"\x89PNG torn")
    text, page = tmp_path / "log.md", tmp_path / "log.html"
    assert run_command(["journal", str(run), "--out", str(text), "--out", str(page)]) == 0
    assert "step-00000100.png cannot be read" in page.read_text(encoding="utf-8")
    assert "step-00000100.png cannot be read" in text.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nowhere"], "nowhere holds no runs; name a run"),
        (["runs", "--out", "log.pdf"], "--out log.pdf: the name of a page ends in .md or .html"),
        (["runs", "--out", "runs/first/journal.jsonl/log.md"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    notes: Path,
    words: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(notes.parent)
    assert run_command(["journal", *words]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_two_real_runs_tell_their_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first = ["train", TINY, "--out", "runs/a", "--for", "20steps", "--device", "cpu", "--why", "a first look"]
    assert run_command(first) == 0
    later = [
        "resume",
        "runs/a",
        "--set",
        "d_optim.lr=5e-4",
        "--for",
        "20steps",
        "--why",
        "D is ahead",
        "--device",
        "cpu",
    ]
    assert run_command(later) == 0
    equipoise.train(recipe("batch=16"), out="runs/b", budget="20steps", device="cpu", why="smaller\nbatches")
    assert run_command(["train", "runs/b/recipe.json", "--out", "runs/c", "--for", "20steps", "--device", "cpu"]) == 0
    begun = read(Path("runs/c")).events[0]
    assert isinstance(begun, Started) and begun.asked == str(tmp_path / "runs" / "b" / "recipe.json")
    attempts = told(capsys)["attempts"]
    assert [it["why"] for it in attempts] == ["a first look", "D is ahead", "smaller batches", None]
    assert attempts[0]["recipe"] == TINY
    assert attempts[1]["before"]["one_setting"] == "d_optim.lr" and attempts[1]["before"]["number"] == 1
    assert attempts[3]["before"]["number"] == 3 and attempts[3]["before"]["settings"] == []
    assert all(it["measure"]["name"] == "kernel" and Path(it["sheet"]).is_file() for it in attempts)
    assert "  a, from step 20\n" in said(capsys), "runs are named as they lie in the folder"
