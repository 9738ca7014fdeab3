"""What to do about a sick run: decided by numbers and by laws, and by nothing that differs from one machine to another.

The laws: bugs of data, plumbing and measures block everything.  Only a certain diagnosis is acted upon, and only one
that lasts; where none is, settings under suspicion are tried without, once.  One change at a time.  After an
intervention against a symptom nothing is done before it has been reviewed, and what brought nothing against one is
never tried again.  Budgets: interventions for one symptom, in all, and steps of forks that lose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from equipoise.doctor import budget
from equipoise.doctor.budget import LEAST_SHARE, Law
from equipoise.doctor.interventions import ADVISE, Intervention, Past
from equipoise.doctor.scores import LAST_SCORES, is_as_good, is_plainly_better, is_worse, median_score, still_improves
from equipoise.doctor.symptom import Diagnosis, Doubt, Examination
from equipoise.doctor.trying import as_typed, numbered, trial_of
from equipoise.edit import Edit
from equipoise.journal import GaveUp, Measured, Prescribed, Reviewed, Trial

TRIED_AFTER: Final = 0.1
"""Of a run's length, after which a setting under suspicion is tried without (guess: early, and no accident)."""
TRIED_UNTIL: Final = 0.25
"""Of its length: later too much would have to be done again (guess)."""

Admits = Callable[[tuple[Edit, ...]], bool]
"""Whether the recipe admits edits."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is done now."""

    why: str


@dataclass(frozen=True, slots=True)
class Now:
    """What there is to decide by."""

    step: int
    begin: int
    """The run's step from which on the examinations count theirs."""
    examination: Examination
    earlier: Examination
    """By what was known one score earlier; nothing where nothing certain is seen now."""
    scores: Sequence[Measured]
    """Since the last change."""
    origins: Sequence[int]
    """Steps of the checkpoints of generators that were the best so far, oldest first; likewise."""
    oldest: int = 0
    """Step of the oldest checkpoint that is kept: there is nothing before it to go back to."""
    is_over: bool = False
    """Whether the run broke off: it gets no better by being left alone."""
    scores_before: Sequence[Measured] = ()
    """Before the last change: nothing is judged by them but how good the generators of earlier checkpoints are."""


Decision = Wait | Prescribed | GaveUp


def decide(now: Now, past: Past, law: Law, admits: Admits) -> Decision:
    """What to do at a score."""
    bug = next((found for found in now.examination.diagnoses if found.symptom.stops_others and found.is_certain), None)
    if bug is not None:
        return Wait(f"{bug.symptom.title}: no setting may be changed before that is mended")
    if past.current is not None:
        return Wait(f"prescription {past.current.prescribed.number} has not been reviewed yet")
    lasting = [found for found in now.examination.diagnoses if found.is_certain and _is_in(found, now.earlier)]
    if not lasting:
        is_seen = now.is_over or any(found.is_certain for found in now.examination.diagnoses)
        tried = None if is_seen else _on_suspicion(now, past, law, admits)
        return tried or Wait(now.examination.why)
    if law.mode != "advise" and not now.is_over and still_improves(now.scores):
        return Wait("samples get better in spite of it")
    curable = [(found, those) for found in lasting if (those := _cures(found, past, admits))]
    if law.mode == ADVISE:
        diagnosis, trials = curable[0] if curable else (lasting[0], ())
        return _advised(now, diagnosis, trials, past, law)
    decision = _acted(now, curable, past, law) if curable else _incurable(now, lasting[0], past)
    if isinstance(decision, GaveUp) and not now.is_over:
        if decision.symptom in past.given_up_on:
            return Wait(f"{decision.why}; a person goes on with it all the same")
        return _unless_mended(decision, now.scores, past)
    return decision


def _advised(now: Now, diagnosis: Diagnosis, cures: tuple[Trial, ...], past: Past, law: Law) -> Decision:
    """Of each symptom once."""
    if diagnosis.symptom.key in {one.symptom for one in past.advised}:
        return Wait("that has been said")
    return _prescribed(now, diagnosis, cures, past, replace(law, mode=ADVISE))


