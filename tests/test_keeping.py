"""Which generator of the courses that a run has left is kept, and put back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import tiny
from equipoise import keeping
from equipoise.engine.export import Mark, Sampler, load_generator, read_mark, save_generator
from equipoise.folder import RunFolder
from equipoise.space import Channel, Space


def folder(path: Path, mark: Mark | None) -> RunFolder:
    """A run's with nothing but its best generator."""
    run = RunFolder(path)
    run.best_generator.parent.mkdir(parents=True)
    if mark is not None:
        save(run.best_generator, mark)
    return run


def save(path: Path, mark: Mark) -> None:
    made, space = tiny.points(1), Space((Channel("x"), Channel("y")), 1, 1, "points")
    module = made.generator.build(space)
    save_generator(path, Sampler(module, made, space, mark.step, mark.score, measure=mark.measure, ruler=mark.ruler))


def kernel(step: int, score: float, ruler: str = "a") -> Mark:
    return Mark(step, score, "kernel", ruler)


def psnr(step: int, score: float) -> Mark:
    return Mark(step, score, "psnr", "b")


@pytest.mark.parametrize(
    ("mine", "theirs", "left", "kept"),
    [
        (kernel(60, 0.7), kernel(40, 0.9), None, kernel(60, 0.7)),
        (kernel(60, 0.9), kernel(40, 0.7), None, None),
        (kernel(60, 0.7), kernel(60, 0.7), None, None),
        (kernel(60, 0.7), None, None, kernel(60, 0.7)),
        (None, kernel(40, 0.9), None, None),
        (psnr(60, 31.0), psnr(40, 30.0), None, psnr(60, 31.0)),
        (psnr(60, 30.0), psnr(40, 31.0), None, None),
        (kernel(60, 0.7), kernel(40, 0.9), kernel(20, 0.6), kernel(20, 0.6)),
        (kernel(60, 0.6), kernel(40, 0.9), kernel(20, 0.7), kernel(60, 0.6)),
        (kernel(60, 0.7), psnr(40, 30.0), None, kernel(60, 0.7)),
        (kernel(60, 0.7, ruler="other data"), kernel(40, 0.6), None, kernel(60, 0.7, ruler="other data")),
        (psnr(30, 30.0), psnr(20, 29.0), kernel(60, 0.7), kernel(60, 0.7)),
        (kernel(60, 0.7, ruler=""), kernel(40, 0.9, ruler=""), None, kernel(60, 0.7, ruler="")),
    ],
    ids=[
        "better",
        "worse",
        "the same",
        "the fork has none",
        "the run has none",
        "higher is better",
        "higher is better, worse",
        "an earlier one was better",
        "an earlier one was worse",
        "of a later phase",
        "by another ruler",
        "back in an earlier phase",
        "of an earlier version",
    ],
)
def test_what_is_kept_of_a_course_that_is_left(
    tmp_path: Path, mine: Mark | None, theirs: Mark | None, left: Mark | None, kept: Mark | None
) -> None:
    run, fork = folder(tmp_path / "run", mine), folder(tmp_path / "fork", theirs)
    if left is not None:
        save(run.best_left, left)
    words = keeping.keep_what_is_left(run, fork)
    assert read_mark(run.best_left) == kept
    assert bool(words) == (kept is not None)
    if theirs is not None:
        run.best_generator.write_bytes(fork.best_generator.read_bytes())
    assert keeping.keep_what_is_left(run, fork) == words, "and once more, when that was cut short"
    assert read_mark(run.best_left) == kept


@pytest.mark.parametrize(
    ("left", "is_put_back"),
    [
        (kernel(60, 0.7), True),
        (kernel(60, 0.9), False),
        (kernel(60, 0.7, ruler="other data"), False),
        (None, False),
    ],
    ids=["better", "worse", "by another ruler", "nothing"],
)
def test_what_is_put_back_is_better_by_the_same_measure(tmp_path: Path, left: Mark | None, is_put_back: bool) -> None:
    run, own = folder(tmp_path / "run", kernel(30, 0.8)), kernel(30, 0.8)
    if left is not None:
        save(run.best_left, left)
    assert bool(keeping.better_left(run)) is is_put_back
    told = keeping.put_back(run, 30)
    assert read_mark(run.best_generator) == (left if is_put_back else own)
    if is_put_back:
        assert told is not None and (told.step, told.of_step, told.measure, told.score) == (30, 60, "kernel", 0.7)
    assert keeping.put_back(run, 30) is None and not keeping.better_left(run)


def test_what_is_kept_can_be_drawn_from(tmp_path: Path) -> None:
    run, fork = folder(tmp_path / "run", kernel(60, 0.7)), folder(tmp_path / "fork", None)
    keeping.keep_what_is_left(run, fork)
    assert load_generator(run.best_left, torch.device("cpu")).score == 0.7
