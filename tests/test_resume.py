"""Exact resume: a run that was killed and went on ends as the run that was never killed, bit for bit."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import equipoise
import tiny
from equipoise.cli import run_command
from equipoise.edit import Edit, apply
from equipoise.engine import checkpoint
from equipoise.errors import Fault, RequestError
from equipoise.journal import Checkpointed, Event, Measured, Pictured, Resumed, Tick, history, read
from equipoise.losses import read as read_losses
from equipoise.recipe import Budget, Recipe, Retuned, Span, stretched
from equipoise.record import Listener
from equipoise.run import Where, carry_out, resume, start
from equipoise.schedule import Linear
from equipoise.spec import SpecError, encode
from equipoise.view import Batch
from same_run import assert_same_run


class Crash(Exception):
    """What a test raises to end a run without any of its farewells."""


def whole_run(out: Path, recipe: Recipe) -> Path:
    carry_out(start(recipe, Where(device="cpu"), out))
    return out


def crash_at(kind: type[Event], occurrence: int) -> Listener:
    """A listener that ends a run abruptly when an event of that kind is announced for the n-th time."""
    seen = 0

    def crash(event: Event) -> None:
        nonlocal seen
        seen += isinstance(event, kind)
        if seen == occurrence:
            raise Crash

    return crash


def crashed_run(out: Path, recipe: Recipe, kind: type[Event], occurrence: int) -> None:
    """A run that ends abruptly when an event of that kind is announced for the n-th time."""
    with pytest.raises(Crash):
        carry_out(start(recipe, Where(device="cpu"), out, listeners=[crash_at(kind, occurrence)]))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_run(tmp_path_factory.mktemp("runs") / "reference", tiny.points())


@pytest.mark.parametrize(
    ("kind", "occurrence"), [(Tick, 1), (Tick, 3), (Tick, 7), (Pictured, 3), (Measured, 1), (Checkpointed, 3)]
)
def test_a_crash_at_any_event_leaves_no_trace(
    reference: Path, tmp_path: Path, kind: type[Event], occurrence: int
) -> None:
    crashed_run(tmp_path / "run", tiny.points(), kind, occurrence)
    carry_out(resume(tmp_path / "run"))
    assert_same_run(tmp_path / "run", reference)


def retuned() -> Recipe:
    """Two phases of twenty steps; the second has rates and a weight decay of its own."""
    recipe = tiny.points()
    first = replace(recipe.phases["main"], length=Span(20))
    of_generator = Retuned(lr=Linear(8e-4, 4e-4, until=20), weight_decay=0.01)
    second = replace(first, g_optim=of_generator, d_optim=Retuned(lr=5e-4))
    return replace(recipe, phases={"first": first, "second": second})


def rates(run: Path) -> list[tuple[int, float, float]]:
    """Step, and what the optimisers of generator and critic held at the last step before it."""
    with (run / "losses.csv").open() as file:
        return [(int(row["step"]), float(row["lr_g"]), float(row["lr_d"])) for row in csv.DictReader(file)]


def test_a_phase_that_sets_its_own_rates_resumes_exactly(tmp_path: Path) -> None:
    whole = whole_run(tmp_path / "whole", retuned())
    found = rates(whole)
    assert [rate for step, *rate in found if step <= 20] == [[1e-3, 1e-3]] * 4
    for step, of_generator, of_critic in found[4:]:
        assert of_generator == pytest.approx(8e-4 - 4e-4 * (step - 21) / 20)
        assert of_critic == 5e-4
    crashed_run(tmp_path / "run", retuned(), Tick, 7)
    carry_out(resume(tmp_path / "run"))
    assert_same_run(tmp_path / "run", whole)


def test_a_phases_rate_is_stretched_with_the_phase() -> None:
    longer = stretched(retuned(), {"first": 1.0, "second": 2.0})
    assert longer.phases["second"].g_optim == Retuned(lr=Linear(8e-4, 4e-4, until=40), weight_decay=0.01)


def test_weight_decay_is_the_phases_own_and_then_gone(tmp_path: Path) -> None:
    recipe = retuned()
    recipe = replace(recipe, phases={**recipe.phases, "third": recipe.phases["first"]})
    session = start(recipe, Where(device="cpu"), tmp_path / "run")
    seen: list[float] = []
    original = session._feeds.next

    def next_batch() -> Batch:
        groups = session.state.generator.optimiser.param_groups + session.state.critic.optimiser.param_groups
        seen.append(sum(group["weight_decay"] for group in groups))
        return original()

    session._feeds.next = next_batch  # type: ignore[method-assign]
    carry_out(session)
    assert set(seen[:20]) == {0.0}
    assert set(seen[20:40]) == {0.01}
    assert set(seen[40:]) == {0.0}


def test_a_phases_rate_is_set_on_resume_and_nothing_else_is(tmp_path: Path) -> None:
    crashed_run(tmp_path / "run", retuned(), Tick, 6)
    words = ["resume", str(tmp_path / "run"), "--set", "phases.second.d_optim.lr=0.0002", "--device", "cpu"]
    assert run_command(words) == 0
    found = rates(tmp_path / "run")
    assert [rate for step, _, rate in found if step > 30] == [2e-4, 2e-4]
    assert [rate for step, _, rate in found if step <= 20] == [1e-3] * 4
    assert found[-1][1] == pytest.approx(8e-4 - 4e-4 * 19 / 20)


def test_a_checkpoint_between_two_ticks_keeps_the_meter(reference: Path, tmp_path: Path) -> None:
    """The row after the checkpoint averages over steps on both sides of it."""
    recipe = tiny.points()
    odd = replace(recipe, cadence=replace(recipe.cadence, checkpoint_steps=7))
    crashed_run(tmp_path / "run", odd, Tick, 6)
    carry_out(resume(tmp_path / "run"))
    assert (tmp_path / "run" / "losses.csv").read_bytes() == (reference / "losses.csv").read_bytes()


def test_a_stop_and_a_resume_leave_no_trace(reference: Path, tmp_path: Path) -> None:
    """Asked to stop after any step, also between two ticks."""
    from equipoise.interrupt import StopRequest

    session = start(tiny.points(), Where(device="cpu"), tmp_path / "run")
    stop = StopRequest()
    original = session._feeds.next

    def next_batch() -> Batch:
        stop.asked = session.step >= 12
        return original()

    session._feeds.next = next_batch  # type: ignore[method-assign]
    assert session.train(stop) == "stopped as asked"
    carry_out(resume(tmp_path / "run"))
    assert_same_run(tmp_path / "run", reference)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "unfinished"])
def test_a_damaged_checkpoint_is_passed_over(reference: Path, tmp_path: Path, damage: str) -> None:
    crashed_run(tmp_path / "run", tiny.points(), Tick, 5)
    newest = checkpoint.entries(tmp_path / "run" / "checkpoints")[-1].path
    content = bytearray(newest.read_bytes())
    if damage == "truncated":
        newest.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
    else:
        newest.with_name(newest.name.replace("step-0000002", "step-0000003") + ".unfinished").write_bytes(content[:99])
    carry_out(resume(tmp_path / "run"))
    assert_same_run(tmp_path / "run", reference)
    assert not list((tmp_path / "run" / "checkpoints").glob("*.unfinished"))


def test_torn_journal_and_losses_are_mended(reference: Path, tmp_path: Path) -> None:
    crashed_run(tmp_path / "run", tiny.points(), Tick, 5)
    for name in ("journal.jsonl", "losses.csv"):
        path = tmp_path / "run" / name
        path.write_bytes(path.read_bytes()[:-9])
    carry_out(resume(tmp_path / "run"))
    assert_same_run(tmp_path / "run", reference)
    assert read(tmp_path / "run").broken_lines == 1
    steps = [event.step for event in history(read(tmp_path / "run").events) if isinstance(event, Tick)]
    assert steps == [5, 10, 15, 20, 25, 30, 35, 40]


def test_going_on_for_longer_is_the_longer_run(tmp_path: Path) -> None:
    longer = whole_run(tmp_path / "longer", tiny.points(60))
    whole_run(tmp_path / "run", tiny.points(40))
    carry_out(resume(tmp_path / "run", budget=Budget.parse("20steps")))
    assert (tmp_path / "run" / "losses.csv").read_bytes() == (longer / "losses.csv").read_bytes()


def test_a_run_is_trained_on_from_python_with_a_change(tmp_path: Path) -> None:
    folder = equipoise.train(tiny.points(), out=tmp_path / "run", budget="4steps", device="cpu")
    assert equipoise.resume(folder, ["d_optim.lr=5e-5"], budget="3steps", device="cpu", why="D is ahead") == folder
    assert rates(folder)[-1] == (7, 1e-3, 5e-5)
    assert any(isinstance(event, Resumed) and event.why == "D is ahead" for event in read(folder).events)
    with pytest.raises(SpecError, match="is not a change"):
        equipoise.resume(folder, ["faster"])


def test_a_setting_can_be_changed_and_is_written_down(tmp_path: Path) -> None:
    crashed_run(tmp_path / "run", tiny.points(), Tick, 5)
    carry_out(resume(tmp_path / "run", [Edit("d_optim.lr", value=1e-4)]))
    resumed = next(event for event in read(tmp_path / "run").events if type(event).__name__ == "Resumed")
    assert [str(change) for change in resumed.changes] == ["d_optim.lr: 0.001 -> 0.0001"]  # type: ignore[attr-defined]
    rates = [event.values["lr_d"] for event in history(read(tmp_path / "run").events) if isinstance(event, Tick)]
    assert rates == [1e-3] * 4 + [1e-4] * 4
    assert [event.values["lr_g"] for event in read(tmp_path / "run").events if isinstance(event, Tick)][-1] == 1e-3


def test_a_kill_after_a_resume_with_a_change_loses_nothing(tmp_path: Path) -> None:
    """The recipe file knows the change before any checkpoint does; a plain resume understands that."""
    crashed_run(tmp_path / "run", tiny.points(), Tick, 5)

    def crash(event: Event) -> None:
        if isinstance(event, Tick):
            raise Crash

    with pytest.raises(Crash):
        carry_out(resume(tmp_path / "run", [Edit("d_optim.lr", value=1e-4)], listeners=[crash]))
    carry_out(resume(tmp_path / "run"))
    assert list(read_losses(tmp_path / "run")["lr_d"])[-4:] == [1e-4] * 4


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    """It ended between two ticks, so its last row is a short one, and must stay."""
    run = whole_run(tmp_path / "run", tiny.points(12))
    before = {path.name: path.read_bytes() for path in (run / "losses.csv", *(run / "checkpoints").iterdir())}
    carry_out(resume(run))
    assert before == {path.name: path.read_bytes() for path in (run / "losses.csv", *(run / "checkpoints").iterdir())}


def test_a_score_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    """It would make a checkpoint whose name nobody finds, and a best that nothing beats."""
    session = start(tiny.points(), Where(device="cpu"), tmp_path / "run")
    with torch.no_grad():
        next(session.state.average.parameters()).fill_(float("nan"))
    with pytest.raises(Fault, match="samples are not finite"):
        carry_out(session)


def test_a_longer_phase_makes_a_longer_run(tmp_path: Path) -> None:
    whole_run(tmp_path / "run", tiny.points(20))
    session = resume(tmp_path / "run", [Edit("phases.main.length.amount", value=30)])
    carry_out(session)
    assert session.step == 30


def test_phases_follow_each_other_across_a_resume(tmp_path: Path) -> None:
    """Two phases with other terms and rhythms; the schedule of the second is counted from its own beginning."""
    recipe = apply(
        tiny.points(20),
        [
            Edit("phases.late", "add", encode(tiny.points(20).phases["main"])),
            Edit("phases.late.d_updates", value=1.5),
            Edit("phases.late.terms.r1.weight", value=encode(Linear(0.1, 0.0, until=20))),
        ],
    )
    reference = whole_run(tmp_path / "reference", recipe)
    crashed_run(tmp_path / "run", recipe, Tick, 5)
    carry_out(resume(tmp_path / "run"))
    assert_same_run(tmp_path / "run", reference)
    assert read_losses(reference)["images"][-1] == 20 * 32 + 30 * 32


def test_moments_follow_a_change_of_memory_order(tmp_path: Path, digits_folder: Path) -> None:
    """Going on in channels-last is the same course up to rounding; mixed-up moments would be another one."""
    runs = {}
    for layout in ("contiguous", "channels_last"):
        where = Where(digits_folder, device="cpu")
        with pytest.raises(Crash):
            carry_out(start(tiny.images(12), where, tmp_path / layout, listeners=[crash_at(Tick, 3)]))
        session = resume(tmp_path / layout, [Edit("precision.layout", value=layout)])
        carry_out(session)
        runs[layout] = torch.nn.utils.parameters_to_vector(
            [p.contiguous() for p in session.state.critic.module.parameters()]
        )
    torch.testing.assert_close(*runs.values(), rtol=1e-3, atol=1e-4)


def test_what_was_trained_on_cannot_be_held_out_afterwards(tmp_path: Path) -> None:
    """It would count as never seen in every measure of copies."""
    run = whole_run(tmp_path / "run", tiny.points())
    with pytest.raises(RequestError, match="held_out cannot grow"):
        resume(run, [Edit("held_out", value=0.4)], accept_changes=True)


def test_changes_made_behind_its_back_are_refused_with_a_list(tmp_path: Path) -> None:
    crashed_run(tmp_path / "run", tiny.points(), Tick, 5)
    recipe_file = tmp_path / "run" / "recipe.json"
    recipe_file.write_text(recipe_file.read_text().replace('"batch": 32', '"batch": 16'))
    with pytest.raises(RequestError, match=r"batch: 32 -> 16.*--accept-changes"):
        resume(tmp_path / "run")
    carry_out(resume(tmp_path / "run", accept_changes=True))


def test_a_change_of_shape_needs_a_new_run(tmp_path: Path) -> None:
    crashed_run(tmp_path / "run", tiny.points(), Tick, 5)
    with pytest.raises(RequestError, match=r"do not fit the recipe \(critic.width: 16 -> 32\)"):
        resume(tmp_path / "run", [Edit("critic.width", value=32)])
    carry_out(resume(tmp_path / "run"))


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    crashed_run(tmp_path / "run", tiny.points(), Tick, 5)
    other = replace(tiny.points(), critic=replace(tiny.points().critic, width=24))  # type: ignore[type-var]
    whole_run(tmp_path / "other", other)
    foreign = checkpoint.entries(tmp_path / "other" / "checkpoints")[-1].path
    shutil.copy(foreign, tmp_path / "run" / "checkpoints")
    with pytest.raises(RequestError, match=r"critic.width: 24 -> 16"):
        resume(tmp_path / "run")
    with pytest.raises(RequestError, match="do not fit the recipe"):
        resume(tmp_path / "run", accept_changes=True)


def test_a_malicious_checkpoint_is_not_executed(tmp_path: Path) -> None:
    """A pickle that would create a file when loaded, under a name that its hash bears out."""
    import hashlib
    import io

    crashed_run(tmp_path / "run", tiny.points(), Tick, 5)
    victim = tmp_path / "executed"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (victim,))

    buffer = io.BytesIO()
    torch.save({"format": 1, "evil": Evil()}, buffer)
    name = f"step-00000099_{hashlib.sha256(buffer.getvalue()).hexdigest()[:12]}.pt"
    (tmp_path / "run" / "checkpoints" / name).write_bytes(buffer.getvalue())
    session = resume(tmp_path / "run")
    carry_out(session)
    assert not victim.exists()
    for entry in checkpoint.entries(tmp_path / "run" / "checkpoints"):
        entry.path.unlink()
    (tmp_path / "run" / "checkpoints" / name).write_bytes(buffer.getvalue())
    with pytest.raises(RequestError, match="holds something other than numbers"):
        resume(tmp_path / "run")
    assert not victim.exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_kill_minus_nine(tmp_path: Path, digits_folder: Path, seed: int) -> None:
    """A real process, a real SIGKILL at a random moment, images and WGAN-GP; the benchmark does this twenty times."""
    out, reference = tmp_path / "killed", tmp_path / "reference"
    recipe_file = tmp_path / "tiny_recipe.py"
    recipe_file.write_text("from tiny import images\n")
    python_path = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
    tests = {**os.environ, "PYTHONPATH": python_path}
    command = [sys.executable, "-m", "equipoise", "train", f"{recipe_file}:images", "--data", str(digits_folder)]
    subprocess.run([*command, "--out", str(reference)], check=True, capture_output=True, env=tests)
    process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, env=tests)
    while not list(out.glob("checkpoints/*.pt")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0.0, 0.5))
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([sys.executable, "-m", "equipoise", "resume", str(out)], check=True, capture_output=True)
    assert_same_run(out, reference)


def test_a_run_that_has_nothing_left_to_train_gets_no_other_row(tmp_path: Path) -> None:
    """Its last state was saved at a score, between two rows; a rate that nothing was trained by must not be told."""
    recipe = apply(tiny.points(7), [Edit("cadence.sheet_steps", value=7)])
    run = whole_run(tmp_path / "run", recipe)
    before = (run / "losses.csv").read_bytes()
    assert read_losses(run)["step"][-1] == 7
    carry_out(resume(run, where=Where(device="cpu")))
    assert (run / "losses.csv").read_bytes() == before


def test_a_last_score_that_was_cut_off_is_made_up_for(tmp_path: Path) -> None:
    """The last state was saved before it was scored; nothing is left to train, and the generator may be the best."""
    recipe = apply(tiny.points(10), [Edit("autopilot.mode", value="off")])
    reference = whole_run(tmp_path / "reference", recipe)
    crashed_run(tmp_path / "run", recipe, Measured, 1)
    assert checkpoint.entries(tmp_path / "run" / "checkpoints")[-1].score is None
    carry_out(resume(tmp_path / "run", where=Where(device="cpu")))
    last, whole = (checkpoint.entries(run / "checkpoints")[-1] for run in (tmp_path / "run", reference))
    assert (last.step, last.score, last.is_best) == (whole.step, whole.score, whole.is_best)
    best = "best/generator.safetensors"
    assert (tmp_path / "run" / best).read_bytes() == (reference / best).read_bytes()
