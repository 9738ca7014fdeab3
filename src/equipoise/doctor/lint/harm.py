"""Settings that are known to do harm by themselves, from notes and public runs."""

from __future__ import annotations

from collections.abc import Iterator

from equipoise.doctor.doubts.critic import heavy_penalties
from equipoise.doctor.doubts.rates import FEWEST_IN_A_BATCH
from equipoise.doctor.doubts.samples import ENOUGH_LATENTS, FEW_SAMPLES, FEWEST_LATENTS
from equipoise.doctor.lint.played import is_told, played
from equipoise.doctor.remedies import (
    USUAL_EPS,
    light_penalties,
    saturating_games,
    usual_gp,
    usual_penalty,
    usual_weight,
)
from equipoise.doctor.remedies.generator import HIGHEST_EPS
from equipoise.edit import Edit
from equipoise.finding import Finding
from equipoise.recipe import Recipe, Term
from equipoise.space import Space
from equipoise.spec import flatten

FEWEST_STEPS = 20
"""Of an epoch without augmentation (collected from public runs; a guess)."""


def drowned_variances(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """A norm divides by the root of variance + eps: with a large eps it hardly normalises."""
    for path, value in flatten(recipe).items():
        of_network = path.startswith(("generator.", "critic."))
        if of_network and path.endswith(".eps") and isinstance(value, int | float) and value > HIGHEST_EPS:
            yield Finding(
                f"{path} is {value:g}",
                "warning",
                ("next to the variance, so the norm hardly normalises (notes: 0.8 cost two attempts)",),
                f"--set {path}={USUAL_EPS:g}, PyTorch's own",
                (Edit(path, value=USUAL_EPS),),
            )


def hard_classes(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """Whole classes pass the gradient of something else than what the critic saw."""
    if flatten(recipe).get("generator.hard") is True:
        yield Finding(
            "the generator's classes are hard",
            "warning",
            ("the gradient is not that of what the critic saw (notes: the information to learn from is lost)",),
            "--set generator.hard=false",
            (Edit("generator.hard", value=False),),
        )


def classes_around_zero(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """Most planes of most pixels are then at the same far end."""
    if recipe.categories is not None and recipe.categories.span == "-1 to 1":
        yield Finding(
            "classes are shown from -1 to 1",
            "warning",
            ("notes: it did badly; shares between 0 and 1 sum to 1, which a softmax gives by itself",),
            '--set "categories.span=0 to 1"',
            (Edit("categories.span", value="0 to 1"),),
        )


def unbounded_critic(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """Neither a penalty on the critic's slope nor spectral norm: the classic way to collapse."""
    rows = flatten(recipe)
    games = [phase for phase in recipe.phases.values() if phase.adversarial is not None]
    played = [phase for phase in games if not is_told(phase, recipe)]
    penalised = [any(map(_penalises, phase.terms.values())) for phase in played]
    if all(penalised) or recipe.critic.bounds_slope or rows.get("critic.spectral_norm") is True:
        return
    if light_penalties(rows):
        return
    edits = (Edit("critic.spectral_norm", value=True),) if "critic.spectral_norm" in rows else ()
    yield Finding(
        "nothing bounds the slope of the critic",
        "warning",
        ("ten of ten public runs with BCE, least squares or hinge and neither of the two collapsed",),
        "--set critic.spectral_norm=true, or a recipe with R1 such as auto"
        if edits
        else "a recipe with R1, such as auto",
        edits,
    )


def light_penalty(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """What alone bounds the critic weighs next to nothing."""
    rows = flatten(recipe)
    for term, weight in light_penalties(rows).items() if played(recipe) and not recipe.critic.bounds_slope else ():
        yield Finding(
            f"{term}.weight is {weight:g}",
            "warning",
            (f"nothing else bounds the slope of the critic; {usual_weight(rows, term):.2g} is usual",),
            f"--set {term}.weight={usual_weight(rows, term):.2g}",
            usual_penalty(rows).edits,
        )


def heavy_penalty(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """A gradient penalty so heavy that the critic learns little else."""
    rows = flatten(recipe)
    usual = usual_gp(rows, of_points=space.is_points)
    whose = "of points (gan_toy.py of Gulrajani et al.)" if space.is_points else "(Gulrajani et al. 2017)"
    for term, weight in heavy_penalties(rows, usual).items() if played(recipe) else ():
        yield Finding(
            f"{term}.weight is {weight:g}",
            "warning",
            (f"the critic may learn little else; {usual:g} is usual {whose}",),
            f"--set {term}.weight={usual:g}",
            (Edit(f"{term}.weight", value=usual),),
        )


def saturating_game(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """The form of the game that its authors have for proofs, and not for training."""
    for term in saturating_games(flatten(recipe)) if played(recipe) else ():
        yield Finding(
            f"{term}.saturating is true",
            "warning",
            ("the generator's gradient vanishes where the critic is sure (Goodfellow et al. 2014, section 3)",),
            f"--set {term}.saturating=false",
            (Edit(f"{term}.saturating", value=False),),
        )


def few_latents(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """Pictures vary in more ways than the generator has latents to say."""
    latents = flatten(recipe).get("generator.latent")
    is_few = isinstance(latents, int) and 0 < latents < FEWEST_LATENTS
    if is_few and played(recipe) and not space.is_points:
        yield Finding(
            f"generator.latent is {latents}",
            "warning",
            (f"even pictures of digits vary in {FEWEST_LATENTS} ways and more (Pope et al. 2021)",),
            f"--set generator.latent={ENOUGH_LATENTS}",
            (Edit("generator.latent", value=ENOUGH_LATENTS),),
        )


def ranges_of_held_out(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """Ranges fitted to samples that are held out know something of them."""
    apart = flatten(recipe).get("source.fitted_without")
    if isinstance(apart, int | float) and apart < recipe.held_out:
        yield Finding(
            f"ranges are fitted without {apart:.0%} of the samples, and {recipe.held_out:.0%} are held out",
            "warning",
            ("some that are never trained on have a part in the percentiles",),
            f"--set source.fitted_without={recipe.held_out:g}",
            (Edit("source.fitted_without", value=recipe.held_out),),
        )


def learned_by_heart(recipe: Recipe, space: Space, num_samples: int) -> Iterator[Finding]:
    """Few samples, and the critic sees them over and over as they are.

    Where pairs say what to make, the critic is asked for detail alone, or there is none.
    """
    if not played(recipe) or recipe.augment is not None or space.is_points:
        return
    if num_samples < FEW_SAMPLES:
        yield Finding(
            f"{num_samples} samples, and the critic sees them as they are",
            "warning",
            ("on 200 scenes a DCGAN reached a recall of 0.26, with adaptive augmentation 0.49 (LAB.md)",),
            "equipoise train ... --ada",
        )
    elif num_samples < FEWEST_STEPS * recipe.batch:
        yield Finding(
            f"an epoch is {num_samples / recipe.batch:.0f} steps, and the critic sees the samples as they are",
            "warning",
            (f"below {FEWEST_STEPS} it meets each sample again before it has forgotten it",),
            "equipoise train ... --ada, or a smaller batch",
            (Edit("batch", value=max(FEWEST_IN_A_BATCH, num_samples // FEWEST_STEPS)),),
        )


def _penalises(term: Term) -> bool:
    """Whether it bounds the critic's slope; one whose weight is always 0 does nothing."""
    return term.penalises_slope and term.weight != 0
