"""How what was used is settled: pure.

    settle    what was used leaves the budget whatever is left of it; the rest is released, or kept if more is to come
    charge    the same for usage that nobody reserved

What has been used already is always recorded. If the budget does not have it, it goes into debt: less than nothing is
available, so nothing can be reserved, until a grant has repaid it. `admission.py` says what may be reserved,
`limits.py` how the caps count, `grants.py` how budgets are set and return.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from scidex.actors import RoleNeeded, UnknownActor, require_actor, require_role
from scidex.core.machine import State
from scidex.core.units import MAX_AMOUNT, UNITS, USD, format_amount
from scidex.entities import EntityKey, require_entity
from scidex.exchange.resource_allocator import budget_account, spent_account
from scidex.ledger import ACCOUNTS, Account, move, release
from scidex.metering import (
    RESOURCE_OF,
    Price,
    StoreKey,
    UsageEvent,
    check_event,
    meter,
    observe_store,
    unpriced_usd,
)
from scidex.policy import HOUSE, Context
from scidex.senate.budgets.admission import awake, check_seconds
from scidex.senate.budgets.limits import count, limit_keys, note_event, record_events, standing
from scidex.senate.budgets.model import (
    ENTITY,
    EVENTS_MAX,
    RESERVATIONS,
    Amounts,
    BudgetEvent,
    Charge,
    Charged,
    ExpireReservation,
    ExtendReservation,
    LimitKey,
    ObserveStore,
    Reservation,
    ReservationReceipt,
    Settle,
    VoidReservation,
)
from scidex.senate.budgets.refusals import (
    NotYourReservation,
    ReservationEnded,
    ReservationExpired,
    ReservationNotDue,
    ReservationTooOld,
    TooManyEvents,
    UnknownReservation,
    UsageTooLarge,
)


def settle(state: State, command: Settle, context: Context) -> Charged:
    """Move what was used out of the budget, all of it whatever there is, and release the rest of the reservation.

    If more is to come, what is left stays set aside and nothing ends. A reservation that has expired is settled as well
    and noted as late. Where an LLM call has no price, the most that its tier may cost is counted as its cost, and at
    the end no less than the bound of its reservation.
    Refuses: UnknownReservation, NotYourReservation, ReservationEnded, TooManyEvents, UsageTooLarge, UnknownResource,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, NameInvalid, TokensDiffer, TokensMisplaced,
    CachedAboveInput, TimestampInvalid, TimestampInFuture, TimestampTooOld, UsageEventConflict, BalanceTooLarge.
    """
    found = _to_end(state, context, command.reservation)
    if found.state not in ("open", "expired"):
        raise _ended(found)
    events: list[BudgetEvent] = []
    metered = _metered(state, command, context, found.entity, found)
    expired = found.state == "expired"
    if expired or command.more:
        awake(state, context, found.entity)
    # Also by what was reserved before there was a budget in dollars, which is the first to open this account.
    in_usd = state.get(ACCOUNTS, budget_account(found.entity, "usd")) is not None
    charged = metered.charged(in_usd)
    late = expired or context.now >= found.expires_at
    now = found._replace(used=_sum(found.used, charged), used_usd=found.used_usd + metered.usd, late=late)
    if not command.more:
        now = now._replace(state="settled", ended_at=context.now)
    _release(state, found, now)
    debts = spend(state, context, found.entity, charged, events)
    _count(state, context, found.entity, found.actor, metered, _let_go_in_limits(found, now), events)
    state.put(RESERVATIONS, found.reservation, now)
    warnings = record_events(state, events) if events else ()
    return Charged(found.reservation, charged, metered.usd, now.overrun, debts, late, metered.repeated, warnings)


def _sum(before: Amounts, more: Amounts) -> Amounts:
    both = dict(before)
    for unit, amount in more:
        both[unit] = both.get(unit, 0) + amount
    return tuple(sorted(both.items()))


def charge(state: State, command: Charge, context: Context) -> Charged:
    """Record usage that nobody reserved, and take it out of the budget whatever there is.

    Where an LLM call has no price, the most that its tier may cost is counted as its cost.
    Refuses: UnknownEntity, UnknownActor, TooManyEvents, UsageTooLarge, UnknownResource, AmountNotNumber,
    AmountNotPositive, AmountTooLarge, AmountNegative, NameInvalid, TokensDiffer, TokensMisplaced, CachedAboveInput,
    TimestampInvalid, TimestampInFuture, TimestampTooOld, UsageEventConflict, BalanceTooLarge.
    """
    require_entity(state, command.entity)
    if context.actor != HOUSE:
        require_actor(state, context.actor)
    return _charge(state, command, context)


def observe(state: State, command: ObserveStore, context: Context) -> Charged:
    """Charge the GB-hours that a store of the artifact has accrued since it was last observed.

    Refuses: UnknownEntity, UnknownActor, StoreSizeInvalid, NameInvalid, ObservationTooEarly, AmountTooLarge,
    TimestampInvalid, TimestampInFuture, TimestampTooOld, BalanceTooLarge.
    """
    require_entity(state, command.entity)
    if context.actor != HOUSE:
        require_actor(state, context.actor)
    key = StoreKey(command.entity.entity_type, command.entity.entity_id, command.store)
    at = context.now if command.at is None else command.at
    accrued = observe_store(state, context, key=key, size=command.size, at=at)
    return _charge(state, Charge(command.entity, () if accrued is None else (accrued,)), context)


def _charge(state: State, command: Charge, context: Context) -> Charged:
    budget = awake(state, context, command.entity)
    metered = _metered(state, command, context, command.entity, None)
    events: list[BudgetEvent] = []
    charged = metered.charged(budget.usd_binds)
    debts = spend(state, context, command.entity, charged, events)
    _count(state, context, command.entity, context.actor, metered, {}, events)
    warnings = record_events(state, events) if events else ()
    return Charged(None, charged, metered.usd, charged, debts, False, metered.repeated, warnings)


class _Metered(NamedTuple):
    """What the events of a command sum to: parts by unit, and dollars."""

    used: dict[str, int]
    usd: int
    repeated: int

    def charged(self, in_usd: bool) -> Amounts:
        """What leaves the budget, with the dollars if there is a budget in dollars."""
        used = {**self.used, "usd": self.usd} if in_usd and self.usd else self.used
        return tuple(sorted(used.items()))


def _metered(
    state: State, command: Settle | Charge, context: Context, entity: EntityKey, reservation: Reservation | None
) -> _Metered:
    """Write a row of usage for each event that was not recorded before."""
    if len(command.events) > EVENTS_MAX:
        raise TooManyEvents(given=len(command.events), most=EVENTS_MAX)
    prices = iter(command.prices)
    used: dict[str, int] = {}
    usd = repeated = 0
    unpriced = False
    actor, name = (reservation.actor, reservation.reservation) if reservation else (context.actor, None)
    for line, given in enumerate(command.events):
        price = next(prices, None) if given.usd is None else None
        event = check_event(_completed(given, reservation, price), context)
        if not meter(state, context, entity=entity, actor=actor, event=event, line=line, reservation=name):
            repeated += 1
            continue
        used[event.unit] = used.get(event.unit, 0) + event.amount
        if event.usd is not None:
            usd += event.usd
        else:
            usd += unpriced_usd(event.unit, event.amount, context.policy)
            unpriced = unpriced or RESOURCE_OF[event.unit][1] is not None
        if usd > MAX_AMOUNT or used[event.unit] > MAX_AMOUNT:
            raise _too_large(line, event.unit, used[event.unit], usd)
    if unpriced and reservation is not None and not (isinstance(command, Settle) and command.more):
        usd = max(usd, reservation.usd - reservation.used_usd)
    return _Metered(used, usd, repeated)


def _too_large(place: int, unit: str, amount: int, usd: int) -> UsageTooLarge:
    parts, given = (UNITS[unit], amount) if amount > MAX_AMOUNT else (USD, usd)
    return UsageTooLarge(
        place=place, given=format_amount(given, parts), unit=parts.name, largest=format_amount(MAX_AMOUNT, parts)
    )


def _completed(event: UsageEvent, reservation: Reservation | None, price: Price | None) -> UsageEvent:
    """The event with its price, and with what its reservation says of the call."""
    facts: dict[str, Any] = {}
    if price is not None and price.usd is not None:
        facts = {"usd": price.usd, "price_source": price.source}
    if reservation is not None:
        if event.work is None and reservation.work is not None:
            facts["work"] = reservation.work
        if event.model is None and reservation.model is not None and RESOURCE_OF.get(event.unit, ("", None))[1]:
            facts["model"] = reservation.model
        if event.provider is None and reservation.provider is not None:
            facts["provider"] = reservation.provider
    return replace(event, **facts) if facts else event


def spend(state: State, context: Context, entity: EntityKey, used: Amounts, events: list[BudgetEvent]) -> Amounts:
    """Move what was used into the artifact's sink; the units in which its budget is now in debt, and by how much."""
    debts = []
    for unit, amount in used:
        key = budget_account(entity, unit)
        move(state, context, key, spent_account(entity, unit), amount, "used", overdraft=True)
        account = state.get(ACCOUNTS, key) or Account(*key)
        if account.available < 0:
            debts.append((unit, -account.available))
            subject = LimitKey(ENTITY, f"{entity.entity_type}:{entity.entity_id}", unit)
            note_event(events, context, "debt", subject, -account.available)
    return tuple(debts)


