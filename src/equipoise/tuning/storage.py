"""The database of a study: opened, or begun by the first worker that finds none, and the sampler that belongs to it."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from equipoise.errors import RequestError
from equipoise.randomness import mix
from equipoise.tuning.locks import locked
from equipoise.tuning.question import Question

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy import URL, Connection

QUESTION, BEGUN_WITH, WORST = "question", "begun_with", "worst"
"""Names of a study's attributes."""
HEARTBEAT_S, GRACE_S = 10, 45
"""A worker that is silent for so long is dead: its heartbeats come from a thread of their own."""
LOCK: Final = ".lock"
BUSY_S: Final = 60
"""Others may hold the file for so long; an answer takes milliseconds."""
FIRST_RANDOM: Final = 8
"""Trials before a sampler learns from them (Optuna's own default is 10, for longer studies)."""
_SCHEME: Final = re.compile(r"[\w+.-]+://")
_SECRET: Final = re.compile("pass|pwd|secret|token|key|cred|auth", re.IGNORECASE)
"""In the name of an option of an address."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the worker that begins a study writes down for all."""

    question: Question
    begun_with: str
    """The digest of the recipe as it was asked for."""
    worst: tuple[float, ...]
    """What a trial counts as that has nothing to show: one value for each objective."""


Begin = Callable[[Sequence[str]], Beginning]
"""Begins a study beside those of these names, which the storage has already."""


def opened(url: str, name: str, begin: Begin, prune: bool) -> tuple[optuna.Study, RDBStorage]:
    """The study of that name and its storage; begun, where there is none.  `prune`: ask Optuna's median pruner.

    Raises `RequestError` where the storage cannot be used.
    """
    _need_optuna()
    from optuna import load_study
    from sqlalchemy.exc import ArgumentError

    url = _with_driver(url)
    of_storage: tuple[type[Exception], ...] = (*storage_errors(), ArgumentError, ImportError)
    try:
        with _one_at_a_time(url):
            beginning = begin([]) if _has_no_file(url) else None  # what is refused leaves none
            storage = _storage(url)
            names = [summary.study_name for summary in storage.get_all_studies()]
            if name not in names:
                _begin(storage, name, beginning or begin(names))
        question = _question(storage, name)
        study = load_study(study_name=name, storage=storage, sampler=_sampler(question), pruner=_pruner(prune))
    except of_storage as error:
        raise RequestError(f"--storage {hidden(url)}: {reason_of(error)}") from error
    return study, storage


def storage_errors() -> tuple[type[Exception], ...]:
    """What a database that fails raises; Optuna wraps most of it."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import DBAPIError

    return DBAPIError, StorageInternalError


def reason_of(error: BaseException) -> str:
    """What the database itself said, in one line."""
    inner = error.__cause__ if type(error).__name__ == "StorageInternalError" and error.__cause__ else error
    return str(getattr(inner, "orig", None) or inner).splitlines()[0]


def _question(storage: RDBStorage, name: str) -> Question:
    """Raises `RequestError` for a study of that name that `tune` has not begun, or not wholly."""
    attributes = storage.get_study_user_attrs(storage.get_study_id_from_name(name))
    if QUESTION not in attributes:
        raise RequestError(
            f"the study {name!r} in this storage is none of tune's, or was cut short: choose another --study"
        )
    return Question.from_json(attributes[QUESTION])


def _with_driver(url: str) -> str:
    """PostgreSQL by the driver that comes with ``equipoise[tune]``, where none is named."""
    place = address(url)
    if place.drivername != "postgresql":
        return url
    return place.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def address(url: str) -> URL:
    """Raises `RequestError` where it is none, which says nothing but its scheme: the rest may be a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    scheme = _SCHEME.match(url)
    shown = f"{scheme[0]}..." if scheme else "..."
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        raise RequestError(
            f"--storage {shown}: this is no address of a database, as is postgresql://me:secret@host/tuning"
        ) from None
    if place.host is not None and "@" in f"{place.host}{place.database}":
        raise RequestError(f"--storage {shown}: an @ in a password is written %40, and a / %2F")
    return place


