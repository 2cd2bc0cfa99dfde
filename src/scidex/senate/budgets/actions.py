"""What a caller can do with budgets. `to_reserve`, `to_settle` and `to_charge` make the commands for batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median_high
from typing import Any, NamedTuple

from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request, perform, perform_one
from scidex.entities import EntityKey
from scidex.metering import (
    RESOURCE_OF,
    LineLeftOut,
    Price,
    UsageEvent,
    UsageLine,
    bound_of,
    calls_needed,
    find_intake,
    prepare_intake,
    price_of,
    tier_of,
    tier_of_unit,
    unit_of_tier,
    write_intake,
)
from scidex.policy import Policy, current
from scidex.senate.budgets.intake import Taken
from scidex.senate.budgets.model import (
    BudgetSet,
    Charge,
    Charged,
    Estimate,
    ExpireReservation,
    ExtendReservation,
    GiveNotice,
    IdleReceipt,
    LimitSet,
    ObserveStore,
    OverrideLimit,
    ReservationReceipt,
    Reserve,
    Reserved,
    ReturnGrant,
    SetBudget,
    SetLimit,
    Settle,
    VoidReservation,
)
from scidex.senate.budgets.store import calls_of, due_reservations, find_idle

SECONDS = 600
"""How long a reservation runs whose caller does not say."""


def to_reserve(
    tx: Tx,
    *,
    entity: EntityKey,
    amounts: Mapping[str, int],
    seconds: int = SECONDS,
    usd: int | None = None,
    model: str | None = None,
    provider: str | None = None,
    work: str | None = None,
    input_tokens: int | None = None,
    max_output_tokens: int | None = None,
) -> Reserve:
    """The command, with what a call of this model is taken to need and the most that it can cost.

    LLM tokens among the amounts are the bound. Else input and most output tokens are; what is missing of them is what
    such calls have needed so far, or where few are known the policy's first guess. Refuses: UnknownModel.
    """
    vector = tuple(sorted(amounts.items()))
    tokens = sum(amount for unit, amount in vector if _is_llm(unit))
    estimate = None
    if model is not None and not tokens:
        policy, _ = current(tx)
        unit = unit_of_tier(tier_of(model, policy))
        if input_tokens is not None and max_output_tokens is not None:
            vector = tuple(sorted({**amounts, unit: input_tokens + max_output_tokens}.items()))
            tokens = input_tokens + max_output_tokens
        else:
            estimate = _estimate(tx, policy, model, unit, input_tokens, max_output_tokens)
            tokens = estimate.tokens
    elif tokens and max_output_tokens is None and input_tokens is not None and input_tokens < tokens:
        max_output_tokens = tokens - input_tokens
    bound = None
    if model is not None and tokens:
        output = estimate.max_output_tokens if estimate is not None else max_output_tokens
        if output is None and input_tokens == tokens:
            output = 0  # all of it is input, as of an embedding, whose output has no price
        bound = _bound(tx, current(tx)[0], model, provider, tokens, output)
    return Reserve(
        entity, vector, seconds, usd, model, provider, work, max_output_tokens, estimate, bound, input_tokens
    )


def _is_llm(unit: str) -> bool:
    return RESOURCE_OF.get(unit, ("", None))[1] is not None


def _estimate(
    tx: Tx, policy: Policy, model: str, unit: str, input_tokens: int | None, max_output_tokens: int | None
) -> Estimate:
    """What the actor's own calls of the model have needed; else the median of what those of others have, but no more
    than the policy's first guess; and where few are known that guess: so nobody's reports make the estimates of others.
    """
    known = calls_needed(tx, model, unit=unit, calls=policy.estimate_calls, quantile=policy.estimate_quantile)
    first = policy.first_call_tokens[tier_of_unit(unit) or "standard"]
    if tx.actor in known:
        output, total = known[tx.actor]
    elif len(known) >= policy.estimate_actors:
        output, total = (min(median_high(needed), first) for needed in zip(*known.values(), strict=True))
    else:
        output, total = first, first
    if input_tokens is not None:
        total = input_tokens + output
    if max_output_tokens is not None:
        # What is not output is input, and the output has a bound of its own.
        return Estimate(unit, max(total - output, 0) + max_output_tokens, max_output_tokens)
    return Estimate(unit, max(total, 1), max(min(output, total), 1))


def _bound(tx: Tx, policy: Policy, model: str, provider: str | None, tokens: int, output: int | None) -> int | None:
    """The most that so many tokens can cost, in parts of a dollar, or None where nobody knows the price."""

    def most(given: int, returned: int) -> int | None:
        return bound_of(
            model=model, provider=provider, input_tokens=given, output_tokens=returned, at=tx.now, policy=policy
        ).usd

    if output is not None and output <= tokens:
        return most(tokens - output, output)
    # All of it could be input, or output, also at the price of output after a long input.
    given, returned, both = most(tokens, 0), most(0, tokens), most(tokens, tokens)
    if given is None or returned is None or both is None:
        return None
    return max(given, returned, both - given)


def to_settle(tx: Tx, *, reservation: str, events: Sequence[UsageEvent], more: bool = False) -> Settle:
    """The command, with the price of each event that states none."""
    return Settle(reservation, tuple(events), _prices(tx, events, reservation), more or None)


def to_charge(tx: Tx, *, entity: EntityKey, events: Sequence[UsageEvent]) -> Charge:
    """The command, with the price of each event that states none."""
    return Charge(entity, tuple(events), _prices(tx, events, None))


def _prices(tx: Tx, events: Sequence[UsageEvent], reservation: str | None) -> tuple[Price, ...]:
    unpriced = [event for event in events if event.usd is None]
    if not unpriced:
        return ()
    policy, _ = current(tx)
    model = provider = None
    if reservation is not None and any(_is_llm(event.unit) and event.model is None for event in unpriced):
        model, provider = calls_of(tx, [reservation]).get(reservation, (None, None))
    return tuple(_price(tx, policy, event, event.model or model, event.provider or provider) for event in unpriced)


def _price(tx: Tx, policy: Policy, event: UsageEvent, model: str | None, provider: str | None) -> Price:
    if model is None or not _is_llm(event.unit):
        return Price(None, None)
    if event.input_tokens is None or event.output_tokens is None:
        # Nobody said which tokens were output: it has cost this at most.
        usd = _bound(tx, policy, model, provider, event.amount, None)
        return Price(usd, None if usd is None else "bound")
    return price_of(
        model=model,
        provider=provider,
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        cached_tokens=event.cached_tokens or 0,
        cache_write_tokens=event.cache_write_tokens or 0,
        used_at=event.used_at or tx.now,
        policy=policy,
    )


def reserve(
    tx: Tx,
    *,
    entity: EntityKey,
    amounts: Mapping[str, int],
    seconds: int = SECONDS,
    usd: int | None = None,
    model: str | None = None,
    provider: str | None = None,
    work: str | None = None,
    input_tokens: int | None = None,
    max_output_tokens: int | None = None,
    key: str | None = None,
) -> Receipt[Reserved]:
    """Set a vector of resources, in parts, aside for at most `seconds`: all of it, or none.

    Without a bound on an LLM call the receipt has the `max_output_tokens` to send with it. `usd` in parts bounds what
    the work costs; without it the price book does. Refuses: DurationInvalid, VectorInvalid, UnknownUnit,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, NameInvalid, UnknownModel, TierDiffers,
    UnknownActor, UnknownEntity, PriceUnknown, NoBudget, BudgetExhausted, DailyCapReached, LimitReached,
    ProviderRateReached, KeyReused.
    """
    command = to_reserve(
        tx,
        entity=entity,
        amounts=amounts,
        seconds=seconds,
        usd=usd,
        model=model,
        provider=provider,
        work=work,
        input_tokens=input_tokens,
        max_output_tokens=max_output_tokens,
    )
    return perform_one(tx, Request(command, tx.actor, key))


def settle(
    tx: Tx, *, reservation: str, events: Sequence[UsageEvent], more: bool = False, key: str | None = None
) -> Receipt[Charged]:
    """Record what a reservation was used for, charge it in full, and release the rest, or keep it if more is to come.

    Refuses: UnknownReservation, NotYourReservation, ReservationEnded, TooManyEvents, UsageTooLarge, UnknownResource,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, NameInvalid, TokensDiffer, TokensMisplaced,
    CachedAboveInput, TimestampInvalid, TimestampInFuture, TimestampTooOld, UsageEventConflict, BalanceTooLarge,
    KeyReused.
    """
    command = to_settle(tx, reservation=reservation, events=events, more=more)
    return perform_one(tx, Request(command, tx.actor, key))


def charge(tx: Tx, *, entity: EntityKey, events: Sequence[UsageEvent], key: str | None = None) -> Receipt[Charged]:
    """Record usage that nobody reserved; the budget pays whether or not it can.

    Refuses: UnknownEntity, UnknownActor, TooManyEvents, UsageTooLarge, UnknownResource, AmountNotNumber,
    AmountNotPositive, AmountTooLarge, AmountNegative, NameInvalid, TokensDiffer, TokensMisplaced, CachedAboveInput,
    TimestampInvalid, TimestampInFuture, TimestampTooOld, UsageEventConflict, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(to_charge(tx, entity=entity, events=events), tx.actor, key))


