"""What a journal says about the data of a run."""

from __future__ import annotations

from equipoise.data.corpus import Corpus
from equipoise.recipe import Recipe
from equipoise.spec import Json

UNEVEN = 2.0
"""Times the share that was asked to be held out, beyond which a person is told."""


def describe_data(corpus: Corpus, path: str | None, recipe: Recipe) -> dict[str, Json]:
    """What the journal says about the data.  `samples` counts those that are trained on."""
    notes: list[Json] = list(corpus.notes)
    parts = corpus.split(recipe.held_out)
    if len(parts.seen) < recipe.batch:
        notes.append(f"{len(parts.seen)} samples make no batch of {recipe.batch}; batches are drawn with replacement")
    if recipe.epoch_images(len(parts.seen)) > len(parts.seen):
        times = recipe.epoch_images(len(parts.seen)) / len(parts.seen)
        notes.append(
            f"an epoch of {recipe.epoch_batches} batches is longer than the data: it shows each {times:.3g} times"
        )
    if len(parts.held_out):
        notes.append(f"{len(parts.held_out)} of {len(corpus)} samples are held out, to measure by; held_out=0 uses all")
    elif recipe.held_out:
        notes.append(
            f"none of {len(corpus)} samples are held out: there are too few, or too few groups; "
            "copies of them cannot be told from learning"
        )
    if len(parts.held_out) > UNEVEN * recipe.held_out * len(corpus):
        notes.append("that is far more than was asked for: the groups that samples come from are few, or uneven")
    return {
        "path": path,
        "digest": corpus.digest,
        "samples": len(parts.seen),
        "epoch_images": recipe.epoch_images(len(parts.seen)),
        "held_out": len(parts.held_out),
        "space": str(corpus.space),
        "left_out": corpus.num_left_out,
        "notes": notes,
    }
