"""How a benchmark reports: a table, and a section of RESULTS.md with date, command, machine and commit."""

from __future__ import annotations

import datetime
import os
import platform
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

RESULTS = Path(__file__).with_name("RESULTS.md")
ROOT = RESULTS.parents[1]


@dataclass(frozen=True, slots=True)
class Result:
    """One figure: what it is, what it came to, and what it was asked to be."""

    what: str
    value: str
    wanted: str = ""


def report(title: str, results: list[Result], remarks: str = "") -> None:
    """Print the figures, and write them as the section of that title, replacing the one of an earlier run."""
    width = max(len(result.what) for result in results)
    for result in results:
        wanted = f"   (wanted: {result.wanted})" if result.wanted else ""
        print(f"{result.what:<{width}}  {result.value}{wanted}", flush=True)
    table = ["| what | measured | wanted |", "|---|---|---|"]
    table += [f"| {result.what} | {result.value} | {result.wanted} |" for result in results]
    parts = [f"## {title}", provenance(), "\n".join(table), remarks.strip()]
    write_section(title, "\n\n".join(part for part in parts if part))


def provenance() -> str:
    """Date, command, machine and commit of the figures."""
    command = shlex.join(["python", *_program(Path(sys.argv[0])), *_without_folders(sys.argv[1:])])
    return f"{datetime.date.today()} · `{command}` · {machine()} · commit {commit()}"


def _program(path: Path) -> list[str]:
    """How a benchmark is called: a file, or a package below `benchmarks`."""
    return ["-m", path.parent.name] if path.name == "__main__.py" else [f"benchmarks/{path.name}"]


def _without_folders(words: list[str]) -> list[str]:
    """A command's words without the options that say where on this machine something lay."""
    kept: list[str] = []
    for word in words:
        if Path(word).is_absolute():
            kept.pop()
        else:
            kept.append(word)
    return kept


def machine() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{os.cpu_count()} CPU cores ({platform.machine()}, {capability}), torch {torch.__version__}"


def commit() -> str:
    """The commit of the code; "-dirty" when anything but the results themselves differs from it."""
    number = _git("rev-parse", "--short", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":(exclude){RESULTS.relative_to(ROOT)}")
    return (number or "unknown") + ("-dirty" if changes else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def write_section(title: str, text: str) -> None:
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Measured results\n"
    sections = re.split(r"(?m)^(?=## )", old)
    kept = [section.strip() for section in sections if not section.startswith(f"## {title}\n")]
    RESULTS.write_text("\n\n".join([*kept, text.strip()]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit("this is a module of the other benchmarks")
