"""Usage: what was used, its sums, and what models cost."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.entities import EntityKey, find_entity
from scidex.metering import find_usage, usage_by_hour, usage_totals
from scidex.policy import current
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit
from scidex.views import (
    ChargedReceipt,
    ModelView,
    Page,
    Text,
    UsageBody,
    UsageHourView,
    UsageTotalView,
    UsageView,
    When,
    deeds,
    hour_of,
    hour_place,
    model_view,
    page,
    place_of,
    usage_hour_view,
    usage_place,
    usage_total_view,
    usage_view,
)

router = APIRouter(prefix="/api/economics", tags=["usage"])
Artifact = Annotated[Text | None, Query(description="only of this artifact")]
ArtifactType = Annotated[Text | None, Query(description="needed where several artifacts have this id")]
Actor = Annotated[Text | None, Query(description="only of this actor")]
Since = Annotated[When | None, Query(description="from this moment on, with its zone")]
Until = Annotated[When | None, Query(description="before this moment, with its zone")]
Next = Annotated[Text | None, Query(description="the `next` of the page before")]
Tokens = Annotated[int, Query(ge=0, le=10**9)]


def _entity(tx: Tx, artifact_id: str | None, artifact_type: str | None) -> EntityKey | None:
    return None if artifact_id is None else find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key


@router.post("/usage", response_model=ChargedReceipt)
async def post_usage(body: UsageBody, caller: AsCaller) -> Response:
    """Record usage that nobody reserved; the budget pays whether or not it can."""
    return await caller.ask(body)


@router.get("/usage")
def get_usage(
    reader: AsReader,
    artifact_id: Artifact = None,
    artifact_type: ArtifactType = None,
    actor: Actor = None,
    model: Text | None = None,
    unit: Text | None = None,
    since: Since = None,
    until: Until = None,
    before: Next = None,
    limit: Limit = 100,
) -> Page[UsageView]:
    """Rows of usage, the latest first."""

    def work(tx: Tx) -> Page[UsageView]:
        found = find_usage(
            tx,
            entity=_entity(tx, artifact_id, artifact_type),
            actor=actor,
            model=model,
            unit=unit,
            since=since,
            until=until,
            before=place_of(before),
            limit=limit + 1,
        )
        return page(Page[UsageView], found, limit, usage_view, usage_place)

    return reader.read(work)


@router.get("/usage/hours")
def get_usage_hours(
    reader: AsReader,
    artifact_id: Artifact = None,
    artifact_type: ArtifactType = None,
    actor: Actor = None,
    model: Text | None = None,
    unit: Text | None = None,
    since: Since = None,
    until: Until = None,
    after: Next = None,
    limit: Limit = 100,
) -> Page[UsageHourView]:
    """Sums by the hour, the earliest first; exact at every moment."""

    def work(tx: Tx) -> Page[UsageHourView]:
        found = usage_by_hour(
            tx,
            entity=_entity(tx, artifact_id, artifact_type),
            actor=actor,
            model=model,
            unit=unit,
            since=since,
            until=until,
            after=hour_of(after),
            limit=limit + 1,
        )
        return page(Page[UsageHourView], found, limit, usage_hour_view, hour_place)

    return reader.read(work)


@router.get("/usage/totals")
def get_usage_totals(
    reader: AsReader,
    by: Literal["unit", "model", "provider", "actor", "entity"] = "unit",
    artifact_id: Artifact = None,
    artifact_type: ArtifactType = None,
    actor: Actor = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 1000,
) -> list[UsageTotalView]:
    """Sums of whole hours, the dearest first."""

    def work(tx: Tx) -> list[UsageTotalView]:
        entity = _entity(tx, artifact_id, artifact_type)
        found = usage_totals(tx, by=by, entity=entity, actor=actor, since=since, until=until, limit=limit)
        return [usage_total_view(row) for row in found]

    return reader.read(work)


@router.post("/stored", response_model=ChargedReceipt)
def post_stored(body: deeds.StoredBody, caller: AsCaller) -> Response:
    """Note how much an artifact stores, and charge the GB-hours that have accrued since the last time."""
    return caller.do(body)


@router.get("/models/{model:path}")
def get_model(
    model: Text,
    reader: AsReader,
    provider: Text | None = None,
    at: Annotated[When | None, Query(description="the day of use; now if left out")] = None,
    input_tokens: Tokens = 1000,
    output_tokens: Tokens = 1000,
    cached_tokens: Tokens = 0,
) -> ModelView:
    """In which tier a model is, and what a call of so many tokens costs on a day."""

    def work(tx: Tx) -> ModelView:
        policy, version = current(tx)
        return model_view(
            model,
            provider,
            policy,
            version,
            at=at or tx.now,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_tokens=min(cached_tokens, input_tokens),
        )

    return reader.read(work)