def held_in_limits(reservation: Reservation) -> dict[LimitKey, int]:
    """What a reservation still holds in each limit that counts it."""
    if not reservation.counted or reservation.state != "open":
        return {}
    amounts = {**reservation.held, "usd": max(0, reservation.usd - reservation.used_usd)}
    return {key: amounts[key.unit] for key in reservation.counted}


def _let_go_in_limits(before: Reservation, after: Reservation) -> dict[LimitKey, int]:
    kept = held_in_limits(after)
    return {key: held - kept.get(key, 0) for key, held in held_in_limits(before).items()}


def _count(
    state: State,
    context: Context,
    entity: EntityKey,
    actor: str,
    metered: _Metered,
    held: dict[LimitKey, int],
    events: list[BudgetEvent],
) -> None:
    """Count what was used in every limit that applies, and let go of what was held there."""
    used = {**metered.used, "usd": metered.usd} if metered.usd else metered.used
    for key in dict.fromkeys([*held, *limit_keys(entity, actor, used)]):
        limit = standing(state, context, key)
        if limit is not None:
            count(state, context, limit, used=used.get(limit.unit, 0), held=-held.get(key, 0), events=events)


def _release(state: State, before: Reservation, after: Reservation) -> None:
    """Release what a reservation held before and holds no longer."""
    kept = after.held
    for unit, held in before.held.items():
        if held > kept.get(unit, 0):
            release(state, budget_account(before.entity, unit), held - kept.get(unit, 0))


