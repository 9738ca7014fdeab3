"""The sliced Wasserstein distance against a slow twin, a known value, and damage done step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import wasserstein_distance
from torch import Tensor

from equipoise.measures.sliced_wasserstein import sliced_wasserstein, wasserstein_on_lines


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scenes(count: int, size: int = 32, seed: int = 0) -> Tensor:
    """[count, 3, size, size]: a soft gradient, a disc and fine grain, each picture another."""
    source = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    slopes, colours, centres = (torch.rand(count, 3, 1, 1, generator=source) * 2 - 1 for _ in range(3))
    disc = ((x - 0.6 * centres[:, :1]).square() + (y - 0.6 * centres[:, 1:2]).square() < 0.1).float()
    grain = 0.15 * torch.randn(count, 3, size, size, generator=source)
    return (0.5 * slopes * x + disc * colours + grain).clamp(-1, 1)


def blurred(samples: Tensor, times: int) -> Tensor:
    for _ in range(times):
        samples = F.avg_pool2d(F.pad(samples, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return samples


@pytest.mark.parametrize("shape", [(50, 3), (50, 2, 1, 1), (50, 1, 8, 8), (50, 4, 5, 20), (20, 3, 40, 24)])
def test_it_is_zero_between_a_set_and_itself_in_any_order_and_symmetric(shape: tuple[int, ...]) -> None:
    a, b = drawn(*shape), drawn(*shape, seed=1)
    order = torch.randperm(len(a), generator=torch.Generator().manual_seed(2))
    assert sliced_wasserstein(a, a.clone()) == 0.0
    assert sliced_wasserstein(a, a[order]) == pytest.approx(0.0, abs=1e-6)
    assert sliced_wasserstein(a, b) == pytest.approx(sliced_wasserstein(b, a), rel=1e-5)
    assert sliced_wasserstein(a, b) > 0.01


@pytest.mark.parametrize("dimension", [1, 2, 10, 100])
def test_a_shift_costs_its_length_times_the_mean_of_the_cosine(dimension: int) -> None:
    """E|<u, delta>| = |delta| Gamma(D / 2) / (sqrt(pi) Gamma((D + 1) / 2)) for u uniform on the sphere."""
    points, shift = drawn(30, dimension), F.normalize(drawn(1, dimension, seed=1)) * 3.0
    mean_cosine = math.exp(math.lgamma(dimension / 2) - math.lgamma((dimension + 1) / 2)) / math.sqrt(math.pi)
    result = sliced_wasserstein(points, points + shift, projections=20_000)
    assert result == pytest.approx(3.0 * mean_cosine, rel=0.02)


@pytest.mark.parametrize(("num_a", "num_b"), [(40, 40), (40, 20), (17, 40), (1, 9), (30, 31)])
def test_on_lines_it_is_exact_for_unequal_numbers_too(num_a: int, num_b: int) -> None:
    a, b = drawn(5, num_a).sort().values, (drawn(5, num_b, seed=1) + 0.5).sort().values
    expected = [wasserstein_distance(x, y) for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    assert wasserstein_on_lines(a, b).tolist() == pytest.approx(expected, rel=1e-5)


def test_points_equal_a_slow_twin() -> None:
    """Directions from the same generator, the rest in NumPy and SciPy, one direction at a time."""
    a, b = drawn(60, 3), drawn(45, 3, seed=1) * 1.5
    directions = torch.randn(3, 32, generator=torch.Generator().manual_seed(4)).numpy().astype(np.float64)
    directions /= np.linalg.norm(directions, axis=0)
    costs = [wasserstein_distance(a.numpy() @ line, b.numpy() @ line) for line in directions.T]
    assert sliced_wasserstein(a, b, projections=32, seed=4) == pytest.approx(np.mean(costs), rel=1e-5)


def test_pictures_equal_a_slow_twin() -> None:
    a, b = scenes(12), scenes(9, seed=1)
    source = torch.Generator().manual_seed(3)
    tops, lefts = (torch.randint(32 - 7 + 1, (8,), generator=source).tolist() for _ in range(2))
    halves = []
    for prepare in (_boxes, lambda pictures: _patches(pictures, tops, lefts)):
        left, right = prepare(a), prepare(b)
        directions = torch.randn(left.shape[1], 16, generator=source).numpy().astype(np.float64)
        directions /= np.linalg.norm(directions, axis=0)
        halves.append(np.mean([wasserstein_distance(left @ line, right @ line) for line in directions.T]))
    assert sliced_wasserstein(a, b, projections=16, seed=3) == pytest.approx(np.mean(halves), rel=1e-4)


def _boxes(pictures: Tensor) -> np.ndarray:
    """Means over boxes of 2x2 pixels: 32 pixels become 16."""
    rows = [
        [p[:, y : y + 2, x : x + 2].mean((1, 2)) for y in range(0, 32, 2) for x in range(0, 32, 2)] for p in pictures
    ]
    return torch.stack([torch.stack(row, 1).flatten() for row in rows]).numpy().astype(np.float64)


def _patches(pictures: Tensor, tops: list[int], lefts: list[int]) -> np.ndarray:
    found = []
    for picture in pictures:
        for top, left in zip(tops, lefts, strict=True):
            patch = picture[:, top : top + 7, left : left + 7].numpy().astype(np.float64)
            found.append((patch - patch.mean(axis=(1, 2), keepdims=True)).ravel())
    return np.stack(found)


@pytest.mark.parametrize("damage", ["blur", "noise", "shade", "dropped half"])
def test_more_damage_means_a_greater_distance_than_between_two_real_sets(damage: str) -> None:
    real, held_out = scenes(300), scenes(300, seed=1)
    by_brightness = held_out[held_out.mean((1, 2, 3)).argsort()]
    grain = drawn(*held_out.shape, seed=2)
    steps = {
        "blur": [blurred(held_out, times) for times in (1, 2, 4)],
        "noise": [held_out + sigma * grain for sigma in (0.1, 0.2, 0.4)],
        "shade": [held_out - shade for shade in (0.05, 0.1, 0.2)],
        "dropped half": [by_brightness[: 300 * share // 100] for share in (75, 50, 25)],
    }[damage]
    distances = [sliced_wasserstein(real, samples) for samples in (held_out, *steps)]
    assert distances == sorted(distances)
    assert distances[1] > 1.1 * distances[0]
    assert distances[-1] > 1.5 * distances[0]


def test_missing_modes_are_seen_among_points() -> None:
    angles = torch.arange(800) % 8 * (math.tau / 8)
    ring = torch.stack([angles.cos(), angles.sin()], 1) + 0.02 * drawn(800, 2)
    again = torch.stack([angles.cos(), angles.sin()], 1) + 0.02 * drawn(800, 2, seed=1)
    distances = [sliced_wasserstein(ring, again[torch.arange(800) % 8 < modes]) for modes in (8, 7, 6, 4, 1)]
    assert distances == sorted(distances)
    assert distances[1] > 5 * distances[0]


def test_it_is_a_function_of_its_arguments_alone() -> None:
    a, b = scenes(20), scenes(20, seed=1)
    before = torch.get_rng_state()
    results = {sliced_wasserstein(a, b) for _ in range(3)}
    with torch.autocast("cpu", torch.bfloat16):
        results.add(sliced_wasserstein(a, b))
    assert len(results) == 1
    assert sliced_wasserstein(a, b, seed=1) not in results
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (torch.zeros(3, 2), torch.zeros(3, 4)),
        (torch.zeros(0, 2), torch.zeros(3, 2)),
        (torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 5)),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(a: Tensor, b: Tensor) -> None:
    with pytest.raises(ValueError, match="cannot compare"):
        sliced_wasserstein(a, b)