def _incurable(now: Now, diagnosis: Diagnosis, past: Past) -> Decision:
    if past.count(diagnosis.symptom.key):
        return _gave_up(now.step, diagnosis, "every remedy has been tried", past)
    return Wait("no setting of this recipe is known to cure it")


def _acted(now: Now, curable: Sequence[tuple[Diagnosis, tuple[Trial, ...]]], past: Past, law: Law) -> Decision:
    """Against the first symptom for which a fork fits.  A run is not ended because none does: it is advised."""
    refused = []
    for diagnosis, cures in curable:
        if over := budget.used_up(diagnosis.symptom.key, past, law):
            return _gave_up(now.step, diagnosis, over, past)
        decision = _prescribed(now, diagnosis, cures, past, law)
        if isinstance(decision, Prescribed):
            return decision
        refused.append(decision)
    diagnosis, cures = curable[0]
    if past.count(diagnosis.symptom.key) or now.is_over:
        return refused[0]
    why = refused[0].why
    if any(one.symptom == diagnosis.symptom.key and one.unfit for one in past.advised):
        return Wait(why)
    advice = _prescribed(now, diagnosis, cures, past, replace(law, mode=ADVISE))
    return replace(advice, unfit=why) if isinstance(advice, Prescribed) else advice


def _unless_mended(decision: GaveUp, scores: Sequence[Measured], past: Past) -> GaveUp | Wait:
    """Nobody gives up while samples are no worse than those that were good enough to keep the last change."""
    reviewed = past.standing.reviewed if past.standing is not None else None
    if reviewed is None or not reviewed.kept or reviewed.score is None or not _is_same_measure(reviewed, scores):
        return decision
    if not is_as_good(scores, reviewed.score):
        return decision
    return Wait(f"{decision.why}; samples are as good as when the last change was kept")


def _is_same_measure(taken: Prescribed | Reviewed, scores: Sequence[Measured]) -> bool:
    """Whether scores of then and now can be compared: a later phase may have another measure."""
    return bool(scores) and taken.measure in ("", scores[-1].name)


def go_on(failed: Intervention, past: Past, law: Law, scores: Sequence[Measured] = ()) -> Decision:
    """What to do where a prescription has failed: the remedies that are left, from the same checkpoint.

    `scores` are those since the last change that still stands.
    """
    before = failed.prescribed
    left = tuple(trial for trial in before.left if trial.edits not in past.tried)
    is_back = failed.before in failed.adopted
    over = budget.used_up(before.symptom, past, law) or ("" if left else "every remedy has been tried")
    since = before.since if before.since is not None else before.origin
    plan = budget.planned(left, before.origin, since, law, past) if not over else None
    if plan is None:
        ended = GaveUp(
            step=before.origin if is_back else before.step,
            symptom=before.symptom,
            why=over or budget.no_steps(left, before.origin, since, law, past),
            left=(*before.by_hand, *map(as_typed, left)),
        )
        return _unless_mended(ended, scores, past)
    trials, end = plan
    number = past.next_number
    return Prescribed(
        step=before.origin if is_back else before.step,
        number=number,
        mode=before.mode,
        symptom=before.symptom,
        evidence=before.evidence,
        trials=numbered(number, trials),
        left=tuple(trial for trial in left if trial not in trials),
        by_hand=before.by_hand,
        origin=before.origin,
        since=before.since,
        end=end,
        review_at=budget.review_at(end, trials, law),
        length_steps=law.length_steps,
        score_before=before.score_before,
        measure=before.measure,
        is_over=before.is_over,
    )


