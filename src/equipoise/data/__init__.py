"""Data: where samples come from, and the corpus they become.  Importing this package imports neither torch nor
scikit-learn; what needs torch is in `equipoise.data.feed`."""

from equipoise.data.corpus import Corpus, DataError, LeftOut
from equipoise.data.digits import Digits, StackedDigits
from equipoise.data.images import Images
from equipoise.data.labelled import LabelledImages
from equipoise.data.labels import Scale
from equipoise.data.patches import Patches
from equipoise.data.points import Grid, Points, Ring
from equipoise.data.raster import Layer, Limit, Raster
from equipoise.data.spectrogram import Spectrogram

__all__ = [
    "Corpus",
    "DataError",
    "Digits",
    "Grid",
    "Images",
    "LabelledImages",
    "Layer",
    "LeftOut",
    "Limit",
    "Patches",
    "Points",
    "Raster",
    "Ring",
    "Scale",
    "Spectrogram",
    "StackedDigits",
]
