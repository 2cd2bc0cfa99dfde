"""Who acts: agents, people and services, and the roles in which they may do more than trade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from scidex.core.errors import Forbidden, Invalid, Missing, Refused
from scidex.core.machine import Table

Sort = Literal["agent", "person", "service"]
Role = Literal["operator", "issuer", "resolver", "reviewer", "auditor"]
SORTS: tuple[str, ...] = get_args(Sort)
ROLES: tuple[str, ...] = get_args(Role)


class Actor(NamedTuple):
    """Someone who acts. `operator` includes every other role.

    `owner` is the actor to whom it belongs, None where it is its own; `family` is the model family of an agent.
    """

    name: str
    sort: str
    roles: tuple[str, ...]
    registered_at: datetime
    owner: str | None = None
    family: str | None = None


ACTORS: Table[str, Actor] = Table("actor", rank=95)


@dataclass(frozen=True, slots=True)
class RegisterActor:
    """Enter an actor, or give one that is there these roles instead of those it has.

    An owner or family that is left out stays as it was; its own name as owner makes an actor its own again.
    """

    name: str
    sort: str = "agent"
    roles: tuple[str, ...] = ()
    owner: str | None = None
    family: str | None = None


@dataclass(frozen=True, slots=True)
class ActorRegistered:
    """Who is registered now, in which roles."""

    name: str
    sort: str
    roles: tuple[str, ...]


class UnknownActor(Missing):
    """There is no actor {actor!r}; register it first (`scidex actors register`)."""


class UnknownRole(Invalid):
    """There is no role {role!r}; use one of {known}."""


class UnknownSort(Invalid):
    """There is no sort of actor {sort!r}; use one of {known}."""


class ReservedName(Forbidden):
    """The name {name!r} is the house's own; choose another."""


class OperatorStays(Refused):
    """{actor} cannot give up its own role operator, or nobody may be left to give it back; let another operator take
    it."""


class OwnerCircle(Refused):
    """{actor} owns {owner} and cannot belong to it; make {owner} its own first."""


class RoleNeeded(Forbidden):
    """{actor} may not do this; it needs the role {role}, which an operator gives."""
