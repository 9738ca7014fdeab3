"""The pages about symptoms are what the classes say of themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from equipoise.doctor.pages import FAMILIES, INDEX, page, pages
from equipoise.doctor.symptom import Symptom
from equipoise.doctor.symptoms import SYMPTOMS

DOCS = Path(__file__).resolve().parents[1] / "docs" / "symptoms"


def test_the_pages_are_those_that_were_written_last() -> None:
    """``make golden`` writes them anew."""
    written = {path.name: path.read_text(encoding="utf-8") for path in DOCS.iterdir()}
    assert written == dict(pages())


def test_every_symptom_is_in_the_index_under_its_family() -> None:
    index = pages()[INDEX]
    assert {type(symptom).__module__.rpartition(".")[2] for symptom in SYMPTOMS} == set(FAMILIES)
    assert all(f"[{symptom.key}]({symptom.key}.md): {symptom.title}" in index for symptom in SYMPTOMS)


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: symptom.key)
def test_a_page_says_all_that_is_known(symptom: Symptom) -> None:
    text = page(symptom)
    for said in (symptom.looks_like, symptom.means, *symptom.reads, *symptom.confused_with.values(), *symptom.sources):
        assert said in text
    assert all((DOCS / target).is_file() for target in re.findall(r"\]\(([\w-]+\.md)\)", text))


def test_the_command_writes_them_without_torch(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['doctor', sys.argv[1]];"
        "runpy.run_module('equipoise.doctor', run_name='__main__'); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "new")], check=True, timeout=120)
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(pages())
