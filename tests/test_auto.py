"""Recipe auto: what it decides for which data and how much time, and that what a person set stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import tiny
from equipoise import recipes
from equipoise.asked import as_set
from equipoise.augment import ColourJitter, Noise, Rotate, Translate
from equipoise.data import Corpus
from equipoise.data.edges import has_hard_edges
from equipoise.differing import Differing
from equipoise.folder import RunFolder
from equipoise.networks import DcganGenerator, TilesGenerator
from equipoise.recipe import Budget, Circumstances, Recipe, fitting_of, source_fitted
from equipoise.recipes.augmenting import valid_operations, with_ada
from equipoise.recipes.lengths import FitLength
from equipoise.recipes.pacing import WIDTHS
from equipoise.rehearsal import rehearse
from equipoise.run import Where
from equipoise.schedule import Cosine, Linear
from equipoise.space import Channel, Class, Condition, Space
from equipoise.spec import flatten
from equipoise.training import train

BLUR = ImageFilter.GaussianBlur(4)
RGB = Space((Channel("red"), Channel("green"), Channel("blue")), 32, 32)


def width(recipe: Recipe) -> int:
    assert isinstance(recipe.generator, DcganGenerator)
    return recipe.generator.width


def square_law(at_32: float) -> Callable[[Recipe], float]:
    """A machine on which a step takes as long as the square of the width says."""
    return lambda recipe: at_32 * (width(recipe) / 32) ** 2


def fit(recipe: Recipe | None = None, samples: int = 1000, budget: str | None = "10m", at_32: float = 0.1) -> Recipe:
    length = Budget.parse(budget) if budget else None
    return fitting_of(
        recipe or recipes.load("auto"), Circumstances(RGB, samples, samples // 9, length, square_law(at_32))
    ).recipe


def test_the_width_is_the_largest_for_which_there_is_time() -> None:
    """10 minutes are 2500 steps of 0.24 s: 32 channels where those take so long, 96 where a ninth of that."""
    for at_32, expected in ((0.24, 32), (0.06, 64), (0.24 / 9 - 1e-9, 96), (0.001, max(WIDTHS)), (0.95, 16)):
        chosen = fit(at_32=at_32)
        assert width(chosen) == expected
        assert chosen.critic.width == expected  # type: ignore[attr-defined]
    assert width(fit(at_32=100.0)) == min(WIDTHS), "a machine too slow for anything gets the smallest"


def test_the_schedules_end_where_the_time_does() -> None:
    recipe = fit(at_32=0.24)
    assert recipe.phases["main"].length.amount == 2500
    for name in ("r1", "r2"):
        assert until(recipe, name) == 2500
    for rate in (recipe.g_optim.lr, recipe.d_optim.lr):
        assert isinstance(rate, Cosine)
        assert rate.until == 2500
    assert recipe.tailor is None


def test_what_follows_from_the_time_is_told_by_rules_that_no_machine_changes() -> None:
    length = Budget.parse("15s")
    slow, fast = (
        fitting_of(recipes.load("auto"), Circumstances(RGB, 1000, 110, length, square_law(pace)))
        for pace in (0.05, 0.06)
    )
    assert slow.rules == fast.rules and slow.rules["--for"] == "15 s"
    found = Differing.between(flatten(slow.recipe), flatten(fast.recipe), (slow.rules, fast.rules))
    assert found.rows == () and {row.path.split(".")[-1] for row in found.of_length} == {"amount", "until", "decay"}
    by_hand = as_set(recipes.load("auto"), ["phases.main.length.amount=2000"])
    rules = fitting_of(by_hand, Circumstances(RGB, 1000, 110, None, square_law(0.05))).rules
    assert "--for" not in rules and "phases.main.length" not in rules and "average.decay" in rules


def test_phases_that_were_stretched_follow_from_what_they_are_in_the_recipe() -> None:
    recipe = replace(tiny.two_phases(), tailor=FitLength(seconds=90))
    slow, fast = (
        fitting_of(recipe, Circumstances(RGB, 1000, 110, None, lambda _, pace=pace: pace)) for pace in (0.05, 0.06)
    )
    assert slow.rules == fast.rules and slow.rules["--for"] == "90 s"
    assert slow.rules["phases.later.length.amount"] == "40.0 in the recipe"
    found = Differing.between(flatten(slow.recipe), flatten(fast.recipe), (slow.rules, fast.rules))
    assert found.rows == () and [row.path for row in found.of_length] == ["phases.main.length.amount"]


def until(recipe: Recipe, term: str) -> float:
    """Where the schedule of a term's weight ends."""
    weight = recipe.phases["main"].terms[term].weight
    assert isinstance(weight, Cosine)
    return weight.until


