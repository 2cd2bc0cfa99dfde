"""One artifact: what its market says, what an order would do, what it was granted, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from nicegui import ui
from starlette.requests import Request

from scidex.atlas.roi import find_roi_of
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.entities import Entity, EntityKey, find_entity
from scidex.exchange.bounties import find_bounties
from scidex.exchange.markets import Market, NoMarket, PositionKey, find_positions, market_on
from scidex.exchange.resource_allocator import compute_resource_budget
from scidex.senate.budgets import budget_of, find_budget
from scidex.senate.scores import explain_score
from scidex.surfaces.dashboard.charts import candles
from scidex.surfaces.dashboard.frame import Visitor, draw_sign_in, frame, visitor_of
from scidex.surfaces.dashboard.markup import Html, amount, artifact_href, join, moment, price, source, table, tag
from scidex.surfaces.dashboard.reading import PAUSE_S, Seen, reading
from scidex.surfaces.dashboard.ticket import Ticket
from scidex.views import (
    Book,
    BountyView,
    BudgetView,
    CandleView,
    EnvelopeView,
    MarketView,
    PositionView,
    book_of,
    bounty_view,
    budget_view,
    candles_of,
    envelope_view,
    market_view,
    position_view,
    returns,
    scores,
)

_MOST = 20
_INTERVAL_S = 3600


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the page shows, read in one transaction."""

    entity: Entity
    market: MarketView | None
    book: Book | None
    candles: list[CandleView]
    positions: list[PositionView]
    bounties: list[BountyView]
    claim: BudgetView
    envelope: EnvelopeView
    score: scores.ExplanationView
    roi: returns.RoiView


def _read(key: EntityKey, tx: Tx) -> _Facts:
    entity = find_entity(tx, entity_id=key.entity_id, entity_type=key.entity_type)
    market = _market_of(tx, key)
    held = find_positions(tx, market=market.market, after=PositionKey("", ""), limit=_MOST) if market else []
    return _Facts(
        entity,
        market_view(market) if market else None,
        book_of(tx, market) if market and market.state == "open" else None,
        candles_of(tx, market, market.outcomes[0], _INTERVAL_S, 200) if market else [],
        [position_view(market, each) for each in held] if market else [],
        [bounty_view(each) for each in find_bounties(tx, artifact=key, state="open", limit=_MOST)],
        budget_view(compute_resource_budget(key.entity_id, key.entity_type, tx=tx)),
        envelope_view(key, find_budget(tx, key), budget_of(tx, key)),
        scores.explanation_view(explain_score(tx, entity_id=key.entity_id, entity_type=key.entity_type), tx.now),
        returns.roi_view(find_roi_of(tx, key), tx.now),
    )


def _market_of(tx: Tx, key: EntityKey) -> Market | None:
    try:
        return market_on(tx, key)
    except NoMarket:
        return None


def add_pages() -> None:
    """The page of every artifact."""

    @ui.page("/artifacts/{artifact_type}/{artifact_id:path}", response_timeout=30)
    async def show(request: Request, artifact_type: str, artifact_id: str) -> None:
        key = EntityKey(artifact_type, artifact_id)
        try:
            visitor = await visitor_of(request)
        except Refusal as refusal:
            draw_sign_in(refusal, artifact_href(*key))
            return
        seen = await reading().shared(("artifact", key), partial(_read, key))
        with frame(artifact_id, "/markets", visitor):
            if seen.found is None:
                told = tag("p", seen.problem, class_="bad", role="alert")
                ui.html(
                    join((tag("h1", artifact_id), told, tag("a", "All artifacts", href="/markets"))), sanitize=False
                )
                return
            _Page(key, visitor).draw(seen)


