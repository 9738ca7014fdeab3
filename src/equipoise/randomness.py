"""Seeds.  All randomness of a run is a function of (seed, purpose, step, rank), so a resumed run is the same run."""

from __future__ import annotations

import hashlib


def mix(*parts: int | str) -> int:
    """One well-mixed seed, in [0, 2**63), from any numbers and names."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
