"""The ways a part is written down: as JSON, as a digest, and as rows of ``path: value``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from equipoise.spec.knob import is_prose, join
from equipoise.spec.part import Part, hints
from equipoise.spec.tags import TAG

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

DIGEST_DIGITS = 16
"""64 bits: two recipes agree by chance only among some 10^9 of them."""


def encode(value: object, *, prose: bool = True) -> Json:
    """The JSON form of a part, or of a value inside one; without what only explains when `prose` is false."""
    if isinstance(value, Part):
        named = {name: encode(getattr(value, name), prose=prose) for name in _shown(value, prose)}
        return {TAG: value.tag(), **named}
    if isinstance(value, Mapping):
        return {name: encode(item, prose=prose) for name, item in value.items()}
    if isinstance(value, tuple):
        return [encode(item, prose=prose) for item in value]
    return cast(Json, value)


def digest(part: Part) -> str:
    """A hash of everything in a part that acts; prose is left out.  16 hexadecimal digits.

    The order in which a document names a part's settings does not matter; the order of a table's entries does.
    """
    text = json.dumps(encode(part, prose=False), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


def flatten(part: Part) -> dict[str, Json]:
    """Every setting of a tree of parts as ``path: value``, in order, prose left out.

    A part below the root has a row of its own with its tag, and a table one with its names.
    """
    rows: dict[str, Json] = {}
    _flatten(part, "", rows)
    return rows


def _shown(part: Part, prose: bool) -> list[str]:
    return [name for name, hint in hints(type(part)).items() if prose or not is_prose(hint)]


def _flatten(value: Any, path: str, rows: dict[str, Json]) -> None:
    if isinstance(value, Part):
        if path:
            rows[path] = value.tag()
        below = {name: getattr(value, name) for name in _shown(value, prose=False)}
    elif isinstance(value, Mapping):
        rows[path] = list(value)
        below = dict(value)
    elif isinstance(value, tuple) and any(isinstance(item, Part) for item in value):
        below = {str(at): item for at, item in enumerate(value)}
    else:
        rows[path] = encode(value)
        return
    for name, item in below.items():
        _flatten(item, join(path, name), rows)
