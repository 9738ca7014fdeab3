"""Tags: the import path of a part's class, which stands for the class in JSON.

Classes of a private module are tagged as their package exports them (``equipoise.recipe.Adam``), so that a class may
move inside its package and what was written before is still understood.

Importing runs code, so a tag is looked at before it is followed: it must be a plain public path into this package or
into an installed package that declares an ``equipoise.parts`` entry point.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TypeVar

from equipoise.spec.knob import did_you_mean

B = TypeVar("B")

TAG = "part"
OWN_PACKAGE = "equipoise"
ENTRY_POINT_GROUP = "equipoise.parts"


def tag_of(kind: type) -> str:
    public = [step for step in kind.__module__.split(".") if not step.startswith("_")]
    return ".".join([*public, kind.__qualname__])


def resolve(tag: str, base: type[B]) -> type[B]:
    """The subclass of `base` that a tag names.  Raises `LookupError` in words for a person."""
    module_name, _, name = tag.rpartition(".")
    if not all(step.isidentifier() and not step.startswith("_") for step in tag.split(".")):
        raise LookupError(f"{tag!r} is not the import path of a part")
    if module_name.partition(".")[0] not in trusted_packages():
        raise LookupError(f"{tag!r} is not from a trusted package; only {OWN_PACKAGE} and installed plug-ins are")
    known = _defined_in(module_name, tag, base)
    if name not in known:
        raise LookupError(f"{module_name} has no part {name!r}{did_you_mean(name, known)}")
    return known[name]


def in_full(tag: str) -> str:
    """A tag as it is shown, without this package's name, in full; any other as it is."""
    full = f"{OWN_PACKAGE}.{tag}"
    if tag.partition(".")[0] in trusted_packages():
        return tag
    try:
        resolve(full, object)
    except LookupError:
        return tag
    return full


@cache
def trusted_packages() -> frozenset[str]:
    """The packages whose modules a tag may import."""
    from importlib.metadata import entry_points  # 25 ms that only a reader of JSON should pay

    plugins = entry_points(group=ENTRY_POINT_GROUP)
    return frozenset({OWN_PACKAGE, *(point.module.partition(".")[0] for point in plugins)})


def _defined_in(module_name: str, tag: str, base: type[B]) -> dict[str, type[B]]:
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise LookupError(f"{tag!r} names no part: {error}") from error
    classes = {name: item for name, item in vars(module).items() if isinstance(item, type)}
    return {
        name: item
        for name, item in classes.items()
        if issubclass(item, base) and tag_of(item) == f"{module_name}.{name}"
    }
