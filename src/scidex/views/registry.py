"""Actors and entities from outside."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.actors import Actor, ActorRegistered
from scidex.core.journal import Receipt
from scidex.entities import Entity, EntityRegistered
from scidex.views.base import Done, View, done


class ActorView(View):
    """Who acts."""

    name: str
    sort: str
    roles: list[str]
    registered_at: datetime
    owner: str | None = Field(description="the actor to whom it belongs; null where it is its own")
    family: str | None = Field(description="the model family of an agent")


class EntityView(View):
    """What is researched."""

    entity_type: str
    entity_id: str
    title: str
    proposer: str
    registered_at: datetime
    domain: str | None = Field(description="field of science")


class ActorDone(Done):
    """Who is registered now, in which roles."""

    name: str
    sort: str
    roles: list[str]


class EntityDone(Done):
    """What is registered now."""

    entity_type: str
    entity_id: str


def actor_view(actor: Actor) -> ActorView:
    """An actor row."""
    return ActorView(**actor._asdict() | {"roles": list(actor.roles)})


def entity_view(entity: Entity) -> EntityView:
    """An entity row."""
    return EntityView(**entity._asdict())


def actor_done(receipt: Receipt[ActorRegistered]) -> ActorDone:
    """The receipt of a registration."""
    registered = receipt.result
    return ActorDone(**done(receipt), name=registered.name, sort=registered.sort, roles=list(registered.roles))


def entity_done(receipt: Receipt[EntityRegistered]) -> EntityDone:
    """The receipt of a registration."""
    return EntityDone(**done(receipt), entity_type=receipt.result.entity_type, entity_id=receipt.result.entity_id)
