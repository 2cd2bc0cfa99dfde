"""How budgets are set, and how idle grants go back to their pool: pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from scidex.actors import require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import MAX_AMOUNT, UNITS, check_amount, format_amount, unit_named
from scidex.core.versions import check_version
from scidex.entities import EntityKey, require_entity
from scidex.exchange.resource_allocator import (
    ALLOCATIONS,
    AllocationKey,
    AllocationRow,
    PoolEmpty,
    budget_account,
    pool_account,
    spent_account,
)
from scidex.ledger import ACCOUNTS, Account, AccountKey, move, open_account
from scidex.policy import Context
from scidex.senate.budgets.admission import named, require_own_accounts
from scidex.senate.budgets.limits import note_event, record_events
from scidex.senate.budgets.model import (
    BUDGET_UNITS,
    BUDGETS,
    ENTITY,
    Amounts,
    Budget,
    BudgetEvent,
    BudgetSet,
    GiveNotice,
    IdleReceipt,
    LimitKey,
    ReturnGrant,
    SetBudget,
)
from scidex.senate.budgets.refusals import (
    BudgetBelowUse,
    GrantNotIdle,
    NoticeNotGiven,
    PoolDiffers,
    PoolUnknown,
    ScoreInvalid,
    VectorInvalid,
)


def set_budget(state: State, command: SetBudget, context: Context) -> BudgetSet:
    """Make the grants of an artifact these: what it was granted so far is what it has and what it has spent.

    Refuses: NameInvalid, UnknownUnit, VectorInvalid, AmountNotNumber, AmountNotPositive, AmountTooLarge, ScoreInvalid,
    UnknownEntity, RoleNeeded, UnknownActor, VersionDiffers, PoolDiffers, BudgetBelowUse, PoolEmpty, BalanceTooLarge.
    """
    check_name(command.pool, "pool")
    if command.cycle is not None:
        check_name(command.cycle, "cycle")
    _check_score(command.priority_score, "priority_score", 0)
    _check_score(command.market_weight, "market_weight", -1)
    _check_budgets(command.budgets)
    require_entity(state, command.entity)
    require_role(state, context, "operator")
    before = state.get(BUDGETS, command.entity)
    whom = f"the budget of {named(command.entity)}"
    check_version(whom, command.version, 0 if before is None else before.version)
    if before is not None and before.pool not in (None, command.pool):
        _require_nothing_left(state, before, command)
    moved = []
    for unit, target in sorted(command.budgets):
        if difference := _grant_to(state, context, command, unit, target):
            moved.append((unit, difference))
    keep = _budget_or_new(state, command.entity, context)
    budget = keep._replace(
        pool=command.pool,
        budgets=tuple(sorted({**dict(keep.budgets), **dict(command.budgets)}.items())),
        storage_hours=context.policy.storage_budget_hours,
        priority_score=keep.priority_score if command.priority_score is None else command.priority_score,
        market_weight=keep.market_weight if command.market_weight is None else command.market_weight,
        cycle=keep.cycle if command.cycle is None else command.cycle,
        updated_at=context.now,
        version=keep.version + 1,
        noticed_at=None,
    )
    state.put(BUDGETS, command.entity, budget)
    return BudgetSet(command.entity, command.pool, tuple(moved), budget.version)


def _check_score(score: float | None, field: str, least: int) -> None:
    if score is None:
        return
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ScoreInvalid(field=field, given=str(score)[:40], least=least, most=1)
    if not least <= score <= 1:
        raise ScoreInvalid(field=field, given=str(score)[:40], least=least, most=1)


def _check_budgets(budgets: Amounts) -> None:
    known = ", ".join(BUDGET_UNITS)
    for unit, amount in budgets:
        if unit not in BUDGET_UNITS:
            raise VectorInvalid(reason=f"there is no budget in {unit_named(unit).name}", known=known)
        if amount != 0:
            check_amount(amount, UNITS[unit], field=unit)
    if len({unit for unit, _ in budgets}) < len(budgets):
        raise VectorInvalid(reason="it has a resource twice", known=known)


def _require_nothing_left(state: State, before: Budget, command: SetBudget) -> None:
    """What one pool granted does not go to another by the name alone."""
    left = [
        f"{format_amount(balance, UNITS[unit])} {unit}"
        for unit, _ in before.budgets
        if (balance := _found(state, budget_account(command.entity, unit)).balance) > 0
    ]
    if left:
        whom = named(command.entity)
        raise PoolDiffers(whom=whom, pool=before.pool, given=command.pool, left=", ".join(left))


def _grant_to(state: State, context: Context, command: SetBudget, unit: str, target: int) -> int:
    """Move what is between what was granted and the target; below zero what went back to the pool."""
    entity = command.entity
    pool, key, sink = pool_account(command.pool, unit), budget_account(entity, unit), spent_account(entity, unit)
    parts = UNITS[unit]
    # Both come to be with the first budget: a row that was read as missing has to be written, or somebody else could
    # make it at the same time.
    for missing in (each for each in (key, sink) if state.get(ACCOUNTS, each) is None):
        open_account(state, missing)
    account = _found(state, key)
    spent = _found(state, sink).balance
    difference = target - account.balance - spent
    if difference > 0:
        available = _found(state, pool).available
        if available < difference:
            raise PoolEmpty(
                pool=command.pool,
                unit=unit,
                available=format_amount(available, parts),
                needed=format_amount(difference, parts),
                account=str(pool),
            )
        move(state, context, pool, key, difference, "budget")
    elif difference < 0:
        if account.available < -difference:
            raise BudgetBelowUse(
                whom=named(entity),
                unit=unit,
                least=format_amount(spent + account.held, parts),
                given=format_amount(target, parts),
            )
        move(state, context, key, pool, -difference, "budget taken back")
    return difference


def pool_lacks(state: State, pool: str, amounts: Amounts) -> Amounts:
    """What the pool has too little of to grant this, and how much of it is missing, in parts."""
    found = ((unit, amount - _found(state, pool_account(pool, unit)).available) for unit, amount in amounts)
    return tuple((unit, missing) for unit, missing in found if missing > 0)


def grant_bar(state: State, entity: EntityKey, amounts: Amounts) -> str | None:
    """Why an artifact's budget cannot take these grants now, whatever the pool has; None where it can."""
    if any(_found(state, budget_account(entity, unit)).balance + amount > MAX_AMOUNT for unit, amount in amounts):
        return f"the budget of {named(entity)} would be above the largest amount"
    return None


