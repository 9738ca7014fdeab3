"""The page of a run: one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from equipoise.doctor import telling
from equipoise.doctor.symptom import Diagnosis, Doubt, Examination, Remedy, Verdict
from equipoise.doctor.trace import SIGNALS, Series, Trace
from equipoise.edit import show
from equipoise.journal import GaveUp
from equipoise.report.html import Html, joined, table, tag
from equipoise.report.plots import plot
from equipoise.spec import Json

VERDICTS: Mapping[Verdict, str] = {
    "ill": "something is wrong",
    "suspect": "something may be wrong",
    "healthy": "healthy",
    "young": "too young to tell",
    "unknown": "cannot tell",
}
GIVEN_UP = "the autopilot gave up"
CURVES: Mapping[str, tuple[str, ...]] = {
    "Losses": ("d_loss", "g_loss"),
    "How often a real sample scores above a fake": ("auc", "auc_held_out"),
    "Gradients before clipping": ("grad_d", "grad_g"),
    "Distance from the real samples": ("distance", "fid"),
    "Variety": ("recall", "diversity", "precision"),
    "Adaptive augmentation": ("augment_p", "overfitting"),
    "Fidelity, dB": ("psnr",),
}
"""Which signals share a plot."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture of samples."""

    title: str
    path: Path


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is told of a run."""

    name: str
    trace: Trace
    examination: Examination
    sheets: Sequence[Sheet] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why each setting is what it is, by path."""
    data: Mapping[str, Json] = field(default_factory=dict)
    machine: Mapping[str, Json] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    """Of the best generator."""
    gave_up: GaveUp | None = None
    """How the autopilot ended the run, if it did."""
    repairs: Sequence[str] = ()
    """What the autopilot saw, tried and came to, in its order."""
    forks: Sequence[Sheet] = ()
    """The last sheet of each fork."""
    remarks: Sequence[str] = ()
    """What the run itself warned of, left out or was stopped by."""


def page(dossier: Dossier) -> str:
    """The whole document."""
    sections = (
        _verdict(dossier),
        _section("What was found", [_diagnosis(found, dossier.trace) for found in dossier.examination.diagnoses]),
        _section("Settings under suspicion", [_doubt(doubt, dossier.trace) for doubt in dossier.examination.doubts]),
        _section("What the autopilot did", _repairs(dossier)),
        _section("Samples", [_sheet(sheet) for sheet in dossier.sheets]),
        _section("Curves", _curves(dossier)),
        _section("Measures of the best generator", _measures(dossier)),
        _section("Data", _rows(dossier.data)),
        _section("Remarks", [tag("ul", *(tag("li", remark) for remark in dossier.remarks))] if dossier.remarks else []),
        _section("Settings", _settings(dossier)),
        _section("Machine", _rows(dossier.machine)),
    )
    verdict = GIVEN_UP if dossier.gave_up is not None else VERDICTS[dossier.examination.verdict]
    return document(f"{dossier.name}: {verdict}", *sections)


def document(title: str, *sections: Html) -> str:
    """A whole page that needs nothing but itself."""
    style = resources.files("equipoise.report").joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(style)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', *sections)), lang='en')}\n"


def _section(title: str, parts: Iterable[Html]) -> Html:
    """Nothing where there is nothing to say."""
    body = joined(parts)
    return tag("section", tag("h2", title), body) if body else Html("")


def _verdict(dossier: Dossier) -> Html:
    found = dossier.examination
    steps = "" if dossier.trace.is_snapshot else f"{dossier.trace.last_step:g} steps; "
    unknown = [tag("p", f"Could not be known: {'; '.join(found.unknown)}.", class_="aside")] if found.unknown else []
    return tag(
        "header",
        tag("h1", dossier.name),
        *(_given_up(dossier.gave_up) if dossier.gave_up is not None else ()),
        tag("p", tag("b", VERDICTS[found.verdict]), class_=f"verdict {found.verdict}"),
        tag("p", f"{found.why[:1].upper()}{found.why[1:]}."),
        tag("p", f"{steps}read from {dossier.trace.source}", class_="aside"),
        *unknown,
    )


def _given_up(event: GaveUp) -> Iterator[Html]:
    """Why, and what a person could still do."""
    yield tag("p", tag("b", GIVEN_UP), class_="verdict ill")
    yield tag("p", f"At step {event.step}, against {event.symptom}: {event.why}.  What it tried is told below.")
    if event.left:
        yield tag("p", "What a person could still do:")
        yield tag("ul", *(tag("li", words) for words in event.left))


