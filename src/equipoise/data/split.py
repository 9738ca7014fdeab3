"""Which samples are held out: never trained on, kept for measuring.

The decision falls for each sample by a hash of where it comes from (the content of its file, or the name of its group)
and by nothing else.  So it is the same for every recipe, size and machine; adding files moves none of the old ones; and
samples of one group, such as a scene or an event, are never on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

FEWEST = 8
"""With fewer samples nothing can be measured on them, and they are better trained on.  A guess."""

Identities = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Split:
    """Places in a corpus, in growing order."""

    seen: NDArray[np.intp]
    held_out: NDArray[np.intp]


def identity(origin: bytes) -> int:
    """A number of 64 bits, as good as drawn at random, for where a sample comes from."""
    return int.from_bytes(blake2b(origin, digest_size=8).digest(), "little")


def identities(origins: Iterable[bytes]) -> Identities:
    return np.fromiter(map(identity, origins), np.uint64)


def split(of: Identities, share: float) -> Split:
    """Hold out the samples whose identity lies in the lowest `share` of all numbers; none when they are too few.

    Of few groups none may lie so low.  Then whole groups are held out, the lowest first, until there are enough samples
    or half of all would go.
    """
    low = of < np.uint64(share * 2.0**64)
    if share > 0 and low.sum() < FEWEST:
        low = _lowest_groups(of, max(FEWEST, share * len(of)))
    if min(low.sum(), (~low).sum()) < FEWEST:
        low[:] = False
    return Split(np.flatnonzero(~low), np.flatnonzero(low))


def _lowest_groups(of: Identities, wanted: float) -> NDArray[np.bool_]:
    """Groups of several samples, the lowest first; one that would take half of all samples is passed over."""
    groups, counts = np.unique(of, return_counts=True)
    chosen = np.zeros(len(of), dtype=np.bool_)
    for group, count in zip(groups, counts, strict=True):
        if chosen.sum() < wanted and count > 1 and chosen.sum() + count <= len(of) / 2:
            chosen |= of == group
    return chosen
