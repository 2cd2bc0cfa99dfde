"""What a caller can do with actors."""

from __future__ import annotations

from collections.abc import Sequence

from scidex.actors.model import ACTORS, ActorRegistered, RegisterActor
from scidex.actors.rules import register
from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, Look, declare

REGISTER = declare(
    Kind(
        "actor.register",
        RegisterActor,
        ActorRegistered,
        register,
        {ACTORS: lambda command, actor, state: (command.name, Look(actor))},
    )
)


def register_actor(
    tx: Tx, *, name: str, sort: str = "agent", roles: Sequence[str] = (), key: str | None = None
) -> Receipt[ActorRegistered]:
    """Enter an actor, or change the roles of one.

    Refuses: NameInvalid, ReservedName, UnknownSort, UnknownRole, RoleNeeded, UnknownActor, OperatorStays,
    KeyReused.
    """
    return perform_one(tx, Request(RegisterActor(name, sort, tuple(roles)), tx.actor, key))
