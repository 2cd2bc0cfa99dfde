"""What a caller can read; nothing is changed here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from scidex.core.clock import microseconds
from scidex.core.db import Tx
from scidex.exchange.markets import Market, end_of_trading, find_markets_named, lmsr
from scidex.exchange.signals.model import Holding, Recorded, Resting, Signal, Step
from scidex.exchange.signals.rules import committed, lagged, lead_s, price_window, resting_risk, stakes_of
from scidex.exchange.signals.store import find_first_trades, find_holdings, find_resting, find_steps
from scidex.policy import Policy

_CHUNK = 1000
"""Markets that are read at a time."""


def find_signals(tx: Tx, policy: Policy, names: Collection[str]) -> dict[str, Signal]:
    """What each of these markets says in decisions now; of those that there are."""
    ordered = sorted(names)
    found: dict[str, Signal] = {}
    for start in range(0, len(ordered), _CHUNK):
        found |= _signals(tx, policy, ordered[start : start + _CHUNK])
    return found


def _signals(tx: Tx, policy: Policy, names: Sequence[str]) -> dict[str, Signal]:
    markets = find_markets_named(tx, names)
    before = timedelta(seconds=policy.signal_window_s + lead_s(policy))
    begins = {market.market: max(market.opened_at, end_of_trading(market, tx.now) - before) for market in markets}
    steps = find_steps(tx, list(begins.items())) if begins else {}
    firsts = find_first_trades(tx, names)
    holdings = find_holdings(tx, markets, policy.signal_window_s)
    resting = find_resting(tx, markets, policy.signal_window_s)
    return {
        market.market: _signal_of(
            market,
            _from_the_start(market, begins[market.market], steps.get(market.market, [])),
            firsts.get(market.market),
            holdings.get(market.market, []),
            resting.get(market.market, []),
            policy,
            tx.now,
        )
        for market in markets
    }


def recorded_prices(tx: Tx, policy: Policy, market: str, at: datetime) -> Recorded | None:
    """The prices of a market as they were at a past moment, or None where there is no such market, it was not open yet,
    or too little had been traded for a price to say anything to decisions."""
    found = find_markets_named(tx, [market])
    if not found or found[0].opened_at > at:
        return None
    until = min(at, end_of_trading(found[0], at))
    first = find_first_trades(tx, [market]).get(market)
    if first is None or first > until:
        return None
    since, unknown = price_window(first, until, policy)
    if unknown:
        return None
    begins = max(found[0].opened_at, until - timedelta(seconds=policy.signal_window_s + lead_s(policy)))
    steps = _from_the_start(found[0], begins, find_steps(tx, [(market, begins)]).get(market, []))
    past = [step for step in steps if step.at <= microseconds(until)]
    return Recorded(lagged(past, since, until, policy).prices, past[-1].prices)


def _from_the_start(market: Market, begins: datetime, steps: list[Step]) -> list[Step]:
    """With the prices of the opening, where no trade stands at the beginning."""
    at = microseconds(begins)
    if steps and steps[0].at <= at:
        return steps
    opening = market.opening or lmsr.prices_of((0,) * len(market.outcomes), market.liquidity, market.offsets)
    return [Step(at, opening), *steps]


def _signal_of(
    market: Market,
    steps: list[Step],
    first: datetime | None,
    holdings: Sequence[Holding],
    orders: Sequence[Resting],
    policy: Policy,
    now: datetime,
) -> Signal:
    until = end_of_trading(market, now)
    since, unknown = price_window(first, until, policy)
    followed = lagged(steps, since, until, policy)
    counted = [holding for holding in holdings if not holding.left_out]
    left_out = [holding for holding in holdings if holding.left_out]
    stakes, own = (stakes_of(each, followed.prices) for each in (counted, left_out))
    resting = resting_risk((order for order in orders if not order.left_out), counted)
    own_resting = resting_risk((order for order in orders if order.left_out), left_out)
    return Signal(
        market=market.market,
        artifact=market.artifact,
        outcomes=market.outcomes,
        liquidity=market.liquidity,
        lagged=followed,
        price=None if unknown else followed.prices[0],
        unknown=unknown,
        demand=committed(stakes, followed.prices, market.liquidity) + resting,
        stakes=stakes,
        resting=resting,
        left_out=committed(own, followed.prices, market.liquidity) + own_resting,
        moved_at=market.moved_at,
    )
