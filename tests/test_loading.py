"""How samples should reach the device is found by trying."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from equipoise import feeds, loading
from equipoise.cli import run_command
from equipoise.data.feed import Feed
from equipoise.loading import Loaders, Loading

TINY = f"{Path(__file__).parent / 'tiny.py'}:images"


def check(data: Path, out: Path, *words: str) -> int:
    sheet = str(out / "check.png")
    return run_command(["check", str(data), "--recipe", TINY, "--loader", "--device", "cpu", "--sheet", sheet, *words])


def advised(*paces: float) -> int:
    """Advice for 1, 2, 4, ... readers that are as fast as this."""
    return Loaders(tuple(Loading(2**at, pace, 0.0) for at, pace in enumerate(paces)), fits=False).workers


def test_the_fewest_readers_that_are_as_fast_as_any() -> None:
    assert advised(100.0, 101.0, 99.0) == 1
    assert advised(100.0, 150.0, 151.0) == 2
    assert advised(100.0, 150.0, 200.0) == 4
    assert advised(100.0, 80.0, 60.0) == 1, "too many may be slower"


def test_readers_do_not_matter_where_all_data_fits(
    tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(digits_folder, tmp_path) == 0
    printed = capsys.readouterr().out
    assert "whole corpus on the device" in printed
    assert "--workers changes nothing" in printed


def test_the_best_number_is_told_where_it_does_not(
    tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "fits", lambda *_: False)
    assert check(digits_folder, tmp_path, "--json") == 0
    found = json.loads(capsys.readouterr().out)["loaders"]
    assert not found["fits"]
    assert found["workers"] in [row["readers"] for row in found["tried"]]
    assert all(row["readers"] >= 1 and row["images_per_s"] > 0 and 0 <= row["waiting"] < 1 for row in found["tried"])


def test_workers_reach_the_feed(tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Spy(Feed):
        def __init__(self, *words: Any, readers: int, **named: Any) -> None:
            asked.append(readers)
            super().__init__(*words, readers=readers, **named)

    monkeypatch.setattr(feeds, "Feed", Spy)
    words = ["train", TINY, "--data", str(digits_folder), "--for", "1steps", "--device", "cpu", "--workers", "3"]
    assert run_command([*words, "--out", str(tmp_path / "run")]) == 0
    assert asked == [3]


def test_what_makes_no_sense_is_refused(digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["check", str(digits_folder), "--loader"]) == 2
    assert "--recipe" in capsys.readouterr().err
    assert run_command(["train", TINY, "--data", str(digits_folder), "--workers", "0"]) == 2
    assert "--workers 0" in capsys.readouterr().err
