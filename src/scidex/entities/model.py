"""What is researched: hypotheses, gaps, analyses and every other artifact, each known by type and id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Invalid, Missing, Refused
from scidex.core.machine import Table


class EntityKey(NamedTuple):
    """An artifact is an entity that a market, a bounty or a budget is about."""

    entity_type: str
    entity_id: str

    def __str__(self) -> str:
        return f"{self.entity_type} {self.entity_id}"


class Entity(NamedTuple):
    """One thing under research, who proposed it, and its field of science where somebody said it."""

    entity_type: str
    entity_id: str
    title: str
    proposer: str
    registered_at: datetime
    domain: str | None = None

    @property
    def key(self) -> EntityKey:
        """Type and id."""
        return EntityKey(self.entity_type, self.entity_id)


ENTITIES: Table[EntityKey, Entity] = Table("entity", rank=84)


@dataclass(frozen=True, slots=True)
class RegisterEntity:
    """Enter a thing under research."""

    entity_type: str
    entity_id: str
    title: str
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class EntityRegistered:
    """What was entered."""

    entity_type: str
    entity_id: str


class EntityTypeInvalid(Invalid):
    """The type {entity_type!r} holds a colon, which parts type and id in the names of accounts; leave it out."""


class UnknownEntity(Missing):
    """There is no {entity_type} {entity_id!r}; register it first (`scidex entities register`)."""


class EntityAmbiguous(Invalid):
    """{entity_id!r} is the id of several artifacts, of the types {types}; say which with artifact_type."""


class EntityExists(Refused):
    """{entity_type} {entity_id!r} is registered already, by {proposer}; use it, or choose another id."""
