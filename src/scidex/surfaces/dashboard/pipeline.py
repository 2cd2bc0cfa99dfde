"""The start page: where the capital sits, where compute goes, what it bought, and what needs a decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from nicegui import ui
from starlette.requests import Request

from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.insight import attention, pipeline, pools
from scidex.surfaces.dashboard.charts import sankey
from scidex.surfaces.dashboard.frame import draw_sign_in, frame, visitor_of
from scidex.surfaces.dashboard.markup import Html, amount, artifact_link, brief, join, moment, source, table, tag
from scidex.surfaces.dashboard.reading import PAUSE_S, Seen, reading
from scidex.views import LimitView, insight

PERIODS = {1: "1 day", 7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}
_TOP = 12


def _flow(days: int, tx: Tx) -> insight.PipelineView:
    # Until the end of this second: what was committed by now has happened before it.
    until = tx.now + timedelta(seconds=1)
    return insight.pipeline_view(pipeline(tx, since=until - timedelta(days=days), until=until, top=_TOP), tx.now)


def _pools(tx: Tx) -> insight.PoolsView:
    return insight.pools_view(pools(tx), tx.now)


def _attention(tx: Tx) -> insight.AttentionView:
    return insight.attention_view(attention(tx), tx.now)


def add_pages() -> None:
    """The start page."""

    @ui.page("/", response_timeout=30)
    async def show(request: Request, days: int = 7) -> None:
        try:
            visitor = await visitor_of(request)
        except Refusal as refusal:
            draw_sign_in(refusal, "/")
            return
        period = days if days in PERIODS else 7
        with frame("Pipeline", "/", visitor):
            await _Page(period).draw()

    @ui.page("/sign-in", response_timeout=30)
    async def sign_in(request: Request) -> None:
        try:
            await visitor_of(request)
        except Refusal as refusal:
            draw_sign_in(refusal, "/")
        else:
            draw_sign_in(None, "/")


class _Page:
    """One open page, which shows what is read for all of them."""

    def __init__(self, days: int) -> None:
        self._days = days
        self._shown: dict[str, object] = {}

    async def draw(self) -> None:
        """Everything once, and then whenever it has changed."""
        ui.html(_title(self._days), sanitize=False)
        self._figures = ui.html(sanitize=False, tag="section").classes("panel").props('aria-label="Key figures"')
        with ui.element("div").classes("grid"):
            with ui.element("section").classes("panel").props('aria-label="From capital to knowledge"'):
                ui.html("<h2>From capital to knowledge, in tokens</h2>", sanitize=False)
                self._empty = ui.html(sanitize=False)
                with (
                    ui.element("div")
                    .classes("scroll")
                    .props('tabindex=0 role=region aria-label="Chart"') as self._frame
                ):
                    self._chart = ui.echart({"series": []}, renderer="svg").classes("chart").props("role=img")
                self._under = ui.html(sanitize=False)
            with ui.element("div").classes("stack"):
                self._attention = ui.html(sanitize=False, tag="section").classes("panel").props("id=attention")
                self._caps = ui.html(sanitize=False, tag="section").classes("panel")
        self._pools = ui.html(sanitize=False, tag="section").classes("panel")
        await self._refresh()
        ui.timer(PAUSE_S, self._refresh, immediate=False)

    async def _refresh(self) -> None:
        page = reading()
        flow = await page.shared(("pipeline", self._days), partial(_flow, self._days))
        held = await page.shared("pools", _pools)
        concerns = await page.shared("attention", _attention)
        self._when_new("flow", flow, self._show_flow)
        self._when_new("pools", held, self._show_pools)
        self._when_new("attention", concerns, self._show_attention)

    def _when_new(self, name: str, seen: Seen[Any], show: Callable[..., None]) -> None:
        if self._shown.get(name) is not seen:
            self._shown[name] = seen
            show(seen)

    def _show_flow(self, seen: Seen[insight.PipelineView]) -> None:
        found = seen.found
        if found is None:
            self._figures.content = str(source("nothing could be read", None, seen.problem))
            return
        self._figures.content = _figures(found, seen)
        self._empty.content = "" if found.links else _EMPTY
        self._frame.set_visibility(bool(found.links))
        self._chart.style(f"height: {max(360, 34 * len(found.artifacts) + 60)}px")
        self._chart.props["aria-label"] = _in_words(found)
        self._chart.options.clear()
        self._chart.options.update(sankey(found))
        self._chart.update()
        self._under.content = _under(found, seen)

    def _show_pools(self, seen: Seen[insight.PoolsView]) -> None:
        if seen.found is None:
            self._pools.content = str(source("nothing could be read", None, seen.problem))
            return
        self._caps.content = _caps(seen.found, seen)
        self._pools.content = _pools_table(seen.found, seen)

    def _show_attention(self, seen: Seen[insight.AttentionView]) -> None:
        concerns = seen.found.concerns if seen.found else []
        said = (
            tag("ul", join(map(_concern, concerns)), class_="concerns")
            if concerns
            else tag("p", "Nothing waits for you.", class_="good")
        )
        head = tag("h2", f"Needs attention ({len(concerns)})")
        line = source(seen.found.source if seen.found else "nothing could be read", seen.at, seen.problem)
        self._attention.content = join((head, said, line))


_EMPTY = tag(
    "p",
    "Nothing flowed in this period. Capital comes in when somebody bids (",
    tag("code", "scidex markets buy"),
    "), offers a bounty, opens a market or grants a budget; it flows on when work on an artifact uses resources. ",
    tag("code", "scidex demo --keep"),
    " makes a small living world to look at.",
    class_="empty",
)


def _title(days: int) -> Html:
    links = (
        tag("a", name, href=f"/?days={each}", aria_current="true" if each == days else None)
        for each, name in PERIODS.items()
    )
    choices = tag("nav", join(links), aria_label="Period", class_="choices")
    return tag("div", tag("h1", "Pipeline"), choices, class_="top")


def _figures(found: insight.PipelineView, seen: Seen[insight.PipelineView]) -> Html:
    parts: Iterable[tuple[str, object]] = (
        *((f"{name} in", amount(tokens, "tokens")) for name, tokens in found.capital.items()),
        ("spent", amount(found.spent_tokens, "tokens' worth")),
        ("of it without edges yet", amount(found.spent_without_edges, "tokens' worth")),
        ("edges gained", amount(found.kg_edges_gained, "edges")),
        ("calls cost", amount(found.usd, "usd")),
    )
    drawn = join(tag("div", tag("dt", name), tag("dd", figure)) for name, figure in parts)
    unknown = f"; {found.usd_unknown} calls have no known price" if found.usd_unknown else ""
    since = f"since {found.since:%Y-%m-%d %H:%M} UTC, by the rates of policy {found.policy_version}"
    said = f"{found.source}, {since}{unknown}"
    return join((tag("dl", drawn, class_="figures"), source(said, seen.at, seen.problem)))


def _in_words(found: insight.PipelineView) -> str:
    capital = ", ".join(f"{name} {brief(tokens)}" for name, tokens in found.capital.items())
    return (
        f"Flow of tokens: in came {capital}; {brief(found.spent_tokens)} were spent,"
        f" {brief(found.spent_without_edges)} of them where no edges were gained yet;"
        f" {brief(found.kg_edges_gained)} edges were gained. The table below has all."
    )


def _under(found: insight.PipelineView, seen: Seen[insight.PipelineView]) -> Html:
    head = ("artifact", *found.capital, "spent", "spent, tokens' worth", "edges gained")
    rows = [
        (
            artifact_link(each.artifact_type, each.artifact_id or "", each.title) if each.artifact_type else each.title,
            *(amount(each.capital.get(name, 0.0)) for name in found.capital),
            join(join((amount(value, unit), tag("br"))) for unit, value in each.spent.items()) or "–",
            amount(each.spent_tokens),
            amount(each.kg_edges_gained),
        )
        for each in found.artifacts
    ]
    label = "Capital (tokens), spending and edges by artifact"
    inside = tag("details", tag("summary", "The same as a table"), table(head, rows, label=label, numbers=range(1, 8)))
    rate = (
        tag("p", "Without a rate, so not in the picture: ", ", ".join(found.without_rate), class_="source")
        if found.without_rate
        else ""
    )
    return join(
        (inside if rows else "", rate, source("widths are tokens by the policy's rates", seen.at, seen.problem))
    )


def _caps(found: insight.PoolsView, seen: Seen[insight.PoolsView]) -> Html:
    return join(
        (
            tag("h2", "Against the caps of the fleet"),
            join(map(_cap, found.caps)),
            source(found.source, seen.at, seen.problem),
        )
    )


def _cap(limit: LimitView) -> Html:
    said = tag(
        "p",
        tag("b", f"{limit.unit} per {limit.window}: "),
        amount(limit.used, limit.unit),
        " used, ",
        amount(limit.held, limit.unit),
        " held of ",
        "no cap" if limit.cap is None else amount(limit.cap, limit.unit),
        *((" · again from ", moment(limit.resets_at)) if limit.resets_at else ()),
    )
    if not limit.cap:
        return said
    widths = (min(100.0, 100 * limit.used / limit.cap), min(100.0, 100 * limit.held / limit.cap))
    parts = (
        tag("i", style=f"width:{width:.1f}%", class_=kind) for width, kind in zip(widths, (None, "held"), strict=True)
    )
    return join((said, tag("div", join(parts), class_="bar", aria_hidden="true")))


def _pools_table(found: insight.PoolsView, seen: Seen[insight.PoolsView]) -> Html:
    rows = [
        (
            line.pool or "none on record",
            line.unit,
            *map(amount, (line.free, line.granted, line.reserved, line.spent, line.idle)),
        )
        for line in found.lines
    ]
    head = ("pool", "unit", "free in the pool", "granted", "reserved", "spent", "granted and idle")
    empty = tag(
        "p",
        "No pool holds anything yet. Fund one (",
        tag("code", "scidex ledger issue pool:main/pool/llm_standard 1000000"),
        "), then share it (",
        tag("code", "scidex budgets allocate"),
        ").",
        class_="empty",
    )
    drawn = table(head, rows, label="Pools, in each unit", numbers=range(2, 7)) if rows else empty
    return join((tag("h2", "Pools"), drawn, source(found.source, seen.at, seen.problem)))


def _concern(each: insight.ConcernView) -> Html:
    where = (
        join((" · ", artifact_link(each.artifact_type, each.artifact_id)))
        if each.artifact_type and each.artifact_id
        else ""
    )
    due = join((" · due ", moment(each.due_at))) if each.due_at else ""
    return tag(
        "li",
        tag("span", each.sort, class_="mark"),
        " ",
        each.what,
        due,
        where,
        class_="urgent" if each.urgent else None,
    )
