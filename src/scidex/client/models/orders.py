"""What the server answers: orders; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scidex.client.answers import Answer, Receipt


class PlacedReceipt(Receipt):
    """A limit order: what it traded at once, and what rests."""

    market: str
    # the id of what rests; null if all of it was traded
    order: str | None
    # shares that rest
    shares: float
    escrow: float
    expires_at: datetime | None
    # what was traded at once, as in the receipt of an order
    traded: dict[str, Any] | None


class EndedReceipt(Receipt):
    """An order that left the book."""

    market: str
    order: str
    state: str
    # shares that it did not trade
    shares: float
    # tokens that went back to its owner
    returned: float


class LiquidityReceipt(Receipt):
    """A market's new liquidity; no price moved."""

    market: str
    liquidity: float
    # tokens added to the subsidy; negative if they came back
    paid: float
    subsidy: float
    prices: dict[str, float]


class LiquidityChangeView(Answer):
    """A planned change of liquidity and what became of it."""

    market: str
    change: str
    at: datetime
    liquidity: float
    planner: str
    # planned, done, skipped or cancelled
    state: str
    planned_at: datetime
    ended_at: datetime | None
    # tokens added to the subsidy; negative if they came back
    paid: float | None
    # why it was skipped
    why: str | None


class PlanReceipt(Receipt):
    """What is planned now."""

    market: str
    changes: list[LiquidityChangeView]


class ChangeReceipt(Receipt):
    """What became of a planned change."""

    market: str
    change: LiquidityChangeView


class RestingView(Answer):
    """An order that waits in the book."""

    market: str
    order: str
    actor: str
    outcome: str
    side: str
    # left of it
    shares: float
    filled: float
    limit_price: float
    # tokens set aside for it
    escrow: float
    state: str
    placed_at: datetime
    expires_at: datetime | None


class Level(Answer):
    """To buy up to this price: how many shares, from the maker and the book together, for how many tokens."""

    price: float
    shares: float
    spend: float
    # the price after buying exactly so many shares
    reached: float


class Effect(Answer):
    """What so many tokens would do now."""

    spend: float
    shares: float
    average_price: float
    # price of the outcome after it
    price: float


class Resting(Answer):
    """What rests at one price, seen from the first or any other outcome: somebody who buys it meets `asks`."""

    price: float
    shares: float
    orders: int


class OutcomeBook(Answer):
    """The book of one outcome."""

    outcome: str
    price: float
    levels: list[Level]
    effects: list[Effect]
    # resting orders that a buyer meets, best first
    asks: list[Resting]
    # resting orders that a seller meets, best first
    bids: list[Resting]


class Book(Answer):
    """What orders would meet: the maker's curve and what rests, by outcome."""

    market: str
    artifact_type: str
    artifact_id: str
    state: str
    liquidity: float
    sides: list[OutcomeBook]
    as_of: datetime
    # seconds since the price last moved
    age_s: float


class CandleView(Answer):
    """The price of an outcome within one interval."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    # shares traded by takers
    shares: float
    trades: int
