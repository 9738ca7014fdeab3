"""The batches of a run: those it learns from, and those by which it is seen how far the critic overfits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import Corpus
from equipoise.data.feed import Feed
from equipoise.data.split import Split
from equipoise.engine.plan import Plan
from equipoise.engine.state import State
from equipoise.randomness import mix
from equipoise.view import Batch


class Feeds:
    """Each batch is a function of the recipe's seed and of how many were taken before, so that a run can go on."""

    def __init__(self, plan: Plan, state: State, corpus: Corpus, split: Split) -> None:
        seed = plan.recipe.training_seed
        self._state, self._size = state, plan.recipe.batch
        self._seen = _feed(plan, corpus, split.seen, seed)
        self._held_out: Feed | None = None
        if _looks_at_held_out(plan) and len(split.held_out):
            self._held_out = _feed(plan, corpus, split.held_out, mix(seed, "held out"))

    @property
    def waited_s(self) -> float:
        """Seconds in which the training waited for a batch."""
        return self._seen.waited_s

    def next(self) -> Batch:
        """To learn from."""
        counters = self._state.counters
        batch = self._seen.batch(counters.batches)
        counters.batches += 1
        counters.images += self._size
        return batch

    def of_held_out(self) -> Callable[[], Batch] | None:
        """What gives the batch that belongs to the critic's last update; None where nobody looks at one."""
        feed = self._held_out
        return None if feed is None else lambda: feed.batch(self._state.critic.updates)

    def close(self) -> None:
        self._seen.close()
        if self._held_out is not None:
            self._held_out.close()


def _looks_at_held_out(plan: Plan) -> bool:
    augment = plan.recipe.augment
    adaptive = augment.adaptive if augment is not None else None
    return plan.recipe.cadence.probe_steps is not None or (adaptive is not None and adaptive.signal == "held_out")


def _feed(plan: Plan, corpus: Corpus, places: NDArray[np.intp], seed: int) -> Feed:
    world = plan.world
    return Feed(
        corpus,
        plan.recipe.batch,
        seed,
        plan.device,
        world.rank,
        world.size,
        plan.arithmetic.memory_format,
        seen=places,
        readers=plan.readers,
    )
