"""What a caller can do with the liquidity that a market is to have later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request, perform, perform_one
from scidex.core.machine import Kind, Look, State, Whole, declare
from scidex.exchange.liquidity import rules
from scidex.exchange.liquidity.model import (
    CHANGES,
    CancelChange,
    CarryOutChange,
    ChangeEnded,
    ChangeKey,
    LiquidityPlanned,
    PlanLiquidity,
    PlannedChange,
)
from scidex.exchange.liquidity.store import due_changes
from scidex.exchange.markets import MARKETS, TRADES, in_utc
from scidex.ledger import ACCOUNTS, AccountKey


def _market(command: Any, actor: str, state: State) -> tuple[str]:
    return (command.market,)


def _asking(command: Any, actor: str, state: State) -> tuple[Look]:
    return (Look(actor),)


def _one_change(command: CancelChange | CarryOutChange, actor: str, state: State) -> tuple[Whole, ChangeKey]:
    return (Whole(command.market), ChangeKey(command.market, command.change))


def _accounts(command: CarryOutChange, actor: str, state: State) -> list[AccountKey]:
    market = state.get(MARKETS, command.market)
    return [market.collateral, market.funder_account] if market is not None else []


PLAN = declare(
    Kind(
        "liquidity.plan",
        PlanLiquidity,
        LiquidityPlanned,
        rules.plan_liquidity,
        {MARKETS: _market, CHANGES: lambda command, actor, state: (Whole(command.market),), ACTORS: _asking},
    )
)
CANCEL = declare(
    Kind(
        "liquidity.cancel",
        CancelChange,
        ChangeEnded,
        rules.cancel_change,
        {MARKETS: _market, CHANGES: _one_change, ACTORS: _asking},
    )
)
CARRY_OUT = declare(
    Kind(
        "liquidity.carry_out",
        CarryOutChange,
        ChangeEnded,
        rules.carry_out_change,
        {
            MARKETS: _market,
            CHANGES: _one_change,
            ACCOUNTS: _accounts,
            TRADES: lambda command, actor, state: (Whole(command.market),),
        },
    )
)


def plan_liquidity(
    tx: Tx, *, market: str, changes: Iterable[PlannedChange], key: str | None = None
) -> Receipt[LiquidityPlanned]:
    """Plan changes of a market's liquidity: at these times to these token parts; all of them, or none.

    Refuses: UnknownMarket, MarketClosed, MarketSettled, NotYourMarket, UnknownActor, PlanInvalid, AmountNotNumber,
    AmountNotPositive, AmountTooLarge, LiquidityInvalid, TooManyChanges, CloseTimeInvalid, KeyReused.
    """
    asked = tuple(PlannedChange(in_utc(at) or at, liquidity) for at, liquidity in changes)
    return perform_one(tx, Request(PlanLiquidity(market, asked), tx.actor, key))


def cancel_change(tx: Tx, *, market: str, change: str, key: str | None = None) -> Receipt[ChangeEnded]:
    """Take a planned change back.

    Refuses: UnknownMarket, NotYourMarket, UnknownActor, UnknownChange, ChangeEndedAlready, KeyReused.
    """
    return perform_one(tx, Request(CancelChange(market, change), tx.actor, key))


def carry_out_due_changes(tx: Tx, *, limit: int = 1000) -> list[Receipt[ChangeEnded]]:
    """Carry out, or skip, the planned changes whose time has come; safe to run from several workers at once."""
    requests = [Request(CarryOutChange(*key), tx.actor) for key in due_changes(tx, limit=limit)]
    answers = perform(tx, requests) if requests else []
    # A refusal here means that somebody else ended the change in between, which is what was wanted, or that a price has
    # yet to settle: then it is asked for again.
    return [answer for answer in answers if not isinstance(answer, Refusal)]
