"""Several workers, one study: they share its trials, and one that is killed takes none of them with it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tiny
import two_tuners
from equipoise.errors import RequestError
from equipoise.tuning import storage as storing
from equipoise.tuning.jobs import Job, Ledger, Outcome
from equipoise.tuning.knobs import num_possible, tuned
from equipoise.tuning.planning import Importance, Plan
from equipoise.tuning.question import Question, Strategy
from equipoise.tuning.study import open_study
from equipoise.tuning.telling import Found
from equipoise.tuning.tune import write as write_down

pytest.importorskip("optuna", reason="the tuner is an extra")

SCRIPT = Path(two_tuners.__file__)
PORT = 54329
SERVERS = Path("/usr/lib/postgresql")


@pytest.fixture(autouse=True)
def usual_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what the script makes quick."""
    monkeypatch.setattr(storing, "HEARTBEAT_S", storing.HEARTBEAT_S)
    monkeypatch.setattr(storing, "GRACE_S", storing.GRACE_S)


def one_is_killed(folder: Path, other: Path, storage: str) -> Found:
    """A worker begins, is joined by this process after its warm-up, and is killed in the middle of a trial."""
    words = [sys.executable, str(SCRIPT), str(other), storage]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("trial"):
                break
        said: list[str] = []

        def kill_after_two(line: str) -> None:
            said.append(line)
            if len(said) == 2:
                process.send_signal(signal.SIGKILL)

        found = two_tuners.work(folder, storage, kill_after_two)
        assert process.wait(60) == -signal.SIGKILL
    return found


def nothing_is_lost(found: Found) -> None:
    over = Counter(outcome.job.key for outcome in found.ledger.outcomes if outcome.is_over)
    assert set(over.values()) == {1}, "no trial was made twice"
    assert found.undecided == []
    lost = [outcome for outcome in found.ledger.outcomes if outcome.state == "lost"]
    assert len(lost) <= 1
    assert all(over[outcome.job.key] == 1 for outcome in found.ledger.outcomes), "it was made again"
    assert not any(outcome.state in ("running", "waiting") for outcome in found.ledger.outcomes)


@pytest.mark.slow
def test_two_workers_on_one_file_and_one_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    found = one_is_killed(folder, folder, storage)
    nothing_is_lost(found)
    kept = {outcome.run for outcome in found.ledger.outcomes if outcome.is_over}
    assert {path.name for path in (folder / "runs").iterdir()} == kept, "what the killed worker left is gone"
    said: list[str] = []
    assert two_tuners.work(folder, storage, said.append).plan == found.plan
    assert said == [], "whoever comes late finds the same and has nothing to do"


