"""For each symptom made-up runs that have it, and runs that come near to it and have it not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from equipoise.doctor.game import GAMES
from equipoise.doctor.trace import Series, Trace
from equipoise.spec import Json
from traces import FLOORS, LAST, ROWS, alternating, faulty, played, rows, scores, well

NAN = float("nan")
STUCK = scores(20.0, 12.0, *[11.0] * 9)
AFTERWARDS = scores(*[9.5] * 11).after(1.0)
"""A run of ours keeps no measure of step 0 in its series."""
CLIPPED = (1.0,) * 5 + (100.0,) * 6
NUMBERS = rows(1.1).values
IMPROVING = scores(*np.linspace(0.1, 0.7, 11))
FALLING = scores(*np.linspace(0.7, 0.1, 11))
LUCKY = scores(*[0.0] * 9, 0.2, 0.0)
BLIND = well(auc=rows(0.5, noise=0.02), distance=scores(20.0, *[9.0] * 10))
"""Its last recall is 0.59."""


def at_a_kernel_of(share: float) -> Trace:
    """Blind, on points whose kernel distance is this share of the untrained generator's; recall is low."""
    far = well(auc=rows(0.5, noise=0.02), distance=scores(20.0, *[9.0] * 10), recall=LUCKY)
    return points(far, *[share] * 11)


def points(trace: Trace, *kernel: float) -> Trace:
    """The same of points, with the kernel distances of its scores; the untrained generator's is 1."""
    seen = {**trace.signals, "kernel": scores(*kernel)}
    return replace(trace, signals=seen, of_points=True, untrained={"kernel": 1.0})


TURNING: Final = (20.0, 3.0, 3.0, 12.0, 3.0, 14.0)
WORSE_AGAIN: Final = (200.0, 80.0, 40.0, 30.0, 30.0, 30.0, 40.0, 60.0, 70.0)


MEASURED_ONCE = Trace(
    {"d_loss": rows(1.386, noise=0.01), "distance": Series.of(np.full(3, LAST), [9.0, 9.1, 8.9])},
    GAMES["bce"],
    {},
    FLOORS,
    at_once=frozenset({"distance"}),
)


STOPPED = rows((0.5, 0.5, 0.0, 0.0))
GP: dict[str, Json] = {"": "equipoise.terms.penalties.GradientPenalty", "weight": 10.0, "target": 1.0}
R1: dict[str, Json] = {"": "equipoise.terms.penalties.R1", "weight": 1.0}


def penalised(slope: float, game: str = "wgan", **terms: dict[str, Json]) -> Trace:
    """A run of ours whose critic has this slope, with these penalties."""
    found = {
        f"phases.main.terms.{name}.{key}".rstrip("."): value for name, of in terms.items() for key, value in of.items()
    }
    return replace(well(game, slope=rows(slope), settings={"phases": ["main"], **found}), phase="main")


def with_penalty(level: float, trace: Trace) -> Trace:
    return replace(trace, signals={**trace.signals, "penalty": rows(level, noise=1e-4)})


def as_printed(decimals: int, **signals: Series) -> Trace:
    """A log whose numbers were all printed so."""
    found = well(**signals)
    return replace(
        found, signals={name: replace(one, values=one.values.round(decimals)) for name, one in found.signals.items()}
    )


def nan_from(step: float) -> Series:
    return Series(ROWS, np.where(step <= ROWS, NAN, NUMBERS))


def samples(**values: tuple[float, ...]) -> Trace:
    return well(**{name: scores(*those) for name, those in values.items()})


def growing(level: float) -> Series:
    return rows((1.0, 1.0, 1.0, level, level, level), noise=0.0)


def ending(begin: float, end: float, count: int = 2) -> tuple[float, ...]:
    """Eleven values, the last of which are `end`."""
    return (begin,) * (11 - count) + (end,) * count


