"""What a caller can do with keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from scidex.actors import ACTORS, RoleNeeded, find_actors_named
from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, Look, State, Table, Touch, declare
from scidex.keys import rules
from scidex.keys.model import KEYS, IssueKey, Key, KeyIssued, KeyRevoked, KeyRotated, RevokeKey, RotateKey
from scidex.keys.store import keys_of

SECRET_BYTES = 32
PREFIX = "scidex"


class Issued(NamedTuple):
    """A receipt and the key as it is to be sent: shown here and nowhere again, None where the command is a repeat."""

    receipt: Receipt[Any]
    secret: str | None


def _own(command: RotateKey | RevokeKey, actor: str, state: State) -> tuple[Any, ...]:
    key = state.get(KEYS, command.key)
    return (Look(actor),) if key is None else (Look(actor), Look(key.actor))


_NAMED: dict[Table[Any, Any], Touch] = {KEYS: lambda command, actor, state: (command.key,), ACTORS: _own}
ISSUE = declare(
    Kind(
        "key.issue",
        IssueKey,
        KeyIssued,
        rules.issue,
        {
            KEYS: lambda command, actor, state: (),
            ACTORS: lambda command, actor, state: (Look(actor), Look(command.actor)),
        },
        gathered=("digest", "within"),
    )
)
ROTATE = declare(Kind("key.rotate", RotateKey, KeyRotated, rules.rotate, _NAMED, gathered=("digest", "within")))
REVOKE = declare(Kind("key.revoke", RevokeKey, KeyRevoked, rules.revoke, _NAMED))


def issue_key(
    tx: Tx,
    *,
    scopes: Collection[str],
    actor: str | None = None,
    label: str = "",
    seconds: int | None = None,
    per_minute: int | None = None,
    within: Collection[str] | None = None,
    key: str | None = None,
) -> Issued:
    """Make a key of an actor, by default of who asks; `within` is what the key that asks is confined to.

    Refuses: UnknownActor, NotYourKeys, ScopesNeeded, UnknownScope, ScopesWider, NameInvalid, KeyLifeInvalid,
    RateInvalid, RateAboveDefault, KeyReused.
    """
    secret, digest = _draw()
    command = IssueKey(
        actor or tx.actor, tuple(sorted(scopes)), label, seconds, per_minute, digest, _confined_to(within)
    )
    return _issued(perform_one(tx, Request(command, tx.actor, key)), secret)


def rotate_key(
    tx: Tx,
    name: str,
    *,
    overlap_s: int = 0,
    seconds: int | None = None,
    within: Collection[str] | None = None,
    key: str | None = None,
) -> Issued:
    """Give a key a new secret and a new life; the secret before stays valid for the overlap.

    Refuses: UnknownKey, UnknownActor, NotYourKeys, KeyEnded, ScopesWider, KeyLifeInvalid, OverlapInvalid, KeyReused.
    """
    secret, digest = _draw()
    command = RotateKey(name, overlap_s, seconds, digest, _confined_to(within))
    return _issued(perform_one(tx, Request(command, tx.actor, key)), secret)


def revoke_key(tx: Tx, name: str, *, key: str | None = None) -> Receipt[KeyRevoked]:
    """End a key for good. Refuses: UnknownKey, UnknownActor, NotYourKeys, KeyEnded, KeyReused."""
    return perform_one(tx, Request(RevokeKey(name), tx.actor, key))


def list_keys(
    tx: Tx, *, actor: str | None = None, after: int = 0, limit: int = 100
) -> list[tuple[Key, datetime | None]]:
    """A page of keys by number, each with when it was last used: of who asks, or, for operators, of anybody and of all.

    Refuses: RoleNeeded.
    """
    if actor != tx.actor:
        asker = find_actors_named(tx, [tx.actor])
        if not asker or "operator" not in asker[0].roles:
            raise RoleNeeded(actor=tx.actor, role="operator")
    return keys_of(tx, actor, after=after, limit=limit)


def digest_of(secret: str) -> str:
    """What is kept of a secret: SHA-256 in hex. A secret of 256 random bits needs no slow hash and no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _draw() -> tuple[str, str]:
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return secret, digest_of(secret)


def _confined_to(within: Collection[str] | None) -> tuple[str, ...] | None:
    return None if within is None else tuple(sorted(within))


def _issued(receipt: Receipt[Any], secret: str) -> Issued:
    return Issued(receipt, None if receipt.repeated else f"{PREFIX}_{receipt.result.key}_{secret}")
