"""Parts, their exact JSON form, and what is said when one cannot exist."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError, dataclass, replace
from importlib.metadata import EntryPoint
from typing import Annotated, Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from equipoise import recipe as recipes
from equipoise.recipe import Adam, Average, Cadence, Precision, Span
from equipoise.schedule import Cosine, Exponential, Linear, Piecewise, Rate, Schedule
from equipoise.spec import (
    TAG,
    Knob,
    Part,
    Problem,
    Prose,
    SpecError,
    Table,
    decode,
    digest,
    encode,
    flatten,
    hints,
    is_prose,
    knob_of,
)
from equipoise.spec.tags import trusted_packages


@dataclass(frozen=True)
class Leaf(Part):
    """Has a field of each kind that a part may have."""

    count: Annotated[int, Knob("how many", low=1, high=9)] = 1
    rate: Annotated[Rate, Knob("how fast", low=0, high=1)] = 0.5
    limit: Annotated[float | None, Knob("where it stops", above=0)] = None
    mode: Literal["auto", "manual"] = "auto"
    flag: bool = False
    pair: Annotated[tuple[float, float], Knob("two numbers", low=0, high=1)] = (0.0, 1.0)
    remark: Annotated[str, Prose()] = ""


@dataclass(frozen=True)
class Tree(Part):
    """Has parts below it."""

    first: Leaf
    named: Mapping[str, Leaf] = Table()
    listed: tuple[Part, ...] = ()
    label: float | tuple[float, float] = 1.0

    def problems(self) -> Iterator[Problem]:
        if len(self.named) > 2:
            yield Problem("named", "has too many entries")


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of this module may be named in JSON, as those of an installed plug-in may."""
    trusted = frozenset({"equipoise", __name__})
    monkeypatch.setattr("equipoise.spec.tags.trusted_packages", lambda: trusted)


def problems_of(document: Any, expected: type[Part]) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        decode(document, expected)
    return {problem.path: problem.message for problem in caught.value.problems}


def tagged(kind: type[Part], **settings: Any) -> dict[str, Any]:
    return {TAG: kind.tag(), **settings}


# --- exact JSON


numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)
places = st.floats(0, 1e9)
units = st.sampled_from(["steps", "images", "epochs"])


@st.composite
def betweens(draw: st.DrawFn, kind: type[Schedule], low: float, high: float) -> Schedule:
    begin, length, values = draw(places), draw(st.floats(1, 1e9)), st.floats(low, high)
    return kind(draw(values), draw(values), until=begin + length, begin=begin, unit=draw(units))


@st.composite
def piecewises(draw: st.DrawFn, low: float, high: float) -> Schedule:
    where = sorted(draw(st.sets(numbers, min_size=1, max_size=5)))
    return Piecewise(tuple((place, draw(st.floats(low, high))) for place in where), unit=draw(units))


def rates(low: float, high: float) -> st.SearchStrategy[Rate]:
    falling = st.builds(Exponential, start=st.floats(high / 2, high), half_life=st.floats(1, 1e6), floor=st.just(low))
    return st.one_of(
        st.floats(low, high),
        betweens(Linear, low, high),
        betweens(Cosine, low, high),
        piecewises(low, high),
        falling,
    )


adams = st.builds(
    Adam,
    lr=rates(0, 1),
    beta1=st.floats(0, 0.9999),
    beta2=st.floats(0, 0.999999),
    eps=st.floats(1e-12, 1e-2),
    weight_decay=st.floats(0, 1),
    decoupled=st.booleans(),
    clip_norm=st.none() | st.floats(1e-6, 1e6),
)
parts = st.one_of(
    adams,
    st.builds(Average, decay=st.floats(0, 0.999999), ramp=st.booleans()),
    st.builds(Span, amount=st.floats(1e-9, 1e12), unit=units),
    st.builds(Precision, compute=st.sampled_from(["auto", "float32"]), layout=st.sampled_from(["auto", "contiguous"])),
    st.builds(Cadence, tick_steps=st.integers(1, 10**9), checkpoint_steps=st.none() | st.integers(1, 10**9)),
)