@pytest.mark.parametrize(
    ("budget", "steps"), [("500steps", 500), ("3200images", 100), ("32epochs", 1000), (None, 36000)]
)
def test_any_length_is_understood(budget: str | None, steps: int) -> None:
    recipe = as_set(recipes.load("auto"), ["generator.width=32", "critic.width=32"])
    assert fit(recipe, budget=budget).phases["main"].length.amount == steps


def test_of_a_run_that_never_ends_the_average_is_the_slowest_there_is() -> None:
    recipe = fit(budget="1e9h")
    assert recipe.average.decay == 0.999999
    assert recipe.reasons["average.decay"].endswith("the slowest there is")


def test_what_a_person_set_stays_and_the_rest_is_fitted_to_it() -> None:
    recipe = as_set(recipes.load("auto"), ["generator.width=48", "batch=16", "g_optim.lr=0.0002"])
    chosen = fit(recipe)
    assert width(chosen) == 48
    assert chosen.critic == recipe.critic
    assert chosen.batch == 16
    assert chosen.g_optim.lr == 0.0002
    assert chosen.phases["main"].length.amount == round(600 / (0.1 * (48 / 32) ** 2))


def test_each_choice_has_its_reason() -> None:
    recipe = fit()
    assert "2500 steps in 10 min" in recipe.reasons["generator.width"]
    assert "measured" in recipe.reasons["phases.main.length.amount"]


def test_colours_and_angles_of_categories_are_left_alone() -> None:
    codes = Space((Channel("elevation"), Channel("water", kind="categorical")), 32, 32)
    kinds = {type(operation) for operation in valid_operations(codes)}
    assert not kinds & {ColourJitter, Rotate}
    assert {ColourJitter, Rotate} <= {type(operation) for operation in valid_operations(RGB)}


def test_colours_are_left_alone_where_samples_are_asked_for_by_ratings() -> None:
    rated = replace(RGB, conditions=(Condition("valence", 1, 7),))
    assert {*map(type, valid_operations(RGB))} - {*map(type, valid_operations(rated))} == {ColourJitter}


def test_a_spectrogram_is_shifted_in_time_and_changed_in_gain_and_nothing_else() -> None:
    shift, gain = valid_operations(Space((Channel("intensity"),), 64, 64, "spectrogram"))
    assert isinstance(shift, Translate)
    assert (shift.horizontal > 0, shift.vertical) == (True, 0.0)
    assert isinstance(gain, ColourJitter)


def test_noise_ends_in_the_middle_of_the_run() -> None:
    cover = Channel("cover", kind="categorical", classes=tuple(Class(at, str(at), (0, 0, 0)) for at in range(3)))
    space = Space((Channel("height"), cover), 64, 64)
    at = Circumstances(space, 500, 60, Budget.parse("10m"), lambda recipe: 0.24)
    recipe = fitting_of(recipes.load("terrain"), at).recipe
    assert recipe.phases["main"].length.amount == 2500
    assert recipe.augment is not None
    noise = recipe.augment.operations[-1]
    assert isinstance(noise, Noise)
    assert isinstance(noise.sigma, Linear)
    assert noise.sigma.until == 1250