class _Page:
    """One open page of an artifact."""

    def __init__(self, key: EntityKey, visitor: Visitor) -> None:
        self._key, self._visitor = key, visitor
        self._last: Seen[_Facts] | None = None

    def draw(self, seen: Seen[_Facts]) -> None:
        """Everything once, and then whenever it has changed."""
        facts = seen.found
        assert facts is not None
        ui.html(_head(facts.entity), sanitize=False)
        with ui.element("div").classes("grid"):
            with ui.element("section").classes("panel").props('aria-label="Market"'):
                self._market = ui.html(sanitize=False)
                self._frame = ui.element("div").classes("scroll").props('tabindex=0 role=region aria-label="Chart"')
                with self._frame:
                    chart = ui.echart({"series": []}, renderer="svg").classes("chart").style("height: 260px")
                    self._chart = chart.props('role=img aria-label="Prices of the first outcome by the hour"')
                self._book = ui.html(sanitize=False)
            with ui.element("div").classes("stack"):
                if facts.book and self._visitor.may("trade"):
                    Ticket(facts.book, self._visitor, self._refresh).draw()
                self._claim = ui.html(sanitize=False, tag="section").classes("panel")
        with ui.element("div").classes("grid halves"):
            self._parts = [ui.html(sanitize=False, tag="section").classes("panel") for _ in range(5)]
        self._show(seen)
        ui.timer(PAUSE_S, self._refresh, immediate=False)

    async def _refresh(self) -> None:
        self._show(await reading().shared(("artifact", self._key), partial(_read, self._key)))

    def _show(self, seen: Seen[_Facts]) -> None:
        facts = seen.found
        if self._last is seen or facts is None:
            return
        self._last = seen
        self._market.content = _market(facts.market, seen)
        self._frame.set_visibility(bool(facts.candles))
        self._chart.options.clear()
        self._chart.options.update(candles(facts.candles))
        self._chart.update()
        self._book.content = _effects(facts.book)
        drawn: list[Callable[[_Facts, Seen[Any]], Html]] = [_budget, _gains, _score, _positions, _bounties]
        self._claim.content = _claim(facts, seen)
        for part, draw in zip(self._parts, drawn, strict=True):
            part.content = draw(facts, seen)


def _head(entity: Entity) -> Html:
    said = tag(
        "p", f"{entity.entity_type} {entity.entity_id}, registered by {entity.proposer} ", moment(entity.registered_at)
    )
    return join((tag("h1", entity.title), said))


def _market(market: MarketView | None, seen: Seen[Any]) -> Html:
    if market is None:
        how = "Whoever opens a market on it (scidex markets open) lets others say by bids what they believe."
        return join((tag("h2", "Market"), tag("p", f"Nobody has opened a market yet. {how}", class_="empty")))
    prices = ((f"price of {name}", price(value)) for name, value in market.prices.items())
    figures = (
        *prices,
        ("capital at risk", amount(market.capital_at_risk, "tokens")),
        ("liquidity b", amount(market.liquidity, "tokens")),
        ("trades", amount(market.trades)),
        ("state", market.state),
    )
    drawn = join(tag("div", tag("dt", name), tag("dd", figure)) for name, figure in figures)
    said = f"market {market.market}, its maker's curve and its trades"
    return join((tag("h2", market.question), tag("dl", drawn, class_="figures"), source(said, seen.at, seen.problem)))


def _effects(book: Book | None) -> Html:
    if book is None:
        return Html("")
    rows = [
        (side.outcome, amount(each.spend), amount(each.shares), price(each.average_price), price(each.price))
        for side in book.sides
        for each in side.effects
    ]
    head = ("buying", "for tokens", "gives shares", "average price", "price after")
    drawn = table(head, rows, label="Depth: what so many tokens would do now", numbers=range(1, 5))
    return tag("details", tag("summary", "Depth: what so many tokens would do now"), drawn)


