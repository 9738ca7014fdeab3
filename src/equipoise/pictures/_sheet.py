"""Many samples side by side, and below them what is needed to read them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from equipoise.files import write_whole_unsynced
from equipoise.pictures._legend import legend, title
from equipoise.pictures._panels import Pixels, Sample, panels
from equipoise.space import Space

SMALLEST_TILE = 64
"""Samples below this many pixels are enlarged by a whole factor: nobody can judge a 32-pixel sprite at its own size."""
GAP = 2
PLOT_SIZE = 480
PAPER = 255
INK = (31, 71, 136)

Samples = NDArray[np.float32]
"""[N, C, H, W] in units of the world."""


def sheet(samples: Samples, space: Space, columns: int = 8) -> Image.Image:
    """Samples side by side, row by row, with a legend where colours have a meaning; plain points as one plot."""
    whole = _grid(samples, space, columns)
    below = None if space.is_points else legend(samples, space, whole.width)
    return whole if below is None else _stacked([whole, below])


def titled_sheets(parts: Sequence[tuple[str, Samples]], space: Space, columns: int = 8) -> Image.Image:
    """Several sheets, one below the other, each under its title, and one legend for all."""
    grids = [(words, _grid(samples, space, columns)) for words, samples in parts]
    width = max(grid.width for _, grid in grids)
    images = [image for words, grid in grids for image in (title(words, width), grid)]
    below = None if space.is_points else legend(np.concatenate([samples for _, samples in parts]), space, width)
    return _stacked(images if below is None else [*images, below])


def paired_sheet(
    given: Samples, given_space: Space, parts: Sequence[tuple[str, Samples]], space: Space, columns: int = 8
) -> Image.Image:
    """What samples are made from, each pixel drawn as large as it is in them, above sheets of the samples."""
    scale = space.height // given_space.height
    enlarged = given.repeat(scale, axis=2).repeat(scale, axis=3)
    of_given = titled_sheets(
        [("given", enlarged)], replace(given_space, height=space.height, width=space.width), columns
    )
    return _stacked([of_given, titled_sheets(parts, space, columns)])


def picture(sample: Sample, space: Space) -> Image.Image:
    """One sample [C, H, W] at its own size."""
    return _image(panels(sample, space))


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG that appears whole or not at all.  The same picture always gives the same bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    write_whole_unsynced(path, buffer.getvalue())


def _grid(samples: Samples, space: Space, columns: int) -> Image.Image:
    if space.is_points:
        return _scatter(samples, space)
    tiles = [_enlarged(panels(sample, space), space) for sample in samples]
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    canvas = np.full(
        (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, tiles[0].shape[2]), PAPER, dtype=np.uint8
    )
    for index, tile in enumerate(tiles):
        top = GAP + index // columns * (height + GAP)
        left = GAP + index % columns * (width + GAP)
        canvas[top : top + height, left : left + width] = tile
    return _image(canvas)


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _enlarged(pixels: Pixels, space: Space) -> Pixels:
    factor = max(1, SMALLEST_TILE // max(space.height, space.width))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _stacked(images: Sequence[Image.Image]) -> Image.Image:
    size = max(image.width for image in images), sum(image.height for image in images)
    whole = Image.new("RGB", size, (PAPER,) * 3)
    top = 0
    for image in images:
        whole.paste(image, (0, top))
        top += image.height
    return whole


def _scatter(samples: Samples, space: Space) -> Image.Image:
    """The first two coordinates of every point as a dot."""
    points = samples.reshape(len(samples), -1)[:, :2]
    low = np.array([channel.low for channel in space.channels[:2]])
    high = np.array([channel.high for channel in space.channels[:2]])
    places = ((points - low) / (high - low) * (PLOT_SIZE - 1)).round().astype(int)
    canvas = np.full((PLOT_SIZE, PLOT_SIZE, 3), PAPER, dtype=np.uint8)
    inside = ((places >= 0) & (places < PLOT_SIZE - 1)).all(axis=1)
    for across, up in ((0, 0), (1, 0), (0, 1), (1, 1)):
        canvas[PLOT_SIZE - 1 - places[inside, 1] - up, places[inside, 0] + across] = INK
    return Image.fromarray(canvas)
