"""Exact resume, proved by force: kill -9 at random moments, resume, compare every bit with the run never killed.

    python benchmarks/kill.py [--kills 20] [--processes 1]

Each trial starts the same short run (pictures of digits, WGAN-GP), kills it at a random moment between its first
checkpoint and its end, resumes it (killing that too in every fourth trial), and compares weights, average, optimiser
state, losses.csv, sheets and the best generator with the reference.  In every second trial the random moment is
followed by a wait for the next checkpoint, and the kill comes while it is being written.  A run that has ended before
its moment came is started again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from results import Result, report
from same_run import assert_same_run

HERE = Path(__file__).resolve().parent

RUN_STEPS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        counts = trials(Path(scratch), options.kills, options.processes, options.seed)
    report(
        "Exact resume after kill -9" + (f", {options.processes} processes" if options.processes > 1 else ""),
        [
            Result("processes", str(options.processes)),
            Result("runs killed at a random moment, and resumed", str(options.kills)),
            Result("identical to the run never killed, bit for bit", f"{counts['same']} of {options.kills}", "all"),
            Result("kills while a checkpoint was being written", str(counts["torn"])),
            Result("kills in all", str(counts["kills"])),
        ],
    )


def trials(scratch: Path, number: int, processes: int, seed: int) -> Counter[str]:
    """How many runs were the `same`, how many `kills` there were, and how many left a `torn` checkpoint."""
    images = write_digits(scratch / "digits")
    reference = scratch / "reference"
    process = start(images, reference, processes)
    await_checkpoint(process, reference)
    began = time.monotonic()
    finish(process)
    span_s = time.monotonic() - began
    chance, counts = random.Random(seed), Counter[str]()
    for trial in range(number):
        out = scratch / f"trial-{trial}"
        while not killed(start(images, out, processes), out, chance.uniform(0, span_s), trial % 2 == 1, counts):
            shutil.rmtree(out)
        if trial % 4 == 3:
            killed(resume(out, processes), out, chance.uniform(0, span_s), False, counts)
        finish(resume(out, processes))
        assert_same_run(out, reference)
        counts["same"] += 1
        print(f"trial {trial}: identical", flush=True)
    return counts


def start(images: Path, out: Path, processes: int) -> subprocess.Popen[bytes]:
    recipe = f"{HERE.parent / 'tests' / 'tiny.py'}:images"
    words = ["train", recipe, "--data", str(images), "--out", str(out), "--for", f"{RUN_STEPS}steps"]
    return run([*words, "--set", "cadence.checkpoint_steps=3", "--device", "cpu"], processes)


def resume(out: Path, processes: int) -> subprocess.Popen[bytes]:
    return run(["resume", str(out), "--device", "cpu"], processes)


def run(words: list[str], processes: int) -> subprocess.Popen[bytes]:
    """The command line in a process of its own, or in several under torchrun."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", "equipoise", *words]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def await_checkpoint(process: subprocess.Popen[bytes], out: Path) -> None:
    while not any(out.glob("checkpoints/*.pt")) and process.poll() is None:
        time.sleep(0.005)


def killed(process: subprocess.Popen[bytes], out: Path, delay_s: float, in_save: bool, counts: Counter[str]) -> bool:
    """Kill a run and all its processes a while after its first checkpoint; whether it was still alive."""
    await_checkpoint(process, out)
    time.sleep(delay_s)
    members = family(process.pid)
    while in_save and not any(out.glob("checkpoints/*.unfinished")) and process.poll() is None:
        pass
    if process.poll() is not None:
        return False
    for number in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.wait()
    counts["kills"] += 1
    counts["torn"] += any(out.glob("checkpoints/*.unfinished"))
    return True


def family(parent: int) -> list[int]:
    """A process and all that it has started, also what has a session of its own, as torchrun's workers have."""
    rows = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split("\n")
    pairs = [tuple(map(int, row.split())) for row in rows if row.strip()]
    members = [parent]
    for member in members:
        members += [pid for pid, ppid in pairs if ppid == member]
    return members


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]


def write_digits(folder: Path, count: int = 60) -> Path:
    """Small PNGs of scikit-learn's handwritten digits."""
    from PIL import Image
    from sklearn.datasets import load_digits

    folder.mkdir(parents=True)
    for index, image in enumerate(load_digits().images[:count]):
        Image.fromarray((image * 15.9).astype("uint8")).resize((16, 16)).save(folder / f"{index:03d}.png")
    return folder


if __name__ == "__main__":
    main()
