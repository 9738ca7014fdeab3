"""The base of everything that can be written in a recipe, and the one check that every setting passes.

The check has one function for each kind of annotation.  Each returns the value as it will be stored and appends what is
wrong to `problems`; what it returns after a problem is not used.
"""

from __future__ import annotations

import inspect
import math
import types
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, Self, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from equipoise.spec.knob import Knob, Problem, SpecError, did_you_mean, join, knob_of
from equipoise.spec.table import Table
from equipoise.spec.tags import TAG, resolve, tag_of

V = TypeVar("V")

SHOWN_CHARACTERS = 60
"""A faulty value longer than this is cut in messages, which are one line each."""


@dataclass(frozen=True)
class Part(ABC):  # noqa: B024 - its kinds are abstract, each in its own methods
    """Base of everything that can be written in a recipe."""

    def __post_init__(self) -> None:
        problems: list[Problem] = []
        for name, hint in hints(type(self)).items():
            object.__setattr__(self, name, _read(getattr(self, name), hint, name, problems))
        if not problems:
            problems.extend(self.problems())
        if problems:
            raise SpecError(problems)

    def problems(self) -> Iterator[Problem]:
        """Faults between fields that are each valid alone."""
        return iter(())

    @classmethod
    def tag(cls) -> str:
        return tag_of(cls)


@dataclass(frozen=True)
class Quantity(Part):
    """A part that stands where a number is expected, such as a schedule."""

    @abstractmethod
    def extremes(self) -> tuple[float, float]:
        """The lowest and highest number it can be."""

    @abstractmethod
    def scaled(self, factor: float) -> Self:
        """The same shape with every value multiplied by `factor`."""


@cache
def hints(kind: type[Part]) -> Mapping[str, Any]:
    """The annotation of each field of a part's class, in order."""
    resolved = get_type_hints(kind, include_extras=True)
    return {field.name: resolved[field.name] for field in fields(kind)}


def decode(document: object, expected: type[V]) -> V:
    """The part of kind `expected` that a JSON document describes.  Raises `SpecError` with every fault of it."""
    problems: list[Problem] = []
    part = _read(document, expected, "", problems)
    if problems:
        raise SpecError(problems)
    return cast(V, part)


def _read(value: Any, hint: Any, path: str, problems: list[Problem]) -> Any:
    origin = get_origin(hint)
    if origin is Annotated:
        return _read_bounded(value, hint, path, problems)
    if origin in (Union, types.UnionType):
        return _read_union(value, get_args(hint), path, problems)
    if origin is Literal:
        return _read_choice(value, get_args(hint), path, problems)
    if origin is tuple:
        return _read_tuple(value, get_args(hint), path, problems)
    if origin is Mapping:
        return _read_table(value, get_args(hint)[1], path, problems)
    if _is_part(hint):
        return _read_part(value, hint, path, problems)
    return _read_scalar(value, hint, path, problems)


def _read_bounded(value: Any, hint: Any, path: str, problems: list[Problem]) -> Any:
    found: list[Problem] = []
    result = _read(value, hint.__origin__, path, found)
    knob = knob_of(hint)
    if knob is not None and not found:
        found.extend(_out_of_bounds(result, knob, path))
    problems.extend(found)
    return result


def _out_of_bounds(value: Any, knob: Knob, path: str) -> Iterator[Problem]:
    if isinstance(value, Quantity):
        outside = [end for end in value.extremes() if not knob.admits(end)]
        if outside:
            yield Problem(path, f"reaches {outside[0]:g}; it must be {knob.allowed()}")
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from _out_of_bounds(item, knob, join(path, at))
    elif _is_number(value) and not knob.admits(value):
        yield Problem(path, f"is {value:g}; it must be {knob.allowed()}")


def _read_scalar(value: Any, hint: Any, path: str, problems: list[Problem]) -> Any:
    if hint is float and _is_number(value):
        value = _as_float(value)
    fits = _is_number(value) and isinstance(value, hint) if hint in (int, float) else isinstance(value, hint)
    if not fits:
        problems.append(Problem(path, f"is {_show(value)}; {_name(hint)} belongs here"))
    elif isinstance(value, float) and not math.isfinite(value):
        problems.append(Problem(path, f"is {value}; a finite number belongs here"))
    return value


def _read_choice(value: Any, choices: tuple[Any, ...], path: str, problems: list[Problem]) -> Any:
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        meant = did_you_mean(value, map(str, choices)) if isinstance(value, str) else ""
        allowed = ", ".join(map(repr, choices))
        problems.append(Problem(path, f"is {_show(value)}; allowed: {allowed}{meant}"))
    return value