def in_folder(folder: Path) -> str:
    """The storage of a study that is all in one folder, whatever its name: a ? or a % in it is written otherwise."""
    _need_optuna()
    from sqlalchemy import URL

    place = URL.create("sqlite", database=str(folder.absolute() / "study.db"))
    return place.render_as_string(hide_password=False)


def hidden(url: str) -> str:
    """An address without its password, wherever that is."""
    place = address(url)
    secret = {option: "..." for option in place.query if _SECRET.search(option)}
    return place.update_query_dict(secret).render_as_string(hide_password=True)


def _need_optuna() -> None:
    try:
        import optuna
    except ModuleNotFoundError:
        raise RequestError('tune needs Optuna: pip install "equipoise[tune]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _has_no_file(url: str) -> bool:
    """Whether this is a SQLite database that nobody has made."""
    place = address(url)
    return place.get_backend_name() == "sqlite" and bool(place.database) and not Path(str(place.database)).exists()


def _storage(url: str) -> RDBStorage:
    from optuna.storages import RDBStorage

    options: dict[str, Any] = {"pool_pre_ping": True}  # a server that was started anew costs no trial
    if url.startswith("sqlite"):
        options |= {"connect_args": {"timeout": BUSY_S}}
    literally = url.replace("{", "{{").replace("}", "}}")  # Optuna takes them for fields
    with own_heartbeats():
        return RDBStorage(literally, options, heartbeat_interval=HEARTBEAT_S, grace_period=GRACE_S)


def _begin(storage: RDBStorage, name: str, beginning: Beginning) -> None:
    """Make the study.  The question comes last: without it a study is refused."""
    from optuna.study import StudyDirection

    question = beginning.question
    directions = [StudyDirection.MAXIMIZE if sign < 0 else StudyDirection.MINIMIZE for sign in question.signs]
    identity = storage.create_new_study(directions, study_name=name)
    storage.set_study_user_attr(identity, BEGUN_WITH, beginning.begun_with)
    storage.set_study_user_attr(identity, WORST, [*beginning.worst])
    storage.set_study_user_attr(identity, QUESTION, question.to_json())


@contextlib.contextmanager
def _one_at_a_time(url: str) -> Iterator[None]:
    """Let one worker at a time make tables and studies, which two at once get wrong."""
    place = address(url)
    backend = place.get_backend_name()
    if backend == "sqlite" and place.database:
        path = Path(place.database)
        if not path.parent.is_dir():
            raise RequestError(f"--storage {hidden(url)}: there is no folder {path.parent}")
        lock = path.with_name(f"{path.name}{LOCK}")
        with locked(lock):
            try:
                yield
            finally:
                if not path.exists():  # nothing was begun
                    with contextlib.suppress(OSError):
                        lock.unlink()
    elif backend == "postgresql":
        with _advised(url):
            yield
    else:
        yield


@contextlib.contextmanager
def _advised(url: str) -> Iterator[None]:
    """An advisory lock of PostgreSQL."""
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            _execute(connection, text("SELECT pg_advisory_lock(:key)"))
            yield
    finally:
        engine.dispose()


def _execute(connection: Connection, statement: Any) -> None:
    connection.execute(statement, {"key": mix("equipoise", "tuning")})


def _sampler(question: Question) -> Any:
    """Workers must not draw the same, so none has a seed."""
    import optuna

    if question.strategy == "tpe":
        return optuna.samplers.TPESampler(n_startup_trials=FIRST_RANDOM, constant_liar=True)
    if question.strategy == "nsga":
        return optuna.samplers.NSGAIISampler(population_size=FIRST_RANDOM)
    return optuna.samplers.RandomSampler()


def _pruner(prune: bool) -> Any:
    import optuna

    return optuna.pruners.MedianPruner() if prune else optuna.pruners.NopPruner()


@contextlib.contextmanager
def own_heartbeats() -> Iterator[None]:
    """Optuna calls heartbeats experimental, and expects them from its own loop; ours has a thread for them."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.filterwarnings("ignore", "Heartbeat of storage", UserWarning)
        yield
