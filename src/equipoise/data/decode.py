"""One picture file to the bytes of one sample, and the worker process that does it for many.

This file imports Pillow and little of the standard library (no dataclasses, which cost a quarter of the start), and
runs as a script too: a worker starts in less than 0.1 s, does not fork a process that holds torch or CUDA, and does not
import the caller's main module again.  Pillow's process-wide switches (half-decoded pictures, size limits) are the
worker's own.

A worker is told what to do, then gets one message for each chunk of files, and answers each with one.  The samples go
straight into the file of samples, at the place of the chunk.  Messages are marshalled: between a process and its own
child nothing is quicker.
"""

from __future__ import annotations

import hashlib
import marshal
import math
import os
import signal
import struct
import sys
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".gif", ".bmp"))

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

LONGEST_FILE_BYTES = 2**30
"""More than the largest picture below Pillow's limit of 89 million pixels takes when it is not compressed."""

FIRST_READ_BYTES = 2**16
"""Most small pictures are read by one call, without asking for their size."""

LONGEST_REASON = 200
"""Characters.  It also keeps the answer for a chunk below what a pipe holds, so that nobody waits for nobody."""

DRAFT_FACTOR = 2
"""A JPEG is decoded at a reduced scale as long as that is still this many times the sample's size."""

WHITE = {"I;16": 65535.0, "I;16L": 65535.0, "I;16B": 65535.0, "I;16N": 65535.0, "I": 65535.0, "F": 1.0}
"""The value that counts as white in pictures of more than 8 bits, unless the settings say otherwise."""

EXIF_KEYS = frozenset(("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"))

DAMAGE = (OSError, SyntaxError, ValueError, EOFError, LookupError, ArithmeticError, TypeError, AttributeError)
"""What Pillow's readers raise on damaged files, beside the errors of the libraries below them."""

SEEN = [0] + [255] * 255
"""Table that turns an alpha channel into "visible at all"."""


class Plan(NamedTuple):
    """How a picture becomes a sample; `Images` says what each setting means.

    One `fit` is for `equipoise.data.patches` alone: ``own`` leaves the picture at its own size.
    """

    height: int
    width: int
    fit: str
    filter: str
    keep_alpha: bool
    background: tuple[int, int, int]
    grey: bool
    white: float | None
    min_side: int

    @property
    def mode(self) -> str:
        return ("L" if self.grey else "RGB") + ("A" if self.keep_alpha else "")

    @property
    def row_bytes(self) -> int:
        return len(self.mode) * self.height * self.width


class Picture(NamedTuple):
    """A decoded picture: `pixels` are [height, width, channels] bytes, `width` and `height` those of the file."""

    pixels: bytes
    width: int
    height: int
    grey: bool
    transparent: bool
    animated: bool
    deep: bool


class RefusedError(Exception):
    """This picture cannot become a sample; the message is the reason."""


def decode(data: bytes, plan: Plan) -> Picture:
    """The sample that a file's contents make.  Raises `RefusedError`."""
    image, (width, height) = _loaded(data, plan)
    if min(width, height) < plan.min_side:
        raise RefusedError(f"too small: {width}x{height}")
    if plan.fit == "exact" and (width, height) != (plan.width, plan.height):
        raise RefusedError(f"wrong size {width}x{height}")
    deep = image.mode in WHITE
    grey = deep or image.mode in ("1", "L", "LA", "La")
    coloured = _coloured(_eight_bits(image, plan.white) if deep else image)
    transparent = coloured.mode == "RGBA"
    if transparent and not plan.keep_alpha:
        coloured = _composited(coloured, plan.background)
        grey = grey and len(set(plan.background)) == 1
    sample = _as_mode(_fitted(coloured, plan), plan)
    return Picture(sample.tobytes(), width, height, grey, transparent, bool(getattr(image, "is_animated", False)), deep)


