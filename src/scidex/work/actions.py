"""What a caller can do with work. `perform_work` is `perform` for batches that may have claims among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scidex.atlas.knowledge import NewEdge, NewGain
from scidex.core.db import Tx
from scidex.core.errors import Missing, Refusal, Refused
from scidex.core.journal import KeyReused, Receipt, Request, perform, perform_one
from scidex.entities import EntityKey
from scidex.exchange.resource_allocator import BudgetExhausted
from scidex.metering import UnknownModel, UsageEvent
from scidex.senate.budgets import (
    DailyCapReached,
    LimitReached,
    NoBudget,
    ProviderRateReached,
    SetBudget,
    TierDiffers,
    to_reserve,
    to_settle,
)
from scidex.work.board import CAPPED_S, Board, asks_for_work
from scidex.work.model import (
    ATTEMPTS,
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
    NewOutput,
    OpenWork,
    ReturnWork,
    ReviveWork,
    WithdrawWork,
)
from scidex.work.refusals import ItemTaken, NoWork
from scidex.work.store import after_of, due_claims, find_item, ready_items, reservation_of, waiting_for, wake

SECONDS = 600
"""How long a claim is leased whose caller does not say."""
_ROUNDS = 3
"""How often another item is chosen for a claim whose first one was refused, by a cap or because it has gone."""
_PASSING = (ItemTaken, BudgetExhausted, NoBudget)
"""What somebody else's claim leads to, and that is no reason to tell an agent that it should not ask again."""
_MAY_OPEN = (AddWork, ReturnWork, FailWork, ExpireClaim, OpenWork, ReviveWork, SetBudget)


def to_add(
    tx: Tx,
    *,
    entity: EntityKey,
    kind: str,
    payload: str = "{}",
    amounts: Mapping[str, int],
    usd: int | None = None,
    model: str | None = None,
    provider: str | None = None,
    input_tokens: int | None = None,
    max_output_tokens: int | None = None,
    after: Iterable[str] = (),
    attempts: int = ATTEMPTS,
    delay_s: int = 0,
) -> AddWork:
    """The command, with what a call of this model is taken to need where that is not said: as `to_reserve` has it.

    Refuses: UnknownModel.
    """
    call = to_reserve(
        tx,
        entity=entity,
        amounts=amounts,
        usd=usd,
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        max_output_tokens=max_output_tokens,
    )
    vector, cap = call.amounts, call.max_output_tokens
    if call.estimate is not None:
        vector, cap = (*vector, (call.estimate.unit, call.estimate.tokens)), call.estimate.max_output_tokens
    return AddWork(entity, kind, payload, vector, usd, model, provider, cap, tuple(after), attempts, delay_s)


def to_finish(
    tx: Tx,
    *,
    claim: str,
    events: Sequence[UsageEvent] = (),
    edges: Iterable[NewEdge] = (),
    gains: Iterable[NewGain] = (),
    outputs: Iterable[NewOutput] = (),
    note: str | None = None,
) -> FinishWork:
    """The command, with the price of each event that states none, and the items that wait for this one."""
    prices = to_settle(tx, reservation=reservation_of(tx, claim) or "", events=events).prices
    ready = waiting_for(tx, claim)
    return FinishWork(claim, tuple(events), tuple(edges), tuple(gains), tuple(outputs), note, prices, ready)


def to_fail(tx: Tx, *, claim: str, reason: str, events: Sequence[UsageEvent] = ()) -> FailWork:
    """The command, with the price of each event that states none."""
    prices = to_settle(tx, reservation=reservation_of(tx, claim) or "", events=events).prices
    return FailWork(claim, reason, tuple(events), prices)


def perform_work(tx: Tx, requests: Sequence[Request], board: Board | None = None) -> list[Receipt[Any] | Refusal]:
    """Carry out a batch in the open transaction, as `perform` does; claims among it are given their items first.

    Where the budget or a cap refuses an item, another entity's is tried.
    """
    answers: list[Receipt[Any] | Refusal]
    if not any(map(asks_for_work, requests)):
        answers = perform(tx, requests)
    else:
        answers = _claiming(tx, requests, board or Board())
    if board is not None:
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(request.command, ReturnWork) and isinstance(answer, Receipt):
                board.note_return(request.actor, answer.result.item)
    if any(map(_opens, requests, answers)):
        wake(tx)
    return answers


