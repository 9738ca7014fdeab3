"""Files that appear whole or not at all, and names that none can have."""

from __future__ import annotations

import os
from pathlib import Path

from equipoise.errors import RequestError

UNFINISHED = ".unfinished"


def refuse_folder(path: Path) -> None:
    """Raises `RequestError` where no file can have that name: it is a folder's, or lies below a file."""
    if path.is_dir():
        raise RequestError(f"{path} is a folder; give the name of a file to write")
    if (file := _file_above(path.parent)) is not None:
        raise RequestError(f"{path} cannot be written: {file} is a file")


def refuse_file(folder: Path) -> None:
    """Raises `RequestError` where no folder can have that name."""
    if (file := _file_above(folder)) is not None:
        raise RequestError(f"--out {folder}: {file} is a file; give a folder")


def _file_above(folder: Path) -> Path | None:
    """What is in the way of a folder: the nearest thing that is there, where that is none."""
    nearest = next((place for place in (folder, *folder.parents) if place.exists()), None)
    return nearest if nearest is not None and not nearest.is_dir() else None


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
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


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
