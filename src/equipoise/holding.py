"""Files that one process at a time holds for itself; whoever likes may read them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

if os.name == "nt":
    import msvcrt
else:
    import fcntl

FAR_BEHIND: Final = 2**31 - 2
"""A byte beyond the end: Windows lets nobody read what is locked, and its C library counts in 32 bits."""
TAKEN: Final = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@dataclass(slots=True)
class _Hold:
    file: IO[bytes]
    times: int = 1


_HOLDS: Final[dict[Path, _Hold]] = {}


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Whether the file, which is made where there is none, is this process's alone meanwhile.

    Within the process it may be held more than once.  The hold goes with the process, however that ends.  Where the
    file system knows of no locks, everybody holds it.  Raises `OSError` for a file that cannot be opened.
    """
    place = path.resolve()
    is_held = _take(place)
    try:
        yield is_held
    finally:
        if is_held:
            _let_go(place)


def _take(place: Path) -> bool:
    if place in _HOLDS:
        _HOLDS[place].times += 1
        return True
    file = place.open("ab")
    try:
        lock(file, waits=False)
    except OSError as error:
        if error.errno in TAKEN:
            file.close()
            return False
    _HOLDS[place] = _Hold(file)
    return True


def _let_go(place: Path) -> None:
    hold = _HOLDS[place]
    hold.times -= 1
    if not hold.times:
        del _HOLDS[place]
        hold.file.close()


def lock(file: IO[bytes], *, waits: bool) -> None:
    """Until it is closed, or its process ends.  Raises `OSError` where somebody else has it and this does not wait."""
    if os.name == "nt":
        file.seek(FAR_BEHIND)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if waits else msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
