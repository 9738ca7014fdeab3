"""How samples should reach the device: a few real steps with each way of loading, in turns (``check --loader``)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from equipoise.data.feed import Feed, fits, size_of
from equipoise.engine.beginning import begun
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.precision import synchronise
from equipoise.engine.state import State
from equipoise.engine.step import step
from equipoise.errors import RequestError
from equipoise.recipe import Recipe
from equipoise.run import Where, num_processes, prepare
from equipoise.spec import Json
from equipoise.view import Batch

ROUNDS = 3
"""Each way has its turn so often; its fastest counts, for others share the machine."""
ROUND_S, ROUND_STEPS = 1.0, 3
"""A turn lasts so long, and so many steps at least."""
ALIKE = 0.02
"""Share of the pace by which more readers must be faster, to be worth their memory."""
READERS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Loading:
    """One way to load, and what it did to training."""

    readers: int
    """Threads that read ahead; none where the whole corpus lies on the device."""
    images_per_s: float
    waiting: float
    """Share of the time that batches took on the host, reading and scaling included."""

    @property
    def way(self) -> str:
        if not self.readers:
            return "whole corpus on the device"
        return f"read while training, --workers {self.readers}"


@dataclass(frozen=True, slots=True)
class Loaders:
    """All ways that were tried, and which of them a run should take."""

    tried: tuple[Loading, ...]
    fits: bool
    """Whether the corpus fits onto the device.  It is kept there then."""

    @property
    def workers(self) -> int:
        """The fewest readers that are as fast as any number of them."""
        streamed = [loading for loading in self.tried if loading.readers]
        fastest = max(loading.images_per_s for loading in streamed)
        return next(loading.readers for loading in streamed if loading.images_per_s >= (1.0 - ALIKE) * fastest)

    def lines(self) -> Iterator[str]:
        """The table and the advice, for a person."""
        width = max(len(loading.way) for loading in self.tried)
        for loading in self.tried:
            pace = f"{loading.images_per_s:8.1f} images/s"
            yield f"{loading.way:{width}}  {pace}, {loading.waiting:.1%} of the time for data"
        if self.fits:
            yield "the corpus fits onto the device and is kept there: --workers changes nothing"
        else:
            yield f"the corpus does not fit onto the device: train with --workers {self.workers}"

    def to_json(self) -> dict[str, Json]:
        rows: list[Json] = [
            {"readers": loading.readers, "images_per_s": loading.images_per_s, "waiting": loading.waiting}
            for loading in self.tried
        ]
        return {"fits": self.fits, "workers": self.workers, "tried": rows}


def compare_loaders(recipe: Recipe, where: Where) -> Loaders:
    """Train a few steps with 1, 2, 4 and 8 readers, as far as there are cores, then forget them.

    Raises `RequestError` when recipe and data do not fit.
    """
    if num_processes() > 1:
        raise RequestError("--loader runs in one process; leave torchrun away")
    corpus, plan = prepare(recipe, where)
    recipe = plan.recipe
    plan, state, _ = begun(plan)
    state.adaptation.probability = 1.0  # the most that a step can take
    seen = corpus.split(recipe.held_out).seen
    has_room = fits(size_of(corpus), plan.device)
    ways = [*([0] if has_room else []), *_numbers_of_readers()]
    feeds = {
        readers: Feed(
            corpus,
            recipe.batch,
            recipe.seed,
            plan.device,
            memory_format=plan.arithmetic.memory_format,
            resident=not readers,
            seen=seen,
            readers=max(1, readers),
        )
        for readers in ways
    }
    try:
        for feed in feeds.values():
            _turn(plan, state, feed, 0.0)  # what happens once only
        turns = {readers: [_turn(plan, state, feed, ROUND_S)] for readers, feed in feeds.items()}
        for _ in range(ROUNDS - 1):
            for readers, feed in feeds.items():
                turns[readers].append(_turn(plan, state, feed, ROUND_S))
    finally:
        for feed in feeds.values():
            feed.close()
    best = [Loading(readers, *max(found)) for readers, found in turns.items()]
    return Loaders(tuple(best), has_room)


def _turn(plan: Plan, state: State, feed: Feed, seconds: float) -> tuple[float, float]:
    """Train for a while: images a second, and the share of the time spent waiting for data."""
    counters, meter = state.counters, Meter()

    def next_batch() -> Batch:
        batch = feed.batch(counters.batches)
        counters.batches += 1
        return batch

    step(plan, state, next_batch, meter)  # begins to read ahead from here
    synchronise(plan.device)
    began, waited, batches = time.perf_counter(), feed.waited_s, counters.batches
    while counters.batches - batches < ROUND_STEPS or time.perf_counter() - began < seconds:
        step(plan, state, next_batch, meter)
    synchronise(plan.device)
    took = time.perf_counter() - began
    return (counters.batches - batches) * plan.recipe.batch / took, (feed.waited_s - waited) / took


def _numbers_of_readers() -> list[int]:
    cores = os.cpu_count() or 1
    return [count for count in READERS if count <= cores]
