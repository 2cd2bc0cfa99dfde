"""How a market opens, takes an order and ends: pure, on whole numbers; what an order does is in `fills`."""

from __future__ import annotations

from datetime import datetime, timedelta

from scidex.actors import require_role
from scidex.core.clock import microseconds
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import brief, check_amount, format_amount
from scidex.entities import require_entity
from scidex.exchange.markets import lmsr
from scidex.exchange.markets.fills import empty_position, fill_of, position_after
from scidex.exchange.markets.model import (
    LISTINGS,
    MARKETS,
    POSITIONS,
    TRADES,
    ArtifactListed,
    CloseMarket,
    CloseTimeInvalid,
    LiquidityInvalid,
    Market,
    MarketClosed,
    MarketClosedReceipt,
    MarketExists,
    MarketOpened,
    MarketSettled,
    OpenMarket,
    Order,
    OutcomesInvalid,
    PositionKey,
    ResolveMarket,
    ResolverHoldsPosition,
    Settled,
    StartPricesInvalid,
    Trade,
    Traded,
    TradeKey,
    UnknownMarket,
    UnknownOutcome,
    VoidMarket,
)
from scidex.ledger import AccountKey, balance_of, move, wallet_of
from scidex.policy import Context, Policy


def open_market(state: State, command: OpenMarket, context: Context) -> MarketOpened:
    """Open a market and fund the maker's largest possible loss from the actor's wallet, rounded up.

    Refuses: NameInvalid, OutcomesInvalid, LiquidityInvalid, AmountNotPositive, AmountTooLarge, StartPricesInvalid,
    CloseTimeInvalid, UnknownEntity, MarketExists, ArtifactListed, UnknownAccount, InsufficientFunds.
    """
    name = check_name(command.market, "market")
    check_name(command.question, "question", longest=1000)
    _check_terms(command, context)
    require_entity(state, command.artifact)
    if state.get(MARKETS, name) is not None:
        raise MarketExists(market=name)
    listed = state.get(LISTINGS, command.artifact)
    if listed is not None:
        current = state.get(MARKETS, listed)
        if current is not None and current.state in ("open", "closed"):
            raise ArtifactListed(
                entity_type=command.artifact.entity_type,
                entity_id=command.artifact.entity_id,
                market=listed,
            )
    market = new_market(command, funder=f"actor:{context.actor}", now=context.now)
    move(state, context, wallet_of(context.actor), market.collateral, market.subsidy, "market subsidy")
    state.put(MARKETS, name, market)
    state.put(LISTINGS, command.artifact, name)
    return MarketOpened(name, market.subsidy, market.prices)


def new_market(command: OpenMarket, *, funder: str, now: datetime) -> Market:
    """The market that these terms make, before its first trade."""
    count = len(command.outcomes)
    offsets = lmsr.offsets_for(command.prices) if command.prices is not None else (0,) * count
    none = (0,) * count
    return Market(
        market=command.market,
        artifact=command.artifact,
        question=command.question,
        outcomes=command.outcomes,
        liquidity=command.liquidity,
        offsets=offsets,
        shares=none,
        prices=lmsr.prices_of(none, command.liquidity, offsets),
        subsidy=lmsr.subsidy(command.liquidity, offsets),
        funder=funder,
        state="open",
        trades=0,
        at_risk=0,
        opened_at=now,
        moved_at=now,
        closes_at=command.closes_at,
        ended_at=None,
        outcome=None,
        maker_result=None,
    )


def _check_terms(command: OpenMarket, context: Context) -> None:
    policy: Policy = context.policy
    count = len(command.outcomes)
    if not 2 <= count <= policy.market_outcomes_max or len(set(command.outcomes)) != count:
        raise OutcomesInvalid(most=policy.market_outcomes_max, given=", ".join(command.outcomes)[:80] or "none")
    for outcome in command.outcomes:
        check_name(outcome, "outcome")
    check_amount(command.liquidity, field="liquidity")
    if command.liquidity < policy.market_liquidity_min * 1_000_000:
        raise LiquidityInvalid(given=format_amount(command.liquidity), least=policy.market_liquidity_min)
    if command.prices is not None:
        least = int(policy.market_start_price_min * lmsr.PRICE_ONE)
        problem = None
        if len(command.prices) != count:
            problem = f"{len(command.prices)} were given for {count} outcomes"
        elif min(command.prices) < least:
            problem = f"the smallest given is {brief(min(command.prices))} of 10^-12"
        elif sum(command.prices) != lmsr.PRICE_ONE:
            problem = f"they sum to {brief(sum(command.prices))} of 10^-12"
        if problem:
            raise StartPricesInvalid(least=policy.market_start_price_min, problem=problem)
    if command.closes_at is not None and not _closes_later(command.closes_at, context.now):
        raise CloseTimeInvalid(closes_at=command.closes_at.isoformat())


