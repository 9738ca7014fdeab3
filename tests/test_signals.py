"""What a run writes down for a doctor: every signal is what a naive computation gives, and none changes the run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import broken
import tiny
from equipoise.augment import Flip, Noise
from equipoise.cli import run_command
from equipoise.data import Corpus, glance
from equipoise.data.glance import some
from equipoise.data.split import identities
from equipoise.doctor.readers.runs import read_run
from equipoise.doctor.trace import SIGNALS
from equipoise.engine import checkpoint, score
from equipoise.engine.asking import any_batch
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.probes import Probes, at_output
from equipoise.engine.ranks import auc
from equipoise.engine.score import Score
from equipoise.engine.seeding import seed_everything
from equipoise.engine.selftest import plumbing
from equipoise.engine.state import Player, State, initial_networks, initial_state
from equipoise.engine.step import generate, step
from equipoise.engine.trust import trust
from equipoise.journal import Event, Finished, Measured, SelfTested, read
from equipoise.losses import read as read_losses
from equipoise.measures.appearance import appearance, looks
from equipoise.networks import EruCritic, EruGenerator, VaeEncoder
from equipoise.networks.dcgan import DcganCritic
from equipoise.proving import self_test
from equipoise.randomness import mix
from equipoise.recipe import Adam, Adaptive, Augment, Average, Budget, Phase, Recipe, Span
from equipoise.recipes import NAMES, load
from equipoise.record import columns
from equipoise.run import Where, carry_out, resume, start
from equipoise.schedule import Linear
from equipoise.space import Channel, Class, Condition, Space
from equipoise.terms import BCE, KL, L1, R1, Auxiliary, Hinge
from equipoise.training import train
from equipoise.view import Batch, View, scoring
from same_run import assert_equal_trees

CPU = torch.device("cpu")
COLOURED = Space(tuple(Channel(name) for name in "rgb"), 32, 32)
FACES = Space((Channel("grey"),), 16, 16, conditions=(Condition("valence", 1, 7), Condition("arousal", 1, 7)))


def looking(recipe: Recipe, every: int | None = 1, **cadence: object) -> Recipe:
    return replace(recipe, cadence=replace(recipe.cadence, probe_steps=every, **cadence))  # type: ignore[arg-type]


def events_of(run: Path, kind: type[Event]) -> list[Event]:
    return [event for event in read(run).events if isinstance(event, kind)]


# scores


def test_auc_is_the_share_of_pairs_with_ties_as_halves() -> None:
    real, fake = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, -1.0])
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in real for b in fake]
    assert float(auc(real, fake)) == pytest.approx(sum(pairs) / len(pairs))
    assert float(auc(real, real)) == 0.5


# a run, step by step, beside its naive twin


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six steps with everything written down and every state kept; both rates clipped, the critic's always."""
    recipe = looking(tiny.points(6), tick_steps=1, checkpoint_steps=1, keep_recent=100)
    recipe = replace(recipe, d_optim=Adam(lr=1e-3, clip_norm=1e-6), g_optim=Adam(lr=1e-3, clip_norm=1e6))
    run = tmp_path_factory.mktemp("watched") / "run"
    carry_out(start(recipe, Where(device="cpu"), run))
    return run


def states(run: Path) -> list[dict[str, object]]:
    kept = {entry.step: entry.path for entry in checkpoint.entries(run / "checkpoints")}
    return [checkpoint.load(kept[at]) for at in sorted(kept)]


def vector(snapshot: dict[str, object], role: str) -> Tensor:
    tensors = snapshot[role]["module"].values()  # type: ignore[index]
    return torch.cat([tensor.flatten() for tensor in tensors]).double()


@pytest.mark.parametrize(("column", "role"), [("moved_d", "critic"), ("moved_g", "generator")])
def test_how_far_weights_moved_is_what_checkpoints_say(watched: Path, column: str, role: str) -> None:
    weights = [vector(snapshot, role) for snapshot in states(watched)]
    expected = [float((b - a).norm() / a.norm()) for a, b in pairwise(weights)]
    assert read_losses(watched)[column] == pytest.approx(expected, rel=1e-3)


