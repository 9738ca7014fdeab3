"""Whether two run folders hold the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from equipoise.engine import checkpoint

OF_THE_CLOCK = {"seconds"}
"""What a checkpoint holds that is not a result."""


def assert_same_run(run: Path, reference: Path) -> None:
    """Weights, average, optimiser state, counters, losses.csv, sheets and best generator: equal bit for bit."""
    mine, theirs = (checkpoint.load(checkpoint.entries(path / "checkpoints")[-1].path) for path in (run, reference))
    assert_equal_trees(mine, theirs, "checkpoint")
    assert (run / "losses.csv").read_bytes() == (reference / "losses.csv").read_bytes()
    sheets = sorted(path.name for path in (reference / "samples").glob("*.png"))
    assert sheets == sorted(path.name for path in (run / "samples").glob("*.png"))
    for path in (*(f"samples/{name}" for name in sheets), "best/generator.safetensors"):
        assert (run / path).read_bytes() == (reference / path).read_bytes(), path


def assert_equal_trees(mine: Any, theirs: Any, where: str) -> None:
    """Two trees of tensors and numbers are the same."""
    if isinstance(theirs, torch.Tensor):
        assert torch.equal(mine, theirs), where
    elif isinstance(theirs, dict):
        assert mine.keys() == theirs.keys(), where
        for key in theirs:
            if key not in OF_THE_CLOCK:
                assert_equal_trees(mine[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(mine) == len(theirs), where
        for index, (left, right) in enumerate(zip(mine, theirs, strict=True)):
            assert_equal_trees(left, right, f"{where}.{index}")
    else:
        assert mine == theirs, where
