"""The further measures: against libraries and slow twins, and each moved by the fault that it is for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr, wasserstein_distance
from torch import Tensor

from equipoise.measures import conditions, encoder, levels, marginals, pairs, traits, two_samples
from equipoise.measures.reading import Reading
from equipoise.measures.standard import Invalid
from equipoise.measures.wider import wider
from equipoise.space import Channel, Class, Space


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scenes(count: int = 64, channels: int = 3, side: int = 32, seed: int = 0) -> Tensor:
    """Smooth random pictures in [-1, 1] with details of all sizes, as photographs have."""
    total = torch.zeros(count, channels, side, side)
    for level, size in enumerate((4, 8, 16, 32)):
        part = noise(count, channels, size, size, seed=seed + 1000 * level) / 2**level
        total = total + F.interpolate(part, size=(side, side), mode="bicubic", align_corners=False)
    return (total / 2.5).clamp(-1, 1)


# Pairs


def test_psnr_and_spectral_angle_are_a_librarys() -> None:
    from torchmetrics.functional.image import peak_signal_noise_ratio, spectral_angle_mapper

    a, b = scenes(4) / 2 + 0.5, scenes(4, seed=9) / 2 + 0.5
    for at in range(4):
        whole = peak_signal_noise_ratio(a[at : at + 1], b[at : at + 1], data_range=1.0)
        assert pairs.psnr(a, b, 1.0)[at].item() == pytest.approx(whole.item(), abs=1e-4)
        angle = spectral_angle_mapper(a[at : at + 1] + 0.01, b[at : at + 1] + 0.01)
        assert pairs.spectral_angle(a + 0.01, b + 0.01)[at].item() == pytest.approx(angle.item(), abs=1e-4)


def test_ssim_is_its_formula_at_every_place() -> None:
    a, b = scenes(1, 2, 14)[0].double(), scenes(1, 2, 14, seed=5)[0].double()
    places = torch.arange(11) - 5
    line = torch.exp(-(places.double() ** 2) / (2 * 1.5**2))
    window = line[:, None] * line / line.sum() ** 2
    found = []
    for channel in range(2):
        for row in range(4):
            for column in range(4):
                x, y = (part[channel, row : row + 11, column : column + 11] for part in (a, b))
                x, y = (x + 1) / 2, (y + 1) / 2  # the formula is for intensities from 0
                mx, my = (window * x).sum(), (window * y).sum()
                vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
                xy = (window * (x - mx) * (y - my)).sum()
                c1, c2 = 0.01**2, 0.03**2
                found.append((2 * mx * my + c1) * (2 * xy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    assert pairs.ssim(a[None], b[None]).item() == pytest.approx(torch.stack(found).mean().item(), abs=1e-9)


def test_ms_ssim_is_a_librarys_where_that_has_a_number() -> None:
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    a = scenes(2, 1, 192) / 2 + 0.5
    b = (a + 0.1 * noise(2, 1, 192, 192)).clamp(0, 1)
    whole = multiscale_structural_similarity_index_measure(a, b, data_range=1.0, normalize=None)
    assert pairs.ms_ssim(a, b, 1.0, 0.0).mean().item() == pytest.approx(whole.item(), abs=5e-3)


@pytest.mark.parametrize("measure", [pairs.ssim, pairs.ms_ssim])
def test_similarity_is_the_same_in_any_unit(measure: Callable[..., Tensor]) -> None:
    """About mid-grey too, where a zero in the middle of the range would be no light at all."""
    a = 0.2 * noise(2, 3, 24, 24)
    b = a + 0.04
    found = measure(a, b)
    torch.testing.assert_close(found, measure((a + 1) / 2, (b + 1) / 2, 1.0, 0.0))
    assert (found > 0.99).all()


def test_equal_samples_are_alike_and_small_ones_have_a_number_too() -> None:
    a = scenes(3, 3, 16)
    for measure in (pairs.ssim, pairs.ms_ssim):
        torch.testing.assert_close(measure(a, a), torch.ones(3))
        assert (measure(a, scenes(3, 3, 16, seed=4)) < 0.9).all()
    with pytest.raises(ValueError, match="hold no window"):
        pairs.ssim(a[..., :10], a[..., :10])


# Traits: each fault moves its own trait, and the more the farther


def moved(real: Tensor, fake: Tensor) -> dict[str, float]:
    return traits.drift(traits.traits(real), traits.traits(fake))


def checkerboard(samples: Tensor, amount: float) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(samples.shape[2]), torch.arange(samples.shape[3]), indexing="ij")
    return samples + amount * ((rows + columns) % 2 * 2.0 - 1.0)


def blocks(samples: Tensor, amount: float) -> Tensor:
    return samples.lerp(F.interpolate(F.avg_pool2d(samples, 4), scale_factor=4, mode="nearest"), amount)


def stripes(samples: Tensor, amount: float) -> Tensor:
    return samples + amount * noise(len(samples), 1, samples.shape[2], 1, seed=3)


def star(samples: Tensor, amount: float) -> Tensor:
    """Blurred along the diagonals but not along rows and columns: details of the axes remain."""
    kernel = torch.eye(5) + torch.eye(5).flip(1)
    weight = (kernel / kernel.sum()).expand(samples.shape[1], 1, 5, 5)
    blurred = F.conv2d(F.pad(samples, (2, 2, 2, 2), mode="reflect"), weight, groups=samples.shape[1])
    return samples.lerp(blurred, amount)


FAULTS = {
    "checkerboard": (checkerboard, (0.02, 0.1, 0.3), 3.0),
    "blocks": (blocks, (0.3, 0.6, 0.9), 2.0),
    "stripes": (stripes, (0.1, 0.3, 0.9), 0.1),
    "flat": (lambda samples, amount: samples * (1 - amount), (0.5, 0.9, 0.99), 0.05),
    "clipped": (lambda samples, amount: (samples * (1 + amount)).clamp(-1, 1), (0.3, 1.0, 5.0), 0.02),
    "level": (lambda samples, amount: samples - amount, (0.1, 0.3, 0.9), -0.05),
    "contrast": (lambda samples, amount: samples * (1 - amount), (0.2, 0.5, 0.9), -0.02),
    "colour": (lambda samples, amount: samples.lerp(samples.mean(1, keepdim=True), amount), (0.2, 0.6, 1.0), -0.02),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_moves_its_trait_and_the_more_the_farther(name: str) -> None:
    damage, amounts, least = FAULTS[name]
    real, other = scenes(), scenes(seed=50)
    path = [moved(real, damage(other, amount))[name] for amount in (0.0, *amounts)]
    sign = math.copysign(1.0, least)
    assert abs(path[0]) < abs(least), "other samples of the same kind do not move it"
    assert all(sign * later > sign * earlier for earlier, later in itertools.pairwise(path)), path
    assert sign * path[-1] > sign * least


def test_a_blur_along_the_diagonals_is_a_star() -> None:
    real, other = scenes(), scenes(seed=50)
    path = [abs(moved(real, star(other, amount))["star"] - moved(real, other)["star"]) for amount in (0.0, 0.5, 1.0)]
    assert path[0] < path[1] < path[2]
    assert path[2] > 0.5


def test_a_checkerboard_is_no_star_and_a_level_no_contrast() -> None:
    real, other = scenes(), scenes(seed=50)
    usual = moved(real, other)
    by_checkerboard, by_level = moved(real, checkerboard(other, 0.1)), moved(real, other * 0.5 - 0.3)
    assert by_checkerboard["star"] == pytest.approx(usual["star"], abs=0.2)
    assert by_checkerboard["level"] == pytest.approx(usual["level"], abs=0.01)
    assert by_level["checkerboard"] == pytest.approx(usual["checkerboard"], abs=0.2)


# Levels, bins, a classifier, marginals


def test_the_pyramid_is_the_sample_again() -> None:
    samples = scenes(2, 3, 64)
    parts = levels.pyramid(samples)
    assert [part.shape[2] for part in parts] == [64, 32, 16]
    total = parts[-1]
    for part in parts[-2::-1]:
        total = part + F.interpolate(total, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(total, samples)


def test_noise_is_seen_at_the_finest_level_and_a_shift_at_the_coarsest() -> None:
    real, other = scenes(128, 3, 64), scenes(128, 3, 64, seed=50)

    def distances(fake: Tensor) -> list[float]:
        both = zip(levels.pyramid(real), levels.pyramid(fake), strict=True)
        return [levels.distance(levels.projected(a, at), levels.projected(b, at)) for at, (a, b) in enumerate(both)]

    usual, noisy, shifted = distances(other), distances(other + 0.2 * noise(*other.shape)), distances(other + 0.3)
    of_noise = [a / b for a, b in zip(noisy, usual, strict=True)]
    of_shift = [a / b for a, b in zip(shifted, usual, strict=True)]
    assert of_noise[0] > 2.0 > of_noise[2]
    assert of_shift[2] > 2.0
    assert of_shift[0] == pytest.approx(1.0, abs=1e-3)


def test_a_classifier_is_at_chance_for_equal_sets_and_right_for_others() -> None:
    assert two_samples.classifier_accuracy(noise(800, 5), noise(800, 5, seed=1)) == pytest.approx(0.5, abs=0.06)
    accuracies = [two_samples.classifier_accuracy(noise(800, 5), noise(800, 5, seed=1) + by) for by in (0.2, 0.5, 1.5)]
    assert accuracies == sorted(accuracies)
    assert accuracies[-1] > 0.93


def test_bins_are_those_of_chance_for_equal_sets_and_lost_modes_empty_them() -> None:
    def spots(count: int, modes: int, seed: int) -> Tensor:
        source = torch.Generator().manual_seed(seed)
        centres = 10 * noise(10, 4, seed=77)
        return centres[torch.randint(modes, (count,), generator=source)] + torch.randn(count, 4, generator=source)

    real = spots(600, 10, 0)
    shares = []
    for modes in (10, 8, 4):
        of_real, of_fake = two_samples.binned(real, spots(600, modes, 1))
        shares.append(two_samples.different_bins(of_real, of_fake))
    assert shares[0] <= 0.15
    assert shares[0] < shares[1] < shares[2]


def test_a_proportion_test_is_a_librarys() -> None:
    from scipy.stats import chi2_contingency

    source = torch.Generator().manual_seed(0)
    real, fake = torch.randint(6, (300, 1), generator=source), torch.randint(6, (300, 1), generator=source) % 5
    differ = [
        chi2_contingency([[(a == n).sum(), (a != n).sum()] for a in (real, fake)], correction=False).pvalue < 0.05
        for n in range(6)
    ]
    assert two_samples.different_bins(real, fake) == pytest.approx(np.mean(differ))


def test_marginals_are_wasserstein_on_a_line() -> None:
    real, fake = scenes(40), scenes(40, seed=9) * 0.7 - 0.1
    for channel in range(3):
        a, b = (marginals.values(samples, channel) for samples in (real, fake))
        expected = wasserstein_distance(a.flatten().numpy(), b.flatten().numpy())
        assert marginals.marginal_distance(a, b) == pytest.approx(expected, abs=1e-6)


def test_shares_of_classes() -> None:
    codes = torch.tensor([[[0, 1], [1, 2]], [[1, 1], [1, 1]]])
    samples = torch.cat([torch.rand(2, 1, 2, 2), F.one_hot(codes, 3).permute(0, 3, 1, 2) * 2.0 - 1.0], dim=1)
    shares = marginals.class_shares(samples[:, 1:])
    torch.testing.assert_close(shares, torch.tensor([[1, 2, 1], [0, 4, 0]]) / 4)
    assert marginals.total_variation(shares.mean(0), torch.tensor([0.0, 1.0, 0.0])) == pytest.approx(0.25)


# An encoder


def test_the_loss_of_the_encoder_is_its_formula() -> None:
    first, second = F.normalize(noise(5, 4), dim=1), F.normalize(noise(5, 4, seed=1), dim=1)
    both = [*first, *second]
    total = 0.0
    for at in range(10):
        other = (at + 5) % 10
        others = sum(math.exp(float(both[at] @ both[k]) / encoder.TEMPERATURE) for k in range(10) if k != at)
        total -= math.log(math.exp(float(both[at] @ both[other]) / encoder.TEMPERATURE) / others)
    assert encoder.loss(first, second).item() == pytest.approx(total / 10, rel=1e-4)


def kinds(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Four textures, each shifted by its own amount, and which is which."""
    source = torch.Generator().manual_seed(seed)
    kind = torch.randint(4, (count,), generator=source)
    textures = (noise(4, 1, 16, 16, seed=321) > 0) * 1.0 - 0.5
    shifts = torch.randint(16, (count, 2), generator=source).tolist()
    rolled = [textures[number].roll(shift, (1, 2)) for number, shift in zip(kind.tolist(), shifts, strict=True)]
    return torch.stack(rolled), kind


