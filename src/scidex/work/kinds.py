"""The kinds of commands about work, and the rows that each touches: its own, and those of what it carries out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from scidex.actors import ACTORS
from scidex.atlas.knowledge import SubmitKnowledge
from scidex.core.machine import Kind, Look, State, Table, Touch, declare, kind_named, nothing
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.earnings import RecordOutput
from scidex.exchange.resource_allocator import budget_account
from scidex.ledger import ACCOUNTS, AccountKey
from scidex.senate.budgets import (
    RESERVATIONS,
    Charge,
    ExpireReservation,
    ExtendReservation,
    Reserve,
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
Parts = Callable[[Any, State], Sequence[Any]]
"""(command, state) -> the commands of one kind that it carries out."""


def _with_parts(own: dict[Table[Any, Any], Touch], parts: dict[str, Parts]) -> dict[Table[Any, Any], Touch]:
    """What a command touches itself, and what its parts touch, by the names of their kinds."""
    of_parts: dict[Table[Any, Any], list[tuple[Parts, Touch]]] = {}
    for name, part in parts.items():
        for table, touch in kind_named(name).touches.items():
            found = of_parts.setdefault(table, [])
            if touch is not nothing:
                found.append((part, touch))
    touches = {table: own.get(table, nothing) for table in (*own, *of_parts)}
    return touches | {table: partial(_all, touches[table], found) for table, found in of_parts.items() if found}


def _all(own: Touch, parts: Sequence[tuple[Parts, Touch]], command: Any, actor: str, state: State) -> list[Any]:
    keys = list(own(command, actor, state))
    for made, touch in parts:
        for part in made(command, state):
            keys += touch(part, actor, state)
    return keys


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


def _reserving(command: ClaimWork, state: State) -> Sequence[Reserve]:
    item = None if command.choice is None else state.get(ITEMS, command.choice.item)
    if item is None or command.choice is None:
        return ()
    return (rules.reservation_for(item, command.choice, command.seconds),)


def _settling(command: FinishWork | FailWork, state: State) -> Sequence[Settle]:
    claim = state.get(CLAIMS, command.claim)
    return () if claim is None else (Settle(claim.reservation, command.events, command.prices),)


def _charging(command: FinishWork | FailWork, state: State) -> Sequence[Charge]:
    """Only where the reservation was ended by itself. All that is touched by it comes after the reservations."""
    claim = state.get(CLAIMS, command.claim)
    reservation = state.get(RESERVATIONS, claim.reservation) if claim is not None and command.events else None
    if claim is None or reservation is None or reservation.state in ("open", "expired"):
        return ()
    return (Charge(claim.entity, command.events, command.prices),)


def _submitting(command: FinishWork, state: State) -> Sequence[SubmitKnowledge]:
    claim = state.get(CLAIMS, command.claim) if command.edges or command.gains else None
    return () if claim is None else (SubmitKnowledge(claim.entity, command.edges, command.gains, claim.item),)


def _recording(command: FinishWork, state: State) -> Sequence[RecordOutput]:
    return [RecordOutput(made.output, made.builds_on) for made in command.outputs]


def _part(make: Callable[[str], object]) -> Parts:
    """The one command on the reservation of a claim."""

    def parts(command: Ending, state: State) -> Sequence[object]:
        claim = state.get(CLAIMS, command.claim)
        return () if claim is None else (make(claim.reservation),)

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
        _with_parts({CLAIMS: nothing, ITEMS: _chosen, ARMS: _arm_chosen}, {"budget.reserve": _reserving}),
        gathered=("choice",),
    )
)
HEARTBEAT = declare(
    Kind(
        "work.heartbeat",
        HeartbeatWork,
        ClaimReceipt,
        rules.heartbeat,
        _with_parts(_ENDING, {"budget.extend": _part(_extending)}),
    )
)
FINISH = declare(
    Kind(
        "work.finish",
        FinishWork,
        Finished,
        rules.finish,
        _with_parts(
            _ENDING,
            {
                "budget.settle": _settling,
                "budget.charge": _charging,
                "knowledge.submit": _submitting,
                "earning.record": _recording,
            },
        ),
        gathered=("prices", "ready"),
    )
)
FAIL = declare(
    Kind(
        "work.fail",
        FailWork,
        Finished,
        rules.fail,
        _with_parts(_ENDING, {"budget.settle": _settling, "budget.charge": _charging}),
        gathered=("prices",),
    )
)
RETURN = declare(
    Kind(
        "work.return",
        ReturnWork,
        ClaimReceipt,
        rules.give_back,
        _with_parts(_ENDING, {"budget.void": _part(VoidReservation)}),
    )
)
EXPIRE = declare(
    Kind(
        "work.expire",
        ExpireClaim,
        ClaimReceipt,
        rules.expire,
        _with_parts(_ENDING, {"budget.expire": _part(ExpireReservation)}),
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
