"""How changes of liquidity are planned, taken back and carried out: pure. No price ever moves by one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from scidex.core.errors import Refusal
from scidex.core.machine import State
from scidex.exchange.liquidity.model import (
    CHANGES,
    CancelChange,
    CarryOutChange,
    Change,
    ChangeEnded,
    ChangeEndedAlready,
    ChangeKey,
    ChangeNotDue,
    LiquidityPlanned,
    PlanInvalid,
    PlanLiquidity,
    TooManyChanges,
    UnknownChange,
)
from scidex.exchange.markets import (
    Market,
    PriceUnsettled,
    check_liquidity,
    require_funder,
    require_market,
    require_open,
    set_liquidity,
)
from scidex.policy import Context


def plan_liquidity(state: State, command: PlanLiquidity, context: Context) -> LiquidityPlanned:
    """Plan changes of an open market's liquidity, each to be paid when its time comes by who funded the market.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, NotYourMarket, UnknownActor, PlanInvalid, AmountNotNumber,
    AmountNotPositive, AmountTooLarge, LiquidityInvalid, TooManyChanges.
    """
    market = require_market(state, command.market)
    require_open(market, context.now)
    require_funder(state, context, market)
    waiting = _waiting(state, command.market)
    if problem := _problem_with(command, market, waiting, context.now):
        raise PlanInvalid(market=market.market, problem=problem)
    for asked in command.changes:
        check_liquidity(asked.liquidity, context)
    count, most = len(waiting) + len(command.changes), context.policy.liquidity_changes_max
    if count > most:
        raise TooManyChanges(market=market.market, given=count, most=most)
    planned = tuple(
        Change(
            market.market,
            f"l{context.number}-{place}",
            asked.at,
            asked.liquidity,
            context.actor,
            "planned",
            context.now,
        )
        for place, asked in enumerate(command.changes, start=1)
    )
    for change in planned:
        state.put(CHANGES, ChangeKey(market.market, change.change), change)
    return LiquidityPlanned(market.market, planned)


def _problem_with(command: PlanLiquidity, market: Market, waiting: Iterable[Change], now: datetime) -> str | None:
    if not command.changes:
        return "it names no change"
    taken = {change.at for change in waiting}
    for at, _ in command.changes:
        # Only what PostgreSQL and the journal give back as it went in.
        if at.utcoffset() != timedelta(0) or at.year >= 9999:
            return f"{at.isoformat()} is not a time in UTC before the year 9999"
        if at <= now:
            return f"{at.isoformat()} is over"
        if market.closes_at is not None and at >= market.closes_at:
            return f"{at.isoformat()} is not before the close at {market.closes_at.isoformat()}"
        if at in taken:
            return f"two changes at {at.isoformat()}"
        taken.add(at)
    return None


def cancel_change(state: State, command: CancelChange, context: Context) -> ChangeEnded:
    """Take a planned change back; nothing was paid for it yet.

    Refuses: UnknownMarket, NotYourMarket, UnknownActor, UnknownChange, ChangeEndedAlready.
    """
    market = require_market(state, command.market)
    require_funder(state, context, market)
    return _end(state, context, _require_planned(state, command), "cancelled")


def carry_out_change(state: State, command: CarryOutChange, context: Context) -> ChangeEnded:
    """Carry out the next planned change of a market; anyone may ask once its time has come.

    Where the market or its funder's money does not allow it any more it is skipped whole, with the reason; while a
    price has yet to settle it waits.
    Refuses: UnknownMarket, UnknownChange, ChangeEndedAlready, ChangeNotDue, PriceUnsettled.
    """
    market = require_market(state, command.market)
    change = _require_planned(state, command)
    if change.at > context.now or min(each.at for each in _waiting(state, command.market)) < change.at:
        raise ChangeNotDue(change=change.change, at=change.at.isoformat())
    try:
        changed = set_liquidity(state, context, market, change.liquidity)
    except PriceUnsettled:
        raise
    except Refusal as refusal:
        return _end(state, context, change._replace(why=f"{refusal.code}: {refusal}"), "skipped")
    return _end(state, context, change._replace(paid=changed.paid), "done")


def _waiting(state: State, market: str) -> list[Change]:
    return [change for _, change in state.whole(CHANGES, market) if change.state == "planned"]


def _require_planned(state: State, command: CancelChange | CarryOutChange) -> Change:
    change = state.get(CHANGES, ChangeKey(command.market, command.change))
    if change is None:
        raise UnknownChange(change=command.change, market=command.market)
    if change.state != "planned":
        raise ChangeEndedAlready(change=change.change, state=change.state)
    return change


def _end(state: State, context: Context, change: Change, how: str) -> ChangeEnded:
    ended = change._replace(state=how, ended_at=context.now)
    state.put(CHANGES, ChangeKey(change.market, change.change), ended)
    return ChangeEnded(change.market, ended)
