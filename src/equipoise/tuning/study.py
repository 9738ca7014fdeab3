"""Where a study's trials lie: an Optuna storage, a file or a server, that any number of workers share.

The database alone says who does what.  A worker that dies stops sending heartbeats; the others then find its trial
lost and do it again.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from equipoise.spec import Json
from equipoise.tuning.jobs import Job, Ledger, Outcome, State
from equipoise.tuning.knobs import Tuned
from equipoise.tuning.planning import Importance
from equipoise.tuning.question import Question
from equipoise.tuning.storage import (
    BEGUN_WITH,
    FIRST_RANDOM,
    QUESTION,
    WORST,
    Begin,
    opened,
    own_heartbeats,
    storage_errors,
)

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

JOB, OUTCOME = "job", "outcome"
"""Names of a trial's attributes."""
DIGITS: Final = 4
"""Of a number that is drawn."""
DRAWS: Final = 8
"""Of a sampler, until something new is drawn at random."""
RANDOM_DRAWS: Final = 1000
"""Until it is said that nothing is left to draw."""


class Study:
    """One study, as one worker sees it."""

    def __init__(self, study: optuna.Study, storage: RDBStorage, prunes: bool) -> None:
        self._study, self._storage, self.prunes = study, storage, prunes
        self.is_exhausted = False
        """Whether a sampler was asked for something new, and there was nothing."""
        attributes = study.user_attrs
        self.question = Question.from_json(attributes[QUESTION])
        self.begun_with = str(attributes[BEGUN_WITH])
        self.worst = tuple(attributes[WORST])

    def ledger(self) -> Ledger:
        """Everything known now.  Trials of workers that are silent are declared lost first."""
        from optuna.storages import fail_stale_trials

        with own_heartbeats():
            fail_stale_trials(self._study)
        found = (_outcome(trial) for trial in self._study.get_trials(deepcopy=False))
        return Ledger(tuple(outcome for outcome in found if outcome is not None), self.worst)

    def claim(self, jobs: Sequence[Job]) -> Trial | None:
        """Take one of these jobs that nobody has, if there is one.

        Two workers may put the same job down at the same moment: the attempt with the lower number counts, and the
        other is withdrawn by whoever claims it.
        """
        for job in self.ledger().missing(jobs):
            self._study.enqueue_trial({}, user_attrs={JOB: job.to_json()})
        for job in jobs:
            for trial in self._with(job):
                if trial.state.name == "WAITING" and self._take(trial):
                    taken = self._first_of(job, trial.number, trial._trial_id)
                    if taken is not None:
                        return taken
        return None

    def propose(self, knobs: Sequence[Tuned], anew: bool) -> Trial | None:
        """Let the sampler choose the next, and take it; None where another worker has what it gave, or nothing is left.

        What it draws again and again has been done, and tells nothing: then what has not been is drawn at random.
        """
        for at in range(DRAWS + 1):
            if at == DRAWS and not self._put_down_untried(knobs, anew):
                self.is_exhausted = True
                return None
            with own_heartbeats():
                trial = self._study.ask()
            self._storage.record_heartbeat(trial._trial_id)  # one that dies before it has its job is no trial
            fixed = trial.user_attrs.get(JOB)
            if fixed is not None:  # one that waited for somebody
                return self._first_of(Job.from_json(fixed), trial.number, trial._trial_id)
            job = _of_values(knobs, {knob.path: _suggest(trial, knob) for knob in knobs}, anew)
            if job.settings and job.key not in self._keys():
                trial.set_user_attr(JOB, job.to_json())
                return Trial(self, job, trial.number, trial._trial_id)
            self.withdraw(trial._trial_id)
        return None

    def _put_down_untried(self, knobs: Sequence[Tuned], anew: bool) -> bool:
        """Let the next draw be one that is not known; whether there is one."""
        known = self._keys()
        for _ in range(RANDOM_DRAWS):
            values = {knob.path: _any_of(knob) for knob in knobs}
            job = _of_values(knobs, values, anew)
            if job.settings and job.key not in known:
                self._study.enqueue_trial(values)
                return True
        return False

    def _keys(self) -> frozenset[str]:
        """Of the jobs that trials have."""
        outcomes = map(_outcome, self._study.get_trials(deepcopy=False))
        return frozenset(outcome.job.key for outcome in outcomes if outcome is not None)

    def importance(self) -> Importance:
        """Of each knob by fANOVA (Hutter et al. 2014), over the ranks of what the sampler proposed: a failed trial is
        the last and no more."""
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        done = [trial for trial in self._study.get_trials(deepcopy=False) if trial.params and trial.values]
        ranked = sorted({trial.values[0] for trial in done})
        if len(self.question.knobs) < 2:
            return Importance()
        if len(ranked) < FIRST_RANDOM:
            return Importance(why_none=f"fewer than {FIRST_RANDOM} trials of the sampler differ")
        found = get_param_importances(
            self._study,
            evaluator=FanovaImportanceEvaluator(seed=0),
            params=[knob.path for knob in self.question.knobs],
            target=lambda trial: float(ranked.index(trial.values[0])),
        )
        return Importance({path: float(share) for path, share in found.items()})

    def close(self) -> None:
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _with(self, job: Job) -> list[FrozenTrial]:
        trials = self._study.get_trials(deepcopy=False)
        return [trial for trial in trials if JOB in trial.user_attrs and _job(trial).key == job.key]

    def _take(self, trial: FrozenTrial) -> bool:
        """Whether this worker is the one that got it."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        self._storage.record_heartbeat(trial._trial_id)  # before it is taken: one without any is never declared lost
        try:
            return self._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False

    def _first_of(self, job: Job, number: int, identity: int) -> Trial | None:
        """The attempt that was taken, unless there is an earlier one that is not lost."""
        others = [_outcome(other) for other in self._with(job) if other.number < number]
        if any(other is not None and other.state != "lost" for other in others):
            self.withdraw(identity)
            return None
        return Trial(self, job, number, identity)

    def withdraw_copies(self) -> None:
        """Take back what still waits though it is done: put down twice at the same moment, by a worker that died."""
        ledger = self.ledger()
        for job in [outcome.job for outcome in ledger.outcomes if outcome.state == "waiting"]:
            waiting = [trial for trial in self._with(job) if trial.state.name == "WAITING"]
            for trial in waiting if ledger.is_done([job]) else ():
                if self._take(trial):
                    self.withdraw(trial._trial_id)

    def withdraw(self, identity: int) -> None:
        """Take back an attempt that is nobody's fault."""
        from optuna.trial import TrialState

        self._storage.set_trial_user_attr(identity, OUTCOME, {"state": "withdrawn"})
        self._storage.set_trial_state_values(identity, TrialState.FAIL)


