"""Augmentations: exact where they promise it, right against slow twins, and usable inside a gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from equipoise.augment import ColourJitter, Cutout, Flip, Noise, QuarterTurns, Rotate, Scale, Translate, apply, move
from equipoise.recipe import Augment, Operation
from equipoise.spec import SpecError, decode, encode

EVERY = (
    Flip(horizontal=0.5, vertical=0.5),
    Translate(horizontal=0.25, vertical=0.25),
    Rotate(degrees=30.0),
    Scale(reach=0.2),
    ColourJitter(),
    Noise(sigma=0.1),
    QuarterTurns(),
    Cutout(),
)
IDLE = (
    Flip(horizontal=0.0),
    Translate(horizontal=0.0, vertical=0.0),
    Rotate(degrees=0.0),
    Scale(reach=0.0),
    ColourJitter(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0),
    Noise(sigma=0.0),
    Cutout(share=0.0),
)


def noise(*shape: int, **options: Any) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3), **options) * 2 - 1


def smooth(height: int, width: int) -> Tensor:
    """[1, 1, height, width]: one period of a tilted wave, which interpolation follows closely."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.sin(math.tau * (x + 0.3 * y))[None, None]


@pytest.mark.parametrize("operation", IDLE, ids=lambda each: type(each).__name__)
def test_with_nothing_to_do_the_very_same_tensor_comes_back_and_no_number_is_drawn(operation: Operation) -> None:
    samples, before = noise(4, 3, 8, 8), torch.get_rng_state()
    assert operation(samples) is samples
    assert apply((operation,), samples) is samples
    assert torch.equal(torch.get_rng_state(), before)


