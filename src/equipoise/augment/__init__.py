"""Augmentation: random changes that leave a sample plausible, drawn anew for each, in batch, on the samples' device.

Everything is differentiable by the samples, so that fakes may be changed too, and works for any number of channels.
Randomness comes from torch's global generators.  An operation whose settings are all zero gives back the very tensor
that it got.
"""

from equipoise.augment._applying import apply
from equipoise.augment._chance import normal_like
from equipoise.augment._moves import Flip, Move, Padding, QuarterTurns, Rotate, Scale, Translate, move
from equipoise.augment._values import ColourJitter, Cutout, Noise

__all__ = [
    "ColourJitter",
    "Cutout",
    "Flip",
    "Move",
    "Noise",
    "Padding",
    "QuarterTurns",
    "Rotate",
    "Scale",
    "Translate",
    "apply",
    "move",
    "normal_like",
]
