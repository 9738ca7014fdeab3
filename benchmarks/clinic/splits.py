"""Which cases there are, and which of them may be looked at while rules are made.

::

    dev     dev bases, dev faults, dev seeds
    test    held-out bases with any fault;  dev bases with held-out faults;  dev bases with dev faults, and held-out
            seeds throughout
    fresh   bases of their own with any fault, and seeds of their own: trained once, and scored when all rules stood
    healthy bases and seeds of their own with no fault, trained and scored likewise: how often is a healthy run alarmed?

The list follows from the code alone: candidates are put in the order of a hash of their ids and taken in turns over
faults, those that fit the fewest bases first, so that each comes up about as often.  Its digest is printed beside
every score.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Final, Literal

from clinic.base import Base, Part
from clinic.bases import BASES
from clinic.cases import AS_IS, VARIETIES, Case
from clinic.faults import Fault
from clinic.list_of_faults import FAULTS

CONTROL_SEEDS: Final[Mapping[Part, tuple[int, ...]]] = {
    "dev": (0, 1, 2),
    "test": (100, 101),
    "fresh": (200, 201),
    "healthy": (300, 301),
}
SEEDS: Final[Mapping[Part, tuple[int, ...]]] = {
    "dev": (0, 1),
    "test": (100, 101),
    "fresh": (200, 201),
    "healthy": (300, 301),
}
SIZES: Final[Mapping[Part, tuple[int, int, int]]] = {
    "dev": (72, 26, 46),
    "test": (78, 26, 46),
    "fresh": (56, 18, 32),
    "healthy": (0, 0, 42),
}
"""Cases of a part: with one fault, with two, and healthy ones beside the controls."""
HELD_OUT: Final = (38, 20, 20)
"""Of the test's single faults: on held-out bases, of held-out kinds on dev bases, with held-out seeds alone."""


def cases(part: Part) -> list[Case]:
    """All of a part, controls first and then mixed, so that a part of them says something already."""
    others = [*_single(part), *_combined(part), *_varied(part)]
    return [*_controls(part), *sorted(others, key=_shuffled)]


def list_digest(part: Part) -> str:
    """Of the list of ids: with another one, scores are of other runs."""
    return blake2b("\n".join(case.id for case in cases(part)).encode(), digest_size=6).hexdigest()


def _controls(part: Part) -> list[Case]:
    return [Case(base.key, seed, part) for base in _bases(part) for seed in CONTROL_SEEDS[part]]


def _bases(part: Part) -> list[Base]:
    """Those of a part; dev bases come in the second too, with other seeds."""
    return [base for base in BASES.values() if base.part == part or (base.part == "dev" and part == "test")]


def _single(part: Part) -> list[Case]:
    """With one fault."""
    if part != "test":
        return _in_turns(_pairs(part, part, "dev" if part == "dev" else None), SIZES[part][0])
    sets = (_pairs(part, "test", None), _pairs(part, "dev", "test"), _pairs(part, "dev", "dev"))
    return [case for one, count in zip(sets, HELD_OUT, strict=True) for case in _in_turns(one, count)]


def _pairs(part: Part, bases: Part, faults: Literal["dev", "test"] | None) -> list[Case]:
    """Every base of one part with every fault of one, or of any, at every strength."""
    return [
        Case(base.key, seed, part, faults=((fault.key, strength),))
        for base, fault in itertools.product(BASES.values(), FAULTS.values())
        if base.part == bases and faults in (None, fault.part) and fault.fits(base)
        for strength in fault.strengths
        for seed in SEEDS[part]
    ]


def _combined(part: Part) -> list[Case]:
    """With two faults of different families, none of which ends the run or hides the measure."""
    found = []
    for base in _bases(part):
        fitting = [fault for fault in FAULTS.values() if fault.fits(base) and not fault.spares_samples]
        fitting = [fault for fault in fitting if part != "dev" or fault.part == "dev"]
        for one, other in itertools.combinations(fitting, 2):
            if one.family != other.family and not _same_place(one, other):
                both = (one.key, one.strengths[0]), (other.key, other.strengths[0])
                found.append(Case(base.key, SEEDS[part][0], part, faults=both))
    return _in_turns(found, SIZES[part][1])


def _same_place(one: Fault, other: Fault) -> bool:
    """Whether both change the same setting, so that only the later one would be there."""
    pairs = (
        {"critic-fast", "burst-critic", "rate-zero-critic", "saturating"},
        {"generator-fast", "burst-generator", "rate-zero-generator"},
        {"frozen-layer", "detached", "half-range", "uneven-upsampling", "few-latents"},
        {"critic-small", "critic-large", "clamp"},
    )
    return any({one.key, other.key} <= pair for pair in pairs)


def _varied(part: Part) -> list[Case]:
    """Healthy, but not the controls."""
    found = [
        Case(base.key, seed, part, name)
        for base, (name, variety) in itertools.product(_bases(part), VARIETIES.items())
        if name != AS_IS and variety.fits(base)
        for seed in SEEDS[part]
    ]
    return _in_turns(found, SIZES[part][2])


def _in_turns(candidates: Iterable[Case], count: int) -> list[Case]:
    """The first so many, one of each fault or variety after another."""
    groups: dict[str, list[Case]] = {}
    for case in sorted(candidates, key=_shuffled):
        groups.setdefault(case.faults[0][0] if case.faults else case.variety, []).append(case)
    return list(itertools.islice(_round_robin(sorted(groups.values(), key=len)), count))


def _round_robin(groups: Sequence[Sequence[Case]]) -> Iterator[Case]:
    for row in itertools.zip_longest(*groups):
        yield from (case for case in row if case is not None)


def _shuffled(case: Case) -> bytes:
    return blake2b(case.id.encode(), digest_size=8).digest()