def test_heights_begin_with_the_amplitudes_that_were_measured() -> None:
    space, wanted = Space((Channel("height"), Channel("trees")), 64, 64), (0.28, 0.063, 0.021, 0.0126, 0.0072, 0.0048)
    asked: list[str] = []

    def octaves(name: str) -> tuple[float, ...]:
        asked.append(name)
        return wanted

    at = Circumstances(space, 500, 60, Budget.parse("10m"), lambda recipe: 0.24, octaves=octaves)
    recipe = fitting_of(recipes.load("terrain"), at).recipe
    assert isinstance(recipe.generator, TilesGenerator)
    assert asked == ["height"]
    assert recipe.generator.smooth["height"] == pytest.approx(wanted, rel=0.05)
    assert "measured" in recipe.reasons["generator.smooth.height"]


@pytest.mark.parametrize("change", ["drop phases.main.terms.r2", "phases.main.terms.r2.weight=3"])
def test_penalties_that_were_taken_out_or_set_by_hand_stay_so(change: str) -> None:
    at = Circumstances(Space((Channel("red"),), 64, 64), 500, 60, Budget.parse("10m"), lambda recipe: 0.24)
    recipe = fitting_of(as_set(recipes.load("auto"), [change]), at).recipe
    terms = recipe.phases["main"].terms
    assert "r2" not in terms or terms["r2"].weight == 3
    assert isinstance(terms["r1"].weight, Cosine) and terms["r1"].weight.start == 4.0


@pytest.mark.parametrize("name", ["terrain", "bursts"])
def test_adaptive_augmentation_suits_the_data_of_recipes_that_fit_themselves(name: str) -> None:
    cover = Channel("cover", kind="categorical", classes=tuple(Class(at, str(at), (0, 0, 0)) for at in range(3)))
    space = {
        "terrain": Space((Channel("height"), cover), 64, 64, "terrain"),
        "bursts": Space((Channel("intensity"),), 64, 64, "spectrogram"),
    }[name]
    at = Circumstances(space, 500, 60, Budget.parse("10m"), lambda recipe: 0.24)
    recipe = fitting_of(with_ada(recipes.load(name)), at).recipe
    assert recipe.augment is not None
    assert recipe.augment.operations == valid_operations(space)
    assert recipe.phases["main"].length.amount == 2500, "the rest is fitted too"


def test_few_samples_get_small_batches() -> None:
    assert fit(samples=200).batch == fit(samples=2000).batch < fit(samples=20_000).batch


def test_penalties_grow_with_the_pixels() -> None:
    for side, expected in ((16, (1.0, 0.3)), (32, (1.0, 0.3)), (64, (4.0, 1.2))):
        at = Circumstances(Space(RGB.channels, side, side), 1000, 111, None, lambda _: 0.1)
        terms = fitting_of(recipes.load("auto"), at).recipe.phases["main"].terms
        for name in ("r1", "r2"):
            weight = terms[name].weight
            assert isinstance(weight, Cosine)
            assert (weight.start, weight.end) == pytest.approx(expected)
    by_hand = as_set(recipes.load("auto"), ["phases.main.terms.r1.weight.start=2"])
    weight = fitting_of(by_hand, at).recipe.phases["main"].terms["r1"].weight
    assert isinstance(weight, Cosine)
    assert weight.start == 2.0


def test_pictures_of_hard_edges_get_transposed_convolutions() -> None:
    def upsampling(recipe: Recipe, hard: bool) -> str:
        at = Circumstances(RGB, 1000, 111, None, lambda _: 0.1, hard)
        generator = fitting_of(recipe, at).recipe.generator
        assert isinstance(generator, DcganGenerator)
        return generator.upsampling

    assert [upsampling(recipes.load("auto"), hard) for hard in (False, True)] == ["nearest", "transposed"]
    assert upsampling(as_set(recipes.load("auto"), ["generator.upsampling=bilinear"]), True) == "bilinear"


def test_drawings_are_told_from_photographs() -> None:
    chance = np.random.default_rng(0)
    blocks = chance.integers(0, 256, (20, 3, 8, 8)).repeat(4, axis=2).repeat(4, axis=3).astype(np.uint8)
    blurred = np.stack([np.asarray(Image.fromarray(block.transpose(1, 2, 0)).filter(BLUR)) for block in blocks])
    masks = (chance.random((20, 1, 32, 32)) < 0.05).astype(np.uint8) * 255
    faint = 100 + blocks // 32  # the same edges, in eight shades
    for samples, expected in ((blocks, True), (masks, True), (blurred.transpose(0, 3, 1, 2), False), (faint, False)):
        space = Space(tuple(Channel(str(at)) for at in range(samples.shape[1])), 32, 32)
        assert has_hard_edges(Corpus(space, np.ascontiguousarray(samples))) is expected
    points = Space((Channel("x"), Channel("y")), 1, 1)
    assert not has_hard_edges(Corpus(points, np.zeros((20, 2, 1, 1), np.float32)))