SICK: Mapping[str, list[Trace]] = {
    "data-bug": [faulty("data: 31 % of the samples are the same"), faulty("data: a", "measure: b")],
    "plumbing-bug": [
        well(g_loss=rows(0.7979, noise=0.0)),
        Trace({"d_loss": rows(0.7979, noise=0.0), "g_loss": rows((2.1234, 2.1235), noise=0.0)}, None, {}, {}),
        well("hinge", d_loss=rows(1.2, noise=0.0)),
        well(lr_g=rows(0.0)),
        replace(as_printed(4, lr_g=rows(0.0)), settings={"phases": ["main"]}),
        well(moved_d=rows((1e-3, 1e-3, 0.0, 0.0))),
        well(grad_g=STOPPED, grad_at_output=rows((1.0, 1.0, 0.0, 0.0), noise=0)),
        well("hinge", d_loss=rows(0.0), moved_d=rows(0.0)),
        well("hinge", d_loss=rows((1.0, 0.01)), moved_g=STOPPED, grad_g=rows(0.5), grad_at_output=rows(1.0)),
        well(d_loss=rows((1.0, 0.05)), moved_d=STOPPED, grad_d=rows(0.5)),
        well(grad_g=STOPPED, grad_at_output=rows(1.0)),
        faulty("plumbing: critic.head has no gradient"),
    ],
    "invalid-measure": [
        samples(fid=(8.2e51,)),
        samples(fid=(30.0, -3.0)),
        samples(fid=(30.0, NAN)),
        replace(well(), floors={"distance": 11.0}),
        replace(well(distance=AFTERWARDS), floors={"distance": 9.0}, untrained={"distance": 10.0}),
        faulty("measure: real samples are as far as noise"),
    ],
    "not-finite": [
        well(d_loss=nan_from(3000)),
        well(grad_g=nan_from(4980)),
        well(not_finite=rows((0.0, 0.0, 3.0), noise=0.0)),
        faulty("step 31: critic.head.weight is NaN in the critic's update; the update was not made"),
        faulty("step 9: the generator's gradient norm overflows although each gradient is finite"),
    ],
    "exploding": [
        well(grad_d=growing(8.0)),
        well(grad_g=STOPPED, grad_at_output=rows(1.0), lr_g=rows((1e-3, 1e-3, 0.1, 0.1), noise=0)),
        well(d_loss=growing(1e5), grad_d=growing(1e6), grad_g=rows((0.5, 0.5, 0.0, 0.0), noise=0.0), distance=STUCK),
        well("wgan", d_loss=rows((-5.0, -3.0, -2.0, 0.0, 90.0, 99.0))),
        well("wgan", d_loss=rows((-9.0, -2.0)), penalty=rows((1.0, 5000.0))),
    ],
    "oscillation": [
        well(d_loss=alternating(0.05, 1.5)),
        well("hinge", d_loss=alternating(0.1, 5.0, run=3)),
    ],
    "critic-wins": [
        well(d_loss=rows((1.0, 0.02, 0.01, 0.01)), g_loss=rows((1.0, 9.0)), distance=STUCK),
        well(d_loss=rows((1.0, 0.01)), auc=rows((0.7, 0.999), noise=0), grad_at_output=rows((1.0, 0.001, 0.001, 1e-4))),
        well("lsgan", d_loss=rows((0.5, 0.01, 0.01)), g_loss=rows(0.9), distance=STUCK),
        replace(well("hinge", d_loss=rows((2.0, 0.01, 0.01)), g_loss=rows(1.0), distance=STUCK), batch=512),
        well("relativistic", auc=rows(0.999, noise=0), d_loss=rows(1e-4), distance=STUCK),
    ],
    "critic-blind": [
        well(d_loss=rows(1.386, noise=0.01), auc=rows(0.5, noise=0.02), distance=scores(20.0, *[9.0] * 10)),
        well(d_loss=rows(1.386, noise=0.01), distance=scores(20.0, *[9.0] * 10)),
        well(auc=rows(0.5, noise=0.02), distance=scores(20.0, *[9.0] * 10), recall=LUCKY),
        well(auc=rows(0.5, noise=0.02), distance=scores(20.0, *[9.0] * 10), precision=IMPROVING, recall=FALLING),
        MEASURED_ONCE,
        replace(BLIND, floors={"distance": 2.0, "recall": 1.3}),
        well(auc=rows(0.2, noise=0.02), distance=scores(20.0, *[9.0] * 10)),
        at_a_kernel_of(0.04),
        replace(at_a_kernel_of(0.02), of_points=False),
    ],
    "generator-wins": [
        well(d_loss=rows((1.4, 2.5, 2.5)), distance=STUCK),
        well("wgan", d_loss=rows((-4.0, -4.0, 0.0, 5.0, 6.0)), distance=STUCK),
    ],
    "saturated-flip": [
        well(d_loss=rows(CLIPPED, noise=0), d_real=rows(1.0, noise=0), d_fake=rows(1.0, noise=0), g_loss=rows(0.0)),
        well(d_loss=rows(16.118, noise=1e-4), g_loss=rows(0.0)),
        well(score_real=rows(80.0), score_fake=rows(75.0), d_loss=rows(75.0)),
        well(None, score_real=rows(80.0), score_fake=rows(75.0), d_loss=rows(75.0)),
    ],
    "off-target": [well("lsgan", d_loss=rows(0.4), g_loss=rows((0.3, 1.5, 1.6)))],
    "dead-critic": [
        played("wgan", (-5.0, 0.0, 0.0), 0.1, slope=rows(1e-4), penalty=rows(1.0, noise=1e-4)),
        played("wgan", (-5.0, 0.0, 0.0, 0.0), 0.1, noise=0.0),
        well(slope=rows(1e-6)),
        penalised(0.005, gp=GP),
        penalised(0.005, gp={**GP, "target": 0.1}, r1=R1),
        with_penalty(25.0, penalised(0.2, gp={**GP, "target": 5.0})),
    ],
    "steep-critic": [played("wgan", (-9.0, -2.0), 5.0, slope=rows(4.0)), penalised(16.0, gp={**GP, "target": 5.0})],
    "gap-stays": [played("wgan", (-1.0, -9.0, -9.0, -9.0), 5.0, distance=scores(20.0, 19.0, *[18.0] * 9))],
    "total-collapse": [
        samples(diversity=ending(0.9, 0.05)),
        samples(diversity=ending(0.9, 0.15), recall=ending(0.6, 0.1)),
        samples(diversity=ending(0.9, 0.05), distance=(20.0, *ending(3.0, 12.0, 3))),
    ],
    "partial-collapse": [
        samples(recall=ending(0.6, 0.5)),
        samples(diversity=ending(0.9, 0.4)),
        replace(
            samples(recall=(0.1,) * 11, distance=(20.0, 12.0, 9.0, *[8.5] * 8)), floors={"recall": 1.0, "distance": 2.0}
        ),
        samples(recall=(0.01,) * 11),
    ],
    "comes-and-goes": [
        samples(distance=TURNING),
        points(samples(distance=TURNING), 0.5, 0.012, 0.012, 0.028, 0.012, 0.028),
        replace(points(samples(distance=TURNING), *[0.02] * 6), of_points=False),
        samples(diversity=(0.1, 0.9, 0.1, 0.9, 0.1, 0.9)),
    ],
    "late-collapse": [
        samples(distance=WORSE_AGAIN),
        samples(fid=(200.0, *ending(20.0, 27.0, 3))),
        points(samples(distance=WORSE_AGAIN), 0.5, 0.1, 0.02, 0.02, 0.02, 0.02, 0.02, 0.04, 0.04),
        replace(points(samples(distance=WORSE_AGAIN), *[0.02] * 9), of_points=False),
    ],
    "overfitting": [
        well(overfitting=rows((0.2, 0.9, 0.95))),
        well(auc=rows((0.7, 0.9), noise=0), auc_held_out=rows((0.7, 0.6), noise=0)),
        well(augment_p=rows((0.0, 0.8, 0.8), noise=0), overfitting=rows(0.9)),
        well(overfitting=rows((0.2, 0.9, 0.95)), distance=scores(20.0, 4.0, 3.0, 3.0, 3.0, 4.0, 5.0, 6.0)),
    ],
    "memorisation": [samples(memory=ending(0.1, 0.45)), samples(memory=ending(0.1, 0.8))],
    "auxiliary-dominates": [
        well(**{"share.game": rows(0.1), "share.fourier": rows(0.9, noise=0)}),
        well(**{"share.game": rows(0.001), "share.l1": rows(0.999, noise=0)}),
        well(settings={"encoder": "vae"}, **{"share.game": rows(0.1), "share.rebuild": rows(0.85, noise=0)}),
    ],
    "perceptual-too-heavy": [
        well(**{"share.game": rows(0.1), "share.lpips": rows(0.9, noise=0)}),
        well(
            settings={
                "phases.main.terms.look": "equipoise.terms.perceptual.Perceptual",
                "phases.main.terms.look.weight": 0.1,
            },
            **{"share.game": rows(0.4), "share.perceptual": rows(0.6)},
        ),
    ],
    "stage-switch": [
        samples(psnr=(20.0, 27.0, 27.0, 21.0, 20.0)),
        well(psnr=scores(20.0, 27.0, 27.0, 21.0, 20.0), d_fake=rows(0.004)),
    ],
    "posterior-collapse": [well(kl=rows((1.0, 0.001, 0.001))), samples(active_units=ending(0.6, 0.05, 9))],
    "kl-explosion": [well(kl=rows([0.5] * 60 + [60.0, 90.0]))],
    "gamma-runaway": [well(gamma_high=rows((1.5, 2.6), noise=0)), well(gamma_high=rows((1.5, 1.8, 21.178), noise=0))],
    "condition-ignored": [
        samples(obeyed=ending(0.5, 0.1)),
        well(gamma_low=rows(0.99, noise=0), gamma_high=rows(1.01, noise=0), obeyed=scores(0.1, 0.1, 0.1)),
    ],
    "dark-retreat": [
        samples(brightness=ending(0.0, -0.7)),
        samples(brightness=ending(0.0, -1.2), flat=ending(0.0, 0.8), contrast=ending(1.0, 0.2)),
    ],
    "flat": [samples(flat=ending(0.0, 0.4)), samples(flat=ending(0.0, 0.9), colour=ending(1.0, 0.1))],
    "one-class": [samples(one_class=ending(0.0, 0.4))],
    "wrong-scale": [
        samples(contrast=ending(1.0, 1.8)),
        samples(contrast=ending(1.0, 0.4)),
        samples(brightness=ending(0.0, 0.9)),
    ],
    "saturation": [samples(saturated=ending(0.0, 0.5)), samples(saturated=ending(0.0, 1.0))],
    "colour-drift": [samples(colour=ending(1.0, 0.3)), samples(colour=ending(1.0, 2.2))],
    "checkerboard": [samples(checkerboard=ending(1.0, 3.5)), samples(checkerboard=(9.0,) * 9, detail=(8.0,) * 9)],
    "blocks": [samples(blocks=ending(1.0, 2.5))],
    "banding": [samples(banding=ending(1.0, 3.0)), samples(banding=ending(1.0, 6.0))],
    "cross-blur": [samples(crosses=ending(1.0, 2.5)), samples(crosses=ending(1.0, 5.0), detail=ending(1.0, 0.2, 4))],
    "woven": [samples(crosses=ending(1.0, 0.4)), samples(crosses=ending(1.0, 0.2))],
    "blur": [samples(detail=ending(1.0, 0.4, 3))],
    "too-much-detail": [samples(detail=ending(1.0, 4.0, 3))],
    "not-learning": [samples(distance=(20.0, *[19.0] * 10)), samples(psnr=(6.0, 6.1, 6.2, 6.1, 6.0, 6.1, 6.02))],
    "stagnation": [samples(distance=(40.0, 14.0, 12.0, 11.0, *[10.0] * 12))],
    "average-lags": [samples(distance=ending(8.0, 6.0), distance_raw=ending(8.0, 3.0))],
    "starved": [well(waiting=rows(0.5))],
}
"""The first of each has it by one kind of evidence, later ones in other ways."""

