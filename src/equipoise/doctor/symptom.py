"""What a symptom is: one class that sees, explains and knows what would cure it; its page in the docs is made of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from equipoise.doctor.trace import Trace
from equipoise.edit import Edit
from equipoise.spec import Json

Kind = Literal["losses", "gradients", "samples", "settings", "data"]
Settings = Mapping[str, Json]
"""A recipe by path, as `spec.flatten` gives it; empty where the run is not ours."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was seen."""

    kind: Kind
    said: str
    """With its numbers, and what they would be if all were well."""
    signal: str = ""
    """Of the trace; for a plot."""
    onset: float | None = None
    """The step from which on it holds."""
    weight: float = 0.6
    """How sure this alone would make one, from 0 to 1.  1 is a proof: nothing else can look like it."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change, and what to expect of it.

    The words are for everybody; the edits are for recipes in which there is such a setting.
    """

    words: str
    effect: str
    look_again: float = 500.0
    """After so many steps."""
    edits: tuple[Edit, ...] = ()
    """That make it in this run's recipe; none where the recipe has no such setting, or is unknown."""
    anew: bool = False
    """Whether a run has to begin anew with it, because a network changes its shape."""
    faster: tuple[str, ...] = ()
    """Networks, ``d`` and ``g``, whose rates it raises: not to be tried while one is suspected of being too high."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A symptom that was seen in a trace."""

    symptom: Symptom
    evidence: tuple[Evidence, ...]
    remedies: tuple[Remedy, ...] = ()
    """In the order to try them, one at a time."""
    raised_at: float | None = None
    """The step at which a rate was raised shortly before (`equipoise.doctor.suspects`); the first remedy holds it."""

    @property
    def confidence(self) -> float:
        """From 0 to 1: evidence of one kind does not add up, evidence of several kinds does."""
        doubt = 1.0
        for kind in {item.kind for item in self.evidence}:
            doubt *= 1.0 - max(item.weight for item in self.evidence if item.kind == kind)
        return 1.0 - doubt

    @property
    def is_certain(self) -> bool:
        """Whether more than one kind of evidence agrees, or one is a proof.  A loss alone only warns."""
        kinds = {item.kind for item in self.evidence}
        return len(kinds) > 1 or any(item.weight >= PROOF for item in self.evidence)

    @property
    def onset(self) -> float | None:
        """The first step of what was seen, where that is known."""
        return min((item.onset for item in self.evidence if item.onset is not None), default=None)


PROOF: Final = 0.95


@dataclass(frozen=True, slots=True)
class Symptom(ABC):
    """Base of all symptoms.  What it says of itself is its page; `seen` and `remedies` are its knowledge.

    A symptom has no settings and keeps nothing: the same trace always gives the same answer.
    """

    key: ClassVar[str]
    """Its name on the command line and in addresses."""
    title: ClassVar[str]
    looks_like: ClassVar[str]
    """What a person notices, in the numbers and in the pictures."""
    means: ClassVar[str]
    """What is happening."""
    confused_with: ClassVar[Mapping[str, str]] = {}
    """Other symptoms by key, and how to tell them apart; ``healthy`` is one."""
    reads: ClassVar[tuple[str, ...]]
    """Which signals, and from which value on; each a line of its page."""
    explained_by: ClassVar[tuple[str, ...]] = ()
    """Symptoms by key of which this one is a consequence: it is listed behind them."""
    sources: ClassVar[tuple[str, ...]] = ()
    """Papers, public logs and the notes that it rests on."""
    stops_others: ClassVar[bool] = False
    """Whether nothing else may be diagnosed while it is there: bugs of data, plumbing and measures."""

    @abstractmethod
    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        """What of it is in the trace; nothing when it is not there."""

    @abstractmethod
    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        """What to change, in the order to try."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A setting that often does harm, whatever is seen; see `equipoise.doctor.doubts`."""

    said: str
    """With its value, and what is usual."""
    brings: tuple[str, ...]
    """Symptoms by key that it may bring about, the likeliest first."""
    remedy: Remedy
    since: float | None = None
    """The step from which on it is so; None from the beginning."""


Verdict = Literal["ill", "suspect", "healthy", "young", "unknown"]


@dataclass(frozen=True, slots=True)
class Examination:
    """What the doctor says of a trace."""

    verdict: Verdict
    why: str
    """In one sentence."""
    diagnoses: tuple[Diagnosis, ...] = ()
    """The likeliest first."""
    read: tuple[str, ...] = ()
    """The signals there were."""
    unknown: tuple[str, ...] = field(default=())
    """What could not be known, and what that hides."""
    doubts: tuple[Doubt, ...] = ()
    """Settings under suspicion; they change no verdict."""


def agreeing(evidence: Iterable[Evidence | None]) -> tuple[Evidence, ...]:
    """Those that were seen."""
    return tuple(item for item in evidence if item is not None)
