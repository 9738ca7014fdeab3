"""Every remedy of every symptom fits every recipe: its edits apply, and change something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import tiny
from equipoise import recipes
from equipoise.augment import Noise
from equipoise.cli import run_command
from equipoise.doctor import remedies
from equipoise.doctor.game import GAMES
from equipoise.doctor.remedies.paths import scaled
from equipoise.doctor.symptom import Remedy, Settings
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Trace
from equipoise.edit import Edit
from equipoise.recipe import edited
from equipoise.recipes.augmenting import with_ada
from equipoise.schedule import Linear
from equipoise.spec import Json, flatten
from equipoise.terms import GradientPenalty, Wasserstein
from traces import rows, well

Change = Callable[[Settings], Remedy]


def all_remedies(settings: Settings) -> list[tuple[str, Remedy]]:
    trace = Trace({}, settings=settings)
    return [(symptom.key, remedy) for symptom in SYMPTOMS for remedy in symptom.remedies(trace)]


@pytest.mark.parametrize("name", recipes.NAMES)
def test_every_remedy_applies_to_every_recipe(name: str) -> None:
    recipe = recipes.load(name)
    settings = flatten(recipe)
    for key, remedy in all_remedies(settings):
        if remedy.edits:
            assert flatten(edited(recipe, remedy.edits)) != settings, (key, remedy.words)
        shapes = [edit.path for edit in remedy.edits if edit.path.endswith((".width", ".latent", ".upsampling"))]
        assert remedy.anew or not shapes, (key, remedy.words)


@pytest.mark.parametrize("name", recipes.NAMES)
def test_most_symptoms_have_something_to_offer_a_recipe_of_ours(name: str) -> None:
    """A remedy that is words alone everywhere would be one that nobody can apply."""
    offered = {key for key, remedy in all_remedies(flatten(recipes.load(name))) if remedy.edits}
    assert {"critic-wins", "exploding", "oscillation", "total-collapse", "late-collapse", "generator-wins"} <= offered


def test_every_remedy_is_words_for_a_foreign_run() -> None:
    for _, remedy in all_remedies({}):
        assert remedy.words
        assert remedy.effect
        assert remedy.edits == ()


MAYBE = ("perceptual", "pixel loss", "penalty", "dropout", "modulation", "eps", "label", "classes", "scaler", "--ada")
"""What a loop that is not ours may not have."""
IF = (" if ", "if ", "where there", "with cross-entropy", " or ", "for a run of ours")


def test_nothing_is_taken_for_granted_of_a_foreign_run() -> None:
    """Of what a loop may not have it is said what to do where it has, or it is offered as an addition."""
    for symptom in SYMPTOMS:
        if symptom.key in ("perceptual-too-heavy", "auxiliary-dominates"):
            continue  # they speak where that very term was seen
        for remedy in symptom.remedies(Trace({})):
            if any(name in remedy.words for name in MAYBE):
                assert any(word in remedy.words for word in IF), f"{symptom.key}: {remedy.words}"


def test_a_run_of_ours_is_not_offered_what_it_does_not_have() -> None:
    digits = Trace({}, settings=flatten(recipes.load("digits")))
    words = {remedy.words for symptom in SYMPTOMS for remedy in symptom.remedies(digits)}
    said = " / ".join(words)
    assert "pixel loss" not in said and "eps" not in said and "channels of classes" not in said
    assert "cross-entropy, the critic's label" not in said
    landscapes = Trace({}, settings=flatten(recipes.load("landscapes")))
    detail = next(symptom for symptom in SYMPTOMS if symptom.key == "too-much-detail")
    assert detail.remedies(landscapes)[0].words.startswith("the weight of perceptual times 0.5")
    assert detail.remedies(digits)[0].words.startswith("bound the critic's slope")


def test_labels_are_smoothed_for_cross_entropy_alone() -> None:
    def words(game: str | None) -> str:
        trace = Trace({}, GAMES[game] if game else None)
        (wins,) = (symptom for symptom in SYMPTOMS if symptom.key == "critic-wins")
        return " / ".join(remedy.words for remedy in wins.remedies(trace))

    assert "label" in words("bce") and "label" in words(None)
    assert "label" not in words("hinge")


@pytest.mark.parametrize(
    ("recipe", "remedy", "edits"),
    [
        ("auto", remedies.bound_the_slope, ["critic.spectral_norm = true"]),
        ("sprites_small", remedies.bound_the_slope, ["phases.main.terms.gp.weight *= 4.0"]),
        ("ring", remedies.slower_critic, ["d_optim.lr *= 0.25"]),
        ("sentinel2_sr", remedies.slower_both, ["d_optim.lr *= 0.5", "phases.detail.g_optim.lr *= 0.5"]),
        ("sentinel2_sr", remedies.less_momentum, ["g_optim.beta1 = 0.0"]),
        ("sprites_small", remedies.fewer_critic_updates, ["phases.main.d_updates *= 0.5"]),
        ("bursts", remedies.fewer_critic_updates, ["phases.main.g_updates *= 2.0"]),
        ("landscapes", remedies.clip, ["d_optim.clip_norm *= 0.5", "g_optim.clip_norm *= 0.5"]),
        ("digits", remedies.clip, ["d_optim.clip_norm = 1.0", "g_optim.clip_norm = 1.0"]),
        ("landscapes", lambda s: remedies.drop_term(s, "perceptual"), ["drop phases.play.terms.perceptual"]),
        ("landscapes", remedies.tighter_modulation, ["generator.modulation.clamp *= 0.5"]),
        ("sentinel2_sr", remedies.weaker_game, ["phases.detail.terms.game.share *= 0.5"]),
        ("sentinel2_sr", remedies.longer_before_the_game, ["phases.pixels.length.amount *= 1.5"]),
        ("sentinel2_sr", remedies.more_latents, []),
        ("sentinel2_sr", remedies.adapt_augmentation, []),
        ("ring", remedies.adapt_augmentation, []),
        ("sprites_large", remedies.adapt_augmentation, ['augment.applies_to = "both"']),
        ("bursts", remedies.milder_colours, ["augment.operations.1.brightness *= 0.5"]),
        ("terrain", remedies.softer_classes, ["categories.pull *= 2.0"]),
    ],
)
def test_remedies_by_hand(recipe: str, remedy: Change, edits: list[str]) -> None:
    made = [str(edit) for edit in remedy(flatten(recipes.load(recipe))).edits]
    assert made[: len(edits)] == edits
    assert bool(made) == bool(edits)


def test_no_remedy_shifts_points_whoever_made_them() -> None:
    own = {"source": "mine.Spiral", "augment": None}
    for of_points in (True, False):
        trace = replace(well(), settings=own, of_points=of_points)
        edits = [edit for symptom in SYMPTOMS for remedy in symptom.remedies(trace) for edit in remedy.edits]
        assert any("Adaptive" in str(edit) for edit in edits) != of_points


def test_a_critic_that_nothing_bounds_gets_r1_and_keeps_its_weights() -> None:
    recipe = edited(recipes.load("ring"), [Edit(f"phases.main.terms.{name}", "drop") for name in ("r1", "r2")])
    remedy = remedies.bound_the_slope(flatten(recipe))
    assert not remedy.anew
    assert flatten(edited(recipe, remedy.edits))["phases.main.terms.r1.weight"] == 0.01
    pictures = edited(tiny.images(), [Edit("phases.main.terms.gp", "drop")])
    (edit,) = remedies.bound_the_slope(flatten(pictures)).edits
    assert edit.value == {"part": "equipoise.terms.penalties.R1", "weight": max(0.01, 2e-4 * 16**2 / 8)}


def test_a_gradient_penalty_that_weighs_next_to_nothing_gets_its_usual_weight() -> None:
    def bound(weight: float, **more: Json) -> list[str]:
        recipe = edited(recipes.load("sprites_small"), [Edit("phases.main.terms.gp.weight", value=weight)])
        return [str(edit) for edit in remedies.bound_the_slope({**flatten(recipe), **more}).edits]

    assert bound(0.0) == bound(0.09) == ["phases.main.terms.gp.weight = 10.0"]
    assert bound(0.1) == ["phases.main.terms.gp.weight *= 4.0"]
    assert bound(0.0, **{"critic.spectral_norm": True}) == []
    r1 = {"phases.main.terms.r1": "equipoise.terms.penalties.R1", "phases.main.terms.r1.weight": 1.0}
    assert bound(0.0, **r1) == ["phases.main.terms.r1.weight *= 4.0"]


def test_points_have_a_usual_weight_of_their_own() -> None:
    recipe = recipes.load("ring")
    phase = recipe.phases["main"]
    wasserstein = {"game": Wasserstein(), "gp": GradientPenalty(weight=1e-4)}
    points = flatten(replace(recipe, phases={"main": replace(phase, terms=wasserstein)}))
    assert [str(edit) for edit in remedies.bound_the_slope(points).edits] == ["phases.main.terms.gp.weight = 0.1"]
    not_light = {**points, "phases.main.terms.gp.weight": 1.1e-3}
    assert [str(edit) for edit in remedies.bound_the_slope(not_light).edits] == ["phases.main.terms.gp.weight *= 4.0"]


def test_a_schedule_is_scaled_at_all_its_places() -> None:
    recipe = recipes.load("landscapes")
    weight = "phases.play.terms.perceptual.weight"
    halved = edited(recipe, scaled(flatten(recipe), weight, 0.5))
    assert flatten(halved)[f"{weight}.points"] == [[600.0, 0.0], [1500.0, 0.0025]]
    assert scaled(flatten(recipe), "g_optim.beta1", 0.5) == (), "0 stays 0 by any factor"


def test_the_heaviest_term_is_the_one_that_is_made_lighter() -> None:
    trace = well(
        settings=flatten(recipes.load("landscapes")),
        **{"share.game": rows(0.1), "share.reads": rows(0.1), "share.diversity": rows(0.8)},
    )
    first = next(symptom for symptom in SYMPTOMS if symptom.key == "auxiliary-dominates").remedies(trace)[0]
    assert [edit.path for edit in first.edits] == [
        f"phases.{phase}.terms.diversity.weight" for phase in ("ramp", "play")
    ]


def test_a_game_that_is_not_balanced_by_its_share_is_weighed() -> None:
    recipe = recipes.load("sentinel2_sr")
    weight = [Edit("phases.detail.terms.game.share", value=None), Edit("phases.detail.terms.game.weight", value=0.1)]
    edits = remedies.weaker_game(flatten(edited(recipe, weight))).edits
    assert [str(edit) for edit in edits] == ["phases.detail.terms.game.weight *= 0.5"]


def test_the_critic_is_never_trained_less_than_promised() -> None:
    recipe = recipes.load("ring")
    for _ in range(3):
        recipe = edited(recipe, remedies.fewer_critic_updates(flatten(recipe)).edits)
    assert (recipe.phases["main"].d_updates, recipe.phases["main"].g_updates) == (1.0, 2.0)


def test_what_has_no_clamp_gets_one_and_what_has_one_a_narrower() -> None:
    settings = flatten(recipes.load("landscapes"))
    unclamped = remedies.tighter_modulation({**settings, "generator.modulation.clamp": None})
    assert [str(edit) for edit in unclamped.edits] == ["generator.modulation.clamp = 0.5"]
    assert "clamp the base modulation to 0.5" in unclamped.words
    assert remedies.tighter_modulation(settings).words.startswith("half of the clamp")


def test_noise_fades_over_a_length_that_is_known_and_is_not_left_to_chance() -> None:
    recipe = edited(recipes.load("digits"), [Edit("augment", value=None), Edit("tailor", value=None)])
    remedy = remedies.instance_noise(flatten(recipe))
    (noise,) = edited(recipe, remedy.edits).augment.operations  # type: ignore[union-attr]
    assert isinstance(noise, Noise) and isinstance(noise.sigma, Linear)
    assert noise.sigma.until == recipe.phases["main"].length.amount and "fading" in remedy.words
    in_images = edited(recipe, [Edit("phases.main.length.unit", value="images")])
    constant = remedies.instance_noise(flatten(in_images))
    (noise,) = edited(in_images, constant.edits).augment.operations  # type: ignore[union-attr]
    assert isinstance(noise, Noise) and noise.sigma == 0.05 and "fad" not in constant.words + constant.effect
    assert remedies.instance_noise(flatten(with_ada(recipe))).edits == ()


def test_the_words_of_clipping_are_its_edits() -> None:
    assert remedies.clip({}).words == "clip both gradients to a norm of 1"
    assert remedies.clip(flatten(recipes.load("landscapes"))).words == "clip both gradients to half the norm"
    assert remedies.clip(flatten(recipes.load("sentinel2_sr"))).words == (
        "clip the generator's gradient to half the norm and the critic's gradient to a norm of 1"
    )


def test_a_perceptual_distance_is_found_by_what_it_is_and_not_by_its_name() -> None:
    settings = flatten(recipes.load("landscapes"))
    renamed = {path.replace(".terms.perceptual", ".terms.lpips"): value for path, value in settings.items()}
    by_key = {symptom.key: symptom for symptom in SYMPTOMS}
    for key in ("perceptual-too-heavy", "too-much-detail"):
        first = by_key[key].remedies(Trace({}, settings=renamed))[0]
        assert first.edits and all(edit.path.startswith("phases.play.terms.lpips") for edit in first.edits)


def test_a_critic_sees_more_samples_at_once_where_it_may() -> None:
    settings = {path: value for path, value in flatten(recipes.load("landscapes")).items() if ".gp" not in path}
    gp = {"phases.play.terms.gp": "equipoise.terms.penalties.GradientPenalty"}
    assert remedies.see_batches({**settings, "critic.group": 16}).edits == ()
    assert remedies.see_batches({**settings, "critic.group": 1, **gp}).edits == ()
    assert [str(edit) for edit in remedies.see_batches({**settings, "critic.group": 1}).edits] == ["critic.group = 4"]


@pytest.mark.parametrize(("name", "norm"), [("ring", "none"), ("sprites_small", "layer")])
def test_a_critic_gets_a_norm_that_it_can_have(name: str, norm: str) -> None:
    settings = {**flatten(recipes.load(name)), "critic.norm": "batch"}
    assert [edit.value for edit in remedies.norm_free_of_batches(settings).edits] == [norm]
    edited(recipes.load(name), remedies.norm_free_of_batches(settings).edits)


def test_the_usual_gamma_knows_pictures_that_a_table_stands_beside() -> None:
    settings = flatten(recipes.load("landscapes"))
    bare = {path: value for path, value in settings.items() if not path.endswith((".r1", ".r2"))}
    (first, *_) = remedies.bound_the_slope(bare).edits
    assert isinstance(first.value, dict) and first.value["weight"] == pytest.approx(2e-4 * 64**2 / bare["batch"])  # type: ignore[operator]


SHIFTED = 'augment={"part": "equipoise.recipe.Augment", "applies_to": "both", "operations": []}'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("remedy", "before"),
    [
        pytest.param(remedies.bound_the_slope, [], id="scale a weight"),
        pytest.param(remedies.larger_batch, [], id="scale a whole number"),
        pytest.param(remedies.nearest_upsampling, [], id="set a word"),
        pytest.param(remedies.adapt_augmentation, [], id="set a part"),
        pytest.param(remedies.instance_noise, [SHIFTED], id="add a part"),
    ],
)
def test_what_a_remedy_makes_of_a_recipe_trains(remedy: Change, before: list[str], tmp_path: Path) -> None:
    recipe = edited(tiny.images(), [Edit.parse(change) for change in before])
    changes = remedy(flatten(recipe)).edits
    assert changes
    words = [word for change in (*before, *map(str, changes)) for word in ("--set", change)]
    data = tiny.coloured(tmp_path / "data", 24)
    asked = ["train", f"{Path(tiny.__file__)}:images", "--data", str(data), "--out", str(tmp_path / "run")]
    assert run_command([*asked, "--for", "10steps", "--device", "cpu", *words]) == 0
