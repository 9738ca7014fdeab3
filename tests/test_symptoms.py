"""Each symptom is seen where it is, and nowhere else; healthy runs that look ill are left in peace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from equipoise.doctor.examining import diagnoses, examine
from equipoise.doctor.game import GAMES
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import SIGNALS, Series, Trace
from sick import NEAR, SICK, ending
from traces import LAST, LEARNING, alternating, played, rows, scores, well

BY_KEY = {symptom.key: symptom for symptom in SYMPTOMS}
WINDOW = 200.0


def each(table: Mapping[str, list[Trace]]) -> list[object]:
    return [
        pytest.param(key, trace, id=f"{key}-{at}") for key, traces in table.items() for at, trace in enumerate(traces)
    ]


def keys(trace: Trace) -> list[str]:
    return [diagnosis.symptom.key for diagnosis in diagnoses(trace)]


@pytest.mark.parametrize(("key", "trace"), each(SICK))
def test_it_is_the_first_diagnosis_where_it_is(key: str, trace: Trace) -> None:
    examination = examine(trace)
    assert examination.verdict in ("ill", "suspect")
    first = examination.diagnoses[0]
    assert first.symptom.key == key
    assert first.remedies
    assert all(item.said and item.signal in ("", *trace.signals) for item in first.evidence)


@pytest.mark.parametrize(("key", "trace"), each(NEAR))
def test_it_is_not_seen_just_short_of_it(key: str, trace: Trace) -> None:
    assert BY_KEY[key].seen(trace) == ()


def test_every_symptom_is_tested_both_ways() -> None:
    assert set(SICK) == set(NEAR) == set(BY_KEY)
    assert len(BY_KEY) == len(SYMPTOMS)


def test_a_worse_distance_is_no_proof_of_collapse_while_more_is_covered() -> None:
    climbing = (20.0, 3.0, 3.0, 5.0, 6.0, 6.0, 7.0, 7.0, 7.0, 7.0, 7.0)

    def is_certain(*recall: float, distance: tuple[float, ...] = climbing) -> bool:
        found = diagnoses(well(distance=scores(*distance), recall=scores(*recall)))
        return next(one for one in found if one.symptom.key == "late-collapse").is_certain

    assert is_certain(*[0.5] * 11)
    covering_more = (0.1, 0.3, 0.3, 0.5, *[0.6] * 7)
    assert not is_certain(*covering_more)
    assert is_certain(*covering_more, distance=(20.0, 3.0, 3.0, *[60.0] * 8)), "noise covers everything"


def test_too_much_detail_is_only_suspected_while_samples_improve() -> None:
    improving = scores(0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.66, 0.7)
    specks = scores(1.0, *[9.0] * 10)
    assert examine(well(detail=specks, precision=improving)).verdict == "suspect"
    assert examine(well(detail=specks)).verdict == "ill"


def test_a_loss_alone_only_warns() -> None:
    """Unless it is a proof: no number, cut off, or the same to all digits."""
    proofs = {"not-finite", "saturated-flip", "plumbing-bug"}
    of_losses = {"d_loss", "g_loss", "d_total", "g_total"}
    for key, traces in SICK.items():
        for trace in traces:
            bare = replace(trace, signals={name: one for name, one in trace.signals.items() if name in of_losses})
            if key not in proofs and not trace.faults:
                assert not any(one.is_certain for one in diagnoses(bare)), key


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: symptom.key)
def test_what_it_says_of_itself_is_true(symptom: type) -> None:
    others = {*symptom.confused_with, *symptom.explained_by}
    assert others <= {*BY_KEY, "healthy"} - {symptom.key}
    named = re.findall(r"`([a-z_]+)`", " ".join(symptom.reads))
    assert set(named) <= set(SIGNALS)
    assert symptom.sources
    assert symptom.reads


EARLY = {
    "d_loss": Series.of([10, 60, 110, 160, 200], [1.4, 0.01, 0.001, 0.0, 0.0]),
    "g_loss": Series.of([10, 60, 110, 160, 200], [3.0, 25.0, 38.0, 40.0, 31.0]),
    "d_real": Series.of([10, 60, 110, 160, 200], [0.6, 0.99, 1.0, 1.0, 1.0]),
    "d_fake": Series.of([10, 60, 110, 160, 200], [0.4, 0.0, 0.0, 0.0, 0.0]),
}
BUMP = (200.0, 90.0, 60.0, 40.0, 30.0, 25.0, 30.0, 24.0, 22.0)
RAMP = (0.0, 0.1, 0.3, 0.5)

HEALTHY: Mapping[str, Trace] = {
    "cross-entropy": well(),
    "cross-entropy at 0.1 with good samples": well(d_loss=rows(0.1), g_loss=rows(4.0)),
    "cross-entropy near 0 while samples improve": well(d_loss=rows(0.02), g_loss=rows(6.0)),
    "the bands of the notes on bursts": well(
        d_loss=rows((1.5, 1.2, 1.0, 0.7), noise=0.3),
        g_loss=rows((4.0, 3.0, 2.5), noise=0.3),
        d_real=rows(0.7, noise=0.05),
        d_fake=rows((0.5, 0.2)),
    ),
    "hinge": played("hinge", 1.5, 0.1, score_fake=rows(-0.3), auc=rows(0.75)),
    "hinge at 0 with single samples": replace(played("hinge", 0.0, 3.0, noise=0), batch=1),
    "hinge near 0 with large batches": replace(played("hinge", 0.05, 2.0), batch=2048),
    "WGAN-GP": played("wgan", (-20.0, -8.0, -4.0, -3.0, -2.5), (1.0, 5.0), slope=rows(1.05), penalty=rows(0.05)),
    "WGAN drift": played("wgan", (-20.0, -8.0, -4.0, -3.0), (0.0, 300.0), slope=rows(1.0)),
    "WGAN with a flat critic's loss and better samples": played("wgan", -1.0, 0.5),
    "WGAN at its equilibrium": well("wgan", d_loss=Series.of(rows(1.0).steps, rows(1.0).values - 1.0)),
    "relativistic near 0": played("relativistic", 0.01, 5.0, auc=rows(0.997, noise=0)),
    "relativistic hinge at exactly 0": played("relativistic-hinge", 0.0, 4.0, noise=0.0),
    "relativistic scores that drift": played("relativistic-average", 0.7, 4.0, score_real=rows((0, -10.0))),
    "noise of small batches": well(d_loss=rows(1.0, noise=0.5), g_loss=rows(1.5, noise=0.5)),
    "the adversarial stage begins": well(psnr=scores(20.0, 27.0, 28.0, 28.5, 26.0, 25.8, 26.0)),
    "FID up by 20 % for one evaluation": well(fid=scores(*BUMP)),
    "FID up by 20 % in the last evaluation": well(fid=scores(*BUMP, 27.0)),
    "ADA at its target": well(augment_p=rows((0.0, 0.4)), overfitting=rows(0.6)),
    "the average good and the raw generator bad": well(distance_raw=scores(*[3 * value for value in LEARNING])),
    "a ramp from pixels to the game": well(**{"share.game": rows(RAMP), "share.rebuild": rows((1.0, 0.5))}),
    "KL that falls and rests": well(kl=rows((4.0, 0.5, 0.4, 0.5)), active_units=scores(0.9, 0.5, 0.4)),
    "gamma in its band": well(gamma_low=rows(0.45), gamma_high=rows(1.7)),
    "a rate that ends at 0": well(lr_g=rows((2e-4, 1e-4, 0.0), noise=0)),
    "data that are flat and dark themselves": replace(
        well(flat=scores(0.5, 0.6, 0.55), saturated=scores(0.4, 0.4, 0.4)), floors={"flat": 0.5, "saturated": 0.4}
    ),
    "losses that end on a whole number": well(d_loss=alternating(1.0, 1.2), g_loss=rows(1.3)),
}


@pytest.mark.parametrize("trace", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy_runs_that_look_ill_are_left_in_peace(trace: Trace) -> None:
    assert keys(trace) == []
    assert examine(trace).verdict == "healthy"


def test_a_warm_up_is_young() -> None:
    assert examine(Trace(EARLY, GAMES["bce"])).verdict == "young"
    long_epochs = replace(Trace(EARLY, GAMES["bce"]), steps_an_epoch=1583.0)
    assert examine(long_epochs).verdict == "young"


def test_losses_alone_are_never_called_healthy() -> None:
    losses = {name: well().signals[name] for name in ("d_loss", "g_loss")}
    assert examine(Trace(losses, GAMES["bce"])).verdict == "unknown"
    assert examine(Trace({**losses, "fid": scores(90.0, 40.0)}, GAMES["bce"])).verdict == "unknown"
    assert examine(Trace({**losses, "fid": scores(90.0, 40.0, 30.0)}, GAMES["bce"])).verdict == "healthy"


def test_healthy_needs_measures_of_samples_that_are_recent_and_see_variety() -> None:
    losses = {"d_loss": rows(1.1), "g_loss": rows(1.3)}
    stale = examine(Trace({**losses, "fid": Series.of([0, 500, 1000, 1500], [90, 40, 35, 30])}, GAMES["bce"]))
    assert (stale.verdict, "at step 1500 of 5000" in stale.why) == ("unknown", True)
    assert examine(Trace({**losses, "psnr": scores(20.0, 24.0, 26.0, 27.0)}, GAMES["bce"])).verdict == "unknown"
    assert examine(Trace({"psnr": scores(20.0, 24.0, 26.0, 27.0)})).verdict == "healthy", "without a game it is enough"
    nameless = examine(Trace(losses))
    assert (nameless.verdict, "say --loss" in nameless.why) == ("unknown", True)
    assert examine(Trace({})).why == "there are no numbers to judge by"


def test_samples_that_never_came_nearer_are_not_called_healthy() -> None:
    losses = {"d_loss": rows(1.1), "g_loss": rows(1.3)}
    found = examine(Trace({**losses, "fid": scores(300.0, 302.0, 299.0, 301.0, 298.0)}, GAMES["bce"]))
    assert found.verdict == "unknown"
    assert "as far from the data as ever: fid 299, at first 300" in found.why
    begun_late = examine(Trace({**losses, "fid": scores(30.0, 29.0, 31.0, 30.0)}, GAMES["bce"]))
    assert begun_late.verdict == "healthy", "a log may begin with a trained generator"
    flat = Trace({**losses, "distance": scores(0.02, 0.019, 0.018)}, GAMES["bce"])
    assert examine(flat).verdict == "healthy", "how near is near is not known"
    assert examine(replace(flat, floors={"distance": 0.001})).verdict == "unknown"
    learned = replace(flat, floors={"distance": 0.001}, untrained={"distance": 0.5})
    late = replace(learned, signals={**losses, "distance": Series.of([2500, 4000, 5000], [0.02, 0.019, 0.018])})
    assert examine(late).verdict == "healthy", "much was learned before the first measuring"


def test_healthy_says_how_far_samples_still_are_from_the_data() -> None:
    nothing = "nothing of what the doctor knows is there"
    distance = scores(20.0, *[10.0] * 10)
    trace = replace(well(distance=distance, recall=scores(*[0.0] * 11)), floors={"distance": 0.2, "recall": 0.84})
    improving = replace(trace, signals={**trace.signals, "distance": scores(*np.linspace(20.0, 10.0, 11))})
    far = "far from the data: recall 0.00, 0.84 of other real samples"
    quiet = partial(examine, symptoms=())
    assert (quiet(trace).verdict, quiet(trace).why) == ("healthy", f"{nothing}; samples are {far}")
    assert quiet(improving).why == f"{nothing}; samples still improve, and are {far}"
    assert quiet(well()).why == nothing, "a floor that is not known says nothing"
    assert quiet(replace(well(), floors={"recall": 0.84, "precision": 0.9})).why == nothing


def test_a_plateau_begins_at_a_step_that_was_measured() -> None:
    flat = Series.of(np.arange(1, 17) * 323.0, [40.0, 14.0, 12.0, 11.0, *[10.0] * 12])
    (found,) = [one for one in diagnoses(well(distance=flat)) if one.symptom.key == "stagnation"]
    assert found.onset == 12 * 323.0 and "since step 3876" in found.evidence[0].said


def bursts(epochs: list[float], d: list[float], g: list[float], real: list[float], fake: list[float]) -> Trace:
    """The columns of the notes, 14 batches an epoch."""
    steps = [14 * epoch for epoch in epochs]
    columns = {"d_loss": d, "g_loss": g, "d_real": real, "d_fake": fake}
    series = {name: Series.of(steps, values) for name, values in columns.items()}
    return Trace(series, GAMES["bce"], steps_an_epoch=14.0, batch=16)


def test_radio_bursts_are_diagnosed_as_their_author_did() -> None:
    before = bursts([0, 1, 2], [2.0881, 0.0001, 0.0], [19.9227, 45.8796, 46.7694], [0.5726, 0.9999, 1.0], [0.5, 0, 0])
    assert keys(before) == ["critic-wins"]
    assert diagnoses(before)[0].onset == 14.0
    many = list(np.arange(0.0, 500.0))
    symptoms = bursts(many, [0.0] * 500, [46.0] * 500, [1.0] * 500, [0.0] * 500)
    assert keys(symptoms) == ["critic-wins"]
    after = bursts([0, 1, 2], [1.5, 1.2, 1.0], [4.0, 3.5, 2.5], [0.7, 0.75, 0.75], [0.5, 0.4, 0.3])
    assert keys(after) == []


def test_super_resolution_that_is_stuck_is_a_bug() -> None:
    epochs = np.arange(20) * 500.0
    stuck = {"g_total": Series.of(epochs, [0.7979] * 20), "g_loss": Series.of(epochs, [0.7979] * 20)}
    run = Trace({**stuck, "psnr": Series.of(epochs, [6.02] * 20)})
    examination = examine(run)
    assert (examination.verdict, keys(run)) == ("ill", ["plumbing-bug"])
    assert "random" in BY_KEY["not-learning"].confused_with["data-bug"]
    moving = Trace({"psnr": Series.of(epochs, [6.02 + 0.01 * (at % 3) for at in range(20)])})
    assert keys(moving) == ["not-learning"]


def test_gamma_of_the_landscapes_is_a_runaway_with_bands_behind_it() -> None:
    run = well(
        "hinge", d_loss=rows(1.8), gamma_high=rows((1.8, 4.0, 21.178), noise=0), banding=scores(1.0, 1.0, 4.0, 4.0)
    )
    first, second = diagnoses(run)
    assert (first.symptom.key, second.symptom.key) == ("gamma-runaway", "banding")
    assert first.is_certain
    assert "21.18" in first.evidence[0].said


def test_terrain_comes_and_goes_every_other_epoch() -> None:
    """Attempt 11: normal after epoch 0, collapsed after 1, normal after 2, collapsed for 3."""
    assert keys(well(distance=scores(5.0, 30.0, 6.0, 32.0)))[0] == "comes-and-goes"


def test_consequences_stand_behind_their_causes() -> None:
    collapsed = well(
        diversity=scores(0.1, *[0.9] * 6, 0.05, 0.05, 0.05), distance=scores(20, *[3.0] * 6, 9.0, 9.5, 9.9)
    )
    assert keys(collapsed)[:2] == ["total-collapse", "late-collapse"]
    dark = well(brightness=scores(0.0, 0.0, -0.7, -0.7), flat=scores(0.0, 0.0, 0.4, 0.4))
    assert keys(dark) == ["dark-retreat", "flat"]


def test_what_is_only_suspected_explains_nothing_that_is_certain() -> None:
    run = well(brightness=scores(0.0, 0.0, -0.7, -0.7), flat=scores(0.0, 0.0, 0.9, 0.9))
    assert keys(run) == ["flat", "dark-retreat"]
    assert examine(run).verdict == "ill"


def test_of_two_as_sure_the_earlier_comes_first() -> None:
    run = well(blocks=scores(1.0, 1.0, 1.0, 2.5, 2.5), checkerboard=scores(1.0, 3.5, 3.5, 3.5, 3.5))
    assert keys(run) == ["checkerboard", "blocks"]


def test_a_bug_silences_everything_else() -> None:
    run = replace(well(d_loss=rows((1.0, 0.01, 0.01))), faults=("data: half of the samples are noise",))
    assert keys(run) == ["data-bug"]


def test_the_verdict_says_since_when() -> None:
    why = examine(SICK["total-collapse"][0]).why
    assert why == "the generator makes nearly the same sample each time since step 4500"
    assert examine(SICK["blur"][0]).why.endswith("by one kind of evidence alone")


def test_medians_are_those_of_the_last_steps() -> None:
    noise = np.random.default_rng(0)
    series = Series.of(np.sort(noise.integers(0, 3000, 300)), noise.standard_normal(300))
    inside = [(series.steps > step - WINDOW) & (np.arange(300) <= at) for at, step in enumerate(series.steps)]
    np.testing.assert_allclose(series.smooth(WINDOW).values, [np.median(series.values[held]) for held in inside])


def test_a_long_log_is_thinned_and_ends_where_it_ended() -> None:
    long = Series.of(np.arange(100_000.0), np.arange(100_000.0))
    thin = long.smooth(WINDOW)
    assert len(thin) == 1000
    assert thin.steps[-1] == long.steps[-1]
    assert thin.values[-1] == LAST * 20 - 1 - (WINDOW - 1) / 2


def hostile(seed: int) -> Trace:
    """Any signals of any length, with zeros, huge numbers and numbers that are none."""
    draw = np.random.default_rng(seed)
    kinds = (0.0, 1.0, -1.0, 1e-300, 1e30, np.inf, -np.inf, np.nan, 0.5, 100.0)
    signals = {}
    for name in (*SIGNALS, "share.game", "share.lpips", "share.x"):
        count = int(draw.integers(0, 80))
        steps = np.sort(draw.integers(0, 5000, count)).astype(float)
        noise = draw.standard_normal(count) if seed % 2 else np.zeros(count)
        signals[name] = Series.of(steps, draw.choice(draw.choice(kinds, 3), count) + noise)
    game = [*GAMES.values(), None][seed % (len(GAMES) + 1)]
    floors = {name: float(draw.choice(kinds[:5])) for name in ("distance", "fid", "flat", "obeyed")}
    return Trace(signals, game, floors=floors, steps_an_epoch=float(seed % 3) or None, batch=seed % 5 or None)


@pytest.mark.parametrize("seed", range(24))
def test_no_numbers_confuse_it(seed: int) -> None:
    """Warnings are errors here: nothing is divided by nothing."""
    examination = examine(hostile(seed))
    for diagnosis in examination.diagnoses:
        assert 0.0 < diagnosis.confidence <= 1.0
        assert all(np.isfinite(item.onset) for item in diagnosis.evidence if item.onset is not None)


@pytest.mark.parametrize(("first", "fires"), [(100, True), (700, False)])
def test_what_was_learned_before_a_late_first_measuring_counts(first: int, fires: bool) -> None:
    """The demo is measured each 700 steps, and is near its best at the first."""
    steps = np.arange(first, 7001, 690)
    run = Trace({"distance": Series.of(steps, np.linspace(0.88, 0.79, len(steps)))}, floors={"distance": 0.1})
    assert ("not-learning" in keys(run)) == fires


@pytest.mark.parametrize(("untrained", "fires"), [(0.95, True), (3.0, False)])
def test_where_the_first_measuring_came_late_the_self_test_is_the_beginning(untrained: float, fires: bool) -> None:
    steps = np.arange(700, 7001, 690)
    series = {"distance": Series.of(steps, np.linspace(0.88, 0.79, len(steps)))}
    run = Trace(series, floors={"distance": 0.1}, untrained={"distance": untrained})
    assert ("not-learning" in keys(run)) == fires


def test_what_lags_is_named_before_what_its_samples_look_like() -> None:
    """Every measure of samples is of the average."""
    behind = {"distance": scores(*ending(8.0, 6.0)), "distance_raw": scores(*ending(8.0, 1.0))}
    run = well(**behind, diversity=scores(*ending(0.9, 0.05)), contrast=scores(*ending(1.0, 0.2)))
    assert keys(run)[0] == "average-lags"
    assert "total-collapse" in keys(run)


def test_missing_detail_is_suspected_where_samples_no_longer_improve_and_never_more() -> None:
    at = [1000.0, 2000.0, 3000.0]
    young = well(
        detail=Series.of(at, [0.1] * 3), distance=Series.of(at, [20, 9, 5]), recall=Series.of(at, [0, 0.2, 0.4])
    )
    assert "blur" not in keys(young), "after three evaluations nobody knows whether they improve"
    soft = {"detail": scores(*[0.1] * 11)}
    assert examine(well(**soft)).verdict == "suspect"
    assert examine(well(**soft, psnr=scores(*[30.0] * 11))).verdict == "suspect"
    assert "blur" not in keys(well(**soft, precision=scores(*np.linspace(0.1, 0.7, 11))))