def _closes_later(closes_at: datetime, now: datetime) -> bool:
    # Only what PostgreSQL and the journal give back as it went in.
    return closes_at.utcoffset() == timedelta(0) and now < closes_at and closes_at.year < 9999


def place_order(state: State, order: Order, context: Context) -> Traded:
    """Fill an order against the maker, now and whole.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, UnknownOutcome, SideInvalid, OrderSizeInvalid,
    AmountNotPositive, AmountTooLarge, LimitPriceInvalid, PriceMoved, InsufficientShares, UnknownAccount,
    InsufficientFunds, BalanceTooLarge.
    """
    name, actor, now = order.market, context.actor, context.now
    market = require_market(state, name)
    require_open(market, now)
    key = PositionKey(name, actor)
    position = state.get(POSITIONS, key) or empty_position(market, actor)
    fill = fill_of(market, position, order)
    _, shares, redeemed, _, paid, outstanding, prices = fill
    if paid > 0:
        move(state, context, wallet_of(actor), market.collateral, paid, "trade")
    elif paid < 0:
        move(state, context, market.collateral, wallet_of(actor), -paid, "trade")
    holding = position_after(market, position, fill)
    at_risk = market.at_risk + holding.at_risk - position.at_risk
    after = market.after_trade(outstanding, prices, at_risk, now)
    state.put(POSITIONS, key, holding)
    state.put(MARKETS, name, after)
    number, outcome, side = after.trades, order.outcome, order.side
    trade = Trade(name, number, now, actor, outcome, side, shares, redeemed, paid, prices)
    state.add(TRADES, TradeKey(name, number), trade)
    return Traded(name, number, outcome, side, shares, redeemed, paid, prices, holding.shares)


def close_market(state: State, command: CloseMarket, context: Context) -> MarketClosedReceipt:
    """Take no more trades from now on.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, RoleNeeded, UnknownActor.
    """
    market = require_market(state, command.market)
    require_role(state, context, "resolver")
    require_open(market, context.now)
    end_trading(state, market, context.now)
    return MarketClosedReceipt(market.market, market.prices)


def end_trading(state: State, market: Market, now: datetime) -> Market:
    """Take no more trades in an open market, whoever decided it; the market after it."""
    closed = market._replace(state="closed", ended_at=now)
    state.put(MARKETS, market.market, closed)
    return closed


def resolve_market(state: State, command: ResolveMarket, context: Context) -> Settled:
    """Pay the winners out of the collateral and return the rest to the maker's funder.

    Refuses: UnknownMarket, UnknownOutcome, MarketSettled, RoleNeeded, UnknownActor, ResolverHoldsPosition,
    BalanceTooLarge.
    """
    return pay_winner(state, context, _require_settler(state, context, command.market), command.outcome)


def pay_winner(state: State, context: Context, market: Market, outcome: str) -> Settled:
    """Settle by an outcome, whoever decided it: 1 for each share of it, 0 for every other.

    Refuses: UnknownOutcome, BalanceTooLarge.
    """
    winner = require_outcome(market, outcome)
    prices = tuple(lmsr.PRICE_ONE if other == winner else 0 for other in range(len(market.outcomes)))
    settled = pay_out(state, context, market, prices, outcome)
    # The maker's result depends on the first and the last price alone, whatever the path; each trade was rounded by
    # less than one part in the maker's favour.
    exact = lmsr.maker_result(market.shares, market.liquidity, market.offsets, winner)
    slack = 1 + 1e-9 * abs(exact)
    assert -slack <= settled.maker_result - exact <= market.trades + slack, (settled.maker_result, exact)
    return settled


def require_outcome(market: Market, outcome: str) -> int:
    """The place of an outcome of the market, from 0. Refuses: UnknownOutcome."""
    if outcome not in market.outcomes:
        raise UnknownOutcome(market=market.market, outcome=outcome, known=", ".join(market.outcomes)[:200])
    return market.outcomes.index(outcome)


def void_market(state: State, command: VoidMarket, context: Context) -> Settled:
    """Pay every share the mean price of its outcome over the policy's window before the close.

    Refuses: UnknownMarket, MarketSettled, RoleNeeded, UnknownActor, ResolverHoldsPosition, BalanceTooLarge.
    """
    return pay_mean(state, context, _require_settler(state, context, command.market))


