"""Who acts, and in which roles."""

from scidex.actors.actions import register_actor
from scidex.actors.model import (
    ACTORS,
    Actor,
    ActorRegistered,
    OperatorStays,
    OwnerCircle,
    RegisterActor,
    ReservedName,
    RoleNeeded,
    UnknownActor,
    UnknownRole,
    UnknownSort,
)
from scidex.actors.rules import require_actor, require_role
from scidex.actors.store import find_actors, find_actors_named

__all__ = [
    "ACTORS",
    "Actor",
    "ActorRegistered",
    "OperatorStays",
    "OwnerCircle",
    "RegisterActor",
    "ReservedName",
    "RoleNeeded",
    "UnknownActor",
    "UnknownRole",
    "UnknownSort",
    "find_actors",
    "find_actors_named",
    "register_actor",
    "require_actor",
    "require_role",
]
