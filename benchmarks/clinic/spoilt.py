"""Data with a bug, around data without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np

from equipoise.data.corpus import Corpus
from equipoise.recipe import Source
from equipoise.space import Space
from equipoise.spec import Knob, digest

Bug = Literal["few", "duplicates", "noise", "range", "labels permuted", "labels constant", "pairs misaligned"]

SEED = 7


@dataclass(frozen=True)
class Spoilt(Source):
    """`inner`, with one bug.

    ::

        few               `strength` samples are left
        duplicates        a share of `strength` are copies of a hundredth
        noise             normal noise of `strength` times the channel's range is added
        range             values are divided by `strength`, as if scaled twice
        labels permuted   conditions belong to other samples, for a share of `strength`
        labels constant   a share of `strength` has the conditions of the first sample
        pairs misaligned  a share of `strength` has the small picture of another sample
    """

    needs_path = False

    inner: Source
    bug: Bug
    strength: Annotated[float, Knob("of the bug", low=0)]

    def corpus(
        self, path: Path | None = None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        spoilt = BUGS[self.bug](self.inner.corpus(path, cache), self.strength)
        return replace(spoilt, digest=digest(self))

    def onto(self, space: Space) -> Self:
        return self

    def native_side(self, path: Path | None = None) -> int | None:
        return self.inner.native_side(path)


def _few(corpus: Corpus, strength: float) -> Corpus:
    return part(corpus, np.sort(_shuffled(len(corpus))[: round(strength)]))


def _duplicates(corpus: Corpus, strength: float) -> Corpus:
    order = _shuffled(len(corpus))
    copies, originals = round(strength * len(corpus)), max(1, len(corpus) // 100)
    places = np.arange(len(corpus))
    places[order[:copies]] = order[np.arange(copies) % originals]
    kept = part(corpus, places)
    return replace(kept, names=tuple(f"{name}-{at}" for at, name in enumerate(kept.names)))


def _noise(corpus: Corpus, strength: float) -> Corpus:
    low, high = corpus.space.channels[0].stored_range
    noise = np.random.Generator(np.random.PCG64(SEED)).standard_normal(corpus.samples.shape)
    noisy = corpus.samples + strength * (high - low) * noise
    is_whole = np.issubdtype(corpus.samples.dtype, np.integer)
    return replace(
        corpus, samples=(np.clip(np.rint(noisy), low, high) if is_whole else noisy).astype(corpus.samples.dtype)
    )


def _range(corpus: Corpus, strength: float) -> Corpus:
    return replace(corpus, samples=(corpus.samples / strength).astype(corpus.samples.dtype))


def _permuted(corpus: Corpus, strength: float) -> Corpus:
    assert corpus.conditions is not None
    return replace(corpus, conditions=corpus.conditions[_exchanged(len(corpus), strength)])


def _constant(corpus: Corpus, strength: float) -> Corpus:
    assert corpus.conditions is not None
    chosen = _shuffled(len(corpus))[: round(strength * len(corpus))]
    conditions = corpus.conditions.copy()
    conditions[chosen] = conditions[0]
    return replace(corpus, conditions=conditions)


def _misaligned(corpus: Corpus, strength: float) -> Corpus:
    assert corpus.given is not None
    return replace(corpus, given=corpus.given[_exchanged(len(corpus), strength)])


BUGS: dict[Bug, Callable[[Corpus, float], Corpus]] = {
    "few": _few,
    "duplicates": _duplicates,
    "noise": _noise,
    "range": _range,
    "labels permuted": _permuted,
    "labels constant": _constant,
    "pairs misaligned": _misaligned,
}


def part(corpus: Corpus, places: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Corpus:
    """Some samples of a corpus, in this order."""
    return replace(
        corpus,
        samples=np.ascontiguousarray(corpus.samples[places]),
        names=tuple(corpus.names[at] for at in places) if corpus.names else (),
        identities=corpus.identities[places],
        conditions=corpus.conditions[places] if corpus.conditions is not None else None,
        given=corpus.given[places] if corpus.given is not None else None,
    )


def _shuffled(count: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.random.Generator(np.random.PCG64(SEED)).permutation(count)


def _exchanged(count: int, share: float) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Places, of which a share has moved round by one."""
    places, moved = np.arange(count), np.sort(_shuffled(count)[: round(share * count)])
    places[moved] = np.roll(moved, 1)
    return places