def _doubt(doubt: Doubt, trace: Trace) -> Html:
    may = f"Often does harm, whether or not it shows: {' or '.join(doubt.brings)}."
    return tag("article", tag("p", doubt.said), tag("p", may, class_="aside"), tag("ol", _remedy(doubt.remedy, trace)))


def _diagnosis(diagnosis: Diagnosis, trace: Trace) -> Html:
    symptom = diagnosis.symptom
    others = [
        tag("p", tag("b", f"Not to be confused with {key}: "), how, class_="aside")
        for key, how in symptom.confused_with.items()
    ]
    return tag(
        "article",
        tag("h3", symptom.title),
        tag("p", f"{telling.sureness(diagnosis.confidence)}, {diagnosis.confidence:.0%}", class_="aside"),
        tag("p", symptom.means),
        tag("h4", "How it is known"),
        *(
            tag(
                "div",
                tag("p", telling.seen(item)),
                plot(_lines(trace, (item.signal,)), item.onset, _levels(trace, item.signal)),
            )
            for item in diagnosis.evidence
        ),
        tag("h4", "What to change, one at a time"),
        tag("ol", *(_remedy(remedy, trace) for remedy in diagnosis.remedies)),
        *others,
    )


def _repairs(dossier: Dossier) -> list[Html]:
    lines = [tag("li", line.strip()) for line in dossier.repairs]
    return [tag("ol", *lines), *(_sheet(sheet) for sheet in dossier.forks)] if lines else []


def _remedy(remedy: Remedy, trace: Trace) -> Html:
    edits = [tag("code", telling.as_words(edit)) for edit in remedy.edits]
    if remedy.anew and edits:
        edits = [tag("p", f"{telling.NEW_RUN}: ", tag("code", telling.new_run(remedy, trace)))]
    look = f"expect: {remedy.effect}; look again after {remedy.look_again:g} steps"
    return tag("li", tag("p", remedy.words), *edits, tag("p", look, class_="aside"))


def _sheet(sheet: Sheet) -> Html:
    return pictured(sheet.title, sheet.path.read_bytes())


def pictured(title: str, picture: bytes, kind: str = "png") -> Html:
    """A picture inside the page."""
    source = f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
    image = tag("img", src=source, alt=title, loading="lazy")
    return tag("figure", image, tag("figcaption", title), class_="sheet")


def _curves(dossier: Dossier) -> list[Html]:
    onset = next((found.onset for found in dossier.examination.diagnoses if found.onset is not None), None)
    found = []
    for title, names in CURVES.items():
        drawn = plot(_lines(dossier.trace, names), onset, _levels(dossier.trace, names[0]))
        if drawn:
            found.append(tag("div", tag("h4", title), drawn))
    return found


def _lines(trace: Trace, names: Iterable[str]) -> dict[str, Series]:
    known = {name: trace.get(name) for name in names if name}
    return {name: series for name, series in known.items() if series is not None}


def _levels(trace: Trace, name: str) -> dict[str, float]:
    if name == "d_loss" and trace.game is not None:
        return {"the critic cannot tell": trace.game.blind}
    return {"real samples": trace.floors[name]} if name in trace.floors else {}


def _measures(dossier: Dossier) -> list[Html]:
    if not dossier.measures:
        return []
    floors = dossier.trace.floors
    rows = [
        (name, f"{value:.4g}", f"{floors[name]:.4g}" if name in floors else "", SIGNALS.get(name, ""))
        for name, value in dossier.measures.items()
    ]
    return [table(("measure", "generator", "real samples", "what it is"), rows)]


def _rows(values: Mapping[str, Json]) -> list[Html]:
    rows = [(name, _words(value)) for name, value in values.items() if value not in ([], {}, None)]
    return [table(("what", "value"), rows)] if rows else []


def _words(value: Json) -> str:
    if isinstance(value, list):
        return "; ".join(_words(item) for item in value)
    return show(value)


def _settings(dossier: Dossier) -> list[Html]:
    rows = [(path, show(value), dossier.reasons.get(path, "")) for path, value in dossier.trace.settings.items()]
    shown = table(("setting", "value", "why"), rows) if rows else Html("")
    return [tag("details", tag("summary", f"{len(rows)} settings"), shown)] if rows else []
