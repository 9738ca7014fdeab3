"""Which settings of a recipe can be tuned, and over which values: what ``--knobs`` asks for, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, Self, get_args, get_origin

from equipoise.edit import Edit, apply, show
from equipoise.errors import RequestError
from equipoise.recipe import Recipe, edited
from equipoise.spec import Json, Knob, Part, Quantity, SpecError, did_you_mean, flatten, hints, join, knob_of
from equipoise.tuning import order

_NUMBER: Final = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?"
_RANGE: Final = re.compile(rf"(?P<x>x?)(?P<low>{_NUMBER})\.\.(?P=x)(?P<high>{_NUMBER})", re.IGNORECASE)
_FACTOR: Final = re.compile(rf"x(?P<factor>{_NUMBER})", re.IGNORECASE)
_OF_A_SIDE: Final = re.compile(r"(?P<name>\w+)_(?P<side>[dg])")
IN_A_RANGE: Final = 4
"""Values that are tried in a range, one at a time."""
DIGITS: Final = 3
"""Of a value that was calculated."""
MOST_OFFERED: Final = 4
TUNED: Final = "tuned"
"""The reason of a setting that the tuner chose."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A setting that is tuned: what it is in the recipe, and what else it may be."""

    path: str
    own: Json
    """The recipe's value; of a schedule 1, for its values are factors."""
    values: tuple[Json, ...]
    """To try one at a time, the recipe's own left out."""
    low: float | None = None
    """With `high`, the range that a sampler draws from; without them it draws from `values`."""
    high: float | None = None
    log: bool = False
    whole: bool = False
    is_factor: bool = False
    """Whether values multiply a schedule."""

    @property
    def begins_anew(self) -> bool:
        return order.begins_anew(self.path)

    @property
    def num_drawn(self) -> float:
        """Values that a sampler may draw."""
        if self.low is None or self.high is None:
            return 1 + len(self.values)
        return round(self.high) - round(self.low) + 1 if self.whole else math.inf

    @property
    def draws_own(self) -> bool:
        """Whether the recipe's value is among them."""
        if self.low is None or self.high is None:
            return True
        return isinstance(self.own, int | float) and round(self.low) <= self.own <= round(self.high)

    def written(self, value: float, digits: int) -> float:
        """As a person would write it, and not beyond the ends of its range."""
        if self.whole:
            return round(value)
        found = _rounded(value, digits)
        return found if self.low is None or self.high is None else min(max(found, self.low), self.high)

    def edit(self, value: Json) -> Edit:
        return Edit(self.path, "scale" if self.is_factor else "set", value)

    def words(self, value: Json) -> str:
        """A value as it is written after ``--knobs PATH=``."""
        return f"x{value:g}" if self.is_factor and isinstance(value, int | float) else show(value)

    def to_json(self) -> dict[str, Json]:
        return {**asdict(self), "values": [*self.values]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "values": tuple(document["values"])})


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting of a recipe that has values which could be tuned."""

    path: str
    value: Any
    knob: Knob | None
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def tuned(recipe: Recipe, words: Sequence[str]) -> tuple[Tuned, ...]:
    """The knobs that are asked for, each as ``path``, ``path=low..high`` or ``path=a,b,c``, in the notes' order.

    Without any, the penalties, the rhythm of the critic's updates and the learning rates.  Raises `RequestError`.
    """
    settings = {setting.path: setting for setting in _settings(recipe, "")}
    rows = flatten(recipe)
    asked = _asked(words, settings, recipe) if words else _usual(recipe, settings, rows)
    found = [_tuned(recipe, settings[path], texts) for path, texts in asked.items()]
    if not found:
        raise RequestError("this recipe has no penalty, rhythm or learning rate to tune: name settings with --knobs")
    return tuple(sorted(found, key=lambda knob: order.level(knob.path, rows)))


def num_possible(knobs: Iterable[Tuned]) -> float:
    """Settings that a sampler can draw, the recipe's own left out; infinite where a range has no steps."""
    knobs = tuple(knobs)
    return math.prod(knob.num_drawn for knob in knobs) - all(knob.draws_own for knob in knobs)


def with_settings(recipe: Recipe, knobs: Iterable[Tuned], values: Mapping[str, Json]) -> Recipe:
    """The recipe with tuned settings at these values.  Raises `SpecError`."""
    return edited(recipe, [knob.edit(values[knob.path]) for knob in knobs if knob.path in values], TUNED)


def _settings(value: object, path: str) -> Iterator[_Setting]:
    if isinstance(value, Part):
        for name, hint in hints(type(value)).items():
            here, item = join(path, name), getattr(value, name)
            setting = _setting(here, item, hint)
            if setting is not None:
                yield setting
            else:
                yield from _settings(item, here)
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from _settings(item, join(path, at))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _settings(item, join(path, name))


