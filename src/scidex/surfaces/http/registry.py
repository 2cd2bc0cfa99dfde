"""Actors and entities: who acts and what is researched."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from scidex.actors import find_actors
from scidex.core.db import Tx
from scidex.entities import EntityKey, find_entities
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit
from scidex.views import (
    ActorDone,
    ActorView,
    EntityDone,
    EntityView,
    Page,
    Text,
    actor_view,
    cursor,
    deeds,
    entity_view,
    names_of,
    page,
)

router = APIRouter(prefix="/api", tags=["registry"])


@router.get("/actors")
def get_actors(reader: AsReader, after: After = None, limit: Limit = 100) -> Page[ActorView]:
    """Actors by name."""

    def work(tx: Tx) -> Page[ActorView]:
        found = find_actors(tx, after=after or "", limit=limit + 1)
        return page(Page[ActorView], found, limit, actor_view, lambda row: row.name)

    return reader.read(work)


@router.post("/actors", response_model=ActorDone)
def post_actor(body: deeds.ActorBody, caller: AsCaller) -> Response:
    """Register an actor, or change the roles of one."""
    return caller.do(body)


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
def post_entity(body: deeds.EntityBody, caller: AsCaller) -> Response:
    """Register a thing under research; its proposer is the actor."""
    return caller.do(body)