def void(state: State, command: VoidReservation, context: Context) -> ReservationReceipt:
    """Release all of a reservation.

    Refuses: UnknownReservation, NotYourReservation, ReservationExpired, ReservationEnded.
    """
    found = _to_end(state, context, command.reservation)
    _require_open(found)
    return _let_go(state, context, found, "voided")


def extend(state: State, command: ExtendReservation, context: Context) -> ReservationReceipt:
    """Let a reservation run for so many seconds from now, within the longest life that the policy gives it.

    Refuses: DurationInvalid, UnknownReservation, NotYourReservation, ReservationExpired, ReservationEnded,
    ReservationTooOld.
    """
    check_seconds(command.seconds, context)
    found = _to_end(state, context, command.reservation)
    _require_open(found)
    if found.expires_at <= context.now:
        raise ReservationExpired(reservation=found.reservation, expires_at=found.expires_at.isoformat())
    until = context.now + timedelta(seconds=command.seconds)
    latest = found.placed_at + timedelta(seconds=context.policy.reservation_total_s)
    if until > latest:
        raise ReservationTooOld(
            reservation=found.reservation,
            placed_at=found.placed_at.isoformat(),
            latest=latest.isoformat(),
            seconds=max(0, int((latest - context.now).total_seconds())),
        )
    awake(state, context, found.entity)
    extended = found._replace(expires_at=until)
    state.put(RESERVATIONS, found.reservation, extended)
    return _receipt(extended)


def expire(state: State, command: ExpireReservation, context: Context) -> ReservationReceipt:
    """Release a reservation that nobody ended in time; anyone may ask.

    Refuses: UnknownReservation, ReservationExpired, ReservationEnded, ReservationNotDue.
    """
    found = state.get(RESERVATIONS, command.reservation)
    if found is None:
        raise UnknownReservation(reservation=command.reservation)
    _require_open(found)
    if found.expires_at > context.now:
        raise ReservationNotDue(reservation=found.reservation, expires_at=found.expires_at.isoformat())
    return _let_go(state, context, found, "expired")


def _let_go(state: State, context: Context, found: Reservation, how: str) -> ReservationReceipt:
    ended = found._replace(state=how, ended_at=context.now)
    _release(state, found, ended)
    for key, amount in held_in_limits(found).items():
        limit = standing(state, context, key)
        assert limit is not None, key
        count(state, context, limit, used=0, held=-amount, events=[])
    state.put(RESERVATIONS, found.reservation, ended)
    return _receipt(ended)


def _to_end(state: State, context: Context, name: str) -> Reservation:
    """The reservation, if the actor may settle, extend or void it."""
    found = state.get(RESERVATIONS, name)
    if found is None:
        raise UnknownReservation(reservation=name)
    if context.actor not in (found.actor, HOUSE):
        try:
            require_role(state, context, "operator")
        except (RoleNeeded, UnknownActor):
            raise NotYourReservation(actor=context.actor, reservation=name) from None
    return found


def _require_open(found: Reservation) -> None:
    if found.state == "expired":
        raise ReservationExpired(reservation=found.reservation, expires_at=found.expires_at.isoformat())
    if found.state != "open":
        raise _ended(found)


def _ended(found: Reservation) -> ReservationEnded:
    since = found.ended_at.isoformat() if found.ended_at else "?"
    return ReservationEnded(reservation=found.reservation, state=found.state, since=since)


def _receipt(found: Reservation) -> ReservationReceipt:
    return ReservationReceipt(found.reservation, found.state, found.amounts, found.expires_at)
