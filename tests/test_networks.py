"""Every network through the same grid, then what single layers claim."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise import networks
from equipoise.networks import (
    DcganCritic,
    DcganGenerator,
    EdsrGenerator,
    EruCritic,
    EruGenerator,
    MlpCritic,
    MlpGenerator,
    NormFreeCritic,
    NormFreeGenerator,
    PatchCritic,
    RrdbGenerator,
    StyleCritic,
    StyleGenerator,
    TilesGenerator,
    WganLargeCritic,
    WganLargeGenerator,
    WganSmallCritic,
    WganSmallGenerator,
)
from equipoise.networks.attention import SelfAttention
from equipoise.networks.layers import Conv, NearestConv, PooledConv, Stem, glorot, norm, small_normal
from equipoise.networks.mlp import Maxout
from equipoise.networks.plain import PlainCritic
from equipoise.networks.spectral import SpectralNorm
from equipoise.recipe import Critic, Encoder, Generator, Network
from equipoise.space import Channel, Class, Condition, Space
from equipoise.spec import SpecError, decode, encode
from equipoise.view import Judged

N = 3
MOOD = (Condition("valence", 1, 7), Condition("arousal", 1, 7))


def space(channels: int, height: int, width: int | None = None) -> Space:
    return Space(tuple(Channel(f"c{at}") for at in range(channels)), height, width or height, conditions=MOOD)


def pairs(channels: int, height: int, width: int | None = None, scale: int = 2) -> Space:
    """Samples that come with given pictures of the same channels."""
    large = space(channels, height, width)
    return replace(large, given=replace(large, height=large.height // scale, width=large.width // scale))


COVER = Channel("cover", 0, 2, "categorical", classes=tuple(Class(at, str(at), (0, 0, 0)) for at in range(3)))
TILES = Space((Channel("height"), COVER, Channel("trees")), 16, 16, conditions=MOOD)
PICTURES = [space(3, 16), space(1, 32), space(5, 16, 64), space(2, 32, 16), TILES]
PAIRS = [pairs(3, 16), pairs(1, 8, 20, scale=4)]
POINTS = space(2, 1)

GENERATORS: list[Generator] = [
    DcganGenerator(latent=6, width=4),
    DcganGenerator(latent=6, width=4, upsampling="nearest"),
    DcganGenerator(latent=6, width=4, upsampling="bilinear"),
    WganSmallGenerator(latent=6, width=4),
    WganLargeGenerator(latent=6, width=8, attention=8),
    WganLargeGenerator(latent=6, width=4, attention=None),
    NormFreeGenerator(latent=6, width=4, widest=8, blocks=2),
    StyleGenerator(latent=6, width=4, widest=8),
    EruGenerator(latent=6, width=4),
    EruGenerator(latent=6, width=4, upsampling="bilinear", norm="layer"),
    EruGenerator(latent=6, width=4, upsampling="shuffle", norm="instance"),
    EruGenerator(latent=6, width=4, upsampling="shuffle_plain"),
    TilesGenerator(latent=6, width=4),
    TilesGenerator(latent=6, width=4, upsampling="bilinear", kernel=5, norm="batch", stem_norm="none"),
    TilesGenerator(latent=6, width=4, upsampling="transposed", padding="zeros", norm="none", hard=True),
    MlpGenerator(latent=6, width=8, depth=2),
    MlpGenerator(latent=6, width=8, depth=1, activation="silu", norm="batch"),
    MlpGenerator(latent=6, depth=0),
    EdsrGenerator(width=8, blocks=2),
    EdsrGenerator(width=8, blocks=1, upsampling="nearest", base="none"),
    RrdbGenerator(width=8, growth=4, blocks=1, branch=0, base="none"),
    RrdbGenerator(width=8, growth=4, blocks=2, branch=1),
    RrdbGenerator(width=8, growth=4, blocks=1, branch=2, upsampling="shuffle", values="unit"),
]
CRITICS: list[Critic] = [
    DcganCritic(width=4),
    DcganCritic(width=4, norm="layer"),
    DcganCritic(width=4, norm="instance"),
    DcganCritic(width=4, norm="none", spectral_norm=True, dropout=0.2),
    WganSmallCritic(width=4),
    WganLargeCritic(width=8, attention=8),
    WganLargeCritic(width=4, attention=None, spectral_norm=False),
    NormFreeCritic(width=4, widest=8, blocks=2),
    StyleCritic(width=4, widest=8, group=1),
    StyleCritic(width=4, widest=8, group=4),
    EruCritic(width=4, group=1),
    EruCritic(width=4, group=4),
    MlpCritic(width=8, depth=2),
    MlpCritic(width=8, depth=1, activation="relu", norm="batch"),
    MlpCritic(width=8, depth=2, activation="silu"),
    MlpCritic(width=8, depth=2, maxout=3),
    MlpCritic(depth=0),
    PatchCritic(width=4),
    PatchCritic(width=4, shape="patch"),
]
LONE_CRITICS = [critic for critic in CRITICS if not critic.mixes_samples]
EVERY: list[Network] = [*GENERATORS, *CRITICS]
MLP = (MlpGenerator, MlpCritic)
SUPER_RESOLUTION = (EdsrGenerator, RrdbGenerator, PatchCritic)


def grid(parts: Sequence[Network]) -> list[object]:
    """Each part with each kind of sample that its family is made for."""
    kinds = {
        MlpGenerator: [*PICTURES, POINTS],
        MlpCritic: [*PICTURES, POINTS],
        RrdbGenerator: PAIRS,
        EdsrGenerator: PAIRS,
    }
    return [
        pytest.param(part, kind, id=f"{part} {kind}")
        for part in parts
        for kind in kinds.get(type(part), PICTURES)  # type: ignore[call-overload]
    ]


def built(part: Network, kind: Space, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    assert isinstance(part, Generator | Critic)
    module = part.build(kind)
    for name, weight in module.named_parameters():
        if name.endswith("gamma"):  # attention starts absent; here it must take part
            nn.init.constant_(weight, 0.5)
        if name == "tail.last.weight":  # so does what is added to a picture enlarged
            nn.init.normal_(weight, 0.0, 0.1)
    return module


def samples(kind: Space, n: int = N, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(n, *kind.shape, generator=torch.Generator().manual_seed(1), dtype=dtype) * 2 - 1


def taken(part: Network, kind: Space) -> tuple[Tensor, ...]:
    """What the part's module makes samples from, or the samples that it judges."""
    if not isinstance(part, Generator):
        return (samples(kind),)
    drawn = {"latents": torch.randn(N, part.latent), "conditions": torch.rand(N, len(kind.conditions))}
    if kind.given is not None:
        drawn["given"] = samples(kind.given)
    return tuple(drawn[name] for name in part.takes)


