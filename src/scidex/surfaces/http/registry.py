"""Actors and entities: who acts and what is researched."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from scidex.actors import find_actors, register_actor
from scidex.core.db import Tx
from scidex.entities import EntityKey, find_entities, register_entity
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit
from scidex.views import (
    ActorDone,
    ActorView,
    Body,
    EntityDone,
    EntityView,
    Page,
    Text,
    actor_done,
    actor_view,
    cursor,
    entity_done,
    entity_view,
    example,
    names_of,
    page,
)

router = APIRouter(prefix="/api", tags=["registry"])


class ActorBody(Body):
    """Who acts, and in which roles; roles are an operator's to give."""

    model_config = example(name="agent-7", sort="agent", roles=[])

    name: Text
    sort: Text = Field(default="agent", json_schema_extra={"enum": ["agent", "person", "service"]})
    roles: list[Text] = Field(default=[], description="operator, issuer, resolver, reviewer, auditor")
    owner: Text | None = Field(
        default=None, description="the actor to whom it belongs; for actors that are there, left as it is if left out"
    )
    family: Text | None = Field(default=None, description="model family of an agent; left as it is if left out")


class EntityBody(Body):
    """A thing under research."""

    model_config = example(
        entity_type="hypothesis",
        entity_id="tau-spreads-trans-synaptically",
        title="Tau pathology spreads along synapses",
    )

    entity_type: Text
    entity_id: Text
    title: Text
    domain: Text | None = Field(default=None, description="field of science, which portfolios are sorted by")


@router.get("/actors")
def get_actors(reader: AsReader, after: After = None, limit: Limit = 100) -> Page[ActorView]:
    """Actors by name."""

    def work(tx: Tx) -> Page[ActorView]:
        found = find_actors(tx, after=after or "", limit=limit + 1)
        return page(Page[ActorView], found, limit, actor_view, lambda row: row.name)

    return reader.read(work)


@router.post("/actors", response_model=ActorDone)
def post_actor(body: ActorBody, caller: AsCaller) -> Response:
    """Register an actor, or change the roles of one."""

    def work(tx: Tx, key: str | None) -> ActorDone:
        receipt = register_actor(
            tx, name=body.name, sort=body.sort, roles=body.roles, owner=body.owner, family=body.family, key=key
        )
        return actor_done(receipt)

    return caller.change(work, body)


@router.get("/entities")
def get_entities(
    reader: AsReader,
    entity_type: Annotated[Text | None, Query(description="only of this type")] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[EntityView]:
    """Entities by type and id."""

    def work(tx: Tx) -> Page[EntityView]:
        start = EntityKey(*names_of(after, 2))
        found = find_entities(tx, entity_type=entity_type, after=start, limit=limit + 1)
        return page(Page[EntityView], found, limit, entity_view, lambda row: cursor(*row.key))

    return reader.read(work)


@router.post("/entities", response_model=EntityDone)
def post_entity(body: EntityBody, caller: AsCaller) -> Response:
    """Register a thing under research; its proposer is the actor."""

    def work(tx: Tx, key: str | None) -> EntityDone:
        receipt = register_entity(
            tx, entity_type=body.entity_type, entity_id=body.entity_id, title=body.title, domain=body.domain, key=key
        )
        return entity_done(receipt)

    return caller.change(work, body)
