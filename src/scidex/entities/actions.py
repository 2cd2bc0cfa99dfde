"""What a caller can do with entities."""

from __future__ import annotations

from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, declare
from scidex.entities.model import ENTITIES, EntityKey, EntityRegistered, RegisterEntity
from scidex.entities.rules import register

REGISTER = declare(
    Kind(
        "entity.register",
        RegisterEntity,
        EntityRegistered,
        register,
        {ENTITIES: lambda command, actor, state: (EntityKey(command.entity_type, command.entity_id),)},
    )
)


def register_entity(
    tx: Tx, *, entity_type: str, entity_id: str, title: str, domain: str | None = None, key: str | None = None
) -> Receipt[EntityRegistered]:
    """Enter a thing under research. Refuses: NameInvalid, EntityTypeInvalid, EntityExists, KeyReused."""
    return perform_one(tx, Request(RegisterEntity(entity_type, entity_id, title, domain), tx.actor, key))