def scored(module: nn.Module, *x: Tensor) -> Tensor:
    """What the module gives, with the same dropout each time; scores and readings as one number, so that both count."""
    torch.manual_seed(2)
    found = module(*x)
    if isinstance(found, Judged):
        assert found.readings is not None
        return found.scores + found.readings.sum(1)
    assert isinstance(found, Tensor)
    return found


def penalty(critic: nn.Module, x: Tensor) -> Tensor:
    """Gulrajani's, and the scores themselves so that every weight takes part."""
    x = x.detach().requires_grad_()
    scores = scored(critic, x)
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return ((slope.flatten(1).norm(dim=1) - 1) ** 2).sum() + scores.square().sum()


def assert_reached(module: nn.Module) -> None:
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().max() > 0, name


@pytest.mark.parametrize(("part", "kind"), grid(GENERATORS))
def test_a_generator_makes_samples_and_every_weight_learns(part: Generator, kind: Space) -> None:
    module = built(part, kind)
    fakes = module(*taken(part, kind))
    assert fakes.shape == (N, *kind.shape)
    assert fakes.dtype == torch.float32
    assert torch.isfinite(fakes).all()
    if not kind.is_points:
        assert fakes.abs().max() <= 1
    (fakes * samples(kind)).sum().backward()
    assert_reached(module)


@pytest.mark.parametrize(("part", "kind"), grid(CRITICS))
def test_a_critic_gives_one_score_a_sample_and_every_weight_learns(part: Critic, kind: Space) -> None:
    module = built(part, kind)
    scores = scored(module, samples(kind))
    assert scores.shape == (N,)
    assert scores.dtype == torch.float32
    scores.square().sum().backward()
    assert_reached(module)


@pytest.mark.parametrize(("part", "kind"), grid(CRITICS))
def test_a_critic_mixes_samples_exactly_when_it_says_so(part: Critic, kind: Space) -> None:
    module = built(part, kind).double()
    x = samples(kind, dtype=torch.float64)
    changed = x.clone()
    changed[-1] = -changed[-1] * 0.5
    before, after = scored(copy.deepcopy(module), x)[:-1], scored(copy.deepcopy(module), changed)[:-1]
    assert torch.equal(before, after) != part.mixes_samples


@pytest.mark.parametrize(("part", "kind"), grid(LONE_CRITICS))
def test_a_gradient_penalty_reaches_every_weight(part: Critic, kind: Space) -> None:
    module = built(part, kind)
    penalty(module, samples(kind)).backward()
    assert_reached(module)


