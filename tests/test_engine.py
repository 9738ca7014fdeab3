"""The engine through its own door: one step, the average, the meter, phases, and numbers that are not finite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import tiny
from equipoise.edit import Edit, apply
from equipoise.engine.average import averaged_copy, decay_at, update_average
from equipoise.engine.finite import NonFinite
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.selftest import plumbing
from equipoise.engine.state import State, initial_networks, initial_state
from equipoise.engine.step import step
from equipoise.engine.world import World
from equipoise.journal import Event, Started, Tick
from equipoise.networks.dcgan import DcganCritic
from equipoise.recipe import Average, Phase, Recipe, Span
from equipoise.schedule import Linear
from equipoise.space import Channel, Space
from equipoise.terms import Hinge
from equipoise.training import train
from equipoise.view import Batch

CPU = torch.device("cpu")
PLANE = Space((Channel("x", -1, 1), Channel("y", -1, 1)), 1, 1)


def made(recipe: Recipe) -> tuple[Plan, State]:
    plan = Plan(recipe, PLANE, 1000, CPU)
    return plan, initial_state(plan, initial_networks(plan))


def real_batches(size: int = 32, value: float | None = None):  # type: ignore[no-untyped-def]
    source = torch.Generator().manual_seed(0)
    while True:
        real = torch.randn(size, 2, 1, 1, generator=source) if value is None else torch.full((size, 2, 1, 1), value)
        yield Batch(real)


def test_a_step_moves_both_networks_and_counts() -> None:
    plan, state = made(tiny.points())
    before = [nn.utils.parameters_to_vector(p.module.parameters()).clone() for p in (state.generator, state.critic)]
    batches = real_batches()
    step(plan, state, lambda: next(batches), Meter())
    after = [nn.utils.parameters_to_vector(p.module.parameters()) for p in (state.generator, state.critic)]
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert (state.counters.steps, state.generator.updates, state.critic.updates) == (1, 1, 1)


def test_the_pattern_of_updates_is_kept() -> None:
    plan, state = made(
        apply(tiny.points(), [Edit("phases.main.d_updates", value=5), Edit("phases.main.g_updates", value=2)])
    )
    batches = real_batches()
    for _ in range(3):
        step(plan, state, lambda: next(batches), Meter())
    assert (state.critic.updates, state.generator.updates) == (15, 6)


def test_updates_a_step_need_not_be_whole() -> None:
    """Over n steps floor(n * rate), in a pattern that depends on the step alone."""
    edits = [Edit("phases.main.d_updates", value=2.5), Edit("phases.main.g_updates", value=0.5)]
    plan, state = made(apply(tiny.points(), edits))
    batches, seen = real_batches(), []
    for _ in range(4):
        step(plan, state, lambda: next(batches), Meter())
        seen.append((state.critic.updates, state.generator.updates))
    assert seen == [(2, 0), (5, 1), (7, 1), (10, 2)]


def test_a_side_whose_turn_never_comes_is_a_fault() -> None:
    """Here it would come at the thousandth step."""
    plan, state = made(apply(tiny.points(40), [Edit("phases.main.d_updates", value=0.001)]))
    (fault,) = plumbing(plan, state, next(real_batches()))
    assert fault == "phase main: the critic has no turn in about 40 steps: d_updates is 0.001"


def test_a_step_is_a_function_of_seed_and_state() -> None:
    """Whatever was drawn before a step from the global generator does not change it."""
    results = []
    for disturbance in (0, 17):
        plan, state = made(tiny.points())
        next_batch = real_batches().__next__
        for _ in range(3):
            torch.randn(disturbance)
            step(plan, state, next_batch, Meter())
        results.append(nn.utils.parameters_to_vector(state.generator.module.parameters()))
    assert torch.equal(*results)


def test_rates_are_written_at_each_step_and_read_back() -> None:
    recipe = tiny.points()
    plan, state = made(replace(recipe, g_optim=replace(recipe.g_optim, lr=Linear(1e-2, 0.0, until=4))))
    batches = real_batches()
    rates = []
    for _ in range(5):
        step(plan, state, lambda: next(batches), Meter())
        rates.append(state.generator.learning_rate)
    assert rates == pytest.approx([1e-2, 7.5e-3, 5e-3, 2.5e-3, 0.0])


def test_lazy_terms_have_their_turn_and_their_weight() -> None:
    """R1 every second update is present in half of the updates; the meter sees only those."""
    plan, state = made(tiny.points())
    batches = real_batches()
    seen = []
    for _ in range(4):
        meter = Meter()
        step(plan, state, lambda: next(batches), meter)
        seen.append("d.r1" in meter.read(World()))
    assert seen == [True, False, True, False]


def test_gradients_are_clipped_to_the_norm_asked_for() -> None:
    recipe = tiny.points()
    plan, state = made(replace(recipe, d_optim=replace(recipe.d_optim, clip_norm=1e-3)))
    batches = real_batches()
    meter = Meter()
    step(plan, state, lambda: next(batches), meter)
    norm = torch.nn.utils.get_total_norm([p.grad for p in state.critic.module.parameters() if p.grad is not None])
    assert norm <= 1.0001e-3 < meter.read(World())["grad_d"]


@pytest.mark.parametrize("side", ["generator", "critic"])
def test_a_number_that_is_not_finite_is_named_and_reaches_no_weight(side: str) -> None:
    plan, state = made(tiny.points())
    module = getattr(state, side).module
    name, weight = next(iter(module.named_parameters()))
    with torch.no_grad():
        weight.view(-1)[0] = float("nan")
    before = [p.clone() for p in state.critic.module.parameters()]
    batches = real_batches()
    with pytest.raises(NonFinite, match="NaN in the critic's update") as caught:
        step(plan, state, lambda: next(batches), Meter())
    culprit = "the generator's output" if side == "generator" else f"the weight {name}"
    assert caught.value.culprit.startswith(culprit)
    assert all(
        torch.equal(a, b) or a.isnan().any() for a, b in zip(before, state.critic.module.parameters(), strict=True)
    )


def test_a_bad_real_batch_is_named() -> None:
    plan, state = made(tiny.points())
    batches = real_batches(value=float("inf"))
    with pytest.raises(NonFinite, match="the batch of real samples is infinite"):
        step(plan, state, lambda: next(batches), Meter())


def test_updates_may_be_left_out_and_are_counted_and_named() -> None:
    """As many as the recipe allows; the weights stay as they were, and the next one ends the run."""
    plan, state = made(replace(tiny.points(), most_skipped=2))
    bad, good = real_batches(value=float("nan")), real_batches()
    before = nn.utils.parameters_to_vector(state.critic.module.parameters()).clone()
    step(plan, state, lambda: next(bad), Meter())  # both sides are shown the batch
    assert torch.equal(before, nn.utils.parameters_to_vector(state.critic.module.parameters()))
    assert (state.counters.skipped, state.critic.updates, state.generator.updates) == (2, 0, 0)
    assert state.skips[0] == "the batch of real samples is NaN in the critic's update"
    step(plan, state, lambda: next(good), Meter())
    assert (state.counters.skipped, state.critic.updates) == (2, 1)
    with pytest.raises(NonFinite, match="the update was not made, after 2 others that were left out"):
        step(plan, state, lambda: next(bad), Meter())


def test_a_norm_that_has_taken_the_number_in_cannot_go_on() -> None:
    phases = {"main": Phase(Span(4), {"game": Hinge()})}
    recipe = replace(tiny.images(), critic=DcganCritic(width=4, norm="batch"), phases=phases, most_skipped=5)
    plan = Plan(recipe, Space((Channel("grey"),), 16, 16), 100, CPU)
    state = initial_state(plan, initial_networks(plan))
    with pytest.raises(NonFinite, match="the batch of real samples is NaN"):
        step(plan, state, lambda: Batch(torch.full((8, 1, 16, 16), float("nan"))), Meter())


def test_a_norm_of_the_generator_is_looked_at_in_the_critics_update_too() -> None:
    """The critic has no such norm here, and might leave its update out; the generator's keep the number."""
    phases = {"main": Phase(Span(4), {"game": Hinge()})}
    plan = Plan(replace(tiny.images(), phases=phases, most_skipped=5), Space((Channel("grey"),), 16, 16), 100, CPU)
    state = initial_state(plan, initial_networks(plan))
    state.generator.module.register_forward_pre_hook(lambda module, given: (given[0] * float("inf"),))
    with pytest.raises(NonFinite, match="in the critic's update"):
        step(plan, state, lambda: Batch(torch.zeros(8, 1, 16, 16)), Meter())


