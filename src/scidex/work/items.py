"""How work comes into the queue, waits, and leaves it undone: pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, timedelta
from hashlib import sha256

from scidex.actors import RoleNeeded, UnknownActor, require_actor, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import UNITS, USD, AmountNegative, brief, check_amount, format_amount, unit_named
from scidex.core.versions import check_version
from scidex.entities import EntityKey, require_entity
from scidex.ledger import DurationInvalid
from scidex.metering import RESOURCE_OF, tier_of, unit_of_tier
from scidex.policy import HOUSE, Context
from scidex.senate.budgets import Amounts, TierDiffers, VectorInvalid
from scidex.work.model import (
    ARMS,
    DEAD,
    FINISHED,
    ITEMS,
    OPEN,
    WAITING,
    WITHDRAWN,
    AddWork,
    ItemReceipt,
    OpenWork,
    Ready,
    ReviveWork,
    WithdrawWork,
    WorkArm,
    WorkItem,
)
from scidex.work.refusals import (
    AttemptsInvalid,
    ItemBusy,
    ItemNotDead,
    ItemNotWaiting,
    NotYourItem,
    PayloadInvalid,
    TooManyBefore,
    UnknownItem,
)

_LONGEST_DELAY_S = 31_536_000


def arm_of(state: State, entity: EntityKey) -> WorkArm:
    """What is known of work on an entity; nothing, at first."""
    return state.get(ARMS, entity) or WorkArm(entity)


def count_open(state: State, entity: EntityKey, by: int) -> None:
    """Count open items of an entity."""
    arm = arm_of(state, entity)
    state.put(ARMS, entity, arm._replace(open=arm.open + by))


def version_of(item: WorkItem) -> str:
    """What tells an item as it stands now from what it was before: 16 hex digits of the SHA-256 of all that changes."""
    moments = [at and at.astimezone(UTC).isoformat() for at in (item.since, item.not_before, item.ended_at)]
    stands = [item.item, item.state, item.attempts, *moments, item.claim, item.reason]
    return sha256(json.dumps(stands).encode()).hexdigest()[:16]


def item_of(state: State, name: str) -> WorkItem:
    """The item of that id. Refuses: UnknownItem."""
    item = state.get(ITEMS, name)
    if item is None:
        raise UnknownItem(item=name)
    return item


def receipt_of(item: WorkItem) -> ItemReceipt:
    """Where an item stands, as it is answered."""
    return ItemReceipt(item.item, item.entity, item.state, item.attempts, item.not_before)


def add(state: State, command: AddWork, context: Context) -> ItemReceipt:
    """Put an item into the queue: open, or waiting for others that are not finished.

    Refuses: NameInvalid, PayloadInvalid, AttemptsInvalid, DurationInvalid, TooManyBefore, VectorInvalid, UnknownUnit,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, UnknownModel, TierDiffers, UnknownEntity,
    UnknownActor, UnknownItem.
    """
    policy = context.policy
    check_name(command.kind, "kind")
    _check_payload(command.payload, policy.work_payload_max)
    if type(command.attempts) is not int or not 1 <= command.attempts <= policy.work_attempts_max:
        raise AttemptsInvalid(given=brief(command.attempts), most=policy.work_attempts_max)
    if type(command.delay_s) is not int or not 0 <= command.delay_s <= _LONGEST_DELAY_S:
        raise DurationInvalid(field="the delay", given=brief(command.delay_s), longest=_LONGEST_DELAY_S)
    if len(command.after) > policy.work_after_max or len(set(command.after)) < len(command.after):
        raise TooManyBefore(given=len(command.after), most=policy.work_after_max)
    amounts = _vector(command, context)
    require_entity(state, command.entity)
    if context.actor != HOUSE:
        require_actor(state, context.actor)
    begins = context.now + timedelta(seconds=command.delay_s)
    waits = bool({item_of(state, name).state for name in command.after} - {FINISHED})
    item = WorkItem(
        item=f"w{context.number}",
        entity=command.entity,
        kind=command.kind,
        payload=command.payload,
        amounts=amounts,
        usd=command.usd,
        model=command.model,
        provider=command.provider,
        max_output_tokens=command.max_output_tokens,
        proposer=context.actor,
        after=command.after,
        attempts_max=command.attempts,
        added_at=context.now,
        state=WAITING if waits else OPEN,
        attempts=0,
        # It ages from when it can be had: who adds it long before gains nothing by that.
        since=begins,
        not_before=begins,
    )
    state.put(ITEMS, item.item, item)
    count_open(state, item.entity, 0 if waits else 1)
    return receipt_of(item)


def _check_payload(payload: str, most: int) -> None:
    if not isinstance(payload, str) or len(payload) > most:
        raise PayloadInvalid(problem="is too long, or no text", most=most)
    try:
        json.loads(payload, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise PayloadInvalid(problem="is no JSON, or nested too deeply", most=most) from None


def _no_number(name: str) -> None:
    """NaN and Infinity are no JSON, whatever Python reads."""
    raise ValueError(name)


def _vector(command: AddWork, context: Context) -> Amounts:
    """The amounts in the order of their units, as a reservation will take them."""
    known = ", ".join(RESOURCE_OF)
    if command.provider is not None:
        check_name(command.provider, "provider")
    if command.model is not None:
        check_name(command.model, "model")
    if command.max_output_tokens is not None:
        check_amount(command.max_output_tokens, field="max_output_tokens")
    if command.usd is not None:
        if type(command.usd) is int and command.usd < 0:
            raise AmountNegative(field="usd", given=format_amount(command.usd, USD))
        if command.usd != 0:
            check_amount(command.usd, USD, field="usd")
    if not command.amounts:
        raise VectorInvalid(reason="it is empty", known=known)
    for unit, amount in command.amounts:
        if unit not in RESOURCE_OF:
            raise VectorInvalid(reason=f"{unit_named(unit).name} is no resource that is metered", known=known)
        check_amount(amount, UNITS[unit], field=unit)
        if command.model is not None and RESOURCE_OF[unit][1] is not None:
            tier = tier_of(command.model, context.policy)
            if RESOURCE_OF[unit][1] != tier:
                raise TierDiffers(model=command.model, tier=tier, unit=unit_of_tier(tier), given=unit)
    if len({unit for unit, _ in command.amounts}) < len(command.amounts):
        raise VectorInvalid(reason="it has a resource twice", known=known)
    return tuple(sorted(command.amounts))


def open_waiting(state: State, context: Context, ready: Iterable[Ready]) -> tuple[str, ...]:
    """Open those of these items that wait, and for nothing any more; which these were."""
    opened = []
    for each in ready:
        item = state.get(ITEMS, each.item)
        if item is None or item.state != WAITING or item.after != each.after:
            continue
        if all(item_of(state, name).state == FINISHED for name in item.after):
            # It ages from now on: it could not be had before.
            state.put(ITEMS, item.item, item._replace(state=OPEN, since=max(context.now, item.not_before)))
            count_open(state, item.entity, 1)
            opened.append(item.item)
    return tuple(opened)


def open_ready(state: State, command: OpenWork, context: Context) -> ItemReceipt:
    """Open an item whose waiting is over; anyone may ask. Refuses: UnknownItem, ItemNotWaiting."""
    item = item_of(state, command.item)
    if not open_waiting(state, context, (Ready(command.item, command.after),)):
        raise ItemNotWaiting(item=item.item, state=item.state)
    return receipt_of(item_of(state, command.item))


def withdraw(state: State, command: WithdrawWork, context: Context) -> ItemReceipt:
    """Take an item out of the queue; for its proposer or an operator. What waits for it goes on waiting.

    Refuses: NameInvalid, UnknownItem, NotYourItem, VersionDiffers, ItemBusy.
    """
    check_name(command.reason, "reason", longest=1000)
    item = item_of(state, command.item)
    if context.actor != item.proposer:
        try:
            require_role(state, context, "operator")
        except (RoleNeeded, UnknownActor):
            raise NotYourItem(actor=context.actor, item=item.item) from None
    check_version(f"the item {item.item}", command.version, version_of(item))
    if item.state not in (OPEN, WAITING, DEAD):
        raise ItemBusy(item=item.item, state=item.state)
    gone = item._replace(state=WITHDRAWN, ended_at=context.now, reason=command.reason)
    state.put(ITEMS, item.item, gone)
    count_open(state, item.entity, -1 if item.state == OPEN else 0)
    return receipt_of(gone)


def revive(state: State, command: ReviveWork, context: Context) -> ItemReceipt:
    """Open a dead letter again, with no attempt counted; needs the role operator.

    Refuses: UnknownActor, RoleNeeded, UnknownItem, VersionDiffers, ItemNotDead.
    """
    require_role(state, context, "operator")
    item = item_of(state, command.item)
    check_version(f"the item {item.item}", command.version, version_of(item))
    if item.state != DEAD:
        raise ItemNotDead(item=item.item, state=item.state)
    alive = item._replace(state=OPEN, attempts=0, since=context.now, not_before=context.now, ended_at=None, reason=None)
    state.put(ITEMS, item.item, alive)
    count_open(state, item.entity, 1)
    return receipt_of(alive)
