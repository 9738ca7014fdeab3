"""One run that a study needs, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, Self

from equipoise.spec import Json

Settings = Mapping[str, Json]
"""Tuned settings by path, where they are not the recipe's own."""

State = Literal["waiting", "running", "done", "failed", "given up", "lost"]
"""``failed``: a fault, or the doctor is certain that nothing comes of it; ``given up``: plainly worse than others on
the way; ``lost``: its worker died."""
MOST_LOST: Final = 3
"""Workers that a job may take with it before it is counted as failed."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be made.  Two with the same key are the same run."""

    settings: Settings = field(default_factory=dict)
    seed: int = 0
    """Counted from 0; the recipe's own seed is added."""
    anew: bool = False
    """Whether it begins from the start rather than from the warm-up, because networks have another form."""
    is_warm_up: bool = False

    @property
    def key(self) -> str:
        return json.dumps([sorted(self.settings.items()), self.seed, self.anew, self.is_warm_up])

    def to_json(self) -> dict[str, Json]:
        return {
            "settings": {**self.settings},
            "seed": self.seed,
            "anew": self.anew,
            "is_warm_up": self.is_warm_up,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(**document)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of one attempt at a job."""

    job: Job
    number: int
    """Of the trial in its study."""
    state: State
    values: tuple[float, ...] = ()
    """One for each objective, where it was measured or counted as failed."""
    why: str = ""
    """Of one that failed or was given up."""
    run: str = ""
    """Its folder, below the study's."""
    seconds: float = 0.0
    steps: int = 0

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "given up")


@dataclass(frozen=True)
class Ledger:
    """Everything known of a study's jobs: of each, the attempt that counts."""

    outcomes: tuple[Outcome, ...]
    worst: tuple[float, ...]
    """What a job counts as that took its workers with it: one value for each objective."""

    def of(self, job: Job) -> Outcome | None:
        """The first attempt that came to an end, else one that is under way, else none.

        A job that `MOST_LOST` workers died of has failed.
        """
        mine = self._by_key.get(job.key, [])
        over = [outcome for outcome in mine if outcome.is_over]
        alive = [outcome for outcome in mine if outcome.state in ("waiting", "running")]
        lost = [outcome for outcome in mine if outcome.state == "lost"]
        if not over and not alive and len(lost) >= MOST_LOST:
            return Outcome(job, lost[-1].number, "failed", self.worst, f"it ended {len(lost)} workers")
        return next(iter([*over, *alive]), None)

    @cached_property
    def _by_key(self) -> dict[str, list[Outcome]]:
        found: dict[str, list[Outcome]] = {}
        for outcome in self.outcomes:
            found.setdefault(outcome.job.key, []).append(outcome)
        return found

    def missing(self, jobs: Sequence[Job]) -> list[Job]:
        """Those that nobody has done or is doing."""
        return [job for job in jobs if self.of(job) is None]

    def is_done(self, jobs: Sequence[Job]) -> bool:
        return all((outcome := self.of(job)) is not None and outcome.is_over for job in jobs)

    def counted(self) -> list[Outcome]:
        """The attempts that a budget pays for, the warm-up too: those that are over, and those under way."""
        return [outcome for outcome in self.outcomes if outcome.is_over or outcome.state == "running"]