def _loaded(data: bytes, plan: Plan) -> tuple[Image.Image, tuple[int, int]]:
    """The picture, upright, perhaps at a reduced scale, and its full size."""
    try:
        image = _opened(data)
        full = image.size
        if plan.fit not in ("exact", "own"):
            edge = DRAFT_FACTOR * max(plan.height, plan.width)
            image.draft(None, (edge, edge))  # None keeps the mode
        image.load()
        if image.format == "TIFF" or EXIF_KEYS & image.info.keys():
            from PIL import ImageOps  # few pictures need it, and every worker would wait for it

            turned = ImageOps.exif_transpose(image)
            full = full[::-1] if _is_on_its_side(image) else full
            return turned, full
        return image, full
    except UnidentifiedImageError:
        raise RefusedError("unreadable: not a picture that can be recognised") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise RefusedError(f"unreadable: more than {limit} million pixels") from None
    except (*DAMAGE, struct.error, zlib.error) as error:
        raise RefusedError(f"unreadable: {_one_line(error)}") from None


def _opened(data: bytes) -> Image.Image:
    """The picture, not yet decoded.  Without Pillow's search for the format a small PNG takes a tenth less time."""
    if not data.startswith(PNG_SIGNATURE):
        return Image.open(BytesIO(data), formats=FORMATS)
    image = PngImageFile(BytesIO(data))
    if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError
    return image


def _is_on_its_side(image: Image.Image) -> bool:
    """Whether EXIF says that the picture is turned by 90 degrees (orientations 5 to 8 of tag 274)."""
    return image.getexif().get(0x0112, 1) in (5, 6, 7, 8)


