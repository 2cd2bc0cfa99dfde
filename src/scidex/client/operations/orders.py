"""Requests of the server: orders; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from scidex.client.answers import Page
from scidex.client.models.markets import OrderReceipt
from scidex.client.models.orders import (
    Book,
    CandleView,
    ChangeReceipt,
    EndedReceipt,
    LiquidityChangeView,
    LiquidityReceipt,
    PlacedReceipt,
    PlanReceipt,
    RestingView,
)
from scidex.client.operations.markets import ChangeTermsGiven
from scidex.client.request import Amount, Request


def post_limit(
    *,
    outcome: str,
    shares: Amount,
    limit_price: Amount,
    market: str | None = None,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    side: Literal["buy", "sell"] | None = None,
    expires_at: datetime | None = None,
    idempotency_key: str | None = None,
) -> Request[PlacedReceipt]:
    """Trade what can be had at the limit or better, and let the rest wait in the book."""
    return Request(
        "POST",
        "/api/market/limit",
        PlacedReceipt,
        body={
            "outcome": outcome,
            "shares": shares,
            "limit_price": limit_price,
            "market": market,
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "side": side,
            "expires_at": expires_at,
        },
        key=idempotency_key,
        keyed=True,
    )


def post_cancel(*, market: str, order: str, idempotency_key: str | None = None) -> Request[EndedReceipt]:
    """Take an order out of the book; what it had set aside goes back."""
    return Request(
        "POST",
        "/api/market/cancel",
        EndedReceipt,
        body={"market": market, "order": order},
        key=idempotency_key,
        keyed=True,
    )


def post_liquidity(*, market: str, liquidity: Amount, idempotency_key: str | None = None) -> Request[LiquidityReceipt]:
    """Make trades move the prices less, or more; no price moves, and the funder pays the difference or gets it."""
    return Request(
        "POST",
        "/api/market/liquidity",
        LiquidityReceipt,
        body={"market": market, "liquidity": liquidity},
        key=idempotency_key,
        keyed=True,
    )


def post_plan(
    *, market: str, changes: Sequence[ChangeTermsGiven], idempotency_key: str | None = None
) -> Request[PlanReceipt]:
    """Plan changes of liquidity, each paid when its time comes by who funded the market: all of these, or none."""
    return Request(
        "POST",
        "/api/market/liquidity/plan",
        PlanReceipt,
        body={"market": market, "changes": changes},
        key=idempotency_key,
        keyed=True,
    )


def post_cancel_plan(*, market: str, change: str, idempotency_key: str | None = None) -> Request[ChangeReceipt]:
    """Take a planned change of liquidity back."""
    return Request(
        "POST",
        "/api/market/liquidity/cancel",
        ChangeReceipt,
        body={"market": market, "change": change},
        key=idempotency_key,
        keyed=True,
    )


def get_plan(market: str, *, limit: int | None = None) -> Request[Page[LiquidityChangeView]]:
    """The planned changes of a market's liquidity and what became of them, the latest first."""
    return Request(
        "GET",
        "/api/market/liquidity/{market}",
        Page[LiquidityChangeView],
        places={"market": market},
        query={"limit": limit},
    )


def post_words(
    *,
    say: str,
    market: str | None = None,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    idempotency_key: str | None = None,
) -> Request[OrderReceipt]:
    """Trade as a sentence says: `stake 25 tokens that it holds`, `move the price to 0.7, spend at most 40`."""
    return Request(
        "POST",
        "/api/market/say",
        OrderReceipt,
        body={"say": say, "market": market, "artifact_id": artifact_id, "artifact_type": artifact_type},
        key=idempotency_key,
        keyed=True,
    )


def get_orders(
    *, market: str | None = None, actor: str | None = None, limit: int | None = None
) -> Request[Page[RestingView]]:
    """Resting orders, the oldest first."""
    return Request(
        "GET", "/api/market/orders", Page[RestingView], query={"market": market, "actor": actor, "limit": limit}
    )


def get_book(artifact_id: str, *, artifact_type: str | None = None) -> Request[Book]:
    """What orders would meet now: depth by price, what so many tokens would do, and what rests."""
    return Request(
        "GET",
        "/api/market/book/{artifact_id}",
        Book,
        places={"artifact_id": artifact_id},
        query={"artifact_type": artifact_type},
    )


def get_candles(
    artifact_id: str,
    *,
    artifact_type: str | None = None,
    outcome: str | None = None,
    seconds: int | None = None,
    limit: int | None = None,
) -> Request[Page[CandleView]]:
    """The price of an outcome by interval, the latest first; intervals without a trade are left out."""
    return Request(
        "GET",
        "/api/market/candles/{artifact_id}",
        Page[CandleView],
        places={"artifact_id": artifact_id},
        query={"artifact_type": artifact_type, "outcome": outcome, "seconds": seconds, "limit": limit},
    )