class IntakeAnswer(NamedTuple):
    """What became of lines of usage, which are counted from 0: those refused with why, and those that counted before.

    Under a repeated key nothing was done now: every line that was refused the first time is refused, the others are
    repeated.
    """

    receipt: Receipt[Taken]
    refused: tuple[tuple[int, Refusal], ...]
    repeated: tuple[int, ...]


def intake_usage(tx: Tx, *, lines: Sequence[UsageLine], key: str | None = None) -> IntakeAnswer:
    """Record many lines of usage, each once, and take what they sum to out of the budgets, whatever there is.

    A line that cannot be taken is refused alone. Lines of other actors need the role operator. Needs a transaction
    outside pipeline mode. Refuses: IntakeTooLong, AmountTooLarge (all together), PolicyUnreadable, UnknownEntity,
    UnknownActor, RoleNeeded, BalanceTooLarge, KeyReused.
    """
    prepared = prepare_intake(tx, lines)
    receipt: Receipt[Taken] = perform_one(tx, Request(prepared.command, tx.actor, key))
    if not receipt.repeated:
        write_intake(tx, number=receipt.number, prepared=prepared)
        return IntakeAnswer(receipt, prepared.refused, prepared.repeated)
    problems, left_out = dict(prepared.refused), find_intake(tx, receipt.number).refused
    refused = tuple((place, problems.get(place) or LineLeftOut()) for place in left_out)
    return IntakeAnswer(receipt, refused, tuple(sorted(set(range(len(lines))) - set(left_out))))


