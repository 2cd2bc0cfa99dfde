"""How a market opens, takes an order and ends: pure, on whole numbers; what an order does is in `fills`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from scidex.actors import RoleNeeded, require_role
from scidex.core.clock import microseconds
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import brief, check_amount, format_amount
from scidex.entities import require_entity
from scidex.exchange.markets import lmsr, maker
from scidex.exchange.markets.model import (
    LISTINGS,
    MARKETS,
    POSITIONS,
    TRADES,
    CloseMarket,
    Market,
    MarketClosedReceipt,
    MarketOpened,
    OpenMarket,
    PositionKey,
    ResolveMarket,
    Settled,
    Trade,
    VoidMarket,
)
from scidex.exchange.markets.refusals import (
    ArtifactListed,
    CloseTimeInvalid,
    LiquidityInvalid,
    LiquiditySourceInvalid,
    MarketExists,
    MarketSettled,
    OutcomesInvalid,
    ProposalNeeded,
    ResolverHoldsPosition,
    StartPricesInvalid,
    UnknownOutcome,
)
from scidex.exchange.markets.resting import end_all_orders, require_market, require_open
from scidex.ledger import ACCOUNTS, POOL, AccountKey, balance_of, move, wallet_of
from scidex.policy import Context, Policy


def open_market(state: State, command: OpenMarket, context: Context) -> MarketOpened:
    """Open a market and fund the maker's largest possible loss, rounded up: from the actor's wallet, or from a pool.

    A subsidy decides the liquidity, the largest that it covers; a pool that says neither has the policy's.
    Refuses: RoleNeeded, UnknownActor, NameInvalid, OutcomesInvalid, LiquiditySourceInvalid, LiquidityInvalid,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, StartPricesInvalid, CloseTimeInvalid, UnknownEntity,
    MarketExists, ArtifactListed, UnknownAccount, InsufficientFunds.
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
    funder = f"actor:{context.actor}"
    if command.treasury is not None:
        require_role(state, context, "operator")
        funder = f"pool:{check_name(command.treasury, 'treasury')}"
    liquidity = _liquidity_to_open(state, command, AccountKey(funder, POOL, "token"), context)
    check_liquidity(liquidity, context)
    market = new_market(replace(command, liquidity=liquidity), funder=funder, now=context.now)
    move(state, context, market.funder_account, market.collateral, market.subsidy, "market subsidy")
    state.put(MARKETS, name, market)
    state.put(LISTINGS, command.artifact, name)
    return MarketOpened(name, market.subsidy, market.prices)


def new_market(command: OpenMarket, *, funder: str, now: datetime) -> Market:
    """The market that these terms make, before its first trade."""
    assert command.liquidity is not None, command
    offsets = _offsets_to_open(command)
    none = (0,) * len(command.outcomes)
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
        resting=0,
        anchor=none,
        surplus=0,
        fees=0,
    )


def _offsets_to_open(command: OpenMarket) -> tuple[int, ...]:
    return lmsr.offsets_for(command.prices) if command.prices is not None else (0,) * len(command.outcomes)


def _liquidity_to_open(state: State, command: OpenMarket, pool: AccountKey, context: Context) -> int:
    if command.liquidity is not None:
        return command.liquidity
    if command.subsidy is not None:
        return max(1, maker.liquidity_for(command.subsidy, _offsets_to_open(command)))
    account = state.get(ACCOUNTS, pool)
    free = 0 if account is None else max(0, account.balance - account.held)
    return maker.pool_liquidity(free, command.funded or 0, context.policy)


def _check_terms(command: OpenMarket, context: Context) -> None:
    policy: Policy = context.policy
    count = len(command.outcomes)
    if not 2 <= count <= policy.market_outcomes_max or len(set(command.outcomes)) != count:
        raise OutcomesInvalid(most=policy.market_outcomes_max, given=", ".join(command.outcomes)[:80] or "none")
    for outcome in command.outcomes:
        check_name(outcome, "outcome")
    given = [name for name in ("liquidity", "subsidy") if getattr(command, name) is not None]
    if len(given) != 1 and (given or command.treasury is None):
        raise LiquiditySourceInvalid(given=" and ".join(given) or "neither")
    for name in given:
        check_amount(getattr(command, name), field=name)
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


