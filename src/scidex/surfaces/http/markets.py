"""Markets: prices, orders, positions, and how they open and end."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.entities import UnknownEntity, find_entity
from scidex.exchange.markets import (
    Market,
    PositionKey,
    UnknownMarket,
    close_market,
    find_market,
    find_markets,
    find_markets_named,
    find_positions,
    find_trades,
    market_on,
    quote,
    resolve_market,
    void_market,
)
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit
from scidex.views import (
    Body,
    ClosedReceipt,
    MarketView,
    OpenedReceipt,
    OrderBody,
    OrderReceipt,
    Page,
    PositionView,
    Prices,
    Quote,
    SettledReceipt,
    Text,
    TradeView,
    closed_receipt,
    cursor,
    example,
    market_deeds,
    market_view,
    names_of,
    page,
    position_view,
    prices_of,
    quote_view,
    settled_receipt,
    trade_view,
)

router = APIRouter(prefix="/api/market", tags=["markets"])


class MarketBody(Body):
    """Which market."""

    model_config = example(market="tau-by-2027")

    market: Text


class ResolveBody(Body):
    """Which market, and what came out."""

    model_config = example(market="tau-by-2027", outcome="yes")

    market: Text
    outcome: Text


@router.post("/order", response_model=OrderReceipt)
async def post_order(body: OrderBody, caller: AsCaller) -> Response:
    """Trade against the market's maker, now and whole."""
    return await caller.ask(body)


@router.post("/quote")
def post_quote(body: OrderBody, reader: AsReader) -> Quote:
    """What the same order would do now, without trading; the funds of the actor are not looked at."""

    def work(tx: Tx) -> Quote:
        order = body.order(tx, body.side)
        fill = quote(tx, **asdict(order))
        return quote_view(find_market(tx, order.market), order.outcome, order.side, fill)

    return reader.read(work)


@router.get("/price/{artifact_id:path}")
def get_price(
    artifact_id: Annotated[Text, Path(description="an artifact's id; where there is none, a market's id")],
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
) -> Prices:
    """The prices of the market on an artifact now."""

    def work(tx: Tx) -> Prices:
        return prices_of(market_of(tx, artifact_id, artifact_type), tx.now)

    return reader.read(work)


def market_of(tx: Tx, artifact_id: str, artifact_type: str | None) -> Market:
    """The market on an artifact, or where there is no such artifact, of that id.

    Refuses: UnknownEntity, EntityAmbiguous, NoMarket.
    """
    try:
        entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type)
    except UnknownEntity:
        if artifact_type is not None:
            raise
        try:
            return find_market(tx, artifact_id)
        except UnknownMarket:
            pass
        raise
    return market_on(tx, entity.key)


@router.get("/history/{market:path}")
def get_history(
    market: Text,
    reader: AsReader,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="the `next` of the page before")] = None,
    limit: Limit = 100,
) -> Page[TradeView]:
    """A market's trades with the prices after each, newest first."""

    def work(tx: Tx) -> Page[TradeView]:
        found = find_trades(tx, market=market, before=before, limit=limit + 1)
        terms = find_market(tx, market)
        return page(Page[TradeView], found, limit, lambda row: trade_view(terms, row), lambda row: row.trade)

    return reader.read(work)


@router.get("/markets")
def get_markets(
    reader: AsReader,
    state: Literal["open", "closed", "resolved", "void"] | None = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[MarketView]:
    """Markets by id."""

    def work(tx: Tx) -> Page[MarketView]:
        found = find_markets(tx, state=state, after=after or "", limit=limit + 1)
        return page(Page[MarketView], found, limit, market_view, lambda row: row.market)

    return reader.read(work)


@router.get("/markets/{market:path}")
def get_market(market: Text, reader: AsReader) -> MarketView:
    """A market with its terms and where it stands."""
    return reader.read(lambda tx: market_view(find_market(tx, market)))


@router.get("/positions")
def get_positions(
    reader: AsReader,
    market: Annotated[Text | None, Query(description="only of this market")] = None,
    actor: Annotated[Text | None, Query(description="only of this actor")] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[PositionView]:
    """Positions by market and actor."""

    def work(tx: Tx) -> Page[PositionView]:
        start = PositionKey(*names_of(after, 2))
        found = find_positions(tx, market=market, owner=actor, after=start, limit=limit + 1)
        terms = {each.market: each for each in find_markets_named(tx, {position.market for position in found})}
        return page(
            Page[PositionView],
            found,
            limit,
            lambda row: position_view(terms[row.market], row),
            lambda row: cursor(row.market, row.owner),
        )

    return reader.read(work)


@router.post("/open", response_model=OpenedReceipt)
def post_open(body: market_deeds.OpenBody, caller: AsCaller) -> Response:
    """Open a market whose maker the actor's wallet funds, or for operators a pool."""
    return caller.do(body)


@router.post("/close", response_model=ClosedReceipt)
def post_close(body: MarketBody, caller: AsCaller) -> Response:
    """Take no more trades; for those who resolve."""

    def work(tx: Tx, key: str | None) -> ClosedReceipt:
        receipt = close_market(tx, market=body.market, key=key)
        return closed_receipt(find_market(tx, body.market), receipt)

    return caller.change(work, body)


@router.post("/resolve", response_model=SettledReceipt)
def post_resolve(body: ResolveBody, caller: AsCaller) -> Response:
    """Decide the outcome and pay everybody out; for operators, or resolvers by policy, without a position."""
    return caller.change(
        lambda tx, key: settled_receipt(resolve_market(tx, market=body.market, outcome=body.outcome, key=key)), body
    )


@router.post("/void", response_model=SettledReceipt)
def post_void(body: MarketBody, caller: AsCaller) -> Response:
    """End a market that cannot be decided, at its mean prices before the close."""
    return caller.change(lambda tx, key: settled_receipt(void_market(tx, market=body.market, key=key)), body)
