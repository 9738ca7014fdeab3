"""Jupyter notebooks: what their cells printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from equipoise.doctor.readers.lines import split
from equipoise.errors import RequestError


def printed(text: str, path: object) -> Iterator[str]:
    """Every line that a cell of a notebook printed.  Raises `RequestError` when it is no whole notebook."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else f"it is cut off or damaged ({error})"
        raise RequestError(f"{path} begins as a notebook but cannot be read: {why}") from error
    for cell in _cells(notebook):
        for output in _dicts(cell.get("outputs")):
            yield from split(_text(output.get("text")))
            data = output.get("data")
            if isinstance(data, dict):
                yield from split(_text(data.get("text/plain")))


def _cells(notebook: Any) -> Iterator[dict[str, Any]]:
    """Of format 4, and of format 3, where they lie on work sheets."""
    if isinstance(notebook, dict):
        yield from _dicts(notebook.get("cells"))
        for sheet in _dicts(notebook.get("worksheets")):
            yield from _dicts(sheet.get("cells"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A text, be it written as one or as a list of lines."""
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""
