"""Actors and entities from outside."""

from __future__ import annotations

from datetime import datetime

from scidex.actors import Actor
from scidex.entities import Entity
from scidex.views.base import View


class ActorView(View):
    """Who acts."""

    name: str
    sort: str
    roles: list[str]
    registered_at: datetime


class EntityView(View):
    """What is researched."""

    entity_type: str
    entity_id: str
    title: str
    proposer: str
    registered_at: datetime


def actor_view(actor: Actor) -> ActorView:
    """An actor row."""
    return ActorView(name=actor.name, sort=actor.sort, roles=list(actor.roles), registered_at=actor.registered_at)


def entity_view(entity: Entity) -> EntityView:
    """An entity row."""
    return EntityView(**entity._asdict())