def grant_from_pool(
    state: State, context: Context, entity: EntityKey, pool: str, amounts: Amounts, *, note: str
) -> None:
    """Move these parts out of a pool that has them into an artifact's budget, a row of `resource_allocations` each.

    A budget that is another pool's stays that pool's: the grant has then moved from one pool to the other, and what is
    idle or cut of it returns to the one that the budget is of.
    Whoever decides that has seen to `pool_lacks` and `grant_bar`. The command must touch the budget and all accounts.
    """
    for line, (unit, amount) in enumerate(amounts):
        for missing in (budget_account(entity, unit), spent_account(entity, unit)):
            if state.get(ACCOUNTS, missing) is None:
                open_account(state, missing)
        move(state, context, pool_account(pool, unit), budget_account(entity, unit), amount, note)
        row = AllocationRow(
            number=context.number,
            line=line,
            at=context.now,
            sort="grant",
            artifact=entity,
            unit=unit,
            amount=amount,
            actor=context.actor,
            policy_version=context.policy_version,
            pool=pool,
            note=note,
        )
        state.add(ALLOCATIONS, AllocationKey(context.number, line), row)
    keep = _budget_or_new(state, entity, context)
    granted = {unit: _granted(state, entity, unit) for unit, _ in (*keep.budgets, *amounts)}
    state.put(
        BUDGETS,
        entity,
        keep._replace(
            pool=keep.pool or pool,
            budgets=tuple(sorted(granted.items())),
            storage_hours=context.policy.storage_budget_hours,
            updated_at=context.now,
            version=keep.version + 1,
            noticed_at=None,
        ),
    )


def put_priority(state: State, context: Context, entity: EntityKey, score: float | None) -> None:
    """Make this the priority of an artifact, None where it is unknown. That is no use of its budget, and no new version
    of it; an artifact without a budget and without a score stays without a row."""
    if score is None and state.get(BUDGETS, entity) is None:
        return
    budget = _budget_or_new(state, entity, context)
    if not budget.version:
        budget = budget._replace(storage_hours=context.policy.storage_budget_hours)
    state.put(BUDGETS, entity, budget._replace(priority_score=score))


def accounts_to_grant(entity: EntityKey, pool: str, amounts: Amounts, before: Budget | None) -> list[AccountKey]:
    """Every account that `grant_from_pool` and what is asked before it look at."""
    keys = [pool_account(pool, unit) for unit, _ in amounts]
    for unit in {unit for unit, _ in (*amounts, *(before.budgets if before is not None else ()))}:
        keys += (budget_account(entity, unit), spent_account(entity, unit))
    return keys


