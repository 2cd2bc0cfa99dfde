"""Earnings: what verified output is rewarded with, and what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.names import check_name
from scidex.entities import EntityKey
from scidex.exchange.earnings import find_periods, record_output, retract_output, verify_output
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.views import (
    EarningsView,
    EmissionView,
    OutputView,
    Page,
    RecordBody,
    RecordedDone,
    RetractBody,
    RetractedDone,
    Text,
    VerifiedDone,
    VerifyBody,
    earnings_view,
    emission_view,
    output_view,
    page,
    quality_of,
    recorded_done,
    retracted_done,
    verified_done,
)

router = APIRouter(prefix="/api/token", tags=["earnings"])


@router.get("/earnings")
def get_earnings(
    reader: AsReader,
    actor: Annotated[Text | None, Query(description="whose; without it, the actor's who asks")] = None,
) -> EarningsView:
    """What an actor earned by production: by kind, by period, royalties in and out, revoked, owed."""
    name = reader.actor if actor is None else check_name(actor, "actor")
    return reader.read(lambda tx: earnings_view(tx, name))


@router.get("/emission")
def get_emission(reader: AsReader, offset: Offset = 0, limit: Limit = 100) -> Page[EmissionView]:
    """Periods of emission, the latest first: how much they may mint and have minted."""

    def work(tx: Tx) -> Page[EmissionView]:
        found = find_periods(tx, offset=offset, limit=limit + 1)
        return page(Page[EmissionView], found, limit, emission_view, lambda row: offset + limit)

    return reader.read(work)


@router.get("/outputs/{output_type}/{output_id:path}")
def get_output(output_type: Text, output_id: Annotated[Text, Path()], reader: AsReader) -> OutputView:
    """An output, what it builds on, and what it was rewarded with."""
    return reader.read(lambda tx: output_view(tx, EntityKey(output_type, output_id)))


@router.post("/outputs", response_model=RecordedDone)
def post_output(body: RecordBody, caller: AsCaller) -> Response:
    """Say that a registered entity is an output, and what it builds on; for its producer."""

    def work(tx: Tx, key: str | None) -> RecordedDone:
        on = [EntityKey(each.output_type, each.output_id) for each in body.builds_on]
        return recorded_done(record_output(tx, output=body.output(tx), builds_on=on, owner=body.owner, key=key))

    return caller.change(work, body)


@router.post("/verify", response_model=VerifiedDone)
def post_output_verified(body: VerifyBody, caller: AsCaller) -> Response:
    """Verify an output and mint its reward; for reviewers without a stake in it."""

    def work(tx: Tx, key: str | None) -> VerifiedDone:
        receipt = verify_output(
            tx, output=body.output(tx), kind=body.kind, note=body.note, quality=quality_of(body.quality), key=key
        )
        return verified_done(receipt)

    return caller.change(work, body)


@router.post("/retract", response_model=RetractedDone)
def post_output_retracted(body: RetractBody, caller: AsCaller) -> Response:
    """Retract an output and revoke its rewards; for its producer or a reviewer."""

    def work(tx: Tx, key: str | None) -> RetractedDone:
        return retracted_done(retract_output(tx, output=body.output(tx), reason=body.reason, key=key))

    return caller.change(work, body)
