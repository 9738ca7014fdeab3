"""The steered decoder, its encoder and the critic that reads conditions back."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.engine.average import averaged_copy, update_average
from equipoise.networks import DcganGenerator, EruCritic, EruGenerator, Modulation, VaeEncoder
from equipoise.networks.eru import ResidualUnit
from equipoise.networks.layers import small_normal
from equipoise.networks.shuffle import ShuffleConv
from equipoise.networks.vae_eru import LOG_VARIANCE
from equipoise.space import Channel, Condition, Space
from equipoise.spec import SpecError
from equipoise.view import Judged, Posterior

N = 4
GENERATOR = EruGenerator(latent=6, width=4)
NOTES_BROKEN = Modulation(clamp=None, multiplier_low=0.1, multiplier_high=3.0, beta_scale=10.0)
"""What the notes had before pictures lost their structure."""


def space(
    channels: int = 3, height: int = 16, names: tuple[str, ...] = ("valence", "arousal"), width: int = 0
) -> Space:
    conditions = tuple(Condition(name, 1, 7) for name in names)
    return Space(tuple(Channel(f"c{at}") for at in range(channels)), height, width or height, conditions=conditions)


def drawn(kind: Space, n: int = N) -> Tensor:
    return torch.rand(n, *kind.shape) * 2 - 1


def asked(part: EruGenerator, kind: Space, n: int = N) -> tuple[Tensor, Tensor]:
    return torch.randn(n, part.latent), torch.rand(n, len(kind.conditions))


def shaken(module: nn.Module, spread: float) -> nn.Module:
    """The module with everything that steers it drawn anew, far out."""
    for name, weight in module.named_parameters():
        if ".gamma." in f".{name}" or ".beta." in f".{name}":
            nn.init.normal_(weight, 0.0, spread)
    return module


def by_hand(unit: ResidualUnit, x: Tensor, conditions: Tensor) -> tuple[Tensor, list[float]]:
    """One sample, one condition and one map at a time; with all the gammas."""
    settings, total, gammas = unit.settings, x.clone(), []
    for n, row in enumerate(conditions):
        for k, value in enumerate(row):
            steers = [list(networks.values())[k](value.reshape(1, 1))[0] for networks in (unit.gamma, unit.beta)]
            for c, (raw, shift) in enumerate(zip(*steers, strict=True)):
                base = raw
                if settings.clamp is not None and settings.bound == "hard":
                    base = max(min(raw, torch.tensor(settings.clamp)), torch.tensor(-settings.clamp))
                elif settings.clamp is not None:
                    base = settings.clamp * torch.tanh(raw / settings.clamp)
                low, high = settings.multiplier_low, settings.multiplier_high
                gamma = (1 + base) * (low + (high - low) * value)
                gammas.append(float(gamma))
                total[n, c] += (gamma * x[n, c] + settings.beta_scale * shift) / len(row)
    return total, gammas


@pytest.mark.parametrize("names", [("calm",), ("valence", "arousal")], ids=len)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("side", [32, 64, 128])
def test_all_three_fit_together(side: int, channels: int, names: tuple[str, ...]) -> None:
    kind, part = space(channels, side, names), EruGenerator(latent=6, width=2)
    latents, conditions = asked(part, kind, 2)
    made = part.build(kind)(latents, conditions)
    assert made.shape == (2, channels, side, side)
    posterior = VaeEncoder(width=2).build(kind, part.latent)(made)
    assert isinstance(posterior, Posterior)
    assert posterior.mean.shape == posterior.log_variance.shape == (2, 6)
    judged = EruCritic(width=2).build(kind)(made)
    assert isinstance(judged, Judged)
    assert judged.readings is not None
    assert judged.scores.shape == (2,)
    assert judged.readings.shape == (2, len(names))


@pytest.mark.parametrize(("height", "width"), [(256, 256), (64, 256)])
def test_sides_up_to_256_that_may_differ(height: int, width: int) -> None:
    kind = space(1, height, width=width)
    made = EruGenerator(latent=4, width=2).build(kind)(torch.randn(2, 4), torch.rand(2, 2))
    assert made.shape == (2, 1, height, width)
    assert EruCritic(width=2).build(kind)(made).scores.shape == (2,)


@pytest.mark.parametrize("at", [0, 1])
def test_each_condition_changes_the_sample(at: int) -> None:
    kind = space()
    module = GENERATOR.build(kind).eval()
    latents, low = torch.randn(N, GENERATOR.latent), torch.full((N, 2), 0.2)
    high = low.clone()
    high[:, at] = 0.8
    before, after = module(latents, low), module(latents, high)
    assert ((after - before).abs().amax((1, 2, 3)) > 0.05 * before.std((1, 2, 3))).all()


@pytest.mark.parametrize(
    "settings",
    [Modulation(hidden=3), Modulation(hidden=3, bound="hard"), replace(NOTES_BROKEN, hidden=3)],
    ids=["smooth", "hard", "unbounded"],
)
@pytest.mark.parametrize("names", [("of_calm",), ("of_valence", "of_arousal")], ids=len)
@torch.no_grad()
def test_a_unit_is_its_formula(settings: Modulation, names: tuple[str, ...]) -> None:
    unit = shaken(ResidualUnit(2, names, settings), 0.7)
    assert isinstance(unit, ResidualUnit)
    x, conditions = torch.randn(2, 2, 3, 3), torch.rand(2, len(names))
    expected, gammas = by_hand(unit, x, conditions)
    torch.testing.assert_close(unit(x, conditions), expected, atol=1e-5, rtol=1e-5)
    assert float(unit.gamma_low) == pytest.approx(min(gammas), rel=1e-5)
    assert float(unit.gamma_high) == pytest.approx(max(gammas), rel=1e-5)


@torch.no_grad()
def test_the_same_condition_twice_acts_as_once() -> None:
    """They act by their mean, so the strength of maps does not grow with their number."""
    once, twice = (ResidualUnit(3, names, Modulation()) for names in (("of_a",), ("of_a", "of_b")))
    for networks, both in ((once.gamma, twice.gamma), (once.beta, twice.beta)):
        for name in ("of_a", "of_b"):
            both[name].load_state_dict(networks["of_a"].state_dict())
    x, condition = torch.randn(N, 3, 4, 4), torch.rand(N, 1)
    torch.testing.assert_close(twice(x, condition.expand(-1, 2)), once(x, condition))


@pytest.mark.parametrize("bound", ["smooth", "hard"])
@pytest.mark.parametrize("spread", [1.0, 1e3, 1e15])
@torch.no_grad()
def test_gamma_stays_within_its_limits_whatever_the_weights_are(
    spread: float, bound: Literal["smooth", "hard"]
) -> None:
    kind, part = space(), replace(GENERATOR, modulation=Modulation(bound=bound))
    module = shaken(part.build(kind), spread)
    ends = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    module(torch.randn(3, part.latent), ends)
    seen = part.watched(module)
    assert 0.4 - 1e-6 <= float(seen["gamma_low"]) < 0.5
    assert 1.7 < float(seen["gamma_high"]) <= 1.8 + 1e-6


@torch.no_grad()
def test_without_a_limit_gamma_runs_away_and_is_seen_to() -> None:
    kind, part = space(), replace(GENERATOR, modulation=NOTES_BROKEN)
    module = shaken(part.build(kind), 1.0)
    module(torch.randn(2, part.latent), torch.ones(2, 2))
    seen = part.watched(module)
    assert float(seen["gamma_high"]) > 20
    assert float(seen["gamma_low"]) < 0


def test_gamma_begins_near_its_multiplier() -> None:
    module = EruGenerator().build(space(3, 32))
    module(torch.randn(N, 128), torch.rand(N, 2))
    seen = EruGenerator().watched(module)
    assert 0.5 < float(seen["gamma_low"]) < 0.85
    assert 1.15 < float(seen["gamma_high"]) < 1.6


def test_beyond_the_limit_a_hard_bound_has_no_gradient_and_a_smooth_one_has() -> None:
    conditions = torch.ones(1, 1)
    slopes = []
    for bound in ("hard", "smooth"):
        raw = torch.tensor([[[0.9]]], requires_grad=True)
        gamma = Modulation(bound=bound).gammas(raw, conditions)  # type: ignore[arg-type]
        slopes += torch.autograd.grad(gamma.sum(), raw)
    assert slopes[0] == 0
    assert slopes[1] > 0.05


@torch.no_grad()
def test_the_whole_network_is_watched() -> None:
    kind = space(3, 32)
    module = shaken(GENERATOR.build(kind), 0.3)
    module(*asked(GENERATOR, kind))
    units = [unit for unit in module.modules() if isinstance(unit, ResidualUnit)]
    seen = GENERATOR.watched(module)
    assert len(units) == 3  # grids of 8, 16 and 32
    assert tuple(seen) == EruGenerator.watches
    assert float(seen["gamma_low"]) == min(float(unit.gamma_low) for unit in units)
    assert float(seen["gamma_high"]) == max(float(unit.gamma_high) for unit in units)


def test_nothing_is_known_before_the_first_pass_and_nothing_is_saved() -> None:
    module = GENERATOR.build(space())
    assert all(number.isnan() for number in GENERATOR.watched(module).values())
    assert not [name for name in module.state_dict() if "gamma_" in name]


def test_watching_changes_nothing() -> None:
    kind = space()
    module, latents, conditions = GENERATOR.build(kind).eval(), *asked(GENERATOR, kind)
    blind = copy.deepcopy(module)
    for unit in blind.modules():
        if isinstance(unit, ResidualUnit):
            unit._watch = lambda gamma: None  # type: ignore[method-assign]
    results = []
    for each in (module, blind):
        made = each(latents, conditions)
        made.square().sum().backward()
        results.append([made, *(weight.grad for weight in each.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))
    with torch.no_grad():
        assert torch.equal(module(latents, conditions), results[0][0])
    with torch.inference_mode():
        assert torch.equal(module(latents, conditions), results[0][0])


def test_an_averaged_generator_is_watched_by_its_own_passes() -> None:
    kind = space()
    module = GENERATOR.build(kind)
    average = averaged_copy(module)
    module(*asked(GENERATOR, kind))
    update_average(average, module, 0.9)
    latents, conditions = asked(GENERATOR, kind)
    with torch.no_grad():
        average(latents, conditions)
    alone = GENERATOR.build(kind).eval()
    alone.load_state_dict(average.state_dict(), strict=True)
    alone(latents, conditions)
    assert GENERATOR.watched(average) == GENERATOR.watched(alone)


def test_generators_that_say_nothing_of_it_watch_nothing() -> None:
    part = DcganGenerator(width=2)
    assert part.watches == ()
    assert part.watched(part.build(space())) == {}


def test_gamma_is_exact_under_autocast() -> None:
    kind = space()
    module, latents, conditions = GENERATOR.build(kind).eval(), *asked(GENERATOR, kind)
    module(latents, conditions)
    exact = GENERATOR.watched(module)
    with torch.autocast("cpu", torch.bfloat16):
        module(latents, conditions)
    assert GENERATOR.watched(module) == exact


@torch.no_grad()
def test_pixel_shuffle_begins_as_nearest_up_sampling_of_a_convolution() -> None:
    """ICNR (Aitken et al. 2017, arXiv:1707.02937)."""
    x = torch.randn(2, 3, 5, 4)
    layer = ShuffleConv(3, 6, small_normal)
    one_of_four = F.conv2d(x, layer.conv.weight[::4], padding=1)
    torch.testing.assert_close(layer(x), F.interpolate(one_of_four, scale_factor=2, mode="nearest"))


@torch.no_grad()
def test_the_plain_start_of_pixel_shuffle_makes_a_pattern_of_blocks() -> None:
    """On a flat map, where nothing should vary, each place of the 2x2 squares has a value of its own."""
    flat = torch.ones(1, 16, 8, 8)
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    right, wrong = (ShuffleConv(16, 8, small_normal, alike=alike)(flat)[inner] for alike in (True, False))
    assert float(right.std((2, 3)).max()) == pytest.approx(0, abs=1e-6)
    assert float(wrong.std((2, 3)).mean()) > 0.1
    torch.testing.assert_close(wrong[:, :, ::2, ::2], wrong[:, :, :1, :1].expand(-1, -1, 6, 6))


@torch.no_grad()
def test_maps_keep_their_strength_through_the_stages() -> None:
    """Each unit about doubles it (1.4 to 2.8 times), and the next normalisation takes that out again."""
    kind = space(3, 128)
    module, strengths = EruGenerator(width=16).build(kind), []
    for stage in module.stages.values():  # type: ignore[union-attr,operator]
        stage.register_forward_hook(lambda *args: strengths.append(float(args[2].square().mean().sqrt())))
    module(torch.randn(8, 128), torch.rand(8, 2))
    assert len(strengths) == 5
    assert max(strengths) / min(strengths) < 1.5


@torch.no_grad()
def test_a_posterior_is_finite_for_extreme_samples() -> None:
    kind = space()
    module = VaeEncoder(width=4).build(kind, 5)
    for factor in (0.0, 1.0, 1e6, 1e30):
        posterior = module(drawn(kind) * factor)
        assert posterior.mean.isfinite().all()
        assert posterior.log_variance.abs().max() <= LOG_VARIANCE
        assert posterior.log_variance.exp().isfinite().all()
    assert float(posterior.log_variance.abs().max()) == LOG_VARIANCE


@pytest.mark.parametrize("norm", ["none", "batch", "layer", "instance"])
def test_an_encoder_learns_in_both_memory_layouts(norm: Literal["none", "batch", "layer", "instance"]) -> None:
    kind = space(2, 16, width=32)
    module = VaeEncoder(width=4, norm=norm).build(kind, 5)
    last = copy.deepcopy(module).to(memory_format=torch.channels_last)
    x = drawn(kind)
    posterior, other = module(x), last(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(posterior, other, atol=1e-5, rtol=1e-5)
    (posterior.mean.sum() + posterior.log_variance.square().sum()).backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in module.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        assert {tensor.dtype for tensor in module(x)} == {torch.float32}


def test_an_encoder_shows_its_maps_from_fine_to_coarse() -> None:
    part, kind = VaeEncoder(width=4), space(3, 32, width=64)
    module, x = part.build(kind, 5), drawn(kind)
    maps = part.features(module, x)
    assert [tuple(found.shape[1:]) for found in maps] == [(4, 16, 32), (8, 8, 16), (16, 4, 8)]
    assert not any(torch.equal(fine.mean(1), coarse.mean(1)) for fine, coarse in pairwise(maps))
    for alone in part.features(module, x[:1])[-1]:
        torch.testing.assert_close(alone, maps[-1][0])


def test_encoder_and_decoder_learn_to_rebuild() -> None:
    """Four samples of a stripe each: after a hundred steps little of them is left to explain."""
    kind = space(1, 16)
    x = torch.full((N, 1, 16, 16), -0.8)
    for at in range(N):
        x[at, :, 4 * at : 4 * at + 4] = 0.8
    generator, encoder = EruGenerator(latent=8, width=8).build(kind), VaeEncoder(width=8).build(kind, 8)
    optimiser = torch.optim.Adam([*generator.parameters(), *encoder.parameters()], lr=3e-3)
    losses = []
    for _ in range(100):
        posterior = encoder(x)
        z = posterior.mean + (posterior.log_variance / 2).exp() * torch.randn_like(posterior.mean)
        loss = (generator(z, torch.full((N, 2), 0.5)) - x).square().mean()
        loss = loss + 0.001 * (posterior.mean.square() + posterior.log_variance.exp() - posterior.log_variance).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5


def test_readings_are_shares_of_each_sample_by_itself() -> None:
    kind = space(3, 32)
    module, x = EruCritic(width=4).build(kind).eval(), drawn(kind)
    together, alone = module(x), module(x[:1])
    assert together.readings.dtype == torch.float32
    assert ((together.readings > 0) & (together.readings < 1)).all()
    torch.testing.assert_close(alone.readings[0], together.readings[0])
    assert not torch.allclose(alone.scores[0], together.scores[0], atol=1e-7)


def test_every_weight_of_the_critic_has_spectral_norm() -> None:
    names = dict(EruCritic(width=4).build(space()).named_parameters())
    buffers = EruCritic(width=4).build(space()).state_dict()
    weights = [name for name, weight in names.items() if weight.ndim > 1]
    assert len(weights) == 5  # two grids, the joining convolution, two heads
    for name in weights:
        owner = name.removesuffix(".weight").removesuffix(".linear")
        assert f"{owner}.spectral.left" in buffers


def test_a_slope_penalty_differentiates_the_critic_twice() -> None:
    """R1 as it is used with minibatch standard deviation; also where all samples are alike and the deviation is 0."""
    kind = space()
    module = EruCritic(width=4, group=4).build(kind)
    for x in (drawn(kind), drawn(kind, 1).expand(N, -1, -1, -1).clone()):
        x.requires_grad_()
        judged = module(x)
        (slope,) = torch.autograd.grad(judged.scores.sum() + judged.readings.sum(), x, create_graph=True)
        module.zero_grad()
        slope.square().sum().backward()
        for name, weight in module.named_parameters():
            assert weight.grad is None or weight.grad.isfinite().all(), name
            assert not name.endswith("weight") or weight.grad.abs().max() > 0, name


def test_a_critic_with_a_group_says_how_to_part_it() -> None:
    assert EruCritic().mixes_samples
    assert not EruCritic(group=1).mixes_samples
    assert EruCritic.unmixed_by == "its group does: set critic.group to 1"


@pytest.mark.parametrize("part", [EruGenerator(), EruCritic()], ids=str)
def test_samples_without_conditions_are_refused_in_words(part: EruGenerator | EruCritic) -> None:
    (fault,) = part.faults(space(names=()))
    assert fault == (
        "the samples have no conditions; take a source that reads numbers for each sample, or networks that need none, "
        "such as DcganGenerator and DcganCritic"
    )
    with pytest.raises(SpecError, match=f"{type(part).__name__}: the samples have no conditions"):
        part.build(space(names=()))
    (fault,) = part.faults(space(names=("mood", "calm", "mood")))
    assert fault == "more than one condition is called 'mood'; give each a name of its own"


@pytest.mark.parametrize("side", [8, 48, 512])
def test_sides_that_do_not_fit_are_refused_in_words(side: int) -> None:
    for part in (EruGenerator(), EruCritic(), VaeEncoder()):
        (fault,) = part.faults(space(height=side))
        assert fault.startswith(f"the samples are {side}x{side}; each side must be 16, 32, 64, 128 or 256")
    with pytest.raises(SpecError, match="VaeEncoder: the samples are"):
        VaeEncoder().build(space(height=side), 4)


def test_an_encoder_needs_no_conditions() -> None:
    assert list(VaeEncoder().faults(space(names=()))) == []


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SpecError, match="clamp: is 0; it must be above 0 and at most 1"):
        Modulation(clamp=0)
    with pytest.raises(SpecError, match="upsampling: is 'nearset'"):
        EruGenerator(upsampling="nearset")  # type: ignore[arg-type]


def test_names_in_checkpoints_are_readable() -> None:
    """Also of conditions whose names are those of a module's methods, or have a dot."""
    names = EruGenerator(width=2).build(space(names=("valence", "mean.arousal", "type"))).state_dict()
    for name in [
        "stem.project.linear.weight",
        "stages.to_8.up.conv.weight",
        "stages.to_16.norm.running_mean",
        "stages.to_16.unit.gamma.of_valence.hidden.weight",
        "stages.to_16.unit.beta.of_mean_arousal.out.bias",
        "stages.to_8.unit.beta.of_type.out.weight",
        "head.bias",
    ]:
        assert name in names
    assert {"blocks.from_16.conv.weight", "head.bias"} <= set(VaeEncoder(width=2).build(space(), 3).state_dict())
    critic = EruCritic(width=2).build(space()).state_dict()
    assert {"blocks.from_8.conv.spectral.left", "reader.linear.weight", "conv.weight", "head.linear.bias"} <= set(
        critic
    )
