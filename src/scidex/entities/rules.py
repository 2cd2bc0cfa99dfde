"""How a thing under research comes to be known."""

from __future__ import annotations

from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.entities.model import (
    ENTITIES,
    Entity,
    EntityExists,
    EntityKey,
    EntityRegistered,
    EntityTypeInvalid,
    RegisterEntity,
    UnknownEntity,
)
from scidex.policy import Context


def register(state: State, command: RegisterEntity, context: Context) -> EntityRegistered:
    """Enter an entity once; its proposer is the actor. Refuses: NameInvalid, EntityTypeInvalid, EntityExists."""
    key = EntityKey(check_name(command.entity_type, "entity_type"), check_name(command.entity_id, "entity_id"))
    if ":" in key.entity_type:
        raise EntityTypeInvalid(entity_type=key.entity_type)
    title = check_name(command.title, "title", longest=1000)
    before = state.get(ENTITIES, key)
    if before is not None:
        raise EntityExists(entity_type=key.entity_type, entity_id=key.entity_id, proposer=before.proposer)
    domain = None if command.domain is None else check_name(command.domain, "domain")
    state.put(ENTITIES, key, Entity(*key, title, context.actor, context.now, domain))
    return EntityRegistered(*key)


def require_entity(state: State, key: EntityKey) -> Entity:
    """The entity of that type and id. Refuses: UnknownEntity."""
    entity = state.get(ENTITIES, key)
    if entity is None:
        raise UnknownEntity(entity_type=key.entity_type, entity_id=key.entity_id)
    return entity
