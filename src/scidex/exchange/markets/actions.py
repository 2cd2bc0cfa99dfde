"""What a caller can do in markets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request, perform, perform_one
from scidex.core.machine import Kind, Look, State, Whole, declare
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.markets import depth, limits, rules, trading
from scidex.exchange.markets.book import offers_to
from scidex.exchange.markets.fills import Fill, fill_of, outcome_of
from scidex.exchange.markets.model import (
    LISTINGS,
    MARKETS,
    ORDERS,
    POSITIONS,
    TRADES,
    CancelOrder,
    ChangeLiquidity,
    CloseMarket,
    ExpireOrder,
    LimitOrder,
    LiquidityChanged,
    MarketClosedReceipt,
    MarketOpened,
    OpenMarket,
    Order,
    OrderEnded,
    OrderKey,
    Placed,
    PositionKey,
    ResolveMarket,
    Settled,
    Traded,
    VoidMarket,
    collateral_of,
    escrow_of,
)
from scidex.exchange.markets.refusals import CloseTimeInvalid
from scidex.exchange.markets.resting import bound_shares, open_orders, require_open
from scidex.exchange.markets.store import count_funded, due_orders, find_market, find_orders, find_position
from scidex.ledger import ACCOUNTS, POOL, AccountKey, wallet_of


def _markets_to_open(command: OpenMarket, actor: str, state: State) -> list[str]:
    listed = state.get(LISTINGS, command.artifact)
    return [command.market] if listed is None else [command.market, listed]


def _accounts_to_open(command: OpenMarket, actor: str, state: State) -> list[AccountKey]:
    funder = wallet_of(actor) if command.treasury is None else AccountKey(f"pool:{command.treasury}", POOL, "token")
    return [funder, collateral_of(command.market)]


def _market(command: Any, actor: str, state: State) -> tuple[str]:
    return (command.market,)


def _book(command: Any, actor: str, state: State) -> tuple[Whole]:
    return (Whole(command.market),)


def _owners(command: Any, state: State) -> list[str]:
    """Whose orders rest in the book."""
    return [order.owner for order in open_orders(state, command.market)]


def _positions_to_trade(command: Order | LimitOrder, actor: str, state: State) -> list[PositionKey]:
    own = PositionKey(command.market, actor)
    # Most orders meet the maker alone: whoever rests in the book is loaded once one does not.
    owners = _owners(command, state) if state.thorough else ()
    return [own, *(PositionKey(command.market, owner) for owner in owners)]


def _accounts_to_trade(command: Order | LimitOrder, actor: str, state: State) -> list[AccountKey]:
    keys = [wallet_of(actor), collateral_of(command.market)]
    if state.thorough:
        keys += (escrow_of(command.market), *(wallet_of(owner) for owner in _owners(command, state)))
    return keys


def _accounts_to_rest(command: LimitOrder, actor: str, state: State) -> list[AccountKey]:
    return [escrow_of(command.market), *_accounts_to_trade(command, actor, state)]


def _accounts_of_order(command: CancelOrder | ExpireOrder, actor: str, state: State) -> list[AccountKey]:
    order = state.get(ORDERS, OrderKey(command.market, command.order))
    return [escrow_of(command.market), wallet_of(order.owner)] if order is not None else []


def _accounts_of_book(command: CloseMarket, actor: str, state: State) -> list[AccountKey]:
    return [escrow_of(command.market), *map(wallet_of, _owners(command, state))]


def _accounts_to_settle(command: Any, actor: str, state: State) -> list[AccountKey]:
    market = state.get(MARKETS, command.market)
    if market is None:
        return []
    owners = [wallet_of(key.owner) for key, _ in state.whole(POSITIONS, command.market)]
    resting = map(wallet_of, _owners(command, state))
    return [market.collateral, market.funder_account, escrow_of(command.market), *owners, *resting]


def _accounts_to_fund(command: ChangeLiquidity, actor: str, state: State) -> list[AccountKey]:
    market = state.get(MARKETS, command.market)
    return [market.collateral, market.funder_account] if market is not None else []


def _order_key(command: CancelOrder | ExpireOrder, actor: str, state: State) -> tuple[OrderKey]:
    return (OrderKey(command.market, command.order),)


def _asking(command: Any, actor: str, state: State) -> tuple[Look]:
    return (Look(actor),)


def _operator(command: OpenMarket, actor: str, state: State) -> tuple[Look, ...]:
    return () if command.treasury is None else (Look(actor),)


SETTLING: dict[Any, Any] = {
    MARKETS: _market,
    ORDERS: _book,
    POSITIONS: lambda command, actor, state: (Whole(command.market), PositionKey(command.market, actor)),
    ACTORS: _asking,
    ACCOUNTS: _accounts_to_settle,
}
"""What every command touches that pays a market out; a void also touches its trades."""
_TRADING: dict[Any, Any] = {MARKETS: _market, ORDERS: _book, POSITIONS: _positions_to_trade}
_ENDING: dict[Any, Any] = {MARKETS: _market, ORDERS: _order_key, ACCOUNTS: _accounts_of_order}


def interests(artifact_of: Callable[[Any, State], EntityKey | None]) -> dict[Any, Any]:
    """What a command touches whose rule asks for the actor's interest in the market on an artifact (`interest_in`)."""

    def listed(command: Any, state: State) -> list[str]:
        artifact = artifact_of(command, state)
        found = None if artifact is None else state.get(LISTINGS, artifact)
        return [] if found is None else [found]

    return {
        LISTINGS: lambda command, actor, state: [Look(each) for each in (artifact_of(command, state),) if each],
        MARKETS: lambda command, actor, state: map(Look, listed(command, state)),
        ORDERS: lambda command, actor, state: map(Whole, listed(command, state)),
        POSITIONS: lambda command, actor, state: [PositionKey(each, actor) for each in listed(command, state)],
    }


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
            ACCOUNTS: _accounts_to_open,
            ACTORS: _operator,
        },
        gathered=("funded",),
    )
)
ORDER = declare(Kind("market.order", Order, Traded, trading.place_order, {**_TRADING, ACCOUNTS: _accounts_to_trade}))
LIMIT_ORDER = declare(
    Kind("market.limit", LimitOrder, Placed, limits.place_limit_order, {**_TRADING, ACCOUNTS: _accounts_to_rest})
)
CANCEL = declare(Kind("market.cancel", CancelOrder, OrderEnded, limits.cancel_order, {**_ENDING, ACTORS: _asking}))
EXPIRE = declare(Kind("market.expire", ExpireOrder, OrderEnded, limits.expire_order, _ENDING))
LIQUIDITY = declare(
    Kind(
        "market.liquidity",
        ChangeLiquidity,
        LiquidityChanged,
        depth.change_liquidity,
        {
            MARKETS: _market,
            ACCOUNTS: _accounts_to_fund,
            ACTORS: _asking,
            TRADES: lambda command, actor, state: (Whole(command.market),),
        },
    )
)
CLOSE = declare(
    Kind(
        "market.close",
        CloseMarket,
        MarketClosedReceipt,
        rules.close_market,
        {MARKETS: _market, ORDERS: _book, ACCOUNTS: _accounts_of_book, ACTORS: _asking},
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
    liquidity: int | None = None,
    subsidy: int | None = None,
    prices: Sequence[int] | None = None,
    closes_at: datetime | None = None,
    treasury: str | None = None,
    key: str | None = None,
) -> Receipt[MarketOpened]:
    """Open a market whose maker the actor's wallet funds, or for an operator a pool (`treasury`); liquidity, or the
    subsidy that pays for one, in token parts, prices in 10^-12. Of a pool both may be left to the policy.

    Refuses: RoleNeeded, UnknownActor, NameInvalid, OutcomesInvalid, LiquiditySourceInvalid, LiquidityInvalid,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, StartPricesInvalid, CloseTimeInvalid, UnknownEntity,
    MarketExists, ArtifactListed, UnknownAccount, InsufficientFunds, KeyReused.
    """
    by_policy = treasury is not None and liquidity is None and subsidy is None
    command = OpenMarket(
        market,
        artifact,
        question,
        tuple(outcomes),
        liquidity,
        tuple(prices) if prices is not None else None,
        in_utc(closes_at),
        treasury,
        subsidy,
        count_funded(tx, f"pool:{treasury}") if by_policy else None,
    )
    return perform_one(tx, Request(command, tx.actor, key))


def in_utc(at: datetime | None) -> datetime | None:
    """The same moment in UTC; one without a zone as it is, which the rule refuses. Refuses: CloseTimeInvalid."""
    if at is None or at.tzinfo is None:
        return at
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
    to_price: int | None = None,
    key: str | None = None,
) -> Receipt[Traded]:
    """Buy by shares or by spend, or sell shares, all in parts, at an average price no worse than the limit (10^-12);
    or move the price to `to_price` (10^-12), for at most `spend` if given.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, UnknownOutcome, SideInvalid, OrderSizeInvalid,
    AmountNotPositive, AmountTooLarge, LimitPriceInvalid, PriceMoved, PriceReached, TradeTooLarge, InsufficientShares,
    UnknownAccount, InsufficientFunds, BalanceTooLarge, KeyReused.
    """
    order = Order(market, outcome, side, shares, spend, limit_price, to_price)
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
    to_price: int | None = None,
) -> Fill:
    """What the same order would do now, without trading; the funds of the actor are not looked at.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, UnknownOutcome, SideInvalid, OrderSizeInvalid,
    AmountNotPositive, AmountTooLarge, LimitPriceInvalid, PriceMoved, PriceReached, InsufficientShares.
    """
    found = find_market(tx, market)
    require_open(found, tx.now)
    order = Order(market, outcome, side, shares, spend, limit_price, to_price)
    position = find_position(tx, found, tx.actor)
    if not found.resting:
        return fill_of(found, position, order)
    orders = find_orders(tx, market=market)
    offers = offers_to(found, orders, outcome_of(found, outcome), side, tx.now)
    others = [offer for offer in offers if offer.order.owner != tx.actor]
    return fill_of(found, position, order, others, bound_shares(found, orders, tx.actor))


