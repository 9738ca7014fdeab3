"""Measures of sample quality: closed forms, naive twins, and what each must and must not notice."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist, pdist
from scipy.stats import t
from sklearn.metrics.pairwise import polynomial_kernel
from torch import Tensor

from equipoise.data import Digits
from equipoise.measures.copying import beyond_chance, c_t, copying, memory, placed, twins
from equipoise.measures.diversity import diversity
from equipoise.measures.features import DIMENSIONS, NUM_NETWORKS, Extractor, features
from equipoise.measures.frechet import frechet
from equipoise.measures.kernel import POLYNOMIAL, kernel_distance, kernel_for
from equipoise.measures.manifold import manifold
from equipoise.measures.reading import ROUNDS, Interval, Reading, read, student
from equipoise.measures.spectrum import BANDS, detail, radial_spectrum, spectral_gap
from equipoise.measures.standard import FEWEST_SAMPLES, NOT_FINITE, NUMBERS, Invalid, is_closer, standard


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Closed forms and naive twins.


def test_frechet_of_a_shift_and_of_a_scale() -> None:
    a = normal(200, 5)
    assert frechet(a, a + 2.0) == pytest.approx(5 * 4.0, rel=1e-6)
    centred = a - a.mean(0)
    assert frechet(centred, 2 * centred) == pytest.approx(torch.cov(a.T).trace().item(), rel=1e-5)


def test_frechet_is_the_textbook_formula() -> None:
    a, b = normal(60, 8), normal(50, 8, seed=1) @ normal(8, 8, seed=2)
    cov_a, cov_b = np.cov(a.double().numpy().T), np.cov(b.double().numpy().T)
    apart = (a.double().mean(0) - b.double().mean(0)).square().sum().item()
    expected = apart + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet(a, b) == pytest.approx(expected, rel=1e-6)


def test_frechet_with_fewer_samples_than_dimensions() -> None:
    assert frechet(normal(5, 20), normal(5, 20)) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_the_double_sum() -> None:
    a, b = normal(12, 4).double(), normal(9, 4, seed=1).double() + 0.5

    def kernel(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 4 + 1) ** 3)

    within = sum(
        sum(kernel(x, y) for x, y in itertools.permutations(part, 2)) / (len(part) * (len(part) - 1)) for part in (a, b)
    )
    across = sum(kernel(x, y) for x in a for y in b) / (len(a) * len(b))
    assert kernel_distance(a, b, POLYNOMIAL) == pytest.approx(within - 2 * across, rel=1e-9)
    oracle = polynomial_kernel(a.numpy(), b.numpy(), degree=3, gamma=0.25, coef0=1)
    assert across == pytest.approx(oracle.mean())


def clusters(count: int, std: float, seed: int) -> torch.Tensor:
    """Eight on a circle, as samples of 1x1."""
    source = torch.Generator().manual_seed(seed)
    angle = torch.randint(8, (count,), generator=source) * (math.pi / 4)
    places = torch.stack([angle.cos(), angle.sin()], 1) + std * torch.randn(count, 2, generator=source)
    return places[:, :, None, None]


def cloud(count: int, spread: float, seed: int) -> torch.Tensor:
    return spread * torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


def test_of_points_the_kernel_distance_sees_more_than_three_moments() -> None:
    """Eight clusters on a circle and a normal cloud have the same moments, but for what is even and higher."""
    real = clusters(600, 0.05, 0)
    others, alike = clusters(600, 0.05, 1).flatten(1), cloud(600, math.sqrt(0.5), 2)
    kernel, floor = kernel_for(real), kernel_distance(real.flatten(1), others, POLYNOMIAL)
    assert abs(kernel_distance(real.flatten(1), others, kernel)) < 0.02
    assert kernel_distance(real.flatten(1), alike, kernel) > 0.2
    assert abs(kernel_distance(real.flatten(1), alike, POLYNOMIAL) - floor) < 0.1


def test_an_evaluation_of_points_tells_a_cloud_from_clusters() -> None:
    readings = standard(clusters(600, 0.05, 0), cloud(600, math.sqrt(0.5), 2)[:, :, None, None])
    found = next(reading for reading in readings if reading.name == "kernel")
    assert isinstance(found, Reading) and found.tells and found.value.mean > 0.2


def test_samples_that_fly_apart_are_farther_than_samples_in_one_place() -> None:
    real = clusters(600, 0.05, 0)
    kernel = kernel_for(real)
    places = [clusters(600, 0.15, 1).flatten(1), cloud(600, 3.0, 2), cloud(600, 0.05, 3), cloud(600, 100.0, 4)]
    distances = [kernel_distance(real.flatten(1), made, kernel) for made in places]
    assert distances == sorted(distances), "clusters too wide, a cloud too wide, one spot, and all over the place"


def test_of_equal_points_the_kernel_distance_is_zero_on_average() -> None:
    kernel = kernel_for(clusters(200, 0.05, 0))
    found = [
        kernel_distance(clusters(60, 0.05, seed).flatten(1), clusters(40, 0.05, 1000 + seed).flatten(1), kernel)
        for seed in range(200)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(len(found))
    assert min(found) < 0


def test_the_kernel_of_points_is_a_logarithm() -> None:
    a, b = normal(10, 3).double(), normal(7, 3, seed=1).double()
    scale = np.median(pdist(normal(10, 3).numpy())) / 16
    oracle = -np.log(1 + cdist(a.numpy(), b.numpy(), "sqeuclidean") / scale**2)
    found = kernel_for(normal(10, 3)[:, :, None, None])(a, b)
    np.testing.assert_allclose(found.numpy(), oracle, rtol=1e-5)


def test_pictures_have_the_polynomial_kernel_and_points_in_one_place_a_kernel_too() -> None:
    assert kernel_for(torch.zeros(20, 1, 8, 8)) is POLYNOMIAL
    assert kernel_for(torch.zeros(20, 2, 1, 1))(torch.zeros(2, 2), torch.ones(3, 2)).isfinite().all()


def test_kernel_distance_of_equal_distributions_is_zero_on_average() -> None:
    found = [
        kernel_distance(normal(30, 4, seed=seed), normal(20, 4, seed=1000 + seed), POLYNOMIAL) for seed in range(200)
    ]
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert min(found) < 0


def test_manifold_is_its_definition() -> None:
    real, fake, k = normal(30, 3), normal(25, 3, seed=1) * 0.7, 4

    def reach(points: Tensor, at: int) -> float:
        return sorted(float((points[at] - other).norm()) for other in points)[k]

    def holds(points: Tensor, at: int, other: Tensor) -> bool:
        return float((points[at] - other).norm()) < reach(points, at)

    found = manifold(real, fake, k)
    balls = [[holds(real, at, x) for at in range(len(real))] for x in fake]
    assert found.precision == pytest.approx(np.mean([any(row) for row in balls]))
    assert found.density == pytest.approx(np.mean([sum(row) for row in balls]) / k)
    assert found.coverage == pytest.approx(np.mean([any(row[at] for row in balls) for at in range(len(real))]))
    recalled = [any(holds(fake, at, x) for at in range(len(fake))) for x in real]
    assert found.recall == pytest.approx(np.mean(recalled))


def test_diversity_by_hand() -> None:
    real, fake = torch.tensor([[0.0], [2.0], [4.0]]), torch.tensor([[0.0], [1.0]])
    assert diversity(real, fake) == pytest.approx(1.0 / ((2 + 2 + 4) / 3))


def test_a_wave_has_its_power_in_its_own_band() -> None:
    x = torch.arange(64.0)
    for waves in (6, 14, 26):
        spectrum = radial_spectrum(torch.sin(2 * torch.pi * waves * x / 64).expand(1, 1, 64, 64))
        assert spectrum[0].argmax() == int(waves / 32 * BANDS)


def test_a_checkerboard_is_among_the_finest_details() -> None:
    rows, columns = torch.arange(32)[:, None], torch.arange(32)[None]
    smooth = normal(4, 1, 1, 1) + torch.sin(rows / 5.0)
    squares = 0.2 * (-1.0) ** (rows + columns)
    stripes = 0.2 * (-1.0) ** columns
    before = radial_spectrum(smooth.expand(4, 1, 32, 32))
    for pattern in (squares, stripes):
        assert detail(before, radial_spectrum(smooth + pattern)) > 10.0


def test_the_spectrum_of_white_noise_is_flat_and_follows_its_power() -> None:
    noise = normal(200, 2, 32, 32)
    mean = radial_spectrum(noise).mean(0)
    assert mean[1:].max() - mean[1:].min() < 0.5
    assert detail(radial_spectrum(noise), radial_spectrum(2 * noise)) == pytest.approx(20 * math.log10(2), abs=1e-3)
    assert spectral_gap(radial_spectrum(noise), radial_spectrum(2 * noise)) == pytest.approx(6.02, abs=0.01)


@pytest.mark.parametrize("measure", [frechet, partial(kernel_distance, kernel=POLYNOMIAL), diversity, manifold])
def test_too_few_vectors_are_refused(measure: object) -> None:
    with pytest.raises(ValueError, match="1 and 10 vectors"):
        measure(normal(1, 3), normal(10, 3))  # type: ignore[operator]


# Features.


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 64, 64), (5, 32, 48)])
def test_features_take_any_channels_and_size(shape: tuple[int, int, int]) -> None:
    real, fake = normal(12, *shape), normal(7, *shape, seed=1)
    of_real, of_fake = features(real, fake)
    assert [part.shape for part in of_real] == [(12, DIMENSIONS)] * NUM_NETWORKS
    assert [part.shape for part in of_fake] == [(7, DIMENSIONS)] * NUM_NETWORKS
    assert not torch.allclose(of_real[0], of_real[1])


def test_features_are_of_each_sample_by_itself_and_always_the_same() -> None:
    real = normal(20, 3, 32, 32)
    extractor = Extractor.fitted(real)
    turned = torch.arange(19, -1, -1)
    for whole, again, part in zip(extractor(real), extractor(real[turned]), extractor(real[:3]), strict=True):
        torch.testing.assert_close(whole[turned], again)
        torch.testing.assert_close(whole[:3], part)


def test_points_stand_for_themselves() -> None:
    points = normal(9, 2, 1, 1)
    assert torch.equal(features(points)[0][0], points.flatten(1))


def test_a_channel_without_spread_counts_for_little() -> None:
    """Opaque pictures: an alpha that is off by half a step of 8 bits hardly moves anything."""
    real, fake = normal(300, 2, 16, 16), normal(300, 2, 16, 16, seed=1)
    real[:, 1] = fake[:, 1] = 1.0
    off = fake.clone()
    off[:, 1] -= 1 / 255
    of_real, of_fake, of_off = features(real, fake, off)
    assert frechet(of_real[0], of_off[0]) < 1.5 * frechet(of_real[0], of_fake[0])


# Readings.


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """The mean of fakes less that of reals, at 40 samples; the truth is 0.3."""

    def difference(real: Tensor, fake: Tensor) -> dict[str, float]:
        return {"difference": (fake.mean() - real.mean()).item()}

    hits, trials = 0, 400
    for seed in range(trials):
        (reading,) = read(difference, [normal(40, 1, seed=seed)], [normal(40, 1, seed=7000 + seed) + 0.3])
        hits += reading.value.low <= 0.3 <= reading.value.high
    assert 0.92 < hits / trials < 0.985


def test_the_quantiles_are_students() -> None:
    assert student(1) == pytest.approx(t.ppf(0.975, ROUNDS - 1))
    assert student(len(NUMBERS)) == pytest.approx(t.ppf(1 - 0.025 / len(NUMBERS), ROUNDS - 1))


def test_a_floor_is_taken_at_the_sizes_of_the_value() -> None:
    sizes = set()

    def watch(real: Tensor, fake: Tensor) -> dict[str, float]:
        sizes.add((len(real), len(fake)))
        return {"x": 0.0}

    read(watch, [normal(50, 2)], [normal(30, 2)])
    assert sizes == {(15, 15)}


def test_sets_of_different_sizes_have_an_honest_interval_too() -> None:
    def difference(real: Tensor, fake: Tensor) -> dict[str, float]:
        return {"difference": (fake.mean() - real.mean()).item()}

    hits, trials = 0, 300
    for seed in range(trials):
        (reading,) = read(difference, [normal(100, 1, seed=seed)], [normal(40, 1, seed=9000 + seed)], seed)
        hits += reading.value.low <= 0 <= reading.value.high
    assert 0.91 < hits / trials < 0.985


def test_an_interval_of_what_is_not_finite_claims_nothing() -> None:
    interval = Interval.of([1.0, math.nan, 2.0])
    assert math.isnan(interval.mean)
    assert not interval.has_zero


# What each number must notice, and what it must not.


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor, np.ndarray]:
    """Two sets of real digits, 16 pixels, in [-1, 1], and what the second shows."""
    samples = torch.from_numpy(Digits(size=16)._draw()[0]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))
    return samples[order[:600]], samples[order[600:1200]], Digits.labels()[order[600:1200].numpy()]


def told(real: Tensor, fake: Tensor) -> dict[str, Interval]:
    """Excess over the floor, of every number that tells the two sets apart."""
    found = standard(real, fake)
    assert {r.name for r in found if isinstance(r, Invalid)} == {"copying", "nearest", "memory"}, "nothing was held out"
    return {r.name: r.excess for r in found if isinstance(r, Reading) and r.tells}


def excess(real: Tensor, fake: Tensor) -> dict[str, float]:
    return {r.name: r.excess.mean for r in standard(real, fake) if isinstance(r, Reading)}


def blurred(samples: Tensor, side: int) -> Tensor:
    return F.avg_pool2d(F.pad(samples, (side // 2,) * 4, mode="replicate"), side, stride=1)


def test_other_real_samples_are_not_told_from_real_ones(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    real, other, _ = digits
    assert told(real, other) == {}


def test_noise_and_blur_are_seen_and_grow_with_their_amount(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    real, other, _ = digits
    noisy = [excess(real, other + sigma * normal(*other.shape)) for sigma in (0.0, 0.05, 0.1, 0.2)]
    soft = [excess(real, blurred(other, side)) for side in (1, 3, 5, 7)]
    for damaged in (noisy, soft):
        for name in ("frechet", "kernel", "spectrum"):
            numbers = [one[name] for one in damaged]
            assert numbers == sorted(numbers), name
    assert [one["detail"] for one in noisy] == sorted(one["detail"] for one in noisy)
    assert [one["detail"] for one in soft] == sorted((one["detail"] for one in soft), reverse=True)
    assert [one["precision"] for one in noisy] == sorted((one["precision"] for one in noisy), reverse=True)


def test_lost_modes_are_seen_by_recall_and_coverage_alone(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    """Digits dropped: less is covered, more the more are lost; the samples that are left are as good as ever."""
    real, other, labels = digits
    lost = [excess(real, other[labels < kept]) for kept in (10, 8, 5, 2)]
    for name in ("coverage", "recall"):
        numbers = [one[name] for one in lost]
        assert numbers == sorted(numbers, reverse=True), name
    half = told(real, other[labels < 5])
    assert half["coverage"].high < 0
    assert "precision" not in half or half["precision"].mean > -0.05
    assert "detail" not in half or abs(half["detail"].mean) < 0.5


def test_a_collapse_takes_diversity_and_recall(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    real, other, _ = digits
    collapsed = told(real, other[:4].repeat(150, 1, 1, 1))
    assert collapsed["diversity"].mean < -0.1
    assert collapsed["recall"].mean < -0.5
    assert collapsed["coverage"].mean < -0.5


def test_shuffled_parts_are_seen(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    """Upper and lower halves that change places keep every colour and texture; only the layout is wrong."""
    real, other, _ = digits
    shuffled = torch.cat([other[:, :, 8:], other[:, :, :8]], dim=2)
    found = told(real, shuffled)
    assert found["kernel"].low > 0
    assert found["precision"].high < 0


def test_copies_are_closer_than_other_real_samples(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    real, other, _ = digits
    copied = [r.name for r in standard(real, real.clone()) if isinstance(r, Reading) and is_closer(r)]
    assert {"frechet", "coverage"} <= set(copied)
    assert not any(is_closer(r) for r in standard(real, other + 0.1) if isinstance(r, Reading))


@pytest.mark.parametrize("shape", [(4, 16, 16), (1, 48, 32), (3, 20, 16)])
def test_any_channels_and_proportions_are_measured(shape: tuple[int, int, int]) -> None:
    found = standard(normal(48, *shape), normal(48, *shape, seed=1), num_held_out=16)
    assert all(isinstance(result, Reading) and math.isfinite(result.value.mean) for result in found)


def test_what_is_not_valid_says_why() -> None:
    def reasons(real: Tensor, fake: Tensor) -> set[str]:
        return {r.reason for r in standard(real, fake, num_held_out=16) if isinstance(r, Invalid)}

    good, bad = normal(40, 1, 16, 16), normal(40, 1, 16, 16, seed=1)
    bad[7, 0, 3, 3] = math.nan
    assert reasons(good, bad) == {"1 of 40 fakes are not finite"}
    assert reasons(bad, good) == {"1 of 40 real samples are not finite"}
    assert reasons(good[:1].repeat(40, 1, 1, 1), good) == {"all real samples are the same"}
    rare = torch.zeros(40, 2, 1, 1)
    rare[0] = 1.0  # in half of the rounds the reals' half holds zeros alone, and no distance to compare with
    assert Invalid("diversity", NOT_FINITE) in standard(rare, normal(40, 2, 1, 1))
    assert reasons(normal(40, 1, 8, 8), normal(40, 1, 8, 8, seed=1)) == {"below 16 pixels a side"}
    few = standard(normal(FEWEST_SAMPLES - 1, 1, 16, 16), normal(100, 1, 16, 16))
    assert [result.name for result in few] == [number.name for number in NUMBERS]
    assert all(isinstance(result, Invalid) and "too few" in result.reason for result in few)
    points = {result.name: result for result in standard(normal(60, 2, 1, 1), normal(60, 2, 1, 1, seed=1))}
    assert points["detail"] == Invalid("detail", "points have no spectrum")
    assert isinstance(points["coverage"], Reading)


# Copies of the training data


def test_nearest_and_cells_are_their_definitions() -> None:
    train, held_out, fake = normal(120, 3), normal(100, 3, seed=1), normal(30, 3, seed=2)
    for points, set_ in zip(placed(train, held_out, fake), (held_out, fake), strict=True):
        for at in range(len(set_)):
            assert points[at, 0].item() == pytest.approx(
                min((set_[at] - other).norm().item() for other in train), abs=1e-5
            )
        assert set(points[:, 1].tolist()) == {0.0, 1.0}, "a hundred held-out samples are worth two cells"


def test_copying_is_the_share_of_pairs_by_cell() -> None:
    held_out = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [1.0, 1.0]])
    fake = torch.tensor([[0.5, 0.0], [2.0, 0.0], [9.0, 1.0], [0.0, 2.0]])
    numbers = copying(held_out, fake)
    assert numbers["copying"] == pytest.approx((3 * (3 + 1.5) / 6 + 1 * 0.0) / 4)
    assert numbers["nearest"] == pytest.approx(fake[:, 0].median().item() / held_out[:, 0].median().item())


def test_copies_of_samples_that_are_there_twice_are_twins_too() -> None:
    once, other = normal(40, 8), normal(40, 8, seed=1)
    for real in (once, once.repeat(2, 1)):
        copies = once[:30] + 0.02 * normal(30, 8, seed=2)
        assert twins(real, torch.cat([copies, other[:10]])) == pytest.approx(0.75)
    assert twins(once[:1].repeat(3, 1), once) == 0.0, "how far apart real samples are is not known"


def test_c_t_is_the_mann_whitney_score_of_a_library() -> None:
    """Meehan et al. 2020, eq. 1: (U - nm/2) / sqrt(nm(n + m + 1) / 12), below 0 for copies."""
    from scipy.stats import mannwhitneyu

    held_out = torch.stack([normal(40).abs() + 0.2, torch.zeros(40)], 1)
    fake = torch.stack([normal(60, seed=1).abs(), torch.zeros(60)], 1)
    u = mannwhitneyu(fake[:, 0], held_out[:, 0]).statistic
    assert c_t(held_out, fake) == pytest.approx((u - 1200) / math.sqrt(2400 * 101 / 12), abs=1e-6)


def split_digits(digits: tuple[Tensor, Tensor, np.ndarray]) -> tuple[Tensor, Tensor, Tensor]:
    """What is compared with (150 held out, then 450 seen), and fakes from elsewhere."""
    real, other, _ = digits
    return real, real[150:], other


def copies_in(share: float, digits: tuple[Tensor, Tensor, np.ndarray]) -> list[Reading | Invalid]:
    real, seen, other = split_digits(digits)
    count = round(share * len(other))
    fake = torch.cat([seen[torch.arange(count) % len(seen)], other[count:]]) + 0.02 * normal(*other.shape, seed=4)
    return standard(real, fake, num_held_out=150)


def test_copies_are_told_and_the_more_the_surer(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    found = [{r.name: r for r in copies_in(share, digits) if isinstance(r, Reading)} for share in (0.0, 0.5, 1.0)]
    copied, distance = ([numbers[name].value.mean for numbers in found] for name in ("copying", "nearest"))
    assert copied[0] == pytest.approx(0.5, abs=0.1)
    assert copied[0] < copied[1] < copied[2]
    assert copied[2] > 0.95
    assert distance[0] > distance[1] > distance[2]
    memory = [numbers["memory"] for numbers in found]
    assert [is_closer(reading) for reading in memory][::2] == [False, True]
    assert memory[0].value.mean < memory[1].value.mean < memory[2].value.mean
    assert memory[0].value.mean == pytest.approx(0.0, abs=0.15)
    assert memory[2].value.mean > 0.95


def test_samples_unlike_the_data_are_far_from_it_and_no_copies(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    real, _, other = split_digits(digits)
    noisy = standard(real, other + 0.3 * normal(*other.shape, seed=5), num_held_out=150)
    found = {r.name: r for r in noisy if isinstance(r, Reading)}
    assert found["copying"].value.mean < 0.2
    assert found["nearest"].value.mean > 1.2
    assert not is_closer(found["memory"])


def test_blur_is_near_to_everything_and_yet_no_copy(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    real, _, other = split_digits(digits)
    found = {r.name: r for r in standard(real, blurred(other, 7), num_held_out=150) if isinstance(r, Reading)}
    assert abs(found["memory"].value.mean) < 0.3
    assert not is_closer(found["memory"])


def test_memory_is_its_definition() -> None:
    """Against a loop; with few enough fakes that their halves can be listed."""
    train, held_out, fake = normal(30, 4), normal(10, 4, seed=1), normal(2, 4, seed=2)
    both = torch.cat([train, held_out])
    alone = {beyond_chance(float((both - sample).norm(dim=1).argmin() < 30), 30, 10) for sample in fake}
    assert set(memory([(train, held_out, fake)], seed=0).values) == alone
    assert beyond_chance(0.75, 30, 10) == 0.0
    copies = memory([(train, held_out, train.clone())], seed=0)
    assert set(copies.values) == {1.0}
    assert copies.floor.has_zero


def test_a_real_sample_that_is_nearest_to_all_fakes_is_no_copy() -> None:
    """As with blurred fakes: it lies among the training samples by chance, and one sample says nothing."""
    train, held_out = normal(90, 4) + 9.0, normal(10, 4, seed=1) + 9.0
    train[0] = 0.0
    found = memory([(train, held_out, normal(200, 4, seed=2))], seed=0)
    assert set(found.values) == {1.0}
    assert not found.tells


def test_what_else_was_trained_on_counts_for_copies_alone(
    digits: tuple[Tensor, Tensor, np.ndarray],
) -> None:
    real, _, other = split_digits(digits)
    copies = other + 0.02 * normal(*other.shape, seed=4)
    without, with_them = (standard(real, copies, num_held_out=150, more_seen=more) for more in (None, other))
    for a, b in zip(without, with_them, strict=True):
        if a.name == "memory":
            assert isinstance(b, Reading)
            assert is_closer(b)
        elif a.name in ("copying", "nearest"):
            assert isinstance(a, Reading)
            assert isinstance(b, Reading)
            assert b.tells
            assert not a.tells or abs(a.excess.mean) < abs(b.excess.mean)
        else:
            assert a == b


def test_copies_are_told_where_all_reals_were_held_out(digits: tuple[Tensor, Tensor, np.ndarray]) -> None:
    real, seen, other = split_digits(digits)
    copies = other + 0.02 * normal(*other.shape, seed=4)
    found = {r.name: r for r in standard(real, copies, num_held_out=len(real), more_seen=other)}
    assert isinstance(found["memory"], Reading)
    assert is_closer(found["memory"])
    nothing = {r.name: r for r in standard(real, seen, num_held_out=len(real))}
    assert nothing["copying"] == Invalid("copying", "none of these real samples were trained on")
