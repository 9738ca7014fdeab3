"""Decoding on all cores: this process hands out chunks of files, worker processes decode them into the corpus's file.

Measured on 2 cores with 4000 64-px PNGs: two threads took as long as one, because half of the time of a small picture
is spent in Python; two processes took half.
"""

from __future__ import annotations

import errno
import os
import queue
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from equipoise.data import decode
from equipoise.data.corpus import DataError

Progress = Callable[[int, int], None]

CHUNK_FILES = 128
CHUNK_BYTES = 2**20
"""One request carries about 20 ms of decoding: asking costs below 1 %, and progress is smooth."""
CHUNK_PIXEL_BYTES = 2**25
"""A worker holds the samples of a chunk, whatever their size."""
AHEAD = 0 if os.name == "nt" else 1
"""Chunks that a worker has at hand besides the one it decodes, so that it never waits for this process.  Pipes on
Windows hold too little for that: worker and this process would wait for each other."""
SYNCED_BYTES = 2**25
"""Samples are sent to the disk by so many while decoding goes on, so that the end need not wait for all of them."""


class Read(NamedTuple):
    """What is known of one file after decoding.  Those left out have a `reason`, and zeros for samples."""

    fingerprint: str
    reason: str
    checksum: int = 0
    width: int = 0
    height: int = 0
    grey: bool = False
    transparent: bool = False
    animated: bool = False
    deep: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Some files, the first of which has the number `first`."""

    first: int
    names: tuple[str, ...]


class Answer(NamedTuple):
    """A chunk that is done."""

    job: Job
    rows: list[Read]


@dataclass(frozen=True, slots=True)
class Task:
    """What all workers need to know.  The first sample lies `offset` bytes into `file`."""

    root: Path
    plan: decode.Plan
    file: Path
    offset: int


class Crew:
    """The worker processes of one build.  Use as a context manager; none outlives it."""

    def __init__(self) -> None:
        self._workers: list[_Worker] = []
        self._hired = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hired.close()

    def start(self, count: int) -> None:
        """Start up to `count` processes, one a core.  Early is better: each takes 0.1 s to be ready."""
        for _ in range(min(_cores(), count) - len(self._workers)):
            self._workers.append(self._hired.enter_context(_Worker()))

    def decode(self, task: Task, names: Sequence[str], sizes: Sequence[int], progress: Progress | None) -> list[Read]:
        """Decode files into the samples' file, row by row, and report on each, in order.

        Once only: afterwards the processes are gone.  `progress` is called with (files done, files in all).
        Raises `DataError` when a process dies, `OSError` when the disk is full.
        """
        most = max(1, min(CHUNK_FILES, CHUNK_PIXEL_BYTES // task.plan.row_bytes))
        todo = deque(_jobs(names, sizes, most))
        waiting = len(todo)
        self.start(waiting)
        results: dict[int, list[Read]] = {}
        done, unsynced = 0, 0
        answers: queue.SimpleQueue[Answer | Future[None]] = queue.SimpleQueue()
        with ThreadPoolExecutor(len(self._workers)) as threads, task.file.open("r+b") as samples, ExitStack() as stack:
            stack.callback(self._hired.close)  # so that no thread waits for an answer when this one gives up
            stack.callback(todo.clear)
            for worker in self._workers:
                worker.brief(task, most)
                threads.submit(_drain, worker, todo, answers).add_done_callback(answers.put)
            while len(results) < waiting:
                answer = answers.get()
                if isinstance(answer, Future):
                    answer.result()  # raises what went wrong in the thread
                    continue
                results[answer.job.first] = answer.rows
                done, unsynced = done + len(answer.rows), unsynced + len(answer.rows) * task.plan.row_bytes
                if progress is not None:
                    progress(done, len(names))
                if unsynced > SYNCED_BYTES:
                    os.fsync(samples.fileno())
                    unsynced = 0
        return [row for first in sorted(results) for row in results[first]]


class _Worker:
    """One process.  It ends when its input is closed, so none outlives this process."""

    def __init__(self) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", decode.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": path},
        )

    def brief(self, task: Task, most: int) -> None:
        """Say what all chunks have in common, once, before the first."""
        self._send(
            {
                "root": str(task.root),
                "plan": task.plan._asdict(),
                "file": str(task.file),
                "offset": task.offset,
                "chunk": most,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def ask(self, job: Job) -> None:
        """Give it a chunk; several may be waiting."""
        self._send({"first": job.first, "names": job.names})

    def answer(self, job: Job) -> list[Read]:
        """What became of the oldest chunk it was given.  Raises `DataError`, and `OSError` when the disk is full."""
        assert self._process.stdout is not None
        answer = decode.receive(self._process.stdout)
        if answer is None:
            raise DataError(self._epitaph(job))
        if "failed" in answer:
            raise OSError(0, answer["failed"])
        return [Read(*row) for row in answer["rows"]]

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            decode.send(self._process.stdin, message)
        except OSError as error:  # the worker has died: `answer` sees the end of its output and says how
            if error.errno not in (errno.EPIPE, errno.EINVAL):  # the second is what Windows calls it
                raise

    def _epitaph(self, job: Job) -> str:
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        last = f": {lines[-1]}" if lines else ""
        span = f"{job.names[0]} to {job.names[-1]}"
        return f"decoding died with exit code {code} among {span}{last}; move these files away to find the one"


def _drain(worker: _Worker, todo: deque[Job], answers: queue.SimpleQueue[Any]) -> None:
    """Keep a worker busy until nothing is left to do: it has the next chunk at hand while it decodes one."""
    asked: deque[Job] = deque()
    while True:
        while len(asked) <= AHEAD and (job := _next(todo)):
            worker.ask(job)
            asked.append(job)
        if not asked:
            return
        job = asked.popleft()
        answers.put(Answer(job, worker.answer(job)))


def _next(todo: deque[Job]) -> Job | None:
    try:
        return todo.popleft()
    except IndexError:
        return None


def _jobs(names: Sequence[str], sizes: Sequence[int], most: int) -> Iterator[Job]:
    first, total = 0, 0
    for at, size in enumerate(sizes):
        if at > first and (at - first >= most or total + size > CHUNK_BYTES):
            yield Job(first, tuple(names[first:at]))
            first, total = at, 0
        total += size
    yield Job(first, tuple(names[first:]))


def _cores() -> int:
    """The cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
