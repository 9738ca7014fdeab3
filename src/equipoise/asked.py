"""What a person types, turned into recipes, edits and places."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from equipoise import recipes
from equipoise.edit import Edit
from equipoise.errors import RequestError
from equipoise.folder import read_recipe_file
from equipoise.recipe import Recipe, edited
from equipoise.recipes.augmenting import with_ada

MODULE_OF_FILE = "equipoise_recipe_file"


def find_recipe(text: str) -> Recipe:
    """The recipe meant by a name, ``recipe.json``, a run's folder, or ``file.py:function``.  Raises `RequestError`."""
    file, colon, function = text.rpartition(":")
    if colon and file.endswith(".py"):
        return _from_python(Path(file), function)
    path = Path(text)
    if path.suffix == ".json":
        if not path.is_file():
            raise RequestError(f"{path}: there is no such recipe file")
        return read_recipe_file(path)
    if (path / "recipe.json").is_file():
        return read_recipe_file(path / "recipe.json")
    return recipes.load(text)


def as_set(recipe: Recipe, changes: list[str], *, ada: bool = False) -> Recipe:
    """The recipe with ``--ada`` and then ``--set path=value`` changes made.  Raises `equipoise.spec.SpecError`."""
    recipe = with_ada(recipe) if ada else recipe
    return edited(recipe, [Edit.parse(change) for change in changes])


def _from_python(path: Path, function: str) -> Recipe:
    """Call a person's own function.  It is their code; what it raises is shown to them as it is."""
    if not path.is_file():
        raise RequestError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(MODULE_OF_FILE, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_OF_FILE] = module
    spec.loader.exec_module(module)
    build: Any = getattr(module, function, None)
    if not callable(build):
        raise RequestError(f"{path} has no function {function!r}")
    recipe = build()
    if not isinstance(recipe, Recipe):
        raise RequestError(f"{path}:{function} returns a {type(recipe).__name__}; an equipoise.Recipe is needed")
    return recipe