def test_half_life_of_the_average() -> None:
    """After n = ln(1/2) / ln(decay) updates toward a constant, half of the way is left."""
    module = nn.Linear(1, 1, bias=False)
    average = averaged_copy(module)
    nn.init.zeros_(module.weight)
    nn.init.ones_(average.weight)
    decay = 0.5 ** (1 / 100)
    for _ in range(100):
        update_average(average, module, decay)
    assert average.weight.item() == pytest.approx(0.5, rel=1e-4)


def test_the_average_holds_buffers_too() -> None:
    module = nn.BatchNorm1d(2)
    average = averaged_copy(module)
    module.running_mean += 1.0
    module.num_batches_tracked += 7
    update_average(average, module, 0.75)
    assert average.running_mean.tolist() == [0.25, 0.25]
    assert average.num_batches_tracked.item() == 7


def test_the_ramp_of_the_average() -> None:
    settings = Average(decay=0.999)
    assert decay_at(settings, 0) == pytest.approx(0.1)
    assert decay_at(settings, 10**6) == 0.999
    assert decay_at(Average(decay=0.999, ramp=False), 0) == 0.999


def test_the_meter_gives_means_and_starts_anew() -> None:
    meter = Meter()
    meter.add("a", torch.tensor([1.0, 3.0]))
    meter.add("a", torch.tensor(5.0))
    assert meter.read(World()) == {"a": 3.5}
    assert meter.read(World()) == {}


@pytest.mark.parametrize("g_updates", [1, 2])
def test_shared_fakes_save_a_pass_and_change_no_count(g_updates: int) -> None:
    """The critic's last batch serves the generator's first update; each further one makes its own."""
    edits = [Edit("phases.main.share_fakes", value=True), Edit("phases.main.g_updates", value=float(g_updates))]
    recipe = apply(tiny.points(), edits)
    plan, state = made(recipe)
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    state.generator.module.register_forward_hook(count)
    batches = real_batches()
    step(plan, state, lambda: next(batches), Meter())
    assert calls == g_updates
    assert state.generator.updates == g_updates
    assert state.critic.updates == 1


def test_an_epoch_may_be_a_number_of_batches(tmp_path: Path) -> None:
    data = tiny.coloured(tmp_path / "data", 40)
    recipe = replace(tiny.images(), epoch_batches=10)  # of 8, and two of them a step
    events: list[Event] = []
    train(recipe, data, out=tmp_path / "run", budget="2epochs", device="cpu", listeners=[events.append])
    (started,) = [event for event in events if isinstance(event, Started)]
    (*_, last) = [event for event in events if isinstance(event, Tick)]
    assert (last.step, last.images, last.epoch) == (10, 160, 2.0)
    notes = started.data["notes"]
    assert isinstance(notes, list)
    assert "an epoch of 10 batches is longer than the data: it shows each 2 times" in notes
