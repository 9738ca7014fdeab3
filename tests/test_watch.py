"""The doctor in a loop of somebody's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import equipoise
from equipoise import journal
from equipoise.cli import run_command
from equipoise.doctor.readers.runs import read_run
from equipoise.errors import RequestError
from equipoise.journal import Diagnosed, Measured

EXAMPLE = Path(__file__).parent.parent / "examples" / "watch_your_own_loop.py"


def pictures(count: int, spread: float = 1.0, seed: int = 0) -> Tensor:
    """Smooth random pictures [N, 3, 16, 16] in [-1, 1]; with a small spread all are nearly the same."""
    source = torch.Generator().manual_seed(seed)
    same, own = (torch.randn(n, 3, 4, 4, generator=source) for n in (1, count))
    mixed = same * (1 - spread**2) ** 0.5 + own * spread
    return torch.tanh(torch.nn.functional.interpolate(mixed, scale_factor=4.0, mode="bilinear"))


def watched(folder: Path, fakes: Tensor, steps: int = 2000, **settings: object) -> equipoise.Watch:
    """A loop whose losses are calm, and whose fakes are these."""
    said: list[str] = []
    watch = equipoise.Watch(
        folder, loss="hinge", real=pictures(256, seed=1), every=20, samples_every=400, tell=said.append
    )
    noise = torch.Generator().manual_seed(0)
    with watch:
        for step in range(steps):
            real, fake = 0.4 + torch.randn(8, generator=noise), -0.4 + torch.randn(8, generator=noise)
            shown = fakes[torch.randint(len(fakes), (16,), generator=noise)]
            losses = {
                "d_loss": 1.6 + 0.1 * torch.randn((), generator=noise),
                "g_loss": 0.4 + 0.1 * torch.randn((), generator=noise),
            }
            watch.log(step, real_logits=real, fake_logits=fake, fake=shown, **losses)
    watch.said = said  # type: ignore[attr-defined]
    return watch


def test_a_collapse_that_losses_do_not_show_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch = watched(tmp_path / "run", pictures(512, spread=0.03))
    assert watch.examination is not None and watch.examination.verdict == "ill"
    assert watch.examination.diagnoses[0].symptom.key == "total-collapse"
    assert "ill" in watch.said[-1] and watch.said[-1].startswith("step ")  # type: ignore[attr-defined]
    assert run_command(["doctor", str(tmp_path / "run")]) == 1
    assert "(total-collapse)" in capsys.readouterr().out
    events = [event for event in journal.read(tmp_path / "run").events if isinstance(event, Diagnosed)]
    assert events[-1].verdict == "ill" and next(iter(events[-1].symptoms)) == "total-collapse"


def test_a_loop_that_is_well_is_left_in_peace(tmp_path: Path) -> None:
    watch = watched(tmp_path / "run", pictures(512, seed=2))
    assert watch.examination is not None and watch.examination.verdict == "healthy"
    assert not [line for line in watch.said if "ill" in line or "suspect" in line]  # type: ignore[attr-defined]


def test_what_is_logged_is_what_the_doctor_reads(tmp_path: Path) -> None:
    with equipoise.Watch(tmp_path / "run", loss="bce", every=2, tell=lambda line: None) as watch:
        for step, (real, fake) in enumerate([([1.0, 2.0], [0.0, 0.0]), ([0.0, 0.0], [0.0, 1.0])]):
            watch.log(
                step,
                d_loss=torch.tensor(2.0 + step),
                lr_d=1e-4,
                real_logits=torch.tensor(real),
                fake_logits=torch.tensor(fake),
            )
    trace = read_run(tmp_path / "run")
    assert trace.game is not None and trace.game.key == "bce"
    values = {name: series.values.tolist() for name, series in trace.signals.items() if len(series)}
    assert values["d_loss"] == [2.5] and values["score_real"] == [0.75] and values["score_fake"] == [0.25]
    assert values["auc"] == [pytest.approx((1.0 + 0.25) / 2)] and values["lr_d"] == [pytest.approx(1e-4)]
    assert trace.signals["d_loss"].steps.tolist() == [2]


def test_watching_changes_nothing(tmp_path: Path) -> None:
    """Neither random numbers nor gradients of the loop."""

    def weights(watch: equipoise.Watch | None) -> Tensor:
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.ones(3))
        optim = torch.optim.SGD([weight], lr=0.1)
        for step in range(60):
            fake = torch.tanh(weight[:, None, None] * torch.randn(8, 3, 16, 16))
            loss = fake.square().mean()
            optim.zero_grad()
            loss.backward()
            optim.step()
            if watch is not None:
                watch.log(step, g_loss=loss, fake_logits=fake.mean((1, 2, 3)), fake=fake)
        return weight.detach()

    with equipoise.Watch(tmp_path / "run", real=pictures(128), every=10, samples_every=20, tell=print) as watch:
        assert torch.equal(weights(watch), weights(None))
    assert [event.step for event in journal.read(tmp_path / "run").events if isinstance(event, Measured)] == [
        20,
        40,
        60,
    ]


def test_a_loss_that_is_not_finite_is_proof(tmp_path: Path) -> None:
    with equipoise.Watch(tmp_path / "run", loss="wgan", every=5, tell=lambda line: None) as watch:
        for step in range(100):
            watch.log(step, d_loss=torch.tensor(float("nan") if step > 40 else -1.0))
    assert watch.examination is not None and watch.examination.diagnoses[0].symptom.key == "not-finite"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"loss": "hing"}, "loss 'hing' is none of .*; did you mean 'hinge'"),
        ({"real": torch.rand(64, 3, 16, 16) * 255}, "samples go from .* to 25., and value_range says -1 to 1"),
        ({"real": torch.rand(64, 16, 16)}, r"samples are \[N, C, H, W\]; these have shape \[64, 16, 16\]"),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_is_made(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        equipoise.Watch(tmp_path / "run", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_names_and_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with (
        equipoise.Watch(tmp_path / "run") as watch,
        pytest.raises(RequestError, match="no signal 'd_los'; did you mean 'd_loss'"),
    ):
        watch.log(0, d_los=1.0)
    with pytest.raises(RequestError, match="exists already"):
        equipoise.Watch(tmp_path / "run")


def test_samples_in_another_range(tmp_path: Path) -> None:
    said: list[str] = []
    real = pictures(64) * 127.5 + 127.5
    with equipoise.Watch(tmp_path / "run", real=real, value_range=(0, 255), samples_every=1, tell=said.append) as watch:
        watch.log(0, fake=pictures(64, seed=2) * 127.5 + 127.5)
        for step in range(1, 4):
            watch.log(step, fake=pictures(64) * 300)
        watch.log(4, fake=pictures(64)[:, :1] * 127.5 + 127.5)
    measured = [event for event in journal.read(tmp_path / "run").events if isinstance(event, Measured)]
    assert [event.step for event in measured] == [1]
    assert len(said) == 1 and "value_range" in said[0] and "not measured" in said[0], "once, and the loop goes on"


def test_a_loop_that_logs_now_and_then_is_watched_too(tmp_path: Path) -> None:
    with equipoise.Watch(tmp_path / "run", loss="bce", every=50, tell=lambda said: None) as watch:
        for step in range(0, 20_000, 100):
            watch.log(step, d_loss=1.3 + step % 300 / 1e4, g_loss=0.8)
    trace = read_run(tmp_path / "run")
    assert trace.signals["d_loss"].steps.tolist() == [step + 1.0 for step in range(100, 20_000, 100)]


def test_few_fakes_wait_for_more(tmp_path: Path) -> None:
    said: list[str] = []
    with equipoise.Watch(tmp_path / "run", real=pictures(64), samples_every=10, tell=said.append) as watch:
        for step in range(100):
            watch.log(step, d_loss=1.0, fake=pictures(4, seed=step) if step % 10 == 9 else pictures(64)[:0])
    measured = [event.step for event in journal.read(tmp_path / "run").events if isinstance(event, Measured)]
    assert measured == [40, 80] and not any("not measured" in line for line in said)


def test_numbers_may_lie_on_several_devices(tmp_path: Path) -> None:
    with equipoise.Watch(tmp_path / "run", every=10) as watch:
        watch._meter.add("d_loss", torch.ones((), device="meta"))
        watch.log(0, lr_d=1e-4, d_loss=torch.ones(()))
        assert watch._meter._sums["d_loss"].device.type == "meta"
        watch._meter._sums.pop("d_loss")


def test_steps_that_begin_anew_are_told_and_counted_on(tmp_path: Path) -> None:
    said: list[str] = []
    with equipoise.Watch(tmp_path / "run", loss="bce", every=50, tell=said.append) as watch:
        for _ in range(3):
            for step in range(200):
                watch.log(step, d_loss=1.3)
                watch.log(step, g_loss=0.8)
    assert read_run(tmp_path / "run").signals["d_loss"].steps.tolist() == [float(step) for step in range(50, 601, 50)]
    assert [line for line in said if "go back" in line] == [
        "step 200: steps go back from 199 to 0: they are counted on; count over all epochs to have your own"
    ]


def test_what_came_after_the_last_row_is_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(FloatingPointError),
        equipoise.Watch(tmp_path / "run", loss="wgan", every=50, tell=lambda line: None) as watch,
    ):
        for step in range(771):
            watch.log(step, d_loss=float("nan") if step > 760 else -1.0)
        raise FloatingPointError
    assert run_command(["doctor", str(tmp_path / "run")]) == 1
    assert "(not-finite)" in capsys.readouterr().out


def test_a_loop_may_be_watched_by_its_samples_alone(tmp_path: Path) -> None:
    with equipoise.Watch(tmp_path / "run", real=pictures(256, seed=1), samples_every=400) as watch:
        for step in range(2000):
            watch.log(step, fake=pictures(64, spread=0.03, seed=step) if step % 100 == 99 else None)
    trace = read_run(tmp_path / "run")
    assert trace.signals["distance"].steps.tolist() == [400.0, 800.0, 1200.0, 1600.0, 2000.0]


def test_fakes_that_are_no_numbers_are_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched(tmp_path / "run", pictures(64, seed=2) * float("nan"))
    assert run_command(["doctor", str(tmp_path / "run")]) == 1
    assert "(not-finite)" in capsys.readouterr().out


def test_how_a_loop_ended_is_in_the_attempt_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Closed twice, stopped by an exception, and never closed."""
    watched(tmp_path / "through", pictures(64), steps=40).close()
    with pytest.raises(ZeroDivisionError), equipoise.Watch(tmp_path / "broken", every=1) as watch:
        watch.log(0, d_loss=1.0, g_loss=1.0)
        raise ZeroDivisionError("division by\nzero")
    with pytest.raises(KeyboardInterrupt), equipoise.Watch(tmp_path / "by hand", every=1) as watch:
        watch.log(0, d_loss=1.0, g_loss=1.0)
        raise KeyboardInterrupt
    goes_on = equipoise.Watch(tmp_path / "open", every=1)
    goes_on.log(0, d_loss=1.0, g_loss=1.0)
    assert run_command(["journal", str(tmp_path)]) == 0
    goes_on.close()
    told = " ".join(capsys.readouterr().out.split())
    for words in (
        "the loop is through",
        "stopped by a fault: ZeroDivisionError: division by zero",
        "interrupted",
        "no end was written",
    ):
        assert words in told


