"""The journal: what is appended is read, also half written, also by a version that does not know it all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise import journal
from equipoise.edit import Change
from equipoise.journal import (
    Adopted,
    Adopting,
    Applying,
    Checkpointed,
    Diagnosed,
    Event,
    Faulted,
    Finished,
    Forked,
    GaveUp,
    Journal,
    Judged,
    Measured,
    Pictured,
    Prescribed,
    PutBack,
    Resumed,
    Reviewed,
    SelfTested,
    Skipped,
    Started,
    Tick,
    Trial,
    Watched,
    _files,
    from_line,
    to_line,
)


def tick(step: int, loss: float = 0.5) -> Tick:
    values = {"loss_d": loss, "loss_g": 2 * loss}
    return Tick(
        step=step,
        time=float(step),
        images=64 * step,
        epoch=step / 7,
        seconds=1.5,
        values=values,
        images_per_s=9.0,
        waiting=0.01,
    )


def resumed(step: int, *changes: Change) -> Resumed:
    return Resumed(
        step=step,
        time=0.0,
        checkpoint=f"{step}.pt",
        data={},
        machine={},
        goal={"steps": 9},
        changes=changes,
        notices=("n",),
    )


ONE_OF_EACH: list[Event] = [
    Started(
        recipe={"part": "x", "list": [1, 2]}, digest="ab", data={"path": None}, machine={"cores": 2}, goal={"steps": 9}
    ),
    SelfTested(
        faults=("a", "b"),
        doubts=("c",),
        checked=(),
        numbers={"floor": 0.25},
        seconds=0.5,
        data_faults=("d",),
        data_doubts=("e", "f"),
    ),
    tick(10, 1 / 3),
    Measured(step=10, name="kid", value=0.25, seconds=0.1),
    Skipped(step=3, culprit="the batch of real samples is NaN in the critic's update"),
    Pictured(step=10, path="samples/000010.png"),
    Checkpointed(step=10, path="checkpoints/10.pt", bytes=2**40, seconds=0.2),
    resumed(10, Change("batch", 64, 32), Change("weird", [1, {"é": None}], "(absent)")),
    Watched(loss="hinge"),
    Diagnosed(step=11, verdict="ill", why="it collapsed", symptoms={"total-collapse": 0.9}),
    Prescribed(
        step=11,
        number=1,
        mode="act",
        symptom="total-collapse",
        evidence="it collapsed",
        trials=(
            Trial("001-0-no-change", ("course = 1",), "chance"),
            Trial("001-1-x", ("a *= 2", "b = 1"), "good", 500, True),
        ),
        left=(Trial("y", (), "none"),),
        by_hand=("look",),
        origin=5,
        end=9,
        review_at=20,
        length_steps=100.0,
    ),
    Forked(step=9, number=1, name="001-1-x", score=None, fault="it broke off"),
    Judged(step=9, number=1, scores={"001-0-no-change": 0.5}, chosen="001-0-no-change", why="alone", lost_steps=4),
    Applying(step=5, number=1, name="001-applied", came_to=30),
    Adopting(step=5, number=1, name="001-0-no-change", why="alone", changes=(Change("course", 0, 1),)),
    Adopted(step=9, number=1, name="001-0-no-change", lost_steps=6),
    Reviewed(step=20, number=1, kept=False, why="still there", score=0.5, score_before=0.25),
    GaveUp(step=5, symptom="total-collapse", why="every remedy has been tried", left=("look",)),
    PutBack(step=5, of_step=9, measure="kernel", score=0.5),
    Faulted(step=12, message='line one\nline two \u2028 "quoted"'),
    Finished(step=12, reason="asked", seconds=3.0),
]


def write(folder: Path, events: list[Event]) -> None:
    with Journal(folder) as writer:
        for event in events:
            writer.append(event)


def test_every_kind_of_event_is_read_as_written(tmp_path: Path) -> None:
    assert {type(event).__name__ for event in ONE_OF_EACH} == set(journal.EVENTS)
    write(tmp_path, ONE_OF_EACH)
    assert journal.read(tmp_path) == journal.Reading(tuple(ONE_OF_EACH), 0)


def test_each_event_is_one_line_of_json(tmp_path: Path) -> None:
    write(tmp_path, ONE_OF_EACH)
    lines = (tmp_path / Journal.name).read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line)["event"] for line in lines] == [type(event).__name__ for event in ONE_OF_EACH]


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    with Journal(tmp_path) as writer:
        assert journal.read(tmp_path).events == ()
        for count, event in enumerate(ONE_OF_EACH, start=1):
            writer.append(event)
            assert journal.read(tmp_path).events == tuple(ONE_OF_EACH[:count])


def test_a_second_writer_appends(tmp_path: Path) -> None:
    write(tmp_path, ONE_OF_EACH[:3])
    write(tmp_path, ONE_OF_EACH[3:])
    assert journal.read(tmp_path) == journal.Reading(tuple(ONE_OF_EACH), 0)


def test_what_has_no_json_form_is_an_error_not_a_text(tmp_path: Path) -> None:
    with Journal(tmp_path) as writer, pytest.raises(TypeError):
        writer.append(Faulted(message=tmp_path))  # type: ignore[arg-type]


def test_a_journal_torn_at_any_byte_is_read_and_resumed(tmp_path: Path) -> None:
    events = [tick(10), tick(20), tick(30)]
    write(tmp_path, list(events))
    file = tmp_path / Journal.name
    whole = file.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        file.write_bytes(whole[:cut])
        finished = sum(end <= cut for end in ends)
        assert journal.read(tmp_path) == journal.Reading(tuple(events[:finished]), 0)

        write(tmp_path, [resumed(0), tick(40)])
        only_newline_missing = cut + 1 in ends
        before = events[: finished + only_newline_missing]
        torn = cut not in (0, *ends) and not only_newline_missing
        assert journal.read(tmp_path) == journal.Reading((*before, resumed(0), tick(40)), int(torn)), cut


def naive(held: bytes) -> journal.Reading:
    """A journal of these bytes, whose torn end is not there."""
    lines = held[: held.rfind(b"\n") + 1].decode().splitlines()
    events = [from_line(line) for line in lines if "event" in line[:10]]
    return journal.Reading(tuple(events), len(lines) - len(events))


def test_a_follower_reads_what_has_come_whatever_it_saw_before(tmp_path: Path) -> None:
    write(tmp_path, ONE_OF_EACH[:5])
    file = tmp_path / Journal.name
    whole = file.read_bytes() + b"broken\n"
    for cut in range(len(whole) + 1):
        file.write_bytes(whole[:cut])
        follower = journal.Follower(tmp_path)
        assert follower.read() == naive(whole[:cut])
        file.write_bytes(whole)
        assert follower.read() == journal.Reading(tuple(ONE_OF_EACH[:5]), 1), cut


def test_a_follower_parses_no_line_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(_files, "from_line", lambda line: (parsed.append(line), from_line(line))[1])
    follower = journal.Follower(tmp_path)
    for count, event in enumerate(ONE_OF_EACH, start=1):
        write(tmp_path, [event])
        assert follower.read().events == tuple(ONE_OF_EACH[:count])
        assert follower.read().events == tuple(ONE_OF_EACH[:count])
    assert parsed == [to_line(event).removesuffix("\n") for event in ONE_OF_EACH]


def test_a_follower_begins_anew_where_another_run_took_the_folder(tmp_path: Path) -> None:
    write(tmp_path, [tick(10), tick(20)])
    follower = journal.Follower(tmp_path)
    assert len(follower.read().events) == 2
    other = tmp_path / "other"
    for events in ([tick(30)], [tick(step) for step in range(40, 50)]):
        other.mkdir()
        write(other, list(events))
        (other / Journal.name).replace(tmp_path / Journal.name)
        other.rmdir()
        assert follower.read() == journal.Reading(tuple(events), 0)
    (tmp_path / Journal.name).unlink()
    with pytest.raises(FileNotFoundError):
        follower.read()


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"Dreamt","step":3}',
        '{"event":["Tick"]}',
        '{"step":3}',
        '{"event":"Finished","step":3}',
        '{"event":"Resumed","checkpoint":"c","data":{},"machine":{},"goal":{},"changes":[{"where":1}]}',
        '"Tick"',
        "[]",
        "not json",
        "",
        "\0\0\0",
    ],
)
def test_a_line_that_holds_no_event_known_here_is_skipped_and_counted(tmp_path: Path, line: str) -> None:
    write(tmp_path, [tick(10)])
    with (tmp_path / Journal.name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    write(tmp_path, [tick(20)])
    assert journal.read(tmp_path) == journal.Reading((tick(10), tick(20)), 1)


def test_a_field_of_a_newer_version_is_left_out(tmp_path: Path) -> None:
    newer = json.loads(journal.to_line(tick(10))) | {"mood": "fine"}
    (tmp_path / Journal.name).write_text(json.dumps(newer) + "\n")
    assert journal.read(tmp_path) == journal.Reading((tick(10),), 0)


def test_no_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        journal.read(tmp_path)


def test_history_has_each_replayed_step_once_in_its_last_form() -> None:
    events = [
        tick(10),
        Checkpointed(step=20, path="20", bytes=1, seconds=0.0),
        tick(20),
        tick(30, 3.0),
        Faulted(step=35, message="killed"),
        resumed(20),
        tick(30, 4.0),
        tick(40, 4.0),
        resumed(20),
        tick(30, 5.0),
    ]
    kept = journal.history(events)
    assert kept == [*events[:3], resumed(20), resumed(20), tick(30, 5.0)]
    assert [(event.step, event.values["loss_d"]) for event in journal.ticks(events)] == [
        (10, 0.5),
        (20, 0.5),
        (30, 5.0),
    ]


def test_history_of_a_run_never_resumed_is_all_of_it() -> None:
    events = [event for event in ONE_OF_EACH if not isinstance(event, Resumed | Adopting)]
    assert journal.history(events) == events


def test_of_a_course_that_was_left_only_what_was_done_about_it_is_there() -> None:
    seen, forked = ONE_OF_EACH[10], Forked(step=9, number=1, name="x", score=0.5)
    back = Adopting(step=5, number=1, name="x", why="")
    events = [tick(5), tick(10), seen, forked, back, tick(7), tick(9)]
    assert journal.history(events) == [tick(5), seen, forked, back, tick(7), tick(9)]


def test_a_generator_that_was_put_back_stays_so_when_the_run_goes_on_from_before() -> None:
    put_back = PutBack(step=19, of_step=8, measure="kernel", score=0.5)
    gave_up = GaveUp(step=19, symptom="not-finite", why="")
    assert journal.history([tick(19), gave_up, put_back, resumed(10)]) == [gave_up, put_back, resumed(10)]
