"""Text as lines, whatever its encoding, line ends and size, in bounded memory; what is left out is counted."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from equipoise.errors import RequestError

BLOCK: Final = 2**20
HEAD: Final = 2**16
"""Bytes by which a file is recognised."""
MOST_BYTES: Final = 2**30
"""Unpacked, of one log: ten million lines.  What follows is left out."""
MOST_DOCUMENT: Final = 2**26
"""Bytes, unpacked, of a file that must be read as a whole: a notebook or a list in JSON."""
MOST_LINE: Final = 2**16
"""Characters of one line; a row of numbers has some hundreds, a line of StyleGAN's stats some thousands."""

_GZIP: Final = b"\x1f\x8b"
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(slots=True)
class LeftOut:
    """What of a file was not read, and why; counted while it is read."""

    long_lines: int = 0
    broken_lines: int = 0
    others: list[str] = field(default_factory=list)

    def words(self) -> tuple[str, ...]:
        said = list(self.others)
        if self.long_lines:
            said.append(f"{self.long_lines} lines longer than {MOST_LINE} characters were left out")
        if self.broken_lines:
            said.append(f"{self.broken_lines} broken lines were left out")
        return tuple(said)


def opened(path: Path) -> io.BufferedReader:
    """The file's bytes, unpacked where it is gzip.  Raises `RequestError` when it cannot be opened."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}") from error
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if not packed:
        return file
    file.close()
    return cast(io.BufferedReader, gzip.open(path))


def head(path: Path) -> bytes:
    """Its first bytes, unpacked."""
    with opened(path) as file:
        return b"".join(blocks(file, LeftOut(), HEAD))


def document(path: Path) -> str:
    """A whole file as text.  Raises `RequestError` when it is larger than `MOST_DOCUMENT`."""
    with opened(path) as file:
        whole = b"".join(blocks(file, LeftOut(), MOST_DOCUMENT + 1))
    if len(whole) > MOST_DOCUMENT:
        raise RequestError(f"{path} is larger than {MOST_DOCUMENT // 2**20} MiB, unpacked: give its log alone")
    encoding, mark = encoding_of(whole)
    return whole[mark:].decode(encoding, errors="replace")


def blocks(file: io.BufferedReader, left_out: LeftOut, most: int) -> Iterator[bytes]:
    """At most so many bytes; a packed file that is cut off ends early."""
    total = 0
    while total <= most:
        try:
            block = file.read1(BLOCK)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            left_out.others.append("the packed file is cut off or damaged: what follows was left out")
            return
        if not block:
            return
        yield block[: most - total]
        total += len(block)
    left_out.others.append(f"only the first {most / 2**30:.2g} GiB were read")


def encoding_of(first: bytes) -> tuple[str, int]:
    """The encoding of a text by its first bytes, and how many of them only say so."""
    return next(((name, len(mark)) for mark, name in _MARKS if first.startswith(mark)), ("utf-8", 0))


def lines(path: Path, left_out: LeftOut) -> Iterator[str]:
    """The lines of a file, without their ends; a line that is drawn over by a carriage return is one of its own."""
    with opened(path) as file:
        decoder, rest, is_long = None, "", False
        for block in blocks(file, left_out, MOST_BYTES):
            if decoder is None:
                encoding, mark = encoding_of(block)
                decoder, block = codecs.getincrementaldecoder(encoding)(errors="replace"), block[mark:]
            *whole, last = split(decoder.decode(block))
            if whole:
                first = rest + whole[0]
                yield from _short([first, *whole[1:]] if not is_long else whole[1:], left_out)
                rest, is_long = last, False
            else:
                rest += last
            if len(rest) > MOST_LINE:
                left_out.long_lines += not is_long
                rest, is_long = "", True
        if rest and not is_long:
            yield from _short([rest], left_out)


def split(text: str) -> list[str]:
    """At every kind of line end, and without the colours of a terminal."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def _short(found: list[str], left_out: LeftOut) -> list[str]:
    kept = [line for line in found if len(line) <= MOST_LINE]
    left_out.long_lines += len(found) - len(kept)
    return kept
