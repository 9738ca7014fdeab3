"""From a trace to a verdict: one call for a finished run, a live one, a foreign log and a list made up in a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from equipoise.doctor.symptom import Diagnosis, Examination, Symptom
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Trace

YOUNG: Final = 500.0
"""Steps within which a run may look like anything."""
SAMPLE_SIGNALS: Final = ("distance", "recall", "diversity", "fid", "psnr")


def examine(trace: Trace, symptoms: Sequence[Symptom] = SYMPTOMS) -> Examination:
    """What is wrong with a run, how that is known, and what would cure it."""
    found = diagnoses(trace, symptoms)
    read = tuple(name for name, series in trace.signals.items() if len(series))
    certain = [diagnosis for diagnosis in found if diagnosis.is_certain]
    if certain:
        return Examination("ill", _sentence(certain[0]), tuple(found), read, trace.unknown)
    if found:
        return Examination(
            "suspect", f"{_sentence(found[0])}, by one kind of evidence alone", tuple(found), read, trace.unknown
        )
    if not read:
        return Examination("unknown", "there are no numbers to judge by", (), read, trace.unknown)
    if trace.last_step < YOUNG:
        return Examination(
            "young",
            f"nothing is wrong after {trace.last_step:g} steps, which are too few to say more",
            (),
            read,
            trace.unknown,
        )
    if not any(trace.get(name) for name in SAMPLE_SIGNALS):
        why = "the losses show nothing wrong, but losses alone miss a third of collapses: no samples were measured"
        return Examination("unknown", why, (), read, trace.unknown)
    return Examination("healthy", "nothing of what the doctor knows is there", (), read, trace.unknown)


def diagnoses(trace: Trace, symptoms: Sequence[Symptom] = SYMPTOMS) -> list[Diagnosis]:
    """Every symptom that is seen, the surest first; where a bug explains everything, that bug alone."""
    seen = [(symptom, symptom.seen(trace)) for symptom in symptoms]
    found = [Diagnosis(symptom, evidence, symptom.remedies(trace)) for symptom, evidence in seen if evidence]
    found.sort(key=lambda diagnosis: (not diagnosis.is_certain, -diagnosis.confidence))
    bugs = [diagnosis for diagnosis in found if diagnosis.symptom.stops_others and diagnosis.is_certain]
    return bugs or found


def _sentence(diagnosis: Diagnosis) -> str:
    onset = f" since step {diagnosis.onset:g}" if diagnosis.onset is not None else ""
    return f"{diagnosis.symptom.title}{onset}"
