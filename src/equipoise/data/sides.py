"""How large the pictures of a folder are, told from the headers of some of them."""

from __future__ import annotations

import statistics
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from equipoise.data.decode import DAMAGE
from equipoise.data.listing import Listing

LOOKED_AT = 64
"""Files, evenly over the folder.  Opening one reads its first kilobytes only."""


def typical_side(listing: Listing) -> int | None:
    """The median of the shorter sides in pixels; None where none of the files looked at can be read."""
    places = np.unique(np.linspace(0, len(listing.names) - 1, LOOKED_AT).round().astype(int))
    sides = [side for place in places if (side := _side(listing.root / listing.names[place])) is not None]
    return round(statistics.median(sides)) if sides else None


def _side(path: Path) -> int | None:
    """None for a file that decoding will name and leave out."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            return min(image.size)
    except (*DAMAGE, Image.DecompressionBombError):
        return None
