"""A lock for the workers of one machine: a file, held for as long as its process lives and no longer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from equipoise.holding import lock


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold this file.  Whoever waited for one that its holder removed makes another, with its folder."""
    while True:
        path.parent.mkdir(exist_ok=True)
        with path.open("a+b") as file:
            lock(file, waits=True)
            if _is_still_at(file, path):
                yield
                return


def _is_still_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
