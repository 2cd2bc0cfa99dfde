"""Earnings: what verified output is rewarded with, and what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.names import check_name
from scidex.entities import EntityKey, find_entity
from scidex.exchange.earnings import find_periods, record_output, retract_output, verify_output
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.views import (
    Amount,
    Body,
    EarningsView,
    EmissionView,
    OutputView,
    Page,
    RecordedDone,
    RetractedDone,
    Text,
    VerifiedDone,
    earnings_view,
    emission_view,
    example,
    output_view,
    page,
    quality_of,
    recorded_done,
    retracted_done,
    verified_done,
)

router = APIRouter(prefix="/api/token", tags=["earnings"])
_OUTPUT = {"output_type": "analysis", "output_id": "organoid-protocol-v1"}


class OutputRef(Body):
    """A registered entity that is an output."""

    output_id: Text
    output_type: Text | None = Field(default=None, description="needed where several entities have this id")

    def key(self, tx: Tx) -> EntityKey:
        """The entity that is meant. Refuses: UnknownEntity, EntityAmbiguous."""
        return find_entity(tx, entity_id=self.output_id, entity_type=self.output_type).key


class BuiltOn(Body):
    """A recorded output that another builds on."""

    output_type: Text
    output_id: Text


class RecordBody(OutputRef):
    """What was made, and what it builds on."""

    model_config = example(**_OUTPUT, builds_on=[{"output_type": "gap", "output_id": "human-blood-brain-organoid"}])

    builds_on: list[BuiltOn] = Field(default=[], description="recorded outputs; this never changes afterwards")
    owner: Text | None = Field(
        default=None, description="who stands behind the producer, where that is known; an operator says so"
    )


class VerifyBody(OutputRef):
    """That an output is what it says, as one of a kind, and how good it is."""

    model_config = example(**_OUTPUT, kind="evidence", quality=0.5, note="replicated in our lab")

    kind: Text = Field(description="debate, hypothesis, evidence, extraction, edge, gap, prediction or gate")
    quality: Amount = Field(default=0, description="from 0 to 1, at most three decimals")
    note: Text = Field(description="what was checked, and how")


class RetractBody(OutputRef):
    """Which output falls, and why."""

    model_config = example(**_OUTPUT, reason="the samples had been swapped")

    reason: Text


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
        return recorded_done(record_output(tx, output=body.key(tx), builds_on=on, owner=body.owner, key=key))

    return caller.change(work, body)


@router.post("/verify", response_model=VerifiedDone)
def post_output_verified(body: VerifyBody, caller: AsCaller) -> Response:
    """Verify an output and mint its reward; for reviewers without a stake in it."""

    def work(tx: Tx, key: str | None) -> VerifiedDone:
        receipt = verify_output(
            tx, output=body.key(tx), kind=body.kind, note=body.note, quality=quality_of(body.quality), key=key
        )
        return verified_done(receipt)

    return caller.change(work, body)


@router.post("/retract", response_model=RetractedDone)
def post_output_retracted(body: RetractBody, caller: AsCaller) -> Response:
    """Retract an output and revoke its rewards; for its producer or a reviewer."""

    def work(tx: Tx, key: str | None) -> RetractedDone:
        return retracted_done(retract_output(tx, output=body.key(tx), reason=body.reason, key=key))

    return caller.change(work, body)