@pytest.mark.parametrize("part", LONE_CRITICS, ids=str)
def test_a_gradient_penalty_has_the_right_derivative(part: Critic) -> None:
    """Against a central difference along a random direction, in float64."""
    kind = space(2, 16)
    module = built(part, kind).double().eval()
    x = samples(kind, n=2, dtype=torch.float64)
    weights = list(module.parameters())
    directions = [torch.randn_like(weight) for weight in weights]
    penalty(module, x).backward()
    slope = sum((weight.grad * along).sum() for weight, along in zip(weights, directions, strict=True))

    step = 1e-7  # small enough to cross hardly any kink of a ReLU, large enough for 16 digits

    def moved(by: float) -> Tensor:
        torch._foreach_add_([weight.data for weight in weights], directions, alpha=by)
        return penalty(module, x).detach()

    above, below = moved(step), moved(-2 * step)
    assert float((above - below) / (2 * step)) == pytest.approx(float(slope), rel=1e-4)


@pytest.mark.parametrize("part", EVERY, ids=str)
def test_both_memory_layouts_give_the_same(part: Network) -> None:
    kind = pairs(3, 16)
    module = built(part, kind).eval()  # dropout draws in the order of memory
    last = copy.deepcopy(module).to(memory_format=torch.channels_last)
    x = taken(part, kind)
    y = [item.contiguous(memory_format=torch.channels_last) if item.ndim == 4 else item for item in x]
    assert torch.allclose(scored(module, *x), scored(last, *y), atol=1e-5)


@pytest.mark.parametrize("part", EVERY, ids=str)
def test_autocast_leaves_samples_and_scores_in_float32(part: Network) -> None:
    kind = pairs(3, 16)
    module = built(part, kind)
    x = taken(part, kind)
    with torch.autocast("cpu", torch.bfloat16):
        out = scored(module, *x)
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()
    out.square().sum().backward()
    assert_reached(module)


@pytest.mark.parametrize("part", EVERY, ids=str)
def test_a_part_is_its_json(part: Network) -> None:
    assert decode(json.loads(json.dumps(encode(part))), Network) == part


@pytest.mark.parametrize("part", EVERY, ids=str)
def test_the_seed_decides_the_weights_and_a_state_loads_strictly(part: Network) -> None:
    kind = pairs(3, 16)
    first, second, other = built(part, kind, 1), built(part, kind, 1), built(part, kind, 2)
    same = [torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)]
    assert all(same)
    x = taken(part, kind)
    assert not torch.equal(scored(first, *x), scored(other, *x))
    other.load_state_dict(first.state_dict(), strict=True)
    assert torch.equal(scored(first, *x), scored(other, *x))


@pytest.mark.parametrize("part", [part for part in EVERY if not isinstance(part, SUPER_RESOLUTION)], ids=str)
def test_sizes_that_do_not_fit_are_refused_in_words(part: Network) -> None:
    wrong = [space(3, 48), space(3, 64, 30), space(3, 512), space(3, 8), POINTS]
    for kind in wrong:
        faults = list(part.faults(kind))
        if isinstance(part, MLP):
            assert faults == []
            continue
        (fault,) = faults
        assert "each side must be 16, 32" in fault or (kind is POINTS and "MlpCritic" in fault)
        assert isinstance(part, Generator | Critic)
        with pytest.raises(SpecError, match=type(part).__name__):
            part.build(kind)


def test_a_wrong_size_is_told_the_nearest_right_one() -> None:
    (fault,) = DcganCritic().faults(space(3, 48, 120))
    assert fault == (
        "the samples are 48x120; each side must be 16, 32, 64, 128 or 256: "
        "resize, crop or pad them, for instance to 64x128"
    )


@pytest.mark.parametrize("part", [WganLargeGenerator(attention=32), WganLargeCritic(attention=32)], ids=str)
def test_attention_needs_its_grid(part: WganLargeGenerator | WganLargeCritic) -> None:
    assert list(part.faults(space(3, 32))) == []
    (fault,) = part.faults(space(3, 16, 64))
    assert fault == "attention is at 32, but samples of 16x64 have no grid above 16"
    with pytest.raises(SpecError, match="attention is at 32"):
        part.build(space(3, 16, 64))


def test_a_wgan_critic_cannot_have_batch_norm() -> None:
    with pytest.raises(SpecError, match=r"norm: is 'batch'; allowed: 'layer', 'instance', 'none'"):
        WganSmallCritic(norm="batch")