def test_scores_and_gradients_are_those_of_the_step_made_again_by_hand(watched: Path) -> None:
    session = resume(watched)
    plan, corpus_feed, held_out_feed = session.plan, session._feeds._seen, session._feeds._held_out
    assert held_out_feed is not None
    table, snapshots = read_losses(watched), states(watched)
    state = initial_state(plan, initial_networks(plan))
    for at in range(6):
        state.restore(snapshots[at])  # type: ignore[arg-type]
        seed_everything(mix(plan.recipe.seed, "step", at, 0), CPU)
        real = corpus_feed.batch(at)
        fake = generate(plan, state, real).detach()
        scores = [state.critic.module(samples).detach() for samples in (real.real, fake, held_out_feed.batch(at).real)]
        assert table["score_real"][at] == pytest.approx(float(scores[0].mean()), rel=1e-5)
        assert table["score_fake"][at] == pytest.approx(float(scores[1].mean()), rel=1e-5)
        assert table["auc"][at] == pytest.approx(naive_auc(scores[0], scores[1]))
        assert table["auc_held_out"][at] == pytest.approx(naive_auc(scores[2], scores[1]))
        assert table["grad_at_output"][at] == pytest.approx(
            naive_gradient(plan, state, snapshots[at + 1], real), rel=1e-4
        )
    session.close()


def naive_auc(real: Tensor, fake: Tensor) -> float:
    return sum(float(a > b) + 0.5 * float(a == b) for a in real for b in fake) / (len(real) * len(fake))


def naive_gradient(plan: Plan, state: State, after: dict[str, object], real: Batch) -> float:
    """The norm of each sample's gradient, one sample after another, by the critic that has moved."""
    state.critic.module.load_state_dict(after["critic"]["module"])  # type: ignore[index]
    fake = generate(plan, state, real).detach()
    norms = []
    for one, beside in zip(fake, real.real, strict=True):
        sample = one[None].clone().requires_grad_()
        view = View("G", beside[None], sample, scoring(state.critic.module))
        loss = plan.recipe.phases["main"].terms["game"](view).sum()
        norms.append(float(torch.autograd.grad(loss, sample)[0].norm()))
    return sum(norms) / len(norms)


def test_clipped_updates_are_counted(watched: Path, tmp_path: Path) -> None:
    table = read_losses(watched)
    assert set(table["clipped_d"]) == {1.0}
    assert set(table["clipped_g"]) == {0.0}
    assert all(norm > 1e-6 for norm in table["grad_d"])
    assert not {"clipped_d", "clipped_g"} & set(columns(tiny.points()))


def test_the_slope_is_what_the_penalty_sees(watched: Path, tmp_path: Path, digits_folder: Path) -> None:
    table = read_losses(watched)
    seen = [slope for slope in table["slope"] if not math.isnan(slope)]
    assert len(seen) == 3, "R1 is due at every other update"
    assert all(0 < a <= math.sqrt(b) for a, b in zip(table["slope"][::2], table["r1_squared_slope"][::2], strict=True))
    run = train(tiny.images(3), digits_folder, out=tmp_path / "run", device="cpu")
    assert read_losses(run)["slope"] == read_losses(run)["gp_slope"]


def test_a_finished_run_says_what_looking_cost(watched: Path) -> None:
    (finished,) = events_of(watched, Finished)
    assert isinstance(finished, Finished)
    assert 0.0 < finished.probing_s < finished.seconds
    assert finished.scoring_s > 0.0


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_has_a_name_that_the_doctor_knows(name: str) -> None:
    new = {"score_real", "score_fake", "auc", "moved_d", "moved_g", "grad_at_output"}
    written = set(columns(load(name)))
    assert new <= written
    assert new <= SIGNALS.keys()
    assert ("auc_held_out" in written) == (load(name).held_out > 0)


def test_the_page_names_all_that_is_written() -> None:
    page = (Path(__file__).parents[1] / "docs" / "signals.md").read_text(encoding="utf-8")
    recipe = replace(load("landscapes"), d_optim=Adam(clip_norm=1.0), g_optim=Adam(clip_norm=1.0))
    written = {name for name in columns(recipe) if name in SIGNALS} - {"lr_d", "lr_g"}
    of_samples = {"flat", "colour", "one_class", *FAULTS}
    assert [name for name in sorted(written | of_samples) if f"`{name}`" not in page] == []


# the pull on the samples


