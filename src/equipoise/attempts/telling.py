"""The attempt log in words: on a terminal, as Markdown, and for a machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from equipoise.attempts.judging import Beside, Entry, Log
from equipoise.attempts.reading import Attempt, Outcome
from equipoise.attempts.repairs import Repair
from equipoise.attempts.studies import Study
from equipoise.differing import SHOWN_CHANGES, briefly, shown
from equipoise.doctor.telling import VERDICTS
from equipoise.edit import ABSENT, diff_rows, show
from equipoise.journal import Trial
from equipoise.spec import Json
from equipoise.terminal import advised, clock, to_apply

SHOWN_DIGEST: Final = 8
NO_END: Final = "no end was written down: it is running, or was killed"
_MARKUP: Final = re.compile(r"([\\`*_\[\]<|#])")


def lines(log: Log) -> Iterator[str]:
    """The log for a terminal: a block for each attempt, those on the same data together."""
    for digest, entries in log.by_data().items():
        yield of_data(digest, entries, log)
        for entry in entries:
            yield ""
            yield f"{entry.number}. {when(entry.attempt)}  {name(entry.attempt, log)}"
            yield from (f"   {label:<9}{text}" for label, text in facts(entry))
        yield ""
    for study in log.studies:
        yield f"Study {study.folder.relative_to(log.folder)}"
        yield from (f"   {label:<9}{text}" for label, text in of_study(study))
        yield ""
    yield from unread(log)


def markdown(log: Log, pictures: Mapping[int, str]) -> str:
    """The log as Markdown; `pictures` are shown by the numbers of their attempts."""
    parts = ["# Attempts"]
    for digest, entries in log.by_data().items():
        parts.append(f"## {plain(of_data(digest, entries, log))}")
        for entry in entries:
            parts.append(f"### {entry.number}. {plain(name(entry.attempt, log))}, {when(entry.attempt)}")
            parts.append("\n".join(f"- {label}: {_marked(entry, label, text)}" for label, text in facts(entry)))
            if entry.number in pictures:
                parts.append(pictures[entry.number])
    for study in log.studies:
        parts.append(f"## Study {plain(str(study.folder.relative_to(log.folder)))}")
        parts.append("\n".join(f"- {label}: {plain(text)}" for label, text in of_study(study)))
    if log.unread:
        parts.append("## Not read")
        parts.append("\n".join(f"- {plain(text)}" for text in unread(log)))
    return "\n\n".join(parts) + "\n"


def to_json(log: Log) -> dict[str, Json]:
    """The log as a document."""
    return {
        "folder": str(log.folder),
        "attempts": [_as_json(entry) for entry in log.entries],
        "studies": [_study_as_json(study) for study in log.studies],
        "unread": [{"run": str(it.run), "why": it.why} for it in log.unread],
    }


def facts(entry: Entry) -> list[tuple[str, str]]:
    """What is told of an attempt, each under a word; nothing where there is nothing to tell."""
    attempt = entry.attempt
    told = [
        ("recipe", attempt.recipe),
        ("changed", changed(entry)),
        ("but", _nearest(entry.nearest)),
        ("why", why(entry)),
        ("chosen", attempt.chosen),
        *(("beside", text) for text in _lost(attempt.repair)),
        ("trained", trained(attempt)),
        ("result", result(entry)),
        ("doctor", doctor(attempt)),
        *(row for repair in attempt.tried for row in _tried(repair, attempt.run)),
        ("then", entry.fate),
        *(("to do", text) for text in attempt.to_do),
        *(("note", text) for text in _not_counted(entry)),
        ("note", "; ".join(attempt.remarks)),
    ]
    return [(label, text) for label, text in told if text]


def name(attempt: Attempt, log: Log) -> str:
    """The run, and the step from which on an attempt within it began."""
    run = str(attempt.run.relative_to(log.folder)) if attempt.run != log.folder else attempt.run.resolve().name
    return f"{run}, from step {attempt.first_step}" if attempt.came_from is not None else run


def when(attempt: Attempt) -> str:
    return datetime.fromtimestamp(attempt.begun_s).strftime("%Y-%m-%d %H:%M")


def of_data(digest: str, entries: Sequence[Entry], log: Log) -> str:
    """What a group of attempts was trained on, and how that was read where another group has the same place."""
    if not digest:
        return "Data not known: these attempts are not compared"
    last = entries[-1].attempt
    counted = f"{last.num_samples} samples" if isinstance(last.num_samples, int) else ""
    others = [group[-1].attempt for other, group in log.by_data().items() if other not in ("", digest)]
    alike = [it for it in others if it.data_path == last.data_path]
    about = [counted, last.space, *_of_source(last, alike), digest[:SHOWN_DIGEST]]
    return f"Data {last.data_path or 'of the recipe itself'} ({', '.join(filter(None, about))})"


def _of_source(attempt: Attempt, others: Sequence[Attempt]) -> list[str]:
    """The settings by which an attempt reads the same place in another way than others do."""
    mine, *theirs = (
        {path: value for path, value in it.settings.items() if f"{path}.".startswith("source.")}
        for it in (attempt, *others)
    )
    paths = dict.fromkeys(row.path for their in theirs for row in diff_rows(mine, their))
    return [briefly(f"{path}={show(mine.get(path, ABSENT))}") for path in paths][:SHOWN_CHANGES]


def changed(entry: Entry) -> str:
    if not entry.attempt.data:
        return ""
    if entry.before is None:
        return "the first on these data"
    return f"against attempt {entry.before.number}, {entry.before.differing}"


def _not_counted(entry: Entry) -> Iterator[str]:
    for beside in filter(None, (entry.before, entry.nearest)):
        for why in beside.differing.not_counted:
            yield f"not counted against attempt {beside.number}, {why}"


def why(entry: Entry) -> str:
    """A person's words, the doctor's finding where its advice was taken; where nobody said why, what it had found."""
    taken = f"as the doctor advised: {entry.advised}" if entry.advised else ""
    told = "; ".join(words for words in (entry.attempt.why, taken) if words)
    return told or (f"not said; the doctor had found: {entry.was_found}" if entry.was_found else "")


def trained(attempt: Attempt) -> str:
    steps = f"{max(attempt.last_step - attempt.first_step, 0)} steps"
    return f"{steps}, {clock(attempt.seconds)}; {attempt.end or NO_END}"


def result(entry: Entry) -> str:
    """The number that chose the best generator, beside its floor, and what it says against earlier attempts."""
    outcome = entry.attempt.outcome
    if outcome is None:
        return "nothing was measured"
    against = [_against(beside) for beside in (entry.before, entry.nearest) if beside is not None]
    return "; ".join([_measured(outcome), *against])


def doctor(attempt: Attempt) -> str:
    if not attempt.verdict:
        return f"cannot tell: {attempt.found}" if attempt.found else ""
    return f"{VERDICTS[attempt.verdict]}: {attempt.found}" if attempt.verdict in VERDICTS else attempt.found


def _lost(repair: Repair | None) -> list[str]:
    """The forks that do not go on, each in a line, beside the score of the one that does."""
    if repair is None:
        return []
    chosen = repair.judged.scores.get(repair.judged.chosen) if repair.judged is not None else None
    beside = f" (this one: {chosen:.4g})" if chosen is not None else ""
    return [f"{_fork(repair, trial)}{beside}" for trial in repair.lost]


def _fork(repair: Repair, trial: Trial) -> str:
    ended = repair.forked.get(trial.name)
    if ended is None:
        return f"{_words(repair, trial)}: not trained to its end"
    score = f"{ended.score:.4g}" if ended.score is not None else "broke off"
    return f"{_words(repair, trial)}: {score}{f', {ended.fault}' if ended.fault else ''}"


def _words(repair: Repair, trial: Trial) -> str:
    if trial == repair.prescribed.trials[0]:
        return "the run itself" if trial.is_own_course else "no change"
    return briefly(" ".join(trial.edits))


def _tried(repair: Repair, run: Path) -> Iterator[tuple[str, str]]:
    """Of what led to no attempt: advice that nobody took, and remedies that were no better."""
    what = repair.prescribed
    seen = f"at step {what.step}: {repair.evidence}"
    if repair.is_advice:
        to_try = [
            f"{briefly(advised(what.origin, trial))} ({to_apply(run, what.number)})" for trial in what.trials[1:2]
        ]
        only = f"; only advised, as {what.unfit}" if what.unfit else ""
        yield "advised", f"{seen}{only}; to try: {'; '.join(to_try or what.by_hand)}"
        return
    yield "tried", f"{seen}; {_came_of(repair)}"
    yield from (("tried", text) for text in _lost(repair))


def _came_of(repair: Repair) -> str:
    if repair.is_abandoned:
        return "a person went on with the run before it was over"
    if repair.judged is None:
        return "this is being tried"
    return f"{'one was chosen' if repair.judged.chosen else 'nothing better was found'}: {repair.judged.why}"


def of_study(study: Study) -> list[tuple[str, str]]:
    """What is told of a study of the tuner's, each under a word."""
    told = [
        ("tuned", f"recommended: {study.recommended}" if study.recommended else study.why),
        *(("kept", text) for text in study.kept),
        ("open", "more is being explored" if study.explores else ", ".join(study.undecided)),
    ]
    return [(label, text) for label, text in told if text]


