"""What a data check, a lint or a symptom hands over: what is the matter, how it is known, what would change it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from equipoise.edit import Edit

Severity = Literal["fault", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    A ``fault`` must be cured before training, a ``warning`` should be read, a ``note`` is for the record.
    `evidence` are the numbers or names it rests on, `advice` is what a person should do, and `remedies` are the
    edits that would do it, best first.  `misleads` says of a warning about data that a run on them may fail in ways
    that look like something else; every fault does.
    """

    title: str
    severity: Severity
    evidence: tuple[str, ...] = ()
    advice: str = ""
    remedies: tuple[Edit, ...] = ()
    misleads: bool = False

    @property
    def line(self) -> str:
        """All of it in one line."""
        return "; ".join((self.title, *self.evidence)) + (f" -> {self.advice}" if self.advice else "")


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Faults, then warnings, then notes; each in the order given."""
    ranks: dict[Severity, int] = {"fault": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: ranks[finding.severity])
