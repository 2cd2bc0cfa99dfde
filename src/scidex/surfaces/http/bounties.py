"""Bounties: tokens in escrow for progress on an artifact."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.entities import find_entity
from scidex.exchange.bounties import find_bounties, find_bounty, offer_bounty, refund_bounty
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.surfaces.http.problems import RequestInvalid
from scidex.views import (
    Amount,
    Body,
    BountyDone,
    BountyView,
    Page,
    Seconds,
    Text,
    bounty_done,
    bounty_view,
    example,
    page,
)

router = APIRouter(prefix="/api/market/bounties", tags=["bounties"])


class BountyBody(Body):
    """How much, for progress on what, for how long."""

    model_config = example(
        artifact_id="human-blood-brain-organoid", amount=400, seconds=2_592_000, purpose="a first working protocol"
    )

    artifact_id: Text
    artifact_type: Text | None = None
    amount: Amount = Field(description="tokens, out of the actor's wallet")
    seconds: Seconds = Field(default=2_592_000, description="how long it stands before it goes back; 30 days")
    purpose: Text


class RefundBody(Body):
    """Nothing but, if the header cannot be set, the key."""

    model_config = example(idempotency_key="refund-b17")


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
    state: Literal["open", "refunded", "expired"] | None = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Page[BountyView]:
    """Bounties, the largest remainder first."""

    def work(tx: Tx) -> Page[BountyView]:
        artifact = None
        if artifact_id is not None:
            artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        elif artifact_type is not None:
            raise RequestInvalid(problem="artifact_type is given without artifact_id")
        found = find_bounties(tx, artifact=artifact, state=state, offset=offset, limit=limit + 1)
        return page(Page[BountyView], found, limit, bounty_view, lambda row: offset + limit)

    return reader.read(work)


@router.get("/{bounty}")
def get_bounty(bounty: Text, reader: AsReader) -> BountyView:
    """A bounty and what remains of it."""
    return reader.read(lambda tx: bounty_view(find_bounty(tx, bounty)))


@router.post("/{bounty}/refund", response_model=BountyDone)
def post_refund(bounty: Text, caller: AsCaller, body: RefundBody | None = None) -> Response:
    """Give back what remains; for its funder."""
    return caller.change(lambda tx, key: bounty_done(refund_bounty(tx, bounty=bounty, key=key)), body)