def _claiming(tx: Tx, requests: Sequence[Request], board: Board) -> list[Receipt[Any] | Refusal]:
    asked = board.assign(tx, requests)
    answers = perform(tx, asked)
    places = list(range(len(requests)))
    for _ in range(_ROUNDS):
        again = [place for place in places if asks_for_work(requests[place]) and _not_this_one(answers[place])]
        if not again:
            break
        for place in again:
            _set_aside(tx, board, asked[place], answers[place])
        chosen = board.assign(tx, [requests[place] for place in again])
        for place, request, answer in zip(again, chosen, perform(tx, chosen), strict=True):
            asked[place] = request
            # That a cap is reached says more than that there is nothing else; that an item's budget is short, less.
            if not isinstance(answer, NoWork) or isinstance(answers[place], _PASSING):
                answers[place] = answer
        places = [place for place, request in zip(again, chosen, strict=True) if not asks_for_work(request)]
    return answers


def _set_aside(tx: Tx, board: Board, request: Request, answer: Receipt[Any] | Refusal) -> None:
    """Remember what the actor was refused: all of the entity, where a cap is reached, or this item."""
    assert isinstance(request.command, ClaimWork)
    if request.command.choice is None:
        return
    item = request.command.choice.item
    # What is refused for a cap will be refused for the entity's other items as well, and as a rule for longer; what its
    # budget is short of (dollars, a price) may be of this item alone.
    if isinstance(answer, DailyCapReached | LimitReached):
        board.set_aside(request.actor, find_item(tx, item).entity, seconds=CAPPED_S)
    elif isinstance(answer, ProviderRateReached):
        board.set_aside(request.actor, find_item(tx, item).entity)
    else:
        board.set_aside(request.actor, item)


def _not_this_one(answer: Receipt[Any] | Refusal) -> bool:
    """Whether the refusal is of the item, or of what its entity or its asker may have of it, and not of the asking."""
    return isinstance(answer, Refused | Missing | TierDiffers | UnknownModel) and not isinstance(
        answer, NoWork | KeyReused
    )


def _opens(request: Request, answer: Receipt[Any] | Refusal) -> bool:
    """Whether there may be more work now than before."""
    if isinstance(answer, Refusal):
        return False
    if isinstance(answer.result, Finished):
        return bool(answer.result.opened) or isinstance(request.command, FailWork)
    return isinstance(request.command, _MAY_OPEN)


def add_work(
    tx: Tx,
    *,
    entity: EntityKey,
    kind: str,
    payload: str = "{}",
    amounts: Mapping[str, int],
    usd: int | None = None,
    model: str | None = None,
    provider: str | None = None,
    input_tokens: int | None = None,
    max_output_tokens: int | None = None,
    after: Iterable[str] = (),
    attempts: int = ATTEMPTS,
    delay_s: int = 0,
    key: str | None = None,
) -> Receipt[ItemReceipt]:
    """Put a piece of work on an entity into the queue, with the most that it may take, in parts.

    Refuses: NameInvalid, PayloadInvalid, AttemptsInvalid, DurationInvalid, TooManyBefore, VectorInvalid, UnknownUnit,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, UnknownModel, TierDiffers, UnknownEntity,
    UnknownActor, UnknownItem, KeyReused.
    """
    command = to_add(
        tx,
        entity=entity,
        kind=kind,
        payload=payload,
        amounts=amounts,
        usd=usd,
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        max_output_tokens=max_output_tokens,
        after=after,
        attempts=attempts,
        delay_s=delay_s,
    )
    return _one(tx, command, key)


def claim_work(
    tx: Tx, *, kinds: Iterable[str] = (), seconds: int = SECONDS, key: str | None = None
) -> Receipt[Claimed]:
    """Take the next piece of work, of these kinds if any are named, with its budget reserved, for so many seconds.

    Refuses: TooManyKinds, NameInvalid, NoWork, UnknownItem, ItemTaken, DurationInvalid, VectorInvalid, UnknownUnit,
    AmountNotNumber, AmountNotPositive, AmountTooLarge, AmountNegative, UnknownModel, TierDiffers, UnknownActor,
    UnknownEntity, PriceUnknown, NoBudget, BudgetExhausted, DailyCapReached, LimitReached, ProviderRateReached,
    KeyReused.
    """
    return _one(tx, ClaimWork(tuple(kinds), seconds), key)


def heartbeat_work(tx: Tx, *, claim: str, seconds: int = SECONDS, key: str | None = None) -> Receipt[ClaimReceipt]:
    """Hold a claim and its reservation for so many seconds from now.

    Refuses: UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, DurationInvalid, UnknownReservation, NotYourReservation,
    ReservationExpired, ReservationEnded, ReservationTooOld, KeyReused.
    """
    return perform_one(tx, Request(HeartbeatWork(claim, seconds), tx.actor, key))


