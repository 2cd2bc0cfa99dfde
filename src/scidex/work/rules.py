"""How a claim to work begins and ends: pure. `items.py` says how work comes and goes, `choosing.py` which is next.

A claim reserves the budget of its item and leases both until the same moment. Ended late, what was used is recorded and
what was learned is kept all the same; the item is finished by it if nobody else holds it or has finished it by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from scidex.actors import RoleNeeded, UnknownActor, require_role
from scidex.atlas.knowledge import FIRST, SubmitKnowledge, Submitted
from scidex.core.machine import State, carry_out
from scidex.core.names import check_name
from scidex.entities import EntityKey
from scidex.exchange.earnings import RecordOutput
from scidex.exchange.resource_allocator import budget_account
from scidex.ledger import ACCOUNTS
from scidex.policy import HOUSE, Context
from scidex.senate.budgets import (
    RESERVATIONS,
    Amounts,
    Charge,
    Charged,
    ExpireReservation,
    ExtendReservation,
    Reserve,
    Reserved,
    Settle,
    VoidReservation,
)
from scidex.work.choosing import ageing_of, learned, propensity_of, random_place, reward_of, score_of
from scidex.work.items import arm_of, count_open, item_of, open_waiting
from scidex.work.model import (
    ARMS,
    BEST,
    CLAIMED,
    CLAIMS,
    DEAD,
    EXPIRED,
    FAILED,
    FINISHED,
    HELD,
    ITEMS,
    KINDS_MAX,
    LATE,
    OPEN,
    RANDOM,
    RETURNED,
    Choice,
    Claimed,
    ClaimReceipt,
    ClaimWork,
    ExpireClaim,
    FailWork,
    Finished,
    FinishWork,
    HeartbeatWork,
    Ready,
    ReturnWork,
    WorkClaim,
    WorkItem,
)
from scidex.work.refusals import (
    ClaimNotDue,
    ClaimOver,
    ClaimUsed,
    ItemTaken,
    NotYourClaimOfWork,
    NoWork,
    TooManyKinds,
    UnknownWorkClaim,
)


def reservation_for(item: WorkItem, choice: Choice, seconds: int) -> Reserve:
    """What is reserved with a claim of this item."""
    return Reserve(
        entity=item.entity,
        amounts=item.amounts,
        seconds=seconds,
        usd=item.usd,
        model=item.model,
        provider=item.provider,
        work=item.item,
        max_output_tokens=item.max_output_tokens,
        bound=choice.bound,
    )


def claim(state: State, command: ClaimWork, context: Context) -> Claimed:
    """Reserve what the chosen item may take, and let the actor have it until the reservation ends.

    Refuses: TooManyKinds, NameInvalid, NoWork, UnknownItem, ItemTaken, DurationInvalid, VectorInvalid, UnknownUnit,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, UnknownModel, TierDiffers, UnknownActor,
    UnknownEntity, PriceUnknown, NoBudget, BudgetExhausted, DailyCapReached, LimitReached, ProviderRateReached.
    """
    if len(command.kinds) > KINDS_MAX:
        raise TooManyKinds(given=len(command.kinds), most=KINDS_MAX)
    for kind in command.kinds:
        check_name(kind, "kind")
    choice = command.choice
    if choice is None:
        raise NoWork(of_kinds=f" of the kinds {', '.join(command.kinds)}" if command.kinds else "")
    item = item_of(state, choice.item)
    if item.state != OPEN or item.not_before > context.now or (command.kinds and item.kind not in command.kinds):
        raise ItemTaken(item=item.item, state=item.state)
    reserved: Reserved = carry_out(state, reservation_for(item, choice, command.seconds), context)
    policy, terms = context.policy, choice.terms
    score = score_of(terms.ucb, terms.budget_rank, policy)
    sleeve = BEST if random_place(terms.draw, terms.rivals, policy) is None else RANDOM
    made = WorkClaim(
        claim=f"c{context.number}",
        item=item.item,
        entity=item.entity,
        actor=context.actor,
        reservation=reserved.reservation,
        claimed_at=context.now,
        terms=terms,
        score=score,
        ageing=ageing_of(item.since, context.now, policy),
        sleeve=sleeve,
        propensity=propensity_of(terms, policy),
        expires_at=reserved.expires_at,
    )
    state.put(CLAIMS, made.claim, made)
    held = item._replace(state=CLAIMED, claim=made.claim, attempts=item.attempts + 1)
    state.put(ITEMS, item.item, held)
    count_open(state, item.entity, -1)
    return _claimed(made, held, reserved, remaining_of(state, held))


def _claimed(made: WorkClaim, item: WorkItem, reserved: Reserved, remaining: Amounts) -> Claimed:
    return Claimed(
        claim=made.claim,
        item=item.item,
        entity=item.entity,
        kind=item.kind,
        payload=item.payload,
        attempt=item.attempts,
        reservation=reserved.reservation,
        amounts=reserved.amounts,
        usd=reserved.usd,
        model=item.model,
        provider=item.provider,
        max_output_tokens=reserved.max_output_tokens,
        expires_at=made.expires_at,
        remaining=remaining,
        terms=made.terms,
        score=made.score,
        ageing=made.ageing,
        sleeve=made.sleeve,
        propensity=made.propensity,
        warnings=reserved.warnings,
    )


def remaining_of(state: State, item: WorkItem) -> Amounts:
    """What the entity of an item has left of each resource that the item takes, in parts; a debt is below zero."""
    found = []
    for unit, _ in item.amounts:
        account = state.get(ACCOUNTS, budget_account(item.entity, unit))
        found.append((unit, account.available if account is not None else 0))
    return tuple(found)


def heartbeat(state: State, command: HeartbeatWork, context: Context) -> ClaimReceipt:
    """Hold a claim and its reservation for so many seconds from now, within the longest life of a reservation.

    Refuses: UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, DurationInvalid, UnknownReservation, NotYourReservation,
    ReservationExpired, ReservationEnded, ReservationTooOld.
    """
    found = _held(state, context, command.claim)
    extended = carry_out(state, ExtendReservation(found.reservation, command.seconds), context)
    longer = found._replace(expires_at=extended.expires_at)
    state.put(CLAIMS, longer.claim, longer)
    return _receipt(state, longer)


def finish(state: State, command: FinishWork, context: Context) -> Finished:
    """Record what was used, learned and produced, whole or not at all, and end the claim and, if it may, its item.

    A claim whose lease is over may be finished as well, once; see `docs/decisions/0030-work.md`.
    Refuses: NameInvalid, UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, UnknownReservation, NotYourReservation,
    ReservationEnded, TooManyEvents, UsageTooLarge, UnknownResource, AmountNotNumber, AmountNotPositive, AmountTooLarge,
    AmountNegative, TokensDiffer, TokensMisplaced, CachedAboveInput, TimestampInvalid, TimestampInFuture,
    TimestampTooOld, UsageEventConflict, BalanceTooLarge, UnknownActor, NothingSubmitted, TooManyEdges,
    ConfidenceInvalid, GainKindUnknown, GainAmountInvalid, UnknownEntity, RoleNeeded, TooManyParents, ParentRepeated,
    NotTheProducer, OutputKnown, UnknownOutput, OutputWithdrawn.
    """
    if command.note is not None:
        check_name(command.note, "note", longest=1000)
    found = _to_end(state, context, command.claim)
    item = item_of(state, found.item)
    charged = _record_usage(state, context, found, command)
    submitted: Submitted | None = None
    if command.edges or command.gains:
        brought = SubmitKnowledge(found.entity, command.edges, command.gains, found.item)
        submitted = carry_out(state, brought, context)
    for made in command.outputs:
        carry_out(state, RecordOutput(made.output, made.builds_on), context)
    own = found.state == HELD or item.state in (OPEN, DEAD)
    reward = _reward(command, submitted, found.entity, context) if own else None
    opened = _finish_item(state, context, found, item, reward, command.ready) if reward is not None else ()
    ended = found._replace(state=FINISHED if own else LATE, ended_at=context.now, reward=reward, note=command.note)
    state.put(CLAIMS, ended.claim, ended)
    outputs = tuple(made.output for made in command.outputs)
    return _outcome(state, ended, charged, submitted, outputs, opened)


def _finish_item(
    state: State, context: Context, found: WorkClaim, item: WorkItem, reward: int, ready: Iterable[Ready]
) -> tuple[str, ...]:
    """End the item by this claim and learn from it; the items that this opens."""
    if item.state == OPEN:
        count_open(state, item.entity, -1)
    done = item._replace(state=FINISHED, claim=found.claim, ended_at=context.now, reason=None)
    state.put(ITEMS, item.item, done)
    # A lease that ran out was counted as a result without reward; this one takes its place.
    state.put(ARMS, item.entity, learned(arm_of(state, item.entity), reward, 1 if found.state == HELD else 0))
    return open_waiting(state, context, ready)


def _reward(command: FinishWork, submitted: Submitted | None, entity: EntityKey, context: Context) -> int:
    """What the result teaches: of its knowledge only what is counted for the entity of the work, and new."""
    if submitted is None:
        return 0
    edges = sum(change.parts for change in submitted.changes if change.entity == entity)
    lines = zip(command.gains, submitted.gains, strict=True)
    return reward_of(edges, [(new.kind, new.amount) for new, line in lines if line.outcome == FIRST], context.policy)


def _outcome(
    state: State,
    ended: WorkClaim,
    charged: Charged | None,
    submitted: Submitted | None = None,
    outputs: tuple[EntityKey, ...] = (),
    opened: tuple[str, ...] = (),
) -> Finished:
    item = item_of(state, ended.item)
    retry_at = item.not_before if ended.state == FAILED and item.state == OPEN else None
    return Finished(
        claim=ended.claim,
        item=item.item,
        entity=item.entity,
        state=ended.state,
        item_state=item.state,
        charged=charged,
        edges=submitted.edges if submitted is not None else (),
        gains=submitted.gains if submitted is not None else (),
        outputs=outputs,
        reward=ended.reward,
        remaining=remaining_of(state, item),
        opened=opened,
        retry_at=retry_at,
    )


def fail(state: State, command: FailWork, context: Context) -> Finished:
    """Record what was used, and let the item be tried again after a pause, or be a dead letter.

    A claim whose lease is over has failed already: then only what was used is recorded.
    Refuses: NameInvalid, UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, UnknownReservation, NotYourReservation,
    ReservationEnded, TooManyEvents, UsageTooLarge, UnknownResource, AmountNotNumber, AmountNotPositive, AmountTooLarge,
    AmountNegative, TokensDiffer, TokensMisplaced, CachedAboveInput, TimestampInvalid, TimestampInFuture,
    TimestampTooOld, UsageEventConflict, BalanceTooLarge, UnknownEntity, UnknownActor.
    """
    check_name(command.reason, "reason", longest=1000)
    found = _to_end(state, context, command.claim)
    charged = _record_usage(state, context, found, command)
    if found.state == HELD:
        _tried(state, context, item_of(state, found.item), command.reason)
        ended = found._replace(state=FAILED, ended_at=context.now, reward=0, note=command.reason)
    else:
        ended = found._replace(state=LATE, ended_at=context.now, note=command.reason)
    state.put(CLAIMS, ended.claim, ended)
    return _outcome(state, ended, charged)


def give_back(state: State, command: ReturnWork, context: Context) -> ClaimReceipt:
    """Release the reservation of a claim and open its item again, as if it had not been claimed.

    Refuses: UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, ClaimUsed, UnknownReservation, NotYourReservation,
    ReservationExpired, ReservationEnded.
    """
    found = _held(state, context, command.claim)
    reservation = state.get(RESERVATIONS, found.reservation)
    if reservation is not None and (reservation.used or reservation.used_usd):
        raise ClaimUsed(claim=found.claim)
    if reservation is not None and reservation.state == "open":
        carry_out(state, VoidReservation(found.reservation), context)
    item = item_of(state, found.item)
    state.put(ITEMS, item.item, item._replace(state=OPEN, claim=None, attempts=item.attempts - 1))
    count_open(state, item.entity, 1)
    returned = found._replace(state=RETURNED, ended_at=context.now)
    state.put(CLAIMS, returned.claim, returned)
    return _receipt(state, returned)


def expire(state: State, command: ExpireClaim, context: Context) -> ClaimReceipt:
    """End a claim that nobody ended in time, and release its reservation if that is due too; anyone may ask.

    Refuses: UnknownWorkClaim, ClaimOver, ClaimNotDue, UnknownReservation, ReservationExpired, ReservationEnded,
    ReservationNotDue.
    """
    found = _claim_of(state, command.claim)
    if found.state != HELD:
        raise _over(found)
    if found.expires_at > context.now:
        raise ClaimNotDue(claim=found.claim, expires_at=found.expires_at.isoformat())
    reservation = state.get(RESERVATIONS, found.reservation)
    # Who extended the reservation by itself keeps it until that time.
    if reservation is not None and reservation.state == "open" and reservation.expires_at <= context.now:
        carry_out(state, ExpireReservation(found.reservation), context)
    _tried(state, context, item_of(state, found.item), f"the lease of {found.claim} ran out")
    expired = found._replace(state=EXPIRED, ended_at=context.now, reward=0)
    state.put(CLAIMS, expired.claim, expired)
    return _receipt(state, expired)


def _tried(state: State, context: Context, item: WorkItem, reason: str) -> None:
    """Count an attempt that brought nothing: the item may be tried again after a pause, or is a dead letter."""
    policy = context.policy
    arm = learned(arm_of(state, item.entity), 0)
    if item.attempts >= item.attempts_max:
        dead = item._replace(state=DEAD, claim=None, ended_at=context.now, reason=reason)
        state.put(ITEMS, item.item, dead)
    else:
        pause = min(policy.work_retry_longest_s, policy.work_retry_s * 2 ** min(item.attempts - 1, 30))
        again = context.now + timedelta(seconds=pause)
        state.put(ITEMS, item.item, item._replace(state=OPEN, claim=None, not_before=again, reason=reason))
        arm = arm._replace(open=arm.open + 1)
    state.put(ARMS, item.entity, arm)


def _record_usage(state: State, context: Context, found: WorkClaim, command: FinishWork | FailWork) -> Charged | None:
    """Settle the reservation; if that was ended by itself, what was used beyond it is charged to the entity."""
    reservation = state.get(RESERVATIONS, found.reservation)
    charged: Charged | None = None
    if reservation is None or reservation.state in ("open", "expired"):
        charged = carry_out(state, Settle(found.reservation, command.events, command.prices), context)
    elif command.events:
        charged = carry_out(state, Charge(found.entity, command.events, command.prices), context)
    return charged


def _claim_of(state: State, name: str) -> WorkClaim:
    found = state.get(CLAIMS, name)
    if found is None:
        raise UnknownWorkClaim(claim=name)
    return found


def _own(state: State, context: Context, name: str) -> WorkClaim:
    found = _claim_of(state, name)
    if context.actor not in (found.actor, HOUSE):
        try:
            require_role(state, context, "operator")
        except (RoleNeeded, UnknownActor):
            raise NotYourClaimOfWork(actor=context.actor, claim=name) from None
    return found


def _held(state: State, context: Context, name: str) -> WorkClaim:
    """The claim, if it is the actor's and still held."""
    found = _own(state, context, name)
    if found.state != HELD:
        raise _over(found)
    return found


def _to_end(state: State, context: Context, name: str) -> WorkClaim:
    """The claim, if the actor may end it: it is held, or its lease ran out and nobody ended it since."""
    found = _own(state, context, name)
    if found.state not in (HELD, EXPIRED):
        raise _over(found)
    return found


def _over(found: WorkClaim) -> ClaimOver:
    since = found.ended_at.isoformat() if found.ended_at is not None else "?"
    return ClaimOver(claim=found.claim, state=found.state, since=since)


def _receipt(state: State, found: WorkClaim) -> ClaimReceipt:
    item = item_of(state, found.item)
    return ClaimReceipt(
        found.claim, found.item, found.entity, found.state, item.state, found.expires_at, remaining_of(state, item)
    )
