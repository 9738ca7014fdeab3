"""Settings under suspicion: each told with its value where it is so, not a step before, and never as an alarm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny
from equipoise.cli import run_command
from equipoise.doctor.examining import examine
from equipoise.doctor.game import game_of
from equipoise.doctor.readers.runs import read_run
from equipoise.doctor.symptom import Doubt
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import Series, Trace
from equipoise.edit import Edit
from equipoise.folder import RunFolder
from equipoise.recipe import edited
from equipoise.recipes import NAMES, load
from equipoise.spec import Json, flatten
from equipoise.training import train
from sick import SICK
from traces import ROWS, faulty, rows, scores, well

SETTINGS: dict[str, Json] = {
    "phases": ["main"],
    "phases.main.terms.gp": "equipoise.terms.penalties.GradientPenalty",
    "phases.main.terms.gp.weight": 10.0,
    "phases.main.d_updates": 2.0,
    "g_optim.lr": 0.001,
    "d_optim.lr": 0.001,
    "g_optim.beta1": 0.0,
    "d_optim.beta1": 0.5,
    "generator.latent": 64,
    "critic.spectral_norm": False,
    "augment": None,
    "batch": 32,
}


def of(changes: Mapping[str, Json], samples: int = 2000, **signals: Series) -> Trace:
    """A healthy run on pictures whose recipe has these settings."""
    settings = {**SETTINGS, **changes}
    pictures = {"contrast": scores(*[1.0] * 11), "lr_g": rows(0.001, 0.0), "lr_d": rows(0.001, 0.0), **signals}
    batch = settings["batch"]
    assert isinstance(batch, int)
    trace = well(settings=settings, **pictures)
    return replace(trace, phase="main", batch=batch, steps_an_epoch=samples / batch / 2)


def labelled(real: Json, fake: Json, **more: Json) -> Trace:
    game = "phases.main.terms.game"
    labels: dict[str, Json] = {"real_label": real, "fake_label": fake, "generator_label": 1.0, **more}
    return of({game: "equipoise.terms.adversarial.BCE", **{f"{game}.{name}": label for name, label in labels.items()}})


def saturating(is_so: bool) -> Trace:
    return labelled(1.0, 0.0, saturating=is_so)


def noisy(sigma: float) -> Trace:
    noise: dict[str, Json] = {
        "augment": "equipoise.recipe.Augment",
        "augment.operations.0": "equipoise.augment.Noise",
        "augment.operations.0.sigma": sigma,
    }
    return of(noise)


def raised(at: float, to: float = 0.1) -> Series:
    return Series.of(ROWS, np.where(at > ROWS, 0.001, to))


UNBOUNDED: dict[str, Json] = {"phases.main.terms.gp": None, "critic.spectral_norm": False}


def r1_of(weight: float, **more: Json) -> Trace:
    r1: dict[str, Json] = {
        "phases.main.terms.gp": "equipoise.terms.penalties.R1",
        "phases.main.terms.gp.weight": weight,
        "critic.spectral_norm": False,
    }
    return of({**r1, **more})


def sized(**sizes: int) -> Trace:
    return replace(of({}), sizes=sizes)


DOUBTED: dict[str, tuple[Trace, Trace, str, str]] = {
    "momentum": (of({"g_optim.beta1": 0.9}), of({"g_optim.beta1": 0.5}), "g_optim.beta1 is 0.9", "oscillation"),
    "a fast critic": (
        of({"d_optim.lr": 0.011}), of({"d_optim.lr": 0.009}), "the critic's rate is 11 times", "critic-wins",
    ),
    "a fast generator": (
        of({"g_optim.lr": 0.02}), of({"g_optim.lr": 0.002}), "the generator's rate is 20", "generator-wins",
    ),
    "a high rate": (
        of({}, lr_d=rows(0.01, 0.0)), of({}, lr_d=rows(0.005, 0.0)), "the critic's rate is 0.01;", "critic-wins",
    ),
    "a raised rate": (
        of({}, lr_g=raised(400.0)), of({}, lr_g=raised(400.0, 0.0025)), "the generator's rate was raised", "exploding",
    ),
    "a heavy penalty": (
        of({"phases.main.terms.gp.weight": 100.0}), of({"phases.main.terms.gp.weight": 99.0}),
        "phases.main.terms.gp.weight is 100", "critic-blind",
    ),
    "a heavy penalty on points": (
        of({"phases.main.terms.gp.weight": 10.0, "source.std": 0.01}),
        of({"phases.main.terms.gp.weight": 9.9, "source.std": 0.01}),
        "phases.main.terms.gp.weight is 10; 0.1 is usual", "critic-blind",
    ),
    "a light penalty": (
        of({"phases.main.terms.gp.weight": 0.09}), of({"phases.main.terms.gp.weight": 0.1}),
        "phases.main.terms.gp.weight is 0.09; 10 is usual", "steep-critic",
    ),
    "a light gamma": (
        r1_of(0.0009), r1_of(0.001), "phases.main.terms.gp.weight is 0.0009; 0.01 is usual", "steep-critic",
    ),
    "a norm that does not normalise": (
        of({"generator.eps": 0.8}), of({"generator.eps": 0.01}), "generator.eps is 0.8", "wrong-scale",
    ),
    "hard classes": (
        of({"generator.hard": True}), of({"generator.hard": False}), "generator.hard is true", "one-class",
    ),
    "classes around zero": (
        of({"categories.span": "-1 to 1"}), of({"categories.span": "0 to 1"}),
        "categories.span is -1 to 1", "one-class",
    ),
    "a small critic": (
        sized(generator=1001, critic=100), sized(generator=1000, critic=100),
        "the generator has 10 times the parameters of the critic", "critic-blind",
    ),
    "a small generator": (
        sized(generator=100, critic=6400), sized(generator=100, critic=999),
        "the critic has 64 times the parameters of the generator", "critic-wins",
    ),
    "few latents": (
        of({"generator.latent": 6}), of({"generator.latent": 7}), "generator.latent is 6", "partial-collapse",
    ),
    "few samples": (of({}, samples=960), of({}, samples=1024), "there are about 960 samples", "overfitting"),
    "a critic without bounds": (
        of(UNBOUNDED), of({**UNBOUNDED, "critic.spectral_norm": True}), "nothing bounds", "late-collapse",
    ),
    "labels that hardly differ": (
        labelled(0.7, 0.3), labelled(0.8, 0.3),
        "phases.main.terms.game labels real samples 0.7 and fakes 0.3", "critic-blind",
    ),
    "ranges of labels": (
        labelled([0.6, 0.8], [0.2, 0.4]), labelled([0.7, 1.0], [0.2, 0.4]),
        "phases.main.terms.game labels real samples 0.7 and fakes 0.3", "critic-blind",
    ),
    "labels that just differ": (
        labelled(0.7, 0.21), labelled(0.7, 0.2),
        "phases.main.terms.game labels real samples 0.7 and fakes 0.21", "critic-blind",
    ),
    "a game that saturates": (
        saturating(True), saturating(False), "phases.main.terms.game.saturating is true", "critic-wins",
    ),
    "noise over everything": (noisy(0.5), noisy(0.4), "augment.operations.0.sigma is 0.5", "critic-blind"),
    "a small batch": (of({"batch": 7}), of({"batch": 8}), "batch is 7", "oscillation"),
}  # fmt: skip
"""So it is, just under, what is said, what it brings."""


@pytest.mark.parametrize("name", DOUBTED)
def test_it_is_told_with_its_value_and_what_it_may_bring(name: str) -> None:
    trace, _, said, brings = DOUBTED[name]
    found = examine(trace)
    assert found.verdict == "healthy", "a setting alone is no alarm"
    (doubt,) = found.doubts
    assert doubt.said.startswith(said)
    assert doubt.brings[0] == brings
    assert doubt.since == (400.0 if name == "a raised rate" else None)


@pytest.mark.parametrize("name", DOUBTED)
def test_just_under_nothing_is_told(name: str) -> None:
    assert examine(DOUBTED[name][1]).doubts == ()


@pytest.mark.parametrize("name", DOUBTED)
def test_what_it_brings_is_a_symptom(name: str) -> None:
    keys = {symptom.key for symptom in SYMPTOMS}
    assert {key for doubt in examine(DOUBTED[name][0]).doubts for key in doubt.brings} <= keys


def doubts_of(trace: Trace) -> tuple[Doubt, ...]:
    return examine(trace).doubts


def test_few_latents_and_samples_are_of_pictures_alone() -> None:
    few = of({"generator.latent": 2}, samples=100)
    assert doubts_of(few.without(["contrast"])) == ()


def test_nothing_is_told_where_pairs_say_what_to_make() -> None:
    momentum: dict[str, Json] = {"g_optim.beta1": 0.9}
    pixels = {**momentum, "phases.main.terms.l1": "equipoise.terms.reconstruction.L1", "encoder": None}
    assert doubts_of(of(pixels)) == (), "also before the first score, which tells psnr"
    assert len(doubts_of(of({**pixels, "encoder": "equipoise.networks.vae_eru.VaeEncoder"}))) == 1
    assert doubts_of(of(momentum, psnr=scores(*[20.0] * 11))) == ()
    assert doubts_of(replace(of(momentum), game=None)) == ()


def test_a_batch_of_points_becomes_as_large_as_the_ring_s() -> None:
    of_two = of({"batch": 2, "phases.main.d_updates": 1, "phases.main.terms.gp.weight": 1.0})
    (of_points,), (of_pictures,) = doubts_of(replace(of_two, of_points=True)), doubts_of(of_two)
    assert [str(edit) for edit in of_points.remedy.edits] == [f"batch = {load('ring').batch}"]
    assert [str(edit) for edit in of_pictures.remedy.edits] == ["batch = 16"]


def test_augmentation_takes_the_doubt_of_few_samples_away() -> None:
    assert doubts_of(of({"augment": "equipoise.augment.Chain"}, samples=100)) == ()


def test_the_rate_that_is_in_use_is_lowered() -> None:
    own = of({"phases.main.d_optim.lr": 0.009}, lr_d=rows(0.009, 0.0))
    (doubt,) = doubts_of(own)
    assert [str(edit) for edit in doubt.remedy.edits] == ["phases.main.d_optim.lr *= 0.1"]


def test_several_that_one_change_undoes_are_told_once() -> None:
    assert [doubt.said[:15] for doubt in doubts_of(of({"g_optim.beta1": 0.9, "d_optim.beta1": 0.9}))] == [
        "g_optim.beta1 i"
    ]


def test_a_rhythm_that_changes_says_nothing_of_the_number_of_samples() -> None:
    scheduled = of({"phases.main.d_updates": "equipoise.schedule.Piecewise"}, samples=960)
    assert doubts_of(scheduled) == ()
    assert doubts_of(replace(of({}, samples=960), begin=100)) == ()


@pytest.mark.parametrize("name", NAMES)
def test_no_recipe_of_ours_is_under_suspicion(name: str) -> None:
    settings = flatten(load(name))
    phases = settings["phases"]
    assert isinstance(phases, list)
    for phase in map(str, phases):
        game = game_of(settings, phase)
        trace = replace(of({}), settings=settings, phase=phase, game=game[1] if game else None)
        trace = trace.without(["contrast"]) if name in ("ring", "grid") else trace
        assert doubts_of(trace) == ()


def test_nothing_is_told_beside_a_bug() -> None:
    bug = replace(of({"g_optim.beta1": 0.9}), faults=faulty("plumbing: the generator has no gradient").faults)
    assert examine(bug).verdict == "ill"
    assert doubts_of(bug) == ()


def test_a_raise_that_is_evidence_is_told_once() -> None:
    late = scores(20.0, 9.0, 5.0, 4.0, 3.2, 2.8, 3.0, 4.1, 4.2, 4.1, 4.2)
    found = examine(of({}, lr_g=raised(3000.0), distance=late))
    assert any("raised" in item.said for one in found.diagnoses for item in one.evidence)
    assert found.doubts == ()


def test_the_command_tells_of_it_and_its_edit_goes_into_train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = edited(tiny.points(2), [Edit("d_optim.beta1", value=0.9)])
    run = train(recipe, out=tmp_path / "run", device="cpu")
    assert run_command(["doctor", str(run)]) == 0
    out = capsys.readouterr().out
    assert "settings that often do harm, whether or not it shows:\n - d_optim.beta1 is 0.9; in a game 0 is usual" in out
    assert "may bring oscillation; try: no momentum" in out
    assert "--set 'd_optim.beta1=0.0'" in out


def test_the_command_tells_of_a_critic_that_is_too_small_and_makes_it_as_large(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = edited(tiny.points(2), [Edit("generator.width", value=64), Edit("critic.width", value=8)])
    run = train(recipe, out=tmp_path / "run", device="cpu")
    capsys.readouterr()
    assert run_command(["doctor", str(run)]) == 0
    out = capsys.readouterr().out
    assert " times the parameters of the critic; up to 10 times is usual" in out
    assert "--set 'critic.width*=4.0'" in out
    RunFolder(run).write_recipe(edited(recipe, [Edit("critic.width", "scale", 4.0)]))
    assert run_command(["doctor", str(run)]) == 0
    assert "times the parameters" not in capsys.readouterr().out, "of other networks than those of the beginning"


@pytest.mark.parametrize("parameters", [None, 5, [], {"generator": "a", "critic": 1}, {"critic": None}])
def test_sizes_that_no_run_writes_say_nothing(tmp_path: Path, parameters: Json) -> None:
    run = train(edited(tiny.points(2), [Edit("generator.width", value=64)]), out=tmp_path / "run", device="cpu")
    journal = run / "journal.jsonl"
    first, *others = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([json.dumps({**json.loads(first), "parameters": parameters}) + "\n", *others]))
    assert read_run(run).sizes == {}
    assert run_command(["doctor", str(run)]) == 0


def test_noise_that_fades_or_is_added_only_at_need_is_left_alone() -> None:
    settings = noisy(1.0).settings
    assert doubts_of(replace(noisy(1.0), settings={**settings, "augment.adaptive": "equipoise.recipe.Adaptive"})) == ()
    fading = {**settings, "augment.operations.0.sigma": "equipoise.schedule.Linear"}
    assert doubts_of(replace(noisy(1.0), settings=fading)) == ()


def late_collapse(changes: Mapping[str, Json]) -> list[str]:
    """What is offered first where good samples became worse."""
    worse = scores(20.0, 9.0, 5.0, 4.0, 3.2, 2.8, 3.0, 9.1, 9.2, 9.1, 9.2)
    found = examine(of(changes, distance=worse)).diagnoses[0]
    assert found.symptom.key == "late-collapse"
    return [str(edit) for edit in found.remedies[0].edits]


def test_what_is_under_suspicion_comes_before_a_symptoms_own_remedies() -> None:
    assert late_collapse({"batch": 2}) == ["batch = 16"]
    assert late_collapse({"phases.main.terms.gp.weight": 0.0}) == ["phases.main.terms.gp.weight = 10.0"]
    assert late_collapse({}) not in (["batch = 16"], ["phases.main.terms.gp.weight = 10.0"])


def test_where_a_network_leads_only_what_may_bring_that_comes_first() -> None:
    blind = SICK["critic-blind"][0]
    offered = {}
    for changes in ({"generator.latent": 2}, {"phases.main.terms.gp.weight": 100.0}):
        found = examine(replace(of(changes), signals={**of({}).signals, **blind.signals})).diagnoses
        (remedies,) = (one.remedies for one in found if one.symptom.key == "critic-blind")
        offered[next(iter(changes))] = [str(edit) for edit in remedies[0].edits]
    assert offered["generator.latent"] != ["generator.latent = 64"]
    assert offered["phases.main.terms.gp.weight"] == ["phases.main.terms.gp.weight = 10.0"]


def test_what_shows_late_is_told_and_tried_last() -> None:
    unbounded, few = doubts_of(of(UNBOUNDED, samples=120))
    assert unbounded.said.startswith("nothing bounds") and few.said.startswith("there are about 120 samples")
