"""Equipoise: GANs on small, unusual data, without collapse.

``equipoise.train(recipe, data)`` trains, ``equipoise.resume(run)`` trains on, and ``equipoise.diagnose(log)`` says what
is wrong with a run, anybody's.
``equipoise.Recipe`` and the packages ``terms``, ``networks``, ``data`` and ``augment`` are what recipes are made of.
The names are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from equipoise.doctor.diagnosing import diagnose
    from equipoise.edit import Edit
    from equipoise.errors import Fault, RequestError
    from equipoise.recipe import Recipe
    from equipoise.spec import SpecError
    from equipoise.training import resume, train
    from equipoise.watch import Watch

__version__ = "0.1.0"
__all__ = ["Edit", "Fault", "Recipe", "RequestError", "SpecError", "Watch", "diagnose", "resume", "train"]

_HOMES = {
    "Edit": "equipoise.edit",
    "Fault": "equipoise.errors",
    "Recipe": "equipoise.recipe",
    "RequestError": "equipoise.errors",
    "SpecError": "equipoise.spec",
    "Watch": "equipoise.watch",
    "diagnose": "equipoise.doctor.diagnosing",
    "resume": "equipoise.training",
    "train": "equipoise.training",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