def test_shares_of_the_pull_are_those_of_gradients_times_weights() -> None:
    """A critic that is a plane pulls with the norm of its normal; the mean absolute error by signs, 1 / size each."""
    normal = torch.tensor([3.0, 4.0])
    made = torch.zeros(8, 2, 1, 1, requires_grad=True)
    view = View("G", made.detach() + 1, made, scoring(lambda x: x.flatten(1) @ normal), made=made)
    error = (made - 1.0).abs().flatten(1).mean(1)
    losses = {"game": -view.fake_scores.mean(), "l1": error.mean(), "far": torch.ones(())}
    found = at_output(view, "game", losses, {"game": 0.5, "l1": 20.0, "far": 7.0})
    assert float(found["grad_at_output"]) == pytest.approx(5.0), "per sample, and without its weight"
    game, l1 = 0.5 * 5.0 / math.sqrt(8), 20.0 * math.sqrt(0.5) / math.sqrt(8)
    assert float(found["share.game"]) == pytest.approx(game / (game + l1))
    assert float(found["share.l1"]) == pytest.approx(l1 / (game + l1))
    assert float(found["share.far"]) == 0.0
    assert "share.game" not in at_output(view, "game", {"game": losses["game"]}, {"game": 1.0})


def with_encoder() -> Recipe:
    terms = {"game": Hinge(weight=0.5), "reads": Auxiliary(), "l1": L1(), "kl": KL(weight=0.1)}
    return replace(
        looking(tiny.images()),
        generator=EruGenerator(latent=4, width=4),
        critic=EruCritic(width=4),
        encoder=VaeEncoder(width=4),
        phases={"main": Phase(Span(4), terms)},
    )


def made(recipe: Recipe, space: Space) -> tuple[Plan, State]:
    plan = Plan(recipe, space, 100, CPU)
    return plan, initial_state(plan, initial_networks(plan))


def test_every_term_has_a_share_also_of_what_was_rebuilt() -> None:
    plan, state = made(with_encoder(), FACES)
    meter = Meter()
    step(plan, state, lambda: any_batch(FACES, 8, CPU), meter, None, Probes())
    numbers = meter.read(plan.world)
    shares = {name: value for name, value in numbers.items() if name.startswith("share.")}
    assert shares.keys() == {"share.game", "share.reads", "share.l1", "share.kl"}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["share.l1"] > 0.0
    assert shares["share.kl"] == 0.0, "it pulls at the posterior alone"
    assert set(shares) <= set(columns(plan.recipe))


# looking changes nothing


def delicate() -> Recipe:
    """Everything that a careless look would change: batch norm, spectral norm, dropout, adaptive augmentation."""
    recipe = tiny.images(6)
    return replace(
        recipe,
        critic=DcganCritic(width=4, norm="batch", spectral_norm=True, dropout=0.2),
        phases={
            "main": Phase(Span(6), {"game": BCE(), "r1": R1(weight=0.1, every=2)}, d_updates=2.0, share_fakes=True)
        },
        augment=Augment((Flip(), Noise(sigma=0.1)), "both", Adaptive(images=100.0, every=1)),
    )


def test_a_run_that_is_looked_at_is_the_run_that_is_not(tmp_path: Path, digits_folder: Path) -> None:
    ends = []
    for name, every in (("with", 1), ("without", None)):
        run = train(looking(delicate(), every), digits_folder, out=tmp_path / name, device="cpu")
        ends.append((checkpoint.load(checkpoint.entries(run / "checkpoints")[-1].path), read_losses(run)))
    (seen, of_seen), (unseen, of_unseen) = ends
    for part in ("generator", "critic", "average", "counters", "adaptation", "choice"):
        assert_equal_trees(seen[part], unseen[part], part)
    assert "auc_held_out" in of_seen
    assert not {"auc_held_out", "moved_d", "moved_g", "grad_at_output"} & set(of_unseen)
    for column, values in of_unseen.items():
        np.testing.assert_array_equal(of_seen[column], values, err_msg=column)


def test_looking_changes_nothing_where_an_encoder_learns() -> None:
    ends = []
    for every in (1, None):
        plan, state = made(looking(with_encoder(), every), FACES)
        torch.manual_seed(0)
        batches = iter([any_batch(FACES, 8, CPU) for _ in range(3)])
        for _ in range(3):
            step(plan, state, lambda: next(batches), Meter(), lambda: any_batch(FACES, 8, CPU), Probes())  # noqa: B023
        ends.append(state.snapshot())
    assert_equal_trees(ends[0], ends[1], "state")


# samples


def pictures(seed: int = 0, count: int = 40) -> Tensor:
    """Smooth coloured noise in (-1, 1)."""
    noise = torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    smooth = nn.functional.interpolate(noise, 32, mode="bicubic")
    fine = 0.1 * torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed + 100))
    return torch.tanh(0.5 * smooth + fine)