class Trial:
    """A job that this worker has."""

    def __init__(self, study: Study, job: Job, number: int, identity: int) -> None:
        self.job, self.number = job, number
        self._study, self._identity = study, identity

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Send heartbeats while it lasts."""
        over = threading.Event()
        storage, identity = self._study._storage, self._identity
        interval = storage.get_heartbeat_interval()
        storage.record_heartbeat(identity)

        def beat() -> None:
            while not over.wait(interval):
                with contextlib.suppress(*storage_errors()):  # for a moment: the next one may arrive
                    storage.record_heartbeat(identity)
            storage.remove_session()

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def is_hopeless(self, step: int, value: float) -> bool:
        """Note a value on the way; whether it is worse than the median of others at this step (Golovin et al. 2017).

        Only where one objective is asked for: of several there is no median.
        """
        import optuna

        trial = optuna.Trial(self._study._study, self._identity)
        trial.report(value, step)
        return trial.should_prune()

    def finish(self, outcome: Outcome) -> None:
        """Write down what came of it; nothing, where this worker was silent for so long that another has it now."""
        from optuna.trial import TrialState

        storage = self._study._storage
        if storage.get_trial(self._identity).state is not TrialState.RUNNING:
            return
        document: dict[str, Json] = {
            "state": outcome.state,
            "values": [*outcome.values],
            "why": outcome.why,
            "run": outcome.run,
            "seconds": round(outcome.seconds, 3),
            "steps": outcome.steps,
        }
        storage.set_trial_user_attr(self._identity, OUTCOME, document)
        if self.job.is_warm_up:
            storage.set_trial_state_values(self._identity, TrialState.PRUNED)  # complete ones have values
        elif outcome.state == "given up":
            self._study._study.tell(self.number, state=TrialState.PRUNED)
        else:
            self._study._study.tell(self.number, list(outcome.values))

    def put_back(self) -> None:
        """Leave it to others, or to a later sitting: this worker is asked to stop."""
        self._study.withdraw(self._identity)


def open_study(url: str, name: str, begin: Begin, prune: bool) -> Study:
    """The study of that name; begun, where there is none.  Raises `RequestError` where the storage cannot be used."""
    return Study(*opened(url, name, begin, prune), prune)


def _suggest(trial: optuna.Trial, knob: Tuned) -> Json:
    if knob.low is None or knob.high is None:
        choices: list[Any] = [knob.own, *knob.values]
        found: Json = trial.suggest_categorical(knob.path, choices)
        return found
    if knob.whole:
        return trial.suggest_int(knob.path, round(knob.low), round(knob.high), log=knob.log)
    return knob.written(trial.suggest_float(knob.path, knob.low, knob.high, log=knob.log), DIGITS)


def _of_values(knobs: Sequence[Tuned], values: Mapping[str, Json], anew: bool) -> Job:
    """With what differs from the recipe."""
    return Job({knob.path: values[knob.path] for knob in knobs if values[knob.path] != knob.own}, 0, anew)


def _any_of(knob: Tuned) -> Json:
    if knob.low is None or knob.high is None:
        return random.choice([knob.own, *knob.values])
    at = random.random()
    value = knob.low * (knob.high / knob.low) ** at if knob.log else knob.low + (knob.high - knob.low) * at
    return knob.written(value, DIGITS)


def _job(trial: FrozenTrial) -> Job:
    return Job.from_json(trial.user_attrs[JOB])


def _outcome(trial: FrozenTrial) -> Outcome | None:
    """None of a trial that is none: withdrawn, or its worker died before it knew what to do."""
    if JOB not in trial.user_attrs:
        return None
    kept: Mapping[str, Any] = trial.user_attrs.get(OUTCOME, {})
    states: Mapping[str, State] = {"WAITING": "waiting", "RUNNING": "running", "FAIL": "lost"}
    state = states.get(trial.state.name) or kept["state"]
    if kept.get("state") == "withdrawn":
        return None
    if state not in ("done", "failed", "given up"):
        return Outcome(_job(trial), trial.number, state)
    values = tuple(float(value) for value in kept["values"])
    return Outcome(_job(trial), trial.number, state, values, kept["why"], kept["run"], kept["seconds"], kept["steps"])