def finish_work(
    tx: Tx,
    *,
    claim: str,
    events: Sequence[UsageEvent] = (),
    edges: Iterable[NewEdge] = (),
    gains: Iterable[NewGain] = (),
    outputs: Iterable[NewOutput] = (),
    note: str | None = None,
    key: str | None = None,
) -> Receipt[Finished]:
    """End a claim with its result: record what was used, learned and produced, whole or not at all.

    Refuses: NameInvalid, UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, UnknownReservation, NotYourReservation,
    ReservationEnded, TooManyEvents, UsageTooLarge, UnknownResource, AmountNotNumber, AmountNotPositive, AmountTooLarge,
    AmountNegative, TokensDiffer, TokensMisplaced, CachedAboveInput, TimestampInvalid, TimestampInFuture,
    TimestampTooOld, UsageEventConflict, BalanceTooLarge, UnknownActor, NothingSubmitted, TooManyEdges,
    ConfidenceInvalid, GainKindUnknown, GainAmountInvalid, UnknownEntity, RoleNeeded, TooManyParents, ParentRepeated,
    NotTheProducer, OutputKnown, UnknownOutput, OutputWithdrawn, KeyReused.
    """
    command = to_finish(tx, claim=claim, events=events, edges=edges, gains=gains, outputs=outputs, note=note)
    return _one(tx, command, key)


def fail_work(
    tx: Tx, *, claim: str, reason: str, events: Sequence[UsageEvent] = (), key: str | None = None
) -> Receipt[Finished]:
    """End a claim without a result: what was used is recorded, and the item is tried again later, or a dead letter.

    Refuses: NameInvalid, UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, UnknownReservation, NotYourReservation,
    ReservationEnded, TooManyEvents, UsageTooLarge, UnknownResource, AmountNotNumber, AmountNotPositive, AmountTooLarge,
    AmountNegative, TokensDiffer, TokensMisplaced, CachedAboveInput, TimestampInvalid, TimestampInFuture,
    TimestampTooOld, UsageEventConflict, BalanceTooLarge, UnknownEntity, UnknownActor, KeyReused.
    """
    return _one(tx, to_fail(tx, claim=claim, reason=reason, events=events), key)


def return_work(tx: Tx, *, claim: str, key: str | None = None) -> Receipt[ClaimReceipt]:
    """Give a claim back of which nothing was used; it counts as no attempt.

    Refuses: UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, ClaimUsed, UnknownReservation, NotYourReservation,
    ReservationExpired, ReservationEnded, KeyReused.
    """
    return _one(tx, ReturnWork(claim), key)


def withdraw_work(
    tx: Tx, *, item: str, reason: str, version: str | None = None, key: str | None = None
) -> Receipt[ItemReceipt]:
    """Take an item that nobody works on, at this version if one is named, out of the queue; for its proposer or an
    operator.

    Refuses: NameInvalid, UnknownItem, NotYourItem, VersionDiffers, ItemBusy, KeyReused.
    """
    return perform_one(tx, Request(WithdrawWork(item, reason, version), tx.actor, key))


def revive_work(tx: Tx, *, item: str, version: str | None = None, key: str | None = None) -> Receipt[ItemReceipt]:
    """Let a dead letter, at this version if one is named, be tried again; needs the role operator.

    Refuses: UnknownActor, RoleNeeded, UnknownItem, VersionDiffers, ItemNotDead, KeyReused.
    """
    return _one(tx, ReviveWork(item, version), key)


def open_work(tx: Tx, *, item: str, key: str | None = None) -> Receipt[ItemReceipt]:
    """Open an item whose waiting is over; it opens by itself, sooner or later.

    Refuses: UnknownItem, ItemNotWaiting, KeyReused.
    """
    return _one(tx, OpenWork(item, after_of(tx, item)), key)


def expire_due_claims(tx: Tx, *, limit: int = 1000) -> list[Receipt[Any]]:
    """End the claims whose lease is over; safe to run from several workers at once."""
    return _done(tx, [Request(ExpireClaim(claim), tx.actor) for claim in due_claims(tx, limit=limit)])


def open_ready_work(tx: Tx) -> list[Receipt[Any]]:
    """Open items whose waiting ended while they were added; safe to run from several workers at once."""
    return _done(tx, [Request(OpenWork(*each), tx.actor) for each in ready_items(tx)])


def _done(tx: Tx, requests: Sequence[Request]) -> list[Receipt[Any]]:
    answers = perform_work(tx, requests) if requests else []
    # A refusal here means that somebody else was first, which is what was wanted.
    return [answer for answer in answers if not isinstance(answer, Refusal)]


def _one(tx: Tx, command: object, key: str | None) -> Receipt[Any]:
    (answer,) = perform_work(tx, [Request(command, tx.actor, key)])
    if isinstance(answer, Refusal):
        raise answer
    return answer
