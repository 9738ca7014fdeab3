"""Runs that were copied and then went on, as the tuner's trials do: what they brought along is told once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from equipoise.attempts.reading import Attempt


def without_copies(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts of several runs without those that another run has too; what came after has come from that one's.

    Who went on for longer is taken for the copy.  A run of which nothing else is left to tell is named beside the last
    attempt that it has.
    """
    lengths = Counter(attempt.run for attempt in attempts)
    alike: dict[str, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda it: lengths[it.run]):
        alike.setdefault(_identity(attempt), []).append(attempt)
    told_of = {same[0].run for same in alike.values()}
    last = {attempt.run: id(attempt) for attempt in attempts}
    known: dict[str, Attempt] = {}

    def original(attempt: Attempt) -> Attempt:
        identity = _identity(attempt)
        if identity not in known:
            first, *others = alike[identity]
            before = original(first.came_from) if first.came_from is not None else None
            untold = [it.run for it in others if it.run not in told_of and last[it.run] == id(it)]
            remarks = (*first.remarks, *(f"the same run lies in {run} too" for run in untold))
            copies = tuple(it.run for it in others)
            known[identity] = replace(first, came_from=before, copies=copies, remarks=remarks)
        return known[identity]

    return list({id(it): it for it in map(original, attempts)}.values())


def _identity(attempt: Attempt) -> str:
    """Of its clock, its steps and its settings, which no two runs share by chance."""
    measured = (attempt.begun_s, attempt.first_step, attempt.last_step, attempt.images)
    return json.dumps([*measured, dict(attempt.settings)], sort_keys=True)
