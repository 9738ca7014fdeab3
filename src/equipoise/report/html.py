"""HTML from Python calls: text is escaped, what was made here is not."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Html(str):
    """Markup that is ready to be written."""

    __slots__ = ()


VOID = frozenset({"img", "meta", "circle", "line", "polyline", "path", "rect"})
"""Elements without an end tag of their own; those of SVG are closed in place."""


def tag(name: str, /, *children: str | Html, **attributes: str | float | None) -> Html:
    """One element.  A trailing underscore of an attribute is dropped, others become hyphens; None leaves it out."""
    words = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    start = f"<{name}{''.join(words)}"
    return Html(f"{start}/>") if name in VOID else Html(f"{start}>{joined(children)}</{name}>")


def joined(children: Iterable[str | Html]) -> Html:
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def table(header: Iterable[str], rows: Iterable[Iterable[str | Html]]) -> Html:
    head = tag("thead", tag("tr", *(tag("th", cell) for cell in header)))
    body = tag("tbody", *(tag("tr", *(tag("td", cell) for cell in row)) for row in rows))
    return tag("div", tag("table", head, body), class_="wide")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
