"""How large the pictures of a folder are, told from the headers of some of them."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from equipoise.data.corpus import DataError
from equipoise.data.decode import DAMAGE
from equipoise.data.listing import Listing

Shape = tuple[int, int]
"""Height and width."""

LOOKED_AT = 64
"""Files, evenly over the folder.  Opening one reads its first kilobytes only."""


def typical_side(listing: Listing) -> int | None:
    """The median of the shorter sides in pixels; None where none of the files looked at can be read."""
    sides = [min(shape) for shape in shapes(listing)]
    return round(statistics.median(sides)) if sides else None


def shapes(listing: Listing) -> list[Shape]:
    """Of some files, evenly over the folder; of none that cannot be read."""
    places = np.unique(np.linspace(0, len(listing.names) - 1, LOOKED_AT).round().astype(int))
    return [shape for place in places if (shape := _shape(listing.root / listing.names[place])) is not None]


def typical_shape(seen: Sequence[Shape]) -> Shape:
    """The commonest.  Raises `DataError` where none is known."""
    if not seen:
        raise DataError("none of the samples can be read as a picture")
    return max(seen, key=seen.count)


def _shape(path: Path) -> Shape | None:
    """None for a file that decoding will name and leave out."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            width, height = image.size
            return height, width
    except (*DAMAGE, Image.DecompressionBombError):
        return None
