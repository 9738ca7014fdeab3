"""Rates that were raised before a symptom began, and settings that are known to unsettle a game."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.doctor import suspects
from equipoise.doctor.doubts import too_fast
from equipoise.doctor.examining import examine
from equipoise.doctor.suspects import RAISED, STEADY, STEADY_ROWS, UNSETTLED, Raise, first_remedies
from equipoise.doctor.symptom import Diagnosis, Examination
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Series, Trace
from equipoise.spec import Json
from traces import ROWS, scores, well

WORSE = (20.0, 9.0, 5.0, 4.0, 3.2, 2.8, 3.0, 4.1, 4.2, 4.1, 4.2)
"""A warning of late collapse from step 3500 on, and no proof."""
SETTINGS: dict[str, Json] = {
    "phases": ["main"],
    "g_optim.lr": "equipoise.schedule.Piecewise",
    "d_optim.lr": 0.001,
    "g_optim.beta1": 0.0,
    "d_optim.beta1": 0.0,
}


def rate(at: float, before: float = 0.001, after: float = 0.1) -> Series:
    return Series.of(ROWS, np.where(at > ROWS, before, after))


def worse(settings: dict[str, Json] | None = None, **signals: Series) -> Trace:
    return well(settings=settings, distance=scores(*WORSE), **signals)


def late_collapse(found: Examination) -> Diagnosis:
    return next(one for one in found.diagnoses if one.symptom.key == "late-collapse")


def first_edits(found: Diagnosis) -> list[str]:
    return [str(edit) for remedy in found.remedies[:1] for edit in remedy.edits]


def test_they_stand_beside_symptoms_that_there_are() -> None:
    assert {symptom.key for symptom in SYMPTOMS} >= UNSETTLED


def test_a_rate_that_was_raised_just_before_makes_a_suspicion_certain_and_is_held_first() -> None:
    suspected = late_collapse(examine(worse(SETTINGS)))
    assert not suspected.is_certain
    found = late_collapse(examine(worse(SETTINGS, lr_g=rate(3000.0), lr_d=rate(9e9))))
    assert found.is_certain
    assert (found.raised_at, found.onset) == (3000.0, suspected.onset)
    assert "the generator's rate was raised from 0.001 to 0.1 by step 3000" in found.evidence[-1].said
    assert first_edits(found) == ["g_optim.lr = 0.001"]


@pytest.mark.parametrize("at", [200.0, 1400.0, 3680.0, 4500.0])
def test_a_rate_that_was_raised_long_before_or_after_did_not_bring_it_about(at: float) -> None:
    found = late_collapse(examine(worse(SETTINGS, lr_g=rate(at))))
    assert not found.is_certain
    assert found.raised_at is None
    assert first_edits(found) != ["g_optim.lr = 0.001"]


def test_a_raise_that_was_taken_back_is_not_suspected() -> None:
    spike = Series.of(ROWS, np.where((ROWS >= 2800) & (ROWS < 3000), 0.1, 0.001))
    assert late_collapse(examine(worse(SETTINGS, lr_g=spike))).raised_at is None


def test_rates_that_one_schedule_raised_are_held_together() -> None:
    both = {**SETTINGS, "d_optim.lr": "equipoise.schedule.Piecewise"}
    found = late_collapse(examine(worse(both, lr_g=rate(3000.0), lr_d=rate(3000.0, 0.002, 0.2))))
    assert first_edits(found) == ["d_optim.lr = 0.002", "g_optim.lr = 0.001"]


FLAT = scores(40.0, 14.0, 12.0, 11.0, *[10.0] * 12)
FIXED: dict[str, Json] = {**SETTINGS, "d_optim.lr": 0.001, "g_optim.lr": 0.001}


@pytest.mark.parametrize(
    ("settings", "rates", "is_raised"),
    [
        (FIXED, {"lr_d": rate(9e9), "lr_g": rate(9e9)}, True),
        (SETTINGS, {"lr_d": rate(600.0, 1e-4, 1e-2)}, False),
        (FIXED, {"lr_g": rate(9e9, 0.05)}, False),
        (FIXED | {"d_optim.lr": 1e-5}, {"lr_d": rate(9e9, 1e-5)}, False),
    ],
    ids=["usual", "raised", "high", "far apart"],
)
def test_no_rate_is_raised_while_one_is_suspected_of_being_too_high(
    settings: dict[str, Json], rates: dict[str, Series], is_raised: bool
) -> None:
    trace = well(settings=settings, distance=FLAT, recall=scores(*[0.3] * 16), **rates)
    (found,) = [one for one in examine(trace).diagnoses if one.symptom.key == "stagnation"]
    assert any(remedy.faster for remedy in found.remedies) == is_raised


def test_the_slower_one_of_two_rates_far_apart_may_be_raised() -> None:
    trace = well(settings=FIXED | {"d_optim.lr": 1e-5})
    assert too_fast(trace) == {"g"}


def test_a_warm_up_is_not_suspected() -> None:
    ramp = Series.of(ROWS, np.minimum(1.0, (ROWS + 20) / 1000) * 0.1)
    assert not late_collapse(examine(worse(SETTINGS, lr_g=ramp))).is_certain


def test_a_raised_rate_harms_nobody_where_nothing_is_wrong() -> None:
    assert examine(well(settings=SETTINGS, lr_g=rate(2000.0))).verdict == "healthy"


def test_the_rate_that_is_in_use_is_held() -> None:
    own = {**SETTINGS, "phases": ["early", "late"], "phases.early.g_optim.lr": "equipoise.schedule.Piecewise"}

    def held(phase: str) -> list[str]:
        return first_edits(late_collapse(examine(replace(worse(own, lr_g=rate(3000.0)), phase=phase))))

    assert held("early") == ["phases.early.g_optim.lr = 0.001"]
    assert held("late") == ["g_optim.lr = 0.001"]


def test_no_network_is_slowed_that_is_behind_already() -> None:
    def slows(key: str, of_d: float, of_g: float) -> bool:
        settings = {**SETTINGS, "d_optim.lr": of_d, "g_optim.lr": of_g}
        return bool(first_remedies(key, well(settings=settings), []))

    assert slows("late-collapse", 1e-3, 5e-5)
    assert not slows("critic-blind", 1e-3, 5e-5)
    assert slows("critic-wins", 1e-3, 5e-5)
    assert not slows("critic-wins", 5e-5, 1e-3)
    assert slows("generator-wins", 5e-5, 1e-3)
    assert not slows("late-collapse", 1e-3, 1e-4), "a factor of ten is allowed"


def test_momentum_and_rates_far_apart_are_tried_before_the_symptoms_own_remedies() -> None:
    unsettled = {**SETTINGS, "g_optim.lr": 0.00005, "g_optim.beta1": 0.9}
    edits = [[str(edit) for edit in one.edits] for one in late_collapse(examine(worse(unsettled))).remedies]
    assert edits[:2] == [["g_optim.beta1 = 0.0"], ["d_optim.lr *= 0.2"]]


def test_a_generator_that_is_told_what_to_make_may_have_momentum() -> None:
    unsettled = {**SETTINGS, "g_optim.lr": 0.00005, "g_optim.beta1": 0.9}
    assert not first_remedies("late-collapse", well(settings=unsettled, psnr=scores(20.0, 25.0, 27.0)), [])


def test_no_remedy_is_offered_twice() -> None:
    unsettled = {**SETTINGS, "g_optim.beta1": 0.9}
    trace = well(settings=unsettled, diversity=scores(0.9, 0.5, *[0.05] * 9))
    (collapse,) = (one for one in examine(trace).diagnoses if one.symptom.key == "total-collapse")
    edits = [one.edits for one in collapse.remedies if one.edits]
    assert [str(edit) for edit in edits[0]] == ["g_optim.beta1 = 0.0"]
    assert len(edits) == len(set(edits))


def last_raise_row_by_row(series: Series, onset: float) -> Raise | None:
    """The naive twin: from the onset back, the first row that stands out from steady ones before it."""
    values = series.values
    last = min(int(np.searchsorted(series.steps, onset, side="left")), len(values) - 1)
    for at in range(last, STEADY_ROWS - 1, -1):
        before = values[at - STEADY_ROWS : at]
        is_steady = before.min() > 0 and before.max() < STEADY * before.min()
        if is_steady and values[at] > RAISED * before.max():
            if not values[last] > RAISED * before.max():
                return None
            return Raise("d", float(series.steps[at]), float(np.median(before)), float(values[at]))
    return None


def test_the_last_raise_is_found_as_row_by_row() -> None:
    source, found = np.random.default_rng(0), 0
    for _ in range(500):
        count = int(source.integers(1, 60))
        levels = np.repeat(source.choice([0.0, 1e-4, 1e-3, 1e-2, 0.2, np.nan], 60), source.integers(1, 9, 60))[:count]
        series = Series.of(np.cumsum(source.integers(1, 20, count)).astype(float), levels)
        onset = float(source.uniform(-5, series.steps[-1] + 10))
        expected = last_raise_row_by_row(series, onset)
        assert suspects._last_raise("d", series, onset) == expected
        found += expected is not None
    assert found > 30
