"""The cache of corpora.  A corpus is built aside and renamed when whole, so that a kill leaves no half of one.

Two levels of keys.  The *listing* of a folder (names, sizes, times) is looked up first, which opens no file.  Where it
is unknown, the *content* decides, so that a copied or touched folder is not decoded again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import platformdirs
from numpy.typing import NDArray

from equipoise.data.corpus import (
    FORMAT,
    GIVEN,
    SAMPLES,
    Corpus,
    DamagedError,
    DataError,
    Description,
    checksums,
    describe,
    load,
)
from equipoise.data.split import identities
from equipoise.files import sync_folder
from equipoise.recipe import Source
from equipoise.spec import digest, encode

CACHE_VARIABLE = "EQUIPOISE_CACHE"
ASIDE = ".part-"
ABANDONED_S = 3600.0
"""A folder of a build that has not been written to for so long belongs to a build that was killed."""
HEADER_BYTES = 128
"""Of every ``samples.npy`` written here; the format asks for a multiple of 64 that holds the description."""


def key(*parts: str | bytes) -> str:
    """A name for what was made from these."""
    hasher = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()


def files_key(settings: str, files: Iterable[Path]) -> str:
    """Settings with the place, size and times of each file: what is known of them without opening any."""
    found = [
        (str(file.resolve()), (status := file.stat()).st_size, status.st_mtime_ns, status.st_ctime_ns) for file in files
    ]
    return key(settings, repr(found))


def settings_key(source: Source) -> str:
    return key(str(FORMAT), digest(source))


class Store:
    """A folder of corpora.  Every failure to write is a `DataError`."""

    def __init__(self, cache: Path | None) -> None:
        asked = os.environ.get(CACHE_VARIABLE)
        base = Path(asked) if asked else Path(platformdirs.user_cache_dir("equipoise"))
        self.folder = cache if cache is not None else base / "corpora"

    def find(self, name: str) -> Corpus | None:
        """The corpus of this name, if it is there and whole."""
        try:
            return load(self.folder / name)
        except DamagedError:
            return None

    def any_named(self, prefix: str) -> bool:
        return next(self.folder.glob(f"{prefix}*"), None) is not None

    def remembered(self, listing: str) -> Corpus | None:
        """The corpus that this listing of files was found to be, if it is there and whole."""
        try:
            name = (self.folder / "listings" / listing).read_text()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return self.find(name)

    def remember(self, listing: str, name: str) -> None:
        with self._writing():
            folder = self.folder / "listings"
            folder.mkdir(parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(dir=folder, prefix=ASIDE)
            with os.fdopen(handle, "w") as file:
                file.write(name)
            Path(path).replace(folder / listing)

    @contextlib.contextmanager
    def aside(self) -> Iterator[Path]:
        """A new folder to build in, gone afterwards unless it was put in its place."""
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            made = Path(tempfile.mkdtemp(dir=self.folder, prefix=ASIDE))
            try:
                yield made
            finally:
                shutil.rmtree(made, ignore_errors=True)

    def settle(self, made: Path, name: str) -> Corpus:
        """Put a finished folder in its place; where another process was faster, its corpus is taken."""
        for array in (made / SAMPLES, made / GIVEN):
            if array.exists():
                with array.open("r+b") as file:  # Windows syncs only what is open for writing
                    os.fsync(file.fileno())
        place = self.folder / name
        while True:
            try:
                made.rename(place)
                sync_folder(self.folder)
                return load(place)
            except OSError:
                if not place.exists():
                    raise
            other = self.find(name)
            if other is not None:
                return other
            self._discard(place)

    def require(self, size_bytes: int) -> None:
        """Refuse early what cannot be written."""
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < size_bytes:
            raise DataError(
                f"the corpus needs {size_bytes / 2**20:.0f} MiB in {self.folder}, where only {free / 2**20:.0f} MiB "
                f"are free; free some space or set {CACHE_VARIABLE} to a folder on another disk"
            )

    def _discard(self, place: Path) -> None:
        """Move a damaged corpus out of the way; who has it open keeps it."""
        rubbish = Path(tempfile.mkdtemp(dir=self.folder, prefix=ASIDE))
        with contextlib.suppress(FileNotFoundError):  # another process discards it too
            place.rename(rubbish / "damaged")
        shutil.rmtree(rubbish, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what killed builds have left."""
        for folder in self.folder.glob(f"{ASIDE}*"):
            with contextlib.suppress(FileNotFoundError):  # another process sweeps too
                newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
                if time.time() - newest > ABANDONED_S:
                    shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(
                f"cannot write the corpus to {self.folder}: {error.strerror or error}; "
                f"free some space or set {CACHE_VARIABLE} to another folder"
            ) from error


def generated(source: Source, cache: Path | None, build: Callable[[], tuple[NDArray[Any], Description]]) -> Corpus:
    """The corpus of a source that reads no files: opened, or made by `build` as [N, H, W, C] and stored."""
    store, name = Store(cache), settings_key(source)
    known = store.find(name)
    if known is not None:
        return known
    stored, description = build()
    with store.aside() as made:
        with (made / SAMPLES).open("wb") as file:
            file.write(header(stored.shape, stored.dtype))
            file.write(np.ascontiguousarray(stored).tobytes())
        sums = checksums(stored)
        origins = identities(int(total).to_bytes(4, "little") for total in sums)
        describe(made, replace(description, digest=name, source=encode(source)), sums, origins)
        return store.settle(made, name)


def header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """The head of a ``.npy`` file, version 1.0, always `HEADER_BYTES` long, so that the count of samples may change."""
    text = repr({"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    room = HEADER_BYTES - 10
    return b"\x93NUMPY\x01\x00" + room.to_bytes(2, "little") + text.encode().ljust(room - 1) + b"\n"


def compact(
    file: BinaryIO, shape: tuple[int, ...], kept: NDArray[np.intp], channels: int, block: int = 1024
) -> tuple[int, ...]:
    """Keep only some samples of an open ``samples.npy`` of bytes, and only the first channels, in place.

    `kept` are growing positions, so nothing is overwritten before it is read.  Returns the new shape.
    """
    _, height, width, before = shape
    after = (len(kept), height, width, channels)
    old_row, new_row = height * width * before, height * width * channels
    if after != shape:
        for start in range(0, len(kept), block):
            rows = kept[start : start + block]
            file.seek(HEADER_BYTES + int(rows[0]) * old_row)
            span = int(rows[-1] - rows[0]) + 1
            data = np.frombuffer(file.read(span * old_row), np.uint8).reshape(span, height, width, before)
            file.seek(HEADER_BYTES + start * new_row)
            file.write(data[rows - rows[0], ..., :channels].tobytes())
        file.truncate(HEADER_BYTES + len(kept) * new_row)
    file.seek(0)
    file.write(header(after, np.dtype(np.uint8)))
    return after
