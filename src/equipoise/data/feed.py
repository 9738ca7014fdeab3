"""Batches for training: the batch of an index is a function of (seed, index, rank) and of nothing else.

::

    epoch, place = divmod(index, batches_per_epoch)
    order  = permutation(seed, epoch)                 # each epoch its own; the last, incomplete batch is dropped
    global = seen[order[place * batch : (place + 1) * batch]]
    batch  = scaled(samples[global[rank::world]])     # [-1, 1], float32, with what belongs to each

So a resumed run sees the batches of the run that was never killed, and two processes together see those of one.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise.data.codec import to_planes
from equipoise.data.corpus import Corpus
from equipoise.randomness import mix
from equipoise.space import Space
from equipoise.view import Batch, Conditions, Samples

SHARE_OF_MEMORY = 0.25
"""A corpus is kept whole on the device when it takes at most this share of the memory that is free.  A guess: networks
and activations want the rest, and streaming costs next to nothing where it does not fit."""
UNKNOWN_FREE_BYTES = 4 * 2**30
"""What is taken to be free where the system offers no plain way to ask, as on Windows.  A guess on the careful side."""
ORDERS_KEPT = 2
"""Epochs whose order is remembered: reading ahead reaches into the next one."""
PREFETCHED = 4
"""Batches prepared ahead when streaming, at the least: enough to ride out a slow read of a few steps' length."""


