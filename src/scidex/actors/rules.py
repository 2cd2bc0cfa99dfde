"""Who may register whom, and who may do what."""

from __future__ import annotations

from scidex.actors.model import (
    ACTORS,
    ROLES,
    SORTS,
    Actor,
    ActorRegistered,
    OperatorStays,
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
    """Anyone may enter an agent without roles; roles, and changes, are an operator's to give.

    Refuses: NameInvalid, ReservedName, UnknownSort, UnknownRole, RoleNeeded, UnknownActor, OperatorStays.
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
    if roles or (before is not None and (before.sort, before.roles) != (command.sort, roles)):
        require_role(state, context, "operator")
    if before is not None and name == context.actor and "operator" in before.roles and "operator" not in roles:
        raise OperatorStays(actor=name)
    registered_at = before.registered_at if before else context.now
    state.put(ACTORS, name, Actor(name, command.sort, roles, registered_at))
    return ActorRegistered(name, command.sort, roles)


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