def test_idle_moves_do_not_make_a_flip_a_resampling() -> None:
    samples = noise(64, 2, 5, 7)
    torch.manual_seed(0)
    result = apply((Rotate(degrees=0.0), Flip(), Scale(reach=0.0)), samples)
    same = (result == samples).flatten(1).all(1)
    mirrored = (result == samples.flip(3)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert 10 < mirrored.sum() < 54


@pytest.mark.parametrize("operation", EVERY, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_shape_and_kind_of_numbers_stay_and_each_sample_is_changed_its_own_way(
    operation: Operation, channels: int
) -> None:
    torch.manual_seed(0)
    one = noise(1, channels, 12, 9)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        samples = one.to(dtype).repeat(16, 1, 1, 1)
        result = operation(samples)
        assert result.shape == samples.shape
        assert result.dtype == dtype
        assert len(result.flatten(1).unique(dim=0)) >= 2


@pytest.mark.parametrize("operation", EVERY, ids=lambda each: type(each).__name__)
def test_the_same_seed_draws_the_same_changes(operation: Operation) -> None:
    samples = noise(6, 3, 8, 8)
    results = [(torch.manual_seed(5), operation(samples))[1] for _ in range(2)]
    assert torch.equal(*results)


@pytest.mark.parametrize(
    "operation",
    [*EVERY[:4], ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.3, keep_range=False), *EVERY[5:]],
    ids=lambda each: type(each).__name__,
)
def test_first_and_second_derivatives_are_right(operation: Operation) -> None:
    samples = noise(2, 3, 4, 5, dtype=torch.float64).requires_grad_()

    def repeatable(inputs: Tensor) -> Tensor:
        torch.manual_seed(1)
        return operation(inputs).square()  # squared, or there would be no second derivative

    assert torch.autograd.gradcheck(repeatable, samples, fast_mode=True)
    assert torch.autograd.gradgradcheck(repeatable, samples, fast_mode=True)


@pytest.mark.parametrize("operation", EVERY[:5], ids=lambda each: type(each).__name__)
def test_autocast_outside_changes_no_bit(operation: Operation) -> None:
    samples = noise(4, 3, 32, 32)
    torch.manual_seed(2)
    plain = apply((operation, *EVERY[:4]), samples)
    torch.manual_seed(2)
    with torch.autocast("cpu", torch.bfloat16):
        inside = apply((operation, *EVERY[:4]), samples)
    assert torch.equal(plain, inside)


# Moves


@pytest.mark.parametrize(("settings", "axis"), [({}, 3), ({"horizontal": 0.0, "vertical": 1.0}, 2)])
def test_flips_are_bit_exact(settings: dict[str, float], axis: int) -> None:
    samples = noise(64, 3, 6, 7)
    torch.manual_seed(0)
    result = Flip(**settings)(samples)
    mirrored = (result == samples.flip(axis)).flatten(1).all(1)
    same = (result == samples).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert mirrored.float().mean() == (1.0 if axis == 2 else pytest.approx(0.5, abs=0.2))


@pytest.mark.parametrize("padding", ["border", "reflection", "zeros"])
def test_whole_pixel_shifts_copy_pixels_and_pad_as_asked(padding: Any) -> None:
    samples = noise(40, 2, 6, 8)
    operation = Translate(horizontal=0.5, vertical=0.5, padding=padding)
    torch.manual_seed(4)
    result = operation(samples)
    modes = {"border": "edge", "reflection": "symmetric", "zeros": "constant"}
    padded = _padded(samples, modes[padding])
    seen = set()
    for picture, wide in zip(result, padded, strict=True):
        fits = [
            (down, right)
            for down in range(-3, 4)
            for right in range(-4, 5)
            if torch.equal(picture, wide[:, 6 - down : 12 - down, 8 - right : 16 - right])
        ]
        assert len(fits) == 1
        seen.update(fits)
    assert len(seen) > 20
    assert min(down for down, _ in seen) == -3
    assert max(right for _, right in seen) == 4


def _padded(samples: Tensor, mode: Any) -> Tensor:
    _, _, height, width = samples.shape
    return torch.from_numpy(np.pad(samples.numpy(), ((0, 0), (0, 0), (height, height), (width, width)), mode=mode))


@pytest.mark.parametrize("padding", ["border", "reflection", "zeros"])
def test_a_shift_inside_a_warp_is_the_shift_alone(padding: Any) -> None:
    samples = noise(20, 2, 8, 12)
    shift = Translate(horizontal=0.5, vertical=0.25, padding=padding)
    torch.manual_seed(9)
    alone = shift(samples)
    torch.manual_seed(9)
    warped = apply((shift, Rotate(degrees=1e-9, padding=padding)), samples)
    torch.testing.assert_close(warped, alone, atol=2e-5, rtol=0)


def test_rotation_turns_a_picture_that_is_not_square_without_stretching_it() -> None:
    """A far-off-centre dot keeps its distance from the centre, in pixels."""
    samples = torch.zeros(30, 1, 41, 81)
    samples[:, :, 18:23, 55:60] = 1.0
    torch.manual_seed(0)
    result = Rotate(degrees=60.0, padding="zeros")(samples)
    weights = result / result.sum((2, 3), keepdim=True)
    y = (weights * torch.arange(-20.0, 21.0)[:, None]).sum((1, 2, 3))
    x = (weights * torch.arange(-40.0, 41.0)).sum((1, 2, 3))
    torch.testing.assert_close(torch.hypot(x, y), torch.full((30,), 17.0), atol=0.05, rtol=0)
    angles = torch.atan2(y, x) * 180 / math.pi
    assert angles.abs().max() <= 60.1
    assert angles.min() < -30
    assert angles.max() > 30


def test_scaling_keeps_between_its_bounds_and_is_even_in_the_logarithm() -> None:
    samples = torch.zeros(200, 1, 33, 33)
    samples[:, :, 12:21, 12:21] = 1.0
    torch.manual_seed(0)
    factors = (Scale(reach=0.5, padding="zeros")(samples).sum((1, 2, 3)) / 81).sqrt()
    assert factors.min() > 1 / 1.5 - 0.03
    assert factors.max() < 1.5 + 0.03
    assert abs(factors.log().mean()) < 0.05


def test_adjacent_moves_are_one_warp_equal_to_the_moves_one_by_one() -> None:
    samples = smooth(64, 96).repeat(8, 1, 1, 1)
    moves = (Flip(vertical=0.5), Rotate(degrees=20.0), Scale(reach=0.2), Translate())
    torch.manual_seed(6)
    fused = apply(moves, samples)
    torch.manual_seed(6)
    one_by_one = samples
    for each in moves:
        one_by_one = each(one_by_one)
    middle = (..., slice(20, 44), slice(30, 66))  # away from what is padded
    torch.testing.assert_close(fused[middle], one_by_one[middle], atol=0.01, rtol=0)


def test_one_warp_blurs_less_than_several() -> None:
    samples = noise(16, 1, 32, 32)
    moves = (Rotate(degrees=10.0), Rotate(degrees=10.0), Rotate(degrees=10.0))
    torch.manual_seed(6)
    fused = apply(moves, samples)
    torch.manual_seed(6)
    one_by_one = samples
    for each in moves:
        one_by_one = each(one_by_one)
    assert fused.std() > 1.3 * one_by_one.std()


def test_moves_that_pad_differently_stay_apart() -> None:
    ones = torch.ones(32, 1, 16, 16)
    torch.manual_seed(0)
    result = apply((Rotate(degrees=40.0, padding="zeros"), Scale(reach=0.2, padding="border")), ones)
    assert (result[:, 0, 0, 0] < 0.5).any()
    torch.manual_seed(0)
    result = apply((Rotate(degrees=40.0, padding="border"), Scale(reach=0.2, padding="border")), ones)
    torch.testing.assert_close(result, ones)


def test_points_pass_through_moves() -> None:
    points = noise(5, 2, 1, 1)
    torch.manual_seed(0)
    torch.testing.assert_close(apply(EVERY[:4], points), points)


# Colours


def test_brightness_multiplies_the_height_above_minus_one() -> None:
    torch.manual_seed(0)
    samples = noise(100, 2, 4, 4)
    factors = (_jitter(brightness=0.3)(samples) + 1) / (samples + 1)
    per_sample = factors.flatten(1)
    torch.testing.assert_close(per_sample, per_sample[:, :1].expand_as(per_sample), rtol=1e-3, atol=1e-3)
    assert 0.7 <= per_sample.min() < 0.75
    assert 1.25 < per_sample.max() <= 1.3 + 1e-3


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_contrast_keeps_the_mean_grey_and_stretches_around_it(channels: int) -> None:
    torch.manual_seed(0)
    samples = noise(100, channels, 6, 6)
    result = _jitter(contrast=0.3)(samples)
    torch.testing.assert_close(_mean_grey(result), _mean_grey(samples), atol=1e-5, rtol=0)
    stretch = result.flatten(1).std(1) / samples.flatten(1).std(1)
    assert 0.7 - 1e-4 <= stretch.min() < 0.75
    assert 1.25 < stretch.max() <= 1.3 + 1e-4


def test_saturation_leaves_grey_alone_and_keeps_every_pixels_luma() -> None:
    torch.manual_seed(0)
    grey, coloured = noise(8, 1, 4, 4).expand(8, 3, 4, 4), noise(8, 3, 4, 4)
    torch.testing.assert_close(_jitter(saturation=0.5)(grey), grey)
    result = _jitter(saturation=0.5)(coloured)
    torch.testing.assert_close(_luma(result), _luma(coloured))
    assert (result - coloured).abs().max() > 0.1


def test_hue_leaves_grey_and_mean_alone_and_a_third_of_a_turn_makes_red_green(monkeypatch: pytest.MonkeyPatch) -> None:
    grey, coloured = noise(8, 1, 4, 4).expand(8, 3, 4, 4), noise(8, 3, 4, 4)
    torch.manual_seed(0)
    torch.testing.assert_close(_jitter(hue=0.5)(grey), grey)
    torch.testing.assert_close(_jitter(hue=0.5)(coloured).mean(1), coloured.mean(1))
    monkeypatch.setattr(torch, "rand", torch.ones)  # the largest turn
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    green = torch.tensor([-1.0, 1.0, -1.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(_jitter(hue=1 / 3)(red), green)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_saturation_and_hue_leave_other_channel_counts_alone(channels: int) -> None:
    samples = noise(3, channels, 4, 4)
    assert _jitter(saturation=0.5, hue=0.5)(samples) is samples


def test_values_stay_in_minus_one_to_one_when_asked_and_never_in_zero_to_one() -> None:
    samples = noise(64, 3, 8, 8)
    torch.manual_seed(0)
    kept = ColourJitter(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1)(samples)
    torch.manual_seed(0)
    free = ColourJitter(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1, keep_range=False)(samples)
    assert kept.min() == -1.0
    assert kept.max() == 1.0
    assert free.max() > 1.2
    assert torch.equal(kept, free.clamp(-1.0, 1.0))


def test_noise_has_its_deviation_and_no_mean() -> None:
    torch.manual_seed(0)
    samples = noise(64, 3, 16, 16)
    added = Noise(sigma=0.2)(samples) - samples
    assert added.std().item() == pytest.approx(0.2, rel=0.02)
    assert abs(added.mean().item()) < 0.005


# As settings


def test_every_operation_says_where_it_is_valid_and_survives_json() -> None:
    augment = Augment(EVERY, applies_to="both")
    assert decode(encode(augment), Augment) == augment
    assert all(type(each).valid_for for each in EVERY)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Flip, {"horizontal": 1.2}),
        (Rotate, {"degrees": -1.0}),
        (Translate, {"vertical": 0.6}),
        (Rotate, {"padding": "x"}),
    ],
)
def test_impossible_settings_are_refused(kind: type[Operation], settings: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=next(iter(settings))):
        kind(**settings)