def place_limit_order(
    tx: Tx,
    *,
    market: str,
    outcome: str,
    side: str = "buy",
    shares: int,
    limit_price: int,
    expires_at: datetime | None = None,
    key: str | None = None,
) -> Receipt[Placed]:
    """Trade up to so many share parts at the limit (10^-12) or better; what is not had at once rests in the book.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, UnknownOutcome, SideInvalid, AmountNotNumber,
    AmountNotPositive, AmountTooLarge, LimitPriceInvalid, CloseTimeInvalid, OrderExpiryInvalid, BookFull,
    TradeTooLarge, InsufficientShares, UnknownAccount, InsufficientFunds, BalanceTooLarge, KeyReused.
    """
    command = LimitOrder(market, outcome, side, shares, limit_price, in_utc(expires_at))
    return perform_one(tx, Request(command, tx.actor, key))


def cancel_order(tx: Tx, *, market: str, order: str, key: str | None = None) -> Receipt[OrderEnded]:
    """Take an order out of the book.

    Refuses: UnknownMarket, UnknownOrder, NotYourOrder, UnknownActor, OrderNotOpen, KeyReused.
    """
    return perform_one(tx, Request(CancelOrder(market, order), tx.actor, key))


def expire_due_orders(tx: Tx, *, limit: int = 1000) -> list[Receipt[OrderEnded]]:
    """Take the orders out of their books whose time is over; safe to run from several workers at once."""
    requests = [Request(ExpireOrder(*key), tx.actor) for key in due_orders(tx, limit=limit)]
    answers = perform(tx, requests) if requests else []
    # A refusal here means that somebody else ended the order in between, which is what was wanted.
    return [answer for answer in answers if not isinstance(answer, Refusal)]