def review(now: Now, one: Intervention) -> Reviewed:
    """Whether an intervention is kept: the symptom is gone, and the samples are no worse than before.

    Of a run that had broken off only the first: what its samples were is nothing to go back to.
    """
    symptom, score = one.prescribed.symptom, median_score(now.scores)
    is_comparable = _is_same_measure(one.prescribed, now.scores) and not one.prescribed.is_over
    before = one.prescribed.score_before if is_comparable else None
    is_there = any(found.symptom.key == symptom and found.is_certain for found in now.examination.diagnoses)
    got_worse = before is not None and score is not None and is_worse(score, before, now.scores[-1].name)
    if is_there:
        why = f"{symptom} is still there"
    elif got_worse:
        why = f"{symptom} is gone, and samples are worse: {score:.4g}, and {before:.4g} before"
    else:
        why = f"{symptom} is gone" + (f", score {score:.4g}, and {before:.4g} before" if before and score else "")
    return Reviewed(
        step=now.step,
        number=one.prescribed.number,
        kept=not is_there and not got_worse,
        why=why,
        score=score,
        score_before=before,
        measure=_measure(now),
    )


def _measure(now: Now) -> str:
    return now.scores[-1].name if now.scores else ""


def _is_in(diagnosis: Diagnosis, examination: Examination) -> bool:
    key = diagnosis.symptom.key
    return any(found.symptom.key == key and found.is_certain for found in examination.diagnoses)


def _cures(diagnosis: Diagnosis, past: Past, admits: Admits) -> tuple[Trial, ...]:
    """The remedies that settings make, in their order, without those that brought nothing."""
    found = [trial_of(remedy) for remedy in diagnosis.remedies if remedy.edits and admits(remedy.edits)]
    return tuple(trial for trial in found if trial.edits not in past.tried)


def _prescribed(now: Now, diagnosis: Diagnosis, cures: tuple[Trial, ...], past: Past, law: Law) -> Prescribed | GaveUp:
    origin = _origin(now, diagnosis)
    since = _matters_from(now, diagnosis, origin)
    own = None
    if cures and _holds_a_rate(cures[0], diagnosis):
        law = replace(law, candidates=1)  # what changed before it began is tried by itself: the rest only costs steps
        own = _end_beside_own_course(now, cures[0], origin, since or origin, law, past)
    plan = (cures[:1], own) if own is not None else budget.planned(cures, origin, since or origin, law, past)
    if plan is None and law.mode == "act":
        why = budget.no_steps(cures, origin, since or origin, law, past)
        return _gave_up(now.step, diagnosis, why, past)
    trials, end = plan if plan is not None else (cures[: law.candidates], (since or origin) + budget.look_again(cures))
    number = past.next_number
    return Prescribed(
        step=now.step,
        number=number,
        mode=law.mode,
        symptom=diagnosis.symptom.key,
        evidence=_evidence(diagnosis),
        trials=numbered(number, trials, is_own_course=own is not None),
        left=tuple(trial for trial in cures if trial not in trials),
        by_hand=tuple(remedy.words for remedy in diagnosis.remedies if not remedy.edits),
        origin=origin,
        since=since,
        end=end,
        review_at=budget.review_at(end, trials, law),
        length_steps=law.length_steps,
        score_before=median_score(now.scores),
        measure=_measure(now),
        is_over=now.is_over,
    )


def _end_beside_own_course(now: Now, cure: Trial, origin: int, since: int, law: Law, past: Past) -> int | None:
    """Where a fork ends that holds a rate, beside what the run has done without; None where there is no such fork.

    Another course of chance would be raised likewise, and tell nothing new.  The fork goes as far as the run has come,
    or as the budget bears; of a run that broke off, until the remedy is due to show.  It has to be long enough for it.
    """
    due = budget.steps_due((cure,), since, law)
    bearable = origin + math.floor(budget.steps_left(law, past))
    end = min(since + due if now.is_over else now.step, bearable)
    return end if law.mode == "act" and end >= max(origin + 1, since + LEAST_SHARE * due) else None


