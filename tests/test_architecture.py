"""The house keeps its rules: reading needs no torch, every part is a sound part, and what is exported is there.

The floors themselves are contracts of import-linter in pyproject.toml; ``make test`` checks them.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from dataclasses import MISSING, fields

import pytest

import equipoise
from equipoise.spec import Part, Prose, decode, encode, hints, knob_of
from equipoise.spec.tags import resolve

READING_SIDE = (
    "spec",
    "edit",
    "schedule",
    "space",
    "finding",
    "differing",
    "journal",
    "losses",
    "recipe",
    "errors",
    "folder",
    "goal",
    "data",
    "recipes",
    "recipes.listing",
    "doctor",
    "doctor.examining",
    "doctor.pages",
    "terminal",
    "doctor.readers",
    "doctor.telling",
    "doctor.diagnosing",
    "report.writing",
    "attempts.telling",
    "attempts.page",
    "cli",
)
HEAVY = {"torch", "sklearn", "scipy", "matplotlib"}

IMPORT_ONE_BY_ONE = """
import importlib, sys
for name in sys.argv[2:]:
    importlib.import_module("equipoise." + name)
    heavy = set(sys.argv[1].split(",")) & set(sys.modules)
    if heavy:
        raise SystemExit(f"importing equipoise.{name} imports {heavy}")
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_reading_and_judging_never_import_torch() -> None:
    done = run("-W", "error", "-c", IMPORT_ONE_BY_ONE, ",".join(HEAVY), *READING_SIDE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--help", 0),
        ("--version", 0),
        ("train --help", 0),
        ("recipes", 0),
        ("recipes sprites_small", 0),
        ("recipes sprites_small --json", 0),
        ("recipes sprite_small", 2),
        ("journal no_such_folder", 2),
    ],
)
def test_verbs_that_only_read_never_import_torch(words: str, code: int) -> None:
    done = run("-X", "importtime", "-m", "equipoise", *words.split())
    timings = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in timings}
    assert done.returncode == code, done.stdout + done.stderr[-2000:]
    assert "equipoise" in imported
    assert not imported & HEAVY


@pytest.mark.parametrize("name", equipoise.__all__)
def test_what_the_package_exports_is_there(name: str) -> None:
    assert getattr(equipoise, name).__doc__


def test_what_the_package_does_not_have_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = equipoise.trian  # type: ignore[attr-defined]


def all_modules() -> list[str]:
    found = pkgutil.walk_packages(equipoise.__path__, "equipoise.")
    return [module.name for module in found if not module.name.endswith("__main__")]


def all_parts() -> list[type[Part]]:
    """Every kind of part in the package, bases included."""
    for name in all_modules():
        importlib.import_module(name)
    found: list[type[Part]] = []
    waiting: list[type[Part]] = [Part]
    while waiting:
        kinds = waiting.pop().__subclasses__()
        waiting += kinds
        found += [kind for kind in kinds if kind.__module__.startswith("equipoise.") and kind not in found]
    return sorted(found, key=lambda kind: kind.tag())


def needs_nothing(kind: type[Part]) -> bool:
    return all(field.default is not MISSING or field.default_factory is not MISSING for field in fields(kind))


def each(kinds: list[type[Part]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.tag().removeprefix("equipoise."))


PARTS = all_parts()
CONCRETE = [kind for kind in PARTS if not inspect.isabstract(kind)]


@each(PARTS)
def test_a_part_is_a_frozen_dataclass_that_explains_itself(kind: type[Part]) -> None:
    assert "__dataclass_params__" in vars(kind), "the decorator @dataclass(frozen=True) is missing"
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    made_up = (kind.__doc__ or "").startswith(f"{kind.__name__}(")  # by dataclass, where there is no docstring
    assert kind.__name__.startswith("_") or not made_up, "a docstring is missing"
    assert "__post_init__" not in vars(kind), "it would replace the check of all settings; use problems()"
    for hint in hints(kind).values():
        knob = knob_of(hint)
        assert knob is None or knob.help
        assert Prose not in getattr(hint, "__metadata__", ()), "write Prose(), not Prose"


@each(CONCRETE)
def test_a_tag_leads_back_to_its_part(kind: type[Part]) -> None:
    assert resolve(kind.tag(), Part) is kind


@each([kind for kind in CONCRETE if needs_nothing(kind)])
def test_the_defaults_of_a_part_are_valid_and_survive_json(kind: type[Part]) -> None:
    assert decode(encode(kind()), kind) == kind()