def checkered(samples: Tensor) -> Tensor:
    sign = torch.ones(32).mul_(torch.tensor([1.0, -1.0]).repeat(16))
    return samples + 0.2 * sign[:, None] * sign


def striped(samples: Tensor) -> Tensor:
    rows = torch.randn(len(samples), 1, 32, 1, generator=torch.Generator().manual_seed(9))
    return samples + 0.5 * rows


def crossed(samples: Tensor) -> Tensor:
    places = torch.arange(32.0)
    return samples + 0.5 * torch.sin(0.9 * (places[:, None] + places))


FAULTS: dict[str, tuple[Callable[[Tensor], Tensor], float, float]] = {
    "contrast": (lambda x: 0.5 * x, 0.499, 0.501),
    "flat": (lambda x: 0.01 * x, 1.0, 1.0),
    "saturated": (lambda x: x.sign(), 1.0, 1.0),
    "colour": (lambda x: x.mean(1, keepdim=True).expand_as(x), 0.0, 1e-6),
    "detail": (lambda x: nn.functional.avg_pool2d(x, 5, 1, 2), 0.0, 0.5),
    "checkerboard": (checkered, 3.0, math.inf),
    "blocks": (lambda x: nn.functional.avg_pool2d(x, 4).repeat_interleave(4, 2).repeat_interleave(4, 3), 3.0, math.inf),
    "banding": (striped, 1.5, math.inf),
    "crosses": (crossed, 2.0, math.inf),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_pictures_shows_in_its_sign(name: str) -> None:
    damage, low, high = FAULTS[name]
    real, other = pictures(), pictures(1)
    plain, ill = (appearance(looks(real, COLOURED), looks(fake, COLOURED))[name] for fake in (other, damage(real)))
    assert low <= ill <= high
    assert not (low <= plain <= high), "real samples do not have it"


def test_brightness_is_in_deviations_of_the_real_values() -> None:
    real = pictures()
    found = appearance(looks(real, COLOURED), looks(real + 0.25, COLOURED))
    assert found["brightness"] == pytest.approx(0.25 / float(real.std()), rel=1e-4)


def test_one_class_is_by_how_much_the_commonest_grew() -> None:
    classes = tuple(Class(at, str(at), (at, at, at)) for at in range(3))
    space = Space((Channel("cover", kind="categorical", classes=classes),), 16, 16)

    def planes(first: int) -> Tensor:
        """So many rows of 16 of the first class, the rest of the second."""
        found = torch.zeros(4, 3, 16, 16)
        found[:, 0, :first] = found[:, 1, first:] = 1.0
        return found

    found = appearance(looks(planes(8), space), looks(planes(12), space))
    assert found == {"one_class": pytest.approx(0.25)}


def test_of_points_and_of_tiny_pictures_nothing_is_said() -> None:
    for space in (Space((Channel("x"),), 1, 1), Space((Channel("x"),), 8, 8)):
        samples = torch.randn(30, *space.shape)
        assert appearance(looks(samples, space), looks(samples, space)) == {}


def test_scores_of_a_run_have_the_signs_and_their_floors(tmp_path: Path, digits_folder: Path) -> None:
    run = train(tiny.images(6), digits_folder, out=tmp_path / "run", device="cpu")
    (found,) = events_of(run, Measured)
    assert isinstance(found, Measured)
    signs = {"brightness", "contrast", "flat", "saturated", "detail", "checkerboard", "blocks", "banding", "crosses"}
    assert signs | {"recall", "precision", "diversity"} <= found.beside.keys() & SIGNALS.keys()
    assert found.floors.keys() == {found.name, *found.beside}
    assert found.floors["kernel"] < 0.5 * found.value
    assert found.floors["contrast"] == pytest.approx(1.0, abs=0.2)
    assert found.floors["saturated"] > 0.3, "digits are black and white"
    assert found.is_trusted


# the self-test


def self_test_of(run: Path) -> SelfTested:
    (event,) = events_of(run, SelfTested)
    assert isinstance(event, SelfTested)
    return event


@pytest.mark.parametrize("recipe", [tiny.points, tiny.images, delicate], ids=lambda recipe: recipe.__name__)
def test_a_sound_run_passes(recipe: Callable[[], Recipe], tmp_path: Path, digits_folder: Path) -> None:
    data = digits_folder if recipe().source.needs_path else None
    session = start(recipe(), Where(data, device="cpu"), tmp_path / "run")
    session.close()
    found = self_test_of(tmp_path / "run")
    assert (found.faults, found.doubts) == ((), ())
    assert len(found.checked) == 4
    assert found.numbers["floor"] < 0.5 * found.numbers["untrained"]


PLANTED = {
    "frozen": "weights of the generator stay frozen: blocks.0.linear.weight, blocks.0.linear.bias",
    "detached_inside": "weights of the generator stay without a gradient: no loss depends on them: blocks.inner.0",
    "still": "phase main: the critic cannot learn: its rate is 0",
    "drifting": "phase main: the critic moved in the generator's update",
    "halved": "the generator's grey is never below the middle of the range",
    "wide": "the generator's grey goes from -1.5 to 1.5, and may go from -1 to 1",
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found_and_told(
    bug: str, tmp_path: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["train", f"{Path(broken.__file__)}:{bug}", "--out", str(out), "--for", "1steps", "--device", "cpu"]
    words += ["--data", str(digits_folder)] if bug in ("halved", "wide") else []
    assert run_command([*words, "--set", "on_fault=refuse"]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert f"no run was begun: {PLANTED[bug]}" in said[0]
    assert not out.exists()
    assert run_command([*words, "--set", "on_fault=train"]) == 0
    faults = self_test_of(out).faults
    assert [fault[: len(PLANTED[bug])] for fault in faults] == [PLANTED[bug]]
    assert f"warning: self-test: {PLANTED[bug]}" in capsys.readouterr().out


def test_the_generator_that_learns_is_scored_beside_its_average(tmp_path: Path, digits_folder: Path) -> None:
    """Now and then; where the average keeps nothing of the past, both are the same."""
    recipe = replace(
        tiny.images(18), average=Average(decay=0.0, ramp=False), cadence=replace(tiny.images().cadence, sheet_steps=3)
    )
    run = train(recipe, digits_folder, out=tmp_path / "run", device="cpu")
    measured = [event for event in events_of(run, Measured) if isinstance(event, Measured)]
    assert [event.step for event in measured if "frechet_raw" in event.beside] == [6, 18]
    (event,) = (event for event in measured if event.step == 6)
    assert event.beside["frechet_raw"] == pytest.approx(event.beside["frechet"], rel=1e-5)
    assert event.beside["kernel_raw"] == pytest.approx(event.value, rel=1e-5)
    trace = read_run(run)
    assert trace.signals["distance_raw"].values[0] == event.beside["frechet_raw"]
    numbers = self_test_of(run).numbers
    assert trace.untrained == {"distance": numbers["untrained_frechet"], "kernel": numbers["untrained"]}


def test_data_that_are_not_to_be_trained_on_are_told_and_gate_the_doctor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, data = tmp_path / "run", tiny.coloured(tmp_path / "data", 60)
    words = ["train", f"{Path(tiny.__file__)}:images", "--data", str(data), "--device", "cpu"]
    assert run_command([*words, "--dry-run"]) == 0
    assert "60 of 60 samples look like pure noise" in capsys.readouterr().out
    words += ["--out", str(out), "--for", "3steps"]
    assert run_command([*words, "--set", "on_fault=refuse"]) == 1
    assert "no run was begun: 60 of 60 samples look like pure noise" in capsys.readouterr().err
    assert not out.exists()
    assert run_command([*words, "--set", "on_fault=train"]) == 0
    said = capsys.readouterr().out
    assert "warning: these data should not be trained on as they are: 60 of 60 samples look like pure noise" in said
    assert run_command(["doctor", str(out)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("ILL: the data are not what they should be")
    assert "seen: 60 of 60 samples look like pure noise" in said
    assert "2. " not in said, "nothing else is diagnosed beside it"


def test_sound_data_are_not_suspected(tmp_path: Path, digits_folder: Path) -> None:
    start(tiny.images(), Where(digits_folder, device="cpu"), tmp_path / "run").close()
    found = self_test_of(tmp_path / "run")
    assert (found.data_faults, found.data_doubts) == ((), ())
    assert found.checked[0].endswith("in at most 48 of 48 samples")


def test_a_large_corpus_is_looked_at_in_blocks() -> None:
    """What lies side by side, such as copies, is seen together."""
    corpus = Corpus(COLOURED, np.zeros((9000, 3, 32, 32), np.uint8), tuple(map(str, range(9000))))
    looked_at = some(corpus)
    assert len(looked_at) == glance.MOST
    places = np.asarray(looked_at.names, np.intp)
    assert (places[0], places[-1]) == (0, 8999)
    assert (np.diff(places) == 1).mean() > 0.98


def test_a_loss_without_a_graph_is_refused_before_there_is_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run_command(["train", f"{Path(broken.__file__)}:detached", "--out", str(out), "--device", "cpu"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "the loss of the generator (game) does not depend on its weights" in said[0]
    assert not out.exists()


def test_settings_that_do_not_reach_the_optimiser_are_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Player, "write_settings", lambda *_: None)
    start(replace(tiny.points(), on_fault="train"), Where(device="cpu"), tmp_path / "run").close()
    assert self_test_of(tmp_path / "run").faults == tuple(
        f"phase main: the {role}'s optimiser has lr 1.0, and the recipe says 0.001" for role in ("critic", "generator")
    )


def test_a_self_test_leaves_the_run_as_it_was() -> None:
    """A generator that keeps what its last pass has seen is copied before it is asked."""
    plan, state = made(with_encoder(), FACES)
    before = {name: buffer.clone() for name, buffer in state.average.named_buffers()}
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 256, (60, 1, 16, 16), dtype=np.uint8)
    origins = identities(str(at).encode() for at in range(60))
    corpus = Corpus(FACES, samples, conditions=rng.random((60, 2), dtype=np.float32), identities=origins)
    ruler = Score.for_plan(plan, corpus, corpus.split(plan.recipe.held_out))
    found = self_test(plan, state, corpus, ruler, "kernel", is_untrained=True)
    assert found.faults == ()
    for name, buffer in state.average.named_buffers():
        torch.testing.assert_close(buffer, before[name], rtol=0, atol=0, equal_nan=True, msg=name)


def test_every_phase_is_tried_with_its_own_networks(tmp_path: Path) -> None:
    """One without a critic, one that begins with a term of no weight: nothing is wrong with either."""
    whole = with_encoder().phases["main"]
    ramp = {**whole.terms, "game": Hinge(weight=Linear(0.0, 0.5, until=2))}
    first = Phase(Span(2), {"l1": L1(), "kl": KL(weight=Linear(0.0, 0.1, until=2))})
    recipe = replace(with_encoder(), phases={"rebuild": first, "both": replace(whole, terms=ramp)})
    plan, state = made(recipe, FACES)
    batch = any_batch(FACES, 8, CPU)
    before, weights = torch.get_rng_state(), state.snapshot()
    assert plumbing(plan, state, batch) == []
    assert torch.equal(torch.get_rng_state(), before)
    assert_equal_trees(state.snapshot(), weights, "state")


@pytest.mark.parametrize(
    ("value", "doubt"),
    [
        (-5.0, "kernel of real samples against real ones is -5, below zero beyond chance"),
        (8.0, "kernel says 8 of real samples and 8 of an untrained generator: it can hardly tell them apart"),
    ],
)
def test_a_broken_measure_is_told_and_not_trusted(
    value: float,
    doubt: str,
    tmp_path: Path,
    digits_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also after a resume."""
    monkeypatch.setattr(score, "kernel_distance", lambda *_: value)
    out = tmp_path / "run"
    words = ["train", f"{Path(tiny.__file__)}:images", "--data", str(digits_folder), "--out", str(out)]
    assert run_command([*words, "--device", "cpu", "--for", "6steps"]) == 0
    assert self_test_of(out).doubts == (doubt,)
    said = capsys.readouterr().out
    assert f"a measure that fails its test: {doubt}" in said
    assert "the best so far, by a measure that cannot be trusted" in said
    carry_out(resume(out, budget=Budget.parse("6steps")))
    assert [event.is_trusted for event in events_of(out, Measured)] == [False, False]  # type: ignore[attr-defined]


def test_a_measure_that_gives_no_number_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "kernel_distance", lambda *_: math.nan)
    real = pictures(count=60)
    found = trust(Score(real, (torch.zeros(60, 2),)), nn.Identity(), CPU, "kernel", is_untrained=True)
    assert found.doubts == ("kernel of real samples against real ones is nan",)


def test_a_generator_that_has_learned_before_is_not_compared_with(tmp_path: Path) -> None:
    first = train(tiny.points(4), out=tmp_path / "first", device="cpu")
    start(tiny.points(4), Where(device="cpu"), tmp_path / "second", begin_from=first).close()
    assert self_test_of(tmp_path / "second").numbers.keys() == {"floor"}
