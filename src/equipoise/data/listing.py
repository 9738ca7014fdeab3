"""The files of a folder: found without opening any, in an order that does not depend on the machine."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from equipoise.data.corpus import DataError, LeftOut
from equipoise.data.decode import FORMATS, SUFFIXES, RefusedError, fingerprint, read_file
from equipoise.data.store import key

IGNORED_FOLDERS = frozenset(("__MACOSX",))
SETTLED_S = 2.0
"""The coarsest clock of a file system in use (FAT).  A file may have changed unseen within one tick of its clock, so a
listing with a younger file is not trusted the next time."""
SHOWN_SUFFIXES = 5
PACKED = frozenset((".zip", ".tar", ".tgz", ".gz", ".7z", ".rar"))


@dataclass(frozen=True, slots=True)
class Listing:
    """Picture files below `root`, in the order of their relative paths."""

    root: Path
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    modified_ns: tuple[int, ...]
    changed_ns: tuple[int, ...]
    left_out: tuple[LeftOut, ...]
    others: tuple[tuple[str, int], ...]
    """How many files of other kinds there are, by suffix, the most frequent first."""
    settled: bool
    """Whether the newest file is old enough for its times to be trusted."""

    def shape_key(self) -> str:
        """Names and sizes: what two folders of equal content have in common without reading them."""
        unreachable = "\0".join(item.name for item in self.left_out)
        return key("\0".join(self.names), np.array(self.sizes, np.int64).tobytes(), unreachable)

    def listing_key(self) -> str:
        """Names, sizes and times."""
        return key(
            self.shape_key(), *(np.array(times, np.int64).tobytes() for times in (self.modified_ns, self.changed_ns))
        )

    def only(self, names: Container[str]) -> Listing:
        """The files of these names alone."""
        kept = [at for at, name in enumerate(self.names) if name in names]
        return replace(
            self,
            names=tuple(self.names[at] for at in kept),
            sizes=tuple(self.sizes[at] for at in kept),
            modified_ns=tuple(self.modified_ns[at] for at in kept),
            changed_ns=tuple(self.changed_ns[at] for at in kept),
        )

    @property
    def to_unpack(self) -> str:
        return _to_unpack(self.others)

    def other_kinds(self) -> str:
        return in_words(self.others)


def list_pictures(path: Path | None) -> Listing:
    """The pictures in a folder and in those below it.

    Hidden files are not seen.  Links are followed, but not to the folders that hold this one; a folder reached twice
    counts once, by its own path if it has one.
    Raises `DataError` when there is no such folder or no picture in it.
    """
    root = _checked(path)
    began_ns = time.time_ns()
    walk = _Walk(root)
    walk.run()
    if not walk.found:
        raise DataError(_nothing_found(root, walk))
    walk.found.sort()
    names, sizes, modified_ns, changed_ns = zip(*walk.found, strict=True)
    settled = max(*modified_ns, *changed_ns) < began_ns - SETTLED_S * 1e9
    left_out = tuple(sorted(walk.left_out, key=lambda item: item.name))
    return Listing(root, names, sizes, modified_ns, changed_ns, left_out, tuple(walk.others.most_common()), settled)


def fingerprints(listing: Listing) -> list[str]:
    """The identity of each file's contents; an empty string for a file that cannot be read."""
    with ThreadPoolExecutor() as threads:
        return list(threads.map(_fingerprint, (f"{listing.root}/{name}" for name in listing.names)))


class _Walk:
    """One walk through a folder.  Folders reached by links come last, so that files get their own names."""

    def __init__(self, root: Path) -> None:
        self.found: list[tuple[str, int, int, int]] = []
        """Name, size, and times of modification and change, in nanoseconds."""
        self.left_out: list[LeftOut] = []
        self.others: Counter[str] = Counter()
        self._seen = {_identity(str(parent)) for parent in root.resolve().parents}
        self._own = [(str(root), "")]
        self._linked: list[tuple[str, str]] = []

    def run(self) -> None:
        while self._own or self._linked:
            path, prefix = self._own.pop() if self._own else self._linked.pop(0)
            try:
                identity = _identity(path)
                if identity not in self._seen:
                    self._seen.add(identity)
                    self._enter(path, prefix)
            except OSError as error:
                if not prefix:
                    raise DataError(f"cannot read {path}: {error.strerror}; check its permissions") from error
                self.left_out.append(LeftOut(prefix.rstrip("/"), f"unreadable folder: {error.strerror}"))

    def _enter(self, path: str, prefix: str) -> None:
        linked: list[tuple[str, str]] = []
        found = self.found
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == "." or name in IGNORED_FOLDERS:
                    continue
                if entry.is_file():
                    suffix = _suffix(name)
                    if suffix in SUFFIXES:
                        status = entry.stat()
                        found.append((prefix + name, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
                    else:
                        self.others[suffix] += 1
                elif entry.is_dir():
                    (linked if entry.is_symlink() else self._own).append((entry.path, f"{prefix}{name}/"))
                elif entry.is_symlink() and _suffix(name) in SUFFIXES:
                    self.left_out.append(LeftOut(prefix + name, "broken link"))
        self._linked = sorted(self._linked + linked)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116
    return status.st_dev, status.st_ino


def _checked(path: Path | None) -> Path:
    if path is None:
        raise DataError("no data given; name a folder of pictures with --data")
    if not path.exists():
        raise DataError(f"no such folder: {path}; check the path given with --data")
    if not path.is_dir():
        raise DataError(f"{path} is a file, not a folder; give the folder that the pictures lie in, unpacked")
    return path


def _nothing_found(root: Path, walk: _Walk) -> str:
    kinds = ", ".join(FORMATS)
    if walk.left_out:
        first = walk.left_out[0]
        return f"no pictures in {root} can be reached; {first.name}: {first.reason}"
    if not walk.others:
        return f"{root} is empty; give a folder with pictures in it ({kinds})"
    others = walk.others.most_common()
    return f"no pictures in {root}, only other files ({in_words(others)}); pictures are {kinds}{_to_unpack(others)}"


def _to_unpack(others: Sequence[tuple[str, int]]) -> str:
    """A clause about packed files, in which pictures may be."""
    packed = [(suffix, count) for suffix, count in others if suffix in PACKED]
    if not packed:
        return ""
    is_one = sum(count for _, count in packed) == 1
    return f"; {in_words(packed)} {'file lies' if is_one else 'files lie'} there: unpack first"


def in_words(kinds: Sequence[tuple[str, int]]) -> str:
    """Counts of files by suffix, the first few."""
    return ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in kinds[:SHOWN_SUFFIXES])


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def _fingerprint(path: str) -> str:
    try:
        return fingerprint(read_file(path))
    except RefusedError:
        return ""
