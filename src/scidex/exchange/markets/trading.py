"""Orders: how they are filled by the maker and by each other, rest in the book, and leave it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from scidex.core.machine import State
from scidex.exchange.markets import lmsr
from scidex.exchange.markets.book import Offer, Stretch, age_of, offers_to
from scidex.exchange.markets.fills import Fill, empty_position, fill_of, outcome_of, position_after, position_moved
from scidex.exchange.markets.maker import shares_to_price
from scidex.exchange.markets.model import (
    MARKETS,
    ORDERS,
    POSITIONS,
    TRADES,
    Market,
    Order,
    OrderKey,
    Position,
    PositionKey,
    RestingOrder,
    Trade,
    Traded,
    TradeKey,
    escrow_of,
)
from scidex.exchange.markets.refusals import TradeTooLarge
from scidex.exchange.markets.resting import (
    bound_shares,
    escrow_for,
    leave_book,
    open_orders,
    require_market,
    require_open,
)
from scidex.ledger import move, wallet_of
from scidex.policy import Context, Policy

ROUNDS = 100
"""How many resting orders of a market of several outcomes one trade may set off; the next trade goes on from there."""


def place_order(state: State, order: Order, context: Context) -> Traded:
    """Fill an order now and whole: against the maker, and against resting orders where those are better.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, UnknownOutcome, SideInvalid, OrderSizeInvalid,
    AmountNotPositive, AmountTooLarge, LimitPriceInvalid, PriceMoved, PriceReached, TradeTooLarge, InsufficientShares,
    UnknownAccount, InsufficientFunds, BalanceTooLarge.
    """
    name, actor, now = order.market, context.actor, context.now
    market = require_market(state, name)
    require_open(market, now)
    key = PositionKey(name, actor)
    position = state.get(POSITIONS, key) or empty_position(market, actor)
    if market.resting:
        orders = open_orders(state, name)
        which = outcome_of(market, order.outcome)
        offers = offers_to(market, orders, which, order.side, now)
        others = [offer for offer in offers if offer.order.owner != actor]
        fill = fill_of(market, position, order, others, bound_shares(market, orders, actor))
        return trade_in_book(state, context, market, position, order.side, fill, offers)
    fill = fill_of(market, position, order)
    return _trade(state, context, market, position, order.side, fill)


def _trade(state: State, context: Context, market: Market, position: Position, side: str, fill: Fill) -> Traded:
    """Settle a fill that met the maker alone."""
    name, actor, now = market.market, context.actor, context.now
    which, shares, redeemed, _, paid, outstanding, prices, _ = fill
    if paid > 0:
        move(state, context, wallet_of(actor), market.collateral, paid, "trade")
    elif paid < 0:
        move(state, context, market.collateral, wallet_of(actor), -paid, "trade")
    holding = position_after(position, fill, side)
    after = market.after_trade(outstanding, prices, market.at_risk + holding.at_risk - position.at_risk, now)
    fee = 0
    if context.policy.market_fee or context.policy.market_log_odds_max:
        fee = _charge_fee(state, context, market, fill)
        after = after._replace(fees=after.fees + fee)
    number, outcome = after.trades, market.outcomes[which]
    state.put(POSITIONS, PositionKey(name, actor), holding)
    state.put(MARKETS, name, after)
    trade = Trade(name, number, now, actor, outcome, side, shares, redeemed, paid, prices, fee)
    state.add(TRADES, TradeKey(name, number), trade)
    return Traded(name, number, outcome, side, shares, redeemed, paid, prices, holding.shares, fee)


def _charge_fee(state: State, context: Context, market: Market, fill: Fill) -> int:
    """See that the order is not too large, and pay its fee into the collateral, where it lies for the funder."""
    policy: Policy = context.policy
    if policy.market_log_odds_max:
        from_maker = fill.shares - sum(stretch.shares for stretch in fill.stretches if stretch.offer is not None)
        if from_maker > policy.market_log_odds_max * market.liquidity:
            raise TradeTooLarge(move=f"{from_maker / market.liquidity:.4g}", most=policy.market_log_odds_max)
    fee = fee_of(market, fill, policy)
    if fee:
        move(state, context, wallet_of(context.actor), market.collateral, fee, "market fee")
    return fee


def fee_of(market: Market, fill: Fill, policy: Policy) -> int:
    """The policy's share of p (1 - p) for each share, p its own price, in token parts, rounded up.

    At the maker dp/dq = p (1 - p) / b, so the sum over the shares is b times the way of the price: an order in two
    parts pays what it pays at once.
    """
    if not policy.market_fee:
        return 0
    weight = market.liquidity * abs(fill.prices[fill.which] - market.prices[fill.which]) * lmsr.PRICE_ONE
    for shares, _, offer in fill.stretches:
        if offer is not None:
            weight += shares * offer.price * (lmsr.PRICE_ONE - offer.price)
    numerator, denominator = policy.market_fee.as_integer_ratio()
    return -(-weight * numerator // (lmsr.PRICE_ONE**2 * denominator))


def trade_in_book(
    state: State,
    context: Context,
    market: Market,
    position: Position,
    side: str,
    fill: Fill,
    offers: Iterable[Offer],
) -> Traded:
    """Settle a fill in a market that has a book: each resting order that it meets, then the trader, then what follows.

    A resting order of the trader's own that the price has gone past is taken out of the book: nobody trades with
    himself. Refuses: TradeTooLarge, UnknownAccount, InsufficientFunds, BalanceTooLarge.
    """
    final = fill.prices[fill.which]
    for offer in offers:
        past = offer.price < final if side == "buy" else offer.price > final
        if offer.order.owner == context.actor and past:
            market = leave_book(state, context, market, offer.order, "cancelled")
    matched = [stretch for stretch in fill.stretches if stretch.offer is not None]
    # Into the collateral, net of the sets that the trader has sold back; what comes in comes before what goes out.
    due = fill.gross - sum(stretch.tokens for stretch in matched if stretch.offer and not stretch.offer.paired)
    due = due - fill.redeemed if side == "buy" else -due
    if due > 0:
        _pay(state, context, market, due)
    redeemed_by_others = 0
    for stretch in matched:
        market, redeemed = _fill_resting(state, context, market, side, stretch, fill)
        redeemed_by_others += redeemed
    if due < 0:
        _pay(state, context, market, due)
    outstanding = tuple([held - redeemed_by_others for held in fill.outstanding])
    holding = position_after(position, fill, side)
    fee = _charge_fee(state, context, market, fill)
    at_risk = market.at_risk + holding.at_risk - position.at_risk
    market = market.after_trade(outstanding, fill.prices, at_risk, context.now)._replace(fees=market.fees + fee)
    name, number, outcome = market.market, market.trades, market.outcomes[fill.which]
    filled = (fill.shares, fill.redeemed, fill.paid)
    state.put(POSITIONS, PositionKey(name, context.actor), holding)
    trade = Trade(name, number, context.now, context.actor, outcome, side, *filled, fill.prices, fee)
    state.add(TRADES, TradeKey(name, number), trade)
    market = set_off(state, context, market)
    state.put(MARKETS, name, market)
    met = sum(stretch.shares for stretch in matched)
    return Traded(name, number, outcome, side, *filled, market.prices, holding.shares, fee, met)


def _pay(state: State, context: Context, market: Market, tokens: int) -> None:
    """Into the collateral out of the trader's wallet, or below zero the other way."""
    if tokens > 0:
        move(state, context, wallet_of(context.actor), market.collateral, tokens, "trade")
    elif tokens < 0:
        move(state, context, market.collateral, wallet_of(context.actor), -tokens, "trade")


