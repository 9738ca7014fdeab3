"""Tables and lines that verbs print: plain texts for a person, wrapped by the terminal and not by us."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from equipoise.recipes.listing import listing
from equipoise.terminal import clock

if TYPE_CHECKING:
    from equipoise.rehearsal import Outline, Rehearsal


def lines(texts: Iterable[str]) -> None:
    """Print each text as it is."""
    console = Console()
    for text in texts:
        console.print(text, highlight=False, soft_wrap=True, markup=False)


def shelf(entries: Mapping[str, Any]) -> None:
    """All recipes, one a line."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("recipe", style="bold")
    table.add_column("what it is")
    for name, entry in entries.items():
        table.add_row(name, entry["summary"])
    Console().print(table)


def recipe(entry: Mapping[str, Any]) -> None:
    """One recipe: each setting with its value and why it is so."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("why", overflow="fold")
    for row in entry["rows"]:
        table.add_row(row["path"], _short(row["value"]), row["reason"] or row.get("help", ""))
    lines([entry["summary"]])
    Console().print(table)


def plan(outline: Outline) -> None:
    """Everything that would be trained, and on what."""
    lines(
        f"{row['path']} = {_short(row['value'])}" + (f"   # {row['reason']}" if row["reason"] else "")
        for row in listing(outline.recipe)
    )
    lines(
        [
            "",
            f"{outline.samples} samples, {outline.space}; {outline.left_out} left out",
            f"generator {outline.generator_parameters:,} parameters, critic {outline.critic_parameters:,}",
            *(f"note: {note}" for note in outline.notes),
            *(f"warning: {warning}" for warning in outline.warnings),
        ]
    )


def rehearsal(done: Rehearsal) -> None:
    """What the whole in small has shown."""
    whole = f"; the whole run would take {clock(done.full_length_s)}" if done.full_length_s else ""
    lines(
        [
            *map(str, done.phases),
            f"{done.images_per_s:.0f} images/s{whole}; "
            f"a checkpoint takes {done.checkpoint_bytes / 2**20:.1f} MiB and reads back",
            *(f"not worth starting: {fault}" for fault in done.faults),
        ]
    )


def _short(value: object) -> str:
    """A value without the package's own prefix."""
    return str(value).removeprefix("equipoise.") if isinstance(value, str) else json.dumps(value)
