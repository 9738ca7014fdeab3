"""What all verbs share: the application, exit codes, options of the same meaning, and how things are printed."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from equipoise import __version__
from equipoise.errors import RequestError

OK, NOT_WELL, WRONG_REQUEST, FAULT = 0, 1, 2, 3

app = App(
    name="equipoise",
    version=__version__,
    help="Train GANs on small, unusual data without collapse.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # which would end the process from inside, without a word
    help_format="plaintext",  # Markdown would cost a fifth of the time that --help takes
)

Set = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative=(),
        help='change a setting: path=value, path*=factor, path+=entry, "drop path"; * is any one name',
    ),
]
Data = Annotated[Path | None, Parameter(name="--data", help="folder of the data")]
Device = Annotated[str, Parameter(name="--device", help="auto, cpu, cuda, cuda:1 or mps")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="for a machine to read")]


def flag(name: str, text: str) -> Parameter:
    return Parameter(name=name, negative=(), help=text)


def print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


@contextlib.contextmanager
def reading_bar(words: str = "reading the data") -> Iterator[Callable[[int, int], None] | None]:
    """A callback that draws how much has been done, where there is a terminal to draw it on."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console()
    if not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(words, total=None, visible=False)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield update


def numbers(option: str, text: str | None) -> dict[str, float]:
    """What is written as name=number,name=number."""
    found: dict[str, float] = {}
    for part in text.split(",") if text is not None else []:
        name, equals, number = part.partition("=")
        try:
            value = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            said = f"{option} {text}".rstrip()
            raise RequestError(f"{said}: write NAME=NUMBER, several with commas between")
        if name.strip() in found:
            raise RequestError(f"{option} {text}: {name.strip()} is there twice")
        found[name.strip()] = value
    return found