def _jitter(brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0, hue: float = 0.0) -> ColourJitter:
    return ColourJitter(brightness, contrast, saturation, hue, keep_range=False)


def _luma(samples: Tensor) -> Tensor:
    return (samples * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)


def _mean_grey(samples: Tensor) -> Tensor:
    return _luma(samples).mean((1, 2)) if samples.shape[1] == 3 else samples.mean((1, 2, 3))


# Turns, holes, and changes that are made to some samples only


def test_quarter_turns_are_all_four_and_exact() -> None:
    torch.manual_seed(0)
    sample = noise(1, 2, 6, 6)
    result = QuarterTurns()(sample.repeat(400, 1, 1, 1))
    shares = [(result == sample.rot90(turns, (2, 3))).flatten(1).all(1).float().mean().item() for turns in range(4)]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == pytest.approx([0.25] * 4, abs=0.07)
    upright = QuarterTurns()(noise(1, 2, 6, 4).repeat(64, 1, 1, 1))
    assert len(upright.flatten(1).unique(dim=0)) == 2


def test_quarter_turns_as_maps_turn_as_they_do_by_copying() -> None:
    samples = noise(32, 1, 8, 8)
    torch.manual_seed(1)
    copied = QuarterTurns()(samples)
    torch.manual_seed(1)
    mapped = move((QuarterTurns(), Scale(reach=1e-9)), samples)
    torch.testing.assert_close(mapped, copied, atol=1e-4, rtol=0)