def _fill_resting(
    state: State, context: Context, market: Market, side: str, stretch: Stretch, fill: Fill
) -> tuple[Market, int]:
    """Settle what a trader took of a resting order; the complete sets that its owner then has sold back."""
    offer = stretch.offer
    assert offer is not None
    order, trader = offer.order, wallet_of(context.actor)
    owner, collateral, escrow = wallet_of(order.owner), market.collateral, escrow_of(market.market)
    # Of a complete set the trader pays, or gets, `tokens`, and the resting order the rest.
    price = stretch.shares - stretch.tokens if offer.paired else stretch.tokens
    if order.side == "sell" and price:
        move(state, context, collateral if offer.paired else trader, owner, price, "trade")
    elif price:
        move(state, context, escrow, collateral if offer.paired else trader, price, "trade")
    return _resting_filled(state, context, market, order, stretch.shares, price, fill.prices)


def _resting_filled(
    state: State,
    context: Context,
    market: Market,
    order: RestingOrder,
    shares: int,
    price: int,
    prices: tuple[int, ...],
) -> tuple[Market, int]:
    """Enter that a resting order traded for `price` token parts: position, trade, what is left and what goes back."""
    name, which = market.market, outcome_of(market, order.outcome)
    key = PositionKey(name, order.owner)
    before = state.get(POSITIONS, key) or empty_position(market, order.owner)
    redeemed, freed = 0, 0
    left = order.shares - shares
    if order.side == "buy":
        bound = bound_shares(market, open_orders(state, name), order.owner)
        others = [held - kept for held, kept in zip(before.shares, bound, strict=True)]
        del others[which]
        redeemed = min(shares, *others)
        if redeemed:
            move(state, context, market.collateral, wallet_of(order.owner), redeemed, "trade")
        kept = escrow_for(left, order.limit_price)
        freed = order.escrow - price - kept
        if freed:
            move(state, context, escrow_of(name), wallet_of(order.owner), freed, "order escrow returned")
        holding = position_moved(before, which, shares, redeemed, price, price - redeemed)
    else:
        kept = 0
        holding = position_moved(before, which, -shares, 0, price, -price)
    state.put(POSITIONS, key, holding)
    changed = order._replace(shares=left, filled=order.filled + shares, escrow=kept)
    if not left:
        changed = changed._replace(state="filled", ended_at=context.now)
    state.put(ORDERS, OrderKey(name, order.order), changed)
    number = market.trades + 1
    paid = price - redeemed if order.side == "buy" else -price
    trade = Trade(
        name,
        number,
        context.now,
        order.owner,
        order.outcome,
        order.side,
        shares,
        redeemed,
        paid,
        prices,
        0,
        order.order,
    )
    state.add(TRADES, TradeKey(name, number), trade)
    at_risk = market.at_risk + holding.at_risk - before.at_risk
    return market._replace(trades=number, at_risk=at_risk, resting=market.resting - (left == 0)), redeemed


