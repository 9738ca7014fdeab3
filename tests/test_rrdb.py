"""Super-resolution: the papers' network again in plain layers, its weights by name, and how ours begins."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.errors import RequestError
from equipoise.networks import RrdbGenerator, load_esrgan
from equipoise.networks.enlarging import bicubic, icnr
from equipoise.networks.layers import LEAK, he_leaky
from equipoise.networks.output import bounded
from equipoise.networks.rrdb import LIFT, Dense, Distilling, Nested, SuperResolver
from equipoise.space import Channel, Class, Space
from equipoise.spec import SpecError

ESRGAN = RrdbGenerator(
    width=8, growth=4, blocks=2, branch=0, upsampling="nearest", base="none", bounded=False, values="signed"
)
SMALL = RrdbGenerator(width=8, growth=4, blocks=1, branch=1)


def pairs(scale: int, side: int = 6, names: str = "rgb", given: str | None = None) -> Space:
    def kind(of: str, side: int) -> Space:
        return Space(tuple(Channel(name) for name in of), side, side)

    return replace(kind(names, side * scale), given=kind(given or names, side))


def size(x: Tensor) -> float:
    return float(x.detach().square().mean().sqrt())


def pictures(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3)) * 2 - 1


# The generator of Wang et al. 2018 once more, under the names of its public code: section 3.1, figures 2 and 4.


class PaperDense(nn.Module):
    def __init__(self, width: int, growth: int, layer: Callable[[nn.Conv2d], nn.Module]) -> None:
        super().__init__()
        for at in range(1, 6):
            conv = nn.Conv2d(width + (at - 1) * growth, growth if at < 5 else width, 3, padding=1)
            self.add_module(f"conv{at}", layer(conv))

    def forward(self, x: Tensor) -> Tensor:
        a = F.leaky_relu(self.conv1(x), 0.2)
        b = F.leaky_relu(self.conv2(torch.cat([x, a], 1)), 0.2)
        c = F.leaky_relu(self.conv3(torch.cat([x, a, b], 1)), 0.2)
        d = F.leaky_relu(self.conv4(torch.cat([x, a, b, c], 1)), 0.2)
        return x + 0.2 * self.conv5(torch.cat([x, a, b, c, d], 1))


class PaperBlock(nn.Module):
    """RRDB; `dense` is what the names of its parts begin with."""

    def __init__(self, width: int, growth: int, dense: str, layer: Callable[[nn.Conv2d], nn.Module]) -> None:
        super().__init__()
        for at in range(1, 4):
            self.add_module(f"{dense}{at}", PaperDense(width, growth, layer))

    def forward(self, x: Tensor) -> Tensor:
        first, second, third = self.children()
        return x + 0.2 * third(second(first(x)))


class Around(nn.Module):
    def __init__(self, sub: nn.Module) -> None:
        super().__init__()
        self.sub = sub

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sub(x)


class FirstRelease(nn.Module):
    """Its names are places in one sequence: model.0, model.1.sub.0.RDB1.conv1.0, ..."""

    def __init__(self, blocks: int, width: int, growth: int, doublings: int) -> None:
        super().__init__()

        def conv(inputs: int, outputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, 3, padding=1)

        trunk = [PaperBlock(width, growth, "RDB", nn.Sequential) for _ in range(blocks)]
        layers = [conv(3, width), Around(nn.Sequential(*trunk, conv(width, width)))]
        for _ in range(doublings):
            layers += [nn.Upsample(scale_factor=2, mode="nearest"), conv(width, width), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, conv(width, width), nn.LeakyReLU(0.2), conv(width, 3))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


class BasicSr(nn.Module):
    """conv_first, body.0.rdb1.conv1, ...; always two doublings."""

    def __init__(self, blocks: int, width: int, growth: int) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(PaperBlock(width, growth, "rdb", lambda conv: conv) for _ in range(blocks)))
        for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
            self.add_module(name, nn.Conv2d(width, width, 3, padding=1))
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for up in (self.conv_up1, self.conv_up2):
            x = F.leaky_relu(up(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        y: Tensor = self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))
        return y


def later_release(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """BasicSR's names as the authors' own second release had them."""
    new = {"conv_body": "trunk_conv", "conv_up": "upconv", "conv_hr": "HRconv", "rdb": "RDB"}
    found = {}
    for name, tensor in tensors.items():
        for old, written in new.items():
            name = name.replace(old, written)
        found[re.sub(r"^body", "RRDB_trunk", name)] = tensor
    return found


def assert_same(module: nn.Module, twin: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        expected = twin(x)
        assert expected.std() > 0.01
        torch.testing.assert_close(module(x), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("doublings", [1, 2])
def test_weights_of_the_first_release_give_its_outputs(doublings: int) -> None:
    twin = FirstRelease(2, 8, 4, doublings)
    assert "model.1.sub.1.RDB3.conv5.0.bias" in twin.state_dict()
    module = ESRGAN.build(pairs(2**doublings))
    load_esrgan(module, twin.state_dict())
    assert_same(module, twin, pictures(2, 3, 6, 9))


@pytest.mark.parametrize("form", [dict, later_release, lambda tensors: {"params": {}, "params_ema": tensors}])
def test_weights_of_later_code_give_its_outputs(form: Callable[[Mapping[str, Tensor]], Mapping[str, object]]) -> None:
    twin, module = BasicSr(2, 8, 4), ESRGAN.build(pairs(4))
    load_esrgan(module, form(twin.state_dict()))
    assert_same(module, twin, pictures(2, 3, 6, 9))


def test_esrgan_at_its_own_size() -> None:
    twin = BasicSr(23, 64, 32)
    module = replace(ESRGAN, width=64, growth=32, blocks=23).build(pairs(4))
    assert sum(weight.numel() for weight in module.parameters()) == 16_697_987
    load_esrgan(module, {"params": twin.state_dict()})
    assert_same(module, twin, pictures(1, 3, 12, 12))


def test_weights_for_unit_range_work_on_signed_pictures() -> None:
    twin, module = BasicSr(2, 8, 4), replace(ESRGAN, values="unit").build(pairs(4))
    load_esrgan(module, twin.state_dict())
    x = pictures(1, 3, 6, 6)
    torch.testing.assert_close(module(x), 2 * twin((x + 1) / 2) - 1, atol=1e-5, rtol=0)


def refused(module: SuperResolver, tensors: Mapping[str, object]) -> str:
    """What is said when `tensors` are refused, after which the module is as it was."""
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(RequestError) as error:
        load_esrgan(module, tensors)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_weights_that_do_not_fit_are_named() -> None:
    tensors = {**BasicSr(3, 8, 4).state_dict(), "conv_last.bias": torch.zeros(4)}
    del tensors["conv_hr.bias"]
    text = refused(ESRGAN.build(pairs(4)), tensors)
    assert "1 missing (conv_hr.bias)" in text
    assert "30 left over (body.2.rdb1.conv1.weight, body.2.rdb1.conv1.bias, body.2.rdb1.conv2.weight, ...)" in text
    assert "1 of another shape (conv_last.bias 4 for 3)" in text


def test_weights_for_another_scale_are_named() -> None:
    text = refused(ESRGAN.build(pairs(2)), BasicSr(2, 8, 4).state_dict())
    assert "2 left over (conv_up2.weight, conv_up2.bias)" in text


def test_weights_for_unshuffled_pixels_are_refused_in_words() -> None:
    tensors = {**BasicSr(2, 8, 4).state_dict(), "conv_first.weight": torch.zeros(8, 12, 3, 3)}
    text = refused(ESRGAN.build(pairs(2)), tensors)
    assert text.startswith("conv_first.weight takes 12 channels where the network is given 3")


def test_other_weights_are_told_from_esrgans() -> None:
    text = refused(ESRGAN.build(pairs(2)), nn.Linear(2, 2).state_dict())
    assert text.startswith("these are not ESRGAN's weights: weight, bias are there")


@pytest.mark.parametrize("changed", [{"branch": 1}, {"base": "bicubic"}, {"upsampling": "shuffle"}])
def test_esrgans_weights_need_esrgans_network(changed: dict[str, object]) -> None:
    module = replace(ESRGAN, **changed).build(pairs(2))  # type: ignore[arg-type]
    assert "generator.branch to 0" in refused(module, FirstRelease(2, 8, 4, 1).state_dict())


# How it begins, and what its blocks are.


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_pillows(scale: int) -> None:
    x = pictures(1, 1, 7, 9)
    shown = Image.fromarray(x[0, 0].numpy()).resize((9 * scale, 7 * scale), Image.Resampling.BICUBIC)
    torch.testing.assert_close(bicubic(x, scale)[0, 0], torch.from_numpy(np.asarray(shown).copy()))


@pytest.mark.parametrize("values", ["signed", "unit"])
@pytest.mark.parametrize(("scale", "upsampling"), [(2, "nearest"), (4, "nearest"), (3, "shuffle")])
def test_with_a_base_the_first_sample_is_the_given_picture_enlarged(scale: int, upsampling: str, values: str) -> None:
    part = replace(SMALL, upsampling=upsampling, values=values)  # type: ignore[arg-type]
    x = pictures(2, 3, 6, 6)
    torch.testing.assert_close(part.build(pairs(scale))(x), bicubic(x, scale).clamp(-1, 1))


def test_a_short_training_beats_bicubic_on_its_own_picture() -> None:
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    real = torch.sign(torch.sin(rows / 2) * torch.sin(columns / 3))[None, None]
    x = F.avg_pool2d(real, 2)
    module = SMALL.build(pairs(2, 12, "a"))
    adam = torch.optim.Adam(module.parameters(), 1e-3)
    losses = []
    for _ in range(60):
        loss = F.mse_loss(module(x), real)
        losses.append(float(loss.detach()))
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert losses[0] == pytest.approx(float(F.mse_loss(bicubic(x, 2).clamp(-1, 1), real)), rel=1e-5)
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_sub_pixel_convolution_starts_without_a_checkerboard(scale: int) -> None:
    """All s x s samples of one given pixel are the same, as after nearest up-sampling; without ICNR they are not."""
    module = replace(SMALL, upsampling="shuffle", base="none").build(pairs(scale))
    x = pictures(1, 3, 6, 6)
    sample = module(x)
    assert torch.equal(sample, F.interpolate(sample[..., ::scale, ::scale], scale_factor=scale))
    assert sample.std() > 0.01
    he_leaky(module.tail.last.weight)
    sample = module(x)
    assert not torch.equal(sample, F.interpolate(sample[..., ::scale, ::scale], scale_factor=scale))


def test_icnr_keeps_the_spread_of_its_init() -> None:
    weight = torch.empty(4 * 32, 16, 3, 3)
    icnr(he_leaky, 2)(weight)
    assert float(weight.std()) == pytest.approx(math.sqrt(2 / (1 + LEAK**2) / 144), rel=0.05)


def test_a_distilling_block_is_its_formula() -> None:
    block, x = Distilling(6).double(), torch.randn(2, 6, 5, 4, dtype=torch.float64)

    def conv(layer: nn.Module, x: Tensor) -> Tensor:
        return F.conv2d(x, layer.weight, layer.bias, padding=layer.weight.shape[2] // 2)

    def act(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.2 * x)

    first = act(conv(block.refine[0], x) + x)
    second = act(conv(block.refine[1], first) + first)
    third = act(conv(block.refine[2], second) + second)
    aside = [act(conv(keep, y)) for keep, y in zip(block.keep, (x, first, second), strict=True)]
    aside.append(act(conv(block.last, third)))
    assert [maps.shape[1] for maps in aside] == [3, 3, 3, 3]
    torch.testing.assert_close(block(x), x + 0.2 * conv(block.fuse, torch.cat(aside, 1)))


def test_the_branch_is_fused_with_the_trunk_and_added_to_the_first_features() -> None:
    module, x = SMALL.build(pairs(2)).double(), torch.randn(1, 3, 6, 6, dtype=torch.float64)
    first = module.first(x)
    both = torch.cat([module.trunk_end(module.trunk(first)), module.branch(first)], 1)
    torch.testing.assert_close(module.features(x), first + F.conv2d(both, module.fuse.weight, module.fuse.bias))


def test_dense_weights_start_a_tenth_of_he_and_blocks_near_the_identity() -> None:
    dense = Dense(64, 32)
    for layer in (*dense.grow, dense.last):
        weight = layer.weight.detach()
        expected = 0.1 * math.sqrt(2 / (1 + LEAK**2) / weight[0].numel())
        assert float(weight.std()) == pytest.approx(expected, rel=0.05)
        assert not layer.bias.any()
    x = torch.randn(2, 64, 8, 8)
    for kind in (lambda: Dense(64, 32), lambda: Distilling(64)):
        assert size(kind()(x) - x) < 0.03
        assert size(Nested(kind)(x) - LIFT * x) < 0.03


@pytest.mark.parametrize(("blocks", "branch"), [(1, 0), (12, 6), (23, 0)])
def test_features_start_equally_strong_in_short_and_in_deep_networks(blocks: int, branch: int) -> None:
    module = replace(SMALL, width=32, blocks=blocks, branch=branch).build(pairs(2))
    x = pictures(2, 3, 12, 12)
    assert size(module.features(x)) / size(module.first(x)) == pytest.approx(math.sqrt(2), rel=0.2)


def test_names_in_checkpoints_are_readable() -> None:
    names = SMALL.build(pairs(4)).state_dict()
    for name in [
        "first.weight",
        "trunk.0.block1.grow.0.weight",
        "trunk.0.block3.last.bias",
        "trunk_end.weight",
        "branch.0.block2.keep.2.weight",
        "branch.0.block2.refine.0.weight",
        "fuse.weight",
        "tail.up1.conv.weight",
        "tail.up2.conv.weight",
        "tail.fine.bias",
        "tail.last.weight",
    ]:
        assert name in names


def test_the_same_weights_work_at_every_size_and_given_channels_may_be_others() -> None:
    part = replace(SMALL, upsampling="shuffle", base="none")
    module, other = part.build(pairs(3, names="ab", given="vwxyz")), part.build(pairs(3, 20, names="ab", given="vwxyz"))
    other.load_state_dict(module.state_dict(), strict=True)
    assert other(pictures(2, 5, 4, 7)).shape == (2, 2, 12, 21)


# A bounded output.


def test_a_bound_lets_gradients_in_and_not_out() -> None:
    x = torch.tensor([-3.0, -3.0, -0.5, 0.5, 3.0, 3.0], requires_grad=True)
    pull = torch.tensor([-1.0, 2.0, -1.0, 2.0, -1.0, 2.0])  # the gradient; a step goes against it
    y = bounded(x)
    assert y.tolist() == [-1.0, -1.0, -0.5, 0.5, 1.0, 1.0]
    (gradient,) = torch.autograd.grad(y, x, pull)
    assert gradient.tolist() == [-1.0, 0.0, -1.0, 2.0, 0.0, 2.0]


def descended(start: float, bound: Callable[[Tensor], Tensor], loss: Callable[[Tensor], Tensor]) -> float:
    x = torch.tensor(start, requires_grad=True)
    for _ in range(200):
        (gradient,) = torch.autograd.grad(loss(bound(x)), x)
        x = (x - 0.05 * gradient).detach().requires_grad_()
    return float(x.detach())


def test_a_value_outside_comes_back_where_a_plain_cut_keeps_it() -> None:
    def distance(y: Tensor) -> Tensor:
        return (y - 0.5).square()

    assert descended(3.0, bounded, distance) == pytest.approx(0.5, abs=1e-3)
    assert descended(3.0, lambda x: x.clamp(-1, 1), distance) == 3.0


def test_a_critic_that_likes_white_does_not_drive_values_outwards_for_ever() -> None:
    def likes_white(y: Tensor) -> Tensor:
        return -y

    assert descended(0.0, bounded, likes_white) < 1.1
    assert descended(0.0, lambda x: x + (x.clamp(-1, 1) - x).detach(), likes_white) > 5.0  # all gradients passed on


def test_bounds_are_differentiable_twice() -> None:
    x = (torch.rand(8, dtype=torch.float64) * 1.8 - 0.9).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: bounded(x) ** 3, (x,))


def test_without_bounds_samples_may_leave_the_range() -> None:
    x = pictures(1, 3, 6, 6).sign()
    bound, free = (replace(SMALL, bounded=choice).build(pairs(2))(x) for choice in (True, False))
    assert (free.abs() > 1.0).any()
    torch.testing.assert_close(bound, free.clamp(-1, 1))


# What it cannot be built for.


def faults(part: RrdbGenerator, kind: Space) -> list[str]:
    found = list(part.faults(kind))
    if found:
        with pytest.raises(SpecError, match="RrdbGenerator"):
            part.build(kind)
    return found


def test_sizes_that_do_not_fit_are_refused_in_words() -> None:
    assert faults(SMALL, pairs(2)) == faults(SMALL, pairs(4)) == []
    (fault,) = faults(SMALL, replace(pairs(2), given=None))
    assert "come without" in fault
    for wrong in (replace(pairs(2), width=13), replace(pairs(2), height=13), pairs(1), pairs(5), pairs(8)):
        (fault,) = faults(SMALL, wrong)
        assert "both sides must be 2, 3 or 4 times as long" in fault
    (fault,) = faults(SMALL, pairs(3))
    assert fault == 'nearest up-sampling doubles, so it cannot make x3: set generator.upsampling to "shuffle"'
    assert faults(replace(SMALL, upsampling="shuffle"), pairs(3)) == []


def test_a_base_needs_the_same_channels_in_the_same_range() -> None:
    (fault,) = faults(SMALL, pairs(2, names="rg", given="gr"))
    assert fault == 'g, r cannot be the bicubic base of r, g: set generator.base to "none"'
    kind = pairs(2)
    assert kind.given is not None
    wider = replace(kind.given, channels=(Channel("r", 0, 300), *kind.given.channels[1:]))
    (fault,) = faults(SMALL, replace(kind, given=wider))
    assert fault.startswith("r is given from 0 to 300 and wanted from 0 to 255")
    assert faults(replace(SMALL, base="none"), replace(kind, given=wider)) == []


def test_classes_are_refused_but_may_be_given() -> None:
    cover = Channel("cover", 0, 2, "categorical", classes=tuple(Class(at, str(at), (0, 0, 0)) for at in range(3)))
    part, kind = replace(SMALL, base="none"), pairs(2)
    assert kind.given is not None
    (fault,) = faults(part, replace(kind, channels=(cover,)))
    assert "numbers, not classes" in fault
    given = replace(kind.given, channels=(cover, Channel("height")))
    assert part.build(replace(kind, given=given))(pictures(1, 4, 6, 6)).shape == (1, 3, 12, 12)


def test_nothing_is_drawn_so_its_latent_is_fixed() -> None:
    assert RrdbGenerator.takes == ("given",)
    with pytest.raises(SpecError, match="latent: is 64; it must be at least 1 and at most 1"):
        RrdbGenerator(latent=64)


def test_a_wider_trunk_has_more_weights() -> None:
    sizes = [sum(w.numel() for w in replace(SMALL, blocks=n).build(pairs(2)).parameters()) for n in (1, 2, 3)]
    assert len({after - before for before, after in pairwise(sizes)}) == 1
