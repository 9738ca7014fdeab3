"""What terms that compare samples take from a view, once it is certain that it is there and fits together."""

from __future__ import annotations

import torch
from torch import Tensor

from equipoise.view import Conditions, Samples, View


def precise(values: Tensor) -> Tensor:
    """In float32 or better.  With the 8 bits of bfloat16 a difference of near neighbours is mostly rounding."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def pair_of(view: View) -> tuple[Samples, Samples]:
    """`View.pair` in float32 or better: what was made, and what was wanted, which takes no gradient.

    Raises `ValueError` where the view has no pair, or where the two differ in shape and would broadcast.
    """
    made, wanted = view.pair
    if made.shape != wanted.shape:
        raise ValueError(
            f"made samples of shape {list(made.shape)} meet wanted ones of shape {list(wanted.shape)}; "
            "each must have its own of the same size"
        )
    return precise(made), precise(wanted).detach()


def fakes_of(view: View) -> Samples:
    """The fakes before augmentation, in float32 or better.  Raises `ValueError` where a view was made without."""
    if view.made is None:
        raise ValueError("this view was made without the fakes before augmentation; terms that compare samples need it")
    return precise(view.made)


def conditions_of(view: View, count: int) -> Conditions:
    """The conditions of the batch, in float32 or better, one row for each of `count` samples.  Raises `ValueError`."""
    conditions = view.wanted.conditions
    if conditions is None:
        raise ValueError("no conditions belong to these samples; read them from a source that has conditions")
    if len(conditions) != count:
        raise ValueError(f"conditions of {len(conditions)} samples meet {count} samples; each must have its own")
    return precise(conditions)
