"""``equipoise check``: read the data as a recipe would, look for what is wrong, and show a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from equipoise import pictures
from equipoise.asked import as_set, find_recipe
from equipoise.data import Corpus, Images
from equipoise.data.check import examine
from equipoise.data.codec import from_stored
from equipoise.doctor.lint import lint
from equipoise.edit import Edit, apply
from equipoise.engine.anatomy import anatomy_of
from equipoise.errors import RequestError
from equipoise.files import refuse_folder
from equipoise.finding import Finding, worst_first
from equipoise.recipe import Recipe, Source, home_of, source_fitted
from equipoise.spec import Json, flatten

CONTACTS = 64


@dataclass(frozen=True)
class Checked:
    """What the check has found."""

    corpus: Corpus
    findings: tuple[Finding, ...]
    sheet: Path

    @property
    def has_faults(self) -> bool:
        return any(finding.severity == "fault" for finding in self.findings)

    def lines(self) -> Iterator[str]:
        """The report for a person."""
        corpus = self.corpus
        yield f"{len(corpus)} samples, {corpus.space}; {corpus.num_left_out} left out; contact sheet {self.sheet}"
        for finding in self.findings:
            yield f"{finding.severity}: {finding.title}"
            yield from (f"    {item}" for item in finding.evidence)
            if finding.advice:
                yield f"    -> {finding.advice}"
        yield "must not be trained on as it is" if self.has_faults else "nothing forbids training on it"

    def to_json(self) -> dict[str, Json]:
        return {
            "samples": len(self.corpus),
            "space": str(self.corpus.space),
            "left_out": [f"{item.name}: {item.reason}" for item in self.corpus.left_out],
            "findings": [asdict(finding) for finding in self.findings],
            "well": not self.has_faults,
            "sheet": str(self.sheet),
        }


def check(
    data: Path, recipe: str | None, changes: list[str], sheet: Path, progress: Callable[[int, int], None] | None
) -> Checked:
    """Check a folder, as plain images or as a recipe reads it.  Raises `equipoise.errors.RequestError`."""
    refuse_folder(sheet)
    chosen = as_set(find_recipe(recipe), changes) if recipe else None
    if chosen is not None and chosen.source.needs_path:
        chosen = source_fitted(chosen, data)
    source = chosen.source if chosen else apply(Images(), [Edit.parse(change) for change in changes])
    if not source.needs_path:
        raise RequestError(f"{recipe} brings its own data and would not read {data}; check it as another recipe")
    corpus = source.corpus(data, None, progress)
    findings = [_possible(finding, source) for finding in examine(corpus, home_of(source))]
    if chosen is not None:
        num_seen = len(corpus.split(chosen.held_out).seen)
        misfits = list(_misfits(chosen, corpus))
        built = None if misfits else anatomy_of(chosen, corpus.space)
        findings = worst_first([*findings, *misfits, *lint(chosen, corpus.space, num_seen, built)])
    shown = np.linspace(0, len(corpus) - 1, min(CONTACTS, len(corpus))).round().astype(int)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    pictures.save(pictures.sheet(from_stored(corpus.samples[shown], corpus.space), corpus.space), sheet)
    return Checked(corpus, tuple(findings), sheet)


def _possible(finding: Finding, source: Source) -> Finding:
    """The finding with those remedies alone that name a setting which this source has."""
    settings = {f"source.{path}" for path in flatten(source)}
    return replace(finding, remedies=tuple(edit for edit in finding.remedies if edit.path in settings))


def _misfits(recipe: Recipe, corpus: Corpus) -> Iterator[Finding]:
    """What the recipe's networks cannot be built for."""
    for role, network in (("generator", recipe.generator), ("critic", recipe.critic)):
        for fault in network.faults(corpus.space):
            yield Finding(
                f"the recipe's {role} does not fit",
                "fault",
                (fault,),
                f"change {home_of(recipe.source)}.size or the network",
            )
