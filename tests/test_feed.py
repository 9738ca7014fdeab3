"""Batches are a function of (seed, index, rank), wherever the samples lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import torch

from equipoise.data import Corpus
from equipoise.data.feed import SHARE_OF_MEMORY, Feed, fits, free_bytes
from equipoise.space import Channel, Space

CPU = torch.device("cpu")


def numbered(count: int, channels: int = 1, side: int = 2) -> Corpus:
    """Samples that can be told apart: every value of sample number i is i."""
    rows = np.arange(count, dtype=np.uint8)[:, None, None, None]
    samples = np.broadcast_to(rows, (count, side, side, channels)).copy().transpose(0, 3, 1, 2)
    space = Space(tuple(Channel(f"c{at}") for at in range(channels)), side, side)
    return Corpus(space, samples, digest="numbered")


def numbers(batch: torch.Tensor) -> list[int]:
    """Which samples are in a batch."""
    return [round(value) for value in ((batch[:, 0, 0, 0] + 1) * 127.5).tolist()]


def feeds(corpus: Corpus, batch: int, **settings: object) -> Iterator[Feed]:
    for resident in (True, False):
        with closing(Feed(corpus, batch, 3, CPU, resident=resident, **settings)) as feed:  # type: ignore[arg-type]
            yield feed


def test_an_epoch_shows_each_sample_at_most_once_and_the_next_in_another_order() -> None:
    for feed in feeds(numbered(50), 8):
        assert feed.batches_per_epoch == 6
        epochs = [[n for at in range(6) for n in numbers(feed.batch(epoch * 6 + at).real)] for epoch in range(3)]
        assert all(len(set(epoch)) == 48 for epoch in epochs)
        assert epochs[0] != epochs[1] != epochs[2]
        assert {n for epoch in epochs for n in epoch} == set(range(50)), "the dropped ones differ between epochs"
        assert feed.epoch_of(9) == 1.5


def test_resident_and_streamed_batches_are_the_same_in_any_order_of_asking() -> None:
    corpus = numbered(40, channels=3, side=4)
    whole, stream = feeds(corpus, 8), feeds(corpus, 8)
    with closing(next(whole)) as resident:
        next(stream)
        streamed = next(stream)
        expected = {index: resident.batch(index).real for index in range(25)}
        for index in [0, 1, 2, 3, 17, 4, 24, 0, 5, 6, 7, 8, 3]:
            torch.testing.assert_close(streamed.batch(index).real, expected[index], rtol=0, atol=0)
        assert resident.resident
        assert not streamed.resident


def test_several_readers_give_the_batches_of_one() -> None:
    corpus = numbered(40)
    with (
        closing(Feed(corpus, 8, 1, CPU, resident=False)) as one,
        closing(Feed(corpus, 8, 1, CPU, resident=False, readers=3)) as several,
    ):
        assert [numbers(one.batch(at).real) for at in range(25)] == [
            numbers(several.batch(at).real) for at in range(25)
        ]


def test_the_batch_is_a_function_of_the_seed_alone() -> None:
    corpus = numbered(40)
    with closing(Feed(corpus, 8, 1, CPU)) as one, closing(Feed(corpus, 8, 1, CPU)) as same:
        assert numbers(one.batch(11).real) == numbers(same.batch(11).real)
    with closing(Feed(corpus, 8, 2, CPU)) as other, closing(Feed(corpus, 8, 1, CPU)) as one:
        assert numbers(other.batch(11).real) != numbers(one.batch(11).real)


def test_two_processes_share_the_batch_of_one() -> None:
    corpus = numbered(40)
    with closing(Feed(corpus, 8, 5, CPU)) as alone:
        for index in (0, 7):
            parts = []
            for rank in range(2):
                with closing(Feed(corpus, 8, 5, CPU, rank=rank, world=2)) as feed:
                    assert feed.batches_per_epoch == alone.batches_per_epoch
                    parts.append(numbers(feed.batch(index).real))
            assert numbers(alone.batch(index).real)[0::2] == parts[0]
            assert numbers(alone.batch(index).real)[1::2] == parts[1]


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ValueError, match="batch of 9 cannot be shared by 2"):
        Feed(numbered(40), 9, 0, CPU, rank=0, world=2)


def test_fewer_samples_than_a_batch_are_drawn_with_replacement() -> None:
    for feed in feeds(numbered(5), 16):
        assert feed.batches_per_epoch == 1
        drawn = [numbers(feed.batch(index).real) for index in range(3)]
        assert all(len(batch) == 16 for batch in drawn)
        assert drawn[0] != drawn[1]
        assert {n for batch in drawn for n in batch} == set(range(5))


def test_stored_values_become_minus_one_to_one_exactly() -> None:
    space = Space((Channel("x", -5.0, 5.0), Channel("y", 0.0, 200.0)), 1, 1)
    values = np.array([[-5, 0], [5, 200], [0, 50]], np.float32)
    corpus = Corpus(space, values[:, :, None, None])
    with closing(Feed(corpus, 3, 0, CPU)) as feed:
        rows = {tuple(row) for row in feed.batch(0).real[:, :, 0, 0].tolist()}
    assert rows == {(-1.0, -1.0), (1.0, 1.0), (0.0, -0.5)}
    for feed in feeds(numbered(256), 256):
        levels = sorted(feed.batch(0).real[:, 0, 0, 0].tolist())
        assert (levels[0], levels[-1]) == (-1.0, 1.0)
        np.testing.assert_allclose(levels, np.linspace(-1, 1, 256), atol=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_come_in_the_memory_format_asked_for(channels: int) -> None:
    corpus = numbered(16, channels=channels, side=4)
    for feed in feeds(corpus, 4, memory_format=torch.channels_last):
        batch = feed.batch(0).real
        assert batch.shape == (4, channels, 4, 4)
        assert batch.is_contiguous(memory_format=torch.channels_last)
        assert batch.dtype == torch.float32
    for feed in feeds(corpus, 4):
        assert feed.batch(0).real.is_contiguous()


def test_changing_a_batch_does_not_change_the_corpus() -> None:
    corpus = Corpus(Space((Channel("x", -1.0, 1.0),), 1, 1), np.ones((4, 1, 1, 1), np.float32))
    for feed in feeds(corpus, 4):
        feed.batch(0).real.zero_()
        assert feed.batch(0).real.eq(1).all()
    assert (corpus.samples == 1).all()


def test_waiting_is_counted() -> None:
    for feed in feeds(numbered(16), 4):
        before = feed.waited_s
        feed.batch(0)
        assert feed.waited_s > before


def test_what_fits_is_a_share_of_the_free_memory() -> None:
    free = free_bytes(CPU)
    assert fits(int(free * SHARE_OF_MEMORY * 0.5), CPU)
    assert not fits(free, CPU)
    assert not fits(int(free * SHARE_OF_MEMORY * 0.5), CPU, world=4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_on_a_gpu_are_those_of_the_cpu() -> None:
    corpus, gpu = numbered(40, channels=3, side=4), torch.device("cuda")
    with closing(Feed(corpus, 8, 3, CPU)) as here:
        for resident in (True, False):
            with closing(Feed(corpus, 8, 3, gpu, resident=resident)) as there:
                for index in (0, 6, 1):
                    assert there.batch(index).real.device.type == "cuda"
                    torch.testing.assert_close(there.batch(index).real.cpu(), here.batch(index).real, rtol=0, atol=1e-6)
