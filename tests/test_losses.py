"""losses.csv stays byte for byte that of a run never killed."""

from __future__ import annotations

import csv
import math
from contextlib import closing
from pathlib import Path

import pytest

from equipoise import losses
from equipoise.losses import LossTable

COLUMNS = ("loss_d", "loss_g", "gp")
STEPS = (10, 20, 30, 100, 110)


def values(step: int, change: float = 0.0) -> dict[str, float]:
    return {"loss_d": 1.0 / step + change, "loss_g": -math.pi * step, "gp": 1e-9 * step}


def write(folder: Path, steps: tuple[int, ...], change: float = 0.0) -> bytes:
    """One session of a run that writes the rows of these steps."""
    with closing(LossTable(folder, COLUMNS)) as table:
        for step in steps:
            table.append(step, 64 * step, step / 7, values(step, change))
    return (folder / losses.NAME).read_bytes()


def test_any_tool_can_open_it(tmp_path: Path) -> None:
    write(tmp_path, STEPS)
    with (tmp_path / losses.NAME).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "images", "epoch", *COLUMNS]
    assert [int(row["step"]) for row in rows] == list(STEPS)
    assert float(rows[1]["loss_g"]) == pytest.approx(-20 * math.pi)


def test_numbers_come_back_to_float32_precision(tmp_path: Path) -> None:
    write(tmp_path, STEPS)
    table = losses.read(tmp_path)
    assert list(table) == ["step", "images", "epoch", *COLUMNS]
    assert table["step"] == list(STEPS)
    assert table["images"] == [64 * step for step in STEPS]
    for name in COLUMNS:
        assert table[name] == pytest.approx([values(step)[name] for step in STEPS], rel=1e-8)


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    with closing(LossTable(tmp_path, COLUMNS)) as table:
        assert losses.read(tmp_path)["step"] == []
        table.append(10, 1, 0.5, values(10))
        assert losses.read(tmp_path)["step"] == [10]


def test_a_value_not_given_is_an_empty_cell_and_not_a_number(tmp_path: Path) -> None:
    with closing(LossTable(tmp_path, COLUMNS)) as table:
        table.append(10, 640, 1.0, {"loss_g": 2.0, "unheard_of": 1.0})
        table.append(20, 1280, 2.0, {"loss_d": float("inf")})
    read = losses.read(tmp_path)
    assert math.isnan(read["loss_d"][0])
    assert read["loss_g"][0] == 2.0
    assert read["loss_d"][1] == math.inf
    assert "unheard_of" not in read


def test_an_exact_replay_writes_nothing_twice(tmp_path: Path) -> None:
    unkilled = write(tmp_path, STEPS)
    for first in range(len(STEPS)):
        assert write(tmp_path, STEPS[first:]) == unkilled


def test_a_file_torn_at_any_byte_and_replayed_is_that_of_a_run_never_killed(tmp_path: Path) -> None:
    unkilled = write(tmp_path, STEPS)
    file = tmp_path / losses.NAME
    for cut in range(len(unkilled) + 1):
        whole_rows = max(unkilled[:cut].count(b"\n") - 1, 0)
        for checkpoint in range(whole_rows + 1):  # a run resumes at a checkpoint before the tear
            file.write_bytes(unkilled[:cut])
            assert write(tmp_path, STEPS[checkpoint:]) == unkilled, (cut, checkpoint)


def test_a_file_torn_at_any_byte_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    unkilled = write(tmp_path, STEPS)
    for cut in range(len(unkilled) + 1):
        (tmp_path / losses.NAME).write_bytes(unkilled[:cut])
        whole_rows = max(unkilled[:cut].count(b"\n") - 1, 0)
        assert losses.read(tmp_path).get("step", []) == list(STEPS[:whole_rows])


def test_a_changed_replay_is_appended_and_takes_the_place_of_what_came_before(tmp_path: Path) -> None:
    before = write(tmp_path, STEPS)
    after = write(tmp_path, (30, 100), change=5.0)
    assert after.startswith(before)
    assert after.count(b"\n") == before.count(b"\n") + 2
    table = losses.read(tmp_path)
    assert table["step"] == [10, 20, 30, 100]  # step 110 belongs to the course that was left
    expected = [values(10), values(20), values(30, 5.0), values(100, 5.0)]
    assert table["loss_d"] == pytest.approx([row["loss_d"] for row in expected])


def test_a_changed_course_that_was_killed_is_replayed_exactly_too(tmp_path: Path) -> None:
    write(tmp_path, STEPS)
    after = write(tmp_path, (30, 100, 110), change=5.0)
    assert write(tmp_path, (100, 110), change=5.0) == after
    assert write(tmp_path, (30, 100, 110), change=5.0) == after


def test_a_row_of_the_course_that_was_left_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    """Step 110 is the same in both courses; in the file it stands before the change."""
    write(tmp_path, STEPS)
    write(tmp_path, (100,), change=5.0)
    write(tmp_path, (110,))
    assert losses.read(tmp_path)["step"] == list(STEPS)


def test_a_file_torn_at_any_byte_and_continued_otherwise_keeps_every_whole_row(tmp_path: Path) -> None:
    unkilled = write(tmp_path, STEPS)
    end_of_third = [at + 1 for at, byte in enumerate(unkilled) if byte == ord("\n")][3]
    for cut in range(end_of_third, len(unkilled) + 1):
        (tmp_path / losses.NAME).write_bytes(unkilled[:cut])
        write(tmp_path, (100,), change=5.0)  # resumed at step 30 with a setting changed
        table = losses.read(tmp_path)
        assert table["step"] == [10, 20, 30, 100], cut
        assert table["loss_d"][-1] == pytest.approx(values(100, 5.0)["loss_d"])


def test_a_table_keeps_its_columns_when_a_later_session_has_others(tmp_path: Path) -> None:
    write(tmp_path, (10,))
    with closing(LossTable(tmp_path, ("r1", "loss_d"))) as table:
        table.append(20, 1, 1.0, {"r1": 3.0, "loss_d": 4.0})
    assert losses.read(tmp_path)["loss_d"] == pytest.approx([0.1, 4.0])
    assert "r1" not in losses.read(tmp_path)


def test_no_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        losses.read(tmp_path)
