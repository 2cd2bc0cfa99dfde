"""Prediction markets on artifacts: an automated maker quotes every outcome, positions are shares of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from scidex.core.machine import Table
from scidex.entities import EntityKey
from scidex.ledger import POOL, WALLET, AccountKey

PRICE_DECIMALS = 12
"""Prices are whole numbers of 10^-12; those of a market sum to exactly one."""


class Market(NamedTuple):
    """One question with its maker.

    `liquidity` (b), `subsidy`, `at_risk` and `maker_result` are token parts, `shares` the outstanding share parts per
    outcome, `prices` 10^-12, `offsets` the start in 10^-15 nat. `moved_at` is when prices and capital last changed.
    `resting` counts the open orders of its book. `anchor` are the shares outstanding when the liquidity was last
    changed, and `surplus` what the collateral then had above all subsidies paid: from there the maker's result follows.
    `fees` are what traders paid besides; they lie with the collateral and are the funder's at the end. `opening` are
    the first prices where the offsets, which another liquidity changes, do not say them any more.
    """

    market: str
    artifact: EntityKey
    question: str
    outcomes: tuple[str, ...]
    liquidity: int
    offsets: tuple[int, ...]
    shares: tuple[int, ...]
    prices: tuple[int, ...]
    subsidy: int
    funder: str
    state: str
    trades: int
    at_risk: int
    opened_at: datetime
    moved_at: datetime
    closes_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    maker_result: int | None
    resting: int
    anchor: tuple[int, ...]
    surplus: int
    fees: int
    opening: tuple[int, ...] | None = None

    @property
    def collateral(self) -> AccountKey:
        """The account that pays the winners."""
        return collateral_of(self.market)

    @property
    def funder_account(self) -> AccountKey:
        """The account that paid the subsidy, a wallet or a pool, and gets back what is left of it."""
        return AccountKey(self.funder, POOL if self.funder.startswith("pool:") else WALLET, "token")

    def open_at(self, now: datetime) -> bool:
        """Whether it takes trades at that moment."""
        return self.state == "open" and (self.closes_at is None or now < self.closes_at)

    def after_trade(self, shares: tuple[int, ...], prices: tuple[int, ...], at_risk: int, now: datetime) -> Market:
        """One trade later. By position: a bid spends a tenth of its time in `_replace`."""
        return Market._make(
            (*self[:6], shares, prices, *self[8:11], self.trades + 1, at_risk, self.opened_at, now, *self[15:])
        )


@lru_cache(maxsize=4096)
def collateral_of(market: str) -> AccountKey:
    """The account that pays the winners of a market."""
    return AccountKey(f"market:{market}", "collateral", "token")


@lru_cache(maxsize=4096)
def escrow_of(market: str) -> AccountKey:
    """The account that holds what the resting orders of a market have to pay."""
    return AccountKey(f"market:{market}", "orders", "token")


class PositionKey(NamedTuple):
    """Whose position in which market."""

    market: str
    owner: str


class Position(NamedTuple):
    """Share parts per outcome, what those cost in token parts, and token parts paid in so far, net of what came back.

    `at_risk` is the owner's worst-case loss on what is held, max(0, sum(cost) - min(shares)): a share of every outcome
    is worth one token whatever happens, so a bundle risks only what it cost above that. A sale takes its part of the
    cost with it: a loss that has happened is no capital at risk.
    """

    market: str
    owner: str
    shares: tuple[int, ...]
    cost: tuple[int, ...]
    paid: int
    at_risk: int
    payout: int | None


class TradeKey(NamedTuple):
    """A market's trades are numbered 1, 2, 3, ..."""

    market: str
    trade: int


class Trade(NamedTuple):
    """What one order did, and the prices after it: the price history. `redeemed` pairs were sold back.

    `fee` is in token parts and besides `paid`; `resting` is the order of the book that was filled, if it was one.
    """

    market: str
    trade: int
    at: datetime
    owner: str
    outcome: str
    side: str
    shares: int
    redeemed: int
    paid: int
    prices: tuple[int, ...]
    fee: int = 0
    resting: str | None = None


class Candle(NamedTuple):
    """Prices (10^-12) of an outcome within an interval: first, highest, lowest, last; what takers traded, in parts."""

    start: datetime
    first: int
    high: int
    low: int
    last: int
    shares: int
    trades: int


class OrderKey(NamedTuple):
    """An order of the book by its market and id."""

    market: str
    order: str


