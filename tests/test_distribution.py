"""Two processes give the gradients of one on the joined batch, and a run of two resumes exactly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

import two_processes
from equipoise.engine import checkpoint
from equipoise.engine import step as step_module
from equipoise.engine.machine import choose_device
from equipoise.engine.meter import Meter
from equipoise.engine.world import PATIENCE, World, join_world
from equipoise.errors import RequestError
from equipoise.journal import Measured, read
from equipoise.randomness import mix
from same_run import assert_same_run

HERE = Path(__file__).parent
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
PYTHONPATH = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": PYTHONPATH}

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="this build of torch has no distribution")


def torchrun(*words: str) -> None:
    done = subprocess.run([*TORCHRUN, *words], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]  # the processes' own words; the launcher's follow


@pytest.mark.slow
@pytest.mark.parametrize("case", list(two_processes.CASES))
def test_two_processes_give_the_gradients_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    torchrun(str(HERE / "two_processes.py"), case, str(tmp_path / "gradients.pt"))
    of_two = torch.load(tmp_path / "gradients.pt", weights_only=True)

    plan, state = two_processes.made(case, World())
    streams = [torch.Generator().manual_seed(mix(plan.recipe.seed, "step", 0, rank)) for rank in range(2)]

    def joined(count: int, dimension: int, device: torch.device | None = None) -> torch.Tensor:
        """What two processes draw, in the order of the joined batch."""
        shares = [torch.empty(count // 2, dimension, device=device).normal_(generator=stream) for stream in streams]
        return torch.stack(shares, dim=1).flatten(0, 1)

    real = two_processes.joined_batch(case)
    monkeypatch.setattr(torch, "randn", joined)
    monkeypatch.setattr(torch, "randn_like", lambda like: joined(*like.shape))
    step_module.step(plan, state, lambda: real, Meter())
    of_one = two_processes.gradients(state)
    assert of_one.keys() == of_two.keys()
    for name, gradient in of_one.items():
        torch.testing.assert_close(of_two[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.slow
def test_a_run_of_two_processes_resumes_exactly(tmp_path: Path) -> None:
    recipe = f"{HERE / 'tiny.py'}:points"
    command = ["-m", "equipoise", "train", recipe, "--device", "cpu"]
    torchrun(*command, "--out", str(tmp_path / "whole"), "--for", "40steps")
    torchrun(*command, "--out", str(tmp_path / "parts"), "--for", "20steps")
    torchrun("-m", "equipoise", "resume", str(tmp_path / "parts"), "--for", "20steps")
    assert_same_run(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_look_and_save_between_rows_too_and_resume_from_there(tmp_path: Path) -> None:
    """A row is the mean over both, so a checkpoint between two rows holds what each has gathered."""
    rhythm = [f"cadence.{name}" for name in ("tick_steps=5", "sheet_steps=4", "keep_recent=2")]
    words = [word for change in rhythm for word in ("--set", change)]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    recipe = f"{HERE / 'tiny.py'}:points"
    torchrun("-m", "equipoise", "train", recipe, "--device", "cpu", "--out", str(whole), "--for", "10steps", *words)
    assert [event.step for event in read(whole).events if isinstance(event, Measured)] == [4, 8, 10]
    shutil.copytree(whole, parts)
    for entry in checkpoint.entries(parts / "checkpoints"):
        if entry.step > 8:
            entry.path.unlink()
    torchrun("-m", "equipoise", "resume", str(parts), "--device", "cpu")
    assert_same_run(parts, whole)


LEAVING = """
import weakref
import torch
import torch.distributed as dist
from equipoise.engine.world import join_world, leave_world

world = join_world("cpu")
weight = torch.nn.Parameter(torch.ones(1))
torch.optim.Adam([weight])  # brings modules of torch that keep what group they find
world.average(torch.ones(2))
group = weakref.ref(dist.group.WORLD)
leave_world()
assert group() is None, "something keeps the group, and its threads, alive"
"""


@pytest.mark.slow
def test_nothing_of_the_group_is_left_when_a_process_ends(tmp_path: Path) -> None:
    """A thread of the group that outlives it can abort the process while the interpreter is taken down."""
    script = tmp_path / "leaving.py"
    script.write_text(LEAVING)
    torchrun(str(script))


@pytest.mark.slow
def test_a_rehearsal_in_two_processes_is_refused_in_one_line(tmp_path: Path) -> None:
    words = ["-m", "equipoise", "train", f"{HERE / 'tiny.py'}:points", "--rehearse", "--out", str(tmp_path / "run")]
    done = subprocess.run([*TORCHRUN, *words], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "equipoise: --rehearse" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    """The recipe's batch is that of all processes together."""
    from equipoise.data import Ring
    from equipoise.run import refuse_misfits

    plan, _ = two_processes.made("points", World(0, 3))
    with pytest.raises(RequestError, match="32 samples cannot be shared by 3 processes"):
        refuse_misfits(plan, Ring().corpus(None))


def test_more_processes_than_gpus_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(RequestError, match="process 3 of this machine has no GPU, for it has 2; start at most 2"):
        choose_device("auto")


def test_the_others_wait_for_as_long_as_data_may_take_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **settings: given.update(settings))
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    join_world("cpu")
    assert given["timeout"] == PATIENCE
