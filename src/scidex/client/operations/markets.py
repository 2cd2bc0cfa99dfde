"""Requests of the server: markets; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from scidex.client.answers import Page
from scidex.client.models.markets import (
    ClosedReceipt,
    MarketView,
    OpenedReceipt,
    OrderReceipt,
    PortfolioView,
    PositionView,
    Prices,
    Quote,
    RankView,
    SettledReceipt,
    SignalView,
    TradeView,
)
from scidex.client.request import Amount, Request


class ChangeTermsGiven(TypedDict):
    """From this time on the market has this liquidity."""

    at: datetime
    liquidity: Amount


def post_order(
    *,
    outcome: str,
    market: str | None = None,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    shares: Amount | None = None,
    spend: Amount | None = None,
    limit_price: Amount | None = None,
    to_price: Amount | None = None,
    side: Literal["buy", "sell"] | None = None,
    idempotency_key: str | None = None,
) -> Request[OrderReceipt]:
    """Trade against the market's maker, now and whole."""
    return Request(
        "POST",
        "/api/market/order",
        OrderReceipt,
        body={
            "outcome": outcome,
            "market": market,
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "shares": shares,
            "spend": spend,
            "limit_price": limit_price,
            "to_price": to_price,
            "side": side,
        },
        key=idempotency_key,
        keyed=True,
    )


def post_quote(
    *,
    outcome: str,
    market: str | None = None,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    shares: Amount | None = None,
    spend: Amount | None = None,
    limit_price: Amount | None = None,
    to_price: Amount | None = None,
    side: Literal["buy", "sell"] | None = None,
) -> Request[Quote]:
    """What the same order would do now, without trading; the funds of the actor are not looked at."""
    return Request(
        "POST",
        "/api/market/quote",
        Quote,
        body={
            "outcome": outcome,
            "market": market,
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "shares": shares,
            "spend": spend,
            "limit_price": limit_price,
            "to_price": to_price,
            "side": side,
        },
    )


def get_price(artifact_id: str, *, artifact_type: str | None = None) -> Request[Prices]:
    """The prices of the market on an artifact now."""
    return Request(
        "GET",
        "/api/market/price/{artifact_id}",
        Prices,
        places={"artifact_id": artifact_id},
        query={"artifact_type": artifact_type},
    )


def get_history(market: str, *, before: int | None = None, limit: int | None = None) -> Request[Page[TradeView]]:
    """A market's trades with the prices after each, newest first."""
    return Request(
        "GET",
        "/api/market/history/{market}",
        Page[TradeView],
        places={"market": market},
        query={"before": before, "limit": limit},
    )


def get_markets(
    *,
    state: Literal["open", "closed", "resolved", "void"] | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Request[Page[MarketView]]:
    """Markets by id."""
    return Request(
        "GET", "/api/market/markets", Page[MarketView], query={"state": state, "after": after, "limit": limit}
    )


def get_market(market: str) -> Request[MarketView]:
    """A market with its terms and where it stands."""
    return Request("GET", "/api/market/markets/{market}", MarketView, places={"market": market})


def get_positions(
    *, market: str | None = None, actor: str | None = None, after: str | None = None, limit: int | None = None
) -> Request[Page[PositionView]]:
    """Positions by market and actor."""
    return Request(
        "GET",
        "/api/market/positions",
        Page[PositionView],
        query={"market": market, "actor": actor, "after": after, "limit": limit},
    )


def post_open(
    *,
    market: str,
    artifact_id: str,
    question: str,
    artifact_type: str | None = None,
    outcomes: Sequence[str] | None = None,
    liquidity: Amount | None = None,
    subsidy: Amount | None = None,
    treasury: str | None = None,
    prices: Sequence[Amount] | None = None,
    closes_at: datetime | None = None,
    liquidity_changes: Sequence[ChangeTermsGiven] | None = None,
    idempotency_key: str | None = None,
) -> Request[OpenedReceipt]:
    """Open a market whose maker the actor's wallet funds, or for operators a pool."""
    return Request(
        "POST",
        "/api/market/open",
        OpenedReceipt,
        body={
            "market": market,
            "artifact_id": artifact_id,
            "question": question,
            "artifact_type": artifact_type,
            "outcomes": outcomes,
            "liquidity": liquidity,
            "subsidy": subsidy,
            "treasury": treasury,
            "prices": prices,
            "closes_at": closes_at,
            "liquidity_changes": liquidity_changes,
        },
        key=idempotency_key,
        keyed=True,
    )


def post_close(*, market: str, idempotency_key: str | None = None) -> Request[ClosedReceipt]:
    """Take no more trades; for those who resolve."""
    return Request("POST", "/api/market/close", ClosedReceipt, body={"market": market}, key=idempotency_key, keyed=True)


def post_resolve(*, market: str, outcome: str, idempotency_key: str | None = None) -> Request[SettledReceipt]:
    """Decide the outcome and pay everybody out; for operators, or resolvers by policy, without a position."""
    return Request(
        "POST",
        "/api/market/resolve",
        SettledReceipt,
        body={"market": market, "outcome": outcome},
        key=idempotency_key,
        keyed=True,
    )


def post_void(*, market: str, idempotency_key: str | None = None) -> Request[SettledReceipt]:
    """End a market that cannot be decided, at its mean prices before the close."""
    return Request("POST", "/api/market/void", SettledReceipt, body={"market": market}, key=idempotency_key, keyed=True)


def get_signals(artifact_id: str, *, artifact_type: str | None = None) -> Request[SignalView]:
    """What an artifact's market says in decisions, and what it would cost to make it say something else."""
    return Request(
        "GET",
        "/api/market/signals/{artifact_id}",
        SignalView,
        places={"artifact_id": artifact_id},
        query={"artifact_type": artifact_type},
    )


def get_portfolio(actor: str) -> Request[PortfolioView]:
    """What an actor holds, at what it would really bring, how it fared, and how good its forecasts were."""
    return Request("GET", "/api/market/portfolio/{actor}", PortfolioView, places={"actor": actor})


def get_leaderboard(*, limit: int | None = None, offset: int | None = None) -> Request[Page[RankView]]:
    """Who brings prices nearer to the truth: by skill with its interval, not by wealth."""
    return Request("GET", "/api/market/leaderboard", Page[RankView], query={"limit": limit, "offset": offset})
