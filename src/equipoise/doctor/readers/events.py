"""TensorBoard's event files, without TensorBoard: scalars alone.

A file is a row of records, each framed by its length and two check sums (tensorflow/core/lib/io/record_writer.h); a
record is an ``Event`` message (tensorflow/core/util/event.proto) in protocol buffers' wire format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from equipoise.doctor.readers.lines import LeftOut, opened
from equipoise.doctor.readers.names import POSITIONS, name_of
from equipoise.doctor.readers.rows import Rows

FRAME: Final = struct.Struct("<QI")
TAIL_BYTES: Final = 4
MOST_RECORD: Final = 2**24
"""Bytes; a scalar's has some dozens, and one that says more than this of itself is damaged."""
LARGEST_SCALAR: Final = 2**12
"""Bytes of a record that can hold nothing but scalars; larger ones are pictures and histograms."""
MOST_FILES: Final = 256
FILE_NAME: Final = "*tfevents*"

_EVENT_STEP, _EVENT_SUMMARY = 2, 5
_SUMMARY_VALUE = 1
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_TENSOR = 1, 2, 8
_TENSOR_DTYPE, _TENSOR_CONTENT, _TENSOR_FLOATS, _TENSOR_DOUBLES = 1, 4, 5, 6
_DT_FLOAT, _DT_DOUBLE = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Field = tuple[int, int, int | bytes]
"""Number, wire type, and what is in it."""


def is_event_file(first: bytes) -> bool:
    """Whether these bytes begin a file of events: its first record names the version of the format."""
    return b"brain.Event:" in first[: FRAME.size + 64]


def event_files(folder: Path) -> list[Path]:
    """The files of events anywhere in a folder; a writer of several scalars makes a folder for each."""
    return sorted(path for path in folder.rglob(FILE_NAME) if path.is_file())[:MOST_FILES]


def read_events(path: Path, rows: Rows, left_out: LeftOut) -> None:
    """Add a file's scalars."""
    with opened(path) as file:
        for record in _records(file, left_out, path.name):
            step, scalars = _scalars(record)
            for tag, value in scalars:
                name = name_of(tag) or name_of(f"{path.parent.name}/{tag}")
                if name is not None and name not in POSITIONS:
                    rows.add(("step", name), (float(step), value))


def _records(file: BinaryIO, left_out: LeftOut, name: str) -> Iterator[bytes]:
    """The bytes of each record that may hold scalars."""
    while frame := file.read(FRAME.size):
        length = FRAME.unpack(frame)[0] if len(frame) == FRAME.size else MOST_RECORD + 1
        record = file.read(length + TAIL_BYTES) if length <= MOST_RECORD else b""
        if len(record) < length + TAIL_BYTES:
            left_out.others.append(f"{name} is cut off or damaged: what follows was left out")
            return
        if length <= LARGEST_SCALAR:
            yield record[:length]


def _scalars(record: bytes) -> tuple[int, list[tuple[str, float]]]:
    """The step of an event, and its scalars by tag; nothing for a record that is no event."""
    step, found = 0, []
    for number, wire, content in _fields(record):
        if number == _EVENT_STEP and isinstance(content, int):
            step = content
        elif number == _EVENT_SUMMARY and wire == _BYTES and isinstance(content, bytes):
            values = [value for at, _, value in _fields(content) if at == _SUMMARY_VALUE and isinstance(value, bytes)]
            found += [scalar for value in values if (scalar := _scalar(value)) is not None]
    return step, found


def _scalar(value: bytes) -> tuple[str, float] | None:
    tag, scalar = "", None
    for number, wire, content in _fields(value):
        if number == _VALUE_TAG and isinstance(content, bytes):
            tag = content.decode(errors="replace")
        elif number == _VALUE_SIMPLE and wire == _FIXED32 and isinstance(content, bytes):
            scalar = struct.unpack("<f", content)[0]
        elif number == _VALUE_TENSOR and isinstance(content, bytes):
            scalar = _tensor(content)
    return None if scalar is None else (tag, float(scalar))


def _tensor(message: bytes) -> float | None:
    """The number in a tensor that holds one."""
    found = {number: content for number, _, content in _fields(message)}
    dtype = found.get(_TENSOR_DTYPE)
    if dtype not in (_DT_FLOAT, _DT_DOUBLE):
        return None
    code = "<f" if dtype == _DT_FLOAT else "<d"
    content = found.get(_TENSOR_CONTENT, found.get(_TENSOR_FLOATS if dtype == _DT_FLOAT else _TENSOR_DOUBLES))
    if not isinstance(content, bytes) or len(content) != struct.calcsize(code):
        return None
    return float(struct.unpack(code, content)[0])


def _fields(message: bytes) -> Iterator[Field]:
    """The fields of a message, as far as they can be read."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(wire, len(message) + 1)
        if at + size > len(message):
            return
        yield number, wire, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            break
    return (value - (1 << 64) if value >> 63 else value), at
