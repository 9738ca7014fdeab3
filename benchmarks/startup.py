"""How long the command line takes to answer.

    python benchmarks/startup.py [--rounds 15]

Whole processes, the fastest and the median of several after one to warm the page cache.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

from results import Result, report

COMMANDS = {("--help",): "below 0.25 s", ("recipes",): "", ("recipes", "sprites_small"): "", ("train", "--help"): ""}


def seconds(words: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "equipoise", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    rows = []
    for words, wanted in COMMANDS.items():
        seconds(words)
        timed = [seconds(words) for _ in range(asked.rounds)]
        name = " ".join(("equipoise", *words))
        rows.append(Result(f"{name}: fastest / median", f"{min(timed):.3f} / {median(timed):.3f} s", wanted))
    report("Start of the command line", rows)


if __name__ == "__main__":
    main()