class Feed:
    """The batches of a corpus on a device.

    `batch` counts samples over all `world` processes; this one, `rank`, gets every `world`-th of them.  `resident`
    keeps the whole corpus on the device, by default when it fits; otherwise so many `readers` (threads) read batches
    ahead.  The batches are the same either way.  `seen` are the places of the samples that are trained on, by default
    all.
    `waited_s` is the time that `batch()` has taken on the host, all of it.
    """

    def __init__(
        self,
        corpus: Corpus,
        batch: int,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        memory_format: torch.memory_format = torch.contiguous_format,
        resident: bool | None = None,
        seen: NDArray[np.intp] | None = None,
        readers: int = 1,
    ) -> None:
        if batch % world or not 0 <= rank < world:
            raise ValueError(f"a batch of {batch} cannot be shared by {world} processes (rank {rank})")
        self.resident = fits(size_of(corpus), device, world) if resident is None else resident
        self._seen = np.arange(len(corpus)) if seen is None else seen
        self.batches_per_epoch = max(1, len(self._seen) // batch)
        self.waited_s = 0.0
        self._batch, self._seed, self._device, self._rank, self._world = batch, seed, device, rank, world
        self._order = lru_cache(ORDERS_KEPT)(self._order_of)
        channels_last = memory_format == torch.channels_last
        self._samples = _Rows(corpus.samples, corpus.space, channels_last, device)
        self._given = None
        if corpus.given is not None and corpus.space.given is not None:
            self._given = _Rows(corpus.given, corpus.space.given, channels_last, device)
        self._conditions = torch.from_numpy(corpus.conditions) if corpus.conditions is not None else None
        if self.resident:
            for rows in self._kinds():
                rows.upload(seen)
            if self._conditions is not None:
                self._conditions = self._conditions[self._seen].to(device)
        self._reader = ThreadPoolExecutor(readers, "feed")
        self._prefetched = max(PREFETCHED, 2 * readers)
        self._ahead: dict[int, Future[list[Tensor]]] = {}

    def epoch_of(self, index: int) -> float:
        """How often all data has been seen before this batch; with fewer samples than a batch, batches count."""
        return index / self.batches_per_epoch

    def batch(self, index: int) -> Batch:
        """Batch number `index` on the device: [batch / world, planes, H, W], float32 in [-1, 1], and what belongs."""
        began = time.perf_counter()
        stored = [kind.decoded(rows) for kind, rows in zip(self._kinds(), self.rows(index), strict=True)]
        given = stored[1] if self._given is not None else None
        batch = Batch(stored[0], self._conditions_of(index), given)
        self.waited_s += time.perf_counter() - began
        return batch

    def rows(self, index: int) -> list[Tensor]:
        """The same batch as it is stored, copies of samples and of given pictures: bytes mostly, and
        [batch / world, H, W, C] if channels come last."""
        if not self.resident:
            return self._streamed(index)
        return [kind.chosen(self._places(index)) for kind in self._kinds()]

    def _kinds(self) -> list[_Rows]:
        return [self._samples] if self._given is None else [self._samples, self._given]

    def _conditions_of(self, index: int) -> Conditions | None:
        if self._conditions is None:
            return None
        places = self._places(index)
        if self.resident:
            return self._conditions.index_select(0, places)
        return self._conditions[torch.from_numpy(self._seen[places.numpy()])].to(self._device)

    def close(self) -> None:
        """Stop reading ahead."""
        self._reader.shutdown(cancel_futures=True)
        self._ahead.clear()

    def _places(self, index: int) -> Tensor:
        """The rows of this process in the batch, counted among those that are seen."""
        epoch, place = divmod(index, self.batches_per_epoch)
        return self._order(epoch)[place * self._batch : (place + 1) * self._batch][self._rank :: self._world]

    def _order_of(self, epoch: int) -> Tensor:
        """The order of samples in an epoch; with fewer samples than a batch, one batch drawn with replacement.

        It lies where the samples lie, so that choosing a batch sends nothing to the device.
        """
        source = torch.Generator().manual_seed(mix(self._seed, "order", epoch))
        count = len(self._seen)
        if count < self._batch:
            order = torch.randint(count, (self._batch,), generator=source)
        else:
            order = torch.randperm(count, generator=source)
        return order.to(self._device) if self.resident else order

    def _streamed(self, index: int) -> list[Tensor]:
        """The rows of a batch from the maps.  The next ones are read meanwhile; others that were ahead are dropped."""
        window = range(index, index + 1 + self._prefetched)
        for at in [at for at in self._ahead if at not in window]:
            self._ahead.pop(at).cancel()
        for at in window:
            if at not in self._ahead:
                self._ahead[at] = self._reader.submit(self._read, self._places(at).numpy())
        return [rows.to(self._device, non_blocking=True) for rows in self._ahead.pop(index).result()]

    def _read(self, places: NDArray[np.int64]) -> list[Tensor]:
        return [kind.read(self._seen[places]) for kind in self._kinds()]


class _Rows:
    """One array of a corpus, [N, C, H, W], and how its rows become planes in [-1, 1] on a device."""

    def __init__(self, stored: NDArray[Any], space: Space, channels_last: bool, device: torch.device) -> None:
        self._stored = stored.transpose(0, 2, 3, 1) if channels_last else stored
        self._space, self._channels_last, self._device = space, channels_last, device
        self._middle, self._half = _scaling(space, channels_last, device)
        self._whole = torch.empty(0)

    def upload(self, seen: NDArray[np.intp] | None) -> None:
        """Keep all rows, or those seen, in the device's own memory."""
        self._whole = _upload(self._stored if seen is None else self._stored[seen], self._device)

    def chosen(self, places: Tensor) -> Tensor:
        """A copy of some of the rows that were uploaded."""
        return self._whole.index_select(0, places)

    def read(self, places: NDArray[np.intp]) -> Tensor:
        """A copy of some of all rows, in the host's memory."""
        rows = torch.from_numpy(np.ascontiguousarray(self._stored[places]))
        return rows.pin_memory() if self._device.type == "cuda" else rows

    def decoded(self, rows: Tensor) -> Samples:
        """Rows on the device as planes."""
        if self._space.is_direct:
            samples = rows.to(torch.float32).sub_(self._middle).div_(self._half)
            return samples.permute(0, 3, 1, 2) if self._channels_last else samples
        planes = to_planes(rows.permute(0, 3, 1, 2) if self._channels_last else rows, self._space)
        return planes.contiguous(memory_format=torch.channels_last if self._channels_last else torch.contiguous_format)


def size_of(corpus: Corpus) -> int:
    """Bytes of a corpus that would lie on a device."""
    return corpus.samples.nbytes + (corpus.given.nbytes if corpus.given is not None else 0)


def fits(size_bytes: int, device: torch.device, world: int = 1) -> bool:
    """Whether a corpus should be kept whole on a device; processes on one host share its memory."""
    sharers = world if device.type == "cpu" else 1
    return size_bytes * sharers <= SHARE_OF_MEMORY * free_bytes(device)


def free_bytes(device: torch.device) -> int:
    """Memory of a device that nobody uses."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return min(_free_of_host(), _free_of_group())


def _free_of_host() -> int:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        rows = dict(line.split(":") for line in meminfo.read_text().splitlines())
        return int(rows["MemAvailable"].split()[0]) * 1024
    if sys.platform == "win32":
        return UNKNOWN_FREE_BYTES
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # macOS does not say; half of it may be free


def _free_of_group() -> int:
    """What a container's limit leaves (control groups, version 2)."""
    group = Path("/sys/fs/cgroup")
    if not (group / "memory.max").exists() or (limit := (group / "memory.max").read_text().strip()) == "max":
        return sys.maxsize
    return int(limit) - int((group / "memory.current").read_text())


def _upload(rows: NDArray[Any], device: torch.device) -> Tensor:
    """All samples in the device's own memory, in the order of `rows`' axes."""
    return torch.from_numpy(np.array(rows, order="C")).to(device)


def _scaling(space: Space, channels_last: bool, device: torch.device) -> tuple[Tensor, Tensor]:
    """Middle and half width of the channels' ranges, so that (value - middle) / half is -1 and 1 at the ends, exactly.

    Both have the full shape of a sample: with one number a channel, channels-last took ten times as long.
    """
    low = torch.tensor([channel.low for channel in space.channels], dtype=torch.float64)
    high = torch.tensor([channel.high for channel in space.channels], dtype=torch.float64)

    def spread(numbers: Tensor) -> Tensor:
        full = numbers.float()[:, None, None].expand(len(space.channels), space.height, space.width)
        return (full.permute(1, 2, 0) if channels_last else full).contiguous().to(device)

    return spread((high + low) / 2), spread((high - low) / 2)