def save_noise(folder: Path, count: int, size: tuple[int, int]) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        picture = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")


@pytest.mark.parametrize(("own", "expected"), [((12, 30), 16), ((28, 28), 32), ((40, 60), 32), ((50, 48), 64)])
def test_samples_are_about_as_large_as_the_pictures(tmp_path: Path, own: tuple[int, int], expected: int) -> None:
    save_noise(tmp_path, 9, own)
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    recipe = source_fitted(recipes.load("auto"), tmp_path)
    assert recipe.source == replace(recipes.load("auto").source, size=expected)  # type: ignore[call-arg]
    assert "own" in recipe.reasons["source.size"]


def test_large_pictures_and_unreadable_ones_become_64_pixels(tmp_path: Path) -> None:
    save_noise(tmp_path / "large", 2, (300, 200))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.png").write_bytes(b"no picture at all")
    auto = recipes.load("auto")
    assert source_fitted(auto, tmp_path / "large").source == source_fitted(auto, tmp_path / "broken").source


def test_a_size_set_by_hand_stays(tmp_path: Path) -> None:
    save_noise(tmp_path, 2, (16, 16))
    recipe = as_set(recipes.load("auto"), ["source.size=64"])
    assert source_fitted(recipe, tmp_path) == recipe


def test_it_trains_and_its_recipe_says_what_it_decided(tmp_path: Path) -> None:
    save_noise(tmp_path / "data", 40, (16, 16))
    out = train(
        replace(recipes.load("auto"), on_fault="train"),
        tmp_path / "data",
        out=tmp_path / "run",
        budget="3steps",
        device="cpu",
    )
    written = recipes_of(out)
    assert written.tailor is None
    assert written.phases["main"].length.amount == 3
    assert (out / "best" / "generator.safetensors").exists()


def recipes_of(run: Path) -> Recipe:
    return RunFolder(run).read_recipe()


def test_a_length_set_by_hand_is_what_the_schedules_are_fitted_to() -> None:
    recipe = fit(as_set(recipes.load("auto"), ["phases.main.length.amount=2000"]), budget=None)
    assert recipe.phases["main"].length.amount == 2000
    assert until(recipe, "r1") == 2000
    epochs = as_set(recipes.load("auto"), ["phases.main.length.unit=epochs", "phases.main.length.amount=32"])
    assert until(fit(epochs, budget=None), "r2") == 1000


def test_a_recipe_without_augmentation_is_fitted_too() -> None:
    assert fit(replace(recipes.load("auto"), augment=None)).augment is None


def test_it_is_rehearsed_as_it_would_be_trained(tmp_path: Path) -> None:
    save_noise(tmp_path, 40, (16, 16))
    settings = ["source.size=16", "generator.width=16", "critic.width=16", "on_fault=train"]
    recipe = as_set(recipes.load("auto"), settings)
    done = rehearse(recipe, Where(tmp_path, device="cpu"), Budget.parse("200steps"))
    (phase,) = done.phases
    assert 20 <= phase.steps <= 200
    assert done.full_length_s == pytest.approx(200 * phase.seconds_per_step)
    assert done.faults == []


def test_any_recipe_takes_adaptive_augmentation_that_is_valid_for_its_data() -> None:
    recipe = fit(with_ada(recipes.load("sprites_small")))
    assert recipe.augment is not None
    assert recipe.augment.applies_to == "both"
    assert recipe.augment.adaptive is not None
    assert recipe.augment.operations == valid_operations(RGB)
    assert recipe.generator == recipes.load("sprites_small").generator
    assert valid_operations(Space((Channel("x"), Channel("y")), 1, 1)) == ()
