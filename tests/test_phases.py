"""Phases with and without a critic, an encoder that learns with the generator, and what belongs to samples."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tiny
from equipoise.augment import Flip, QuarterTurns
from equipoise.data.corpus import Corpus
from equipoise.data.feed import Feed
from equipoise.engine.asking import any_batch, arguments, plane
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.rebuilding import Rebuilding
from equipoise.engine.shown import paired
from equipoise.engine.state import State, initial_networks, initial_state
from equipoise.engine.step import step
from equipoise.engine.world import World
from equipoise.networks import EruCritic, EruGenerator, VaeEncoder
from equipoise.recipe import Augment, Phase, Recipe, Span
from equipoise.schedule import Linear, Progress
from equipoise.space import Channel, Condition, Space
from equipoise.terms import KL, L1, Auxiliary, Hinge
from equipoise.view import Batch

CPU = torch.device("cpu")
SPACE = Space((Channel("grey"),), 16, 16, conditions=(Condition("valence", 1, 7), Condition("arousal", 1, 7)))


def landscapes(**phases: Phase) -> Recipe:
    return replace(
        tiny.images(),
        generator=EruGenerator(latent=4, width=4),
        critic=EruCritic(width=4),
        encoder=VaeEncoder(width=4),
        phases=phases,
        batch=8,
    )


REBUILD = Phase(Span(2), {"l1": L1(), "kl": KL(weight=0.01)})
PLAY = Phase(Span(2), {"game": Hinge(), "reads": Auxiliary(weight=0.5)})
BOTH = Phase(Span(2), {"game": Hinge(weight=Linear(0.0, 0.5, until=2)), "reads": Auxiliary(), "l1": L1(), "kl": KL()})


def made(recipe: Recipe) -> tuple[Plan, State]:
    plan = Plan(recipe, SPACE, 100, CPU)
    return plan, initial_state(plan, initial_networks(plan))


def weights(state: State) -> dict[str, Tensor]:
    assert state.encoder is not None
    players = {"generator": state.generator, "critic": state.critic, "encoder": state.encoder}
    return {name: nn.utils.parameters_to_vector(player.module.parameters()).clone() for name, player in players.items()}


@pytest.mark.parametrize(
    ("phase", "learning"),
    [
        (REBUILD, {"generator", "encoder"}),
        (PLAY, {"generator", "critic"}),
        (BOTH, {"generator", "critic", "encoder"}),
    ],
)
def test_those_learn_that_a_phase_asks_for(phase: Phase, learning: set[str]) -> None:
    plan, state = made(landscapes(main=phase))
    before = weights(state)
    for _ in range(2):
        step(plan, state, lambda: any_batch(SPACE, 8, CPU), Meter())
    after = weights(state)
    assert {name for name in before if not torch.equal(before[name], after[name])} == learning


def test_a_phase_that_rebuilds_learns_to_rebuild() -> None:
    plan, state = made(landscapes(main=REBUILD))
    ramp = torch.linspace(-1, 1, 16)
    real = torch.stack([(ramp[:, None] * a + ramp * b).clamp(-1, 1) for a in (-1, 0, 1, 0.5) for b in (1, -1)])[:, None]
    batch = Batch(real, torch.rand(8, 2))
    errors = []
    for _ in range(60):
        meter = Meter()
        step(plan, state, lambda: batch, meter)
        errors.append(meter.read(plan.world)["g.l1"])
    assert errors[-1] < 0.5 * errors[0]


def test_numbers_of_a_phase_are_those_that_it_has() -> None:
    plan, state = made(landscapes(rebuild=REBUILD, play=PLAY))
    meter = Meter()
    step(plan, state, lambda: any_batch(SPACE, 8, CPU), meter)
    numbers = meter.read(plan.world)
    assert {"g.l1", "g.kl", "loss_g", "grad_g", "grad_e", "gamma_low", "gamma_high"} <= set(numbers)
    assert not {"loss_d", "d_x", "d_g_z2"} & set(numbers)
    state.counters.phase = 1
    step(plan, state, lambda: any_batch(SPACE, 8, CPU), meter)
    assert {"loss_d", "d_x", "d.reads", "g.reads"} <= set(meter.read(plan.world))


def test_the_encoder_is_part_of_the_state_and_of_the_learning_rates() -> None:
    plan, state = made(landscapes(main=BOTH))
    step(plan, state, lambda: any_batch(SPACE, 8, CPU), Meter())
    _, fresh = made(landscapes(main=BOTH))
    fresh.restore(state.snapshot())
    assert state.encoder is not None
    assert fresh.encoder is not None
    torch.testing.assert_close(weights(fresh), weights(state), rtol=0, atol=0)
    assert fresh.encoder.updates == 1
    assert state.encoder.learning_rate == plan.recipe.g_optim.lr


def test_looking_how_samples_are_rebuilt_changes_nothing() -> None:
    """Statistics of batch norm would move, were it seen learning."""
    _, state = made(replace(landscapes(main=REBUILD), encoder=VaeEncoder(width=4, norm="batch")))
    assert state.encoder is not None
    before = {name: value.clone() for name, value in state.encoder.module.state_dict().items()}
    looked = Rebuilding(("latents", "conditions"), any_batch(SPACE, 6, CPU))
    errors = looked.errors(state.average, state.encoder.module, CPU)
    assert errors.shape == (6,)
    torch.testing.assert_close(looked.errors(state.average, state.encoder.module, CPU), errors, rtol=0, atol=0)
    torch.testing.assert_close(dict(state.encoder.module.state_dict()), before, rtol=0, atol=0)
    assert state.encoder.module.training


@pytest.mark.parametrize(("share", "expected"), [(0.5, 1.0), (0.2, 0.25)])
def test_the_critic_has_the_share_of_the_gradient_that_is_asked_for(share: float, expected: float) -> None:
    """Measured on a generator that is one parameter a pixel, so that its gradient is that at its output."""
    from equipoise.engine.shares import balanced
    from equipoise.view import View, scoring

    fake = torch.randn(4, 1, 2, 2, requires_grad=True)
    view = View("G", fake.detach(), fake, scoring(lambda samples: samples.sum((1, 2, 3))), made=fake)
    game = Hinge(share=share)
    losses = {"game": game(view).mean(), "l2": fake.square().mean()}
    (pull,) = torch.autograd.grad(losses["l2"], fake, retain_graph=True)
    (push,) = torch.autograd.grad(losses["game"], fake, retain_graph=True)
    factor = balanced({"game": game, "l2": L1()}, losses, {"l2": 1.0}, view, Progress(0, 0, 0.0), World())["game"]
    assert float(factor * push.norm() / pull.norm()) == pytest.approx(expected, rel=1e-4)


# What belongs to samples


def pairs(count: int) -> Corpus:
    """Samples of 4x4 whose numbers say which they are, the same of 2x2, and conditions."""
    numbers = np.arange(count, dtype=np.uint8)[:, None, None, None]
    small = Space((Channel("grey"),), 2, 2)
    space = Space((Channel("grey"),), 4, 4, conditions=(Condition("c", 0, 1),), given=small)
    return Corpus(
        space,
        np.broadcast_to(numbers, (count, 1, 4, 4)),
        conditions=(np.arange(count, dtype=np.float32) / 255.0)[:, None],
        given=np.broadcast_to(numbers, (count, 1, 2, 2)),
    )


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_batch_brings_what_belongs_to_each_of_its_samples(resident: bool, layout: torch.memory_format) -> None:
    seen = np.arange(10, 60)
    feed = Feed(pairs(64), 8, 0, CPU, memory_format=layout, resident=resident, seen=seen)
    for index in range(20):
        batch = feed.batch(index)
        assert batch.given is not None
        assert batch.conditions is not None
        of_real = (batch.real[:, 0, 0, 0] + 1) * 127.5
        assert of_real.min() >= 9.99
        torch.testing.assert_close((batch.given[:, 0, 1, 1] + 1) * 127.5, of_real)
        torch.testing.assert_close(batch.conditions[:, 0] * 255.0, of_real, rtol=1e-4, atol=1e-3)
    feed.close()


@pytest.mark.parametrize("scale", [2, 3])
def test_pairs_are_turned_alike(scale: int) -> None:
    """A small picture that is each square's mean of the large one stays that, whatever way both are turned."""
    given = torch.rand(32, 2, 4, 4)
    real = given.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    settings = Augment((Flip(vertical=0.5), QuarterTurns()), applies_to="pairs")
    turned = paired(Batch(real, given=given), settings, Progress(0, 0, 0.0))
    assert turned.given is not None
    torch.testing.assert_close(
        turned.given.repeat_interleave(scale, 2).repeat_interleave(scale, 3), turned.real, rtol=0, atol=0
    )
    assert not torch.equal(turned.given, given)


