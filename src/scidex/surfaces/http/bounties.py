"""Bounties: tokens in escrow for progress on an artifact, claimed, worked for, awarded, or given back."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.entities import find_entity
from scidex.exchange.bounties import (
    add_to_bounty,
    award_bounty,
    claim_bounty,
    find_bounties,
    find_bounty,
    find_fundings,
    find_payments,
    find_submissions,
    offer_bounty,
    submit_work,
)
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.surfaces.http.problems import RequestInvalid
from scidex.views import (
    AddBody,
    AwardBody,
    BountyBody,
    BountyDone,
    BountyView,
    ClaimBody,
    ClaimDone,
    FundingView,
    Page,
    PaymentView,
    SubmitBody,
    Text,
    WorkDone,
    WorkView,
    bounty_done,
    bounty_view,
    claim_done,
    deeds,
    funding_view,
    page,
    payment_view,
    work_done,
    work_view,
)

router = APIRouter(prefix="/api/market/bounties", tags=["bounties"])


@router.post("", response_model=BountyDone)
def post_bounty(body: BountyBody, caller: AsCaller) -> Response:
    """Put tokens in escrow for progress on an artifact."""

    def work(tx: Tx, key: str | None) -> BountyDone:
        artifact = find_entity(tx, entity_id=body.artifact_id, entity_type=body.artifact_type).key
        receipt = offer_bounty(
            tx,
            artifact=artifact,
            amount=parse_amount(body.amount),
            seconds=body.seconds,
            purpose=body.purpose,
            key=key,
        )
        return bounty_done(receipt)

    return caller.change(work, body)


@router.get("")
def get_bounties(
    reader: AsReader,
    artifact_id: Annotated[Text | None, Query(description="only on this artifact")] = None,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
    state: Literal["open", "awarded", "refunded", "expired"] | None = None,
    order: Annotated[
        Literal["amount", "age", "expiry"],
        Query(description="the largest remainder first, the oldest, or the one that is over soonest"),
    ] = "amount",
    offset: Offset = 0,
    limit: Limit = 100,
) -> Page[BountyView]:
    """Bounties in order, the largest remainder first."""

    def work(tx: Tx) -> Page[BountyView]:
        artifact = None
        if artifact_id is not None:
            artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        elif artifact_type is not None:
            raise RequestInvalid(problem="artifact_type is given without artifact_id")
        found = find_bounties(tx, artifact=artifact, state=state, order=order, offset=offset, limit=limit + 1)
        return page(Page[BountyView], found, limit, bounty_view, lambda row: offset + limit)

    return reader.read(work)


@router.get("/{bounty}")
def get_bounty(bounty: Text, reader: AsReader) -> BountyView:
    """A bounty and what remains of it."""
    return reader.read(lambda tx: bounty_view(find_bounty(tx, bounty)))


@router.get("/{bounty}/funders")
def get_bounty_funders(bounty: Text, reader: AsReader) -> list[FundingView]:
    """Who has put how much into it, the first first."""
    return reader.read(lambda tx: [funding_view(row) for row in find_fundings(tx, bounty)])


@router.get("/{bounty}/submissions")
def get_bounty_submissions(bounty: Text, reader: AsReader) -> list[WorkView]:
    """What was submitted to it and how that was judged, the first first."""
    return reader.read(lambda tx: [work_view(row) for row in find_submissions(tx, bounty)])


@router.get("/{bounty}/payments")
def get_bounty_payments(bounty: Text, reader: AsReader, offset: Offset = 0, limit: Limit = 100) -> Page[PaymentView]:
    """What left its escrow, the latest first: awards, refunds, draws for compute."""

    def work(tx: Tx) -> Page[PaymentView]:
        found = find_payments(tx, bounty, offset=offset, limit=limit + 1)
        return page(Page[PaymentView], found, limit, payment_view, lambda row: offset + limit)

    return reader.read(work)


@router.post("/{bounty}/add", response_model=BountyDone)
def post_bounty_add(bounty: Text, body: AddBody, caller: AsCaller) -> Response:
    """Put more tokens into a bounty, whoever offered it."""

    def work(tx: Tx, key: str | None) -> BountyDone:
        return bounty_done(add_to_bounty(tx, bounty=bounty, amount=parse_amount(body.amount), key=key))

    return caller.change(work, body)


@router.post("/{bounty}/claim", response_model=ClaimDone)
def post_bounty_claim(bounty: Text, caller: AsCaller, body: ClaimBody | None = None) -> Response:
    """Take a bounty on for a while, or renew one's claim; a claim lapses by itself."""
    seconds = (body or ClaimBody()).seconds
    return caller.change(lambda tx, key: claim_done(claim_bounty(tx, bounty=bounty, seconds=seconds, key=key)), body)


@router.post("/{bounty}/release", response_model=ClaimDone)
def post_bounty_release(bounty: Text, caller: AsCaller, body: deeds.BountyKeyBody | None = None) -> Response:
    """Let one's claim go before it lapses."""
    return caller.do(deeds.LetGoTerms(bounty=bounty, **dict(body or {})))


@router.post("/{bounty}/submit", response_model=WorkDone)
def post_bounty_submit(bounty: Text, body: SubmitBody, caller: AsCaller) -> Response:
    """Put forward what one made, under one's claim."""

    def work(tx: Tx, key: str | None) -> WorkDone:
        return work_done(submit_work(tx, bounty=bounty, output=body.output(tx), note=body.note, key=key))

    return caller.change(work, body)


@router.post("/{bounty}/award", response_model=WorkDone)
def post_bounty_award(bounty: Text, body: AwardBody, caller: AsCaller) -> Response:
    """Pay for submitted work; for its poster, or a reviewer without a stake."""

    def work(tx: Tx, key: str | None) -> WorkDone:
        amount = None if body.amount is None else parse_amount(body.amount)
        return work_done(award_bounty(tx, bounty=bounty, output=body.output(tx), amount=amount, key=key))

    return caller.change(work, body)


@router.post("/{bounty}/decline", response_model=WorkDone)
def post_bounty_decline(bounty: Text, body: deeds.DeclineBody, caller: AsCaller) -> Response:
    """Judge submitted work not to be what was asked for."""
    return caller.do(deeds.DeclineTerms(bounty=bounty, **dict(body)))


@router.post("/{bounty}/refund", response_model=BountyDone)
def post_refund(bounty: Text, caller: AsCaller, body: deeds.BountyKeyBody | None = None) -> Response:
    """Give back what remains to its funders, in proportion; for its poster."""
    return caller.do(deeds.RefundTerms(bounty=bounty, **dict(body or {})))