def _setting(path: str, value: Any, hint: Any) -> _Setting | None:
    """None for what has no values in a line: parts, tables, texts."""
    if isinstance(value, bool):
        return _Setting(path, value, None)
    if get_origin(hint) is Literal:
        return _Setting(path, value, None, get_args(hint))
    knob = knob_of(hint)
    if knob is not None and (value is None or isinstance(value, int | float | Quantity)):
        return _Setting(path, value, knob)
    return None


def _usual(recipe: Recipe, settings: Mapping[str, _Setting], rows: Mapping[str, Json]) -> dict[str, list[str]]:
    """What the notes tune first, where the recipe has it and its value leaves room."""
    without_game = tuple(f"phases.{name}.d_" for name, phase in recipe.phases.items() if phase.adversarial is None)
    return {
        path: []
        for path, setting in settings.items()
        if order.LEVELS[order.level(path, rows)] in order.DEFAULT_LEVELS
        and setting.name != "g_updates"
        and not path.startswith(without_game)
        and (isinstance(setting.value, Quantity) or (setting.value is not None and setting.value > 0))
    }


def _asked(words: Sequence[str], settings: Mapping[str, _Setting], recipe: Recipe) -> dict[str, list[str]]:
    """Full path -> the texts of its values.

    A word without ``=`` belongs to the values before it where it names no setting, or, behind a comma, is one of those
    that the setting may have: in ``critic.norm=none,batch`` nobody means the batch.
    """
    asked: dict[str, list[str]] = {}
    last = None
    for at, word in ((at, part.strip()) for text in words for at, part in enumerate(text.split(","))):
        if not word:
            raise RequestError(f"--knobs {','.join(words)}: there is a comma too many, or a variable is not set")
        name, equals, value = word.partition("=")
        if last is not None and not equals and asked[last]:
            is_choice = at > 0 and word in settings[last].choices
            if is_choice or not _meant(name, settings):
                asked[last].append(word)
                continue
        last = _path(name.strip(), settings, recipe)
        if last in asked:
            raise RequestError(f"--knobs names {last} twice")
        asked[last] = [value.strip()] if equals else []
    return asked


def _meant(name: str, settings: Iterable[str]) -> list[str]:
    """The settings that a full path, the end of one, or one of the notes' names stands for."""
    side = _OF_A_SIDE.fullmatch(name)
    names = [name, *([f"{side['side']}_optim.{side['name']}"] if side else [])]
    names += [order.SUFFIXES[name.lower()]] if name.lower() in order.SUFFIXES else []
    exact = [path for path in settings if path in names]
    return exact or [path for path in settings if path.endswith(tuple(f".{one}" for one in names))]


def _path(name: str, settings: Mapping[str, _Setting], recipe: Recipe) -> str:
    meant = _meant(name, settings)
    allowed = [path for path in meant if _why_not(path) is None]
    if len(allowed) > 1:
        more = " ..." if len(allowed) > MOST_OFFERED else ""
        raise RequestError(f"--knobs {name} could be {' or '.join(allowed[:MOST_OFFERED])}{more}: write one of them")
    if allowed:
        return allowed[0]
    if meant:
        raise RequestError(f"--knobs: {meant[0]} cannot be tuned: {_why_not(meant[0])}")
    rows = flatten(recipe)
    if name in rows:
        why = _why_not(name) or "it is no number, no choice of words and no yes or no"
        raise RequestError(f"--knobs: {name} cannot be tuned: {why}")
    meant_by_notes = did_you_mean(name.lower(), tuple(order.SUFFIXES))
    if meant_by_notes:
        raise RequestError(f"--knobs {name}: no such setting{meant_by_notes}")
    try:
        apply(recipe, [Edit(name)])  # which knows the likely names
    except SpecError as error:
        raise RequestError(f"--knobs: {error}") from None
    raise AssertionError("a path that no setting has was found")


def _why_not(path: str) -> str | None:
    return next((order.NOT_TUNED[step] for step in path.split(".") if step in order.NOT_TUNED), None)


def _tuned(recipe: Recipe, setting: _Setting, texts: list[str]) -> Tuned:
    """A setting with its values, every one of them admitted.  Raises `RequestError`."""
    is_factor = isinstance(setting.value, Quantity)
    own: Json = 1.0 if is_factor else setting.value
    knob = Tuned(setting.path, own, (), is_factor=is_factor, whole=_is_whole(setting))
    texts = [_multiplied(setting, text) for text in texts]
    if texts and (match := _RANGE.fullmatch(texts[0])):
        if len(texts) > 1:
            raise RequestError(f"--knobs {setting.path}: either a range or choices, not both")
        knob = _of_range(knob, setting, match)
    elif texts:
        values = tuple(dict.fromkeys(_value(setting, text) for text in texts))
        knob = replace(knob, values=tuple(value for value in values if value != own))
    else:
        knob = _by_itself(knob, setting)
    if not knob.values:
        raise RequestError(f"--knobs {setting.path}: there is nothing to try but {own}, which it is; name values")
    for value in knob.values:
        _admitted(recipe, knob, value)
    return knob