def _read_tuple(value: Any, items: tuple[Any, ...], path: str, problems: list[Problem]) -> Any:
    if not isinstance(value, list | tuple):
        problems.append(Problem(path, f"is {_show(value)}; a list belongs here"))
        return value
    if len(items) == 2 and items[1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(items) != len(value):
        problems.append(Problem(path, f"has {len(value)} entries; it needs {len(items)}"))
        return value
    pairs = enumerate(zip(value, items, strict=True))
    return tuple(_read(item, hint, join(path, at), problems) for at, (item, hint) in pairs)


def _read_table(value: Any, hint: Any, path: str, problems: list[Problem]) -> Any:
    if not isinstance(value, Mapping) or TAG in value:
        problems.append(Problem(path, f"is {_show(value)}; named entries belong here"))
        return value
    nameless = [name for name in value if not isinstance(name, str) or not name]
    problems.extend(Problem(path, f"has an entry named {name!r}; a name is a text") for name in nameless)
    return Table({name: _read(item, hint, join(path, name), problems) for name, item in value.items()})


def _read_union(value: Any, arms: tuple[Any, ...], path: str, problems: list[Problem]) -> Any:
    attempts: list[tuple[Any, list[Problem]]] = []
    for arm in arms:
        found: list[Problem] = []
        result = _read(value, arm, path, found)
        if not found:
            return result
        attempts.append((arm, found))
    meant = [found for arm, found in attempts if _is_meant_as(value, arm)]
    allowed = ", ".join(map(_name, arms))
    problems.extend(meant[0] if meant else [Problem(path, f"is {_show(value)}; allowed: {allowed}")])
    return value


def _read_part(value: Any, kind: type[Part], path: str, problems: list[Problem]) -> Any:
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get(TAG), str):
        problems.append(Problem(path, f"is {_show(value)}; {_name(kind)} belongs here"))
        return value
    try:
        actual = resolve(value[TAG], Part)
    except LookupError as error:
        problems.append(Problem(path, str(error)))
        return value
    if not issubclass(actual, kind):
        problems.append(Problem(path, f"is {_a(actual.__name__)}; {_name(kind)} belongs here"))
    elif inspect.isabstract(actual):
        problems.append(Problem(path, f"{actual.__name__} is only the base of its kinds; name one of them"))
    else:
        return _build(actual, value, path, problems)
    return value


def _build(kind: type[Part], document: Mapping[str, Any], path: str, problems: list[Problem]) -> Any:
    found = [*_unknown_names(kind, document, path), *_missing_names(kind, document, path)]
    named = {name: hint for name, hint in hints(kind).items() if name in document}
    settings = {name: _read(document[name], hint, join(path, name), found) for name, hint in named.items()}
    if not found:
        try:
            return kind(**settings)
        except SpecError as error:
            found = [problem.under(path) for problem in error.problems]
    problems.extend(found)
    return document


def _unknown_names(kind: type[Part], document: Mapping[str, Any], path: str) -> Iterator[Problem]:
    known = hints(kind)
    for name in document:
        if name != TAG and name not in known:
            yield Problem(join(path, name), f"{kind.__name__} has no such setting{did_you_mean(name, known)}")


def _missing_names(kind: type[Part], document: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for field in fields(kind):
        if field.default is field.default_factory is MISSING and field.name not in document:
            yield Problem(join(path, field.name), f"is missing; it takes {_name(hints(kind)[field.name])}")


def _is_part(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Part)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(number: float) -> float:
    """Whole numbers may stand for floats.  Minus zero becomes zero, so that equal parts have equal digests."""
    try:
        return float(number) + 0.0
    except OverflowError:  # a whole number of more than 308 digits: refused as infinite
        return math.inf


def _is_meant_as(value: Any, arm: Any) -> bool:
    """Whether `value` was plainly meant as this arm of a union, so that the arm's own fault is the news."""
    bare = arm.__origin__ if get_origin(arm) is Annotated else arm
    if _is_part(bare):
        return isinstance(value, bare) or (isinstance(value, Mapping) and TAG in value)
    if bare in (int, float):
        return _is_number(value)
    kinds = {Literal: str, tuple: list | tuple, Mapping: Mapping}
    return isinstance(value, kinds.get(get_origin(bare), ()))


def _name(hint: Any) -> str:
    """What an annotation admits, in words."""
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
    if hint in words:
        return words[hint]
    origin = get_origin(hint)
    if origin is Annotated:
        return _name(hint.__origin__)
    if origin is Literal:
        return ", ".join(map(repr, get_args(hint)))
    if origin in (Union, types.UnionType):
        return " or ".join(map(_name, get_args(hint)))
    return {tuple: "a list", Mapping: "named entries"}.get(origin) or _a(hint.__name__)


def _show(value: object) -> str:
    text = _a(type(value).__name__) if isinstance(value, Part) else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "AEIOU" else f"a {noun}"