def change_liquidity(tx: Tx, *, market: str, liquidity: int, key: str | None = None) -> Receipt[LiquidityChanged]:
    """Make a market's liquidity so many token parts, at the cost of its funder, without moving a price.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, NotYourMarket, UnknownActor, AmountNotNumber,
    AmountNotPositive, AmountTooLarge, LiquidityInvalid, PriceUnsettled, UnknownAccount, InsufficientFunds,
    BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(ChangeLiquidity(market, liquidity), tx.actor, key))


def close_market(tx: Tx, *, market: str, key: str | None = None) -> Receipt[MarketClosedReceipt]:
    """Take no more trades. Refuses: UnknownMarket, MarketClosed, MarketSettled, RoleNeeded, UnknownActor, KeyReused."""
    return perform_one(tx, Request(CloseMarket(market), tx.actor, key))


def resolve_market(tx: Tx, *, market: str, outcome: str, key: str | None = None) -> Receipt[Settled]:
    """Decide the outcome and pay everybody out.

    Refuses: UnknownMarket, UnknownOutcome, MarketSettled, RoleNeeded, UnknownActor,
    ProposalNeeded, ResolverHoldsPosition,
    BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(ResolveMarket(market, outcome), tx.actor, key))


def void_market(tx: Tx, *, market: str, key: str | None = None) -> Receipt[Settled]:
    """End a market that cannot be decided, at its mean prices before the close.

    Refuses: UnknownMarket, MarketSettled, RoleNeeded, UnknownActor,
    ProposalNeeded, ResolverHoldsPosition, BalanceTooLarge,
    KeyReused.
    """
    return perform_one(tx, Request(VoidMarket(market), tx.actor, key))