def _multiplied(setting: _Setting, text: str) -> str:
    """Factors of a plain number as what they come to; a schedule is multiplied at all its places, later."""
    own, match = setting.value, _FACTOR.fullmatch(text) or _RANGE.fullmatch(text)
    if match is None or isinstance(own, bool) or not isinstance(own, int | float):
        return text
    found = match.groupdict()
    if not found.get("x", "x"):
        return text
    factors = [float(found[name]) for name in ("factor", "low", "high") if name in found]
    return "..".join(str(round(own * it)) if _is_whole(setting) else f"{own * it:.6g}" for it in factors)


def _admitted(recipe: Recipe, knob: Tuned, value: Json) -> None:
    try:
        edited(recipe, [knob.edit(value)])
    except SpecError as error:
        raise RequestError(f"--knobs {knob.path}={value}: {error}") from None


def _is_whole(setting: _Setting) -> bool:
    return isinstance(setting.value, int) and not isinstance(setting.value, bool)


def _value(setting: _Setting, text: str) -> Json:
    if text in setting.choices:
        return text
    if not isinstance(setting.value, Quantity):
        return Edit.parse(f"{setting.path}={text}").value
    match = _FACTOR.fullmatch(text)
    if match is None:
        raise RequestError(_say_factors(setting))
    return float(match["factor"])


def _say_factors(setting: _Setting) -> str:
    return (
        f"--knobs {setting.path}: it is a schedule, which is multiplied: "
        f"write {setting.path}=x0.5,x2 or {setting.path}=x0.5..x2"
    )


def _of_range(knob: Tuned, setting: _Setting, match: re.Match[str]) -> Tuned:
    if bool(match["x"]) != knob.is_factor:
        raise RequestError(
            _say_factors(setting) if knob.is_factor else f"--knobs {setting.path}: write the range without x"
        )
    if setting.knob is None:
        raise RequestError(f"--knobs {setting.path}: it has no range; name its values, as in a,b,c")
    low, high = float(match["low"]), float(match["high"])
    if not low < high:
        raise RequestError(f"--knobs {setting.path}: the range {low:g}..{high:g} is empty")
    log = (knob.is_factor or setting.knob.log) and low > 0
    knob = replace(knob, low=low, high=high, log=log)
    steps = [at / (IN_A_RANGE - 1) for at in range(1, IN_A_RANGE - 1)]
    between = [low * (high / low) ** step if log else low + (high - low) * step for step in steps]
    ends = [round(low), round(high)] if knob.whole else [low, high]  # as they were written
    return replace(knob, values=_others(knob, [ends[0], *(knob.written(value, DIGITS) for value in between), ends[1]]))


def _by_itself(knob: Tuned, setting: _Setting) -> Tuned:
    """The values that are tried where nobody said any."""
    if setting.choices:
        return replace(knob, values=tuple(choice for choice in setting.choices if choice != knob.own))
    if isinstance(knob.own, bool):
        return replace(knob, values=(not knob.own,))
    if not isinstance(knob.own, int | float) or setting.knob is None:
        raise RequestError(f"--knobs {setting.path} is off: say what to try, as in {setting.path}=0.5,1")
    own, bounds = float(knob.own), setting.knob
    if setting.name in order.LADDERS and not knob.is_factor:
        rungs = order.neighbours(setting.name, own)
        return replace(knob, values=tuple(round(rung) for rung in rungs) if knob.whole else tuple(rungs))
    if own <= 0.0:
        raise RequestError(f"--knobs {setting.path} is {own:g}: say a range, as in {setting.path}=0.1..1")
    values = _others(knob, [knob.written(own * ratio, DIGITS) for ratio in order.ratios(setting.name)])
    kept = tuple(value for value in values if knob.is_factor or _fits(bounds, value))
    low, high = (own / order.REACH, own * order.REACH) if knob.is_factor else _reach(bounds, own)
    return replace(knob, values=kept, low=low, high=high, log=True)


def _fits(bounds: Knob, value: Json) -> bool:
    assert isinstance(value, int | float)
    return bounds.admits(value)


def _reach(bounds: Knob, own: float) -> tuple[float, float]:
    low, high = own / order.REACH, own * order.REACH
    return max(low, bounds.low or low), min(high, bounds.high or high)


def _others(knob: Tuned, values: Iterable[float]) -> tuple[Json, ...]:
    """Each once, the recipe's own left out."""
    return tuple(value for value in dict.fromkeys(values) if value != knob.own)


def _rounded(value: float, digits: int) -> float:
    """Close below 1, as a decay is, what is left to 1 counts and has so many digits: 0.9993 is not 0.999, nor 1."""
    if 0.0 < 1.0 - value < value:
        return round(value, digits - 1 - math.floor(math.log10(1.0 - value)))
    return float(f"{value:.{digits}g}")
