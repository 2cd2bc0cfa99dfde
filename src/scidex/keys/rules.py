"""Who may handle whose keys, and what a key may be."""

from __future__ import annotations

from datetime import timedelta

from scidex.actors import ACTORS, Actor, require_actor
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.keys.model import (
    KEYS,
    SCOPES,
    IssueKey,
    Key,
    KeyEnded,
    KeyIssued,
    KeyLifeInvalid,
    KeyRevoked,
    KeyRotated,
    NotYourKeys,
    OverlapInvalid,
    RateAboveDefault,
    RateInvalid,
    RevokeKey,
    RotateKey,
    ScopesNeeded,
    ScopesWider,
    UnknownKey,
    UnknownScope,
)
from scidex.policy import HOUSE, Context

LABEL_MAX = 100
RATE_MAX = 10_000_000


def issue(state: State, command: IssueKey, context: Context) -> KeyIssued:
    """An actor makes keys of its own; its owner and operators do too. No key makes one that may do more than itself.

    Refuses: UnknownActor, NotYourKeys, ScopesNeeded, UnknownScope, ScopesWider, NameInvalid, KeyLifeInvalid,
    RateInvalid, RateAboveDefault.
    """
    of = require_actor(state, command.actor)
    require_handler(state, of, context)
    scopes = _scopes(command.scopes, command.within)
    if command.label:
        check_name(command.label, "label", longest=LABEL_MAX)
    life = _life(command.seconds, context)
    rate = _rate(state, command.per_minute, context)
    name = f"k{context.number}"
    until = context.now + life
    state.put(
        KEYS,
        name,
        Key(name, of.name, scopes, command.label, rate, context.actor, context.now, until, command.digest),
    )
    return KeyIssued(name, of.name, scopes, rate, until)


def rotate(state: State, command: RotateKey, context: Context) -> KeyRotated:
    """A new secret for a key that is in use; the one before ends after the overlap, and no later than it would have.

    Refuses: UnknownKey, UnknownActor, NotYourKeys, KeyEnded, ScopesWider, KeyLifeInvalid, OverlapInvalid.
    """
    key = _require_key(state, command.key)
    require_handler(state, require_actor(state, key.actor), context)
    if key.revoked_at is not None:
        raise KeyEnded(key=key.key, ended="revoked")
    if key.expires_at <= context.now:
        raise KeyEnded(key=key.key, ended="over when its time was")
    _within(key.scopes, command.within)
    life = _life(command.seconds, context)
    longest = context.policy.key_overlap_longest_s
    if not 0 <= command.overlap_s <= longest:
        raise OverlapInvalid(given=command.overlap_s, longest=longest)
    until = min(context.now + timedelta(seconds=command.overlap_s), key.expires_at) if command.overlap_s else None
    renewed = key._replace(
        digest=command.digest,
        expires_at=context.now + life,
        rotated_at=context.now,
        earlier=None if until is None else key.digest,
        earlier_until=until,
    )
    state.put(KEYS, key.key, renewed)
    return KeyRotated(key.key, key.actor, renewed.expires_at, until)


def revoke(state: State, command: RevokeKey, context: Context) -> KeyRevoked:
    """End a key, which stays ended. Refuses: UnknownKey, UnknownActor, NotYourKeys, KeyEnded."""
    key = _require_key(state, command.key)
    require_handler(state, require_actor(state, key.actor), context)
    if key.revoked_at is not None:
        raise KeyEnded(key=key.key, ended="revoked")
    state.put(KEYS, key.key, key._replace(revoked_at=context.now, revoked_by=context.actor))
    return KeyRevoked(key.key, key.actor)


def require_handler(state: State, of: Actor, context: Context) -> None:
    """Pass if the asker may handle this actor's keys. An owner must have every role of it, or owning would give it.

    Refuses: UnknownActor, NotYourKeys.
    """
    if context.actor in (of.name, HOUSE):
        return
    asker = require_actor(state, context.actor)
    owns = of.owner == asker.name and set(of.roles) <= set(asker.roles)
    if not owns and "operator" not in asker.roles:
        raise NotYourKeys(actor=context.actor, of=of.name)


def _require_key(state: State, name: str) -> Key:
    key = state.get(KEYS, name)
    if key is None:
        raise UnknownKey(key=name)
    return key


def _scopes(given: tuple[str, ...], within: tuple[str, ...] | None) -> tuple[str, ...]:
    known = ", ".join(SCOPES)
    if not given:
        raise ScopesNeeded(known=known)
    for scope in given:
        if scope not in SCOPES:
            raise UnknownScope(scope=scope, known=known)
    _within(given, within)
    return tuple(scope for scope in SCOPES if scope in given)


def _within(scopes: tuple[str, ...], within: tuple[str, ...] | None) -> None:
    for scope in scopes:
        if within is not None and scope not in within:
            raise ScopesWider(scope=scope)


def _life(seconds: int | None, context: Context) -> timedelta:
    longest = context.policy.key_life_longest_s
    given = min(context.policy.key_life_s, longest) if seconds is None else seconds
    if not 1 <= given <= longest:
        raise KeyLifeInvalid(given=given, least=1, longest=longest)
    return timedelta(seconds=given)


def _rate(state: State, given: int | None, context: Context) -> int:
    most = context.policy.key_requests_per_minute
    if given is None:
        return most
    if not 1 <= given <= RATE_MAX:
        raise RateInvalid(given=given, most=RATE_MAX)
    asker = state.get(ACTORS, context.actor)
    if given > most and context.actor != HOUSE and (asker is None or "operator" not in asker.roles):
        raise RateAboveDefault(actor=context.actor, most=most)
    return given
