"""What is held out is decided by content alone, is never trained on, and is what measures use first."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from equipoise.data import Corpus, Images
from equipoise.data.feed import Feed
from equipoise.data.split import FEWEST, identity, split
from equipoise.engine.look import reals
from equipoise.journal import Started, read
from equipoise.space import Channel, Space
from equipoise.training import train

SOURCE = Images(size=8, fit="exact")
SHARE = 0.25


def fill(folder: Path, first: int, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        source = np.random.default_rng(number)
        Image.fromarray(source.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{number:04d}.png")


def held_out(corpus: Corpus) -> set[str]:
    return {corpus.names[at] for at in corpus.split(SHARE).held_out}


def test_added_files_move_none_of_the_old_ones(tmp_path: Path) -> None:
    fill(tmp_path / "data", 0, 100)
    before = held_out(SOURCE.corpus(tmp_path / "data", tmp_path / "cache"))
    fill(tmp_path / "data", 100, 100)
    after = held_out(SOURCE.corpus(tmp_path / "data", tmp_path / "cache"))
    assert before == {name for name in after if name < "0100"}
    assert 30 <= len(after) <= 70


def test_the_name_the_place_and_the_size_of_samples_do_not_matter(tmp_path: Path) -> None:
    fill(tmp_path / "data", 0, 100)
    (tmp_path / "other").mkdir()
    for path in (tmp_path / "data").iterdir():
        shutil.copy(path, tmp_path / "other" / f"renamed-{path.name}")
    here = SOURCE.corpus(tmp_path / "data", tmp_path / "cache")
    there = Images(size=16).corpus(tmp_path / "other", tmp_path / "cache")
    assert {f"renamed-{name}" for name in held_out(here)} == held_out(there)


def test_the_split_is_kept_with_the_corpus(tmp_path: Path) -> None:
    fill(tmp_path / "data", 0, 100)
    built, opened = (SOURCE.corpus(tmp_path / "data", tmp_path / "cache") for _ in range(2))
    assert held_out(built) == held_out(opened) != set()


def test_a_group_is_never_on_both_sides(tmp_path: Path) -> None:
    for scene in range(40):
        fill(tmp_path / "data" / f"scene{scene}", 5 * scene, 5)
    corpus = replace(SOURCE, group="folder").corpus(tmp_path / "data", tmp_path / "cache")
    parts = corpus.split(SHARE)
    of = [{corpus.names[at].split("/")[0] for at in places} for places in (parts.seen, parts.held_out)]
    assert of[0] & of[1] == set()
    assert len(of[1]) >= 2


def test_as_many_are_held_out_as_was_asked() -> None:
    numbers = np.array([identity(str(at).encode()) for at in range(20_000)], np.uint64)
    for share in (0.0, 0.1, 0.5):
        parts = split(numbers, share)
        assert len(parts.held_out) / 20_000 == pytest.approx(share, abs=0.01)
        np.testing.assert_array_equal(np.sort(np.concatenate([parts.seen, parts.held_out])), np.arange(20_000))


def test_too_few_are_not_held_out() -> None:
    numbers = np.arange(FEWEST - 1, dtype=np.uint64)
    assert len(split(numbers, 0.1).held_out) == 0
    assert len(split(np.concatenate([numbers, ~numbers]), 0.1).held_out) == 0
    many = np.arange(FEWEST, dtype=np.uint64)
    assert len(split(np.concatenate([many, ~many]), 0.1).held_out) == FEWEST


def numbered(count: int) -> Corpus:
    samples = np.arange(count, dtype=np.float32)[:, None, None, None]
    numbers = np.array([identity(str(at).encode()) for at in range(count)], np.uint64)
    return Corpus(Space((Channel("x", 0.0, float(count)),), 1, 1), samples, identities=numbers)


@pytest.mark.parametrize("resident", [True, False])
def test_batches_hold_what_is_seen_and_nothing_else(resident: bool) -> None:
    corpus = numbered(200)
    parts = corpus.split(SHARE)
    with closing(Feed(corpus, 8, 0, torch.device("cpu"), resident=resident, seen=parts.seen)) as feed:
        assert feed.batches_per_epoch == len(parts.seen) // 8
        shown = {round(value) for at in range(80) for value in feed.rows(at)[0].flatten().tolist()}
    assert shown == set(parts.seen.tolist())


def test_measures_take_what_was_held_out_first() -> None:
    corpus = numbered(200)
    parts = corpus.split(SHARE)
    few = ((reals(corpus, parts, 20, 0).real.flatten() + 1) * 100).round().int().tolist()
    assert set(few) <= set(parts.held_out.tolist())
    more = ((reals(corpus, parts, 100, 0).real.flatten() + 1) * 100).round().int().tolist()
    assert set(parts.held_out.tolist()) < set(more)
    assert len(set(more)) == 100


def test_a_run_says_what_it_holds_out(tmp_path: Path) -> None:
    fill(tmp_path / "data", 0, 200)
    recipe = replace(tiny.images(2), source=Images(size=16), held_out=SHARE)
    out = train(recipe, tmp_path / "data", out=tmp_path / "run", device="cpu")
    (began,) = [event for event in read(out).events if isinstance(event, Started)]
    assert began.data["samples"] + began.data["held_out"] == 200
    assert any("held out" in note for note in began.data["notes"])


def test_a_run_on_few_samples_says_what_cannot_be_known(tmp_path: Path) -> None:
    fill(tmp_path / "data", 0, 6)
    out = train(replace(tiny.images(2), source=Images(size=16)), tmp_path / "data", out=tmp_path / "run", device="cpu")
    (began,) = [event for event in read(out).events if isinstance(event, Started)]
    assert began.data["samples"] == 6
    assert any("with replacement" in note for note in began.data["notes"])
    assert any("too few, or too few groups" in note for note in began.data["notes"])