def test_who_waits_for_a_worker_that_is_refused_begins_the_study(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    recipe = tiny.points()
    question = Question(recipe, tuned(recipe, []), "one", ("quality",), "kernel", 2, 4, 8, "")
    within, go_on = threading.Event(), threading.Event()
    begun: list[str] = []

    def refused(others: Sequence[str]) -> storing.Beginning:
        within.set()
        go_on.wait()
        raise RequestError("no such data")

    def beginning(others: Sequence[str]) -> storing.Beginning:
        begun.append("here")
        return storing.Beginning(question, "", (1.0,))

    def first() -> None:
        with pytest.raises(RequestError):
            open_study(storing.in_folder(folder), "shared", refused, False)
        with contextlib.suppress(OSError):  # as the door does
            folder.rmdir()

    def second() -> None:
        open_study(storing.in_folder(folder), "shared", beginning, False).close()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert within.wait(60)
    threads[1].start()
    time.sleep(0.5)  # it waits for the first
    go_on.set()
    for thread in threads:
        thread.join(60)
    second()
    assert begun == ["here"]


def test_a_copy_that_a_dead_worker_put_down_is_taken_back(tmp_path: Path) -> None:
    recipe = tiny.points()
    question = Question(recipe, tuned(recipe, []), "one", ("quality",), "kernel", 2, 4, 8, "")
    study = open_study(
        storing.in_folder(tmp_path), "copies", lambda others: storing.Beginning(question, "", (1.0,)), False
    )
    own, other = Job(), Job(seed=1)
    taken = study.claim([own])
    assert taken is not None
    for job in (own, other):
        study._study.enqueue_trial({}, user_attrs={"job": job.to_json()})
    taken.finish(Outcome(taken.job, taken.number, "done", (0.5,)))
    study.withdraw_copies()
    assert [(it.job.key, it.state) for it in study.ledger().outcomes] == [(own.key, "done"), (other.key, "waiting")]
    study.close()


def test_workers_that_write_the_table_at_once_leave_it_whole(tmp_path: Path) -> None:
    recipe = tiny.points()
    question = Question(recipe, tuned(recipe, []), "one", ("quality",), "kernel", 2, 4, 8, "")
    found = Found(question, Ledger((), (1.0,)), Plan((), {}), Importance(), "all is decided")

    def write(worker: int) -> None:
        for _ in range(10):
            write_down(found, tmp_path, f"study-{worker}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    name = json.loads((tmp_path / "tune.json").read_text())["study"]
    assert (tmp_path / "tune.html").read_text().count(name) == 2, "table and page are one worker's"
    assert {path.name for path in tmp_path.iterdir()} == {"tune.json", "tune.json.lock", "tune.html"}


@pytest.mark.parametrize("strategy", ["random", "tpe", "nsga"])
def test_a_sampler_proposes_nothing_twice(tmp_path: Path, strategy: Strategy) -> None:
    recipe = tiny.points()
    knobs = tuned(recipe, ["phases.main.d_updates=2,3", "batch=16..18"])
    question = Question(recipe, knobs, strategy, ("quality",), "kernel", 2, 4, 8, "")
    study = open_study(
        storing.in_folder(tmp_path), "drawn", lambda others: storing.Beginning(question, "", (1.0,)), False
    )
    drawn = []
    for _ in range(int(num_possible(knobs))):
        trial = study.propose(knobs, False)
        assert trial is not None
        drawn.append(trial.job.key)
        trial.finish(Outcome(trial.job, trial.number, "done", (0.5,)))
    assert len(set(drawn)) == 9
    assert study.propose(knobs, False) is None, "there is nothing else"
    study.close()


def test_heartbeats_go_on_after_one_that_did_not_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optuna.exceptions import StorageInternalError

    recipe = tiny.points()
    question = Question(recipe, tuned(recipe, []), "one", ("quality",), "kernel", 2, 4, 8, "")
    study = open_study(
        storing.in_folder(tmp_path), "beats", lambda others: storing.Beginning(question, "", (1.0,)), False
    )
    trial = study.claim([Job()])
    assert trial is not None
    beats = threading.Semaphore(0)

    def fails(identity: int) -> None:
        beats.release()
        raise StorageInternalError("the server was started anew")

    monkeypatch.setattr(study._storage, "get_heartbeat_interval", lambda: 0.01)
    with trial.alive():
        monkeypatch.setattr(study._storage, "record_heartbeat", fails)
        assert all(beats.acquire(timeout=60) for _ in range(3))
    study.close()


def test_what_moved_it_is_told_of_what_a_sampler_proposed(tmp_path: Path) -> None:
    recipe = tiny.points()
    knobs = tuned(recipe, ["g_optim.lr=1e-4..1e-2", "d_optim.lr=1e-4..1e-2"])
    question = Question(recipe, knobs, "random", ("quality",), "kernel", 2, 4, 8, "")
    url = storing.in_folder(tmp_path)
    study = open_study(url, "drawn", lambda others: storing.Beginning(question, "", (1.0,)), False)
    own = study.claim([Job()])
    assert own is not None
    own.finish(Outcome(own.job, own.number, "done", (0.5,)))
    assert "fewer than 8 trials" in study.importance().why_none
    for _ in range(20):
        trial = study.propose(knobs, False)
        assert trial is not None
        value = math.log(trial.job.settings.get("g_optim.lr", 1e-3))  # type: ignore[arg-type]
        trial.finish(Outcome(trial.job, trial.number, "done", (value,)))
    assert study.importance().shares["g_optim.lr"] > 0.8
    study.close()


def server_programs() -> Path | None:
    found = sorted(SERVERS.glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture
def postgresql() -> Iterator[str]:
    """A server of our own in a temporary folder, by a user who is not root: it refuses to serve root."""
    programs = server_programs()
    if programs is None:
        pytest.skip(f"no PostgreSQL server is installed ({SERVERS}; Debian: apt install postgresql)")
    place = Path(tempfile.mkdtemp(prefix="equipoise-pg-"))
    someone: list[str] = []
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
        someone = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]

    def run(name: str, *words: str) -> None:
        subprocess.run(
            [*someone, str(programs / name), *words], check=True, capture_output=True, cwd=place, timeout=120
        )

    data, log = str(place / "data"), str(place / "log")
    options = f"-p {PORT} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off"
    try:
        run("initdb", "-D", data, "-A", "trust", "-U", "equipoise", "--no-sync")
        run("pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            run("createdb", "-h", "127.0.0.1", "-p", str(PORT), "-U", "equipoise", "tuning")
            yield f"postgresql://equipoise@127.0.0.1:{PORT}/tuning"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(place)


@pytest.mark.long
def test_two_workers_on_one_server_and_one_is_killed(tmp_path: Path, postgresql: str) -> None:
    """On two machines each has a folder of its own; here, two folders."""
    nothing_is_lost(one_is_killed(tmp_path / "one", tmp_path / "other", postgresql))
