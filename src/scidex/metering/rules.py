"""What counts as usage and how it is recorded: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scidex.core.clock import microseconds
from scidex.core.errors import Refusal
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import UNITS, USD, AmountNegative, Unit, check_amount, format_amount
from scidex.entities import EntityKey
from scidex.metering.model import (
    EVENTS,
    RESOURCE_OF,
    STORE_BYTES_MAX,
    STORES,
    USAGE,
    CachedAboveInput,
    EventKey,
    EventRow,
    ObservationTooEarly,
    Price,
    PriceUnknown,
    StoreKey,
    StoreRow,
    StoreSizeInvalid,
    TimestampInFuture,
    TimestampInvalid,
    TimestampTooOld,
    TokensDiffer,
    TokensMisplaced,
    UnknownResource,
    UsageEvent,
    UsageEventConflict,
    UsageKey,
    UsageLine,
    UsageRow,
)
from scidex.policy import Context, Policy

_PART = 3600 * 10**9
"""Bytes times microseconds in one part of a GB-hour: 10^9 bytes for 3600 s are 10^6 parts."""


def check_event(event: UsageEvent, context: Context) -> UsageEvent:
    """The event itself if it can be recorded; a price without a source is marked as given.

    Refuses: UnknownResource, AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, NameInvalid,
    TokensDiffer, TokensMisplaced, CachedAboveInput, TimestampInvalid, TimestampInFuture, TimestampTooOld.
    """
    if event.unit not in RESOURCE_OF:
        raise UnknownResource(unit=event.unit, known=", ".join(RESOURCE_OF))
    check_amount(event.amount, UNITS[event.unit])
    if event.used_at is not None:
        check_time(event.used_at, context)
    _check_tokens(event)
    _check_names(event)
    if event.usd is None:
        return event if event.price_source is None else replace(event, price_source=None)
    _check_parts(event.usd, USD, "usd")
    return event if event.price_source is not None else replace(event, price_source="given")


def check_time(used_at: datetime, context: Context) -> datetime:
    """The moment itself if usage of then is taken now.

    Refuses: TimestampInvalid, TimestampInFuture, TimestampTooOld.
    """
    if not isinstance(used_at, datetime) or used_at.tzinfo is None:
        raise TimestampInvalid(given=str(used_at)[:40])
    most_s, most_days = context.policy.usage_future_s, context.policy.usage_oldest_days
    ahead = used_at - context.now
    if ahead > timedelta(seconds=most_s):
        raise TimestampInFuture(used_at=used_at.isoformat(), skew_s=round(ahead.total_seconds(), 3), most_s=most_s)
    if ahead < timedelta(days=-most_days):
        raise TimestampTooOld(used_at=used_at.isoformat(), most_days=most_days)
    return used_at


def _check_tokens(event: UsageEvent) -> None:
    given, returned = event.input_tokens, event.output_tokens
    read, written = event.cached_tokens, event.cache_write_tokens
    if given is None and returned is None and read is None and written is None:
        return
    if RESOURCE_OF[event.unit][1] is None:
        raise TokensMisplaced(unit=event.unit)
    if given is None or returned is None:
        raise TokensDiffer(input_tokens=given, output_tokens=returned, amount=event.amount)
    unit = UNITS[event.unit]
    _check_parts(given, unit, "input_tokens")
    _check_parts(returned, unit, "output_tokens")
    if given + returned != event.amount:
        raise TokensDiffer(input_tokens=given, output_tokens=returned, amount=event.amount)
    if read is not None:
        _check_parts(read, unit, "cached_tokens")
    if written is not None:
        _check_parts(written, unit, "cache_write_tokens")
    cached = (read or 0) + (written or 0)
    if cached > given:
        raise CachedAboveInput(cached=cached, input_tokens=given)


def _check_parts(parts: int, unit: Unit, field: str) -> None:
    """An amount that may be nothing."""
    if type(parts) is int and parts <= 0:
        if parts:
            raise AmountNegative(field=field, given=format_amount(parts, unit))
        return
    check_amount(parts, unit, field=field)


def _check_names(event: UsageEvent) -> None:
    check_name(event.source, "source")
    if event.event is not None:
        check_name(event.event, "event")
    if event.model is not None:
        check_name(event.model, "model")
    if event.provider is not None:
        check_name(event.provider, "provider")
    if event.price_source is not None:
        check_name(event.price_source, "price_source")
    if event.work is not None:
        check_name(event.work, "work")
    if event.context is not None:
        check_name(event.context, "context", longest=1000)


def meter(
    state: State,
    context: Context,
    *,
    entity: EntityKey,
    actor: str,
    event: UsageEvent,
    line: int,
    reservation: str | None = None,
) -> bool:
    """Record a checked event as row `line` of this command; False, and nothing is written, if its id counted before.

    The ids of the events must have been loaded (`EVENTS` in the kind's touches). Refuses: UsageEventConflict.
    """
    if event.event is not None:
        key, given = EventKey(actor, event.event, event.unit), EventRow(context.number, event.amount, entity)
        counted = state.get(EVENTS, key)
        if counted is not None:
            require_repetition(key, counted, given)
            return False
        state.put(EVENTS, key, given)
    resource, tier = RESOURCE_OF[event.unit]
    row = UsageRow(
        context.number,
        line,
        context.now,
        entity,
        actor,
        reservation,
        event.unit,
        event.amount,
        context.now if event.used_at is None else event.used_at,
        event.event,
        event.model,
        event.provider,
        event.input_tokens,
        event.output_tokens,
        event.cached_tokens,
        event.cache_write_tokens,
        event.usd,
        event.price_source,
        event.work,
        event.context,
        event.source,
        resource,
        tier,
    )
    state.put(USAGE, UsageKey(context.number, line), row)
    return True


def require_repetition(key: EventKey, counted: EventRow, given: EventRow) -> None:
    """Pass if an event whose id has counted says what it said then. Refuses: UsageEventConflict."""
    if counted[1:] != given[1:]:
        unit = UNITS[key.unit]
        raise UsageEventConflict(
            actor=key.actor,
            event=key.event,
            unit=key.unit,
            counted=format_amount(counted.amount, unit),
            counted_for=str(counted.entity),
            given=format_amount(given.amount, unit),
            given_for=str(given.entity),
        )


Counted = Callable[[list[EventKey]], Mapping[EventKey, EventRow]]
"""Of these ids those that have counted before, with what they counted."""


def first_of_each(lines: Sequence[UsageLine], counted: Counted) -> tuple[list[int], list[tuple[int, Refusal]]]:
    """The places of the lines that count: without those whose event counted before, or in a line before; and the lines
    that say something else under an event's id than was counted, with their refusals."""
    keys = [None if line.event is None else EventKey(line.actor, line.event, line.unit) for line in lines]
    asked = [key for key in keys if key is not None]
    before = counted(asked) if asked else {}
    seen: dict[EventKey, int] = {}
    first, refused = [], []
    for place, key in enumerate(keys):
        if key is not None and (key in before or key in seen):
            try:
                require_repetition(key, before.get(key) or _as_counted(lines[seen[key]]), _as_counted(lines[place]))
            except Refusal as refusal:
                refused.append((place, refusal))
            continue
        if key is not None:
            seen[key] = place
        first.append(place)
    return first, refused


def _as_counted(line: UsageLine) -> EventRow:
    return EventRow(0, line.amount, EntityKey(line.entity_type, line.entity_id))


def storage_accrued(size: int, since: datetime, until: datetime, remainder: int = 0) -> tuple[int, int]:
    """What storing `size` bytes adds up to, in parts of a GB-hour (GB = 10^9 bytes), and the rest for the next time.

    The rest is in byte-microseconds below one part, so any split of a span sums to the same.

    >>> from datetime import UTC
    >>> dawn = datetime(2026, 1, 1, tzinfo=UTC)
    >>> storage_accrued(10**9, dawn, dawn + timedelta(hours=1))
    (1000000, 0)
    >>> storage_accrued(1, dawn, dawn + timedelta(hours=1))
    (0, 3600000000)
    """
    return divmod(size * (microseconds(until) - microseconds(since)) + remainder, _PART)


def observe_store(
    state: State, context: Context, *, key: StoreKey, size: int | None, at: datetime
) -> UsageEvent | None:
    """Note the bytes that are stored from `at` on, the same as before if None, and what has accrued until then.

    The first observation accrues nothing; None where less than one part has accrued. What comes back is to be charged
    and metered by the caller.
    Refuses: StoreSizeInvalid, NameInvalid, ObservationTooEarly, AmountTooLarge, TimestampInvalid, TimestampInFuture,
    TimestampTooOld.
    """
    check_name(key.store, "store")
    check_time(at, context)
    before = state.get(STORES, key)
    if size is None:
        size = 0 if before is None else before.size
    if type(size) is not int or not 0 <= size <= STORE_BYTES_MAX:
        raise StoreSizeInvalid(given=str(size)[:40], most=STORE_BYTES_MAX)
    if before is None:
        state.put(STORES, key, StoreRow(*key, size, at, 0))
        return None
    if at < before.since:
        raise ObservationTooEarly(store=key.store, since=before.since.isoformat(), at=at.isoformat())
    accrued, remainder = storage_accrued(before.size, before.since, at, before.remainder)
    state.put(STORES, key, StoreRow(*key, size, at, remainder))
    if not accrued:
        return None
    check_amount(accrued, UNITS["storage_gb_hours"])
    return UsageEvent("storage_gb_hours", accrued, at, context=key.store, source="storage")


def require_price(price: Price, *, model: str | None, context: Context) -> int:
    """The price in parts of a dollar; 0 where nobody knows it and the policy leaves such calls uncounted.

    Refuses: PriceUnknown.
    """
    if price.usd is not None:
        return price.usd
    if context.policy.unknown_price == "refuse":
        raise PriceUnknown(model=model)
    return 0


def unpriced_usd(unit: str, amount: int, policy: Policy) -> int:
    """The most that LLM tokens without a price can have cost by their tier, in parts of a dollar, rounded up.

    0 for other units, and where the policy leaves unknown prices uncounted.

    >>> unpriced_usd("llm_standard", 1, Policy()), unpriced_usd("llm_batch", 3, Policy())
    (15, 23)
    >>> unpriced_usd("cpu_seconds", 1000, Policy())
    0
    """
    tier = RESOURCE_OF[unit][1]
    if tier is None or policy.unknown_price == "uncounted":
        return 0
    # Dollars per million tokens are parts of a dollar per token.
    rates = policy.tier_usd_per_million
    numerator, denominator = rates.get(tier, max(rates.values())).as_integer_ratio()
    return -(-amount * numerator // denominator)