def test_the_encoder_learns_what_samples_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "STEPS", 120)
    before = torch.get_rng_state()
    encode = encoder.trained(kinds(512, 0)[0])
    assert torch.equal(torch.get_rng_state(), before), "it draws no numbers of the caller's"
    samples, kind = kinds(200, 1)
    by_encoder, by_pixels = (
        (kind[torch.cdist(v, v).fill_diagonal_(torch.inf).argmin(1)] == kind).float().mean().item()
        for v in (encode(samples), samples.flatten(1))
    )
    assert by_encoder > by_pixels + 0.2


@pytest.mark.parametrize("shape", [(16, 1024), (512, 8)])
def test_an_encoder_learns_of_thin_samples_too(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "STEPS", 1)
    samples = noise(64, 1, *shape)
    assert encoder.trained(samples)(samples).isfinite().all()


def test_an_encoder_needs_samples_to_learn_from() -> None:
    with pytest.raises(ValueError, match="63 samples of 16x16 train no encoder"):
        encoder.trained(scenes(63, 3, 16))


# Conditions


def world(count: int, obedience: float, seed: int) -> tuple[Tensor, Tensor]:
    """Conditions, and vectors that follow them as far as they obey."""
    asked = noise(count, 2, seed=seed)
    matrix = noise(2, 12, seed=500)
    return asked, obedience * asked @ matrix + noise(count, 12, seed=seed + 1)


