"""Exact resume, proved by force: kill -9 at random moments, resume, compare every bit with the run never killed.

    python benchmarks/kill.py [--kills 20] [--processes 1] [--autopilot]

Each trial starts the same short run (pictures of digits, WGAN-GP), kills it at a random moment between its first
checkpoint and its end, resumes it (killing that too in every fourth trial), and compares weights, average, optimiser
state, losses.csv, sheets and the best generator with the reference.  In every second trial the random moment is
followed by a wait for the next checkpoint, and the kill comes while it is being written.  A run that has ended before
its moment came is started again.  With `--autopilot` it is a run that goes back, trains forks and adopts one, killed at
any of that, and what the autopilot decided is compared too.
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
from dataclasses import asdict, dataclass
from pathlib import Path

from equipoise import journal
from equipoise.doctor.interventions import past
from results import Result, report
from same_run import assert_same_run

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"

RUN_STEPS = 60


@dataclass(frozen=True)
class Course:
    """What is trained, and how its processes are begun."""

    images: Path
    processes: int = 1
    acts: bool = False
    """Whether it is the run of `tests/piloted.py`, which repairs itself on the way."""

    def start(self, out: Path) -> subprocess.Popen[bytes]:
        if self.acts:
            return self._begun([str(TESTS / "piloted.py"), "train", str(out)])
        recipe = f"{TESTS / 'tiny.py'}:images"
        words = ["train", recipe, "--data", str(self.images), "--out", str(out), "--for", f"{RUN_STEPS}steps"]
        return self._run([*words, "--set", "cadence.checkpoint_steps=3", "--device", "cpu"])

    def resume(self, out: Path) -> subprocess.Popen[bytes]:
        if self.acts:
            return self._begun([str(TESTS / "piloted.py"), "resume", str(out)])
        return self._run(["resume", str(out), "--device", "cpu"])

    def _run(self, words: list[str]) -> subprocess.Popen[bytes]:
        """The command line in a process of its own, or in several under torchrun."""
        several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self.processes}"]
        return self._begun([*(several if self.processes > 1 else []), "-m", "equipoise", *words])

    def _begun(self, words: list[str]) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
        command = [sys.executable, *words]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--autopilot", action="store_true", help="a run that repairs itself, killed in its forks too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        images = write_digits(Path(scratch) / "digits")
        course = Course(images, options.processes, options.autopilot)
        counts = trials(Path(scratch), options.kills, course, options.seed)
    several = f", {options.processes} processes" if options.processes > 1 else ""
    report(
        "Exact resume after kill -9" + several + (", the autopilot acting" if options.autopilot else ""),
        [
            Result("processes", str(options.processes)),
            Result("runs killed at a random moment, and resumed", str(options.kills)),
            Result("identical to the run never killed, bit for bit", f"{counts['same']} of {options.kills}", "all"),
            Result("kills while a checkpoint was being written", str(counts["torn"])),
            Result("kills while forks were trained or taken over", str(counts["repairing"])),
            Result("kills in all", str(counts["kills"])),
        ],
    )


def trials(scratch: Path, number: int, course: Course, seed: int) -> Counter[str]:
    """How many runs were the `same`, how many `kills` there were, and how many left a `torn` checkpoint or came in the
    middle of a repair."""
    reference = scratch / "reference"
    process = course.start(reference)
    await_checkpoint(process, reference)
    began = time.monotonic()
    finish(process)
    span_s = time.monotonic() - began
    chance, counts = random.Random(seed), Counter[str]()
    for trial in range(number):
        out = scratch / f"trial-{trial}"
        while not killed(course.start(out), out, chance.uniform(0, span_s), trial % 2 == 1, counts):
            shutil.rmtree(out)
        if trial % 4 == 3:
            killed(course.resume(out), out, chance.uniform(0, span_s), False, counts)
        finish(course.resume(out))
        assert_same_run(out, reference)
        assert decisions(out) == decisions(reference)
        counts["same"] += 1
        print(f"trial {trial}: identical", flush=True)
    return counts


def decisions(run: Path) -> list[tuple[str, dict[str, object]]]:
    """What the autopilot did, and not when."""
    events = [event for event in journal.read(run).events if isinstance(event, journal.PILOTED)]
    return [(type(event).__name__, {**asdict(event), "time": None}) for event in events]


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
    current = past(journal.read(out).events).current
    counts["repairing"] += current is not None and current.stage != "review"
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
