"""HTML made of parts: what is not made here is text, and stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from math import log10
from urllib.parse import quote

_VOID = {"input", "br", "meter", "img"}


class Html(str):
    """Markup that was made by `tag`, not text that came from somebody."""

    __slots__ = ()


def text(given: object) -> Html:
    """Anything as text, unless it is markup already."""
    return given if isinstance(given, Html) else Html(escape(str(given)))


def tag(name: str, /, *inside: object, **attributes: object) -> Html:
    """An element; `class_` is its class, an underscore within a name is a dash, what is None or False is left out.

    >>> tag("a", "<b>", href="/x?a=1&b=2", class_="c")
    '<a href="/x?a=1&amp;b=2" class="c">&lt;b&gt;</a>'
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID and not inside:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(inside)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """Parts one after the other."""
    return Html("".join(text(part) for part in parts))


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, label: str, numbers: Iterable[int] = ()) -> Html:
    """A table that may be scrolled where the page is narrow; columns in `numbers` are set right."""
    right = set(numbers)

    def cell(name: str, place: int, inside: object) -> Html:
        scope = "col" if name == "th" else None
        return tag(name, inside, class_="num" if place in right else None, scope=scope)

    heading = tag("tr", join(cell("th", place, each) for place, each in enumerate(head)))
    body = join(tag("tr", join(cell("td", place, each) for place, each in enumerate(row))) for row in rows)
    inner = tag("table", tag("caption", label, class_="unseen"), tag("thead", heading), tag("tbody", body))
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=label)


def amount(value: float | None, unit: str = "") -> Html:
    """A figure with its unit: exact to six digits after the point, thousands set apart.

    >>> amount(1234.5, "token"), amount(None)
    ('<span class="fig">1,234.5 <small>token</small></span>', '<span class="fig">unknown</span>')
    """
    shown = "unknown" if value is None else _number(value)
    return tag("span", shown, *((" ", tag("small", unit)) if unit and value is not None else ()), class_="fig")


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    shown = f"{value:,.6f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def brief(value: float) -> str:
    """A figure for where there is little room, to three digits.

    >>> brief(0), brief(12.3456), brief(1234567), brief(999999), brief(0.00012)
    ('0', '12.3', '1.23M', '1M', '0.00012')
    """
    if value == 0:
        return "0"
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return f"{_three(value / size)}{letter}"
    return _three(value)


def _three(value: float) -> str:
    digits = max(0, 2 - int(log10(abs(value)))) if abs(value) >= 1 else 5
    shown = f"{value:.{digits}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def price(value: float | None) -> Html:
    """A price between 0 and 1, to four digits."""
    return tag("span", "unknown" if value is None else f"{value:.4f}", class_="fig")


def moment(at: datetime | None) -> Html:
    """A time in UTC, and in the browser how long ago or ahead that is."""
    if at is None:
        return Html("–")
    utc = at.astimezone(UTC)
    return tag("time", f"{utc:%Y-%m-%d %H:%M:%S} UTC", datetime=utc.isoformat(), data_age=True)


def source(said: str, at: datetime | None, problem: str | None = None) -> Html:
    """The line under a figure: where it comes from, and as of when."""
    late = tag("strong", f" Not read since: {problem}", class_="bad") if problem else ""
    return tag("p", "source: ", said, " · as of ", moment(at), late, class_="source")


def artifact_href(artifact_type: str, artifact_id: str) -> str:
    """The page of an artifact."""
    return f"/artifacts/{quote(artifact_type, safe='')}/{quote(artifact_id, safe='')}"


def artifact_link(artifact_type: str, artifact_id: str, title: str | None = None) -> Html:
    """A link to the page of an artifact."""
    return tag(
        "a",
        title or artifact_id,
        href=artifact_href(artifact_type, artifact_id),
        title=f"{artifact_type} {artifact_id}",
    )
