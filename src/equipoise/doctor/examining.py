"""From a trace to a verdict: one call for a finished run, a live one, a foreign log and a list made up in a test."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import Final

import numpy as np

from equipoise.doctor.doubts import doubts, too_fast
from equipoise.doctor.quality import NEAR, far_shares, samples_improve, still_as_far
from equipoise.doctor.suspects import NETWORKS, OF_ANYTHING, UNSETTLED, first_remedies, raised
from equipoise.doctor.symptom import Diagnosis, Doubt, Evidence, Examination, Remedy, Symptom, Verdict
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Series, Trace

YOUNG: Final = 500.0
"""Steps within which a run may look like anything."""
SAMPLE_SIGNALS: Final = ("distance", "recall", "diversity", "fid", "psnr")
"""Any of them, measured often enough, shows most of what losses hide."""
FEWEST_EVALUATIONS: Final = 3
"""No rule about samples speaks after fewer in a row."""
RECENT: Final = 0.3
"""Of the run, at its end, in which they are to be measured: what came after the last evaluation nobody has seen."""


Blinds = Mapping[str, Collection[str]]
"""By symptom: signals that its rule may not read."""
NONE_BLIND: Final[Blinds] = MappingProxyType({})


def examine(trace: Trace, symptoms: Sequence[Symptom] = SYMPTOMS, blinds: Blinds = NONE_BLIND) -> Examination:
    """What is wrong with a run, how that is known, and what would cure it."""
    found = diagnoses(trace, symptoms, blinds)
    read = tuple(name for name, series in trace.signals.items() if len(series))
    verdict, why = _verdict(found, trace)
    return Examination(verdict, why, tuple(found), read, trace.unknown, _doubts(found, trace))


def _verdict(found: Sequence[Diagnosis], trace: Trace) -> tuple[Verdict, str]:
    certain = [diagnosis for diagnosis in found if diagnosis.is_certain]
    if certain:
        return "ill", _sentence(certain[0])
    if found:
        return "suspect", f"{_sentence(found[0])}, by one kind of evidence alone"
    return _where_nothing_is_wrong(trace)


def _doubts(found: Sequence[Diagnosis], trace: Trace) -> tuple[Doubt, ...]:
    """None where a bug explains everything; nor those that stand beside a symptom as evidence."""
    if any(diagnosis.symptom.stops_others and diagnosis.is_certain for diagnosis in found):
        return ()
    told = [item.said for diagnosis in found for item in diagnosis.evidence]
    return tuple(doubt for doubt in doubts(trace) if not any(said.startswith(doubt.said) for said in told))


def _where_nothing_is_wrong(trace: Trace) -> tuple[Verdict, str]:
    if trace.is_snapshot:
        return _of_a_snapshot(trace)
    measured = _evaluations(trace)
    if not any(len(series) for series in trace.signals.values()):
        return "unknown", "there are no numbers to judge by"
    if trace.last_step < YOUNG:
        return "young", f"nothing is wrong after {trace.last_step:g} steps, which are too few to say more"
    if measured < FEWEST_EVALUATIONS:
        times = ("no samples were measured", "samples were measured only once", "samples were measured only twice")
        every = trace.settings.get("cadence.sheet_steps")
        often = f" (cadence.sheet_steps is {every})" if every is not None else ""
        seen = f"losses alone miss a third of collapses, and {times[measured]}{often}"
        if trace.game is None and trace.get("d_loss") is not None:
            return "unknown", f"which loss it was is not known, so the critic's cannot be judged; say --loss; {seen}"
        return "unknown", f"the losses show nothing wrong, but {seen}"
    if (since := _last_evaluation(trace)) < (1.0 - RECENT) * trace.last_step:
        return "unknown", f"nothing was wrong when samples were last measured, at step {since:g} of {trace.last_step:g}"
    if (stays := still_as_far(trace)) is not None:
        name, first, now = stays
        return "unknown", (
            "nothing that the doctor has a name for is there, but samples are as far from the data as ever: "
            f"{name} {now:.3g}, at first {first:.3g}"
        )
    return "healthy", f"nothing of what the doctor knows is there{_how_far(trace)}"


def _how_far(trace: Trace) -> str:
    """What a healthy run has still to learn, where that is much."""
    shares = [f"{name} {now:.2f}, {floor:.2f} of other real samples" for name, now, floor in far_shares(trace)]
    if not shares:
        return ""
    improves = "samples still improve, and are" if samples_improve(trace) else "samples are"
    return f"; {improves} far from the data: {'; '.join(shares)}"


def _of_a_snapshot(trace: Trace) -> tuple[Verdict, str]:
    """By how far the samples are from real ones, against how far other real ones are."""
    distance, floor = trace.get("distance"), trace.floors.get("distance")
    if distance is None or floor is None or floor <= 0:
        return (
            "unknown",
            "nothing is wrong with the samples that the doctor has a name for, and no distance was measured",
        )
    times = float(np.median(distance.values)) / floor
    apart = f"they are {times:.1f} times as far from the real pictures as other real ones are"
    if times <= NEAR:
        return "healthy", f"nothing of what the doctor knows is in the samples; {apart}"
    return "unknown", f"nothing is wrong with the samples that the doctor has a name for, but {apart}"


def diagnoses(trace: Trace, symptoms: Sequence[Symptom] = SYMPTOMS, blinds: Blinds = NONE_BLIND) -> list[Diagnosis]:
    """Every symptom that is seen, the surest first, the earlier of two as sure; consequences behind their causes.

    Where a bug explains everything, that bug alone.
    """
    seen = [(symptom, symptom.seen(trace.without(blinds.get(symptom.key, ())))) for symptom in symptoms]
    found = [_diagnosis(symptom, _undated(evidence, trace), trace) for symptom, evidence in seen if evidence]
    found = _none_faster(found, trace)
    ordered = sorted(
        found, key=lambda one: (_is_explained(one, found), not one.is_certain, -one.confidence, _begin(one))
    )
    bugs = [diagnosis for diagnosis in ordered if diagnosis.symptom.stops_others and diagnosis.is_certain]
    return bugs or ordered


def _diagnosis(symptom: Symptom, evidence: tuple[Evidence, ...], trace: Trace) -> Diagnosis:
    """With what is under suspicion beside it, where that can bring it about."""
    found = Diagnosis(symptom, evidence, symptom.remedies(trace))
    if symptom.key not in UNSETTLED:
        return found
    raises = raised(trace, found.onset)
    evidence = (*evidence, *(one.evidence for one in raises))
    first = first_remedies(symptom.key, trace, raises) or tuple(islice(_suspected(symptom.key, trace), 1))
    offered = (*first, *found.remedies)
    return Diagnosis(symptom, evidence, _without_twins(offered), min((one.step for one in raises), default=None))


def _none_faster(found: Sequence[Diagnosis], trace: Trace) -> list[Diagnosis]:
    """Without remedies that raise a rate, where a rate is what is suspected."""
    is_raised = any(diagnosis.raised_at is not None for diagnosis in found)
    fast = frozenset(NETWORKS) if is_raised else too_fast(trace)
    kept = [tuple(remedy for remedy in one.remedies if fast.isdisjoint(remedy.faster)) for one in found]
    return [replace(one, remedies=remedies) for one, remedies in zip(found, kept, strict=True)]


def _suspected(key: str, trace: Trace) -> Iterator[Remedy]:
    """Changes of settings that often do harm; the first of them comes before the symptom's own remedies.

    Of such as are known to bring it; where samples collapse or come and go, of all that unsettle a game.
    """
    for doubt in doubts(trace):
        may_bring_it = key in doubt.brings or (key in OF_ANYTHING and not UNSETTLED.isdisjoint(doubt.brings))
        if may_bring_it and doubt.since is None and doubt.remedy.edits:
            yield doubt.remedy


def _without_twins(offered: Sequence[Remedy]) -> tuple[Remedy, ...]:
    """Of remedies with the same edits the first."""
    kept: list[Remedy] = []
    for remedy in offered:
        if not remedy.edits or all(remedy.edits != one.edits for one in kept):
            kept.append(remedy)
    return tuple(kept)


def _undated(evidence: Sequence[Evidence], trace: Trace) -> tuple[Evidence, ...]:
    """Without an onset where nobody knows when samples were made."""
    return tuple(replace(item, onset=None) if item.signal in trace.at_once else item for item in evidence)


def _is_explained(diagnosis: Diagnosis, found: Sequence[Diagnosis]) -> bool:
    """Whether a cause of it is seen too, as surely: a cause that is only suspected explains nothing that is certain."""
    causes = [one for one in found if one.symptom.key in diagnosis.symptom.explained_by]
    return any(cause.is_certain or not diagnosis.is_certain for cause in causes)


def _begin(diagnosis: Diagnosis) -> float:
    return diagnosis.onset if diagnosis.onset is not None else math.inf


def _evaluations(trace: Trace) -> int:
    """How often samples were measured, by the measure that was taken most often."""
    return max((len(series) for series in _measures(trace)), default=0)


def _last_evaluation(trace: Trace) -> float:
    return max(float(series.steps[-1]) for series in _measures(trace) if len(series))


def _measures(trace: Trace) -> list[Series]:
    """Of samples.  PSNR says nothing of a game: a generator may come near to each picture and please no critic."""
    names = [name for name in SAMPLE_SIGNALS if name != "psnr" or trace.get("d_loss") is None]
    return [series for name in names if (series := trace.get(name)) is not None]


def _sentence(diagnosis: Diagnosis) -> str:
    onset = f" since step {diagnosis.onset:g}" if diagnosis.onset is not None else ""
    return f"{diagnosis.symptom.title}{onset}"
