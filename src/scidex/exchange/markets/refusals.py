"""What markets refuse, and what to do then."""

from __future__ import annotations

from scidex.core.errors import Forbidden, Invalid, Missing, Refused


class OutcomesInvalid(Invalid):
    """A market needs 2 to {most} different outcomes and was given {given}; name each of them once."""


class LiquidityInvalid(Invalid):
    """The liquidity {given} is below the least, {least} tokens; give the market more."""


class PriceUnsettled(Refused):
    """The liquidity of {market} cannot rise now: the price of {outcome!r} is {price}, and was {before} within the last
    {window} s, more than {gap} off. Ask again once it has settled: nobody is to be paid for pushing it first."""


class LiquiditySourceInvalid(Invalid):
    """A market opens with a `liquidity` or with a `subsidy` that pays for one, not with {given}; give one of them. Only
    an operator who opens it from a treasury may leave both to the policy."""


class StartPricesInvalid(Invalid):
    """Start prices must be one per outcome, each at least {least}, and sum to 1; {problem}."""


class CloseTimeInvalid(Invalid):
    """The market would close at {closes_at}; give a later time, in UTC and before the year 9999."""


class OrderSizeInvalid(Invalid):
    """An order says how many shares, how many tokens, or a price to move to; give one of `shares` and `spend`, or
    `to_price` with or without a `spend` as the most to pay."""


class SideInvalid(Invalid):
    """An order's side is {side!r}; write buy or sell."""


class LimitPriceInvalid(Invalid):
    """The limit price {given} is not between 0 and 1; a share never costs more than 1 token."""


class OrderExpiryInvalid(Invalid):
    """The order would expire at {expires_at}; give a later time, in UTC."""


class UnknownOutcome(Invalid):
    """The market {market} has no outcome {outcome!r}; use one of {known}."""


class ResolverHoldsPosition(Forbidden):
    """{actor} holds a position in {market} and may not decide how it ends; let somebody without one do it."""


class ProposalNeeded(Forbidden):
    """{actor} may not end {market} without a bond and a time for disputes; propose its outcome on evidence
    (`scidex settlement propose`), or let an operator end it."""


class NotYourOrder(Forbidden):
    """{actor} may not cancel {order}; only who placed it or an operator may."""


class NotYourMarket(Forbidden):
    """{actor} may not change the liquidity of {market}; only who funded it or an operator may."""


class UnknownOrder(Missing):
    """There is no order {order!r} in {market}; give the id that the receipt of placing it shows."""


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


class PriceReached(Refused):
    """The price of {outcome!r} in {market} is {price}, so there is nothing to do to move it to {target};
    trade the other way."""


class TradeTooLarge(Refused):
    """The order would move the log odds by {move}, more than the {most} that one order may; ask for less."""


class OrderNotOpen(Refused):
    """The order {order} is {state} already; place a new one."""


class OrderNotDue(Refused):
    """The order {order} rests until {expires_at}; cancel it to end it before."""


class BookFull(Refused):
    """{market} has {most} resting orders, the most that a book may hold; cancel one, or trade at once."""
