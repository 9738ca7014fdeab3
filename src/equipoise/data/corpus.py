"""A corpus: everything that training sees, decoded once and kept as one memory-mapped array.

On disk it is a folder, ``<cache>/<name>/``::

    samples.npy    [N, H, W, C], channels last: a batch becomes a channels-last tensor without moving a byte
    given.npy      [N, h, w, c], what each sample is to be made from; only where samples come in pairs
    corpus.json    what it is made from and by, the channels, what was left out, a seal
    names.json     the name of each sample, or nothing
    identities.npy [N], hashes of where each sample comes from, which decide what is held out from training

A seal is the size and time of ``samples.npy``, or of ``given.npy``, and a checksum of every sample.  Size and time are
compared at each opening; when they differ, the checksums decide.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.data.degrade import Reduction
from equipoise.data.split import Identities, Split, split
from equipoise.errors import RequestError
from equipoise.files import write_synced
from equipoise.space import Space
from equipoise.spec import Json

FORMAT = 2
"""Raised whenever the same settings would give other samples, or other files."""

SAMPLES, GIVEN = "samples.npy", "given.npy"
NAMES, IDENTITIES, DESCRIPTION = "names.json", "identities.npy", "corpus.json"


class DataError(RequestError):
    """Nothing can be trained on: one clear line that says what, where, and what to do."""


class DamagedError(Exception):
    """A stored corpus is not what was once written."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that did not become a sample, or a number of windows or tiles, and why."""

    name: str
    reason: str
    count: int = 0
    """Of windows or tiles; 0 for a file."""
    is_asked: bool = False
    """Whether a setting is there to leave such samples out."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Samples [N, C, H, W] and what is known of them.

    `samples` are read only, mostly a memory map, in stored units; `space` says which of them become -1 and 1.
    `digest` names content and settings together.  `notes` are what a person should know, one line each.
    """

    space: Space
    samples: NDArray[Any]
    names: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    digest: str = ""
    notes: tuple[str, ...] = ()
    identities: Identities = field(default_factory=lambda: np.empty(0, np.uint64))
    """One for each sample, or none at all, which means that nothing can be held out."""
    conditions: NDArray[np.float32] | None = None
    """[N, K] in [0, 1], in the order of `Space.conditions`."""
    given: NDArray[Any] | None = None
    """[N, c, h, w], as `samples`, in the stored units of `Space.given`."""
    num_files: int = 0
    """That samples were cut from; 0 where each is a file of its own."""
    reduction: Reduction | None = None
    """How `given` was made from `samples`; None where it was not, but found."""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def num_left_out(self) -> int:
        return sum(max(1, item.count) for item in self.left_out)

    def split(self, share: float) -> Split:
        """Which samples are trained on, and which share of them is not."""
        if len(self.identities) != len(self):
            return Split(np.arange(len(self)), np.arange(0))
        return split(self.identities, share)


@dataclass(frozen=True)
class Description:
    """What is written beside the samples."""

    digest: str
    space: Space
    names: Sequence[str]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    source: Json = None
    made_from: str = ""
    num_files: int = 0


def load(folder: Path) -> Corpus:
    """The corpus in a folder.  Raises `DamagedError`, which includes that there is none."""
    try:
        written = json.loads((folder / DESCRIPTION).read_bytes())
        names = tuple(json.loads((folder / NAMES).read_bytes()))
        identities = np.load(folder / IDENTITIES, allow_pickle=False)
        space = Space.from_json(written["space"])
        left_out = tuple(LeftOut(*item) for item in written["left_out"])
        count = written["samples"]
        if written["format"] != FORMAT or len(names) not in (0, count):
            raise DamagedError(f"{folder}: the samples are not those that are described")
        samples = _opened(folder / SAMPLES, written["seal"], count, space)
        given = _opened(folder / GIVEN, written["given_seal"], count, space.given) if space.given else None
        if identities.shape != (count,) or identities.dtype != np.uint64:
            raise DamagedError(f"{folder}: {IDENTITIES} does not belong to these samples")
        notes = tuple(written["notes"])
        num_files = written.get("files", 0)
        digest = written["digest"]
        return Corpus(space, samples, names, left_out, digest, notes, identities, given=given, num_files=num_files)
    except (OSError, EOFError, ValueError, LookupError, TypeError) as error:
        raise DamagedError(f"{folder}: {error}") from error


def describe(
    folder: Path,
    description: Description,
    sums: NDArray[np.uint32],
    identities: Identities,
    given_sums: NDArray[np.uint32] | None = None,
) -> None:
    """Complete a folder in which the samples lie already, whose checksums are `sums`, and what is given beside them."""
    document = {
        "format": FORMAT,
        "digest": description.digest,
        "made_from": description.made_from,
        "source": description.source,
        "space": asdict(description.space),
        "samples": len(sums),
        "files": description.num_files,
        "notes": description.notes,
        "left_out": [astuple(item) for item in description.left_out],
        "seal": _seal(folder / SAMPLES, sums),
        "given_seal": None if given_sums is None else _seal(folder / GIVEN, given_sums),
    }
    write_synced(folder / NAMES, json.dumps(list(description.names)).encode())
    written = io.BytesIO()
    np.save(written, identities)
    write_synced(folder / IDENTITIES, written.getvalue())
    write_synced(folder / DESCRIPTION, json.dumps(document, indent=1).encode())


def checksums(stored: NDArray[Any]) -> NDArray[np.uint32]:
    """One CRC-32 for each sample of a channels-last array [N, H, W, C]."""
    return np.fromiter((zlib.crc32(row.tobytes()) for row in stored), np.uint32, len(stored))


def _opened(path: Path, seal: dict[str, Any], count: int, space: Space) -> NDArray[Any]:
    """A stored array as [N, C, H, W], when it is what was sealed.  Raises `DamagedError`, and what numpy raises."""
    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    if stored.shape != (count, space.height, space.width, len(space.channels)):
        raise DamagedError(f"{path} does not hold what is described")
    status = path.stat()
    if status.st_size != seal["bytes"]:
        raise DamagedError(f"{path} has {status.st_size} bytes, not {seal['bytes']}")
    if status.st_mtime_ns != seal["mtime_ns"] and _digest(checksums(stored)) != seal["samples"]:
        raise DamagedError(f"{path} was changed")
    channels_first: NDArray[Any] = stored.transpose(0, 3, 1, 2)
    return channels_first


def _seal(path: Path, sums: NDArray[np.uint32]) -> dict[str, int | str]:
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "samples": _digest(sums)}


def _digest(sums: NDArray[np.uint32]) -> str:
    return blake2b(sums.astype("<u4").tobytes(), digest_size=16).hexdigest()