def _budget_or_new(state: State, entity: EntityKey, context: Context) -> Budget:
    found = state.get(BUDGETS, entity)
    return found or Budget(entity, None, (), 0, None, None, None, None, context.now, 0, context.now)


def _found(state: State, key: AccountKey) -> Account:
    return state.get(ACCOUNTS, key) or Account(*key)


def give_notice(state: State, command: GiveNotice, context: Context) -> IdleReceipt:
    """Tell an artifact that its idle grant returns; whatever it reserves or uses until then takes the notice back.

    Anyone may ask. Refuses: UnknownEntity, GrantNotIdle.
    """
    entity = command.entity
    require_own_accounts(entity)
    budget = state.get(BUDGETS, entity)
    times = [command.granted_at] if command.granted_at is not None else []
    if budget is not None:
        if budget.noticed_at is not None:
            raise GrantNotIdle(whom=named(entity), reason="it has its notice", idle_at=budget.noticed_at.isoformat())
        times += [budget.used_at, budget.updated_at]
    idle_at = max(times, default=context.now) + timedelta(seconds=context.policy.idle_after_s)
    if idle_at > context.now:
        raise GrantNotIdle(whom=named(entity), reason="it was granted or used", idle_at=idle_at.isoformat())
    left = _left(state, entity, command.units)
    if not left:
        raise GrantNotIdle(whom=named(entity), reason="nothing of it is left", idle_at="its next grant")
    if any(_found(state, budget_account(entity, unit)).held for unit in command.units):
        raise GrantNotIdle(whom=named(entity), reason="some of it is reserved", idle_at="that has ended")
    if budget is None:
        hours = context.policy.storage_budget_hours
        budget = Budget(entity, None, (), hours, None, None, None, None, context.now, 0, idle_at)
    state.put(BUDGETS, entity, budget._replace(noticed_at=context.now))
    due_at = context.now + timedelta(seconds=context.policy.idle_notice_s)
    _note(state, context, entity, "notice", left, f"returns at {due_at.isoformat()}")
    return IdleReceipt(entity, left, due_at)


def return_grant(state: State, command: ReturnGrant, context: Context) -> IdleReceipt:
    """Move what an idle grant has left back to its pool, once its notice has run out.

    Refuses: RoleNeeded, UnknownActor, NameInvalid, NoticeNotGiven, GrantNotIdle, PoolUnknown, BalanceTooLarge.
    """
    require_role(state, context, "operator")
    entity = command.entity
    budget = state.get(BUDGETS, entity)
    notice_s = context.policy.idle_notice_s
    if budget is None or budget.noticed_at is None or _newer(command.granted_at, budget.noticed_at):
        raise NoticeNotGiven(whom=named(entity), notice_s=notice_s)
    due_at = budget.noticed_at + timedelta(seconds=notice_s)
    if due_at > context.now:
        raise GrantNotIdle(whom=named(entity), reason="its notice is running", idle_at=due_at.isoformat())
    pool = budget.pool if budget.pool is not None else command.pool
    if pool is None:
        raise PoolUnknown(whom=named(entity))
    check_name(pool, "pool")
    left = _left(state, entity, command.units)
    for unit, amount in left:
        move(state, context, budget_account(entity, unit), pool_account(pool, unit), amount, "idle grant returned")
    budgets = {unit: _granted(state, entity, unit) for unit, _ in budget.budgets}
    # The clock starts anew, so that what is granted next has its time.
    state.put(
        BUDGETS,
        entity,
        budget._replace(
            budgets=tuple(budgets.items()), noticed_at=None, used_at=context.now, version=budget.version + 1
        ),
    )
    _note(state, context, entity, "returned", left, f"to the pool {pool}")
    return IdleReceipt(entity, left, None)


def _newer(granted_at: datetime | None, noticed_at: datetime) -> bool:
    return granted_at is not None and granted_at > noticed_at


def _granted(state: State, entity: EntityKey, unit: str) -> int:
    spent = _found(state, spent_account(entity, unit)).balance
    return _found(state, budget_account(entity, unit)).balance + spent


def _left(state: State, entity: EntityKey, units: tuple[str, ...]) -> Amounts:
    found = ((unit, _found(state, budget_account(entity, unit)).available) for unit in sorted(set(units)))
    return tuple((unit, available) for unit, available in found if available > 0)


def _note(state: State, context: Context, entity: EntityKey, sort: str, left: Amounts, note: str) -> None:
    events: list[BudgetEvent] = []
    for unit, amount in left:
        subject = LimitKey(ENTITY, f"{entity.entity_type}:{entity.entity_id}", unit)
        note_event(events, context, sort, subject, amount, note=note)
    record_events(state, events)
