"""Sample sheets: many samples in one picture, in their stored units."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from equipoise.files import write_whole_unsynced
from equipoise.space import Space

SMALLEST_TILE = 64
"""Samples below this many pixels are enlarged by a whole factor: nobody can judge a 32-pixel sprite at its own size."""
GAP = 2
PLOT_SIZE = 480
PAPER = 255
INK = (31, 71, 136)

Stored = NDArray[np.float32]


def sheet(samples: Stored, space: Space, columns: int = 8) -> Image.Image:
    """Samples [N, C, H, W] side by side, row by row; plain points as one scatter plot."""
    if space.is_points:
        return _scatter(samples, space)
    tiles = [_tile(sample, space) for sample in samples]
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    canvas = np.full(
        (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, tiles[0].shape[2]), PAPER, dtype=np.uint8
    )
    for index, tile in enumerate(tiles):
        top = GAP + index // columns * (height + GAP)
        left = GAP + index % columns * (width + GAP)
        canvas[top : top + height, left : left + width] = tile
    return Image.fromarray(canvas[:, :, 0] if canvas.shape[2] == 1 else canvas)


def picture(sample: Stored, space: Space) -> Image.Image:
    """One sample [C, H, W] at its own size."""
    pixels = _pixels(sample, space)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG that appears whole or not at all.  The same picture always gives the same bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    write_whole_unsynced(path, buffer.getvalue())


def _tile(sample: Stored, space: Space) -> NDArray[np.uint8]:
    pixels = _pixels(sample, space)
    factor = max(1, SMALLEST_TILE // max(space.height, space.width))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _pixels(sample: Stored, space: Space) -> NDArray[np.uint8]:
    """[H, W, 1 or 3]: grey, colour, colour on a chequered ground, or else all channels in a row as greys."""
    low = np.array([channel.low for channel in space.channels], dtype=np.float32)[:, None, None]
    high = np.array([channel.high for channel in space.channels], dtype=np.float32)[:, None, None]
    scaled = ((sample - low) / (high - low) * 255.0).round().clip(0, 255)
    if len(scaled) == 4:
        scaled = _on_chequers(scaled)
    if len(scaled) in (1, 3):
        return scaled.transpose(1, 2, 0).astype(np.uint8)
    return np.concatenate(list(scaled), axis=1)[:, :, None].astype(np.uint8)


def _on_chequers(rgba: Stored) -> Stored:
    rows, columns = np.indices(rgba.shape[1:])
    ground = np.where((rows // 4 + columns // 4) % 2 == 0, 204.0, 255.0)
    opacity = rgba[3] / 255.0
    blended: Stored = (rgba[:3] * opacity + ground * (1.0 - opacity)).astype(np.float32)
    return blended


def _scatter(samples: Stored, space: Space) -> Image.Image:
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
