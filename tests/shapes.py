"""The type checker for the shapes in annotations; `conftest` puts it into every module through which tensors flow."""

from __future__ import annotations

from collections.abc import Callable

from beartype import beartype


def checked(function: Callable[..., object]) -> Callable[..., object]:
    """`function` with its arguments checked at each call, unless it is a constructor.

    A part's constructor checks itself and reports better; it also takes what the annotations do not say: whole numbers
    for floats, lists for tuples, and the JSON form of any part.
    """
    return function if function.__name__ == "__init__" else beartype(function)
