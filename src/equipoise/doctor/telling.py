"""What the doctor says, for a person and for a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from equipoise.doctor.symptom import Diagnosis, Doubt, Evidence, Examination, Remedy
from equipoise.doctor.trace import Trace
from equipoise.edit import Edit

SURENESS: Final = ((0.95, "certain"), (0.8, "very likely"), (0.6, "likely"), (0.0, "possible"))
"""Words for a confidence from there on."""
FIRST_REMEDIES: Final = 3
"""That are told unasked: they are to be tried one at a time anyway."""
NEW_RUN: Final = "needs a new run"
DOUBTED: Final = "settings that often do harm, whether or not it shows"
VERDICTS: Final[Mapping[str, str]] = {
    "ill": "ILL",
    "suspect": "SUSPECT",
    "healthy": "HEALTHY",
    "young": "TOO YOUNG TO SAY",
    "unknown": "NOT KNOWN",
}


def lines(examination: Examination, trace: Trace, *, everything: bool = False) -> Iterator[str]:
    """The verdict and why, the diagnoses, what was read, and what could not be known.

    Of the likeliest diagnosis the first things to try are told, of the others only how they are known, unless
    `everything` is asked for.
    """
    yield f"{VERDICTS[examination.verdict]}: {examination.why}"
    for number, diagnosis in enumerate(examination.diagnoses, 1):
        yield ""
        yield from _known(number, diagnosis)
        if number == 1 or everything:
            yield from _to_do(diagnosis, trace, len(diagnosis.remedies) if everything else FIRST_REMEDIES)
    if len(examination.diagnoses) > 1 and not everything:
        yield "   what to do about these: --all"
    if examination.doubts:
        yield ""
        yield f"{DOUBTED}:"
    for doubt in examination.doubts:
        yield f" - {doubt.said}"
        yield f"   may bring {' or '.join(doubt.brings)}; try: {doubt.remedy.words}"
        if doubt.remedy.edits:
            yield f"   {_typed(doubt.remedy, trace)}"
    yield ""
    game = f"; loss: {trace.game.title}" if trace.game is not None else ""
    until = "" if trace.is_snapshot else f", up to step {trace.last_step:g}"
    yield f"read: {trace.source}{until}{game}"
    yield f"      {', '.join(examination.read) or 'no numbers'}"
    for fault in trace.faults:
        yield f"fault: {fault}"
    for gap in examination.unknown:
        yield f"note: {gap}"


def to_json(examination: Examination, trace: Trace) -> dict[str, Any]:
    """The same as a document."""
    return {
        "verdict": examination.verdict,
        "why": examination.why,
        "diagnoses": [_as_json(diagnosis, trace) for diagnosis in examination.diagnoses],
        "doubts": [_doubt_as_json(doubt, trace) for doubt in examination.doubts],
        "source": trace.source,
        "loss": trace.game.key if trace.game is not None else None,
        "last_step": None if trace.is_snapshot else trace.last_step,
        "read": list(examination.read),
        "unknown": list(examination.unknown),
        "faults": list(trace.faults),
    }


def sureness(confidence: float) -> str:
    """A confidence from 0 to 1 in words."""
    return next(words for least, words in SURENESS if confidence >= least)


def _known(number: int, diagnosis: Diagnosis) -> Iterator[str]:
    symptom = diagnosis.symptom
    yield f"{number}. {symptom.title} ({symptom.key})"
    yield f"   {sureness(diagnosis.confidence)}, {diagnosis.confidence:.0%}"
    for item in diagnosis.evidence:
        yield f"   seen: {seen(item)} [{item.kind}]"


def _to_do(diagnosis: Diagnosis, trace: Trace, count: int) -> Iterator[str]:
    symptom = diagnosis.symptom
    yield f"   means: {symptom.means}"
    if symptom.confused_with:
        yield "   not to be confused with " + "; ".join(f"{key}: {how}" for key, how in symptom.confused_with.items())
    for place, remedy in enumerate(diagnosis.remedies[:count], 1):
        yield from _remedy(place, remedy, trace)
    if count < len(diagnosis.remedies):
        yield f"   then: {len(diagnosis.remedies) - count} more, by --all"


def seen(item: Evidence) -> str:
    """What was seen, and since when."""
    since = " step" if item.said.endswith(" since") else ", since step"
    return item.said + (f"{since} {item.onset:g}" if item.onset is not None else "")


def _remedy(place: int, remedy: Remedy, trace: Trace) -> Iterator[str]:
    yield f"   {'try' if place == 1 else 'then'}: {remedy.words}"
    yield f"        expect: {remedy.effect}; look again after {remedy.look_again:g} steps"
    if remedy.edits:
        yield f"        {_typed(remedy, trace)}"


def _typed(remedy: Remedy, trace: Trace) -> str:
    """Its edits as words for ``resume``; where networks change their shapes no run can go on with them."""
    return f"{NEW_RUN}: {new_run(remedy, trace)}" if remedy.anew else " ".join(map(as_words, remedy.edits))


def new_run(remedy: Remedy, trace: Trace) -> str:
    """How a run that needs new networks is begun, as it is typed."""
    return " ".join((trace.again or "equipoise train RUN", *map(as_words, remedy.edits)))


def as_words(edit: Edit) -> str:
    """An edit as it is typed."""
    return f"--set '{edit}'" if edit.op == "drop" else f"--set '{str(edit).replace(' ', '', 2)}'"


def _as_json(diagnosis: Diagnosis, trace: Trace) -> dict[str, Any]:
    return {
        "key": diagnosis.symptom.key,
        "title": diagnosis.symptom.title,
        "confidence": round(diagnosis.confidence, 3),
        "certain": diagnosis.is_certain,
        "onset": diagnosis.onset,
        "evidence": [
            {"kind": item.kind, "said": item.said, "signal": item.signal, "onset": item.onset, "weight": item.weight}
            for item in diagnosis.evidence
        ],
        "confused_with": dict(diagnosis.symptom.confused_with),
        "remedies": [_remedy_as_json(remedy, trace) for remedy in diagnosis.remedies],
    }


def _remedy_as_json(remedy: Remedy, trace: Trace) -> dict[str, Any]:
    return {
        "words": remedy.words,
        "effect": remedy.effect,
        "look_again_steps": remedy.look_again,
        "set": [str(edit) for edit in remedy.edits],
        "anew": remedy.anew,
        "new_run": new_run(remedy, trace) if remedy.anew and remedy.edits else None,
    }


def _doubt_as_json(doubt: Doubt, trace: Trace) -> dict[str, Any]:
    return {"said": doubt.said, "brings": list(doubt.brings), "remedy": _remedy_as_json(doubt.remedy, trace)}
