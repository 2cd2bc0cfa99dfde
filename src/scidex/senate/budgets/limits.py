"""Caps within windows: of the fleet, an actor, a provider, an artifact. All that apply must hold at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from scidex.actors import require_role
from scidex.core.machine import State
from scidex.core.names import NameInvalid, check_name
from scidex.core.units import MAX_AMOUNT, UNITS, check_amount, format_amount
from scidex.entities import EntityKey
from scidex.policy import Context, Policy
from scidex.senate.budgets.model import (
    ACTOR,
    BUDGET_EVENTS,
    BUDGET_UNITS,
    DAY,
    ENTITY,
    FLEET,
    LIMITS,
    PROVIDER,
    SCOPES,
    SECOND,
    TOTAL,
    WINDOWS,
    BudgetEvent,
    BudgetEventKey,
    Limit,
    LimitKey,
    LimitSet,
    OverrideLimit,
    SetLimit,
    window_end,
)
from scidex.senate.budgets.refusals import (
    DailyCapReached,
    LimitInvalid,
    LimitReached,
    OverrideNeedsReason,
    ProviderRateReached,
    UnknownLimit,
)

FLEET_USD = LimitKey(FLEET, "", "usd")
"""The daily cap in dollars: it is there from the start, by policy."""
_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)


def limit_keys(entity: EntityKey, actor: str, units: Iterable[str]) -> list[LimitKey]:
    """The limits that may apply to what an actor uses for an artifact, unit by unit."""
    subject = f"{entity[0]}:{entity[1]}"
    keys: list[Any] = []
    for unit in units:
        # Bare tuples, which are equal to the keys: most of them are only looked for, and this is the hot path.
        keys += ((FLEET, "", unit), (ACTOR, actor, unit), (ENTITY, subject, unit))
    return keys


def rate_key(provider: str) -> LimitKey:
    """The limit on calls per second to a provider; its name counts in small letters."""
    return LimitKey(PROVIDER, provider.lower(), "api_calls")


def cap_of(limit: Limit, policy: Policy) -> int | None:
    """The cap in force, in parts, or None where there is none."""
    if limit.override_cap is not None:
        return limit.override_cap
    if limit.cap is not None:
        return limit.cap
    if limit.scope == PROVIDER:
        return policy.provider_calls_per_s.get(limit.subject, policy.other_calls_per_s)
    return int(policy.daily_usd * 1_000_000) if limit[:3] == FLEET_USD else None


def window_start(window: str, now: datetime) -> datetime:
    """When the window that `now` is in began: midnight UTC, the full second, or for a total now."""
    if window == DAY:
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    return now.replace(microsecond=0) if window == SECOND else now


def rolled(limit: Limit, now: datetime, policy: Policy) -> Limit:
    """The limit in the window of `now`: a new window has used nothing, and holds what is still in flight.

    A window that begins after `now` was begun by a server whose clock is ahead of this one's. Within the policy's
    tolerance for clocks both count in it, so that the two do not begin it anew in turn. From further ahead it comes
    back to the window of `now` with what was counted: otherwise it would not end before that clock's day.
    """
    begun = limit.window_started_at
    if limit.window == TOTAL or begun <= now < begun + (_DAY if limit.window == DAY else _SECOND):
        return limit
    started_at = window_start(limit.window, now)
    if begun > now:
        ahead = begun - now > timedelta(seconds=policy.usage_future_s)
        return limit._replace(window_started_at=started_at) if ahead else limit
    return limit._replace(used=0, window_started_at=started_at, warned=False, override_cap=None)


def standing(state: State, context: Context, key: LimitKey) -> Limit | None:
    """The limit as it stands now, also one that only the policy knows, or None where there is none."""
    found = state.get(LIMITS, key)
    if found is not None:
        return rolled(found, context.now, context.policy)
    if key == FLEET_USD:
        return Limit(*key, DAY, None, 0, 0, window_start(DAY, context.now))
    if key[0] == PROVIDER:
        return Limit(*key, SECOND, None, 0, 0, window_start(SECOND, context.now))
    return None


def require_room(limit: Limit, amount: int, context: Context, fits: Callable[[], str]) -> None:
    """Pass if `amount` more parts are within the cap; `fits` says what would be.

    Refuses: DailyCapReached, LimitReached.
    """
    cap = cap_of(limit, context.policy)
    if cap is not None and limit.used + limit.held + amount > cap:
        raise _refusal(limit, cap, amount, fits())


def count(state: State, context: Context, limit: Limit, *, used: int, held: int, events: list[BudgetEvent]) -> None:
    """Add to what a limit, as it stands now, has used and holds, in parts, whatever its cap.

    What was used is counted up to the largest amount there is, which is as much as any cap. To reach the policy's share
    of the cap is an event, once in a window.
    """
    new_used, new_held, warned = min(limit.used + used, MAX_AMOUNT), limit.held + held, limit.warned
    if not warned and used + held > 0:
        cap = cap_of(limit, context.policy)
        if cap is not None and new_used + new_held >= context.policy.daily_usd_warn * cap:
            warned = True
            note_event(events, context, "warning", limit.key, new_used + new_held, cap=cap)
    scope, subject, unit, window, own_cap, _, _, started_at, _, override_cap = limit
    counted = Limit(scope, subject, unit, window, own_cap, new_used, new_held, started_at, warned, override_cap)
    state.put(LIMITS, LimitKey(scope, subject, unit), counted)


def count_calls(state: State, context: Context, provider: str, calls: int, fits: Callable[[], str]) -> None:
    """Let `calls` go to a provider in this second. More than fit into any second are refused for good.

    Refuses: ProviderRateReached, LimitReached, DailyCapReached.
    """
    key = rate_key(provider)
    limit = standing(state, context, key)
    assert limit is not None
    cap = cap_of(limit, context.policy)
    assert cap is not None
    if calls > cap:
        raise _refusal(limit, cap, calls, fits())
    if limit.used + calls > cap:
        free_at = window_end(SECOND, limit.window_started_at)
        assert free_at is not None
        raise ProviderRateReached(provider=key.subject, calls_per_s=cap, needed=calls, free_at=free_at.isoformat())
    state.put(LIMITS, key, limit._replace(used=limit.used + calls))


def room_in(state: State, context: Context, key: LimitKey) -> int | None:
    """What a limit has left, in parts; None where nothing limits."""
    limit = standing(state, context, key)
    cap = cap_of(limit, context.policy) if limit is not None else None
    if limit is None or cap is None:
        return None
    return max(0, cap if limit.window == SECOND else cap - limit.used - limit.held)


def note_event(
    events: list[BudgetEvent],
    context: Context,
    sort: str,
    key: LimitKey,
    amount: int,
    *,
    cap: int | None = None,
    note: str | None = None,
) -> None:
    """Add an event to those of this command."""
    events.append(BudgetEvent(context.number, len(events), context.now, sort, *key, amount, cap, note))


def record_events(state: State, events: list[BudgetEvent]) -> tuple[str, ...]:
    """Write the events of a command down; its warnings in words."""
    for event in events:
        state.put(BUDGET_EVENTS, BudgetEventKey(event.number, event.line), event)
    return tuple(_in_words(event) for event in events if event.sort == "warning")


def _in_words(event: BudgetEvent) -> str:
    unit = UNITS[event.unit]
    reached, cap = format_amount(event.amount, unit), format_amount(event.cap or 0, unit)
    return f"{_whom(event.scope, event.subject)} has used or reserved {reached} {event.unit} of {cap}"


def _whom(scope: str, subject: str) -> str:
    if scope == ENTITY:
        entity_type, _, entity_id = subject.partition(":")
        return f"{entity_type} {entity_id!r}"
    return "the fleet" if scope == FLEET else f"{scope} {subject!r}"


def _refusal(limit: Limit, cap: int, asked: int, fits: str) -> DailyCapReached | LimitReached:
    unit = UNITS[limit.unit]
    counted = 0 if limit.window == SECOND else limit.used + limit.held
    available = max(0, cap - counted)
    needed, short = format_amount(asked, unit), format_amount(counted + asked - cap, unit)
    left, whom = format_amount(available, unit), _whom(limit.scope, limit.subject)
    resets_at = window_end(limit.window, limit.window_started_at)
    if limit.window == DAY and resets_at is not None:
        return DailyCapReached(
            cap=f"daily cap of {format_amount(cap, unit)}",
            whom=whom,
            available=left,
            unit=unit.name,
            needed=needed,
            short=short,
            resets_at=resets_at.isoformat(),
            fits=fits,
        )
    return LimitReached(
        cap=f"limit of {format_amount(cap, unit)}{' per second' if limit.window == SECOND else ''}",
        whom=whom,
        available=left,
        unit=unit.name,
        needed=needed,
        short=short,
        resets_at="every second" if limit.window == SECOND else "never by itself",
        fits=fits,
    )


def set_limit(state: State, command: SetLimit, context: Context) -> LimitSet:
    """Cap what is used within a window; what was used and is held stays counted, also in a window of another sort.

    Refuses: LimitInvalid, AmountNotNumber, AmountNotPositive, AmountTooLarge, RoleNeeded, UnknownActor.
    """
    key = _checked_key(command.scope, command.subject, command.unit)
    wanted = SECOND if key.scope == PROVIDER else DAY if key == FLEET_USD else command.window
    if command.window not in WINDOWS or command.window != wanted or (wanted == SECOND) != (key.scope == PROVIDER):
        raise _invalid(f"{command.window!r} cannot be the window of {key}")
    if command.cap != 0 and command.cap is not None:
        check_amount(command.cap, UNITS[key.unit], field="cap")
    require_role(state, context, "operator")
    before = state.get(LIMITS, key)
    if before is None:
        before = Limit(*key, command.window, None, 0, 0, window_start(command.window, context.now))
    limit = rolled(before, context.now, context.policy)._replace(cap=command.cap, warned=False, override_cap=None)
    if limit.window != command.window:
        started_at = window_start(command.window, context.now)
        limit = limit._replace(window=command.window, window_started_at=started_at)
    state.put(LIMITS, key, limit)
    return receipt_of(limit, context.policy)


def override(state: State, command: OverrideLimit, context: Context) -> LimitSet:
    """Put another cap in the place of a daily one until midnight UTC; recorded with who did it and why.

    Refuses: LimitInvalid, AmountNotNumber, AmountNotPositive, AmountTooLarge, OverrideNeedsReason, RoleNeeded,
    UnknownActor, UnknownLimit.
    """
    key = _checked_key(command.scope, command.subject, command.unit)
    if command.cap != 0:
        check_amount(command.cap, UNITS[key.unit], field="cap")
    try:
        check_name(command.reason, "reason", longest=1000)
    except NameInvalid:
        raise OverrideNeedsReason() from None
    require_role(state, context, "operator")
    limit = standing(state, context, key)
    if limit is None or limit.window != DAY:
        raise UnknownLimit(limit=str(key))
    limit = limit._replace(override_cap=command.cap, warned=False)
    state.put(LIMITS, key, limit)
    events: list[BudgetEvent] = []
    note_event(
        events, context, "override", key, limit.used + limit.held, cap=command.cap,
        note=f"{context.actor}: {command.reason}",
    )  # fmt: skip
    record_events(state, events)
    return receipt_of(limit, context.policy)


def _checked_key(scope: str, subject: str, unit: str) -> LimitKey:
    if scope not in SCOPES:
        raise _invalid(f"{scope!r} is no scope")
    if unit not in BUDGET_UNITS or (scope == PROVIDER and unit != "api_calls"):
        raise _invalid(f"{unit!r} cannot be limited for {scope}")
    if scope == FLEET:
        if subject != "":
            raise _invalid("the fleet has no subject")
        return LimitKey(FLEET, "", unit)
    try:
        check_name(subject, "subject", longest=401)
    except NameInvalid:
        raise _invalid(f"{str(subject)[:40]!r} is no subject") from None
    if scope == ENTITY and ":" not in subject:
        raise _invalid(f"{subject!r} is no artifact, which is written type:id")
    return rate_key(subject) if scope == PROVIDER else LimitKey(scope, subject, unit)


def _invalid(reason: str) -> LimitInvalid:
    return LimitInvalid(reason=reason, scopes=", ".join(SCOPES), windows=", ".join(WINDOWS))


def receipt_of(limit: Limit, policy: Policy) -> LimitSet:
    """A limit as people see it, with the cap in force."""
    resets_at = window_end(limit.window, limit.window_started_at)
    cap = cap_of(limit, policy)
    return LimitSet(*limit.key, limit.window, cap, limit.used, limit.held, resets_at)
