"""The demo's judge: it knows digits when it sees them, and it is not fooled by noise or by one digit repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from equipoise.cli import run_command
from equipoise.data import Digits
from equipoise.demo import generated_digits, judge


@pytest.fixture(scope="module")
def real() -> NDArray[np.float32]:
    samples = Digits(size=16).corpus(None).samples
    return (samples[:, 0] / 255.0).astype(np.float32)


def test_real_digits_are_all_found(real: NDArray[np.float32]) -> None:
    verdict = judge(real)
    assert verdict.held_out_accuracy > 0.97
    assert verdict.found == 10
    assert verdict.mean_top_probability > 0.9


def test_noise_is_met_with_doubt(real: NDArray[np.float32]) -> None:
    noise = np.random.default_rng(0).uniform(0, 1, real[:500].shape).astype(np.float32)
    assert judge(noise).mean_top_probability < 0.15


def test_one_digit_repeated_is_one_digit(real: NDArray[np.float32]) -> None:
    assert judge(real[:1].repeat(200, axis=0)).found == 1


@pytest.mark.slow
def test_a_short_training_can_be_judged(tmp_path: Path) -> None:
    out = tmp_path / "digits"
    assert run_command(["train", "digits", "--out", str(out), "--for", "20steps", "--device", "cpu"]) == 0
    verdict = judge(generated_digits(out, count=100))
    assert sum(verdict.shares) == pytest.approx(1.0)
