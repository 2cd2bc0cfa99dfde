"""Keys: what programs prove with who they are, and what each may be used for.

    issued -> its secret shown once, only a hash kept
           -> rotated: a new secret, the old one valid for a stated overlap
           -> expired, or revoked

A key is written `scidex_<id>_<secret>`; the id is no secret and stands in the journal and in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Forbidden, Invalid, Missing, Refused
from scidex.core.machine import Table

SCOPES = {
    "read": "look at everything that is open to look at",
    "trade": "quotes, orders, the liquidity of one's markets, plans for it",
    "work": "claim work, register entities, record outputs, learn, submit to bounties, propose",
    "spend": "reserve and settle resources, report usage",
    "fund": "put one's own value somewhere: transfers, holds, bounties, markets",
    "review": "judge: ballots, signals, verifications, awards, settlements, audits of knowledge",
    "operate": "what operators, issuers and resolvers do",
    "keys": "register actors; issue, rotate and revoke keys of one's own",
}
"""What a key may be confined to, a word per family of verbs. The rules ask for roles all the same."""
PRESETS = {
    "agent": ("read", "trade", "work", "spend", "fund"),
    "reviewer": ("read", "review"),
    "funder": ("read", "fund"),
    "auditor": ("read",),
    "issuer": ("read", "operate"),
    "resolver": ("read", "review"),
    "operator": tuple(SCOPES),
}
"""Scopes that go together, by who asks for such a key."""


class Key(NamedTuple):
    """A key. `digest` is the SHA-256 of its secret in hex, `earlier` that of the secret before the last rotation."""

    key: str
    actor: str
    scopes: tuple[str, ...]
    label: str
    per_minute: int
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    digest: str
    rotated_at: datetime | None = None
    earlier: str | None = None
    earlier_until: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None


KEYS: Table[str, Key] = Table("access_key", rank=87)


@dataclass(frozen=True, slots=True)
class IssueKey:
    """Make a key of an actor. `digest` is of the secret that the action drew, which is nowhere in the journal.

    `within` is what the asker's own key is confined to, None where none was used.
    """

    actor: str
    scopes: tuple[str, ...]
    label: str = ""
    seconds: int | None = None
    per_minute: int | None = None
    digest: str = ""
    within: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Give a key a new secret and a new life; the secret before stays valid for `overlap_s` seconds."""

    key: str
    overlap_s: int = 0
    seconds: int | None = None
    digest: str = ""
    within: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """End a key for good, from now on."""

    key: str


@dataclass(frozen=True, slots=True)
class KeyIssued:
    """The key without its secret: id, whose it is, what for, how long."""

    key: str
    actor: str
    scopes: tuple[str, ...]
    per_minute: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRotated:
    """How long the new secret is valid, and how long the one before it, if it still is."""

    key: str
    actor: str
    expires_at: datetime
    earlier_until: datetime | None


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """Which key is ended."""

    key: str
    actor: str


class UnknownKey(Missing):
    """There is no key {key!r}; `scidex keys list` shows those that there are."""


class UnknownScope(Invalid):
    """There is no scope {scope!r}; use some of {known}."""


class ScopesNeeded(Invalid):
    """A key needs at least one scope; name some of {known}, or say for whom it is."""


class KeyLifeInvalid(Invalid):
    """A key lives {least} to {longest} seconds and {given} were asked for; ask for a life within that."""


class OverlapInvalid(Invalid):
    """The secret before stays valid for 0 to {longest} seconds and {given} were asked for; ask for less."""


class RateInvalid(Invalid):
    """A key may ask 1 to {most} times a minute and {given} were asked for; ask for a rate within that."""


class RateAboveDefault(Forbidden):
    """{actor} may give a key at most {most} requests a minute; ask for less, or let an operator issue it."""


class NotYourKeys(Forbidden):
    """{actor} may not handle keys of {of}; {of} itself may, an operator, or its owner who has all of its roles."""


class ScopesWider(Forbidden):
    """The key that asks has no scope {scope}, so a key that it makes cannot have it; ask with a wider key."""


class KeyEnded(Refused):
    """The key {key} was {ended}; issue a new one."""