@given(parts)
def test_a_part_survives_json_exactly(part: Part) -> None:
    text = json.dumps(encode(part), allow_nan=False)
    again = decode(json.loads(text), Part)
    assert again == part
    assert json.dumps(encode(again)) == text
    assert digest(again) == digest(part)


@given(parts, st.randoms(use_true_random=False))
def test_the_order_of_settings_in_a_document_means_nothing(part: Part, random: Any) -> None:
    entries = list(encode(part).items())
    random.shuffle(entries)
    assert decode(dict(entries), Part) == part
    assert digest(decode(dict(entries), Part)) == digest(part)


@given(adams, adams)
@example(Adam(lr=0.0), Adam(lr=-0.0))
def test_digests_agree_exactly_when_parts_do(one: Adam, other: Adam) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@pytest.mark.usefixtures("trusting")
def test_a_tree_of_parts_survives_json() -> None:
    tree = Tree(Leaf(rate=Linear(1.0, 0.0, until=10)), {"b": Leaf(2), "a": Leaf(3)}, (Adam(), Leaf()), (0.8, 1.0))
    assert decode(json.loads(json.dumps(encode(tree))), Tree) == tree


def test_constructor_takes_what_json_can_say() -> None:
    assert Adam(lr=tagged(Linear, start=1, end=0, until=5)) == Adam(lr=Linear(1.0, 0.0, until=5.0))  # type: ignore[arg-type]
    assert Piecewise([[0, 1], [5, 2]]) == Piecewise(((0.0, 1.0), (5.0, 2.0)))  # type: ignore[arg-type]


def test_parts_are_immutable_and_hashable() -> None:
    with pytest.raises(FrozenInstanceError):
        Adam().lr = 1.0  # type: ignore[misc]
    tree = Tree(Leaf(), {"a": Leaf()})
    assert hash(tree) == hash(replace(tree))
    with pytest.raises(TypeError):
        tree.named["a"] = Leaf(2)  # type: ignore[index]


# --- digests and listings


def test_a_digest_never_changes_between_versions() -> None:
    """Runs on disk are recognised by it."""
    assert digest(Span(10, "steps")) == "97367051c287af8e"


def test_prose_acts_on_nothing() -> None:
    plain, explained = Leaf(), Leaf(remark="because")
    assert digest(plain) == digest(explained)
    assert flatten(plain) == flatten(explained)
    assert encode(plain) != encode(explained)
    assert [name for name, hint in hints(Leaf).items() if is_prose(hint)] == ["remark"]


def test_order_of_a_table_acts() -> None:
    one, other = Tree(Leaf(), {"a": Leaf(), "b": Leaf(2)}), Tree(Leaf(), {"b": Leaf(2), "a": Leaf()})
    assert one != other
    assert digest(one) != digest(other)
    assert flatten(one)["named"] == ["a", "b"] != flatten(other)["named"]


def test_a_table_equals_any_mapping_with_its_items() -> None:
    assert Table({"a": 1, "b": 2}) == {"b": 2, "a": 1}
    assert Table({"a": 1}) != {"a": 2}
    assert hash(Table({"a": 1, "b": 2})) == hash(Table([("a", 1), ("b", 2)]))


def test_flatten_names_every_setting_once() -> None:
    rows = flatten(Tree(Leaf(), {"x": Leaf(limit=2.0)}, (Average(),)))
    assert rows["first"] == Leaf.tag()
    assert rows["first.pair"] == [0.0, 1.0]
    assert rows["named"] == ["x"]
    assert rows["named.x.limit"] == 2.0
    assert rows["listed.0"] == Average.tag()
    assert rows["listed.0.decay"] == 0.999
    assert rows["label"] == 1.0
    assert "" not in rows


