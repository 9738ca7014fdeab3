"""Rivals of the doctor's remedies, at the same diagnoses: drawn at random, and the same list whatever is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from equipoise.advising import Prescriber
from equipoise.doctor import remedies
from equipoise.doctor.symptom import Diagnosis, Doubt, Examination, Remedy, Settings
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Trace

ORDERED: Final[tuple[Callable[[Settings], Remedy], ...]] = (
    remedies.clip,
    remedies.slower_both,
    remedies.bound_the_slope,
    remedies.less_bound,
    remedies.see_batches,
    partial(remedies.slower_both, factor=0.3),
    remedies.adapt_augmentation,
    remedies.more_critic_updates,
    remedies.nearest_upsampling,
    partial(remedies.faster_both, factor=3.0),
)
"""What a setting does first of each row of DOCTOR.md's table of failures, in the order of its rows, each once: 1 not
finite, 2 exploding, 3 the critic wins, 4 the critic is blind, 6 collapse, 8 late collapse, 9 overfitting, 11 dead
critic, 16 checkerboard, 19 stagnation."""


def in_order(found: Examination, trace: Trace) -> Examination:
    """A `Prescriber`: the ordered list, whatever is diagnosed."""
    listed = [remedy(trace.settings) for remedy in ORDERED]
    return replace(_with(found, listed), doubts=_doubted(found, listed))


def drawn(seed: int) -> Prescriber:
    """All remedies of all symptoms that settings make, in an order that is drawn once for a run and each symptom."""
    return partial(_drawn, seed)


def _drawn(seed: int, found: Examination, trace: Trace) -> Examination:
    known = list(_each_once(remedy for symptom in SYMPTOMS for remedy in symptom.remedies(trace)))

    def in_a_drawn_order(one: Diagnosis) -> Diagnosis:
        source = random.Random(f"{seed} {one.symptom.key}")
        return _prescribed(one, source.sample(known, len(known)))

    doubts = _doubted(found, random.Random(f"{seed} doubts").sample(known, len(known)))
    return replace(found, diagnoses=tuple(map(in_a_drawn_order, found.diagnoses)), doubts=doubts)


def _each_once(found: Iterable[Remedy]) -> Iterator[Remedy]:
    """By what they change; those that change no setting are left out."""
    by_edits = {tuple(map(str, remedy.edits)): remedy for remedy in found if remedy.edits}
    yield from by_edits.values()


def _with(found: Examination, prescribed: list[Remedy]) -> Examination:
    return replace(found, diagnoses=tuple(_prescribed(one, prescribed) for one in found.diagnoses))


def _doubted(found: Examination, instead: Iterable[Remedy]) -> tuple[Doubt, ...]:
    """Each setting under suspicion with a remedy of its own, where the doctor has one that settings make."""
    curable = [doubt for doubt in found.doubts if doubt.remedy.edits]
    remedies = (remedy for remedy in instead if remedy.edits)
    return tuple(replace(doubt, remedy=remedy) for doubt, remedy in zip(curable, remedies, strict=False))


def _prescribed(one: Diagnosis, instead: list[Remedy]) -> Diagnosis:
    """A diagnosis that no setting cures stays what it is, so that all act at the same ones."""
    return replace(one, remedies=tuple(instead)) if any(remedy.edits for remedy in one.remedies) else one