NEAR: Mapping[str, list[Trace]] = {
    "data-bug": [faulty("measure: b")],
    "plumbing-bug": [
        well(g_loss=rows(0.7979, noise=1e-5)),
        well(d_loss=rows(0.0, noise=0), g_loss=rows(46.7694, noise=0)),
        well(lr_g=rows((1e-4, 1e-5, 0.0), noise=0)),
        as_printed(4, lr_g=rows(5e-5), lr_d=rows((2e-4, 2e-5))),
        as_printed(2, grad_g=rows(0.003)),
        well(lr_g=rows((1e-4, 1e-4, 0.0, 0.0), noise=0), moved_g=STOPPED),
        well(grad_g=STOPPED, grad_at_output=rows(1.0), lr_g=rows((1e-3, 1e-3, 0.1, 0.1), noise=0)),
        well("hinge", d_loss=STOPPED, moved_d=STOPPED, grad_d=STOPPED),
        well("hinge", d_loss=STOPPED, moved_g=STOPPED, grad_g=STOPPED, grad_at_output=STOPPED),
    ],
    "invalid-measure": [
        samples(fid=(30.0, 0.0)),
        replace(well(), floors={"distance": 9.0}),
        replace(well(distance=AFTERWARDS), floors={"distance": 9.0}, untrained={"distance": 20.0}),
    ],
    "not-finite": [
        well(not_finite=rows(0.0)),
        faulty("data: 3 pictures hold numbers that are not finite"),
        faulty("the disk is full"),
    ],
    "exploding": [
        well(grad_d=growing(4.5)),
        well(grad_g=rows((0.5, 0.5, 0.0, 0.1), noise=0), grad_at_output=rows(1.0), lr_g=rows((1e-3, 0.1))),
        well(grad_g=rows(0.0), grad_at_output=rows(1.0), lr_g=rows((1e-3, 0.1))),
        well(grad_g=STOPPED, grad_at_output=rows(1.0), lr_g=rows((1e-3, 1e-3, 4e-3, 4e-3), noise=0)),
        well("wgan", d_loss=rows((-9.0, -3.0, -2.0, 0.0, 30.0, 40.0))),
        played("wgan", (-9.0, -2.0), 5.0, penalty=rows(900.0)),
    ],
    "oscillation": [
        well(d_loss=alternating(0.55, 1.45)),
        well(d_loss=rows(1.0, noise=0.6)),
        well("relativistic", d_loss=alternating(0.0, 0.1)),
    ],
    "critic-wins": [
        well(d_loss=rows((1.0, 0.1, 0.09, 0.09)), g_loss=rows((1.0, 9.0)), distance=STUCK),
        well(auc=rows(0.99, noise=0.001), distance=STUCK),
        well(d_loss=rows((1.0, 0.02, 0.01, 0.01)), g_loss=rows((1.0, 9.0))),
        well(grad_at_output=rows((1.0, 0.1, 0.02), noise=0)),
        played("relativistic", 0.0, 9.0, auc=rows(1.0, noise=0)),
    ],
    "critic-blind": [
        well(d_loss=rows(1.386, noise=0.01), auc=rows(0.5, noise=0.02), distance=scores(20.0, *[7.0] * 10)),
        well(auc=rows(0.58, noise=0.01), distance=scores(20.0, *[9.0] * 10)),
        well(auc=rows(0.5, noise=0.02), distance=scores(20.0, *[9.0] * 10), precision=IMPROVING, recall=IMPROVING),
        well(auc=rows(0.5, noise=0.02), distance=scores(20.0, 9.0, 9.0), recall=scores(0.0, 0.2, 0.2)),
        replace(BLIND, floors={"distance": 2.0, "recall": 1.0}),
        at_a_kernel_of(0.02),
    ],
    "generator-wins": [
        well(d_loss=rows((1.4, 1.9, 1.9)), distance=STUCK),
        well(d_loss=rows((1.4, 2.5, 2.5))),
        well("wgan", d_loss=rows((-4.0, -4.0, 0.0, 1.0, 1.5)), distance=STUCK),
    ],
    "saturated-flip": [
        well(d_loss=rows(100.0, noise=0), d_real=rows(1.0, noise=0), d_fake=rows(0.5, noise=0)),
        well(d_loss=rows(14.0)),
        well(score_real=rows(20.0), score_fake=rows(18.0)),
        well(None, score_real=rows(80.0), score_fake=rows(78.0), d_loss=rows(-2.0), g_loss=rows(-78.0)),
    ],
    "off-target": [well("lsgan", d_loss=rows(0.4), g_loss=rows(0.9)), well(g_loss=rows(9.0))],
    "dead-critic": [
        played("wgan", (-5.0, 0.0, 0.0, 0.0), 0.1, noise=0.0, slope=rows(1.0)),
        played("wgan", (-5.0, -1.0), 0.1, penalty=rows(0.95, noise=0)),
        penalised(0.005, r1=R1),
        penalised(0.005, gp={**GP, "one_sided": True}),
        penalised(0.005, gp={**GP, "target": 0.0}),
        penalised(0.005, gp={**GP, "weight": 0.0}, r1=R1),
        penalised(0.15, gp=GP),
        with_penalty(1.0, penalised(1.41, r1=R1)),
        with_penalty(1.0, penalised(1.0, gp={**GP, "target": 0.0})),
    ],
    "steep-critic": [
        played("wgan", (-9.0, -2.0), 5.0, slope=rows(2.7)),
        well("hinge", slope=rows(9.0)),
        penalised(14.0, gp={**GP, "target": 5.0}),
        penalised(4.0, r1=R1),
    ],
    "gap-stays": [
        played("wgan", (-1.0, -9.0, -9.0, -9.0), 5.0),
        played("wgan", (-9.0, -9.0, -5.0, -4.0), 5.0, distance=scores(20.0, 19.0, *[18.0] * 9)),
        played("wgan", -9.0, 5.0, distance=scores(*[2.9] * 11)),
        played("wgan", -9.0, 5.0, fid=scores(*[12.0] * 11)),
    ],
    "total-collapse": [samples(diversity=ending(0.9, 0.05, 1)), samples(diversity=ending(0.9, 0.25))],
    "partial-collapse": [
        samples(recall=ending(0.6, 0.56)),
        samples(recall=ending(0.6, 0.4, 1)),
        samples(recall=(*[0.01] * 9, 0.06, 0.01)),
    ],
    "comes-and-goes": [
        samples(distance=(20.0, 3.0, 3.0, 12.0, 3.0, 3.0)),
        points(samples(distance=TURNING), 0.5, 0.04, 0.04, 0.06, 0.04, 0.06),
        points(samples(distance=TURNING), 0.5, 0.001, 0.001, 0.015, 0.001, 0.015),
        samples(distance=(20.0, 3.0, 5.0, 3.0, 5.0)),
    ],
    "late-collapse": [
        replace(samples(distance=(20.0, *ending(1.5, 9.5, 3))), of_points=True),
        points(samples(distance=WORSE_AGAIN), *[0.2] * 6, 0.04, 0.02, 0.02),
        samples(fid=(200.0, *ending(20.0, 23.0, 3))),
        samples(fid=(200.0, *ending(20.0, 40.0))),
        samples(distance=(20.0, *ending(1.5, 3.5, 3))),
    ],
    "overfitting": [
        well(overfitting=rows(0.65)),
        well(auc=rows((0.7, 0.9), noise=0), auc_held_out=rows((0.7, 0.82), noise=0)),
        well(augment_p=rows(0.8, noise=0), overfitting=rows(0.5)),
        well(augment_p=rows(0.5), overfitting=rows(0.9)),
        well(augment_p=rows(0.8, noise=0)),
    ],
    "memorisation": [samples(memory=ending(0.1, 0.25))],
    "auxiliary-dominates": [
        well(**{"share.game": rows(0.3), "share.fourier": rows(0.7, noise=0)}),
        well(**{"share.game": rows(0.05), "share.l1": rows(0.95, noise=0)}),
        well(settings={"encoder": None}, **{"share.game": rows(0.1), "share.rebuild": rows(0.85, noise=0)}),
    ],
    "perceptual-too-heavy": [well(**{"share.game": rows(0.6), "share.lpips": rows(0.4)})],
    "stage-switch": [samples(psnr=(20.0, 27.0, 27.0, 23.0, 22.5)), samples(psnr=(20.0, 27.0, 27.0, 27.0, 20.0))],
    "posterior-collapse": [well(kl=rows((1.0, 0.02))), samples(active_units=ending(0.6, 0.15))],
    "kl-explosion": [well(kl=rows([0.5] * 60 + [4.0, 4.5]))],
    "gamma-runaway": [well(gamma_high=rows(1.9, noise=0.01))],
    "condition-ignored": [
        samples(obeyed=ending(0.5, 0.2)),
        well(gamma_low=rows(0.9, noise=0), gamma_high=rows(1.01, noise=0)),
    ],
    "dark-retreat": [samples(brightness=ending(0.0, -0.4)), samples(brightness=ending(0.0, -0.9, 1))],
    "flat": [replace(samples(flat=ending(0.5, 0.7)), floors={"flat": 0.5})],
    "one-class": [samples(one_class=ending(0.0, 0.2))],
    "wrong-scale": [
        samples(contrast=ending(1.0, 1.4), brightness=ending(0.0, 0.5)),
        samples(contrast=ending(1.0, 0.6)),
    ],
    "saturation": [replace(samples(saturated=(0.9,) * 11), floors={"saturated": 0.8})],
    "colour-drift": [samples(colour=ending(1.0, 0.5)), samples(colour=ending(1.0, 1.6))],
    "checkerboard": [samples(checkerboard=ending(1.0, 2.5))],
    "blocks": [samples(blocks=ending(1.0, 1.8))],
    "banding": [samples(banding=ending(1.0, 2.3))],
    "cross-blur": [
        samples(crosses=ending(1.0, 1.8)),
        well(settings={"generator.upsampling": "nearest"}, crosses=scores(*ending(1.0, 2.5))),
    ],
    "woven": [
        samples(crosses=ending(1.0, 0.6)),
        well(crosses=scores(*ending(1.0, 0.4)), precision=IMPROVING),
        samples(crosses=ending(1.0, 0.2), blocks=ending(1.0, 2.5)),
    ],
    "blur": [
        samples(detail=ending(1.0, 0.6, 3)),
        samples(detail=ending(1.0, 0.4, 2)),
        well(detail=scores(*ending(1.0, 0.4, 3)), precision=IMPROVING),
    ],
    "too-much-detail": [
        samples(detail=ending(1.0, 2.7, 3)),
        well(detail=scores(*ending(1.0, 4.0, 3)), precision=IMPROVING),
    ],
    "not-learning": [
        samples(distance=(20.0, *[15.0] * 10)),
        samples(fid=(40.0, *[39.0] * 10)),
        samples(psnr=(6.0, 7.0, 8.0, 9.0, 9.5, 9.9, 9.9)),
    ],
    "stagnation": [
        samples(distance=(40.0, 14.0, 12.0, *[5.0] * 12)),
        samples(distance=tuple(np.linspace(40, 10, 16))),
        well(distance=scores(40.0, 14.0, 12.0, 11.0, *[10.0] * 12), precision=IMPROVING),
    ],
    "average-lags": [
        samples(distance=ending(8.0, 4.0), distance_raw=ending(8.0, 3.0)),
        samples(distance=ending(8.0, 2.9), distance_raw=ending(8.0, 0.5)),
        well(distance=scores(*ending(8.0, 6.0, 5)), distance_raw=Series.of([1000, 3000, LAST], [8.0, 8.0, 3.0])),
        well(
            distance=scores(20, 18, 16, 14, 12, 10, 8, 8, 3, 2.2, 2), distance_raw=Series.of([1500, 3500], [5.0, 3.0])
        ),
        well(distance=Series.of([0, 200, 400, 600], [20, 16, 10, 8]), distance_raw=Series.of([200, 600], [3.0, 2.0])),
        replace(samples(distance=ending(9.0, 7.9), distance_raw=ending(8.0, 0.5)), of_points=True),
    ],
    "starved": [well(waiting=rows(0.25))],
}
"""Just short of the threshold, or as long as it takes less one."""
