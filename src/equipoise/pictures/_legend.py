"""What colours mean: bars with numbers for continuous channels, squares with names for classes, and the axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from equipoise.pictures._panels import INTENSITIES, colours_of, ramp
from equipoise.space import Axis, Channel, Space

LINE = 16
BAR = 90
MARGIN = 6
INK, PAPER = (40, 40, 40), (255, 255, 255)
MOST_CLASSES = 24
"""Those with the largest shares; a legend of all would be longer than the sheet."""

Item = tuple[Image.Image, str]
"""A swatch, and what it means."""


def legend(samples: NDArray[np.float32], space: Space, width: int) -> Image.Image | None:
    """For samples [N, C, H, W] that are no plain pictures; None for those that are."""
    if space.shown == "picture" and not space.has_categories:
        return None
    items = list(_items(samples, space))
    lines = _in_lines(items, width)
    axes = [words for axis in (space.columns, space.rows) if axis is not None and (words := _in_words(axis, space))]
    image = Image.new("RGB", (width, LINE * (len(lines) + len(axes)) + MARGIN), PAPER)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        left = MARGIN
        for swatch, words in line:
            image.paste(swatch, (left, row * LINE + 3))
            draw.text((left + swatch.width + 3, row * LINE + 1), words, INK, _font())
            left += _width((swatch, words))
    for row, words in enumerate(axes, start=len(lines)):
        draw.text((MARGIN, row * LINE + 1), words, INK, _font())
    return image


def title(words: str, width: int) -> Image.Image:
    """A line of text; one that is too long loses its beginning, for the end of a path tells more."""
    while len(words) > 1 and _font().getlength(words) > width - 2 * MARGIN:
        words = words[1:]
    image = Image.new("RGB", (width, LINE + 2), PAPER)
    ImageDraw.Draw(image).text((MARGIN, 2), words, INK, _font())
    return image


def _items(samples: NDArray[np.float32], space: Space) -> Iterator[Item]:
    for at, channel in enumerate(space.channels):
        if channel.kind == "categorical":
            yield from _classes(samples[:, at], channel)
        else:
            colours = INTENSITIES if space.shown == "spectrogram" else colours_of(channel)
            bent = "" if channel.knee is None else ", by asinh"
            yield _bar(colours), f"{channel.name} {channel.low:g} to {channel.high:g} {channel.unit}".rstrip() + bent


def _classes(codes: NDArray[np.float32], channel: Channel) -> Iterator[Item]:
    """The most frequent first, with their shares."""
    shares = {item: float((codes == item.code).mean()) for item in channel.classes}
    present = sorted((item for item in shares if shares[item] > 0), key=lambda item: -shares[item])
    for item in present[:MOST_CLASSES]:
        yield Image.new("RGB", (10, 10), item.colour), f"{item.name} {shares[item]:.0%}"


def _bar(colours: Sequence[tuple[int, int, int]]) -> Image.Image:
    shares = np.linspace(0.0, 1.0, BAR, dtype=np.float32)[None].repeat(10, axis=0)
    return Image.fromarray(ramp(shares, colours))


def _in_lines(items: Sequence[Item], width: int) -> list[list[Item]]:
    lines: list[list[Item]] = [[]]
    for item in items:
        if lines[-1] and sum(map(_width, [*lines[-1], item])) > width - MARGIN:
            lines.append([])
        lines[-1].append(item)
    return lines


def _in_words(axis: Axis, space: Space) -> str:
    count = space.width if axis is space.columns else space.height
    along = "left to right" if axis is space.columns else "top to bottom"
    if axis.first is None:
        return f"{along}: {abs(axis.step) * count:.4g} {axis.unit} of {axis.name}"
    return f"{along}: {axis.name} {axis.first:.4g} to {axis.first + axis.step * (count - 1):.4g} {axis.unit}"


def _width(item: Item) -> int:
    swatch, words = item
    return swatch.width + 3 + round(_font().getlength(words)) + 14


@cache
def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(11)
