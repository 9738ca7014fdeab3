"""What repair may cost: how many interventions, how many forks, how long each, and when a remedy is reviewed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from equipoise.doctor.interventions import Past
from equipoise.journal import Trial

LEAST_SHARE: Final = 0.5
"""Of the steps after which a remedy is due to show; a fork that is shorter tells nothing (guess)."""


@dataclass(frozen=True, slots=True)
class Law:
    """The settings, and what they are measured by."""

    mode: str
    candidates: int
    of_a_kind: int
    in_all: int
    extra: float
    """Steps of forks that lose, as a share of the run's length."""
    horizon: int | None
    length_steps: float
    score_steps: int
    """Between two scores."""


def used_up(symptom: str, past: Past, law: Law) -> str:
    """Which budget of interventions is, in words; empty where none is."""
    done = sum(not one.is_abandoned for one in past.cures)
    if past.count(symptom) >= law.of_a_kind:
        return f"{past.count(symptom)} interventions against {symptom} brought nothing that lasts"
    if done >= law.in_all:
        return f"{done} interventions were made, as many as are allowed"
    return ""


def planned(
    cures: Sequence[Trial], origin: int, since: int, law: Law, past: Past
) -> tuple[tuple[Trial, ...], int] | None:
    """As many remedies as the budget bears, and the step at which forks end; nothing where it bears none.

    The time after which a remedy is due begins at `since`.  All forks but one are lost.  One that begins anew also
    costs the steps up to the origin.
    """
    left = steps_left(law, past)
    for count in range(min(law.candidates, len(cures)), 0, -1):
        for chosen in (tuple(cures[:count]), tuple(trial for trial in cures if not trial.anew)[:count]):
            due = steps_due(chosen, since, law)
            bearable = math.floor((left - origin * sum(trial.anew for trial in chosen)) / count)
            steps = min(since - origin + due, bearable)
            if len(chosen) == count and steps >= max(1.0, since - origin + LEAST_SHARE * due):
                return chosen, origin + steps
    return None


def no_steps(cures: Sequence[Trial], origin: int, since: int, law: Law, past: Past) -> str:
    """Why there is no plan."""
    if steps_due(cures, since, law) <= 0:
        return "the run ends before a remedy could show"
    each = (since - (0 if cure.anew else origin) + LEAST_SHARE * steps_due((cure,), since, law) for cure in cures)
    least, left = math.ceil(max(1.0, min(each, default=1.0))), max(0, math.floor(steps_left(law, past)))
    return f"a fork takes {least} steps at least, and {left} are left of those that forks may cost (autopilot.extra)"


def steps_left(law: Law, past: Past) -> float:
    """Of those that forks may cost."""
    return law.extra * law.length_steps - past.fork_steps


def steps_due(trials: Sequence[Trial], since: int, law: Law) -> int:
    """Steps from `since` on after which these remedies should show, before the run's end."""
    return min(law.horizon or look_again(trials), math.floor(law.length_steps) - since)


def review_at(end: int, trials: Sequence[Trial], law: Law) -> int:
    """The first score at which a remedy is due to show; where the run ends before, the last one before its end."""
    each = law.score_steps
    due = math.ceil((end + look_again(trials)) / each) * each
    last = (math.ceil(law.length_steps / each) - 1) * each
    return min(due, last) if last > end else due


def look_again(trials: Iterable[Trial]) -> int:
    """Steps after which the last of these remedies is due to show."""
    return max((trial.look_again for trial in trials), default=0)
