"""Prediction markets on artifacts: an automated maker quotes every outcome, positions are shares of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from scidex.core.errors import Forbidden, Invalid, Missing, Refused
from scidex.core.machine import Table
from scidex.entities import EntityKey
from scidex.ledger import AccountKey

PRICE_DECIMALS = 12
"""Prices are whole numbers of 10^-12; those of a market sum to exactly one."""


class Market(NamedTuple):
    """One question with its maker.

    `liquidity` (b), `subsidy`, `at_risk` and `maker_result` are token parts, `shares` the outstanding share parts per
    outcome, `prices` 10^-12, `offsets` the start in 10^-15 nat. `moved_at` is when prices and capital last changed.
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

    @property
    def collateral(self) -> AccountKey:
        """The account that pays the winners."""
        return collateral_of(self.market)

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
    """What one order did, and the prices after it: the price history. `redeemed` pairs were sold back."""

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


LISTINGS: Table[EntityKey, str] = Table("market_listing", rank=30)
"""Which market is the one on an artifact: at most one at a time, so an artifact's price is never ambiguous."""
MARKETS: Table[str, Market] = Table("market", rank=31)
POSITIONS: Table[PositionKey, Position] = Table("market_position", rank=32, group=lambda key: key.market)
TRADES: Table[TradeKey, Trade] = Table("market_trade", rank=33, group=lambda key: key.market, append_only=True)


@dataclass(frozen=True, slots=True)
class OpenMarket:
    """Open a market with liquidity in token parts and start prices in 10^-12 (uniform if None)."""

    market: str
    artifact: EntityKey
    question: str
    outcomes: tuple[str, ...]
    liquidity: int
    prices: tuple[int, ...] | None = None
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Buy or sell one outcome: either so many share parts, or for so many token parts.

    `limit_price` (10^-12) is the worst average price per share that the trader accepts.
    """

    market: str
    outcome: str
    side: str
    shares: int | None = None
    spend: int | None = None
    limit_price: int | None = None


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

    `redeemed` share parts of every other outcome were held against this side and were sold back first.
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


class OutcomesInvalid(Invalid):
    """A market needs 2 to {most} different outcomes and was given {given}; name each of them once."""


class LiquidityInvalid(Invalid):
    """The liquidity {given} is below the least, {least} tokens; give the market more."""


class StartPricesInvalid(Invalid):
    """Start prices must be one per outcome, each at least {least}, and sum to 1; {problem}."""


class CloseTimeInvalid(Invalid):
    """The market would close at {closes_at}; give a later time, in UTC and before the year 9999."""


class OrderSizeInvalid(Invalid):
    """An order says either how many shares or how many tokens; give one of `shares` and `spend`."""


class SideInvalid(Invalid):
    """An order's side is {side!r}; write buy or sell."""


class LimitPriceInvalid(Invalid):
    """The limit price {given} is not between 0 and 1; a share never costs more than 1 token."""


class UnknownOutcome(Invalid):
    """The market {market} has no outcome {outcome!r}; use one of {known}."""


class ResolverHoldsPosition(Forbidden):
    """{actor} holds a position in {market} and may not decide how it ends; let somebody without one do it."""


class UnknownMarket(Missing):
    """There is no market {market!r}; `scidex markets list` shows those that there are."""


class NoMarket(Missing):
    """There is no market on {entity_type} {entity_id!r}; open one first (`scidex markets open`)."""


class MarketExists(Refused):
    """The market {market} exists already; trade in it, or choose another id."""


class ArtifactListed(Refused):
    """{entity_type} {entity_id!r} has the market {market} already; trade in that one."""


class MarketClosed(Refused):
    """The market {market} is {state} since {since} and takes no more trades; wait until it is resolved."""


class MarketSettled(Refused):
    """The market {market} was {state} at {since}; it is paid out and stays so."""


class PriceMoved(Refused):
    """The average price would be {price}, beyond the limit of {limit}; ask for a new quote, or widen the limit."""


class InsufficientShares(Refused):
    """{owner} holds {held} shares of {outcome!r} in {market} and {needed} were to be sold; sell at most those."""
