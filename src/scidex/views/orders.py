"""The book of a market from outside: resting orders, depth, candles, and what is said in plain words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from scidex.core.db import Tx
from scidex.core.errors import Invalid
from scidex.core.journal import Receipt
from scidex.core.units import TOKEN, parse_amount
from scidex.exchange.markets import (
    PRICE_DECIMALS,
    Candle,
    Market,
    Order,
    Path,
    RestingOrder,
    buy_path,
    find_candles,
    find_orders,
    lmsr,
    offers_to,
)
from scidex.views.base import Done, View, done, tokens
from scidex.views.markets import traded_facts
from scidex.views.words import PRICE

_ONE = 10**PRICE_DECIMALS
_SIZES = (1, 10, 100, 1000)
"""Spends, in tokens, whose effect a book shows."""
_TICKS = tuple(range(5, 100, 5))
"""Prices, in hundredths, whose depth a book shows."""


class WordsInvalid(Invalid):
    """{given!r} is not understood; say `stake 25 tokens that it holds`, `stake 25 tokens that it fails`, `stake 25
    tokens on OUTCOME`, `move the price to 0.7, spend at most 40`, `move OUTCOME to 0.7`, or `sell 10 shares of
    OUTCOME`."""


class RestingView(View):
    """An order that waits in the book."""

    market: str
    order: str
    actor: str
    outcome: str
    side: str
    shares: float = Field(description="left of it")
    filled: float
    limit_price: float
    escrow: float = Field(description="tokens set aside for it")
    state: str
    placed_at: datetime
    expires_at: datetime | None


class PlacedReceipt(Done):
    """A limit order: what it traded at once, and what rests."""

    market: str
    order: str | None = Field(description="the id of what rests; null if all of it was traded")
    shares: float = Field(description="shares that rest")
    escrow: float
    expires_at: datetime | None
    traded: dict[str, Any] | None = Field(description="what was traded at once, as in the receipt of an order")


class EndedReceipt(Done):
    """An order that left the book."""

    market: str
    order: str
    state: str
    shares: float = Field(description="shares that it did not trade")
    returned: float = Field(description="tokens that went back to its owner")


class LiquidityReceipt(Done):
    """A market's new liquidity; no price moved."""

    market: str
    liquidity: float
    paid: float = Field(description="tokens added to the subsidy; negative if they came back")
    subsidy: float
    prices: dict[str, float]


class Level(View):
    """To buy up to this price: how many shares, from the maker and the book together, for how many tokens."""

    price: float
    shares: float
    spend: float
    reached: float = Field(description="the price after buying exactly so many shares")


class Resting(View):
    """What rests at one price, seen from the first or any other outcome: somebody who buys it meets `asks`."""

    price: float
    shares: float
    orders: int


class Effect(View):
    """What so many tokens would do now."""

    spend: float
    shares: float
    average_price: float
    price: float = Field(description="price of the outcome after it")


class OutcomeBook(View):
    """The book of one outcome."""

    outcome: str
    price: float
    levels: list[Level]
    effects: list[Effect]
    asks: list[Resting] = Field(description="resting orders that a buyer meets, best first")
    bids: list[Resting] = Field(description="resting orders that a seller meets, best first")


class Book(View):
    """What orders would meet: the maker's curve and what rests, by outcome."""

    market: str
    artifact_type: str
    artifact_id: str
    state: str
    liquidity: float
    sides: list[OutcomeBook]
    as_of: datetime
    age_s: float = Field(description="seconds since the price last moved")


