"""What training programs print: any line with names and numbers on it.

A line is taken apart once; lines that look like it, numbers aside, are then read by a pattern made of it, which is
several times as fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from equipoise.doctor.readers.names import POSITIONS, name_of
from equipoise.doctor.readers.rows import Kind, Rows

MOST_PATTERNS: Final = 64
MOST_SHAPES: Final = 4096
"""Shapes of lines remembered, to tell which come again."""
TRIED: Final = 8
"""Patterns tried on a line before it is taken apart."""
LONGEST: Final = 2000
"""Characters of a line that is read; programs print some hundreds."""

_NUMBER: Final = r"[-+]?(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+,\d+(?![\d,.])|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SAME_NUMBER: Final = r"[-+]?\d++(?:,\d{3}(?!\d))*+(?:\.\d*+)?+(?:[eE][-+]?\d++)?+"
"""In the pattern of a line, where it need not be told from a word."""
_THOUSANDS: Final = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?!\d)")
_VALUE: Final = rf"(?:{_NUMBER}|[-+]?(?:nan|inf(?:inity)?)\b)"
_REST: Final = r"[^\s:=,;|\[\]<>\"']{0,40}"
_PAIR: Final = re.compile(
    rf"([A-Za-z_]{_REST}(?: [A-Za-z(]{_REST}){{0,2}})['\"]?(\s*[:=\uff1a]\s*|\s+)(?:tensor\(|[(\[])?\s*({_VALUE})",
    re.IGNORECASE,
)
"""A name of at most three words, what stands between, and a number."""
_SIGNED: Final = re.compile(rf"[:=]\s*({_VALUE})", re.IGNORECASE)
_BOTH: Final = re.compile(r"\[\s*(\d+)\s*/\s*(\d+)\s*\]\s*\[\s*(\d+)\s*/\s*(\d+)\s*\]")
_EPOCH: Final = re.compile(r"\bepoch\s*[:=#]?\s*\[?\s*(\d+(?:\.\d+)?)(?:\s*(?:/|of)\s*\d+)?\s*\]?", re.IGNORECASE)
_OF: Final = re.compile(
    r"(?:\b(?:step|batch|iter(?:ation)?s?)\s*[:=]?\s*\[?\s*|(?<![\d\[/.]))(\d+)\s*/\s*(\d+)(?=\s*[\]\[\u2501,:-])",
    re.IGNORECASE,
)
_BRACKET: Final = re.compile(r"\[\s*(\d+)\s*/\s*(\d+)\s*\]")
_STEP: Final = re.compile(
    r"\b(?:global[ _])?(?:step|iter(?:ation)?s?)\s*[:=#]?\s*\[?\s*([\d,]*\d)(?!\s*[/\d.])", re.IGNORECASE
)
_BARE: Final = re.compile(r"\s*(\d+)\s*[:,]?\s+\[?[A-Za-z]")
_TICK: Final = re.compile(r"\btick \d+\s.*?\bkimg\s+([\d.]+)")
_CYCLE: Final = re.compile(r"\(epoch: \d+, iters: \d+,")
_MARK: Final = r"[^A-Za-z0-9\s]"
_PARTS: Final = re.compile(
    rf"((?<!\S)[-+])?(\d[\d.,:]*+(?:[eE][-+]?\d++)?+)|(\s++)|({_MARK}*(?:[=>.#\u2501-]{{2,}}|[^\x00-\x7f]){_MARK}*+)"
)
_GENERAL: Final = (r"\d[\d.,:]*+(?:[eE][-+]?\d++)?+", r"\s++", rf"{_MARK}*+")
"""What a number, white space and a progress bar become in the pattern of a line; none can be read in two ways."""

LEAST_LABEL: Final = 2
"""Letters of a name that stands before a number without a sign between them: ``D 5`` may be anything."""

Found = list[tuple[str, int, int]]
"""Names of ours, and where on the line their numbers stand."""


@dataclass(slots=True)
class Console:
    """Reads lines into rows."""

    rows: Rows = field(default_factory=Rows)
    is_cycle: bool = False
    """Whether the program is the one of CycleGAN and pix2pix, whose ``D_real`` is a loss."""
    _patterns: list[tuple[re.Pattern[str], Kind]] = field(default_factory=list)
    _shapes: set[str] = field(default_factory=set)
    _has_decimal_commas: bool = False
    """Whether a loss was seen whose comma cannot be one between thousands."""

    def read(self, lines: Iterable[str]) -> None:
        patterns, rows = self._patterns, self.rows
        for line in lines:
            for at, (pattern, kind) in enumerate(patterns[:TRIED]):
                match = pattern.match(line)
                if match is not None:
                    rows.rows += 1
                    if kind.is_due():
                        kind.keep(rows.rows, self._numbers(kind.names, match.groups()))
                    if at:
                        patterns.insert(0, patterns.pop(at))
                    break
            else:
                self._take_apart(line)

    def _take_apart(self, line: str) -> None:
        if not line or len(line) > LONGEST:
            return
        found = found_in(line)
        if not found:
            return
        names = tuple(name for name, _, _ in found)
        self.is_cycle = self.is_cycle or _CYCLE.match(line) is not None
        texts = [line[begin:end] for _, begin, end in found]
        self._has_decimal_commas |= any(
            "," in text and not _THOUSANDS.match(text)
            for name, text in zip(names, texts, strict=True)
            if name not in POSITIONS
        )
        self.rows.add(names, self._numbers(names, texts))
        shape = _shape(line, found)
        if shape not in self._shapes:
            if len(self._shapes) < MOST_SHAPES:
                self._shapes.add(shape)
        elif len(self._patterns) < MOST_PATTERNS and (kind := self.rows.kind(shape, names)) is not None:
            self._patterns.insert(0, (re.compile(shape), kind))

    def _numbers(self, names: Sequence[str], texts: Sequence[str]) -> list[float]:
        """Steps have commas between thousands; losses may have one for a point."""
        if not self._has_decimal_commas:
            return [number(text) for text in texts]
        return [
            number(text) if name in POSITIONS else float(text.replace(",", "."))
            for name, text in zip(names, texts, strict=True)
        ]


def number(text: str) -> float:
    """Of a text that `_VALUE` matches; with commas between thousands, or one for a decimal point."""
    return float(text.replace(",", "") if _THOUSANDS.match(text) else text.replace(",", "."))


def found_in(line: str) -> Found:
    """All that is of use on a line, in order, each name once; nothing where only a step is."""
    found = _positions(line)
    taken = {name for name, _, _ in found}
    if taken & {"iter", "kimg"}:
        taken |= {"step", "epoch", "batch"}
    for match in _PAIR.finditer(line):
        label, between = match[1], match[2]
        if line.startswith("%", match.end(3)):
            continue  # a share in hundredths, of which few programs say what of
        if len(label) < LEAST_LABEL and between.isspace():
            continue
        name = _longest_name(label)
        if name is not None and name not in taken:
            found.append((name, *match.span(3)))
            taken.add(name)
        measure = _told_at(label)
        if measure is not None and measure not in taken and (value := _after(line, match.end(3))) is not None:
            found.append((measure, *value.span(1)))
            taken.add(measure)
    if taken <= set(POSITIONS) and "epoch" not in {name for name, _, _ in found}:
        return []
    return sorted(found, key=lambda item: item[1])


def _longest_name(label: str) -> str | None:
    """The name of a label, with as many of the words before it as belong to it."""
    words = label.split()
    place = name_of(words[-1])
    if place in POSITIONS:  # FID at step
        return place
    return next((name for at in range(len(words)) if (name := name_of(" ".join(words[at:])))), None)


def _told_at(label: str) -> str | None:
    """What the words before a place name, whose number comes later: ``FID at step 2000: 35.1``."""
    words = label.split()
    if len(words) == 1 or name_of(words[-1]) not in POSITIONS:
        return None
    found = name_of(words[0])
    return found if found not in POSITIONS else None


def _after(line: str, at: int) -> re.Match[str] | None:
    """The first number after a sign from there on, unless it has a name of its own."""
    found = _SIGNED.search(line, at)
    if found is None or any(_longest_name(pair[1]) for pair in _PAIR.finditer(line[at : found.end()])):
        return None
    return found


def _positions(line: str) -> Found:
    if both := _BOTH.search(line):
        return [("epoch", *both.span(1)), ("iter", *both.span(3)), ("iters", *both.span(4))]
    if tick := _TICK.search(line):
        return [("kimg", *tick.span(1))]
    found: Found = []
    epoch = _EPOCH.search(line)
    if epoch:
        found.append(("epoch", *epoch.span(1)))
    after = epoch.end() if epoch else 0
    if inside := (_OF.search(line, after) or (_BRACKET.search(line, after) if epoch else None)):
        found += [("iter", *inside.span(1)), ("iters", *inside.span(2))]
    elif step := _STEP.search(line):
        found.append(("step", *step.span(1)))
    elif not epoch and (bare := _BARE.match(line)):
        found.append(("step", *bare.span(1)))
    return found


def _shape(line: str, found: Found) -> str:
    """A pattern for lines that differ from this one in their numbers alone."""
    pieces: list[str] = []
    at = 0
    for _, begin, end in found:
        pieces += [_between(line[at:begin]), _group(line[begin:end])]
        at = end
    return "".join([*pieces, _between(line[at:]), r"\Z"])


def _group(text: str) -> str:
    return f"({_SAME_NUMBER})" if text[-1].isdigit() and text[0] != "." else f"({re.escape(text)})"


def _between(text: str) -> str:
    pieces: list[str] = []
    at = 0
    for match in _PARTS.finditer(text):
        sign = "[-+]?" if match[2] and (match[1] or match.start() == 0 or text[match.start() - 1].isspace()) else ""
        pieces += [re.escape(text[at : match.start()]), sign, _GENERAL[match.lastindex - 2 if match.lastindex else 0]]
        at = match.end()
    return "".join([*pieces, re.escape(text[at:])])


def has_signals(rows: Rows) -> bool:
    """Whether there is anything beside steps."""
    return any(set(kind.names) - set(POSITIONS) for kind in rows.kinds.values())
