"""A run's folder: what lies where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from equipoise import journal
from equipoise.errors import RequestError
from equipoise.files import write_whole
from equipoise.holding import held
from equipoise.recipe import Recipe
from equipoise.spec import SpecError, decode, encode

FORKS = "forks"
"""Folder of a run with what the autopilot tried."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def recipe_file(self) -> Path:
        return self.path / "recipe.json"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best_generator(self) -> Path:
        return self.path / "best" / "generator.safetensors"

    @property
    def best_left(self) -> Path:
        """The best generator of the courses that were left, where it was better than what took its place."""
        return self.best_generator.with_name("left.safetensors")

    def generator_of(self, phase: str, which: Literal["best", "last"]) -> Path:
        """A finished phase's generator; the last phase's best is the run's."""
        return self.best_generator.with_name(f"{phase}-{which}.safetensors")

    @property
    def has_checkpoints(self) -> bool:
        return any(self.checkpoints.glob("step-*.pt"))

    @property
    def tracking(self) -> Path:
        return self.path / "events"

    def refuse_taken(self) -> None:
        """Raises `RequestError` when something is there already."""
        if self.recipe_file.exists():
            raise RequestError(
                f"{self.path} exists already; go on with it by 'equipoise resume {self.path}' or choose another --out"
            )
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            kind = "a folder with other things in it" if self.path.is_dir() else "a file"
            raise RequestError(f"{self.path} exists already and is {kind}; choose another --out")

    def create(self) -> None:
        """Make the folder and its rooms.  Raises `RequestError` when something is there already."""
        self.refuse_taken()
        try:
            for room in (self.samples, self.checkpoints, self.best_generator.parent):
                room.mkdir(parents=True, exist_ok=True)
            (self.path / journal.Journal.name).touch()
        except OSError as error:
            raise RequestError(f"--out {self.path} cannot be made: {error.strerror}") from error

    def write_recipe(self, recipe: Recipe) -> None:
        text = json.dumps(encode(recipe), indent=2) + "\n"
        write_whole(self.recipe_file, text.encode())

    def read_recipe(self) -> Recipe:
        """Raises `RequestError` when this is no run folder or its recipe cannot be read."""
        if not self.recipe_file.is_file():
            raise RequestError(f"{self.path} is not a run folder: it has no recipe.json")
        return read_recipe_file(self.recipe_file)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While it is trained, or changed: no other process does either.

        Raises `RequestError` where one does, and where this is no run folder.
        """
        file = self.path / journal.Journal.name
        if not file.is_file():
            raise RequestError(f"{self.path} is not a run folder: it has no {file.name}")
        with held(file) as is_ours:
            if not is_ours:
                raise RequestError(f"{self.path} is being trained by another process; wait for its end, or stop it")
            yield

    def without_checkpoints(self) -> str:
        """Of a run that has none: why that is so, and what can be done."""
        run = RunFolder(self.path.resolve().parent.parent)
        if self.path.resolve().parent.name == FORKS and run.recipe_file.is_file():
            beside = f"the autopilot keeps none of a fork's; the run it belongs to: equipoise resume {run.path}"
            return f"{self.path} is a fork whose checkpoints are gone: {beside}"
        if self.best_generator.is_file():
            data = " --data DATA" if self.read_recipe().source.needs_path else ""
            return (
                f"{self.path}: its checkpoints are gone (the tuner keeps none but those of its best trial); its best "
                f"generator is in best/, to begin with: equipoise train {self.path}{data} --from {self.path}"
            )
        if any(isinstance(event, journal.Checkpointed) for event in self.read_journal().events):
            return f"{self.path}: its checkpoints and its best generator are gone; there is nothing to go on from"
        return f"{self.path} was ended before its first checkpoint; delete it and train again"

    def read_journal(self) -> journal.Reading:
        try:
            return journal.read(self.path)
        except (FileNotFoundError, NotADirectoryError):
            raise RequestError(f"{self.path} is not a run folder: it has no {journal.Journal.name}") from None


def read_recipe_file(path: Path) -> Recipe:
    """A recipe from JSON.  Raises `RequestError` with every fault and its path."""
    try:
        return decode(json.loads(path.read_text(encoding="utf-8")), Recipe)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} is not JSON: {error}") from error
    except SpecError as error:
        raise RequestError(f"{path}: {error}") from error


def next_free(parent: Path, name: str) -> Path:
    """The first of ``name-001``, ``name-002`` ... that does not exist."""
    number = 1
    while (parent / f"{name}-{number:03d}").exists():
        number += 1
    return parent / f"{name}-{number:03d}"