def set_off(state: State, context: Context, market: Market) -> Market:
    """Fill what the prices have brought within a resting order's limit, from the maker, the oldest first.

    Of two outcomes the way through the book has met all of these; of more, to buy one makes all others cheaper.
    """
    if len(market.outcomes) == 2:
        return market
    for _ in range(ROUNDS):
        found = next(_within_reach(market, open_orders(state, market.market), context.now), None)
        if found is None:
            return market
        order, which, step = found
        held = list(market.shares)
        if order.side == "buy":
            price = lmsr.charge(held, market.liquidity, market.offsets, which, step)
            held[which] += step
            move(state, context, escrow_of(market.market), market.collateral, price, "trade")
        else:
            price = lmsr.payout(held, market.liquidity, market.offsets, which, step)
            held[which] -= step
            if price:
                move(state, context, market.collateral, wallet_of(order.owner), price, "trade")
        prices = lmsr.prices_of(held, market.liquidity, market.offsets)
        market, redeemed = _resting_filled(state, context, market, order, step, price, prices)
        shares = tuple([each - redeemed for each in held])
        market = market._replace(shares=shares, prices=prices, moved_at=context.now)
    return market


def _within_reach(
    market: Market, orders: Iterable[RestingOrder], now: datetime
) -> Iterator[tuple[RestingOrder, int, int]]:
    for order in sorted(orders, key=age_of):
        if order.expires_at is not None and order.expires_at <= now:
            continue
        which = outcome_of(market, order.outcome)
        price = market.prices[which]
        if price < order.limit_price if order.side == "buy" else price > order.limit_price:
            step = shares_to_price(market.shares, market.liquidity, market.offsets, which, order.limit_price)
            step = min(order.shares, step if order.side == "buy" else -step)
            # What the maker asks, rounded up, must be within what the order has set aside.
            if step > 0 and (
                order.side == "sell"
                or lmsr.charge(market.shares, market.liquidity, market.offsets, which, step)
                <= order.escrow - escrow_for(order.shares - step, order.limit_price)
            ):
                yield order, which, step
