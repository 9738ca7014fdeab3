"""Schedules at points computed by hand, and what holds for all of them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.recipe import Adam
from equipoise.schedule import Cosine, Exponential, Linear, Piecewise, Progress, Schedule, value_at
from equipoise.spec import SpecError


def after(amount: float) -> Progress:
    """The same number in every unit, so that a schedule's unit does not matter."""
    return Progress(steps=int(amount), images=int(amount), epochs=amount)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        # a straight line from 1 to 0.2 between 10 and 20: 0.08 for each step
        (Linear(1.0, 0.2, until=20, begin=10), {0: 1.0, 10: 1.0, 15: 0.6, 18: 0.36, 20: 0.2, 99: 0.2}),
        # cos 60 degrees = 1/2, cos 90 degrees = 0, cos 120 degrees = -1/2
        (Cosine(2.0, 0.0, until=12), {0: 2.0, 4: 1.5, 6: 1.0, 8: 0.5, 12: 0.0, 50: 0.0}),
        (Cosine(1.0, 3.0, until=40, begin=10), {5: 1.0, 20: 1.5, 25: 2.0, 30: 2.5, 40: 3.0}),
        # the perceptual weight of the landscape notes: none until 200, 0.005 by 500
        (Piecewise(((200, 0.0), (500, 0.005))), {0: 0.0, 200: 0.0, 260: 0.001, 350: 0.0025, 500: 0.005, 900: 0.005}),
        (Piecewise(((0, 0.0), (10, 1.0), (30, 0.5))), {5: 0.5, 10: 1.0, 20: 0.75, 30: 0.5}),
        (Piecewise(((7, 3.0),)), {0: 3.0, 7: 3.0, 8: 3.0}),
        # halves every 5, not below 0.3
        (Exponential(1.6, 5.0, begin=10, floor=0.3), {0: 1.6, 10: 1.6, 15: 0.8, 20: 0.4, 25: 0.3, 1000: 0.3}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Schedule) else "",
)
def test_values_computed_by_hand(schedule: Schedule, values: dict[int, float]) -> None:
    assert {place: schedule.at(after(place)) for place in values} == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize(("unit", "expected"), [("steps", 0.9), ("images", 0.36), ("epochs", 0.75)])
def test_a_schedule_is_measured_in_its_unit(unit: str, expected: float) -> None:
    progress = Progress(steps=10, images=64, epochs=25.0)
    assert Linear(1.0, 0.0, until=100, unit=unit).at(progress) == pytest.approx(expected)  # type: ignore[arg-type]


def test_epochs_may_be_fractional() -> None:
    assert Linear(0.0, 1.0, until=2.0, unit="epochs").at(Progress(1, 1, 0.5)) == 0.25


def test_a_plain_number_is_constant() -> None:
    assert [value_at(0.3, after(place)) for place in (0, 5, 10**9)] == [0.3] * 3
    assert value_at(Linear(0.0, 1.0, until=4), after(1)) == 0.25


values = st.floats(-1e6, 1e6)
places = st.floats(0, 1e6)


@given(
    st.sampled_from([Linear, Cosine]),
    values,
    values,
    places,
    st.floats(1, 1e6),
    st.lists(places, min_size=2).map(sorted),
)
def test_a_line_and_a_cosine_go_one_way_and_end_where_they_say(
    kind: type[Linear | Cosine], start: float, end: float, begin: float, length: float, path: list[float]
) -> None:
    schedule = kind(start, end, until=begin + length, begin=begin, unit="epochs")
    seen = [schedule.at(after(place)) for place in path]
    slack = 1e-9 * max(abs(start), abs(end))
    rising = [b - a if end >= start else a - b for a, b in itertools.pairwise(seen)]
    assert min(rising) >= -slack
    assert schedule.at(after(begin)) == start
    assert schedule.at(after(begin + length)) == end
    low, high = schedule.extremes()
    assert low - slack <= min(seen) <= max(seen) <= high + slack


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.lists(places, min_size=2).map(sorted))
def test_a_decay_never_rises(start: float, half_life: float, path: list[float]) -> None:
    schedule = Exponential(start, half_life)
    seen = [schedule.at(after(place)) for place in path]
    assert seen == sorted(seen, reverse=True)
    assert schedule.at(after(half_life)) == pytest.approx(start / 2)


SHAPES = [
    Linear(1.0, 0.2, until=20, begin=10),
    Cosine(2.0, 0.5, until=12),
    Piecewise(((0, 0.0), (10, 1.0), (30, 0.5))),
    Exponential(1.6, 5.0, begin=10, floor=0.3),
]


@pytest.mark.parametrize("schedule", SHAPES, ids=lambda schedule: type(schedule).__name__)
@given(factor=st.floats(1e-3, 1e3), place=places)
def test_scaling_multiplies_every_value(schedule: Schedule, factor: float, place: float) -> None:
    scaled = schedule.scaled(factor)
    assert type(scaled) is type(schedule)
    assert scaled.at(after(place)) == pytest.approx(factor * schedule.at(after(place)))
    assert scaled.extremes() == pytest.approx(tuple(factor * end for end in schedule.extremes()))


@pytest.mark.parametrize("schedule", SHAPES, ids=lambda schedule: type(schedule).__name__)
@given(factor=st.floats(0.1, 10), place=st.floats(0, 100))
def test_stretching_moves_every_value_to_its_place_times_the_factor(
    schedule: Schedule, factor: float, place: float
) -> None:
    fine = replace(schedule, unit="epochs")  # the unit that may be fractional
    moved = fine.stretched(factor).at(Progress(0, 0, place * factor))
    assert moved == pytest.approx(fine.at(Progress(0, 0, place)), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("schedule", SHAPES, ids=lambda schedule: type(schedule).__name__)
def test_bounds_of_a_setting_hold_at_every_point_of_its_schedule(schedule: Schedule) -> None:
    _, high = schedule.extremes()
    Adam(lr=schedule.scaled(1 / high))
    with pytest.raises(SpecError, match=r"lr: reaches .*; it must be at least 0 and at most 1"):
        Adam(lr=schedule.scaled(1.01 / high))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(1.0, 0.0, until=5, begin=5), "until: is 5; it must be after begin, 5"),
        (lambda: Cosine(1.0, 0.0, until=0), "until: is 0; it must be above 0"),
        (lambda: Piecewise(()), "points: is empty"),
        (lambda: Piecewise(((5, 1.0), (5, 2.0))), "points: must be in strictly growing order"),
        (lambda: Exponential(1.0, 0.0), "half_life: is 0; it must be above 0"),
        (lambda: Exponential(1.0, 5.0, floor=2.0), "floor: is 2, above the start value 1"),
        (lambda: Linear(1.0, 0.0, until=5, unit="hours"), "unit: is 'hours'; allowed: 'images', 'steps', 'epochs'"),  # type: ignore[arg-type]
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(make: object, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        make()  # type: ignore[operator]
    assert message in str(caught.value)
