"""How a door finds out who asks."""

from __future__ import annotations

from scidex.access.model import KeyRefused, Principal, Unauthenticated
from scidex.actors import ReservedName
from scidex.core.names import check_name
from scidex.economy import Economy
from scidex.policy import HOUSE


def authenticate(economy: Economy, *, authorization: str | None, actor: str | None) -> Principal:
    """Who asks, from the header Authorization and the actor that the request names; both may be left out.

    Without keys (SCIDEX_AUTH=loopback) the name is believed. Refuses: Unauthenticated, KeyRefused, NameInvalid,
    ReservedName.
    """
    if authorization is not None:
        raise KeyRefused(problem="there are no keys yet")
    if economy.settings.auth == "keys":
        raise Unauthenticated()
    name = check_name(economy.settings.actor if actor is None else actor, "actor")
    if name == HOUSE:
        raise ReservedName(name=name)
    return Principal(name)
