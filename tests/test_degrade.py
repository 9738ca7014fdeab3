"""From high to low resolution: as Pillow does it, and as a sensor of a stated modulation transfer would see it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from equipoise.data.degrade import GAUSSIAN_REACH, Reduction, bicubic, degraded, sensor, sigma_of


def textured(seed: int, *shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0.0, 12_000.0, shape).astype(np.float32)


def reduced(patches: NDArray[Any], scale: int, degradation: Any = "bicubic") -> NDArray[np.float32]:
    rows, columns = (Reduction(degradation, 0.3).matrix(side, scale) for side in patches.shape[1:3])
    return degraded(patches, rows, columns)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_pillows_on_floats(scale: int) -> None:
    patches = textured(scale, 2, 24, 36, 3)
    low = reduced(patches, scale)
    assert low.shape == (2, 24 // scale, 36 // scale, 3)
    for patch, its in zip(patches, low, strict=True):
        for band in range(3):
            size = (36 // scale, 24 // scale)
            expected = np.asarray(Image.fromarray(patch[..., band]).resize(size, Image.Resampling.BICUBIC))
            np.testing.assert_allclose(its[..., band], expected, atol=0.01)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_pillows_on_bytes_to_rounding(scale: int) -> None:
    """Pillow rounds after the rows and again after the columns, and cuts off at both."""
    patch = np.random.default_rng(scale).integers(60, 196, (48, 48, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(patch).resize((48 // scale, 48 // scale), Image.Resampling.BICUBIC))
    ours = reduced(patch[None], scale)[0].round().clip(0, 255)
    assert np.abs(ours - expected).max() <= 1.0


@pytest.mark.parametrize("degradation", ["bicubic", "sensor"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_plane_stays_a_plane_and_a_change_of_range_does_not_matter(degradation: Any, scale: int) -> None:
    np.testing.assert_allclose(Reduction(degradation, 0.3).matrix(24, scale).sum(axis=1), 1.0)
    rows, columns = np.indices((60, 60)).astype(np.float32)
    plane = (3.0 * rows - 2.0 * columns)[None, :, :, None]
    centres = (np.arange(60 // scale) + 0.5) * scale - 0.5
    expected = 3.0 * centres[:, None] - 2.0 * centres[None, :]
    inner = slice(4, -4)
    np.testing.assert_allclose(
        reduced(plane, scale, degradation)[0, inner, inner, 0], expected[inner, inner], atol=1e-3
    )
    patch = textured(1, 1, 24, 24, 1)
    np.testing.assert_allclose(
        reduced(patch * 0.01 - 7.0, scale, degradation), reduced(patch, scale, degradation) * 0.01 - 7.0, atol=1e-3
    )


def test_sigma_in_closed_form() -> None:
    """exp(-2 (pi sigma f)^2) at f = 1 / (2 scale) is exp(-pi^2 / 8) for sigma 1 and scale 2."""
    assert sigma_of(math.exp(-(math.pi**2) / 8), 2) == pytest.approx(1.0)
    assert sigma_of(0.3, 4) == pytest.approx(2.0 * sigma_of(0.3, 2))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("mtf", [0.1, 0.3])
def test_the_sensor_lets_the_stated_share_of_its_nyquist_frequency_pass(scale: int, mtf: float) -> None:
    """A wave with crests and troughs at the centres of low pixels keeps its sign there, and `mtf` of its height."""
    places = np.arange(24 * scale) + 0.5
    wave = np.cos(np.pi * (places / scale - 0.5))
    low = sensor(len(wave), scale, mtf) @ wave
    inner = slice(4, -4)
    np.testing.assert_allclose(low[inner] * np.resize([1.0, -1.0], 24)[inner], mtf, atol=1e-3)


def test_the_sensor_is_its_naive_twin() -> None:
    patch, scale, mtf = textured(2, 12, 18), 3, 0.25
    sigma = sigma_of(mtf, scale)
    expected = np.zeros((4, 6))
    for y in range(4):
        for x in range(6):
            total = weight = 0.0
            for row in range(12):
                for column in range(18):
                    down, across = row - (3 * y + 1), column - (3 * x + 1)
                    if max(abs(down), abs(across)) <= GAUSSIAN_REACH * sigma:
                        share = math.exp(-(down**2 + across**2) / (2 * sigma**2))
                        total, weight = total + share * float(patch[row, column]), weight + share
            expected[y, x] = total / weight
    rows, columns = sensor(12, scale, mtf), sensor(18, scale, mtf)
    np.testing.assert_allclose(degraded(patch[None, :, :, None], rows, columns)[0, :, :, 0], expected, rtol=1e-5)


def test_bicubic_keeps_more_of_the_low_grids_nyquist_frequency_than_a_sensor() -> None:
    wave = np.cos(np.pi * ((np.arange(64) + 0.5) / 2 - 0.5))
    passed = [np.abs(weights @ wave)[8:-8].mean() for weights in (bicubic(64, 2), sensor(64, 2, 0.3))]
    assert passed[0] > passed[1] + 0.1
