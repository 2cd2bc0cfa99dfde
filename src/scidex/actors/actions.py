"""What a caller can do with actors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scidex.actors.model import ACTORS, ActorRegistered, RegisterActor
from scidex.actors.rules import register
from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, Look, State, declare


def _actors(command: RegisterActor, actor: str, state: State) -> tuple[Any, ...]:
    owner = () if command.owner is None else (Look(command.owner),)
    return (command.name, Look(actor), *owner)


REGISTER = declare(
    Kind(
        "actor.register",
        RegisterActor,
        ActorRegistered,
        register,
        {ACTORS: _actors},
    )
)


def register_actor(
    tx: Tx,
    *,
    name: str,
    sort: str = "agent",
    roles: Sequence[str] = (),
    owner: str | None = None,
    family: str | None = None,
    key: str | None = None,
) -> Receipt[ActorRegistered]:
    """Enter an actor, or change the roles, the owner or the model family of one.

    Refuses: NameInvalid, ReservedName, UnknownSort, UnknownRole, RoleNeeded, UnknownActor, OwnerCircle,
    OperatorStays, KeyReused.
    """
    return perform_one(tx, Request(RegisterActor(name, sort, tuple(roles), owner, family), tx.actor, key))
