"""The kinds of commands about work, and the rows that each touches: its own, and those of what it carries out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from scidex.actors import ACTORS
from scidex.atlas.knowledge import SubmitKnowledge
from scidex.core.machine import Kind, Look, State, Table, Touch, declare, kind_named, touched_by
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.earnings import RecordOutput
from scidex.exchange.resource_allocator import budget_account
from scidex.ledger import ACCOUNTS, AccountKey
from scidex.senate.budgets import (
    RESERVATIONS,
    Charge,
    ExpireReservation,
    ExtendReservation,
    Settle,
    VoidReservation,
)
from scidex.work import items, rules
from scidex.work.model import (
    ARMS,
    CLAIMS,
    ITEMS,
    AddWork,
    Claimed,
    ClaimReceipt,
    ClaimWork,
    ExpireClaim,
    FailWork,
    Finished,
    FinishWork,
    HeartbeatWork,
    ItemReceipt,
    OpenWork,
    ReturnWork,
    ReviveWork,
    WithdrawWork,
    WorkItem,
)

Ending = FinishWork | FailWork | ReturnWork | ExpireClaim | HeartbeatWork
Parts = Callable[[Any, Table[Any, Any], State], Iterable[object]]
"""(command, table, state) -> the commands that it carries out, as far as they touch this table."""


def _with_parts(own: dict[Table[Any, Any], Touch], parts: Parts, *kinds: str) -> dict[Table[Any, Any], Touch]:
    """What a command touches itself, and what its parts, of these kinds, touch."""
    tables = {*own, *(table for kind in kinds for table in kind_named(kind).touches)}
    return {table: partial(_touch, table, own.get(table), parts) for table in tables}


def _touch(
    table: Table[Any, Any], own: Touch | None, parts: Parts, command: Any, actor: str, state: State
) -> Iterator[Any]:
    if own is not None:
        yield from own(command, actor, state)
    # These come before all others, and no other command knows them.
    if table.rank > ARMS.rank:
        for part in parts(command, table, state):
            yield from touched_by(part, table, actor, state)


def _nothing(command: Any, actor: str, state: State) -> tuple[()]:
    return ()


def _asking(command: Any, actor: str, state: State) -> tuple[Look, ...]:
    return (Look(actor),)


def _item_of(command: Ending, state: State) -> WorkItem | None:
    claim = state.get(CLAIMS, command.claim)
    return None if claim is None else state.get(ITEMS, claim.item)


def _claim_named(command: Ending, actor: str, state: State) -> tuple[str, ...]:
    return (command.claim,)


def _item_ended(command: Ending, actor: str, state: State) -> Iterator[Any]:
    claim = state.get(CLAIMS, command.claim)
    if claim is not None:
        yield claim.item
    for ready in command.ready if isinstance(command, FinishWork) else ():
        yield ready.item
        yield from map(Look, ready.after)


def _arms_ended(command: Ending, actor: str, state: State) -> Iterator[EntityKey]:
    item = _item_of(command, state)
    if item is not None:
        yield item.entity
    for ready in command.ready if isinstance(command, FinishWork) else ():
        found = state.get(ITEMS, ready.item)
        if found is not None:
            yield found.entity


def _accounts_told(command: Ending, actor: str, state: State) -> list[AccountKey]:
    item = _item_of(command, state)
    return [] if item is None else [budget_account(item.entity, unit) for unit, _ in item.amounts]


def _reservation(command: Ending, actor: str, state: State) -> tuple[str, ...]:
    claim = state.get(CLAIMS, command.claim)
    return () if claim is None else (claim.reservation,)


def _chosen(command: ClaimWork, actor: str, state: State) -> tuple[str, ...]:
    return () if command.choice is None else (command.choice.item,)


def _arm_chosen(command: ClaimWork, actor: str, state: State) -> tuple[EntityKey, ...]:
    item = None if command.choice is None else state.get(ITEMS, command.choice.item)
    return () if item is None else (item.entity,)


def _reserving(command: ClaimWork, table: Table[Any, Any], state: State) -> Iterator[object]:
    item = None if command.choice is None else state.get(ITEMS, command.choice.item)
    if item is not None and command.choice is not None:
        yield rules.reservation_for(item, command.choice, command.seconds)


def _using(command: FinishWork | FailWork, table: Table[Any, Any], state: State) -> Iterator[object]:
    claim = state.get(CLAIMS, command.claim)
    if claim is None:
        return
    yield Settle(claim.reservation, command.events, command.prices)
    if command.events and table.rank > RESERVATIONS.rank:
        reservation = state.get(RESERVATIONS, claim.reservation)
        if reservation is not None and reservation.state not in ("open", "expired"):
            yield Charge(claim.entity, command.events, command.prices)
    if isinstance(command, FinishWork):
        if command.edges or command.gains:
            yield SubmitKnowledge(claim.entity, command.edges, command.gains, claim.item)
        for made in command.outputs:
            yield RecordOutput(made.output, made.builds_on)


def _part(make: Callable[[str], object]) -> Parts:
    """The one command on the reservation of a claim."""

    def parts(command: Ending, table: Table[Any, Any], state: State) -> Iterator[object]:
        claim = state.get(CLAIMS, command.claim)
        if claim is not None:
            yield make(claim.reservation)

    return parts


def _extending(reservation: str) -> object:
    return ExtendReservation(reservation, 1)


_ENDING: dict[Table[Any, Any], Touch] = {
    CLAIMS: _claim_named,
    ITEMS: _item_ended,
    ARMS: _arms_ended,
    RESERVATIONS: _reservation,
    ACCOUNTS: _accounts_told,
    ACTORS: _asking,
}
ADD = declare(
    Kind(
        "work.add",
        AddWork,
        ItemReceipt,
        items.add,
        {
            ITEMS: lambda command, actor, state: map(Look, command.after),
            ARMS: lambda command, actor, state: (command.entity,),
            ENTITIES: lambda command, actor, state: (Look(command.entity),),
            ACTORS: _asking,
        },
    )
)
CLAIM = declare(
    Kind(
        "work.claim",
        ClaimWork,
        Claimed,
        rules.claim,
        _with_parts({CLAIMS: _nothing, ITEMS: _chosen, ARMS: _arm_chosen}, _reserving, "budget.reserve"),
        gathered=("choice",),
    )
)
HEARTBEAT = declare(
    Kind(
        "work.heartbeat",
        HeartbeatWork,
        ClaimReceipt,
        rules.heartbeat,
        _with_parts(_ENDING, _part(_extending), "budget.extend"),
    )
)
FINISH = declare(
    Kind(
        "work.finish",
        FinishWork,
        Finished,
        rules.finish,
        _with_parts(_ENDING, _using, "budget.settle", "budget.charge", "knowledge.submit", "earning.record"),
        gathered=("prices", "ready"),
    )
)
FAIL = declare(
    Kind(
        "work.fail",
        FailWork,
        Finished,
        rules.fail,
        _with_parts(_ENDING, _using, "budget.settle", "budget.charge"),
        gathered=("prices",),
    )
)
RETURN = declare(
    Kind(
        "work.return",
        ReturnWork,
        ClaimReceipt,
        rules.give_back,
        _with_parts(_ENDING, _part(VoidReservation), "budget.void"),
    )
)
EXPIRE = declare(
    Kind(
        "work.expire",
        ExpireClaim,
        ClaimReceipt,
        rules.expire,
        _with_parts(_ENDING, _part(ExpireReservation), "budget.expire"),
    )
)


def _named(command: OpenWork | WithdrawWork | ReviveWork, actor: str, state: State) -> Iterator[Any]:
    yield command.item
    if isinstance(command, OpenWork):
        yield from map(Look, command.after)


def _arm_named(command: OpenWork | WithdrawWork | ReviveWork, actor: str, state: State) -> tuple[EntityKey, ...]:
    item = state.get(ITEMS, command.item)
    return () if item is None else (item.entity,)


_CHANGING: dict[Table[Any, Any], Touch] = {ITEMS: _named, ARMS: _arm_named, ACTORS: _asking}
OPENING = declare(Kind("work.open", OpenWork, ItemReceipt, items.open_ready, _CHANGING, gathered=("after",)))
WITHDRAW = declare(Kind("work.withdraw", WithdrawWork, ItemReceipt, items.withdraw, _CHANGING))
REVIVE = declare(Kind("work.revive", ReviveWork, ItemReceipt, items.revive, _CHANGING))
