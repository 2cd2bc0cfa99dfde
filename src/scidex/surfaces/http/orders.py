"""The book of a market: limit orders, depth, candles, liquidity, and orders in plain words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.exchange.liquidity import find_changes
from scidex.exchange.markets import (
    cancel_order,
    change_liquidity,
    find_market,
    find_orders,
    place_limit_order,
)
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit
from scidex.surfaces.http.markets import market_of
from scidex.views import (
    PRICE,
    Book,
    CancelBody,
    CandleView,
    ChangeReceipt,
    ChangeView,
    EndedReceipt,
    LimitBody,
    LiquidityBody,
    LiquidityReceipt,
    OrderReceipt,
    Page,
    PlacedReceipt,
    PlanReceipt,
    RestingView,
    Text,
    book_of,
    candles_of,
    change_view,
    ended_receipt,
    liquidity_receipt,
    market_deeds,
    placed_receipt,
    resting_view,
)

router = APIRouter(prefix="/api/market", tags=["orders"])


@router.post("/limit", response_model=PlacedReceipt)
def post_limit(body: LimitBody, caller: AsCaller) -> Response:
    """Trade what can be had at the limit or better, and let the rest wait in the book."""

    def work(tx: Tx, key: str | None) -> PlacedReceipt:
        market = body.found(tx)
        receipt = place_limit_order(
            tx,
            market=market.market,
            outcome=body.outcome,
            side=body.side,
            shares=parse_amount(body.shares, field="shares"),
            limit_price=parse_amount(body.limit_price, PRICE, field="limit_price", zero=True),
            expires_at=body.expires_at,
            key=key,
        )
        return placed_receipt(market.outcomes, receipt)

    return caller.change(work, body)


@router.post("/cancel", response_model=EndedReceipt)
def post_cancel(body: CancelBody, caller: AsCaller) -> Response:
    """Take an order out of the book; what it had set aside goes back."""
    return caller.change(
        lambda tx, key: ended_receipt(cancel_order(tx, market=body.market, order=body.order, key=key)), body
    )


@router.post("/liquidity", response_model=LiquidityReceipt)
def post_liquidity(body: LiquidityBody, caller: AsCaller) -> Response:
    """Make trades move the prices less, or more; no price moves, and the funder pays the difference or gets it."""

    def work(tx: Tx, key: str | None) -> LiquidityReceipt:
        parts = parse_amount(body.liquidity, field="liquidity")
        receipt = change_liquidity(tx, market=body.market, liquidity=parts, key=key)
        return liquidity_receipt(find_market(tx, body.market).outcomes, receipt)

    return caller.change(work, body)


@router.post("/liquidity/plan", response_model=PlanReceipt)
def post_plan(body: market_deeds.PlanBody, caller: AsCaller) -> Response:
    """Plan changes of liquidity, each paid when its time comes by who funded the market: all of these, or none."""
    return caller.do(body)


@router.post("/liquidity/cancel", response_model=ChangeReceipt)
def post_cancel_plan(body: market_deeds.CancelPlanBody, caller: AsCaller) -> Response:
    """Take a planned change of liquidity back."""
    return caller.do(body)


@router.get("/liquidity/{market:path}")
def get_plan(market: Text, reader: AsReader, limit: Limit = 100) -> Page[ChangeView]:
    """The planned changes of a market's liquidity and what became of them, the latest first."""

    def work(tx: Tx) -> Page[ChangeView]:
        found = find_changes(tx, market=find_market(tx, market).market, limit=limit)
        return Page[ChangeView](items=[change_view(change) for change in found])

    return reader.read(work)


@router.post("/say", response_model=OrderReceipt)
def post_words(body: market_deeds.WordsBody, caller: AsCaller) -> Response:
    """Trade as a sentence says: `stake 25 tokens that it holds`, `move the price to 0.7, spend at most 40`."""
    return caller.do(body)


@router.get("/orders")
def get_orders(
    reader: AsReader,
    market: Annotated[Text | None, Query(description="only of this market")] = None,
    actor: Annotated[Text | None, Query(description="only of this actor")] = None,
    limit: Limit = 100,
) -> Page[RestingView]:
    """Resting orders, the oldest first."""

    def work(tx: Tx) -> Page[RestingView]:
        found = find_orders(tx, market=market, owner=actor, limit=limit)
        return Page[RestingView](items=[resting_view(order) for order in found])

    return reader.read(work)


@router.get("/book/{artifact_id:path}")
def get_book(
    artifact_id: Annotated[Text, Path(description="an artifact's id; where there is none, a market's id")],
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
) -> Book:
    """What orders would meet now: depth by price, what so many tokens would do, and what rests."""
    return reader.read(lambda tx: book_of(tx, market_of(tx, artifact_id, artifact_type)))


@router.get("/candles/{artifact_id:path}")
def get_candles(
    artifact_id: Annotated[Text, Path(description="an artifact's id; where there is none, a market's id")],
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
    outcome: Annotated[Text | None, Query(description="the first if left out")] = None,
    seconds: Annotated[int, Query(ge=1, le=31_536_000, description="length of an interval")] = 3600,
    limit: Limit = 100,
) -> Page[CandleView]:
    """The price of an outcome by interval, the latest first; intervals without a trade are left out."""

    def work(tx: Tx) -> Page[CandleView]:
        market = market_of(tx, artifact_id, artifact_type)
        return Page[CandleView](items=candles_of(tx, market, outcome or market.outcomes[0], seconds, limit))

    return reader.read(work)
