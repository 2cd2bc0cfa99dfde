"""Every artifact with the market on it, found by words, a page at a time: a link for each state of the list."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from nicegui import ui
from starlette.requests import Request

from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.entities import EntityKey
from scidex.insight import listed
from scidex.surfaces.dashboard.frame import draw_sign_in, frame, visitor_of
from scidex.surfaces.dashboard.markup import Html, amount, artifact_link, join, price, source, table, tag
from scidex.surfaces.dashboard.reading import PAUSE_S, Seen, reading
from scidex.views import Page, cursor, insight, names_of, page

_LINES = 50


def _read(words: str, after: str, tx: Tx) -> Page[insight.ListedView]:
    found = listed(tx, words=words, after=EntityKey(*names_of(after or None, 2)), limit=_LINES + 1)
    return page(Page[insight.ListedView], found, _LINES, insight.listed_view, lambda row: cursor(*row.entity))


def add_pages() -> None:
    """The list."""

    @ui.page("/markets", response_timeout=30)
    async def show(request: Request, words: str = "", after: str = "") -> None:
        words, after = words[:200], after[:2000]
        try:
            visitor = await visitor_of(request)
        except Refusal as refusal:
            draw_sign_in(refusal, "/markets")
            return
        work, key = partial(_read, words, after), ("markets", words, after)
        seen = await reading().shared(key, work)
        with frame("Markets", "/markets", visitor):
            ui.html(_search(words), sanitize=False)
            drawn = ui.html(_list(words, seen), sanitize=False, tag="section").classes("panel")

            async def refresh() -> None:
                drawn.content = _list(words, await reading().shared(key, work))

            ui.timer(2 * PAUSE_S, refresh, immediate=False)


def _search(words: str) -> Html:
    box = tag("input", type="search", name="words", id="words", value=words, maxlength=200)
    label = tag("label", "Words of title or id, or how they begin", for_="words")
    form = tag(
        "form", label, box, tag("button", "Search", type="submit"), class_="row-form", role="search", action="/markets"
    )
    return tag("div", tag("h1", "Markets"), form, class_="top")


def _list(words: str, seen: Seen[Page[insight.ListedView]]) -> Html:
    found = seen.found
    if found is None:
        return source("nothing could be read", None, seen.problem)
    rows = [
        (
            artifact_link(each.artifact_type, each.artifact_id, each.title),
            each.artifact_type,
            each.state or "no market",
            each.outcome or "–",
            price(each.price) if each.market else "–",
            amount(each.capital_at_risk) if each.market else "–",
            amount(each.liquidity) if each.market else "–",
            amount(each.trades) if each.market else "–",
        )
        for each in found.items
    ]
    head = ("artifact", "type", "market", "outcome", "price", "at risk, tokens", "liquidity", "trades")
    drawn = table(head, rows, label="Artifacts and the markets on them", numbers=range(4, 8)) if rows else _empty(words)
    more = (
        tag("a", "The following ones", href=f"/markets?{urlencode({'words': words, 'after': found.next})}", rel="next")
        if found.next is not None
        else ""
    )
    return join((drawn, tag("p", more), source("entities and markets, by type and id", seen.at, seen.problem)))


def _empty(words: str) -> Html:
    if words:
        return tag("p", "Nothing has all of these words; try fewer, or how they begin.", class_="empty")
    how = "scidex entities register hypothesis tau-spreads --title 'Tau spreads along synapses'"
    return tag("p", "Nothing is registered yet. Register what is researched: ", tag("code", how), class_="empty")
