"""How what may be used is reserved: every resource of the vector within its budget and every cap, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from scidex.actors import require_actor
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import UNITS, USD, AmountNegative, brief, check_amount, format_amount, unit_named
from scidex.entities import EntityKey, UnknownEntity
from scidex.exchange.resource_allocator import BudgetExhausted, budget_account
from scidex.ledger import ACCOUNTS, DurationInvalid, set_aside
from scidex.metering import RESOURCE_OF, PriceUnknown, tier_of, unit_of_tier, unpriced_usd
from scidex.policy import HOUSE, Context
from scidex.senate.budgets.limits import (
    count,
    count_calls,
    limit_keys,
    rate_key,
    record_events,
    require_room,
    room_in,
    standing,
)
from scidex.senate.budgets.model import (
    BUDGETS,
    RESERVATIONS,
    Amounts,
    Budget,
    BudgetEvent,
    Limit,
    Reservation,
    Reserve,
    Reserved,
)
from scidex.senate.budgets.refusals import NoBudget, TierDiffers, VectorInvalid

STALE_S = 3600
"""How old the mark of an artifact's last use may grow before it is written again, in seconds."""


def reserve(state: State, command: Reserve, context: Context) -> Reserved:
    """Set a vector of resources aside: all of it within the budget and every cap, or none.

    What is short first, in the order of the units, is named. Refuses: DurationInvalid, VectorInvalid, UnknownUnit,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, NameInvalid, UnknownModel, TierDiffers,
    UnknownActor, UnknownEntity, PriceUnknown, NoBudget, BudgetExhausted, DailyCapReached, LimitReached,
    ProviderRateReached.
    """
    check_seconds(command.seconds, context)
    _check_names(command)
    entity = command.entity
    require_own_accounts(entity)
    if context.actor != HOUSE:
        require_actor(state, context.actor)
    amounts = _vector(command)
    if command.model is not None:
        _check_tier(command.model, amounts, context)
    budget = awake(state, context, entity)
    usd = _bound(command, amounts, budget, context)
    if budget.usd_binds:
        amounts = (*amounts, ("usd", usd))
    elif not amounts:
        raise VectorInvalid(reason="it is empty", known=", ".join(RESOURCE_OF))
    limits = _require_all(state, command, context, amounts, usd)
    # Nothing is short: from here on nothing is refused.
    events: list[BudgetEvent] = []
    for limit, amount in limits:
        count(state, context, limit, used=0, held=amount, events=events)
    for unit, amount in amounts:
        set_aside(state, budget_account(entity, unit), amount)
    estimate = command.estimate
    cap = estimate.max_output_tokens if estimate is not None else command.max_output_tokens
    reservation = Reservation(
        f"r{context.number}",
        entity,
        context.actor,
        amounts,
        usd,
        tuple(limit.key for limit, _ in limits),
        command.model,
        command.provider,
        command.work,
        cap,
        estimate is not None,
        "open",
        False,
        context.now,
        context.now + timedelta(seconds=command.seconds),
    )
    state.put(RESERVATIONS, reservation.reservation, reservation)
    warnings = record_events(state, events) if events else ()
    return Reserved(reservation.reservation, amounts, usd, cap, estimate is not None, reservation.expires_at, warnings)


def _require_all(
    state: State, command: Reserve, context: Context, amounts: Amounts, usd: int
) -> list[tuple[Limit, int]]:
    """See that everything is within the budget and every cap; the limits that are to count it, with how much."""
    entity, asked = command.entity, amounts
    # An LLM call meets the caps in dollars whatever its caller says that it costs, and where nobody knows that it costs
    # nothing it is not let in once they are reached.
    call = any(RESOURCE_OF[unit][1] for unit, _ in amounts if unit != "usd")
    least_usd = max(usd, 1) if call and command.bound != 0 else usd
    if (usd or call) and amounts[-1:] != (("usd", usd),):
        asked = (*amounts, ("usd", usd))

    def fits() -> str:
        return _fits(state, context, entity, asked, len(amounts), command.provider)

    limits: list[tuple[Limit, int]] = []
    for place, (unit, amount) in enumerate(asked):
        needed = amount if unit != "usd" else least_usd
        if place < len(amounts):
            _require_available(state, entity, unit, needed, fits)
        for key in limit_keys(entity, context.actor, (unit,)):
            limit = standing(state, context, key)
            if limit is not None:
                require_room(limit, needed, context, fits)
                limits.append((limit, amount))
    if command.provider is not None:
        for unit, amount in amounts:
            if unit == "api_calls":
                count_calls(state, context, command.provider, amount, fits)
    return limits


def require_own_accounts(entity: EntityKey) -> None:
    """Pass if the names of the artifact's accounts can be no other's: a colon parts type and id there.

    No type with a colon is registered, and only what is registered is granted anything, so whoever has an account that
    passes here is registered. Refuses: UnknownEntity.
    """
    if ":" in entity.entity_type:
        raise UnknownEntity(entity_type=entity.entity_type, entity_id=entity.entity_id)