def test_a_probe_reads_obedience() -> None:
    conditions_of_real, real = world(400, 1.0, 0)
    found = []
    for obedience in (0.0, 0.5, 1.0):
        asked, fake = world(400, obedience, 10)
        found.append(conditions.probe(real, conditions_of_real, fake, asked))
    for none, half, whole in zip(*found, strict=True):
        assert none.of_fakes.has_zero
        assert none.of_fakes.mean < half.of_fakes.low < half.of_fakes.high < whole.of_fakes.mean
        assert whole.of_fakes.mean == pytest.approx(whole.of_reals, abs=0.05)
    with pytest.raises(ValueError, match="too few"):
        conditions.probe(real[:19], conditions_of_real[:19], real, conditions_of_real)


def test_spread_is_nothing_for_chance_and_all_for_groups_of_copies() -> None:
    groups = torch.arange(300) % 5
    by_chance = [conditions.spread(noise(300, 8, seed=seed), groups) for seed in range(20)]
    assert np.mean(by_chance) == pytest.approx(0.0, abs=0.01)
    centres = 3 * noise(5, 8, seed=99)
    assert conditions.spread(centres[groups] + 1e-3 * noise(300, 8), groups) == pytest.approx(1.0, abs=1e-3)
    middle = conditions.spread(centres[groups] + 3 * noise(300, 8), groups)
    assert 0.2 < middle < 0.8