def test_a_knob_is_found_in_its_annotation() -> None:
    assert knob_of(hints(Leaf)["count"]) == Knob("how many", low=1, high=9, log=False)
    assert knob_of(hints(Leaf)["flag"]) is None


# --- what cannot exist, and what is said about it


@pytest.mark.parametrize(
    ("settings", "path", "words"),
    [
        ({"count": 10}, "count", ["10", "at least 1 and at most 9"]),
        ({"count": 0}, "count", ["0", "at least 1"]),
        ({"count": True}, "count", ["True", "a whole number"]),
        ({"count": 1.0}, "count", ["1.0", "a whole number"]),
        ({"count": "3"}, "count", ["'3'", "a whole number"]),
        ({"count": None}, "count", ["None", "a whole number"]),
        ({"rate": True}, "rate", ["True", "a number", "a Schedule"]),
        ({"rate": float("nan")}, "rate", ["nan", "finite"]),
        ({"rate": float("inf")}, "rate", ["inf", "finite"]),
        ({"rate": 10**400}, "rate", ["inf", "finite"]),
        ({"rate": Linear(0.0, 2.0, until=10)}, "rate", ["2", "at most 1"]),
        ({"rate": Piecewise(((0, 0.5), (5, -1.0)))}, "rate", ["-1", "at least 0"]),
        ({"rate": Adam()}, "rate", ["an Adam", "a number", "a Schedule"]),
        ({"limit": 0}, "limit", ["0", "above 0"]),
        ({"limit": "far"}, "limit", ["'far'", "a number", "null"]),
        ({"mode": "atuo"}, "mode", ["'atuo'", "'auto', 'manual'", "did you mean 'auto'?"]),
        ({"mode": 1}, "mode", ["1", "'auto', 'manual'"]),
        ({"flag": 1}, "flag", ["1", "true or false"]),
        ({"pair": (0.5,)}, "pair", ["1 entries", "needs 2"]),
        ({"pair": 0.5}, "pair", ["0.5", "a list"]),
        ({"pair": (0.5, "x")}, "pair.1", ["'x'", "a number"]),
        ({"pair": (0.5, 2.0)}, "pair.1", ["2", "at most 1"]),
        ({"remark": 5}, "remark", ["5", "a text"]),
    ],
)
def test_a_bad_value_is_named_with_its_path_and_what_is_allowed(
    trusting: None, settings: dict[str, Any], path: str, words: list[str]
) -> None:
    with pytest.raises(SpecError) as caught:
        Leaf(**settings)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert all(word in problem.message for word in words), problem.message
    in_json = {name: encode(value) for name, value in settings.items()}
    assert problems_of(tagged(Leaf, **in_json), Leaf).keys() == {path}


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        ({"first": {}}, "first", ["{}", "a Leaf"]),
        ({"first": 3}, "first", ["3", "a Leaf"]),
        ({"first": {TAG: Adam.tag()}}, "first", ["an Adam", "a Leaf"]),
        ({"first": tagged(Leaf, cuont=3)}, "first.cuont", ["Leaf has no such setting", "did you mean 'count'?"]),
        ({"first": tagged(Leaf, zzz=3)}, "first.zzz", ["Leaf has no such setting"]),
        ({"first": tagged(Leaf), "named": 3}, "named", ["3", "named entries"]),
        ({"first": tagged(Leaf), "named": tagged(Leaf)}, "named", ["named entries"]),
        ({"first": tagged(Leaf), "named": {"x": tagged(Leaf, count=0)}}, "named.x.count", ["0", "at least 1"]),
        ({"first": tagged(Leaf), "listed": [tagged(Leaf, count=0)]}, "listed.0.count", ["0", "at least 1"]),
        ({"first": tagged(Leaf, rate=tagged(Linear, start=1, end=0, until=5, begin=9))}, "first.rate.until", ["begin"]),
        ({"first": tagged(Leaf, rate=tagged(Schedule))}, "first.rate", ["base"]),
        ({"first": tagged(Leaf), "label": [0.5, "x"]}, "label.1", ["'x'", "a number"]),
        ({}, "first", ["missing", "a Leaf"]),
    ],
)
def test_a_bad_document_is_named_at_its_depth(
    trusting: None, document: dict[str, Any], path: str, words: list[str]
) -> None:
    found = problems_of(tagged(Tree, **document), Tree)
    assert found.keys() == {path}
    assert all(word in found[path] for word in words), found[path]


