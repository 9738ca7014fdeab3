"""How long the doctor takes over logs, and how much memory: a small table, and a million lines.

    python benchmarks/reading.py [--rows 1000000] [--rounds 5]

Whole processes, ``equipoise doctor FILE``, on Linux.  The logs are made up: a game in balance whose numbers go up and
down.  Of several rounds the fastest and the median; the processor's time is that of the process, whatever else runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from results import Result, report

SMALL_ROWS = 300
EPOCH_ROWS = 1000
KIB_A_MIB = 1024
REMARKS = "Where other work runs beside, the processor's time is the one to compare."


LOOK: Final = """
import resource, sys
from pathlib import Path
from equipoise.cli import run_command
run_command(["doctor", sys.argv[1], "--loss", "bce"])
used = resource.getrusage(resource.RUSAGE_SELF)
most = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
sys.stderr.write(f"{used.ru_utime + used.ru_stime} {most}")
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process."""

    first_line_s: float
    seconds: float
    processor_s: float
    mib: float
    """Most memory it held."""


def table(rows: int) -> Iterator[str]:
    yield "step,d_loss,g_loss,d_x,grad_d"
    for step, (d, g, x, norm) in enumerate(np.random.default_rng(0).uniform(0.4, 0.9, (rows, 4))):
        yield f"{step},{d:.6f},{g:.6f},{x:.4f},{norm:.5f}"


def printed(rows: int) -> Iterator[str]:
    for step, (d, g, x, z) in enumerate(np.random.default_rng(0).uniform(0.4, 0.9, (rows, 4))):
        at = f"[{step // EPOCH_ROWS}/{rows // EPOCH_ROWS}][{step % EPOCH_ROWS}/{EPOCH_ROWS}]"
        yield f"{at}\tLoss_D: {d:.4f}\tLoss_G: {g:.4f}\tD(x): {x:.4f}\tD(G(z)): {z:.4f} / {z / 2:.4f}"


def examined(path: Path) -> Cost:
    """One look of the doctor's at a log."""
    began = time.perf_counter()
    words = [sys.executable, "-c", LOOK, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        first_line_s = time.perf_counter() - began
        process.stdout.read()
        processor_s, kib = process.stderr.read().split()
    return Cost(first_line_s, time.perf_counter() - began, float(processor_s), float(kib) / KIB_A_MIB)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    makers: list[tuple[str, Callable[[int], Iterator[str]], int, str]] = [
        ("losses.csv", table, SMALL_ROWS, ""),
        ("losses.csv", table, asked.rows, "below 5 s, 300 MiB"),
        ("DCGAN's lines", printed, asked.rows, "below 5 s, 300 MiB"),
    ]
    rows = []
    for name, make, count, wanted in makers:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log"
            path.write_text("\n".join(make(count)))
            costs = [examined(path) for _ in range(asked.rounds + 1)][1:]
        lasted, busy = [cost.seconds for cost in costs], [cost.processor_s for cost in costs]
        mib = max(cost.mib for cost in costs)
        figures = f"{min(lasted):.2f} / {median(lasted):.2f} s, {min(busy):.2f} s, {mib:.0f} MiB"
        rows.append(Result(f"{name}, {count} rows: fastest / median, processor, memory", figures, wanted))
        if count == SMALL_ROWS:
            first = [cost.first_line_s for cost in costs]
            what = f"{name}, {count} rows: first line, fastest / median"
            rows.append(Result(what, f"{min(first):.2f} / {median(first):.2f} s", "below 0.6 s"))
    report("Reading logs", rows, REMARKS)


if __name__ == "__main__":
    main()
