"""The kinds of commands about budgets, and the rows that each of them touches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from scidex.actors import ACTORS
from scidex.core.machine import Kind, Look, State, Whole, declare, nothing
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.resource_allocator import budget_account, pool_account, spent_account
from scidex.ledger import ACCOUNTS, AccountKey
from scidex.metering import EVENTS, INTAKE_GATHERED, STORES, USAGE, EventKey, IntakeUsage, StoreKey, UsageEvent
from scidex.policy import HOUSE
from scidex.senate.budgets import admission, grants, intake, limits, rules
from scidex.senate.budgets.model import (
    BUDGET_EVENTS,
    BUDGETS,
    LIMITS,
    PROVIDER,
    RESERVATIONS,
    BudgetSet,
    Charge,
    Charged,
    ExpireReservation,
    ExtendReservation,
    GiveNotice,
    IdleReceipt,
    LimitKey,
    LimitSet,
    ObserveStore,
    OverrideLimit,
    Reservation,
    ReservationReceipt,
    Reserve,
    Reserved,
    ReturnGrant,
    SetBudget,
    SetLimit,
    Settle,
    VoidReservation,
)

_STORED = "storage_gb_hours"
Ending = Settle | VoidReservation | ExtendReservation | ExpireReservation


def _units_asked(command: Reserve) -> list[str]:
    units = [unit for unit, _ in command.amounts]
    if command.estimate is not None:
        units.append(command.estimate.unit)
    return [*units, "usd"]


def _limits_asked(command: Reserve, actor: str, state: State) -> list[LimitKey]:
    units = _units_asked(command)
    keys = limits.limit_keys(command.entity, actor, units)
    if command.provider is not None and "api_calls" in units:
        keys.append(limits.rate_key(command.provider))
    return keys


def _accounts_asked(command: Reserve, actor: str, state: State) -> list[AccountKey]:
    return [budget_account(command.entity, unit) for unit in _units_asked(command)]


def _units_used(events: Iterable[UsageEvent]) -> set[str]:
    return {"usd", *(event.unit for event in events)}


def _ended(command: Ending, state: State) -> Reservation | None:
    return state.get(RESERVATIONS, command.reservation)


def _entity_ended(command: Ending, actor: str, state: State) -> tuple[EntityKey, ...]:
    found = _ended(command, state)
    # The hot path, a reservation settled in time, leaves the artifact's row alone.
    return (found.entity,) if found is not None and (found.state == "expired" or _goes_on(command)) else ()


def _goes_on(command: Ending) -> bool:
    return isinstance(command, ExtendReservation) or (isinstance(command, Settle) and bool(command.more))


def _limits_ended(command: Ending, actor: str, state: State) -> Sequence[LimitKey]:
    found = _ended(command, state)
    if found is None:
        return ()
    if isinstance(command, Settle):
        used = limits.limit_keys(found.entity, found.actor, _units_used(command.events))
        return [*found.counted, *used]
    return found.counted


def _accounts_ended(command: Ending, actor: str, state: State) -> Sequence[AccountKey]:
    found = _ended(command, state)
    if found is None:
        return ()
    entity = found.entity
    keys = [budget_account(entity, unit) for unit, _ in found.amounts]
    if isinstance(command, Settle):
        keys += (budget_account(entity, "usd"), spent_account(entity, "usd"))
        keys += [spent_account(entity, unit) for unit, _ in found.amounts]
        for event in command.events:
            keys += (budget_account(entity, event.unit), spent_account(entity, event.unit))
    return keys


def _accounts_used(entity: EntityKey, events: Iterable[UsageEvent]) -> list[AccountKey]:
    units = _units_used(events)
    return [account(entity, unit) for unit in units for account in (budget_account, spent_account)]


def _event_keys(actor: str, events: Iterable[UsageEvent]) -> list[EventKey]:
    return [EventKey(actor, event.event, event.unit) for event in events if event.event is not None]


def _events_settled(command: Settle, actor: str, state: State) -> list[EventKey]:
    found = _ended(command, state)
    return _event_keys(found.actor, command.events) if found is not None else []


def _actor_ending(command: Ending, actor: str, state: State) -> tuple[Look, ...]:
    found = _ended(command, state)
    return (Look(actor),) if found is not None and actor not in (found.actor, HOUSE) else ()


def _entities_taken_in(command: IntakeUsage, actor: str, state: State) -> set[EntityKey]:
    return {EntityKey(charge.entity_type, charge.entity_id) for charge in command.charges}


def _limits_taken_in(command: IntakeUsage, actor: str, state: State) -> Iterable[LimitKey]:
    for charge in command.charges:
        entity = EntityKey(charge.entity_type, charge.entity_id)
        yield from limits.limit_keys(entity, charge.actor, (charge.unit, "usd"))


def _accounts_taken_in(command: IntakeUsage, actor: str, state: State) -> Iterable[AccountKey]:
    for charge in command.charges:
        entity = EntityKey(charge.entity_type, charge.entity_id)
        for unit in (charge.unit, "usd"):
            yield from (budget_account(entity, unit), spent_account(entity, unit))


def _actors_taken_in(command: IntakeUsage, actor: str, state: State) -> set[Look]:
    return {Look(actor), *(Look(charge.actor) for charge in command.charges)}


def _asking(command: Any, actor: str, state: State) -> tuple[Look, ...]:
    return (Look(actor),)


def _entity_of(command: Any, actor: str, state: State) -> tuple[EntityKey, ...]:
    return (command.entity,)


def _store_of(command: ObserveStore) -> StoreKey:
    return StoreKey(command.entity.entity_type, command.entity.entity_id, command.store)


def _limit_alone(command: SetLimit | OverrideLimit, actor: str, state: State) -> tuple[Any, ...]:
    subject = command.subject.lower() if command.scope == PROVIDER else command.subject
    key = LimitKey(command.scope, subject, command.unit)
    return (Whole(key), key)


def _accounts_set(command: SetBudget, actor: str, state: State) -> list[AccountKey]:
    entity, before = command.entity, state.get(BUDGETS, command.entity)
    keys = [] if before is None else [budget_account(entity, unit) for unit, _ in before.budgets]
    for unit, _ in command.budgets:
        keys += (pool_account(command.pool, unit), budget_account(entity, unit), spent_account(entity, unit))
    return keys


def _accounts_idle(command: GiveNotice | ReturnGrant, actor: str, state: State) -> list[AccountKey]:
    keys = [budget_account(command.entity, unit) for unit in command.units]
    budget = state.get(BUDGETS, command.entity)
    if isinstance(command, ReturnGrant) and budget is not None:
        keys += [
            account(command.entity, unit) for unit, _ in budget.budgets for account in (budget_account, spent_account)
        ]
        pools = {command.pool, budget.pool} - {None}
        keys += [pool_account(pool, unit) for pool in pools for unit in command.units if pool is not None]
    return keys


RESERVE = declare(
    Kind(
        "budget.reserve",
        Reserve,
        Reserved,
        admission.reserve,
        {
            RESERVATIONS: nothing,
            BUDGETS: _entity_of,
            LIMITS: _limits_asked,
            ACCOUNTS: _accounts_asked,
            BUDGET_EVENTS: nothing,
            ACTORS: _asking,
        },
        gathered=("estimate", "bound"),
    )
)
_ENDING: dict[Any, Any] = {
    RESERVATIONS: lambda command, actor, state: (command.reservation,),
    LIMITS: _limits_ended,
    ACCOUNTS: _accounts_ended,
    ACTORS: _actor_ending,
}
_USING: dict[Any, Any] = {USAGE: nothing, BUDGET_EVENTS: nothing}
SETTLE = declare(
    Kind(
        "budget.settle",
        Settle,
        Charged,
        rules.settle,
        {**_ENDING, **_USING, EVENTS: _events_settled, BUDGETS: _entity_ended},
        gathered=("prices",),
    )
)
CHARGE = declare(
    Kind(
        "budget.charge",
        Charge,
        Charged,
        rules.charge,
        {
            **_USING,
            EVENTS: lambda command, actor, state: _event_keys(actor, command.events),
            ENTITIES: _entity_of,
            BUDGETS: _entity_of,
            LIMITS: lambda command, actor, state: limits.limit_keys(command.entity, actor, _units_used(command.events)),
            ACCOUNTS: lambda command, actor, state: _accounts_used(command.entity, command.events),
            ACTORS: _asking,
        },
        gathered=("prices",),
    )
)
OBSERVE = declare(
    Kind(
        "budget.observe",
        ObserveStore,
        Charged,
        rules.observe,
        {
            ENTITIES: _entity_of,
            BUDGETS: _entity_of,
            STORES: lambda command, actor, state: (_store_of(command),),
            LIMITS: lambda command, actor, state: limits.limit_keys(command.entity, actor, (_STORED, "usd")),
            ACCOUNTS: lambda command, actor, state: [
                account(command.entity, unit)
                for unit in (_STORED, "usd")
                for account in (budget_account, spent_account)
            ],
            USAGE: nothing,
            BUDGET_EVENTS: nothing,
            ACTORS: _asking,
        },
    )
)
INTAKE = declare(
    Kind(
        "usage.intake",
        IntakeUsage,
        intake.Taken,
        intake.take_in,
        {
            ENTITIES: _entities_taken_in,
            BUDGETS: _entities_taken_in,
            LIMITS: _limits_taken_in,
            ACCOUNTS: _accounts_taken_in,
            BUDGET_EVENTS: nothing,
            ACTORS: _actors_taken_in,
        },
        gathered=INTAKE_GATHERED,
    )
)
VOID = declare(Kind("budget.void", VoidReservation, ReservationReceipt, rules.void, _ENDING))
EXTEND = declare(
    Kind(
        "budget.extend",
        ExtendReservation,
        ReservationReceipt,
        rules.extend,
        {RESERVATIONS: _ENDING[RESERVATIONS], BUDGETS: _entity_ended, ACTORS: _actor_ending},
    )
)
EXPIRE = declare(
    Kind(
        "budget.expire",
        ExpireReservation,
        ReservationReceipt,
        rules.expire,
        {table: touch for table, touch in _ENDING.items() if table is not ACTORS},
    )
)
SET = declare(
    Kind(
        "budget.set",
        SetBudget,
        BudgetSet,
        grants.set_budget,
        {
            ENTITIES: _entity_of,
            BUDGETS: _entity_of,
            ACCOUNTS: _accounts_set,
            ACTORS: _asking,
        },
    )
)
_LIMITING: dict[Any, Any] = {LIMITS: _limit_alone, BUDGET_EVENTS: nothing, ACTORS: _asking}
LIMIT = declare(Kind("budget.limit", SetLimit, LimitSet, limits.set_limit, _LIMITING))
OVERRIDE = declare(Kind("budget.override", OverrideLimit, LimitSet, limits.override, _LIMITING))
_IDLE: dict[Any, Any] = {BUDGETS: _entity_of, ACCOUNTS: _accounts_idle, BUDGET_EVENTS: nothing}
NOTICE = declare(
    Kind("budget.notice", GiveNotice, IdleReceipt, grants.give_notice, _IDLE, gathered=("units", "granted_at"))
)
RETURN = declare(
    Kind(
        "budget.return",
        ReturnGrant,
        IdleReceipt,
        grants.return_grant,
        {**_IDLE, ACTORS: _asking},
        gathered=("units", "granted_at"),
    )
)
