"""Who may register whom, and who may do what."""

from __future__ import annotations

from scidex.actors.model import (
    ACTORS,
    ROLES,
    SORTS,
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
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.policy import HOUSE, Context


def register(state: State, command: RegisterActor, context: Context) -> ActorRegistered:
    """Anyone may enter an agent without roles, also as their own; roles, and changes, are an operator's to give.

    Refuses: NameInvalid, ReservedName, UnknownSort, UnknownRole, RoleNeeded, UnknownActor, OwnerCircle, OperatorStays.
    """
    name = check_name(command.name, "actor")
    if name == HOUSE:
        raise ReservedName(name=name)
    if command.sort not in SORTS:
        raise UnknownSort(sort=command.sort, known=", ".join(SORTS))
    for role in command.roles:
        if role not in ROLES:
            raise UnknownRole(role=role, known=", ".join(ROLES))
    before = state.get(ACTORS, name)
    roles = tuple(sorted(set(command.roles)))
    owner, family = _belongs_to(state, command, context, before)
    actor = Actor(name, command.sort, roles, before.registered_at if before else context.now, owner, family)
    others = owner is not None and before is None and command.owner != context.actor
    if roles or others or (before is not None and before != actor):
        require_role(state, context, "operator")
    if before is not None and name == context.actor and "operator" in before.roles and "operator" not in roles:
        raise OperatorStays(actor=name)
    state.put(ACTORS, name, actor)
    return ActorRegistered(name, command.sort, roles)


def _belongs_to(
    state: State, command: RegisterActor, context: Context, before: Actor | None
) -> tuple[str | None, str | None]:
    """Owner and model family after this command; the owner of an owner is the owner."""
    owner = before.owner if before else None
    if command.owner == command.name:
        owner = None
    elif command.owner is not None:
        found = require_actor(state, command.owner)
        owner = found.owner or found.name
        if owner == command.name:
            raise OwnerCircle(owner=command.owner, actor=command.name)
    if command.family is None:
        return owner, before.family if before else None
    return owner, check_name(command.family, "family")


def require_role(state: State, context: Context, role: str) -> None:
    """Pass if the actor has this role, is an operator, or is the house itself.

    The command must touch the row of its actor. Refuses: UnknownActor, RoleNeeded.
    """
    if context.actor == HOUSE:
        return
    actor = require_actor(state, context.actor)
    if role not in actor.roles and "operator" not in actor.roles:
        raise RoleNeeded(actor=context.actor, role=role)


def require_actor(state: State, name: str) -> Actor:
    """The actor of that name. Refuses: UnknownActor."""
    actor = state.get(ACTORS, name)
    if actor is None:
        raise UnknownActor(actor=name)
    return actor