class CandleView(View):
    """The price of an outcome within one interval."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    shares: float = Field(description="shares traded by takers")
    trades: int


def resting_view(order: RestingOrder) -> RestingView:
    """An order of the book."""
    return RestingView(
        market=order.market,
        order=order.order,
        actor=order.owner,
        outcome=order.outcome,
        side=order.side,
        shares=tokens(order.shares),
        filled=tokens(order.filled),
        limit_price=order.limit_price / _ONE,
        escrow=tokens(order.escrow),
        state=order.state,
        placed_at=order.placed_at,
        expires_at=order.expires_at,
    )


def placed_receipt(outcomes: tuple[str, ...], receipt: Receipt[Any]) -> PlacedReceipt:
    """The receipt of a limit order in a market with these outcomes."""
    placed = receipt.result
    return PlacedReceipt(
        **done(receipt),
        market=placed.market,
        order=placed.order,
        shares=tokens(placed.shares),
        escrow=tokens(placed.escrow),
        expires_at=placed.expires_at,
        traded=None if placed.traded is None else traded_facts(outcomes, placed.traded),
    )


def ended_receipt(receipt: Receipt[Any]) -> EndedReceipt:
    """The receipt of an order that left the book."""
    ended = receipt.result
    return EndedReceipt(
        **done(receipt),
        market=ended.market,
        order=ended.order,
        state=ended.state,
        shares=tokens(ended.shares),
        returned=tokens(ended.returned),
    )


def liquidity_receipt(outcomes: tuple[str, ...], receipt: Receipt[Any]) -> LiquidityReceipt:
    """The receipt of a change of liquidity."""
    changed = receipt.result
    return LiquidityReceipt(
        **done(receipt),
        market=changed.market,
        liquidity=tokens(changed.liquidity),
        paid=tokens(changed.paid),
        subsidy=tokens(changed.subsidy),
        prices={name: price / _ONE for name, price in zip(outcomes, changed.prices, strict=True)},
    )


def book_of(tx: Tx, market: Market) -> Book:
    """The book of a market as it is now, for somebody who has no order in it."""
    orders = find_orders(tx, market=market.market)
    return Book(
        market=market.market,
        artifact_type=market.artifact.entity_type,
        artifact_id=market.artifact.entity_id,
        state=market.state,
        liquidity=tokens(market.liquidity),
        sides=[_side(market, orders, which, tx.now) for which in range(len(market.outcomes))],
        as_of=tx.now,
        age_s=max(0.0, (tx.now - market.moved_at).total_seconds()),
    )


def _side(market: Market, orders: Sequence[RestingOrder], which: int, now: datetime) -> OutcomeBook:
    asks = offers_to(market, orders, which, "buy", now)
    price = market.prices[which]
    levels, effects = [], []
    for tick in _TICKS:
        target = tick * _ONE // 100
        path = buy_path(market, asks, which, shares=None, spend=None, limit=target) if target > price else None
        if path is not None and path.stretches:
            levels.append(
                Level(
                    price=tick / 100,
                    shares=tokens(path.shares),
                    spend=tokens(path.tokens),
                    reached=_price_after(market, path, which),
                )
            )
    for size in _SIZES:
        path = buy_path(market, asks, which, spend=size * TOKEN.parts)
        if path.shares:
            effects.append(
                Effect(
                    spend=tokens(path.tokens),
                    shares=tokens(path.shares),
                    average_price=path.tokens / path.shares,
                    price=_price_after(market, path, which),
                )
            )
    return OutcomeBook(
        outcome=market.outcomes[which],
        price=price / _ONE,
        levels=levels,
        effects=effects,
        asks=_by_price((offer.price, offer.order.shares) for offer in asks),
        bids=_by_price((offer.price, offer.order.shares) for offer in offers_to(market, orders, which, "sell", now)),
    )


def _price_after(market: Market, path: Path, which: int) -> float:
    price: float = lmsr.prices_of(path.outstanding, market.liquidity, market.offsets)[which] / _ONE
    return price


def _by_price(found: Iterable[tuple[int, int]]) -> list[Resting]:
    sums: dict[int, list[int]] = defaultdict(list)
    for price, shares in found:
        sums[price].append(shares)
    return [Resting(price=price / _ONE, shares=tokens(sum(each)), orders=len(each)) for price, each in sums.items()]


def candles_of(tx: Tx, market: Market, outcome: str, seconds: int, limit: int) -> list[CandleView]:
    """The price of an outcome by interval, the latest first; intervals without a trade are left out."""
    return [_candle(each) for each in find_candles(tx, market, outcome=outcome, seconds=seconds, limit=limit)]


def _candle(candle: Candle) -> CandleView:
    first, high, low, last = (price / _ONE for price in candle[1:5])
    shares, trades = tokens(candle.shares), candle.trades
    return CandleView(start=candle.start, open=first, high=high, low=low, close=last, shares=shares, trades=trades)


_NUMBER = r"(?P<{}>[0-9.eE+-]+)"
_STAKE = re.compile(
    rf"stake {_NUMBER.format('spend')} tokens? (?:that it (?P<how>holds|fails)|on (?P<outcome>.+))", re.IGNORECASE
)
_MOVE = re.compile(
    rf"move (?:the price|(?P<outcome>.+?)) to {_NUMBER.format('price')}"
    rf"(?:,? (?:and )?spend at most {_NUMBER.format('spend')}(?: tokens?)?)?",
    re.IGNORECASE,
)
_SELL = re.compile(rf"sell {_NUMBER.format('shares')} shares? of (?P<outcome>.+)", re.IGNORECASE)


def order_in_words(market: Market, said: str) -> Order:
    """The order that a sentence asks for. That `it holds` is the first outcome; to lower the price of one of two
    outcomes is to raise that of the other.

    Refuses: WordsInvalid and what `parse_amount` refuses.
    """
    words = " ".join(said.split()).removesuffix(".")
    if found := _STAKE.fullmatch(words):
        how, outcome = found["how"], found["outcome"]
        if how is not None:
            if how.lower() == "fails" and len(market.outcomes) > 2:
                raise WordsInvalid(given=said[:80])
            outcome = market.outcomes[how.lower() == "fails"]
        return Order(market.market, outcome, "buy", spend=parse_amount(found["spend"], field="stake"))
    if found := _SELL.fullmatch(words):
        return Order(market.market, found["outcome"], "sell", shares=parse_amount(found["shares"], field="shares"))
    if (found := _MOVE.fullmatch(words)) is None:
        raise WordsInvalid(given=said[:80])
    outcome = found["outcome"] or market.outcomes[0]
    target = parse_amount(found["price"], PRICE, field="price", zero=True)
    spend = None if found["spend"] is None else parse_amount(found["spend"], field="spend")
    if outcome in market.outcomes and len(market.outcomes) == 2:
        which = market.outcomes.index(outcome)
        if target < market.prices[which]:
            outcome, target = market.outcomes[1 - which], _ONE - target
    return Order(market.market, outcome, "buy", spend=spend, to_price=target)