def test_a_generator_is_asked_by_what_it_takes_in_its_order() -> None:
    batch = any_batch(SPACE, 3, CPU)
    latents = torch.randn(3, 4)
    asked = arguments(("latents", "conditions"), latents, batch)
    assert asked[0] is latents
    assert asked[1] is batch.conditions
    with pytest.raises(ValueError, match="takes given, and these data have none"):
        arguments(("given",), latents, batch)


def test_a_plane_has_the_first_condition_to_the_right_and_the_second_upwards() -> None:
    corners = plane(SPACE, 3)[[0, 2, 6, 8]].tolist()
    assert corners == [[0, 1], [1, 1], [0, 0], [1, 0]]


def test_with_no_critic_no_batch_is_wasted() -> None:
    plan, state = made(landscapes(main=REBUILD))
    drawn = 0

    def next_batch() -> Batch:
        nonlocal drawn
        drawn += 1
        return any_batch(SPACE, 8, CPU)

    step(plan, state, next_batch, Meter())
    assert (drawn, state.critic.updates, state.generator.updates) == (1, 0, 1)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({}, "is empty; nothing would be learned"),
        ({"game": Hinge(), "other": Hinge()}, "has 2 adversarial losses"),
        ({"reads": Auxiliary()}, "has 0 adversarial losses; a critic needs exactly one"),
    ],
)
def test_phases_that_make_no_sense_are_refused(terms: dict[str, object], message: str) -> None:
    with pytest.raises(Exception, match=message):
        Phase(Span(2), terms)  # type: ignore[arg-type]


def test_terms_that_the_recipe_has_nothing_for_are_refused() -> None:
    with pytest.raises(Exception, match=r"phases.main.terms.kl: needs an encoder; set encoder"):
        replace(landscapes(main=REBUILD), encoder=None)
    with pytest.raises(Exception, match=r"terms.reads: needs a critic that reads conditions"):
        replace(tiny.images(), phases={"main": PLAY})


def test_scores_where_higher_is_better_choose_the_highest() -> None:
    from equipoise.engine.choice import Choice
    from equipoise.engine.score import Scored

    choice = Choice("ruler")
    taken = [choice.takes(Scored("psnr", value)) for value in (20.0, 22.0, 21.0, 25.0)]
    assert taken == [True, True, False, True]
    assert not math.isnan(Scored("psnr", 1.0).value)


def test_what_is_bad_is_told_before_a_run_begins(tmp_path: Path, digits_folder: Path) -> None:
    from equipoise.errors import RequestError
    from equipoise.run import Where, start

    recipe = landscapes(main=PLAY)
    with pytest.raises(RequestError, match="asked by conditions, and these data have none"):
        start(recipe, Where(digits_folder, device="cpu"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