def test_all_faults_are_told_at_once(trusting: None) -> None:
    leaf = tagged(Leaf, count=0, rte=1, mode="x")
    tree = tagged(Tree, first=leaf, named={"a": tagged(Leaf, flag=2)}, listed=[1, {TAG: "equipoise.recipe.Adm"}])
    found = problems_of(tree, Tree)
    assert found.keys() == {
        "first.count",
        "first.rte",
        "first.mode",
        "named.a.flag",
        "listed.0",
        "listed.1",
    }
    with pytest.raises(SpecError, match=r"beta1: .*; beta2: "):
        Adam(beta1=2, beta2=2)


def test_faults_between_fields_are_told_with_the_path_of_their_part(trusting: None) -> None:
    crowd = {name: tagged(Leaf) for name in "abc"}
    assert problems_of(tagged(Tree, first=tagged(Leaf), named=crowd), Tree) == {"named": "has too many entries"}


def test_whole_numbers_may_stand_for_floats() -> None:
    adam = decode({TAG: Adam.tag(), "lr": 1, "beta1": 0}, Adam)
    assert type(adam.lr) is float
    assert type(adam.beta1) is float


def test_a_table_has_texts_as_names() -> None:
    with pytest.raises(SpecError, match="named: has an entry named 1"):
        Tree(Leaf(), {1: Leaf()})  # type: ignore[dict-item]


def test_a_base_cannot_be_made() -> None:
    for base in (recipes.Critic, recipes.Term, Schedule):
        with pytest.raises(TypeError, match="abstract"):
            base()  # type: ignore[abstract]


def test_a_long_value_is_cut() -> None:
    for length, shown in ((58, "'" + 58 * "x" + "'"), (59, "'" + 56 * "x" + "...")):
        with pytest.raises(SpecError) as caught:
            Leaf(mode=length * "x")  # type: ignore[arg-type]
        assert str(caught.value) == f"mode: is {shown}; allowed: 'auto', 'manual'"


# --- tags


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("this.Zen", "not from a trusted package"),
        ("antigravity.x", "not from a trusted package"),
        ("Adam", "not from a trusted package"),
        ("equipoisenot.recipe.Adam", "not from a trusted package"),
        ("", "not the import path"),
        ("equipoise..Adam", "not the import path"),
        ("equipoise.recipe.Adam\0", "not the import path"),
        ("equipoise.recipes.__main__.Adam", "not the import path"),
        ("equipoise.nowhere.Adam", "names no part"),
        ("equipoise.recipe.Adma", "did you mean 'Adam'?"),
        ("equipoise.recipe.Budget", "has no part"),
        ("equipoise.recipe.Space", "has no part"),
        ("equipoise.recipe.Schedule", "has no part"),
    ],
)
def test_a_tag_that_names_no_part_is_refused(tag: str, words: str) -> None:
    before = set(sys.modules)
    assert words in problems_of({TAG: tag}, Part)[""]
    imported = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not imported & {"this", "antigravity", "equipoisenot"}


def test_untrusted_code_is_never_run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harmful.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "not from a trusted package" in problems_of({TAG: "harmful.Part"}, Part)[""]
    assert "harmful" not in sys.modules


def test_installed_plugins_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(group: str) -> list[EntryPoint]:
        return [EntryPoint("mine", "my_gans.parts", group)]

    monkeypatch.setattr("importlib.metadata.entry_points", installed)
    assert trusted_packages.__wrapped__() == {"equipoise", "my_gans"}