FAMILIES = [
    name for name in networks.__all__ if isinstance(kind := getattr(networks, name), type) and issubclass(kind, Network)
]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_docstring_tells_the_number_of_parameters(name: str) -> None:
    part = getattr(networks, name)()
    kinds = [POINTS, space(3, 32)] if isinstance(part, MLP) else [pairs(3, 32, scale=2), pairs(3, 64, scale=4)]
    for kind in kinds:
        module = part.build(kind, 128) if isinstance(part, Encoder) else part.build(kind)
        count = sum(weight.numel() for weight in module.parameters())
        assert f"{count:,}" in type(part).__doc__


@pytest.mark.parametrize("side", [128, 256])
@pytest.mark.parametrize("pair", [(DcganGenerator, DcganCritic), (WganLargeGenerator, WganLargeCritic)])
def test_large_pictures(pair: tuple[type[Generator], type[Critic]], side: int) -> None:
    """The cap on channels begins to act at 128 px."""
    generator, critic = pair[0](width=2, latent=4).build(space(1, side)), pair[1](width=2).build(space(1, side))
    assert critic(generator(torch.randn(2, 4))).shape == (2,)
    assert next(iter(generator.buffers())).shape == (16,)


def test_names_in_checkpoints_are_readable() -> None:
    generator = DcganGenerator(latent=4, width=4, upsampling="nearest").build(space(1, 16))
    assert [name for name, _ in generator.named_parameters()] == [
        "stem.project.linear.weight",
        "stem.norm.weight",
        "stem.norm.bias",
        "blocks.0.up.conv.weight",
        "blocks.0.norm.weight",
        "blocks.0.norm.bias",
        "head.conv.weight",
        "head.conv.bias",
    ]
    names = WganLargeCritic(width=4, attention=8).build(space(1, 16)).state_dict()
    for name in [
        "stem.weight",
        "blocks.from_16.conv2.conv.spectral.left",
        "blocks.attention.gamma",
        "head.linear.bias",
    ]:
        assert name in names


def test_initial_weights_of_dcgan() -> None:
    module = DcganGenerator(width=64).build(space(3, 32))
    for name, weight in module.state_dict().items():
        if weight.ndim > 1:
            assert float(weight.std()) == pytest.approx(0.02, rel=0.05), name
        elif name.endswith("norm.weight"):
            assert float(weight.mean()) == pytest.approx(1.0, abs=0.01)
            assert float(weight.std()) == pytest.approx(0.02, rel=0.3)
        elif name.endswith("bias"):
            assert float(weight.abs().max()) == 0.0, name


def test_features_keep_their_strength_through_a_critic_without_norm() -> None:
    """With DCGAN's weights they fade with every layer, and a critic without norm begins nearly blind."""

    def strength(weights: str) -> float:
        """Of the last features, for samples of strength 1."""
        critic = DcganCritic(width=32, norm="none", weights=weights).build(space(3, 64))  # type: ignore[arg-type]
        assert isinstance(critic, PlainCritic)
        with torch.no_grad():
            return float(critic.blocks(critic.stem(torch.randn(16, 3, 64, 64))).square().mean().sqrt())

    assert strength("he") == pytest.approx(1.0, rel=0.3)
    assert strength("small") < 0.05


def test_merged_kernels_are_the_two_steps_they_replace() -> None:
    x = torch.randn(2, 3, 8, 6, dtype=torch.float64)
    down, up = PooledConv(3, 5, glorot).double(), NearestConv(3, 5, glorot).double()
    nn.init.normal_(down.conv.bias)
    nn.init.normal_(up.conv.bias)
    assert torch.allclose(down(x), F.avg_pool2d(down.conv(x), 2), atol=1e-12)
    assert torch.allclose(up(x), up.conv(F.interpolate(x, scale_factor=2, mode="nearest")), atol=1e-12)


def test_the_stem_is_dcgans_first_transposed_convolution() -> None:
    stem = Stem(5, 3, (4, 4), small_normal, bias=False)
    z = torch.randn(2, 5)
    direct = F.conv_transpose2d(z[:, :, None, None], stem.linear.weight.T.reshape(5, 3, 4, 4))
    assert torch.allclose(stem(z), direct, atol=1e-6)


@pytest.mark.parametrize(("kind", "dims"), [("layer", (1, 2, 3)), ("instance", (2, 3))])
def test_norms_take_the_statistics_they_name(kind: str, dims: tuple[int, ...]) -> None:
    y = norm(kind, 4)(torch.randn(3, 4, 5, 6) * 3 + 2)
    assert torch.allclose(y.mean(dims), torch.zeros(()), atol=1e-5)
    assert torch.allclose(y.var(dims, correction=0), torch.ones(()), atol=1e-3)


