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
    """Someone who acts. `operator` includes every other role."""

    name: str
    sort: str
    roles: tuple[str, ...]
    registered_at: datetime


ACTORS: Table[str, Actor] = Table("actor", rank=95)


@dataclass(frozen=True, slots=True)
class RegisterActor:
    """Enter an actor, or give one that is there these roles instead of those it has."""

    name: str
    sort: str = "agent"
    roles: tuple[str, ...] = ()


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


class RoleNeeded(Forbidden):
    """{actor} may not do this; it needs the role {role}, which an operator gives."""