def pay_mean(state: State, context: Context, market: Market) -> Settled:
    """Settle without an outcome, whoever decided it: every share is paid its mean price before the end of trading.

    Refuses: BalanceTooLarge.
    """
    prices = void_prices(state, context, market, end_of_trading(market, context.now))
    return pay_out(state, context, market, prices, None)


def void_prices(state: State, context: Context, market: Market, until: datetime) -> tuple[int, ...]:
    """The mean prices over the policy's window before `until`, in 10^-12. Its trades must be loaded."""
    trades = [trade for _, trade in state.whole(TRADES, market.market)]
    return mean_prices(market, trades, until, context.policy.void_window_s)


def _require_settler(state: State, context: Context, name: str) -> Market:
    market = require_market(state, name)
    require_role(state, context, "resolver")
    if market.state not in ("open", "closed"):
        raise MarketSettled(
            market=name, state=market.state, since=market.ended_at.isoformat() if market.ended_at else "?"
        )
    position = state.get(POSITIONS, PositionKey(name, context.actor))
    if position is not None and any(position.shares):
        raise ResolverHoldsPosition(actor=context.actor, market=name)
    return market


def pay_out(state: State, context: Context, market: Market, prices: tuple[int, ...], outcome: str | None) -> Settled:
    """Pay every position these prices per share out of the collateral, and what is left to the maker's funder.

    Refuses: BalanceTooLarge.
    """
    payouts = []
    for key, position in state.whole(POSITIONS, market.market):
        value = sum(held * price for held, price in zip(position.shares, prices, strict=True))
        payout = value // lmsr.PRICE_ONE
        if payout:
            move(state, context, market.collateral, wallet_of(key.owner), payout, "market payout")
            payouts.append((key.owner, payout))
        state.put(POSITIONS, key, position._replace(at_risk=0, payout=payout))
    returned = balance_of(state, market.collateral)
    if returned:
        funder = AccountKey(market.funder, "wallet", "token")
        move(state, context, market.collateral, funder, returned, "market subsidy returned")
    result = returned - market.subsidy
    state.put(
        MARKETS,
        market.market,
        market._replace(
            state="resolved" if outcome is not None else "void",
            at_risk=0,
            ended_at=context.now,
            outcome=outcome,
            maker_result=result,
        ),
    )
    return Settled(market.market, outcome, prices, tuple(payouts), returned, result)


def mean_prices(market: Market, trades: list[Trade], until: datetime, window_s: int) -> tuple[int, ...]:
    """Time-weighted mean price of each outcome over the last `window_s` seconds of trading, in 10^-12.

    Each price counts for as long as it stood; rounded down, the first outcome takes what is missing to one. A market
    that ended in the instant in which it opened gives its last prices.
    """
    start = max(market.opened_at, until - timedelta(seconds=window_s))
    opening = lmsr.prices_of((0,) * len(market.outcomes), market.liquidity, market.offsets)
    steps = [(market.opened_at, opening), *((trade.at, trade.prices) for trade in trades)]
    sums = [0] * len(market.outcomes)
    total = 0
    for (begins, prices), (ends, _) in zip(steps, [*steps[1:], (until, ())], strict=True):
        lasted = microseconds(min(ends, until)) - microseconds(max(begins, start))
        if lasted > 0:
            total += lasted
            sums = [found + price * lasted for found, price in zip(sums, prices, strict=True)]
    if total == 0:
        return market.prices
    means = [found // total for found in sums]
    means[0] += lmsr.PRICE_ONE - sum(means)
    return tuple(means)


def end_of_trading(market: Market, now: datetime) -> datetime:
    """When trading ended; now if it goes on."""
    if market.ended_at is not None:
        return market.ended_at
    return now if market.closes_at is None else min(now, market.closes_at)


def require_market(state: State, name: str) -> Market:
    """The market of that id. Refuses: UnknownMarket."""
    market = state.get(MARKETS, name)
    if market is None:
        raise UnknownMarket(market=name)
    return market


def require_open(market: Market, now: datetime) -> None:
    """Pass if the market takes trades. Refuses: MarketClosed, MarketSettled."""
    if market.open_at(now):
        return
    ended_at = market.ended_at or market.closes_at
    since = ended_at.isoformat() if ended_at else "?"
    if market.state in ("resolved", "void"):
        raise MarketSettled(market=market.market, state=market.state, since=since)
    raise MarketClosed(market=market.market, state="closed", since=since)