class RestingOrder(NamedTuple):
    """A limit order in a market's book: `shares` parts are left of it, at `limit_price` (10^-12) each or better.

    A purchase has `escrow` token parts set aside in the market's account of orders. A sale sets nothing aside: its
    shares stay in the owner's position, and may not be sold otherwise.
    """

    market: str
    order: str
    owner: str
    outcome: str
    side: str
    shares: int
    filled: int
    limit_price: int
    escrow: int
    state: str
    placed_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None


LISTINGS: Table[EntityKey, str] = Table("market_listing", rank=29)
"""Which market is the one on an artifact: at most one at a time, so an artifact's price is never ambiguous."""
MARKETS: Table[str, Market] = Table("market", rank=30)
ORDERS: Table[OrderKey, RestingOrder] = Table("market_order", rank=31, group=lambda key: key.market)
POSITIONS: Table[PositionKey, Position] = Table("market_position", rank=32, group=lambda key: key.market)
TRADES: Table[TradeKey, Trade] = Table("market_trade", rank=33, group=lambda key: key.market, append_only=True)


@dataclass(frozen=True, slots=True)
class OpenMarket:
    """Open a market with liquidity, or a subsidy that decides it, in token parts, and start prices in 10^-12 (uniform
    if None). A pool may leave both to the policy, which reads how many open markets it funds already: `funded`."""

    market: str
    artifact: EntityKey
    question: str
    outcomes: tuple[str, ...]
    liquidity: int | None = None
    prices: tuple[int, ...] | None = None
    closes_at: datetime | None = None
    treasury: str | None = None
    subsidy: int | None = None
    funded: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Buy or sell one outcome: so many share parts, for so many token parts, or until its price is `to_price`.

    `limit_price` (10^-12) is the worst average price per share that the trader accepts. With `to_price` (10^-12) a
    `spend` is the most that the trader pays on the way there.
    """

    market: str
    outcome: str
    side: str
    shares: int | None = None
    spend: int | None = None
    limit_price: int | None = None
    to_price: int | None = None


@dataclass(frozen=True, slots=True)
class LimitOrder:
    """Buy or sell up to so many share parts at no worse than `limit_price` (10^-12) each; what is left rests."""

    market: str
    outcome: str
    side: str
    shares: int
    limit_price: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Take an order out of the book."""

    market: str
    order: str


@dataclass(frozen=True, slots=True)
class ExpireOrder:
    """Take an order out of the book whose time is over."""

    market: str
    order: str


@dataclass(frozen=True, slots=True)
class ChangeLiquidity:
    """Make the market's liquidity b so many token parts; no price moves. The difference is paid, or comes back."""

    market: str
    liquidity: int


@dataclass(frozen=True, slots=True)
class CloseMarket:
    """Take no more trades."""

    market: str


@dataclass(frozen=True, slots=True)
class ResolveMarket:
    """Pay 1 for each share of this outcome and 0 for every other."""

    market: str
    outcome: str


@dataclass(frozen=True, slots=True)
class VoidMarket:
    """Pay each share the time-weighted mean price of its outcome before the close."""

    market: str


@dataclass(frozen=True, slots=True)
class MarketOpened:
    """The maker's stake and where prices start."""

    market: str
    subsidy: int
    prices: tuple[int, ...]


@dataclass(slots=True)
class Traded:
    """What an order did. `paid` is the net token parts that left the trader's wallet, below zero if they came in.

    `redeemed` share parts of every other outcome were held against this side and were sold back first; `matched` met
    resting orders, the others the maker. `fee` token parts left the wallet besides.
    """

    # Not frozen: the one result made by the ten thousand, and frozen it takes five times as long to make.

    market: str
    trade: int
    outcome: str
    side: str
    shares: int
    redeemed: int
    paid: int
    prices: tuple[int, ...]
    position: tuple[int, ...]
    fee: int = 0
    matched: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A limit order: what it traded at once, if anything, and what rests, under which id, with how much set aside."""

    market: str
    order: str | None
    traded: Traded | None
    shares: int
    escrow: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """An order that left the book: the shares that it did not trade, and the token parts that went back."""

    market: str
    order: str
    state: str
    shares: int
    returned: int


@dataclass(frozen=True, slots=True)
class LiquidityChanged:
    """The new liquidity; `paid` token parts were added to the subsidy, below zero if they came back."""

    market: str
    liquidity: int
    paid: int
    subsidy: int
    prices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MarketClosedReceipt:
    """The prices at which it closed."""

    market: str
    prices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """Who was paid what, in token parts; `maker_result` is what the maker's funder gained or lost."""

    market: str
    outcome: str | None
    prices: tuple[int, ...]
    payouts: tuple[tuple[str, int], ...]
    returned: int
    maker_result: int