def check_liquidity(liquidity: int, context: Context) -> None:
    """Pass if a market may have this liquidity.

    Refuses: AmountNotNumber, AmountNotPositive, AmountTooLarge, LiquidityInvalid.
    """
    check_amount(liquidity, field="liquidity")
    least = context.policy.market_liquidity_min
    if liquidity < least * 1_000_000:
        raise LiquidityInvalid(given=format_amount(liquidity), least=least)


def _closes_later(closes_at: datetime, now: datetime) -> bool:
    # Only what PostgreSQL and the journal give back as it went in.
    return closes_at.utcoffset() == timedelta(0) and now < closes_at and closes_at.year < 9999


def close_market(state: State, command: CloseMarket, context: Context) -> MarketClosedReceipt:
    """Take no more trades from now on.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, RoleNeeded, UnknownActor.
    """
    market = require_market(state, command.market)
    require_role(state, context, "resolver")
    require_open(market, context.now)
    end_all_orders(state, context, market)
    end_trading(state, market._replace(resting=0), context.now)
    return MarketClosedReceipt(market.market, market.prices)


def end_trading(state: State, market: Market, now: datetime) -> Market:
    """Take no more trades in an open market, whoever decided it; the market after it."""
    closed = market._replace(state="closed", ended_at=now)
    state.put(MARKETS, market.market, closed)
    return closed


def resolve_market(state: State, command: ResolveMarket, context: Context) -> Settled:
    """Pay the winners out of the collateral and return the rest to the maker's funder.

    Refuses: UnknownMarket, UnknownOutcome, MarketSettled, RoleNeeded, UnknownActor,
    ProposalNeeded, ResolverHoldsPosition,
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
    exact = maker.maker_result(market.shares, market.liquidity, market.offsets, winner, market.anchor)
    exact += market.surplus - market.anchor[winner] + market.fees
    slack = 1 + 1e-9 * (abs(exact) + abs(market.surplus) + market.anchor[winner])
    assert -slack <= settled.maker_result - exact <= market.trades + slack, (settled.maker_result, exact)
    return settled


def require_outcome(market: Market, outcome: str) -> int:
    """The place of an outcome of the market, from 0. Refuses: UnknownOutcome."""
    if outcome not in market.outcomes:
        raise UnknownOutcome(market=market.market, outcome=outcome, known=", ".join(market.outcomes)[:200])
    return market.outcomes.index(outcome)


def void_market(state: State, command: VoidMarket, context: Context) -> Settled:
    """Pay every share the mean price of its outcome over the policy's window before the close.

    Refuses: UnknownMarket, MarketSettled, RoleNeeded, UnknownActor,
    ProposalNeeded, ResolverHoldsPosition, BalanceTooLarge.
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
    if not context.policy.resolve_directly:
        try:
            require_role(state, context, "operator")
        except RoleNeeded:
            raise ProposalNeeded(actor=context.actor, market=name) from None
    if market.state not in ("open", "closed"):
        raise MarketSettled(
            market=name, state=market.state, since=market.ended_at.isoformat() if market.ended_at else "?"
        )
    position = state.get(POSITIONS, PositionKey(name, context.actor))
    if position is not None and any(position.shares):
        raise ResolverHoldsPosition(actor=context.actor, market=name)
    return market


def pay_out(state: State, context: Context, market: Market, prices: tuple[int, ...], outcome: str | None) -> Settled:
    """Empty the book, pay every position these prices per share out of the collateral, and what is left to the maker's
    funder.

    Refuses: BalanceTooLarge.
    """
    end_all_orders(state, context, market)
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
        move(state, context, market.collateral, market.funder_account, returned, "market subsidy returned")
    result = returned - market.subsidy
    state.put(
        MARKETS,
        market.market,
        market._replace(
            state="resolved" if outcome is not None else "void",
            at_risk=0,
            resting=0,
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
    opening = opening_prices(market)
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


def opening_prices(market: Market) -> tuple[int, ...]:
    """The prices before the first trade, in 10^-12."""
    none = (0,) * len(market.outcomes)
    return market.opening or lmsr.prices_of(none, market.liquidity, market.offsets)


def end_of_trading(market: Market, now: datetime) -> datetime:
    """When trading ended; now if it goes on."""
    if market.ended_at is not None:
        return market.ended_at
    return now if market.closes_at is None else min(now, market.closes_at)
