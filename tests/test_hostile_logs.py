"""Files that nobody means well with, or that were damaged: one clear line, or what can be read of them."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

import logs
from equipoise import RequestError
from equipoise.cli import run_command
from equipoise.doctor.examining import examine
from equipoise.doctor.readers import lines, read, read_columns

REFUSED = {
    "empty": b"",
    "blank": b"\n \n\t\n",
    "binary": bytes(range(256)) * 40,
    "zeros": bytes(100_000),
    "prose": b"Dear diary,\ntoday the critic won again.\n" * 50,
    "numbers without names": b"1,2,3\n4,5,6\n",
    "names without numbers": b"step,d_loss,g_loss\n",
    "deep list": b'[{"a":' + b"[" * 100_000,
    "deep object": b'{"cells":' * 30_000,
    "deep lines": b'{"d_loss":' * 3000 + b"\n" + b"{}\n",
    "torn notebook": logs.notebook().encode()[:9000],
    "strange notebook": b'{"nbformat": 4, "cells": [1, {"outputs": {"text": 3}}, {"outputs": [{"text": [5, null]}]}]}',
    "torn history": logs.history().encode()[:1500],
    "other json": b'{"batch_size": 32}',
    "half a gzip": gzip.compress(logs.csv().encode())[:60],
    "one long line": b"d_loss: 0.5 " * 900_000,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_log_is_refused_in_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_bytes(REFUSED[name])
    assert run_command(["doctor", str(tmp_path / "log")]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and len(captured.err) < 600


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no log"):
        read(tmp_path)
    with pytest.raises(RequestError, match="does not exist"):
        read(tmp_path / "gone")


def test_a_log_that_is_too_large_is_read_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_BYTES", 1000)
    monkeypatch.setattr(lines, "MOST_DOCUMENT", 2000)
    (tmp_path / "log").write_bytes(gzip.compress(logs.csv().encode()))
    trace = read(tmp_path / "log")
    assert 10 < len(trace.signals["d_loss"]) < 50
    assert any("only the first" in gap for gap in trace.unknown)
    (tmp_path / "book").write_bytes(gzip.compress(logs.notebook().encode()))
    with pytest.raises(RequestError, match="larger than"):
        read(tmp_path / "book")


def test_a_line_that_is_too_long_is_left_out_and_counted(tmp_path: Path) -> None:
    text = logs.dcgan().splitlines()
    text[10] += "x" * 10_000_000
    (tmp_path / "log").write_text("\n".join(text))
    trace = read(tmp_path / "log")
    assert len(trace.signals["d_loss"]) == 99
    assert any("1 lines longer" in gap for gap in trace.unknown)


def test_rows_that_are_broken_are_left_out_and_counted(tmp_path: Path) -> None:
    text = logs.csv().splitlines()
    text[5] += ",9,9"
    text[6] = "6,what,1,0.5,0.5"
    (tmp_path / "log").write_text("\n".join(text))
    trace = read(tmp_path / "log")
    assert len(trace.signals["d_loss"]) == 98
    assert any("2 broken lines" in gap for gap in trace.unknown)


def test_a_list_in_json_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(logs.chainer()[:5000])
    trace = read(tmp_path / "log")
    assert 10 < len(trace.signals["d_loss"]) < 100
    assert any("cut off" in gap for gap in trace.unknown)


def test_a_packed_log_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    packed = gzip.compress(logs.csv().encode())
    (tmp_path / "log").write_bytes(packed[: len(packed) * 2 // 3])
    trace = read(tmp_path / "log")
    assert 10 < len(trace.signals["d_loss"]) < 100
    assert any("cut off" in gap for gap in trace.unknown)


@pytest.mark.parametrize("table", [{"d_loss": ["a", "b"]}, {"hue": [1, 2]}, {}])
def test_columns_that_are_no_trace_are_refused(table: dict[str, list[float]]) -> None:
    with pytest.raises(RequestError):
        read_columns(table)


def test_nothing_that_is_read_ends_in_a_fault_of_ours(tmp_path: Path) -> None:
    """Random bytes, and good logs cut, mixed and spoilt: each is read and judged, or refused."""
    dice = random.Random(20)
    good = [form().encode() for form in logs.FORMS.values()]
    good.append(json.dumps({"event": "Tick", "step": 3, "d_loss": 0.5}).encode())
    path = tmp_path / "log"
    refused = 0
    for _ in range(300):
        data = bytearray(dice.choice(good))
        cut = dice.randrange(len(data))
        kind = dice.randrange(4)
        if kind == 0:
            data = data[:cut]
        elif kind == 1:
            data = data[cut:] + bytearray(dice.choice(good))[:cut]
        elif kind == 2:
            for _ in range(dice.randrange(1, 60)):
                data[dice.randrange(len(data))] = dice.randrange(256)
        else:
            data = bytearray(dice.randbytes(dice.randrange(1, 4000)))
        path.write_bytes(bytes(data))
        try:
            examine(read(path))
        except RequestError as error:
            refused += 1
            assert "\n" not in str(error)
    assert 30 < refused < 250


def test_lines_made_to_be_slow_are_not(tmp_path: Path) -> None:
    """A pattern made of a line must not have two ways to match: this would take longer than the test may."""
    evil = ["1.=" * 600 + "d_loss: 0.5" + tail for tail in ("", "", "!", "?", "x")]
    words = ["d loss " * 280, "D(" * 900, "- " * 900 + "loss: 1"] * 20
    (tmp_path / "log").write_text("\n".join([*evil, *words, *evil]))
    assert len(read(tmp_path / "log").signals["d_loss"])


def test_numbers_too_large_for_anything_are_infinite(tmp_path: Path) -> None:
    large = "9" * 400
    (tmp_path / "log").write_text(f'{{"step": 1, "d_loss": {large}}}\n{{"step": 2, "d_loss": 1}}\n')
    assert read(tmp_path / "log").signals["d_loss"].values.tolist() == [float("inf"), 1]


def test_a_quote_without_its_other_half_spoils_its_row_alone(tmp_path: Path) -> None:
    text = logs.wandb().splitlines()
    text[7] = text[7].replace('"', "", 1)
    text[8] = text[8][:-1]
    (tmp_path / "log").write_text("\n".join(text))
    assert len(read(tmp_path / "log").signals["d_loss"]) >= 98
