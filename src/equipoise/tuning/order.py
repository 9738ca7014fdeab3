"""In which order settings are tuned, and which values are tried, where nobody says: as the notes on sprites do it.

Their section 7: the weight of the penalty before anything else, then the rhythm of the updates and the learning rates,
and the size of networks last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from equipoise.spec import Json

PENALTIES: Final = "equipoise.terms.penalties."
NETWORKS: Final = ("generator", "critic", "encoder")
"""Whose settings a half-trained network cannot take over: their trials begin anew."""
LEVELS: Final[Sequence[str]] = ("penalty", "rhythm", "rate", "batch", "augmentation", "other", "network")
DEFAULT_LEVELS: Final = ("penalty", "rhythm", "rate")
"""What is tuned where nobody says what."""

RATIOS: Final = (0.25, 0.5, 2.0, 4.0)
"""Times the recipe's value.  The notes halve and double; their neighbours are a guess."""
RATIOS_OF_RATES: Final = (0.1, 0.3, 2.0, 4.0)
"""The notes lower learning rates by 5 to 10."""
LADDERS: Final[Mapping[str, Sequence[float]]] = {
    "d_updates": (1, 2, 3, 5, 7, 10),  # notes on sprites, sections 2.2 and 4.1
    "g_updates": (1, 2),  # notes on radio bursts
    "beta1": (0.0, 0.5, 0.9),  # Gulrajani et al. 2017; Radford et al. 2016; Kingma & Ba 2015
    "beta2": (0.9, 0.99, 0.999),  # Gulrajani et al. 2017; Karras et al. 2020; Kingma & Ba 2015
    "decay": (0.99, 0.995, 0.998, 0.999, 0.9995),  # notes: 0.999
}
"""Values that are known to work somewhere, by the name of the setting: its neighbours are tried."""
NEIGHBOURS: Final = 2
"""On each side."""
REACH: Final = 10.0
"""Times, and a part of, the recipe's value: the range of a setting that is searched in ratios."""

NOT_TUNED: Final[Mapping[str, str]] = {
    "source": "it would change the samples by which all trials are measured",
    "held_out": "it would change the samples by which all trials are measured",
    "best_by": "it would change the measure, not what is measured",
    "length": "--budget and --horizon say how long trials are",
    "seed": "no seed is better than another",
    "cadence": "it changes nothing in the training",
    "precision": "it changes the speed, which is not measured",
    "tailor": "the recipe is fitted once, before anything is tuned",
}
"""Why not, by a step of the path."""

SUFFIXES: Final[Mapping[str, str]] = {
    "n_critic": "d_updates",
    "lambda_gp": "gp.weight",
    "batch_size": "batch",
    "latent_dim": "generator.latent",
    "gen_feature_maps": "generator.width",
    "disc_feature_maps": "critic.width",
}
"""The notes' names."""


def level(path: str, rows: Mapping[str, Json]) -> int:
    """The place of a setting in the notes' order; `rows` is the recipe by path."""
    parent, _, name = path.rpartition(".")
    first = path.partition(".")[0]
    if first in NETWORKS:
        return LEVELS.index("network")
    if name == "weight" and str(rows.get(parent, "")).startswith(PENALTIES):
        return LEVELS.index("penalty")
    found = {"d_updates": "rhythm", "g_updates": "rhythm", "lr": "rate", "batch": "batch", "augment": "augmentation"}
    return LEVELS.index(found.get(name) or found.get(first) or "other")


def begins_anew(path: str) -> bool:
    """Whether a run with another value must begin anew: also where the weights would fit, a network that has learned
    in one form has an advantage in it."""
    return path.partition(".")[0] in NETWORKS


def neighbours(name: str, own: float) -> list[float]:
    """Known values beside the recipe's, of a setting that has a ladder."""
    ladder = LADDERS[name]
    below, above = [rung for rung in ladder if rung < own], [rung for rung in ladder if rung > own]
    return [*below[-NEIGHBOURS:], *above[:NEIGHBOURS]]


def ratios(name: str) -> Sequence[float]:
    return RATIOS_OF_RATES if name == "lr" else RATIOS
