"""Runs that are asked by conditions, and runs that enlarge, through the command line."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import equipoise
import tiny
from equipoise.augment import Flip, QuarterTurns
from equipoise.cli import run_command
from equipoise.data import Images, LabelledImages, Patches, Scale
from equipoise.folder import RunFolder
from equipoise.journal import Measured
from equipoise.networks import EruCritic, EruGenerator, PatchCritic, RrdbGenerator, VaeEncoder
from equipoise.recipe import Augment, Cadence, Phase, Recipe, Span
from equipoise.schedule import Linear
from equipoise.terms import KL, L1, MSE, Auxiliary, Diversity, Hinge, Perceptual
from equipoise.training import train

NUM_PICTURES = 48
LOOKED_AT = Cadence(tick_steps=2, sheet_steps=4, measuring_share=1.0)


def moods() -> Recipe:
    return replace(
        tiny.images(),
        source=LabelledImages({"valence": Scale(1, 7), "arousal": Scale(1, 9)}, Images(size=16)),
        generator=EruGenerator(latent=4, width=4),
        critic=EruCritic(width=4),
        encoder=VaeEncoder(width=4),
        phases={
            "rebuild": Phase(Span(4), {"l1": L1(), "kl": KL(weight=0.01)}, best_by="rebuilt"),
            "play": Phase(
                Span(4),
                {
                    "game": Hinge(weight=Linear(0.0, 0.5, until=4)),
                    "reads": Auxiliary(),
                    "diversity": Diversity(),
                    "perceptual": Perceptual(weight=0.01),
                },
            ),
        },
        cadence=LOOKED_AT,
        held_out=0.35,  # less holds out none of so few
    )


def enlarging() -> Recipe:
    return replace(
        tiny.images(),
        source=Patches(scale=2),
        generator=RrdbGenerator(width=8, growth=4, blocks=1, branch=0, upsampling="shuffle", base="bicubic"),
        critic=PatchCritic(width=4),
        phases={
            "pixels": Phase(Span(4), {"l1": L1(weight=0.8), "mse": MSE(weight=0.2)}, best_by="psnr"),
            "detail": Phase(Span(4), {"game": Hinge(share=0.2), "l1": L1()}),
        },
        augment=Augment((Flip(), QuarterTurns()), "pairs"),
        cadence=LOOKED_AT,
        held_out=0.2,
    )


def write_moods(folder: Path) -> Path:
    """Pictures that are the brighter the higher their valence."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "valence", "arousal"])
        for at in range(NUM_PICTURES):
            valence, arousal = noise.uniform(1, 7), noise.uniform(1, 9)
            level = 30 + 30 * valence + noise.normal(0, 10, (16, 16, 3))
            Image.fromarray(level.clip(0, 255).astype(np.uint8)).save(folder / f"{at}.png")
            rows.writerow([at, f"{valence:.2f}", f"{arousal:.2f}"])
    return folder


@pytest.fixture(scope="module")
def mood_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moods")
    return train(moods(), write_moods(folder / "data"), out=folder / "run", device="cpu")


