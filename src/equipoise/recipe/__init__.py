"""What a recipe is: a tree of parts that says everything about a training run but where the data lies.

Nothing here imports torch, so that a recipe can be read, checked and compared without it.
"""

from equipoise.recipe._budget import Budget
from equipoise.recipe._fitting import Circumstances, Fitting, fitting_of, source_fitted
from equipoise.recipe._parts import (
    Adversarial,
    Critic,
    Encoder,
    Generator,
    Needed,
    Network,
    Operation,
    Source,
    Tailor,
    Taken,
    Term,
    home_of,
)
from equipoise.recipe._settings import (
    Adam,
    Adaptive,
    Augment,
    Autopilot,
    Average,
    BestBy,
    Cadence,
    Categories,
    Phase,
    Precision,
    Retuned,
    Span,
)
from equipoise.recipe._stretching import stretched
from equipoise.recipe._whole import BY_HAND, Recipe, edited, stale_reasons

__all__ = [
    "BY_HAND",
    "Adam",
    "Adaptive",
    "Adversarial",
    "Augment",
    "Autopilot",
    "Average",
    "BestBy",
    "Budget",
    "Cadence",
    "Categories",
    "Circumstances",
    "Critic",
    "Encoder",
    "Fitting",
    "Generator",
    "Needed",
    "Network",
    "Operation",
    "Phase",
    "Precision",
    "Recipe",
    "Retuned",
    "Source",
    "Span",
    "Tailor",
    "Taken",
    "Term",
    "edited",
    "fitting_of",
    "home_of",
    "source_fitted",
    "stale_reasons",
    "stretched",
]