@torch.no_grad()
def test_attention_is_absent_at_first_and_then_is_its_formula() -> None:
    attention = SelfAttention(8).double()
    x = torch.randn(1, 8, 4, 2, dtype=torch.float64)
    assert torch.equal(attention(x), x)
    nn.init.constant_(attention.gamma, 0.7)
    query, key, value = (layer(x)[0] for layer in (attention.query, attention.key, attention.value))
    places = [(row, column) for row in range(0, 4, 2) for column in range(0, 2, 2)]
    pooled = [[m[:, r : r + 2, c : c + 2].amax((1, 2)) for r, c in places] for m in (key, value)]
    seen = torch.zeros(1, 4, 4, 2, dtype=torch.float64)
    for row in range(4):
        for column in range(2):
            fits = [math.exp(float(query[:, row, column] @ k)) for k in pooled[0]]
            seen[0, :, row, column] = sum(fit / sum(fits) * v for fit, v in zip(fits, pooled[1], strict=True))
    assert torch.allclose(attention(x), x + 0.7 * attention.out(seen))


def test_spectral_norm_makes_the_largest_singular_value_one() -> None:
    conv = Conv(4, 6, 3, glorot, spectral=True)
    for _ in range(50):
        kernel = conv.kernel()
    assert float(torch.linalg.matrix_norm(kernel.detach().flatten(1), 2)) == pytest.approx(1.0, abs=1e-4)


def test_spectral_norm_goes_on_from_a_checkpoint_bit_for_bit() -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 7)
    first = SpectralNorm(weight)
    first(weight)
    torch.manual_seed(9)
    second = SpectralNorm(weight)
    second.load_state_dict(first.state_dict(), strict=True)
    for _ in range(3):
        assert torch.equal(first(weight), second(weight))
    second.eval()
    before = copy.deepcopy(second.state_dict())
    second(weight)
    assert all(torch.equal(before[name], after) for name, after in second.state_dict().items())


def test_spectral_norm_lets_several_passes_share_one_backward() -> None:
    """Real, fake and interpolates each advance the power iteration before anything is differentiated."""
    critic = WganLargeCritic(width=4, attention=8).build(space(1, 16))
    total = sum(penalty(critic, samples(space(1, 16)) * factor) for factor in (1.0, 0.5, -1.0))
    assert isinstance(total, Tensor)
    total.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in critic.parameters())


def test_maxout_by_hand() -> None:
    assert Maxout(2)(torch.tensor([[1.0, -2.0, 0.5, 3.0]])).tolist() == [[1.0, 3.0]]


def test_a_modulated_convolution_is_the_papers() -> None:
    """Karras et al. 2020, arXiv:1912.04958, eqs. 1 and 3: each sample's own weights, scaled and brought to size one."""
    from equipoise.networks.style import EPS, ModulatedConv

    torch.manual_seed(0)
    layer, x, w = ModulatedConv(3, 5, 3, 4).double(), torch.randn(2, 3, 6, 6).double(), torch.randn(2, 4).double()
    for at in range(2):
        scaled = layer.kernel() * layer.style(w[at : at + 1])[0][None, :, None, None]
        sized = scaled / (scaled.square().sum((1, 2, 3), keepdim=True) + EPS).sqrt()
        expected = F.conv2d(x[at : at + 1], sized, padding=1)
        torch.testing.assert_close(layer(x, w)[at : at + 1], expected, atol=1e-5, rtol=1e-5)


def test_a_latent_is_one_sample_when_only_drawing_and_not_while_learning() -> None:
    generator, z = StyleGenerator(latent=4, width=4, widest=8).build(space(3, 16)), torch.randn(2, 4)
    for module in generator.modules():
        if hasattr(module, "strength"):
            nn.init.constant_(module.strength, 1.0)
    assert not torch.equal(generator(z), generator(z))
    generator.eval()
    assert torch.equal(generator(z), generator(z))


def test_variation_is_the_mean_deviation_within_each_group() -> None:
    from equipoise.networks.variation import variation

    x = torch.randn(6, 2, 3, 3)
    for group, size in ((4, 3), (2, 2), (8, 6)):
        found = variation(x, group)
        assert found.shape == (6, 1, 3, 3)
        for at in range(6):
            others = x[at % (6 // size) :: 6 // size]
            expected = others.std(0, correction=0).mean().item()
            assert found[at].unique().item() == pytest.approx(expected, abs=1e-4)


def test_a_residual_block_begins_as_the_identity() -> None:
    from equipoise.networks.norm_free import Block

    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(Block(4)(x), x)
