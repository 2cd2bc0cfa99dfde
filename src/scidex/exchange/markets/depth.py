"""How a market is made deeper or shallower: pure. No price moves by it, and nobody is paid for pushing one before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from scidex.actors import RoleNeeded, require_role
from scidex.core.machine import State
from scidex.exchange.markets import lmsr, maker
from scidex.exchange.markets.model import MARKETS, TRADES, ChangeLiquidity, LiquidityChanged, Market
from scidex.exchange.markets.refusals import NotYourMarket, PriceUnsettled
from scidex.exchange.markets.resting import require_market, require_open
from scidex.exchange.markets.rules import check_liquidity, opening_prices
from scidex.ledger import balance_of, move
from scidex.policy import Context


def change_liquidity(state: State, command: ChangeLiquidity, context: Context) -> LiquidityChanged:
    """Make trades move the prices less, or more, from here on; the prices stay as they are.

    What the maker may now lose more is paid by who funded it, and what it may lose less goes back there, to the part.
    Refuses: UnknownMarket, MarketClosed, MarketSettled, NotYourMarket, UnknownActor, AmountNotNumber,
    AmountNotPositive, AmountTooLarge, LiquidityInvalid, PriceUnsettled, UnknownAccount, InsufficientFunds,
    BalanceTooLarge.
    """
    market = require_market(state, command.market)
    require_funder(state, context, market)
    return set_liquidity(state, context, market, command.liquidity)


def require_funder(state: State, context: Context, market: Market) -> None:
    """Pass if the actor may change the market's liquidity. Refuses: NotYourMarket, UnknownActor."""
    if market.funder != f"actor:{context.actor}":
        try:
            require_role(state, context, "operator")
        except RoleNeeded:
            raise NotYourMarket(actor=context.actor, market=market.market) from None


def set_liquidity(state: State, context: Context, market: Market, liquidity: int) -> LiquidityChanged:
    """The change itself, whoever decided it; refused, nothing has moved. The market's trades must be loaded.

    Refuses: MarketClosed, MarketSettled, AmountNotNumber, AmountNotPositive, AmountTooLarge, LiquidityInvalid,
    PriceUnsettled, UnknownAccount, InsufficientFunds, BalanceTooLarge.
    """
    require_open(market, context.now)
    check_liquidity(liquidity, context)
    if liquidity > market.liquidity:
        _require_settled(state, context, market)
    offsets = maker.offsets_with(market.shares, market.liquidity, market.offsets, liquidity)
    needed = maker.collateral_needed(market.shares, liquidity, offsets)
    # No more comes back than was paid: gains stay until the end, when there is nothing left to cover.
    paid = max(needed - (balance_of(state, market.collateral) - market.fees), 1 - market.subsidy)
    if paid > 0:
        move(state, context, market.funder_account, market.collateral, paid, "market subsidy")
    elif paid < 0:
        move(state, context, market.collateral, market.funder_account, -paid, "market subsidy returned")
    subsidy = market.subsidy + paid
    changed = market._replace(
        liquidity=liquidity,
        offsets=offsets,
        subsidy=subsidy,
        anchor=market.shares,
        opening=opening_prices(market),
        surplus=balance_of(state, market.collateral) - market.fees - subsidy,
    )
    state.put(MARKETS, market.market, changed)
    return LiquidityChanged(market.market, liquidity, paid, subsidy, market.prices)


def _require_settled(state: State, context: Context, market: Market) -> None:
    """Pass if no price was further from where it is now within the policy's window: who pushes one from p to p' before
    the market deepens, and sells it there, would have b KL(p' || p) from the funder for no information.

    Refuses: PriceUnsettled.
    """
    policy = context.policy
    since = context.now - timedelta(seconds=policy.liquidity_window_s)
    most = policy.liquidity_price_gap * lmsr.PRICE_ONE
    for stood_since, prices in _backwards(state, market):
        for outcome, price, before in zip(market.outcomes, market.prices, prices, strict=True):
            if abs(price - before) > most:
                raise PriceUnsettled(
                    market=market.market,
                    outcome=outcome,
                    price=f"{price / lmsr.PRICE_ONE:.6g}",
                    before=f"{before / lmsr.PRICE_ONE:.6g}",
                    window=policy.liquidity_window_s,
                    gap=policy.liquidity_price_gap,
                )
        if stood_since <= since:
            return


def _backwards(state: State, market: Market) -> Iterator[tuple[datetime, tuple[int, ...]]]:
    """Every price of a market and since when it stood, the latest first."""
    for _, trade in reversed(state.whole(TRADES, market.market)):
        yield trade.at, trade.prices
    yield market.opened_at, opening_prices(market)
