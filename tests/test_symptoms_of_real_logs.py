"""Public training logs with known ends: what collapsed is found, since when, and what did not is left in peace."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from equipoise.doctor.examining import examine
from equipoise.doctor.game import GAMES
from equipoise.doctor.trace import Series, Trace

pytestmark = pytest.mark.real

KEYS = {"vanilla": "bce", "least_square": "lsgan", "wasserstein": "wgan", "hinge": "hinge", "?": "hinge"}
TRAINING = {"d_loss": "d_loss", "g_loss": "g_loss", "ada_p": "augment_p"}
EVALUATIONS = {"fid": "fid", "f8_recall": "recall", "f1_8_precision": "precision"}
ROW = re.compile(
    r"\| CIFAR10/(?P<run>\S+) \| (?P<loss>\S+) \|.*\*\*(?P<end>\w+)\*\* \|[^|]*\|[^|]*\| (?P<onset>\S+) \|"
)
EARLIEST, LATEST = 0.4, 1.2
"""Of the onset that hindsight gives: a rule that needs three evaluations may be earlier, and hardly later."""


def columns(path: Path, names: dict[str, str]) -> dict[str, Series]:
    """A log that was resumed repeats steps: the later row counts."""
    with path.open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    found = {}
    for column, name in names.items():
        cells = {float(row["step"]): float(row[column]) for row in table if row[column]}
        if cells:
            found[name] = Series.of(*zip(*sorted(cells.items()), strict=True))
    return found


def logs(folder: Path) -> list[tuple[str, float | None, Trace, Trace]]:
    """The known end of each run, its onset, all that is known of it, and its losses alone."""
    found = []
    for row in ROW.finditer((folder / "INDEX.md").read_text(encoding="utf-8")):
        losses = columns(folder / f"CIFAR10__{row['run']}.train.csv", TRAINING)
        samples = columns(folder / f"CIFAR10__{row['run']}.eval.csv", EVALUATIONS)
        onset = float(row["onset"]) if row["onset"] != "-" else None
        game = GAMES[KEYS[row["loss"]]]
        found.append((row["end"], onset, Trace({**losses, **samples}, game, batch=64), Trace(losses, game, batch=64)))
    return found


def test_ends_are_told(shared_data: Path) -> None:
    runs = logs(shared_data / "logs")
    assert len(runs) == 25
    for end, onset, whole, losses in runs:
        examination = examine(whole)
        if end == "healthy":
            assert examination.verdict == "healthy", examination.why
        elif end == "late_collapse":
            first = examination.diagnoses[0]
            assert (examination.verdict, first.symptom.key) == ("ill", "late-collapse")
            assert onset is not None
            assert first.onset is not None
            assert EARLIEST * onset < first.onset < LATEST * onset
        elif end == "never_learned":
            assert examination.diagnoses[0].symptom.key == "dead-critic", "its weights were clipped to nothing"
        assert not any(diagnosis.is_certain for diagnosis in examine(losses).diagnoses), "losses alone only warn"


def test_losses_alone_find_most_collapses_and_little_else(shared_data: Path) -> None:
    warned = [(end, bool(examine(losses).diagnoses)) for end, _, _, losses in logs(shared_data / "logs")]
    ill = [seen for end, seen in warned if end in ("late_collapse", "never_learned")]
    well = [seen for end, seen in warned if end == "healthy"]
    assert sum(ill) >= 5
    assert sum(well) <= 1, "one critic's loss holds a contrastive term beside the game"
