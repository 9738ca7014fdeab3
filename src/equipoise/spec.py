"""Parts: immutable objects that are their own configuration, and their exact JSON form.

A part is a frozen dataclass derived from `Part`.  Its fields are its settings, its methods are its
behaviour.  A field's annotation is its whole contract: the type, and, through `Knob`, the bounds, the
unit and what the number is for::

    @dataclass(frozen=True)
    class GradientPenalty(Part):
        weight: Annotated[float, Knob("strength of the penalty", low=0)] = 10.0

The same check runs in the constructor and while reading JSON, so a part that exists is valid.  All faults
of a document are reported at once, each with its path and, where a name is misspelt, the likely one.

In JSON a part is an object with a tag, ``{"part": "equipoise.terms.penalties.GradientPenalty", ...}``.  The tag is
the import path, so nothing needs to be registered.  Reading a tag imports code: only modules of this
package, and of packages that declare an ``equipoise.parts`` entry point, are ever imported.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import json
import math
import types
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from importlib.metadata import entry_points
from typing import (
    Annotated,
    Any,
    Literal,
    Self,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
V = TypeVar("V")

TAG = "part"
OWN_PACKAGE = "equipoise"
ENTRY_POINT_GROUP = "equipoise.parts"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a document: where it is and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SpecError(ValueError):
    """A part cannot exist as asked for.  `problems` holds every fault found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Knob:
    """What a setting means and which values it may take.

    `low` and `high` are inclusive; `above` is an exclusive lower bound.  `log` says that a search should
    move in ratios.  `source` is where the default comes from: a paper, a benchmark of ours, or "guess".
    """

    help: str
    low: float | None = None
    high: float | None = None
    above: float | None = None
    log: bool = False
    unit: str = ""
    source: str = ""

    def allowed(self) -> str:
        """The bounds in words, empty when there are none."""
        limits = [
            f"above {self.above:g}" if self.above is not None else "",
            f"at least {self.low:g}" if self.low is not None else "",
            f"at most {self.high:g}" if self.high is not None else "",
        ]
        return " and ".join(limit for limit in limits if limit)

    def admits(self, number: float) -> bool:
        return (
            (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
            and (self.above is None or number > self.above)
        )


class Prose:
    """Marks a field that explains and does not act: left out of digests, differences and listings."""


class Table(Mapping[str, V]):
    """An immutable, ordered mapping from names to values; equal to any mapping with the same items."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V] | Iterable[tuple[str, V]] = ()) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> V:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"Table({self._items!r})"


@dataclass(frozen=True)
class Part:
    """Base of everything that can be written in a recipe."""

    def __post_init__(self) -> None:
        problems: list[Problem] = []
        for name, hint in hints(type(self)).items():
            value = _read(getattr(self, name), hint, name, problems)
            object.__setattr__(self, name, value)
        if not problems:
            problems.extend(self.problems())
        if problems:
            raise SpecError(problems)

    def problems(self) -> Iterator[Problem]:
        """Faults between fields that are each valid alone."""
        return iter(())

    @classmethod
    def tag(cls) -> str:
        return f"{cls.__module__}.{cls.__qualname__}"


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


def knob_of(hint: Any) -> Knob | None:
    """The `Knob` in an annotation, if it has one."""
    return next((extra for extra in _extras(hint) if isinstance(extra, Knob)), None)


def is_prose(hint: Any) -> bool:
    return any(isinstance(extra, Prose) for extra in _extras(hint))


def encode(value: object) -> Json:
    """The JSON form of a part, or of a value inside one."""
    if isinstance(value, Part):
        named = {name: encode(getattr(value, name)) for name in hints(type(value))}
        return {TAG: value.tag(), **named}
    if isinstance(value, Mapping):
        return {name: encode(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return cast(Json, value)


def decode(document: Json, expected: type[V]) -> V:
    """The part of kind `expected` that `document` describes.

    Raises `SpecError` with every fault of the document.
    """
    problems: list[Problem] = []
    part = _read(document, expected, "", problems)
    if problems:
        raise SpecError(problems)
    return cast(V, part)


def digest(part: Part) -> str:
    """A hash of everything in a part that acts; prose is left out.  16 hexadecimal digits."""
    text = json.dumps(_without_prose(part), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def flatten(part: Part) -> dict[str, Json]:
    """Every setting of a tree of parts as ``path: value``, in order.  A part's own row is its tag."""
    rows: dict[str, Json] = {}
    _flatten(part, "", rows)
    return rows


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A ready clause naming the closest known names, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def join(path: str, name: str | int) -> str:
    return f"{path}.{name}" if path else str(name)


def _without_prose(value: object) -> Json:
    if isinstance(value, Part):
        acting = {
            name: _without_prose(getattr(value, name))
            for name, hint in hints(type(value)).items()
            if not is_prose(hint)
        }
        return {TAG: value.tag(), **acting}
    if isinstance(value, Mapping):
        return {name: _without_prose(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_without_prose(item) for item in value]
    return cast(Json, value)


def _flatten(value: object, path: str, rows: dict[str, Json]) -> None:
    if isinstance(value, Part):
        if path:
            rows[path] = value.tag()
        for name, hint in hints(type(value)).items():
            if not is_prose(hint):
                _flatten(getattr(value, name), join(path, name), rows)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _flatten(item, join(path, name), rows)
    elif isinstance(value, tuple) and any(isinstance(item, Part) for item in value):
        for index, item in enumerate(value):
            _flatten(item, join(path, index), rows)
    else:
        rows[path] = encode(value)


def _extras(hint: Any) -> tuple[Any, ...]:
    return hint.__metadata__ if get_origin(hint) is Annotated else ()


# Reading: one function for each kind of annotation.  Each returns the value as it will be stored and appends
# to `problems`; what it returns after a problem is not used.


def _read(value: Any, hint: Any, path: str, problems: list[Problem]) -> Any:
    if get_origin(hint) is Annotated:
        before = len(problems)
        result = _read(value, hint.__origin__, path, problems)
        knob = knob_of(hint)
        if knob is not None and len(problems) == before:
            problems.extend(_out_of_bounds(result, knob, path))
        return result
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _read_union(value, get_args(hint), path, problems)
    if origin is Literal:
        return _read_choice(value, get_args(hint), path, problems)
    if origin is tuple:
        return _read_tuple(value, get_args(hint), path, problems)
    if origin is Mapping or origin is Table:
        return _read_table(value, get_args(hint)[1], path, problems)
    if isinstance(hint, type) and issubclass(hint, Part):
        return _read_part(value, hint, path, problems)
    return _read_scalar(value, hint, path, problems)


def _out_of_bounds(value: object, knob: Knob, path: str) -> Iterator[Problem]:
    numbers: tuple[float, ...] = ()
    if isinstance(value, Quantity):
        numbers = value.extremes()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        numbers = (value,)
    elif isinstance(value, tuple):
        numbers = tuple(item for item in value if isinstance(item, int | float))
    for number in numbers:
        if not knob.admits(number):
            yield Problem(path, f"is {number:g}; it must be {knob.allowed()}")
            return


def _read_scalar(value: Any, hint: Any, path: str, problems: list[Problem]) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint in (type(None), None):
        fits = value is None
    elif hint in (int, float):
        fits = isinstance(value, hint) and not isinstance(value, bool)
    else:
        fits = isinstance(value, hint)
    if not fits:
        problems.append(Problem(path, f"is {_show(value)}; {_name(hint)} belongs here"))
    elif isinstance(value, float) and not math.isfinite(value):
        problems.append(Problem(path, f"is {value}; a finite number belongs here"))
    return value


def _read_choice(value: Any, choices: tuple[Any, ...], path: str, problems: list[Problem]) -> Any:
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        hint = did_you_mean(value, map(str, choices)) if isinstance(value, str) else ""
        allowed = ", ".join(map(repr, choices))
        problems.append(Problem(path, f"is {_show(value)}; allowed: {allowed}{hint}"))
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
    return Table({name: _read(item, hint, join(path, name), problems) for name, item in value.items()})


def _read_union(value: Any, arms: tuple[Any, ...], path: str, problems: list[Problem]) -> Any:
    attempts = []
    for arm in arms:
        found: list[Problem] = []
        result = _read(value, arm, path, found)
        if not found:
            return result
        attempts.append((arm, found))
    inside = [found for arm, found in attempts if _same_kind(value, arm)]
    if inside:
        problems.extend(inside[0])
    else:
        allowed = ", ".join(_name(arm) for arm in arms)
        problems.append(Problem(path, f"is {_show(value)}; allowed: {allowed}"))
    return value


def _read_part(value: Any, kind: type[Part], path: str, problems: list[Problem]) -> Any:
    if isinstance(value, Part):
        if not isinstance(value, kind):
            problems.append(Problem(path, f"is a {type(value).__name__}; {_name(kind)} belongs here"))
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get(TAG), str):
        problems.append(Problem(path, f"is {_show(value)}; {_name(kind)} belongs here"))
        return value
    try:
        actual = _resolve(value[TAG])
    except LookupError as error:
        problems.append(Problem(path, str(error)))
        return value
    if not issubclass(actual, kind):
        problems.append(Problem(path, f"is a {actual.__name__}; {_name(kind)} belongs here"))
        return value
    return _build(actual, value, path, problems)


def _build(kind: type[Part], document: Mapping[str, Any], path: str, problems: list[Problem]) -> Any:
    known = hints(kind)
    found: list[Problem] = []
    settings = {}
    for name, item in document.items():
        if name == TAG:
            continue
        if name not in known:
            meant = did_you_mean(name, known)
            found.append(Problem(join(path, name), f"{kind.__name__} has no such setting{meant}"))
            continue
        settings[name] = _read(item, known[name], join(path, name), found)
    if not found:
        try:
            return kind(**settings)
        except SpecError as error:
            found = [Problem(join(path, at.path), at.message) for at in error.problems]
        except TypeError as error:
            found = [Problem(path, f"{kind.__name__}: {error}")]
    problems.extend(found)
    return document


def _resolve(tag: str) -> type[Part]:
    """The class that a tag names.  Raises `LookupError` in words for a person."""
    module_name, _, name = tag.rpartition(".")
    if module_name.partition(".")[0] not in _trusted_packages():
        raise LookupError(f"{tag!r} is not from a trusted package; only {OWN_PACKAGE} and installed plug-ins are")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise LookupError(f"{tag!r} names no part: {error}") from error
    parts = {
        key: item
        for key, item in vars(module).items()
        if isinstance(item, type) and issubclass(item, Part) and item.__module__ == module_name
    }
    if name not in parts:
        raise LookupError(f"{module_name} has no part {name!r}{did_you_mean(name, parts)}")
    return parts[name]


@lru_cache(maxsize=1)
def _trusted_packages() -> frozenset[str]:
    plugins = entry_points(group=ENTRY_POINT_GROUP)
    return frozenset({OWN_PACKAGE, *(point.module.partition(".")[0] for point in plugins)})


def _same_kind(value: Any, arm: Any) -> bool:
    """Whether `value` was plainly meant as this arm of a union, so that the arm's own fault is the news."""
    bare = arm.__origin__ if get_origin(arm) is Annotated else arm
    if isinstance(bare, type) and issubclass(bare, Part):
        return isinstance(value, Part) or (isinstance(value, Mapping) and TAG in value)
    if get_origin(bare) is Literal:
        return isinstance(value, str)
    if bare in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return False


def _name(hint: Any) -> str:
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if hint in words:
        return words[hint]
    if hint in (None, type(None)):
        return "null"
    if get_origin(hint) is Literal:
        return ", ".join(map(repr, get_args(hint)))
    if get_origin(hint) is Annotated:
        return _name(hint.__origin__)
    if get_origin(hint) is tuple:
        return "a list"
    return f"a {getattr(hint, '__name__', hint)}"


def _show(value: object) -> str:
    if isinstance(value, Part):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