def _eight_bits(image: Image.Image, white: float | None) -> Image.Image:
    """A picture of 16 or 32 bits, 0 .. `white` scaled to 0 .. 255; with an alpha channel if one grey is transparent."""
    import numpy as np  # only deep pictures need it, and it would double a worker's starting time

    values = np.asarray(image)
    top = WHITE[image.mode] if white is None else white
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= top):
        raise RefusedError(f"values {low:g} to {high:g} are outside 0 to {top:g}; set white")
    shallow = Image.fromarray(np.rint(values * (255.0 / top)).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is not None:
        shallow.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return shallow


def _coloured(image: Image.Image) -> Image.Image:
    """The picture as RGBA when any of it is transparent, as RGB otherwise."""
    try:
        if not image.has_transparency_data:
            return image if image.mode == "RGB" else image.convert("RGB")
        image = image.convert("RGBA")
    except ValueError:
        raise RefusedError(f"unreadable: colour mode {image.mode} is not supported") from None
    lowest, _ = image.getchannel("A").getextrema()
    return image if lowest != 255 else image.convert("RGB")


def _composited(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    sheet = Image.new("RGB", image.size, background)
    sheet.paste(image, mask=image.getchannel("A"))
    return sheet


def _fitted(image: Image.Image, plan: Plan) -> Image.Image:
    """The picture at the sample's size."""
    width, height = image.size
    target = (plan.width, plan.height)
    if image.size == target or plan.fit == "own":
        return image
    across, down = plan.width / width, plan.height / height
    if plan.fit == "pad":
        scale = min(across, down)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        return _on_canvas(_scaled(image, inner, plan.filter, (0, 0, width, height)), plan)
    if plan.fit == "crop":
        scale = max(across, down)
        left, top = (width - plan.width / scale) / 2, (height - plan.height / scale) / 2
        return _scaled(image, target, plan.filter, (left, top, width - left, height - top))
    return _scaled(image, target, plan.filter, (0, 0, width, height))


def _on_canvas(image: Image.Image, plan: Plan) -> Image.Image:
    """The picture in the middle of a sheet of background, which is transparent if alpha is kept."""
    mode = "RGBA" if plan.keep_alpha else "RGB"
    sheet = Image.new(mode, (plan.width, plan.height), (*plan.background, 0)[: len(mode)])
    place = ((plan.width - image.width) // 2, (plan.height - image.height) // 2)
    sheet.paste(image if image.mode == mode else image.convert(mode), place)
    return sheet


def _scaled(
    image: Image.Image, size: tuple[int, int], filter_name: str, box: tuple[float, float, float, float]
) -> Image.Image:
    """The part of the picture inside `box` at a new size.  Pillow weighs colours by alpha, so edges get no fringe."""
    if filter_name == "lanczos":
        return image.resize(size, Image.Resampling.LANCZOS, box)
    if filter_name == "nearest":
        return image.resize(size, Image.Resampling.NEAREST, box)
    left, top, right, bottom = box
    factor = max(1, -int(-max(size[0] / (right - left), size[1] / (bottom - top)) // 1))
    if factor > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
        box = (left * factor, top * factor, right * factor, bottom * factor)
    return image.resize(size, Image.Resampling.BOX, box)


def _as_mode(image: Image.Image, plan: Plan) -> Image.Image:
    """The picture in the mode of the samples.  Colours that nobody can see become the background's."""
    if image.mode == "RGBA":
        sheet = Image.new("RGBA", image.size, (*plan.background, 0))
        sheet.paste(image, mask=image.getchannel("A").point(SEEN))
        image = sheet
    return image if image.mode == plan.mode else image.convert(plan.mode)


def _one_line(error: Exception) -> str:
    """What is the matter, in one line that is not too long for a list."""
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__


# The worker.


def read_file(path: str) -> bytes:
    """A file's contents.  Raises `RefusedError` when it cannot or should not be read."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))  # a file object costs 10 us more, of 150
        try:
            data = os.read(handle, FIRST_READ_BYTES)
            if len(data) < FIRST_READ_BYTES:
                return data
            size = os.fstat(handle).st_size
            if size > LONGEST_FILE_BYTES:
                raise RefusedError("unreadable: larger than 1 GiB")
            while len(data) < size and (more := os.read(handle, size - len(data))):
                data += more
            return data
        finally:
            os.close(handle)
    except OSError as error:
        raise RefusedError(f"unreadable: {error.strerror or _one_line(error)}") from None


def fingerprint(data: bytes) -> str:
    """The identity of a file's contents."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def read_chunk(root: str, names: list[str], plan: Plan, into: bytearray) -> list[Any]:
    """Put the samples of these files into a buffer, one after another; returns a row for each, as `workers.Read`.

    One buffer serves for all chunks: keeping the samples and joining them took a fifth of the time, in page faults.
    """
    rows: list[Any] = []
    for name in names:
        mark, pixels = "", b""
        try:
            data = read_file(f"{root}/{name}")
            mark = fingerprint(data)
            picture = decode(data, plan)
            pixels = picture.pixels
            traits = (picture.grey, picture.transparent, picture.animated, picture.deep)
            row: tuple[Any, ...] = (mark, "", zlib.crc32(pixels), picture.width, picture.height, *traits)
        except RefusedError as refusal:
            row = (mark, str(refusal))
        place = len(rows) * plan.row_bytes
        into[place : place + plan.row_bytes] = pixels or bytes(plan.row_bytes)
        rows.append(row)
    return rows


def send(pipe: IO[bytes], message: Any) -> None:
    """Write one message: its length in four bytes, then its bytes."""
    content = marshal.dumps(message)
    pipe.write(len(content).to_bytes(4, "little") + content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read one message; None when the other side has closed the pipe."""
    length = int.from_bytes(pipe.read(4), "little")
    content = pipe.read(length)
    return marshal.loads(content) if length and len(content) == length else None


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    task = receive(requests)
    plan = Plan(**task["plan"])
    buffer = bytearray(task["chunk"] * plan.row_bytes)
    with Path(task["file"]).open("r+b", buffering=0) as file:
        while (job := receive(requests)) is not None:
            answer: dict[str, Any] = {"rows": read_chunk(task["root"], job["names"], plan, buffer)}
            pixels = memoryview(buffer)[: len(job["names"]) * plan.row_bytes]
            try:
                _write(file, task["offset"] + job["first"] * plan.row_bytes, pixels)
            except OSError as error:
                answer = {"failed": error.strerror or _one_line(error)}
            pixels.release()
            send(answers, answer)


def _write(file: Any, place: int, rest: memoryview) -> None:
    file.seek(place)
    while rest:
        rest = rest[file.write(rest) :]


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, who then closes the pipe
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    _serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
