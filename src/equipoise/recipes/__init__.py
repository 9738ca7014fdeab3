"""The recipes that come with the package: one small file each, a reason beside each number.

``catalogue.json`` beside this file is what ``equipoise recipes`` shows; ``python -m equipoise.recipes`` writes it anew.
It is there so that reading about recipes does not have to import them, and with them torch.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from equipoise.errors import RequestError
from equipoise.recipe import Recipe
from equipoise.spec import did_you_mean

NAMES = (
    "auto",
    "terrain",
    "bursts",
    "sentinel2_sr",
    "landscapes",
    "digits",
    "sprites_small",
    "sprites_large",
    "ring",
    "grid",
)
"""In the order in which a newcomer should meet them.  Each is a function of that name in a module of that name."""


def load(name: str) -> Recipe:
    """The recipe of that name.  Raises `RequestError` with the nearest name that exists."""
    if name not in NAMES:
        raise unknown(name)
    module = importlib.import_module(f"{__name__}.{name}")
    recipe = getattr(module, name)()
    assert isinstance(recipe, Recipe)
    return recipe


def unknown(name: str) -> RequestError:
    """What to say of a name that no recipe has."""
    return RequestError(f"there is no recipe {name!r}{did_you_mean(name, NAMES)}; there are {', '.join(NAMES)}")


def catalogue() -> Mapping[str, Any]:
    """What each recipe is and holds: ``{name: {"summary": ..., "rows": [{"path", "value", ...}, ...]}}``."""
    text = files(__name__).joinpath("catalogue.json").read_text(encoding="utf-8")
    document: Mapping[str, Any] = json.loads(text)
    return document