def test_a_hole_is_as_large_as_it_says_and_lies_anywhere() -> None:
    torch.manual_seed(0)
    result = Cutout(share=0.5)(torch.ones(2000, 1, 16, 16))
    holes = (result == 0).float()
    assert holes.flatten(1).sum(1).max() == 64
    assert holes.mean(0).min() > 0.05
    assert holes.mean(0)[0, 8, 8] == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("operation", EVERY, ids=lambda each: type(each).__name__)
def test_some_samples_are_changed_and_the_others_are_the_same_bit_for_bit(operation: Operation) -> None:
    torch.manual_seed(0)
    samples = noise(1, 3, 8, 8).repeat(400, 1, 1, 1)
    always = (operation(samples) == samples).flatten(1).all(1).float().mean().item()
    sometimes = (apply((operation,), samples, 0.3) == samples).flatten(1).all(1).float().mean().item()
    if operation not in (Rotate(degrees=30.0), Scale(reach=0.2)):  # these interpolate, which rounds even by nothing
        assert sometimes == pytest.approx(0.7 + 0.3 * always, abs=0.08)
    assert apply((operation,), samples, 0.0) is samples


def test_each_operation_has_its_own_chance() -> None:
    torch.manual_seed(0)
    samples = noise(1, 1, 8, 8).repeat(4000, 1, 1, 1)
    flips = (Flip(horizontal=1.0), Flip(horizontal=0.0, vertical=1.0))
    result = apply(flips, samples, 0.5)
    both = (result == samples.flip(2, 3)).flatten(1).all(1).float().mean().item()
    assert both == pytest.approx(0.25, abs=0.04)
