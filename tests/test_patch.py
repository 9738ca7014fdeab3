"""Critics of super-resolution: what a local score sees, and what is made of many."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks import PatchCritic
from equipoise.networks.patch import PatchJudge, UnetJudge
from equipoise.space import Channel, Space
from equipoise.spec import SpecError


def space(height: int, width: int | None = None, channels: int = 2) -> Space:
    return Space(tuple(Channel(str(at)) for at in range(channels)), height, width or height)


UNET, PATCH = PatchCritic(width=4), PatchCritic(shape="patch", width=4)


@pytest.mark.parametrize(("part", "places"), [(UNET, (24, 40)), (PATCH, (3, 5))], ids=str)
def test_a_score_is_the_mean_of_local_scores(part: PatchCritic, places: tuple[int, int]) -> None:
    module = part.build(space(24, 40)).eval()
    assert isinstance(module, UnetJudge | PatchJudge)
    x = torch.randn(3, 2, 24, 40)
    local = module.head.local(module.features(x))
    assert local.shape == (3, *places)
    torch.testing.assert_close(module(x), local.mean((1, 2)))


def test_a_patch_is_54_pixels() -> None:
    """By the slope of one local score in the middle of a picture of 128."""
    module = PATCH.build(space(128)).double().eval()
    assert isinstance(module, PatchJudge)
    x = torch.randn(1, 2, 128, 128, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(module.head.local(module.features(x))[0, 8, 8], x)
    seen = slope[0].abs().amax(0)
    assert [int((seen.amax(along) > 0).sum()) for along in (0, 1)] == [54, 54]


def test_the_unet_is_real_esrgans() -> None:
    """Wang et al. 2021, layer by layer, with the weights as spectral norm has them."""
    module = UNET.build(space(16)).double().eval()
    assert isinstance(module, UnetJudge)

    def step(layer: nn.Module, x: Tensor, stride: int = 1) -> Tensor:
        return F.leaky_relu(F.conv2d(x, layer.kernel(), layer.bias, stride, 1), 0.2)

    def doubled(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    x = torch.randn(2, 2, 16, 16, dtype=torch.float64)
    a = step(module.first, x)
    b = step(module.down[0], a, 2)
    c = step(module.down[1], b, 2)
    d = step(module.down[2], c, 2)
    y = step(module.up[0], doubled(d)) + c
    y = step(module.up[1], doubled(y)) + b
    y = step(module.up[2], doubled(y)) + a
    y = step(module.fine[1], step(module.fine[0], y))
    local = F.conv2d(y, module.head.conv.weight, module.head.conv.bias, padding=1)
    assert [maps.shape[1] for maps in (a, b, c, d)] == [4, 8, 16, 32]
    torch.testing.assert_close(module(x), local.mean((1, 2, 3)))


@pytest.mark.parametrize("part", [UNET, PATCH], ids=str)
def test_the_same_weights_judge_any_size(part: PatchCritic) -> None:
    module, other = part.build(space(16)), part.build(space(8, 24))
    other.load_state_dict(module.state_dict(), strict=True)
    assert other(torch.randn(3, 2, 8, 24)).shape == (3,)


@pytest.mark.parametrize("part", [UNET, PATCH], ids=str)
def test_sides_that_cannot_be_halved_three_times_are_refused_in_words(part: PatchCritic) -> None:
    assert list(part.faults(space(8, 520))) == []
    (fault,) = part.faults(space(20, 64))
    assert fault == (
        "the samples are 20x64; both sides must be divisible by 8: crop or pad them, for instance to 24x64"
    )
    with pytest.raises(SpecError, match="PatchCritic: the samples are 1x1"):
        part.build(space(1))


def test_every_layer_but_the_first_and_the_last_has_spectral_norm() -> None:
    for part, normed in ((UNET, 8), (PATCH, 3)):
        names = part.build(space(16)).state_dict()
        assert sum(name.endswith("spectral.left") for name in names) == normed
        assert not any(name.startswith(("first.", "layers.first.", "head.")) and "spectral" in name for name in names)
