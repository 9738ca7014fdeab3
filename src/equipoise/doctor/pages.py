"""The pages about symptoms: each is what its class says of itself, so a page cannot say what the doctor does not do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from equipoise.doctor.symptom import Remedy, Symptom
from equipoise.doctor.symptoms import SYMPTOMS
from equipoise.doctor.trace import SIGNALS, Trace

INDEX: Final = "README.md"
FAMILIES: Final[Mapping[str, str]] = {
    "plumbing": "Bugs that look like a GAN's failure",
    "numbers": "Numbers",
    "balance": "The critic leads",
    "lead": "The generator leads, or nobody",
    "circling": "Circles",
    "wgan": "Wasserstein games",
    "collapse": "Collapse",
    "small_data": "Few samples",
    "terms": "Other losses",
    "stages": "Stages, encoders and modulation",
    "conditions": "Conditions",
    "pictures": "Pictures: values",
    "patterns": "Pictures: patterns and detail",
    "progress": "Progress",
}
"""By module, in the order of the index."""
_INTRODUCTION: Final = (
    "What `equipoise doctor` knows.  One kind of evidence alone is a suspicion; two kinds, or a proof, make a "
    "diagnosis.  Most bounds are first guesses, said to be so in the code, and are to be tuned on runs whose end is "
    "known.  A window is 200 steps or an epoch, whichever is longer, and the first 500 steps are left in peace."
)
_MADE: Final = "<!-- Written by `python -m equipoise.doctor`; change the symptom's class instead. -->"


def pages() -> Mapping[str, str]:
    """File names and texts: one for each symptom, and an index."""
    return {INDEX: _index(), **{f"{symptom.key}.md": page(symptom) for symptom in SYMPTOMS}}


def page(symptom: Symptom) -> str:
    """All that there is to know of a symptom, as Markdown."""
    sections = [
        ("What it looks like", symptom.looks_like),
        ("What it means", symptom.means),
        ("What the doctor reads, and from which value on", _bullets(symptom.reads)),
        ("Not to be confused with", _bullets(_apart(*pair) for pair in symptom.confused_with.items())),
        ("What to do, in this order, one at a time", _steps(symptom.remedies(Trace({})))),
        ("It may be a consequence of", ", ".join(map(_link, symptom.explained_by))),
        ("Sources", _bullets(symptom.sources)),
    ]
    if symptom.stops_others:
        sections.insert(
            3, ("It comes first", "While it is there nothing else is diagnosed, and no setting is changed.")
        )
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections if text)
    return f"{_MADE}\n\n# {_headline(symptom)}\n\n`{symptom.key}`\n\n{body}\n"


def _index() -> str:
    families = [(title, [one for one in SYMPTOMS if _family(one) == name]) for name, title in FAMILIES.items()]
    parts = [
        f"## {title}\n\n{_bullets(f'{_link(one.key)}: {one.title}' for one in those)}" for title, those in families
    ]
    signals = _bullets(f"`{name}`: {what}" for name, what in SIGNALS.items())
    body = "\n\n".join([*parts, f"## The signals that are read\n\n{signals}"])
    return f"{_MADE}\n\n# Symptoms\n\n{_INTRODUCTION}\n\n{body}\n"


def _family(symptom: Symptom) -> str:
    return type(symptom).__module__.rpartition(".")[2]


def _headline(symptom: Symptom) -> str:
    return symptom.title[0].upper() + symptom.title[1:]


def _link(key: str) -> str:
    return f"[{key}]({key}.md)"


def _apart(key: str, how: str) -> str:
    return f"{'a healthy run' if key == 'healthy' else _link(key)}: {how}"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _steps(remedies: tuple[Remedy, ...]) -> str:
    return "\n".join(f"{at}. {_remedy(remedy)}" for at, remedy in enumerate(remedies, start=1))


def _remedy(remedy: Remedy) -> str:
    anew = "  The run begins anew with it." if remedy.anew else ""
    after = f"  Look again after {remedy.look_again:g} steps." if remedy.look_again else ""
    words = remedy.words[0].upper() + remedy.words[1:]
    return f"{words}.  Expect: {remedy.effect}.{after}{anew}"
