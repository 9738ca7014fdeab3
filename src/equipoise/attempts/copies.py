"""Runs that were copied and then went on, as the tuner's trials do: what they brought along is told once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from equipoise.attempts.reading import Attempt


def without_copies(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts of several runs without those that another run has too; what came after has come from that one's.

    Who went on for longer is taken for the copy.  A copy that nothing came after stays: there is nothing else to tell
    of its run.
    """
    went_on = {id(attempt.came_from) for attempt in attempts}
    lengths = Counter(attempt.run for attempt in attempts)
    firsts: dict[str, Attempt] = {}
    for attempt in sorted(attempts, key=lambda it: lengths[it.run]):
        firsts.setdefault(_identity(attempt), attempt)
    known: dict[int, Attempt] = {}

    def original(attempt: Attempt) -> Attempt:
        if id(attempt) not in known:
            first = firsts[_identity(attempt)] if id(attempt) in went_on else attempt
            before = first.came_from
            if first is not attempt:
                known[id(attempt)] = original(first)
            else:
                known[id(attempt)] = replace(first, came_from=original(before)) if before is not None else first
        return known[id(attempt)]

    return list({id(it): it for it in map(original, attempts)}.values())


def _identity(attempt: Attempt) -> str:
    """Of its clock, its steps and its settings, which no two runs share by chance."""
    measured = (attempt.begun_s, attempt.first_step, attempt.last_step, attempt.images)
    return json.dumps([*measured, dict(attempt.settings)], sort_keys=True)
