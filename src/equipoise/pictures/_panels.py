"""How one sample looks: grey, colours, relief, classes, or a spectrogram; several channels side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equipoise.space import Channel, Space

if TYPE_CHECKING:
    from collections.abc import Sequence

Sample = NDArray[np.float32]
"""[C, H, W] in units of the world."""
Pixels = NDArray[np.uint8]

SUN_AZIMUTH, SUN_ALTITUDE = 315.0, 45.0
"""In degrees; from the north-west, or hills look like hollows.  GIS programs have the same."""
METRES_A_DEGREE = 111_320.0
"""Of latitude; and of longitude at the equator, which is near enough for light and shade."""
RELIEF_UNITS = frozenset(("m", "ft"))
"""A continuous channel of terrain in one of these is a height, and shown as relief."""
HEIGHTS = ((38, 70, 83), (42, 127, 98), (138, 177, 125), (233, 196, 106), (214, 140, 90), (240, 235, 230))
SHARES = ((247, 244, 233), (173, 208, 138), (49, 122, 62), (11, 58, 30))
INTENSITIES = ((0, 0, 10), (50, 15, 110), (140, 40, 125), (225, 85, 95), (250, 175, 105), (252, 252, 190))
VISIBLE = ("B04", "B03", "B02")
"""Sentinel-2's red, green and blue."""
ALPHA = "alpha"
UNKNOWN = (255, 0, 255)
"""A code that is in no table of classes."""


def panels(sample: Sample, space: Space) -> Pixels:
    """[H, W, 1 or 3]; channels that are no colours of one picture stand side by side."""
    if space.shown == "spectrogram":
        return np.concatenate([ramp(scaled(sample[at], c), INTENSITIES) for at, c in enumerate(space.channels)], axis=1)
    if space.shown == "terrain" or space.has_categories:
        return np.concatenate([_layer(sample[at], c, space) for at, c in enumerate(space.channels)], axis=1)
    levels = np.stack([scaled(sample[at], c) for at, c in enumerate(space.channels)]) * 255.0
    levels = levels.round()
    if space.channels[-1].name == ALPHA and len(levels) == 4:
        levels = _on_chequers(levels)
    if len(levels) in (1, 3):
        return levels.transpose(1, 2, 0).astype(np.uint8)
    return _of_bands(levels, space)


def _of_bands(levels: NDArray[np.float32], space: Space) -> Pixels:
    """The bands of visible light as one picture in colour, if they are there, then all others in grey."""
    places = {channel.name: at for at, channel in enumerate(space.channels)}
    visible = [places[name] for name in VISIBLE if name in places]
    if len(visible) < len(VISIBLE):
        return np.concatenate(list(levels), axis=1)[:, :, None].astype(np.uint8)
    others = [levels[at] for at in range(len(levels)) if at not in visible]
    parts = [levels[visible], *(np.broadcast_to(level, (3, *level.shape)) for level in others)]
    return np.concatenate(parts, axis=2).transpose(1, 2, 0).astype(np.uint8)


def scaled(values: NDArray[np.float32], channel: Channel) -> NDArray[np.float32]:
    """0 at the channel's lowest value and 1 at its highest; what lies beyond is cut."""
    return channel.share(values).clip(0.0, 1.0)


def ramp(shares: NDArray[np.float32], colours: Sequence[tuple[int, int, int]]) -> Pixels:
    """Shares [H, W] of the way through colours that are evenly spaced, [H, W, 3]."""
    places = np.linspace(0.0, 1.0, len(colours))
    bands = [np.interp(shares, places, [colour[band] for colour in colours]) for band in range(3)]
    return np.stack(bands, axis=-1).round().astype(np.uint8)


def colours_of(channel: Channel) -> Sequence[tuple[int, int, int]]:
    """The ramp on which a continuous channel of terrain is shown."""
    return HEIGHTS if channel.unit in RELIEF_UNITS else SHARES


def hillshade(heights: NDArray[np.float32], cell: float) -> NDArray[np.float32]:
    """How bright a matt slope is in the sun, 0 to 1 (Lambert's law).

    Heights [H, W] are in the unit of `cell`, the side of a pixel.
    """
    down, across = np.gradient(heights, cell)
    sun, height = np.radians(SUN_AZIMUTH), np.radians(SUN_ALTITUDE)
    east, north, up = np.sin(sun) * np.cos(height), np.cos(sun) * np.cos(height), np.sin(height)
    lit: NDArray[np.float32] = (up - east * across + north * down) / np.sqrt(1.0 + across**2 + down**2)
    return lit.clip(0.0, 1.0)


def _layer(values: NDArray[np.float32], channel: Channel, space: Space) -> Pixels:
    if channel.kind == "categorical":
        return _classes(values, channel)
    tint = ramp(scaled(values, channel), colours_of(channel))
    if channel.unit not in RELIEF_UNITS:
        return tint
    cell = abs(space.rows.step) if space.rows is not None else 1.0
    if space.rows is not None and space.rows.unit == "degrees":
        cell *= METRES_A_DEGREE
    light = np.asarray(0.4 + 0.85 * hillshade(values, cell))  # level ground keeps its colour
    return (tint * light[:, :, None]).clip(0, 255).astype(np.uint8)


def _classes(codes: NDArray[np.float32], channel: Channel) -> Pixels:
    pixels = np.full((*codes.shape, 3), UNKNOWN, dtype=np.uint8)
    for item in channel.classes:
        pixels[codes == item.code] = item.colour
    return pixels


def _on_chequers(rgba: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = np.indices(rgba.shape[1:])
    ground = np.where((rows // 4 + columns // 4) % 2 == 0, 204.0, 255.0)
    opacity = rgba[3] / 255.0
    blended: NDArray[np.float32] = (rgba[:3] * opacity + ground * (1.0 - opacity)).astype(np.float32)
    return blended
