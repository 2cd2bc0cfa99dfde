"""Requests of the server: registry; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from scidex.client.answers import Page
from scidex.client.models.registry import ActorDone, ActorView, EntityDone, EntityView
from scidex.client.request import Request


def get_actors(*, after: str | None = None, limit: int | None = None) -> Request[Page[ActorView]]:
    """Actors by name."""
    return Request("GET", "/api/actors", Page[ActorView], query={"after": after, "limit": limit})


def post_actor(
    *,
    name: str,
    sort: Literal["agent", "person", "service"] | None = None,
    roles: Sequence[str] | None = None,
    owner: str | None = None,
    family: str | None = None,
    idempotency_key: str | None = None,
) -> Request[ActorDone]:
    """Register an actor, or change the roles of one."""
    return Request(
        "POST",
        "/api/actors",
        ActorDone,
        body={"name": name, "sort": sort, "roles": roles, "owner": owner, "family": family},
        key=idempotency_key,
        keyed=True,
    )


def get_entities(
    *, entity_type: str | None = None, after: str | None = None, limit: int | None = None
) -> Request[Page[EntityView]]:
    """Entities by type and id."""
    return Request(
        "GET", "/api/entities", Page[EntityView], query={"entity_type": entity_type, "after": after, "limit": limit}
    )


def post_entity(
    *, entity_type: str, entity_id: str, title: str, domain: str | None = None, idempotency_key: str | None = None
) -> Request[EntityDone]:
    """Register a thing under research; its proposer is the actor."""
    return Request(
        "POST",
        "/api/entities",
        EntityDone,
        body={"entity_type": entity_type, "entity_id": entity_id, "title": title, "domain": domain},
        key=idempotency_key,
        keyed=True,
    )
