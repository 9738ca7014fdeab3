"""Rates, momentum, batches and weights that are known to do harm in a game."""

from __future__ import annotations

from collections.abc import Iterator

from equipoise.doctor.doubts.rates import FEWEST_IN_A_BATCH, HIGHEST_RATE, USUAL_RATES, usual_batch
from equipoise.doctor.lint.played import played
from equipoise.doctor.suspects import HIGHEST_BETA1, JUST, TWO_SCALES, WIDEST_RATES
from equipoise.edit import Edit
from equipoise.finding import Finding
from equipoise.recipe import Adversarial, Recipe, Term
from equipoise.schedule import Progress, Rate, Schedule, value_at
from equipoise.space import Space
from equipoise.spec import flatten

WIDEST_WEIGHTS = 1000.0
"""Between the weights of two terms of the generator: the lighter one does nothing (notes, public logs)."""
USUAL_RATE = 1e-3
"""In place of one that is too high; the recipes of ours have up to that."""
START = Progress(0, 0, 0.0)


def momentum(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """Momentum goes on where the other network was."""
    if not played(recipe):
        return
    for path, adam in (("g_optim", recipe.g_optim), ("d_optim", recipe.d_optim)):
        if adam.beta1 > HIGHEST_BETA1:
            yield Finding(
                f"{path}.beta1 is {adam.beta1:g}",
                "warning",
                ("in a game momentum overshoots what the other network has answered (Gidel et al. 2019)",),
                f"--set {path}.beta1=0, as in nearly all later papers; DCGAN has {HIGHEST_BETA1:g}",
                (Edit(f"{path}.beta1", value=0.0),),
            )


def uneven_rates(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """At the beginning of each phase of a game."""
    for name, phase in played(recipe).items():
        of_g, of_d = _rate(recipe.g_optim.lr, phase.g_optim.lr), _rate(recipe.d_optim.lr, phase.d_optim.lr)
        low, high = sorted((of_g, of_d))
        if low > 0 and high > WIDEST_RATES * JUST * low:
            faster = "g_optim" if of_g > of_d else "d_optim"
            where = f"phases.{name}.{faster}" if getattr(phase, faster).lr is not None else faster
            yield Finding(
                f"phase {name}: the generator learns at {of_g:g} and the critic at {of_d:g}",
                "warning",
                (f"a factor of {high / low:.3g}; two time scales are a factor of {TWO_SCALES:g} (Heusel et al. 2017)",),
                f"--set {where}.lr*={TWO_SCALES * low / high:.2g}",
                (Edit(f"{where}.lr", "scale", TWO_SCALES * low / high),),
            )


def high_rates(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """At the beginning of a game; schedules may raise them later."""
    for name, phase in played(recipe).items():
        for network, own, of_phase in (
            ("g_optim", recipe.g_optim.lr, phase.g_optim.lr),
            ("d_optim", recipe.d_optim.lr, phase.d_optim.lr),
        ):
            rate = _rate(own, of_phase)
            if rate > HIGHEST_RATE:
                path = f"phases.{name}.{network}.lr" if of_phase is not None else f"{network}.lr"
                yield Finding(
                    f"phase {name}: {network}.lr is {rate:g}",
                    "warning",
                    (f"{USUAL_RATES} are usual for Adam in a game",),
                    f"--set {path}={USUAL_RATE:g}",
                    (Edit(path, value=USUAL_RATE),),
                )


def uneven_weights(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """At their largest; of terms that pull at the generator and are not balanced otherwise."""
    for name, phase in played(recipe).items():
        weights = {term: _largest(each.weight) for term, each in phase.terms.items() if _pulls(each)}
        weights = {term: weight for term, weight in weights.items() if weight > 0}
        if len(weights) < 2:
            continue
        light, heavy = min(weights, key=weights.__getitem__), max(weights, key=weights.__getitem__)
        if weights[heavy] > WIDEST_WEIGHTS * JUST * weights[light]:
            path = f"phases.{name}.terms.{light}"
            yield Finding(
                f"phase {name}: {heavy} weighs {weights[heavy]:g} and {light} {weights[light]:g}",
                "warning",
                ("unless their units differ as much, the lighter one does nothing (notes: 50 times too heavy)",),
                f"see share.{light} after some hundred steps; --set 'drop {path}' if it is not meant",
                (Edit(path, "drop"),) if path != f"phases.{name}.terms.{phase.game}" else (),
            )


def small_batches(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    if played(recipe) and recipe.batch < FEWEST_IN_A_BATCH:
        usual = usual_batch(of_points=space.is_points)
        yield Finding(
            f"batch is {recipe.batch}",
            "warning",
            ("so few samples say next to nothing of a distribution, and a hinge over them is soon 0",),
            f"--set batch={usual}",
            (Edit("batch", value=usual),),
        )


def idle_group(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """Minibatch standard deviation takes the largest group that divides the batch."""
    group = flatten(recipe).get("critic.group")
    if not isinstance(group, int) or group <= 1:
        return
    taken = next(size for size in range(min(group, recipe.batch), 0, -1) if recipe.batch % size == 0)
    if taken == 1:
        batch = recipe.batch + group - recipe.batch % group
        yield Finding(
            f"critic.group is {group}, and no group divides a batch of {recipe.batch}",
            "warning",
            ("each sample is alone in its group, so the critic sees no variation at all",),
            f"--set batch={batch}",
            (Edit("batch", value=batch),),
        )


def _rate(own: Rate, of_phase: Rate | None) -> float:
    return value_at(own if of_phase is None else of_phase, START)


def _largest(weight: Rate) -> float:
    return weight.extremes()[1] if isinstance(weight, Schedule) else weight


def _pulls(term: Term) -> bool:
    is_balanced = isinstance(term, Adversarial) and term.share is not None
    return "G" in term.sides and not is_balanced
