"""The demo's judge: it knows digits when it sees them, and it is not fooled by noise or by one digit repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from equipoise.cli import run_command
from equipoise.data import Digits
from equipoise.demo import generated_digits, judge, sick
from equipoise.edit import diff
from equipoise.recipes import load


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


def test_the_run_is_the_recipe_digits_but_for_the_slip_and_the_time() -> None:
    changed = {change.path.removesuffix(".points") for change in diff(load("digits"), sick())}
    settings = {path.split(".lr")[0] + ".lr" if ".lr" in path else path for path in changed}
    assert settings == {"phases.main.length.amount", "d_optim.lr", "cadence.sheet_steps", "autopilot.mode"}


@pytest.mark.long
def test_the_sick_run_is_diagnosed_mended_and_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two minutes of two cores."""
    out = tmp_path / "demo"
    assert run_command(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "10 of 10 digits found" in said
    assert "beside what it did, d_optim.lr = 0.001" in " ".join(said.split())
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "the run itself, at step" in page and "fork 001-1-d.lr-0.001, at step" in page


@pytest.mark.slow
def test_a_short_training_can_be_judged(tmp_path: Path) -> None:
    out = tmp_path / "digits"
    assert run_command(["train", "digits", "--out", str(out), "--for", "20steps", "--device", "cpu"]) == 0
    verdict = judge(generated_digits(out, count=100))
    assert sum(verdict.shares) == pytest.approx(1.0)