def test_an_error_with_any_words_is_no_proof_of_nan(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), equipoise.Watch(tmp_path / "run", every=1) as watch:
        for step in range(50):
            watch.log(step, d_loss=1.0 + 0.1 * (step % 3), g_loss=1.0)
        raise FileNotFoundError(2, "No such file", "/data/nan/inf.png")
    assert read_run(tmp_path / "run").faults == ()


@pytest.mark.parametrize(
    ("real", "said"),
    [
        (torch.zeros(64, 16, 16, 3), r"looks like \[N, H, W, C\]"),
        (torch.zeros(8, 3, 16, 16), "8 real samples are too few"),
        (torch.zeros(64, 16, 16), r"samples are \[N, C, H, W\]"),
        (torch.zeros(0, 3, 16, 16), "0 real samples are too few"),
        (torch.full((64, 3, 16, 16), float("nan")), "not finite"),
    ],
)
def test_real_samples_that_cannot_be_measured_by_are_refused(tmp_path: Path, real: Tensor, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        equipoise.Watch(tmp_path / "run", real=real)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_example_runs_and_is_diagnosed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [sys.executable, str(EXAMPLE), "--steps", "1500", "--out", str(tmp_path / "run")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "critic" in done.stdout
    assert run_command(["doctor", str(tmp_path / "run")]) == 1
    assert "critic-wins" in capsys.readouterr().out
