"""Edits by path: read, made, shown, and refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.data import LabelledImages, Scale
from equipoise.edit import ABSENT, Change, Edit, apply, diff
from equipoise.networks import EdsrGenerator
from equipoise.recipe import Adam, Average, Span
from equipoise.schedule import Linear, Rate
from equipoise.spec import TAG, Json, Knob, Part, SpecError, Table, encode


@dataclass(frozen=True)
class Pull(Part):
    weight: Annotated[Rate, Knob("strength", low=0, high=100)] = 1.0
    every: Annotated[int, Knob("rhythm", low=1)] = 1


@dataclass(frozen=True)
class Stage(Part):
    pulls: Mapping[str, Pull]
    length: Span = Span(10)


@dataclass(frozen=True)
class Plan(Part):
    stages: Mapping[str, Stage]
    g_optim: Adam = Adam()
    d_optim: Adam = Adam()
    shapes: tuple[Part, ...] = ()
    batch: Annotated[int, Knob("samples", low=2)] = 64


PLAN = Plan(
    stages=Table(
        {
            "warm": Stage(Table({"pixel": Pull(Linear(1.0, 0.5, until=10)), "r1": Pull(10.0, every=16)})),
            "game": Stage(Table({"r1": Pull(5.0)})),
        }
    ),
    shapes=(Average(), Span(3)),
)


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("equipoise.spec.tags.trusted_packages", lambda: frozenset({"equipoise", __name__}))


def made(*texts: str) -> Plan:
    return apply(PLAN, map(Edit.parse, texts))


def changes(*texts: str) -> dict[str, tuple[Json, Json]]:
    return {change.path: (change.before, change.after) for change in diff(PLAN, made(*texts))}


def refusal(*texts: str) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        made(*texts)
    return {problem.path: problem.message for problem in caught.value.problems}


# --- reading and showing


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("batch=32", Edit("batch", "set", 32)),
        (" d_optim.lr = 1e-4 ", Edit("d_optim.lr", "set", 1e-4)),
        ("stages.*.pulls.r1.weight*=0.5", Edit("stages.*.pulls.r1.weight", "scale", 0.5)),
        ("stages.*.length.*=3", Edit("stages.*.length.*", "set", 3)),
        ("stages.**=3", Edit("stages.*", "scale", 3)),
        ("d_optim.clip_norm=none", Edit("d_optim.clip_norm", "set", None)),
        ("decoupled=True", Edit("decoupled", "set", True)),
        ("g_optim.decoupled=false", Edit("g_optim.decoupled", "set", False)),
        ("critic.norm=layer", Edit("critic.norm", "set", "layer")),
        ('critic.norm="none"', Edit("critic.norm", "set", "none")),
        ("a=x=y", Edit("a", "set", "x=y")),
        ('shapes+={"part": "equipoise.recipe.Average"}', Edit("shapes", "add", {TAG: "equipoise.recipe.Average"})),
        ("drop stages.warm", Edit("stages.warm", "drop")),
    ],
)
def test_an_edit_is_read_as_typed(text: str, edit: Edit) -> None:
    assert Edit.parse(text) == edit


@pytest.mark.parametrize("text", ["", "batch", "=3", "a..b=3", ".a=3", "a.=3", "drop", "a b=3", "*_optim.lr=3"])
def test_what_is_no_edit_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="is not a change; write path=value"):
        Edit.parse(text)


names = st.from_regex(r"[A-Za-z_][\w-]{0,5}", fullmatch=True) | st.just("*")
paths = st.lists(names, min_size=1, max_size=4).map(".".join)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
edits = st.one_of(
    st.builds(Edit, paths, st.sampled_from(["set", "add"]), values),
    st.builds(Edit, paths, st.just("scale"), numbers),
    st.builds(Edit, paths, st.just("drop")),
)


@given(edits)
def test_what_is_shown_can_be_typed(edit: Edit) -> None:
    assert Edit.parse(str(edit)) == edit


# --- making


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("batch=32", {"batch": (64, 32)}),
        ("batch*=0.51", {"batch": (64, 33)}),
        ("d_optim.lr=1e-4", {"d_optim.lr": (2e-4, 1e-4)}),
        ("*.lr=1e-4", {"g_optim.lr": (2e-4, 1e-4), "d_optim.lr": (2e-4, 1e-4)}),
        ("shapes.1.amount=4", {"shapes.1.amount": (3.0, 4.0)}),
        (
            "stages.*.pulls.r1.weight*=2",
            {"stages.warm.pulls.r1.weight": (10.0, 20.0), "stages.game.pulls.r1.weight": (5.0, 10.0)},
        ),
        (
            "stages.warm.pulls.pixel.weight*=2",
            {
                "stages.warm.pulls.pixel.weight.start": (1.0, 2.0),
                "stages.warm.pulls.pixel.weight.end": (0.5, 1.0),
            },
        ),
    ],
)
def test_an_edit_changes_what_its_path_names_and_nothing_else(text: str, expected: dict[str, object]) -> None:
    assert changes(text) == expected


def test_setting_a_plain_number_in_place_of_a_schedule() -> None:
    found = changes("stages.warm.pulls.pixel.weight=3")
    assert found["stages.warm.pulls.pixel.weight"] == (Linear.tag(), 3.0)
    assert found["stages.warm.pulls.pixel.weight.start"] == (1.0, ABSENT)


def test_a_difference_lists_what_is_gone_and_what_is_new() -> None:
    one, other = Adam(lr=1.0), Adam(lr=Linear(1.0, 0.0, until=5), decoupled=True)
    assert [str(change) for change in diff(one, other)] == [
        "lr: 1.0 -> equipoise.schedule.Linear",
        "decoupled: false -> true",
        "lr.start: (absent) -> 1.0",
        "lr.end: (absent) -> 0.0",
        "lr.until: (absent) -> 5.0",
        "lr.begin: (absent) -> 0.0",
        "lr.unit: (absent) -> steps",
    ]


def test_adding_to_a_table_and_to_a_list() -> None:
    pull = {TAG: Pull.tag(), "weight": 3}
    grown = apply(PLAN, [Edit("stages.*.pulls.gp", "add", pull), Edit("shapes", "add", encode(Average(0.5)))])
    assert [list(stage.pulls) for stage in grown.stages.values()] == [["pixel", "r1", "gp"], ["r1", "gp"]]
    assert grown.stages["game"].pulls["gp"] == Pull(3.0)
    assert grown.shapes == (*PLAN.shapes, Average(0.5))


def test_dropping_from_a_table_a_list_and_an_optional_setting() -> None:
    clipped = replace(PLAN, g_optim=Adam(clip_norm=1.0))
    dropped = apply(clipped, map(Edit.parse, ["drop stages.*.pulls.r1", "drop shapes.0", "drop g_optim.clip_norm"]))
    assert [list(stage.pulls) for stage in dropped.stages.values()] == [["pixel"], []]
    assert dropped.shapes == (Span(3),)
    assert dropped.g_optim == Adam()


def test_later_edits_see_earlier_ones() -> None:
    assert made("batch=10", "batch*=3", "batch*=0.5").batch == 15


def test_the_tree_edited_stays_as_it_was() -> None:
    before = encode(PLAN)
    made("stages.*.pulls.*.weight*=0", "drop shapes.0")
    assert encode(PLAN) == before


def test_an_edit_that_changes_nothing_leaves_no_difference() -> None:
    assert changes("batch=64", "*.lr=0.0002") == {}


# --- refusing


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("bathc=32", "bathc", "did you mean 'batch'?"),
        ("lr=1e-4", "lr", "did you mean 'g_optim.lr' or 'd_optim.lr'?"),
        ("d_optm.lr=1", "d_optm.lr", "did you mean 'd_optim.lr' or"),
        ("d_optim.lrr=1", "d_optim.lrr", "did you mean 'd_optim.lr' or"),
        ("stages.*.pulls.r1.wieght=1", "stages.*.pulls.r1.wieght", ".weight'"),
        ("stages.gmae.length.amount=1", "stages.gmae.length.amount", "stages.game.length.amount"),
        ("stages.warm.pulls.gp=1", "stages.warm.pulls.gp", "no such setting"),
        ("drop stages.warm.pulls.gp", "stages.warm.pulls.gp", "no such setting"),
        ("batch.more=1", "batch.more", "no such setting"),
        ("shapes.7=1", "shapes.7", "no such setting"),
        ("zzz=1", "zzz", "no such setting"),
        ("batch=1", "batch", "is 1; it must be at least 2"),
        ("batch=many", "batch", "is 'many'; a whole number belongs here"),
        (
            "stages.*.pulls.r1.weight*=11",
            "stages.warm.pulls.r1.weight",
            "is 110; it must be at least 0 and at most 100",
        ),
        ("stages.warm.pulls.pixel.weight*=-1", "stages.warm.pulls.pixel.weight", "reaches -1; it must be at least 0"),
        ("stages.warm.pulls.r1=3", "stages.warm.pulls.r1", "is 3; a Pull belongs here"),
        ("stages.warm.pulls.r1+={}", "stages.warm.pulls.r1", "exists already"),
        ("g_optim.decoupled*=2", "g_optim.decoupled", "cannot be scaled"),
        ("g_optim.clip_norm*=2", "g_optim.clip_norm", "is null, which cannot be scaled"),
        ("batch*=fast", "batch", "cannot be scaled by fast"),
        ("drop batch", "batch", "is None; a whole number belongs here"),
        ("shapes.1.amount=-4", "shapes.1.amount", "it must be above 0"),
    ],
)
def test_a_refusal_names_the_path_and_what_to_do(text: str, path: str, words: str) -> None:
    found = refusal(text)
    assert found.keys() == {path}
    assert words in found[path]


def test_a_word_none_is_the_choice_of_that_name_where_there_is_one() -> None:
    """And no value where that is allowed."""
    generator = EdsrGenerator()
    assert apply(generator, [Edit.parse("base=none")]).base == "none"
    labelled = LabelledImages({"mood": Scale(1, 7)})
    assert apply(labelled, [Edit.parse("pictures.white=none")]).pictures.white is None


def test_a_table_that_is_empty_takes_a_first_row_by_an_equals_sign() -> None:
    labelled = LabelledImages({"mood": Scale(1, 7)})
    assert apply(labelled, [Edit.parse("within.mood=[5, 7]")]).within == {"mood": (5.0, 7.0)}
    with pytest.raises(SpecError, match=r"no such setting; did you mean 'conditions.mood.low'"):
        apply(labelled, [Edit.parse("conditions.mod.low=2")])


def test_a_star_adds_nothing_new() -> None:
    assert (
        "no such setting" in refusal("drop stages.*.pulls.*", 'stages.*.pulls.*+={"part": "x.Y"}')["stages.*.pulls.*"]
    )


def test_the_faults_of_all_edits_are_told_at_once() -> None:
    assert refusal("bathc=3", "batch=1", "g_optim.lr=2", "d_optim.lr=1e-4").keys() == {"bathc", "batch", "g_optim.lr"}


def test_a_change_reads_as_one_line() -> None:
    assert str(Change("batch", 64, 32)) == "batch: 64 -> 32"
    assert str(Change("critic.norm", "layer", ABSENT)) == "critic.norm: layer -> (absent)"


def test_a_change_is_told_without_what_binary_numbers_leave() -> None:
    assert str(Change("d_optim.lr", 0.05, 0.05 * 0.1)) == "d_optim.lr: 0.05 -> 0.005"
    assert str(Change("batch", 16, 32)) == "batch: 16 -> 32"
