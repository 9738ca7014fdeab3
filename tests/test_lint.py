"""What is told before the first step, item by item: each on a recipe that has it, and none on the recipes of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import broken
import tiny
from equipoise.augment import Noise
from equipoise.cli import run_command
from equipoise.doctor.lint import lint
from equipoise.edit import Edit
from equipoise.engine.anatomy import anatomy_of
from equipoise.finding import Finding
from equipoise.networks.dcgan import DcganCritic
from equipoise.recipe import Augment, Phase, Recipe, Span, edited
from equipoise.recipes import NAMES, load
from equipoise.recipes.augmenting import with_ada
from equipoise.schedule import Cosine, Linear, Rate
from equipoise.space import Channel, Class, Condition, Space
from equipoise.spec import SpecError
from equipoise.terms import BCE, Diversity, GradientPenalty, Wasserstein

MANY = 10_000
GREY = Space((Channel("grey"),), 32, 32)
RGB = tuple(map(Channel, ("red", "green", "blue")))
COVER = Channel("cover", kind="categorical", classes=tuple(Class(code, str(code), (0, 0, 0)) for code in range(3)))
OF_RECIPE = {
    "terrain": Space((Channel("height"), COVER, Channel("trees")), 64, 64, "terrain"),
    "landscapes": Space(RGB, 64, 64, conditions=(Condition("valence", 1, 7), Condition("arousal", 1, 7))),
    "sentinel2_sr": Space(RGB, 64, 64, given=Space(RGB, 16, 16)),
    "ring": Space((Channel("x"), Channel("y")), 1, 1),
    "grid": Space((Channel("x"), Channel("y")), 1, 1),
    "digits": Space((Channel("grey"),), 16, 16),
}
"""The samples that a recipe is for; pictures of 64 pixels for all others."""


def found(recipe: Recipe, space: Space = GREY, samples: int = MANY) -> list[Finding]:
    return lint(recipe, space, samples, anatomy_of(recipe, space))


@pytest.mark.parametrize("name", NAMES)
def test_no_recipe_of_ours_has_any_of_it(name: str) -> None:
    space = OF_RECIPE.get(name, Space(RGB, 64, 64))
    assert [finding.title for finding in found(load(name), space)] == []


def with_(*changes: str) -> Recipe:
    return edited(tiny.images(), [Edit.parse(change) for change in changes])


def with_terms(**terms: object) -> Recipe:
    phase = tiny.images().phases["main"]
    return replace(tiny.images(), phases={"main": replace(phase, terms={**phase.terms, **terms})})  # type: ignore[arg-type]


def batch_normed(batch: int) -> Recipe:
    """Without the penalty that batch norm would make meaningless."""
    phase = Phase(Span(5), {"game": BCE()})
    return replace(tiny.images(), critic=DcganCritic(width=4, spectral_norm=True), phases={"main": phase}, batch=batch)


TOLD: dict[str, tuple[Callable[[], Recipe], str]] = {
    "sigmoid before a loss": (broken.squashed, "the critic ends in Sigmoid"),
    "another range than the data": (broken.ends_in_sigmoid, "the generator ends in Sigmoid"),
    "kernel and stride": (broken.uneven, "generator.1 has a kernel that its stride does not divide"),
    "batch norm of few": (lambda: batch_normed(7), "batch norm over a batch of 7"),
    "momentum of g": (lambda: with_("g_optim.beta1=0.9"), "g_optim.beta1 is 0.9"),
    "momentum of d": (lambda: with_("d_optim.beta1=0.9"), "d_optim.beta1 is 0.9"),
    "rates": (
        lambda: with_("g_optim.lr=0.0001", "d_optim.lr=0.0011"),
        "phase main: the generator learns at 0.0001 and the critic at 0.0011",
    ),
    "rates of a phase": (
        lambda: with_("phases.main.d_optim.lr=0.02"),
        "phase main: the generator learns at 0.001 and the critic at 0.02",
    ),
    "a high rate": (lambda: with_("g_optim.lr=0.006"), "phase main: g_optim.lr is 0.006"),
    "a high rate of a phase": (lambda: with_("phases.main.d_optim.lr=0.006"), "phase main: d_optim.lr is 0.006"),
    "few latents": (lambda: with_("generator.latent=6"), "generator.latent is 6"),
    "a game that saturates": (
        lambda: with_terms(game=BCE(saturating=True)),
        "phases.main.terms.game.saturating is true",
    ),
    "a heavy penalty": (
        lambda: with_terms(gp=GradientPenalty(weight=100.0)),
        "phases.main.terms.gp.weight is 100",
    ),
    "a light penalty": (
        lambda: with_terms(gp=GradientPenalty(weight=0.0)),
        "phases.main.terms.gp.weight is 0",
    ),
    "small critic": (lambda: with_("generator.width=64"), "the generator has "),
    "weights": (
        lambda: with_terms(other=Diversity(weight=2000.0)),
        "phase main: other weighs 2000 and game 1",
    ),
    "labels that hardly differ": (
        lambda: with_terms(game=BCE(real_label=0.6, fake_label=0.3)),
        "phases.main.terms.game labels real samples 0.6 and fakes 0.3",
    ),
    "noise over everything": (
        lambda: replace(with_(), augment=Augment((Noise(sigma=1.0),), "both")),
        "augment.operations.0.sigma is 1",
    ),
    "two samples": (lambda: with_("batch=7"), "batch is 7"),
}


@pytest.mark.parametrize(("weight", "heavy"), [(10.0, True), (1.0, False)])
def test_a_gradient_penalty_on_points_is_heavy_where_one_on_pictures_is_usual(weight: float, heavy: bool) -> None:
    ring = load("ring")
    terms = {"game": Wasserstein(), "gp": GradientPenalty(weight=weight)}
    recipe = replace(ring, phases={"main": replace(ring.phases["main"], terms=terms)})
    told = [one for one in found(recipe, OF_RECIPE["ring"]) if "gp.weight" in one.title]
    assert [one.advice for one in told] == ["--set phases.main.terms.gp.weight=0.1"] * heavy
    assert all("0.1 is usual of points" in one.evidence[0] for one in told)


@pytest.mark.parametrize("item", TOLD)
def test_each_item_is_told_with_its_reason(item: str) -> None:
    recipe, title = TOLD[item]
    told = [finding for finding in found(recipe()) if finding.title.startswith(title)]
    assert len(told) == 1
    assert told[0].severity == "warning" and told[0].evidence and told[0].advice


@pytest.mark.parametrize("item", TOLD)
def test_its_edits_cure_it(item: str) -> None:
    """Those that are repeated until it is, such as a network twice as wide."""
    recipe, title = TOLD[item]
    cured = recipe()
    for _ in range(8):
        told = [finding for finding in found(cured) if finding.title.startswith(title.split(" is ")[0])]
        if not told or not told[0].remedies:
            break
        cured = edited(cured, told[0].remedies)
    left = [finding for finding in found(cured) if finding.title.startswith(title)]
    assert not [finding for finding in left if finding.remedies]


def test_just_below_each_bound_nothing_is_told() -> None:
    assert found(batch_normed(8)) == []
    assert found(with_("g_optim.beta1=0.5", "d_optim.lr=0.005", "g_optim.lr=0.0005", "generator.latent=7")) == []
    assert found(with_terms(gp=GradientPenalty(weight=99.0))) == []
    assert found(edited(tiny.points(), [Edit("batch", value=8)]), OF_RECIPE["ring"]) == []
    assert found(with_terms(other=Diversity(weight=1000.0))) == []
    ramp = Linear(0.0, 2000.0, until=5)
    assert [item.title for item in found(with_terms(other=Diversity(weight=ramp)))] == [
        "phase main: other weighs 2000 and game 1"
    ], "a schedule counts by its largest value"


def test_a_batch_of_points_becomes_as_large_as_the_ring_s() -> None:
    (told,) = found(edited(load("ring"), [Edit("batch", value=7)]), OF_RECIPE["ring"])
    assert told.title == "batch is 7"
    assert told.remedies == (Edit("batch", value=load("ring").batch),)


def test_short_epochs_ask_for_augmentation() -> None:
    recipe = with_("batch=64")
    (told,) = found(recipe, samples=1200)
    assert told.title == "an epoch is 19 steps, and the critic sees the samples as they are"
    assert found(edited(recipe, told.remedies), samples=1200) == []
    assert found(with_ada(recipe), samples=1200) == []
    assert found(recipe, samples=1280) == []


def test_a_group_that_divides_no_batch() -> None:
    recipe = edited(load("landscapes"), [Edit("batch", value=13), Edit("critic.group", value=4)])
    told = [item for item in found(recipe, OF_RECIPE["landscapes"]) if "no group divides" in item.title]
    assert [item.title for item in told] == ["critic.group is 4, and no group divides a batch of 13"]
    assert found(edited(recipe, told[0].remedies), OF_RECIPE["landscapes"]) == []


def test_a_generator_that_is_told_what_to_make_may_have_momentum() -> None:
    """The pixel stage of super-resolution is no game."""
    assert load("sentinel2_sr").g_optim.beta1 == 0.9


def test_nothing_is_asked_of_the_critic_of_a_recipe_without_a_game() -> None:
    whole = load("sentinel2_sr")
    pixels = replace(whole, phases={"pixels": whole.phases["pixels"]}, augment=None, tailor=None, reasons={})
    assert [item.title for item in found(pixels, OF_RECIPE["sentinel2_sr"], samples=50)] == []


def test_the_game_is_not_dropped_where_it_is_the_lighter_term() -> None:
    (told,) = found(with_terms(other=Diversity(weight=2000.0)))
    assert told.remedies == () and "drop" not in told.advice and "phases.main.terms.other.weight" in told.advice


def at_rates(of_g: Rate, of_d: Rate) -> list[str]:
    """What is said of a game that begins at step 100, after as many without one."""
    recipe = tiny.images()
    phases = {
        "before": Phase(Span(100), {"other": Diversity()}),
        "game": replace(recipe.phases["main"], length=Span(100)),
    }
    adams = {name: replace(getattr(recipe, name), lr=lr) for name, lr in (("g_optim", of_g), ("d_optim", of_d))}
    return [item.title for item in found(replace(recipe, phases=phases, **adams)) if "phase game" in item.title]


def test_rates_are_those_of_the_phase_wherever_their_schedules_began() -> None:
    assert at_rates(Cosine(0.02, 0.001, until=100), 0.001) == []
    assert at_rates(Linear(0.0, 0.02, until=150), 0.002) == ["phase game: g_optim.lr is 0.02"]
    assert at_rates(0.001, Linear(0.00001, 0.001, begin=100, until=120)) == [], "a warm-up counts by its end"
    falling = Linear(0.001, 0.00001, until=100)
    assert at_rates(falling, 0.001) == ["phase game: the generator learns at 1e-05 and the critic at 0.001"]


def test_points_have_no_bounds() -> None:
    space = OF_RECIPE["ring"]
    built = replace(anatomy_of(tiny.points(), space), generator_end="Tanh")
    assert [item.title for item in lint(tiny.points(), space, MANY, built)] == ["the generator ends in Tanh"]


def test_what_a_recipe_cannot_even_say() -> None:
    """Batch norm under a gradient penalty, and batches of one, are refused, not warned of."""
    with pytest.raises(SpecError, match="critic that mixes samples makes meaningless"):
        with_("critic.norm=batch")
    with pytest.raises(SpecError, match="batch"):
        with_("batch=1")


def test_what_networks_are_made_of_is_told_at_every_door(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], digits_folder: Path
) -> None:
    recipe, words = f"{Path(broken.__file__)}:squashed", "warning: the critic ends in Sigmoid"
    data = ["--data", str(digits_folder), "--device", "cpu"]
    run_command(["check", str(digits_folder), "--recipe", recipe, "--sheet", str(tmp_path / "sheet.png")])
    assert words in capsys.readouterr().out
    assert run_command(["train", recipe, *data, "--dry-run"]) == 0
    assert words in capsys.readouterr().out
    assert run_command(["train", recipe, *data, "--out", str(tmp_path / "run"), "--for", "1steps"]) == 0
    assert words in capsys.readouterr().out


def test_each_phase_is_told_of_its_own_labels() -> None:
    phase = replace(tiny.images().phases["main"], terms={"game": BCE(real_label=0.6, fake_label=0.3)})
    both = replace(tiny.images(), phases={"first": phase, "second": phase})
    told = [finding for finding in found(both) if "labels real samples" in finding.title]
    assert [{edit.path.split(".")[1] for edit in one.remedies} for one in told] == [{"first"}, {"second"}]