def _origin(now: Now, diagnosis: Diagnosis) -> int:
    """The last checkpoint of a best generator before the symptom began; else the oldest, which is the run's beginning.

    Where a rate was raised, the last one before that.  Else, where the run has plainly got better since, in spite of
    the symptom, its newest best one: what it has learned is kept.
    """
    began = [step for step in (diagnosis.onset, diagnosis.raised_at) if step is not None]
    onset = now.begin + math.ceil(min(began)) if began else now.step
    before = max((step for step in now.origins if step < onset), default=now.oldest)
    newest = max(now.origins, default=now.oldest)
    is_past = newest > before and diagnosis.raised_at is None
    scores = (*now.scores_before, *now.scores)
    return newest if is_past and is_plainly_better(scores, newest, before) else before


def _matters_from(now: Now, diagnosis: Diagnosis, origin: int) -> int | None:
    """The step after the origin from which on a remedy can show, in steps of the run, if there is one.

    A fork that ends before the phase that is ill, or before a rate is raised, is the same with the remedy and without.
    """
    raised_at = now.begin + math.ceil(diagnosis.raised_at) if diagnosis.raised_at is not None else origin
    step = max(now.begin, raised_at)
    return step if step > origin else None


def _holds_a_rate(trial: Trial, diagnosis: Diagnosis) -> bool:
    return diagnosis.raised_at is not None and trial.edits == tuple(map(str, diagnosis.remedies[0].edits))


def _on_suspicion(now: Now, past: Past, law: Law, admits: Admits) -> Prescribed | None:
    """Nothing is seen, and there are settings that often do harm: each is tried without, once, early, from the start.

    What the run did itself stands beside them.  Forks are as long as the run is now, a tenth of its length and a few
    scores, and together cost no more than cures may, which have a budget of their own.  What became so on the way is
    left to a diagnosis, which says when.
    """
    is_old_enough = now.step >= max(TRIED_AFTER * law.length_steps, LAST_SCORES * law.score_steps)
    is_early = now.step <= TRIED_UNTIL * law.length_steps
    if law.mode != "act" or not (is_old_enough and is_early) or now.begin or past.interventions or past.gave_up:
        return None
    if now.oldest:  # of a run that was trained with nobody to look at it the beginning is not kept
        return None
    bearable = math.floor(law.extra * law.length_steps / now.step)
    doubts = [doubt for doubt in now.examination.doubts if doubt.since is None and doubt.remedy.edits]
    chosen = [doubt for doubt in doubts if admits(doubt.remedy.edits)][: min(law.candidates, bearable)]
    if not chosen:
        return None
    number = past.next_number
    trials = tuple(trial_of(doubt.remedy) for doubt in chosen)
    return Prescribed(
        step=now.step,
        number=number,
        mode=law.mode,
        symptom=chosen[0].brings[0],
        evidence=f"under suspicion, though nothing is seen: {'; '.join(_in_short(doubt) for doubt in chosen)}",
        trials=numbered(number, trials, is_own_course=True),
        origin=0,
        end=now.step,
        review_at=now.step,
        length_steps=law.length_steps,
        score_before=median_score(now.scores),
        measure=_measure(now),
        is_doubt=True,
    )


def _in_short(doubt: Doubt) -> str:
    """Without what is usual."""
    return doubt.said.partition(";")[0]


def _gave_up(step: int, diagnosis: Diagnosis, why: str, past: Past) -> GaveUp:
    """What is left is what has not been tried."""
    left = (remedy for remedy in diagnosis.remedies if tuple(map(str, remedy.edits)) not in past.tried)
    return GaveUp(step=step, symptom=diagnosis.symptom.key, why=why, left=tuple(remedy.words for remedy in left))


def _evidence(diagnosis: Diagnosis) -> str:
    """In one sentence: what it is, and the strongest of what was seen."""
    strongest = max(diagnosis.evidence, key=lambda item: item.weight)
    since = f" since step {diagnosis.onset:g}" if diagnosis.onset is not None else ""
    return f"{diagnosis.symptom.title}{since}: {strongest.said}"
