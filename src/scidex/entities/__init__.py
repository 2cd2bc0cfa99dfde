"""What is researched, by (entity_type, entity_id)."""

from scidex.entities.actions import register_entity
from scidex.entities.model import (
    ENTITIES,
    Entity,
    EntityAmbiguous,
    EntityExists,
    EntityKey,
    EntityRegistered,
    EntityTypeInvalid,
    RegisterEntity,
    UnknownEntity,
)
from scidex.entities.rules import require_entity
from scidex.entities.store import find_entities, find_entity, find_known

__all__ = [
    "ENTITIES",
    "Entity",
    "EntityAmbiguous",
    "EntityExists",
    "EntityKey",
    "EntityRegistered",
    "EntityTypeInvalid",
    "RegisterEntity",
    "UnknownEntity",
    "find_entities",
    "find_entity",
    "find_known",
    "register_entity",
    "require_entity",
]