def observe_stored(
    tx: Tx,
    *,
    entity: EntityKey,
    store: str,
    size: int | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Receipt[Charged]:
    """Note how many bytes a store of the artifact holds, the same as before if no size is given, and charge what has
    accrued since it was last observed.

    Refuses: UnknownEntity, UnknownActor, StoreSizeInvalid, NameInvalid, ObservationTooEarly, AmountTooLarge,
    TimestampInvalid, TimestampInFuture, TimestampTooOld, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(ObserveStore(entity, store, size, at), tx.actor, key))


def void_reservation(tx: Tx, *, reservation: str, key: str | None = None) -> Receipt[ReservationReceipt]:
    """Release a reservation of which nothing was used.

    Refuses: UnknownReservation, NotYourReservation, ReservationExpired, ReservationEnded, KeyReused.
    """
    return perform_one(tx, Request(VoidReservation(reservation), tx.actor, key))


def extend_reservation(
    tx: Tx, *, reservation: str, seconds: int = SECONDS, key: str | None = None
) -> Receipt[ReservationReceipt]:
    """Let a reservation run for so many seconds from now: the heartbeat of work that goes on.

    Refuses: DurationInvalid, UnknownReservation, NotYourReservation, ReservationExpired, ReservationEnded,
    ReservationTooOld, KeyReused.
    """
    return perform_one(tx, Request(ExtendReservation(reservation, seconds), tx.actor, key))


def set_budget(
    tx: Tx,
    *,
    entity: EntityKey,
    pool: str,
    budgets: Mapping[str, int],
    priority_score: float | None = None,
    market_weight: float | None = None,
    cycle: str | None = None,
    version: int | None = None,
    key: str | None = None,
) -> Receipt[BudgetSet]:
    """Make the grants of an artifact these, in parts, out of a pool; needs the role operator.

    With a version it is for the budget as it was then, 0 before it was ever set, and refused if it has changed since.

    Refuses: NameInvalid, UnknownUnit, VectorInvalid, AmountNotNumber, AmountNotPositive, AmountTooLarge, ScoreInvalid,
    UnknownEntity, RoleNeeded, UnknownActor, VersionDiffers, PoolDiffers, BudgetBelowUse, PoolEmpty, BalanceTooLarge,
    KeyReused.
    """
    command = SetBudget(entity, pool, tuple(sorted(budgets.items())), priority_score, market_weight, cycle, version)
    return perform_one(tx, Request(command, tx.actor, key))


def set_limit(
    tx: Tx, *, scope: str, unit: str, window: str, cap: int | None, subject: str = "", key: str | None = None
) -> Receipt[LimitSet]:
    """Cap what is used of a unit within a window, in parts; needs the role operator.

    Refuses: LimitInvalid, AmountNotNumber, AmountNotPositive, AmountTooLarge, RoleNeeded, UnknownActor, KeyReused.
    """
    return perform_one(tx, Request(SetLimit(scope, subject, unit, window, cap), tx.actor, key))


def override_limit(
    tx: Tx,
    *,
    cap: int,
    reason: str,
    scope: str = "fleet",
    unit: str = "usd",
    subject: str = "",
    key: str | None = None,
) -> Receipt[LimitSet]:
    """Put another cap, in parts, in the place of a daily one until midnight UTC; needs the role operator.

    Refuses: LimitInvalid, AmountNotNumber, AmountNotPositive, AmountTooLarge, OverrideNeedsReason, RoleNeeded,
    UnknownActor, UnknownLimit, KeyReused.
    """
    return perform_one(tx, Request(OverrideLimit(scope, subject, unit, cap, reason), tx.actor, key))


def expire_due_reservations(tx: Tx, *, limit: int = 1000) -> list[Receipt[ReservationReceipt]]:
    """Release the reservations whose time is over; safe to run from several workers at once."""
    return _done(tx, [Request(ExpireReservation(name), tx.actor) for name in due_reservations(tx, limit=limit)])


def give_due_notices(tx: Tx, *, limit: int = 1000) -> list[Receipt[IdleReceipt]]:
    """Tell the artifacts whose grants are idle that they return; safe to run from several workers at once.

    It looks at every budget there is, so an hourly run is often enough.
    """
    idle = find_idle(tx, current(tx)[0], noticed=False, limit=limit)
    return _done(tx, [Request(GiveNotice(each.entity, each.units, each.granted_at), tx.actor) for each in idle])


def return_due_grants(tx: Tx, *, limit: int = 1000) -> list[Receipt[IdleReceipt]]:
    """Move the grants whose notice has run out back to their pools; safe to run from several workers at once."""
    idle = find_idle(tx, current(tx)[0], noticed=True, limit=limit)
    return _done(
        tx, [Request(ReturnGrant(each.entity, each.units, each.pool, each.granted_at), tx.actor) for each in idle]
    )


def _done(tx: Tx, requests: Sequence[Request]) -> list[Receipt[Any]]:
    answers = perform(tx, requests) if requests else []
    # A refusal here means that somebody else was first, which is what was wanted.
    return [answer for answer in answers if not isinstance(answer, Refusal)]
