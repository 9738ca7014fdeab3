"""The journal of a run: typed events, one JSON object a line, only ever appended.

A run that is killed may leave a torn last line.  The torn-tail rule: a line that does not end in a newline does not
exist for readers; the next writer ends it first.  It then stays behind as one broken line, which readers skip and
count, or, when only its newline was missing, as the event it is.  A run that was killed and resumed replays the steps
since its last checkpoint, so its journal can hold two events for one step; `history` gives the events as if nothing had
happened.
"""

from equipoise.journal._events import (
    EVENTS,
    PILOTED,
    Adopted,
    Adopting,
    Applying,
    Checkpointed,
    Diagnosed,
    Event,
    Faulted,
    Finished,
    Forked,
    GaveUp,
    Judged,
    Measured,
    Pictured,
    Prescribed,
    PutBack,
    Resumed,
    Reviewed,
    SelfTested,
    Skipped,
    Started,
    Tick,
    Trial,
    Watched,
)
from equipoise.journal._files import Follower, Journal, Reading, history, read, ticks
from equipoise.journal._lines import from_line, to_line

__all__ = [
    "EVENTS",
    "PILOTED",
    "Adopted",
    "Adopting",
    "Applying",
    "Checkpointed",
    "Diagnosed",
    "Event",
    "Faulted",
    "Finished",
    "Follower",
    "Forked",
    "GaveUp",
    "Journal",
    "Judged",
    "Measured",
    "Pictured",
    "Prescribed",
    "PutBack",
    "Reading",
    "Resumed",
    "Reviewed",
    "SelfTested",
    "Skipped",
    "Started",
    "Tick",
    "Trial",
    "Watched",
    "from_line",
    "history",
    "read",
    "ticks",
    "to_line",
]