def unread(log: Log) -> Iterator[str]:
    return (f"{it.run}: {it.why}" for it in log.unread)


def _measured(outcome: Outcome) -> str:
    floor = f", other real samples {outcome.floor:.3g}" if outcome.floor is not None else ""
    trust = "" if outcome.is_trusted else ", which cannot be trusted"
    return f"{outcome.name} {outcome.value:.3g} at step {outcome.step}{floor}{trust}"


def _against(beside: Beside) -> str:
    remark = f" ({beside.why})" if beside.why else ""
    if beside.result in ("better", "worse"):
        return f"{beside.result} than attempt {beside.number}{remark}"
    if beside.result == "not compared":
        return f"not compared with attempt {beside.number}{remark}"
    return f"better or worse than attempt {beside.number} cannot be told{remark}"


def _nearest(beside: Beside | None) -> str:
    return f"against attempt {beside.number}, {beside.differing}" if beside is not None else ""


def setting_apart(entry: Entry, label: str, text: str) -> tuple[str, str]:
    """A fact, and the one setting that differs, which is to stand out; empty where that is not what is told."""
    beside = {"changed": entry.before, "but": entry.nearest}.get(label)
    one = beside.differing.one if beside is not None else None
    words = shown(one) if one is not None else ""
    return text.removesuffix(words), words