def test_ranks_are_a_librarys() -> None:
    a, b = noise(50, 2), noise(50, 3, seed=1).mul(2).round()
    expected = [[spearmanr(a[:, i], b[:, j]).statistic for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(conditions._rank_correlations(a, b).numpy(), expected, atol=1e-6)


def test_trends_agree_disagree_or_are_not_there() -> None:
    asked, traits_of_real = world(400, 2.0, 0)
    _, same = world(400, 2.0, 0)
    assert conditions.trend_agreement(asked, traits_of_real, asked, same) == pytest.approx(1.0)
    assert conditions.trend_agreement(asked, traits_of_real, asked, -same) == pytest.approx(-1.0)
    other_asked, other = world(400, 2.0, 30)
    assert conditions.trend_agreement(asked, traits_of_real, other_asked, other) > 0.9
    assert abs(conditions.trend_agreement(asked, traits_of_real, other_asked, noise(400, 12, seed=3))) < 0.5


# All together


RGB = Space((Channel("red"), Channel("green"), Channel("blue")), 32, 32)


@pytest.fixture
def _quick_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "STEPS", 5)


@pytest.mark.usefixtures("_quick_encoder")
def test_other_samples_of_the_same_kind_are_told_by_none() -> None:
    found = wider(scenes(200), scenes(200, seed=50), RGB)
    assert [number.name for number, result in found if not isinstance(result, Invalid) and result.tells] == []


@pytest.mark.usefixtures("_quick_encoder")
def test_each_fault_is_told_by_name() -> None:
    real, other = scenes(200), scenes(200, seed=50)
    told = {
        name: {n.name for n, r in wider(real, fake, RGB) if not isinstance(r, Invalid) and r.tells}
        for name, fake in {
            "checkerboard": checkerboard(other, 0.1),
            "grey": other.mean(1, keepdim=True).expand(-1, 3, -1, -1),
            "collapsed": other[:4].repeat(50, 1, 1, 1) + 0.02 * noise(200, 3, 32, 32),
            "red": other + torch.tensor([0.3, 0.0, 0.0])[:, None, None],
        }.items()
    }
    assert "checkerboard" in told["checkerboard"]
    assert "colour" in told["grey"]
    assert {"similarity", "bins"} <= told["collapsed"]
    assert "values of red" in told["red"]
    assert "values of green" not in told["red"]


@pytest.mark.parametrize("shape", [(1, 16, 16), (5, 16, 64), (2, 1, 1), (3, 8, 8)])
def test_any_samples_have_the_numbers_that_are_valid_for_them(shape: tuple[int, int, int]) -> None:
    space = Space(tuple(Channel(f"c{at}") for at in range(shape[0])), *shape[1:])
    found = wider(noise(48, *shape).clamp(-1, 1), noise(48, *shape, seed=1).clamp(-1, 1), space)
    assert {f"values of c{at}" for at in range(shape[0])} < {number.name for number, _ in found}
    for number, result in found:
        assert result.name == number.name
        if isinstance(result, Invalid):
            assert any(word in result.reason for word in ("pixels", "no colour", "train no encoder"))


@pytest.mark.usefixtures("_quick_encoder")
def test_the_order_of_the_reals_does_not_matter() -> None:
    """Held-out ones come first, and folders of one kind lie together."""
    real = torch.cat([scenes(150), -0.5 + 0.3 * scenes(150, seed=7)])
    fake = torch.cat([scenes(150, seed=50), -0.5 + 0.3 * scenes(150, seed=57)])
    found = wider(real, fake, RGB)
    assert [number.name for number, result in found if not isinstance(result, Invalid) and result.tells] == []


def test_slopes_and_reach_of_a_plane() -> None:
    """z = 0.3 x + 0.4 y is 0.5 steep everywhere, and 15 by 7 of such pixels reach from 0 to 0.3 * 14 + 0.4 * 6."""
    y, x = torch.meshgrid(torch.arange(7.0), torch.arange(15.0), indexing="ij")
    samples = torch.stack([0.3 * x + 0.4 * y, torch.zeros(7, 15)])[None]
    torch.testing.assert_close(marginals.slopes(samples, 0), torch.full((1, 64), 0.5))
    torch.testing.assert_close(marginals.reach(samples, 0), torch.tensor([[6.6]]))
    assert marginals.slopes(samples, 1).max() == 0


@pytest.mark.usefixtures("_quick_encoder")
def test_spiky_and_flat_relief_are_told_by_name() -> None:
    """Shuffled pixels have the same values on other slopes; tiles that are each flat have them within other ranges."""
    space = Space((Channel("height", 0, 1, unit="m"), Channel("grey")), 16, 16)

    def hills(seed: int, reach: float = 0.5) -> Tensor:
        source = torch.Generator().manual_seed(seed)
        phase, level = torch.rand(2, 300, 1, 1, generator=source)
        ramp = torch.sin(torch.linspace(0, 5, 16)[:, None] + torch.linspace(0, 3, 16) + 6.3 * phase)
        return (reach * ramp + (2 * level - 1) * (1 - reach))[:, None].expand(-1, 2, -1, -1).contiguous()

    def told(fake: Tensor) -> set[str]:
        readings = [result for _, result in wider(hills(0), fake, space) if not isinstance(result, Invalid)]
        return {result.name for result in readings if result.tells and "height" in result.name}

    shuffled = hills(1).flatten(2)[:, :, torch.randperm(256)].view(300, 2, 16, 16)
    assert told(hills(1)) == set()
    assert told(shuffled) == {"slopes of height"}
    assert {"range of height", "slopes of height"} <= told(hills(1, reach=0.1))


@pytest.mark.usefixtures("_quick_encoder")
def test_the_shares_of_classes_are_told_by_name() -> None:
    """A class that takes a third too much; heights beside it are as they should be."""
    cover = Channel("cover", 0, 2, "categorical", classes=tuple(Class(at, str(at), (0, 0, 0)) for at in range(3)))
    space = Space((Channel("height", 0, 1), cover), 16, 16)

    def tiles(odds: tuple[float, ...], seed: int) -> Tensor:
        source = torch.Generator().manual_seed(seed)
        codes = torch.multinomial(torch.tensor(odds), 200 * 4, replacement=True, generator=source).view(200, 2, 2)
        planes = F.one_hot(codes, 3).permute(0, 3, 1, 2).float().repeat_interleave(8, 2).repeat_interleave(8, 3)
        return torch.cat([torch.rand(200, 1, 16, 16, generator=source) * 2 - 1, planes], dim=1)

    even, uneven = tiles((1.0, 1.0, 1.0), 0), tiles((2.0, 1.0, 1.0), 1)
    readings = {result.name: result for _, result in wider(even, uneven, space)}
    assert isinstance(readings["shares of cover"], Reading)
    assert readings["shares of cover"].tells
    assert isinstance(readings["values of height"], Reading)
    assert not readings["values of height"].tells


def test_what_is_not_finite_is_said() -> None:
    bad = scenes(30)
    bad[3, 0, 0, 0] = math.nan
    assert {r.reason for _, r in wider(scenes(30), bad, RGB) if isinstance(r, Invalid)} == {
        "1 of 30 fakes are not finite"
    }
