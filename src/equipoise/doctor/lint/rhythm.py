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
LOOKED_AT = 100
"""Places of a phase, evenly apart: enough to meet a warm-up's end nearly where it is."""


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
    """At their highest in each phase of a game: of a warm-up at its end, of a decay at its beginning."""
    for name, phase in played(recipe).items():
        of_g = _highest(recipe.g_optim.lr, phase.g_optim.lr, recipe, name, num_samples)
        of_d = _highest(recipe.d_optim.lr, phase.d_optim.lr, recipe, name, num_samples)
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
    """At their highest while a game is played."""
    for name, phase in played(recipe).items():
        for network, own, of_phase in (
            ("g_optim", recipe.g_optim.lr, phase.g_optim.lr),
            ("d_optim", recipe.d_optim.lr, phase.d_optim.lr),
        ):
            rate = _highest(own, of_phase, recipe, name, num_samples)
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
                f"see share.{light} after some hundred steps; {_instead(name, light, heavy, phase.game)}",
                (Edit(path, "drop"),) if light != phase.game else (),
            )


def _instead(phase: str, light: str, heavy: str, game: str | None) -> str:
    if light == game:
        return f"a smaller phases.{phase}.terms.{heavy}.weight if the game should count"
    return f"--set 'drop phases.{phase}.terms.{light}' if it is not meant"


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


def _highest(own: Rate, of_phase: Rate | None, recipe: Recipe, name: str, num_samples: int) -> float:
    """Of a rate in a phase: the phase's own counts from the phase's beginning, the recipe's from the run's.

    In the unit of the phases' lengths exactly; in another one as if each step took a batch.
    """
    images = {"steps": float(recipe.batch), "images": 1.0, "epochs": float(recipe.epoch_images(num_samples))}
    lengths = {each: phase.length.amount * images[phase.length.unit] for each, phase in recipe.phases.items()}
    before = sum(lengths[each] for each in list(lengths)[: list(lengths).index(name)]) if of_phase is None else 0.0
    shown = [before + lengths[name] * at / LOOKED_AT for at in range(LOOKED_AT + 1)]
    places = [Progress(round(at / images["steps"]), round(at), at / images["epochs"]) for at in shown]
    return max(value_at(own if of_phase is None else of_phase, place) for place in places)


def _largest(weight: Rate) -> float:
    return weight.extremes()[1] if isinstance(weight, Schedule) else weight


def _pulls(term: Term) -> bool:
    is_balanced = isinstance(term, Adversarial) and term.share is not None
    return "G" in term.sides and not is_balanced
