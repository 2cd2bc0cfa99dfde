"""The SQL of entities."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities.model import ENTITIES, Entity, EntityAmbiguous, EntityKey, UnknownEntity

_ENTITY = "entity_type, entity_id, title, proposer, registered_at, domain"


def load_entities(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, Entity]]:
    """Entities by key. They are never changed or removed, so to have read one is as good as to have locked it."""
    rows = tx.each(
        f"SELECT {_ENTITY}"
        " FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN entity USING (entity_type, entity_id)",
        columns(keys),
    )
    return ((entity.key, entity) for entity in map(Entity._make, rows))


def insert_entities(tx: Tx, rows: Mapping[EntityKey, Entity]) -> None:
    """New entities."""
    tx.execute(
        f"INSERT INTO entity ({_ENTITY})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])",
        columns(rows.values()),
    )


def scan_entities(tx: Tx) -> Iterator[tuple[EntityKey, Entity]]:
    """Every entity."""
    for row in tx.execute(f"SELECT {_ENTITY} FROM entity"):
        entity = Entity._make(row)
        yield entity.key, entity


def find_known(tx: Tx, keys: Collection[EntityKey]) -> set[EntityKey]:
    """Those of these entities that there are."""
    return {key for key, _ in load_entities(tx, keys)} if keys else set()


def find_entity(tx: Tx, *, entity_id: str, entity_type: str | None = None) -> Entity:
    """The entity of that id, of that type if given. Refuses: UnknownEntity, EntityAmbiguous."""
    rows = tx.execute(
        f"SELECT {_ENTITY} FROM entity"
        " WHERE entity_id = %s AND (%s::text IS NULL OR entity_type = %s) ORDER BY entity_type LIMIT 10",
        [entity_id, entity_type, entity_type],
    ).fetchall()
    if not rows:
        raise UnknownEntity(entity_type=entity_type or "artifact", entity_id=entity_id)
    if len(rows) > 1:
        raise EntityAmbiguous(entity_id=entity_id, types=", ".join(row[0] for row in rows))
    return Entity._make(rows[0])


def find_entities(
    tx: Tx, *, entity_type: str | None = None, after: EntityKey = EntityKey("", ""), limit: int = 100
) -> list[Entity]:
    """A page of entities by type and id."""
    rows = tx.execute(
        f"SELECT {_ENTITY} FROM entity"
        " WHERE (entity_type, entity_id) > (%s, %s) AND (%s::text IS NULL OR entity_type = %s)"
        " ORDER BY entity_type, entity_id LIMIT %s",
        [*after, entity_type, entity_type, limit],
    )
    return [Entity._make(row) for row in rows]


bind(ENTITIES, load=load_entities, insert=insert_entities, scan=scan_entities)