def _claim(facts: _Facts, seen: Seen[Any]) -> Html:
    claim = facts.claim
    rows = [
        (name, price(each.value) if name == "price" else amount(each.value), each.source)
        for name, each in claim.ingredients.items()
    ]
    attack = (
        tag(
            "p",
            "To hold its price would cost ",
            amount(claim.attack_cost, "tokens"),
            " and win ",
            amount(claim.prize, "tokens"),
            " of claim.",
        )
        if claim.attack_cost is not None and claim.prize is not None
        else ""
    )
    said = tag("p", tag("b", amount(claim.budget, "tokens")), f" by the rule of policy {claim.policy_version}")
    drawn = table(("ingredient", "value", "from"), rows, label="Ingredients of the claim", numbers=[1])
    line = source("the allocator's rule on capital at risk, price and bounties", seen.at, seen.problem)
    return join((tag("h2", "What its capital claims"), said, drawn, attack, line))


def _budget(facts: _Facts, seen: Seen[Any]) -> Html:
    envelope = facts.envelope
    rows = [
        (each.unit, amount(each.granted), amount(each.reserved), amount(each.spent), amount(each.available))
        for each in envelope.lines
    ]
    head = ("unit", "granted", "reserved", "spent", "available")
    drawn = (
        table(head, rows, label="Budget by unit", numbers=range(1, 5))
        if rows
        else tag("p", "Nothing was granted yet.", class_="empty")
    )
    said = f"balances of the ledger; out of pool {envelope.pool or 'none on record'}"
    return join((tag("h2", "Budget"), drawn, source(said, seen.at, seen.problem)))


def _gains(facts: _Facts, seen: Seen[Any]) -> Html:
    roi = facts.roi
    rate = "unknown" if roi.shrunk is None else f"{1e6 * roi.shrunk:.4g}"
    figures = (
        ("edges gained", amount(roi.kg_edges_gained)),
        ("LLM tokens spent", amount(roi.tokens_spent)),
        ("calls cost", amount(roi.usd, "usd")),
        ("edges per million LLM tokens, as far as that can be believed", rate),
    )
    drawn = join(tag("div", tag("dt", name), tag("dd", figure)) for name, figure in figures)
    return join(
        (tag("h2", "Spent and gained"), tag("dl", drawn, class_="figures"), source(roi.source, seen.at, seen.problem))
    )


def _score(facts: _Facts, seen: Seen[Any]) -> Html:
    score = facts.score
    shown = (
        f"{score.score:.3f}" if score.score is not None else f"unknown, between {score.low:.3f} and {score.high:.3f}"
    )
    missing = f" Nothing is known of {', '.join(score.unknown)}." if score.unknown else ""
    line = source(f"signals on record, by policy {score.policy_version}", seen.at, seen.problem)
    rows = [
        (each.component, "unknown" if each.value is None else f"{each.value:.3f}", each.why)
        for each in score.components
    ]
    drawn = table(("component", "value", "why"), rows, label="Components of the score", numbers=[1])
    return join((tag("h2", "Score"), tag("p", tag("b", shown), "." if score.unknown else "", missing), drawn, line))


def _positions(facts: _Facts, seen: Seen[Any]) -> Html:
    rows = [
        (
            each.actor,
            ", ".join(f"{held:,.6g} {name}" for name, held in each.shares.items() if held) or "none",
            amount(each.cost),
            amount(each.capital_at_risk),
        )
        for each in facts.positions
    ]
    head = ("actor", "shares", "cost, tokens", "at risk, tokens")
    drawn = (
        table(head, rows, label="Positions", numbers=(2, 3)) if rows else tag("p", "Nobody holds any.", class_="empty")
    )
    line = source(f"the first {_MOST} positions by name", seen.at, seen.problem)
    return join((tag("h2", "Positions"), drawn, line))


def _bounties(facts: _Facts, seen: Seen[Any]) -> Html:
    rows = [
        (each.bounty, amount(each.remaining), each.funder, each.purpose, moment(each.expires_at))
        for each in facts.bounties
    ]
    head = ("bounty", "remaining, tokens", "offered by", "for", "until")
    drawn = table(head, rows, label="Open bounties", numbers=[1]) if rows else tag("p", "None is open.", class_="empty")
    return join((tag("h2", "Open bounties"), drawn, source("bounties in escrow", seen.at, seen.problem)))
