"""Checkpoints: everything that has state, in one file that proves itself.

A checkpoint is written beside its place, synced, read back, and renamed.  Its name holds the step, the score if there
is one, whether its generator was the best so far, and the first digits of the SHA-256 of its bytes:
``step-00001000_score-0.0312_best_5f0c6a1e9b27.pt``.  A file that does not hash to its name is damaged and is never
loaded.  Files are read with ``weights_only=True``: a checkpoint can hold numbers and nothing that runs.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from equipoise.errors import Fault, RequestError
from equipoise.files import UNFINISHED, write_whole

FORMAT = 2
_NAME = re.compile(r"step-(?P<step>\d{8})(_score-(?P<score>[\d.e+-]+))?(?P<best>_best)?_(?P<hash>[0-9a-f]{12})\.pt")


class Damaged(RequestError):
    """A file that is not the checkpoint its name says it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One checkpoint on disk."""

    path: Path
    step: int
    score: float | None
    is_best: bool
    """Whether its generator was the best of the run so far."""


def entries(folder: Path) -> list[Entry]:
    """The checkpoints of a folder, oldest first."""
    found = []
    for path in folder.glob("step-*.pt"):
        match = _NAME.fullmatch(path.name)
        if match:
            score = float(match["score"]) if match["score"] else None
            found.append(Entry(path, int(match["step"]), score, match["best"] is not None))
    return sorted(found, key=lambda entry: (entry.step, entry.path.name))


def is_whole(path: Path) -> bool:
    """Whether a file hashes to its name."""
    match = _NAME.fullmatch(path.name)
    return match is not None and _hash(path.read_bytes()) == match["hash"]


def load(path: Path) -> dict[str, Any]:
    """Read and verify a checkpoint; tensors arrive on the CPU.  Raises `Damaged`."""
    content = path.read_bytes()
    match = _NAME.fullmatch(path.name)
    if match is None or _hash(content) != match["hash"]:
        raise Damaged(f"{path} is damaged: its content does not match the hash in its name; it was not loaded")
    try:
        snapshot = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError) as error:
        raise Damaged(f"{path} holds something other than numbers and was not loaded; delete it") from error
    if not isinstance(snapshot, dict) or snapshot.get("format") != FORMAT:
        raise Damaged(f"{path} is not a checkpoint of this version (format {FORMAT})")
    return snapshot


def load_newest(folder: Path) -> tuple[Entry, dict[str, Any], list[str]]:
    """The newest checkpoint that is whole, and what was wrong with the newer ones.

    Leftovers of a save that was cut short are removed.  Raises `RequestError` when there is none.
    """
    for leftover in folder.glob(f"*{UNFINISHED}"):
        leftover.unlink(missing_ok=True)  # another process may be tidying too
    faults: list[str] = []
    for entry in reversed(entries(folder)):
        try:
            return entry, load(entry.path), faults
        except Damaged as error:
            faults.append(str(error))
    raise RequestError(faults[0] if faults else f"{folder} holds no checkpoint")


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that is on the disk and verified."""

    path: Path
    step: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Ring:
    """How many checkpoints are kept: the most recent ones, and the latest of those whose generators were the best."""

    recent: int
    best: int
    first: bool = False
    """Whether that made at step 0 is kept too, for whoever may have to begin again."""

    @property
    def most(self) -> int:
        return self.recent + self.best + self.first


class Checkpointer:
    """Writes checkpoints on a thread of its own, and keeps a ring: the most recent ones and the best ones."""

    def __init__(self, folder: Path, ring: Ring) -> None:
        self.folder = folder
        self._ring = ring
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[Saved] | None = None

    def save(self, snapshot: dict[str, Any], step: int, score: float | None, *, is_best: bool = False) -> Saved | None:
        """Copy the snapshot now, write it in the background.  Returns what the save before has come to."""
        done = self.wait()
        copied = on_cpu({"format": FORMAT, **snapshot})
        self._pending = self._thread.submit(self._write, copied, step, score, is_best)
        return done

    def wait(self) -> Saved | None:
        """Wait for the save under way, if there is one.  Raises `Fault` when it failed."""
        if self._pending is None:
            return None
        pending, self._pending = self._pending, None
        try:
            return pending.result()
        except OSError as error:
            reason = error.strerror or error
            raise Fault(f"a checkpoint could not be saved: {reason}; the ones before it are whole") from error

    def close(self) -> None:
        self._thread.shutdown()

    def _write(self, snapshot: dict[str, Any], step: int, score: float | None, is_best: bool) -> Saved:
        began = time.monotonic()
        buffer = io.BytesIO()
        torch.save(snapshot, buffer)
        content = buffer.getbuffer()
        score_text = "" if score is None else f"_score-{score:.6g}"
        best_text = "_best" if is_best else ""
        path = self.folder / f"step-{step:08d}{score_text}{best_text}_{_hash(content)}.pt"
        write_whole(path, content)
        self._trim(step)
        return Saved(path, step, len(content), round(time.monotonic() - began, 3))

    def _trim(self, step: int) -> None:
        """Keep the recent ones and the best ones up to this step; later ones are damaged or of an abandoned course."""
        found = entries(self.folder)
        past = [entry for entry in found if entry.step <= step]
        best = [entry for entry in past if entry.is_best]
        first = [entry for entry in past if entry.step == 0 and self._ring.first]
        kept = {entry.path for entry in (*first, *past[-self._ring.recent :], *best[-self._ring.best :])}
        for entry in found:
            if entry.path not in kept:
                entry.path.unlink()


def size_of(value: Any) -> int:
    """Bytes that the tensors of a tree take."""
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    return sum(map(size_of, value)) if isinstance(value, list) else 0


def on_cpu(value: Any) -> Any:
    """A copy of a tree of tensors and numbers that later training cannot change."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: on_cpu(item) for key, item in value.items()}
    if isinstance(value, list):
        return [on_cpu(item) for item in value]
    return value


def _hash(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