def check_seconds(seconds: int, context: Context) -> None:
    """Pass if a reservation may run so long. Refuses: DurationInvalid."""
    longest = min(context.policy.reservation_longest_s, context.policy.reservation_total_s)
    if type(seconds) is not int or not 1 <= seconds <= longest:
        raise DurationInvalid(field="the life of the reservation", given=brief(seconds), longest=longest)


def _check_names(command: Reserve) -> None:
    if command.model is not None:
        check_name(command.model, "model")
    if command.provider is not None:
        check_name(command.provider, "provider")
    if command.work is not None:
        check_name(command.work, "work")


def _vector(command: Reserve) -> Amounts:
    """The amounts asked for, with the estimate among them, in the order of the units."""
    amounts = command.amounts
    if command.estimate is not None:
        amounts = (*amounts, (command.estimate.unit, command.estimate.tokens))
    if command.max_output_tokens is not None:
        check_amount(command.max_output_tokens, field="max_output_tokens")
    if command.input_tokens is not None and command.input_tokens != 0:
        check_amount(command.input_tokens, field="input_tokens")
    for unit, amount in amounts:
        if unit not in RESOURCE_OF:
            reason = f"{unit_named(unit).name} is no resource that is metered"
            raise VectorInvalid(reason=reason, known=", ".join(RESOURCE_OF))
        check_amount(amount, UNITS[unit], field=unit)
    if len(amounts) > 1:
        if len({unit for unit, _ in amounts}) < len(amounts):
            raise VectorInvalid(reason="it has a resource twice", known=", ".join(RESOURCE_OF))
        amounts = tuple(sorted(amounts))
    return amounts


def _check_tier(model: str, amounts: Amounts, context: Context) -> None:
    """A dear model is not reserved out of a cheap tier's budget. Refuses: UnknownModel, TierDiffers."""
    for unit, _ in amounts:
        if RESOURCE_OF[unit][1] is not None:
            tier = tier_of(model, context.policy)
            if RESOURCE_OF[unit][1] != tier:
                raise TierDiffers(model=model, tier=tier, unit=unit_of_tier(tier), given=unit)


def _bound(command: Reserve, amounts: Amounts, budget: Budget, context: Context) -> int:
    """The most that the work may cost, in parts of a dollar: as stated, but not below what the prices say, or as the
    prices or, without a model, the tier say."""
    usd = command.usd if command.usd is not None else command.bound
    if usd is not None:
        if type(usd) is int and command.bound is not None:
            usd = max(usd, command.bound) if usd >= 0 else usd
        if type(usd) is int and usd < 0:
            raise AmountNegative(field="usd", given=format_amount(usd, USD))
        return check_amount(usd, USD, field="usd") if usd != 0 else 0
    if not any(RESOURCE_OF[unit][1] for unit, _ in amounts):
        return 0
    policy = context.policy
    if command.model is None and policy.unknown_price == "refuse":
        return sum(unpriced_usd(unit, amount, policy) for unit, amount in amounts)
    # Where dollars are budgeted, or a model is named whose price nobody knows, the check cannot run: the answer is no.
    if budget.usd_binds or policy.unknown_price == "refuse":
        raise PriceUnknown(model=command.model)
    return 0


def awake(state: State, context: Context, entity: EntityKey) -> Budget:
    """The artifact's budget row, with its last use noted and any notice taken back."""
    found = state.get(BUDGETS, entity)
    if found is None:
        hours = context.policy.storage_budget_hours
        found = Budget(entity, None, (), hours, None, None, None, None, context.now, 0, context.now)
    elif found.noticed_at is not None or (context.now - found.used_at).total_seconds() >= STALE_S:
        found = found._replace(used_at=context.now, noticed_at=None)
    else:
        return found
    state.put(BUDGETS, entity, found)
    return found


def _require_available(state: State, entity: EntityKey, unit: str, amount: int, fits: Callable[[], str]) -> None:
    account = state.get(ACCOUNTS, budget_account(entity, unit))
    parts = UNITS[unit]
    if account is None:
        raise NoBudget(whom=named(entity), unit=unit, needed=format_amount(amount, parts))
    available = account.balance - account.held
    if available < amount:
        raise BudgetExhausted(
            cap="budget",
            whom=named(entity),
            available=format_amount(available, parts),
            unit=unit,
            needed=format_amount(amount, parts),
            short=format_amount(amount - available, parts),
            fits=fits(),
            resets_at="its next grant",
        )


def _fits(
    state: State, context: Context, entity: EntityKey, asked: Amounts, budgeted: int, provider: str | None
) -> str:
    """What could be reserved now of each resource that was asked for; the first `budgeted` come out of the budget."""
    found = []
    for place, (unit, amount) in enumerate(asked):
        keys = limit_keys(entity, context.actor, (unit,))
        if provider is not None and unit == "api_calls":
            keys.append(rate_key(provider))
        rooms = [room for key in keys if (room := room_in(state, context, key)) is not None]
        if place < budgeted:
            account = state.get(ACCOUNTS, budget_account(entity, unit))
            rooms.append(max(0, account.available) if account is not None else 0)
        found.append(f"{format_amount(min(rooms, default=amount), UNITS[unit])} {unit}")
    return ", ".join(found)


def named(entity: EntityKey) -> str:
    """An artifact as a refusal writes it."""
    return f"{entity.entity_type} {entity.entity_id!r}"
