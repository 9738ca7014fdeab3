"""Each bound is where it is said to be: there is evidence a little beyond it, and none a little short of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.doctor.game import GAMES
from equipoise.doctor.quality import best_so_far
from equipoise.doctor.symptom import PROOF
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Series, Trace
from sick import STUCK, ending, samples
from traces import EVERY, ROWS, alternating, played, rows, scores, well

BY_KEY = {symptom.key: symptom for symptom in SYMPTOMS}
BLIND = 2 * np.log(2)


def weight(key: str, trace: Trace, signal: str) -> float:
    """Of the evidence that rests on a signal; 0 where there is none."""
    return max((one.weight for one in BY_KEY[key].seen(trace) if one.signal == signal), default=0.0)


def still(value: float, count: int, name: str = "g_loss") -> Trace:
    """The last `count` rows of a loss are the same."""
    values = rows(1.3).values
    values[-count:] = value
    return well(**{name: Series.of(ROWS, values)})


def clipped(value: float, count: int) -> Trace:
    values = rows(1.1).values
    values[-count:] = value
    return well(d_loss=Series.of(ROWS, values))


def certain(share: float, real: float) -> Trace:
    steps = np.arange(10) * 14.0
    losses, reals = Series.of(steps, [share * BLIND] * 10), Series.of(steps, [real] * 10)
    return Trace({"d_loss": losses, "d_real": reals}, GAMES["bce"], steps_an_epoch=14.0)


def sure(share: float, batch: int) -> Trace:
    return replace(well("hinge", d_loss=rows((2.0, 2 * share, 2 * share), noise=0), distance=STUCK), batch=batch)


def vanishing(left: float) -> Series:
    return Series.of(ROWS, np.where(ROWS < 400, 1.0, left))


def last_rows(count: int) -> Trace:
    return Trace({"d_loss": Series.of(ROWS[-count:], alternating(0.05, 1.5).values[-count:])}, GAMES["bce"])


def turning(share: float) -> Trace:
    """The loss is on the other side of its middle in that share of rows."""
    turns = np.floor(np.arange(len(ROWS)) * share).astype(int) % 2
    return well(d_loss=Series.of(ROWS, np.where(turns == 0, 0.05, 1.5)))


def passing(passes: int) -> Trace:
    values = rows(1.1, noise=0).values
    values[-passes - 1 :] = [0.05 if at % 2 else 4.0 for at in range(passes + 1)]
    return well(d_loss=Series.of(ROWS, values))


def lead(share: float) -> Trace:
    return played("wgan", (-5.0, -5.0 * share, -5.0 * share, -5.0 * share), 0.1, noise=0.0)


def shares(game: float, **others: float) -> Trace:
    return well(**{f"share.{name}": rows(level, noise=0) for name, level in {"game": game, **others}.items()})


def perceptual(at: float) -> Trace:
    path = "phases.main.terms.look"
    settings = {path: "equipoise.terms.perceptual.Perceptual", f"{path}.weight": at}
    return replace(shares(0.1, lpips=0.9), settings=settings)


def dropped(d_fake: float, auc: float) -> Trace:
    psnr = scores(20.0, 27.0, 27.0, 20.0, 20.0)
    return well(psnr=psnr, d_fake=rows(d_fake, noise=0), auc=rows(auc, noise=0))


def kl(last: float) -> Trace:
    return well(kl=rows([0.5] * 60 + [last, last], noise=0))


def overfits(fid: float) -> Trace:
    return well(overfitting=rows(0.9), fid=scores(*(100.0, *ending(20.0, fid, 3))))


BOUNDS = {
    "as many equal rows": ("plumbing-bug", "g_loss", still(0.8, 9), still(0.8, 10)),
    "away from the floor": ("plumbing-bug", "d_loss", still(0.06, 20, "d_loss"), still(0.08, 20, "d_loss")),
    "largest FID": ("invalid-measure", "fid", samples(fid=(9e3,)), samples(fid=(1.1e4,))),
    "at a clip": ("saturated-flip", "d_loss", clipped(101.5, 20), clipped(100.8, 20)),
    "rows at a clip": ("saturated-flip", "d_loss", clipped(100.0, 9), clipped(100.0, 10)),
    "a loss of nothing": ("critic-wins", "d_loss", certain(0.0012, 1.0), certain(0.0008, 1.0)),
    "a D(x) of 1": ("critic-wins", "d_loss", certain(0.0, 0.998), certain(0.0, 0.9995)),
    "loss of a large batch": ("critic-wins", "d_loss", sure(0.023, 512), sure(0.018, 512)),
    "what a large batch is": ("critic-wins", "d_loss", sure(0.03, 512), sure(0.03, 511)),
    "gradient that is gone": (
        *("critic-wins", "grad_at_output"),
        well(grad_at_output=vanishing(0.012)),
        well(grad_at_output=vanishing(0.008)),
    ),
    "huge penalty": ("exploding", "penalty", well(penalty=rows(900.0, noise=0)), well(penalty=rows(1100.0, noise=0))),
    "rows that alternate": ("oscillation", "d_loss", last_rows(49), last_rows(50)),
    "how often they do": ("oscillation", "d_loss", turning(0.55), turning(0.65)),
    "circles": ("oscillation", "d_loss", passing(5), passing(6)),
    "penalty of a flat critic": (
        *("dead-critic", "penalty"),
        played("wgan", -1.0, 0.1, penalty=rows(1.012, noise=0)),
        played("wgan", -1.0, 0.1, penalty=rows(1.008, noise=0)),
    ),
    "slope of a flat critic": (
        *("dead-critic", "slope"),
        played("wgan", -1.0, 0.1, slope=rows(0.12, noise=0)),
        played("wgan", -1.0, 0.1, slope=rows(0.08, noise=0)),
    ),
    "lead that is gone": ("dead-critic", "d_loss", lead(0.0012), lead(0.0008)),
    "half of recall": (
        "total-collapse",
        "recall",
        samples(recall=ending(0.6, 0.32)),
        samples(recall=ending(0.6, 0.28)),
    ),
    "what an overfitting costs": ("overfitting", "fid", overfits(23.0), overfits(25.0)),
    "least share of a game": ("auxiliary-dominates", "share.game", shares(0.012), shares(0.008)),
    "heaviest perceptual distance": ("perceptual-too-heavy", "", perceptual(0.045), perceptual(0.055)),
    "sure D(G(z)) at a switch": ("stage-switch", "d_fake", dropped(0.012, 0.5), dropped(0.008, 0.5)),
    "sure scores at a switch": ("stage-switch", "auc", dropped(0.5, 0.975), dropped(0.5, 0.985)),
    "empty posterior": (
        *("posterior-collapse", "kl"),
        well(kl=rows((1.0, *[0.012] * 9), noise=0)),
        well(kl=rows((1.0, *[0.008] * 9), noise=0)),
    ),
    "burst of KL": ("kl-explosion", "kl", kl(4.7), kl(5.3)),
    "condition, floor unknown": (
        *("condition-ignored", "obeyed"),
        replace(samples(obeyed=ending(0.5, 0.12)), floors={}),
        replace(samples(obeyed=ending(0.5, 0.08)), floors={}),
    ),
    "gamma beside bands": (
        *("banding", "gamma_high"),
        well(banding=scores(*ending(1.0, 3.0)), gamma_high=rows(1.9, noise=0)),
        well(banding=scores(*ending(1.0, 3.0)), gamma_high=rows(2.1, noise=0)),
    ),
    "evaluations without learning": (
        *("not-learning", "distance"),
        samples(distance=(20.0,) * 5),
        samples(distance=(20.0,) * 6),
    ),
    "FID of a trained generator": ("not-learning", "fid", samples(fid=(44.0,) * 9), samples(fid=(46.0,) * 9)),
    "PSNR of something": ("not-learning", "psnr", samples(psnr=(10.1,) * 9), samples(psnr=(9.9,) * 9)),
    "rise of PSNR": ("not-learning", "psnr", samples(psnr=(6.0, *[6.55] * 9)), samples(psnr=(6.0, *[6.45] * 9))),
    "gain at the end": (
        *("stagnation", "distance"),
        samples(distance=(40.0, *[10.0] * 12, *[9.4] * 6)),
        samples(distance=(40.0, *[10.0] * 12, *[9.6] * 6)),
    ),
}
"""The symptom, the signal its evidence rests on, a run a little short of the bound and one a little beyond it."""


@pytest.mark.parametrize(("key", "signal", "short", "beyond"), BOUNDS.values(), ids=BOUNDS.keys())
def test_a_bound_is_where_it_is_said_to_be(key: str, signal: str, short: Trace, beyond: Trace) -> None:
    assert weight(key, short, signal) == 0.0
    assert weight(key, beyond, signal) > 0.0


PROOFS = {
    "gamma": ("gamma-runaway", "gamma_high", well(gamma_high=rows(4.8, noise=0)), well(gamma_high=rows(5.2, noise=0))),
    "distance": (
        *("late-collapse", "fid"),
        samples(fid=(100.0, *ending(20.0, 29.0, 3))),
        samples(fid=(100.0, *ending(20.0, 31.0, 3))),
    ),
    "diversity": (
        *("total-collapse", "diversity"),
        samples(diversity=ending(0.9, 0.12)),
        samples(diversity=ending(0.9, 0.08)),
    ),
}


@pytest.mark.parametrize(("key", "signal", "short", "beyond"), PROOFS.values(), ids=PROOFS.keys())
def test_plain_cases_are_proofs(key: str, signal: str, short: Trace, beyond: Trace) -> None:
    assert 0.0 < weight(key, short, signal) < PROOF
    assert weight(key, beyond, signal) >= PROOF


def test_a_window_is_long_enough_for_a_median() -> None:
    steps = np.arange(0.0, 50_000, 100)
    sparse = Trace({"d_loss": Series.of(steps, np.ones(len(steps)))})
    assert sparse.window == 2000.0
    assert replace(sparse, steps_an_epoch=5000.0).window == 5000.0
    assert well().window == 20 * EVERY
    few = Trace({"d_loss": Series.of([0.0, 1000.0, 2000.0], [1.0, 1.0, 1.0])})
    assert few.window == 200.0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 50])
def test_one_lucky_evaluation_is_not_the_best(count: int) -> None:
    series = Series.of(np.arange(count), np.random.default_rng(count).lognormal(size=count))
    windows = [series.values[at : at + 3] for at in range(max(1, count - 2))]
    assert best_so_far(series, higher=False) == min(np.median(window) for window in windows)
    assert best_so_far(series, higher=True) == max(np.median(window) for window in windows)
