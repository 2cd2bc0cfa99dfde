"""What a caller can do in markets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, Look, State, Whole, declare
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.markets import rules
from scidex.exchange.markets.fills import Fill, fill_of
from scidex.exchange.markets.model import (
    LISTINGS,
    MARKETS,
    POSITIONS,
    TRADES,
    CloseMarket,
    CloseTimeInvalid,
    MarketClosedReceipt,
    MarketOpened,
    OpenMarket,
    Order,
    PositionKey,
    ResolveMarket,
    Settled,
    Traded,
    VoidMarket,
    collateral_of,
)
from scidex.exchange.markets.store import find_market, find_position
from scidex.ledger import ACCOUNTS, AccountKey, wallet_of


def _markets_to_open(command: OpenMarket, actor: str, state: State) -> list[str]:
    listed = state.get(LISTINGS, command.artifact)
    return [command.market] if listed is None else [command.market, listed]


def _accounts_to_settle(command: Any, actor: str, state: State) -> list[AccountKey]:
    market = state.get(MARKETS, command.market)
    if market is None:
        return []
    owners = [wallet_of(key.owner) for key, _ in state.whole(POSITIONS, command.market)]
    return [collateral_of(command.market), AccountKey(market.funder, "wallet", "token"), *owners]


SETTLING: dict[Any, Any] = {
    MARKETS: lambda command, actor, state: (command.market,),
    POSITIONS: lambda command, actor, state: (Whole(command.market), PositionKey(command.market, actor)),
    ACTORS: lambda command, actor, state: (Look(actor),),
    ACCOUNTS: _accounts_to_settle,
}
"""What every command touches that pays a market out; a void also touches its trades."""

OPEN = declare(
    Kind(
        "market.open",
        OpenMarket,
        MarketOpened,
        rules.open_market,
        {
            LISTINGS: lambda command, actor, state: (command.artifact,),
            MARKETS: _markets_to_open,
            ENTITIES: lambda command, actor, state: (command.artifact,),
            ACCOUNTS: lambda command, actor, state: (wallet_of(actor), collateral_of(command.market)),
        },
    )
)
ORDER = declare(
    Kind(
        "market.order",
        Order,
        Traded,
        rules.place_order,
        {
            MARKETS: lambda command, actor, state: (command.market,),
            POSITIONS: lambda command, actor, state: (PositionKey(command.market, actor),),
            ACCOUNTS: lambda command, actor, state: (wallet_of(actor), collateral_of(command.market)),
        },
    )
)
CLOSE = declare(
    Kind(
        "market.close",
        CloseMarket,
        MarketClosedReceipt,
        rules.close_market,
        {
            MARKETS: lambda command, actor, state: (command.market,),
            ACTORS: lambda command, actor, state: (Look(actor),),
        },
    )
)
RESOLVE = declare(Kind("market.resolve", ResolveMarket, Settled, rules.resolve_market, SETTLING))
VOID = declare(
    Kind(
        "market.void",
        VoidMarket,
        Settled,
        rules.void_market,
        {**SETTLING, TRADES: lambda command, actor, state: (Whole(command.market),)},
    )
)


def open_market(
    tx: Tx,
    *,
    market: str,
    artifact: EntityKey,
    question: str,
    outcomes: Sequence[str] = ("yes", "no"),
    liquidity: int,
    prices: Sequence[int] | None = None,
    closes_at: datetime | None = None,
    key: str | None = None,
) -> Receipt[MarketOpened]:
    """Open a market whose maker the actor's wallet funds; liquidity in token parts, prices in 10^-12.

    Refuses: NameInvalid, OutcomesInvalid, LiquidityInvalid, AmountNotPositive, AmountTooLarge, StartPricesInvalid,
    CloseTimeInvalid, UnknownEntity, MarketExists, ArtifactListed, UnknownAccount, InsufficientFunds, KeyReused.
    """
    command = OpenMarket(
        market,
        artifact,
        question,
        tuple(outcomes),
        liquidity,
        tuple(prices) if prices is not None else None,
        _in_utc(closes_at),
    )
    return perform_one(tx, Request(command, tx.actor, key))


def _in_utc(at: datetime | None) -> datetime | None:
    if at is None or at.tzinfo is None:
        return at  # which the rule refuses
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise CloseTimeInvalid(closes_at=at.isoformat()) from None


def place_order(
    tx: Tx,
    *,
    market: str,
    outcome: str,
    side: str = "buy",
    shares: int | None = None,
    spend: int | None = None,
    limit_price: int | None = None,
    key: str | None = None,
) -> Receipt[Traded]:
    """Buy by shares or by spend, or sell shares, all in parts, at an average price no worse than the limit (10^-12).

    Refuses: UnknownMarket, MarketClosed, MarketSettled, UnknownOutcome, SideInvalid, OrderSizeInvalid,
    AmountNotPositive, AmountTooLarge, LimitPriceInvalid, PriceMoved, InsufficientShares, UnknownAccount,
    InsufficientFunds, BalanceTooLarge, KeyReused.
    """
    order = Order(market, outcome, side, shares, spend, limit_price)
    return perform_one(tx, Request(order, tx.actor, key))


def quote(
    tx: Tx,
    *,
    market: str,
    outcome: str,
    side: str = "buy",
    shares: int | None = None,
    spend: int | None = None,
    limit_price: int | None = None,
) -> Fill:
    """What the same order would do now, without trading; the funds of the actor are not looked at.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, UnknownOutcome, SideInvalid, OrderSizeInvalid,
    AmountNotPositive, AmountTooLarge, LimitPriceInvalid, PriceMoved, InsufficientShares.
    """
    found = find_market(tx, market)
    rules.require_open(found, tx.now)
    order = Order(market, outcome, side, shares, spend, limit_price)
    return fill_of(found, find_position(tx, found, tx.actor), order)


def close_market(tx: Tx, *, market: str, key: str | None = None) -> Receipt[MarketClosedReceipt]:
    """Take no more trades. Refuses: UnknownMarket, MarketClosed, MarketSettled, RoleNeeded, UnknownActor, KeyReused."""
    return perform_one(tx, Request(CloseMarket(market), tx.actor, key))


def resolve_market(tx: Tx, *, market: str, outcome: str, key: str | None = None) -> Receipt[Settled]:
    """Decide the outcome and pay everybody out.

    Refuses: UnknownMarket, UnknownOutcome, MarketSettled, RoleNeeded, UnknownActor, ResolverHoldsPosition,
    BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(ResolveMarket(market, outcome), tx.actor, key))


def void_market(tx: Tx, *, market: str, key: str | None = None) -> Receipt[Settled]:
    """End a market that cannot be decided, at its mean prices before the close.

    Refuses: UnknownMarket, MarketSettled, RoleNeeded, UnknownActor, ResolverHoldsPosition, BalanceTooLarge,
    KeyReused.
    """
    return perform_one(tx, Request(VoidMarket(market), tx.actor, key))