def _marked(entry: Entry, label: str, text: str) -> str:
    words, setting = setting_apart(entry, label, text)
    return plain(words) + (f"**{plain(setting)}**" if setting else "")


def plain(text: str) -> str:
    """A text in which Markdown finds no markup."""
    return _MARKUP.sub(r"\\\1", text)


def _as_json(entry: Entry) -> dict[str, Json]:
    attempt = entry.attempt
    return {
        "number": entry.number,
        "run": str(attempt.run),
        "recipe": attempt.recipe,
        "begun": datetime.fromtimestamp(attempt.begun_s).astimezone().isoformat(timespec="seconds"),
        "data": attempt.data or None,
        "first_step": attempt.first_step,
        "last_step": attempt.last_step,
        "images": attempt.images,
        "seconds": round(attempt.seconds, 3),
        "end": attempt.end or None,
        "why": attempt.why or None,
        "chosen": attempt.chosen or None,
        "repair": _repair_as_json(attempt.repair),
        "advised_for": entry.advised or None,
        "found_before": entry.was_found or None,
        "before": _beside_as_json(entry.before),
        "nearest": _beside_as_json(entry.nearest),
        "measure": _outcome_as_json(attempt.outcome),
        "verdict": attempt.verdict or None,
        "found": attempt.found or None,
        "tried": [_repair_as_json(repair) for repair in attempt.tried],
        "then": entry.fate or None,
        "to_do": list(attempt.to_do),
        "sheet": str(attempt.sheet) if attempt.sheet is not None else None,
        "remarks": list(attempt.remarks),
    }


def _study_as_json(study: Study) -> dict[str, Json]:
    return {
        "folder": str(study.folder),
        "recommended": study.recommended or None,
        "why": study.why or None,
        "kept": list(study.kept),
        "undecided": list(study.undecided),
        "explores": study.explores,
    }


def _repair_as_json(repair: Repair | None) -> dict[str, Json] | None:
    if repair is None:
        return None
    what, judged, reviewed = repair.prescribed, repair.judged, repair.reviewed
    return {
        "number": what.number,
        "mode": what.mode,
        "symptom": what.symptom,
        "evidence": repair.evidence,
        "step": what.step,
        "origin": what.origin,
        "unfit": what.unfit or None,
        "judged": judged.why if judged is not None else None,
        "kept": reviewed.kept if reviewed is not None else None,
        "reviewed": reviewed.why if reviewed is not None else None,
        "forks": [_fork_as_json(repair, trial) for trial in what.trials],
    }


def _fork_as_json(repair: Repair, trial: Trial) -> dict[str, Json]:
    ended = repair.forked.get(trial.name)
    return {
        "name": trial.name,
        "edits": list(trial.edits),
        "anew": trial.anew,
        "score": ended.score if ended is not None else None,
        "fault": ended.fault or None if ended is not None else None,
        "goes_on": repair.judged is not None and repair.judged.chosen == trial.name,
    }


def _beside_as_json(beside: Beside | None) -> dict[str, Json] | None:
    if beside is None:
        return None
    return {
        "number": beside.number,
        **beside.differing.to_json(),
        "one_remedy": beside.differing.is_one_remedy,
        "result": beside.result,
        "remark": beside.why or None,
    }


def _outcome_as_json(outcome: Outcome | None) -> dict[str, Json] | None:
    if outcome is None:
        return None
    return {
        "name": outcome.name,
        "value": outcome.value,
        "step": outcome.step,
        "floor": outcome.floor,
        "trusted": outcome.is_trusted,
    }
