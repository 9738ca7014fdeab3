"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

UNFINISHED = ".unfinished"


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write beside the place, sync, read back, rename.  Raises `OSError`: then the old file is there or the new."""
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        write_synced(unfinished, content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_whole_unsynced(path: Path, content: bytes | memoryview) -> None:
    """Write beside the place and rename: for what can be made again, and by the thousand.  Raises `OSError`."""
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.write_bytes(content)
    unfinished.replace(path)


def write_synced(path: Path, content: bytes | memoryview) -> None:
    """Write a file to the disk and read it back.  Raises `OSError`."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != content:
        raise OSError(None, "what was read back is not what was written")


def sync_folder(folder: Path) -> None:
    """Make a rename durable.  Windows offers no way to sync a folder, and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
