"""What a recipe is: a tree of parts that says everything about a training run but where the data lies.

Nothing here imports torch, so that a recipe can be read, checked and compared without it.
"""

from equipoise.recipe._budget import Budget
from equipoise.recipe._fitting import Circumstances, Fitting, fitted, source_fitted
from equipoise.recipe._parts import Adversarial, Critic, Generator, Network, Operation, Source, Tailor, Term
from equipoise.recipe._settings import (
    Adam,
    Adaptive,
    Augment,
    Average,
    BestBy,
    Cadence,
    Categories,
    Phase,
    Precision,
    Span,
)
from equipoise.recipe._whole import BY_HAND, Recipe, edited, stale_reasons

__all__ = [
    "BY_HAND",
    "Adam",
    "Adaptive",
    "Adversarial",
    "Augment",
    "Average",
    "BestBy",
    "Budget",
    "Cadence",
    "Categories",
    "Circumstances",
    "Critic",
    "Fitting",
    "Generator",
    "Network",
    "Operation",
    "Phase",
    "Precision",
    "Recipe",
    "Source",
    "Span",
    "Tailor",
    "Term",
    "edited",
    "fitted",
    "source_fitted",
    "stale_reasons",
]
