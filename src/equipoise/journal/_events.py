"""What can happen to a run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from equipoise.edit import Change
from equipoise.spec import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.  `time` is in seconds since the epoch; `step` counts finished steps."""

    step: int = 0
    time: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """A run began: everything needed to begin it again."""

    recipe: Json
    digest: str
    data: Mapping[str, Json]
    machine: Mapping[str, Json]
    goal: Mapping[str, float]
    """Where the run ends: one number under "steps", "images", "epochs" or "seconds", counted from its beginning."""
    warnings: tuple[str, ...] = ()
    """Settings that are known to do harm, and what would cure them."""
    begun_from: Mapping[str, Json] = field(default_factory=dict)
    """Whose weights it began with: path, step, networks; empty for new ones."""
    asked: str = ""
    """The recipe as it was asked for: a name, a file, file:function; empty from Python."""
    why: str = ""
    """A person's words."""
    parameters: Mapping[str, int] = field(default_factory=dict)
    """How many each of the networks has, by ``generator`` and ``critic``."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """How long the run was to be, under ``--for``, and by what rule settings follow from it, by their paths; empty for
    recipes that do not fit themselves, and in journals of earlier versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTested(Event):
    """Plumbing and measure of a new run were tried before its first step."""

    faults: tuple[str, ...]
    """Of the plumbing: what does not learn, moves when it should not, or lies beside the data."""
    doubts: tuple[str, ...]
    """Why the measure that chooses the best generator cannot be trusted."""
    checked: tuple[str, ...]
    """What was tried, in words."""
    numbers: Mapping[str, float]
    """Of the measure: ``floor``, of other real samples, and ``untrained``, of the generator before it learns; by other
    distances ``untrained_NAME``."""
    seconds: float
    data_faults: tuple[str, ...] = ()
    """Why the data should not be trained on as they are."""
    data_doubts: tuple[str, ...] = ()
    """What of the data may make a run fail in ways that look like something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """A run went on from the checkpoint made at `step`."""

    checkpoint: str
    data: Mapping[str, Json]
    machine: Mapping[str, Json]
    goal: Mapping[str, float]
    changes: tuple[Change, ...] = ()
    notices: tuple[str, ...] = ()
    why: str = ""
    """A person's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Event):
    """The numbers of the steps since the last tick, averaged.

    `seconds` is training time since the start of the run, over all its sessions; `values` are the columns of
    ``losses.csv``; `waiting` is the share of time the device waited for data.
    """

    images: int
    epoch: float
    seconds: float
    values: Mapping[str, float]
    images_per_s: float
    waiting: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Event):
    """The measure that chooses the best generator, where lower is better, and others that came with it."""

    name: str
    value: float
    seconds: float
    beside: dict[str, float] = field(default_factory=dict)
    is_best: bool = False
    """Whether this generator is taken for the best so far."""
    floors: dict[str, float] = field(default_factory=dict)
    """What these numbers are with other real samples in the fakes' place."""
    is_trusted: bool = True
    """Whether the measure passed its self-test; the choice of the best means nothing otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(Event):
    """An update was left out, for a number that was not finite."""

    culprit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictured(Event):
    """A sample sheet was written."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointed(Event):
    """The whole state was written and verified."""

    path: str
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched(Event):
    """A loop that is not ours is watched; its numbers have the names of a trace's signals."""

    loss: str | None = None
    """A key of the doctor's games; none where nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed(Event):
    """What the doctor said of a run while it trained; written when that changed."""

    verdict: str
    why: str
    symptoms: Mapping[str, float] = field(default_factory=dict)
    """How sure it was of each, by key, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One change that is tried, alone, or could be."""

    name: str
    """Of the fork's folder."""
    edits: tuple[str, ...]
    """As they are typed."""
    effect: str
    """What is expected of it."""
    look_again: int = 0
    """Steps after which that is due to show."""
    anew: bool = False
    """Whether it begins with new weights at step 0, because a network changes its shape."""
    is_own_course: bool = False
    """Whether it is what the run has done since the origin: there is nothing to train, and its scores are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescribed(Event):
    """What the autopilot would do about a symptom, or does: `step` is where it was seen."""

    number: int
    mode: str
    """``advise`` or ``act``."""
    symptom: str
    evidence: str
    """In one sentence."""
    trials: tuple[Trial, ...]
    """The first is no change: another course of training's randomness, or the run's own."""
    left: tuple[Trial, ...] = ()
    """Further remedies, in the order to try."""
    by_hand: tuple[str, ...] = ()
    """Remedies that no setting makes, in words."""
    origin: int
    """Step of the checkpoint to go back to."""
    since: int | None = None
    """Step from which on the time of forks counts; None for the origin."""
    end: int
    """Step at which forks end and are judged."""
    review_at: int
    length_steps: float
    """Of the whole run, by which budgets are measured."""
    score_before: float | None = None
    """Median of the last scores before it."""
    measure: str = ""
    """By which these scores were."""
    is_doubt: bool = False
    """Whether nothing was seen, and a setting that often does harm is tried without."""
    unfit: str = ""
    """Why a run that is to be acted upon is only advised; empty where that was asked for."""
    is_over: bool = False
    """Whether the run had broken off when this symptom was first acted upon: what its samples were is nothing to go
    back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked(Event):
    """A fork of the run has ended at `step`."""

    number: int
    name: str
    score: float | None
    """None where it broke off."""
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged(Event):
    """The forks of a prescription were compared."""

    number: int
    scores: Mapping[str, float]
    chosen: str
    """The fork that goes on; empty where none could."""
    why: str
    lost_steps: int
    """Of the forks that do not go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying(Event):
    """A person's word: the run, which had come to step `came_to`, is about to become what an advice says.

    Cut short after this, it is done again.
    """

    number: int
    name: str
    came_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopting(Event):
    """The run goes back to `step` and takes over what follows from a fork."""

    number: int
    name: str
    why: str
    changes: tuple[Change, ...] = ()
    """Of the run's recipe."""
    kept: str = ""
    """In words: the best generator of a course that was left, where the fork has none that is as good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted(Event):
    """The run is now the fork, at its last step."""

    number: int
    name: str
    lost_steps: int
    """Of the course that was left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed(Event):
    """Whether an intervention did what was expected of it."""

    number: int
    kept: bool
    why: str
    score: float | None = None
    score_before: float | None = None
    measure: str = ""
    """Of the score; of the one before it too, where that is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveUp(Event):
    """The autopilot stopped the run, which it could not cure."""

    symptom: str
    why: str
    left: tuple[str, ...] = ()
    """What a person could do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack(Event):
    """Of a run that was given up: its best generator is again the best that it had, which was of a course it left."""

    of_step: int
    measure: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulted(Event):
    """The run was stopped by a fault."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """The run ended by itself or was asked to."""

    reason: str
    seconds: float
    probing_s: float = 0.0
    """Of this sitting, spent on close looks at steps (`Cadence.probe_steps`)."""
    scoring_s: float = 0.0
    """Of this sitting, spent on scores."""
    examining_s: float = 0.0
    """Of this sitting, spent on what the doctor says while it trains."""
    lost_steps: int = 0
    """Of forks and courses that were given up, since the run's beginning; `step` counts the useful ones."""


EVENTS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}

PILOTED: tuple[type[Event], ...] = (Prescribed, Forked, Judged, Applying, Adopting, Adopted, Reviewed, GaveUp)
"""What the autopilot did happened, whichever course of the run counts in the end."""
