"""What the networks are made of, whoever wrote them, and what of it is known to do harm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from equipoise.doctor.lint.played import played
from equipoise.doctor.remedies import wider
from equipoise.doctor.suspects import WIDEST_SIZES
from equipoise.edit import Edit
from equipoise.finding import Finding
from equipoise.recipe import Recipe
from equipoise.space import Space
from equipoise.spec import flatten

FEWEST_OF_BATCH_NORM = 8
"""Samples: below, a batch's mean and variance are mostly chance."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What was found inside the modules that a recipe builds."""

    generator_parameters: int
    critic_parameters: int
    batch_norms: tuple[str, ...] = ()
    """Their places, such as ``generator.blocks.0.norm``."""
    uneven: tuple[str, ...] = ()
    """Transposed convolutions whose stride does not divide their kernel."""
    generator_end: str = ""
    """Class of the last module that the generator is made of."""
    critic_end: str = ""


def squashed_scores(recipe: Recipe, space: Space, built: Anatomy) -> Iterator[Finding]:
    """Terms take raw scores; a sigmoid before them saturates twice."""
    if built.critic_end in ("Sigmoid", "Tanh", "LogSigmoid", "Softmax"):
        yield Finding(
            f"the critic ends in {built.critic_end}",
            "warning",
            ("every term takes raw scores: squashed ones have no gradient where the critic is sure",),
            "leave the last activation out; cross-entropy of raw scores has it inside",
        )


def wrong_ends(recipe: Recipe, space: Space, built: Anatomy) -> Iterator[Finding]:
    """Real samples lie in [-1, 1] on both sides of 0, but for points, which have no bounds."""
    end = built.generator_end
    if end in ("Sigmoid", "ReLU", "Softplus") or (space.is_points and end == "Tanh"):
        reached = {"Sigmoid": "0 to 1", "Tanh": "-1 to 1"}.get(end, "0 and above")
        wanted = "points have no bounds" if space.is_points else "the networks see samples from -1 to 1"
        yield Finding(
            f"the generator ends in {end}",
            "warning",
            (f"it reaches {reached}, and {wanted}",),
            "end it in nothing" if space.is_points else "end it in tanh, or in networks.output.Output",
        )


def batch_norm_of_few(recipe: Recipe, space: Space, built: Anatomy) -> Iterator[Finding]:
    if built.batch_norms and recipe.batch < FEWEST_OF_BATCH_NORM:
        yield Finding(
            f"batch norm over a batch of {recipe.batch}",
            "warning",
            (f"{built.batch_norms[0]} and {len(built.batch_norms) - 1} more", "such a mean is mostly chance"),
            f"--set batch={FEWEST_OF_BATCH_NORM}, or another norm",
            (Edit("batch", value=FEWEST_OF_BATCH_NORM),),
        )


def uneven_upsampling(recipe: Recipe, space: Space, built: Anatomy) -> Iterator[Finding]:
    """Odena et al. 2016: kernels that overlap unevenly draw a checkerboard."""
    if built.uneven:
        settable = flatten(recipe).get("generator.upsampling") == "transposed"
        yield Finding(
            f"{built.uneven[0]} has a kernel that its stride does not divide",
            "warning",
            ("transposed convolutions then overlap unevenly: a checkerboard (Odena et al. 2016)",),
            "a kernel of 4 with a stride of 2, or up-sampling by nearest neighbours and a convolution",
            (Edit("generator.upsampling", value="nearest"),) if settable else (),
        )


def uneven_sizes(recipe: Recipe, space: Space, built: Anatomy) -> Iterator[Finding]:
    """Of a game alone: a critic beside a generator that is told what to make need not match it."""
    sizes = {"generator": built.generator_parameters, "critic": built.critic_parameters}
    small, large = sorted(sizes, key=sizes.__getitem__)
    if not played(recipe) or sizes[large] <= WIDEST_SIZES * sizes[small]:
        return
    ratio = sizes[large] / max(1, sizes[small])
    edits = wider(flatten(recipe), small, ratio).edits
    yield Finding(
        f"the {large} has {ratio:.0f} times the parameters of the {small}",
        "warning",
        (f"{sizes[large]:,} and {sizes[small]:,}; the smaller one cannot follow (Lin et al. 2018, table 3)",),
        f"--set {small}.width*={edits[0].value:g}" if edits else f"a larger {small}",
        edits,
    )
