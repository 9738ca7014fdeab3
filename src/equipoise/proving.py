"""What a new run is tested for before its first step, and what is remembered of that when it goes on."""

from __future__ import annotations

import time

from equipoise.data.corpus import Corpus
from equipoise.data.glance import glance, some
from equipoise.engine.average import averaged_copy
from equipoise.engine.look import reals
from equipoise.engine.plan import Plan
from equipoise.engine.reach import misfits
from equipoise.engine.score import Score
from equipoise.engine.selftest import TRIAL_SAMPLES, plumbing
from equipoise.engine.state import State
from equipoise.engine.trust import trust
from equipoise.finding import Finding
from equipoise.folder import RunFolder
from equipoise.journal import SelfTested
from equipoise.recipe import BestBy, home_of
from equipoise.view import Batch

LEARNS = "in each phase and side: gradients, moves, rates and betas of every network, on copies"
FITS = "fakes lie in the range of real samples"
SOUND = "the data, by what `equipoise check` looks for, in at most {} of {} samples"


def self_test(
    plan: Plan, state: State, corpus: Corpus, score: Score, best_by: BestBy, *, is_untrained: bool
) -> SelfTested:
    """Data, plumbing and measure.  Raises `RequestError` when nothing could be learned at all."""
    began = time.monotonic()
    batch = _on(plan, reals(corpus, corpus.split(plan.recipe.held_out), TRIAL_SAMPLES, plan.recipe.seed))
    average = averaged_copy(state.average)
    of_data = glance(corpus, home_of(plan.recipe.source))
    faults = [*plumbing(plan, state, batch), *misfits(plan, average, batch)]
    found = trust(score, average, plan.device, best_by, is_untrained=is_untrained)
    return SelfTested(
        faults=tuple(faults),
        doubts=found.doubts,
        checked=(SOUND.format(len(some(corpus)), len(corpus)), LEARNS, FITS, *found.checked),
        numbers=found.numbers,
        seconds=round(time.monotonic() - began, 3),
        data_faults=tuple(_in_a_line(finding) for finding in of_data if finding.severity == "fault"),
        data_doubts=tuple(_in_a_line(finding) for finding in of_data if finding.severity != "fault"),
    )


def _in_a_line(finding: Finding) -> str:
    """Without the names of single samples, of which there may be many."""
    return f"{finding.title}: {finding.advice}"


def _on(plan: Plan, batch: Batch) -> Batch:
    """On the plan's device, as a feed would give it."""
    real, conditions, given = (part.to(plan.device) if part is not None else None for part in batch)
    assert real is not None
    return Batch(real.contiguous(memory_format=plan.arithmetic.memory_format), conditions, given)


def is_trusted(folder: RunFolder) -> bool:
    """Whether the run's measure passed its self-test, by its journal; a run without one is not doubted."""
    tests = [event for event in folder.read_journal().events if isinstance(event, SelfTested)]
    return not tests or not tests[-1].doubts