@pytest.fixture(scope="module")
def enlarging_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("enlarging")
    (folder / "data").mkdir()
    noise = np.random.default_rng(0)
    for at in range(NUM_PICTURES):
        rows, columns = np.mgrid[0:32, 0:32]
        waves = 120 + 90 * np.sin(rows / noise.uniform(2, 6) + columns / noise.uniform(2, 6))
        pixels = np.stack([waves, waves[::-1], waves.T], axis=-1) + noise.normal(0, 4, (32, 32, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "data" / f"{at}.png")
    return train(enlarging(), folder / "data", out=folder / "run", device="cpu")


# Conditions


def test_each_phase_leaves_its_generators_and_a_sheet_over_the_plane(mood_run: Path) -> None:
    kept = {path.name for path in (mood_run / "best").iterdir()}
    assert kept == {"generator.safetensors", "rebuild-best.safetensors", "rebuild-last.safetensors"}
    assert (mood_run / "samples" / "plane-00000008.png").is_file()


def test_which_network_the_perceptual_distance_is_taken_by_is_kept_with_its_reason(mood_run: Path) -> None:
    recipe = RunFolder(mood_run).read_recipe()
    term = recipe.phases["play"].terms["perceptual"]
    assert isinstance(term, Perceptual)
    assert term.backend == "encoder"
    assert "LPIPS cannot be had" in recipe.reasons["phases.play.terms.perceptual.backend"]


def test_the_best_of_an_autoencoders_phase_is_what_rebuilds_held_out_pictures_best(mood_run: Path) -> None:
    """The naive twin: each held-out picture by itself, through the networks that were kept."""
    from equipoise.data.codec import to_planes
    from equipoise.sampling import open_run

    scores = [event for event in RunFolder(mood_run).read_journal().events if isinstance(event, Measured)]
    assert [(event.step, event.name) for event in scores] == [(4, "rebuilt"), (8, "kernel")]
    assert "kernel" in scores[0].beside
    kept = open_run(mood_run / "best" / "rebuild-best.safetensors", "cpu")
    assert kept.score == scores[0].value
    assert kept.encoder is not None
    corpus = kept.recipe.source.corpus(mood_run.parent / "data")
    assert corpus.conditions is not None
    unseen = corpus.split(kept.recipe.held_out).held_out
    errors = []
    for place in unseen:
        real = to_planes(torch.from_numpy(corpus.samples[[place]]), corpus.space)
        made = kept.module(kept.encoder(real).mean, torch.from_numpy(corpus.conditions[[place]]))
        errors.append(float((made - real).abs().mean()))
    assert len(errors) > 4
    assert scores[0].value == pytest.approx(np.mean(errors), rel=1e-4)


def test_what_rebuilds_nothing_cannot_be_chosen_by_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "sprites_small", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--device", "cpu"]
    for path in ("best_by", "phases.main.best_by"):
        assert run_command([*words, "--set", f"{path}=rebuilt"]) == 2
        assert f"{path}: is rebuilt, which needs an encoder" in capsys.readouterr().err


def test_samples_are_asked_for_by_conditions(mood_run: Path, tmp_path: Path) -> None:
    words = ["sample", str(mood_run), "--n", "6", "--device", "cpu", "--out"]
    for name, asked in (("as they are", None), ("high", "valence=1"), ("low", "valence=0"), ("again", "valence=0")):
        extra = ["--condition", asked] if asked else []
        assert run_command([*words, str(tmp_path / name), *extra]) == 0
    made = {
        name: np.load(tmp_path / name / "samples.npz")["samples"] for name in ("as they are", "high", "low", "again")
    }
    assert np.array_equal(made["low"], made["again"])
    assert not np.array_equal(made["low"], made["high"])
    assert not np.array_equal(made["as they are"], made["high"])
    with np.load(tmp_path / "high" / "samples.npz") as arrays:
        assert arrays["condition_names"].tolist() == ["valence", "arousal"]
        assert arrays["conditions"].shape == (6, 2)
        assert (arrays["conditions"][:, 0] == 7.0).all(), "in units of the data: its highest"


def test_a_sheet_goes_over_the_plane_of_conditions(mood_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "plane"
    assert run_command(["sample", str(mood_run), "--sheet", "--out", str(out), "--device", "cpu"]) == 0
    assert np.load(out / "samples.npz")["samples"].shape == (64, 3, 16, 16)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("valence=1.2", "--condition valence=1.2: from 0, which is 1 in the data, to 1, which is 7"),
        ("joy=0.5", "this run knows no condition 'joy'; its conditions are valence, arousal"),
        ("valence", "write NAME=NUMBER"),
        ("valence=high", "write NAME=NUMBER"),
        ("", "write NAME=NUMBER"),
        ("valence=0.2,valence=0.8", "valence is there twice"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    mood_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, message: str
) -> None:
    words = ["sample", str(mood_run), "--condition", asked, "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert run_command(words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_evaluation_says_whether_conditions_are_obeyed(mood_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["evaluate", str(mood_run), "--json", "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out)["conditions"]
    assert set(found["probes"]) == {"valence", "arousal"}
    assert found["probes"]["valence"]["real"] > 0.8  # brightness is all there is to read
    assert abs(found["probes"]["arousal"]["real"]) < 0.5
    assert -1.0 <= found["trends"]["mean"] <= 1.0
    assert found["spread"]["low"] < found["spread"]["mean"] < found["spread"]["high"]


def brightened(count: int, obedience: float, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy pictures [count, 3, 16, 16] that are the brighter the higher their condition, as far as they obey it; below
    0 they do the opposite."""
    source = torch.Generator().manual_seed(seed)
    asked = torch.rand(count, 1, generator=source)
    other = torch.rand(count, 1, generator=source)
    level = obedience * asked + (1 - obedience) * other
    return asked, level[:, :, None, None] - 0.5 + 0.1 * torch.randn(count, 3, 16, 16, generator=source)


def test_runs_are_compared_by_how_far_they_obey() -> None:
    from equipoise.comparing import _of_conditions
    from equipoise.measures.obeyed import Obeyed, obeyed
    from equipoise.space import Channel, Condition, Space

    space = Space(tuple(map(Channel, "rgb")), 16, 16, conditions=(Condition("valence", 0, 1),))
    known, real = brightened(200, 1.0, 0)

    def answers(obedience: float, seed: int) -> Obeyed:
        asked, fake = brightened(200, obedience, seed)
        groups = torch.linspace(0, 1, 4).repeat(16)[:, None]
        noise = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
        grouped = obedience * (groups[:, :, None, None] - 0.5) + 0.2 * noise
        found = obeyed(real, known, fake, asked, grouped, groups, space)
        assert found is not None
        return found

    good, same, bad = answers(1.0, 1), answers(1.0, 2), answers(-0.5, 3)
    assert good.spread.interval.low > bad.spread.interval.high
    told = {difference.name: difference.verdict for difference in _of_conditions(good, bad, 15)}
    assert told == {"probe of valence": "worse", "trends": "worse", "spread": "lower"}
    told = {difference.name: difference.verdict for difference in _of_conditions(good, same, 15)}
    assert set(told.values()) == {"cannot be told apart"}


def test_a_comparison_says_how_conditions_are_obeyed(
    mood_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", str(mood_run), str(mood_run), "--device", "cpu", "--sheet", str(tmp_path / "both.png")]
    assert run_command([*words, "--json"]) == 0
    verdicts = json.loads(capsys.readouterr().out)["others"][0]["verdicts"]
    assert {"probe of valence", "probe of arousal", "trends", "spread"} <= verdicts.keys()
    assert set(verdicts.values()) == {"cannot be told apart"}


def test_a_picture_is_found_and_edited(mood_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 30), (90, 140, 60)).save(photo)
    words = ["project", str(mood_run), str(photo), "--out", str(tmp_path / "found"), "--device", "cpu"]
    assert run_command([*words, "--edit", "valence=+.4", "--condition", "arousal=0.25"]) == 0
    said = capsys.readouterr().out
    assert "arousal 0.25" in said
    assert {path.name for path in (tmp_path / "found").iterdir()} == {
        "photo.png",
        "projected.png",
        "edited.png",
        "sheet.png",
    }
    assert run_command([*words, "--edit", "valence=1.5"]) == 2
    assert run_command(["project", str(mood_run), str(tmp_path / "none.png"), "--device", "cpu"]) == 2


def test_a_search_finds_a_sample_of_its_own(mood_run: Path) -> None:
    """Begun at a distance, it comes nearer than half of it."""
    from equipoise.projecting import search
    from equipoise.sampling import open_run

    sampler = open_run(mood_run, "cpu")
    torch.manual_seed(0)
    for parameter in sampler.module.parameters():
        parameter.normal_(0.0, 0.5)  # after eight steps of training every latent gives nearly the same
    latents, conditions = torch.randn(2, 4), torch.full((2, 2), 0.5)
    with torch.no_grad():
        wanted = sampler.module(latents, conditions)
        others = sampler.module(torch.randn(2, 4), conditions)
    found, at = search(sampler, wanted, {"valence": 0.5, "arousal": 0.5})
    with torch.no_grad():
        made = sampler.module(found, at)
    assert (made - wanted).abs().mean() < 0.5 * (others - wanted).abs().mean()


# Pairs


def test_the_best_of_the_first_stage_is_chosen_by_psnr_and_that_of_the_second_by_the_recipe(
    enlarging_run: Path,
) -> None:
    scores = [event for event in RunFolder(enlarging_run).read_journal().events if isinstance(event, Measured)]
    assert [(event.step, event.name) for event in scores if event.step in (4, 8)] == [(4, "psnr"), (8, "kernel")]
    assert all("ssim" in event.beside for event in scores)
    kept = {path.name for path in (enlarging_run / "best").iterdir()}
    assert kept == {"generator.safetensors", "pixels-best.safetensors", "pixels-last.safetensors"}


def test_an_evaluation_says_what_is_gained_over_interpolation(
    enlarging_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first_stage = enlarging_run / "best" / "pixels-best.safetensors"
    data = str(enlarging_run.parent / "data")
    assert run_command(["evaluate", str(first_stage), "--data", data, "--device", "cpu"]) == 0
    assert "psnr" in (said := capsys.readouterr().out) and "invented" in said
    assert run_command(["evaluate", str(enlarging_run), "--json", "--device", "cpu"]) == 0
    document = json.loads(capsys.readouterr().out)
    for name in ("copying", "nearest", "memory"):
        assert "it was asked for" in document["measures"][name]["not_valid"]
    found = document["enlarged"]
    assert found["consistent"]["made_small_by"] == "bicubic"
    assert set(found) == {"psnr", "ssim", "angle", "consistent", "detail", "invented"}
    assert found["psnr"]["gain"]["mean"] == pytest.approx(
        found["psnr"]["made"]["mean"] - found["psnr"]["bicubic"]["mean"], abs=1e-4
    )


def test_pairs_whose_low_resolution_was_found_cannot_be_made_small_again(
    enlarging_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for picture in sorted((enlarging_run.parent / "data").iterdir()):
        for name, side in (("hr", 32), ("lr", 16)):
            (tmp_path / "pairs" / name).mkdir(parents=True, exist_ok=True)
            Image.open(picture).resize((side, side), Image.Resampling.BICUBIC).save(
                tmp_path / "pairs" / name / picture.name
            )
    assert run_command(["evaluate", str(enlarging_run), "--data", str(tmp_path / "pairs"), "--device", "cpu"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("consistent")]
    assert "not valid here: the given pictures were not made from the real ones" in row


def test_a_comparison_is_made_pair_by_pair(
    enlarging_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other is the same generator with every pixel a twentieth of the range too bright."""
    from equipoise.engine.export import save_generator
    from equipoise.sampling import open_run

    kept = open_run(enlarging_run, "cpu")
    with torch.no_grad():
        last = [weight for name, weight in kept.module.named_parameters() if name.endswith("bias")][-1]
        last.add_(0.1)
    brighter = tmp_path / "brighter.safetensors"
    save_generator(brighter, kept)
    words = ["compare", str(enlarging_run), str(brighter), "--data", str(enlarging_run.parent / "data")]
    assert run_command([*words, "--device", "cpu", "--sheet", str(tmp_path / "both.png"), "--json"]) == 0
    (other,) = json.loads(capsys.readouterr().out)["others"]
    assert other["verdicts"]["psnr of pairs"] == other["verdicts"]["consistent of pairs"] == "worse"
    assert other["worse_by"]["psnr of pairs"][1] > 0
    assert run_command([*words, "--device", "cpu", "--sheet", str(tmp_path / "both.png")]) == 0
    said = capsys.readouterr().out
    assert "worse by" in said and "psnr of pairs" in said


def test_what_makes_pictures_from_pictures_cannot_be_drawn_from(
    enlarging_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["sample", str(enlarging_run), "--device", "cpu"]) == 2
    assert "equipoise upscale" in capsys.readouterr().err


def test_a_rehearsal_plays_all_phases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from equipoise import rehearsal
    from equipoise.run import Where

    monkeypatch.setattr(rehearsal, "PHASE_S", 0.1)
    data = write_moods(tmp_path / "data")
    done = rehearsal.rehearse(moods(), Where(data, device="cpu"))
    assert [phase.name for phase in done.phases] == ["rebuild", "play"]
    first, second = done.phases
    assert first.loss is not None
    assert first.loss[1] < first.loss[0]
    assert second.loss is None
    assert done.faults == []


def test_a_rehearsal_of_what_learns_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from equipoise import rehearsal
    from equipoise.run import Where

    monkeypatch.setattr(rehearsal, "PHASE_S", 0.1)
    recipe = moods()
    stuck = replace(recipe, g_optim=replace(recipe.g_optim, lr=0.0), phases={"rebuild": recipe.phases["rebuild"]})
    done = rehearsal.rehearse(stuck, Where(write_moods(tmp_path / "data"), device="cpu"))
    assert "the generator's weights did not move" in done.faults


# Warm starts


def test_a_run_begins_with_the_weights_of_another(mood_run: Path, tmp_path: Path) -> None:
    from equipoise.journal import Started
    from equipoise.sampling import open_run

    data, out = str(mood_run.parent / "data"), tmp_path / "run"
    recipe = str(mood_run / "recipe.json")
    words = ["train", recipe, "--data", data, "--out", str(out), "--from", str(mood_run), "--device", "cpu"]
    assert run_command([*words, "--set", "g_optim.lr=0", "--set", "average.decay=0", "--for", "1steps"]) == 0
    before, after = open_run(mood_run, "cpu"), open_run(out, "cpu")
    for name, weight in before.module.named_parameters():
        assert weight.equal(dict(after.module.named_parameters())[name]), name
    assert before.encoder is not None
    assert after.encoder is not None
    for name, weight in before.encoder.named_parameters():
        assert weight.equal(dict(after.encoder.named_parameters())[name]), name
    started = next(event for event in RunFolder(out).read_journal().events if isinstance(event, Started))
    assert started.begun_from["networks"] == ["generator", "encoder"]
    assert started.begun_from["step"] == before.step


def test_weights_of_another_network_are_refused_by_what_differs(
    mood_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(mood_run.parent / "data")
    words = ["train", str(mood_run / "recipe.json"), "--data", data, "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert run_command([*words, "--from", str(mood_run), "--set", "generator.width=8"]) == 2
    assert "generator.width: 4 -> 8" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_a_part_of_the_range(mood_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", str(mood_run / "recipe.json"), "--data", str(mood_run.parent / "data"), "--device", "cpu"]
    extra = ["--set", "source.within.arousal+=[4,9]", "--for", "1steps", "--out", str(out), "--from", str(mood_run)]
    assert run_command([*words, *extra]) == 0


def test_python_begins_with_weights_as_the_command_line_does(mood_run: Path, tmp_path: Path) -> None:
    from equipoise.sampling import open_run

    out, recipe = tmp_path / "run", moods()
    frozen = replace(recipe, g_optim=replace(recipe.g_optim, lr=0.0), average=replace(recipe.average, decay=0.0))
    data = mood_run.parent / "data"
    equipoise.train(frozen, data, out=out, budget="1steps", device="cpu", begin_from=str(mood_run))
    before, after = open_run(mood_run, "cpu"), open_run(out, "cpu")
    for name, weight in before.module.named_parameters():
        assert weight.equal(dict(after.module.named_parameters())[name]), name
    with pytest.raises(equipoise.RequestError, match="not a run folder"):
        equipoise.train(frozen, data, out=tmp_path / "none", device="cpu", begin_from=tmp_path)
    assert not (tmp_path / "none").exists()


def test_a_rehearsal_begins_with_the_weights_that_the_run_would(
    mood_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """White pictures are much farther from the data than what fresh weights give."""
    from equipoise import rehearsal
    from equipoise.engine.export import save_generator
    from equipoise.sampling import open_run

    kept = open_run(mood_run, "cpu")
    with torch.no_grad():
        [weight for name, weight in kept.module.named_parameters() if name.endswith("bias")][-1].fill_(9.0)
    save_generator(tmp_path / "white.safetensors", kept)
    monkeypatch.setattr(rehearsal, "PHASE_S", 0.1)
    words = ["train", str(mood_run / "recipe.json"), "--data", str(mood_run.parent / "data"), "--device", "cpu"]
    words += ["--rehearse", "--set", "drop phases.play", "--set", "g_optim.lr=1e-6"]

    def first_loss(*more: str) -> float:
        run_command([*words, *more])
        said = capsys.readouterr()
        assert "phase rebuild" in said.out, said.err
        return float(said.out.partition("loss ")[2].split()[0])

    assert first_loss("--from", str(tmp_path / "white.safetensors")) > first_loss() + 0.3
    assert run_command([*words, "--from", str(mood_run), "--set", "generator.width=8"]) == 2
    assert "generator.width: 4 -> 8" in capsys.readouterr().err


# Phases, killed and gone on with


def test_a_run_of_phases_that_was_stopped_is_the_run_that_was_not(mood_run: Path, tmp_path: Path) -> None:
    """Asked to stop in each phase; weights of all networks, kept generators and numbers are the same."""
    from equipoise.interrupt import StopRequest
    from equipoise.run import Where, carry_out, resume, start
    from equipoise.sampling import open_run

    data = mood_run.parent / "data"
    for stop_at in (2, 4, 6):
        out = tmp_path / str(stop_at)
        session = start(moods(), Where(data, device="cpu"), out)
        stop = StopRequest()
        original = session._feeds.next

        def next_batch(stop=stop, session=session, original=original, stop_at=stop_at):  # type: ignore[no-untyped-def]
            stop.asked = session.step >= stop_at - 1
            return original()

        session._feeds.next = next_batch  # type: ignore[method-assign]
        session.train(stop)
        carry_out(resume(out))
        assert (out / "losses.csv").read_bytes() == (mood_run / "losses.csv").read_bytes()
        for name in ("generator", "rebuild-best", "rebuild-last"):
            ours, theirs = (open_run(run / "best" / f"{name}.safetensors", "cpu") for run in (out, mood_run))
            assert ours.step == theirs.step, name
            assert ours.encoder is not None
            assert theirs.encoder is not None
            for mine, its in ((ours.module, theirs.module), (ours.encoder, theirs.encoder)):
                for weight, other in zip(mine.state_dict().values(), its.state_dict().values(), strict=True):
                    assert torch.equal(weight, other)


def test_a_phases_best_is_its_own_after_going_back_over_its_end(mood_run: Path, tmp_path: Path) -> None:
    """A damaged newest checkpoint lies in the next phase; the one before in this one."""
    import shutil

    from equipoise.engine import checkpoint
    from equipoise.run import carry_out, resume
    from equipoise.sampling import open_run

    shutil.copytree(mood_run, tmp_path / "run")
    for entry in checkpoint.entries(tmp_path / "run" / "checkpoints"):
        if entry.step > 4:
            entry.path.unlink()
    carry_out(resume(tmp_path / "run"))
    kept = open_run(tmp_path / "run" / "best" / "rebuild-best.safetensors", "cpu")
    assert kept.step <= 4
    assert kept.step == open_run(mood_run / "best" / "rebuild-best.safetensors", "cpu").step


# Fitting several phases to the time


def test_phases_share_the_time_in_their_proportions_and_schedules_follow() -> None:
    from equipoise import recipes
    from equipoise.edit import Edit
    from equipoise.recipe import Budget, Circumstances, edited, fitting_of
    from equipoise.recipes.lengths import SPARE
    from equipoise.space import Space

    space = Space((), 64, 64)

    def fit(*edits: Edit, budget: str) -> Recipe:
        recipe = edited(recipes.load("landscapes"), edits)
        pace = {"rebuild": 0.1, "ramp": 0.3, "play": 0.3}
        found = Circumstances(space, 195, 22, Budget.parse(budget), lambda of: pace[next(iter(of.phases))])
        return fitting_of(recipe, found).recipe

    recipe = recipes.load("landscapes")
    lengths = {name: phase.length.amount for name, phase in recipe.phases.items()}
    whole_s = 0.1 * lengths["rebuild"] + 0.3 * (lengths["ramp"] + lengths["play"])
    half = fit(budget=f"{whole_s / 2:.0f}s")
    for name, phase in half.phases.items():
        assert phase.length.amount == pytest.approx((1 - SPARE) * lengths[name] / 2, rel=0.01)
    game = half.phases["ramp"].terms["game"]
    assert game.weight.until == pytest.approx(half.phases["ramp"].length.amount, rel=0.01)  # type: ignore[union-attr]
    steps = fit(budget="1000steps")
    assert sum(phase.length.amount for phase in steps.phases.values()) == pytest.approx(1000, abs=3)
    by_hand = fit(Edit("phases.rebuild.length.amount", value=100), budget=f"{whole_s:.0f}s")
    assert by_hand.phases["rebuild"].length.amount == 100
    rest = 0.3 * (by_hand.phases["ramp"].length.amount + by_hand.phases["play"].length.amount)
    assert rest + 10 == pytest.approx((1 - SPARE) * whole_s, rel=0.01)
    late = fit(
        Edit("phases.play.terms.perceptual.weight.points", value=[[2900.0, 0.0], [2990.0, 0.005]]), budget="100steps"
    )
    assert sum(phase.length.amount for phase in late.phases.values()) == pytest.approx(100, abs=3)
