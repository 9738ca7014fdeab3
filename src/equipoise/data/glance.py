"""The data check of a run that begins: the same looks, at so many samples that it takes no time to speak of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from equipoise.data.check import of_files, of_samples
from equipoise.data.corpus import Corpus
from equipoise.finding import Finding, worst_first

MOST = 2000
MOST_VALUES = 2**25
"""In all samples that are looked at: about a second of one core."""
BLOCKS = 20
"""Neighbours are looked at together, since copies often lie side by side."""


def glance(corpus: Corpus, home: str = "source") -> list[Finding]:
    """What of the data may make a run fail in ways that look like something else, the worst first."""
    found = [*of_files(corpus), *of_samples(some(corpus), home)]
    return worst_first(finding for finding in found if finding.severity == "fault" or finding.misleads)


def some(corpus: Corpus) -> Corpus:
    """At most so many samples as are looked at, in blocks spread evenly over all."""
    places = _places(len(corpus), int(np.prod(corpus.samples.shape[1:])))
    if len(places) == len(corpus):
        return corpus
    return replace(
        corpus,
        samples=corpus.samples[places],
        names=tuple(corpus.names[at] for at in places) if corpus.names else (),
        identities=np.empty(0, np.uint64),
        conditions=corpus.conditions[places] if corpus.conditions is not None else None,
        given=corpus.given[places] if corpus.given is not None else None,
    )


def _places(count: int, values: int) -> NDArray[np.intp]:
    """Of so many samples of so many values each."""
    most = min(MOST, max(BLOCKS, MOST_VALUES // values))
    if count <= most:
        return np.arange(count)
    length = most // BLOCKS
    begins = np.linspace(0, count - length, BLOCKS).round().astype(np.intp)
    return np.unique(begins[:, None] + np.arange(length))
