"""The tour: both runs are real, the page says what came of them, and the judge is not fooled."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import piloted
from equipoise import advising, session
from equipoise.cli import run_command
from equipoise.data import Digits
from equipoise.demo import tour
from equipoise.demo.classifier import Reliability, Verdict, generated_digits, judge, reliability
from equipoise.demo.page import Side
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.engine import score
from equipoise.engine.step import step
from equipoise.folder import RunFolder
from equipoise.journal import Adopted, Event, Journal, Judged, Measured, Prescribed, Reviewed, history, read
from equipoise.networks.dcgan import DcganGenerator
from equipoise.recipe import Recipe

STEPS = 30
SCORED = 64
"""Real samples and fakes of a score, to be quick."""


def small(seed: int = 0) -> Recipe:
    """Digits by tiny networks, with a rate that a made-up doctor finds too high."""
    recipe = piloted.recipe(steps=STEPS)
    return replace(recipe, source=Digits(size=16), generator=DcganGenerator(latent=4, width=4), seed=seed)


@pytest.fixture
def shrunken(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def shrink(**doctor: float) -> None:
        monkeypatch.setattr(tour, "doomed", small)
        monkeypatch.setattr(score, "FEWEST", SCORED)
        monkeypatch.setattr(score, "MOST", SCORED)
        monkeypatch.setattr(tour, "SYMPTOMS", (*SYMPTOMS, piloted.Wild()))
        monkeypatch.setattr(advising, "examine", piloted.doctor(**doctor))

    return shrink


@pytest.fixture(scope="module")
def real() -> NDArray[np.float32]:
    samples = Digits(size=16).corpus(None).samples
    return (samples[:, 0] / 255.0).astype(np.float32)


def test_real_digits_are_all_found(real: NDArray[np.float32]) -> None:
    verdict = judge(real)
    assert verdict.found == 10
    assert verdict.mean_top_probability > 0.9
    assert sum(verdict.shares) == pytest.approx(1.0)


def test_the_judge_is_right_about_digits_that_it_never_saw() -> None:
    assert reliability().accuracy > 0.97
    assert reliability().mean_top_probability > 0.9


def test_noise_is_met_with_doubt(real: NDArray[np.float32]) -> None:
    noise = np.random.default_rng(0).uniform(0, 1, real[:500].shape).astype(np.float32)
    assert judge(noise).mean_top_probability < 0.15


def test_one_digit_repeated_is_one_digit(real: NDArray[np.float32]) -> None:
    assert judge(real[:1].repeat(200, axis=0)).found == 1


def test_the_same_doomed_run_is_rescued_and_left_alone(
    shrunken: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shrunken()
    out = tmp_path / "demo"
    code = run_command(["demo", "--out", str(out), "--seed", "3"])
    said = capsys.readouterr().out
    rescued, alone = (read(out / name).events for name in ("rescued", "alone"))
    assert any(isinstance(event, Reviewed) and event.kept for event in rescued)
    assert not any(isinstance(event, Adopted) for event in alone)
    assert history(rescued)[-1].step == history(alone)[-1].step == STEPS
    assert RunFolder(out / "rescued").read_recipe().seed == RunFolder(out / "alone").read_recipe().seed == 3
    first = [next(event for event in events if isinstance(event, Measured)) for events in (rescued, alone)]
    assert first[0].value == first[1].value, "it is the same run until somebody acts"
    page = (out / "report.html").read_text()
    for name in ("alone", "rescued"):
        words = judge(generated_digits(out / name)).words
        assert words in said and words in page
        assert f"{name}/report.html" in page and (out / name / "report.html").is_file()
    assert page.count("data:image/png") == 2
    assert "001-2-g.lr-times-0.002" in page
    assert tour.WRONG in said and piloted.Wild.means in said and str(out / "report.html") in said
    assert ("the rescue failed" in said) == (code == 1)


def test_a_rescue_that_fails_is_called_one(
    shrunken: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor finds the rate too high, however low it is."""
    shrunken(bound=0.0)
    assert run_command(["demo", "--out", str(tmp_path / "demo")]) == 1
    why = "the rescue failed: the autopilot gave up: every remedy has been tried"
    assert why in capsys.readouterr().out
    assert why.capitalize() in (tmp_path / "demo" / "report.html").read_text()


JUDGED = Judged(step=10, number=1, scores={}, chosen="001-1-a", why="", lost_steps=0)


def reviewed(kept: bool) -> Reviewed:
    return Reviewed(step=20, number=1, kept=kept, why="it is there", score=1.0, score_before=1.0)


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        ((JUDGED, reviewed(kept=True)), ""),
        ((), "the doctor was never certain that anything is wrong"),
        ((JUDGED, reviewed(kept=False)), "prescription 1 was taken back: it is there"),
        ((JUDGED,), "the run ended before the review of 001-1-a"),
    ],
    ids=["kept", "nothing seen", "taken back", "not reviewed"],
)
def test_what_became_of_the_repair_is_said(events: tuple[Event, ...], failure: str, tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for event in events:
            journal.append(event)
    repair = tour.repair(tmp_path)
    assert repair.failure == failure
    assert repair.by == ("" if failure else "001-1-a")


@pytest.mark.parametrize(
    ("found", "confidence", "failed"),
    [(10, 0.5, False), (9, 0.9, True), (10, 0.3, True)],
    ids=["10", "9", "10, unsure"],
)
def test_a_rescue_is_one_if_the_samples_are_better(found: int, confidence: float, failed: bool) -> None:
    def side(found: int, confidence: float) -> Side:
        shares = (0.1,) * found + (0.0,) * (10 - found)
        where = Path("run")
        return Side("", where, where, where, 1, Verdict(shares, confidence), "", 1.0, 1, 1.0)

    toured = tour.Toured(
        side(10, 0.4), side(found, confidence), Reliability(1.0, 1.0), tour.Repair("a"), 1.0, Path("report.html")
    )
    assert bool(toured.failure) == failed


def test_the_doomed_recipe_differs_by_what_is_said_to_be_wrong() -> None:
    recipe = tour.doomed(seed=5)
    assert recipe.seed == 5
    assert recipe.autopilot.candidates >= 2
    assert any(tour.WRONG in why for why in recipe.reasons.values())


def test_what_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    assert run_command(["demo", "--out", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_ctrl_c_saves_and_says_how_to_go_on(
    shrunken: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(plan: Any, state: Any, *more: Any) -> None:
        step(plan, state, *more)
        if state.counters.steps == 3:
            os.kill(os.getpid(), signal.SIGINT)

    shrunken()
    monkeypatch.setattr(session, "step", interrupted)
    out = tmp_path / "demo"
    assert run_command(["demo", "--out", str(out)]) == 2
    assert f"go on with: equipoise resume {out / 'rescued'}" in capsys.readouterr().err
    assert list((out / "rescued" / "checkpoints").glob("*.pt"))
    assert not any(isinstance(event, Prescribed) for event in read(out / "rescued").events)
